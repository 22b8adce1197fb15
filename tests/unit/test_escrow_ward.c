/* SPDX-License-Identifier: ISC */
/* test_escrow_ward.c: an account's files, and what a crash leaves of them. */
#include "escrow_world.h"
#include "scratch_dir.h"

#include "base/file.h"

#include <errno.h>
#include <sys/wait.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

/* The disk: test_escrow_ward.flags leads these calls here. */
enum trouble { NO_TROUBLE, CALL_FAILS, PROCESS_DIES };

static enum trouble trouble;
static int calls, fail_at; /* calls so far; the one with trouble, from 1 */

static bool
fails(void)
{
	if (trouble == NO_TROUBLE || ++calls != fail_at)
		return false;
	if (trouble == PROCESS_DIES)
		_exit(9);
	errno = EIO;
	return true;
}

#define WRAPPED(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		return fails() ? -1 : __real_##name arguments; \
	}

WRAPPED(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAPPED(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at),
    (fd, p, n, at))
WRAPPED(int, fsync, (int fd), (fd))
WRAPPED(int, ftruncate, (int fd, off_t n), (fd, n))
WRAPPED(int, rename, (const char *from, const char *to), (from, to))
WRAPPED(int, unlink, (const char *path), (path))

struct bench {
	struct scratch dir;
	struct secret *root;
	struct wards *ws;
	struct world w;
	struct ward ward;
};

static void
reopen(struct bench *b)
{
	struct err e = { 0 };

	wards_free(&b->ws);
	assert_int_equal(wards_open(b->dir.path, b->root, &b->ws, &e), 0);
	assert_int_equal(wards_sweep(b->ws, &e), 0);
}

static struct bench
bench_new(void)
{
	struct bench b = { .dir = scratch_new(),
		.root = secret_random(SECRET_KEY),
		.w = world_new() };
	struct err e = { 0 };

	reopen(&b);
	assert_int_equal(ward_load(b.ws, &b.w.uid, &b.ward, &e), 0);
	assert_false(b.ward.known);
	world_genesis(&b.w, PROTECTION_ADVANCED);
	return b;
}

static void
bench_free(struct bench *b)
{
	secret_free(&b->root);
	wards_free(&b->ws);
	world_free(&b->w);
	scratch_free(&b->dir);
}

static void
load(struct bench *b)
{
	struct err e = { 0 };

	if (ward_load(b->ws, &b->w.uid, &b->ward, &e) < 0)
		fail_msg("%s", e.msg);
}

static char *
path_of(const struct bench *b, const char *suffix)
{
	OWN(buf_free) struct buf path = { 0 };
	struct id_text hex = id_text(&b->w.uid);

	buf_printf(
	    &path, "%s/accounts/%.2s/%s%s", b->dir.path, hex.s, hex.s, suffix);
	return mem_text(buf_text(&path));
}

static bool
key_file_there(const struct bench *b)
{
	OWN(mem_free) char *path = path_of(b, ".key");

	return file_exists(path);
}

/* ---- what is done to an account ---- */

static int
make_key(struct bench *b, struct err *e)
{
	return ward_make_key(b->ws, &b->ward, e) < 0
	    ? -1
	    : ward_store(b->ws, &b->ward, e);
}

static int
extend(struct bench *b, struct err *e)
{
	OWN(buf_free) struct buf fresh = { 0 };

	world_since(&b->w, b->ward.circle_seq, &fresh);
	return ward_extend(b->ws, &b->ward, &b->w.circle, buf_bytes(&fresh), e);
}

static int
order(struct bench *b, struct err *e)
{
	b->ward.order = (struct ward_order){
		.state = WARD_ORDER_WAITS, .id = { { 1 } }, .ends_ms = 12345
	};
	b->ward.registered = true;
	b->ward.registered_ms = 77;
	b->ward.journal_n = 5;
	return ward_store(b->ws, &b->ward, e);
}

static int
destroy(struct bench *b, struct err *e)
{
	return ward_destroy(b->ws, &b->ward, 6, e);
}

static int
drop(struct bench *b, struct err *e)
{
	return ward_drop(b->ws, &b->ward, e);
}

/* The account is of one piece, whatever happened. */
static void
check_whole(struct bench *b)
{
	OWN(devkey_free) struct devkey *key = NULL;
	OWN(circle_free) struct circle circle = { 0 };
	struct device self;
	struct err e = { 0 };

	reopen(b);
	load(b);
	assert_int_equal(key_file_there(b), b->ward.there);
	if (b->ward.there) {
		if (ward_key(b->ws, &b->ward, &key, &e) < 0)
			fail_msg("%s", e.msg);
		devkey_publish(key, &self);
		assert_memory_equal(self.kem_pk, b->ward.kem_pk, KEM_PK_BYTES);
	}
	if (ward_circle(b->ws, &b->ward, &circle, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(circle.seq, b->ward.circle_seq);
}

/* ---- tests ---- */

static void
what_is_stored_is_read(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(make_key(&b, &e), 0);
	assert_int_equal(extend(&b, &e), 0);
	assert_int_equal(order(&b, &e), 0);
	struct ward was = b.ward;
	check_whole(&b);
	assert_memory_equal(&b.ward, &was, sizeof was);
	world_add(&b.w, 1);
	world_add(&b.w, 2);
	assert_int_equal(extend(&b, &e), 0);
	check_whole(&b);
	assert_int_equal(b.ward.circle_seq, 3);
	assert_true(digest_equal(&b.ward.circle_head, &b.w.circle.head));
}

static void
a_destroyed_key_leaves_a_tombstone(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(mem_free) char *path = path_of(&b, ".key");
	OWN(mem_free) char *second = path_of(&b, ".link");
	OWN(buf_free) struct buf left = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(make_key(&b, &e), 0);
	assert_int_equal(extend(&b, &e), 0);
	assert_int_equal(order(&b, &e), 0);
	/* Another name for the file, to see what becomes of its bytes. */
	assert_int_equal(link(path, second), 0);
	assert_int_equal(destroy(&b, &e), 0);
	check_whole(&b);
	assert_true(b.ward.known);
	assert_false(b.ward.there);
	assert_false(b.ward.registered);
	assert_int_equal(b.ward.order.state, WARD_NO_ORDER);
	assert_true(b.ward.destroyed);
	assert_int_equal(b.ward.destroyed_clock, 6);
	assert_int_equal(b.ward.circle_seq, 1);
	assert_int_equal(b.ward.journal_n, 5);
	assert_int_equal(file_read(second, 4096, &left, &e), 0);
	assert_true(left.n > 64);
	for (size_t i = 0; i < left.n; i++)
		assert_int_equal(left.p[i], 0);
	assert_int_equal(destroy(&b, &e), 0);
}

static void
what_is_dropped_leaves_nothing(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(make_key(&b, &e), 0);
	assert_int_equal(drop(&b, &e), 0);
	check_whole(&b);
	assert_false(b.ward.known);
	assert_int_equal(drop(&b, &e), 0);
}

static const struct act {
	const char *name;
	int (*before[3])(struct bench *b, struct err *e);
	int (*run)(struct bench *b, struct err *e);
} acts[] = {
	{ "making a key", { 0 }, make_key },
	{ "the first entry", { make_key }, extend },
	{ "an order", { make_key, extend }, order },
	{ "destroying", { make_key, extend, order }, destroy },
	{ "a new key after that", { make_key, extend, destroy }, make_key },
	{ "dropping", { make_key }, drop },
};

/* `act` with trouble at call `at`: true when it came through. */
static bool
in_trouble(struct bench *b, const struct act *act, enum trouble kind, int at)
{
	struct err e = { 0 };
	int status = 0;

	for (size_t i = 0; i < ARRAY_SIZE(act->before); i++)
		if (act->before[i] != NULL)
			assert_int_equal(act->before[i](b, &e), 0);
	calls = 0;
	fail_at = at;
	trouble = kind;
	pid_t child = kind == PROCESS_DIES ? fork() : -1;
	if (child > 0) {
		trouble = NO_TROUBLE;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		return WEXITSTATUS(status) == 0;
	}
	int rc = act->run(b, &e);
	if (child == 0)
		_exit(rc == 0 ? 0 : 1);
	trouble = NO_TROUBLE;
	return rc == 0;
}

static void
trouble_at_any_call_leaves_one_piece(void **state)
{
	static const enum trouble kinds[] = { CALL_FAILS, PROCESS_DIES };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			bool done = false;
			int at = 0;
			while (!done) {
				OWN(bench_free) struct bench b = bench_new();
				struct err e = { 0 };
				done = in_trouble(&b, &acts[i], kinds[k], ++at);
				check_whole(&b);
				/* And again, to the end. */
				if (!done)
					assert_int_equal(
					    acts[i].run(&b, &e), 0);
				check_whole(&b);
				assert_true(at < 40);
			}
			print_message("# %s: %d calls\n", acts[i].name, at - 1);
			assert_true(at > 3);
		}
}

static void
what_a_crash_left_behind_the_circle_is_cut_off(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(mem_free) char *path = path_of(&b, ".circle");
	OWN(buf_free) struct buf file = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(make_key(&b, &e), 0);
	assert_int_equal(extend(&b, &e), 0);
	assert_int_equal(file_read(path, 1u << 20, &file, &e), 0);
	size_t was = file.n;
	for (int i = 0; i < 3000; i++)
		buf_put_str(&file, "x");
	assert_int_equal(file_write(path, buf_bytes(&file), 0600, &e), 0);
	check_whole(&b);
	world_add(&b.w, 1);
	assert_int_equal(extend(&b, &e), 0);
	check_whole(&b);
	assert_int_equal(b.ward.circle_seq, 2);
	buf_clear(&file);
	assert_int_equal(file_read(path, 1u << 20, &file, &e), 0);
	assert_int_equal(file.n, b.ward.circle_bytes);
	assert_true(file.n > was && file.n < was + 3000);
}

/* Any byte of any of the files. */
static void
every_changed_byte_is_found(void **state)
{
	static const char *const suffixes[] = { "", ".key", ".circle" };
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(make_key(&b, &e), 0);
	assert_int_equal(extend(&b, &e), 0);
	struct ward good = b.ward;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		OWN(mem_free) char *path = path_of(&b, suffixes[i]);
		OWN(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
		OWN(buf_free) struct buf file = { 0 };
		assert_int_equal(file_read(path, 1u << 20, &file, &e), 0);
		for (size_t at = 0; at < file.n; at++) {
			OWN(devkey_free) struct devkey *key = NULL;
			OWN(circle_free) struct circle circle = { 0 };
			uint8_t flipped = file.p[at] ^ 1;
			struct ward w;
			assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
			int rc = i == 0 ? ward_load(b.ws, &b.w.uid, &w, &e)
			    : i == 1	? ward_key(b.ws, &good, &key, &e)
					: ward_circle(b.ws, &good, &circle, &e);
			assert_int_equal(rc, -1);
			assert_true(e.code == ERR_RECORD_CORRUPT ||
			    e.code == ERR_STATE_DAMAGED);
			assert_int_equal(
			    pwrite(fd, &file.p[at], 1, (off_t)at), 1);
		}
	}
	check_whole(&b);
}

/* A file of one account in the place of another's. */
static void
files_of_another_account_open_nothing(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(mem_free) char *state_path = path_of(&b, "");
	OWN(mem_free) char *key_path = path_of(&b, ".key");
	OWN(devkey_free) struct devkey *key = NULL;
	struct ward first, second;
	struct id mine = b.w.uid;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(make_key(&b, &e), 0);
	first = b.ward;
	b.w.uid.b[ID_BYTES - 1] ^= 1;
	load(&b);
	assert_int_equal(make_key(&b, &e), 0);
	second = b.ward;
	OWN(mem_free) char *other_state = path_of(&b, "");
	OWN(mem_free) char *other_key = path_of(&b, ".key");
	assert_int_equal(rename(key_path, other_key), 0);
	assert_int_equal(ward_key(b.ws, &second, &key, &e), -1);
	/* Nor one's own under another public key. */
	OWN(devkey_free) struct devkey *own = NULL;
	assert_int_equal(rename(other_key, key_path), 0);
	struct ward odd = first;
	assert_int_equal(ward_key(b.ws, &odd, &own, &e), 0);
	devkey_free(&own);
	odd.kem_pk[0] ^= 1;
	assert_int_equal(ward_key(b.ws, &odd, &own, &e), -1);
	assert_int_equal(rename(key_path, other_key), 0);
	/* Nor with the other's public key beside it. */
	memcpy(second.kem_pk, first.kem_pk, KEM_PK_BYTES);
	assert_int_equal(ward_key(b.ws, &second, &key, &e), -1);
	assert_int_equal(rename(state_path, other_state), 0);
	assert_int_equal(ward_load(b.ws, &b.w.uid, &first, &e), -1);
	b.w.uid = mine;
	load(&b);
	assert_false(b.ward.known);
}

static int
count(void *arg, const struct id *uid, struct err *e)
{
	int *n = arg;

	(void)uid;
	(void)e;
	(*n)++;
	return 0;
}

static void
lists_all_accounts(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };
	int n = 0;

	(void)state;
	for (int i = 0; i < 30; i++) {
		id_random(&b.w.uid);
		load(&b);
		assert_int_equal(make_key(&b, &e), 0);
	}
	assert_int_equal(wards_each(b.ws, count, &n, &e), 0);
	assert_int_equal(n, 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_is_read),
		cmocka_unit_test(a_destroyed_key_leaves_a_tombstone),
		cmocka_unit_test(what_is_dropped_leaves_nothing),
		cmocka_unit_test(trouble_at_any_call_leaves_one_piece),
		cmocka_unit_test(
		    what_a_crash_left_behind_the_circle_is_cut_off),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(files_of_another_account_open_nothing),
		cmocka_unit_test(lists_all_accounts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
