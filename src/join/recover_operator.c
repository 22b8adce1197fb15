/* SPDX-License-Identifier: ISC */
/* recover_operator.c: an account begins anew, with what its escrow gives. */
#include "join/recover_in.h"

#include "base/now.h"
#include "client/release.h"

/* The escrow that the address names must be the one of the circle: nothing
 * else here vouches for the list of devices. */
static int
check_escrow(const struct recover_work *w, struct err *e)
{
	struct digest wanted, got;

	if (w->circle.protection != PROTECTION_STANDARD)
		return err_set(e, ERR_RELEASE_REFUSED,
		    "the account is under advanced protection: who runs the "
		    "server has nothing to give back");
	digest_of(bytes_of(w->circle.escrow.sign_pk, SIG_PK_BYTES), &got);
	if (remote_escrow(w->r.remote, &wanted) && !digest_equal(&wanted, &got))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the account names another escrow than the server's "
		    "address does");
	return 0;
}

static int
collect(struct recover_work *w, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf released = { 0 };

	w->keyring = keyring_new(&w->uid);
	keyring_reach(w->keyring, w->circle.key.epoch);
	return control_call(w->r.remote, "POST", "/v1/recover/collect", NULL,
		   &answer, e) < 0 ||
		jsonio_bytes(answer, "released", 0, &released, e) < 0
	    ? -1
	    : release_open(buf_bytes(&released), &w->circle, &w->r.id, w->r.key,
		  w->keyring, e);
}

static void
make_entry(struct recover_work *w, struct buf *out)
{
	OWN(buf_free) struct buf body = { 0 };
	struct circle_sig sig = { 1, w->r.device.dev_id, { 0 } };
	struct key_change kc;
	struct id state_zone;

	id_random(&state_zone);
	keyring_next_epoch(w->keyring, &kc);
	device_put(&body, &w->r.device);
	id_put(&body, &state_zone);
	key_change_put(&body, &kc);
	circle_entry_begin(out, &w->circle, &w->uid, (uint64_t)now_ms(),
	    CIRCLE_RESET, buf_bytes(&body));
	devkey_sign(w->r.key, SIG_CIRCLE, buf_bytes(out), sig.sig);
	circle_entry_end(out, &sig, 1);
}

int
recover_by_operator(struct recover_work *w, const struct recover_finish *f,
    const json_t *look, struct err *e)
{
	OWN(buf_free) struct buf entry = { 0 };

	if (recover_circle(w, look, e) < 0 || check_escrow(w, e) < 0 ||
	    collect(w, e) < 0)
		return -1;
	make_entry(w, &entry);
	return recover_submit(w, f->dir, f->password, buf_bytes(&entry), e);
}
