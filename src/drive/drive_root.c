/* SPDX-License-Identifier: ISC */
/* drive_root.c: a folder is opened as a root, or becomes one. */
#include "drive/drive_in.h"

#include "base/file.h"
#include "base/now.h"
#include "drive/os_posix.h"
#include "drive/root.h"
#include "drive/skips.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define GONE_AFTER_NS INT64_C(2000000000) /* seen twice, so far apart */

struct known {
	struct drivedb_root *list;
	size_t n;
};

static void
known_free(struct known *k)
{
	for (size_t i = 0; i < k->n; i++)
		drivedb_root_free(&k->list[i]);
	free(k->list);
}

static int
know_one(void *ctx, const struct drivedb_root *r, struct err *e)
{
	struct known *k = ctx;

	(void)e;
	k->list = mem_resize(k->list, k->n + 1, sizeof *k->list);
	k->list[k->n] = *r;
	k->list[k->n++].path = mem_text(r->path);
	return 0;
}

static int
know_job(struct tx *tx, void *arg, struct err *e)
{
	return drivedb_roots(tx, know_one, arg, e);
}

/* ---- what drive.db keeps of it ---- */

struct row_change {
	struct drivedb_root *row;
	const char *folder;
	bool drop; /* what it knew of it, first */
	bool add;
};

static int
change_job(struct tx *tx, void *arg, struct err *e)
{
	struct row_change *c = arg;
	struct drivedb_entry at;

	if (c->folder != NULL) {
		if (drivedb_resolve(tx, c->folder, &at, e) < 0)
			return -1;
		if (at.node.type != NODE_DIR)
			return err_set(
			    e, ERR_USAGE, "%s is no folder", c->folder);
		c->row->top = at.node.id;
	}
	if (c->add || c->drop) {
		uint64_t was = c->row->root;
		if (drivedb_root_add(tx, c->row, e) < 0)
			return -1;
		return !c->drop ||
			(skips_move(tx, was, c->row->root, e) == 0 &&
			    drivedb_root_drop(tx, was, e) == 0)
		    ? 0
		    : -1;
	}
	if (drivedb_diffs_clear(tx, c->row->root, e) < 0 ||
	    drivedb_base_orphans(tx, c->row, e) < 0)
		return -1;
	return drivedb_root_set(tx, c->row, e);
}

static struct root_mark
mark_of(const struct drive *d, const struct drivedb_root *row)
{
	struct root_mark m = { .account = d->from.uid,
		.zone = *zcopy_zone(d->zone),
		.root = row->marker,
		.generation = row->generation };

	return m;
}

/* A root that this device knows under another path, and is here now. */
static struct drivedb_root *
moved_here(const struct drive *d, struct known *k, const char *path)
{
	struct root_mark m;
	struct err ignored;

	if (root_read(path, &m, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < k->n; i++) {
		struct root_mark mine = mark_of(d, &k->list[i]);
		if (id_equal(&k->list[i].marker, &m.root) &&
		    root_check(path, &mine, &ignored) == 0 &&
		    root_check(k->list[i].path, &mine, &ignored) < 0)
			return &k->list[i];
	}
	return NULL;
}

static struct drivedb_root *
find_known(const struct drive *d, struct known *k, const char *path)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->list[i].path, path) == 0)
			return &k->list[i];
	return moved_here(d, k, path);
}

/* Both ids and generations anew: nothing that was known counts. */
static int
make(struct drive_root *r, const struct drive_root_ask *ask, const char *path,
    bool known, struct err *e)
{
	struct row_change c = { .row = &r->row,
		.folder = known ? NULL : ask->folder,
		.drop = known,
		.add = !known };
	struct root_mark m;

	id_random(&r->row.marker);
	r->row.generation = 1;
	r->row.seq = 0;
	free(r->row.path);
	r->row.path = mem_text(path);
	m = mark_of(r->d, &r->row);
	return root_make(path, &m, e) < 0
	    ? -1
	    : db_write(drivedb_db(r->d->db), change_job, &c, e);
}

static int
go_on(struct drive_root *r, const char *path, struct err *e)
{
	struct root_mark m = mark_of(r->d, &r->row);
	struct row_change c = { .row = &r->row };

	if (root_count(path, &m, e) < 0)
		return -1;
	r->row.generation = m.generation;
	free(r->row.path);
	r->row.path = mem_text(path);
	return db_write(drivedb_db(r->d->db), change_job, &c, e);
}

/* A mark that nobody here knows is another home's, which may still use it. */
static int
check_unmarked(const char *path, struct err *e)
{
	struct root_mark m;

	if (root_read(path, &m, e) < 0)
		return e->code == ERR_DRIVE_ROOT_MISSING ? 0 : -1;
	return err_set(e, ERR_DRIVE_ROOT_CHANGED,
	    "%s is kept in sync by another device or home, or was", path);
}

static int
settle_row(struct drive_root *r, const struct drive_root_ask *ask,
    struct known *k, char **path, struct err *e)
{
	OWN(mem_free) const char **paths = mem_array(k->n + 1, sizeof(*paths));
	struct root_mark mine = mark_of(r->d, &r->row);

	for (size_t i = 0; i < k->n; i++)
		paths[i] = k->list[i].path;
	if (root_fits(ask->dir, &mine, paths, k->n, path, e) < 0)
		return -1;
	struct drivedb_root *known = find_known(r->d, k, *path);
	if (known != NULL) {
		r->row = *known;
		r->row.path = mem_text(known->path);
		return ask->adopt ? make(r, ask, *path, true, e)
				  : go_on(r, *path, e);
	}
	if (!ask->make)
		return err_set(e, ERR_NOT_FOUND,
		    "%s is not kept in sync by this device", ask->dir);
	if (!ask->adopt && !r->in_memory && check_unmarked(*path, e) < 0)
		return -1;
	return make(r, ask, *path, false, e);
}

int
drive_root_is(const struct drive_root *r, struct err *e)
{
	const struct root_mark m = mark_of(r->d, &r->row);

	if (r->in_memory)
		return 0;
	if (root_check(r->row.path, &m, e) < 0)
		return -1;
	/* A copy has the mark, too; what is done would be done to the first. */
	return os_posix_is(r->os, r->row.path)
	    ? 0
	    : err_set(e, ERR_DRIVE_ROOT_MISSING,
		  "%s is another folder than the one that was opened",
		  r->row.path);
}

/* ---- what stands around it ---- */

void
drive_root_today(struct drive_root *r)
{
	time_t now = (time_t)(now_ms() / 1000);
	struct tm day;

	(void)gmtime_r(&now, &day);
	(void)strftime(r->day, sizeof r->day, "%Y-%m-%d", &day);
	r->policy.day = bytes_str(r->day);
}

static void
set_policy(struct drive_root *r)
{
	struct plan_policy *p = &r->policy;

	p->fs = *r->os->ops->fs(r->os);
	p->top = r->row.top;
	p->device = bytes_str(r->d->from.device);
	p->rules = bytes_str(IGNORE_NAME);
	p->ignored = ignore_asked;
	p->ctx = r->ignore;
}

bool
drive_root_ignores(const struct drive_root *r, struct bytes path, bool is_dir)
{
	return ignore_ask(r->ignore, path, is_dir);
}

static bool
is_ignored(void *ctx, struct bytes path, bool is_dir)
{
	return drive_root_ignores(ctx, path, is_dir);
}

static void
is_listed(void *ctx, const char *path)
{
	struct drive_root *r = ctx;

	drive_notes_listed(&r->notes, path);
	if (r->listing != NULL)
		r->listing(r->listing_ctx, path);
}

static void
is_noted(void *ctx, const char *path, enum err_code code, const char *why)
{
	struct drive_root *r = ctx;

	drive_note(&r->notes, path, code, why);
}

static int
open_disk(struct drive_root *r, struct err *e)
{
	OWN(mem_free) char *device = file_join(r->d->from.dir, "drive.ignore");
	bool changed;

	if (r->os == NULL && os_posix_open(r->row.path, &r->os, e) < 0)
		return -1;
	r->ignore = ignore_new(r->row.path, device, false);
	if (ignore_read(r->ignore, &changed, e) < 0 || drive_recover(r, e) < 0)
		return -1;
	set_policy(r);
	const struct scan_policy scan = { .top = r->row.top,
		.ignored = is_ignored,
		.listing = is_listed,
		.note = is_noted,
		.ctx = r,
		.granule_ns = r->os->ops->granule_ns(r->os),
		.gone_after_ns = r->gone_after_ns };
	r->scan = scan_root_new(r->os, r->d->db, r->row.root, &scan);
	return 0;
}

int
drive_root_open(struct drive *d, const struct drive_root_ask *ask,
    struct drive_root **out, struct err *e)
{
	OWN(drive_root_free) struct drive_root *r = mem_new(sizeof *r);
	OWN(known_free) struct known k = { 0 };
	OWN(mem_free) char *path = NULL;

	r->d = d;
	r->os = ask->os;
	r->in_memory = ask->os != NULL;
	r->gone_after_ns =
	    ask->gone_after_ns > 0 ? ask->gone_after_ns : GONE_AFTER_NS;
	r->listing = ask->listing;
	r->listing_ctx = ask->ctx;
	if (db_read(drivedb_db(d->db), know_job, &k, e) < 0 ||
	    settle_row(r, ask, &k, &path, e) < 0 || open_disk(r, e) < 0 ||
	    drive_boot_look(r, ask->boot, e) < 0)
		return -1;
	r->next = d->roots;
	d->roots = r;
	*out = TAKE(r);
	return 0;
}

void
drive_root_free(struct drive_root **rp)
{
	struct drive_root *r = *rp;

	if (r == NULL)
		return;
	for (struct drive_root **at = &r->d->roots; *at != NULL;
	     at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			break;
		}
	scan_root_free(&r->scan);
	ignore_free(&r->ignore);
	if (r->os != NULL)
		r->os->ops->free(r->os);
	drivedb_root_free(&r->row);
	drive_tried_clear(r);
	buf_free(&r->retry);
	buf_free(&r->todo);
	buf_free(&r->dirs);
	buf_free(&r->news);
	buf_free(&r->skips);
	drive_notes_clear(&r->notes);
	idset_free(&r->over);
	free(r);
	*rp = NULL;
}

const struct drivedb_root *
drive_root_row(const struct drive_root *r)
{
	return &r->row;
}
