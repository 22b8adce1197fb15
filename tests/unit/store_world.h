/* SPDX-License-Identifier: ISC */
/* store_world.h: a store in a scratch directory, for one account's zone. */
/* After <cmocka.h>. */
#pragma once

#include "scratch_dir.h"

#include "base/file.h"
#include "store/blob_dir.h"
#include "store/zone_blob.h"

struct store_world {
	struct scratch dir;
	struct zone_store s;
	struct zone_key key;
	struct digest prev; /* hash of the current head */
	uint64_t seq;
	int64_t now;
};

static inline void
ok(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_name(e->code), e->msg);
}

static inline struct id
id_of(unsigned char c)
{
	struct id id;

	memset(id.b, c, ID_BYTES);
	return id;
}

/* Open what is in the directory, and make what is not. */
static inline int
store_world_open(struct store_world *w, struct err *e)
{
	OWN(mem_free) char *db = file_join(w->dir.path, "x.db");
	OWN(mem_free) char *blobs = file_join(w->dir.path, "blobs");

	if (db_open(db, DB_SERVER, &w->s.db, e) < 0 ||
	    zone_open(w->s.db, e) < 0)
		return -1;
	return blob_dir_open(blobs, ERR_SERVER_FULL, &w->s.blobs, e);
}

static inline void
store_world_close(struct store_world *w)
{
	db_free(&w->s.db);
	blob_store_free(&w->s.blobs);
}

static inline struct store_world
store_world_new(int64_t now)
{
	struct store_world w = { .dir = scratch_new(),
		.key = { id_of('u'), id_of('z') },
		.now = now };
	struct err e;

	ok(store_world_open(&w, &e), &e);
	return w;
}

static inline void
store_world_free(struct store_world *w)
{
	store_world_close(w);
	scratch_free(&w->dir);
}

/* A judge who accepts every head. */
static inline int
store_world_accept(
    struct tx *tx, const struct head *h, void *arg, struct err *e)
{
	(void)tx;
	(void)h;
	(void)arg;
	(void)e;
	return 0;
}

/* Whether that blob is there, with a file of its length. */
static inline bool
store_world_has(struct store_world *w, unsigned char id)
{
	OWN(fd_close) int fd = -1;
	struct id b = id_of(id);
	struct zone_blob blob;
	struct err e = { 0 };

	if (zone_blob_open(&w->s, &w->key, &b, &fd, &blob, &e) == 0)
		return true;
	assert_int_equal(e.code, ERR_NOT_FOUND);
	return false;
}
