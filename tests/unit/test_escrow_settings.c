/* SPDX-License-Identifier: ISC */
/* test_escrow_settings.c: escrow.conf, and the files that a root key is in. */
#include "scratch_dir.h"

#include "base/file.h"
#include "escrow/rootkey.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
what_is_written_is_read(void **state)
{
	OWN(settings_free) struct settings s = { 0 };
	OWN(settings_free) struct settings back = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf again = { 0 };
	struct err e = { 0 };

	(void)state;
	settings_defaults(&s);
	assert_int_equal(s.recovery_wait_s, 3 * 24 * 3600);
	assert_int_equal(s.releases_per_hour, 20);
	assert_int_equal(s.releases_per_hour_total, 1000);
	assert_int_equal(s.orders_per_day, 5);
	assert_int_equal(
	    settings_set(&s, "limits", "recovery_wait", "2h", &e), 0);
	assert_int_equal(
	    settings_set(&s, "root", "pkcs11_token", "my token", &e), 0);
	assert_int_equal(
	    settings_set(&s, "root", "pkcs11_module", "/lib/x.so", &e), 0);
	settings_text(&s, &text);
	if (settings_parse(buf_bytes(&text), "it", &back, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(back.recovery_wait_s, 7200);
	assert_string_equal(back.pkcs11_token, "my token");
	assert_string_equal(back.pkcs11_module, "/lib/x.so");
	assert_string_equal(back.pkcs11_pin_file, "");
	settings_text(&back, &again);
	assert_string_equal(buf_text(&again), buf_text(&text));
}

static void
every_wrong_line_is_named(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[limits]\nrecovery_wait = soon\n", "it:2: recovery_wait" },
		{ "[limits]\nrecovery_wait = 91d\n", "between" },
		{ "[limits]\nreleases_per_hour = 0\n", "between 1 and" },
		{ "[limits]\nreleases_per_hour = x\n", "not a number" },
		{ "[limits]\nreleases_per_hour = -1\n", "not a number" },
		{ "[limits]\norders_per_day = 1\norders_per_day = 2\n",
		    "it:3: orders_per_day: it is given twice" },
		{ "[limits]\ncolor = red\n", "no such key" },
		{ "[colors]\nrecovery_wait = 1d\n", "no such key" },
		{ "recovery_wait = 1d\n", "no such key" },
		{ "[root]\npkcs11_module = libx.so\n", "absolute" },
		{ "[root]\npkcs11_pin_file = pin\n", "absolute" },
		{ "[root]\npkcs11_token = a;b\n", "it:2: pkcs11_token" },
		{ "[limits]\nwhat\n", "it:2: this line is neither" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(settings_free) struct settings s = { 0 };
		struct err e = { 0 };
		assert_int_equal(
		    settings_parse(bytes_str(cases[i].text), "it", &s, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		if (strstr(e.msg, cases[i].says) == NULL)
			fail_msg(
			    "\"%s\" does not say \"%s\"", e.msg, cases[i].says);
	}
}

static void
long_lines_and_nul_bytes_hide_nothing(void **state)
{
	OWN(settings_free) struct settings s = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_put_str(&text, "[limits]\n# ");
	for (int i = 0; i < 300; i++)
		buf_put_str(&text, "x");
	buf_put_str(&text, "\n");
	assert_int_equal(settings_parse(buf_bytes(&text), "it", &s, &e), -1);
	buf_clear(&text);
	buf_put(&text, "[limits]\n\0recovery_wait = 1d\n", 29);
	assert_int_equal(settings_parse(buf_bytes(&text), "it", &s, &e), -1);
}

static void
a_root_key_stays_what_it_was(void **state)
{
	struct scratch dir = scratch_new();
	OWN(settings_free) struct settings s = { 0 };
	OWN(mem_free) char *path = file_join(dir.path, ROOTKEY_FILE);
	OWN(secret_free) struct secret *made = NULL;
	OWN(secret_free) struct secret *got = NULL;
	OWN(buf_free) struct buf file = { 0 };
	struct err e = { 0 };

	(void)state;
	settings_defaults(&s);
	assert_int_equal(rootkey_open(dir.path, &s, &got, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(rootkey_make(dir.path, &s, &made, &e), 0);
	assert_int_equal(rootkey_open(dir.path, &s, &got, &e), 0);
	assert_true(secret_equal(made, got));
	assert_int_equal(file_read(path, 4096, &file, &e), 0);
	assert_int_equal(
	    strncmp(buf_text(&file), ROOTKEY_MAGIC, sizeof ROOTKEY_MAGIC - 1),
	    0);
	for (size_t n = 0; n < file.n; n++) {
		secret_free(&got);
		assert_int_equal(
		    file_write(path, bytes_of(file.p, n), 0600, &e), 0);
		assert_int_equal(rootkey_open(dir.path, &s, &got, &e), -1);
		assert_int_equal(e.code, ERR_STATE_DAMAGED);
	}
	buf_put_str(&file, "x");
	assert_int_equal(file_write(path, buf_bytes(&file), 0600, &e), 0);
	assert_int_equal(rootkey_open(dir.path, &s, &got, &e), -1);
	for (mode_t bit = 1; bit < 0100; bit <<= 1) {
		assert_int_equal(
		    file_write(path, buf_bytes(&file), 0600 | bit, &e), 0);
		assert_int_equal(rootkey_open(dir.path, &s, &got, &e), -1);
		assert_int_equal(e.code, ERR_PERMISSION);
	}
	scratch_free(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_wrong_line_is_named),
		cmocka_unit_test(long_lines_and_nul_bytes_hide_nothing),
		cmocka_unit_test(a_root_key_stays_what_it_was),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
