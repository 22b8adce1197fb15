/* SPDX-License-Identifier: ISC */
/* test_reccode.c: what is written on paper, and what is typed from it. */
/*
 * tests/vectors/recovery-code.json is made by tests/tools/recovery_code.mjs,
 * which shares no line with reccode.c.
 */
#include "vault/reccode.h"

#include "vectors.h"

#include <stdio.h>

#define WRITTEN 28
#define KINDS 5

static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

static enum reccode_kind
kind_at(int i)
{
	return (enum reccode_kind)(RECCODE_KEY + i);
}

/* Where character i of 28 stands among the dashes. */
static size_t
column(size_t i)
{
	return i + i / 4;
}

/* The code of the secret with values 7 i + seed modulo 32. */
static void
example(int seed, enum reccode_kind kind, struct buf *out)
{
	uint8_t values[RECCODE_SYMBOLS];

	for (int i = 0; i < RECCODE_SYMBOLS; i++)
		values[i] = (uint8_t)((7 * i + seed) % 32);
	OWN(secret_free)
	struct secret *s = secret_of(bytes_of(values, sizeof values));
	reccode_make(s, kind, out);
	assert_int_equal(out->n, RECCODE_TEXT);
}

static void
set_char(struct buf *code, size_t i, unsigned symbol)
{
	code->p[column(i)] = (uint8_t)alphabet[symbol % 32];
}

static unsigned
symbol_at(const struct buf *code, size_t i)
{
	const char *at = strchr(alphabet, code->p[column(i)]);

	assert_non_null(at);
	return (unsigned)(at - alphabet);
}

/* The message says nothing of the code: no 3 of its characters in a row. */
static void
expect_no_secret_in(const struct err *e, struct bytes text)
{
	char part[4] = "";

	for (size_t i = 0; i + 3 <= text.n; i++) {
		memcpy(part, text.p + i, 3);
		if (strpbrk(part, " -\t\n") == NULL && strstr(e->msg, part))
			fail_msg("%s tells %s", e->msg, part);
	}
}

static void
expect_refused(struct bytes text, enum reccode_kind kind, struct err *e)
{
	OWN(secret_free) struct secret *out = NULL;

	memset(e, 0, sizeof *e);
	if (reccode_parse(text, kind, &out, e) == 0)
		fail_msg("%.*s was taken", (int)text.n, (const char *)text.p);
	assert_int_equal(e->code, ERR_RECOVERY_CODE);
	assert_null(out);
	assert_true(strlen(e->msg) > 0);
}

/* The group that the message names, 0 when it names none. */
static size_t
group_of(const struct err *e)
{
	const char *at = strstr(e->msg, "group ");
	unsigned group = 0;

	if (at != NULL)
		assert_int_equal(sscanf(at, "group %u", &group), 1);
	return group;
}

/* ---- what is right ---- */

static void
draws_secrets_that_differ(void **state)
{
	uint32_t seen = 0;

	(void)state;
	for (int n = 0; n < 100; n++) {
		OWN(secret_free) struct secret *a = reccode_new();
		OWN(secret_free) struct secret *b = reccode_new();
		assert_int_equal(secret_bytes(a).n, RECCODE_SYMBOLS);
		assert_false(secret_equal(a, b));
		for (size_t i = 0; i < RECCODE_SYMBOLS; i++) {
			assert_in_range(secret_bytes(a).p[i], 0, 31);
			seen |= 1u << secret_bytes(a).p[i];
		}
	}
	assert_int_equal(seen, UINT32_MAX);
}

static void
expect_vector(const json_t *v)
{
	enum reccode_kind kind =
	    (enum reccode_kind)json_integer_value(json_object_get(v, "kind"));
	const char *text = json_string_value(json_object_get(v, "text"));
	OWN(secret_free) struct secret *out = NULL;
	OWN(buf_free) struct buf made = { 0 };
	struct err e = { 0 };
	HEX(values, v, "secret");

	OWN(secret_free) struct secret *s = secret_of(buf_bytes(&values));
	reccode_make(s, kind, &made);
	assert_string_equal(buf_text(&made), text);
	assert_int_equal(reccode_parse(bytes_str(text), kind, &out, &e), 0);
	assert_bytes(secret_bytes(out).p, secret_bytes(out).n, &values);
}

static void
agrees_with_another_implementation(void **state)
{
	json_t *all = vectors_load("tests/vectors/recovery-code.json");
	const json_t *codes = json_object_get(all, "codes");

	(void)state;
	assert_int_equal(json_array_size(codes), 35);
	for (size_t i = 0; i < json_array_size(codes); i++)
		expect_vector(json_array_get(codes, i));
	json_decref(all);
}

static void
refuses_what_another_implementation_refuses(void **state)
{
	json_t *all = vectors_load("tests/vectors/recovery-code.json");
	const json_t *list = json_object_get(all, "refused");
	static const char *const names[] = { "", "a recovery key,", "contact,",
		"sheet 1 of a paper kit,", "sheet 2 of a paper kit,",
		"sheet 3 of a paper kit," };

	(void)state;
	assert_true(json_array_size(list) > 40);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		const char *text =
		    json_string_value(json_object_get(v, "text"));
		json_int_t is_kind =
		    json_integer_value(json_object_get(v, "is_kind"));
		struct err e;
		expect_refused(bytes_str(text),
		    (enum reccode_kind)json_integer_value(
			json_object_get(v, "kind")),
		    &e);
		assert_int_equal(group_of(&e),
		    json_integer_value(json_object_get(v, "group")));
		if (is_kind != 0)
			assert_non_null(strstr(e.msg, names[is_kind]));
	}
	json_decref(all);
}

/* a * 2 in the field, written out. */
static unsigned
twice(unsigned a)
{
	static const unsigned table[] = { 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20,
		22, 24, 26, 28, 30, 5, 7, 1, 3, 13, 15, 9, 11, 21, 23, 17, 19,
		29, 31, 25, 27 };

	return table[a];
}

static void
every_code_is_zero_at_both_roots(void **state)
{
	(void)state;
	for (int n = 0; n < 50 * KINDS; n++) {
		OWN(secret_free) struct secret *s = reccode_new();
		OWN(buf_free) struct buf code = { 0 };
		unsigned at_1 = (unsigned)kind_at(n % KINDS), at_2 = at_1;
		reccode_make(s, kind_at(n % KINDS), &code);
		for (size_t i = 0; i < WRITTEN; i++) {
			at_1 ^= symbol_at(&code, i);
			at_2 = twice(at_2) ^ symbol_at(&code, i);
		}
		assert_int_equal(at_1, 0);
		assert_int_equal(at_2, 0);
	}
}

static void
takes_what_a_person_makes_of_it(void **state)
{
	static const char *const typed[] = {
		"HMSY-BM2T-AWJP-U4H9-5LXT-GDCL-EYKK",
		"hmsy-bm2t-awjp-u4h9-5lxt-gdcl-eykk",
		"HMSYBM2TAWJPU4H95LXTGDCLEYKK",
		"  HMSY BM2T AWJP U4H9 5LXT GDCL EYKK\r\n",
		"HmSy - Bm2T - AwJP\n U4h9 - 5lXT\tGdCl - EyKK -",
		"H-M-S-Y-B-M-2-T-A-W-J-P-U-4-H-9-5-L-X-T-G-D-C-L-E-Y-K-K",
		"HMSYB-M2TA-WJP-U4H9-5LXT-GDCL-EYKK",
		"HMSY\xe2\x80\x93"
		"BM2T\xe2\x80\x94"
		"AWJP\xc2\xa0"
		"U4H9\xe2\x88\x92"
		"5LXT\xe2\x80\x91"
		"GDCL\xe2\x80\x90"
		"EYKK\xe2\x80\x92",
	};
	OWN(secret_free) struct secret *s = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    reccode_parse(bytes_str(typed[0]), RECCODE_CONTACT, &s, &e), 0);
	for (size_t i = 1; i < ARRAY_SIZE(typed); i++) {
		OWN(secret_free) struct secret *out = NULL;
		if (reccode_parse(
			bytes_str(typed[i]), RECCODE_CONTACT, &out, &e) < 0)
			fail_msg("%s: %s", typed[i], e.msg);
		assert_true(secret_equal(out, s));
	}
}

static void
takes_every_letter_in_either_case(void **state)
{
	(void)state;
	for (int seed = 0; seed < 32; seed++) {
		OWN(secret_free) struct secret *upper = NULL;
		OWN(secret_free) struct secret *lower = NULL;
		OWN(buf_free) struct buf code = { 0 };
		struct err e = { 0 };
		example(seed, RECCODE_KEY, &code);
		assert_int_equal(
		    reccode_parse(buf_bytes(&code), RECCODE_KEY, &upper, &e),
		    0);
		for (size_t i = 0; i < code.n; i++)
			if (code.p[i] >= 'A')
				code.p[i] |= 0x20;
		assert_int_equal(
		    reccode_parse(buf_bytes(&code), RECCODE_KEY, &lower, &e),
		    0);
		assert_true(secret_equal(lower, upper));
	}
}

/* ---- what is wrong ---- */

static void
locates_every_single_wrong_character(void **state)
{
	OWN(buf_free) struct buf code = { 0 };

	(void)state;
	example(3, RECCODE_KEY, &code);
	for (size_t i = 0; i < WRITTEN; i++) {
		unsigned right = symbol_at(&code, i);
		for (unsigned other = 1; other < 32; other++) {
			struct err e;
			set_char(&code, i, right + other);
			expect_refused(buf_bytes(&code), RECCODE_KEY, &e);
			assert_int_equal(group_of(&e), i / 4 + 1);
			assert_non_null(strstr(e.msg, "is wrong"));
			expect_no_secret_in(&e, buf_bytes(&code));
		}
		set_char(&code, i, right);
	}
}

static void
locates_no_characters_that_changed_places(void **state)
{
	(void)state;
	for (int seed = 0; seed < 32; seed++) {
		OWN(buf_free) struct buf code = { 0 };
		example(seed, RECCODE_SHEET_1, &code);
		for (size_t i = 0; i + 1 < WRITTEN; i++) {
			unsigned a = symbol_at(&code, i);
			unsigned b = symbol_at(&code, i + 1);
			struct err e;
			if (a == b)
				continue;
			set_char(&code, i, b);
			set_char(&code, i + 1, a);
			expect_refused(buf_bytes(&code), RECCODE_SHEET_1, &e);
			assert_int_equal(group_of(&e), 0);
			assert_non_null(strstr(e.msg, "changed places"));
			set_char(&code, i, a);
			set_char(&code, i + 1, b);
		}
	}
}

/* a * b in the field. */
static unsigned
times(unsigned a, unsigned b)
{
	unsigned product = 0;

	for (; b > 0; b >>= 1, a = twice(a))
		product ^= b & 1 ? a : 0;
	return product;
}

/*
 * All pairs of places, and all pairs of errors but for a common factor: as the
 * code is linear, what holds for (1, v) holds for (c, c v).
 */
static void
takes_no_code_with_two_wrong_characters(void **state)
{
	OWN(buf_free) struct buf code = { 0 };
	unsigned c = 1;

	(void)state;
	example(11, RECCODE_SHEET_3, &code);
	for (size_t i = 0; i < WRITTEN; i++)
		for (size_t k = i + 1; k < WRITTEN; k++) {
			unsigned a = symbol_at(&code, i);
			unsigned b = symbol_at(&code, k);
			for (unsigned v = 1; v < 32; v++, c = c % 31 + 1) {
				struct err e;
				set_char(&code, i, a ^ c);
				set_char(&code, k, b ^ times(c, v));
				expect_refused(
				    buf_bytes(&code), RECCODE_SHEET_3, &e);
			}
			set_char(&code, i, a);
			set_char(&code, k, b);
		}
}

static void
takes_no_random_code_with_two_wrong_characters(void **state)
{
	(void)state;
	for (int n = 0; n < 3000; n++) {
		OWN(secret_free) struct secret *s = reccode_new();
		OWN(buf_free) struct buf code = { 0 };
		enum reccode_kind kind = kind_at(n % KINDS);
		size_t i = secret_number(WRITTEN);
		size_t k = (i + 1 + secret_number(WRITTEN - 1)) % WRITTEN;
		struct err e;
		reccode_make(s, kind, &code);
		set_char(&code, i, symbol_at(&code, i) + 1 + secret_number(31));
		set_char(&code, k, symbol_at(&code, k) + 1 + secret_number(31));
		expect_refused(buf_bytes(&code), kind, &e);
		expect_no_secret_in(&e, buf_bytes(&code));
	}
}

static void
says_which_kind_was_typed(void **state)
{
	static const char *const names[KINDS] = { "a recovery key",
		"the code of a recovery contact", "sheet 1 of a paper kit",
		"sheet 2 of a paper kit", "sheet 3 of a paper kit" };

	(void)state;
	for (int typed = 0; typed < KINDS; typed++)
		for (int asked = 0; asked < KINDS; asked++) {
			OWN(buf_free) struct buf code = { 0 };
			OWN(buf_free) struct buf want = { 0 };
			struct err e;
			if (typed == asked)
				continue;
			example(typed, kind_at(typed), &code);
			expect_refused(buf_bytes(&code), kind_at(asked), &e);
			buf_printf(&want, "this is %s, not %s", names[typed],
			    names[asked]);
			assert_string_equal(e.msg, buf_text(&want));
			assert_non_null(strstr(err_fix(&e), names[asked]));
		}
}

static void
takes_no_other_kind_with_a_wrong_character(void **state)
{
	(void)state;
	for (int typed = 0; typed < KINDS; typed++) {
		OWN(buf_free) struct buf code = { 0 };
		example(typed, kind_at(typed), &code);
		for (size_t i = 0; i < WRITTEN; i++) {
			unsigned right = symbol_at(&code, i);
			for (unsigned other = 1; other < 32; other++) {
				struct err e;
				set_char(&code, i, right + other);
				expect_refused(buf_bytes(&code),
				    kind_at((typed + 1) % KINDS), &e);
				assert_null(strstr(e.msg, "(null)"));
			}
			set_char(&code, i, right);
		}
	}
}

/* Change both check symbols so that kind `is` would be right for KEY's code. */
static void
make_look_like(struct buf *code, unsigned is)
{
	unsigned s0 = RECCODE_KEY ^ is, s1 = s0, by = 0;

	for (int degree = 0; degree < WRITTEN; degree++)
		s1 = twice(s1);
	/* by + rest = s0 and 2 by + rest = s1, so 3 by = s0 + s1. */
	while (times(3, by) != (s0 ^ s1))
		by++;
	set_char(code, 26, symbol_at(code, 26) ^ by);
	set_char(code, 27, symbol_at(code, 27) ^ s0 ^ by);
}

static void
names_no_kind_that_there_is_not(void **state)
{
	(void)state;
	for (unsigned is = 0; is < 32; is++) {
		OWN(buf_free) struct buf code = { 0 };
		struct err e;
		if (is == RECCODE_KEY)
			continue;
		example(0, RECCODE_KEY, &code);
		make_look_like(&code, is);
		expect_refused(buf_bytes(&code), RECCODE_KEY, &e);
		assert_int_equal(group_of(&e), 0);
		assert_non_null(strstr(e.msg,
		    is >= RECCODE_CONTACT && is <= RECCODE_SHEET_3
			? "this is "
			: "cannot be told"));
	}
}

static void
says_what_is_wrong_with_the_form(void **state)
{
#define R "HMSY-BM2T-AWJP-U4H9-5LXT-GDCL-EYKK"
	static const struct {
		const char *text;
		const char *said;
	} cases[] = {
		{ "", "a code has 28 characters, and this has 0" },
		{ " - \r\n", "a code has 28 characters, and this has 0" },
		{ "A", "a code has 28 characters, and this has 1" },
		{ "HMSY-BM2T-AWJP-U4H9-5LXT-GDCL",
		    "a code has 28 characters, and this has 24" },
		{ "HMSYBM2TAWJPU4H95LXTGDCLEYK",
		    "a code has 28 characters, and this has 27" },
		{ "HMSY-BM2T-AWJP-U4H9-5LT-GDCL-EYKK",
		    "a code has 28 characters, and this has 27: "
		    "group 5 has 3 in the place of 4" },
		{ "HMSY-BM2TH-AWJP-U4H9-5LXT-GDCL-EYKK",
		    "a code has 28 characters, and this has 29: "
		    "group 2 has 5 in the place of 4" },
		{ R "-AAAA", "a code has 28 characters, and this has 32" },
		{ R R, "a code has 28 characters, and this has 56" },
		{ "HMSY-BM2T-AW0P-U4H9-5LXT-GDCL-EYKK",
		    "a \"0\" stands in group 3;" },
		{ "HMSY-BM2T-AWJP-U4H9-5LXT-GDCL-EYKl", NULL },
		{ "HMSY-BM2T-AWJP-U4H9-5LXT-GDCL-EYKi",
		    "a \"i\" stands in group 7;" },
		{ "1MSY-BM2T-AWJP-U4H9-5LXT-GDCL-EOKK",
		    "a \"1\" stands in group 1;" },
		{ "HMSY-BM2T-AWJP-U4H9-5LXT-GOCL-EYKK",
		    "a \"O\" stands in group 6;" },
		/* One is missing before it, but dashes tell the group. */
		{ "HMSY-BM2-AWJP-OU4H-5LXT-GDCL-EYKK",
		    "a \"O\" stands in group 4;" },
		{ "HMSYBM2TAWJPoU4H95LXTGDCLEYKK",
		    "a \"o\" stands in group 4;" },
		{ R ".", "a \".\" stands in group 7;" },
		{ R " (mine)", "a \"(\" stands behind group 7;" },
		{ "\xc3\x9cMSY-BM2T", "a \"\xc3\x9c\" stands in group 1;" },
		{ "HMSY\xe2\x82\xac", "a \"\xe2\x82\xac\" stands in group 2;" },
		{ "HM\xffU", "a \"\\xff\" stands in group 1;" },
		{ "HM\xe2\x80", "a \"\\xe2\\x80\" stands in group 1;" },
		{ "\x80\x80", "a \"\\x80\" stands in group 1;" },
		{ "HM\x1b[2J", "a \"\\x1b\" stands in group 1;" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e;
		expect_refused(bytes_str(cases[i].text), RECCODE_CONTACT, &e);
		if (cases[i].said == NULL)
			assert_int_equal(group_of(&e), 7);
		else if (strncmp(e.msg, cases[i].said, strlen(cases[i].said)) !=
		    0)
			fail_msg("%s: %s", cases[i].text, e.msg);
	}
	/* A NUL is a character like others. */
	struct err e;
	expect_refused(bytes_of("HMSY-\0", 6), RECCODE_CONTACT, &e);
	assert_non_null(strstr(e.msg, "\"\\x00\" stands in group 2"));
}

/* Every byte in the place of the sixth character. */
static void
knows_the_characters_that_no_code_has(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		OWN(buf_free) struct buf code = { 0 };
		char letter = (char)(c >= 'a' && c <= 'z' ? c - 0x20 : c);
		struct err e;
		example(2, RECCODE_KEY, &code);
		if (letter == (char)code.p[column(5)])
			continue;
		code.p[column(5)] = (uint8_t)c;
		expect_refused(buf_bytes(&code), RECCODE_KEY, &e);
		if (strchr(alphabet, letter) != NULL)
			assert_non_null(strstr(e.msg, "group 2 is wrong"));
		else if (strchr(" -\n\r\t", c) != NULL)
			assert_non_null(strstr(e.msg, "this has 27"));
		else
			assert_non_null(strstr(e.msg, "stands in group 2"));
	}
}

/* ---- sheets ---- */

static enum reccode_kind
sheet(int i)
{
	return (enum reccode_kind)(RECCODE_SHEET_1 + i);
}

static void
any_two_sheets_give_the_secret(void **state)
{
	(void)state;
	for (int n = 0; n < 20; n++) {
		OWN(secret_free) struct secret *s = reccode_new();
		struct secret *sheets[RECCODE_SHEETS];
		reccode_split(s, sheets);
		for (int a = 0; a < RECCODE_SHEETS; a++)
			for (int b = 0; b < RECCODE_SHEETS; b++) {
				OWN(secret_free) struct secret *out = NULL;
				struct err e = { 0 };
				if (a == b)
					continue;
				assert_int_equal(
				    reccode_join(sheets[a], sheet(a), sheets[b],
					sheet(b), &out, &e),
				    0);
				assert_true(secret_equal(out, s));
				assert_false(secret_equal(sheets[a], s));
			}
		for (int a = 0; a < RECCODE_SHEETS; a++)
			secret_free(&sheets[a]);
	}
}

static void
parse_sheet(const json_t *sheets, int i, struct secret **out)
{
	const char *text = json_string_value(json_array_get(sheets, (size_t)i));
	struct err e = { 0 };

	assert_int_equal(reccode_parse(bytes_str(text), sheet(i), out, &e), 0);
}

static void
joins_the_sheets_of_another_implementation(void **state)
{
	json_t *all = vectors_load("tests/vectors/recovery-code.json");
	const json_t *kits = json_object_get(all, "kits");

	(void)state;
	assert_int_equal(json_array_size(kits), 4);
	for (size_t i = 0; i < json_array_size(kits); i++) {
		const json_t *kit = json_array_get(kits, i);
		const json_t *sheets = json_object_get(kit, "sheets");
		HEX(want, kit, "secret");
		for (int k = 0; k < RECCODE_SHEETS; k++) {
			OWN(secret_free) struct secret *a = NULL;
			OWN(secret_free) struct secret *b = NULL;
			OWN(secret_free) struct secret *out = NULL;
			struct err e = { 0 };
			int next = (k + 1) % RECCODE_SHEETS;
			parse_sheet(sheets, k, &a);
			parse_sheet(sheets, next, &b);
			assert_int_equal(
			    reccode_join(a, sheet(k), b, sheet(next), &out, &e),
			    0);
			assert_bytes(
			    secret_bytes(out).p, secret_bytes(out).n, &want);
		}
	}
	json_decref(all);
}

/* All symbols of the other sheet: each gives another secret, so all 32. */
static void
one_sheet_leaves_every_secret_possible(void **state)
{
	(void)state;
	for (uint8_t n = 0; n < 32 * RECCODE_SHEETS; n++) {
		int a = n / 32, b = (a + 1) % RECCODE_SHEETS;
		OWN(secret_free)
		struct secret *known = secret_new(RECCODE_SYMBOLS);
		OWN(secret_free)
		struct secret *other = secret_new(RECCODE_SYMBOLS);
		uint32_t seen = 0;
		secret_room(known)[5] = n % 32;
		for (uint8_t v = 0; v < 32; v++) {
			OWN(secret_free) struct secret *out = NULL;
			struct err e = { 0 };
			secret_room(other)[5] = v;
			assert_int_equal(reccode_join(known, sheet(a), other,
					     sheet(b), &out, &e),
			    0);
			seen |= 1u << secret_bytes(out).p[5];
		}
		assert_int_equal(seen, UINT32_MAX);
	}
}

/* Each symbol of each sheet takes all values, for one and the same secret. */
static void
every_sheet_is_drawn_afresh(void **state)
{
	OWN(secret_free) struct secret *s = reccode_new();
	uint32_t seen[RECCODE_SHEETS][RECCODE_SYMBOLS] = { { 0 } };

	(void)state;
	for (int n = 0; n < 1500; n++) {
		struct secret *sheets[RECCODE_SHEETS];
		reccode_split(s, sheets);
		for (int a = 0; a < RECCODE_SHEETS; a++) {
			for (int i = 0; i < RECCODE_SYMBOLS; i++)
				seen[a][i] |= 1u
				    << secret_bytes(sheets[a]).p[i];
			secret_free(&sheets[a]);
		}
	}
	for (int a = 0; a < RECCODE_SHEETS; a++)
		for (int i = 0; i < RECCODE_SYMBOLS; i++)
			assert_int_equal(seen[a][i], UINT32_MAX);
}

/* Symbols of one sheet do not move together. */
static void
every_symbol_has_a_slope_of_its_own(void **state)
{
	OWN(secret_free) struct secret *s = secret_new(RECCODE_SYMBOLS);
	struct secret *sheets[RECCODE_SHEETS];
	int same = 0;

	(void)state;
	reccode_split(s, sheets);
	for (int i = 1; i < RECCODE_SYMBOLS; i++)
		same += secret_bytes(sheets[0]).p[i] ==
		    secret_bytes(sheets[0]).p[0];
	assert_true(same < RECCODE_SYMBOLS - 1);
	for (int a = 0; a < RECCODE_SHEETS; a++)
		secret_free(&sheets[a]);
}

static void
refuses_one_sheet_twice(void **state)
{
	OWN(secret_free) struct secret *s = reccode_new();
	OWN(secret_free) struct secret *out = NULL;
	struct err e = { 0 };

	(void)state;
	for (int a = 0; a < RECCODE_SHEETS; a++) {
		OWN(buf_free) struct buf want = { 0 };
		assert_int_equal(
		    reccode_join(s, sheet(a), s, sheet(a), &out, &e), -1);
		assert_int_equal(e.code, ERR_RECOVERY_CODE);
		buf_printf(&want,
		    "sheet %d of a paper kit was given twice; "
		    "two different sheets are needed",
		    a + 1);
		assert_string_equal(e.msg, buf_text(&want));
		assert_null(out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_secrets_that_differ),
		cmocka_unit_test(agrees_with_another_implementation),
		cmocka_unit_test(refuses_what_another_implementation_refuses),
		cmocka_unit_test(every_code_is_zero_at_both_roots),
		cmocka_unit_test(takes_what_a_person_makes_of_it),
		cmocka_unit_test(takes_every_letter_in_either_case),
		cmocka_unit_test(locates_every_single_wrong_character),
		cmocka_unit_test(locates_no_characters_that_changed_places),
		cmocka_unit_test(takes_no_code_with_two_wrong_characters),
		cmocka_unit_test(
		    takes_no_random_code_with_two_wrong_characters),
		cmocka_unit_test(says_which_kind_was_typed),
		cmocka_unit_test(takes_no_other_kind_with_a_wrong_character),
		cmocka_unit_test(names_no_kind_that_there_is_not),
		cmocka_unit_test(says_what_is_wrong_with_the_form),
		cmocka_unit_test(knows_the_characters_that_no_code_has),
		cmocka_unit_test(any_two_sheets_give_the_secret),
		cmocka_unit_test(joins_the_sheets_of_another_implementation),
		cmocka_unit_test(one_sheet_leaves_every_secret_possible),
		cmocka_unit_test(every_sheet_is_drawn_afresh),
		cmocka_unit_test(every_symbol_has_a_slope_of_its_own),
		cmocka_unit_test(refuses_one_sheet_twice),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
