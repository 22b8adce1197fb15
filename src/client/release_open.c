/* SPDX-License-Identifier: ISC */
/* release_open.c: opening what the escrow hands out; no server is asked. */
#include "client/release.h"

static int
take_key(const struct escrow_key *k, const struct devkey *key,
    struct keyring *out, struct err *e)
{
	OWN(secret_free) struct secret *got = NULL;

	if (devkey_open(key, k->sealed, &got, e) < 0)
		return -1;
	if (secret_bytes(got).n != SECRET_KEY)
		return err_set(e, ERR_KEY_SUBSTITUTED,
		    "a key from the escrow has a wrong length");
	if (k->kind == ESCROW_KIND_NAMES)
		keyring_put_names(out, (enum category)k->category, got);
	else
		keyring_put_category(
		    out, (enum category)k->category, k->epoch, got);
	return 0;
}

int
release_open(struct bytes released, const struct circle *circle,
    const struct id *request, const struct devkey *key, struct keyring *out,
    struct err *e)
{
	struct escrow_released r;
	struct device own;

	if (escrow_released_parse(released, &r, e) < 0)
		return -1;
	if (!sig_valid(SIG_ESCROW_RELEASED, circle->escrow.sign_pk,
		r.signed_part, r.sig))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the keys do not come from the escrow that the account's "
		    "devices chose");
	devkey_publish(key, &own);
	if (!id_equal(&r.uid, &circle->uid) || !id_equal(&r.request, request) ||
	    !bytes_equal(bytes_of(r.recipient, KEM_PK_BYTES),
		bytes_of(own.kem_pk, KEM_PK_BYTES)))
		return err_set(
		    e, ERR_KEY_SUBSTITUTED, "the keys are another request's");
	struct scan s = scan_of(r.keys);
	for (size_t i = 0; i < r.n; i++) {
		struct escrow_key k;
		if (escrow_key_take(&s, &k, e) < 0)
			return -1;
		if (k.epoch > circle->key.epoch)
			return err_set(e, ERR_KEY_SUBSTITUTED,
			    "a key from the escrow is of no epoch there was");
		if (take_key(&k, key, out, e) < 0)
			return -1;
	}
	return 0;
}
