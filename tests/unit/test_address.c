/* SPDX-License-Identifier: ISC */
/* test_address.c: addresses as text, and what limits count as one. */
#include "http/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
reads_what_proxies_write(void **state)
{
	static const struct {
		const char *in, *text, *source;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7", "192.0.2.7" },
		{ "192.0.2.7:5123", "192.0.2.7", "192.0.2.7" },
		{ "2001:DB8:0:1:0::7", "2001:db8:0:1::7", "2001:db8:0:1::/64" },
		{ "[2001:db8:0:1::7]", "2001:db8:0:1::7", "2001:db8:0:1::/64" },
		{ "[2001:db8:0:1:f:f:f:f]:80", "2001:db8:0:1:f:f:f:f",
		    "2001:db8:0:1::/64" },
		{ "::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7" },
		{ "unknown", NULL, NULL },
		{ "", NULL, NULL },
		{ "[]", NULL, NULL },
		{ "[192.0.2.7]", NULL, NULL },
		{ "192.0.2.7, 192.0.2.8", NULL, NULL },
		{ "2001:db8::1%eth0", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[ADDRESS_TEXT] = "as it was", source[ADDRESS_TEXT];
		struct id net;
		bool ok = address_read(cases[i].in, text, source, &net);
		assert_int_equal(ok, cases[i].text != NULL);
		assert_string_equal(text, ok ? cases[i].text : "as it was");
		if (ok)
			assert_string_equal(source, cases[i].source);
	}
}

static struct id
net_of(const char *s)
{
	char text[ADDRESS_TEXT], source[ADDRESS_TEXT];
	struct id net;

	assert_true(address_read(s, text, source, &net));
	return net;
}

static void
counts_a_network_of_64_bits_as_one(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "::1", "127.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct id a = net_of(cases[i].a), b = net_of(cases[i].b);
		assert_int_equal(id_equal(&a, &b), cases[i].same);
	}
}

static void
knows_networks(void **state)
{
	static const struct {
		const char *nets, *address;
		bool in;
	} cases[] = {
		{ "", "127.0.0.1", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "127.0.0.1", "[::ffff:127.0.0.1]:80", true },
		{ "::ffff:127.0.0.1", "127.0.0.1", true },
		{ "10.0.0.0/8, 192.0.2.0/25", "10.255.0.1", true },
		{ "10.0.0.0/8, 192.0.2.0/25", "192.0.2.127", true },
		{ "10.0.0.0/8, 192.0.2.0/25", "192.0.2.128", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "203.0.113.9", true },
		{ "2001:db8::/33 fd00::/8", "2001:db8:7fff::1", true },
		{ "2001:db8::/33 fd00::/8", "2001:db8:8000::1", false },
		{ "2001:db8::/33 fd00::/8", "fdff::1", true },
		{ "10.0.0.0/8", "unknown", false },
	};
	static const char *const bad[] = { "proxy.example", "10.0.0.0/33",
		"10.0.0.0/", "10.0.0.0/-1", "/8", "::/129", "10.0.0.0/8/8",
		"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17" };
	struct address_nets nets;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
		    address_nets_parse(cases[i].nets, &nets, &e), 0);
		if (address_nets_have_text(&nets, cases[i].address) !=
		    cases[i].in)
			fail_msg("case %zu", i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(address_nets_parse(bad[i], &nets, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_proxies_write),
		cmocka_unit_test(counts_a_network_of_64_bits_as_one),
		cmocka_unit_test(knows_networks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
