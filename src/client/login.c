/* SPDX-License-Identifier: ISC */
/* login.c: running OPAQUE over the control calls. */
#include "client/login.h"

#include "base/now.h"
#include "client/circlepin.h"
#include "wire/limits.h"

#include <string.h>

void
login_free(struct login *l)
{
	opaque_keys_free(&l->keys);
	mem_wipe(l->ke3, sizeof l->ke3);
}

int
login_server(
    struct remote *r, json_t **server, uint16_t *mature_hours, struct err *e)
{
	uint64_t time_ms, hours = LIMIT_MATURE_HOURS;

	if (control_call_bare(r, "GET", "/v1/server", NULL, server, e) < 0 ||
	    jsonio_u64(*server, "time_ms", &time_ms, e) < 0)
		return -1;
	int64_t skew = now_ms() - (int64_t)time_ms;
	if (skew > LIMIT_CLOCK_SKEW_MS || skew < -LIMIT_CLOCK_SKEW_MS)
		return err_set(e, ERR_CLOCK_WRONG,
		    "the clocks of this machine and of the server are %lld "
		    "minutes apart",
		    (long long)(skew / 60000));
	if (json_object_get(*server, "mature_hours") != NULL &&
	    jsonio_u64(*server, "mature_hours", &hours, e) < 0)
		return -1;
	*mature_hours = hours > UINT16_MAX ? UINT16_MAX : (uint16_t)hours;
	return 0;
}

int
login_ksf(const json_t *answer, struct opaque_ksf *out, struct err *e)
{
	const json_t *ksf = json_object_get(answer, "ksf");
	uint64_t memory, passes;

	if (jsonio_u64(ksf, "memory_kib", &memory, e) < 0 ||
	    jsonio_u64(ksf, "passes", &passes, e) < 0)
		return -1;
	out->memory_kib = memory > UINT32_MAX ? UINT32_MAX : (uint32_t)memory;
	out->passes = passes > UINT32_MAX ? UINT32_MAX : (uint32_t)passes;
	return 0;
}

int
login_start(struct remote *r, const char *name, struct bytes password,
    struct login *out, struct err *e)
{
	OWN(opaque_free) struct opaque *o = opaque_new(password);
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf ke2 = { 0 };
	struct opaque_ksf ksf;
	uint8_t ke1[OPAQUE_KE1];

	opaque_login(o, ke1);
	if (name != NULL)
		jsonio_put_text(ask, "name", name);
	if (out->known != NULL)
		jsonio_put_text(ask, "known", out->known);
	jsonio_put_bytes(ask, "ke1", bytes_of(ke1, sizeof ke1));
	int rc = name != NULL
	    ? control_call_bare(r, "POST", "/v1/signin/start", ask, &answer, e)
	    : control_call(r, "POST", "/v1/step-up/start", ask, &answer, e);
	if (rc < 0 || login_ksf(answer, &ksf, e) < 0 ||
	    jsonio_id(answer, "login", &out->id, e) < 0 ||
	    jsonio_bytes(answer, "ke2", OPAQUE_KE2, &ke2, e) < 0)
		return -1;
	return opaque_login_finish(o, &ksf, ke2.p, out->ke3, &out->keys, e);
}

int
login_record(struct opaque *o, const json_t *answer, const struct circle *c,
    json_t *out, struct secret **export_key, struct err *e)
{
	OWN(buf_free) struct buf response = { 0 };
	struct opaque_ksf ksf;
	uint8_t record[OPAQUE_RECORD];
	struct digest birth;

	if (login_ksf(answer, &ksf, e) < 0 ||
	    jsonio_bytes(answer, "response", OPAQUE_RESPONSE, &response, e) <
		0 ||
	    opaque_register_finish(o, &ksf, response.p, record, export_key, e) <
		0)
		return -1;
	circlepin_birth(*export_key, c, &birth);
	jsonio_put_bytes(out, "record", bytes_of(record, sizeof record));
	jsonio_put_bytes(out, "birth_pin", bytes_of(birth.b, DIGEST_BYTES));
	return 0;
}

/* *half: the ways to show a factor, when one is needed. */
static int
prove_password(struct remote *r, struct bytes password, struct login *out,
    json_t **half, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();

	if (login_start(r, NULL, password, out, e) < 0)
		return -1;
	jsonio_put_id(ask, "login", &out->id);
	jsonio_put_bytes(ask, "ke3", bytes_of(out->ke3, sizeof out->ke3));
	return control_call(r, "POST", "/v1/step-up/finish", ask, half, e);
}

int
login_password(
    struct remote *r, struct bytes password, struct login *out, struct err *e)
{
	OWN(jsonio_free) json_t *half = NULL;

	return prove_password(r, password, out, &half, e);
}

int
login_step_up(struct remote *r, struct bytes password, const struct prove *p,
    struct login *out, struct err *e)
{
	OWN(jsonio_free) json_t *half = NULL;
	OWN(jsonio_free) json_t *answer = NULL;

	if (prove_password(r, password, out, &half, e) < 0)
		return -1;
	return json_object_get(half, "methods") == NULL
	    ? prove_stripped(half, p, e)
	    : prove_factor(r, half, p, &answer, e);
}

void
login_mac(const struct login *l, const char *label, struct bytes message,
    struct digest *out)
{
	OWN(secret_free)
	struct secret *key =
	    secret_derive(l->keys.session_key, label, bytes_str(""));

	mac_once(secret_bytes(key), message, out);
}
