/* SPDX-License-Identifier: ISC */
/* release.c: the release key, asking the escrow, and what it answers. */
#include "client/release.h"

#include "base/now.h"
#include "client/circlepin.h"

#include <string.h>

/* Its own signing key; the other half of a devkey is not used. */
static struct devkey *
release_key(const struct secret *export_key)
{
	OWN(secret_free)
	struct secret *seed =
	    secret_derive(export_key, "aumbry release key", bytes_str(""));

	return devkey_from_prf(seed);
}

void
release_register(const struct secret *export_key, const struct id *uid,
    const struct devkey *device, const struct id *dev_id, json_t *out)
{
	OWN(devkey_free) struct devkey *key = release_key(export_key);
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf x = { 0 };
	struct escrow_registration r = { .dev_id = *dev_id,
		.time_ms = (uint64_t)now_ms() };

	devkey_sign_pk(key, r.release_pk);
	escrow_registration_signed(uid, r.release_pk, r.time_ms, &m);
	devkey_sign(device, SIG_RELEASE_KEY, buf_bytes(&m), r.sig);
	escrow_registration_put(&x, &r);
	jsonio_put_bytes(out, "release", buf_bytes(&x));
}

int
release_escrow(struct remote *r, const json_t *answer, const struct id *uid,
    struct circle_escrow *out, struct err *e)
{
	OWN(buf_free) struct buf x = { 0 };
	struct digest wanted, got;

	if (jsonio_bytes(answer, "escrow", CIRCLE_ESCROW_BYTES, &x, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&x));
	if (escrow_take(&s, uid, out, e) < 0)
		return -1;
	digest_of(bytes_of(out->sign_pk, SIG_PK_BYTES), &got);
	if (remote_escrow(r, &wanted) && !digest_equal(&wanted, &got))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the server names another escrow than the one that its "
		    "address does");
	return 0;
}

int
release_check_circlepin(const struct secret *export_key,
    const struct circle *circle, struct bytes birth, struct err *e)
{
	struct circle at = { .uid = circle->uid,
		.circle_id = circle->circle_id };
	struct digest mac;

	/* It does not say over which entry it was made: any, then. */
	for (uint32_t seq = circle->seq; seq >= 1; seq--) {
		at.seq = seq;
		at.head = *circle_hash_at(circle, seq);
		circlepin_birth(export_key, &at, &mac);
		if (bytes_equal(birth, bytes_of(mac.b, DIGEST_BYTES)))
			return 0;
	}
	return err_set(e, ERR_CIRCLE_NOT_YOURS,
	    "the list of devices is not the one that this password was set "
	    "under");
}

/* ---- asking ---- */

void
release_free(struct release *x)
{
	devkey_free(&x->key);
	buf_free(&x->bytes);
}

int
release_ask(struct remote *r, const struct secret *export_key,
    const struct id *uid, struct release *out, struct err *e)
{
	OWN(devkey_free) struct devkey *sign = release_key(export_key);
	OWN(jsonio_free) json_t *first = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf nonce = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	struct device once;
	struct escrow_ask a = { .uid = *uid, .time_ms = (uint64_t)now_ms() };
	uint8_t sig[SIG_BYTES];

	if (control_call(r, "POST", "/v1/release/nonce", NULL, &first, e) < 0 ||
	    jsonio_bytes(first, "nonce", ESCROW_NONCE, &nonce, e) < 0)
		return -1;
	out->key = devkey_new(&once);
	id_random(&out->request);
	a.request = out->request;
	memcpy(a.nonce, nonce.p, sizeof a.nonce);
	memcpy(a.recipient, once.kem_pk, sizeof a.recipient);
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		if (category_escrowed((enum category)c))
			a.categories[a.n++] = (uint8_t)c;
	escrow_ask_put(&m, &a);
	devkey_sign(sign, SIG_RELEASE, buf_bytes(&m), sig);
	jsonio_put_bytes(ask, "ask", buf_bytes(&m));
	jsonio_put_bytes(ask, "sig", bytes_of(sig, sizeof sig));
	return control_call(r, "POST", "/v1/release", ask, &answer, e) < 0
	    ? -1
	    : jsonio_bytes(answer, "released", 0, &out->bytes, e);
}
