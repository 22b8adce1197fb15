/* SPDX-License-Identifier: ISC */
/* export_snapshot.c: a snapshot is restored, and what is there then listed. */
#include "export/export_in.h"

#include "backup/tree.h"
#include "base/idset.h"

#include <sys/stat.h>

#define WAITS (256 * 1024) /* bytes of lines that are written at once */

struct listing {
	struct export *x;
	const struct snapshot *snap;
	const struct export_how *how;
	struct buf folder;
	struct place *place; /* of the folder */
	struct idset failed; /* paths that were told */
	struct buf lines;
	struct export_counts counts;
	bool broken; /* it could not be restored to its end */
};

static void
listing_free(struct listing *l)
{
	place_free(&l->place);
	idset_free(&l->failed);
	buf_free(&l->folder);
	buf_free(&l->lines);
}

/* ---- what is missing ---- */

static void
name_of(struct bytes path, struct digest *out)
{
	digest_of(path, out);
}

/* path  in the snapshot; "" for all of it. */
static void
lacks(struct listing *l, struct bytes path, const struct err *why)
{
	OWN(buf_free) struct buf whole = { 0 };
	struct digest name;

	name_of(path, &name);
	if (!idset_add(&l->failed, name.b))
		return;
	buf_put_bytes(&whole, buf_bytes(&l->folder));
	if (path.n > 0)
		buf_put_u8(&whole, '/');
	buf_put_bytes(&whole, path);
	export_put_json(
	    &l->lines, export_lacks_json(buf_bytes(&whole), why, &l->snap->id));
	l->counts.errors++;
	l->counts.damaged += err_exit(why->code) == 6;
	l->counts.closed += why->code == ERR_CATEGORY_CLOSED;
	l->x->warn(l->x->ctx, buf_bytes(&whole), why);
}

static void
restore_warn(void *ctx, struct bytes path, const struct err *why)
{
	lacks(ctx, path, why);
}

static void
restore_tell(void *ctx, const struct restore_progress *p)
{
	const struct listing *l = ctx;

	if (l->how->progress != NULL)
		l->how->progress(l->x->ctx, p);
}

/* ---- what is there ---- */

static int
flush(struct listing *l, struct err *e)
{
	if (export_append(l->x, buf_bytes(&l->lines), false, e) < 0)
		return -1;
	buf_clear(&l->lines);
	return 0;
}

static void
tell_listed(const struct listing *l)
{
	const struct restore_progress p = { .files = l->counts.files,
		.bytes = l->counts.bytes,
		.all_files = l->snap->files,
		.all_bytes = l->snap->bytes,
		.all_known = true };

	if (l->how->listed != NULL)
		l->how->listed(l->x->ctx, &p);
}

static int
list_path(
    struct listing *l, struct bytes path, const struct entry *x, struct err *e)
{
	OWN(buf_free) struct buf whole = { 0 };
	OWN(buf_free) struct buf source = { 0 };
	struct export_looked f = { .st = export_stat(x) };
	struct err why;

	buf_put_bytes(&whole, buf_bytes(&l->folder));
	buf_put_u8(&whole, '/');
	buf_put_bytes(&whole, path);
	buf_put_u8(&source, '/');
	buf_put_bytes(&source, path);
	f.line = (struct export_file){ .path = buf_bytes(&whole),
		.st = &f.st,
		.target = x->target,
		.snapshot = &l->snap->id,
		.source = buf_bytes(&source),
		.secret = x->category == ENTRY_KEYCHAIN };
	if (x->type == ENTRY_REGULAR &&
	    export_look(l->place, path, &f, &why) < 0) {
		/* What the restore did not come to is said once. */
		if (!l->broken)
			lacks(l, path, &why);
		return 0;
	}
	export_put_file(&l->lines, &f.line);
	if (x->type == ENTRY_REGULAR) {
		l->counts.files++;
		l->counts.bytes += x->size;
		tell_listed(l);
	}
	return l->lines.n < WAITS ? 0 : flush(l, e);
}

static int
list_one(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	struct listing *l = ctx;
	OWN(buf_free) struct buf path = { 0 };
	struct digest name;

	buf_put_bytes(&path, dir);
	if (dir.n > 0)
		buf_put_u8(&path, '/');
	buf_put_bytes(&path, x->name);
	name_of(buf_bytes(&path), &name);
	return idset_has(&l->failed, name.b)
	    ? 0
	    : list_path(l, buf_bytes(&path), x, e);
}

/* ---- the whole ---- */

static int
give(struct listing *l, struct repo *repo, const char *to, struct err *e)
{
	const struct restore_options o = { .to = to,
		.path = "",
		/* What is newer by less than a step was not changed. */
		.rule = l->x->coarse ? PLACE_OLDER : PLACE_NEVER,
		.warn = restore_warn,
		.progress = restore_tell,
		.ctx = l };
	struct restore_result r;

	int rc = restore_run(repo, l->snap, &o, &r, e);
	l->counts.lost = r.counts;
	if (rc == 0)
		return 0;
	if (!export_of_snapshot(e->code))
		return -1;
	l->broken = true;
	lacks(l, bytes_str(""), e);
	return 0;
}

static int
list(struct listing *l, struct repo *repo, const char *to, struct err *e)
{
	OWN(source_free) struct source *src = source_new(repo);

	if (place_open(to, PLACE_NEVER, &l->place, e) < 0)
		return -1;
	if (tree_walk(src, l->snap, bytes_str(""), list_one, l, e) < 0 &&
	    (!l->broken || !export_of_snapshot(e->code)))
		return -1;
	return 0;
}

static void
add(struct export_counts *all, const struct export_counts *one)
{
	all->snapshots++;
	all->files += one->files;
	all->bytes += one->bytes;
	all->errors += one->errors;
	all->damaged += one->damaged;
	all->closed += one->closed;
	all->lost.owners += one->lost.owners;
	all->lost.modes += one->lost.modes;
	all->lost.acls += one->lost.acls;
	all->lost.xattrs += one->lost.xattrs;
	all->lost.flags += one->lost.flags;
}

static int
end_unit(struct listing *l, uint64_t from, struct err *e)
{
	struct export *x = l->x;
	struct export_unit *u = export_unit(x, &l->snap->id);
	OWN(buf_free) struct buf line = { 0 };

	export_put_unit(&line, l->snap, buf_bytes(&l->folder), &l->counts);
	buf_put_bytes(&l->lines, buf_bytes(&line));
	if (export_append(x, buf_bytes(&l->lines), true, e) < 0)
		return -1;
	buf_clear(&u->folder);
	buf_put_bytes(&u->folder, buf_bytes(&l->folder));
	buf_clear(&u->line);
	buf_put(&u->line, line.p, line.n - 1);
	/* What was said of it before, this says anew. */
	x->counts.errors -= u->changed;
	u->changed = u->gone = 0;
	u->errors = l->counts.errors;
	u->from = from;
	u->done = true;
	add(&x->counts, &l->counts);
	return 0;
}

int
export_snapshot(struct export *x, struct repo *repo, const struct snapshot *s,
    const struct export_how *how, struct err *e)
{
	OWN(listing_free)
	struct listing l = { .x = x, .snap = s, .how = how };
	json_t *again = json_object();

	export_folder(s, &l.folder);
	OWN(mem_free) char *to = export_path(x, buf_text(&l.folder));
	jsonio_put_id(again, "again", &s->id);
	export_put_json(&l.lines, again);
	if (export_no_link(x, buf_text(&l.folder), e) < 0 ||
	    export_begin(x, e) < 0)
		return -1;
	uint64_t from = x->end;
	return (how->base != NULL &&
		   export_link(x, repo, how->base, s, e) < 0) ||
		give(&l, repo, to, e) < 0 || list(&l, repo, to, e) < 0
	    ? -1
	    : end_unit(&l, from, e);
}
