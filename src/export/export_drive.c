/* SPDX-License-Identifier: ISC */
/* export_drive.c: what the Drive has, beside the backups. */
#include "export/export_in.h"

#include <stdlib.h>
#include <sys/stat.h>

/* Lines that wait for their files to be on the disk. */
#define WAITS (256 * 1024) /* bytes of them */
#define WAITS_FILES ((uint64_t)512 << 20) /* bytes of files */
#define STEP_S 2 /* of the coarsest clock of a file system: FAT */

/* ---- what is there ---- */

/* A link has no descriptor. Only looked at: what is written walks by parts. */
static int
stat_link(const struct export *x, struct bytes path, struct stat *st)
{
	OWN(buf_free) struct buf name = { 0 };

	buf_put_bytes(&name, path);
	OWN(mem_free) char *whole = export_path(x, buf_text(&name));
	return lstat(whole, st);
}

static bool
is_same(struct place *place, struct bytes path, const struct entry *want)
{
	struct err ignored;
	bool same = false;

	return place_same(place, path, want, &same, &ignored) == 0 && same;
}

void
export_check_drive(
    struct export *x, struct place *place, const struct export_line *l)
{
	struct export_kept *k = export_find_kept(x, buf_bytes(&l->path));
	const struct entry want = { .type = l->type,
		.size = l->size,
		.mtime_s = l->mtime_s,
		.mtime_ns = l->mtime_ns,
		.target = buf_bytes(&l->target) };
	struct stat st;

	if (is_same(place, buf_bytes(&l->path), &want))
		k->state = EXPORT_SAME;
	else
		k->state = stat_link(x, buf_bytes(&l->path), &st) < 0
		    ? EXPORT_GONE
		    : EXPORT_CHANGED;
}

/* Is what is there what is to be written, though no line says so? A run that
 * was cut off has written it, or its list was lost. */
static bool
is_it(struct export *x, const struct export_thing *t)
{
	struct err ignored;
	struct stat st;

	if (is_same(x->place, t->path, t->x))
		return true;
	if (t->x->type != ENTRY_REGULAR || stat_link(x, t->path, &st) < 0 ||
	    !S_ISREG(st.st_mode) || export_begin(x, &ignored) < 0 || !x->coarse)
		return false;
	struct entry near = *t->x;
	near.mtime_s = st.st_mtim.tv_sec;
	near.mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
	return llabs((long long)(near.mtime_s - t->x->mtime_s)) <= STEP_S &&
	    is_same(x->place, t->path, &near);
}

/* ---- which ---- */

static void
warn_changed(struct export *x, struct bytes path)
{
	struct err why = { 0 };

	(void)err_set(&why, ERR_CONFLICT,
	    "it was changed since it was exported, and stays as it is");
	x->counts.errors++;
	x->warn(x->ctx, path, &why);
}

static bool
is_listed(const struct export_kept *k, const struct export_thing *t)
{
	return digest_equal(&k->content, &t->content) && !k->former;
}

static void
choose_changed(
    struct export *x, struct export_kept *k, const struct export_thing *t)
{
	if (!is_it(x, t)) {
		warn_changed(x, t->path);
		k->met = true;
	} else if (t->x->type == ENTRY_SYMLINK && is_listed(k, t)) {
		/* Only its line cannot say where it leads. */
		k->met = true;
	}
}

void
export_drive_choose(
    struct export *x, const struct export_thing *t, bool *keep, bool *over)
{
	struct export_kept *k = export_find_kept(x, t->path);

	*keep = *over = false;
	if (k == NULL) {
		*keep = (x->goes_on || !x->finished) && is_it(x, t);
		return;
	}
	k->seen = true;
	if (k->state == EXPORT_GONE)
		return;
	*keep = k->state == EXPORT_CHANGED ||
	    digest_equal(&k->content, &t->content);
	*over = !*keep;
	if (k->state == EXPORT_CHANGED)
		choose_changed(x, k, t);
	else if (*keep)
		k->met = is_listed(k, t);
}

/* ---- lines ---- */

/* What they name is on the disk before they are. */
static int
flush(struct export *x, struct err *e)
{
	if (x->waits.n == 0)
		return 0;
	if (place_sync(x->place, e) < 0 ||
	    export_append(x, buf_bytes(&x->waits), true, e) < 0)
		return -1;
	buf_clear(&x->waits);
	x->waiting = 0;
	return 0;
}

static int
look(struct export *x, const struct export_thing *t, struct export_looked *f,
    struct err *e)
{
	struct stat st;

	if (t->x->type == ENTRY_REGULAR)
		return export_look(x->place, t->path, f, e);
	if (stat_link(x, t->path, &st) < 0)
		return err_sys(e, "cannot look at it");
	f->st.st_mtim = st.st_mtim;
	return 0;
}

static int
add_line(struct export *x, const struct export_thing *t,
    const struct export_looked *f, struct err *e)
{
	struct export_kept *k = export_keep(x, t->path);

	k->content = t->content;
	k->at = x->end + x->waits.n;
	k->state = EXPORT_SAME;
	k->seen = k->met = true;
	k->former = false;
	export_put_file(&x->waits, &f->line);
	if (t->x->type == ENTRY_REGULAR) {
		x->counts.files++;
		x->counts.bytes += t->x->size;
		x->waiting += t->x->size;
	}
	return x->waits.n < WAITS && x->waiting < WAITS_FILES ? 0 : flush(x, e);
}

int
export_drive_there(
    struct export *x, const struct export_thing *t, struct err *e)
{
	struct export_looked f = { .st = export_stat(t->x) };
	struct export_kept *k = export_find_kept(x, t->path);
	struct err why;

	if (t->x->type == ENTRY_DIRECTORY && k != NULL) {
		k->seen = true;
		k->met = is_listed(k, t) && k->state == EXPORT_SAME;
	}
	if (k != NULL && k->met)
		return 0;
	f.line = (struct export_file){ .path = t->path,
		.st = &f.st,
		.target = t->x->target,
		/* "/a/b", as the Drive has it. */
		.source = bytes_str("/"),
		.secret = t->secret,
		.content = &t->content };
	const size_t top = sizeof EXPORT_DRIVE - 1;
	if (t->path.n > top)
		f.line.source = bytes_of(t->path.p + top, t->path.n - top);
	if (look(x, t, &f, &why) < 0) {
		export_drive_lacks(x, t->path, &why);
		return 0;
	}
	return export_begin(x, e) < 0 ? -1 : add_line(x, t, &f, e);
}

/* ---- what is not there ---- */

void
export_drive_lacks(struct export *x, struct bytes path, const struct err *why)
{
	export_lacks(x, path, why);
	x->counts.damaged += err_exit(why->code) == 6;
	x->counts.closed += why->code == ERR_CATEGORY_CLOSED;
}

void
export_leaves(struct export *x, struct bytes path, const struct err *why)
{
	(void)json_array_append_new(
	    x->lacks, export_lacks_json(path, why, NULL));
}

/* ---- the whole ---- */

int
export_drive_begin(struct export *x, struct err *e)
{
	return export_no_link(x, EXPORT_DRIVE, e) < 0 ||
		place_open(x->dir, PLACE_NEVER, &x->place, e) < 0
	    ? -1
	    : 0;
}

/* A line of what is not here says nothing, unless it comes. */
static void
settle(struct export_kept *k, bool all, bool *news)
{
	if (all && !k->seen) {
		*news = *news || !k->former;
		k->former = true;
	}
	k->dropped = k->state == EXPORT_GONE && (k->seen ? !k->met : k->former);
	*news = *news || k->dropped;
}

int
export_drive_end(struct export *x, bool all, struct err *e)
{
	bool news = false;

	if (flush(x, e) < 0)
		return -1;
	for (size_t i = 0; i < x->n_kept; i++)
		settle(&x->kept[i], all, &news);
	return news ? export_begin(x, e) : 0;
}

static int
say_changed(
    void *ctx, const struct export_line *l, struct bytes line, struct err *e)
{
	struct export *x = ctx;

	(void)line;
	(void)e;
	if (!l->drive)
		return 0;
	const struct export_kept *k = export_find_kept(x, buf_bytes(&l->path));
	if (k->state == EXPORT_CHANGED && !k->seen)
		warn_changed(x, buf_bytes(&l->path));
	return 0;
}

int
export_say_drive(struct export *x, struct err *e)
{
	uint64_t changed = 0, gone = 0;
	struct err why = { 0 };

	for (size_t i = 0; i < x->n_kept; i++) {
		const struct export_kept *k = &x->kept[i];
		changed += k->state == EXPORT_CHANGED && !k->seen;
		gone += k->state == EXPORT_GONE && !k->seen && !k->former;
	}
	if (gone > 0) {
		(void)err_set(&why, ERR_NOT_FOUND,
		    "%llu files of it are not there any more; to have them "
		    "back: aumbry export --to DIR, without other options",
		    (unsigned long long)gone);
		x->counts.errors++;
		x->warn(x->ctx, bytes_str(EXPORT_DRIVE), &why);
	}
	return changed > 0 ? export_each(x, say_changed, x, e) : 0;
}
