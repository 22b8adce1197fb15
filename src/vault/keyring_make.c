/* SPDX-License-Identifier: ISC */
/* keyring_make.c: the bundle of an epoch, and what is handed on later. */
#include "vault/keyring_in.h"

#include <assert.h>

void
keyring_envelope_at(const struct keyring *k, uint32_t epoch,
    const struct device *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out)
{
	const struct epoch *p = keyring_at(k, epoch);
	struct envelope v = { .purpose = PURPOSE_S,
		.epoch = epoch,
		.sender = *dev_id,
		.receiver = to->dev_id };

	assert(p != NULL);
	keyring_put_sealed(k, &v, to->kem_pk, p->s, device, out);
}

void
keyring_envelope_recovery(const struct keyring *k,
    const struct recovery_key *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out)
{
	struct envelope v = {
		.purpose = PURPOSE_S, .epoch = k->n, .sender = *dev_id
	};

	recovery_keyref(to->sign_pk, &v.receiver);
	keyring_put_sealed(
	    k, &v, to->kem_pk, k->epochs[k->n - 1].s, device, out);
}

void
keyring_carried(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	struct envelope v = { .purpose = PURPOSE_CARRIED, .sender = *dev_id };
	const struct secret *s = k->epochs[circle->first_epoch - 1].s;

	for (v.epoch = 1; v.epoch < circle->first_epoch; v.epoch++)
		for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
			const struct secret *key =
			    k->epochs[v.epoch - 1].category[c];
			v.category = (uint8_t)c;
			if (key != NULL)
				keyring_put_wrapped(k, s, &v, key, device, out);
		}
}

void
keyring_envelope(const struct keyring *k, const struct device *to,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	keyring_envelope_at(k, k->n, to, device, dev_id, out);
}

static void
wipe(struct buf *b)
{
	if (b->n > 0)
		mem_wipe(b->p, b->n);
	buf_free(b);
}

/*
 * The S before epoch n; or, where its maker has given this device none that
 * holds, the newest that it has.
 */
static void
put_previous(const struct keyring *k, uint32_t n, uint32_t first,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	struct envelope v = {
		.purpose = PURPOSE_PREVIOUS, .epoch = n, .sender = *dev_id
	};
	const struct secret *s = k->epochs[n - 1].s;
	uint32_t m = n - 1;

	while (m > first && k->epochs[m - 1].s == NULL)
		m--;
	assert(k->epochs[m - 1].s != NULL);
	if (m == n - 1) {
		keyring_put_wrapped(k, s, &v, k->epochs[m - 1].s, device, out);
		return;
	}
	OWN(wipe) struct buf plain = { 0 };
	v.purpose = PURPOSE_EARLIER;
	buf_put_u32(&plain, m);
	buf_put_bytes(&plain, secret_bytes(k->epochs[m - 1].s));
	keyring_put_wrapped_bytes(k, s, &v, buf_bytes(&plain), device, out);
}

void
keyring_fill(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	for (uint32_t n = circle->first_epoch + 1; n <= k->n; n++) {
		struct envelope v = { .purpose = PURPOSE_PREVIOUS,
			.epoch = n,
			.sender = *dev_id };
		const struct epoch *to = &k->epochs[n - 1];
		const struct epoch *from = &k->epochs[n - 2];
		if (to->s != NULL && from->s != NULL && to->skips &&
		    circle_active_at(circle, dev_id, circle->epochs[n - 1].seq))
			keyring_put_wrapped(k, to->s, &v, from->s, device, out);
	}
}

void
keyring_bundle(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	uint32_t n = circle->key.epoch;
	const struct epoch *p = keyring_at(k, n);
	struct envelope v = { .epoch = n, .sender = *dev_id };

	assert(p != NULL);
	for (size_t i = 0; i < circle->n_members; i++)
		if (circle->members[i].active)
			keyring_envelope_at(k, n, &circle->members[i].device,
			    device, dev_id, out);
	for (size_t i = 0; i < circle->recovery.n; i++)
		keyring_envelope_recovery(
		    k, &circle->recovery.keys[i], device, dev_id, out);
	for (size_t i = 0; circle->pending && i < circle->next.n; i++) {
		struct id ref;
		recovery_keyref(circle->next.keys[i].sign_pk, &ref);
		if (recovery_find(&circle->recovery, &ref) == NULL)
			keyring_envelope_recovery(
			    k, &circle->next.keys[i], device, dev_id, out);
	}
	if (n > circle->first_epoch)
		put_previous(k, n, circle->first_epoch, device, dev_id, out);
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		v.category = (uint8_t)c;
		v.purpose = PURPOSE_CATEGORY;
		if (p->category[c] != NULL)
			keyring_put_wrapped(
			    k, p->s, &v, p->category[c], device, out);
		v.purpose = PURPOSE_NAMES;
		if (k->names[c] != NULL)
			keyring_put_wrapped(
			    k, p->s, &v, k->names[c], device, out);
		v.purpose = PURPOSE_INTEGRITY;
		keyring_put_wrapped(k, p->s, &v, p->integrity[c], device, out);
	}
	keyring_put_card(k, device, dev_id, out);
	if (circle->protection == PROTECTION_STANDARD) {
		keyring_put_escrowed(k, circle, n, device, dev_id, out);
		keyring_put_escrowed_names(k, circle, device, dev_id, out);
	}
}
