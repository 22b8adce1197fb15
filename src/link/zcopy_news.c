/* SPDX-License-Identifier: ISC */
/* zcopy_news.c: visiting what changed, without holding anybody up. */
#include "link/zcopy_in.h"

#define NEWS_BYTES ((size_t)1 << 20) /* fetched at once */

/* Whole commits, as many as fit: whoever goes on does so behind a seq. */
struct news {
	struct buf raw; /* u64 seq | change */
	uint64_t last; /* seq that is in it */
	bool more;
};

static void
news_free(struct news *n)
{
	buf_free(&n->raw);
}

static int
gather_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct news *n = ctx;

	if (n->raw.n >= NEWS_BYTES && r->seq != n->last) {
		n->more = true;
		return err_set(e, ERR_CONFLICT, "enough"); /* said to nobody */
	}
	buf_put_u64(&n->raw, r->seq);
	change_put(&n->raw, &r->change);
	n->last = r->seq;
	return 0;
}

static int
gather(struct zcopy *z, uint64_t since, struct news *n, struct err *e)
{
	struct local_zone at;

	buf_clear(&n->raw);
	n->more = false;
	/* The head first: what another process adds now comes with its seq. */
	if (local_zone_get(z->local, &z->zone, &at, e) < 0)
		return -1;
	n->last = since;
	if (local_records_each(z->local, &z->zone, since, gather_one, n, e) <
		0 &&
	    !n->more)
		return -1;
	if (!n->more && at.head.seq > n->last)
		n->last = at.head.seq;
	return 0;
}

static int
open_one(struct zcopy *z, const struct change *c, struct buf *plain,
    struct zcopy_record *v, struct err *why)
{
	LOCKED(z);
	buf_clear(plain);
	v->deleted = (c->flags & CHANGE_DELETED) != 0;
	if (v->deleted || zcopy_open_record(z, c, plain, why) == 0) {
		v->plain = buf_bytes(plain);
		return 0;
	}
	if (err_exit(why->code) != 6)
		return -1;
	v->bad = why;
	return 0;
}

static int
deliver(struct zcopy *z, const struct news *n, zcopy_visit_fn fn, void *ctx,
    struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct scan s = scan_of(buf_bytes(&n->raw));

	while (s.n > 0) {
		struct change c;
		struct err why;
		uint64_t seq = scan_u64(&s);
		if (change_take(&s, &c, e) < 0)
			return -1;
		struct zcopy_record v = { .id = c.id,
			.seq = seq,
			.version = c.version,
			.epoch = c.key_epoch,
			.refs = c.refs };
		if (open_one(z, &c, &plain, &v, &why) < 0) {
			*e = why;
			return -1;
		}
		if (fn(ctx, &v, e) < 0)
			return -1;
	}
	return 0;
}

/* A new base is written before what is held changes. */
static int
same_base(struct zcopy *z, struct zcopy_point *at, struct err *e)
{
	struct id now;

	if (zcopy_base(z, &now, e) < 0)
		return -1;
	if (id_equal(&at->base, &now))
		return 0;
	*at = (struct zcopy_point){ .seq = 0 };
	return err_set(e, ERR_RESYNC,
	    "the copy of the %s zone was replaced meanwhile",
	    category_name(z->category));
}

int
zcopy_news(struct zcopy *z, struct zcopy_point *at, zcopy_visit_fn fn,
    void *ctx, struct err *e)
{
	OWN(news_free) struct news n = { .more = true };

	if (id_zero(&at->base) && zcopy_base(z, &at->base, e) < 0)
		return -1;
	while (n.more) {
		if (gather(z, at->seq, &n, e) < 0 || same_base(z, at, e) < 0 ||
		    deliver(z, &n, fn, ctx, e) < 0)
			return -1;
		at->seq = n.last;
	}
	return 0;
}
