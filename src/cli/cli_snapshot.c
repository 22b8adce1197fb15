/* SPDX-License-Identifier: ISC */
/* cli_snapshot.c: aumbry snapshot, ls, cat, find: looking at backups. */
#include "cli/cli_snapshot.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
snapshot_line(const struct snapshot *s)
{
	OWN(mem_free) char *when = cli_time(s->time_ms);
	OWN(mem_free) char *size = cli_size(s->bytes);
	OWN(mem_free) char *host = cli_shown(buf_bytes(&s->host));

	(void)printf("%s  %s  %-12s %8llu files %10s%s ", id_short(&s->id).s,
	    when, host, (unsigned long long)s->files, size,
	    s->partial ? "  partial" : "");
	for (size_t i = 0; i < s->n_paths; i++) {
		OWN(mem_free) char *p = cli_shown(buf_bytes(&s->paths[i]));
		(void)printf(" %s", p);
	}
	for (size_t i = 0; i < s->n_tags; i++) {
		OWN(mem_free) char *t = cli_shown(buf_bytes(&s->tags[i]));
		(void)printf(" #%s", t);
	}
	(void)putchar('\n');
}

static int
list_snapshots(struct cli *cli, const struct cli_view *o, const char *host,
    const char *tag)
{
	for (size_t i = 0; i < o->list.n; i++) {
		const struct snapshot *s = &o->list.list[i];
		if (!snapshot_is_of(s, host, tag))
			continue;
		if (cli->line.json)
			cli_snapshot_json(s);
		else
			snapshot_line(s);
	}
	cli_say_unreadable(cli, &o->list);
	return 0;
}

static void
show_snapshot(struct cli *cli, const struct snapshot *s)
{
	if (cli->line.json) {
		cli_snapshot_json(s);
		return;
	}
	OWN(mem_free) char *when = cli_time(s->time_ms);
	OWN(mem_free) char *bytes = cli_size(s->bytes);
	OWN(mem_free) char *fresh = cli_size(s->new_bytes);
	OWN(mem_free) char *stored = cli_size(s->stored_bytes);
	OWN(mem_free) char *host = cli_shown(buf_bytes(&s->host));
	OWN(mem_free) char *user = cli_shown(buf_bytes(&s->user));
	(void)printf("id        %s\ntime      %s\nhost      %s\nuser      %s\n"
		     "files     %llu\nfolders   %llu\nothers    %llu\n"
		     "bytes     %s\nnew       %s\nstored    %s\n"
		     "took      %.1f s\nunread    %llu\n",
	    id_text(&s->id).s, when, host, user, (unsigned long long)s->files,
	    (unsigned long long)s->dirs, (unsigned long long)s->others, bytes,
	    fresh, stored, (double)s->duration_ms / 1000,
	    (unsigned long long)s->errors);
	for (size_t i = 0; i < s->n_paths; i++) {
		OWN(mem_free) char *p = cli_shown(buf_bytes(&s->paths[i]));
		(void)printf("path      %s\n", p);
	}
}

struct which {
	const char *host, *tag;
};

static int
snapshot_list(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct which *o = options;
	OWN(cli_view_free) struct cli_view v = { .repo.lock = -1 };

	cli->reads = true;
	return cli_view(cli, &v, e) < 0
	    ? -1
	    : list_snapshots(cli, &v, o->host, o->tag);
}

static int
snapshot_show(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_view_free) struct cli_view v = { .repo.lock = -1 };
	const struct snapshot *s;

	(void)options;
	cli->reads = true;
	if (cli_view(cli, &v, e) < 0 ||
	    cli_pick_id(cli, &v.list, cli->line.args[0], &s, e) < 0)
		return -1;
	show_snapshot(cli, s);
	return 0;
}

static const struct cmd_option list_options[] = {
	{ "host", CMD_TEXT, offsetof(struct which, host), "HOST",
	    "only those of this machine" },
	{ "tag", CMD_TEXT, offsetof(struct which, tag), "TAG",
	    "only those with this tag" },
};
static const struct cmd_option tag_options[] = {
	{ "add", CMD_LIST, offsetof(struct cli_tag, add), "TAG", "put it on" },
	{ "remove", CMD_LIST, offsetof(struct cli_tag, remove), "TAG",
	    "take it off" },
};
static const struct cmd_option forget_options[] = {
	CLI_POLICY(struct cli_forget, policy),
	{ "host", CMD_TEXT, offsetof(struct cli_forget, host), "HOST",
	    "judge only those of this machine" },
	{ "tag", CMD_TEXT, offsetof(struct cli_forget, tag), "TAG",
	    "judge only those with this tag" },
	{ "dry-run", CMD_FLAG, offsetof(struct cli_forget, dry_run), NULL,
	    "say what would be forgotten, and forget nothing" },
};

const struct cmd cli_snapshot[] = {
	{ "snapshot list", "", "the backups there are", snapshot_list,
	    CMD_OPTIONS(list_options, struct which) },
	{ "snapshot show", "ID", "what one has, and when and where it was made",
	    snapshot_show },
	{ "snapshot diff", "ID ID", "what changed between two", cli_diff },
	{ "snapshot tag", "ID", "put tags on one, or take them off", cli_tag,
	    CMD_OPTIONS(tag_options, struct cli_tag) },
	{ "snapshot forget", "[ID…]",
	    "forget those that are named, or all but what the rules keep",
	    cli_forget, CMD_OPTIONS(forget_options, struct cli_forget),
	    "forget frees no space by itself: aumbry prune does.\n"
	    "Example:\n"
	    "  aumbry snapshot forget --keep-daily 7 --keep-weekly 5 "
	    "--keep-monthly 12" },
	{ 0 },
};
