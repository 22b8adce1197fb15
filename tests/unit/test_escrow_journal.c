/* SPDX-License-Identifier: ISC */
/* test_escrow_journal.c: lines that stay, whatever happens to the file. */
#include "scratch_dir.h"

#include "base/file.h"
#include "escrow/journal.h"

#include <errno.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#define T0 1700000000000ULL
#define LINES 7

/* The disk: test_escrow_journal.flags leads these calls here. */
static int fail_write, fail_sync; /* the calls until one fails; 0: none does */
static size_t written_of_failed; /* bytes that a failing write leaves */
static bool fail_truncate;

ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t n);
int __wrap_ftruncate(int fd, off_t n);

ssize_t
__wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (fail_write > 0 && --fail_write == 0) {
		if (written_of_failed > 0) {
			fail_write = 1;
			n = written_of_failed;
			written_of_failed = 0;
			return __real_pwrite(fd, p, n, at);
		}
		errno = ENOSPC;
		return -1;
	}
	return __real_pwrite(fd, p, n, at);
}

int
__wrap_fdatasync(int fd)
{
	if (fail_sync > 0 && --fail_sync == 0) {
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}

int
__wrap_ftruncate(int fd, off_t n)
{
	errno = EIO;
	return fail_truncate ? -1 : __real_ftruncate(fd, n);
}

struct bench {
	struct scratch dir;
	char *path;
	struct devkey *identity;
	uint8_t pk[SIG_PK_BYTES];
	struct journal *j;
	struct id uid[2];
};

static struct bench
bench_new(void)
{
	struct bench b = { .dir = scratch_new() };
	struct device self;

	b.path = file_join(b.dir.path, "journal");
	b.identity = devkey_new(&self);
	devkey_sign_pk(b.identity, b.pk);
	id_random(&b.uid[0]);
	id_random(&b.uid[1]);
	return b;
}

static void
bench_free(struct bench *b)
{
	journal_free(&b->j);
	devkey_free(&b->identity);
	free(b->path);
	scratch_free(&b->dir);
}

static int
start(struct bench *b, enum journal_mode mode, size_t *torn, struct err *e)
{
	journal_free(&b->j);
	return journal_open(b->path, b->pk, mode, &b->j, torn, e);
}

static void
must_start(struct bench *b)
{
	struct err e = { 0 };
	size_t torn = 0;

	if (start(b, JOURNAL_SERVE, &torn, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(torn, 0);
}

static int
add(struct bench *b, int who, enum escrow_verb verb, uint64_t time_ms,
    const char *detail, struct err *e)
{
	struct journal_event x = { .uid = b->uid[who],
		.time_ms = time_ms,
		.verb = verb,
		.outcome = ESCROW_WILL_DO,
		.detail = bytes_str(detail) };
	struct journal_head head;

	return journal_add(b->j, b->identity, &x, &head, e);
}

/* LINES of two accounts, of different lengths. */
static void
fill(struct bench *b)
{
	struct err e = { 0 };

	must_start(b);
	for (unsigned i = 0; i < LINES; i++)
		assert_int_equal(
		    add(b, i % 3 == 2, ESCROW_RELEASE, T0 + i,
			i % 2 != 0 ? "request=aa way=text" : "", &e),
		    0);
}

static void
read_file(const struct bench *b, struct buf *out)
{
	struct err e = { 0 };

	assert_int_equal(file_read(b->path, 1u << 20, out, &e), 0);
}

/* No need to wait for the disk. */
static void
write_file(const struct bench *b, struct bytes x)
{
	OWN(fd_close) int fd = open(b->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	struct err e = { 0 };

	assert_int_equal(file_write_all(fd, x, &e), 0);
}

/* Where each frame ends, from the file itself. */
static void
ends_of(struct bytes file, size_t ends[static LINES])
{
	struct scan s = scan_of(file);

	for (int i = 0; i < LINES; i++) {
		(void)scan_v32(&s);
		ends[i] = file.n - s.n;
	}
	assert_true(scan_done(&s));
}

static void
two_chains_continue_over_a_start(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };

	(void)state;
	fill(&b);
	struct journal_head all = journal_head(b.j);
	struct journal_head one = journal_account(b.j, &b.uid[0]);
	assert_int_equal(all.n, LINES);
	assert_int_equal(one.n, 5);
	assert_int_equal(journal_account(b.j, &b.uid[1]).n, 2);
	must_start(&b);
	struct journal_head again = journal_head(b.j);
	assert_memory_equal(&again, &all, sizeof all);
	again = journal_account(b.j, &b.uid[0]);
	assert_memory_equal(&again, &one, sizeof one);
	assert_int_equal(journal_last_ms(b.j), T0 + LINES - 1);
	for (int who = 0; who < 2; who++) {
		OWN(buf_free) struct buf lines = { 0 };
		struct digest head = { { 0 } };
		uint64_t n = 0;
		assert_int_equal(
		    journal_lines(b.j, &b.uid[who], 0, 1u << 20, &lines, &e),
		    0);
		assert_int_equal(escrow_lines_check(buf_bytes(&lines),
				     &b.uid[who], b.pk, &n, &head, &e),
		    0);
		assert_int_equal(n, who == 0 ? 5 : 2);
	}
}

static void
as_many_lines_as_fit(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf lines = { 0 };
	struct digest head = { { 0 } };
	struct err e = { 0 };
	uint64_t n = 0;

	(void)state;
	fill(&b);
	assert_int_equal(journal_lines(b.j, &b.uid[0], 0, 500, &lines, &e), 0);
	assert_true(lines.n <= 500);
	assert_int_equal(escrow_lines_check(
			     buf_bytes(&lines), &b.uid[0], b.pk, &n, &head, &e),
	    0);
	assert_int_equal(n, 2);
	buf_clear(&lines);
	assert_int_equal(
	    journal_lines(b.j, &b.uid[0], n, 1u << 20, &lines, &e), 0);
	assert_int_equal(escrow_lines_check(
			     buf_bytes(&lines), &b.uid[0], b.pk, &n, &head, &e),
	    0);
	assert_int_equal(n, 5);
}

static void
a_line_cut_short_at_any_byte_is_cut_off(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf file = { 0 };
	struct err e = { 0 };
	size_t ends[LINES], whole = 0;

	(void)state;
	fill(&b);
	read_file(&b, &file);
	ends_of(buf_bytes(&file), ends);
	for (size_t n = 0; n <= file.n; n++) {
		size_t torn = 99;
		while (whole < LINES && ends[whole] <= n)
			whole++;
		size_t end = whole > 0 ? ends[whole - 1] : 0;
		write_file(&b, bytes_of(file.p, n));
		/* Who only looks cuts nothing. */
		assert_int_equal(start(&b, JOURNAL_LOOK, &torn, &e), 0);
		assert_int_equal(torn, n - end);
		assert_int_equal(start(&b, JOURNAL_SERVE, &torn, &e), 0);
		assert_int_equal(torn, n - end);
		assert_int_equal(journal_head(b.j).n, whole);
		must_start(&b);
	}
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 99, "", &e), 0);
	must_start(&b);
	assert_int_equal(journal_head(b.j).n, LINES + 1);
}

static void
every_changed_byte_is_found(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf file = { 0 };

	(void)state;
	fill(&b);
	read_file(&b, &file);
	for (size_t i = 0; i < file.n; i++) {
		for (int bit = 0; bit < 8; bit += 7) {
			struct err e = { 0 };
			size_t torn;
			file.p[i] ^= (uint8_t)(1 << bit);
			write_file(&b, buf_bytes(&file));
			for (int mode = 0; mode < 2; mode++) {
				assert_int_equal(start(&b,
						     mode == 0 ? JOURNAL_SERVE
							       : JOURNAL_LOOK,
						     &torn, &e),
				    -1);
				assert_int_equal(
				    e.code, ERR_JOURNAL_ROLLED_BACK);
				assert_int_equal(err_exit(e.code), 6);
			}
			file.p[i] ^= (uint8_t)(1 << bit);
		}
	}
	write_file(&b, buf_bytes(&file));
	must_start(&b);
}

static void
order_and_number_of_lines_are_found(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf file = { 0 };
	size_t ends[LINES];

	(void)state;
	fill(&b);
	read_file(&b, &file);
	ends_of(buf_bytes(&file), ends);
	for (int i = 0; i + 1 < LINES; i++) {
		size_t from = i > 0 ? ends[i - 1] : 0, cut = ends[i],
		       to = ends[i + 1];
		OWN(buf_free) struct buf swapped = { 0 };
		OWN(buf_free) struct buf without = { 0 };
		OWN(buf_free) struct buf twice = { 0 };
		struct err e = { 0 };
		size_t torn;
		buf_put(&swapped, file.p, from);
		buf_put(&swapped, file.p + cut, to - cut);
		buf_put(&swapped, file.p + from, cut - from);
		buf_put(&swapped, file.p + to, file.n - to);
		write_file(&b, buf_bytes(&swapped));
		assert_int_equal(start(&b, JOURNAL_SERVE, &torn, &e), -1);
		assert_int_equal(e.code, ERR_JOURNAL_ROLLED_BACK);
		buf_put(&without, file.p, from);
		buf_put(&without, file.p + cut, file.n - cut);
		write_file(&b, buf_bytes(&without));
		assert_int_equal(start(&b, JOURNAL_SERVE, &torn, &e), -1);
		buf_put(&twice, file.p, cut);
		buf_put(&twice, file.p + from, file.n - from);
		write_file(&b, buf_bytes(&twice));
		assert_int_equal(start(&b, JOURNAL_SERVE, &torn, &e), -1);
	}
}

/* All right but for the name under it. */
static void
another_escrows_journal_is_none(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };
	size_t torn;

	(void)state;
	fill(&b);
	b.pk[0] ^= 1;
	assert_int_equal(start(&b, JOURNAL_SERVE, &torn, &e), -1);
	assert_int_equal(e.code, ERR_JOURNAL_ROLLED_BACK);
	assert_int_equal(start(&b, JOURNAL_LOOK, &torn, &e), -1);
}

/* Signed rightly, and all the same none that the escrow would write. */
static void
a_signed_line_must_fit_as_well(void **state)
{
	static const char *const names[] = { "as it should be", "time falls",
		"another line of all", "another line of the account",
		"the account's number", "the number of all" };
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf file = { 0 };

	(void)state;
	fill(&b);
	read_file(&b, &file);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct journal_head all = { 0 }, one = { 0 };
		OWN(buf_free) struct buf line = { 0 };
		OWN(buf_free) struct buf longer = { 0 };
		uint8_t sig[SIG_BYTES];
		struct err e = { 0 };
		size_t torn;
		write_file(&b, buf_bytes(&file));
		must_start(&b);
		all = journal_head(b.j);
		one = journal_account(b.j, &b.uid[0]);
		struct escrow_line l = { .n = all.n + 1 + (i == 5),
			.prev = all.hash,
			.uid = b.uid[0],
			.account_n = one.n + 1 + (i == 4),
			.account_prev = one.hash,
			.time_ms = i == 1 ? T0 : T0 + 100,
			.verb = ESCROW_ORDER,
			.outcome = ESCROW_WILL_DO };
		l.prev.b[0] ^= i == 2;
		l.account_prev.b[0] ^= i == 3;
		escrow_line_begin(&line, &l);
		devkey_sign(
		    b.identity, SIG_ESCROW_JOURNAL, buf_bytes(&line), sig);
		buf_put(&line, sig, sizeof sig);
		buf_put_bytes(&longer, buf_bytes(&file));
		buf_put_v32(&longer, buf_bytes(&line));
		write_file(&b, buf_bytes(&longer));
		print_message("# %s\n", names[i]);
		assert_int_equal(
		    start(&b, JOURNAL_SERVE, &torn, &e), i == 0 ? 0 : -1);
	}
}

/* A last line with a longer detail than it says is no torn one. */
static void
what_follows_the_last_line_must_begin_one(void **state)
{
	static const char *const tails[] = { "x", "\x00\x00\x01", "PEJ1",
		"\x00\x00\x01\x00garbage", "\x00\x00\x00\x00\x00" };
	static const size_t sizes[] = { 1, 3, 4, 11, 5 };
	static const bool torn_ones[] = { false, true, false, false, false };
	OWN(bench_free) struct bench b = bench_new();
	OWN(buf_free) struct buf file = { 0 };

	(void)state;
	fill(&b);
	read_file(&b, &file);
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		OWN(buf_free) struct buf longer = { 0 };
		struct err e = { 0 };
		size_t torn;
		buf_put_bytes(&longer, buf_bytes(&file));
		buf_put(&longer, tails[i], sizes[i]);
		write_file(&b, buf_bytes(&longer));
		assert_int_equal(
		    start(&b, JOURNAL_SERVE, &torn, &e), torn_ones[i] ? 0 : -1);
	}
}

static void
time_does_not_fall(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };

	(void)state;
	must_start(&b);
	assert_int_equal(add(&b, 0, ESCROW_CREATE, T0 + 10, "", &e), 0);
	assert_int_equal(add(&b, 1, ESCROW_CREATE, T0, "", &e), 0);
	assert_int_equal(journal_last_ms(b.j), T0 + 10);
	must_start(&b);
	assert_int_equal(journal_last_ms(b.j), T0 + 10);
}

static void
counts_by_verb_account_and_time(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };
	unsigned release = JOURNAL_VERB(ESCROW_RELEASE);

	(void)state;
	must_start(&b);
	for (uint64_t i = 0; i < 6; i++)
		assert_int_equal(
		    add(&b, i % 2, i == 4 ? ESCROW_ORDER : ESCROW_RELEASE,
			T0 + i, "", &e),
		    0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(
		    journal_count(b.j, &b.uid[0], release, ESCROW_WILL_DO, T0),
		    2);
		assert_int_equal(journal_count(b.j, &b.uid[0], release,
				     ESCROW_WILL_DO, T0 + 1),
		    1);
		assert_int_equal(
		    journal_count(b.j, &b.uid[0], release, ESCROW_REFUSED, T0),
		    0);
		assert_int_equal(
		    journal_count_all(b.j, release, ESCROW_WILL_DO, T0 + 1), 4);
		assert_int_equal(
		    journal_count_all(b.j, release | JOURNAL_VERB(ESCROW_ORDER),
			ESCROW_WILL_DO, T0),
		    6);
		must_start(&b);
	}
	/* Many accounts. */
	for (int i = 0; i < 200; i++) {
		id_random(&b.uid[0]);
		assert_int_equal(add(&b, 0, ESCROW_CREATE, T0 + 9, "", &e), 0);
		assert_int_equal(journal_account(b.j, &b.uid[0]).n, 1);
	}
	assert_int_equal(journal_account(b.j, &b.uid[1]).n, 3);
}

static void
finds_words(void **state)
{
	static const struct {
		const char *detail, *word, *value; /* NULL: none */
	} cases[] = {
		{ "order=12 device=34", "order", "12" },
		{ "order=12 device=34", "device", "34" },
		{ "reorder=12", "order", NULL },
		{ "order2=12", "order", NULL },
		{ "a=\"x order=5 y\" order=6", "order", "6" },
		{ "a=\"x order=5 y\"", "a", "x order=5 y" },
		{ "a=\"\"", "a", "" },
		{ "a=", "a", "" },
		{ "", "a", NULL },
		{ "a", "a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bytes got =
		    journal_word(bytes_str(cases[i].detail), cases[i].word);
		if (cases[i].value == NULL)
			assert_null(got.p);
		else
			assert_true(
			    bytes_equal(got, bytes_str(cases[i].value)));
	}
}

static void
says_whether_something_was_done(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	static const struct journal_said ab = { ESCROW_COLLECT, "device",
		"ab" };
	static const struct journal_said ef = { ESCROW_COLLECT, "device",
		"ef" };
	struct err e = { 0 };
	bool has;

	(void)state;
	must_start(&b);
	assert_int_equal(
	    add(&b, 0, ESCROW_COLLECT, T0, "device=ab order=cd", &e), 0);
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0, "device=ef", &e), 0);
	assert_int_equal(journal_has(b.j, &b.uid[0], &ab, &has, &e), 0);
	assert_true(has);
	assert_int_equal(journal_has(b.j, &b.uid[0], &ef, &has, &e), 0);
	assert_false(has);
	assert_int_equal(journal_has(b.j, &b.uid[1], &ab, &has, &e), 0);
	assert_false(has);
}

static void
a_full_disk_leaves_whole_lines(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };

	(void)state;
	fill(&b);
	for (written_of_failed = 0; written_of_failed < 20;
	     written_of_failed += 7) {
		size_t left = written_of_failed;
		fail_write = 1;
		assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 50, "", &e), -1);
		assert_int_equal(e.code, ERR_DISK_FULL_HERE);
		written_of_failed = left;
	}
	written_of_failed = 0;
	assert_int_equal(journal_head(b.j).n, LINES);
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 50, "", &e), 0);
	must_start(&b);
	assert_int_equal(journal_head(b.j).n, LINES + 1);
}

static void
after_a_failed_sync_nothing_is_written(void **state)
{
	OWN(bench_free) struct bench b = bench_new();
	struct err e = { 0 };

	(void)state;
	fill(&b);
	fail_sync = 1;
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 50, "", &e), -1);
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 50, "", &e), -1);
	assert_int_equal(e.code, ERR_IO);
	/* The next start finds what the disk has. */
	must_start(&b);
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 50, "", &e), 0);
	fail_write = 1;
	written_of_failed = 30;
	fail_truncate = true;
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 50, "", &e), -1);
	fail_truncate = false;
	assert_int_equal(add(&b, 0, ESCROW_ORDER, T0 + 50, "", &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_chains_continue_over_a_start),
		cmocka_unit_test(as_many_lines_as_fit),
		cmocka_unit_test(a_line_cut_short_at_any_byte_is_cut_off),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(order_and_number_of_lines_are_found),
		cmocka_unit_test(another_escrows_journal_is_none),
		cmocka_unit_test(a_signed_line_must_fit_as_well),
		cmocka_unit_test(what_follows_the_last_line_must_begin_one),
		cmocka_unit_test(time_does_not_fall),
		cmocka_unit_test(counts_by_verb_account_and_time),
		cmocka_unit_test(finds_words),
		cmocka_unit_test(says_whether_something_was_done),
		cmocka_unit_test(a_full_disk_leaves_whole_lines),
		cmocka_unit_test(after_a_failed_sync_nothing_is_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
