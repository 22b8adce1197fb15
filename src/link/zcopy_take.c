/* SPDX-License-Identifier: ISC */
/* zcopy_take.c: verifying what a server says of a zone, as it comes. */
#include "link/zcopy_in.h"

#include <stdlib.h>
#include <string.h>

#define LATE_MAX 4096 /* versions that a record is looked for under */

static void
forget(struct zcopy_take *t)
{
	local_fill_free(&t->fill);
	buf_free(&t->rest);
	mac_free(&t->key);
}

void
zcopy_take_free(struct zcopy_take *t)
{
	forget(t);
	*t = (struct zcopy_take){ 0 };
}

int
zcopy_rolled_back(const struct zcopy *z, uint64_t seq, struct err *e)
{
	return err_set(e, ERR_HISTORY_ROLLED_BACK,
	    "the server shows the %s zone at %llu, but this device has seen "
	    "%llu",
	    category_name(z->category), (unsigned long long)seq,
	    (unsigned long long)z->at.head.seq);
}

static int
forked(const struct zcopy *z, uint64_t seq, struct err *e)
{
	return err_set(e, ERR_HISTORY_FORKED,
	    "the server's history of the %s zone differs at %llu from what "
	    "this device knows",
	    category_name(z->category), (unsigned long long)seq);
}

/* ---- heads ---- */

/* The circle a head was made under must be ours, and its signer in it. */
static int
check_signer(struct zcopy *z, const struct head *h, struct err *e)
{
	const struct zcopy_self *self = z->self;

	if (h->circle_seq > self->circle->seq && self->refresh != NULL &&
	    self->refresh(self->ctx, e) < 0)
		return -1;
	const struct digest *at = circle_hash_at(self->circle, h->circle_seq);
	if (at == NULL)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "a change in the %s zone names entry %u of the list of "
		    "devices, which the server does not show",
		    category_name(z->category), (unsigned)h->circle_seq);
	if (!digest_equal(at, &h->circle_hash))
		return err_set(e, ERR_CIRCLE_FORKED,
		    "a change in the %s zone was made under another list of "
		    "devices",
		    category_name(z->category));
	const struct member *m = circle_member(self->circle, &h->dev_id);
	if (m == NULL || !id_equal(&h->signer, &self->uid) ||
	    !circle_active_at(self->circle, &h->dev_id, h->circle_seq))
		return err_set(e, ERR_NOT_A_MEMBER,
		    "a change in the %s zone is signed by a device that was "
		    "not in the account",
		    category_name(z->category));
	if (!head_sig_valid(h, m->device.sign_pk))
		return err_set(e, ERR_HISTORY_FORKED,
		    "a change in the %s zone carries a wrong signature",
		    category_name(z->category));
	return 0;
}

/* In a whole zone the heads from the start come again. */
static int
take_known(struct zcopy_take *t, const struct head *h, struct err *e)
{
	struct digest d;

	if (h->seq <= t->known)
		return forked(t->z, h->seq, e);
	t->known = h->seq;
	if (h->seq < t->z->at.head.seq)
		return 0;
	head_hash(h, &d);
	return digest_equal(&d, &t->z->hash) ? 0 : forked(t->z, h->seq, e);
}

/* A new head continues the one before it. */
static int
check_head(struct zcopy_take *t, const struct head *h, struct err *e)
{
	struct zcopy *z = t->z;

	if (!id_equal(&h->zone, &z->zone) ||
	    !id_equal(&h->owner, &z->self->uid))
		return err_set(e, ERR_RECORD_MISPLACED,
		    "the server handed out another zone's history");
	/* A zone of one account has no members to name. */
	if (h->format != HEAD_PZH1)
		return err_set(e, ERR_HISTORY_FORKED,
		    "a change in the %s zone claims that it is shared, which "
		    "it is not",
		    category_name(z->category));
	/* What another device vouches for needs no history before it. */
	bool vouched = t->last.seq == 0 && h->seq == z->expect_seq;
	if (!vouched && !head_follows(h, &t->last, &t->hash))
		return forked(z, h->seq, e);
	if (h->circle_seq < t->last.circle_seq ||
	    h->tombstones_gone_below < t->last.tombstones_gone_below)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "a change in the %s zone was made under an older list of "
		    "devices than the one before it",
		    category_name(z->category));
	if (check_signer(z, h, e) < 0)
		return -1;
	head_hash(h, &t->hash);
	t->last = *h;
	if (h->seq == z->expect_seq && !digest_equal(&t->hash, &z->expect_hash))
		return forked(z, h->seq, e);
	return 0;
}

static int
take_head(struct zcopy_take *t, const struct head *h, struct err *e)
{
	if (t->n_records > 0)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "the list of changes is not well-formed");
	if (t->all && h->seq <= t->z->at.head.seq)
		return take_known(t, h, e);
	if (check_head(t, h, e) < 0 ||
	    (t->on_head != NULL && t->on_head(t->ctx, h, &t->hash, e) < 0))
		return -1;
	t->n_heads++;
	return local_fill_head(t->fill, h->seq, &t->hash, e);
}

/* All heads are there: do they reach what another device has seen? */
static int
check_reach(const struct zcopy_take *t, struct err *e)
{
	const struct zcopy *z = t->z;

	return t->last.seq >= z->expect_seq
	    ? 0
	    : err_set(e, ERR_HISTORY_ROLLED_BACK,
		  "the server shows the %s zone at %llu, but another device "
		  "of this account has seen %llu",
		  category_name(z->category), (unsigned long long)t->last.seq,
		  (unsigned long long)z->expect_seq);
}

/* ---- records ---- */

/* The last head is known now, and with it the key of the sum. */
static int
begin_sum(struct zcopy_take *t, struct err *e)
{
	struct zcopy *z = t->z;

	if (t->summing)
		return 0;
	t->summing = true;
	if ((t->n_heads == 0 && !t->all) || zcopy_on_faith(z, &t->last))
		return 0;
	t->key = zcopy_sum_key(z, t->last.integrity_epoch, e);
	if (t->key == NULL)
		return -1;
	return t->all
	    ? 0
	    : zcopy_sum_here(z, t->last.integrity_epoch, t->key, &t->sum, e);
}

static int
replace_held(void *ctx, const struct local_record *r, struct err *e)
{
	struct zcopy_take *t = ctx;

	(void)e;
	t->has = true;
	t->had = r->change.version;
	if (t->key != NULL && !t->all)
		zcopy_sum_change(&t->sum, t->key, &r->change, true);
	return 0;
}

/* What is held of it must be older; it leaves the sum. */
static int
check_held(struct zcopy_take *t, const struct change *c, struct err *e)
{
	if (!t->held || t->z->at.head.seq == 0)
		return 0;
	t->has = false;
	if (local_record_get(
		t->z->local, &t->z->zone, &c->id, replace_held, t, e) < 0)
		return -1;
	if (!t->has || (t->all ? c->version >= t->had : c->version > t->had))
		return 0;
	return err_set(e, ERR_RECORD_REPLAYED,
	    "record %s comes in version %llu, but this device has seen %llu",
	    id_short(&c->id).s, (unsigned long long)c->version,
	    (unsigned long long)t->had);
}

static int
take_record(struct zcopy_take *t, const struct local_record *r, struct err *e)
{
	uint64_t since = t->all ? 0 : t->z->at.head.seq;

	if (check_reach(t, e) < 0 || begin_sum(t, e) < 0)
		return -1;
	t->n_records++;
	t->in_seq = r->seq == t->seq ? t->in_seq + 1 : 1;
	if (r->seq < t->seq || r->seq <= since || r->seq > t->last.seq ||
	    t->in_seq > LIMIT_COMMIT_RECORDS)
		return err_set(e, ERR_RECORD_REPLAYED,
		    "record %s comes with a position that is not new",
		    id_short(&r->change.id).s);
	t->seq = r->seq;
	if (check_held(t, &r->change, e) < 0)
		return -1;
	if (t->key != NULL)
		zcopy_sum_change(&t->sum, t->key, &r->change, false);
	return local_fill_record(t->fill, r, e);
}

/* ---- frames ---- */

static int
take_frame(struct zcopy_take *t, const struct frame *f, struct err *e)
{
	struct local_record r = { f->change, f->seq };

	/* Lines are of those who ask for them. */
	if (t->ended || f->kind == FRAME_LINE)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "the list of changes is not well-formed");
	if (f->kind == FRAME_HEAD)
		return take_head(t, &f->head, e);
	if (f->kind == FRAME_RECORD)
		return take_record(t, &r, e);
	t->ended = true;
	t->end = *f;
	return 0;
}

static int
take_frames(struct zcopy_take *t, struct scan *s, struct err *e)
{
	struct frame f;
	bool whole;

	for (;;) {
		if (frame_take(s, &f, &whole, e) < 0)
			return -1;
		if (!whole)
			return 0;
		if (take_frame(t, &f, e) < 0)
			return -1;
	}
}

static int
take_piece(void *ctx, struct bytes x, struct err *e)
{
	struct zcopy_take *t = ctx;

	/* As much as the frame needs that began in the piece before. */
	while (t->rest.n > 0 && x.n > 0) {
		size_t n = x.n < HEAD_BYTES_MAX ? x.n : HEAD_BYTES_MAX;
		buf_put(&t->rest, x.p, n);
		x = bytes_of(x.p + n, x.n - n);
		struct scan s = scan_of(buf_bytes(&t->rest));
		if (take_frames(t, &s, e) < 0)
			return -1;
		memmove(t->rest.p, s.p, s.n);
		t->rest.n = s.n;
	}
	struct scan s = scan_of(x);
	if (x.n > 0 && take_frames(t, &s, e) < 0)
		return -1;
	buf_put(&t->rest, s.p, s.n);
	return 0;
}

static void
begin(void *ctx)
{
	struct zcopy_take *t = ctx;
	struct zcopy_take anew = { .z = t->z,
		.all = t->all,
		.held = t->held,
		.on_head = t->on_head,
		.ctx = t->ctx,
		.last = t->z->at.head,
		.hash = t->z->hash };

	forget(t);
	*t = anew;
	t->fill = local_fill_new(t->z->local, &t->z->zone);
}

int
zcopy_take_fetch(struct zcopy_take *t, uint64_t since, struct err *e)
{
	struct depot *d = t->z->depot;
	const struct depot_sink sink = { begin, take_piece, t };
	const struct zcopy *z = t->z;
	uint64_t known = z->at.head.seq;

	begin(t);
	return d->ops->changes(d, &z->zone, since,
	    known == 0	 ? z->expect_seq
		: t->all ? known
			 : 0,
	    &sink, e);
}

/* ---- the end ---- */

static int
check_end(const struct zcopy_take *t, struct err *e)
{
	const struct zcopy *z = t->z;

	if (!t->ended || t->rest.n > 0)
		return err_set(e, ERR_RECORD_CORRUPT,
		    t->ended ? "the list of changes is not well-formed"
			     : "the list of changes was cut short");
	if (check_reach(t, e) < 0)
		return -1;
	if (t->end.seq < t->last.seq)
		return zcopy_rolled_back(z, t->end.seq, e);
	if (t->end.seq != t->last.seq ||
	    (t->last.seq > 0 && !digest_equal(&t->end.hash, &t->hash)))
		return forked(z, t->end.seq, e);
	return 0;
}

/* A record that does not open where it came, and where it would. */
struct lie {
	struct zcopy *z;
	struct change c; /* its bytes are in the two */
	struct buf refs, ct;
	bool found;
	struct id at; /* it opens in this one's place */
	bool misplaced;
};

static void
lie_free(struct lie *l)
{
	buf_free(&l->refs);
	buf_free(&l->ct);
}

static bool
opens_as(const struct lie *l, const struct change *c, const struct id *id,
    uint64_t version)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;

	return zcopy_open_as(l->z, id, version, c, &plain, &ignored) == 0;
}

static int
first_closed(void *ctx, const struct local_record *r, struct err *e)
{
	struct lie *l = ctx;

	(void)e;
	if (l->found || (r->change.flags & CHANGE_DELETED) != 0 ||
	    opens_as(l, &r->change, &r->change.id, r->change.version))
		return 0;
	l->found = true;
	l->c = r->change;
	buf_put_bytes(&l->refs, r->change.refs);
	buf_put_bytes(&l->ct, r->change.ct);
	l->c.refs = buf_bytes(&l->refs);
	l->c.ct = buf_bytes(&l->ct);
	return 0;
}

static int
place_of(void *ctx, const struct local_record *r, struct err *e)
{
	struct lie *l = ctx;

	(void)e;
	if (!l->misplaced &&
	    opens_as(l, &l->c, &r->change.id, r->change.version)) {
		l->misplaced = true;
		l->at = r->change.id;
	}
	return 0;
}

static int
which_lie(struct zcopy_take *t, struct err *e)
{
	OWN(lie_free) struct lie l = { .z = t->z };
	const struct change *c = &l.c;

	if (local_fill_each(t->fill, first_closed, &l, e) < 0)
		return -1;
	if (!l.found)
		return err_set(e, ERR_RECORD_REPLAYED,
		    "the records of the %s zone are not those its last signed "
		    "head stands for: one is old, or was left out",
		    category_name(t->z->category));
	if (local_fill_each(t->fill, place_of, &l, e) < 0)
		return -1;
	if (l.misplaced)
		return err_set(e, ERR_RECORD_MISPLACED,
		    "record %s came in the place of %s", id_short(&l.at).s,
		    id_short(&c->id).s);
	/* No server says how long this takes. */
	for (uint64_t v = c->version; v-- > 1 && c->version - v <= LATE_MAX;)
		if (opens_as(&l, c, &c->id, v))
			return err_set(e, ERR_RECORD_REPLAYED,
			    "version %llu of record %s came as %llu",
			    (unsigned long long)v, id_short(&c->id).s,
			    (unsigned long long)c->version);
	return err_set(e, ERR_RECORD_CORRUPT,
	    "record %s of the %s zone does not open", id_short(&c->id).s,
	    category_name(t->z->category));
}

/*
 * The sum does not hold: find out which lie it was. The server's it is, or that
 * of the device whose word the sum is.
 */
static int
name_the_lie(struct zcopy_take *t, struct err *e)
{
	struct id_text by = id_text(&t->last.dev_id);

	if (which_lie(t, e) == 0 || t->n_heads == 0)
		return -1;
	return err_remedy(e,
	    "The server lies; or, if you no longer trust it, device %.8s, "
	    "which signed this: aumbry device remove %.8s",
	    by.s, by.s);
}

/*
 * A box that its key does not open is the signer's doing: nobody else can put
 * one into a signed head.
 */
static int
spoiled(const struct zcopy_take *t, struct err *e)
{
	struct id_text by = id_text(&t->last.dev_id);

	(void)err_set(e, ERR_ZONE_SPOILED,
	    "the sum in the last head of the %s zone, which device %.8s has "
	    "signed, does not open",
	    category_name(t->z->category), by.s);
	return err_remedy(e,
	    "Put that device out: aumbry device remove %.8s (or on another "
	    "device; or recover the account with a recovery key)",
	    by.s);
}

/*
 * The last word of a device that was put out binds nobody: what came is taken
 * by its chain, and the next head has a sum again. Who has nothing of the zone
 * yet goes no further than a box of noise, which proves who lies.
 */
static bool
put_out(const struct zcopy_take *t, bool noise)
{
	const struct zcopy *z = t->z;

	return !circle_active(z->self->circle, &t->last.dev_id) &&
	    (noise || (t->held && !t->all && z->at.head.seq > 0));
}

int
zcopy_take_check(struct zcopy_take *t, struct local_zone *next, struct err *e)
{
	OWN(buf_free) struct buf clear = { 0 };
	OWN(buf_free) struct buf said = { 0 };
	const struct head *h = &t->last;

	if (check_end(t, e) < 0 || begin_sum(t, e) < 0)
		return -1;
	*next = (struct local_zone){ .head = *h };
	if (t->n_heads == 0 && !t->all && t->n_records > 0)
		return name_the_lie(t, e);
	if (t->key == NULL)
		return 0;
	OWN(secret_free)
	struct secret *key = zcopy_box_key(t->z, h->integrity_epoch);
	next->sum = t->sum;
	head_put_clear(&clear, h);
	if (seal_open(key, buf_bytes(&clear),
		bytes_of(h->sum_box, sizeof h->sum_box), &said, e) < 0)
		return put_out(t, true) ? 0 : spoiled(t, e);
	return bytes_equal(
		   buf_bytes(&said), bytes_of(t->sum.b, DIGEST_BYTES)) ||
		put_out(t, false)
	    ? 0
	    : name_the_lie(t, e);
}
