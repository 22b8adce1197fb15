/* SPDX-License-Identifier: ISC */
/* cli_snapshot.c: aumbry snapshot, ls, cat, find: looking at backups. */
#include "cli/cli_snapshot.h"

#include "backup/include.h"
#include "backup/tree.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
cli_view_free(struct cli_view *v)
{
	source_free(&v->src);
	snapshot_list_free(&v->list);
	cli_repo_free(&v->repo);
}

int
cli_view(struct cli *cli, struct cli_view *out, struct err *e)
{
	OWN(cli_view_free) struct cli_view v = { .repo.lock = -1 };

	if (cli_repo(cli, &v.repo, e) < 0 ||
	    snapshot_load(v.repo.repo, &v.list, e) < 0)
		return -1;
	v.src = source_new(v.repo.repo);
	*out = v;
	v = (struct cli_view){ .repo.lock = -1 };
	return 0;
}

void
cli_say_unreadable(struct cli *cli, const struct snapshot_list *l)
{
	for (size_t i = 0; i < l->n_bad; i++) {
		const struct snapshot_bad *b = &l->bad[i];
		if (cli->line.json)
			cli_print_json(json_pack("{s:s, s:s, s:s}", "id",
			    id_text(&b->id).s, "unreadable",
			    err_name(b->why.code), "message", b->why.msg));
		else
			(void)printf("%s  cannot be read: %s (%s)\n",
			    id_short(&b->id).s, b->why.msg,
			    err_name(b->why.code));
	}
	if (l->n_bad > 0 && cli->line.status == 0)
		cli->line.status = err_exit(ERR_READ_INCOMPLETE);
}

json_t *
cli_json_bytes(struct bytes x)
{
	OWN(mem_free) char *shown = cli_shown(x);
	json_t *j = json_stringn((const char *)x.p, x.n);

	return j != NULL ? j : json_string(shown);
}

void
cli_json_raw(json_t *j, const char *key, struct bytes x)
{
	if (!text_is_utf8(x))
		jsonio_put_bytes(j, key, x);
}

static json_t *
json_list(const struct buf *list, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(
		    j, cli_json_bytes(buf_bytes(&list[i])));
	return j;
}

void
cli_print_json(json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(j);
}

void
cli_snapshot_json(const struct snapshot *s)
{
	cli_print_json(json_pack("{s:s, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:o,"
				 " s:b}",
	    "id", id_text(&s->id).s, "time", (json_int_t)s->time_ms, "host",
	    cli_json_bytes(buf_bytes(&s->host)), "paths",
	    json_list(s->paths, s->n_paths), "files", (json_int_t)s->files,
	    "bytes", (json_int_t)s->bytes, "new_bytes",
	    (json_int_t)s->new_bytes, "duration_ms", (json_int_t)s->duration_ms,
	    "tags", json_list(s->tags, s->n_tags), "partial",
	    s->partial ? 1 : 0));
}

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

static bool
has_tag(const struct snapshot *s, const char *tag)
{
	for (size_t i = 0; i < s->n_tags; i++)
		if (bytes_equal(buf_bytes(&s->tags[i]), bytes_str(tag)))
			return true;
	return false;
}

static int
list_snapshots(struct cli *cli, const struct cli_view *o, const char *host,
    const char *tag)
{
	for (size_t i = 0; i < o->list.n; i++) {
		const struct snapshot *s = &o->list.list[i];
		if ((host != NULL &&
			!bytes_equal(buf_bytes(&s->host), bytes_str(host))) ||
		    (tag != NULL && !has_tag(s, tag)))
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
#define KEEP(rule) offsetof(struct cli_forget, keep[RETAIN_##rule])
static const struct cmd_option forget_options[] = {
	{ "keep-last", CMD_TEXT, KEEP(LAST), "N", "the newest N" },
	{ "keep-hourly", CMD_TEXT, KEEP(HOURLY), "N",
	    "the newest of each of the last N hours that have one" },
	{ "keep-daily", CMD_TEXT, KEEP(DAILY), "N", "the same of N days" },
	{ "keep-weekly", CMD_TEXT, KEEP(WEEKLY), "N", "of N weeks" },
	{ "keep-monthly", CMD_TEXT, KEEP(MONTHLY), "N", "of N months" },
	{ "keep-yearly", CMD_TEXT, KEEP(YEARLY), "N", "of N years" },
	{ "keep-within", CMD_TEXT, offsetof(struct cli_forget, within), "SPAN",
	    "all that are no older, as 30d" },
	{ "keep-tag", CMD_LIST, offsetof(struct cli_forget, tags), "TAG",
	    "all that have this tag" },
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
	    cli_pick(cli, o.src, &o.list, cli->line.args[0], &given->latest,
		&at, e) < 0)
		return -1;
	struct bytes p = buf_bytes(&at.path);
	if (p.n > 0) {
		if (tree_find(o.src, at.snap, p, &raw, &x, e) < 0)
			return -1;
		if (x.type != ENTRY_DIRECTORY)
			return ls_entry(&l, p, &x, e);
	}
	return tree_walk(o.src, at.snap, p, false, ls_entry, &l, e);
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
	    cli_pick(cli, o.src, &o.list, cli->line.args[0], &given->latest,
		&at, e) < 0)
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
		if (tree_walk(o.src, f.snap, bytes_str(""), true, find_entry,
			&f, e) == 0)
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
