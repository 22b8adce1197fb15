/* SPDX-License-Identifier: ISC */
/* explain.h: would a path be backed up, in which category, by which rule? */
/*
 * The walk of a backup itself answers, on the way to what is asked about: there
 * is no second opinion. Nothing is stored, no repository is needed.
 */
#pragma once

#include "backup/backup.h"
#include "files/entry.h"
#include "files/exclude.h"

struct backup_rule {
	/*
	 * For programs: pattern, default, tag, system, lost+found, kernel,
	 * file-system, home, repository, server, target, name, no-root, missing,
	 * unreadable, secret, content; NULL: no rule, what is there is stored.
	 */
	const char *code;
	const char *words; /* for people */
	struct exclude_rule by; /* of pattern, default, tag, secret */
};

struct explain_answer {
	const char *asked; /* as typed */
	bool stored;
	/* Why not; else, of what a pattern takes back, that pattern. */
	struct backup_rule rule;
	struct buf
	    at; /* absolute: the folder that the rule is about, or itself */
	enum entry_type type; /* of what is stored */
	bool keychain;
	struct backup_rule secret; /* why it is of the keychain category */
	struct err why; /* of unreadable */
};

typedef void (*explain_fn)(void *ctx, const struct explain_answer *a);

/*
 * Answer for each path of a backup with these options, in order.
 *
 * errors  those of the options: a pattern, a root that is not there.
 */
MUST_CHECK int backup_explain(const struct backup_options *o,
    const char *const *asked, size_t n, explain_fn fn, void *ctx,
    struct err *e);
