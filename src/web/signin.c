/* SPDX-License-Identifier: ISC */
/* signin.c: coming in: sign-up, sign-in by a device or by another factor. */
#include "web/core.h"

#include "client/self_signup.h"
#include "join/keyjoin.h"
#include "join/relay.h"
#include "join/visit.h"

#include <stdlib.h>
#include <string.h>

/* ---- who is here ---- */

int
core_server(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(remote_free) struct remote *r = NULL;
	OWN(jsonio_free) json_t *server = NULL;
	OWN(buf_free) struct buf key = { 0 };
	struct err none;
	uint16_t mature;

	(void)c;
	(void)in;
	if (remote_new(CORE_URL, &r, e) < 0 ||
	    login_server(r, &server, &mature, e) < 0)
		return -1;
	core_put_all(out, server);
	if (jsonio_bytes(server, "escrow", SIG_PK_BYTES, &key, &none) == 0)
		core_put_fingerprint(out, buf_bytes(&key));
	return 0;
}

static void
put_text(json_t *out, const char *key, struct bytes x)
{
	(void)json_object_set_new(
	    out, key, json_stringn((const char *)x.p, x.n));
}

/* Without the network. */
int
core_state(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf host = { 0 };
	struct core_kept k;

	(void)c;
	(void)in;
	if (home_has_key(CORE_HOME)) {
		if (local_get(NULL, "name", &name, e) < 0 ||
		    local_get(NULL, "host", &host, e) < 0)
			return -1;
		jsonio_put_text(out, "who", "device");
		put_text(out, "name", buf_bytes(&name));
		put_text(out, "host", buf_bytes(&host));
		return 0;
	}
	if (!core_kept_visit(&b, &k)) {
		jsonio_put_text(out, "who", "nobody");
		return 0;
	}
	jsonio_put_text(out, "who", "visitor");
	put_text(out, "name", k.name);
	put_text(out, "host", k.host);
	jsonio_put_u64(out, "until_ms", k.until_ms);
	return 0;
}

/* ---- sign-up ---- */

int
core_signup(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(buf_free) struct buf url = { 0 };
	const char *password = "", *invite = "";
	const char *seen = json_string_value(json_object_get(in, "escrow"));
	struct self_signup a = { .dir = CORE_HOME,
		.browser = true,
		.protection = PROTECTION_ADVANCED };

	/* The escrow that was shown is kept as if the address named it. */
	buf_put_str(&url, CORE_URL);
	if (seen != NULL) {
		buf_printf(&url, "#escrow=%s", seen);
		a.protection = PROTECTION_STANDARD;
	}
	a.url = buf_text(&url);

	if (jsonio_text(in, "name", &a.name, e) < 0 ||
	    jsonio_text(in, "password", &password, e) < 0 ||
	    jsonio_text(in, "invite", &invite, e) < 0 ||
	    jsonio_text(in, "device_name", &a.device_name, e) < 0)
		return -1;
	a.password = bytes_str(password);
	a.invite = invite[0] != '\0' ? invite : NULL;
	a.no_two_factor = jsonio_true(in, "no_two_factor");
	(void)c;
	(void)out;
	bool again;
	return self_signup_begin(&a, &again, e);
}

/* Only when the page has kept what the first step left. */
int
core_signup_end(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	return self_signup_end(CORE_HOME, e) < 0 ? -1
						 : core_state(c, in, out, e);
}

/* ---- sign-in ---- */

static void
end_request(struct core *c)
{
	pair_entry_free(&c->entry);
	newcomer_free(&c->newcomer);
	c->newcomer = (struct newcomer){ .key = NULL };
	c->asking = false;
	c->key = false;
	jsonio_free(&c->proved);
	free(c->token);
	c->token = NULL;
}

static void
cancel_request(struct core *c)
{
	if (c->entry != NULL)
		pair_entry_cancel(c->entry);
	else if (c->asking)
		relay_cancel(c->newcomer.remote, &c->newcomer.join);
	end_request(c);
}

int
core_cancel(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	(void)in;
	(void)out;
	(void)e;
	if (c->proved != NULL)
		keyjoin_end_visit(CORE_URL, c->proved);
	cancel_request(c);
	return 0;
}

static int
none_open(struct err *e)
{
	return err_set(e, ERR_CODE_EXPIRED, "no sign-in has been begun");
}

int
core_signin(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	const char *password = "", *device_name = "";
	struct newcomer_ask ask = { .url = CORE_URL, .browser = true };

	if (core_cancel(c, NULL, NULL, e) < 0 ||
	    jsonio_text(in, "name", &ask.name, e) < 0 ||
	    jsonio_text(in, "password", &password, e) < 0 ||
	    jsonio_text(in, "device_name", &device_name, e) < 0 ||
	    jsonio_text(in, "with", &ask.with, e) < 0)
		return -1;
	if (home_has_key(CORE_HOME))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in in this browser");
	free(c->device_name);
	c->device_name = mem_text(device_name);
	ask.device_name = c->device_name;
	ask.password = bytes_str(password);
	struct pair_join a = { .dir = CORE_HOME, .url = CORE_URL };
	if (pair_ask(&a, &ask, &c->newcomer, &answer, e) < 0) {
		end_request(c);
		return -1;
	}
	const char *token = "";
	if (jsonio_text(answer, "token", &token, e) < 0)
		return -1;
	c->token = mem_text(token);
	c->asking = true;
	core_put_all(out, answer);
	(void)json_object_del(out, "token");
	return 0;
}

static struct remote *
request_remote(struct core *c)
{
	return c->entry != NULL ? pair_entry_remote(c->entry)
	    : c->asking		? c->newcomer.remote
				: NULL;
}

/* A call by the request's token: factors/send, factors/key. */
int
core_join_call(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	struct remote *r = request_remote(c);
	const char *path = "";

	if (r == NULL)
		return none_open(e);
	if (jsonio_text(in, "path", &path, e) < 0 ||
	    control_call(
		r, "POST", path, json_object_get(in, "body"), &answer, e) < 0)
		return -1;
	core_put_all(out, answer);
	return 0;
}

static int
keep_visit(const json_t *answer, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };

	return visit_record(answer, NULL, &b, e) < 0
	    ? -1
	    : local_put(NULL, VISIT_KEY, buf_bytes(&b), e);
}

/* A server that forgot the account's keys gets no code. */
static int
check_stripped(struct core *c, const char *method, struct err *e)
{
	bool only = false;

	if (strcmp(method, "key") == 0 || c->entry != NULL)
		return 0;
	if (newcomer_keys_only(&c->newcomer, &only, e) < 0)
		return -1;
	return only ? err_set(e, ERR_FACTOR_STRIPPED,
			  "the account's devices have agreed that only a "
			  "security key counts, and the server asked for "
			  "another factor")
		    : 0;
}

/* A key that is a member lets this browser in; with its secret alone. */
static int
join_by_key(struct core *c, const json_t *in, const json_t *proved,
    bool *joined, struct err *e)
{
	OWN(buf_free) struct buf raw = { 0 };
	struct pair_join a = {
		.dir = CORE_HOME, .url = CORE_URL, .device_name = c->device_name
	};

	*joined = false;
	if (json_object_get(in, "prf") == NULL ||
	    json_object_get(proved, "member") == NULL || !c->asking)
		return 0;
	if (jsonio_bytes(in, "prf", SECRET_KEY, &raw, e) < 0)
		return -1;
	OWN(secret_free) struct secret *prf = secret_of(buf_bytes(&raw));
	if (keyjoin_member(&a, &c->newcomer, prf, proved, c->token, e) < 0)
		return -1;
	*joined = true;
	end_request(c);
	return 0;
}

static int
visit(struct core *c, const json_t *proved, json_t *out, struct err *e)
{
	if (keep_visit(proved, e) < 0)
		return -1;
	cancel_request(c); /* nobody is to be asked */
	return core_state(c, NULL, out, e);
}

/* A key that lets nobody in: does the person only look, or ask the devices? */
int
core_visit(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	(void)in;
	return c->proved == NULL ? none_open(e) : visit(c, c->proved, out, e);
}

/* Show the server a factor: it opens a visitor's session, or lets in. */
int
core_prove(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	const json_t *body = json_object_get(in, "body");
	struct remote *r = request_remote(c);
	const char *method = "";
	bool joined;

	if (r == NULL)
		return none_open(e);
	if (jsonio_text(body, "method", &method, e) < 0 ||
	    check_stripped(c, method, e) < 0 ||
	    control_call(r, "POST", "/v1/factors/prove", body, &answer, e) <
		0 ||
	    join_by_key(c, in, answer, &joined, e) < 0)
		return -1;
	if (joined) {
		keyjoin_end_visit(CORE_URL, answer);
		return core_state(c, in, out, e);
	}
	if (strcmp(method, "key") == 0 && c->asking) {
		c->key = true;
		jsonio_free(&c->proved);
		c->proved = TAKE(answer);
		jsonio_put_true(out, "choose", true);
		return 0;
	}
	return visit(c, answer, out, e);
}

/* The trusted devices show a prompt from now on. */
int
core_ask_devices(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	struct pair_join a = {
		.dir = CORE_HOME, .url = CORE_URL, .device_name = c->device_name
	};

	(void)out;
	if (c->entry != NULL)
		return 0; /* it has gone back, and on again */
	if (!c->asking)
		return none_open(e);
	buf_printf(&path, "/v1/joins/%s/prompt", id_text(&c->newcomer.join).s);
	if (!jsonio_true(in, "asked") &&
	    control_call(
		c->newcomer.remote, "POST", buf_text(&path), NULL, NULL, e) < 0)
		return -1;
	if (c->proved != NULL)
		keyjoin_end_visit(CORE_URL, c->proved);
	jsonio_free(&c->proved);
	c->entry = pair_entry_new(&a, &c->newcomer, c->key);
	c->asking = false;
	return 0;
}

int
core_look(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	bool allowed;

	(void)in;
	if (c->entry == NULL)
		return none_open(e);
	if (pair_entry_look(c->entry, &allowed, e) < 0)
		return -1;
	jsonio_put_true(out, "allowed", allowed);
	return 0;
}

int
core_code(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const char *code = "";

	if (c->entry == NULL)
		return none_open(e);
	if (jsonio_text(in, "code", &code, e) < 0 ||
	    pair_entry_try(c->entry, bytes_str(code), e) < 0)
		return -1;
	end_request(c);
	return core_state(c, in, out, e);
}

int
core_forget(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	(void)in;
	(void)out;
	core_end_compare(c);
	core_end_mail(c);
	self_free(&c->self);
	remote_free(&c->visit);
	return home_erase(CORE_HOME, e);
}
