/* SPDX-License-Identifier: ISC */
/* test_geoip.c: places of addresses; databases that are damaged. */
#include "base/file.h"
#include "base/text.h"
#include "server/geoip.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define A10 "aaaaaaaaaa"

static char path[] = "/tmp/test_geoip.XXXXXX";
static struct buf whole;

static int
set_up(void **state)
{
	struct err e;
	char *argv[] = { "places.pl", path, NULL }, *none[] = { NULL };
	int status = -1;
	pid_t pid;
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0 || close(fd) < 0)
		return -1;
	if (posix_spawn(
		&pid, "tests/tools/places.pl", NULL, NULL, argv, none) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		return -1;
	return file_read(path, 1 << 20, &whole, &e);
}

static int
tear_down(void **state)
{
	(void)state;
	buf_free(&whole);
	return unlink(path);
}

static void
finds_places(void **state)
{
	static const struct {
		const char *address, *place;
	} cases[] = {
		{ "127.0.0.1", "Lisbon, Portugal" },
		{ "192.0.2.7", "Portugal" },
		{ "198.51.100.1", "São Tomé" },
		{ "198.51.100.200", "" }, /* neither city nor country */
		{ "203.0.113.200", "" }, /* no name in English */
		{ "2001:db8::7", "Porto, Portugal" },
		{ "10.0.0.1", "" }, /* unknown */
		{ "2001:db9::7", "" },
		{ "", "" },
		{ "localhost", "" },
		{ "127.0.0.1:80", "" },
		{ "127.1", "" },
	};
	OWN(geoip_free) struct geoip *g = NULL;
	struct err e;

	(void)state;
	assert_int_equal(geoip_open(path, &g, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		geoip_place(g, cases[i].address, &b);
		assert_string_equal(buf_text(&b), cases[i].place);
		buf_clear(&b);
		geoip_place(NULL, cases[i].address, &b);
		assert_int_equal(b.n, 0);
	}
}

static void
cleans_and_cuts_names(void **state)
{
	OWN(geoip_free) struct geoip *g = NULL;
	OWN(buf_free) struct buf b = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(geoip_open(path, &g, &e), 0);
	geoip_place(g, "203.0.113.1", &b);
	assert_string_equal(buf_text(&b), "Bell\\x07\\x1b[2J\\nCity, x");
	buf_clear(&b);
	geoip_place(g, "203.0.113.130", &b);
	/* The é that the limit would cut is left out whole. */
	assert_memory_equal(b.p, A10 A10 A10 A10 A10 "aaaaaaaaa, é", 63);
	assert_int_equal(b.n, 59 + 2 + GEOIP_NAME);
	assert_true(text_is_utf8(buf_bytes(&b)));
}

static void
refuses_what_is_none(void **state)
{
	static const char *const none[] = { "/nonexistent", "/tmp", "Makefile",
		"/dev/null" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct geoip *g = NULL;
		assert_int_equal(geoip_open(none[i], &g, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_non_null(strstr(e.msg, none[i]));
		assert_null(g);
	}
}

/* Without fsync, for there are thousands. */
static void
write_plainly(const char *name, struct bytes x)
{
	FILE *f = fopen(name, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(x.p, 1, x.n, f), x.n);
	assert_int_equal(fclose(f), 0);
}

/* Each bit of a byte in turn, and every length: an answer or none, no more. */
static void
survives_damage(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "203.0.113.1",
		"203.0.113.130", "2001:db8::7" };
	OWN(buf_free) struct buf copy = { 0 };
	char damaged[sizeof path + 2];
	struct err e;
	size_t opened = 0;

	(void)state;
	(void)snprintf(damaged, sizeof damaged, "%s.d", path);
	for (size_t i = 0; i < 2 * whole.n; i += 3) {
		OWN(geoip_free) struct geoip *g = NULL;
		bool cut = i >= whole.n;
		buf_clear(&copy);
		buf_put(&copy, whole.p, cut ? i - whole.n : whole.n);
		if (!cut)
			copy.p[i] ^= (uint8_t)(1 << i % 8);
		write_plainly(damaged, buf_bytes(&copy));
		if (geoip_open(damaged, &g, &e) < 0)
			continue;
		opened++;
		for (size_t j = 0; j < ARRAY_SIZE(addresses); j++) {
			OWN(buf_free) struct buf b = { 0 };
			geoip_place(g, addresses[j], &b);
			assert_true(text_is_utf8(buf_bytes(&b)));
		}
	}
	assert_true(opened > whole.n / 4);
	assert_int_equal(unlink(damaged), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds_places),
		cmocka_unit_test(cleans_and_cuts_names),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(survives_damage) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
