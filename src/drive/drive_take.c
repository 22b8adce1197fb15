/* SPDX-License-Identifier: ISC */
/* drive_take.c: files of a root, read and stored. */
#include "drive/drive_in.h"

#include "base/now.h"
#include "files/secretfile.h"
#include "tree/dbstems.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (64 * 1024 * 1024) /* read, then committed */
#define BATCH_FILES 4096

struct take {
	struct drive_root *r;
	struct drive_taken **list;
	size_t n;
	uint64_t bytes;
};

static void
take_free(struct take *t)
{
	content_in_drop(t->r->d->in);
	for (size_t i = 0; i < t->n; i++)
		drive_taken_free(t->list[i]);
	free(t->list);
}

/* ---- which, and where ---- */

struct find {
	struct take *t;
	const struct plan_out *p;
	struct dbstems stems;
	int64_t now_ns;
};

static void
find_clear(struct find *f)
{
	dbstems_free(&f->stems);
}

static int
find_files(struct tx *tx, void *arg, struct err *e)
{
	struct find *f = arg;
	struct take *t = f->t;
	struct drivedb_views v;

	drivedb_views(&v, tx, t->r->row.root);
	f->stems.views[0] = &v.local;
	size_t most = t->r->alone ? 1 : BATCH_FILES;
	for (size_t i = 0; i < f->p->n_reads && t->n < most; i++) {
		OWN(buf_free) struct buf path = { 0 };
		struct plan_node n;
		struct err ignored, why;
		if (!v.local.find(v.local.ctx, &f->p->reads[i], &n) ||
		    !n.unread ||
		    drive_path(&v, &t->r->row.top, &n, &path, &ignored) < 0)
			continue;
		bool goes = dbstems_has(
		    &f->stems, &n.parent, bytes_of(n.name, n.name_n));
		if (goes &&
		    !drive_database_quiet(t->r, buf_text(&path), f->now_ns)) {
			(void)err_set(&why, ERR_FILE_CHANGING,
			    "it is a database of several files, which are read "
			    "when none was written for 5 s");
			drive_hold(t->r, tx, &n.id, &why);
			continue;
		}
		if (drive_database_waits(t->r, &v, &n, buf_text(&path), &why)) {
			drive_hold(t->r, tx, &n.id, &why);
			continue;
		}
		if (t->n > 0 && t->bytes + n.stat.size > BATCH_BYTES)
			break;
		struct drive_taken *x = mem_new(sizeof *x);
		x->node = n;
		x->goes = goes;
		x->path = mem_text(buf_text(&path));
		t->list[t->n++] = x;
		t->bytes += n.stat.size;
	}
	if (v.failed)
		*e = v.err;
	return v.failed ? -1 : 0;
}

/* ---- reading ---- */

static bool
same_file(const struct os_stat *now, const struct plan_stat *was)
{
	return now->type == NODE_FILE && now->is.ino == was->ino &&
	    now->is.size == was->size && now->is.mtime_ns == was->mtime_ns &&
	    now->is.ctime_ns == was->ctime_ns;
}

struct reading {
	struct drive_root *r;
	struct os_file *f;
	bool blank; /* so far */
};

static int
read_at(void *ctx, uint64_t at, void *p, size_t n, size_t *got, struct err *e)
{
	struct reading *k = ctx;
	const uint8_t *x = p;

	if (drive_stopped(k->r, e) ||
	    k->r->os->ops->file_read(k->f, at, p, n, got, e) < 0)
		return -1;
	for (size_t i = 0; k->blank && i < *got; i++)
		k->blank = x[i] == 0;
	return 0;
}

static int
data_at(void *ctx, uint64_t at, uint64_t *data, uint64_t *hole, struct err *e)
{
	const struct reading *k = ctx;

	return k->r->os->ops->file_data(k->f, at, data, hole, e);
}

static int
read_one(struct take *t, struct drive_taken *x, struct err *e)
{
	const struct os_ops *o = t->r->os->ops;
	struct os_file *f = NULL;
	struct os_stat st;
	int rc;

	if (o->file_open(t->r->os, x->path, &st, &f, e) < 0)
		return -1;
	if (!same_file(&st, &x->node.stat)) {
		o->file_close(&f);
		return err_set(e, ERR_CONFLICT, "it has just changed");
	}
	/* Each byte is looked at only where that may mean something. */
	struct reading k = { t->r, f, t->r->blank_is_lost };
	const struct content_in_file in = { .secret = secretfile_by_path(
						bytes_str(x->path), NULL),
		.size = st.is.size,
		.read = read_at,
		.data = data_at,
		.ctx = &k };
	rc = content_in_take(t->r->d->in, &in, &x->in, e);
	x->blank = k.blank;
	if (rc == 0 && o->file_stat(f, &st, e) < 0)
		rc = -1;
	o->file_close(&f);
	if (rc == 0 &&
	    (!same_file(&st, &x->node.stat) || x->in.size != st.is.size))
		rc = err_set(
		    e, ERR_FILE_CHANGING, "it changed while it was read");
	return rc;
}

/* ---- what was read becomes content ---- */

static int
keep_one(struct take *t, struct tx *tx, struct drive_taken *x, struct err *e)
{
	OWN(buf_free) struct buf content = { 0 };
	struct drivedb_diff diff;
	struct drivedb_diff now = { .node = x->node };
	bool found;

	/* Only if it is still the object that was read. */
	if (drivedb_diff_get(
		tx, t->r->row.root, &x->node.id, &diff, &found, e) < 0)
		return -1;
	if (!found || diff.gone ||
	    diff.node.stat.ctime_ns != x->node.stat.ctime_ns)
		return 0;
	content_in_put(t->r->d->in, &x->in, &content);
	now.node = diff.node;
	now.node.unread = false;
	now.node.secret = x->in.secret;
	now.content = buf_bytes(&content);
	struct node as = { .type = NODE_FILE, .content = now.content };
	if (node_content_id(&as, &now.node.content, e) < 0 ||
	    (x->blank && drive_boot_lost(t->r, tx, &now.node, &x->lost, e) < 0))
		return -1;
	if (x->lost)
		return 0;
	t->r->report->up_bytes += x->in.size;
	return drivedb_diff_put(tx, t->r->row.root, &now, e);
}

struct keep {
	struct take *t;
	bool *failed;
	struct err *why;
};

/* What goes with it is as it was when it was read, too? */
static void
check_database(struct keep *k, struct drivedb_views *v, size_t i)
{
	struct drive_taken *x = k->t->list[i];

	if (!x->goes || k->failed[i] ||
	    drive_database_is(k->t->r, v, &x->node.parent, x->path,
		DATABASE_WHOLE, &k->why[i]) == 0)
		return;
	k->failed[i] = true;
	drive_look_again(k->t->r, x->path);
}

static int
keep_job(struct tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	struct drivedb_views v;

	drivedb_views(&v, tx, k->t->r->row.root);
	for (size_t i = 0; i < k->t->n; i++)
		check_database(k, &v, i);
	for (size_t i = 0; i < k->t->n; i++) {
		struct drive_taken *x = k->t->list[i];
		if (k->failed[i])
			drive_hold(k->t->r, tx, &x->node.id, &k->why[i]);
		else if (keep_one(k->t, tx, x, e) < 0)
			return -1;
	}
	return 0;
}

/* What a power cut took comes again, and this makes room. */
static void
remove_lost(struct take *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct drive_taken *x = t->list[i];
		const struct os_stat st = { .type = NODE_FILE,
			.exec = x->node.exec,
			.is = x->node.stat };
		struct err ignored;
		if (!x->lost)
			continue;
		/* Where it is another by now, that is a file of its own. */
		(void)!t->r->os->ops->remove(t->r->os, x->path, &st, &ignored);
		drive_look_again(t->r, x->path);
	}
}

/* ---- */

static int
read_all(struct take *t, bool *failed, struct err *why, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		if (failed[i])
			continue; /* there is no room for it */
		if (drive_stopped(t->r, e))
			return -1;
		if (read_one(t, t->list[i], &why[i]) == 0)
			continue;
		if (content_in_failed(t->r->d->in) ||
		    !drive_goes_on(why[i].code)) {
			*e = why[i];
			return -1;
		}
		failed[i] = true;
		if (why[i].code == ERR_CONFLICT ||
		    why[i].code == ERR_FILE_CHANGING ||
		    why[i].code == ERR_NOT_FOUND)
			drive_look_again(t->r, t->list[i]->path);
	}
	return content_in_flush(t->r->d->in, e);
}

int
drive_take(struct drive_root *r, const struct plan_out *p, struct err *e)
{
	if (r->d->in == NULL && content_in_new(r->d->repo, &r->d->in, e) < 0)
		return -1;
	OWN(take_free) struct take t = { .r = r };
	t.list = mem_array(BATCH_FILES, sizeof(*t.list));
	OWN(find_clear)
	struct find f = { .t = &t, .p = p, .now_ns = now_ms() * 1000000 };
	if (db_read(drivedb_db(r->d->db), find_files, &f, e) < 0)
		return -1;
	OWN(mem_free) bool *failed = mem_array(t.n + 1, sizeof *failed);
	OWN(mem_free) struct err *why = mem_array(t.n + 1, sizeof *why);
	bool alone = r->alone;
	t.n = drive_quota_choose(r, t.list, t.n, failed, why);
	/* What waits then is of these files. */
	if (r->tight && drive_commit_packs(r->d, 0, e) < 0)
		return -1;
	uint64_t before = content_in_stored(r->d->in);
	if (read_all(&t, failed, why, e) < 0) {
		/* What it had is read again. */
		struct err ignored;
		if (content_in_failed(r->d->in))
			(void)!content_in_flush(r->d->in, &ignored);
		struct drive_taken *only = t.n == 1 ? t.list[0] : NULL;
		if (!drive_quota_failed(r, alone ? only : NULL, e))
			return -1;
		if (!alone || only == NULL)
			return 0; /* what is to be read is planned again */
		failed[0] = true;
		drive_quota_why(r, only, &why[0]);
	}
	r->report->stored_bytes += content_in_stored(r->d->in) - before;
	struct keep k = { &t, failed, why };
	if (db_write(drivedb_db(r->d->db), keep_job, &k, e) < 0)
		return -1;
	remove_lost(&t);
	return 0;
}
