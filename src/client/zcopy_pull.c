/* SPDX-License-Identifier: ISC */
/* zcopy_pull.c: verifying what a server says of a zone. */
#include "client/zcopy_in.h"

#include <stdlib.h>
#include <string.h>

void
zcopy_news_free(struct zcopy_news *p)
{
	buf_free(&p->raw);
	free(p->heads);
	free(p->records);
	*p = (struct zcopy_news){ 0 };
}

static size_t
grown(size_t n)
{
	return n == 0 ? 16 : 2 * n;
}

static bool
full(size_t n)
{
	return n == 0 || (n >= 16 && (n & (n - 1)) == 0);
}

static int
parse_frames(struct zcopy_news *p, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&p->raw));

	for (;;) {
		uint8_t kind = scan_u8(&s);
		if (!scan_ok(&s))
			return err_set(e, ERR_RECORD_CORRUPT,
			    "the list of changes was cut short");
		if (kind == FRAME_END)
			break;
		if (kind == FRAME_HEAD) {
			struct bytes h = scan_take(&s, HEAD_BYTES);
			if (full(p->n_heads))
				p->heads = mem_resize(p->heads,
				    grown(p->n_heads), sizeof *p->heads);
			if (!scan_ok(&s) ||
			    head_parse(h, &p->heads[p->n_heads++], e) < 0)
				return err_set(e, ERR_RECORD_CORRUPT,
				    "a zone head is not well-formed");
		} else if (kind == FRAME_RECORD) {
			if (full(p->n_records))
				p->records = mem_resize(p->records,
				    grown(p->n_records), sizeof *p->records);
			struct local_record *r = &p->records[p->n_records++];
			r->seq = scan_u64(&s);
			if (change_take(&s, &r->change, e) < 0)
				return -1;
		} else {
			return err_set(e, ERR_UPDATE_NEEDED,
			    "the list of changes holds a frame of kind %u",
			    (unsigned)kind);
		}
	}
	p->end_seq = scan_u64(&s);
	p->end_hash = digest_take(&s);
	if (!scan_done(&s))
		return err_set(e, ERR_RECORD_CORRUPT,
		    "the list of changes is not well-formed");
	return 0;
}

static int
rolled_back(const struct zcopy *z, uint64_t seq, struct err *e)
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

/* Every new head continues the one before it. */
int
zcopy_check_chain(struct zcopy *z, const struct zcopy_news *p, struct err *e)
{
	const struct head *before = &z->at.head;
	struct digest prev = z->hash;

	for (size_t i = 0; i < p->n_heads; i++) {
		const struct head *h = &p->heads[i];
		if (!id_equal(&h->zone, &z->zone) ||
		    !id_equal(&h->owner, &z->self->uid))
			return err_set(e, ERR_RECORD_MISPLACED,
			    "the server handed out another zone's history");
		if (h->seq != before->seq + 1 || !digest_equal(&h->prev, &prev))
			return forked(z, h->seq, e);
		if (h->circle_seq < before->circle_seq ||
		    h->tombstones_gone_below < before->tombstones_gone_below)
			return err_set(e, ERR_CIRCLE_ROLLED_BACK,
			    "a change in the %s zone was made under an older "
			    "list of devices than the one before it",
			    category_name(z->category));
		if (check_signer(z, h, e) < 0)
			return -1;
		head_hash(h, &prev);
		before = h;
		if (h->seq == z->expect_seq &&
		    !digest_equal(&prev, &z->expect_hash))
			return forked(z, h->seq, e);
	}
	if (before->seq < z->expect_seq)
		return err_set(e, ERR_HISTORY_ROLLED_BACK,
		    "the server shows the %s zone at %llu, but another device "
		    "of this account has seen %llu",
		    category_name(z->category), (unsigned long long)before->seq,
		    (unsigned long long)z->expect_seq);
	if (p->end_seq < before->seq)
		return rolled_back(z, p->end_seq, e);
	if (p->end_seq != before->seq ||
	    (before->seq > 0 && !digest_equal(&p->end_hash, &prev)))
		return forked(z, p->end_seq, e);
	return 0;
}

static int
check_records(struct zcopy *z, const struct zcopy_news *p, struct err *e)
{
	uint64_t since = p->all ? 0 : z->at.head.seq;
	uint64_t seq = since;

	for (size_t i = 0; i < p->n_records; i++) {
		const struct local_record *r = &p->records[i];
		uint64_t held;
		if (r->seq < seq || r->seq <= since || r->seq > p->end_seq)
			return err_set(e, ERR_RECORD_REPLAYED,
			    "record %s comes with a position that is not new",
			    id_short(&r->change.id).s);
		seq = r->seq;
		if (zcopy_held_version(z, &r->change.id, &held, e) < 0)
			return -1;
		if (p->all ? r->change.version < held
			   : r->change.version <= held)
			return err_set(e, ERR_RECORD_REPLAYED,
			    "record %s comes in version %llu, but this device "
			    "has seen %llu",
			    id_short(&r->change.id).s,
			    (unsigned long long)r->change.version,
			    (unsigned long long)held);
	}
	return 0;
}

/* The sum does not hold: find out which lie it was. */
static int
name_the_lie(struct zcopy *z, const struct zcopy_news *p, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;

	for (size_t i = 0; i < p->n_records; i++) {
		const struct change *c = &p->records[i].change;
		if ((c->flags & CHANGE_DELETED) != 0 ||
		    zcopy_open_as(z, &c->id, c->version, c, &plain, &ignored) ==
			0)
			continue;
		for (size_t k = 0; k < p->n_records; k++)
			if (zcopy_open_as(z, &p->records[k].change.id,
				p->records[k].change.version, c, &plain,
				&ignored) == 0)
				return err_set(e, ERR_RECORD_MISPLACED,
				    "record %s came in the place of %s",
				    id_short(&p->records[k].change.id).s,
				    id_short(&c->id).s);
		for (uint64_t v = c->version; v-- > 1;)
			if (zcopy_open_as(z, &c->id, v, c, &plain, &ignored) ==
			    0)
				return err_set(e, ERR_RECORD_REPLAYED,
				    "version %llu of record %s came as %llu",
				    (unsigned long long)v, id_short(&c->id).s,
				    (unsigned long long)c->version);
		return err_set(e, ERR_RECORD_CORRUPT,
		    "record %s of the %s zone does not open",
		    id_short(&c->id).s, category_name(z->category));
	}
	return err_set(e, ERR_RECORD_REPLAYED,
	    "the records of the %s zone are not those its last signed head "
	    "stands for: one is old, or was left out",
	    category_name(z->category));
}

int
zcopy_check_sum(struct zcopy *z, const struct zcopy_news *p,
    const struct head *last, struct digest *sum, struct err *e)
{
	OWN(buf_free) struct buf clear = { 0 };
	OWN(buf_free) struct buf said = { 0 };
	OWN(secret_free)
	struct secret *key = zcopy_box_key(z, last->integrity_epoch);

	if (zcopy_sum_after(z, last->integrity_epoch, p->records, p->n_records,
		p->all, sum, e) < 0)
		return -1;
	head_put_clear(&clear, last);
	if (seal_open(key, buf_bytes(&clear),
		bytes_of(last->sum_box, sizeof last->sum_box), &said, e) < 0)
		return err_set(e, ERR_HISTORY_FORKED,
		    "the sum in a head of the %s zone does not open",
		    category_name(z->category));
	if (!bytes_equal(buf_bytes(&said), bytes_of(sum->b, DIGEST_BYTES)))
		return name_the_lie(z, p, e);
	return 0;
}

int
zcopy_fetch_all(struct zcopy *z, struct zcopy_news *p, struct err *e)
{
	p->all = true;
	if (z->depot->ops->changes(z->depot, &z->zone, 0, 0, &p->raw, e) == 0)
		return parse_frames(p, e);
	if (e->code != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	return 0;
}

static int
fetch(struct zcopy *z, unsigned wait_s, struct zcopy_news *p, struct err *e)
{
	const struct depot_ops *ops = z->depot->ops;
	uint64_t seq = z->at.head.seq;

	if (ops->changes(z->depot, &z->zone, seq, wait_s, &p->raw, e) == 0)
		return parse_frames(p, e);
	if (e->code == ERR_NOT_FOUND && seq == 0) {
		err_clear(e);
		return 0;
	}
	if (e->code == ERR_NOT_FOUND)
		return rolled_back(z, 0, e);
	if (e->code != ERR_RESYNC)
		return -1;
	buf_clear(&p->raw);
	return zcopy_fetch_all(z, p, e);
}

/* In a resync the heads from the start come again: skip what we hold. */
static int
skip_known(struct zcopy *z, struct zcopy_news *p, struct err *e)
{
	size_t known = 0;

	if (!p->all)
		return 0;
	while (known < p->n_heads && p->heads[known].seq <= z->at.head.seq)
		known++;
	if (known > 0) {
		struct digest d;
		head_hash(&p->heads[known - 1], &d);
		if (p->heads[known - 1].seq == z->at.head.seq &&
		    !digest_equal(&d, &z->hash))
			return forked(z, z->at.head.seq, e);
	}
	memmove(p->heads, p->heads + known,
	    (p->n_heads - known) * sizeof *p->heads);
	p->n_heads -= known;
	return 0;
}

static int
pull_once(struct zcopy *z, unsigned wait_s, struct err *e)
{
	OWN(zcopy_news_free) struct zcopy_news p = { 0 };
	struct local_zone next;

	if (fetch(z, wait_s, &p, e) < 0)
		return -1;
	if (p.raw.n == 0)
		return 0;
	if (skip_known(z, &p, e) < 0 || zcopy_check_chain(z, &p, e) < 0 ||
	    check_records(z, &p, e) < 0)
		return -1;
	if (p.n_heads == 0 && !p.all)
		return p.n_records == 0 ? 0 : name_the_lie(z, &p, e);
	next.head = p.n_heads > 0 ? p.heads[p.n_heads - 1] : z->at.head;
	next.sum = (struct digest){ { 0 } };
	if (!zcopy_on_faith(z, &next.head) &&
	    zcopy_check_sum(z, &p, &next.head, &next.sum, e) < 0)
		return -1;
	const struct local_news news = { p.records, p.n_records, p.heads,
		p.n_heads, p.all };
	if ((p.all && zcopy_new_base(z, e) < 0) ||
	    local_zone_put(
		z->local, &z->zone, z->at.head.seq, &next, &news, e) < 0)
		return -1;
	z->at = next;
	head_hash(&z->at.head, &z->hash);
	return 0;
}

/* A server that was put back to a backup, or a lie: see whether it is healed. */
static bool
healed(struct zcopy *z, const struct err *e)
{
	bool yes = false;
	struct err ignored;

	if (e->code != ERR_HISTORY_ROLLED_BACK && e->code != ERR_HISTORY_FORKED)
		return false;
	return zcopy_adopt_healed(z, &yes, &ignored) == 0 && yes;
}

int
zcopy_pull_locked(struct zcopy *z, unsigned wait_s, struct err *e)
{
	for (int i = 0;; i++) {
		if (zcopy_reload(z, e) < 0)
			return -1;
		if (pull_once(z, wait_s, e) == 0)
			return 0;
		/* News held against records that are newer prove no lie. */
		if (zcopy_moved(z) && i < ZCOPY_TRIES)
			continue;
		if (healed(z, e)) {
			err_clear(e);
			return 0;
		}
		return -1;
	}
}

int
zcopy_pull(struct zcopy *z, unsigned wait_s, struct err *e)
{
	LOCKED(z);
	return zcopy_pull_locked(z, wait_s, e);
}

void
zcopy_expect(struct zcopy *z, uint64_t seq, const struct digest *hash)
{
	LOCKED(z);
	z->expect_seq = seq;
	z->expect_hash = *hash;
}
