/* SPDX-License-Identifier: ISC */
/* cli_diff.c: aumbry snapshot diff: what changed between two snapshots. */
#include "cli/cli_snapshot.h"

#include "backup/diff.h"

#include <jansson.h>
#include <stdio.h>

struct showing {
	const struct cli *cli;
	uint64_t n[DIFF_KINDS];
	uint64_t added_bytes, removed_bytes;
};

static const char letters[DIFF_KINDS] = { '+', '-', 'M', 'm', 'T' };

static void
print_line(enum diff_kind kind, struct bytes path, const struct entry *x)
{
	OWN(mem_free) char *shown = cli_shown(path);

	(void)printf("%c /%s%s\n", letters[kind], shown,
	    x->type == ENTRY_DIRECTORY ? "/" : "");
}

static void
print_object(enum diff_kind kind, struct bytes path, const struct entry *old,
    const struct entry *new)
{
	static const char *const names[DIFF_KINDS] = { "added", "removed",
		"content", "metadata", "type" };
	OWN(buf_free) struct buf full = { 0 };
	json_t *j = json_object();

	buf_put_u8(&full, '/');
	buf_put_bytes(&full, path);
	(void)json_object_set_new(j, "event", json_string(names[kind]));
	(void)json_object_set_new(j, "path", cli_json_bytes(buf_bytes(&full)));
	cli_json_raw(j, "path_raw", buf_bytes(&full));
	if (old != NULL) {
		(void)json_object_set_new(
		    j, "old_type", json_string(entry_type_name(old->type)));
		(void)json_object_set_new(
		    j, "old_size", json_integer((json_int_t)old->size));
	}
	if (new != NULL) {
		(void)json_object_set_new(
		    j, "type", json_string(entry_type_name(new->type)));
		(void)json_object_set_new(
		    j, "size", json_integer((json_int_t) new->size));
	}
	cli_print_json(j);
}

static int
show(void *ctx, enum diff_kind kind, struct bytes path, const struct entry *old,
    const struct entry *new, struct err *e)
{
	struct showing *s = ctx;

	s->n[kind]++;
	s->removed_bytes += kind == DIFF_REMOVED ? old->size : 0;
	s->added_bytes += kind == DIFF_ADDED ? new->size : 0;
	if (s->cli->line.json)
		print_object(kind, path, old, new);
	else
		print_line(kind, path, new != NULL ? new : old);
	return ferror(stdout) ? err_set(e, ERR_IO, "standard output was closed")
			      : 0;
}

static void
summary(const struct showing *s)
{
	if (s->cli->line.json) {
		cli_print_json(
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			"event", "done", "added", (json_int_t)s->n[DIFF_ADDED],
			"removed", (json_int_t)s->n[DIFF_REMOVED], "content",
			(json_int_t)s->n[DIFF_CONTENT], "metadata",
			(json_int_t)s->n[DIFF_METADATA], "type",
			(json_int_t)s->n[DIFF_TYPE], "added_bytes",
			(json_int_t)s->added_bytes, "removed_bytes",
			(json_int_t)s->removed_bytes));
		return;
	}
	OWN(mem_free) char *plus = cli_size(s->added_bytes);
	OWN(mem_free) char *minus = cli_size(s->removed_bytes);
	cli_say(s->cli,
	    "%llu added (%s), %llu removed (%s), %llu changed in content, "
	    "%llu in metadata, %llu in type.",
	    (unsigned long long)s->n[DIFF_ADDED], plus,
	    (unsigned long long)s->n[DIFF_REMOVED], minus,
	    (unsigned long long)s->n[DIFF_CONTENT],
	    (unsigned long long)s->n[DIFF_METADATA],
	    (unsigned long long)s->n[DIFF_TYPE]);
}

int
cli_diff(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_view_free) struct cli_view view = { .repo.lock = -1 };
	struct showing s = { .cli = cli };
	const struct snapshot *old, *new;

	(void)options;
	cli->reads = true;
	if (cli_view(cli, &view, e) < 0 ||
	    cli_pick_id(cli, &view.list, cli->line.args[0], &old, e) < 0 ||
	    cli_pick_id(cli, &view.list, cli->line.args[1], &new, e) < 0 ||
	    diff_run(view.repo.repo, old, new, show, &s, e) < 0)
		return -1;
	summary(&s);
	return 0;
}
