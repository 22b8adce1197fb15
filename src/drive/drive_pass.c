/* SPDX-License-Identifier: ISC */
/* drive_pass.c: plans in slices, until a plan says nothing. */
#include "drive/drive_in.h"

#include "drive/skips.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICE 4096 /* ids planned at once: some 8 MiB */
#define SECOND_LOOKS 100 /* a program that always writes is not waited for */

static int
by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

/* ---- one plan ---- */

struct planning {
	struct drive_root *r;
	const struct id *ids;
	size_t n;
	struct plan_out *out;
};

static int
plan_job(struct tx *tx, void *arg, struct err *e)
{
	struct planning *g = arg;
	struct drive_root *r = g->r;
	struct drivedb_views v;
	const struct plan_trees trees = { &v.base, &v.local, &v.remote };

	drivedb_views(&v, tx, r->row.root);
	if (drivedb_seq(tx, &r->planned_seq, e) < 0)
		return -1;
	planner_plan(&trees, &r->policy, g->ids, g->n, g->out);
	if (!v.failed)
		return 0;
	*e = v.err;
	return -1;
}

/* The next ids that are not passed over, each once. */
static size_t
next_slice(struct drive_root *r, struct id *ids)
{
	size_t n = 0, at = 0;

	for (; at < r->todo.n && n < SLICE; at += ID_BYTES) {
		struct id id;
		memcpy(id.b, r->todo.p + at, ID_BYTES);
		if (!drive_passed(r, &id))
			ids[n++] = id;
	}
	if (at > 0)
		memmove(r->todo.p, r->todo.p + at, r->todo.n - at);
	r->todo.n -= at;
	if (n == 0)
		return 0;
	qsort(ids, n, sizeof *ids, by_id);
	size_t kept = 1;
	for (size_t i = 1; i < n; i++)
		if (!id_equal(&ids[i], &ids[kept - 1]))
			ids[kept++] = ids[i];
	return kept;
}

struct renames {
	struct drive_root *r;
	const struct plan_out *p;
};

static int
alias_job(struct tx *tx, void *arg, struct err *e)
{
	struct renames *g = arg;

	for (size_t i = 0; i < g->p->n_aliases; i++)
		if (drivedb_diff_rename(tx, g->r->row.root,
			&g->p->aliases[i].local, &g->p->aliases[i].node, e) < 0)
			return -1;
	return 0;
}

static int
take_aliases(struct drive_root *r, const struct plan_out *p, struct err *e)
{
	struct renames g = { r, p };

	for (size_t i = 0; i < p->n_aliases; i++)
		drive_todo(r, &p->aliases[i].node);
	return db_write(drivedb_db(r->d->db), alias_job, &g, e);
}

static const char *
why_held(enum err_code code)
{
	switch (code) {
	case ERR_NAME_NOT_POSSIBLE:
		return "its name cannot be here, to this file system or to "
		       "Aumbry";
	case ERR_TOO_LARGE:
		return "more than 512 directories would be above it";
	case ERR_UPDATE_NEEDED:
		return "shared folders are placed by a newer version";
	default:
		return "it waits for deletions that were not confirmed";
	}
}

static int
held_job(struct tx *tx, void *arg, struct err *e)
{
	struct renames *g = arg;

	(void)e;
	for (size_t i = 0; i < g->p->n_held; i++) {
		const struct plan_held *h = &g->p->held[i];
		struct err why;
		(void)err_set(&why, h->code, "%s", why_held(h->code));
		drive_hold(g->r, tx, &h->id, &why);
	}
	return 0;
}

/* Is one of its database passed over? They go together. */
static bool
waits(const struct plan_out *p, const bool *passed, size_t op)
{
	for (size_t i = 0; p->ops[op].database != 0 && i < p->n_ops; i++)
		if (passed[i] && p->ops[i].database == p->ops[op].database)
			return true;
	return passed[op];
}

/* A plan may say again what was passed over, because of what lies near it. */
static void
pass_over(const struct drive_root *r, struct plan_out *p)
{
	OWN(mem_free) bool *passed = mem_array(p->n_ops + 1, sizeof *passed);
	OWN(mem_free)
	struct plan_op *ops_left = mem_array(p->n_ops + 1, sizeof *ops_left);
	size_t ops = 0, reads = 0;

	for (size_t i = 0; i < p->n_ops; i++)
		passed[i] = drive_passed(r, &p->ops[i].id);
	for (size_t i = 0; i < p->n_ops; i++)
		if (!waits(p, passed, i))
			ops_left[ops++] = p->ops[i];
	for (size_t i = 0; i < ops; i++)
		p->ops[i] = ops_left[i];
	for (size_t i = 0; i < p->n_reads; i++)
		if (!drive_passed(r, &p->reads[i]))
			p->reads[reads++] = p->reads[i];
	p->n_ops = ops;
	p->n_reads = reads;
}

static bool
says_nothing(const struct plan_out *p)
{
	return p->n_aliases + p->n_reads + p->n_changes + p->n_ops +
	    p->n_rows ==
	    0;
}

static void
all_todo(struct drive_root *r, const struct id *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		drive_todo(r, &ids[i]);
}

static int
round_of(struct drive_root *r, struct id *ids, size_t n, struct err *e)
{
	OWN(planner_free) struct plan_out p = { 0 };
	struct planning g = { r, ids, n, &p };
	bool lost;

	if (db_read(drivedb_db(r->d->db), plan_job, &g, e) < 0)
		return -1;
	if (r->ask->progress != NULL)
		r->ask->progress(r->ask->ctx, r->report);
	if (p.n_held > 0) {
		struct renames h = { r, &p };
		if (db_read(drivedb_db(r->d->db), held_job, &h, e) < 0)
			return -1;
	}
	if (p.n_gated > 0)
		drive_gate_note(r);
	for (size_t i = 0; i < p.n_gated; i++)
		drive_pass_over(r, &p.gated[i].id);
	pass_over(r, &p);
	if (says_nothing(&p) || r->ask->dry)
		return 0;
	if (p.n_aliases > 0) {
		all_todo(r, ids, n);
		return take_aliases(r, &p, e);
	}
	if (p.n_reads > 0) {
		all_todo(r, ids, n);
		return drive_take(r, &p, e);
	}
	if (drive_commit(r, &p, &lost, e) < 0 || drive_do(r, &p, !lost, e) < 0)
		return -1;
	if (r->dirs.n > 0) {
		/* Look before going on with what was planned. */
		all_todo(r, ids, n);
		return 0;
	}
	return drive_place(r, &p, !lost, e);
}

/* ---- a pass ---- */

/* Others were left out or taken in since: everything is compared anew. */
static int
skips_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_root *r = arg;
	OWN(buf_free) struct buf now = { 0 };

	if (skips_load(tx, r->row.root, &now, e) < 0)
		return -1;
	if (bytes_equal(buf_bytes(&now), buf_bytes(&r->skips)))
		return 0;
	r->settled = false;
	buf_put_bytes(&r->todo, buf_bytes(&r->skips));
	buf_put_bytes(&r->todo, buf_bytes(&now));
	buf_free(&r->skips);
	r->skips = now;
	now = (struct buf){ 0 };
	r->policy.skips = (const struct id *)r->skips.p; /* bytes only */
	r->policy.n_skips = r->skips.n / ID_BYTES;
	return 0;
}

static int
touched_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_root *r = arg;

	return drivedb_touched(tx, r->row.root, &r->todo, e);
}

static int64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int
look(struct drive_root *r, const struct buf *dirs, struct err *e)
{
	struct scan_result found = { 0 };

	/* What is missing in another folder, or without one, is not gone. */
	if (drive_root_is(r, e) < 0)
		return -1;
	if (dirs == NULL)
		drive_notes_clear(&r->notes);
	return scan_run(r->scan, now_ns(), dirs, &r->todo, &found, e);
}

static int
plan_all(struct drive_root *r, struct err *e)
{
	OWN(mem_free) struct id *ids = mem_array(SLICE, sizeof *ids);
	size_t n;

	if (drive_gate_look(r, e) < 0)
		return -1;
	while ((n = next_slice(r, ids)) > 0 || r->todo.n > 0) {
		if (n == 0)
			continue;
		if (drive_stopped(r, e) || round_of(r, ids, n, e) < 0)
			return -1;
		if (r->dirs.n == 0)
			continue;
		OWN(buf_free) struct buf again = r->dirs;
		r->dirs = (struct buf){ 0 };
		if (look(r, &again, e) < 0 || drive_gate_look(r, e) < 0)
			return -1;
	}
	return 0;
}

/* What was passed over has another chance. */
static void
try_again(struct drive_root *r)
{
	drive_tried_clear(r);
	drive_held_clear(r->report);
	r->report->gate = (struct id){ { 0 } };
	buf_put_bytes(&r->todo, buf_bytes(&r->retry));
	buf_clear(&r->retry);
}

static void
sleep_ns(int64_t ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };

	(void)nanosleep(&t, NULL);
}

/* What was missed once, or changed just now, is looked at once more. */
static int
settle(struct drive_root *r, bool *more, struct err *e)
{
	OWN(buf_free) struct buf dirs = { 0 };
	int64_t due = scan_due(r->scan, now_ns(), &dirs);

	*more = false;
	if (r->quiet_ns != 0) {
		int64_t quiet = r->quiet_ns - now_ns();
		if (quiet <= 0 && dirs.n == 0 && !r->ask->returns) {
			r->quiet_ns = 0;
			*more = true;
			try_again(r);
			return 0;
		}
		quiet = quiet > 0 ? quiet : 1;
		due = due < 0 || quiet < due ? quiet : due;
	}
	r->report->due_ns = due;
	if (dirs.n == 0) {
		if (due < 0 || r->ask->returns)
			return 0;
		sleep_ns(due < INT64_C(100000000) ? due : INT64_C(100000000));
		*more = true;
		return 0;
	}
	*more = true;
	try_again(r);
	return look(r, &dirs, e);
}

static int
rules_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_root *r = arg;
	struct bytes name = bytes_str(IGNORE_NAME);
	struct drivedb_views v;
	struct plan_node n;

	drivedb_views(&v, tx, r->row.root);
	if (v.remote.child(v.remote.ctx, &r->row.top, name, &n))
		drive_todo(r, &n.id);
	if (v.local.child(v.local.ctx, &r->row.top, name, &n))
		drive_todo(r, &n.id);
	if (v.failed)
		*e = v.err;
	return v.failed ? -1 : 0;
}

/* Did rules come? Then all is looked at and compared by them. */
static int
follow_rules(struct drive_root *r, bool *came, struct err *e)
{
	if (ignore_read(r->ignore, came, e) < 0)
		return -1;
	return !*came ||
		(look(r, NULL, e) == 0 &&
		    db_read(drivedb_db(r->d->db), touched_job, r, e) == 0)
	    ? 0
	    : -1;
}

/* The list of what is ignored goes before what it may be about. */
static int
rules_first(struct drive_root *r, struct err *e)
{
	OWN(buf_free) struct buf rest = r->todo;
	bool came;

	r->todo = (struct buf){ 0 };
	int rc = db_read(drivedb_db(r->d->db), rules_job, r, e);
	if (rc == 0 && r->todo.n > 0)
		rc = plan_all(r, e);
	buf_put_bytes(&r->todo, buf_bytes(&rest));
	return rc < 0 ? -1 : follow_rules(r, &came, e);
}

static int
pass(struct drive_root *r, const struct buf *dirs, struct err *e)
{
	const struct drive_sync_ask *ask = r->ask;
	OWN(buf_free) struct buf some = { 0 };
	bool more = true;

	r->gate.confirmed = false;
	drive_root_today(r);
	try_again(r);
	r->quiet_ns = 0;
	drive_quota_begin(r);
	if (dirs != NULL) {
		buf_put_bytes(&some, buf_bytes(dirs));
		drive_notes_again(&r->notes, &some);
	}
	bool other_rules, back;
	if (drive_pull(r->d, e) < 0 ||
	    ignore_read(r->ignore, &other_rules, e) < 0 ||
	    db_read(drivedb_db(r->d->db), skips_job, r, e) < 0 ||
	    drive_root_is(r, e) < 0 || drive_gone(r, &back, e) < 0 ||
	    look(r, dirs == NULL || other_rules || back ? NULL : &some, e) < 0)
		return -1;
	/* What was ignored is to be had now, perhaps. */
	if ((!r->settled || other_rules) &&
	    db_read(drivedb_db(r->d->db), touched_job, r, e) < 0)
		return -1;
	drive_take_news(r);
	if (rules_first(r, e) < 0 || (!ask->dry && drive_doubt_look(r, e) < 0))
		return -1;
	for (unsigned i = 0; more && i < SECOND_LOOKS; i++) {
		bool came;
		if (plan_all(r, e) < 0 || drive_stopped(r, e) ||
		    follow_rules(r, &came, e) < 0)
			return -1;
		if (came)
			continue;
		if (settle(r, &more, e) < 0)
			return -1;
		if (ask->dry)
			break;
	}
	r->settled = true;
	drive_notes_tell(r);
	if (dirs == NULL && !ask->dry && r->retry.n == 0 &&
	    drive_boot_note(r, e) < 0)
		return -1;
	if (drive_commit_packs(r->d, 0, e) < 0 || drive_doubt_end(r, e) < 0)
		return -1;
	/* The index can be made anew, so that a full disk is no failure here. */
	struct err ignored;
	(void)!repo_save_late(r->d->repo, &ignored);
	/* Who stays may have nothing to do for days. */
	if (ask->returns && r->d->in != NULL)
		content_in_idle(r->d->in);
	return 0;
}

int
drive_sync(struct drive_root *r, const struct buf *dirs,
    const struct drive_sync_ask *ask, struct drive_report *out, struct err *e)
{
	*out = (struct drive_report){ 0 };
	r->ask = ask;
	r->report = out;
	if (pass(r, dirs, e) == 0)
		return 0;
	/* What was being done when it ended is found by comparing all. */
	r->settled = false;
	return -1;
}
