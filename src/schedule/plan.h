/* SPDX-License-Identifier: ISC */
/* plan.h: what is backed up by itself, and what became of it: two files. */
/*
 * HOME/schedule/NAME.plan is what a person asked for, NAME.state what the runs
 * have noted, each one JSON object. NAME is "account", or the first 16 digits
 * of the SHA-256 of the path of a folder's repository. NAME.password holds that
 * repository's password, when it was typed.
 * source  docs/FORMAT.md "Backups by themselves".
 */
#pragma once

#include "base/buf.h"

#define PLAN_ACCOUNT "account"
#define PLAN_RULES 7 /* last, hourly, daily, weekly, monthly, yearly, within */

struct plan_list {
	char **items;
	size_t n;
};

/* Append a copy. */
void plan_list_add(struct plan_list *l, const char *item);

/* What a person asked for. Texts are "" when they were not given. */
struct plan {
	char *name; /* of its files; in none of them */
	char *tag; /* on its snapshots, and on no others */
	char *to; /* the folder of a repository; "": the account */
	char *password_file; /* of that repository */
	char *keep[PLAN_RULES]; /* numbers, and at last a span, as typed */
	struct plan_list keep_tags;
	struct plan_list roots; /* absolute; none: what a backup takes then */
	struct plan_list excludes, exclude_files, secrets, tags;
	uint64_t at_min; /* of the day, local time */
	uint64_t made_ms;
	bool one_file_system;
	bool on_battery, metered; /* runs then, too */
};

/* What the runs have noted. */
struct plan_state {
	uint64_t tried_ms; /* the last try began; 0: none */
	uint64_t done_ms; /* the last one that succeeded began */
	uint64_t failures; /* in a row, since then */
	char *code, *message, *remedy; /* of the last try; "": all was well */
	char *waits; /* for what the next one is put off; "": for its time */
	char *keep_code, *keep_message; /* why nothing was forgotten; "" */
	uint64_t pruned_ms;
	uint64_t warned_ms; /* on the desktop */
};

struct plan_all {
	struct plan *list;
	size_t n;
};

/* For OWN; all are empty then. */
void plan_free(struct plan *p);
void plan_state_free(struct plan_state *s);
void plan_all_free(struct plan_all *l);

/* All texts "" and all else zero. */
void plan_init(struct plan *p);
void plan_state_init(struct plan_state *s);

/* The name of the plan that backs up to that folder, in new memory; "" is the
 * account. */
char *plan_name(const char *to);
/* HOME/schedule, or that file of a plan in it: in new memory. */
char *plan_folder(const char *home);
char *plan_path(const char *home, const char *name, const char *what);

/*
 * Read one. There is none: *found false.
 * errors  state-damaged; update-needed when a newer program wrote it;
 *         permission-denied: this is root, and the file another user's.
 */
MUST_CHECK int plan_read(const char *home, const char *name, struct plan *out,
    bool *found, struct err *e);
/* All there are, the account's first, then by name. errors: as plan_read. */
MUST_CHECK int plan_read_all(
    const char *home, struct plan_all *out, struct err *e);
MUST_CHECK int plan_write(
    const char *home, const struct plan *p, struct err *e);
/* With its state, and the password that was kept. */
MUST_CHECK int plan_remove(const char *home, const char *name, struct err *e);

/* One that is not there or says nothing is one of no run: the next run is a
 * backup more. */
void plan_state_read(
    const char *home, const char *name, struct plan_state *out);
MUST_CHECK int plan_state_write(const char *home, const char *name,
    const struct plan_state *s, struct err *e);
/* Replace a text of either. */
void plan_set(char **text, const char *value);

/* "02:00" as minutes of the day; -1 when it is none. */
MUST_CHECK int plan_parse_at(const char *text, uint64_t *at_min);
