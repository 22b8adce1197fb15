/* SPDX-License-Identifier: ISC */
/* test_inbox_store.c: inboxes at the server: their numbers, times and room. */
#include "store/inbox.h"

#include "store/account.h"
#include "wire/packet.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "scratch_dir.h"

#define MIB (1024 * 1024)

static const struct id ana = { { 1 } }, ben = { { 2 } }, eve = { { 3 } };

/* Each test is the job of one transaction. */
static void
in_store(db_job_fn *fn)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(db_free) struct db *db = NULL;
	char path[80];
	struct err e = { 0 };

	(void)snprintf(path, sizeof path, "%s/db", dir.path);
	assert_int_equal(db_open(path, DB_SERVER, &db, &e), 0);
	assert_int_equal(account_open(db, &e), 0);
	if (db_write(db, fn, NULL, &e) < 0)
		fail_msg("%s: %s", err_name(e.code), e.msg);
}

static struct id
packet_id(uint32_t n)
{
	struct id id = { { 0x99 } };

	be32_put(id.b + 4, n);
	return id;
}

/* The result of adding packet n from Ben to an inbox. */
static int
add(struct tx *tx, const struct id *to, uint32_t n, int64_t now_ms,
    struct bytes rest, struct err *e)
{
	return inbox_add(tx,
	    &(struct inbox_add){ .uid = *to,
		.from = ben,
		.packet = packet_id(n),
		.rest = rest,
		.now_ms = now_ms },
	    e);
}

/* What an account sees of it. */
struct row {
	uint64_t number, received_ms;
	struct bytes rest;
};

static size_t
rows_of(struct bytes list, struct row *out, size_t most)
{
	struct scan s = scan_of(list);
	size_t n = 0;

	while (s.n > 0) {
		struct scan item = scan_of(scan_v32(&s));
		assert_true(scan_ok(&s) && n < most);
		out[n].number = scan_u64(&item);
		out[n].received_ms = scan_u64(&item);
		assert_true(scan_ok(&item));
		out[n++].rest = scan_take(&item, item.n);
	}
	return n;
}

static int
read_rows(struct tx *tx, const struct id *uid, uint64_t since, struct buf *list,
    struct row out[static 16], size_t *n)
{
	struct err e = { 0 };

	buf_clear(list);
	if (inbox_read(tx, uid, since, SIZE_MAX, list, &e) < 0)
		return -1;
	*n = rows_of(buf_bytes(list), out, 16);
	return 0;
}

/* ---- numbers and times ---- */

static int
number(struct tx *tx, void *arg, struct err *e)
{
	OWN(buf_free) struct buf list = { 0 };
	struct row rows[16];
	uint64_t top = 9;
	size_t n;

	(void)arg;
	if (inbox_top(tx, &ana, &top, e) < 0)
		return -1;
	assert_int_equal(top, 0);
	for (uint32_t i = 1; i <= 3; i++)
		if (add(tx, &ana, i, 100, bytes_str("x"), e) < 0)
			return -1;
	if (inbox_take(tx, &ana, 3, e) < 0 || inbox_top(tx, &ana, &top, e) < 0)
		return -1;
	assert_int_equal(top, 3);
	assert_int_equal(read_rows(tx, &ana, 0, &list, rows, &n), 0);
	assert_int_equal(n, 0);
	/* All is gone, and the next one is a fourth. */
	if (add(tx, &ana, 4, 100, bytes_str("four"), e) < 0 ||
	    add(tx, &ana, 5, 100, bytes_str("five"), e) < 0 ||
	    inbox_take(tx, &ana, 4, e) < 0 ||
	    add(tx, &ana, 6, 100, bytes_str("six"), e) < 0)
		return -1;
	assert_int_equal(read_rows(tx, &ana, 0, &list, rows, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(rows[0].number, 5);
	assert_true(bytes_equal(rows[0].rest, bytes_str("five")));
	assert_int_equal(rows[1].number, 6);
	assert_true(bytes_equal(rows[1].rest, bytes_str("six")));
	/* More than there ever was. */
	if (inbox_take(tx, &ana, INT64_MAX, e) < 0 ||
	    inbox_take(tx, &eve, 7, e) < 0 ||
	    add(tx, &ana, 7, 100, bytes_str("x"), e) < 0 ||
	    add(tx, &eve, 7, 100, bytes_str("x"), e) < 0 ||
	    inbox_top(tx, &ana, &top, e) < 0)
		return -1;
	assert_int_equal(top, 7);
	assert_int_equal(inbox_top(tx, &eve, &top, e), 0);
	assert_int_equal(top, 1);
	return 0;
}

static void
a_number_is_never_used_again(void **state)
{
	(void)state;
	in_store(number);
}

static int
tell_time(struct tx *tx, void *arg, struct err *e)
{
	static const struct {
		int64_t now_ms;
		uint64_t received_ms;
	} cases[] = { { 1000, 1000 }, { 1000, 1001 }, { 400, 1002 },
		{ 1002, 1003 }, { 1004, 1004 }, { 0, 1005 }, { 5000, 5000 } };
	OWN(buf_free) struct buf list = { 0 };
	struct row rows[16];
	size_t n;

	(void)arg;
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (add(tx, &ana, i, cases[i].now_ms, bytes_str("x"), e) < 0)
			return -1;
		assert_int_equal(read_rows(tx, &ana, i, &list, rows, &n), 0);
		assert_int_equal(n, 1);
		assert_int_equal(rows[0].received_ms, cases[i].received_ms);
		/* Also when what was before has gone. */
		if (i == 4 && inbox_take(tx, &ana, i + 1, e) < 0)
			return -1;
	}
	/* Another inbox has a time of its own. */
	if (add(tx, &eve, 1, 3, bytes_str("x"), e) < 0)
		return -1;
	assert_int_equal(read_rows(tx, &eve, 0, &list, rows, &n), 0);
	assert_int_equal(rows[0].received_ms, 3);
	return 0;
}

static void
times_rise_when_the_clock_goes_back(void **state)
{
	(void)state;
	in_store(tell_time);
}

static int
repeat(struct tx *tx, void *arg, struct err *e)
{
	OWN(buf_free) struct buf list = { 0 };
	struct row rows[16];
	uint64_t top;
	size_t n;

	(void)arg;
	if (add(tx, &ana, 1, 100, bytes_str("first"), e) < 0 ||
	    add(tx, &ana, 1, 200, bytes_str("again"), e) < 0 ||
	    add(tx, &eve, 1, 300, bytes_str("hers"), e) < 0 ||
	    inbox_top(tx, &ana, &top, e) < 0)
		return -1;
	assert_int_equal(top, 1);
	assert_int_equal(read_rows(tx, &ana, 0, &list, rows, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rows[0].received_ms, 100);
	assert_true(bytes_equal(rows[0].rest, bytes_str("first")));
	assert_int_equal(read_rows(tx, &eve, 0, &list, rows, &n), 0);
	assert_int_equal(n, 1);
	/* It took no time either. */
	if (add(tx, &ana, 2, 101, bytes_str("x"), e) < 0)
		return -1;
	assert_int_equal(read_rows(tx, &ana, 1, &list, rows, &n), 0);
	assert_int_equal(rows[0].received_ms, 101);
	return 0;
}

static void
the_same_packet_again_adds_nothing(void **state)
{
	(void)state;
	in_store(repeat);
}

/* ---- room ---- */

static void
expect_full(struct tx *tx, uint32_t n, struct bytes rest)
{
	struct err e = { 0 };
	uint64_t before, after;

	assert_int_equal(inbox_top(tx, &ana, &before, &e), 0);
	assert_int_equal(add(tx, &ana, n, 1, rest, &e), -1);
	assert_int_equal(e.code, ERR_INBOX_FULL);
	assert_int_equal(inbox_top(tx, &ana, &after, &e), 0);
	assert_int_equal(after, before);
}

static int
fill_items(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	for (uint32_t i = 1; i <= LIMIT_INBOX_ITEMS; i++)
		if (add(tx, &ana, i, 1, bytes_str("x"), e) < 0)
			return -1;
	expect_full(tx, LIMIT_INBOX_ITEMS + 1, bytes_str("x"));
	/* What is there may be sent again; another's inbox has room. */
	if (add(tx, &ana, LIMIT_INBOX_ITEMS, 1, bytes_str("x"), e) < 0 ||
	    add(tx, &eve, 1, 1, bytes_str("x"), e) < 0)
		return -1;
	/* What is filed makes room, for as many. */
	if (inbox_take(tx, &ana, 2, e) < 0)
		return -1;
	for (uint32_t i = 1; i <= 2; i++)
		if (add(tx, &ana, LIMIT_INBOX_ITEMS + i, 1, bytes_str("x"), e) <
		    0)
			return -1;
	expect_full(tx, LIMIT_INBOX_ITEMS + 3, bytes_str("x"));
	return 0;
}

static void
an_inbox_has_so_many_items(void **state)
{
	(void)state;
	in_store(fill_items);
}

static int
fill_bytes(struct tx *tx, void *arg, struct err *e)
{
	OWN(buf_free) struct buf big = { 0 };
	const uint32_t all = LIMIT_INBOX_BYTES / MIB;

	(void)arg;
	memset(buf_grow(&big, MIB), 'x', MIB);
	for (uint32_t i = 1; i < all; i++)
		if (add(tx, &ana, i, 1, buf_bytes(&big), e) < 0)
			return -1;
	/* One byte too many, and then as many as there may be. */
	buf_put_u8(&big, 'x');
	expect_full(tx, all, buf_bytes(&big));
	big.n--;
	if (add(tx, &ana, all, 1, buf_bytes(&big), e) < 0)
		return -1;
	expect_full(tx, all + 1, bytes_str("x"));
	if (inbox_take(tx, &ana, 1, e) < 0 ||
	    add(tx, &ana, all + 1, 1, buf_bytes(&big), e) < 0)
		return -1;
	expect_full(tx, all + 2, bytes_str("x"));
	return 0;
}

static void
an_inbox_has_so_many_bytes(void **state)
{
	(void)state;
	in_store(fill_bytes);
}

/* ---- reading ---- */

static int
read_pages(struct tx *tx, void *arg, struct err *e)
{
	static const struct {
		uint64_t since;
		size_t most, n;
	} cases[] = { /* An item is 4 + 16 + 100 bytes. */
		{ 0, 0, 1 }, { 0, 1, 1 }, { 0, 119, 1 }, { 0, 120, 2 },
		{ 0, 239, 2 }, { 0, 240, 3 }, { 0, 1199, 10 },
		{ 0, SIZE_MAX, 10 }, { 4, 0, 1 }, { 4, 120, 2 },
		{ 8, SIZE_MAX, 2 }, { 9, 0, 1 }, { 10, SIZE_MAX, 0 },
		{ INT64_MAX, 0, 0 }
	};
	OWN(buf_free) struct buf rest = { 0 };

	(void)arg;
	memset(buf_grow(&rest, 100), 'x', 100);
	for (uint32_t i = 1; i <= 10; i++)
		if (add(tx, &ana, i, 1, buf_bytes(&rest), e) < 0 ||
		    add(tx, &eve, i, 1, bytes_str("hers"), e) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf list = { 0 };
		struct row rows[16];
		buf_put_str(&list, "before");
		if (inbox_read(
			tx, &ana, cases[i].since, cases[i].most, &list, e) < 0)
			return -1;
		assert_memory_equal(list.p, "before", 6);
		size_t n = rows_of(
		    bytes_of(list.p + 6, list.n - 6), rows, ARRAY_SIZE(rows));
		if (n != cases[i].n)
			fail_msg("case %zu: %zu items", i, n);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(
			    rows[k].number, cases[i].since + k + 1);
			assert_true(
			    bytes_equal(rows[k].rest, buf_bytes(&rest)));
		}
	}
	return 0;
}

static void
it_is_read_in_pages_of_so_many_bytes(void **state)
{
	(void)state;
	in_store(read_pages);
}

/* What is added is what a device takes for an item. */
static int
read_item(struct tx *tx, void *arg, struct err *e)
{
	struct packet p = { .id = packet_id(1),
		.n = 1,
		.slots = { { .uid = ana, .epoch = 5 } },
		.sealed = bytes_str("sealed") };
	OWN(buf_free) struct buf rest = { 0 };
	OWN(buf_free) struct buf list = { 0 };
	struct packet_item item;

	(void)arg;
	packet_put_rest(&rest, &ben, &p, 0);
	if (add(tx, &ana, 1, 77, buf_bytes(&rest), e) < 0 ||
	    inbox_read(tx, &ana, 0, 0, &list, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&list));
	assert_int_equal(packet_item_take(scan_v32(&s), &item, e), 0);
	assert_true(scan_done(&s));
	assert_int_equal(item.number, 1);
	assert_int_equal(item.received_ms, 77);
	assert_true(id_equal(&item.from, &ben));
	assert_int_equal(item.slot.epoch, 5);
	assert_true(bytes_equal(item.sealed, p.sealed));
	return 0;
}

static void
what_is_read_is_an_item(void **state)
{
	(void)state;
	in_store(read_item);
}

/* ---- who may write ---- */

static void
expect_peer(struct tx *tx, const struct id *uid, const struct id *peer,
    enum inbox_peer want)
{
	enum inbox_peer got;
	struct err e = { 0 };

	assert_int_equal(inbox_peer(tx, uid, peer, &got, &e), 0);
	assert_int_equal(got, want);
}

static int
say_peers(struct tx *tx, void *arg, struct err *e)
{
	/* Who is blocked is that as who he was. */
	static const struct {
		enum inbox_peer said, is, seen;
	} rows[] = { { INBOX_ACCEPTED, INBOX_ACCEPTED, INBOX_ACCEPTED },
		{ INBOX_BLOCKED, INBOX_BLOCKED, INBOX_ACCEPTED },
		{ INBOX_BLOCKED, INBOX_BLOCKED, INBOX_ACCEPTED },
		{ INBOX_ASKS, INBOX_ASKS, INBOX_ASKS },
		{ INBOX_BLOCKED, INBOX_BLOCKED_ASKS, INBOX_ASKS },
		{ INBOX_STRANGER, INBOX_STRANGER, INBOX_STRANGER },
		{ INBOX_STRANGER, INBOX_STRANGER, INBOX_STRANGER },
		{ INBOX_BLOCKED, INBOX_BLOCKED_STRANGER, INBOX_STRANGER },
		{ INBOX_ACCEPTED, INBOX_ACCEPTED, INBOX_ACCEPTED } };

	(void)arg;
	expect_peer(tx, &ana, &ben, INBOX_STRANGER);
	if (inbox_set_peer(tx, &ana, &eve, INBOX_ACCEPTED, 1, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (inbox_set_peer(tx, &ana, &ben, rows[i].said, 1, e) < 0)
			return -1;
		expect_peer(tx, &ana, &ben, rows[i].is);
		assert_int_equal(inbox_seen_as(rows[i].is), rows[i].seen);
		assert_int_equal(inbox_is_blocked(rows[i].is),
		    rows[i].said == INBOX_BLOCKED);
		/* It is of one direction, and of nobody else. */
		expect_peer(tx, &ben, &ana, INBOX_STRANGER);
		expect_peer(tx, &ana, &eve, INBOX_ACCEPTED);
		expect_peer(tx, &eve, &ben, INBOX_STRANGER);
	}
	return 0;
}

static void
who_may_write_is_said_for_each_direction(void **state)
{
	(void)state;
	in_store(say_peers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_never_used_again),
		cmocka_unit_test(times_rise_when_the_clock_goes_back),
		cmocka_unit_test(the_same_packet_again_adds_nothing),
		cmocka_unit_test(an_inbox_has_so_many_items),
		cmocka_unit_test(an_inbox_has_so_many_bytes),
		cmocka_unit_test(it_is_read_in_pages_of_so_many_bytes),
		cmocka_unit_test(what_is_read_is_an_item),
		cmocka_unit_test(who_may_write_is_said_for_each_direction),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
