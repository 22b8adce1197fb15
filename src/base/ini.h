/* SPDX-License-Identifier: ISC */
/* ini.h: [sections] with key = value, over a table of rows. */
/*
 * A program has a struct with its settings, a row for each of them, and a
 * struct ini over the rows. From the rows the file is read, and written with
 * every key explained. Lines have up to 198 bytes; a ";" behind a space begins
 * a comment.
 */
#pragma once

#include "base/buf.h"

enum ini_form {
	INI_TEXT, /* char *: a label of up to 150 bytes, or empty */
	INI_SECRET, /* the same, or @/path of a file that holds it */
	INI_COUNT, /* uint64_t */
	INI_SIZE, /* uint64_t: bytes, with K, M, G, T */
	INI_SPAN, /* uint64_t: seconds, see text_parse_span */
	INI_WORD /* uint64_t: which of the kind's words */
};

/* What values a row takes. */
struct ini_kind {
	enum ini_form form;
	/* Of a text, what it must be besides; or NULL. errors: bad-usage. */
	int (*check)(const char *value, struct err *e);
	const char *const *words; /* of INI_WORD; NULL ends them */
	const char *wanted; /* of INI_WORD: "open or closed" */
};

extern const struct ini_kind ini_text, ini_secret, ini_count, ini_size,
    ini_span;
extern const struct ini_kind ini_path; /* absolute, or empty */

struct ini_row {
	const char *section, *key;
	const struct ini_kind *kind;
	size_t at; /* in the program's struct */
	const char *initial; /* as text */
	uint64_t lo, hi; /* of INI_COUNT, INI_SIZE and INI_SPAN */
	const char *why; /* lines of the comment */
};

struct ini {
	const struct ini_row *rows; /* those of one section beside each other */
	size_t n;
	size_t size; /* of the program's struct */
	const char *title; /* comment lines that begin the file */
	/* What must hold between values; or NULL. errors: bad-usage. */
	int (*whole)(const void *c, struct err *e);
};

/* In all of these `c` is the program's struct. */

/* Every row at its initial value. c: made anew, not freed before. */
void ini_defaults(const struct ini *f, void *c);
/* Wipe and free what c owns; all zeros after that. */
void ini_free(const struct ini *f, void *c);

/*
 * Set one key from text.
 *
 * errors  bad-usage: no such key, or a value it does not take. c is unchanged.
 */
MUST_CHECK int ini_set(const struct ini *f, void *c, const char *section,
    const char *key, const char *value, struct err *e);

/*
 * Read a file's text over the initial values; a secret may still be @/path.
 *
 * name    of the file, for messages.
 * c       made anew, not freed before; all zeros after a failure.
 * errors  bad-usage with "name:line: key: why": unknown key, wrong value, a
 *         key given twice, a line that is none.
 */
MUST_CHECK int ini_read(const struct ini *f, struct bytes text,
    const char *name, void *c, struct err *e);

/* Read the file at `path`, and those that hold secrets. errors: also
 * not-found, io-error, too-large. */
MUST_CHECK int ini_load(
    const struct ini *f, const char *path, void *c, struct err *e);

/* What becomes of a row whose value is another: does the program take it over
 * while it runs? */
typedef bool ini_takes_fn(void *arg, const struct ini_row *row);

/* Ask about each row whose values differ; of what is not taken over, `fresh`
 * gets the value of `old`. */
void ini_renew(const struct ini *f, const void *old, void *fresh,
    ini_takes_fn *takes, void *arg);

/* Append the file that ini_read reads back as c, every key explained. */
void ini_write(const struct ini *f, const void *c, struct buf *out);
