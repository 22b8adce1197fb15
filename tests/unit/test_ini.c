/* SPDX-License-Identifier: ISC */
/* test_ini.c: a table of rows: set, read, written, and held together. */
#include "scratch_dir.h"

#include "base/file.h"
#include "base/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct pond {
	char *name, *key, *path;
	uint64_t frogs, volume, drought, season;
};

static int
check_short(const char *s, struct err *e)
{
	return strlen(s) <= 5 ? 0 : err_set(e, ERR_USAGE, "it is long");
}

static int
check_pond(const void *c, struct err *e)
{
	const struct pond *p = c;

	return p->frogs == 0 || p->volume > 0
	    ? 0
	    : err_set(e, ERR_USAGE, "frogs need water");
}

static const char *const seasons[] = { "wet", "dry", NULL };
static const struct ini_kind season = {
	.form = INI_WORD, .words = seasons, .wanted = "wet or dry"
};
static const struct ini_kind short_text = { .form = INI_TEXT,
	.check = check_short };

#define ROW(section, key, kind, member, initial, lo, hi) \
	{ \
		section, key, &kind, offsetof(struct pond, member), initial, \
		    lo, hi, "What it is.\nAnd more." \
	}
static const struct ini_row rows[] = {
	ROW("water", "name", short_text, name, "tarn", 0, 0),
	ROW("water", "volume", ini_size, volume, "1K", 0, UINT64_MAX),
	ROW("water", "drought", ini_span, drought, "30s", 0, 60),
	ROW("water", "season", season, season, "wet", 0, 0),
	ROW("life", "key", ini_secret, key, "", 0, 0),
	ROW("life", "path", ini_path, path, "", 0, 0),
	ROW("life", "frogs", ini_count, frogs, "3", 1, 9),
};
static const struct ini pond = { .rows = rows,
	.n = ARRAY_SIZE(rows),
	.size = sizeof(struct pond),
	.title = "A pond.",
	.whole = check_pond };

static void
pond_free(struct pond *p)
{
	ini_free(&pond, p);
}

static void
what_is_set_is_written_and_read_back(void **state)
{
	static const char *const set[][3] = { { "water", "name", "a;b=c" },
		{ "water", "volume", "3M" }, { "water", "drought", "1min" },
		{ "water", "season", "dry" }, { "life", "key", "s#1" },
		{ "life", "path", "/a b" }, { "life", "frogs", "9" } };
	OWN(pond_free) struct pond a = { 0 };
	OWN(pond_free) struct pond b = { 0 };
	OWN(buf_free) struct buf one = { 0 };
	OWN(buf_free) struct buf two = { 0 };
	struct err e = { 0 };

	(void)state;
	ini_defaults(&pond, &a);
	for (size_t i = 0; i < ARRAY_SIZE(set); i++)
		assert_int_equal(
		    ini_set(&pond, &a, set[i][0], set[i][1], set[i][2], &e), 0);
	ini_write(&pond, &a, &one);
	if (ini_read(&pond, buf_bytes(&one), "it", &b, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(b.name, "a;b=c");
	assert_int_equal(b.volume, 3 << 20);
	assert_int_equal(b.drought, 60);
	assert_int_equal(b.season, 1);
	assert_string_equal(b.key, "s#1");
	assert_string_equal(b.path, "/a b");
	assert_int_equal(b.frogs, 9);
	ini_write(&pond, &b, &two);
	assert_string_equal(buf_text(&one), buf_text(&two));
	assert_non_null(strstr(buf_text(&one),
	    "# A pond.\n\n[water]\n\n# What it is.\n# And more.\nname = "));
	assert_non_null(strstr(buf_text(&one), "# 1 to 9.\nfrogs = 9\n"));
}

static void
a_value_that_is_none_changes_nothing(void **state)
{
	static const char *const set[][3] = { { "water", "name", "too long" },
		{ "water", "volume", "wide" }, { "water", "drought", "61s" },
		{ "water", "drought", "5" }, { "water", "season", "spring" },
		{ "life", "path", "here" }, { "life", "frogs", "0" },
		{ "life", "frogs", "-1" }, { "life", "name", "a" },
		{ "water", "name", " a" }, { "water", "name", "a " },
		{ "water", "name", "a ;b" }, { "water", "name", ";" },
		{ "water", "name", "a\nb" }, { "water", "name", "\xff" },
		{ "water", "name", "\xe2\x80\x8b" } };
	OWN(pond_free) struct pond p = { 0 };
	OWN(buf_free) struct buf before = { 0 };

	(void)state;
	ini_defaults(&pond, &p);
	ini_write(&pond, &p, &before);
	for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
		OWN(buf_free) struct buf after = { 0 };
		struct err e = { 0 };
		assert_int_equal(
		    ini_set(&pond, &p, set[i][0], set[i][1], set[i][2], &e),
		    -1);
		assert_int_equal(e.code, ERR_USAGE);
		ini_write(&pond, &p, &after);
		assert_string_equal(buf_text(&after), buf_text(&before));
	}
}

static void
a_file_that_is_wrong_leaves_nothing(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[water]\nvolume = 0\n", "it: frogs need water" },
		{ "[life]\nfrogs = 1\nfrogs = 1\n",
		    "it:3: frogs: it is given" },
		{ "[life]\nname = a\n", "it:2: name: there is no such key" },
		{ "[water]\nname\n", "it:2: this line is neither" },
	};
	static const struct pond empty;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pond p;
		struct err e = { 0 };
		assert_int_equal(
		    ini_read(&pond, bytes_str(cases[i].text), "it", &p, &e),
		    -1);
		assert_int_equal(e.code, ERR_USAGE);
		if (strncmp(e.msg, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s instead of %s", e.msg, cases[i].says);
		assert_memory_equal(&p, &empty, sizeof p);
	}
}

static void
a_secret_is_read_from_its_file_and_only_a_secret(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(mem_free) char *conf = file_join(dir.path, "conf");
	OWN(buf_free) struct buf text = { 0 };
	OWN(pond_free) struct pond p = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_printf(
	    &text, "[life]\nkey = @%s/key\n[water]\nname = @x\n", dir.path);
	scratch_write_at(dir.fd, "conf", buf_text(&text));
	assert_int_equal(ini_load(&pond, conf, &p, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_null(p.name);
	scratch_write_at(dir.fd, "key", "\nabc\n");
	assert_int_equal(ini_load(&pond, conf, &p, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	scratch_write_at(dir.fd, "key", "abc\r\nmore\n");
	if (ini_load(&pond, conf, &p, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(p.key, "abc");
	assert_string_equal(p.name, "@x");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_is_written_and_read_back),
		cmocka_unit_test(a_value_that_is_none_changes_nothing),
		cmocka_unit_test(a_file_that_is_wrong_leaves_nothing),
		cmocka_unit_test(
		    a_secret_is_read_from_its_file_and_only_a_secret),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
