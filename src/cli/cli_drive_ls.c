/* SPDX-License-Identifier: ISC */
/* cli_drive_ls.c: aumbry drive ls, find, cat; the Drive opened to look at. */
#include "cli/cli_drive.h"
#include "cli/cli_show.h"

#include "base/stop.h"
#include "client/self_devices.h"
#include "drive/get.h"
#include "drive/look.h"
#include "files/exclude.h"
#include "join/reader.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the Drive, opened ---- */

void
cli_tree_free(struct cli_tree *t)
{
	edit_free(&t->edit);
	repo_free(&t->repo);
	self_free(&t->self);
	reader_free(&t->reader);
	free(t->devices);
	t->devices = NULL;
}

static int
open_own(struct cli *cli, struct cli_tree *t, struct err *e)
{
	if (cli_self(cli, &t->self, e) < 0 ||
	    cli_drive_repo(t->self, &t->repo, e) < 0)
		return -1;
	return self_devices(t->self, &t->devices, &t->n_devices, e);
}

int
cli_tree_open(struct cli *cli, struct cli_tree *out, struct err *e)
{
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	OWN(mem_free) char *dir = cli_home(cli);

	if ((reader_there(dir)
		    ? cli_repo_visit(dir, CATEGORY_DRIVE, &t.reader, &t.repo, e)
		    : open_own(cli, &t, e)) < 0)
		return -1;
	const struct edit_from from = { .repo = t.repo,
		.dir = dir,
		.dev_id =
		    t.self == NULL ? (struct id){ { 0 } } : t.self->dev_id,
		.stop = stop_order_asked };
	if (edit_open(&from, &t.edit, e) < 0 || edit_pull(t.edit, e) < 0)
		return -1;
	*out = t;
	t = (struct cli_tree){ 0 };
	return 0;
}

const char *
cli_tree_device(const struct cli_tree *t, const struct id *dev)
{
	for (size_t i = 0; i < t->n_devices; i++)
		if (id_equal(&t->devices[i].dev_id, dev))
			return t->devices[i].name;
	return "";
}

void
cli_tree_path(json_t *j, struct bytes path)
{
	(void)json_object_set_new(j, "path", cli_json_bytes(path));
	cli_json_raw(j, "path_raw", path);
}

void
cli_tree_warn(void *ctx, struct bytes path, const struct err *why)
{
	OWN(mem_free) char *shown = cli_shown(path);

	cli_show_erase(ctx);
	cli_warn("aumbry: %s: %s (%s)", shown, why->msg, err_name(why->code));
}

void
cli_tree_progress(void *ctx, uint64_t files, uint64_t bytes)
{
	struct cli_show *s = ctx;

	if (!cli_show_due(s))
		return;
	OWN(mem_free) char *size = cli_size(bytes);
	cli_show_erase(s);
	(void)fprintf(
	    stderr, "%llu files, %s\n", (unsigned long long)files, size);
	s->drawn = s->terminal;
}

/* ---- ls ---- */

struct listing {
	const struct cli *cli;
	const struct cli_tree *tree;
	const struct cli_drive_ls *given;
	bool whole; /* paths, not names */
	struct exclude *pattern; /* find */
	uint64_t n;
};

static const char *
type_name(enum node_type type)
{
	static const char *const names[] = { "unknown", "file", "directory",
		"symlink", "share" };

	return (size_t)type < ARRAY_SIZE(names) ? names[type] : names[0];
}

/* Of a time before 1970, too. */
static int64_t
seconds(int64_t ns)
{
	return ns / 1000000000 - (ns % 1000000000 < 0 ? 1 : 0);
}

static void
entry_json(
    const struct listing *l, const struct drivedb_entry *x, struct bytes path)
{
	json_t *j =
	    json_pack("{s:s, s:s, s:I, s:I, s:b, s:s, s:I, s:I, s:b, s:b}",
		"id", id_text(&x->node.id).s, "type", type_name(x->node.type),
		"size", (json_int_t)x->size, "mtime",
		(json_int_t)seconds(x->mtime_ns), "exec", x->node.exec,
		"device", cli_tree_device(l->tree, &x->dev), "changed",
		(json_int_t)x->changed_ms, "versions", (json_int_t)x->edits,
		"shared", x->node.type == NODE_SHARE, "secret", x->node.secret);

	cli_tree_path(j, path);
	cli_print_json(j);
}

static void
entry_line(
    const struct listing *l, const struct drivedb_entry *x, struct bytes path)
{
	struct bytes name =
	    l->whole ? path : bytes_of(x->node.name, x->node.name_n);
	OWN(mem_free) char *shown = cli_shown(name);
	const char *end = x->node.type == NODE_DIR ? "/" : "";

	if (!l->given->lengthy) {
		(void)printf("%s%s\n", shown, end);
		return;
	}
	static const char letters[] = "?-dls";
	OWN(mem_free) char *when = cli_time_s(seconds(x->mtime_ns));
	OWN(mem_free)
	char *device = cli_shown(bytes_str(cli_tree_device(l->tree, &x->dev)));
	(void)printf("%c%c %12llu %s %-12s %s%s\n",
	    letters[(size_t)x->node.type < 5 ? x->node.type : 0],
	    x->node.exec ? 'x' : '-', (unsigned long long)x->size, when, device,
	    shown, end);
}

static int
ls_entry(
    void *ctx, const struct drivedb_entry *x, struct bytes path, struct err *e)
{
	struct listing *l = ctx;

	(void)e;
	if (l->pattern != NULL &&
	    exclude_ask(l->pattern, bytes_of(path.p + 1, path.n - 1),
		x->node.type == NODE_DIR) != EXCLUDE_YES)
		return 0;
	l->n++;
	if (l->cli->line.json)
		entry_json(l, x, path);
	else
		entry_line(l, x, path);
	return 0;
}

int
cli_drive_ls(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct listing l = { .cli = cli, .tree = &t, .given = options };

	if (cli_tree_open(cli, &t, e) < 0)
		return -1;
	l.whole = l.given->all || cli->line.n_args > 1;
	if (cli->line.n_args == 0)
		return look_list(t.edit, "/", l.given->all, ls_entry, &l, e);
	for (int i = 0; i < cli->line.n_args; i++)
		if (look_list(t.edit, cli->line.args[i], l.given->all, ls_entry,
			&l, e) < 0)
			return -1;
	return 0;
}

const struct cmd_option cli_drive_ls_options[2] = {
	{ "recursive", CMD_FLAG, offsetof(struct cli_drive_ls, all), NULL,
	    "and all that is below", .letter = 'r' },
	{ "long", CMD_FLAG, offsetof(struct cli_drive_ls, lengthy), NULL,
	    "type, size and time of each, and the device that wrote it",
	    .letter = 'l' },
};

/* ---- find ---- */

static void
free_pattern(struct exclude **x)
{
	exclude_free(x);
}

int
cli_drive_find(void *line, const void *options, struct err *e)
{
	static const struct cli_drive_ls given = { .all = true };
	struct cli *cli = line;
	OWN(free_pattern) struct exclude *pattern = exclude_new();
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct listing l = { .cli = cli,
		.tree = &t,
		.given = &given,
		.whole = true,
		.pattern = pattern };
	const char *where = cli->line.n_args > 1 ? cli->line.args[1] : "/";

	(void)options;
	if (exclude_add_typed(pattern, bytes_str(cli->line.args[0]), e) < 0 ||
	    cli_tree_open(cli, &t, e) < 0 ||
	    look_list(t.edit, where, true, ls_entry, &l, e) < 0)
		return -1;
	if (l.n > 0)
		return 0;
	OWN(mem_free) char *shown = cli_shown(bytes_str(cli->line.args[0]));
	(void)err_set(e, ERR_NOT_FOUND, "the drive has no %s", shown);
	return err_remedy(e,
	    "Patterns are those of gitignore, as \"*.jpg\" or "
	    "\"Photos/2024/**\".");
}

/* ---- cat ---- */

static int
write_out(void *ctx, struct bytes x, struct err *e)
{
	(void)ctx;
	return fwrite(x.p, 1, x.n, stdout) == x.n
	    ? 0
	    : err_sys(e, "standard output");
}

int
cli_drive_cat(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_tree_free) struct cli_tree t = { 0 };

	(void)options;
	if (cli_tree_open(cli, &t, e) < 0)
		return -1;
	for (int i = 0; i < cli->line.n_args; i++)
		if (get_read(t.edit, cli->line.args[i], write_out, NULL, e) < 0)
			return -1;
	return 0;
}
