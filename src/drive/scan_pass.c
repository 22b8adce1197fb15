/* SPDX-License-Identifier: ISC */
/* scan_pass.c: what the parts of a pass share. */
#include "drive/scan_in.h"

#include "link/homedir.h"

#include <stdlib.h>
#include <string.h>

static bool
near(int64_t t, int64_t now_ns, int64_t granule_ns)
{
	return t > now_ns - granule_ns && t < now_ns + granule_ns;
}

bool
scan_racy(const struct plan_stat *st, int64_t now_ns, int64_t granule_ns)
{
	return near(st->mtime_ns, now_ns, granule_ns) ||
	    near(st->ctime_ns, now_ns, granule_ns);
}

char *
scan_path_join(const char *dir, struct bytes name)
{
	size_t n = strlen(dir), slash = n > 0;
	char *path = mem_new(n + slash + name.n + 1);

	memcpy(path, dir, n);
	if (slash > 0)
		path[n] = '/';
	memcpy(path + n + slash, name.p, name.n);
	return path;
}

struct bytes
scan_path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return bytes_str(slash == NULL ? path : slash + 1);
}

char *
scan_path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = mem_text(path);

	dir[slash == NULL ? 0 : slash - path] = '\0';
	return dir;
}

void
scan_note(struct pass *p, const char *path, enum err_code code, const char *why)
{
	if (p->s->policy.note != NULL)
		p->s->policy.note(p->s->policy.ctx, path, code, why);
}

static bool
has_root(const struct pass *p, const char *dir)
{
	OWN(mem_free) char *path = scan_path_join(dir, bytes_str(OS_OWN));
	struct os_stat st;
	struct err why;

	return p->s->os->ops->stat(p->s->os, path, &st, &why) == 0 &&
	    st.type == NODE_DIR;
}

/* What says that it is one; a file that has the name alone is none. */
static bool
has_home(const struct pass *p, const char *dir)
{
	OWN(mem_free)
	char *path = scan_path_join(dir, bytes_str(HOMEDIR_MARKER));
	const struct os_ops *o = p->s->os->ops;
	struct os_file *f = NULL;
	struct os_stat st;
	struct err why;
	char head[sizeof HOMEDIR_MARKER_TEXT];
	size_t got = 0;

	if (o->file_open(p->s->os, path, &st, &f, &why) < 0)
		return why.code == ERR_PERMISSION;
	if (o->file_read(f, 0, head, sizeof head, &got, &why) < 0)
		got = 0;
	o->file_close(&f);
	return homedir_marks(bytes_of(head, got));
}

const char *
scan_other(const struct pass *p, const char *dir)
{
	return has_root(p, dir) ? SCAN_ROOT
	    : has_home(p, dir)	? SCAN_HOME
				: NULL;
}

struct id
scan_draw(struct pass *p)
{
	struct id id;

	if (p->s->policy.draw != NULL)
		p->s->policy.draw(p->s->policy.ctx, &id);
	else
		id_random(&id);
	return id;
}

int
scan_later_cmp(const void *a, const void *b)
{
	const struct later *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

const struct later *
scan_was(const struct pass *p, enum later_why why, const struct id *id)
{
	const struct scan_root *s = p->s;
	struct later key = { .id = *id };
	const struct later *l = s->n_laters == 0
	    ? NULL
	    : bsearch(&key, s->laters, s->n_laters, sizeof key, scan_later_cmp);

	return l != NULL && l->why == why ? l : NULL;
}

void
scan_later(struct pass *p, enum later_why why, const struct id *id,
    const struct id *parent, const char *dir)
{
	const struct later *was = scan_was(p, why, id);
	int64_t since = p->now_ns;

	/* A clock that was set back begins anew. */
	if (why == LATER_MISSING && was != NULL && was->since_ns < since)
		since = was->since_ns;
	*LIST_ADD(&p->laters) =
	    (struct later){ *id, *parent, why, since, mem_text(dir) };
}

struct reading {
	struct pass *p;
	pass_job_fn fn;
	void *arg;
};

static int
reading_job(struct tx *tx, void *arg, struct err *e)
{
	const struct reading *r = arg;
	struct drivedb_views v;

	drivedb_views(&v, tx, r->p->s->root);
	r->p->v = &v;
	int rc = r->fn(r->p, r->arg, e);
	r->p->v = NULL;
	if (rc == 0 && v.failed) {
		*e = v.err;
		return -1;
	}
	return rc;
}

int
scan_read(struct pass *p, pass_job_fn fn, void *arg, struct err *e)
{
	struct reading r = { p, fn, arg };

	return db_read(drivedb_db(p->s->db), reading_job, &r, e);
}

int
scan_missing_cmp(const void *a, const void *b)
{
	const struct missing *x = a, *y = b;

	return id_cmp(&x->id, &y->id);
}

const struct missing *
scan_missing(const struct pass *p, const struct id *id)
{
	struct missing key = { .id = *id };

	return !p->missing_by_id || p->missing.n == 0
	    ? NULL
	    : bsearch(&key, p->missing.p, p->missing.n, sizeof key,
		  scan_missing_cmp);
}
