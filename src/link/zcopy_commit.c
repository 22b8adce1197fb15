/* SPDX-License-Identifier: ISC */
/* zcopy_commit.c: sealing records, signing a head, winning the race. */
#include "link/zcopy_in.h"

#include "base/now.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One try's records: sealed bytes live in `sealed`, in the order of `list`. */
struct draft {
	struct change *list;
	struct buf *sealed;
	size_t n;
	struct buf body;
	struct local_zone next;
};

static void
draft_free(struct draft *d)
{
	for (size_t i = 0; i < d->n; i++)
		buf_free(&d->sealed[i]);
	free(d->sealed);
	free(d->list);
	buf_free(&d->body);
	*d = (struct draft){ 0 };
}

static int
by_id(const void *a, const void *b)
{
	return id_cmp(
	    &((const struct change *)a)->id, &((const struct change *)b)->id);
}

/* What its writer saw is what is held now, in *version. */
static int
as_expected(struct zcopy *z, const struct zcopy_edit *edit, uint64_t *version,
    struct err *e)
{
	struct zcopy_held held;

	if (zcopy_held(z, &edit->id, &held, e) < 0)
		return -1;
	*version = held.version;
	return !edit->expects ||
		edit->expect == (held.deleted ? 0 : held.version)
	    ? 0
	    : err_set(e, ERR_CONFLICT,
		  "record %s of the %s zone was changed meanwhile",
		  id_short(&edit->id).s, category_name(z->category));
}

static int
seal_edits(struct zcopy *z, const struct zcopy_edit *edits, size_t n,
    struct draft *d, struct err *e)
{
	uint32_t epoch = keyring_epoch(z->self->keyring);

	d->list = mem_array(n, sizeof *d->list);
	d->sealed = mem_array(n, sizeof *d->sealed);
	d->n = n;
	if (zcopy_record_key(z, epoch, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct change *c = &d->list[i];
		uint64_t held;
		if (as_expected(z, &edits[i], &held, e) < 0)
			return -1;
		*c = (struct change){ .id = edits[i].id,
			.version = held + 1,
			.key_epoch = epoch };
		if (edits[i].deleted) {
			c->flags = CHANGE_DELETED;
			continue;
		}
		struct seal_place place = { .uid = z->self->uid,
			.category = (uint8_t)z->category,
			.zone = z->zone,
			.id = c->id,
			.version = c->version };
		seal_record(
		    z->key, epoch, &place, edits[i].plain, &d->sealed[i]);
		c->flags = edits[i].table ? CHANGE_TABLE : 0;
		c->ct = buf_bytes(&d->sealed[i]);
		c->refs = edits[i].refs;
		if (c->ct.n > LIMIT_RECORD_BYTES)
			return err_set(e, ERR_TOO_LARGE,
			    "a record is larger than %d bytes",
			    LIMIT_RECORD_BYTES);
	}
	qsort(d->list, n, sizeof *d->list, by_id);
	return 0;
}

void
zcopy_sign_head(const struct zcopy *z, const struct change *list, size_t n,
    const struct digest *heals, const struct digest *sum, struct head *h)
{
	const struct zcopy_self *self = z->self;
	OWN(buf_free) struct buf clear = { 0 };
	OWN(buf_free) struct buf box = { 0 };
	uint64_t now = (uint64_t)now_ms();

	*h = (struct head){ .owner = self->uid,
		.zone = z->zone,
		.seq = z->at.head.seq + 1,
		.prev = z->hash,
		.heals = *heals,
		.tombstones_gone_below = z->at.head.tombstones_gone_below,
		.integrity_epoch = keyring_epoch(self->keyring),
		.circle_seq = self->circle->seq,
		.circle_hash = self->circle->head,
		.signer = self->uid,
		.dev_id = self->dev_id,
		.time_ms =
		    now > z->at.head.time_ms ? now : z->at.head.time_ms };
	change_hash(list, n, &h->changes_hash);
	OWN(secret_free)
	struct secret *key = zcopy_box_key(z, h->integrity_epoch);
	head_put_clear(&clear, h);
	seal_make(key, buf_bytes(&clear), bytes_of(sum->b, DIGEST_BYTES), &box);
	assert(box.n == HEAD_SUM_BOX);
	memcpy(h->sum_box, box.p, box.n);
	buf_clear(&clear);
	head_put_signed(&clear, h);
	devkey_sign(self->key, SIG_HEAD, buf_bytes(&clear), h->sig);
}

static int
sign_draft(struct zcopy *z, struct draft *d, struct err *e)
{
	const struct digest none = { { 0 } };

	if (zcopy_sum_after(z, keyring_epoch(z->self->keyring), d->list, d->n,
		&d->next.sum, e) < 0)
		return -1;
	zcopy_sign_head(z, d->list, d->n, &none, &d->next.sum, &d->next.head);
	commit_put(&d->body, &d->next.head, d->list, d->n);
	return 0;
}

/* The answer got lost: did the commit get through? */
static bool
got_through(struct zcopy *z, const struct draft *d)
{
	struct digest want;
	struct err ignored;

	head_hash(&d->next.head, &want);
	return zcopy_pull_locked(z, &ignored) == 0 &&
	    digest_equal(&z->hash, &want);
}

/* Another process may have pulled what we just committed. */
static int
keep(struct zcopy *z, const struct draft *d, struct err *e)
{
	OWN(local_fill_free)
	struct local_fill *fill = local_fill_new(z->local, &z->zone);
	struct digest hash;

	head_hash(&d->next.head, &hash);
	if (local_fill_head(fill, d->next.head.seq, &hash, e) < 0)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		struct local_record r = { d->list[i], d->next.head.seq };
		if (local_fill_record(fill, &r, e) < 0)
			return -1;
	}
	if (local_fill_take(fill, z->at.head.seq, &d->next, false, e) < 0 &&
	    e->code != ERR_CONFLICT)
		return -1;
	return zcopy_reload(z, e);
}

/*
 * checked  the head at which the caller's check said yes, or NULL.
 * *lost    another was faster: worth another try.
 */
static int
commit_once(struct zcopy *z, const struct zcopy_edit *edits, size_t n,
    const struct digest *checked, bool *lost, struct err *e)
{
	OWN(draft_free) struct draft d = { 0 };

	*lost = true;
	if (zcopy_reload(z, e) < 0)
		return -1;
	if (checked != NULL && !digest_equal(&z->hash, checked))
		return err_set(e, ERR_CONFLICT,
		    "the %s zone has moved on since it was looked at",
		    category_name(z->category));
	*lost = false;
	if (seal_edits(z, edits, n, &d, e) < 0 || sign_draft(z, &d, e) < 0)
		return -1;
	*lost = true;
	const struct depot_commit commit = { .zone = &z->zone,
		.category = z->category,
		.body = buf_bytes(&d.body),
		.taken = z->taken };
	if (z->depot->ops->commit(z->depot, &commit, e) < 0) {
		if (e->code == ERR_SERVER_UNREACHABLE && got_through(z, &d))
			return 0;
		return -1;
	}
	return keep(z, &d, e);
}

void
zcopy_takes(struct zcopy *z, uint64_t upto)
{
	z->taken = upto;
}

static int
head_now(struct zcopy *z, struct digest *hash, struct err *e)
{
	LOCKED(z);
	if (zcopy_reload(z, e) < 0)
		return -1;
	*hash = z->hash;
	return 0;
}

int
zcopy_commit(struct zcopy *z, const struct zcopy_edit *edits, size_t n,
    zcopy_check_fn check, void *ctx, struct err *e)
{
	struct digest checked;

	assert(n <= LIMIT_COMMIT_RECORDS);
	if (z->self->unverified)
		return err_set(e, ERR_PERMISSION,
		    "this sign-in reads, and changes nothing");
	for (int i = 0; i < ZCOPY_TRIES; i++) {
		bool lost;
		/* Another process may move the copy on beside the check. */
		if (check != NULL &&
		    (head_now(z, &checked, e) < 0 || check(ctx, e) < 0))
			return -1;
		LOCKED(z);
		if (commit_once(z, edits, n, check != NULL ? &checked : NULL,
			&lost, e) == 0)
			return 0;
		if (!lost || e->code != ERR_CONFLICT ||
		    zcopy_pull_locked(z, e) < 0)
			return -1;
	}
	return err_set(e, ERR_CONFLICT,
	    "other devices change the %s zone faster than this one can",
	    category_name(z->category));
}

int
zcopy_begin(struct zcopy *z, struct err *e)
{
	struct digest hash;

	if (head_now(z, &hash, e) < 0)
		return -1;
	if (!digest_zero(&hash))
		return 0;
	return zcopy_commit(z, NULL, 0, NULL, NULL, e);
}
