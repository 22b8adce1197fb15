/* SPDX-License-Identifier: ISC */
/* cli_snapshot.h: what the parts of aumbry snapshot share. */
#pragma once

#include "cli/cli.h"

#include "backup/retain.h"

/* Options, as given. */
/* --keep-…, as given. */
struct cli_policy {
	const char *keep[RETAIN_COUNTED];
	const char *within;
	struct cmd_list tags;
};

/* The rows of its options: "field" is a struct cli_policy of the type. */
#define CLI_POLICY_COUNT(type, field, rule) \
	offsetof(type, field) + offsetof(struct cli_policy, keep[RETAIN_##rule])
#define CLI_POLICY(type, field) \
	{ "keep-last", CMD_TEXT, CLI_POLICY_COUNT(type, field, LAST), "N", \
		"the newest N" }, \
	    { "keep-hourly", CMD_TEXT, CLI_POLICY_COUNT(type, field, HOURLY), \
		    "N", \
		    "the newest of each of the last N hours that have one" }, \
	    { "keep-daily", CMD_TEXT, CLI_POLICY_COUNT(type, field, DAILY), \
		    "N", "the same of N days" }, \
	    { "keep-weekly", CMD_TEXT, CLI_POLICY_COUNT(type, field, WEEKLY), \
		    "N", "of N weeks" }, \
	    { "keep-monthly", CMD_TEXT, \
		    CLI_POLICY_COUNT(type, field, MONTHLY), "N", \
		    "of N months" }, \
	    { "keep-yearly", CMD_TEXT, CLI_POLICY_COUNT(type, field, YEARLY), \
		    "N", "of N years" }, \
	    { "keep-within", CMD_TEXT, \
		    offsetof(type, field) + \
			offsetof(struct cli_policy, within), \
		    "SPAN", "all that are no older, as 30d" }, \
	{ \
		"keep-tag", CMD_LIST, \
		    offsetof(type, field) + offsetof(struct cli_policy, tags), \
		    "TAG", "all that have this tag" \
	}

/* What they say, now. *any: one was given. errors: bad-usage. */
MUST_CHECK int cli_policy(const struct cli_policy *given,
    struct retain_policy *out, bool *any, struct err *e);

struct cli_forget {
	struct cli_policy policy;
	const char *host, *tag;
	bool dry_run;
};

struct cli_tag {
	struct cmd_list add, remove;
};

/* cmd_fn: aumbry snapshot forget, diff, tag. */
cmd_fn cli_forget, cli_diff, cli_tag;
