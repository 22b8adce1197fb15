/* SPDX-License-Identifier: ISC */
/* settings.c: the table of keys, and inih over it. */
#include "escrow/settings.h"

#include "base/file.h"
#include "base/text.h"
#include "wire/escrow.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#define FILE_MAX (64 * 1024) /* bytes; the commented default has 2 KiB */
#define VALUE_MAX 150 /* bytes; inih reads lines of up to 198 */
#define DAY_S (24 * 3600)

enum kind {
	KIND_COUNT,
	KIND_SPAN,
	KIND_TEXT,
	KIND_PATH /* absolute, or empty */
};

struct row {
	const char *section, *key;
	enum kind kind;
	size_t at; /* in struct settings */
	const char *initial;
	uint64_t lo, hi; /* numbers only */
	const char *why; /* lines of the comment */
};

#define AT(member) offsetof(struct settings, member)
/* clang-format off */
static const struct row rows[] = {
{ "limits", "recovery_wait", KIND_SPAN, AT(recovery_wait_s), "259200s",
  0, 90 * DAY_S,
  "How long an operator's order waits before keys are handed out, so that\n"
  "the owner of the account can stop it. Orders keep the wait that they\n"
  "began with." },
{ "limits", "releases_per_hour", KIND_COUNT, AT(releases_per_hour), "20",
  1, 100000,
  "How often keys of one account are handed out in an hour." },
{ "limits", "releases_per_hour_total", KIND_COUNT,
  AT(releases_per_hour_total), "1000", 1, 10000000,
  "And those of all accounts together. Raise it before a day on which many\n"
  "come; it bounds what a stolen server can take." },
{ "limits", "orders_per_day", KIND_COUNT, AT(orders_per_day), "5", 1, 1000,
  "Operator's orders for one account in a day." },
{ "root", "pkcs11_module", KIND_PATH, AT(pkcs11_module), "", 0, 0,
  "Library that speaks to the token which holds the key over root.p11, as\n"
  "init wrote it. Empty: the root key is the file root.key." },
{ "root", "pkcs11_token", KIND_TEXT, AT(pkcs11_token), "", 0, 0,
  "Label of the token." },
{ "root", "pkcs11_pin_file", KIND_PATH, AT(pkcs11_pin_file), "", 0, 0,
  "File with the token's PIN, readable by this user alone." },
};
/* clang-format on */

static bool
is_text(const struct row *row)
{
	return row->kind == KIND_TEXT || row->kind == KIND_PATH;
}

static char **
text_at(struct settings *s, const struct row *row)
{
	return (char **)(void *)((char *)s + row->at);
}

static uint64_t *
number_at(struct settings *s, const struct row *row)
{
	return (uint64_t *)(void *)((char *)s + row->at);
}

void
settings_free(struct settings *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (is_text(&rows[i]))
			free(*text_at(s, &rows[i]));
	*s = (struct settings){ 0 };
}

static int
set_text(
    struct settings *s, const struct row *row, const char *value, struct err *e)
{
	size_t n = strlen(value);

	if (n > VALUE_MAX || (n > 0 && !text_is_label(value)) ||
	    value[0] == ' ' || strchr(value, ';') != NULL)
		return err_set(e, ERR_USAGE,
		    "the value is longer than %d bytes, begins with a space, "
		    "or has a \";\" or a control character",
		    VALUE_MAX);
	if (row->kind == KIND_PATH && n > 0 && value[0] != '/')
		return err_set(e, ERR_USAGE, "it is not an absolute path");
	free(*text_at(s, row));
	*text_at(s, row) = mem_text(value);
	return 0;
}

static int
set_row(
    struct settings *s, const struct row *row, const char *value, struct err *e)
{
	int64_t span = -1;
	uint64_t n = 0;

	if (is_text(row))
		return set_text(s, row, value, e);
	if (row->kind == KIND_SPAN) {
		if (text_parse_span(value, &span) < 0 || span < 0)
			return err_set(
			    e, ERR_USAGE, "it is not a time such as 3d");
		n = (uint64_t)span;
	} else if (text_parse_u64(value, 0, UINT64_MAX, &n) < 0) {
		return err_set(e, ERR_USAGE, "it is not a number");
	}
	if (n < row->lo || n > row->hi)
		return err_set(e, ERR_USAGE,
		    "it is not between %" PRIu64 " and %" PRIu64 "%s", row->lo,
		    row->hi, row->kind == KIND_SPAN ? " seconds" : "");
	*number_at(s, row) = n;
	return 0;
}

static const struct row *
find_row(const char *section, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].section, section) == 0 &&
		    strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

int
settings_set(struct settings *s, const char *section, const char *key,
    const char *value, struct err *e)
{
	const struct row *row = find_row(section, key);

	if (row == NULL)
		return err_set(
		    e, ERR_USAGE, "there is no such key in [%s]", section);
	return set_row(s, row, value, e);
}

void
settings_defaults(struct settings *s)
{
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (set_row(s, &rows[i], rows[i].initial, &e) < 0)
			abort();
}

/* ---- reading ---- */

struct reading {
	struct bytes left;
	int line;
	const char *name;
	struct settings *s;
	bool seen[ARRAY_SIZE(rows)];
	struct err *e;
	bool failed;
	int failed_line;
};

static void
fail_at(struct reading *r, const char *key)
{
	if (r->failed)
		return;
	r->failed = true;
	r->failed_line = r->line;
	(void)err_in(r->e, "%s:%d: %s", r->name, r->line, key);
}

/*
 * Give inih one line, as fgets would. A longer one would come to it in pieces
 * that look like lines, and a NUL would hide what follows.
 */
static char *
next_line(char *to, int room, void *stream)
{
	struct reading *r = stream;
	size_t n = 0;

	if (r->left.n == 0 || r->failed)
		return NULL;
	r->line++;
	while (n < r->left.n && r->left.p[n] != '\n')
		n++;
	n += n < r->left.n;
	if (room < 2 || n > (size_t)room - 1 ||
	    memchr(r->left.p, '\0', n) != NULL) {
		(void)err_set(
		    r->e, ERR_USAGE, "it is too long, or has a NUL byte");
		fail_at(r, "this line");
		return NULL;
	}
	memcpy(to, r->left.p, n);
	to[n] = '\0';
	r->left.p += n;
	r->left.n -= n;
	return to;
}

static int
take_pair(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;
	const struct row *row = find_row(section, key);

	if (r->failed)
		return 0;
	if (row == NULL)
		(void)err_set(r->e, ERR_USAGE,
		    "there is no such key in section [%s]", section);
	else if (r->seen[row - rows])
		(void)err_set(r->e, ERR_USAGE, "it is given twice");
	else if (set_row(r->s, row, value, r->e) == 0) {
		r->seen[row - rows] = true;
		return 1;
	}
	fail_at(r, key);
	return 0;
}

int
settings_parse(
    struct bytes text, const char *name, struct settings *s, struct err *e)
{
	OWN(settings_free) struct settings new = { 0 };
	struct reading r = { .left = text, .name = name, .s = &new, .e = e };

	settings_defaults(&new);
	int line = ini_parse_stream(next_line, &r, take_pair, &r);
	/* inih goes on behind a line it cannot read and tells at the end. */
	if (r.failed && (line <= 0 || line >= r.failed_line))
		return -1;
	if (line != 0)
		return err_set(e, ERR_USAGE,
		    "%s:%d: this line is neither [section] nor key = value",
		    name, line);
	*s = new;
	new = (struct settings){ 0 };
	return 0;
}

int
settings_load(const char *path, struct settings *s, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	if (file_read(path, FILE_MAX, &file, e) < 0)
		return -1;
	return settings_parse(buf_bytes(&file), path, s, e);
}

/* ---- writing ---- */

static void
put_comment(struct buf *out, const char *why)
{
	while (*why != '\0') {
		size_t n = strcspn(why, "\n");
		buf_put_str(out, "# ");
		buf_put(out, why, n);
		buf_put_str(out, "\n");
		why += n + (why[n] == '\n');
	}
}

void
settings_text(const struct settings *s, struct buf *out)
{
	struct settings copy = *s; /* borrows the texts */
	const char *section = "";

	buf_put_str(out,
	    "# Settings of aumbry-escrow. They are read when it starts.\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		if (strcmp(section, row->section) != 0)
			buf_printf(out, "\n[%s]\n", row->section);
		else
			buf_put_str(out, "\n");
		section = row->section;
		put_comment(out, row->why);
		buf_printf(out, "%s = ", row->key);
		if (is_text(row))
			buf_put_str(out, *text_at(&copy, row));
		else
			buf_printf(out, "%" PRIu64 "%s", *number_at(&copy, row),
			    row->kind == KIND_SPAN ? "s" : "");
		buf_put_str(out, "\n");
	}
}
