/* SPDX-License-Identifier: ISC */
/* zcopy_heal.c: after a server was restored from a backup. */
#include "client/zcopy_in.h"

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
	struct zcopy server; /* the server's history, taken as a copy of ours */
	struct zcopy_news news;
	const struct local_record **sorted; /* the server's, by id */
	struct id *newer; /* records that are newer here */
	size_t n_newer;
	bool whole, healed;
};

static void
survey_free(struct survey *s)
{
	secret_free(&s->server.key);
	zcopy_news_free(&s->news);
	free(s->sorted);
	free(s->newer);
	*s = (struct survey){ 0 };
}

static int
by_id(const void *a, const void *b)
{
	const struct local_record *const *x = a, *const *y = b;

	return id_cmp(&(*x)->change.id, &(*y)->change.id);
}

static const struct local_record *
find_there(const struct survey *s, const struct id *id)
{
	size_t lo = 0, hi = s->news.n_records;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = id_cmp(id, &s->sorted[mid]->change.id);
		if (c == 0)
			return s->sorted[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static int
compare_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct survey *s = ctx;
	const struct local_record *there = find_there(s, &r->change.id);

	(void)e;
	if (there != NULL && there->change.version >= r->change.version)
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
check_new_heads(struct zcopy *z, const struct zcopy_news *p, struct err *e)
{
	bool known = true;

	for (size_t i = 0; i < p->n_heads; i++) {
		const struct head *h = &p->heads[i];
		struct digest had, is;
		if (known) {
			head_hash(h, &is);
			if (local_chain_at(
				z->local, &z->zone, h->seq, &had, e) < 0)
				return -1;
			known = digest_equal(&had, &is);
		}
		if (!known && h->circle_seq < z->at.head.circle_seq &&
		    !circle_active(z->self->circle, &h->dev_id))
			return err_set(e, ERR_NOT_A_MEMBER,
			    "the server's %s zone holds a change, new to this "
			    "device, by a device that was removed",
			    category_name(z->category));
	}
	return 0;
}

static int
survey(struct zcopy *z, struct survey *s, struct err *e)
{
	struct zcopy_news *p = &s->news;

	s->server = (struct zcopy){ .self = z->self,
		.local = z->local,
		.depot = z->depot,
		.zone = z->zone,
		.category = z->category };
	if (zcopy_fetch_all(z, p, e) < 0 ||
	    zcopy_check_chain(&s->server, p, e) < 0 ||
	    check_new_heads(z, p, e) < 0)
		return -1;
	if (p->n_heads > 0 &&
	    zcopy_check_sum(&s->server, p, &p->heads[p->n_heads - 1],
		&s->server.at.sum, e) < 0)
		return -1;
	s->whole = z->at.head.seq == 0;
	for (size_t i = 0; i < p->n_heads; i++) {
		s->server.at.head = p->heads[i];
		head_hash(&p->heads[i], &s->server.hash);
		s->whole |= digest_equal(&s->server.hash, &z->hash);
		s->healed |= digest_equal(&p->heads[i].heals, &z->hash);
	}
	s->sorted = mem_array(p->n_records + 1, sizeof *s->sorted);
	for (size_t i = 0; i < p->n_records; i++)
		s->sorted[i] = &p->records[i];
	if (p->n_records > 1)
		qsort(s->sorted, p->n_records, sizeof *s->sorted, by_id);
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
	const struct local_news news = { s.news.records, s.news.n_records,
		s.news.heads, s.news.n_heads, true };
	if (zcopy_new_base(z, e) < 0 ||
	    local_zone_put(
		z->local, &z->zone, z->at.head.seq, &s.server.at, &news, e) < 0)
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
	bool found;

	b->list = mem_array(LIMIT_COMMIT_RECORDS, sizeof *b->list);
	b->bytes =
	    mem_array((size_t)2 * LIMIT_COMMIT_RECORDS, sizeof *b->bytes);
	for (; *at < s->n_newer && b->n < LIMIT_COMMIT_RECORDS &&
	     b->size < BATCH_BYTES;
	     ++*at)
		if (local_record_get(z->local, &z->zone, &s->newer[*at],
			take_one, b, &found, e) < 0)
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

/* Move the sum from the server's records to those of the batch. */
static void
move_sum(const struct survey *s, const struct batch *b, struct mac *key,
    struct digest *sum)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct local_record *was = find_there(s, &b->list[i].id);
		if (was != NULL)
			zcopy_sum_change(sum, key, &was->change, true);
		zcopy_sum_change(sum, key, &b->list[i], false);
	}
}

static int
bring_back(struct healing *h, struct survey *s, struct err *e)
{
	struct zcopy *z = h->z;
	struct local_zone *at = &s->server.at;
	OWN(mac_free)
	struct mac *key = zcopy_sum_key(z, keyring_epoch(z->self->keyring), e);
	size_t done = 0;

	if (key == NULL)
		return -1;
	at->sum = (struct digest){ 0 };
	for (size_t i = 0; i < s->news.n_records; i++)
		zcopy_sum_change(
		    &at->sum, key, &s->news.records[i].change, false);
	do {
		OWN(batch_free) struct batch b = { 0 };
		OWN(buf_free) struct buf body = { 0 };
		if (next_batch(z, s, &done, &b, e) < 0 ||
		    reduce_all(h, &b, e) < 0)
			return -1;
		move_sum(s, &b, key, &at->sum);
		struct digest mark = heals(z, done == s->n_newer);
		struct head head;
		zcopy_sign_head(
		    &s->server, b.list, b.n, &mark, &at->sum, &head);
		commit_put(&body, &head, b.list, b.n);
		if (z->depot->ops->commit(z->depot, &z->zone, z->category,
			buf_bytes(&body), e) < 0)
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
			return zcopy_pull_locked(z, 0, e);
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
