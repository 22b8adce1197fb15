/* SPDX-License-Identifier: ISC */
/* self_password.c: a new password. */
#include "client/self_password.h"

#include "link/act.h"
#include "client/password.h"
#include "client/release.h"

int
self_new_password(
    struct self *s, const struct login *l, struct bytes fresh, struct err *e)
{
	OWN(opaque_free) struct opaque *opaque = opaque_new(fresh);
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *started = NULL;
	OWN(jsonio_free) json_t *finish = json_object();
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(secret_free) struct secret *export_key = NULL;
	uint8_t request[OPAQUE_REQUEST];
	struct digest mac;

	if (password_check(fresh, e) < 0)
		return -1;
	opaque_register(opaque, request);
	jsonio_put_bytes(ask, "request", bytes_of(request, sizeof request));
	if (control_call(s->remote, "POST", "/v1/password/start", ask, &started,
		e) < 0 ||
	    login_record(opaque, started, &s->circle, finish, &export_key, e) <
		0 ||
	    jsonio_bytes(finish, "record", OPAQUE_RECORD, &record, e) < 0)
		return -1;
	if (s->circle.protection == PROTECTION_STANDARD)
		release_register(
		    export_key, &s->uid, s->key, &s->dev_id, finish);
	id_put(&m, &s->uid);
	buf_put_bytes(&m, buf_bytes(&record));
	login_mac(l, "aumbry password v1", buf_bytes(&m), &mac);
	jsonio_put_id(finish, "login", &l->id);
	jsonio_put_bytes(finish, "mac", bytes_of(mac.b, DIGEST_BYTES));
	if (control_call(
		s->remote, "POST", "/v1/password/finish", finish, NULL, e) == 0)
		return 0;
	return act_unknown(e)
	    ? err_remedy(e,
		  "The new password may be in force. Change it again, from the "
		  "same old one to the same new one: that finds which it is.")
	    : -1;
}

/* Only who knows the password can read what the server answers. */
static bool
in_force(struct self *s, struct bytes password)
{
	OWN(login_free) struct login l = { .known = NULL };
	struct err ignored;

	return login_start(s->remote, NULL, password, &l, &ignored) == 0;
}

int
self_change_password(struct self *s, struct bytes old, struct bytes fresh,
    const struct prove *p, bool *already, struct err *e)
{
	OWN(login_free) struct login l = { .known = NULL };

	*already = false;
	if (login_step_up(s->remote, old, p, &l, e) == 0)
		return self_new_password(s, &l, fresh, e);
	if (e->code != ERR_WRONG_PASSWORD || !in_force(s, fresh))
		return -1;
	*already = true;
	return 0;
}
