/* SPDX-License-Identifier: ISC */
/* cli_look.c: aumbry ls, cat, find. */
#include "cli/cli.h"

#include "backup/include.h"
#include "backup/tree.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- ls ---- */

static char
type_letter(enum entry_type t)
{
	static const char letters[] = "?-dlpscb";

	return (size_t)t < sizeof letters - 1 ? letters[t] : '?';
}

static void
mode_text(const struct entry *x, char out[static 11])
{
	static const char bits[] = "rwxrwxrwx";

	out[0] = type_letter(x->type);
	for (int i = 0; i < 9; i++)
		out[1 + i] = (x->mode >> (8 - i) & 1) != 0 ? bits[i] : '-';
	if ((x->mode & 04000) != 0)
		out[3] = (x->mode & 0100) != 0 ? 's' : 'S';
	if ((x->mode & 02000) != 0)
		out[6] = (x->mode & 010) != 0 ? 's' : 'S';
	if ((x->mode & 01000) != 0)
		out[9] = (x->mode & 1) != 0 ? 't' : 'T';
	out[10] = '\0';
}

struct listing {
	const struct cli *cli;
	bool lengthy;
};

static int
ls_entry(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	const struct listing *l = ctx;
	OWN(mem_free) char *name = cli_shown(x->name);
	char mode[11];

	(void)dir;
	(void)e;
	mode_text(x, mode);
	if (l->cli->line.json) {
		json_t *j = json_pack(
		    "{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "name",
		    cli_json_bytes(x->name), "type", entry_type_name(x->type),
		    "mode", mode, "uid", (json_int_t)x->uid, "gid",
		    (json_int_t)x->gid, "size", (json_int_t)x->size, "mtime",
		    (json_int_t)x->mtime_s, "category",
		    x->category == ENTRY_KEYCHAIN ? "keychain" : "backup");
		cli_json_raw(j, "name_raw", x->name);
		cli_print_json(j);
		return 0;
	}
	if (!l->lengthy) {
		(void)printf(
		    "%s%s\n", name, x->type == ENTRY_DIRECTORY ? "/" : "");
		return 0;
	}
	OWN(mem_free) char *when = cli_time_s(x->mtime_s);
	OWN(mem_free) char *user = cli_shown(x->user);
	OWN(mem_free) char *target = cli_shown(x->target);
	(void)printf("%s %-8s %12llu %s %s%s%s%s\n", mode, user,
	    (unsigned long long)x->size, when, name,
	    x->type == ENTRY_SYMLINK ? " -> " : "", target,
	    x->category == ENTRY_KEYCHAIN ? "  [keychain]" : "");
	return 0;
}

struct ls {
	bool lengthy;
	struct cli_latest latest;
};

static int
ls(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct ls *given = options;
	OWN(cli_view_free) struct cli_view o = { .repo.lock = -1 };
	OWN(cli_picked_free) struct cli_picked at = { 0 };
	OWN(buf_free) struct buf raw = { 0 };
	struct listing l = { cli, given->lengthy };
	struct entry x;

	cli->reads = true;
	if (cli_view(cli, &o, e) < 0 ||
	    cli_pick(cli, &o, cli->line.args[0], &given->latest, &at, e) < 0)
		return -1;
	struct bytes p = buf_bytes(&at.path);
	if (p.n > 0) {
		if (tree_find(o.src, at.snap, p, &raw, &x, e) < 0)
			return -1;
		if (x.type != ENTRY_DIRECTORY)
			return ls_entry(&l, p, &x, e);
	}
	return tree_list(o.src, at.snap, p, ls_entry, &l, e);
}

static const struct cmd_option ls_options[] = {
	{ "long", CMD_FLAG, offsetof(struct ls, lengthy), NULL,
	    "type and mode, owner, size and time of each", .letter = 'l' },
	CLI_LATEST(struct ls, latest),
};

const struct cmd cli_ls[] = {
	{ "ls", "ID[:PATH]", "list a directory of a snapshot", ls,
	    CMD_OPTIONS(ls_options, struct ls) },
	{ 0 },
};

/* ---- cat ---- */

static int
write_hole(uint64_t n, struct err *e)
{
	static const uint8_t zeros[65536];

	for (; n > 0;) {
		size_t some = n < sizeof zeros ? (size_t)n : sizeof zeros;
		if (fwrite(zeros, 1, some, stdout) != some)
			return err_sys(e, "standard output");
		n -= some;
	}
	return 0;
}

/* Write data bytes [at, at + chunk.n) of a file, its holes before them. */
struct catting {
	const struct entry *x;
	struct bytes extents;
	uint64_t extent_end, left; /* of the extent in work */
	uint64_t written;
};

static int
cat_data(struct catting *c, struct bytes chunk, struct err *e)
{
	while (chunk.n > 0) {
		size_t some = chunk.n;
		if (c->x->sparse) {
			uint64_t at;
			if (c->left == 0) {
				if (!entry_extent_next(&c->extents,
					&c->extent_end, &at, &c->left))
					return err_set(e, ERR_SNAPSHOT_DAMAGED,
					    "a sparse file has more data than "
					    "its map");
				if (write_hole(at - c->written, e) < 0)
					return -1;
				c->written = at;
			}
			some = c->left < some ? (size_t)c->left : some;
			c->left -= some;
		}
		if (fwrite(chunk.p, 1, some, stdout) != some)
			return err_sys(e, "standard output");
		c->written += some;
		chunk = bytes_of(chunk.p + some, chunk.n - some);
	}
	return 0;
}

struct cat {
	struct source *src;
	struct catting to;
};

static int
cat_chunk(void *ctx, enum category c, const struct digest *name,
    uint32_t length, struct err *e)
{
	struct cat *cat = ctx;
	OWN(buf_free) struct buf chunk = { 0 };

	if (source_chunk(cat->src, c, name, length, &chunk, e) < 0)
		return -1;
	return cat_data(&cat->to, buf_bytes(&chunk), e);
}

struct cat_ask {
	struct cli_latest latest;
};

static int
cat(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cat_ask *given = options;
	OWN(cli_view_free) struct cli_view o = { .repo.lock = -1 };
	OWN(cli_picked_free) struct cli_picked at = { 0 };
	OWN(buf_free) struct buf raw = { 0 };
	struct entry x;

	cli->reads = true;
	if (cli_view(cli, &o, e) < 0 ||
	    cli_pick(cli, &o, cli->line.args[0], &given->latest, &at, e) < 0)
		return -1;
	if (at.path.n == 0)
		return err_set(e, ERR_USAGE, "a file's path is missing");
	if (tree_find(o.src, at.snap, buf_bytes(&at.path), &raw, &x, e) < 0)
		return -1;
	if (x.type != ENTRY_REGULAR)
		return err_set(e, ERR_USAGE, "%s is a %s, not a file",
		    cli->line.args[0], entry_type_name(x.type));
	struct cat c = { o.src, { .x = &x, .extents = x.extents } };
	if (tree_chunks(&x, cat_chunk, &c, e) < 0)
		return err_in(e, "%s", cli->line.args[0]);
	return x.size > c.to.written ? write_hole(x.size - c.to.written, e) : 0;
}

static const struct cmd_option cat_options[] = {
	CLI_LATEST(struct cat_ask, latest),
};

const struct cmd cli_cat[] = {
	{ "cat", "ID:PATH", "write a file of a snapshot to standard output",
	    cat, CMD_OPTIONS(cat_options, struct cat_ask) },
	{ 0 },
};

/* ---- find ---- */

struct finding {
	const struct cli *cli;
	const struct snapshot *snap;
	struct exclude *pattern;
	uint64_t n;
};

static int
find_entry(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	struct finding *f = ctx;
	OWN(buf_free) struct buf path = { 0 };

	(void)e;
	buf_put_u8(&path, '/');
	buf_put_bytes(&path, dir);
	if (dir.n > 0)
		buf_put_u8(&path, '/');
	buf_put_bytes(&path, x->name);
	struct bytes below = bytes_of(path.p + 1, path.n - 1);
	if (include_ask(f->pattern, f->snap, below, 0,
		x->type == ENTRY_DIRECTORY) != EXCLUDE_YES)
		return 0;
	f->n++;
	OWN(mem_free) char *shown = cli_shown(buf_bytes(&path));
	if (f->cli->line.json) {
		json_t *j = json_pack("{s:s, s:o, s:I, s:I}", "snapshot",
		    id_text(&f->snap->id).s, "path",
		    cli_json_bytes(buf_bytes(&path)), "size",
		    (json_int_t)x->size, "mtime", (json_int_t)x->mtime_s);
		cli_json_raw(j, "path_raw", buf_bytes(&path));
		cli_print_json(j);
	} else {
		(void)printf("%s:%s\n", id_short(&f->snap->id).s, shown);
	}
	return 0;
}

static void
free_pattern(struct exclude **x)
{
	exclude_free(x);
}

static int
find(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_view_free) struct cli_view o = { .repo.lock = -1 };
	OWN(free_pattern) struct exclude *pattern = exclude_new();
	struct finding f = { cli, NULL, pattern, 0 };
	struct err damage = { 0 };

	(void)options;
	cli->reads = true;
	if (exclude_add_typed(pattern, bytes_str(cli->line.args[0]), e) < 0 ||
	    cli_view(cli, &o, e) < 0)
		return -1;
	for (size_t i = 0; i < o.list.n; i++) {
		f.snap = &o.list.list[i];
		if (tree_walk(
			o.src, f.snap, bytes_str(""), find_entry, &f, e) == 0)
			continue;
		(void)err_in(e, "snapshot %s", id_short(&f.snap->id).s);
		if (err_exit(e->code) != err_exit(ERR_BLOB_CORRUPT))
			return -1;
		/* One that is damaged closes none of the others. */
		if (damage.code != ERR_NONE)
			cli_warn("aumbry: %s (%s)", e->msg, err_name(e->code));
		else
			damage = *e;
	}
	if (o.list.n_bad > 0) {
		cli->line.status = err_exit(ERR_READ_INCOMPLETE);
		cli_warn("aumbry: %zu snapshots cannot be read, and were not "
			 "searched; see: aumbry snapshot list",
		    o.list.n_bad);
	}
	if (damage.code != ERR_NONE) {
		*e = damage;
		return -1;
	}
	if (f.n == 0) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "no snapshot has %s", cli->line.args[0]);
		return err_remedy(e,
		    "Patterns are those of gitignore, as "
		    "\"*.jpg\" or \"photos/2024/**\".");
	}
	return 0;
}

const struct cmd cli_find[] = {
	{ "find", "PATTERN", "find files in all snapshots", find, NULL, 0, 0,
	    "PATTERN is as in .gitignore: '*.jpg', 'photos/2024/**'." },
	{ 0 },
};
