/* SPDX-License-Identifier: ISC */
/* keyring.c: keys by epoch, held, drawn, lent and handed out. */
#include "vault/keyring_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct keyring *
keyring_new(const struct id *uid)
{
	struct keyring *k = mem_new(sizeof *k);

	k->uid = *uid;
	return k;
}

void
keyring_epoch_category(struct epoch *p, enum category c, struct secret **key)
{
	if (c == CATEGORY_MESSAGES)
		secret_free(&p->inbox);
	secret_free(&p->category[c]);
	p->category[c] = TAKE(*key);
}

void
keyring_epoch_wipe(struct epoch *p)
{
	secret_free(&p->s);
	secret_free(&p->inbox);
	for (size_t c = 0; c < CATEGORY_END; c++) {
		secret_free(&p->category[c]);
		secret_free(&p->integrity[c]);
	}
}

void
keyring_free(struct keyring **k)
{
	if (*k == NULL)
		return;
	for (uint32_t i = 0; i < (*k)->n; i++)
		keyring_epoch_wipe(&(*k)->epochs[i]);
	for (size_t c = 0; c < CATEGORY_END; c++)
		secret_free(&(*k)->names[c]);
	free((*k)->epochs);
	free(*k);
	*k = NULL;
}

struct epoch *
keyring_epoch_room(struct keyring *k, uint32_t n)
{
	if (n > k->n) {
		k->epochs = mem_resize(k->epochs, n, sizeof *k->epochs);
		memset(k->epochs + k->n, 0, (n - k->n) * sizeof *k->epochs);
		k->n = n;
	}
	return &k->epochs[n - 1];
}

void
keyring_reach(struct keyring *k, uint32_t n)
{
	if (n > 0)
		(void)keyring_epoch_room(k, n);
}

static void
take_over(struct secret **to, struct secret **from)
{
	if (*to == NULL)
		*to = TAKE(*from);
}

void
keyring_put_category(struct keyring *k, enum category c, uint32_t epoch,
    const struct secret *key)
{
	struct secret **slot = &keyring_epoch_room(k, epoch)->category[c];

	if (*slot == NULL)
		*slot = secret_copy(key);
}

void
keyring_put_names(struct keyring *k, enum category c, const struct secret *key)
{
	if (k->names[c] == NULL)
		k->names[c] = secret_copy(key);
}

enum lent { LENT_CATEGORY = 1, LENT_NAMES = 2, LENT_INTEGRITY = 3 };

static void
lend_one(struct buf *out, enum lent kind, enum category c, uint32_t epoch,
    const struct secret *key)
{
	if (key == NULL)
		return;
	buf_put_u8(out, (uint8_t)kind);
	buf_put_u8(out, (uint8_t)c);
	buf_put_u32(out, epoch);
	buf_put_bytes(out, secret_bytes(key));
}

void
keyring_lend(const struct keyring *k, enum category c, struct buf *out)
{
	lend_one(out, LENT_NAMES, c, 0, k->names[c]);
	for (uint32_t n = 1; n <= k->n; n++) {
		const struct epoch *at = &k->epochs[n - 1];
		lend_one(out, LENT_CATEGORY, c, n, at->category[c]);
		lend_one(out, LENT_INTEGRITY, c, n, at->integrity[c]);
	}
}

int
keyring_borrow(
    struct keyring *k, struct bytes lent, uint32_t newest, struct err *e)
{
	struct scan s = scan_of(lent);

	while (!scan_done(&s) && scan_ok(&s)) {
		uint8_t kind = scan_u8(&s);
		uint8_t category = scan_u8(&s);
		uint32_t epoch = scan_u32(&s);
		struct bytes raw = scan_take(&s, SECRET_KEY);
		if (!scan_ok(&s) || !category_known(category) ||
		    kind < LENT_CATEGORY || kind > LENT_INTEGRITY ||
		    epoch > newest || (kind == LENT_NAMES) != (epoch == 0))
			return err_set(e, ERR_BAD_REQUEST,
			    "the keys that were handed over are not "
			    "well-formed");
		struct secret *key = secret_of(raw);
		if (kind == LENT_CATEGORY) {
			keyring_epoch_category(
			    keyring_epoch_room(k, epoch), category, &key);
			continue;
		}
		struct secret **slot = kind == LENT_NAMES
		    ? &k->names[category]
		    : &keyring_epoch_room(k, epoch)->integrity[category];
		secret_free(slot);
		*slot = key;
	}
	return 0;
}

void
keyring_absorb(struct keyring *k, struct keyring *more)
{
	for (uint32_t n = 1; n <= more->n; n++) {
		struct epoch *to = keyring_epoch_room(k, n);
		struct epoch *from = &more->epochs[n - 1];
		take_over(&to->s, &from->s);
		to->skips |= from->skips;
		for (size_t c = 0; c < CATEGORY_END; c++) {
			take_over(&to->category[c], &from->category[c]);
			take_over(&to->integrity[c], &from->integrity[c]);
		}
	}
	for (size_t c = 0; c < CATEGORY_END; c++)
		take_over(&k->names[c], &more->names[c]);
}

void
keyring_next_epoch(struct keyring *k, struct key_change *kc)
{
	struct epoch *p = keyring_epoch_room(k, k->n + 1);

	p->s = secret_random(SECRET_KEY);
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		if (c != CATEGORY_STATE)
			p->category[c] = secret_random(SECRET_KEY);
		p->integrity[c] = secret_random(SECRET_KEY);
		if (k->names[c] == NULL && c != CATEGORY_STATE)
			k->names[c] = secret_random(SECRET_KEY);
	}
	kc->epoch = k->n;
	key_change_commit(&k->uid, k->n, secret_bytes(p->s), &kc->commitment);
}

void
keyring_drop_epoch(struct keyring *k)
{
	assert(k->n > 1);
	keyring_epoch_wipe(&k->epochs[--k->n]);
}

uint32_t
keyring_epoch(const struct keyring *k)
{
	return k->n;
}

struct id
keyring_spoiler(const struct keyring *k)
{
	return k->spoiler;
}

bool
keyring_lacks(const struct keyring *k, uint32_t epoch)
{
	bool gap = false;

	for (uint32_t n = k->n; n >= 1; n--) {
		const struct epoch *p = &k->epochs[n - 1];
		if (p->s != NULL)
			gap = p->skips;
		else if (gap && (epoch == 0 || epoch == n))
			return true;
	}
	return false;
}

const struct epoch *
keyring_at(const struct keyring *k, uint32_t epoch)
{
	return epoch >= 1 && epoch <= k->n ? &k->epochs[epoch - 1] : NULL;
}

const struct secret *
keyring_category(const struct keyring *k, enum category c, uint32_t epoch)
{
	const struct epoch *p = keyring_at(k, epoch);

	return p != NULL && category_known(c) ? p->category[c] : NULL;
}

const struct secret *
keyring_integrity(const struct keyring *k, enum category c, uint32_t epoch)
{
	const struct epoch *p = keyring_at(k, epoch);

	return p != NULL && category_known(c) ? p->integrity[c] : NULL;
}

const struct secret *
keyring_names(const struct keyring *k, enum category c)
{
	return category_known(c) ? k->names[c] : NULL;
}

const struct secret *
keyring_circle_secret(const struct keyring *k)
{
	return k->n > 0 ? k->epochs[k->n - 1].s : NULL;
}

struct secret *
keyring_record(const struct keyring *k, enum category c, const struct id *zone,
    uint32_t epoch)
{
	const struct epoch *p = keyring_at(k, epoch);
	const struct secret *from = NULL;

	if (p != NULL)
		from =
		    c == CATEGORY_STATE ? p->s : keyring_category(k, c, epoch);
	if (from == NULL)
		return NULL;
	return secret_derive(from, "record", bytes_of(zone->b, ID_BYTES));
}
