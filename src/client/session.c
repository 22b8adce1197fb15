/* SPDX-License-Identifier: ISC */
/* session.c: the proof that opens a session. */
#include "client/session.h"

#include "base/now.h"

static void
proof(const struct session_who *w, const struct digest *tls_key,
    struct bytes nonce, const struct id *device_nonce, uint64_t time_ms,
    uint8_t sig[static SIG_BYTES])
{
	OWN(buf_free) struct buf m = { 0 };

	buf_put_v8(&m, bytes_str(w->host));
	id_put(&m, &w->uid);
	id_put(&m, &w->dev_id);
	buf_put_bytes(&m, nonce);
	id_put(&m, device_nonce);
	buf_put_u64(&m, time_ms);
	digest_put(&m, tls_key);
	devkey_sign(w->key, SIG_SESSION, buf_bytes(&m), sig);
}

/* Ask for a challenge, and add the proof that answers it. */
static int
put_proof(
    struct remote *r, const struct session_who *w, json_t *ask, struct err *e)
{
	OWN(jsonio_free) json_t *challenge = NULL;
	OWN(buf_free) struct buf nonce = { 0 };
	uint8_t sig[SIG_BYTES];
	struct id device_nonce;
	uint64_t now = (uint64_t)now_ms();

	jsonio_put_id(ask, "uid", &w->uid);
	jsonio_put_id(ask, "dev_id", &w->dev_id);
	if (control_call_bare(
		r, "POST", "/v1/session/challenge", ask, &challenge, e) < 0 ||
	    jsonio_bytes(challenge, "nonce", 32, &nonce, e) < 0)
		return -1;
	id_random(&device_nonce);
	proof(w, remote_pin(r), buf_bytes(&nonce), &device_nonce, now, sig);
	jsonio_put_bytes(ask, "nonce", buf_bytes(&nonce));
	jsonio_put_bytes(
	    ask, "device_nonce", bytes_of(device_nonce.b, ID_BYTES));
	jsonio_put_u64(ask, "time_ms", now);
	jsonio_put_bytes(ask, "sig", bytes_of(sig, sizeof sig));
	if (w->join != NULL)
		jsonio_put_text(ask, "join", w->join);
	return 0;
}

/* What needs no session cannot have ended one: who says so may only want that
 * the device is forgotten. */
static int
not_expired(struct err *e)
{
	return e->code == ERR_SESSION_EXPIRED
	    ? err_set(e, ERR_BAD_REQUEST,
		  "the server says that a session ended which was not begun")
	    : -1;
}

int
session_open(struct remote *r, const struct session_who *w, json_t **answer,
    struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();

	return put_proof(r, w, ask, e) < 0 ||
		control_call_bare(r, "POST", "/v1/session", ask, answer, e) < 0
	    ? not_expired(e)
	    : 0;
}

int
session_left(struct remote *r, const struct session_who *w, uint32_t since,
    struct buf *entries, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_u64(ask, "since", since);
	return put_proof(r, w, ask, e) < 0 ||
		control_call_bare(
		    r, "POST", "/v1/session/left", ask, &answer, e) < 0
	    ? not_expired(e)
	    : jsonio_list(answer, "entries", LIMIT_CIRCLE_ENTRIES, entries, e);
}

void
session_end(struct remote *r)
{
	struct err ignored;

	if (control_call(r, "DELETE", "/v1/session", NULL, NULL, &ignored) < 0)
		return;
}
