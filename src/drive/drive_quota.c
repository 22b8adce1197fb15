/* SPDX-License-Identifier: ISC */
/* drive_quota.c: files that the account has no room for stop no others. */
/*
 * What comes with a new file is counted before it is read: a part of it would
 * fill the quota, and be of use to nobody. Of a file that the Drive has already
 * most may be stored, so that one is tried, alone, and what was sent in vain is
 * deleted. After that it is counted as well.
 */
#include "drive/drive_in.h"

#include <stdlib.h>
#include <string.h>

#define ASK_BYTES (1024 * 1024) /* less goes without asking */
#define REMEDY \
	"Make room: aumbry drive trash empty, then 14 days later it is free; " \
	"or ask who runs the server for a larger quota"

/* Packs are a little more than what is in them. */
static uint64_t
needs(uint64_t bytes)
{
	return bytes + bytes / 128 + 4096;
}

void
drive_taken_free(struct drive_taken *t)
{
	free(t->path);
	content_in_taken_free(&t->in);
	free(t);
}

void
drive_quota_begin(struct drive_root *r)
{
	r->room = 0;
	r->alone = false;
}

static uint64_t
ask_room(const struct drive_root *r)
{
	const struct drive_from *f = &r->d->from;

	return f->room != NULL ? f->room(f->room_ctx) : UINT64_MAX;
}

/* Bytes that are no hole. */
static uint64_t
data_bytes(struct drive_root *r, const struct drive_taken *x)
{
	const struct os_ops *o = r->os->ops;
	struct os_file *f = NULL;
	struct os_stat st;
	uint64_t sum = 0, at = 0, data, hole;
	struct err ignored;

	if (o->file_open(r->os, x->path, &st, &f, &ignored) < 0)
		return x->node.stat.size;
	while (at < st.is.size) {
		if (o->file_data(f, at, &data, &hole, &ignored) < 0 ||
		    hole <= at) {
			sum = x->node.stat.size;
			break;
		}
		sum += data < hole ? hole - data : 0;
		at = hole;
	}
	o->file_close(&f);
	return sum;
}

static void
too_much(const struct drive_taken *x, uint64_t room, struct err *e)
{
	(void)err_set(e, ERR_QUOTA_EXCEEDED,
	    "it has %ju bytes, the account has room for %ju. %s",
	    (uintmax_t)x->node.stat.size, (uintmax_t)room, REMEDY);
}

struct known {
	struct drive_root *r;
	const struct drive_taken *x;
	bool there;
};

static int
known_job(struct tx *tx, void *arg, struct err *e)
{
	struct known *k = arg;
	const struct plan_node *here = &k->x->node;
	struct drivedb_views v;
	struct plan_node n;

	drivedb_views(&v, tx, k->r->row.root);
	k->there = v.remote.find(v.remote.ctx, &here->id, &n) ||
	    v.remote.child(v.remote.ctx, &here->parent,
		bytes_of(here->name, here->name_n), &n);
	if (v.failed)
		*e = v.err;
	return v.failed ? -1 : 0;
}

/* May most of it be stored already? */
static bool
may_be_stored(struct drive_root *r, const struct drive_taken *x)
{
	struct known k = { r, x, false };
	struct err ignored;

	return !idset_has(&r->over, x->node.id.b) &&
	    db_read(drivedb_db(r->d->db), known_job, &k, &ignored) == 0 &&
	    k.there;
}

size_t
drive_quota_choose(struct drive_root *r, struct drive_taken **list, size_t n,
    bool *failed, struct err *why)
{
	uint64_t bytes = 0, left;
	size_t kept = 0;

	r->tight = r->alone;
	for (size_t i = 0; i < n; i++)
		bytes += needs(list[i]->node.stat.size);
	if (bytes < ASK_BYTES)
		return n;
	if (r->room < bytes)
		r->room = ask_room(r);
	if (r->room >= bytes) {
		if (r->room < UINT64_MAX)
			r->room -= bytes;
		return n;
	}
	left = r->room;
	for (size_t i = 0; i < n; i++) {
		struct drive_taken *x = list[i];
		uint64_t need = needs(x->node.stat.size);
		if (need > r->room && !may_be_stored(r, x))
			need = needs(data_bytes(r, x));
		else if (need > r->room)
			need = 0;
		if (need > r->room) {
			too_much(x, r->room, &why[kept]);
			failed[kept] = true;
			need = 0;
		}
		if (need > left) {
			drive_taken_free(x); /* in the next round */
			continue;
		}
		left -= need;
		list[kept++] = x;
	}
	r->room = 0; /* asked for again */
	r->tight = true;
	return kept;
}

/* What was sent in vain makes room for others. */
static void
take_back(struct drive_root *r)
{
	const struct drive *d = r->d;
	struct depot *depot = d->repo->depot;
	OWN(buf_free) struct buf packs = { 0 };
	struct err ignored;

	content_in_waiting(d->in, &packs);
	for (size_t at = 0; at < packs.n; at += ID_BYTES) {
		struct id id;
		memcpy(id.b, packs.p + at, ID_BYTES);
		(void)!depot->ops->blob_delete(
		    depot, zcopy_zone(d->zone), &id, &ignored);
	}
	content_in_forget(d->in);
}

bool
drive_quota_failed(
    struct drive_root *r, const struct drive_taken *only, const struct err *e)
{
	if (e->code != ERR_QUOTA_EXCEEDED)
		return false;
	r->alone = true; /* each by itself now */
	r->room = 0;
	if (r->tight)
		take_back(r);
	if (only != NULL)
		(void)idset_add(&r->over, only->node.id.b);
	return true;
}

void
drive_quota_why(
    struct drive_root *r, const struct drive_taken *x, struct err *why)
{
	too_much(x, ask_room(r), why);
}
