/* SPDX-License-Identifier: ISC */
/* test_person.c: what two people compare, and what is kept of a person. */
#include "base/text.h"
#include "wire/person.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static struct digest
key_of(const char *hex)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest d;

	assert_int_equal(text_unhex(&b, bytes_str(hex)), 0);
	assert_int_equal(b.n, DIGEST_BYTES);
	memcpy(d.b, b.p, DIGEST_BYTES);
	return d;
}

/* libsignal, rust/protocol/src/fingerprint.rs: fingerprint_encodings. */
static void
numbers_are_as_signal_has_them(void **state)
{
	const struct digest a = key_of("06863bc66d02b40d27b8d49ca7c09e92"
				       "39236f9d7d25d6fcca5ce13c7064d868"),
			    b = key_of("f781b6fb32fed9ba1cf2de978d4d5da2"
				       "8dc34046ae814402b5c0dbd96fda907b");
	const struct person_key alice = { "+14152222222", &a },
				bob = { "+14153333333", &b },
				other = { "+14153333334", &b };
	char one[PERSON_NUMBER + 1], two[PERSON_NUMBER + 1];

	(void)state;
	person_number(&alice, &bob, one);
	person_number(&bob, &alice, two);
	assert_string_equal(one,
	    "300354477692869396892869876765458257569162576843440918079131");
	assert_string_equal(one, two);
	person_number(&alice, &other, two);
	assert_string_not_equal(one, two);
}

static void
public_codes_are_read_as_people_type_them(void **state)
{
	const struct digest a = key_of("06863bc66d02b40d27b8d49ca7c09e92"
				       "39236f9d7d25d6fcca5ce13c7064d868");
	const struct person_key ana = { "ana@home.example", &a },
				ann = { "ann@home.example", &a };
	char code[PERSON_PUBLIC + 1], typed[PERSON_PUBLIC + 1];
	struct err e;
	bool same;

	(void)state;
	person_public(&ana, code);
	/* By a second program: int.from_bytes(sha256(…)[:20]), 5 bits a digit. */
	assert_string_equal(
	    code, "ac1-e6mw-sfkf-5e03-xghs-zg14-ea1v-z6re-pj5j");
	assert_int_equal(person_public_is(&ana, bytes_str(code), &same, &e), 0);
	assert_true(same);
	assert_int_equal(person_public_is(&ann, bytes_str(code), &same, &e), 0);
	assert_false(same);
	/* In capitals, with O for 0 and L for 1, spaces for dashes. */
	for (size_t i = 0; i <= PERSON_PUBLIC; i++) {
		char c = code[i];
		typed[i] = c == '-'	   ? ' '
		    : c == '0'		   ? 'O'
		    : c == '1'		   ? 'L'
		    : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A')
					   : c;
	}
	assert_int_equal(
	    person_public_is(&ana, bytes_str(typed), &same, &e), 0);
	assert_true(same);
	code[5] = code[5] == '2' ? '3' : '2';
	assert_int_equal(person_public_is(&ana, bytes_str(code), &same, &e), 0);
	assert_false(same);
	code[PERSON_PUBLIC - 1] = '\0';
	assert_int_equal(
	    person_public_is(&ana, bytes_str(code), &same, &e), -1);
	assert_int_equal(e.code, ERR_WRONG_CODE);
	assert_int_equal(
	    person_public_is(&ana, bytes_str("1234-5678"), &same, &e), -1);
	assert_int_equal(e.code, ERR_WRONG_CODE_KIND);
	typed[5] = 'u'; /* no digit of that alphabet */
	assert_int_equal(
	    person_public_is(&ana, bytes_str(typed), &same, &e), -1);
	assert_int_equal(e.code, ERR_WRONG_CODE);
}

static struct person
sample(void)
{
	struct person p = { .uid = { { 1, 2 } },
		.address = "ana@home.example",
		.server = "https://other.example/#pin=x",
		.root = { { 3 } },
		.seq = 7,
		.head = { { 4 } },
		.level = PERSON_VERIFIED,
		.since_ms = 5,
		.verified_ms = 6,
		.by = { { 8 } },
		.way = PERSON_WAY_NUMBER,
		.nickname = "Änni" };

	return p;
}

static void
records_come_back_and_nothing_else_does(void **state)
{
	OWN(buf_free) struct buf out = { 0 };
	OWN(buf_free) struct buf again = { 0 };
	struct person p = sample(), got;
	struct err e;

	(void)state;
	person_put(&out, &p);
	struct scan s = scan_of(buf_bytes(&out));
	assert_int_equal(person_take(&s, &got, &e), 0);
	person_put(&again, &got);
	assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
	for (size_t n = 0; n < out.n; n++) {
		s = scan_of(bytes_of(out.p, n));
		assert_int_equal(person_take(&s, &got, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
	p.nickname[0] = '\x1b';
	buf_clear(&out);
	person_put(&out, &p);
	s = scan_of(buf_bytes(&out));
	assert_int_equal(person_take(&s, &got, &e), -1);
	p = sample();
	p.level = 9;
	buf_clear(&out);
	person_put(&out, &p);
	s = scan_of(buf_bytes(&out));
	assert_int_equal(person_take(&s, &got, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_as_signal_has_them),
		cmocka_unit_test(public_codes_are_read_as_people_type_them),
		cmocka_unit_test(records_come_back_and_nothing_else_does),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
