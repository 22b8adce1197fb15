/* SPDX-License-Identifier: ISC */
/* ini.c: rows set, read by inih, and written. */
#include "base/ini.h"

#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#define FILE_MAX (64 * 1024) /* bytes; the longest default has 7 KiB */
#define SECRET_MAX 4096 /* bytes of a file that holds one */
#define VALUE_MAX 150 /* bytes; inih reads lines of up to 198 */

static int
wrong(struct err *e, const char *value, const char *want)
{
	return err_set(e, ERR_USAGE, "\"%s\" is not %s", value, want);
}

static int
check_path(const char *s, struct err *e)
{
	return s[0] == '\0' || s[0] == '/' ? 0
					   : wrong(e, s, "an absolute path");
}

const struct ini_kind ini_text = { .form = INI_TEXT };
const struct ini_kind ini_path = { .form = INI_TEXT, .check = check_path };
const struct ini_kind ini_secret = { .form = INI_SECRET };
const struct ini_kind ini_count = { .form = INI_COUNT };
const struct ini_kind ini_size = { .form = INI_SIZE };
const struct ini_kind ini_span = { .form = INI_SPAN };

static char **
text_at(void *c, const struct ini_row *row)
{
	return (char **)(void *)((char *)c + row->at);
}

static uint64_t *
number_at(void *c, const struct ini_row *row)
{
	return (uint64_t *)(void *)((char *)c + row->at);
}

static bool
is_number(const struct ini_row *row)
{
	return row->kind->form >= INI_COUNT;
}

void
ini_free(const struct ini *f, void *c)
{
	for (size_t i = 0; i < f->n; i++) {
		if (is_number(&f->rows[i]))
			continue;
		char **s = text_at(c, &f->rows[i]);
		if (*s != NULL)
			mem_wipe(*s, strlen(*s));
		free(*s);
	}
	memset(c, 0, f->size);
}

/* ---- values ---- */

static int
parse_word(
    const struct ini_kind *kind, const char *s, uint64_t *n, struct err *e)
{
	for (size_t i = 0; kind->words[i] != NULL; i++)
		if (strcmp(s, kind->words[i]) == 0) {
			*n = i;
			return 0;
		}
	return wrong(e, s, kind->wanted);
}

static int
parse_number(
    const struct ini_row *row, const char *s, uint64_t *n, struct err *e)
{
	const enum ini_form form = row->kind->form;
	int64_t span = -1;
	int rc;

	if (form == INI_WORD)
		return parse_word(row->kind, s, n, e);
	if (form == INI_COUNT) {
		rc = text_parse_u64(s, 0, UINT64_MAX, n);
	} else if (form == INI_SIZE) {
		rc = text_parse_size(s, n);
	} else {
		rc = text_parse_span(s, &span);
		*n = (uint64_t)span;
	}
	if (rc < 0)
		return wrong(e, s,
		    form == INI_COUNT	   ? "a number"
			: form == INI_SIZE ? "a size such as 200G"
					   : "a time such as 30s");
	if (*n < row->lo || *n > row->hi)
		return err_set(e, ERR_USAGE,
		    "%s is not between %" PRIu64 " and %" PRIu64 "%s", s,
		    row->lo, row->hi, form == INI_SPAN ? " seconds" : "");
	return 0;
}

/* What inih would not give back as it was written, or nobody would see. */
static int
check_text(const char *s, struct err *e)
{
	size_t n = strlen(s);

	if (n > VALUE_MAX)
		return err_set(e, ERR_USAGE,
		    "the value is longer than %d bytes", VALUE_MAX);
	if (!text_is_utf8(bytes_str(s)))
		return err_set(e, ERR_USAGE, "the value is not UTF-8");
	if (s[0] == ' ' || s[0] == ';' || (n > 0 && s[n - 1] == ' ') ||
	    strstr(s, " ;") != NULL)
		return err_set(e, ERR_USAGE,
		    "the value begins or ends with a space, or has a \";\" "
		    "where a comment would begin");
	if (!text_is_label(s))
		return err_set(e, ERR_USAGE,
		    "the value has a character that controls or hides");
	return 0;
}

static int
set_row(void *c, const struct ini_row *row, const char *value, struct err *e)
{
	if (check_text(value, e) < 0)
		return -1;
	if (is_number(row)) {
		uint64_t n = 0;
		if (parse_number(row, value, &n, e) < 0)
			return -1;
		*number_at(c, row) = n;
		return 0;
	}
	if (row->kind->check != NULL && row->kind->check(value, e) < 0)
		return -1;
	free(*text_at(c, row));
	*text_at(c, row) = mem_text(value);
	return 0;
}

static const struct ini_row *
find_row(const struct ini *f, const char *section, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->rows[i].section, section) == 0 &&
		    strcmp(f->rows[i].key, key) == 0)
			return &f->rows[i];
	return NULL;
}

int
ini_set(const struct ini *f, void *c, const char *section, const char *key,
    const char *value, struct err *e)
{
	const struct ini_row *row = find_row(f, section, key);

	if (row == NULL)
		return err_set(
		    e, ERR_USAGE, "there is no such key in [%s]", section);
	return set_row(c, row, value, e);
}

void
ini_defaults(const struct ini *f, void *c)
{
	struct err e = { 0 };

	memset(c, 0, f->size);
	for (size_t i = 0; i < f->n; i++)
		if (set_row(c, &f->rows[i], f->rows[i].initial, &e) < 0)
			abort();
}

/* ---- reading ---- */

struct reading {
	const struct ini *f;
	struct bytes left;
	int line;
	const char *name;
	void *c;
	bool *seen; /* of each row */
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
	if (room < 2 || n > (size_t)room - 1) {
		(void)err_set(r->e, ERR_USAGE, "it is too long");
		fail_at(r, "this line");
		return NULL;
	}
	if (memchr(r->left.p, '\0', n) != NULL) {
		(void)err_set(r->e, ERR_USAGE, "it has a NUL byte");
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
	const struct ini_row *row = find_row(r->f, section, key);

	if (r->failed)
		return 0;
	if (row == NULL)
		(void)err_set(r->e, ERR_USAGE,
		    "there is no such key in section [%s]", section);
	else if (r->seen[row - r->f->rows])
		(void)err_set(r->e, ERR_USAGE, "it is given twice");
	else if (set_row(r->c, row, value, r->e) == 0) {
		r->seen[row - r->f->rows] = true;
		return 1;
	}
	fail_at(r, key);
	return 0;
}

static int
read_over(struct reading *r, struct err *e)
{
	int line = ini_parse_stream(next_line, r, take_pair, r);

	/* inih goes on behind a line it cannot read and tells at the end. */
	if (r->failed && (line <= 0 || line >= r->failed_line))
		return -1;
	if (line != 0)
		return err_set(e, ERR_USAGE,
		    "%s:%d: this line is neither [section] nor key = value",
		    r->name, line);
	if (r->f->whole != NULL && r->f->whole(r->c, e) < 0)
		return err_in(e, "%s", r->name);
	return 0;
}

int
ini_read(const struct ini *f, struct bytes text, const char *name, void *c,
    struct err *e)
{
	OWN(mem_free) bool *seen = mem_array(f->n, sizeof *seen);
	struct reading r = {
		.f = f, .left = text, .name = name, .c = c, .seen = seen, .e = e
	};

	ini_defaults(f, c);
	if (read_over(&r, e) == 0)
		return 0;
	ini_free(f, c);
	return -1;
}

/* Replace "@/path" by what the file holds, without its line end. */
static int
read_secret(char **value, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	if ((*value)[0] != '@')
		return 0;
	if (file_read(*value + 1, SECRET_MAX, &file, e) < 0)
		return -1;
	size_t n = strcspn(buf_text(&file), "\r\n");
	if (n == 0)
		return err_set(e, ERR_USAGE, "%s is empty", *value + 1);
	free(*value);
	*value = mem_new(n + 1);
	memcpy(*value, file.p, n);
	return 0;
}

int
ini_load(const struct ini *f, const char *path, void *c, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	memset(c, 0, f->size);
	if (file_read(path, FILE_MAX, &file, e) < 0 ||
	    ini_read(f, buf_bytes(&file), path, c, e) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (f->rows[i].kind->form == INI_SECRET &&
		    read_secret(text_at(c, &f->rows[i]), e) < 0) {
			ini_free(f, c);
			return err_in(e, "%s: %s", path, f->rows[i].key);
		}
	return 0;
}

/* ---- changing ---- */

void
ini_renew(const struct ini *f, const void *old, void *fresh,
    ini_takes_fn *takes, void *arg)
{
	OWN(mem_free) void *was = mem_new(f->size); /* borrows the texts */

	memcpy(was, old, f->size);
	for (size_t i = 0; i < f->n; i++) {
		const struct ini_row *row = &f->rows[i];
		bool same = is_number(row)
		    ? *number_at(was, row) == *number_at(fresh, row)
		    : strcmp(*text_at(was, row), *text_at(fresh, row)) == 0;
		if (same || takes(arg, row))
			continue;
		if (is_number(row)) {
			*number_at(fresh, row) = *number_at(was, row);
			continue;
		}
		mem_wipe(*text_at(fresh, row), strlen(*text_at(fresh, row)));
		free(*text_at(fresh, row));
		*text_at(fresh, row) = mem_text(*text_at(was, row));
	}
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

/* The shortest of 1024, 1K, 1M that says the same. */
static void
put_size(struct buf *out, uint64_t n)
{
	static const char unit[] = "KMGT";
	size_t i = 0;

	while (n > 0 && n % 1024 == 0 && i < sizeof unit - 1) {
		n /= 1024;
		i++;
	}
	buf_printf(out, "%" PRIu64, n);
	if (i > 0)
		buf_put_u8(out, (uint8_t)unit[i - 1]);
}

static void
put_value(struct buf *out, void *c, const struct ini_row *row)
{
	switch (row->kind->form) {
	case INI_COUNT:
		buf_printf(out, "%" PRIu64, *number_at(c, row));
		break;
	case INI_SIZE:
		put_size(out, *number_at(c, row));
		break;
	case INI_SPAN:
		buf_printf(out, "%" PRIu64 "s", *number_at(c, row));
		break;
	case INI_WORD:
		buf_put_str(out, row->kind->words[*number_at(c, row)]);
		break;
	default:
		buf_put_str(out, *text_at(c, row));
	}
}

void
ini_write(const struct ini *f, const void *c, struct buf *out)
{
	OWN(mem_free) void *copy = mem_new(f->size); /* borrows the texts */
	const char *section = "";

	memcpy(copy, c, f->size);
	put_comment(out, f->title);
	for (size_t i = 0; i < f->n; i++) {
		const struct ini_row *row = &f->rows[i];
		if (strcmp(section, row->section) != 0)
			buf_printf(out, "\n[%s]\n", row->section);
		section = row->section;
		buf_put_str(out, "\n");
		put_comment(out, row->why);
		if (row->kind->form == INI_COUNT && row->hi > 0)
			buf_printf(out, "# %" PRIu64 " to %" PRIu64 ".\n",
			    row->lo, row->hi);
		buf_printf(out, "%s = ", row->key);
		put_value(out, copy, row);
		buf_put_str(out, "\n");
	}
}
