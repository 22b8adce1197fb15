/* SPDX-License-Identifier: ISC */
/* cli_export_drive.c: the files of the Drive, for an export. */
#include "cli/cli_drive.h"
#include "cli/cli_export.h"

#include "drive/get.h"
#include "drive/look.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct exporting {
	struct export *x;
	struct cli_show *show;
	size_t n_dir; /* bytes of the folder, with the slash behind it */
	uint64_t former; /* files that had other contents */
};

/* ---- one thing ---- */

/* What differs in what is written is another. */
static int
content_of(const struct get_one *one, struct digest *out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest id;

	*out = (struct digest){ 0 };
	if (one->n == NULL)
		return 0;
	if (node_content_id(one->n, &id, e) < 0)
		return -1;
	buf_put(&b, id.b, sizeof id.b);
	buf_put_u16(&b, one->n->flags & (NODE_EXEC | NODE_SECRET));
	buf_put_u64(&b, (uint64_t)one->n->mtime_s);
	buf_put_u32(&b, one->n->mtime_ns);
	digest_of(buf_bytes(&b), out);
	return 0;
}

static int
thing_of(const struct get_one *one, struct export_thing *t, struct err *e)
{
	*t = (struct export_thing){ .path = one->path,
		.x = one->x,
		.secret =
		    one->n != NULL && (one->n->flags & NODE_SECRET) != 0 };
	return content_of(one, &t->content, e);
}

static enum get_what
choose(void *ctx, const struct get_one *one)
{
	struct exporting *g = ctx;
	struct export_thing t;
	struct err ignored;
	bool keep, over;

	/* It was parsed: then it has one. */
	if (thing_of(one, &t, &ignored) < 0)
		return GET_WRITE;
	g->former += one->n->type == NODE_FILE && one->n->edits > 1;
	export_drive_choose(g->x, &t, &keep, &over);
	return keep ? GET_LEAVE : over ? GET_OVER : GET_WRITE;
}

static int
there(void *ctx, const struct get_one *one, struct err *e)
{
	const struct exporting *g = ctx;
	struct export_thing t;

	return thing_of(one, &t, e) < 0 ? -1 : export_drive_there(g->x, &t, e);
}

static void
warn(void *ctx, struct bytes path, const struct err *why)
{
	const struct exporting *g = ctx;

	export_drive_lacks(
	    g->x, bytes_of(path.p + g->n_dir, path.n - g->n_dir), why);
}

static void
progress(void *ctx, uint64_t files, uint64_t bytes)
{
	const struct exporting *g = ctx;

	cli_tree_progress(g->show, files, bytes);
}

/* ---- what stays there ---- */

static int
count_trash(void *ctx, const struct look_trashed *t, struct err *e)
{
	uint64_t *n = ctx;

	(void)t;
	(void)e;
	++*n;
	return 0;
}

/* It is named, so that nobody takes the export for all there was. */
static int
say_left(
    struct cli *cli, const struct exporting *g, struct edit *d, struct err *e)
{
	uint64_t trash = 0;
	struct err why = { 0 };

	if (look_trash(d, count_trash, &trash, e) < 0)
		return -1;
	if (trash > 0) {
		(void)err_set(&why, ERR_WRITE_INCOMPLETE,
		    "what is in the trash of the Drive is not exported: "
		    "aumbry drive trash list, then aumbry drive trash restore "
		    "ID, and export again");
		export_leaves(g->x, bytes_str(EXPORT_DRIVE), &why);
		cli_say(cli, "%s", why.msg);
	}
	if (g->former > 0) {
		(void)err_set(&why, ERR_WRITE_INCOMPLETE,
		    "former contents of files of the Drive are not exported: "
		    "aumbry drive versions PATH, then aumbry drive restore "
		    "PATH --version NUMBER, and export again");
		export_leaves(g->x, bytes_str(EXPORT_DRIVE), &why);
		cli_say(cli, "%s", why.msg);
	}
	return 0;
}

/* ---- all of it ---- */

/* Is it the Drive alone that cannot be had? */
static bool
is_of_drive(const struct err *why)
{
	return why->code == ERR_CATEGORY_CLOSED || why->code == ERR_NOT_FOUND ||
	    why->code == ERR_TWO_FACTOR_REQUIRED || err_exit(why->code) == 6;
}

static int
open_tree(struct cli *cli, struct export *x, struct cli_tree *t, bool *there,
    struct err *e)
{
	*there = cli_tree_open(cli, t, e) == 0;
	if (*there)
		return 0;
	if (!is_of_drive(e))
		return -1;
	export_drive_lacks(x, bytes_str(EXPORT_DRIVE), e);
	return 0;
}

static int
write_tree(struct cli *cli, struct export *x, const char *dir,
    const struct cli_tree *t, struct cli_show *show, struct err *e)
{
	static const char *const all[] = { "/" };
	struct exporting g = { .x = x, .show = show, .n_dir = strlen(dir) + 1 };
	const struct get_ask ask = { .paths = all,
		.n = 1,
		.to = dir,
		.as = EXPORT_DRIVE,
		.choose = choose,
		.there = there,
		.warn = warn,
		.progress = progress,
		.ctx = &g };
	struct get_result r;

	if (export_drive_begin(x, e) < 0 || get_run(t->edit, &ask, &r, e) < 0)
		return -1;
	cli_show_erase(show);
	if (say_left(cli, &g, t->edit, e) < 0 ||
	    export_drive_end(x, r.failed == 0, e) < 0)
		return -1;
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:I, s:I}", "event",
		    "drive", "files", (json_int_t)r.files, "bytes",
		    (json_int_t)r.bytes, "errors", (json_int_t)r.failed));
	return 0;
}

int
cli_export_drive(struct cli *cli, struct export *x, const char *dir,
    struct cli_show *show, struct err *e)
{
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	bool is_there;

	if (open_tree(cli, x, &t, &is_there, e) < 0)
		return -1;
	if (!is_there)
		return 0;
	if (!cli->line.json)
		cli_say(cli, "%s", EXPORT_DRIVE);
	return write_tree(cli, x, dir, &t, show, e);
}

struct sizes {
	uint64_t *files, *bytes;
};

static int
add_size(
    void *ctx, const struct drivedb_entry *x, struct bytes path, struct err *e)
{
	const struct sizes *s = ctx;

	(void)path;
	(void)e;
	if (x->node.type != NODE_FILE)
		return 0;
	++*s->files;
	*s->bytes += x->size;
	return 0;
}

int
cli_export_drive_size(
    struct cli *cli, uint64_t *files, uint64_t *bytes, struct err *e)
{
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct sizes s = { files, bytes };

	*files = *bytes = 0;
	return cli_tree_open(cli, &t, e) < 0
	    ? -1
	    : look_list(t.edit, "/", true, add_size, &s, e);
}
