/* SPDX-License-Identifier: ISC */
/* zcopy.c: verifying what a server says of a zone, and adding to it. */
#include "client/zcopy.h"

#include "base/now.h"
#include "vault/seal.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_TRIES 32 /* lost races before we say conflict */

struct zcopy {
	const struct zcopy_self *self;
	struct local *local;
	struct depot *depot;
	struct id zone;
	enum category category;
	pthread_mutex_t lock;
	struct local_zone at; /* as in state.db */
	struct digest hash; /* of at.head */
	uint64_t expect_seq; /* 0: nothing is expected */
	struct digest expect_hash;
	/* The record key of one epoch, kept: most records share it. */
	struct secret *key;
	uint32_t key_epoch;
};

static void
unlock(pthread_mutex_t **m)
{
	(void)pthread_mutex_unlock(*m);
}

#define LOCKED(z) \
	OWN(unlock) pthread_mutex_t *locked_ = &(z)->lock; \
	(void)pthread_mutex_lock(locked_)

int
zcopy_open(const struct zcopy_self *self, struct local *local,
    struct depot *depot, const struct id *zone, enum category c,
    struct zcopy **out, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = mem_new(sizeof *z);

	z->self = self;
	z->local = local;
	z->depot = depot;
	z->zone = *zone;
	z->category = c;
	(void)pthread_mutex_init(&z->lock, NULL);
	if (local_zone_get(local, zone, &z->at, e) < 0)
		return -1;
	if (z->at.head.seq > 0)
		head_hash(&z->at.head, &z->hash);
	*out = TAKE(z);
	return 0;
}

void
zcopy_free(struct zcopy **z)
{
	if (*z != NULL) {
		(void)pthread_mutex_destroy(&(*z)->lock);
		secret_free(&(*z)->key);
	}
	free(*z);
	*z = NULL;
}

const struct id *
zcopy_zone(const struct zcopy *z)
{
	return &z->zone;
}

enum category
zcopy_category(const struct zcopy *z)
{
	return z->category;
}

struct head
zcopy_head(struct zcopy *z)
{
	LOCKED(z);
	return z->at.head;
}

uint64_t
zcopy_seq(struct zcopy *z)
{
	return zcopy_head(z).seq;
}

/* ---- the live sum: addition modulo 2^256 of keyed line digests ---- */

static void
sum_add(struct digest *sum, const struct digest *x, bool subtract)
{
	int carry = 0;

	for (int i = DIGEST_BYTES - 1; i >= 0; i--) {
		int v = subtract ? sum->b[i] - x->b[i] - carry
				 : sum->b[i] + x->b[i] + carry;
		carry = subtract ? v < 0 : v > 0xff;
		sum->b[i] = (uint8_t)v;
	}
}

static void
sum_change(
    struct digest *sum, struct mac *key, const struct change *c, bool subtract)
{
	uint8_t line[CHANGE_LINE_BYTES];
	struct digest d;

	if ((c->flags & CHANGE_DELETED) != 0)
		return;
	change_line(c, line);
	mac_of(key, bytes_of(line, sizeof line), &d);
	sum_add(sum, &d, subtract);
}

static struct mac *
sum_key(const struct zcopy *z, uint32_t epoch, struct err *e)
{
	const struct secret *i =
	    keyring_integrity(z->self->keyring, z->category, epoch);

	if (i == NULL) {
		(void)err_set(e, ERR_CATEGORY_CLOSED,
		    "the integrity key of %s, epoch %u, is not held here",
		    category_name(z->category), (unsigned)epoch);
		return NULL;
	}
	return mac_new(secret_bytes(i));
}

static struct secret *
box_key(const struct zcopy *z, uint32_t epoch)
{
	const struct secret *i =
	    keyring_integrity(z->self->keyring, z->category, epoch);

	return i == NULL ? NULL : secret_derive(i, "sum", bytes_str(""));
}

struct sum_job {
	struct mac *key;
	struct digest *sum;
};

static int
sum_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct sum_job *j = ctx;

	(void)e;
	sum_change(j->sum, j->key, &r->change, false);
	return 0;
}

/* The sum over every live record that is held here. */
static int
sum_held(struct zcopy *z, struct mac *key, struct digest *sum, struct err *e)
{
	struct sum_job j = { key, sum };

	*sum = (struct digest){ 0 };
	return local_records_each(z->local, &z->zone, 0, sum_one, &j, e);
}

static int
subtract_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct sum_job *j = ctx;

	(void)e;
	sum_change(j->sum, j->key, &r->change, true);
	return 0;
}

/* What the sum becomes when `list` replaces what is held of the same ids. */
static int
sum_after(struct zcopy *z, uint32_t epoch, const struct local_record *list,
    size_t n, bool all, struct digest *sum, struct err *e)
{
	OWN(mac_free) struct mac *key = sum_key(z, epoch, e);
	struct sum_job j = { key, sum };

	if (key == NULL)
		return -1;
	*sum = z->at.sum;
	if (all || z->at.head.seq == 0)
		*sum = (struct digest){ 0 };
	else if (epoch != z->at.head.integrity_epoch &&
	    sum_held(z, key, sum, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool found;
		if (!all &&
		    local_record_get(z->local, &z->zone, &list[i].change.id,
			subtract_one, &j, &found, e) < 0)
			return -1;
		sum_change(sum, key, &list[i].change, false);
	}
	return 0;
}

/* ---- reading records ---- */

static int
record_key(struct zcopy *z, uint32_t epoch, struct err *e)
{
	if (z->key != NULL && z->key_epoch == epoch)
		return 0;
	secret_free(&z->key);
	z->key = keyring_record(z->self->keyring, z->category, &z->zone, epoch);
	z->key_epoch = epoch;
	if (z->key == NULL)
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the key of %s, epoch %u, is not held here",
		    category_name(z->category), (unsigned)epoch);
	return 0;
}

static int
open_as(struct zcopy *z, const struct id *id, uint64_t version,
    const struct change *c, struct buf *out, struct err *e)
{
	struct seal_place place = { .uid = z->self->uid,
		.category = (uint8_t)z->category,
		.zone = z->zone,
		.id = *id,
		.version = version };
	uint32_t epoch;

	if (seal_record_epoch(c->ct, &epoch, e) < 0)
		return -1;
	if (epoch != c->key_epoch)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a record names two key epochs");
	if (record_key(z, epoch, e) < 0)
		return -1;
	return seal_record_open(z->key, &place, c->ct, out, e);
}

static int
open_record(
    struct zcopy *z, const struct change *c, struct buf *out, struct err *e)
{
	if (open_as(z, &c->id, c->version, c, out, e) < 0)
		return err_in(e, "record %s", id_short(&c->id).s);
	return 0;
}

/* ---- pulling ---- */

struct pull {
	struct buf raw;
	struct head *heads;
	size_t n_heads;
	struct local_record *records;
	size_t n_records;
	uint64_t end_seq;
	struct digest end_hash;
	bool all;
};

static void
pull_free(struct pull *p)
{
	buf_free(&p->raw);
	free(p->heads);
	free(p->records);
	*p = (struct pull){ 0 };
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
parse_frames(struct pull *p, struct err *e)
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
static int
check_chain(struct zcopy *z, const struct pull *p, struct err *e)
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

struct version_job {
	uint64_t version;
};

static int
version_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct version_job *j = ctx;

	(void)e;
	j->version = r->change.version;
	return 0;
}

static int
held_version(
    struct zcopy *z, const struct id *id, uint64_t *version, struct err *e)
{
	struct version_job j = { 0 };
	bool found;

	if (local_record_get(
		z->local, &z->zone, id, version_one, &j, &found, e) < 0)
		return -1;
	*version = j.version;
	return 0;
}

static int
check_records(struct zcopy *z, const struct pull *p, struct err *e)
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
		if (held_version(z, &r->change.id, &held, e) < 0)
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
name_the_lie(struct zcopy *z, const struct pull *p, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;

	for (size_t i = 0; i < p->n_records; i++) {
		const struct change *c = &p->records[i].change;
		if ((c->flags & CHANGE_DELETED) != 0 ||
		    open_as(z, &c->id, c->version, c, &plain, &ignored) == 0)
			continue;
		for (size_t k = 0; k < p->n_records; k++)
			if (open_as(z, &p->records[k].change.id,
				p->records[k].change.version, c, &plain,
				&ignored) == 0)
				return err_set(e, ERR_RECORD_MISPLACED,
				    "record %s came in the place of %s",
				    id_short(&p->records[k].change.id).s,
				    id_short(&c->id).s);
		for (uint64_t v = c->version; v-- > 1;)
			if (open_as(z, &c->id, v, c, &plain, &ignored) == 0)
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

static int
check_sum(struct zcopy *z, const struct pull *p, const struct head *last,
    struct digest *sum, struct err *e)
{
	OWN(buf_free) struct buf clear = { 0 };
	OWN(buf_free) struct buf said = { 0 };
	OWN(secret_free) struct secret *key = box_key(z, last->integrity_epoch);

	if (sum_after(z, last->integrity_epoch, p->records, p->n_records,
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

static int
fetch(struct zcopy *z, unsigned wait_s, struct pull *p, struct err *e)
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
	p->all = true;
	if (ops->changes(z->depot, &z->zone, 0, 0, &p->raw, e) < 0)
		return -1;
	return parse_frames(p, e);
}

/* In a resync the heads from the start come again: skip what we hold. */
static int
skip_known(struct zcopy *z, struct pull *p, struct err *e)
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

/* Another process of this home may have moved the copy. */
static int
reload(struct zcopy *z, struct err *e)
{
	if (local_zone_get(z->local, &z->zone, &z->at, e) < 0)
		return -1;
	z->hash = (struct digest){ { 0 } };
	if (z->at.head.seq > 0)
		head_hash(&z->at.head, &z->hash);
	return 0;
}

/* *moved: another process took something in meanwhile; nothing was done. */
static int
pull_once(struct zcopy *z, unsigned wait_s, bool *moved, struct err *e)
{
	OWN(pull_free) struct pull p = { 0 };
	struct local_zone next;

	if (fetch(z, wait_s, &p, e) < 0)
		return -1;
	if (p.raw.n == 0)
		return 0;
	if (skip_known(z, &p, e) < 0 || check_chain(z, &p, e) < 0 ||
	    check_records(z, &p, e) < 0)
		return -1;
	if (p.n_heads == 0 && !p.all)
		return p.n_records == 0 ? 0 : name_the_lie(z, &p, e);
	next.head = p.n_heads > 0 ? p.heads[p.n_heads - 1] : z->at.head;
	if (check_sum(z, &p, &next.head, &next.sum, e) < 0)
		return -1;
	if (local_zone_put(z->local, &z->zone, z->at.head.seq, &next, p.records,
		p.n_records, p.all, e) < 0) {
		*moved = e->code == ERR_CONFLICT;
		return -1;
	}
	z->at = next;
	head_hash(&z->at.head, &z->hash);
	return 0;
}

static int
pull(struct zcopy *z, unsigned wait_s, struct err *e)
{
	for (int i = 0;; i++) {
		bool moved = false;
		if (reload(z, e) < 0)
			return -1;
		if (pull_once(z, wait_s, &moved, e) == 0)
			return 0;
		if (!moved || i >= COMMIT_TRIES)
			return -1;
	}
}

int
zcopy_pull(struct zcopy *z, unsigned wait_s, struct err *e)
{
	LOCKED(z);
	return pull(z, wait_s, e);
}

void
zcopy_expect(struct zcopy *z, uint64_t seq, const struct digest *hash)
{
	LOCKED(z);
	z->expect_seq = seq;
	z->expect_hash = *hash;
}

/* ---- committing ---- */

/* One try's records: sealed bytes live in `sealed`, in the order of `list`. */
struct draft {
	struct change *list;
	struct local_record *records;
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
	free(d->records);
	buf_free(&d->body);
	*d = (struct draft){ 0 };
}

static int
by_id(const void *a, const void *b)
{
	return id_cmp(
	    &((const struct change *)a)->id, &((const struct change *)b)->id);
}

static int
seal_edits(struct zcopy *z, const struct zcopy_edit *edits, size_t n,
    struct draft *d, struct err *e)
{
	uint32_t epoch = keyring_epoch(z->self->keyring);

	d->list = mem_array(n, sizeof *d->list);
	d->records = mem_array(n, sizeof *d->records);
	d->sealed = mem_array(n, sizeof *d->sealed);
	d->n = n;
	if (record_key(z, epoch, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct change *c = &d->list[i];
		uint64_t held;
		if (held_version(z, &edits[i].id, &held, e) < 0)
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
		c->ct = buf_bytes(&d->sealed[i]);
		c->refs = edits[i].refs;
		if (c->ct.n > LIMIT_RECORD_BYTES)
			return err_set(e, ERR_TOO_LARGE,
			    "a record is larger than %d bytes",
			    LIMIT_RECORD_BYTES);
	}
	qsort(d->list, n, sizeof *d->list, by_id);
	for (size_t i = 0; i < n; i++)
		d->records[i] =
		    (struct local_record){ d->list[i], z->at.head.seq + 1 };
	return 0;
}

static int
sign_head(struct zcopy *z, struct draft *d, struct err *e)
{
	const struct zcopy_self *self = z->self;
	struct head *h = &d->next.head;
	OWN(buf_free) struct buf clear = { 0 };
	OWN(buf_free) struct buf box = { 0 };
	uint64_t now = (uint64_t)now_ms();

	*h = (struct head){ .owner = self->uid,
		.zone = z->zone,
		.seq = z->at.head.seq + 1,
		.prev = z->hash,
		.tombstones_gone_below = z->at.head.tombstones_gone_below,
		.integrity_epoch = keyring_epoch(self->keyring),
		.circle_seq = self->circle->seq,
		.circle_hash = self->circle->head,
		.signer = self->uid,
		.dev_id = self->dev_id,
		.time_ms =
		    now > z->at.head.time_ms ? now : z->at.head.time_ms };
	change_hash(d->list, d->n, &h->changes_hash);
	if (sum_after(z, h->integrity_epoch, d->records, d->n, false,
		&d->next.sum, e) < 0)
		return -1;
	OWN(secret_free) struct secret *key = box_key(z, h->integrity_epoch);
	head_put_clear(&clear, h);
	seal_make(key, buf_bytes(&clear), bytes_of(d->next.sum.b, DIGEST_BYTES),
	    &box);
	assert(box.n == HEAD_SUM_BOX);
	memcpy(h->sum_box, box.p, box.n);
	buf_clear(&clear);
	head_put_signed(&clear, h);
	devkey_sign(self->key, SIG_HEAD, buf_bytes(&clear), h->sig);
	commit_put(&d->body, h, d->list, d->n);
	return 0;
}

/* The answer got lost: did the commit get through? */
static bool
got_through(struct zcopy *z, const struct draft *d)
{
	struct digest want;
	struct err ignored;

	head_hash(&d->next.head, &want);
	return pull(z, 0, &ignored) == 0 && digest_equal(&z->hash, &want);
}

static int
commit_once(
    struct zcopy *z, const struct zcopy_edit *edits, size_t n, struct err *e)
{
	OWN(draft_free) struct draft d = { 0 };

	if (reload(z, e) < 0 || seal_edits(z, edits, n, &d, e) < 0 ||
	    sign_head(z, &d, e) < 0)
		return -1;
	if (z->depot->ops->commit(
		z->depot, &z->zone, z->category, buf_bytes(&d.body), e) < 0) {
		if (e->code == ERR_SERVER_UNREACHABLE && got_through(z, &d))
			return 0;
		return -1;
	}
	/* Another process may have pulled what we just committed. */
	if (local_zone_put(z->local, &z->zone, z->at.head.seq, &d.next,
		d.records, d.n, false, e) < 0 &&
	    e->code != ERR_CONFLICT)
		return -1;
	return reload(z, e);
}

int
zcopy_commit(struct zcopy *z, const struct zcopy_edit *edits, size_t n,
    zcopy_check_fn check, void *ctx, struct err *e)
{
	assert(n <= LIMIT_COMMIT_RECORDS);
	for (int i = 0; i < COMMIT_TRIES; i++) {
		if (check != NULL && check(ctx, e) < 0)
			return -1;
		LOCKED(z);
		if (commit_once(z, edits, n, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT || pull(z, 0, e) < 0)
			return -1;
	}
	return err_set(e, ERR_CONFLICT,
	    "other devices change the %s zone faster than this one can",
	    category_name(z->category));
}

/* ---- visiting ---- */

struct visit_job {
	struct zcopy *z;
	zcopy_visit_fn fn;
	void *ctx;
	struct buf plain;
};

static void
visit_free(struct visit_job *j)
{
	buf_free(&j->plain);
}

static int
visit_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct visit_job *j = ctx;

	if ((r->change.flags & CHANGE_DELETED) != 0)
		return 0;
	buf_clear(&j->plain);
	if (open_record(j->z, &r->change, &j->plain, e) < 0)
		return -1;
	struct zcopy_record v = { r->change.id, r->seq, r->change.refs,
		buf_bytes(&j->plain) };
	return j->fn(j->ctx, &v, e);
}

int
zcopy_each(struct zcopy *z, uint64_t since, zcopy_visit_fn fn, void *ctx,
    struct err *e)
{
	OWN(visit_free) struct visit_job j = { z, fn, ctx, { 0 } };

	LOCKED(z);
	return local_records_each(z->local, &z->zone, since, visit_one, &j, e);
}

struct get_job {
	struct zcopy *z;
	struct buf *out;
	bool live;
};

static int
get_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct get_job *j = ctx;

	if ((r->change.flags & CHANGE_DELETED) != 0)
		return 0;
	j->live = true;
	return open_record(j->z, &r->change, j->out, e);
}

int
zcopy_get(
    struct zcopy *z, const struct id *id, struct buf *plain, struct err *e)
{
	struct get_job j = { z, plain, false };
	bool found;

	LOCKED(z);
	if (local_record_get(z->local, &z->zone, id, get_one, &j, &found, e) <
	    0)
		return -1;
	if (!j.live)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no record %s", id_short(id).s);
	return 0;
}

struct gone_job {
	zcopy_gone_fn fn;
	void *ctx;
};

static int
gone_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct gone_job *j = ctx;

	if ((r->change.flags & CHANGE_DELETED) == 0)
		return 0;
	return j->fn(j->ctx, &r->change.id, e);
}

int
zcopy_gone(
    struct zcopy *z, uint64_t since, zcopy_gone_fn fn, void *ctx, struct err *e)
{
	struct gone_job j = { fn, ctx };

	LOCKED(z);
	return local_records_each(z->local, &z->zone, since, gone_one, &j, e);
}

static int
open_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	(void)ctx;
	(void)r;
	(void)e;
	return 0;
}

int
zcopy_verify(struct zcopy *z, struct err *e)
{
	OWN(visit_free) struct visit_job j = { z, open_one, NULL, { 0 } };
	struct digest sum;

	LOCKED(z);
	if (reload(z, e) < 0)
		return -1;
	if (z->at.head.seq == 0)
		return 0;
	OWN(mac_free)
	struct mac *key = sum_key(z, z->at.head.integrity_epoch, e);
	if (key == NULL ||
	    local_records_each(z->local, &z->zone, 0, visit_one, &j, e) < 0 ||
	    sum_held(z, key, &sum, e) < 0)
		return -1;
	if (!digest_equal(&sum, &z->at.sum))
		return err_set(e, ERR_RECORD_CORRUPT,
		    "this device's copy of the %s zone is damaged",
		    category_name(z->category));
	return 0;
}
