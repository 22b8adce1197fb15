/* SPDX-License-Identifier: ISC */
/* test_zone_faults.c: the disk fails, fills up or the process dies. */
/*
 * The functions below stand before libc's for this program and for SQLite
 * alike (a symbol of the executable wins over one of a library; --wrap would
 * not reach into SQLite). Each operation is run with the trouble at its 1st,
 * 2nd, 3rd… call to the disk until it comes through; after each, the store
 * opens, holds the old or the new, and collecting leaves nothing behind.
 */
#include "store/usage.h"
#include "store/zone_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_world.h"

/* Disk */

enum trouble { ONE_CALL_FAILS, DISK_STAYS_FULL, PROCESS_DIES };

static bool armed;
static enum trouble trouble;
static int calls, fail_at;

static bool
fails(void)
{
	if (!armed)
		return false;
	calls++;
	if (calls < fail_at || (trouble == ONE_CALL_FAILS && calls > fail_at))
		return false;
	if (trouble == PROCESS_DIES)
		_exit(77);
	errno = trouble == DISK_STAYS_FULL ? ENOSPC : EIO;
	return true;
}

int
fsync(int fd)
{
	return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return fails() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	return fails() ? -1 : syscall(SYS_write, fd, p, n);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

int
rename(const char *from, const char *to)
{
	return fails()
	    ? -1
	    : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* Store */

#define NOW 1700000000000LL
#define HOUR (3600LL * 1000)

static int
commit(struct store_world *s, uint64_t seq, struct err *e)
{
	struct id p = id_of('p');
	struct change list[2] = {
		{ .id = id_of('A'),
		    .version = seq,
		    .ct = bytes_str("record"),
		    .refs = bytes_of(p.b, ID_BYTES) },
		{ .id = id_of('B'), .version = seq, .ct = bytes_str("record") },
	};
	struct commit c = { .changes = list, .n = 2 };
	struct zone_commit in = { s->key, CATEGORY_BACKUP, &c, NOW,
		store_world_accept, NULL };

	if (seq == 1)
		list[0].refs.n = 0;
	c.head = (struct head){ .owner = s->key.uid,
		.zone = s->key.zone,
		.seq = seq,
		.time_ms = NOW };
	if (seq > 1) {
		OWN(buf_free) struct buf head = { 0 };
		if (zone_head(s->s.db, &s->key, &head, e) < 0)
			return -1;
		digest_of(buf_bytes(&head), &c.head.prev);
	}
	change_hash(list, 2, &c.head.changes_hash);
	return zone_commit_now(s->s.db, &in, e);
}

static int
put(struct store_world *s, unsigned char id, struct err *e)
{
	struct id b = id_of(id);

	return zone_blob_put(
	    &s->s, &s->key, &b, bytes_str("bytes of a pack"), NOW, e);
}

/* Operations, each with what shows that it happened. */

static int
do_commit(struct store_world *s, struct err *e)
{
	return commit(s, 2, e);
}

static bool
did_commit(struct store_world *s)
{
	OWN(buf_free) struct buf raw = { 0 };
	struct head h;
	struct err e;

	ok(zone_head(s->s.db, &s->key, &raw, &e), &e);
	ok(head_parse(buf_bytes(&raw), &h, &e), &e);
	assert_true(h.seq == 1 || h.seq == 2);
	return h.seq == 2;
}

static int
do_put(struct store_world *s, struct err *e)
{
	return put(s, 'q', e);
}

static bool
did_put(struct store_world *s)
{
	return store_world_has(s, 'q');
}

static int
do_delete(struct store_world *s, struct err *e)
{
	struct id p = id_of('p');

	return zone_blob_delete(&s->s, &s->key, &p, NOW, e);
}

static bool
did_delete(struct store_world *s)
{
	return !store_world_has(s, 'p');
}

static int
do_collect(struct store_world *s, struct err *e)
{
	struct zone_gc g;

	return zone_gc(&s->s, NOW + ZONE_BLOB_IDLE_MS + HOUR, &g, e);
}

static int
do_copy(struct store_world *s, struct err *e)
{
	OWN(mem_free) char *copy = file_join(s->dir.path, "copy.db");

	return db_backup(s->s.db, copy, e);
}

static bool
did_copy(struct store_world *s)
{
	OWN(mem_free) char *copy = file_join(s->dir.path, "copy.db");

	return file_exists(copy);
}

static int
do_reopen(struct store_world *s, struct err *e)
{
	store_world_close(s);
	return store_world_open(s, e);
}

static bool
did_reopen(struct store_world *s)
{
	(void)s;
	return true;
}

struct operation {
	const char *name;
	int (*run)(struct store_world *s, struct err *e);
	bool (*did)(struct store_world *s);
	/*
	 * Each call counts. SQLite passes over the sync of its rollback
	 * journal's folder, which a copy not yet renamed does not need, and
	 * over a fold of the log that fails, to try again.
	 */
	bool strict;
};

static void
note(void *arg, const struct zone_finding *f)
{
	(void)arg;
	fail_msg("%s: %s", err_name(f->what), f->text);
}

/* True when the operation says that it succeeded. */
static bool
try(struct store_world *s, const struct operation *op, int at)
{
	struct err e = { 0 };
	int status;

	calls = 0;
	fail_at = at;
	if (trouble == PROCESS_DIES) {
		store_world_close(s); /* no connection crosses a fork */
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			if (store_world_open(s, &e) < 0)
				_exit(1);
			armed = true;
			_exit(op->run(s, &e) < 0 ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_not_equal(WEXITSTATUS(status), 1);
		return WEXITSTATUS(status) == 0;
	}
	armed = true;
	int rc = op->run(s, &e);
	armed = false;
	if (rc < 0)
		assert_true(e.code ==
			(trouble == DISK_STAYS_FULL ? ERR_SERVER_FULL
						    : ERR_IO) ||
		    (trouble == DISK_STAYS_FULL && e.code == ERR_IO));
	store_world_close(s);
	return rc == 0;
}

/* One run; false when the trouble came too late to be met. */
static bool
round_trip(const struct operation *op, int at)
{
	struct store_world s = store_world_new(NOW);
	struct zone_gc g;
	struct err e;

	ok(put(&s, 'p', &e), &e);
	ok(commit(&s, 1, &e), &e);
	bool said = try(&s, op, at);
	bool met = calls >= at || (trouble == PROCESS_DIES && !said);

	/* A failure that is swallowed would be a promise without a disk. */
	if (trouble == ONE_CALL_FAILS && op->strict && met && said)
		fail_msg("%s: call %d failed in silence", op->name, at);
	ok(store_world_open(&s, &e), &e);
	bool did = op->did(&s);
	if (said && !did)
		fail_msg("%s, call %d: done and not there", op->name, at);
	ok(zone_gc(&s.s, NOW + ZONE_BLOB_UPLOAD_MS + HOUR, &g, &e), &e);
	ok(zone_check(&s.s, ZONE_CHECK_READ, note, NULL, &e), &e);
	assert_int_equal(op->did(&s), did);
	/* And it can be done now. */
	if (!did)
		ok(op->run(&s, &e), &e);
	assert_true(op->did(&s));
	store_world_free(&s);
	return met;
}

static const struct operation operations[] = {
	{ "commit", do_commit, did_commit, true },
	{ "put", do_put, did_put, true },
	{ "delete", do_delete, did_delete, true },
	{ "collect", do_collect, did_delete, true },
	{ "copy", do_copy, did_copy, false },
	{ "reopen", do_reopen, did_reopen, false },
};

static void
run_all(enum trouble kind)
{
	trouble = kind;
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		int at = 1;
		while (round_trip(&operations[i], at))
			at++;
		/* SQLite's own calls must be among them. */
		assert_true(at > 3);
	}
}

static void
a_failing_disk_leaves_old_or_new(void **arg)
{
	(void)arg;
	run_all(ONE_CALL_FAILS);
}

static void
a_full_disk_leaves_old_or_new(void **arg)
{
	(void)arg;
	run_all(DISK_STAYS_FULL);
}

static void
dying_leaves_old_or_new(void **arg)
{
	(void)arg;
	run_all(PROCESS_DIES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failing_disk_leaves_old_or_new),
		cmocka_unit_test(a_full_disk_leaves_old_or_new),
		cmocka_unit_test(dying_leaves_old_or_new),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
