/* SPDX-License-Identifier: ISC */
/* test_repo_log.c: a zone made anew from its log; a log with damage. */
#include "link/repo_log.h"

#include "base/file.h"
#include "scratch_dir.h"
#include "store/zone_import.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1764000000000LL
#define COMMITS 40

struct world {
	struct scratch dir;
	char *path, *log;
	struct db *db;
	struct zone_key key;
	struct digest prev;
	uint64_t seq, versions[8];
};

static void
ok(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_name(e->code), e->msg);
}

static int
accept(struct tx *tx, const struct head *h, void *arg, struct err *e)
{
	(void)tx;
	(void)h;
	(void)arg;
	(void)e;
	return 0;
}

static int
open_world(void **arg)
{
	struct world *w = mem_new(sizeof *w);
	struct err e;

	w->dir = scratch_new();
	w->path = file_join(w->dir.path, "x.db");
	w->log = file_join(w->dir.path, "log");
	memset(w->key.uid.b, 'u', ID_BYTES);
	memset(w->key.zone.b, 'z', ID_BYTES);
	ok(db_open(w->path, DB_OWN, &w->db, &e), &e);
	ok(zone_open(w->db, &e), &e);
	*arg = w;
	return 0;
}

static int
close_world(void **arg)
{
	struct world *w = *arg;

	db_free(&w->db);
	scratch_free(&w->dir);
	free(w->path);
	free(w->log);
	free(w);
	return 0;
}

/* One record is new, another, or gone. */
static void
commit(struct world *w)
{
	OWN(buf_free) struct buf ct = { 0 };
	unsigned which = (unsigned)(w->seq % 7);
	struct change c = { .version = ++w->versions[which], .key_epoch = 1 };
	struct commit all = { .changes = &c, .n = 1 };
	struct err e;

	memset(c.id.b, (int)('a' + which), ID_BYTES);
	if (w->seq % 5 == 4)
		c.flags = CHANGE_DELETED;
	else
		buf_printf(
		    &ct, "%llu of %u", (unsigned long long)w->seq, which);
	c.ct = buf_bytes(&ct);
	all.head = (struct head){ .owner = w->key.uid,
		.zone = w->key.zone,
		.seq = w->seq + 1,
		.prev = w->prev,
		.time_ms = NOW };
	change_hash(&c, 1, &all.head.changes_hash);
	const struct zone_commit in = { .key = w->key,
		.category = CATEGORY_BACKUP,
		.commit = &all,
		.now_ms = NOW,
		.judge = accept };
	ok(zone_commit_now(w->db, &in, &e), &e);
	head_hash(&all.head, &w->prev);
	w->seq++;
}

static int
collect(void *arg, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(arg, x);
	return 0;
}

static struct buf
stream(struct db *db, const struct zone_key *key)
{
	struct buf out = { 0 };
	struct err e;

	ok(zone_changes(db, key, 0, collect, &out, &e), &e);
	return out;
}

struct target {
	struct db *db;
	const struct world *w;
};

static int
import(void *arg, struct bytes frames, struct err *e)
{
	struct target *t = arg;

	return zone_import(t->db, &t->w->key, CATEGORY_BACKUP, frames, e);
}

/* Is what the log says the whole of the zone? */
static void
assert_holds_all(struct world *w)
{
	OWN(mem_free) char *path = file_join(w->dir.path, "again.db");
	OWN(db_free) struct db *db = NULL;
	OWN(buf_free) struct buf was = stream(w->db, &w->key);
	struct target t = { NULL, w };
	struct err e;
	uint64_t bad;

	(void)unlink(path);
	ok(db_open(path, DB_OWN, &db, &e), &e);
	ok(zone_open(db, &e), &e);
	t.db = db;
	ok(repo_log_each(w->log, &w->key.zone, import, &t, &bad, &e), &e);
	assert_int_equal(bad, 0);
	ok(zone_import_end(db, &w->key, &e), &e);
	OWN(buf_free) struct buf is = stream(db, &w->key);
	assert_true(bytes_equal(buf_bytes(&was), buf_bytes(&is)));
}

static void
holds_all_whoever_writes_and_when(void **arg)
{
	struct world *w = *arg;
	OWN(repo_log_free) struct repo_log *one = repo_log_new(w->log);
	OWN(repo_log_free) struct repo_log *other = repo_log_new(w->log);

	for (int i = 0; i < COMMITS; i++) {
		commit(w);
		/* Each third is not followed: as by a kill. */
		if (i % 3 != 0)
			repo_log_follow(
			    i % 2 == 0 ? one : other, w->db, &w->key);
	}
	repo_log_settle(other, w->db, &w->key);
	assert_holds_all(w);
	OWN(repo_log_free) struct repo_log *later = repo_log_new(w->log);
	commit(w);
	repo_log_settle(later, w->db, &w->key);
	repo_log_settle(one, w->db, &w->key);
	assert_holds_all(w);
}

static char *
only_file(const struct world *w)
{
	OWN(buf_free) struct buf name = { 0 };

	buf_printf(&name, "%s/%s-%016x", w->log, id_text(&w->key.zone).s, 1);
	return mem_text(buf_text(&name));
}

static void
a_torn_end_is_gone_on_behind(void **arg)
{
	struct world *w = *arg;
	OWN(repo_log_free) struct repo_log *l = repo_log_new(w->log);
	OWN(mem_free) char *path = only_file(w);
	OWN(buf_free) struct buf raw = { 0 };
	OWN(mem_free) char *log = file_join(w->dir.path, "log");
	struct err e;

	for (int i = 0; i < 9; i++)
		commit(w);
	repo_log_settle(l, w->db, &w->key);
	ok(file_read(path, 1 << 20, &raw, &e), &e);
	for (size_t n = 0; n < raw.n; n += raw.n / 23 + 1) {
		ok(file_write(path, bytes_of(raw.p, n), 0600, &e), &e);
		OWN(repo_log_free) struct repo_log *next = repo_log_new(w->log);
		commit(w);
		repo_log_settle(next, w->db, &w->key);
		OWN(buf_free) struct buf is = { 0 };
		OWN(db_free) struct db *db = NULL;
		struct target t = { NULL, w };
		uint64_t bad;
		OWN(mem_free) char *again = file_join(w->dir.path, "torn.db");
		(void)unlink(again);
		ok(db_open(again, DB_OWN, &db, &e), &e);
		ok(zone_open(db, &e), &e);
		t.db = db;
		ok(repo_log_each(log, &w->key.zone, import, &t, &bad, &e), &e);
		ok(zone_import_end(db, &w->key, &e), &e);
		is = stream(db, &w->key);
		OWN(buf_free) struct buf was = stream(w->db, &w->key);
		assert_true(bytes_equal(buf_bytes(&was), buf_bytes(&is)));
	}
}

struct pieces {
	struct bytes list[COMMITS * 4];
	size_t n;
	const struct pieces *known;
};

static int
piece(void *arg, struct bytes x, struct err *e)
{
	struct pieces *p = arg;

	(void)e;
	if (p->known == NULL) {
		assert_true(p->n < ARRAY_SIZE(p->list));
		p->list[p->n++] = x;
		return 0;
	}
	for (size_t i = 0; i < p->known->n; i++)
		if (bytes_equal(p->known->list[i], x)) {
			p->n++;
			return 0;
		}
	fail_msg("frames that nobody wrote");
	return -1;
}

static void
a_flipped_byte_costs_one_entry_and_makes_none_up(void **arg)
{
	struct world *w = *arg;
	OWN(repo_log_free) struct repo_log *l = repo_log_new(w->log);
	OWN(mem_free) char *path = only_file(w);
	OWN(buf_free) struct buf raw = { 0 };
	struct pieces all = { .known = NULL };
	struct err e;
	uint64_t bad = 0;

	for (int i = 0; i < 12; i++) {
		commit(w);
		repo_log_follow(l, w->db, &w->key);
	}
	ok(file_read(path, 1 << 20, &raw, &e), &e);
	ok(repo_log_read(buf_bytes(&raw), piece, &all, &bad, &e), &e);
	assert_int_equal(bad, 0);
	assert_int_equal(all.n, 12);
	OWN(buf_free) struct buf copy = { 0 };
	buf_put_bytes(&copy, buf_bytes(&raw));
	for (size_t i = 0; i < copy.n; i++) {
		struct pieces some = { .known = &all };
		copy.p[i] ^= 0x10;
		bad = 0;
		ok(repo_log_read(buf_bytes(&copy), piece, &some, &bad, &e), &e);
		assert_true(some.n >= all.n - 1);
		assert_true(bad > 0);
		copy.p[i] ^= 0x10;
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
	const struct CMUnitTest tests[] = {
		T(holds_all_whoever_writes_and_when),
		T(a_torn_end_is_gone_on_behind),
		T(a_flipped_byte_costs_one_entry_and_makes_none_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
