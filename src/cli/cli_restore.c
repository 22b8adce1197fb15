/* SPDX-License-Identifier: ISC */
/* cli_restore.c: aumbry restore. */
#include "cli/cli_restore.h"

#include "cli/cli_show.h"
#include "client/self_seen.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
cli_restore_progress(void *ctx, const struct restore_progress *p)
{
	struct cli_show *s = ctx;

	if (!cli_show_due(s))
		return;
	OWN(mem_free) char *done = cli_size(p->bytes);
	OWN(mem_free) char *all = cli_size(p->all_bytes);
	cli_show_erase(s);
	if (p->all_known)
		(void)fprintf(stderr, "%llu of %llu files, %s of %s\n",
		    (unsigned long long)p->files,
		    (unsigned long long)p->all_files, done, all);
	else
		(void)fprintf(stderr, "%llu files, %s\n",
		    (unsigned long long)p->files, done);
	s->drawn = s->terminal;
}

static void
list_path(void *ctx, struct bytes path, const struct entry *x)
{
	const struct cli_show *s = ctx;
	OWN(mem_free) char *shown = cli_shown(path);

	if (s->cli->line.json) {
		json_t *j = json_pack("{s:s, s:o, s:s, s:I, s:I}", "event",
		    "would-restore", "path", cli_json_bytes(path), "type",
		    entry_type_name(x->type), "size", (json_int_t)x->size,
		    "mtime", (json_int_t)x->mtime_s);
		cli_json_raw(j, "path_raw", path);
		cli_print_json(j);
	} else {
		(void)printf(
		    "%s%s\n", shown, x->type == ENTRY_DIRECTORY ? "/" : "");
	}
}

static int
overwrite_rule(const char *word, enum place_rule *rule, struct err *e)
{
	static const struct {
		const char *word;
		enum place_rule rule;
	} rules[] = { { "never", PLACE_NEVER }, { "older", PLACE_OLDER },
		{ "always", PLACE_ALWAYS } };

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (strcmp(word, rules[i].word) == 0) {
			*rule = rules[i].rule;
			return 0;
		}
	return err_set(e, ERR_USAGE,
	    "--overwrite is never, older or always, not %s", word);
}

static void
print_restored(struct cli *cli, const struct restore_result *r)
{
	OWN(mem_free) char *bytes = cli_size(r->totals.bytes);

	if (cli->line.json) {
		json_t *j = json_pack(
		    "{s:s, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, "
		    "s:I}}",
		    "event", "done", "files", (json_int_t)r->totals.files,
		    "bytes", (json_int_t)r->totals.bytes, "errors",
		    (json_int_t)r->errors, "damaged", (json_int_t)r->damaged,
		    "duration_ms", (json_int_t)r->duration_ms, "lost", "owners",
		    (json_int_t)r->counts.owners, "modes",
		    (json_int_t)r->counts.modes, "acls",
		    (json_int_t)r->counts.acls, "attributes",
		    (json_int_t)r->counts.xattrs, "flags",
		    (json_int_t)r->counts.flags);
		(void)json_dumpf(j, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(j);
	} else {
		cli_say(cli, "%llu files, %s, %.1f s",
		    (unsigned long long)r->totals.files, bytes,
		    (double)r->duration_ms / 1000);
	}
}

bool
cli_restore_lost(const struct place_counts *c)
{
	const struct {
		uint64_t n;
		const char *what;
	} kinds[] = {
		{ c->owners, "their owner or group, which only root can give" },
		{ c->modes, "their mode, which this file system refused" },
		{ c->acls, "their access list, which was refused here" },
		{ c->xattrs, "an attribute that was refused here" },
		{ c->flags, "their flags, as +i, which were refused here" },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].n == 0)
			continue;
		any = true;
		cli_warn("aumbry: %llu objects came back without %s",
		    (unsigned long long)kinds[i].n, kinds[i].what);
	}
	return any;
}

static void
restore_status(struct cli *cli, const struct restore_result *r)
{
	enum err_code code = ERR_WRITE_INCOMPLETE;
	bool lost = cli_restore_lost(&r->counts);

	if (r->errors == 0 && lost) {
		cli_warn("%s\n(%s)", err_fix(&(struct err){ .code = code }),
		    err_name(code));
		cli->line.status = err_exit(code);
	}
	if (r->errors == 0)
		return;
	if (r->damaged > 0)
		code = ERR_SNAPSHOT_DAMAGED;
	else if (r->closed == r->errors)
		code = ERR_CATEGORY_CLOSED;
	struct err e = { .code = code };
	(void)fprintf(stderr,
	    "aumbry: %llu objects were not restored: %s\n"
	    "%s\n(%s)\n",
	    (unsigned long long)r->errors, err_what(code), err_fix(&e),
	    err_name(code));
	cli->line.status = err_exit(code);
}

struct giving_back {
	const char *to, *overwrite;
	struct cmd_list includes;
	bool dry_run, numeric_ids, profile;
	const char *only;
	struct cli_latest latest;
};

static int
give_back_profile(struct cli *cli, const struct giving_back *g, struct err *e)
{
	struct cli_profile p = { g->to, g->only, g->dry_run, &g->latest };

	if (g->overwrite != NULL || g->includes.n > 0 || g->numeric_ids)
		return err_set(e, ERR_USAGE,
		    "a device profile is given back piece by piece: --only");
	return cli_profile_restore(cli, &p, e);
}

static int
give_back(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct giving_back *g = options;
	OWN(cli_view_free) struct cli_view v = { .repo.lock = -1 };
	OWN(cli_picked_free) struct cli_picked at = { 0 };
	struct restore_options o = { .to = g->to,
		.dry_run = g->dry_run,
		.numeric_ids = g->numeric_ids,
		.includes = g->includes.items,
		.n_includes = g->includes.n,
		.warn = cli_show_warn,
		.list = g->dry_run ? list_path : NULL,
		.progress = cli_restore_progress };
	struct restore_result result;
	struct cli_show show = { 0 };

	if (g->profile)
		return give_back_profile(cli, g, e);
	if (cli->line.n_args == 0)
		return err_set(e, ERR_USAGE, "ID[:PATH] is missing");
	if (g->only != NULL)
		return err_set(e, ERR_USAGE, "--only is for --profile");
	if (overwrite_rule(
		g->overwrite != NULL ? g->overwrite : "never", &o.rule, e) < 0)
		return -1;
	if (o.to == NULL && !o.dry_run)
		return err_set(e, ERR_USAGE, "--to DIR is missing");
	cli->reads = true;
	if (cli_view(cli, &v, e) < 0 ||
	    cli_pick(cli, &v, cli->line.args[0], &g->latest, &at, e) < 0)
		return -1;
	o.path = buf_text(&at.path);
	o.ctx = &show;
	cli_show_begin(&show, cli);
	int rc = restore_run(v.repo.repo, at.snap, &o, &result, e);
	cli_show_erase(&show);
	if (rc < 0)
		return -1;
	if (o.n_includes > 0 && result.included == 0)
		return err_set(e, ERR_NOT_FOUND,
		    "nothing there is included by these patterns");
	if (o.dry_run)
		return 0;
	struct err ignored;
	if (v.repo.self != NULL)
		(void)!self_note_seen(v.repo.self, false, &ignored);
	print_restored(cli, &result);
	restore_status(cli, &result);
	return 0;
}

static const struct cmd_option restore_options[] = {
	{ "to", CMD_TEXT, offsetof(struct giving_back, to), "DIR",
	    "where it goes; the paths of the backup stand below" },
	{ "include", CMD_LIST, offsetof(struct giving_back, includes),
	    "PATTERN", "only what this matches, as in .gitignore" },
	{ "overwrite", CMD_TEXT, offsetof(struct giving_back, overwrite),
	    "never|older|always",
	    "what may take the place of a file that is there; never unless "
	    "given" },
	{ "numeric-ids", CMD_FLAG, offsetof(struct giving_back, numeric_ids),
	    NULL, "owners by number, not by name" },
	{ "dry-run", CMD_FLAG, offsetof(struct giving_back, dry_run), NULL,
	    "list what would be given back, and write nothing" },
	{ "profile", CMD_FLAG, offsetof(struct giving_back, profile), NULL,
	    "settings, packages and the like of the device, piece by piece" },
	{ "only", CMD_TEXT, offsetof(struct giving_back, only), "PIECE,...",
	    "with --profile: of settings, packages, flatpak, snap, units, "
	    "crontab, printers, fonts, wifi" },
	CLI_LATEST(struct giving_back, latest),
};

const struct cmd cli_restore[] = {
	{ "restore", "[ID[:PATH]]", "give back a snapshot or a part of it",
	    give_back, CMD_OPTIONS(restore_options, struct giving_back),
	    "ID is a snapshot's, the start of it, or latest.\n"
	    "Examples:\n"
	    "  aumbry restore latest --to /tmp/back\n"
	    "  aumbry restore latest:/home/ana/Photos --to / --overwrite "
	    "older\n"
	    "  aumbry restore --profile --only settings,packages" },
	{ 0 },
};
