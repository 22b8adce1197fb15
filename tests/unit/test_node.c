/* SPDX-License-Identifier: ISC */
/* test_node.c: nodes and histories come back as they went; no others come. */
#include "tree/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- nodes of all kinds, from a number ---- */

static uint64_t state_;

static uint64_t
draw(uint64_t below)
{
	state_ ^= state_ << 13;
	state_ ^= state_ >> 7;
	state_ ^= state_ << 17;
	return state_ % below;
}

static void
draw_bytes(void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = (uint8_t)(1 + draw(255));
}

/* What the bytes of a drawn node lie in. */
struct room {
	uint8_t name[NODE_NAME_MAX], target[NODE_TARGET_MAX];
	struct buf attrs, content, list, hints;
};

static void
room_free(struct room *r)
{
	buf_free(&r->attrs);
	buf_free(&r->content);
	buf_free(&r->list);
	buf_free(&r->hints);
}

static void
item(struct room *r, struct node_content *c, bool hole, uint64_t n)
{
	struct digest name = { { 0 } };

	if (!hole)
		draw_bytes(name.b, sizeof name.b);
	digest_put(&r->list, &name);
	buf_put_varint(&r->list, n);
	c->n++;
}

static void
hint(struct room *r, struct node_content *c, uint64_t first, uint64_t count)
{
	struct id pack;

	draw_bytes(pack.b, sizeof pack.b);
	id_put(&r->hints, &pack);
	buf_put_varint(&r->hints, first);
	buf_put_varint(&r->hints, count);
	c->n_hints++;
}

static void
draw_list(struct room *r, struct node_content *c)
{
	uint32_t n = (uint32_t)(1 + draw(NODE_LIST_MAX));
	uint32_t stored = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		bool hole = c->form == NODE_LIST && draw(4) == 0;
		uint64_t length = hole ? 1 + draw(1 << 20) : 40 + draw(1 << 18);
		item(r, c, hole, length);
		stored += hole ? 0 : 1;
		sum += length;
	}
	c->size = c->form == NODE_LIST ? sum : sum * 1000;
	while (stored > 0 && draw(5) > 0) {
		uint32_t count = (uint32_t)(1 + draw(stored));
		hint(r, c, draw(4096 - NODE_LIST_MAX), count);
		stored -= count;
	}
}

static void
draw_content(struct room *r)
{
	struct node_content c = { .form = (enum node_form)draw(3) };
	uint8_t bytes[NODE_INLINE_MAX];

	buf_clear(&r->list);
	buf_clear(&r->hints);
	buf_clear(&r->content);
	if (c.form == NODE_INLINE) {
		c.size = draw(NODE_INLINE_MAX + 1);
		draw_bytes(bytes, (size_t)c.size);
		c.bytes = bytes_of(bytes, (size_t)c.size);
	} else {
		c.depth = (uint8_t)(1 + draw(4));
		draw_list(r, &c);
	}
	c.list = buf_bytes(&r->list);
	c.hints = buf_bytes(&r->hints);
	node_content_put(&r->content, &c);
}

static void
draw_attrs(struct room *r)
{
	char name[2] = "a";
	uint8_t value[300];

	buf_clear(&r->attrs);
	for (; name[0] < 'm'; name[0] = (char)(name[0] + 1)) {
		size_t n = (size_t)draw(sizeof value);
		if (draw(4) > 0)
			continue;
		draw_bytes(value, n);
		buf_put_v8(&r->attrs, bytes_str(name));
		buf_put_vv(&r->attrs, bytes_of(value, n));
	}
}

static struct node
draw_node(struct room *r)
{
	struct node n = { .type = (enum node_type)(1 + draw(4)),
		.flags = (uint16_t)draw(NODE_FLAGS + 1),
		.mtime_s = (int64_t)draw(UINT64_MAX),
		.mtime_ns = (uint32_t)draw(1000000000),
		.changed_ms = draw((uint64_t)INT64_MAX + 1),
		.edits = draw((uint64_t)INT64_MAX + 1),
		.trashed_ms = draw((uint64_t)INT64_MAX + 1) };

	/* Any name is one that parses. */
	n.name = bytes_of(r->name, (size_t)draw(NODE_NAME_MAX + 1));
	draw_bytes(r->name, n.name.n);
	if (draw(8) == 0 && n.name.n > 0)
		r->name[0] = draw(2) ? '/' : '\0';
	draw_bytes(n.parent.b, sizeof n.parent.b);
	draw_bytes(n.dev.b, sizeof n.dev.b);
	if (n.type != NODE_FILE)
		n.flags &= NODE_TRASHED | NODE_CONFLICT;
	if (!(n.flags & NODE_TRASHED))
		n.trashed_ms = 0;
	draw_attrs(r);
	n.attrs = buf_bytes(&r->attrs);
	if (n.type == NODE_FILE) {
		draw_content(r);
		n.content = buf_bytes(&r->content);
	} else if (n.type == NODE_SYMLINK) {
		n.target =
		    bytes_of(r->target, (size_t)(1 + draw(NODE_TARGET_MAX)));
		draw_bytes(r->target, n.target.n);
	} else if (n.type == NODE_SHARE) {
		draw_bytes(n.share_owner.b, ID_BYTES);
		draw_bytes(n.share_zone.b, ID_BYTES);
	}
	return n;
}

static void
assert_same(const struct node *a, const struct node *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->flags, b->flags);
	assert_true(id_equal(&a->parent, &b->parent));
	assert_true(bytes_equal(a->name, b->name));
	assert_true(a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns);
	assert_true(id_equal(&a->dev, &b->dev));
	assert_true(a->changed_ms == b->changed_ms && a->edits == b->edits);
	assert_true(a->trashed_ms == b->trashed_ms);
	assert_true(bytes_equal(a->attrs, b->attrs));
	assert_true(bytes_equal(a->target, b->target));
	assert_true(bytes_equal(a->content, b->content));
	assert_true(id_equal(&a->share_owner, &b->share_owner));
	assert_true(id_equal(&a->share_zone, &b->share_zone));
}

static void
what_is_put_is_parsed(void **state)
{
	OWN(room_free) struct room r = { .name = { 0 } };
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		state_ = seed * 0x9e3779b97f4a7c15;
		struct node n = draw_node(&r), back;
		buf_clear(&out);
		node_put(&out, &n);
		assert_true(node_is(buf_bytes(&out)));
		if (node_parse(buf_bytes(&out), &back, &e) < 0)
			fail_msg("seed %d: %s", (int)seed, e.msg);
		assert_same(&n, &back);
		size_t pad = NODE_PAD;
		while (pad < out.n)
			pad *= 2;
		assert_int_equal(out.n, pad);
	}
}

/* ---- one file, and what is wrong with others ---- */

static struct node
plain_file(struct room *r)
{
	struct node_content c = {
		.form = NODE_INLINE, .size = 2, .bytes = bytes_str("hi")
	};

	buf_clear(&r->content);
	node_content_put(&r->content, &c);
	return (struct node){ .type = NODE_FILE,
		.name = bytes_str("a"),
		.edits = 1,
		.content = buf_bytes(&r->content) };
}

/* Where things are in it. */
#define AT_FORMAT 1
#define AT_TYPE 2
#define AT_FLAGS 4

static void
a_small_file_has_these_bytes(void **state)
{
	OWN(room_free) struct room r = { .name = { 0 } };
	OWN(buf_free) struct buf out = { 0 };
	struct node n = plain_file(&r);
	uint8_t want[NODE_PAD] = { 32, 1, 1 };

	(void)state;
	node_put(&out, &n);
	want[21] = 1; /* the name's length, behind kind to parent */
	want[22] = 'a';
	want[49] = 1; /* edits, behind both times, dev and changed_ms */
	want[51] = 2; /* size, behind no attributes */
	want[53] = 2;
	want[54] = 'h';
	want[55] = 'i';
	assert_int_equal(out.n, NODE_PAD);
	assert_memory_equal(out.p, want, NODE_PAD);
}

static void
refuse(struct bytes plain, enum err_code code)
{
	struct node n;
	struct err e = { 0 };

	assert_int_equal(node_parse(plain, &n, &e), -1);
	assert_int_equal(e.code, code);
}

static void
refuses_bytes_that_are_wrong(void **state)
{
	static const struct {
		size_t at;
		uint8_t is;
		enum err_code code;
	} cases[] = {
		{ 0, 33, ERR_RECORD_CORRUPT },
		{ AT_FORMAT, 0, ERR_RECORD_CORRUPT },
		{ AT_FORMAT, 2, ERR_UPDATE_NEEDED },
		{ AT_TYPE, 0, ERR_RECORD_CORRUPT },
		{ AT_TYPE, 5, ERR_RECORD_CORRUPT },
		{ 3, 1, ERR_RECORD_CORRUPT },
		{ AT_FLAGS, 0x10, ERR_RECORD_CORRUPT },
		{ 41, 0x80, ERR_RECORD_CORRUPT }, /* changed_ms */
		{ 51, 3, ERR_RECORD_CORRUPT }, /* size */
		{ 52, 3, ERR_RECORD_CORRUPT }, /* form */
		{ 53, 1, ERR_RECORD_CORRUPT },
		{ 56, 1, ERR_RECORD_CORRUPT }, /* pad */
		{ NODE_PAD - 1, 1, ERR_RECORD_CORRUPT },
	};
	OWN(room_free) struct room r = { .name = { 0 } };
	OWN(buf_free) struct buf out = { 0 };
	struct node n = plain_file(&r);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		buf_clear(&out);
		node_put(&out, &n);
		out.p[cases[i].at] = cases[i].is;
		refuse(buf_bytes(&out), cases[i].code);
	}
}

static void
refuses_any_other_length(void **state)
{
	OWN(room_free) struct room r = { .name = { 0 } };
	OWN(buf_free) struct buf out = { 0 };
	struct node n = plain_file(&r);

	(void)state;
	node_put(&out, &n);
	memset(buf_grow(&out, 2 * NODE_PAD), 0, 2 * NODE_PAD);
	for (size_t i = 0; i <= out.n; i++)
		if (i != NODE_PAD)
			refuse(bytes_of(out.p, i), ERR_RECORD_CORRUPT);
}

static void
flags_of_files_are_of_files_alone(void **state)
{
	OWN(buf_free) struct buf out = { 0 };
	struct node n = { .type = NODE_DIR, .name = bytes_str("d") };

	(void)state;
	node_put(&out, &n);
	out.p[AT_FLAGS] = NODE_EXEC;
	refuse(buf_bytes(&out), ERR_RECORD_CORRUPT);
	out.p[AT_FLAGS] = NODE_SECRET;
	refuse(buf_bytes(&out), ERR_RECORD_CORRUPT);
}

/* Bytes of attributes, by hand, in a directory's record. */
static int
parse_attrs(struct bytes attrs, struct err *e)
{
	OWN(buf_free) struct buf out = { 0 };
	struct node n = { .type = NODE_DIR, .name = bytes_str("d") }, back;

	node_put(&out, &n);
	out.n = 50; /* up to its attributes */
	buf_put_vv(&out, attrs);
	size_t size = NODE_PAD;
	while (size < out.n)
		size *= 2;
	memset(buf_grow(&out, size - out.n), 0, size - out.n);
	return node_parse(buf_bytes(&out), &back, e);
}

static void
attributes_are_sorted_and_few(void **state)
{
	static const struct {
		struct bytes attrs;
		int rc;
	} cases[] = {
		{ { (const uint8_t *)"\1a\0\1b\1x", 7 }, 0 },
		{ { (const uint8_t *)"\1a\0\1a\0", 6 }, -1 },
		{ { (const uint8_t *)"\1b\0\1a\0", 6 }, -1 },
		{ { (const uint8_t *)"\0\0", 2 }, -1 },
		{ { (const uint8_t *)"\2a\0\0", 4 }, -1 },
		{ { (const uint8_t *)"\1a", 2 }, -1 },
		{ { (const uint8_t *)"\1a\5x", 4 }, -1 },
	};
	OWN(buf_free) struct buf large = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(parse_attrs(cases[i].attrs, &e), cases[i].rc);
	buf_put_str(&large, "\1a\xfc\x1f"); /* 4,092 bytes */
	memset(buf_grow(&large, 4092), 'x', 4092);
	assert_int_equal(parse_attrs(buf_bytes(&large), &e), 0);
	large.p[2] = 0xfd;
	buf_put_u8(&large, 'x');
	assert_int_equal(parse_attrs(buf_bytes(&large), &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
}

/* ---- content ---- */

struct one {
	bool hole;
	uint64_t length;
};

/* A list of two, as a writer would never put it. */
static int
parse_list(uint64_t size, struct one a, struct one b, const char *hints)
{
	OWN(buf_free) struct buf out = { 0 };
	const struct one list[] = { a, b };
	struct node_content c;
	struct err e = { 0 };

	buf_put_varint(&out, size);
	buf_put_u8(&out, NODE_LIST);
	buf_put_varint(&out, 2);
	for (size_t i = 0; i < 2; i++) {
		memset(buf_grow(&out, 32), list[i].hole ? 0 : 7, 32);
		buf_put_varint(&out, list[i].length);
	}
	buf_put_u8(&out, (uint8_t)(strlen(hints) / 2));
	for (; *hints != '\0'; hints += 2) {
		memset(buf_grow(&out, 16), 9, 16);
		buf_put_u8(&out, (uint8_t)(hints[0] - '0'));
		buf_put_u8(&out, (uint8_t)(hints[1] - '0'));
	}
	return node_content_parse(buf_bytes(&out), &c, &e);
}

static void
a_list_adds_up_to_its_size(void **state)
{
	const struct one chunk = { false, 100 }, hole = { true, 400 };
	const struct one none = { false, 0 }, large = { false, 1048577 };

	(void)state;
	assert_int_equal(parse_list(200, chunk, chunk, ""), 0);
	assert_int_equal(parse_list(500, chunk, hole, ""), 0);
	assert_int_equal(parse_list(500, hole, chunk, "01"), 0);
	assert_int_equal(parse_list(201, chunk, chunk, ""), -1);
	assert_int_equal(parse_list(199, chunk, chunk, ""), -1);
	assert_int_equal(parse_list(100, chunk, none, ""), -1);
	assert_int_equal(parse_list(800, hole, hole, ""), 0);
	assert_int_equal(parse_list(1048677, chunk, large, ""), -1);
	assert_int_equal(parse_list(0, chunk, chunk, ""), -1);
}

static void
hints_are_of_its_chunks(void **state)
{
	const struct one chunk = { false, 100 }, hole = { true, 400 };

	(void)state;
	assert_int_equal(parse_list(200, chunk, chunk, "02"), 0);
	assert_int_equal(parse_list(200, chunk, chunk, "0151"), 0);
	assert_int_equal(parse_list(200, chunk, chunk, "51"), 0);
	assert_int_equal(parse_list(200, chunk, chunk, "03"), -1);
	assert_int_equal(parse_list(200, chunk, chunk, "0251"), -1);
	assert_int_equal(parse_list(200, chunk, chunk, "00"), -1);
	assert_int_equal(parse_list(500, chunk, hole, "02"), -1);
}

static void
a_long_list_has_a_depth(void **state)
{
	static const struct {
		uint8_t depth;
		uint64_t size;
		bool hole;
		int rc;
	} cases[] = { { 1, 1 << 20, false, 0 }, { 4, 1 << 20, false, 0 },
		{ 0, 1 << 20, false, -1 }, { 5, 1 << 20, false, -1 },
		{ 1, 1 << 20, true, -1 },
		/* 100 bytes are no list of the chunks of one byte. */
		{ 1, 1, false, -1 }, { 1, NODE_SIZE_MAX, false, 0 },
		{ 1, NODE_SIZE_MAX + 1, false, -1 } };
	struct node_content c;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf out = { 0 };
		buf_put_varint(&out, cases[i].size);
		buf_put_u8(&out, NODE_TREE);
		buf_put_u8(&out, cases[i].depth);
		buf_put_varint(&out, 1);
		memset(buf_grow(&out, 32), cases[i].hole ? 0 : 7, 32);
		buf_put_varint(&out, 100);
		buf_put_varint(&out, 0);
		assert_int_equal(
		    node_content_parse(buf_bytes(&out), &c, &e), cases[i].rc);
	}
}

static struct digest
id_of(const struct node *n)
{
	struct digest d;
	struct err e = { 0 };

	assert_int_equal(node_content_id(n, &d, &e), 0);
	return d;
}

/* SHA-256("aumbry drive content v1" 00 01 02 00 02 "hi") */
static const uint8_t hi[] = { 0x27, 0x08, 0x1e, 0x60, 0x43, 0x87, 0x00, 0xfb,
	0x2d, 0x3e, 0xe2, 0x05, 0x7e, 0xaa, 0xf6, 0xa2, 0x76, 0x19, 0x20, 0xab,
	0x9b, 0x1e, 0x8a, 0x08, 0x64, 0x13, 0x59, 0x99, 0xe2, 0x93, 0x0c,
	0x0f };

static void
equal_contents_have_one_id(void **state)
{
	OWN(room_free) struct room r = { .name = { 0 } };
	struct node_content c = { .form = NODE_LIST, .size = 100 };
	struct node n = plain_file(&r);

	(void)state;
	struct digest small = id_of(&n);
	assert_memory_equal(small.b, hi, sizeof hi);
	item(&r, &c, false, 100);
	c.list = buf_bytes(&r.list);
	buf_clear(&r.content);
	node_content_put(&r.content, &c);
	n.content = buf_bytes(&r.content);
	struct digest before = id_of(&n);
	assert_false(digest_equal(&small, &before));
	hint(&r, &c, 5, 1);
	c.hints = buf_bytes(&r.hints);
	buf_clear(&r.content);
	node_content_put(&r.content, &c);
	n.content = buf_bytes(&r.content);
	struct digest after = id_of(&n);
	assert_true(digest_equal(&before, &after));
	n = (struct node){ .type = NODE_DIR };
	after = id_of(&n);
	assert_true(digest_zero(&after));
	n = (struct node){ .type = NODE_SYMLINK, .target = bytes_str("hi") };
	after = id_of(&n);
	assert_false(digest_equal(&small, &after));
}

static void
names_that_do_not_hold(void **state)
{
	static const struct {
		struct bytes name;
		bool ok;
	} cases[] = {
		{ { (const uint8_t *)"a", 1 }, true },
		{ { (const uint8_t *)"...", 3 }, true },
		{ { (const uint8_t *)"\xff\n", 2 }, true },
		{ { (const uint8_t *)"", 0 }, false },
		{ { (const uint8_t *)".", 1 }, false },
		{ { (const uint8_t *)"..", 2 }, false },
		{ { (const uint8_t *)"a/b", 3 }, false },
		{ { (const uint8_t *)"a\0b", 3 }, false },
	};
	uint8_t longest[NODE_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(node_name_valid(cases[i].name), cases[i].ok);
	memset(longest, 'x', sizeof longest);
	assert_true(node_name_valid(bytes_of(longest, NODE_NAME_MAX)));
	assert_false(node_name_valid(bytes_of(longest, NODE_NAME_MAX + 1)));
}

/* ---- histories ---- */

static void
a_history_comes_back(void **state)
{
	struct node_history h = { .n = 3 }, back;
	OWN(room_free) struct room r = { .name = { 0 } };
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	state_ = 77;
	(void)plain_file(&r);
	draw_bytes(h.node.b, ID_BYTES);
	for (size_t i = 0; i < h.n; i++)
		h.v[i] = (struct node_version){ .edits = 9 - i,
			.changed_ms = 5,
			.mtime_s = -1,
			.flags = NODE_EXEC,
			.content = buf_bytes(&r.content) };
	node_history_put(&out, &h);
	assert_int_equal(out.n, NODE_PAD);
	assert_int_equal(node_history_parse(buf_bytes(&out), &back, &e), 0);
	assert_true(id_equal(&back.node, &h.node));
	assert_int_equal(back.n, 3);
	assert_true(back.v[2].edits == 7 && back.v[2].mtime_s == -1);
	assert_true(bytes_equal(back.v[2].content, buf_bytes(&r.content)));
	out.p[19] = 6; /* edits of the first, less than of the second */
	assert_int_equal(node_history_parse(buf_bytes(&out), &back, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	assert_int_equal(back.n, 0);
	out.p[19] = 9;
	out.p[1] = 2;
	assert_int_equal(node_history_parse(buf_bytes(&out), &back, &e), -1);
	assert_int_equal(e.code, ERR_UPDATE_NEEDED);
}

static void
a_history_that_is_too_long_leaves_out_the_oldest(void **state)
{
	struct node_history h = { .n = NODE_VERSIONS_MAX }, back;
	OWN(room_free) struct room r = { .name = { 0 } };
	OWN(buf_free) struct buf out = { 0 };
	struct node_content c = { .form = NODE_LIST };
	struct err e = { 0 };

	(void)state;
	state_ = 78;
	for (int i = 0; i < NODE_LIST_MAX; i++)
		item(&r, &c, false, 70000);
	c.size = (uint64_t)70000 * NODE_LIST_MAX;
	c.list = buf_bytes(&r.list);
	node_content_put(&r.content, &c);
	for (size_t i = 0; i < h.n; i++)
		h.v[i] = (struct node_version){ .edits = 200 - i,
			.content = buf_bytes(&r.content) };
	node_history_put(&out, &h);
	assert_int_equal(out.n, NODE_HISTORY_MAX);
	assert_int_equal(node_history_parse(buf_bytes(&out), &back, &e), 0);
	assert_true(back.n > 60 && back.n < 75);
	assert_int_equal(back.v[0].edits, 200);
}

/* Another device may have written the last one there is. */
static void
edits_stay_at_their_end(void **state)
{
	struct node n = { .edits = 1 };

	(void)state;
	node_edited(&n);
	assert_int_equal(n.edits, 2);
	n.edits = NODE_EDITS_MAX;
	node_edited(&n);
	assert_int_equal(n.edits, NODE_EDITS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_parsed),
		cmocka_unit_test(a_small_file_has_these_bytes),
		cmocka_unit_test(refuses_bytes_that_are_wrong),
		cmocka_unit_test(refuses_any_other_length),
		cmocka_unit_test(flags_of_files_are_of_files_alone),
		cmocka_unit_test(attributes_are_sorted_and_few),
		cmocka_unit_test(a_list_adds_up_to_its_size),
		cmocka_unit_test(hints_are_of_its_chunks),
		cmocka_unit_test(a_long_list_has_a_depth),
		cmocka_unit_test(equal_contents_have_one_id),
		cmocka_unit_test(names_that_do_not_hold),
		cmocka_unit_test(edits_stay_at_their_end),
		cmocka_unit_test(a_history_comes_back),
		cmocka_unit_test(
		    a_history_that_is_too_long_leaves_out_the_oldest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
