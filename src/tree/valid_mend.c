/* SPDX-License-Identifier: ISC */
/* valid_mend.c: the whole tree, shown by rule. */
/*
 * What is shown elsewhere goes back to where its record says; then directories
 * are looked at in memory, 40 bytes each, and the others by their parents. So
 * the result does not depend on what was shown before.
 */
#include "tree/drivedb_in.h"
#include "tree/valid_in.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

#define UNKNOWN 0 /* depth that was not found out yet */
#define ON_PATH 0xffff

struct dir {
	struct id id, parent;
	uint32_t up; /* number of its parent; NONE, ROOT */
	uint16_t depth;
	bool lost;
};

#define NONE UINT32_MAX
#define ROOT (UINT32_MAX - 1)

struct dirs {
	struct dir *list; /* by id */
	size_t n;
};

static void
dirs_free(struct dirs *d)
{
	free(d->list);
	*d = (struct dirs){ 0 };
}

static int
by_id(const void *a, const void *b)
{
	return id_cmp(
	    &((const struct dir *)a)->id, &((const struct dir *)b)->id);
}

static uint32_t
number_of(const struct dirs *d, const struct id *id)
{
	struct dir key = { .id = *id };
	struct dir *found =
	    d->n == 0 ? NULL : bsearch(&key, d->list, d->n, sizeof key, by_id);

	if (id_zero(id))
		return ROOT;
	return found == NULL ? NONE : (uint32_t)(found - d->list);
}

static int
load(struct tx *tx, struct dirs *d, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	uint64_t n;
	int row = 1;

	if (sql_count(tx, e, &n, "SELECT count(*) FROM tree WHERE type = 2",
		"") < 0 ||
	    stmt_new(tx, "SELECT id, parent FROM tree WHERE type = 2", &s, e) <
		0)
		return -1;
	d->list = mem_array((size_t)n + 1, sizeof *d->list);
	while (d->n < n && (row = sql_next(s, e)) > 0)
		d->list[d->n++] = (struct dir){ .id = drivedb_id(s, 0),
			.parent = drivedb_id(s, 1) };
	if (row < 0)
		return -1;
	if (d->n > 1)
		qsort(d->list, d->n, sizeof *d->list, by_id);
	for (size_t i = 0; i < d->n; i++)
		d->list[i].up = number_of(d, &d->list[i].parent);
	return 0;
}

/* ---- directories ---- */

static void
lose(struct dir *x)
{
	x->lost = true;
	x->depth = 2; /* of the directory for them 1 */
}

/* From a node on its own path: the highest id of the cycle is cut out. */
static void
cut_cycle(struct dirs *d, uint32_t from)
{
	uint32_t highest = from;

	for (uint32_t i = d->list[from].up; i != from; i = d->list[i].up)
		highest = i > highest ? i : highest;
	lose(&d->list[highest]);
}

/* Up to what is known, and down again by `path`. */
static void
find_depth(struct dirs *d, uint32_t from, uint32_t *path)
{
	size_t n = 0;
	uint32_t i = from;

	while (i != ROOT && d->list[i].depth == UNKNOWN) {
		if (d->list[i].up == NONE) {
			lose(&d->list[i]);
			break;
		}
		d->list[i].depth = ON_PATH;
		path[n++] = i;
		i = d->list[i].up;
	}
	if (i != ROOT && d->list[i].depth == ON_PATH) {
		cut_cycle(d, i);
		/* Down from there: what was gone through before it, too. */
		for (size_t k = 0; k < n; k++)
			if (!d->list[path[k]].lost)
				d->list[path[k]].depth = UNKNOWN;
		find_depth(d, from, path);
		return;
	}
	while (n-- > 0) {
		struct dir *x = &d->list[path[n]];
		unsigned up = x->up == ROOT ? 0 : d->list[x->up].depth;
		if (up >= NODE_DEPTH_MAX)
			lose(x);
		else
			x->depth = (uint16_t)(up + 1);
	}
}

static void
find_depths(struct dirs *d)
{
	OWN(mem_free) uint32_t *path = mem_array(d->n + 1, sizeof *path);

	for (uint32_t i = 0; i < d->n; i++)
		if (d->list[i].depth == UNKNOWN)
			find_depth(d, i, path);
}

/* ---- what is lost ---- */

static int
move_lost(struct tx *tx, const struct id *id, struct err *e)
{
	const struct id to = valid_recovered();

	return sql_run(tx, e,
	    "UPDATE tree SET own_parent = parent, parent = ?, mark = mark | ?"
	    " WHERE id = ? AND own_parent IS NULL",
	    "iui", &to, (uint64_t)VALID_LOST, id);
}

static int
move_all(struct tx *tx, const struct buf *ids, struct err *e)
{
	for (size_t i = 0; i < ids->n; i += ID_BYTES) {
		struct id id;
		memcpy(id.b, ids->p + i, ID_BYTES);
		if (move_lost(tx, &id, e) < 0)
			return -1;
	}
	return 0;
}

/* All children of what is no directory, and others than those of what is too
 * deep to have any. */
static int
gather_lost(struct tx *tx, const struct dirs *d, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf parents = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	int row = 0;

	if (drivedb_gather(tx, "SELECT parent FROM tree GROUP BY parent",
		&parents, e) < 0 ||
	    stmt_new(tx, "SELECT id, type FROM tree WHERE parent = ?", &s, e) <
		0)
		return -1;
	for (size_t i = 0; i < parents.n; i += ID_BYTES) {
		struct id id;
		memcpy(id.b, parents.p + i, ID_BYTES);
		uint32_t k = number_of(d, &id);
		if (k == ROOT ||
		    (k != NONE && d->list[k].depth < NODE_DEPTH_MAX))
			continue;
		stmt_bytes(s, 1, bytes_of(id.b, ID_BYTES));
		while ((row = sql_next(s, e)) > 0)
			if (k == NONE || stmt_got_u64(s, 1) != NODE_DIR)
				buf_put_bytes(out, stmt_got_bytes(s, 0));
		if (row < 0)
			return -1;
	}
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].lost)
			id_put(out, &d->list[i].id);
	return 0;
}

/* ---- names ---- */

static int
name_free(struct tx *tx, const struct id *parent, struct bytes name, bool *is,
    struct err *e)
{
	uint64_t n;

	if (sql_count(tx, e, &n,
		"SELECT count(*) FROM tree WHERE parent = ? AND name = ?", "ib",
		parent, name) < 0)
		return -1;
	*is = n == 0;
	return 0;
}

/* name " (recovered-XXXXXXXX)", with all digits if that is taken, and more. */
static int
fresh_name(
    struct tx *tx, const struct plan_node *n, struct buf *out, struct err *e)
{
	bool is = false;

	for (unsigned i = 0; !is; i++) {
		OWN(buf_free) struct buf tail = { 0 };
		buf_printf(&tail, " (recovered-%s",
		    i == 0 ? id_short(&n->id).s : id_text(&n->id).s);
		if (i > 1)
			buf_printf(&tail, "-%u", i);
		buf_put_u8(&tail, ')');
		size_t keep = n->name_n;
		if (keep + tail.n > NODE_NAME_MAX)
			keep = NODE_NAME_MAX - tail.n;
		/* Not within a character. */
		while (keep < n->name_n && keep > 0 &&
		    ((uint8_t)n->name[keep] & 0xc0) == 0x80)
			keep--;
		buf_clear(out);
		buf_put(out, n->name, keep);
		buf_put_bytes(out, buf_bytes(&tail));
		if (name_free(tx, &n->parent, buf_bytes(out), &is, e) < 0)
			return -1;
	}
	return 0;
}

static int
rename_twin(struct tx *tx, const struct plan_node *n, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };

	if (fresh_name(tx, n, &name, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "UPDATE tree SET own_name = coalesce(own_name, name), name = ?,"
	    " mark = mark | ? WHERE id = ?",
	    "bui", buf_bytes(&name), (uint64_t)VALID_TWIN, &n->id);
}

/* All but the lowest id of those that have one name. */
static int
rename_group(
    struct tx *tx, const struct id *parent, struct bytes name, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	struct plan_node n = { .parent = *parent };
	int row;

	if (sql_ask(tx, e, &s,
		"SELECT id FROM tree WHERE parent = ? AND name = ?"
		" AND NOT flags & 2 ORDER BY id",
		"ib", parent, name) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0)
		buf_put_bytes(&ids, stmt_got_bytes(s, 0));
	if (row < 0)
		return -1;
	drivedb_name(&n, name);
	for (size_t i = ID_BYTES; i < ids.n; i += ID_BYTES) {
		memcpy(n.id.b, ids.p + i, ID_BYTES);
		if (rename_twin(tx, &n, e) < 0)
			return -1;
	}
	return 0;
}

static int
rename_twins(struct tx *tx, struct err *e)
{
	OWN(buf_free) struct buf groups = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (stmt_new(tx,
		"SELECT parent, name FROM tree GROUP BY parent, name"
		" HAVING count(*) > 1",
		&s, e) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		buf_put_bytes(&groups, stmt_got_bytes(s, 0));
		buf_put_v8(&groups, stmt_got_bytes(s, 1));
	}
	if (row < 0)
		return -1;
	struct scan g = scan_of(buf_bytes(&groups));
	while (g.n > 0) {
		struct id parent = id_take(&g);
		struct bytes name = scan_v8(&g);
		if (rename_group(tx, &parent, name, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- all of it ---- */

/* Bad names stay: what is shown for them is theirs alone. */
static int
put_back(struct tx *tx, struct err *e)
{
	OWN(buf_free) struct buf bad = { 0 };

	if (tx_script(tx,
		"DELETE FROM tree WHERE mark <> 0 AND mark & 8;"
		"UPDATE tree SET parent = own_parent, own_parent = NULL"
		" WHERE mark <> 0 AND mark & 2;"
		"UPDATE tree SET name = own_name, own_name = NULL"
		" WHERE mark <> 0 AND mark & 4 AND NOT mark & 1;"
		"UPDATE tree SET mark = mark & 1 WHERE mark <> 0",
		e) < 0 ||
	    drivedb_gather(tx,
		"SELECT id FROM tree WHERE mark <> 0 AND mark & 1", &bad,
		e) < 0)
		return -1;
	for (size_t i = 0; i < bad.n; i += ID_BYTES) {
		OWN(buf_free) struct buf name = { 0 };
		struct id id;
		memcpy(id.b, bad.p + i, ID_BYTES);
		valid_name(&name, &id);
		if (sql_run(tx, e, "UPDATE tree SET name = ? WHERE id = ?",
			"bi", buf_bytes(&name), &id) < 0)
			return -1;
	}
	return 0;
}

/* The directory for what is lost, while something is; it is in the trash when
 * all of that is. */
static int
put_recovered(struct tx *tx, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };
	struct plan_node n = { .id = valid_recovered() };
	const struct id none = { { 0 } };
	bool ours;
	uint64_t lost, seen;

	if (sql_count(tx, e, &lost,
		"SELECT count(*) FROM tree WHERE mark <> 0 AND mark & 2",
		"") < 0 ||
	    sql_count(tx, e, &seen,
		"SELECT count(*) FROM tree WHERE mark <> 0 AND mark & 2"
		" AND NOT flags & 2",
		"") < 0)
		return -1;
	if (lost == 0)
		return 0;
	drivedb_name(&n, bytes_str(VALID_RECOVERED));
	buf_put(&name, n.name, n.name_n);
	if (name_free(tx, &n.parent, buf_bytes(&name), &ours, e) < 0 ||
	    (!ours && fresh_name(tx, &n, &name, e) < 0))
		return -1;
	return sql_run(tx, e,
	    "INSERT INTO tree (mark, id, parent, name, type, flags, version, "
	    "seq,"
	    " size, mtime, changed_ms, trashed_ms, edits, dev, content)"
	    " VALUES (?, ?, ?, ?, 2, ?, 0, 0, 0, 0, 0, 0, 0, ?, zeroblob(32))",
	    "uiibui", (uint64_t)VALID_HOME, &n.id, &n.parent, buf_bytes(&name),
	    seen > 0 ? UINT64_C(0) : (uint64_t)NODE_TRASHED, &none);
}

#define MARKED "SELECT id FROM tree WHERE mark <> 0"

int
valid_mend_all(struct tx *tx, struct buf *touched, struct err *e)
{
	OWN(dirs_free) struct dirs d = { 0 };
	OWN(buf_free) struct buf lost = { 0 };
	OWN(buf_free) struct buf marked = { 0 };

	if (drivedb_gather(tx, MARKED, &marked, e) < 0 || put_back(tx, e) < 0 ||
	    load(tx, &d, e) < 0)
		return -1;
	find_depths(&d);
	if (gather_lost(tx, &d, &lost, e) < 0 || move_all(tx, &lost, e) < 0 ||
	    rename_twins(tx, e) < 0 || put_recovered(tx, e) < 0 ||
	    drivedb_gather(tx, MARKED, &marked, e) < 0)
		return -1;
	if (touched != NULL)
		buf_put_bytes(touched, buf_bytes(&marked));
	return 0;
}
