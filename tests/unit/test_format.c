/* SPDX-License-Identifier: ISC */
/* test_format.c: what vsnprintf is on the page, beside libc's own. */
#include "web/format.c" /* of no archive: the page alone has it */

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

static int __attribute__((format(printf, 3, 4)))
made(char *out, size_t size, const char *f, ...)
{
	va_list args;
	int n;

	va_start(args, f);
	n = format_text(out, size, f, args);
	va_end(args);
	return n;
}

/* The same text, and the same length, in each size of room. */
#define same(...) \
	for (size_t size = 0; size < 48; size++) { \
		char ours[64] = "?", theirs[64] = "?"; \
		assert_int_equal(made(ours, size, __VA_ARGS__), \
		    snprintf(theirs, size, __VA_ARGS__)); \
		assert_string_equal(ours, theirs); \
	}

static void
is_what_libc_makes(void **state)
{
	(void)state;
	same("plain");
	same("100%%");
	same("%s, %c and %s", "one", '2', "");
	same("%.3s|%.0s|%.*s|%6s", "abcdef", "abc", 2, "xyz", "right");
	same("%d %i %u", 0, -1, 1U);
	same("%d %d %u", INT_MAX, INT_MIN, UINT_MAX);
	same("%lld %llu", LLONG_MIN, ULLONG_MAX);
	same("%ld %lu %zu", LONG_MIN, ULONG_MAX, SIZE_MAX);
	same("%x %X %02x %04X %llx", 0xabcU, 0xabcU, 7U, 0xefU, 1ULL << 40);
	same("%p", (void *)state);
	same("%07u|%5d|%05d|%3u", 42U, -42, -42, 12345U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
	    is_what_libc_makes) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
