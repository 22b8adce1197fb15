/* SPDX-License-Identifier: ISC */
/* test_profile.c: lines of a device profile, its tools, its files. */
#include "profile/profile.h"
#include "profile/step.h"
#include "profile/tool.h"

#include "base/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_dir.h"

/* One line each, what becomes of it: "key", "key = value", or refused. */
static const struct {
	enum items_kind kind;
	const char *text, *item; /* NULL: refused; "": nothing, and fine */
} cases[] = {
	{ ITEMS_PACKAGES, "hello", "hello" },
	{ ITEMS_PACKAGES, "g++", "g++" },
	{ ITEMS_PACKAGES, "libc6:i386", "libc6:i386" },
	/* apt would remove it, or take an option, a version, a release */
	{ ITEMS_PACKAGES, "openssh-server-", NULL },
	{ ITEMS_PACKAGES, "-oDpkg::Pre-Invoke::=sh", NULL },
	{ ITEMS_PACKAGES, "hello=1.0", NULL },
	{ ITEMS_PACKAGES, "hello/sid", NULL },
	{ ITEMS_PACKAGES, "./hello.deb", NULL },
	{ ITEMS_PACKAGES, "hello;id", NULL },
	{ ITEMS_PACKAGES, "hello $(id)", NULL },
	{ ITEMS_PACKAGES, "hello*", NULL },
	{ ITEMS_PACKAGES, "hello\r", NULL },
	{ ITEMS_PACKAGES, "", NULL },
	{ ITEMS_SELECTIONS, "hello\t\t\tinstall", "hello" },
	{ ITEMS_SELECTIONS, "hello\tdeinstall", "" },
	{ ITEMS_SELECTIONS, "--purge\tinstall", NULL },
	{ ITEMS_FLATPAK, "org.gimp.GIMP\tflathub\tsystem",
	    "org.gimp.GIMP = --system flathub" },
	{ ITEMS_FLATPAK, "org.gimp.GIMP\tflathub\t--assumeyes", NULL },
	{ ITEMS_FLATPAK, "org.gimp.GIMP\thttps://evil\tuser", NULL },
	{ ITEMS_FLATPAK, "--from\tflathub\tuser", NULL },
	{ ITEMS_SNAP, "Name  Version  Rev  Tracking  Publisher  Notes", "" },
	{ ITEMS_SNAP, "code  1.2  3  latest/stable  x  classic",
	    "code = classic" },
	{ ITEMS_SNAP, "core20  1  2  latest/stable  canonical  base", "" },
	{ ITEMS_SNAP, "--dangerous  1  2  x  y  -", NULL },
	{ ITEMS_UNITS, "backup.timer enabled enabled", "backup.timer" },
	{ ITEMS_UNITS, "a@b\\x2dc.service enabled", "a@b\\x2dc.service" },
	{ ITEMS_UNITS, "../../etc/x.service enabled", NULL },
	{ ITEMS_UNITS, "/tmp/x.service enabled", NULL },
	{ ITEMS_UNITS, "--now enabled", NULL },
	{ ITEMS_UNITS, "x.conf enabled", NULL },
	{ ITEMS_CRONTAB, "*/5 0-6,8 * jan mon-fri cmd % x",
	    "*/5 0-6,8 * jan mon-fri cmd % x" },
	{ ITEMS_CRONTAB, "@daily x", "@daily x" },
	{ ITEMS_CRONTAB, "PATH = /bin", "PATH = /bin" },
	{ ITEMS_CRONTAB, "\"A\" = b", "\"A\" = b" },
	{ ITEMS_CRONTAB, "'never_closed", NULL },
	{ ITEMS_CRONTAB, "# word", "# word = #" },
	{ ITEMS_CRONTAB, "* * * * *", NULL },
	{ ITEMS_CRONTAB, "@never x", NULL },
	{ ITEMS_CRONTAB, "words", NULL },
	/* a terminal would show another line than cron runs */
	{ ITEMS_CRONTAB, "* * * * * evil \r@daily good", NULL },
	{ ITEMS_CRONTAB, "* * * * * x\x1b[2K", NULL },
	{ ITEMS_PRINTERS, "device for Office: ipp://192.0.2.1/ipp/print",
	    "Office = ipp://192.0.2.1/ipp/print" },
	{ ITEMS_PRINTERS, "system default destination: Office", "" },
	{ ITEMS_PRINTERS, "device for -h: ipp://x", NULL },
	{ ITEMS_PRINTERS, "device for P: ipp://x' ; id '", NULL },
	{ ITEMS_PRINTERS, "device for P: /bin/sh", NULL },
	{ ITEMS_NAMES, "DejaVu Sans", "DejaVu Sans" },
	{ ITEMS_NAMES, "\xff", NULL },
	{ ITEMS_SETTINGS, "[org/x]", "" },
	{ ITEMS_SETTINGS, "key='v'", NULL }, /* in no folder */
	{ ITEMS_SETTINGS, "[/]\nkey=true", "/key = true" },
	{ ITEMS_SETTINGS, "[a/b:c]\nkey-1='v=w'", "/a/b:c/key-1 = 'v=w'" },
	{ ITEMS_SETTINGS, "[a//b]", NULL },
	{ ITEMS_SETTINGS, "[/a]", NULL },
	{ ITEMS_SETTINGS, "[a]\nno value", NULL },
	{ ITEMS_SETTINGS, "[a]\nkey/b=1", NULL },
};

static void
reads_what_its_syntax_has_and_refuses_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(items_free) struct items x = { 0 };
		OWN(buf_free) struct buf got = { 0 };
		OWN(buf_free) struct buf text = { 0 };
		buf_put_str(&text, cases[i].text);
		buf_put_u8(&text, '\n');
		items_read(cases[i].kind, buf_bytes(&text), &x);
		if (x.n > 0)
			buf_printf(&got, "%s%s%s", x.list[0].key,
			    x.list[0].value[0] != '\0' ? " = " : "",
			    x.list[0].value);
		if (cases[i].item == NULL && x.n_refused == 0)
			fail_msg("not refused: %s", cases[i].text);
		if (cases[i].item != NULL && x.n_refused > 0)
			fail_msg(
			    "refused: %s: %s", cases[i].text, x.refused[0].why);
		assert_string_equal(
		    buf_text(&got), cases[i].item != NULL ? cases[i].item : "");
	}
}

static void
goes_on_behind_a_refused_line(void **state)
{
	OWN(items_free) struct items x = { 0 };
	OWN(buf_free) struct buf text = { 0 };

	(void)state;
	buf_put_str(&text, "[a]\nk=1\n[/bad]\nk=2\n[b]\nk=3\n");
	items_read(ITEMS_SETTINGS, buf_bytes(&text), &x);
	assert_int_equal(x.n, 2);
	assert_string_equal(x.list[1].key, "/b/k");
	assert_int_equal(x.n_refused, 2);
	assert_int_equal(x.refused[0].line, 3);
	assert_int_equal(x.refused[1].line, 4);
	buf_clear(&text);
	for (int i = 0; i < 30; i++)
		buf_put_str(&text, "- \n");
	items_read(ITEMS_PACKAGES, buf_bytes(&text), &x);
	assert_int_equal(x.n_refused, 32);
	buf_clear(&text);
	memset(buf_grow(&text, ITEMS_LINE_MAX + 1), 'a', ITEMS_LINE_MAX + 1);
	items_read(ITEMS_NAMES, buf_bytes(&text), &x);
	assert_int_equal(x.n_refused, 33);
}

static void
finds_what_is_missing(void **state)
{
	OWN(items_free) struct items a = { 0 };
	OWN(items_free) struct items b = { 0 };
	OWN(items_free) struct items out = { 0 };

	(void)state;
	items_add(&a, "x", "1");
	items_add(&a, "y", "1");
	items_add(&b, "z", "");
	items_add(&b, "x", "2");
	items_sort(&b);
	items_missing(&a, &b, false, &out);
	assert_int_equal(out.n, 1);
	assert_string_equal(out.list[0].key, "y");
	items_missing(&a, &b, true, &out);
	assert_int_equal(out.n, 3);
}

static void
takes_no_connection_that_leads_elsewhere(void **state)
{
	static const struct {
		const char *name, *text;
	} bad[] = { { "../x", "[a]" }, { ".hidden", "[a]" }, { "", "[a]" },
		{ "a\nb", "[a]" }, { "x", "" }, { "x", "[a]\n\x1b" } };
	OWN(profile_step_free)
	struct profile_step s = { .piece = &profile_pieces[PROFILE_WIFI] };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		profile_step_connection(
		    &s, bytes_str(bad[i].name), bytes_str(bad[i].text));
	assert_int_equal(s.backed.n, 0);
	assert_int_equal(s.backed.n_refused, ARRAY_SIZE(bad));
	profile_step_connection(
	    &s, bytes_str("Home.nmconnection"), bytes_str("[wifi]\n"));
	assert_int_equal(s.backed.n, 1);
}

/* ---- tools ---- */

static void
run_says(const char *script, size_t limit, enum err_code code, const char *out)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct tool t = { .argv = argv,
		.input = bytes_str("given"),
		.seconds = 1,
		.limit = limit };
	OWN(buf_free) struct buf got = { 0 };
	struct err e = { 0 };

	int rc = tool_run(&t, &got, &e);
	assert_int_equal(rc == 0 ? ERR_NONE : e.code, code);
	if (rc == 0)
		assert_string_equal(buf_text(&got), out);
	else
		assert_non_null(strstr(e.msg, out));
}

static void
runs_a_tool_to_its_end(void **state)
{
	const char *const none[] = { "no-such-tool", NULL };
	struct tool t = { .argv = none, .seconds = 1, .limit = 1 };
	OWN(buf_free) struct buf got = { 0 };
	struct err e;

	(void)state;
	run_says("cat; echo $LC_ALL", 100, ERR_NONE, "givenC.UTF-8\n");
	setenv("AUMBRY_TEST", "secret", 1);
	run_says("echo $AUMBRY_TEST", 100, ERR_NONE, "\n");
	run_says("echo no way >&2; exit 3", 100, ERR_IO, "sh: no way");
	run_says("exit 3", 100, ERR_IO, "status 3");
	run_says("kill -9 $$", 100, ERR_IO, "signal 9");
	run_says("yes", 1000, ERR_TOO_LARGE, "more than 1000 bytes");
	run_says("yes >&2", 1000, ERR_IO, "within 1 seconds");
	/* What stays behind with our pipe is not waited for. */
	run_says("echo a; sleep 60 & exit 0", 100, ERR_NONE, "a\n");
	assert_int_equal(tool_run(&t, &got, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* ---- making one ---- */

static unsigned failed;

static void
count_failed(void *ctx, const char *name, const struct err *why)
{
	(void)ctx;
	(void)name;
	assert_non_null(strstr(why->msg, "broken"));
	failed++;
}

static void
put_tool(const char *dir, const char *name, const char *script)
{
	OWN(mem_free) char *path = file_join(dir, name);
	OWN(buf_free) struct buf text = { 0 };
	struct err e;

	buf_printf(&text, "#!/bin/sh\n%s\n", script);
	assert_int_equal(file_write(path, buf_bytes(&text), 0755, &e), 0);
}

static struct timespec
changed(const char *dir, const char *name)
{
	OWN(mem_free) char *path = file_join(dir, name);
	struct stat st = { 0 };

	(void)stat(path, &st);
	return st.st_mtim;
}

static void
writes_what_has_changed_and_keeps_what_failed(void **state)
{
	OWN(scratch_free) struct scratch s = scratch_new();
	OWN(mem_free) char *dir = file_join(s.path, "profile");
	OWN(mem_free) char *old = mem_text(getenv("PATH"));
	OWN(buf_free) struct buf path = { 0 };
	OWN(profile_about_free) struct profile_about a = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(mem_free) char *manifest = file_join(dir, PROFILE_MANIFEST);
	OWN(mem_free) char *left = file_join(dir, "left.tmp");
	struct profile_making m = { dir, "h\xff", "ana", count_failed, NULL };
	struct err e;

	(void)state;
	/* Only these are there; sh itself is by its path. */
	assert_int_equal(setenv("PATH", s.path, 1), 0);
	put_tool(s.path, "fc-list", "echo b; echo a; echo b");
	put_tool(s.path, "crontab", "echo no crontab for ana >&2; exit 1");
	put_tool(s.path, "snap", "echo '@daily x'");
	assert_int_equal(profile_make(&m, &e), 0);
	assert_int_equal(failed, 0);
	struct timespec fonts = changed(dir, "fonts");
	struct timespec first = changed(dir, PROFILE_MANIFEST);
	assert_int_not_equal(fonts.tv_sec, 0);
	assert_int_equal(changed(dir, "crontab").tv_sec, 0);
	assert_int_equal(changed(dir, "flatpak.list").tv_sec, 0);
	assert_int_equal(file_write(left, bytes_str("x"), 0600, &e), 0);
	assert_int_equal(profile_make(&m, &e), 0);
	assert_false(file_exists(left));
	struct timespec again = changed(dir, "fonts");
	assert_memory_equal(&again, &fonts, sizeof fonts);
	again = changed(dir, PROFILE_MANIFEST);
	assert_memory_equal(&again, &first, sizeof first);
	/* Broken: the old list stays, the manifest says so. Gone: it goes. */
	put_tool(s.path, "fc-list", "echo broken >&2; exit 1");
	OWN(mem_free) char *snap = file_join(s.path, "snap");
	assert_int_equal(unlink(snap), 0);
	assert_int_equal(profile_make(&m, &e), 0);
	assert_int_equal(failed, 1);
	again = changed(dir, "fonts");
	assert_memory_equal(&again, &fonts, sizeof fonts);
	assert_int_equal(changed(dir, "snap.list").tv_sec, 0);
	assert_int_equal(setenv("PATH", old, 1), 0);
	assert_int_equal(file_read(manifest, 65536, &text, &e), 0);
	assert_non_null(strstr(buf_text(&text), "\"state\":\"failed\""));
	assert_int_equal(profile_about_read(buf_bytes(&text), &a, &e), 0);
	assert_string_equal(buf_text(&a.host), "h\\xff");
}

static void
a_manifest_of_another_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} bad[] = { { "", ERR_RECORD_CORRUPT }, { "[1]", ERR_RECORD_CORRUPT },
		{ "{\"profile\":2}", ERR_UPDATE_NEEDED },
		{ "{\"profile\":1,\"host\":7}", ERR_RECORD_CORRUPT } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		OWN(profile_about_free) struct profile_about a = { 0 };
		struct err e;
		assert_int_equal(
		    profile_about_read(bytes_str(bad[i].text), &a, &e), -1);
		assert_int_equal(e.code, bad[i].code);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    reads_what_its_syntax_has_and_refuses_the_rest),
		cmocka_unit_test(goes_on_behind_a_refused_line),
		cmocka_unit_test(finds_what_is_missing),
		cmocka_unit_test(takes_no_connection_that_leads_elsewhere),
		cmocka_unit_test(runs_a_tool_to_its_end),
		cmocka_unit_test(writes_what_has_changed_and_keeps_what_failed),
		cmocka_unit_test(a_manifest_of_another_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
