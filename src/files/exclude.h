/* SPDX-License-Identifier: ISC */
/* exclude.h: patterns in gitignore syntax, and folders that opt out. */
/*
 * Syntax as of gitignore(5): one pattern a line, "#" comments, "!" takes back,
 * "\" escapes, trailing spaces go unless escaped. A slash at the start or in the
 * middle anchors at the folder that paths are relative to; one at the end
 * matches directories only. "*" and "?" and "[a-z]" stay within a component, "**"
 * as a component stands for any number of them. The last match wins. "./" at the
 * start is a slash there, as shells complete names. A pattern that can match
 * nothing is bad-usage: a bracket or escape left open, "." or ".." or nothing
 * as a component.
 *
 * What is below an excluded directory is excluded: the caller does not go
 * there. Matching takes time in proportion to pattern times path at most, and
 * any number of threads once all patterns are in.
 */
#pragma once

#include "base/buf.h"

#define EXCLUDE_PATTERN_MAX 4096 /* bytes: PATH_MAX of Linux */
#define EXCLUDE_PATTERNS_MAX 100000 /* a sane list has some dozens */

struct exclude;

/* Heap. An empty list, which matches nothing. */
struct exclude *exclude_new(void);
void exclude_free(struct exclude **x);

/* Where patterns that are added from now on stand; borrowed. Rules say it. */
void exclude_source(struct exclude *x, const char *source);

/* Add one line. errors  too-large by the limits above, bad-usage. */
MUST_CHECK int exclude_add(struct exclude *x, struct bytes line, struct err *e);

/*
 * Add a pattern that was given by itself, as on a command line: "#" begins no
 * comment and spaces stay. errors as above.
 */
MUST_CHECK int exclude_add_typed(
    struct exclude *x, struct bytes pattern, struct err *e);

/* Add the lines of a file; a line that fails is named by its number. */
MUST_CHECK int exclude_add_lines(
    struct exclude *x, struct bytes text, struct err *e);

/* Add the default list: caches and trash. Patterns added later win. */
void exclude_add_defaults(struct exclude *x);
/* Line i of it, NULL behind the last. */
const char *exclude_default(size_t i);

/* What the last pattern that matches says. */
enum exclude_answer { EXCLUDE_SILENT, EXCLUDE_YES, EXCLUDE_NO };

/* Ask about a path: relative, without a slash at the start or the end. */
enum exclude_answer exclude_ask(
    const struct exclude *x, struct bytes path, bool is_dir);

/* The pattern that decided, as it was given, and where it stands. */
struct exclude_rule {
	struct bytes pattern; /* borrowed from the list */
	const char *source; /* "" when nobody said */
	unsigned long line; /* in the source, or 0 */
};

/* The same. by: filled unless the answer is EXCLUDE_SILENT; or NULL. */
enum exclude_answer exclude_ask_by(const struct exclude *x, struct bytes path,
    bool is_dir, struct exclude_rule *by);

/*
 * Does this directory ask to be left out? It does when it holds ".nobackup", or
 * a CACHEDIR.TAG that begins as https://bford.info/cachedir/ prescribes.
 *
 * returns the name of that file, or NULL.
 */
const char *exclude_by_tag(int dirfd);
