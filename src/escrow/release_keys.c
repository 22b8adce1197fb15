/* SPDX-License-Identifier: ISC */
/* release_keys.c: opening what is sealed to the escrow, sealing it anew. */
#include "escrow/release_in.h"

#include "vault/keyring.h"

#include <stdio.h>
#include <string.h>

void
release_keys_drop(struct release_keys *h)
{
	buf_free(&h->keys);
	mem_free(&h->done);
	for (size_t i = 0; i < CATEGORY_END; i++)
		secret_free(&h->names[i]);
}

static void
put_key(struct release_keys *h, uint8_t kind, uint8_t category, uint32_t epoch,
    const struct secret *key)
{
	OWN(buf_free) struct buf sealed = { 0 };
	struct escrow_key x = {
		.kind = kind, .category = category, .epoch = epoch
	};

	devkey_seal(h->recipient, secret_bytes(key), &sealed);
	x.sealed = buf_bytes(&sealed);
	escrow_key_put(&h->keys, &x);
	h->n++;
}

/* One K of each epoch, the first that is given. */
static void
put_category_key(struct release_keys *h, uint8_t category, uint32_t epoch,
    const struct secret *k)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->done[i].category == category &&
		    h->done[i].epoch == epoch)
			return;
	h->done[h->n].category = category;
	h->done[h->n].epoch = epoch;
	put_key(h, ESCROW_KIND_CATEGORY, category, epoch, k);
}

static int
open_one(const struct circle *circle, const struct devkey *account,
    struct bytes envelope, struct release_keys *h, struct err *e)
{
	OWN(keyring_escrowed_free)
	struct keyring_escrowed got = { .key = NULL };

	if (keyring_escrow_open(envelope, circle, account, &got, e) < 0) {
		h->closed++;
		return h->part ? 0 : -1;
	}
	if (!h->wanted[got.category])
		return 0;
	if (!got.names) {
		put_category_key(h, (uint8_t)got.category, got.epoch, got.key);
	} else if (got.epoch > h->names_epoch[got.category]) {
		secret_free(&h->names[got.category]);
		h->names[got.category] = TAKE(got.key);
		h->names_epoch[got.category] = got.epoch;
	}
	return 0;
}

int
release_open_all(const struct release_call *c, const struct circle *circle,
    struct bytes list, struct release_keys *h, struct err *e)
{
	OWN(devkey_free) struct devkey *account = NULL;
	struct scan s = scan_of(list);
	size_t n = 0;

	if (ward_key(c->k->wards, &c->w, &account, e) < 0)
		return -1;
	h->done = mem_array(ESCROW_KEYS, sizeof *h->done);
	while (s.n > 0) {
		struct bytes envelope = scan_v16(&s);
		if (!scan_ok(&s))
			return release_malformed(e);
		if (++n > ESCROW_KEYS - CATEGORY_END)
			return err_set(e, ERR_TOO_LARGE,
			    "more than %d key envelopes are given",
			    ESCROW_KEYS - CATEGORY_END);
		if (open_one(circle, account, envelope, h, e) < 0)
			return -1;
	}
	for (unsigned i = 0; i < CATEGORY_END; i++)
		if (h->names[i] != NULL)
			put_key(
			    h, ESCROW_KIND_NAMES, (uint8_t)i, 0, h->names[i]);
	return 0;
}

void
release_word_keys(struct release_call *c, const struct release_keys *h)
{
	OWN(buf_free) struct buf list = { 0 };
	char n[16];

	for (unsigned i = 0; i < CATEGORY_END; i++)
		if (h->wanted[i])
			buf_printf(&list, "%s%s", list.n > 0 ? "," : "",
			    category_name(i));
	release_word(c, "categories", buf_text(&list));
	(void)snprintf(n, sizeof n, "%u", (unsigned)h->n);
	release_word(c, "keys", n);
}

void
release_put(const struct release_call *c, const struct id *request,
    const struct release_keys *h, struct buf *out)
{
	struct escrow_released r = { .uid = c->w.uid,
		.request = *request,
		.journal_n = c->shown.n,
		.journal_head = c->shown.hash,
		.n = h->n };
	uint8_t sig[SIG_BYTES];
	size_t from = out->n;

	memcpy(r.recipient, h->recipient, sizeof r.recipient);
	escrow_released_begin(out, &r);
	buf_put_bytes(out, buf_bytes(&h->keys));
	devkey_sign(c->k->identity, SIG_ESCROW_RELEASED,
	    bytes_of(out->p + from, out->n - from), sig);
	buf_put(out, sig, sizeof sig);
}
