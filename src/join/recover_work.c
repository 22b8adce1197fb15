/* SPDX-License-Identifier: ISC */
/* recover_work.c: the account's circle, and the last call of a recovery. */
#include "join/recover_in.h"

#include "client/chain.h"
#include "client/login.h"
#include "client/release.h"
#include "client/self_devices.h"
#include "client/self_settle.h"
#include "client/self_zones.h"
#include "link/depot_remote.h"

void
recover_work_free(struct recover_work *w)
{
	recover_kept_free(&w->r);
	circle_free(&w->circle);
	buf_free(&w->entries);
	keyring_free(&w->keyring);
}

int
recover_circle(struct recover_work *w, const json_t *look, struct err *e)
{
	OWN(depot_free) struct depot *depot = depot_remote_new(w->r.remote);

	if (jsonio_id(look, "uid", &w->uid, e) < 0 ||
	    depot->ops->circle(depot, 0, &w->entries, e) < 0)
		return -1;
	if (chain_apply(&w->circle, buf_bytes(&w->entries), e) < 0)
		return -1;
	return id_equal(&w->circle.uid, &w->uid)
	    ? 0
	    : err_set(e, ERR_CIRCLE_NOT_YOURS,
		  "the list of devices is another account's");
}

/* This device is in; until the last line a killed run is gone on with. */
int
recover_settle_in(struct recover_work *w, const char *dir, struct bytes entries,
    struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	struct self_account account = { w->r.url, w->r.name, w->r.host, entries,
		bytes_str("") };

	if (self_save_account(dir, &account, e) < 0 ||
	    home_write_key(dir, &w->uid, &w->r.device.dev_id, w->r.key, e) <
		0 ||
	    self_open(dir, &s, e) < 0 || self_connect(s, e) < 0 ||
	    self_state(s, e) < 0 ||
	    (s->circle.reset_seq > 0 && self_adopt_zones(s, e) < 0) ||
	    self_put_name(s, &w->r.device.dev_id, &w->r.opening,
		w->r.device_name, e) < 0 ||
	    self_settle(s, e) < 0)
		return -1;
	return recover_kept_forget(dir, e);
}

int
recover_submit(struct recover_work *w, const char *dir, struct bytes password,
    struct bytes entry, struct err *e)
{
	OWN(opaque_free) struct opaque *opaque = opaque_new(password);
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *started = NULL;
	OWN(jsonio_free) json_t *last = json_object();
	OWN(secret_free) struct secret *export_key = NULL;
	OWN(circle_free) struct circle next = { 0 };
	OWN(buf_free) struct buf bundle = { 0 };
	OWN(buf_free) struct buf entries = { 0 };
	uint8_t request[OPAQUE_REQUEST];

	circle_copy(&next, &w->circle);
	if (circle_apply(&next, entry, e) < 0)
		return -1;
	keyring_bundle(
	    w->keyring, &next, w->r.key, &w->r.device.dev_id, &bundle);
	if (next.reset_seq == next.seq)
		keyring_carried(
		    w->keyring, &next, w->r.key, &w->r.device.dev_id, &bundle);
	opaque_register(opaque, request);
	jsonio_put_bytes(ask, "request", bytes_of(request, sizeof request));
	if (control_call(w->r.remote, "POST", "/v1/recover/password", ask,
		&started, e) < 0 ||
	    login_record(opaque, started, &next, last, &export_key, e) < 0)
		return -1;
	if (next.protection == PROTECTION_STANDARD)
		release_register(
		    export_key, &w->uid, w->r.key, &w->r.device.dev_id, last);
	jsonio_put_bytes(last, "entry", entry);
	jsonio_put_list(last, "envelopes", buf_bytes(&bundle));
	buf_put_bytes(&entries, buf_bytes(&w->entries));
	buf_put_v16(&entries, entry);
	/* When the answer gets lost the next run finds that it is done. */
	return control_call(
		   w->r.remote, "POST", "/v1/recover/finish", last, NULL, e) < 0
	    ? -1
	    : recover_settle_in(w, dir, buf_bytes(&entries), e);
}
