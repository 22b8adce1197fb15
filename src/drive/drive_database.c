/* SPDX-License-Identifier: ISC */
/* drive_database.c: the files of one database on this disk (dbfile.h). */
/*
 * Each of them tells by its times that it changed; that the others did, only
 * they tell. So all are looked at before one is read, moved or replaced, and
 * once more when they were read.
 */
#include "drive/drive_in.h"

#include "tree/dbfile.h"

#include <string.h>

/* Nobody who works with it pauses that long in the midst of a change. */
#define QUIET_NS INT64_C(5000000000)

struct dbmember {
	struct buf path;
	struct bytes name; /* borrowed from path */
	struct plan_node known; /* NODE_NONE: it is not known to be here */
	struct os_stat is; /* NODE_NONE: it is not here */
};

static void
dbmember_free(struct dbmember *m)
{
	buf_free(&m->path);
}

/* What is there; false: that is none of it. */
static bool
dbmember_look(
    struct drive_root *r, const char *path, unsigned i, struct dbmember *m)
{
	struct bytes dir = bytes_str(path);
	const char *slash = strrchr(path, '/');
	size_t at = slash == NULL ? 0 : (size_t)(slash - path) + 1;
	struct bytes stem = dbfile_stem(bytes_of(dir.p + at, dir.n - at));
	struct err why;

	*m = (struct dbmember){ .known.type = NODE_NONE };
	buf_put(&m->path, path, at);
	buf_put_bytes(&m->path, stem);
	buf_put_bytes(&m->path, dbfile_ends[i]);
	m->name = bytes_of(m->path.p + at, m->path.n - at);
	/* What is ignored goes its own way. */
	if (m->name.n > NODE_NAME_MAX ||
	    drive_root_ignores(r, buf_bytes(&m->path), false))
		return false;
	if (r->os->ops->stat(r->os, buf_text(&m->path), &m->is, &why) < 0)
		m->is.type = NODE_NONE;
	return true;
}

static bool
as_known(const struct dbmember *m)
{
	const struct plan_stat *a = &m->is.is, *b = &m->known.stat;

	/* A ctime of 0 is that of a file that is to be read again. */
	return m->known.type == m->is.type && a->ino == b->ino &&
	    a->size == b->size && a->mtime_ns == b->mtime_ns &&
	    (b->ctime_ns == 0 || a->ctime_ns == b->ctime_ns);
}

int
drive_database_is(struct drive_root *r, struct drivedb_views *v,
    const struct id *parent, const char *path, enum drive_database how,
    struct err *e)
{
	for (unsigned i = 0; i < DBFILES; i++) {
		OWN(dbmember_free) struct dbmember m;
		if (!dbmember_look(r, path, i, &m))
			continue;
		bool here = m.is.type == NODE_FILE;
		bool itself = strcmp(buf_text(&m.path), path) == 0;
		/* Most files have none beside them, and are asked for alone. */
		if (itself || (!here && how != DATABASE_WHOLE))
			continue;
		if (!v->local.child(v->local.ctx, parent, m.name, &m.known) ||
		    m.known.type != NODE_FILE)
			m.known.type = NODE_NONE;
		if (here ? !as_known(&m) : m.known.type != NODE_NONE)
			return err_set(e, ERR_CONFLICT,
			    "%s, which goes with it, has just changed",
			    buf_text(&m.path));
	}
	return 0;
}

static bool
begins_as_one(struct drive_root *r, const char *path)
{
	const struct os_ops *o = r->os->ops;
	struct os_file *f = NULL;
	struct os_stat st;
	struct err ignored;
	uint8_t head[DBFILE_HEAD];
	size_t n = 0;

	if (o->file_open(r->os, path, &st, &f, &ignored) < 0)
		return false;
	bool read = o->file_read(f, 0, head, sizeof head, &n, &ignored) == 0;
	o->file_close(&f);
	return read && dbfile_begins(bytes_of(head, n));
}

static int
refuse_open(struct err *e)
{
	return err_set(e, ERR_FILE_CHANGING,
	    "a program has this database open: what others changed comes when "
	    "it is closed");
}

/* Does a program have one of them open? A file of its own may be any. */
static bool
in_use(struct drive_root *r, const char *path)
{
	unsigned here = 0, open = 0;

	for (unsigned i = 0; i < DBFILES; i++) {
		OWN(dbmember_free) struct dbmember m;
		if (!dbmember_look(r, path, i, &m) || m.is.type != NODE_FILE)
			continue;
		here++;
		if (r->os->ops->in_use(r->os, buf_text(&m.path)))
			open++;
	}
	return open > 0 && (here > 1 || begins_as_one(r, path));
}

int
drive_database_free(struct drive_root *r, struct drivedb_views *v,
    const struct id *parent, const char *path, enum drive_database how,
    struct err *e)
{
	if (drive_database_is(r, v, parent, path, how, e) < 0)
		return -1;
	return in_use(r, path) ? refuse_open(e) : 0;
}

static bool
changed_there(struct drivedb_views *v, const struct plan_node *here)
{
	struct plan_node b, r;

	if (!v->remote.find(v->remote.ctx, &here->id, &r) || r.trashed)
		return false;
	return !v->base.find(v->base.ctx, &here->id, &b) ||
	    b.version != r.version;
}

bool
drive_database_waits(struct drive_root *r, struct drivedb_views *v,
    const struct plan_node *n, const char *path, struct err *why)
{
	bool changed = changed_there(v, n);

	for (unsigned i = 0; i < DBFILES && !changed; i++) {
		OWN(dbmember_free) struct dbmember m;
		if (!dbmember_look(r, path, i, &m))
			continue;
		/* One that is new there has no name here. */
		changed = (v->local.child(
			       v->local.ctx, &n->parent, m.name, &m.known)
			? changed_there(v, &m.known)
			: v->remote.child(
			      v->remote.ctx, &n->parent, m.name, &m.known) &&
			    !v->base.find(v->base.ctx, &m.known.id, &m.known));
	}
	return changed && in_use(r, path) && refuse_open(why) < 0;
}

/* When the last of them was written, if there are several; 0: there are not. */
static int64_t
written_ns(struct drive_root *r, const char *path)
{
	int64_t last = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < DBFILES; i++) {
		OWN(dbmember_free) struct dbmember m;
		if (!dbmember_look(r, path, i, &m) || m.is.type != NODE_FILE)
			continue;
		n++;
		if (m.is.is.ctime_ns > last)
			last = m.is.is.ctime_ns;
	}
	return n > 1 ? last : 0;
}

bool
drive_database_quiet(struct drive_root *r, const char *path, int64_t now_ns)
{
	int64_t last = written_ns(r, path);

	/* A time that is still to come says nothing. */
	if (last == 0 || last > now_ns || now_ns - last >= QUIET_NS)
		return true;
	if (r->quiet_ns == 0 || last + QUIET_NS < r->quiet_ns)
		r->quiet_ns = last + QUIET_NS;
	return false;
}
