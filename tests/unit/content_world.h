/* SPDX-License-Identifier: ISC */
/* content_world.h: a zone for a drive in a folder, and who stores and reads. */
#pragma once

#include "content/sink.h"
#include "content/source.h"
#include "link/depot_local.h"
#include "scratch_dir.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In front of the folder: counts, and fails when it is told to. */
struct front {
	struct depot base;
	struct depot *inner;
	atomic_int fail_put; /* the put that fails, counted down; 0: none */
	atomic_int fail_get; /* != 0: every get */
	atomic_uint puts, gets, commits;
	bool lose_answer; /* of the next commit */
	struct id lost; /* a pack that is not there */
	/* Called once, before the next commit. */
	void (*before)(void *ctx);
	void *before_ctx;
};

static inline struct front *
front_of(struct depot *d)
{
	return (struct front *)(void *)d;
}

static inline int
front_commit(struct depot *d, const struct depot_commit *c, struct err *e)
{
	struct front *f = front_of(d);

	void (*before)(void *ctx) = f->before;
	f->before = NULL;
	if (before != NULL)
		before(f->before_ctx);
	atomic_fetch_add(&f->commits, 1);
	if (f->inner->ops->commit(f->inner, c, e) < 0)
		return -1;
	if (!f->lose_answer)
		return 0;
	f->lose_answer = false;
	return err_set(e, ERR_SERVER_UNREACHABLE, "the answer is lost");
}

static inline int
front_changes(struct depot *d, const struct id *zone, uint64_t since,
    uint64_t heads_from, const struct depot_sink *sink, struct err *e)
{
	struct depot *inner = front_of(d)->inner;

	return inner->ops->changes(inner, zone, since, heads_from, sink, e);
}

static inline int
front_put(struct depot *d, const struct id *zone, const struct id *id,
    struct bytes body, struct err *e)
{
	struct front *f = front_of(d);

	if (atomic_load(&f->fail_put) > 0 &&
	    atomic_fetch_sub(&f->fail_put, 1) == 1)
		return err_set(e, ERR_QUOTA_EXCEEDED, "no room");
	atomic_fetch_add(&f->puts, 1);
	return f->inner->ops->blob_put(f->inner, zone, id, body, e);
}

static inline int
front_get(struct depot *d, const struct id *zone, const struct id *id,
    struct depot_part part, struct buf *out, struct err *e)
{
	struct front *f = front_of(d);

	atomic_fetch_add(&f->gets, 1);
	if (atomic_load(&f->fail_get) != 0)
		return err_set(e, ERR_SERVER_UNREACHABLE, "it is away");
	if (id_equal(id, &f->lost))
		return err_set(e, ERR_BLOB_MISSING, "it is lost");
	return f->inner->ops->blob_get(f->inner, zone, id, part, out, e);
}

static inline int
front_exists(struct depot *d, const struct id *zone, const struct id *ids,
    size_t n, uint8_t *there, struct err *e)
{
	struct depot *inner = front_of(d)->inner;

	return inner->ops->blob_exists(inner, zone, ids, n, there, e);
}

static inline int
front_delete(
    struct depot *d, const struct id *zone, const struct id *id, struct err *e)
{
	struct depot *inner = front_of(d)->inner;

	return inner->ops->blob_delete(inner, zone, id, e);
}

static const struct depot_ops front_ops = {
	.blob_delete = front_delete,
	.commit = front_commit,
	.changes = front_changes,
	.blob_put = front_put,
	.blob_get = front_get,
	.blob_exists = front_exists,
};

#define HOMES 3

struct world {
	struct scratch dir;
	struct depot_local_repo *folder;
	struct id zone;
	struct front front;
	struct local *local[HOMES];
	struct repo *repo[HOMES];
};

enum { LANE_FILES, LANE_SECRETS, LANES };

static const struct sink_lane lanes_of_drive[LANES] = {
	[LANE_FILES] = { CATEGORY_DRIVE, PTABLE_DATA, true },
	[LANE_SECRETS] = { CATEGORY_KEYCHAIN, PTABLE_SECRET, false },
};

/* Say why, as assert_return_code does not. */
#define MUST(call) \
	do { \
		if ((call) < 0) \
			fail_msg("%s: %s", err_name(e.code), e.msg); \
	} while (0)

/* Open home i, anew when it was; keychain: with the keys of secrets. */
static inline struct repo *
open_home(struct world *w, int i, bool keychain)
{
	OWN(buf_free) struct buf dir = { 0 };
	struct err e;

	repo_free(&w->repo[i]);
	local_free(&w->local[i]);
	buf_printf(&dir, "%s/home%d", w->dir.path, i);
	MUST(file_mkdirs(buf_text(&dir), 0700, &e));
	OWN(mem_free) char *state = file_join(buf_text(&dir), "state.db");
	MUST(local_open(state, &w->local[i], &e));
	const struct repo_from from = { .self = &w->folder->writer,
		.local = w->local[i],
		.depot = &w->front.base,
		.dir = buf_text(&dir),
		.zones = { [CATEGORY_DRIVE] = &w->zone,
		    [CATEGORY_KEYCHAIN] = keychain ? &w->zone : NULL } };
	MUST(repo_open(&from, &w->repo[i], &e));
	return w->repo[i];
}

static inline int
set_up(void **state)
{
	struct world *w = mem_new(sizeof *w);
	struct err e;

	w->dir = scratch_new();
	id_random(&w->zone);
	OWN(mem_free) char *path = file_join(w->dir.path, "repo");
	MUST(depot_local_create(path, bytes_str("a password"), &e));
	MUST(depot_local_open(path, bytes_str("a password"), &w->folder, &e));
	w->front =
	    (struct front){ .base = { &front_ops }, .inner = w->folder->depot };
	(void)open_home(w, 0, true);
	*state = w;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < HOMES; i++) {
		repo_free(&w->repo[i]);
		local_free(&w->local[i]);
	}
	depot_local_free(&w->folder);
	scratch_free(&w->dir);
	free(w);
	return 0;
}

/* Content nr: as many bytes, which do not compress. */
static inline void
content(unsigned nr, struct buf *out, size_t n)
{
	uint64_t x = nr * UINT64_C(0x9e3779b97f4a7c15) + 1;

	buf_clear(out);
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf_put_u8(out, (uint8_t)x);
	}
}

/* Files 0..n-1 of one chunk each, and their names. */
struct files {
	unsigned n;
	size_t bytes; /* each */
	struct digest names[1000];
	atomic_uint pending;
};

/* Hand files [from, from + n) to the sink; false: it failed. */
static inline bool
put_files(
    struct sink *s, unsigned lane, struct files *f, unsigned from, unsigned n)
{
	OWN(buf_free) struct buf x = { 0 };
	struct sink_block *b = NULL;

	for (unsigned i = from; i < from + n; i++) {
		content(i, &x, f->bytes);
		if (!sink_room(s, lane, x.n, &b))
			return false;
		memcpy(b->data + b->used, x.p, x.n);
		sink_add(b, (uint32_t)x.n, &f->names[i], &f->pending);
	}
	if (b != NULL)
		sink_submit(s, b);
	return true;
}

#define MAX_EDITS 100

/* Commit all records that wait; returns how many. What fails is in *e. */
static inline int
commit_waiting(struct world *w, struct sink *s, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };
	struct zcopy_edit edits[MAX_EDITS];
	size_t n = sink_waiting(s, &ids);

	assert_true(n <= MAX_EDITS);
	for (size_t i = 0; i < n; i++) {
		struct id pack;
		memcpy(pack.b, ids.p + i * ID_BYTES, ID_BYTES);
		assert_true(sink_edit(s, &pack, &edits[i]));
	}
	return zcopy_commit(repo_part(w->repo[0], CATEGORY_DRIVE)->zone, edits,
		   n, NULL, NULL, e) < 0
	    ? -1
	    : (int)n;
}

/* A sink of home 0 whose records are handed over. */
static inline struct sink *
drive_sink(struct world *w)
{
	struct sink *s = sink_new(w->repo[0], lanes_of_drive, LANES, 2);
	struct err e;

	MUST(sink_hand_over(s, &e));
	return s;
}
