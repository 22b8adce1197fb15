/* SPDX-License-Identifier: ISC */
/* cli_drive_tidy.c: aumbry drive tidy, retention: what is kept, how long. */
#include "cli/cli_drive.h"

#include "base/stop.h"
#include "base/text.h"
#include "drive/retention.h"
#include "drive/space.h"
#include "drive/tidy.h"
#include "wire/jsonio.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS ((uint64_t)24 * 3600 * 1000)

/* ---- tidy ---- */

const struct cmd_option cli_drive_tidy_options[1] = {
	{ "dry-run", CMD_FLAG, offsetof(struct cli_drive_tidy, dry), NULL,
	    "say what would go, and change nothing" },
};

static void
say_tidied(struct cli *cli, const struct tidy_result *r,
    const struct space *now, bool dry)
{
	OWN(mem_free) char *freed = cli_size(r->deleted_bytes);
	OWN(mem_free) char *freeing = cli_size(now->freeing);

	cli_say(cli,
	    "%llu %s deleted for good, %llu former versions, %s of packs.",
	    (unsigned long long)r->purged, dry ? "would be" : "things were",
	    (unsigned long long)r->versions, freed);
	if (r->condemned + r->waiting > 0)
		cli_say(cli, "%llu packs of little use (%s) go within 14 days.",
		    (unsigned long long)r->condemned +
			(unsigned long long)r->waiting,
		    freeing);
	if (r->rewritten > 0)
		cli_say(cli, "%llu packs %s rewritten.",
		    (unsigned long long)r->rewritten,
		    dry ? "would be" : "were");
}

static json_t *
tidied(const struct tidy_result *r, const struct space *now)
{
	json_t *j = json_object();

	jsonio_put_text(j, "event", "done");
	jsonio_put_u64(j, "purged", r->purged);
	jsonio_put_u64(j, "versions", r->versions);
	jsonio_put_u64(j, "packs", r->packs);
	jsonio_put_u64(j, "condemned", r->condemned);
	jsonio_put_u64(j, "revived", r->revived);
	jsonio_put_u64(j, "waiting", r->waiting);
	jsonio_put_u64(j, "deleted", r->deleted);
	jsonio_put_u64(j, "deleted_bytes", r->deleted_bytes);
	jsonio_put_u64(j, "rewritten", r->rewritten);
	jsonio_put_u64(j, "written_bytes", r->written_bytes);
	(void)json_object_set_new(j, "space",
	    json_pack("{s:I, s:I, s:I, s:I}", "files", (json_int_t)now->files,
		"history", (json_int_t)now->history, "trash",
		(json_int_t)now->trash, "freeing", (json_int_t)now->freeing));
	(void)json_object_set_new(j, "kept",
	    r->kept.code == ERR_NONE ? json_null()
				     : json_string(err_name(r->kept.code)));
	return j;
}

int
cli_drive_tidy(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_tidy *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	const struct tidy_ask ask = { .now = true, .dry = g->dry };
	struct tidy_result r;
	struct space now;

	if (cli_tree_open(cli, &t, e) < 0)
		return -1;
	stop_order_begin();
	int rc = tidy_run(t.edit, &ask, &r, e);
	stop_order_end();
	if (rc < 0 || space_count(t.edit, &now, e) < 0)
		return -1;
	if (!r.ran)
		return err_set(e, ERR_CONFLICT,
		    "another device keeps house at this moment");
	if (cli->line.json)
		cli_print_json(tidied(&r, &now));
	else
		say_tidied(cli, &r, &now, g->dry);
	if (r.kept.code == ERR_NONE)
		return 0;
	/* Not all that was asked for was done. */
	*e = r.kept;
	return err_in(e, "some packs stay");
}

/* ---- retention ---- */

#define AT(field) offsetof(struct cli_drive_retention, field)
const struct cmd_option cli_drive_retention_options[5] = {
	{ "all", CMD_TEXT, AT(all), "SPAN",
	    "keep each version that was replaced within this time" },
	{ "daily", CMD_TEXT, AT(daily), "SPAN",
	    "keep what each day ended with, for so long" },
	{ "weekly", CMD_TEXT, AT(weekly), "SPAN",
	    "keep what each week ended with, for so long" },
	{ "least", CMD_TEXT, AT(least), "N",
	    "keep so many of the newest, however old" },
	{ "trash", CMD_TEXT, AT(trash), "SPAN",
	    "what was thrown away can be had back for so long" },
};

static int
take_span(const char *name, const char *text, uint64_t *ms, struct err *e)
{
	int64_t s;

	if (text == NULL)
		return 0;
	if (text_parse_span(text, &s) < 0)
		return err_set(
		    e, ERR_USAGE, "--%s is a span, as 30d, not %s", name, text);
	*ms = (uint64_t)s * 1000;
	return 0;
}

static int
take_rules(
    const struct cli_drive_retention *g, struct hist_policy *p, struct err *e)
{
	uint64_t least = p->least;

	if (take_span("all", g->all, &p->all_ms, e) < 0 ||
	    take_span("daily", g->daily, &p->daily_ms, e) < 0 ||
	    take_span("weekly", g->weekly, &p->weekly_ms, e) < 0 ||
	    take_span("trash", g->trash, &p->trash_ms, e) < 0)
		return -1;
	if (g->least != NULL &&
	    text_parse_u64(g->least, 0, p->room, &least) < 0)
		return err_set(
		    e, ERR_USAGE, "--least is 0 to 100, not %s", g->least);
	p->least = (size_t)least;
	return 0;
}

static void
say_rules(struct cli *cli, const struct hist_policy *p)
{
	if (cli->line.json) {
		cli_print_json(json_pack("{s:I, s:I, s:I, s:I, s:I}", "all_ms",
		    (json_int_t)p->all_ms, "daily_ms", (json_int_t)p->daily_ms,
		    "weekly_ms", (json_int_t)p->weekly_ms, "least",
		    (json_int_t)p->least, "trash_ms", (json_int_t)p->trash_ms));
		return;
	}
	(void)printf("Former versions of a file are kept\n"
		     "  all that were replaced within %llu hours\n"
		     "  of each day the last for %llu days\n"
		     "  of each week the last for %llu days\n"
		     "  and never fewer than %zu.\n"
		     "What was thrown away is kept for %llu days.\n",
	    (unsigned long long)(p->all_ms / (DAY_MS / 24)),
	    (unsigned long long)(p->daily_ms / DAY_MS),
	    (unsigned long long)(p->weekly_ms / DAY_MS), p->least,
	    (unsigned long long)(p->trash_ms / DAY_MS));
}

int
cli_drive_retention(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_retention *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct hist_policy p;
	bool change = g->all != NULL || g->daily != NULL || g->weekly != NULL ||
	    g->least != NULL || g->trash != NULL;

	if (cli_tree_open(cli, &t, e) < 0)
		return -1;
	struct zcopy *z = repo_part(t.repo, CATEGORY_DRIVE)->zone;
	if (retention_get(z, &p, e) < 0) {
		if (!change || e->code != ERR_RECORD_CORRUPT)
			return -1;
		p = hist_default();
	}
	if (change && (take_rules(g, &p, e) < 0 || retention_set(z, &p, e) < 0))
		return -1;
	say_rules(cli, &p);
	return 0;
}
