/* SPDX-License-Identifier: ISC */
/* test_letter.c: letters as they are signed, and packets as they are posted. */
#include "wire/letter.h"

#include "vault/devkey.h"
#include "wire/packet.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#define MARKS_AT 165 /* the u8 that counts them */

/* ---- letters ---- */

/* Bytes that are others wherever they stand. */
static void
fill(void *out, size_t n, uint8_t first)
{
	uint8_t *p = out;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(first + i);
}

static struct devkey *
key_of(uint8_t first)
{
	uint8_t raw[DEVKEY_BYTES];

	fill(raw, sizeof raw, first);
	return devkey_of(bytes_of(raw, sizeof raw));
}

static struct letter
sample(uint8_t kind, struct bytes body, uint8_t marks)
{
	struct letter l = { .kind = kind,
		.circle_seq = 0x01020304,
		.time_ms = 0x1112131415161718,
		.clock = 0x2122232425262728,
		.seen_size = 0x3132333435363738,
		.state = 0x41424344,
		.n_marks = marks,
		.body = body };

	fill(l.conv.b, ID_BYTES, 0x50);
	fill(l.id.b, ID_BYTES, 0x60);
	fill(l.author.b, ID_BYTES, 0x70);
	fill(l.dev_id.b, ID_BYTES, 0x80);
	fill(l.seen_root.b, DIGEST_BYTES, 0x90);
	fill(l.state_hash.b, DIGEST_BYTES, 0xb0);
	for (uint8_t i = 0; i < marks; i++)
		fill(l.marks[i].b, ID_BYTES, (uint8_t)(0xc0 + i));
	return l;
}

static void
finish(const struct letter *l, struct buf *out)
{
	OWN(devkey_free) struct devkey *k = key_of(1);
	uint8_t sig[SIG_BYTES];

	buf_clear(out);
	letter_put_signed(out, l);
	devkey_sign(k, SIG_LETTER, buf_bytes(out), sig);
	buf_put(out, sig, sizeof sig);
}

static void
text_letter(const char *text, struct buf *out)
{
	OWN(buf_free) struct buf body = { 0 };

	letter_put_text(&body, NULL, bytes_str(text));
	struct letter l =
	    sample(LETTER_TEXT, buf_bytes(&body), LETTER_MARKS - 1);
	finish(&l, out);
}

static bool
signed_by(const struct letter *l, uint8_t first)
{
	OWN(devkey_free) struct devkey *k = key_of(first);
	uint8_t pk[SIG_PK_BYTES];

	devkey_sign_pk(k, pk);
	return letter_sig_valid(l, pk);
}

static void
expect_no_letter(struct bytes x)
{
	struct err e = { 0 };
	struct letter l;

	assert_int_equal(letter_take(x, &l, &e), -1);
	assert_int_equal(e.code, ERR_LETTER_FORGED);
}

static void
expect_same(const struct letter *a, const struct letter *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(id_equal(&a->conv, &b->conv));
	assert_true(id_equal(&a->id, &b->id));
	assert_true(id_equal(&a->author, &b->author));
	assert_true(id_equal(&a->dev_id, &b->dev_id));
	assert_int_equal(a->circle_seq, b->circle_seq);
	assert_int_equal(a->time_ms, b->time_ms);
	assert_int_equal(a->clock, b->clock);
	assert_int_equal(a->seen_size, b->seen_size);
	assert_true(digest_equal(&a->seen_root, &b->seen_root));
	assert_int_equal(a->state, b->state);
	assert_true(digest_equal(&a->state_hash, &b->state_hash));
	assert_int_equal(a->n_marks, b->n_marks);
	for (size_t i = 0; i < a->n_marks; i++)
		assert_true(id_equal(&a->marks[i], &b->marks[i]));
	assert_true(bytes_equal(a->body, b->body));
}

static void
a_letter_comes_back_as_it_was(void **state)
{
	static const char body[] = "whatever it says";

	(void)state;
	for (uint8_t marks = 0; marks <= LETTER_MARKS; marks++) {
		OWN(buf_free) struct buf x = { 0 };
		OWN(buf_free) struct buf again = { 0 };
		struct letter l = sample(9, bytes_str(body), marks), got;
		struct err e = { 0 };
		finish(&l, &x);
		assert_int_equal(letter_take(buf_bytes(&x), &got, &e), 0);
		expect_same(&l, &got);
		assert_true(signed_by(&got, 1));
		assert_false(signed_by(&got, 2));
		letter_put_signed(&again, &got);
		assert_true(bytes_equal(got.signed_part, buf_bytes(&again)));
		assert_int_equal(again.n + SIG_BYTES, x.n);
	}
}

static void
fields_stand_where_the_format_says(void **state)
{
	static const struct {
		size_t at;
		uint8_t first, n;
	} fields[] = { { 5, 0x50, 16 }, { 21, 0x60, 16 }, { 37, 0x70, 16 },
		{ 53, 0x80, 16 }, { 69, 1, 4 }, { 73, 0x11, 8 },
		{ 81, 0x21, 8 }, { 89, 0x31, 8 }, { 97, 0x90, 32 },
		{ 129, 0x41, 4 }, { 133, 0xb0, 32 } };
	OWN(buf_free) struct buf x = { 0 };
	OWN(buf_free) struct buf y = { 0 };

	(void)state;
	text_letter("x", &x);
	assert_memory_equal(x.p, "PML1\1", 5);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		for (uint8_t k = 0; k < fields[i].n; k++)
			assert_int_equal(x.p[fields[i].at + k],
			    (uint8_t)(fields[i].first + k));
	assert_int_equal(x.p[MARKS_AT], LETTER_MARKS - 1);
	assert_memory_equal(x.p + MARKS_AT + 1 + (LETTER_MARKS - 1) * ID_BYTES,
	    "\0\0\0\4\0\1x\0", 8);
	/* What others name it by has the signature in it. */
	struct id mark = letter_mark(buf_bytes(&x));
	struct id want = digest_id(buf_bytes(&x));
	assert_true(id_equal(&mark, &want));
	buf_put_bytes(&y, buf_bytes(&x));
	y.p[y.n - 1] ^= 1;
	mark = letter_mark(buf_bytes(&y));
	assert_false(id_equal(&mark, &want));
}

static void
every_changed_byte_breaks_it(void **state)
{
	OWN(buf_free) struct buf x = { 0 };
	size_t other = 0, none = 0;

	(void)state;
	text_letter("The key is under the mat", &x);
	for (size_t i = 0; i < x.n * 8; i++) {
		struct err e = { 0 };
		struct letter l;
		uint8_t bit = (uint8_t)(1 << i % 8);
		x.p[i / 8] ^= bit;
		if (letter_take(buf_bytes(&x), &l, &e) < 0) {
			assert_int_equal(e.code, ERR_LETTER_FORGED);
			none++;
		} else {
			assert_false(signed_by(&l, 1));
			other++;
		}
		x.p[i / 8] ^= bit;
	}
	/* Magic and lengths are read before there is a signature. */
	assert_true(none >= (size_t)4 * 8 && other > (size_t)200 * 8);
}

static void
cut_short_or_longer_it_is_none(void **state)
{
	OWN(buf_free) struct buf x = { 0 };

	(void)state;
	text_letter("Hello Ben", &x);
	for (size_t n = 0; n < x.n; n++)
		expect_no_letter(bytes_of(x.p, n));
	buf_put_u8(&x, 0);
	expect_no_letter(buf_bytes(&x));
}

static void
five_marks_are_too_many(void **state)
{
	OWN(buf_free) struct buf x = { 0 };
	OWN(buf_free) struct buf y = { 0 };
	struct letter l = sample(LETTER_TEXT, bytes_str(""), LETTER_MARKS), got;
	struct err e = { 0 };

	(void)state;
	finish(&l, &x);
	assert_int_equal(letter_take(buf_bytes(&x), &got, &e), 0);
	buf_put(&y, x.p, MARKS_AT);
	buf_put_u8(&y, LETTER_MARKS + 1);
	id_put(&y, &l.id);
	buf_put(&y, x.p + MARKS_AT + 1, x.n - MARKS_AT - 1);
	expect_no_letter(buf_bytes(&y));
	y.p[MARKS_AT] = UINT8_MAX;
	expect_no_letter(buf_bytes(&y));
}

/* ---- bodies ---- */

static int
read_body(uint8_t kind, struct bytes body, struct id *of, struct bytes *text,
    struct err *e)
{
	struct letter l = sample(kind, body, 0);

	return letter_body(&l, of, text, e);
}

static void
a_body_says_what_was_put(void **state)
{
	OWN(buf_free) struct buf body = { 0 };
	struct letter any = sample(0, bytes_str(""), 0);
	struct bytes text;
	struct err e = { 0 };
	struct id of;

	(void)state;
	letter_put_text(&body, NULL, bytes_str("größer \U0001F511"));
	assert_int_equal(
	    read_body(LETTER_TEXT, buf_bytes(&body), &of, &text, &e), 0);
	assert_true(id_zero(&of));
	assert_true(bytes_equal(text, bytes_str("größer \U0001F511")));
	buf_clear(&body);
	letter_put_text(&body, &any.id, bytes_str(""));
	assert_int_equal(
	    read_body(LETTER_EDIT, buf_bytes(&body), &of, &text, &e), 0);
	assert_true(id_equal(&of, &any.id));
	assert_int_equal(text.n, 0);
	buf_clear(&body);
	id_put(&body, &any.id);
	assert_int_equal(
	    read_body(LETTER_DELETE, buf_bytes(&body), &of, &text, &e), 0);
	assert_true(id_equal(&of, &any.id));
	assert_int_equal(text.n, 0);
}

#define OF "0123456789abcdef"

static void
says_nothing_that_can_be_read(void **state)
{
	static const struct {
		uint8_t kind;
		const char *body;
		size_t n;
		enum err_code code;
	} cases[] = {
		{ LETTER_TEXT, "", 0, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0", 1, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\1", 2, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\1x", 3, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\2x\0", 4, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\1x\0\0", 5, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\1x\1", 4, ERR_UPDATE_NEEDED },
		{ LETTER_TEXT, "\0\1x\377", 4, ERR_UPDATE_NEEDED },
		{ LETTER_TEXT, "\0\1x\1more", 8, ERR_UPDATE_NEEDED },
		{ LETTER_TEXT, "\0\1\377\0", 4, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\2\300\200\0", 5, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\2\342\202\0", 5, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\3\355\240\200\0", 6, ERR_LETTER_FORGED },
		{ LETTER_TEXT, "\0\4\364\220\200\200\0", 7, ERR_LETTER_FORGED },
		{ LETTER_EDIT, "\0\1x\0", 4, ERR_LETTER_FORGED },
		{ LETTER_EDIT, OF, 16, ERR_LETTER_FORGED },
		{ LETTER_EDIT, OF "\0\1x", 19, ERR_LETTER_FORGED },
		{ LETTER_EDIT, OF "\0\1x\0\0", 21, ERR_LETTER_FORGED },
		{ LETTER_EDIT, OF "\0\1\377\0", 20, ERR_LETTER_FORGED },
		{ LETTER_EDIT, OF "\0\1x\2", 20, ERR_UPDATE_NEEDED },
		{ LETTER_DELETE, "", 0, ERR_LETTER_FORGED },
		{ LETTER_DELETE, OF, 15, ERR_LETTER_FORGED },
		{ LETTER_DELETE, OF "\0", 17, ERR_LETTER_FORGED },
		{ 0, "\0\1x\0", 4, ERR_UPDATE_NEEDED },
		{ LETTER_DELETE + 1, OF, 16, ERR_UPDATE_NEEDED },
		{ LETTER_DELETE + 1, "", 0, ERR_UPDATE_NEEDED },
		{ 255, "\0\1x\0", 4, ERR_UPDATE_NEEDED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = { 0 };
		struct bytes text;
		struct id of;
		int rc = read_body(cases[i].kind,
		    bytes_of(cases[i].body, cases[i].n), &of, &text, &e);
		if (rc == 0 || e.code != cases[i].code)
			fail_msg("case %zu: %s", i, err_name(e.code));
	}
}

static void
the_longest_text_and_no_longer_one(void **state)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf x = { 0 };
	struct bytes got;
	struct err e = { 0 };
	struct letter l;
	struct id of;

	(void)state;
	memset(buf_grow(&text, LETTER_TEXT_MAX), 'x', LETTER_TEXT_MAX);
	l = sample(LETTER_EDIT, bytes_str(""), LETTER_MARKS);
	letter_put_text(&body, &l.id, buf_bytes(&text));
	l.body = buf_bytes(&body);
	finish(&l, &x);
	assert_int_equal(x.n, LETTER_BYTES_MAX);
	assert_int_equal(letter_take(buf_bytes(&x), &l, &e), 0);
	assert_int_equal(letter_body(&l, &of, &got, &e), 0);
	assert_true(bytes_equal(got, buf_bytes(&text)));
	/* One byte more: as an edit the letter is too long, as a text its text. */
	buf_put_u8(&text, 'x');
	buf_clear(&body);
	id_put(&body, &l.id);
	buf_put_v16(&body, buf_bytes(&text));
	buf_put_u8(&body, 0);
	l = sample(LETTER_EDIT, buf_bytes(&body), LETTER_MARKS);
	finish(&l, &x);
	expect_no_letter(buf_bytes(&x));
	l = sample(LETTER_TEXT, bytes_of(body.p + ID_BYTES, body.n - ID_BYTES),
	    LETTER_MARKS);
	finish(&l, &x);
	assert_int_equal(letter_take(buf_bytes(&x), &l, &e), 0);
	assert_int_equal(letter_body(&l, &of, &got, &e), -1);
	assert_int_equal(e.code, ERR_LETTER_FORGED);
}

/* ---- conversations ---- */

static void
a_conversation_is_the_same_for_both_and_for_nobody_else(void **state)
{
	static const struct letter_party ana = { { { 1 } }, "home.example" },
					 ben = { { { 2 } }, "home.example" };
	static const struct letter_party others[][2] = {
		{ { { { 1 } }, "home.example" },
		    { { { 3 } }, "home.example" } },
		{ { { { 1 } }, "home.example" }, { { { 2 } }, "home.exampl" } },
		{ { { { 1 } }, "home.example" },
		    { { { 2 } }, "Home.example" } },
		{ { { { 1 } }, "other.example" },
		    { { { 2 } }, "home.example" } },
		{ { { { 1 } }, "home.example" },
		    { { { 2 } }, "other.example" } },
		{ { { { 1 } }, "" }, { { { 2 } }, "home.example" } },
		{ { { { 1 } }, "home.example" },
		    { { { 1 } }, "home.example" } },
	};
	struct id both = letter_conversation(&ana, &ben);
	struct id turned = letter_conversation(&ben, &ana);
	struct id seen[ARRAY_SIZE(others)];

	(void)state;
	assert_true(id_equal(&both, &turned));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		seen[i] = letter_conversation(&others[i][0], &others[i][1]);
		turned = letter_conversation(&others[i][1], &others[i][0]);
		assert_true(id_equal(&seen[i], &turned));
		assert_false(id_equal(&seen[i], &both));
		for (size_t k = 0; k < i; k++)
			assert_false(id_equal(&seen[i], &seen[k]));
	}
}

/* ---- packets ---- */

static struct packet
packet_of(size_t n, uint8_t flags, struct bytes sealed)
{
	struct packet p = { .flags = flags, .n = n, .sealed = sealed };

	fill(p.id.b, ID_BYTES, 0x10);
	fill(p.eph_pk, KEM_PK_BYTES, 0x30);
	for (size_t i = 0; i < n; i++) {
		fill(p.slots[i].uid.b, ID_BYTES, (uint8_t)i);
		p.slots[i].epoch = (uint32_t)(0x01000000 + i);
		fill(p.slots[i].wrapped, PACKET_WRAPPED, (uint8_t)(2 * i));
	}
	return p;
}

static void
expect_same_slot(const struct packet_slot *a, const struct packet_slot *b)
{
	assert_true(id_equal(&a->uid, &b->uid));
	assert_int_equal(a->epoch, b->epoch);
	assert_memory_equal(a->wrapped, b->wrapped, PACKET_WRAPPED);
}

static void
expect_no_packet(struct bytes x, enum err_code code)
{
	struct err e = { 0 };
	struct packet p;

	assert_int_equal(packet_take(x, &p, &e), -1);
	if (e.code != code)
		fail_msg("%s, not %s", err_name(e.code), err_name(code));
}

static void
a_packet_comes_back_as_it_was(void **state)
{
	static const size_t slots[] = { 1, 2, PACKET_SLOTS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slots) * 4; i++) {
		OWN(buf_free) struct buf x = { 0 };
		OWN(buf_free) struct buf again = { 0 };
		struct packet p = packet_of(slots[i / 4], (uint8_t)(i % 4),
				  bytes_str(i % 2 ? "sealed" : "")),
			      got;
		struct err e = { 0 };
		packet_put(&x, &p);
		assert_int_equal(packet_take(buf_bytes(&x), &got, &e), 0);
		assert_true(id_equal(&p.id, &got.id));
		assert_memory_equal(p.eph_pk, got.eph_pk, KEM_PK_BYTES);
		assert_int_equal(p.flags, got.flags);
		assert_int_equal(p.n, got.n);
		for (size_t k = 0; k < p.n; k++)
			expect_same_slot(&p.slots[k], &got.slots[k]);
		assert_true(bytes_equal(p.sealed, got.sealed));
		packet_put(&again, &got);
		assert_true(bytes_equal(buf_bytes(&x), buf_bytes(&again)));
	}
}

#define SUITE_AT 4
#define FLAGS_AT 53
#define SLOTS_AT 54
#define SLOT_BYTES (ID_BYTES + 4 + PACKET_WRAPPED)

static void
a_packet_has_its_limits(void **state)
{
	struct packet p = packet_of(2, 0, bytes_str("sealed"));
	const size_t blobs_at = SLOTS_AT + 2 + 2 * SLOT_BYTES;
	const struct {
		size_t at;
		uint8_t value;
		enum err_code code;
	} cases[] = {
		{ 0, 'Q', ERR_BAD_REQUEST },
		{ 3, '2', ERR_BAD_REQUEST },
		{ SUITE_AT, 0, ERR_UPDATE_NEEDED },
		{ SUITE_AT, 2, ERR_UPDATE_NEEDED },
		{ FLAGS_AT, 4, ERR_UPDATE_NEEDED },
		{ FLAGS_AT, 0x80 | PACKET_ASKS, ERR_UPDATE_NEEDED },
		{ SLOTS_AT, 1, ERR_BAD_REQUEST },
		{ SLOTS_AT + 1, 0, ERR_BAD_REQUEST },
		{ SLOTS_AT + 1, 1, ERR_UPDATE_NEEDED }, /* the other: blobs */
		{ SLOTS_AT + 1, 3, ERR_BAD_REQUEST },
		{ SLOTS_AT + 1, PACKET_SLOTS + 1, ERR_BAD_REQUEST },
		{ blobs_at, 1, ERR_UPDATE_NEEDED },
		{ blobs_at, 16, ERR_UPDATE_NEEDED },
		{ blobs_at + 4, 5, ERR_BAD_REQUEST },
		{ blobs_at + 4, 7, ERR_BAD_REQUEST },
		{ blobs_at + 1, 0xff, ERR_BAD_REQUEST },
	};

	(void)state;
	p.slots[1].uid.b[0] = 1; /* read as a count of blobs */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf x = { 0 };
		packet_put(&x, &p);
		assert_int_not_equal(x.p[cases[i].at], cases[i].value);
		x.p[cases[i].at] = cases[i].value;
		expect_no_packet(buf_bytes(&x), cases[i].code);
	}
}

static void
a_packet_cut_short_or_longer_is_none(void **state)
{
	OWN(buf_free) struct buf x = { 0 };
	struct packet p = packet_of(3, 0, bytes_str("sealed"));

	(void)state;
	packet_put(&x, &p);
	for (size_t n = 0; n < x.n; n++)
		expect_no_packet(bytes_of(x.p, n), ERR_BAD_REQUEST);
	buf_put_u8(&x, 0);
	expect_no_packet(buf_bytes(&x), ERR_BAD_REQUEST);
}

static void
the_longest_packet_and_no_longer_one(void **state)
{
	OWN(buf_free) struct buf sealed = { 0 };
	OWN(buf_free) struct buf x = { 0 };
	struct packet p = packet_of(PACKET_SLOTS, 0, bytes_str("")), got;
	struct err e = { 0 };

	(void)state;
	packet_put(&x, &p);
	size_t most = PACKET_BYTES_MAX - x.n;
	memset(buf_grow(&sealed, most), 's', most);
	for (int i = 0; i < 2; i++) {
		p.sealed = buf_bytes(&sealed);
		buf_clear(&x);
		packet_put(&x, &p);
		if (i == 0)
			assert_int_equal(
			    packet_take(buf_bytes(&x), &got, &e), 0);
		else
			expect_no_packet(buf_bytes(&x), ERR_BAD_REQUEST);
		buf_put_u8(&sealed, 's');
	}
}

/* ---- items ---- */

static const struct id sender = { { 0xaa, 0xbb } };

static void
put_item(struct buf *out, const struct packet *p, size_t slot)
{
	buf_put_u64(out, 0x0102030405060708);
	buf_put_u64(out, 0x1112131415161718);
	packet_put_rest(out, &sender, p, slot);
}

static void
expect_no_item(struct bytes x, enum err_code code)
{
	struct packet_item item;
	struct err e = { 0 };

	assert_int_equal(packet_item_take(x, &item, &e), -1);
	if (e.code != code)
		fail_msg("%s, not %s", err_name(e.code), err_name(code));
}

static void
each_account_gets_its_slot(void **state)
{
	struct packet p =
	    packet_of(PACKET_SLOTS, PACKET_QUIET, bytes_str("sealed"));

	(void)state;
	for (size_t i = 0; i < p.n; i++) {
		OWN(buf_free) struct buf x = { 0 };
		struct packet_item got;
		struct err e = { 0 };
		put_item(&x, &p, i);
		assert_int_equal(packet_item_take(buf_bytes(&x), &got, &e), 0);
		assert_int_equal(got.number, 0x0102030405060708);
		assert_int_equal(got.received_ms, 0x1112131415161718);
		assert_true(id_equal(&got.from, &sender));
		assert_true(id_equal(&got.id, &p.id));
		assert_int_equal(got.suite, PACKET_SUITE);
		assert_memory_equal(got.eph_pk, p.eph_pk, KEM_PK_BYTES);
		assert_int_equal(got.flags, PACKET_QUIET);
		expect_same_slot(&got.slot, &p.slots[i]);
		assert_true(bytes_equal(got.sealed, p.sealed));
	}
}

static void
an_item_that_is_none_or_of_a_newer_version(void **state)
{
	OWN(buf_free) struct buf x = { 0 };
	struct packet p = packet_of(1, 0, bytes_str("sealed"));
	const size_t suite_at = 8 + 8 + ID_BYTES,
		     blobs_at = suite_at + 1 + ID_BYTES + KEM_PK_BYTES + 1 +
	    SLOT_BYTES;

	(void)state;
	put_item(&x, &p, 0);
	for (size_t n = 0; n < x.n; n++)
		expect_no_item(bytes_of(x.p, n), ERR_LETTER_FORGED);
	assert_int_equal(x.p[suite_at], PACKET_SUITE);
	x.p[suite_at] = PACKET_SUITE + 1;
	expect_no_item(buf_bytes(&x), ERR_UPDATE_NEEDED);
	x.p[suite_at] = PACKET_SUITE;
	assert_int_equal(x.p[blobs_at], 0);
	x.p[blobs_at] = 1;
	expect_no_item(buf_bytes(&x), ERR_UPDATE_NEEDED);
	x.p[blobs_at] = 0;
	buf_put_u8(&x, 0);
	expect_no_item(buf_bytes(&x), ERR_LETTER_FORGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_letter_comes_back_as_it_was),
		cmocka_unit_test(fields_stand_where_the_format_says),
		cmocka_unit_test(every_changed_byte_breaks_it),
		cmocka_unit_test(cut_short_or_longer_it_is_none),
		cmocka_unit_test(five_marks_are_too_many),
		cmocka_unit_test(a_body_says_what_was_put),
		cmocka_unit_test(says_nothing_that_can_be_read),
		cmocka_unit_test(the_longest_text_and_no_longer_one),
		cmocka_unit_test(
		    a_conversation_is_the_same_for_both_and_for_nobody_else),
		cmocka_unit_test(a_packet_comes_back_as_it_was),
		cmocka_unit_test(a_packet_has_its_limits),
		cmocka_unit_test(a_packet_cut_short_or_longer_is_none),
		cmocka_unit_test(the_longest_packet_and_no_longer_one),
		cmocka_unit_test(each_account_gets_its_slot),
		cmocka_unit_test(an_item_that_is_none_or_of_a_newer_version),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
