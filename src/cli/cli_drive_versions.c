/* SPDX-License-Identifier: ISC */
/* cli_drive_versions.c: aumbry drive versions, restore. */
#include "cli/cli_drive.h"

#include "base/now.h"
#include "base/stop.h"
#include "base/text.h"
#include "drive/look.h"
#include "drive/past.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- versions ---- */

struct listing {
	const struct cli *cli;
	const struct cli_tree *tree;
};

static int
list_one(void *ctx, const struct look_version *v, struct err *e)
{
	const struct listing *l = ctx;
	const char *device = cli_tree_device(l->tree, &v->dev);

	(void)e;
	if (l->cli->line.json) {
		cli_print_json(json_pack("{s:I, s:b, s:I, s:I, s:I, s:b, s:s}",
		    "version", (json_int_t)v->number, "current", v->current,
		    "changed", (json_int_t)v->changed_ms, "mtime",
		    (json_int_t)v->mtime_s, "size", (json_int_t)v->size, "exec",
		    v->exec, "device", device));
		return 0;
	}
	OWN(mem_free) char *when = cli_time(v->changed_ms);
	OWN(mem_free) char *shown = cli_shown(bytes_str(device));
	(void)printf("%6llu  %s %12llu  %s%s\n", (unsigned long long)v->number,
	    when, (unsigned long long)v->size, shown,
	    v->current ? "  (now)" : "");
	return 0;
}

int
cli_drive_versions(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct listing l = { cli, &t };

	(void)options;
	return cli_tree_open(cli, &t, e) < 0
	    ? -1
	    : look_versions(t.edit, cli->line.args[0], list_one, &l, e);
}

/* ---- restore ---- */

/* As a person says it: a day, a minute or second of it, or a span ago. */
static int
parse_time(const char *text, uint64_t *ms, struct err *e)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
		"%Y-%m-%d" };
	int64_t ago, now = now_ms();

	if (text_parse_span(text, &ago) == 0 && ago <= now / 1000) {
		*ms = (uint64_t)(now - ago * 1000);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);
		if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0))
			continue;
		time_t at = *end == 'Z' ? timegm(&tm) : mktime(&tm);
		if (at < 0 || at > now / 1000)
			return err_set(
			    e, ERR_USAGE, "%s is not a time in the past", text);
		*ms = (uint64_t)at * 1000;
		return 0;
	}
	return err_set(e, ERR_USAGE,
	    "--at is a time, as 2026-11-30T13:05 or 2h (ago), not %s", text);
}

static void
tell(void *ctx, enum past_step step, struct bytes path)
{
	static const char *const names[] = { "trash", "back", "content",
		"back-content", "unknown" };
	static const char *const words[] = { "to the trash", "comes back",
		"content of then", "comes back with its content of then",
		"left: its content of then is kept no more" };
	const struct cli *cli = ctx;

	if (cli->line.json) {
		json_t *j = json_pack("{s:s}", "step", names[step]);
		cli_tree_path(j, path);
		cli_print_json(j);
		return;
	}
	OWN(mem_free) char *shown = cli_shown(path);
	(void)printf("%s: %s\n", shown, words[step]);
}

static int
restore_at(struct cli *cli, const struct cli_drive_past *g, struct err *e)
{
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct past_ask ask = { .path = cli->line.n_args > 0 ? cli->line.args[0]
							     : "/",
		.dry = g->dry,
		.tell = tell,
		.ctx = cli };
	struct past_result r;

	if (parse_time(g->at, &ask.at_ms, e) < 0 ||
	    cli_tree_open(cli, &t, e) < 0)
		return -1;
	stop_order_begin();
	int rc = past_restore(t.edit, &ask, &r, e);
	stop_order_end();
	if (rc < 0)
		return -1;
	cli_say(cli, "%s%llu contents, %llu back from the trash, %llu into it.",
	    g->dry ? "It would be: " : "", (unsigned long long)r.contents,
	    (unsigned long long)r.back, (unsigned long long)r.trashed);
	if (r.unknown > 0) {
		cli_warn("aumbry: of %llu files the content of then is kept "
			 "no more; they are as they were",
		    (unsigned long long)r.unknown);
		cli->line.status = err_exit(ERR_DRIVE_HELD);
	}
	return 0;
}

int
cli_drive_restore(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_past *g = options;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct past_ask ask = { .tell = tell, .ctx = cli };
	uint64_t number;

	if ((g->version == NULL) == (g->at == NULL))
		return err_set(
		    e, ERR_USAGE, "say either --version N or --at TIME");
	if (g->at != NULL)
		return restore_at(cli, g, e);
	if (cli->line.n_args == 0)
		return err_set(e, ERR_USAGE, "PATH is missing");
	if (g->dry)
		return err_set(e, ERR_USAGE, "--dry-run goes with --at");
	if (text_parse_u64(g->version, 1, INT64_MAX, &number) < 0)
		return err_set(e, ERR_USAGE,
		    "--version is a number that `aumbry drive versions` has, "
		    "not %s",
		    g->version);
	ask.path = cli->line.args[0];
	return cli_tree_open(cli, &t, e) < 0
	    ? -1
	    : past_version(t.edit, &ask, number, e);
}

const struct cmd_option cli_drive_past_options[3] = {
	{ "version", CMD_TEXT, offsetof(struct cli_drive_past, version), "N",
	    "the file gets this content; what it has now is kept" },
	{ "at", CMD_TEXT, offsetof(struct cli_drive_past, at), "TIME",
	    "all that is or was in PATH becomes as it was then" },
	{ "dry-run", CMD_FLAG, offsetof(struct cli_drive_past, dry), NULL,
	    "list what would be done, and do nothing" },
};
