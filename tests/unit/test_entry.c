/* SPDX-License-Identifier: ISC */
/* test_entry.c: entries come back as they went, and no others come. */
#include "files/entry.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct entry
plain(void)
{
	return (struct entry){
		.name = bytes_str("a.txt"),
		.type = ENTRY_REGULAR,
		.category = ENTRY_BACKUP,
		.mode = 0644,
		.uid = 1000,
		.gid = 100,
		.user = bytes_str("anna"),
		.group = bytes_str("users"),
		.mtime_s = 1700000000,
		.mtime_ns = 999999999,
		.ctime_s = 1700000000,
		.ctime_ns = 999999999,
		.nlink = 1,
		.size = 12,
		.content = bytes_str("refs"),
	};
}

/* Everything a regular file can have. */
static struct entry
full(struct buf *xattrs, struct buf *extents)
{
	struct entry x = plain();
	uint64_t end = 0;

	entry_xattr_put(xattrs, bytes_str("user.a"), bytes_str("one"));
	entry_xattr_put(xattrs, bytes_str("system.posix_acl_access"),
	    bytes_of("\2\0\0\0", 4));
	entry_xattr_put(xattrs, bytes_str("user.none"), bytes_str(""));
	entry_extent_put(extents, &end, 0, 4096);
	entry_extent_put(extents, &end, 1 << 20, 8192);
	x.name = bytes_of("odd\n\xff name", 10);
	x.category = ENTRY_KEYCHAIN;
	x.status = ENTRY_CHANGED;
	x.sparse = true;
	x.mode = 07777;
	x.uid = UINT32_MAX - 1;
	x.mtime_s = INT64_MIN;
	x.ctime_s = INT64_MAX;
	x.ctime_ns = 0;
	x.dev = UINT64_MAX;
	x.ino = UINT64_MAX;
	x.nlink = 2;
	x.flags = ENTRY_FLAGS;
	x.size = 3 << 20;
	x.xattrs = buf_bytes(xattrs);
	x.extents = buf_bytes(extents);
	return x;
}

static void
assert_same(const struct entry *a, const struct entry *b)
{
	assert_true(bytes_equal(a->name, b->name));
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->category, b->category);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->sparse, b->sparse);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_true(bytes_equal(a->user, b->user));
	assert_true(bytes_equal(a->group, b->group));
	assert_true(a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns);
	assert_true(a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns);
	assert_true(a->dev == b->dev && a->ino == b->ino);
	assert_int_equal(a->nlink, b->nlink);
	assert_int_equal(a->flags, b->flags);
	assert_true(a->size == b->size);
	assert_int_equal(a->rdev_major, b->rdev_major);
	assert_int_equal(a->rdev_minor, b->rdev_minor);
	assert_true(bytes_equal(a->target, b->target));
	assert_true(bytes_equal(a->xattrs, b->xattrs));
	assert_true(bytes_equal(a->extents, b->extents));
	assert_true(bytes_equal(a->content, b->content));
}

static void
round_trip(const struct entry *x)
{
	OWN(buf_free) struct buf out = { 0 };
	struct entry back;
	struct err e = { 0 };
	uint64_t total = 0;

	entry_put(&out, x);
	assert_true(entry_total(buf_bytes(&out), &total));
	assert_int_equal(total, out.n);
	struct scan s = scan_of(buf_bytes(&out));
	if (entry_take(&s, &back, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(scan_done(&s));
	assert_same(x, &back);
}

static void
every_kind_comes_back(void **state)
{
	OWN(buf_free) struct buf xattrs = { 0 };
	OWN(buf_free) struct buf extents = { 0 };
	struct entry x = plain();

	(void)state;
	round_trip(&x);
	for (int type = ENTRY_REGULAR; type <= ENTRY_BLOCKDEV; type++) {
		x = plain();
		x.type = (enum entry_type)type;
		x.size = type == ENTRY_REGULAR ? 1 : 0;
		if (type == ENTRY_SYMLINK)
			x.target = bytes_str("../else\nwhere");
		if (type == ENTRY_CHARDEV || type == ENTRY_BLOCKDEV) {
			x.rdev_major = UINT32_MAX;
			x.rdev_minor = 3;
		}
		round_trip(&x);
	}
	x = full(&xattrs, &extents);
	round_trip(&x);
	x = plain();
	x.sparse = true; /* one hole */
	round_trip(&x);
}

static void
large_content_moves_behind_its_length(void **state)
{
	OWN(buf_free) struct buf content = { 0 };
	struct entry x = plain();

	(void)state;
	for (size_t n = 40; n < 40000; n = n * 3 / 2) {
		buf_clear(&content);
		memset(buf_grow(&content, n), (int)n, n);
		x.content = buf_bytes(&content);
		round_trip(&x);
	}
}

static void
a_plain_file_is_small(void **state)
{
	OWN(buf_free) struct buf out = { 0 };
	struct entry x = plain();

	(void)state;
	x.content = bytes_of(NULL, 0);
	x.size = 0;
	entry_put(&out, &x);
	/* length, present, type, 1+5, 2, 2, 1, 1+4, 1+5, 5, 5 */
	assert_int_equal(out.n, 35);
}

static void
directories_carry_no_link_identity(void **state)
{
	OWN(buf_free) struct buf out = { 0 };
	struct entry x = plain(), back;
	struct err e = { 0 };

	(void)state;
	x.type = ENTRY_DIRECTORY;
	x.size = 0;
	x.nlink = 7;
	x.ino = 99;
	entry_put(&out, &x);
	struct scan s = scan_of(buf_bytes(&out));
	assert_int_equal(entry_take(&s, &back, &e), 0);
	assert_int_equal(back.nlink, 1);
	assert_int_equal(back.ino, 0);
}

static void
lists_are_walked_in_order(void **state)
{
	OWN(buf_free) struct buf xattrs = { 0 };
	OWN(buf_free) struct buf extents = { 0 };
	struct entry x = full(&xattrs, &extents);
	struct bytes rest = x.xattrs, name, value;
	uint64_t end = 0, offset, length;

	(void)state;
	assert_true(entry_xattr_next(&rest, &name, &value));
	assert_true(bytes_equal(name, bytes_str("user.a")));
	assert_true(bytes_equal(value, bytes_str("one")));
	assert_true(entry_xattr_next(&rest, &name, &value));
	assert_int_equal(value.n, 4);
	assert_true(entry_xattr_next(&rest, &name, &value));
	assert_int_equal(value.n, 0);
	assert_false(entry_xattr_next(&rest, &name, &value));
	rest = x.extents;
	assert_true(entry_extent_next(&rest, &end, &offset, &length));
	assert_true(offset == 0 && length == 4096);
	assert_true(entry_extent_next(&rest, &end, &offset, &length));
	assert_true(offset == 1 << 20 && length == 8192);
	assert_false(entry_extent_next(&rest, &end, &offset, &length));
}

static void
refuses_an_entry_cut_anywhere(void **state)
{
	OWN(buf_free) struct buf xattrs = { 0 };
	OWN(buf_free) struct buf extents = { 0 };
	OWN(buf_free) struct buf out = { 0 };
	struct entry x = full(&xattrs, &extents), back;

	(void)state;
	entry_put(&out, &x);
	for (size_t n = 0; n < out.n; n++) {
		struct err e = { 0 };
		uint8_t *exact = malloc(n + 1);
		memcpy(exact, out.p, n);
		struct scan s = scan_of(bytes_of(exact, n));
		assert_int_equal(entry_take(&s, &back, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
		assert_int_equal(s.n, n);
		assert_int_equal(back.name.n, 0);
		free(exact);
	}
	/* Cut within the body, with a length that agrees. */
	for (size_t n = 2; n < out.n; n++) {
		OWN(buf_free) struct buf part = { 0 };
		struct err e = { 0 };
		buf_put_varint(&part, n - 2);
		buf_put(&part, out.p + 2, n - 2);
		struct scan s = scan_of(buf_bytes(&part));
		assert_int_equal(entry_take(&s, &back, &e), -1);
	}
}

/* The fields of a body, so that each can be spoiled alone. */
struct raw {
	uint64_t present;
	uint8_t type;
	const char *name;
	size_t name_n;
	uint64_t mode, uid;
	const char *user;
	size_t user_n;
	uint64_t ns;
	const char *rest;
	size_t rest_n;
};

static enum err_code
take_raw(const struct raw *r)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf out = { 0 };
	struct entry x;
	struct err e = { 0 };

	buf_put_varint(&body, r->present);
	buf_put_u8(&body, r->type);
	buf_put_v8(&body, bytes_of(r->name, r->name_n));
	buf_put_varint(&body, r->mode);
	buf_put_varint(&body, r->uid);
	buf_put_varint(&body, 0);
	buf_put_v8(&body, bytes_of(r->user, r->user_n));
	buf_put_v8(&body, bytes_str(""));
	buf_put_varint(&body, 0);
	buf_put_varint(&body, r->ns);
	buf_put(&body, r->rest, r->rest_n);
	buf_put_varint(&out, body.n);
	buf_put_bytes(&out, buf_bytes(&body));
	struct scan s = scan_of(buf_bytes(&out));
	return entry_take(&s, &x, &e) == 0 ? ERR_NONE : e.code;
}

#define S(text) (text), sizeof(text) - 1

static void
every_limit_holds(void **state)
{
	static const struct {
		const char *why;
		struct raw raw;
		enum err_code code;
	} cases[] = {
		{ "good", { 0, 1, S("a"), 0, 0, S(""), 0, S("") }, ERR_NONE },
		{ "type 0", { 0, 0, S("a"), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "type 8", { 0, 8, S("a"), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "no name", { 0, 1, S(""), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "dot", { 0, 1, S("."), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "dots", { 0, 1, S(".."), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "three dots", { 0, 1, S("..."), 0, 0, S(""), 0, S("") },
		    ERR_NONE },
		{ "slash", { 0, 1, S("a/b"), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "NUL", { 0, 1, S("a\0b"), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "mode", { 0, 1, S("a"), 010000, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "uid -1", { 0, 1, S("a"), 0, UINT32_MAX, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "uid above", { 0, 1, S("a"), 0, 1ull << 32, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "NUL in user", { 0, 1, S("a"), 0, 0, S("a\0"), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "ns", { 0, 1, S("a"), 0, 0, S(""), 1000000000, S("") },
		    ERR_RECORD_CORRUPT },
		{ "ns most", { 0, 1, S("a"), 0, 0, S(""), 999999999, S("") },
		    ERR_NONE },
		{ "one byte more", { 0, 1, S("a"), 0, 0, S(""), 0, S("x") },
		    ERR_RECORD_CORRUPT },
		{ "new field", { 1 << 11, 1, S("a"), 0, 0, S(""), 0, S("") },
		    ERR_UPDATE_NEEDED },
		{ "far new field",
		    { 1ull << 63, 1, S("a"), 0, 0, S(""), 0, S("") },
		    ERR_UPDATE_NEEDED },
		{ "same ctime", { 1, 1, S("a"), 0, 0, S(""), 0, S("\0\0") },
		    ERR_RECORD_CORRUPT },
		{ "ctime", { 1, 1, S("a"), 0, 0, S(""), 0, S("\0\1") },
		    ERR_NONE },
		{ "one link", { 2, 1, S("a"), 0, 0, S(""), 0, S("\1\1\1") },
		    ERR_RECORD_CORRUPT },
		{ "links", { 2, 1, S("a"), 0, 0, S(""), 0, S("\1\1\2") },
		    ERR_NONE },
		{ "links of a directory",
		    { 2, 2, S("a"), 0, 0, S(""), 0, S("\1\1\2") },
		    ERR_RECORD_CORRUPT },
		{ "size 0", { 4, 1, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "size of a directory",
		    { 4, 2, S("a"), 0, 0, S(""), 0, S("\1") },
		    ERR_RECORD_CORRUPT },
		{ "size beyond off_t",
		    { 4, 1, S("a"), 0, 0, S(""), 0,
			S("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01") },
		    ERR_RECORD_CORRUPT },
		{ "numbers of a file",
		    { 8, 1, S("a"), 0, 0, S(""), 0, S("\1\1") },
		    ERR_RECORD_CORRUPT },
		{ "device without numbers",
		    { 0, 6, S("a"), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "device", { 8, 6, S("a"), 0, 0, S(""), 0, S("\1\1") },
		    ERR_NONE },
		{ "link without target",
		    { 0, 3, S("a"), 0, 0, S(""), 0, S("") },
		    ERR_RECORD_CORRUPT },
		{ "empty target", { 16, 3, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "NUL in target", { 16, 3, S("a"), 0, 0, S(""), 0, S("\1\0") },
		    ERR_RECORD_CORRUPT },
		{ "target of a file",
		    { 16, 1, S("a"), 0, 0, S(""), 0, S("\1a") },
		    ERR_RECORD_CORRUPT },
		{ "target", { 16, 3, S("a"), 0, 0, S(""), 0, S("\1a") },
		    ERR_NONE },
		{ "no xattrs", { 32, 1, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "xattr", { 32, 1, S("a"), 0, 0, S(""), 0, S("\3\1n\0") },
		    ERR_NONE },
		{ "xattr without name",
		    { 32, 1, S("a"), 0, 0, S(""), 0, S("\2\0\0") },
		    ERR_RECORD_CORRUPT },
		{ "NUL in the name of an xattr",
		    { 32, 1, S("a"), 0, 0, S(""), 0, S("\3\1\0\0") },
		    ERR_RECORD_CORRUPT },
		{ "xattr beyond its list",
		    { 32, 1, S("a"), 0, 0, S(""), 0, S("\3\1n\1v") },
		    ERR_RECORD_CORRUPT },
		{ "flags 0", { 64, 1, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "unknown flag", { 64, 1, S("a"), 0, 0, S(""), 0, S("\1") },
		    ERR_UPDATE_NEEDED },
		{ "flag", { 64, 1, S("a"), 0, 0, S(""), 0, S("\x10") },
		    ERR_NONE },
		{ "category 2", { 128, 1, S("a"), 0, 0, S(""), 0, S("\2") },
		    ERR_RECORD_CORRUPT },
		{ "category 5", { 128, 1, S("a"), 0, 0, S(""), 0, S("\5") },
		    ERR_NONE },
		{ "map without size",
		    { 256, 1, S("a"), 0, 0, S(""), 0, S("\2\0\1") },
		    ERR_RECORD_CORRUPT },
		{ "map", { 260, 1, S("a"), 0, 0, S(""), 0, S("\4\2\0\2") },
		    ERR_NONE },
		{ "map without a hole",
		    { 260, 1, S("a"), 0, 0, S(""), 0, S("\4\2\0\4") },
		    ERR_RECORD_CORRUPT },
		{ "map of nothing", { 256, 1, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "map of four",
		    { 260, 1, S("a"), 0, 0, S(""), 0, S("\4\4\0\1\1\2") },
		    ERR_NONE },
		{ "map that touches",
		    { 260, 1, S("a"), 0, 0, S(""), 0, S("\4\4\0\1\0\2") },
		    ERR_RECORD_CORRUPT },
		{ "map with an empty extent",
		    { 260, 1, S("a"), 0, 0, S(""), 0, S("\4\2\1\0") },
		    ERR_RECORD_CORRUPT },
		{ "map beyond the end",
		    { 260, 1, S("a"), 0, 0, S(""), 0, S("\4\4\0\1\1\3") },
		    ERR_RECORD_CORRUPT },
		{ "map of a directory",
		    { 256, 2, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "no content", { 512, 1, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "status 0", { 1024, 1, S("a"), 0, 0, S(""), 0, S("\0") },
		    ERR_RECORD_CORRUPT },
		{ "status 2", { 1024, 1, S("a"), 0, 0, S(""), 0, S("\2") },
		    ERR_RECORD_CORRUPT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (take_raw(&cases[i].raw) != cases[i].code)
			fail_msg("%s", cases[i].why);
}

static void
refuses_a_target_or_list_above_its_limit(void **state)
{
	static const struct {
		uint64_t present;
		uint8_t type;
		size_t most;
	} cases[] = {
		{ 16, 3, ENTRY_TARGET_MAX },
		{ 32, 1, ENTRY_XATTRS_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t over = 0; over < 2; over++) {
			OWN(buf_free) struct buf rest = { 0 };
			size_t n = cases[i].most + over;
			buf_put_varint(&rest, n);
			uint8_t *p = buf_grow(&rest, n);
			memset(p, 'x', n);
			/* xattrs: names of 1 byte, values of 1 byte */
			for (size_t at = 0; i == 1 && at + 4 <= n; at += 4)
				memcpy(p + at, "\1n\1v", 4);
			struct raw r = { cases[i].present, cases[i].type,
				S("a"), 0, 0, S(""), 0, (char *)rest.p,
				rest.n };
			assert_int_equal(take_raw(&r),
			    over == 0 ? ERR_NONE : ERR_RECORD_CORRUPT);
		}
}

static void
a_length_beyond_all_limits_is_no_entry(void **state)
{
	OWN(buf_free) struct buf out = { 0 };
	uint64_t total;

	(void)state;
	buf_put_varint(&out, ENTRY_MAX + 1);
	assert_false(entry_total(buf_bytes(&out), &total));
	assert_false(entry_total(bytes_of("\x80", 1), &total));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back),
		cmocka_unit_test(large_content_moves_behind_its_length),
		cmocka_unit_test(a_plain_file_is_small),
		cmocka_unit_test(directories_carry_no_link_identity),
		cmocka_unit_test(lists_are_walked_in_order),
		cmocka_unit_test(refuses_an_entry_cut_anywhere),
		cmocka_unit_test(every_limit_holds),
		cmocka_unit_test(refuses_a_target_or_list_above_its_limit),
		cmocka_unit_test(a_length_beyond_all_limits_is_no_entry),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
