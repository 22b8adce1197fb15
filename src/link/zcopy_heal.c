/* SPDX-License-Identifier: ISC */
/* zcopy_heal.c: after a server was restored from a backup. */
#include "link/zcopy_in.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (8 * 1024 * 1024) /* of records in one healing commit */

/* ---- bases ---- */

static struct buf
base_key(const struct zcopy *z)
{
	struct buf key = { 0 };

	buf_printf(&key, "base %s", id_text(&z->zone).s);
	return key;
}

int
zcopy_base(struct zcopy *z, struct id *out, struct err *e)
{
	OWN(buf_free) struct buf key = base_key(z);
	OWN(buf_free) struct buf value = { 0 };

	if (local_get(z->local, buf_text(&key), &value, e) < 0)
		return -1;
	*out = z->zone;
	if (value.n == ID_BYTES)
		memcpy(out->b, value.p, ID_BYTES);
	return 0;
}

int
zcopy_new_base(struct zcopy *z, struct err *e)
{
	OWN(buf_free) struct buf key = base_key(z);
	struct id base;

	id_random(&base);
	return local_put(
	    z->local, buf_text(&key), bytes_of(base.b, ID_BYTES), e);
}

/* ---- comparing ---- */

struct survey {
	struct zcopy *z; /* ours */
	struct zcopy server; /* the server's history, taken as a copy of ours */
	struct zcopy_take there; /* what came of it */
	struct id *newer; /* records that are newer here */
	size_t n_newer;
	bool whole, healed;
	bool differs; /* from some head on that is new to us */
	bool doubtful; /* before what another device vouched for */
};

static void
survey_free(struct survey *s)
{
	zcopy_take_free(&s->there);
	secret_free(&s->server.key);
	free(s->newer);
	*s = (struct survey){ 0 };
}

static int
version_one(void *ctx, const struct local_record *r, struct err *e)
{
	(void)e;
	*(uint64_t *)ctx = r->change.version;
	return 0;
}

static int
compare_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct survey *s = ctx;
	uint64_t there = 0;

	if (local_fill_get(
		s->there.fill, &r->change.id, version_one, &there, e) < 0)
		return -1;
	if (there >= r->change.version)
		return 0;
	if (s->n_newer == 0 || (s->n_newer & (s->n_newer - 1)) == 0)
		s->newer =
		    mem_resize(s->newer, 2 * s->n_newer + 1, sizeof *s->newer);
	s->newer[s->n_newer++] = r->change.id;
	return 0;
}

/*
 * A head that is new to us may be signed under an old circle only by who is
 * still a member: else a removed device and the server could make up a history
 * from before the removal.
 */
static int
by_removed(const struct zcopy *z, struct err *e)
{
	return err_set(e, ERR_NOT_A_MEMBER,
	    "the server's %s zone holds a change, new to this device, by a "
	    "device that was removed",
	    category_name(z->category));
}

static int
survey_head(
    void *ctx, const struct head *h, const struct digest *hash, struct err *e)
{
	struct survey *s = ctx;
	struct zcopy *z = s->z;
	struct digest had = { { 0 } };
	bool known = false;

	if (h->seq == 1) /* a connection that broke begins again */
		s->differs = s->healed = s->doubtful = false;
	if (!s->differs) {
		if (local_chain_at(z->local, &z->zone, h->seq, &had, e) < 0)
			return -1;
		known = digest_equal(&had, hash);
		/* What came before the first that was seen is as that says. */
		s->differs =
		    !known && (!digest_zero(&had) || h->seq > z->at.head.seq);
	}
	s->whole |= digest_equal(hash, &z->hash);
	s->healed |= digest_equal(&h->heals, &z->hash);
	if (known)
		s->doubtful = false;
	else if (h->circle_seq < z->at.head.circle_seq &&
	    !circle_active(z->self->circle, &h->dev_id))
		s->doubtful = true;
	return s->differs && s->doubtful ? by_removed(z, e) : 0;
}

static int
survey(struct zcopy *z, struct survey *s, struct err *e)
{
	struct zcopy_take *t = &s->there;

	s->z = z;
	s->whole = z->at.head.seq == 0;
	s->server = (struct zcopy){ .self = z->self,
		.local = z->local,
		.depot = z->depot,
		.zone = z->zone,
		.category = z->category };
	*t = (struct zcopy_take){
		.z = &s->server, .all = true, .on_head = survey_head, .ctx = s
	};
	if (zcopy_take_fetch(t, 0, e) == 0) {
		if (zcopy_take_check(t, &s->server.at, e) < 0)
			return -1;
	} else if (e->code != ERR_NOT_FOUND) {
		return -1;
	}
	if (s->doubtful)
		return by_removed(z, e);
	err_clear(e);
	s->server.hash = t->hash;
	if (t->n_heads > 0 && t->key == NULL)
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "what the server's %s zone holds cannot be checked here",
		    category_name(z->category));
	return local_records_each(z->local, &z->zone, 0, compare_one, s, e);
}

static void
tell(const struct zcopy *z, const struct survey *s, struct zcopy_loss *out)
{
	*out = (struct zcopy_loss){ .here = z->at.head.seq,
		.there = s->server.at.head.seq,
		.whole = s->whole,
		.newer = s->n_newer };
}

int
zcopy_compare(struct zcopy *z, struct zcopy_loss *out, struct err *e)
{
	OWN(survey_free) struct survey s = { 0 };

	LOCKED(z);
	if (zcopy_reload(z, e) < 0 || survey(z, &s, e) < 0)
		return -1;
	tell(z, &s, out);
	return 0;
}

/* ---- taking over ---- */

int
zcopy_adopt_healed(struct zcopy *z, bool *healed, struct err *e)
{
	OWN(survey_free) struct survey s = { 0 };

	*healed = false;
	if (z->at.head.seq == 0)
		return 0;
	if (survey(z, &s, e) < 0)
		return -1;
	if (!s.healed || s.n_newer > 0)
		return 0;
	if (zcopy_new_base(z, e) < 0 ||
	    local_fill_take(
		s.there.fill, z->at.head.seq, &s.server.at, true, e) < 0)
		return -1;
	*healed = true;
	return zcopy_reload(z, e);
}

/* ---- bringing back ---- */

/* One healing commit's records; their bytes live in `bytes`. */
struct batch {
	struct change *list;
	struct buf *bytes; /* two each: refs, sealed */
	size_t n, size;
};

static void
batch_free(struct batch *b)
{
	for (size_t i = 0; i < 2 * b->n; i++)
		buf_free(&b->bytes[i]);
	free(b->bytes);
	free(b->list);
	*b = (struct batch){ 0 };
}

static int
take_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct batch *b = ctx;
	struct buf *refs = &b->bytes[2 * b->n], *ct = refs + 1;
	struct change *c = &b->list[b->n++];

	(void)e;
	*c = r->change;
	buf_put_bytes(refs, c->refs);
	buf_put_bytes(ct, c->ct);
	c->refs = buf_bytes(refs);
	c->ct = buf_bytes(ct);
	b->size += refs->n + ct->n;
	return 0;
}

/* One byte for each ref of the batch, in order: 1 when its blob is there. */
static int
ask_blobs(
    struct zcopy *z, const struct batch *b, struct buf *there, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };
	OWN(buf_free) struct buf some = { 0 };

	for (size_t i = 0; i < b->n; i++)
		buf_put_bytes(&ids, b->list[i].refs);
	size_t n = ids.n / ID_BYTES;
	for (size_t at = 0; at < n; at += LIMIT_EXISTS_IDS) {
		size_t k =
		    n - at < LIMIT_EXISTS_IDS ? n - at : LIMIT_EXISTS_IDS;
		buf_clear(&some);
		memset(buf_grow(&some, k), 0, k);
		/* A zone that is gone has no blobs. */
		if (z->depot->ops->blob_exists(z->depot, &z->zone,
			(const struct id *)ids.p + at, k, some.p, e) < 0) {
			if (e->code != ERR_NOT_FOUND)
				return -1;
			err_clear(e);
			memset(some.p, 0, k);
		}
		buf_put(there, some.p, k);
	}
	return 0;
}

struct healing {
	struct zcopy *z;
	zcopy_drop_fn drop;
	void *ctx;
	struct zcopy_loss *out;
};

/* Delete a record, or seal it again without the blobs that are gone. */
static int
reduce(struct healing *h, struct change *c, struct buf *refs, struct buf *ct,
    const uint8_t *there, struct err *e)
{
	struct zcopy *z = h->z;
	OWN(buf_free) struct buf plain = { 0 };
	uint32_t epoch = keyring_epoch(z->self->keyring);
	size_t kept = 0;

	if (zcopy_open_as(z, &c->id, c->version, c, &plain, e) < 0)
		return -1;
	h->out->lost++;
	c->version++;
	c->key_epoch = epoch;
	if (h->drop(h->ctx, buf_bytes(&plain))) {
		c->flags = CHANGE_DELETED;
		c->refs = c->ct = (struct bytes){ 0 };
		return 0;
	}
	for (size_t i = 0; i < refs->n / ID_BYTES; i++)
		if (there[i] != 0)
			memmove(refs->p + ID_BYTES * kept++,
			    refs->p + ID_BYTES * i, ID_BYTES);
	refs->n = ID_BYTES * kept;
	if (zcopy_record_key(z, epoch, e) < 0)
		return -1;
	struct seal_place place = { .uid = z->self->uid,
		.category = (uint8_t)z->category,
		.zone = z->zone,
		.id = c->id,
		.version = c->version };
	buf_clear(ct);
	seal_record(z->key, epoch, &place, buf_bytes(&plain), ct);
	c->refs = buf_bytes(refs);
	c->ct = buf_bytes(ct);
	return 0;
}

static int
reduce_all(struct healing *h, struct batch *b, struct err *e)
{
	OWN(buf_free) struct buf there = { 0 };
	size_t at = 0;

	if (ask_blobs(h->z, b, &there, e) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		struct change *c = &b->list[i];
		size_t n = c->refs.n / ID_BYTES;
		if (n > 0 && memchr(there.p + at, 0, n) != NULL &&
		    reduce(h, c, &b->bytes[2 * i], &b->bytes[2 * i + 1],
			there.p + at, e) < 0)
			return -1;
		at += n;
	}
	return 0;
}

/* Fill the batch with the newer records from *at on, in order of ids. */
static int
next_batch(struct zcopy *z, const struct survey *s, size_t *at, struct batch *b,
    struct err *e)
{
	b->list = mem_array(LIMIT_COMMIT_RECORDS, sizeof *b->list);
	b->bytes =
	    mem_array((size_t)2 * LIMIT_COMMIT_RECORDS, sizeof *b->bytes);
	for (; *at < s->n_newer && b->n < LIMIT_COMMIT_RECORDS &&
	     b->size < BATCH_BYTES;
	     ++*at)
		if (local_record_get(
			z->local, &z->zone, &s->newer[*at], take_one, b, e) < 0)
			return -1;
	return 0;
}

/* What the last head of a healing names, and what those before it do. */
static struct digest
heals(const struct zcopy *z, bool last)
{
	OWN(buf_free) struct buf text = { 0 };
	struct digest d = z->hash;

	if (!last) {
		buf_put_str(&text, "aumbry heal part v1");
		digest_put(&text, &z->hash);
		digest_of(buf_bytes(&text), &d);
	}
	return d;
}

struct sum_job {
	struct mac *key;
	struct digest *sum;
	bool subtract;
};

static int
sum_one(void *ctx, const struct local_record *r, struct err *e)
{
	const struct sum_job *j = ctx;

	(void)e;
	zcopy_sum_change(j->sum, j->key, &r->change, j->subtract);
	return 0;
}

/* Move the sum from the server's records to those of the batch. */
static int
move_sum(const struct survey *s, const struct batch *b, struct mac *key,
    struct digest *sum, struct err *e)
{
	struct sum_job j = { key, sum, true };

	for (size_t i = 0; i < b->n; i++) {
		if (local_fill_get(
			s->there.fill, &b->list[i].id, sum_one, &j, e) < 0)
			return -1;
		zcopy_sum_change(sum, key, &b->list[i], false);
	}
	return 0;
}

static int
bring_back(struct healing *h, struct survey *s, struct err *e)
{
	struct zcopy *z = h->z;
	struct local_zone *at = &s->server.at;
	OWN(mac_free)
	struct mac *key = zcopy_sum_key(z, keyring_epoch(z->self->keyring), e);
	struct sum_job all = { key, &at->sum, false };
	size_t done = 0;

	if (key == NULL)
		return -1;
	at->sum = (struct digest){ 0 };
	if (local_fill_each(s->there.fill, sum_one, &all, e) < 0)
		return -1;
	do {
		OWN(batch_free) struct batch b = { 0 };
		OWN(buf_free) struct buf body = { 0 };
		if (next_batch(z, s, &done, &b, e) < 0 ||
		    reduce_all(h, &b, e) < 0 ||
		    move_sum(s, &b, key, &at->sum, e) < 0)
			return -1;
		struct digest mark = heals(z, done == s->n_newer);
		struct head head;
		zcopy_sign_head(
		    &s->server, b.list, b.n, &mark, &at->sum, &head);
		commit_put(&body, &head, b.list, b.n);
		const struct depot_commit commit = { .zone = &z->zone,
			.category = z->category,
			.body = buf_bytes(&body) };
		if (z->depot->ops->commit(z->depot, &commit, e) < 0)
			return -1;
		at->head = head;
		head_hash(&head, &s->server.hash);
	} while (done < s->n_newer);
	return 0;
}

static int
by_record(const void *a, const void *b)
{
	return id_cmp(a, b);
}

int
zcopy_heal(struct zcopy *z, zcopy_drop_fn drop, void *ctx,
    struct zcopy_loss *out, struct err *e)
{
	struct healing h = { z, drop, ctx, out };
	bool healed = false;

	LOCKED(z);
	for (int i = 0;; i++) {
		OWN(survey_free) struct survey s = { 0 };
		if (zcopy_reload(z, e) < 0 || survey(z, &s, e) < 0)
			return -1;
		tell(z, &s, out);
		if (s.whole)
			return zcopy_pull_locked(z, e);
		if (s.n_newer > 1)
			qsort(s.newer, s.n_newer, sizeof *s.newer, by_record);
		if ((s.healed && s.n_newer == 0) || bring_back(&h, &s, e) == 0)
			break;
		if (e->code != ERR_CONFLICT || i >= ZCOPY_TRIES)
			return -1;
	}
	if (zcopy_adopt_healed(z, &healed, e) < 0)
		return -1;
	return healed ? 0
		      : err_set(e, ERR_CONFLICT,
			    "the %s zone changed while it was healed",
			    category_name(z->category));
}
