/* SPDX-License-Identifier: ISC */
/* test_proxyheader.c: headers of the PROXY protocol, as its text has them. */
#include "http/proxyheader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) s, sizeof(s) - 1
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.7:40000 to 192.0.2.1:443 */
#define FROM4 "\xc0\x00\x02\x07\xc0\x00\x02\x01\x9c\x40\x01\xbb"
#define FROM6 \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x9c\x40\x01\xbb"

/* from: NULL: the proxy itself; is: what it must be. */
static const struct {
	const char *bytes;
	size_t n;
	enum proxyheader is;
	const char *from;
} cases[] = {
	{ TEXT("PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n"),
	    PROXYHEADER_WHOLE, "192.0.2.7" },
	{ TEXT("PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n"),
	    PROXYHEADER_WHOLE, "2001:db8::7" },
	{ TEXT("PROXY UNKNOWN\r\n"), PROXYHEADER_WHOLE, NULL },
	{ TEXT("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), PROXYHEADER_WHOLE,
	    NULL },
	{ TEXT("PROXY TCP4 192.0.2.7 192.0.2.1 40000 443"), PROXYHEADER_MORE,
	    NULL },
	{ TEXT("PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\n"), PROXYHEADER_WRONG,
	    NULL },
	{ TEXT("PROXY TCP4 2001:db8::7 192.0.2.1 40000 443\r\n"),
	    PROXYHEADER_WRONG, NULL },
	{ TEXT("PROXY TCP6 192.0.2.7 192.0.2.1 40000 443\r\n"),
	    PROXYHEADER_WRONG, NULL },
	{ TEXT("PROXY TCP4 192.0.2.7 192.0.2.1 40000\r\n"), PROXYHEADER_WRONG,
	    NULL },
	{ TEXT("PROXY TCP4 192.0.2.7 192.0.2.1 40000 443 5\r\n"),
	    PROXYHEADER_WRONG, NULL },
	{ TEXT("PROXY TCP4 192.0.2.7 192.0.2.1 70000 443\r\n"),
	    PROXYHEADER_WRONG, NULL },
	{ TEXT("PROXY TCP4 localhost 192.0.2.1 1 443\r\n"), PROXYHEADER_WRONG,
	    NULL },
	{ TEXT("PROXY  \r\n"), PROXYHEADER_WRONG, NULL },
	{ TEXT("GET / HTTP/1.1\r\n"), PROXYHEADER_WRONG, NULL },
	{ TEXT("\x16\x03\x01"), PROXYHEADER_WRONG, NULL },
	{ TEXT(SIGNATURE "\x21\x11\0\x0c" FROM4), PROXYHEADER_WHOLE,
	    "192.0.2.7" },
	{ TEXT(SIGNATURE "\x21\x21\0\x24" FROM6), PROXYHEADER_WHOLE,
	    "2001:db8::7" },
	/* with three bytes of additions */
	{ TEXT(SIGNATURE "\x21\x11\0\x0f" FROM4 "\x04\0\0"), PROXYHEADER_WHOLE,
	    "192.0.2.7" },
	{ TEXT(SIGNATURE "\x20\0\0\0"), PROXYHEADER_WHOLE, NULL },
	{ TEXT(SIGNATURE "\x20\x11\0\x0c" FROM4), PROXYHEADER_WHOLE, NULL },
	{ TEXT(SIGNATURE "\x21\0\0\0"), PROXYHEADER_WHOLE, NULL },
	{ TEXT(SIGNATURE "\x21\x11\0\x0b" FROM4), PROXYHEADER_WRONG, NULL },
	{ TEXT(SIGNATURE "\x22\x11\0\x0c" FROM4), PROXYHEADER_WRONG, NULL },
	{ TEXT(SIGNATURE "\x11\x11\0\x0c" FROM4), PROXYHEADER_WRONG, NULL },
	{ TEXT(SIGNATURE "\x21\x11\xff\xff"), PROXYHEADER_WRONG, NULL },
};

static void
reads_both_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[ADDRESS_TEXT] = "";
		struct address from;
		size_t length = 0;
		enum proxyheader is = proxyheader_read(
		    bytes_of(cases[i].bytes, cases[i].n), &length, &from);
		if (is != cases[i].is)
			fail_msg("case %zu is %d", i, (int)is);
		if (is != PROXYHEADER_WHOLE)
			continue;
		if (from.n > 0)
			address_text((const struct sockaddr *)&from.sa, text);
		assert_string_equal(
		    text, cases[i].from != NULL ? cases[i].from : "");
		assert_int_equal(length, cases[i].n);
	}
}

/* Whole headers are not whole before their last byte, and end where they end. */
static void
waits_for_the_last_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf more = { 0 };
		struct address from;
		size_t length = 0;
		if (cases[i].is != PROXYHEADER_WHOLE)
			continue;
		for (size_t n = 0; n < cases[i].n; n++)
			if (proxyheader_read(bytes_of(cases[i].bytes, n),
				&length, &from) != PROXYHEADER_MORE)
				fail_msg("case %zu after %zu", i, n);
		buf_put(&more, cases[i].bytes, cases[i].n);
		buf_put_str(&more, "\x16\x03\n");
		assert_int_equal(
		    proxyheader_read(buf_bytes(&more), &length, &from),
		    PROXYHEADER_WHOLE);
		assert_int_equal(length, cases[i].n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_versions),
		cmocka_unit_test(waits_for_the_last_byte),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
