/* SPDX-License-Identifier: ISC */
/* test_export.c: lines of a manifest, and a folder that is gone on with. */
#include "export/export_in.h"

#include "base/file.h"
#include "base/text.h"

#include "scratch_dir.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#define SNAPSHOT "\"snapshot\":\"00112233445566778899aabbccddeeff\""
#define SUM "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FILE_REST \
	"\"type\":\"file\",\"size\":3,\"sha256\":\"" SUM "\",\"mtime\":-5," \
	"\"mtime_ns\":7,\"source\":\"x\""

/* ---- lines ---- */

static void
takes_its_own_lines_and_no_others(void **state)
{
	static const struct {
		const char *line;
		bool ok;
	} cases[] = {
		{ "{\"path\":\"a/b\"," FILE_REST "}", true },
		{ "{\"path\":\"a/b\"," FILE_REST "},", true },
		{ "{\"path\":\"a/b\"," FILE_REST "}, ", false },
		{ "{\"path\":\"a\",\"type\":\"link\",\"mtime\":1,\"mtime_ns\":"
		  "0}",
		    true },
		{ "{\"path\":\"d/x\",\"content\":\"" SUM "\"," FILE_REST "}",
		    true },
		{ "{\"path\":\"d/x\",\"content\":\"00\"," FILE_REST "}",
		    false },
		{ "{\"path\":\"d/x\",\"content\":7," FILE_REST "}", false },
		{ "{\"path\":\"x\",\"error\":\"blob-corrupt\"}", true },
		{ "{\"folder\":\"b/h/d\"," SNAPSHOT ",\"errors\":2}", true },
		{ "{\"again\":\"00112233445566778899aabbccddeeff\"}", true },
		{ "{\"again\":\"0011\"}", false },
		{ "{\"folder\":\"b/h/d\",\"errors\":2}", false },
		{ "{\"folder\":\"b/h/d\"," SNAPSHOT "}", false },
		{ "{\"path\":\"a\"," SNAPSHOT ",\"type\":\"file\"}", false },
		{ "{\"path\":\"a\",\"type\":\"file\",\"size\":3,\"sha256\":"
		  "\"00\",\"mtime\":1,\"mtime_ns\":0}",
		    false },
		{ "{\"path\":\"a\",\"type\":\"link\",\"mtime\":1,"
		  "\"mtime_ns\":1000000000}",
		    false },
		/* None of these leads out. */
		{ "{\"path\":\"/a\"," FILE_REST "}", false },
		{ "{\"path\":\"\"," FILE_REST "}", false },
		{ "{\"path\":\"..\"," FILE_REST "}", false },
		{ "{\"path\":\"a/../b\"," FILE_REST "}", false },
		{ "{\"path\":\"a//b\"," FILE_REST "}", false },
		{ "{\"path\":\"a/.\"," FILE_REST "}", false },
		{ "{\"path\":\"a\",\"path_raw\":\"Li4=\"," FILE_REST "}",
		    false },
		{ "{\"path\":\"a\",\"path_raw\":\"L2E=\"," FILE_REST "}",
		    false },
		{ "{\"path\":\"a\",\"path_raw\":\"YQBi\"," FILE_REST "}",
		    false },
		{ "{\"path\":\"a\",\"path_raw\":7," FILE_REST "}", false },
		{ "{\"path\":[\"a\"]," FILE_REST "}", false },
		{ "{}", false },
		{ "[]", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(export_line_free) struct export_line l = { 0 };
		struct err e = { 0 };
		int rc = export_line_parse(bytes_str(cases[i].line), &l, &e);
		if ((rc == 0) != cases[i].ok)
			fail_msg("%s: %s", cases[i].line, e.msg);
		if (rc < 0)
			assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
}

static void
a_name_of_any_bytes_comes_back(void **state)
{
	static const char *const paths[] = { "plain", "new\nline", "\xff\\n",
		"\"quoted\",", "=cmd()", "tab\t\x01", "\xc3\xa4/\xe2\x80\xae" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		OWN(buf_free) struct buf line = { 0 };
		OWN(export_line_free) struct export_line l = { 0 };
		struct digest sha = { { 1, 2, 3 } };
		struct id id = { { 9 } };
		struct err e = { 0 };
		const struct stat st = { .st_mode = S_IFREG | 04711,
			.st_size = 1LL << 40,
			.st_mtim = { -1000, 999999999 } };
		const struct export_file f = { .path = bytes_str(paths[i]),
			.st = &st,
			.sha = &sha,
			.snapshot = &id,
			.source = bytes_str(paths[i]) };
		export_put_file(&line, &f);
		/* A line is a line. */
		assert_ptr_equal(
		    memchr(line.p, '\n', line.n), line.p + line.n - 1);
		assert_true(text_is_utf8(buf_bytes(&line)));
		line.n--;
		if (export_line_parse(buf_bytes(&line), &l, &e) < 0)
			fail_msg("%s: %s", paths[i], e.msg);
		assert_true(
		    bytes_equal(buf_bytes(&l.path), bytes_str(paths[i])));
		assert_true(digest_equal(&l.sha, &sha));
		assert_true(id_equal(&l.snapshot, &id));
		assert_true(l.regular && l.summed);
		assert_true(l.size == 1ULL << 40);
		assert_true(l.mtime_s == -1000 && l.mtime_ns == 999999999);
	}
}

static void
a_head_is_of_this_format(void **state)
{
	static const char rest[] =
	    ",\"uid\":\"00112233445566778899aabbccddeeff\",\"begun\":5";
	OWN(buf_free) struct buf line = { 0 };
	struct export_head head;
	struct err e = { 0 };

	(void)state;
	/* Of manifest.json it is an object that goes on. */
	buf_printf(&line, "{\"aumbry_export\":1%s,", rest);
	assert_int_equal(export_head_parse(buf_bytes(&line), &head, &e), 0);
	assert_true(head.begun_ms == 5 && head.uid.b[15] == 0xff);
	buf_clear(&line);
	buf_printf(&line, "{\"aumbry_export\":1%s}", rest);
	assert_int_equal(export_head_parse(buf_bytes(&line), &head, &e), 0);
	buf_clear(&line);
	buf_printf(&line, "{\"aumbry_export\":2%s}", rest);
	assert_int_equal(export_head_parse(buf_bytes(&line), &head, &e), -1);
	assert_int_equal(e.code, ERR_UPDATE_NEEDED);
	assert_int_equal(export_head_parse(bytes_str("{"), &head, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
}

/* ---- a folder ---- */

struct told {
	unsigned n;
	enum err_code code;
};

static void
tell(void *ctx, struct bytes path, const struct err *why)
{
	struct told *t = ctx;

	(void)path;
	t->n++;
	t->code = why->code;
}

static const struct export_from from = { .account = "ana@host",
	.server = "https://host",
	.uid = { { 1 } },
	.now_ms = 1700000000000 };

static char *
in(const struct scratch *s, const char *name)
{
	OWN(mem_free) char *out = file_join(s->path, "out");

	return file_join(out, name);
}

static struct export *
opened(const struct scratch *s, struct told *told)
{
	OWN(mem_free) char *out = file_join(s->path, "out");
	struct export *x;
	struct err e = { 0 };

	if (export_open(out, &from, tell, told, &x, &e) < 0)
		fail_msg("%s", e.msg);
	return x;
}

/* One whole run, with these contents of a record; true when it wrote. */
static bool
run(const struct scratch *s, struct told *told, const char *content)
{
	OWN(export_free) struct export *x = opened(s, told);
	struct err e = { 0 };
	bool fresh;

	if (export_readme(x, &e) < 0 ||
	    export_record(x, "a.json", bytes_str("first"), "a", &e) < 0 ||
	    export_record(x, "b.json", bytes_str(content), "b", &e) < 0 ||
	    export_end(x, &fresh, &e) < 0)
		fail_msg("%s", e.msg);
	return fresh;
}

static void
text_of(const struct scratch *s, const char *name, struct buf *out)
{
	OWN(mem_free) char *path = in(s, name);
	struct err e = { 0 };

	buf_clear(out);
	if (file_read(path, 1 << 20, out, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
what_is_there_and_right_is_not_written(void **state)
{
	struct scratch s = scratch_new();
	struct told told = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(mem_free) char *partial = in(&s, EXPORT_PARTIAL);
	OWN(mem_free) char *b = in(&s, "account/b.json");
	struct err e = { 0 };

	(void)state;
	assert_true(run(&s, &told, "one"));
	assert_false(run(&s, &told, "one"));
	/* What the account says anew takes the place of what it said. */
	assert_true(run(&s, &told, "two"));
	text_of(&s, "account/b.json", &text);
	assert_string_equal(buf_text(&text), "two");
	assert_int_equal(told.n, 0);
	/* But not of what somebody wrote there. */
	assert_int_equal(file_write(b, bytes_str("mine"), 0600, &e), 0);
	assert_false(run(&s, &told, "three"));
	assert_int_equal(told.n, 1);
	assert_int_equal(told.code, ERR_CONFLICT);
	text_of(&s, "account/b.json", &text);
	assert_string_equal(buf_text(&text), "mine");
	assert_false(file_exists(partial));
	scratch_free(&s);
}

/* An export of this moment, cut off with that much of its list. */
static void
cut(const struct scratch *s, struct bytes list, size_t n)
{
	OWN(mem_free) char *partial = in(s, EXPORT_PARTIAL);
	OWN(mem_free) char *manifest = in(s, EXPORT_MANIFEST);
	OWN(mem_free) char *sums = in(s, EXPORT_SUMS);
	struct err e = { 0 };

	(void)unlink(manifest);
	(void)unlink(sums);
	assert_int_equal(file_write(partial, bytes_of(list.p, n), 0600, &e), 0);
}

static void
a_list_that_is_cut_off_at_any_byte_is_gone_on_with(void **state)
{
	struct scratch s = scratch_new();
	struct told told = { 0 };
	OWN(buf_free) struct buf list = { 0 };
	OWN(buf_free) struct buf whole = { 0 };
	OWN(buf_free) struct buf now = { 0 };

	(void)state;
	struct export *x = opened(&s, &told);
	struct err e = { 0 };
	if (export_readme(x, &e) < 0 ||
	    export_record(x, "a.json", bytes_str("first"), "a", &e) < 0 ||
	    export_record(x, "b.json", bytes_str("one"), "b", &e) < 0)
		fail_msg("%s", e.msg);
	text_of(&s, EXPORT_PARTIAL, &list);
	export_free(&x);
	assert_true(run(&s, &told, "one"));
	text_of(&s, EXPORT_MANIFEST, &whole);
	for (size_t n = 0; n <= list.n; n++) {
		cut(&s, buf_bytes(&list), n);
		assert_true(run(&s, &told, "one"));
		text_of(&s, EXPORT_MANIFEST, &now);
		if (!bytes_equal(buf_bytes(&now), buf_bytes(&whole)))
			fail_msg("%zu bytes: %s", n, buf_text(&now));
	}
	assert_int_equal(told.n, 0);
	scratch_free(&s);
}

static void
one_run_at_a_time(void **state)
{
	struct scratch s = scratch_new();
	struct told told = { 0 };
	OWN(export_free) struct export *x = opened(&s, &told);
	OWN(mem_free) char *out = file_join(s.path, "out");
	struct export *second = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(export_open(out, &from, tell, &told, &second, &e), -1);
	assert_int_equal(e.code, ERR_HOME_BUSY);
	scratch_free(&s);
}

static void
a_folder_is_named_so_that_every_disk_takes_it(void **state)
{
	static const struct {
		const char *host, *folder;
	} cases[] = {
		{ "laptop", "backups/laptop/1970-01-01_000001_00000000" },
		{ "a.b-c_9", "backups/a.b-c_9/1970-01-01_000001_00000000" },
		{ "../etc", "backups/_._etc/1970-01-01_000001_00000000" },
		{ "..", "backups/__/1970-01-01_000001_00000000" },
		{ "a/b:c ", "backups/a_b_c_/1970-01-01_000001_00000000" },
		{ "caf\xc3\xa9", "backups/caf__/1970-01-01_000001_00000000" },
		{ "", "backups/unknown/1970-01-01_000001_00000000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf folder = { 0 };
		OWN(snapshot_free) struct snapshot s = { .time_ms = 1000 };
		buf_put_str(&s.host, cases[i].host);
		export_folder(&s, &folder);
		assert_string_equal(buf_text(&folder), cases[i].folder);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_its_own_lines_and_no_others),
		cmocka_unit_test(a_name_of_any_bytes_comes_back),
		cmocka_unit_test(a_head_is_of_this_format),
		cmocka_unit_test(what_is_there_and_right_is_not_written),
		cmocka_unit_test(
		    a_list_that_is_cut_off_at_any_byte_is_gone_on_with),
		cmocka_unit_test(one_run_at_a_time),
		cmocka_unit_test(a_folder_is_named_so_that_every_disk_takes_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
