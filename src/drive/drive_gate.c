/* SPDX-License-Identifier: ISC */
/* drive_gate.c: how much may be deleted without a word. */
/*
 * What was deleted here and would go to the trash is counted as a whole, with
 * what went there within the last ten minutes, also before this program was
 * started: so the planner, which sees a slice, is told to let all of it through,
 * or nothing. A word is for exactly the set that it names.
 */
#include "drive/drive_in.h"

#include "base/now.h"

#define GATE_FILES 500 /* deleted here within the window */
#define GATE_PERCENT 25
#define GATE_LEAST 20 /* below which percent does not count */
#define WINDOW_MS UINT64_C(600000)
#define WINDOW_BYTES 4096 /* 256 commits: older ones count as one */
#define ENTRY_BYTES 16

static void
window_name(const struct drive_root *r, struct buf *out)
{
	buf_printf(out, "gate %llu", (unsigned long long)r->row.root);
}

/* Entries of the window, as "ms | files" each; and what they come to. */
static int
window_read(struct drive_root *r, struct tx *tx, struct buf *kept,
    uint64_t *files, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	uint64_t now = (uint64_t)now_ms();

	*files = 0;
	window_name(r, &name);
	if (drivedb_kept(tx, buf_text(&name), &all, e) < 0)
		return -1;
	for (size_t at = 0; at + ENTRY_BYTES <= all.n; at += ENTRY_BYTES) {
		struct scan s = scan_of(bytes_of(all.p + at, ENTRY_BYTES));
		uint64_t ms = scan_u64(&s), n = scan_u64(&s);
		if (ms > now || now - ms > WINDOW_MS)
			continue;
		*files += n;
		buf_put(kept, all.p + at, ENTRY_BYTES);
	}
	return 0;
}

struct counting {
	struct drive_root *r;
	uint64_t files;
};

static int
count_job(struct tx *tx, void *arg, struct err *e)
{
	struct counting *c = arg;
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf kept = { 0 };
	uint64_t before;

	if (window_read(c->r, tx, &kept, &before, e) < 0)
		return -1;
	if (kept.n >= WINDOW_BYTES) {
		buf_clear(&kept);
		c->files += before;
	}
	/* What a person confirmed is no surprise any more. */
	if (c->r->gate.confirmed)
		buf_clear(&kept);
	else {
		buf_put_u64(&kept, (uint64_t)now_ms());
		buf_put_u64(&kept, c->files);
	}
	window_name(c->r, &name);
	return drivedb_keep(tx, buf_text(&name), buf_bytes(&kept), e);
}

int
drive_gate_count(struct drive_root *r, uint64_t files, struct err *e)
{
	struct counting c = { r, files };

	return files == 0 ? 0
			  : db_write(drivedb_db(r->d->db), count_job, &c, e);
}

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_root *r = arg;
	OWN(buf_free) struct buf kept = { 0 };
	struct drive_gate *g = &r->gate;

	if (drivedb_gone(tx, r->row.root, &g->files, &g->set, e) < 0)
		return -1;
	/* Counted where it is asked for: it reads all of base. */
	if (g->files > 0 && drivedb_base_files(tx, r->row.root, &g->all, e) < 0)
		return -1;
	return window_read(r, tx, &kept, &g->before, e);
}

static int
undo_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_root *r = arg;

	return drivedb_gone_undo(tx, r->row.root, &r->todo, e);
}

static bool
too_many(const struct drive_gate *g)
{
	uint64_t n = g->before + g->files;

	return g->files > 0 &&
	    (n > GATE_FILES ||
		(n >= GATE_LEAST &&
		    n * 100 >= (g->all + g->before) * GATE_PERCENT));
}

int
drive_gate_look(struct drive_root *r, struct err *e)
{
	struct drive_gate *g = &r->gate;
	struct db *db = drivedb_db(r->d->db);

	if (db_read(db, look_job, r, e) < 0)
		return -1;
	if (!id_zero(&r->ask->confirm) && id_equal(&g->set, &r->ask->confirm)) {
		if (r->ask->undo)
			return r->ask->dry ? 0 : db_write(db, undo_job, r, e);
		g->confirmed = true;
	}
	/* The planner's own figures: none, or those that nothing is below. */
	bool closed = too_many(g) && !g->confirmed;
	r->policy.gate.most = closed ? 1 : 0;
	r->policy.gate.window = closed ? 1 : 0;
	return 0;
}

void
drive_gate_note(struct drive_root *r)
{
	const struct drive_gate *g = &r->gate;
	struct drive_report *t = r->report;

	t->gate = g->set;
	t->gate_files = g->files;
	t->gate_percent =
	    g->all == 0 ? 100 : (unsigned)(g->files * 100 / g->all);
}
