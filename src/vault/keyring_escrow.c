/* SPDX-License-Identifier: ISC */
/* keyring_escrow.c: what the escrow can open, sealed to it and opened by it. */
#include "vault/keyring_in.h"

#include <assert.h>

static struct id
escrow_ref(const uint8_t kem_pk[static KEM_PK_BYTES])
{
	return digest_id(bytes_of(kem_pk, KEM_PK_BYTES));
}

void
keyring_put_escrowed(const struct keyring *k, const struct circle *circle,
    uint32_t epoch, const struct devkey *device, const struct id *dev_id,
    struct buf *out)
{
	struct envelope v = { .purpose = PURPOSE_ESCROW,
		.epoch = epoch,
		.sender = *dev_id,
		.receiver = escrow_ref(circle->escrow.kem_pk) };

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		const struct secret *key = k->epochs[epoch - 1].category[c];
		v.category = (uint8_t)c;
		if (category_escrowed(c) && key != NULL)
			keyring_put_sealed(
			    k, &v, circle->escrow.kem_pk, key, device, out);
	}
}

void
keyring_put_escrowed_names(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	struct envelope v = { .purpose = PURPOSE_ESCROW_NAMES,
		.epoch = circle->key.epoch,
		.sender = *dev_id,
		.receiver = escrow_ref(circle->escrow.kem_pk) };

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		v.category = (uint8_t)c;
		if (category_escrowed(c) && k->names[c] != NULL)
			keyring_put_sealed(k, &v, circle->escrow.kem_pk,
			    k->names[c], device, out);
	}
}

void
keyring_for_escrow(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	assert(circle->protection == PROTECTION_STANDARD);
	for (uint32_t epoch = 1; epoch <= k->n; epoch++)
		keyring_put_escrowed(k, circle, epoch, device, dev_id, out);
	keyring_put_escrowed_names(k, circle, device, dev_id, out);
}

void
keyring_escrowed_free(struct keyring_escrowed *x)
{
	secret_free(&x->key);
}

int
keyring_escrow_open(struct bytes envelope, const struct circle *circle,
    const struct devkey *account, struct keyring_escrowed *out, struct err *e)
{
	OWN(secret_free) struct secret *key = NULL;
	struct envelope v;
	struct device self;

	if (keyring_take_envelope(envelope, circle, &v, e) < 0)
		return -1;
	devkey_publish(account, &self);
	struct id ref = escrow_ref(self.kem_pk);
	if ((v.purpose != PURPOSE_ESCROW &&
		v.purpose != PURPOSE_ESCROW_NAMES) ||
	    !category_escrowed(v.category) || !id_equal(&v.receiver, &ref))
		return keyring_substituted(
		    e, "a key envelope is not for the escrow");
	if (devkey_open(account, v.ct, &key, e) < 0)
		return -1;
	if (secret_bytes(key).n != SECRET_KEY)
		return keyring_substituted(
		    e, "an escrowed key has a wrong length");
	out->category = (enum category)v.category;
	out->epoch = v.epoch;
	out->names = v.purpose == PURPOSE_ESCROW_NAMES;
	out->key = TAKE(key);
	return 0;
}
