/* SPDX-License-Identifier: ISC */
/* zcopy.c: what is held of a zone, its live sum, and visiting it. */
#include "link/zcopy_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
zcopy_unlock(pthread_mutex_t **m)
{
	(void)pthread_mutex_unlock(*m);
}

int
zcopy_open(const struct zcopy_self *self, const struct zcopy_of *of,
    struct zcopy **out, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = mem_new(sizeof *z);

	z->self = self;
	z->local = of->local;
	z->depot = of->depot;
	z->zone = *of->zone;
	z->category = of->category;
	(void)pthread_mutex_init(&z->own_lock, NULL);
	if (local_zone_get(of->local, of->zone, &z->at, e) < 0)
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
		(void)pthread_mutex_destroy(&(*z)->own_lock);
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

static const struct secret *
key_of(struct zcopy *z, uint32_t epoch, struct err *e)
{
	const struct secret *key =
	    keyring_category(z->self->keyring, z->category, epoch);

	if (key == NULL)
		(void)err_set(e, ERR_CATEGORY_CLOSED,
		    "the key of %s, epoch %u, is not held here",
		    category_name(z->category), (unsigned)epoch);
	return key;
}

const struct secret *
zcopy_write_key(struct zcopy *z, uint32_t *epoch, struct err *e)
{
	LOCKED(z);
	*epoch = keyring_epoch(z->self->keyring);
	return key_of(z, *epoch, e);
}

const struct secret *
zcopy_read_key(struct zcopy *z, uint32_t epoch, struct err *e)
{
	LOCKED(z);
	return key_of(z, epoch, e);
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

int
zcopy_reload(struct zcopy *z, struct err *e)
{
	if (local_zone_get(z->local, &z->zone, &z->at, e) < 0)
		return -1;
	z->hash = (struct digest){ { 0 } };
	if (z->at.head.seq > 0)
		head_hash(&z->at.head, &z->hash);
	return 0;
}

bool
zcopy_moved(struct zcopy *z)
{
	struct local_zone now;
	struct err ignored;

	return local_zone_get(z->local, &z->zone, &now, &ignored) == 0 &&
	    now.head.seq != z->at.head.seq;
}

bool
zcopy_on_faith(const struct zcopy *z, const struct head *h)
{
	const struct zcopy_self *self = z->self;

	return keyring_integrity(
		   self->keyring, z->category, h->integrity_epoch) == NULL &&
	    (self->unverified ||
		h->integrity_epoch < self->circle->first_epoch ||
		keyring_lacks(self->keyring, h->integrity_epoch));
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

void
zcopy_sum_change(
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

struct mac *
zcopy_sum_key(const struct zcopy *z, uint32_t epoch, struct err *e)
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

struct secret *
zcopy_box_key(const struct zcopy *z, uint32_t epoch)
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
	zcopy_sum_change(j->sum, j->key, &r->change, false);
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
	zcopy_sum_change(j->sum, j->key, &r->change, true);
	return 0;
}

int
zcopy_sum_here(struct zcopy *z, uint32_t epoch, struct mac *key,
    struct digest *sum, struct err *e)
{
	static const struct digest none;

	*sum = z->at.sum;
	if (z->at.head.seq == 0)
		*sum = (struct digest){ 0 };
	/* A sum of zeros: of nothing, or it was taken on faith. */
	else if ((epoch != z->at.head.integrity_epoch ||
		     digest_equal(&z->at.sum, &none) ||
		     zcopy_on_faith(z, &z->at.head)) &&
	    sum_held(z, key, sum, e) < 0)
		return -1;
	return 0;
}

/* What the sum becomes when `list` replaces what is held of the same ids. */
int
zcopy_sum_after(struct zcopy *z, uint32_t epoch, const struct change *list,
    size_t n, struct digest *sum, struct err *e)
{
	OWN(mac_free) struct mac *key = zcopy_sum_key(z, epoch, e);
	struct sum_job j = { key, sum };

	if (key == NULL || zcopy_sum_here(z, epoch, key, sum, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (local_record_get(z->local, &z->zone, &list[i].id,
			subtract_one, &j, e) < 0)
			return -1;
		zcopy_sum_change(sum, key, &list[i], false);
	}
	return 0;
}

/* ---- reading records ---- */

int
zcopy_record_key(struct zcopy *z, uint32_t epoch, struct err *e)
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

int
zcopy_open_as(struct zcopy *z, const struct id *id, uint64_t version,
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
	if (zcopy_record_key(z, epoch, e) < 0)
		return -1;
	return seal_record_open(z->key, &place, c->ct, out, e);
}

int
zcopy_open_record(
    struct zcopy *z, const struct change *c, struct buf *out, struct err *e)
{
	if (zcopy_open_as(z, &c->id, c->version, c, out, e) < 0)
		return err_in(e, "record %s", id_short(&c->id).s);
	return 0;
}

static int
held_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct zcopy_held *held = ctx;

	(void)e;
	held->version = r->change.version;
	held->deleted = (r->change.flags & CHANGE_DELETED) != 0;
	return 0;
}

int
zcopy_held(
    struct zcopy *z, const struct id *id, struct zcopy_held *out, struct err *e)
{
	*out = (struct zcopy_held){ 0 };
	return local_record_get(z->local, &z->zone, id, held_one, out, e);
}

/* ---- visiting ---- */

struct visit_job {
	struct zcopy *z;
	zcopy_visit_fn fn;
	void *ctx;
	struct buf plain;
	bool all; /* also what does not open */
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
	struct zcopy_record v = { .id = r->change.id,
		.version = r->change.version,
		.seq = r->seq,
		.epoch = r->change.key_epoch,
		.refs = r->change.refs };
	struct err why;

	if ((r->change.flags & CHANGE_DELETED) != 0)
		return 0;
	buf_clear(&j->plain);
	if (zcopy_open_record(j->z, &r->change, &j->plain, &why) < 0) {
		if (!j->all || err_exit(why.code) != 6) {
			*e = why;
			return -1;
		}
		buf_clear(&j->plain);
		v.bad = &why;
	}
	v.plain = buf_bytes(&j->plain);
	return j->fn(j->ctx, &v, e);
}

int
zcopy_each(struct zcopy *z, uint64_t since, zcopy_visit_fn fn, void *ctx,
    struct err *e)
{
	OWN(visit_free) struct visit_job j = { z, fn, ctx, { 0 }, false };

	LOCKED(z);
	return local_records_each(z->local, &z->zone, since, visit_one, &j, e);
}

int
zcopy_each_all(struct zcopy *z, uint64_t since, zcopy_visit_fn fn, void *ctx,
    struct err *e)
{
	OWN(visit_free) struct visit_job j = { z, fn, ctx, { 0 }, true };

	LOCKED(z);
	return local_records_each(z->local, &z->zone, since, visit_one, &j, e);
}

struct get_job {
	struct zcopy *z;
	struct buf *out;
	uint64_t version; /* 0: not there */
};

static int
get_one(void *ctx, const struct local_record *r, struct err *e)
{
	struct get_job *j = ctx;

	if ((r->change.flags & CHANGE_DELETED) != 0)
		return 0;
	j->version = r->change.version;
	return zcopy_open_record(j->z, &r->change, j->out, e);
}

int
zcopy_look(struct zcopy *z, const struct id *id, uint64_t *version,
    struct buf *plain, struct err *e)
{
	struct get_job j = { z, plain, 0 };

	LOCKED(z);
	int rc = local_record_get(z->local, &z->zone, id, get_one, &j, e);
	*version = j.version;
	return rc;
}

int
zcopy_get(
    struct zcopy *z, const struct id *id, struct buf *plain, struct err *e)
{
	uint64_t version;

	if (zcopy_look(z, id, &version, plain, e) < 0)
		return -1;
	if (version == 0)
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

static int
verify_once(struct zcopy *z, struct err *e)
{
	OWN(visit_free)
	struct visit_job j = { z, open_one, NULL, { 0 }, false };
	struct digest sum;

	if (zcopy_reload(z, e) < 0)
		return -1;
	if (z->at.head.seq == 0)
		return 0;
	if (zcopy_on_faith(z, &z->at.head))
		return local_records_each(
		    z->local, &z->zone, 0, visit_one, &j, e);
	OWN(mac_free)
	struct mac *key = zcopy_sum_key(z, z->at.head.integrity_epoch, e);
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

int
zcopy_verify(struct zcopy *z, struct err *e)
{
	LOCKED(z);
	for (int i = 0;; i++) {
		if (verify_once(z, e) == 0)
			return 0;
		if (!zcopy_moved(z) || i >= ZCOPY_TRIES)
			return -1;
	}
}
