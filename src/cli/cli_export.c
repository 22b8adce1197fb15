/* SPDX-License-Identifier: ISC */
/* cli_export.c: aumbry export: leaving, with everything. */
#include "cli/cli_export.h"

#include "backup/retain.h"
#include "base/file.h"
#include "base/now.h"
#include "cli/cli_restore.h"
#include "cli/cli_show.h"
#include "client/self_seen.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct exporting {
	const char *to, *host, *tag;
	struct cmd_list ids;
	bool all, dry_run;
};

struct work {
	struct cli *cli;
	const struct exporting *o;
	struct cli_show show;
	struct cli_view view;
	struct export *x; /* NULL: a dry run, and nothing is there yet */
	const struct snapshot **chosen;
	size_t n;
};

static void
work_free(struct work *w)
{
	export_free(&w->x);
	cli_view_free(&w->view);
	mem_free(&w->chosen);
}

/* ---- which ---- */

static void
choose_one(struct work *w, const struct snapshot *s)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->chosen[i] == s)
			return;
	w->chosen[w->n++] = s;
}

/* The newest of each machine and set of paths; a whole one beside a partial. */
static void
choose_newest(struct work *w, const struct snapshot *const *list, size_t n)
{
	const struct retain_policy last = { .keep = { [RETAIN_LAST] = 1 },
		.now_ms = (uint64_t)now_ms() };
	OWN(mem_free)
	struct retain_verdict *v = mem_array(n + 1, sizeof *v);

	retain_judge(&last, list, n, v);
	for (size_t from = 0, to; from < n; from = to) {
		size_t before = w->n;
		for (to = from; to < n && v[to].group == v[from].group; to++)
			if ((v[to].why >> RETAIN_LAST & 1) != 0)
				choose_one(w, v[to].snap);
		/* Of those with a wrong clock one is better than none. */
		if (w->n == before)
			choose_one(w, v[from].snap);
	}
}

static int
choose_named(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->o->ids.n; i++) {
		const struct snapshot *s;
		if (cli_pick_id(
			w->cli, &w->view.list, w->o->ids.items[i], &s, e) < 0)
			return -1;
		choose_one(w, s);
	}
	return 0;
}

static int
choose(struct work *w, struct err *e)
{
	const struct snapshot_list *l = &w->view.list;
	const struct exporting *o = w->o;
	OWN(mem_free)
	const struct snapshot **list = mem_array(l->n + 1, sizeof *list);
	size_t n = 0;

	w->chosen =
	    mem_array(l->n + o->ids.n + 1, sizeof(const struct snapshot *));
	if (o->ids.n > 0)
		return choose_named(w, e);
	for (size_t i = 0; i < l->n; i++)
		if (snapshot_is_of(&l->list[i], o->host, o->tag))
			list[n++] = &l->list[i];
	if (n == 0 && (o->host != NULL || o->tag != NULL)) {
		(void)err_set(e, ERR_NOT_FOUND, "there is no such snapshot");
		return err_remedy(e, "Run: aumbry snapshot list");
	}
	if (!o->all)
		choose_newest(w, list, n);
	for (size_t i = 0; o->all && i < n; i++)
		choose_one(w, list[i]);
	return 0;
}

/*
 * What an earlier run has begun and not listed is ended, too: it could be taken
 * for a whole one.
 */
static void
choose_begun(struct work *w)
{
	const struct snapshot_list *l = &w->view.list;

	for (size_t i = 0; i < l->n; i++) {
		OWN(buf_free) struct buf folder = { 0 };
		export_folder(&l->list[i], &folder);
		OWN(mem_free)
		char *path = file_join(w->o->to, buf_text(&folder));
		if (file_exists(path))
			choose_one(w, &l->list[i]);
	}
}

/* ---- what is said before ---- */

static uint64_t
bytes_to_come(const struct work *w, size_t *n)
{
	uint64_t bytes = 0;

	*n = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (w->x != NULL && export_has(w->x, &w->chosen[i]->id))
			continue;
		bytes += w->chosen[i]->bytes;
		++*n;
	}
	return bytes;
}

/* A backup of the folder that it lies in would take it along. */
static void
say_backed_up(const struct work *w)
{
	OWN(mem_free) char *real = realpath(w->o->to, NULL);
	const struct snapshot_list *l = &w->view.list;
	char host[256] = "";

	(void)gethostname(host, sizeof host - 1);
	for (size_t i = l->n; real != NULL && i-- > 0;) {
		const struct snapshot *s = &l->list[i];
		if (!bytes_equal(buf_bytes(&s->host), bytes_str(host)))
			continue;
		for (size_t k = 0; k < s->n_paths; k++) {
			const char *root = buf_text(&s->paths[k]);
			size_t n = strlen(root);
			n -= n > 0 && root[n - 1] == '/';
			if (strncmp(real, root, n) != 0 ||
			    (real[n] != '/' && real[n] != '\0'))
				continue;
			cli_say(w->cli,
			    "aumbry: %s lies in what is backed up: the next "
			    "backup takes the export along. Leave it out: "
			    "--exclude '%s'",
			    w->o->to, real);
			return;
		}
	}
}

static void
say_before(const struct work *w)
{
	struct statvfs disk;
	size_t n;
	uint64_t bytes = bytes_to_come(w, &n);

	if (export_goes_on(w->x))
		cli_say(w->cli, "Going on with the export in %s.", w->o->to);
	if (n > 0)
		cli_say(w->cli,
		    "Nothing is encrypted in %s: whoever has that disk can "
		    "read it, secrets too.",
		    w->o->to);
	say_backed_up(w);
	if (statvfs(w->o->to, &disk) == 0 &&
	    (uint64_t)disk.f_bavail * disk.f_frsize < bytes) {
		OWN(mem_free) char *need = cli_size(bytes);
		OWN(mem_free)
		char *have = cli_size((uint64_t)disk.f_bavail * disk.f_frsize);
		cli_say(w->cli,
		    "aumbry: up to %s are to come, and %s are free there", need,
		    have);
	}
}

/* ---- the work ---- */

static void
warn(void *ctx, struct bytes path, const struct err *why)
{
	struct work *w = ctx;
	OWN(mem_free) char *shown = cli_shown(path);

	cli_show_erase(&w->show);
	cli_warn("aumbry: %s: %s (%s)", shown, why->msg, err_name(why->code));
}

static void
progress(void *ctx, const struct restore_progress *p)
{
	struct work *w = ctx;

	cli_restore_progress(&w->show, p);
}

static void
listed(void *ctx, const struct restore_progress *p)
{
	struct work *w = ctx;
	struct cli_show *s = &w->show;

	if (!cli_show_due(s))
		return;
	OWN(mem_free) char *done = cli_size(p->bytes);
	OWN(mem_free) char *all = cli_size(p->all_bytes);
	cli_show_erase(s);
	(void)fprintf(stderr, "read back: %llu of %llu files, %s of %s\n",
	    (unsigned long long)p->files, (unsigned long long)p->all_files,
	    done, all);
	s->drawn = s->terminal;
}

static int
open_export(struct work *w, struct err *e)
{
	const struct cli_repo *r = &w->view.repo;
	OWN(buf_free) struct buf account = { 0 };
	struct export_from from = { .server = "",
		.now_ms = (uint64_t)now_ms() };

	if (r->self != NULL) {
		buf_printf(&account, "%s@%s", r->self->name, r->self->host);
		from.uid = r->self->uid;
		from.server = remote_url(r->self->remote);
	} else if (r->reader != NULL) {
		buf_printf(&account, "%s@%s", r->reader->visit->name,
		    r->reader->visit->host);
		from.uid = r->reader->zones_of.uid;
		from.server = remote_url(r->reader->visit->remote);
	} else {
		buf_put_str(&account, r->path);
		from.uid = r->folder->uid;
	}
	from.account = buf_text(&account);
	return export_open(w->o->to, &from, warn, w, &w->x, e);
}

static bool
same_paths(const struct snapshot *a, const struct snapshot *b)
{
	bool same = a->n_paths == b->n_paths &&
	    bytes_equal(buf_bytes(&a->host), buf_bytes(&b->host));

	for (size_t i = 0; same && i < a->n_paths; i++)
		same = bytes_equal(
		    buf_bytes(&a->paths[i]), buf_bytes(&b->paths[i]));
	return same;
}

/* One that is there already, with which it shares what did not change. */
static const struct snapshot *
base_of(const struct work *w, const struct snapshot *s)
{
	const struct snapshot_list *l = &w->view.list;

	for (size_t i = l->n; i-- > 0;)
		if (&l->list[i] != s && same_paths(&l->list[i], s) &&
		    export_has(w->x, &l->list[i].id))
			return &l->list[i];
	return NULL;
}

static int
add_snapshots(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct snapshot *s = w->chosen[i];
		OWN(buf_free) struct buf folder = { 0 };
		if (export_has(w->x, &s->id))
			continue;
		export_folder(s, &folder);
		cli_show_erase(&w->show);
		if (!w->cli->line.json)
			cli_say(w->cli, "%s", buf_text(&folder));
		uint64_t before = export_counts(w->x).errors;
		const struct export_how how = { base_of(w, s), progress,
			listed };
		int rc = export_snapshot(w->x, w->view.repo.repo, s, &how, e);
		cli_show_erase(&w->show);
		if (rc < 0)
			return -1;
		uint64_t after = export_counts(w->x).errors;
		if (w->cli->line.json)
			cli_print_json(json_pack("{s:s, s:s, s:s, s:I, s:I}",
			    "event", "snapshot", "id", id_text(&s->id).s,
			    "folder", buf_text(&folder), "bytes",
			    (json_int_t)s->bytes, "errors",
			    (json_int_t)(after > before ? after - before : 0)));
	}
	return 0;
}

/* Those that say nothing any more are missing, too. */
static void
lack_unreadable(struct work *w)
{
	const struct snapshot_list *l = &w->view.list;

	for (size_t i = 0; w->o->ids.n == 0 && i < l->n_bad; i++) {
		OWN(buf_free) struct buf path = { 0 };
		buf_printf(&path, "backups/%s", id_text(&l->bad[i].id).s);
		export_lacks(w->x, buf_bytes(&path), &l->bad[i].why);
	}
}

/* ---- the Drive ---- */

/* Is it part of what was asked for? */
static bool
has_drive(const struct work *w)
{
	const struct self *s = w->view.repo.self;

	return s != NULL && !id_zero(&s->zones[CATEGORY_DRIVE]) &&
	    w->o->ids.n == 0 && w->o->host == NULL && w->o->tag == NULL;
}

/* Who signed in by a code reads backups alone. */
static void
lack_drive(struct work *w)
{
	struct err why;

	if (w->view.repo.reader == NULL || w->o->ids.n > 0 ||
	    w->o->host != NULL || w->o->tag != NULL)
		return;
	(void)err_set(&why, ERR_WRITE_INCOMPLETE,
	    "a sign-in by a code reads no files of the Drive: run aumbry "
	    "export on a device of the account");
	export_lacks(w->x, bytes_str(EXPORT_DRIVE), &why);
}

static int
add_drive(struct work *w, struct err *e)
{
	lack_drive(w);
	if (!has_drive(w))
		return 0;
	int rc = cli_export_drive(w->cli, w->x, w->o->to, &w->show, e);
	cli_show_erase(&w->show);
	return rc;
}

/* Of a later run that is more than will be written. */
static int
dry_drive(const struct work *w, uint64_t *bytes, struct err *e)
{
	uint64_t files, size;

	if (cli_export_drive_size(w->cli, &files, &size, e) < 0)
		return -1;
	*bytes += size;
	OWN(mem_free) char *shown = cli_size(size);
	if (w->cli->line.json)
		cli_print_json(json_pack("{s:s, s:s, s:I, s:I}", "event",
		    "would-export", "folder", EXPORT_DRIVE, "files",
		    (json_int_t)files, "bytes", (json_int_t)size));
	else
		(void)printf("%s  %8llu files %10s\n", EXPORT_DRIVE,
		    (unsigned long long)files, shown);
	return 0;
}

static int
dry_run(const struct work *w, struct err *e)
{
	size_t n;
	uint64_t bytes = bytes_to_come(w, &n);

	if (has_drive(w) && dry_drive(w, &bytes, e) < 0)
		return -1;
	OWN(mem_free) char *all = cli_size(bytes);
	for (size_t i = 0; i < w->n; i++) {
		const struct snapshot *s = w->chosen[i];
		OWN(buf_free) struct buf folder = { 0 };
		OWN(mem_free) char *size = cli_size(s->bytes);
		bool there = w->x != NULL && export_has(w->x, &s->id);
		export_folder(s, &folder);
		if (w->cli->line.json)
			cli_print_json(json_pack("{s:s, s:s, s:s, s:I, s:I}",
			    "event", there ? "there" : "would-export", "id",
			    id_text(&s->id).s, "folder", buf_text(&folder),
			    "files", (json_int_t)s->files, "bytes",
			    (json_int_t)s->bytes));
		else
			(void)printf("%s  %8llu files %10s%s\n",
			    buf_text(&folder), (unsigned long long)s->files,
			    size, there ? "  there already" : "");
	}
	if (w->cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:I}", "event", "done",
		    "snapshots", (json_int_t)n, "bytes", (json_int_t)bytes));
	else
		cli_say(w->cli, "%zu snapshots, %s to write", n, all);
	return 0;
}

static void
say_after(const struct work *w, bool fresh)
{
	struct export_counts c = export_counts(w->x);
	OWN(mem_free) char *bytes = cli_size(c.bytes);

	if (w->cli->line.json)
		cli_print_json(json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:o}",
		    "event", "done", "fresh", fresh ? 1 : 0, "snapshots",
		    (json_int_t)c.snapshots, "files", (json_int_t)c.files,
		    "bytes", (json_int_t)c.bytes, "errors",
		    (json_int_t)c.errors, "to",
		    cli_json_bytes(bytes_str(w->o->to))));
	else if (!fresh)
		cli_say(w->cli,
		    c.errors > 0 ? "Nothing is new for the export in %s."
				 : "Nothing is new: the export in %s is whole.",
		    w->o->to);
	else
		cli_say(w->cli, "%llu snapshots, %llu files, %s added to %s",
		    (unsigned long long)c.snapshots,
		    (unsigned long long)c.files, bytes, w->o->to);
	if (export_is_open(w->x))
		cli_warn("aumbry: other users of this machine may read %s: its "
			 "disk keeps no modes, or is somebody else's",
		    w->o->to);
}

static void
set_status(struct work *w)
{
	struct export_counts c = export_counts(w->x);
	enum err_code code = ERR_WRITE_INCOMPLETE;
	bool lost = cli_restore_lost(&c.lost);

	if (c.errors == 0 && !lost)
		return;
	if (c.damaged > 0)
		code = ERR_SNAPSHOT_DAMAGED;
	else if (c.errors > 0 && c.closed == c.errors)
		code = ERR_CATEGORY_CLOSED;
	if (c.errors > 0)
		cli_warn("aumbry: not in the export as it should be: %llu "
			 "things; %s/%s lists what is missing",
		    (unsigned long long)c.errors, w->o->to, EXPORT_MANIFEST);
	cli_warn(
	    "%s\n(%s)", err_fix(&(struct err){ .code = code }), err_name(code));
	w->cli->line.status = err_exit(code);
}

static int
write_all(struct work *w, struct err *e)
{
	struct cli_repo *r = &w->view.repo;
	struct err ignored;
	bool fresh;

	say_before(w);
	/* First: the account's records say it. */
	if (r->self != NULL)
		(void)!self_note_seen(r->self, false, &ignored);
	if (export_readme(w->x, e) < 0)
		return -1;
	if (w->cli->repo == NULL &&
	    cli_export_account(w->cli, r->self, w->x, e) < 0)
		return -1;
	if (cli_export_snapshots(w->cli, &w->view.list, w->x, e) < 0)
		return -1;
	lack_unreadable(w);
	if (add_snapshots(w, e) < 0 || add_drive(w, e) < 0 ||
	    export_end(w->x, &fresh, e) < 0)
		return -1;
	say_after(w, fresh);
	set_status(w);
	return 0;
}

static int
export_all(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(work_free)
	struct work w = {
		.cli = cli, .o = options, .view = { .repo.lock = -1 }
	};
	const struct exporting *o = options;

	if (o->ids.n > 0 && (o->all || o->host != NULL || o->tag != NULL))
		return err_set(e, ERR_USAGE,
		    "--snapshot names them: no other option chooses any");
	cli->reads = true;
	if (cli_view(cli, &w.view, e) < 0 || choose(&w, e) < 0)
		return -1;
	cli_show_begin(&w.show, cli);
	if ((!o->dry_run || access(o->to, F_OK) == 0) && open_export(&w, e) < 0)
		return -1;
	choose_begun(&w);
	return o->dry_run ? dry_run(&w, e) : write_all(&w, e);
}

static const struct cmd_option export_options[] = {
	{ "to", CMD_TEXT, offsetof(struct exporting, to), "DIR",
	    "a new folder, an empty one, or one that an export was begun in",
	    .required = true },
	{ "all-snapshots", CMD_FLAG, offsetof(struct exporting, all), NULL,
	    "every one, not the newest of each machine and set of paths" },
	{ "snapshot", CMD_LIST, offsetof(struct exporting, ids), "ID",
	    "only this one; as often as one likes" },
	{ "host", CMD_TEXT, offsetof(struct exporting, host), "HOST",
	    "only those of this machine" },
	{ "tag", CMD_TEXT, offsetof(struct exporting, tag), "TAG",
	    "only those with this tag" },
	{ "dry-run", CMD_FLAG, offsetof(struct exporting, dry_run), NULL,
	    "list what would be written, and how much, and write nothing" },
};

const struct cmd cli_export[] = {
	{ "export", "", "leave: everything as ordinary files", export_all,
	    CMD_OPTIONS(export_options, struct exporting),
	    "Cut off, the same command goes on. Later it adds what is new: "
	    "what "
	    "did not\nchange since takes no more room.\n"
	    "Nothing in DIR is encrypted.\n"
	    "Example:\n"
	    "  aumbry export --to /media/disk/aumbry" },
	{ 0 },
};
