/* SPDX-License-Identifier: ISC */
/* drivedb_tree.c: the tree: a node's row, and looking at rows. */
#include "tree/drivedb_in.h"

#include "tree/valid.h"
#include "store/sql.h"

#include <string.h>

void
drivedb_tree_row(struct stmt *s, struct plan_node *out)
{
	uint64_t flags = stmt_got_u64(s, 4);

	*out = (struct plan_node){ .id = drivedb_id(s, 0),
		.parent = drivedb_id(s, 1),
		.type = (enum node_type)stmt_got_u64(s, 3),
		.exec = (flags & NODE_EXEC) != 0,
		.trashed = (flags & NODE_TRASHED) != 0,
		.secret = (flags & NODE_SECRET) != 0,
		.version = stmt_got_u64(s, 5) };
	drivedb_name(out, stmt_got_bytes(s, 2));
	stmt_got_copy(s, 6, out->content.b, DIGEST_BYTES);
}

static void
entry_row(struct stmt *s, struct drivedb_entry *out)
{
	drivedb_tree_row(s, &out->node);
	out->size = stmt_got_u64(s, 7);
	out->edits = stmt_got_u64(s, 8);
	out->changed_ms = stmt_got_u64(s, 9);
	out->trashed_ms = stmt_got_u64(s, 10);
	out->mtime_ns = stmt_got_i64(s, 11);
	out->dev = drivedb_id(s, 12);
}

/* ---- a record becomes a row ---- */

int
drivedb_entry_of(const struct id *id, uint64_t version, const struct node *n,
    struct drivedb_entry *out, struct err *e)
{
	const struct id recovered = valid_recovered();
	struct drivedb_entry x = { .node = { .id = *id,
				       .parent = n->parent,
				       .type = n->type,
				       .version = version },
		.size = n->target.n,
		.edits = n->edits,
		.changed_ms = n->changed_ms,
		.trashed_ms = n->trashed_ms,
		.mtime_ns = node_mtime_ns(n),
		.dev = n->dev };
	struct node_content content;

	if (id_zero(id) || id_equal(id, &recovered))
		return err_set(e, ERR_RECORD_CORRUPT,
		    "a record of the drive has the id of a directory that "
		    "needs none");
	if (node_content_id(n, &x.node.content, e) < 0)
		return -1;
	if (n->type == NODE_FILE) {
		if (node_content_parse(n->content, &content, e) < 0)
			return -1;
		x.size = content.size;
	}
	drivedb_name(&x.node, n->name);
	*out = x;
	return 0;
}

/* What is known of a node by the records before. */
struct known {
	bool there;
	uint64_t version, seq;
	bool placed; /* its own place, type and state are as they were */
};

static int
known_of(struct tx *tx, const struct drivedb_entry *x, uint16_t flags,
    struct known *k, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const struct plan_node *n = &x->node;

	*k = (struct known){ 0 };
	if (sql_first(tx, e, &s, &k->there,
		"SELECT version, seq, coalesce(own_parent, parent),"
		" coalesce(own_name, name), type, flags FROM tree WHERE id = ?",
		"i", &n->id) < 0)
		return -1;
	if (!k->there)
		return 0;
	k->version = stmt_got_u64(s, 0);
	k->seq = stmt_got_u64(s, 1);
	k->placed = bytes_equal(stmt_got_bytes(s, 2),
			bytes_of(n->parent.b, ID_BYTES)) &&
	    bytes_equal(stmt_got_bytes(s, 3), bytes_of(n->name, n->name_n)) &&
	    stmt_got_u64(s, 4) == (uint64_t)n->type &&
	    ((stmt_got_u64(s, 5) ^ flags) & NODE_TRASHED) == 0;
	return 0;
}

int
drivedb_todo(struct tx *tx, const struct id *id, struct err *e)
{
	return sql_run(tx, e, "INSERT INTO todo (id) VALUES (?)", "i", id);
}

/* The name that it is shown by. */
static struct bytes
shown_name(const struct plan_node *n, struct buf *room, bool *holds)
{
	struct bytes name = bytes_of(n->name, n->name_n);

	*holds = node_name_valid(name);
	if (*holds)
		return name;
	valid_name(room, &n->id);
	return buf_bytes(room);
}

int
drivedb_tree_add(struct tx *tx, const struct drivedb_entry *x, uint16_t flags,
    uint64_t seq, struct err *e)
{
	OWN(buf_free) struct buf room = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	const struct plan_node *n = &x->node;
	bool holds;
	struct bytes name = shown_name(n, &room, &holds);

	if (sql_ask(tx, e, &s,
		"INSERT INTO tree (id, parent, name, type, flags, version,"
		" seq, size, mtime, changed_ms, trashed_ms, edits, dev,"
		" content, mark, own_name) VALUES"
		" (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"iibuuuuunuuuidu", &n->id, &n->parent, name, (uint64_t)n->type,
		(uint64_t)flags, n->version, seq, x->size, x->mtime_ns,
		x->changed_ms, x->trashed_ms, x->edits, &x->dev, &n->content,
		(uint64_t)(holds ? 0 : VALID_NAME)) < 0)
		return -1;
	if (!holds) /* else NULL */
		stmt_bytes(s, 16, bytes_of(n->name, n->name_n));
	return stmt_run(s, e);
}

/* It is where it says, until valid_mend has looked. */
static int
put_place(struct tx *tx, const struct plan_node *n, struct err *e)
{
	OWN(buf_free) struct buf room = { 0 };
	OWN(stmt_done) struct stmt *s = NULL;
	bool holds;
	struct bytes name = shown_name(n, &room, &holds);

	if (sql_ask(tx, e, &s,
		"UPDATE tree SET own_parent = NULL, parent = ?, name = ?,"
		" mark = ?, type = ?, own_name = ?5 WHERE id = ?6",
		"ibuu", &n->parent, name, (uint64_t)(holds ? 0 : VALID_NAME),
		(uint64_t)n->type) < 0)
		return -1;
	if (!holds)
		stmt_bytes(s, 5, bytes_of(n->name, n->name_n));
	stmt_bytes(s, 6, bytes_of(n->id.b, ID_BYTES));
	return stmt_run(s, e);
}

int
drivedb_tree_put(struct tx *tx, const struct drivedb_entry *x, uint16_t flags,
    uint64_t seq, bool *changed, struct err *e)
{
	const struct plan_node *n = &x->node;
	struct known k;

	*changed = false;
	if (known_of(tx, x, flags, &k, e) < 0)
		return -1;
	/* Another process of this home may be ahead. */
	if (k.there &&
	    (k.version > n->version ||
		(k.version == n->version && k.seq >= seq)))
		return 0;
	*changed = true;
	if ((!k.there || !k.placed) && drivedb_todo(tx, &n->id, e) < 0)
		return -1;
	if (!k.there)
		return drivedb_tree_add(tx, x, flags, seq, e);
	if (!k.placed && put_place(tx, n, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "UPDATE tree SET flags = ?, version = ?, seq = ?, size = ?,"
	    " mtime = ?, changed_ms = ?, trashed_ms = ?, edits = ?, dev = ?,"
	    " content = ? WHERE id = ?",
	    "uuuunuuuidi", (uint64_t)flags, n->version, seq, x->size,
	    x->mtime_ns, x->changed_ms, x->trashed_ms, x->edits, &x->dev,
	    &n->content, &n->id);
}

int
drivedb_put(struct tx *tx, const struct id *id, uint64_t version, uint64_t seq,
    const struct node *n, struct err *e)
{
	struct drivedb_entry x;
	bool changed;

	if (drivedb_entry_of(id, version, n, &x, e) < 0 ||
	    drivedb_tree_put(tx, &x, n->flags, seq, &changed, e) < 0)
		return -1;
	return sql_run(tx, e, "DELETE FROM bad WHERE id = ?", "i", id);
}

/* ---- looking ---- */

/* The root has no record. */
static const struct drivedb_entry top = { .node = { .type = NODE_DIR } };

static int
one_entry(struct stmt *s, struct drivedb_entry *out, bool *found, struct err *e)
{
	if (stmt_next(s, found, e) < 0)
		return -1;
	if (*found)
		entry_row(s, out);
	return 0;
}

int
drivedb_entry(struct tx *tx, const struct id *id, struct drivedb_entry *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (id_zero(id)) {
		*out = top;
		*found = true;
		return 0;
	}
	if (sql_ask(tx, e, &s,
		"SELECT " DRIVEDB_ENTRY " FROM tree WHERE id = ?", "i", id) < 0)
		return -1;
	return one_entry(s, out, found, e);
}

static int
each_entry(struct stmt *s, drivedb_entry_fn fn, void *ctx, struct err *e)
{
	struct drivedb_entry x;
	int row;

	while ((row = sql_next(s, e)) > 0) {
		entry_row(s, &x);
		if (fn(ctx, &x, e) < 0)
			return -1;
	}
	return row;
}

int
drivedb_list(struct tx *tx, const struct id *parent, bool trashed,
    drivedb_entry_fn fn, void *ctx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT " DRIVEDB_ENTRY " FROM tree WHERE parent = ?"
		" AND (flags & 2) = ? ORDER BY name, id",
		"iu", parent, trashed ? (uint64_t)NODE_TRASHED : 0) < 0)
		return -1;
	return each_entry(s, fn, ctx, e);
}

int
drivedb_trash(struct tx *tx, drivedb_entry_fn fn, void *ctx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT " DRIVEDB_ENTRY
		" FROM tree WHERE flags & 2 AND NOT mark & 8"
		" ORDER BY trashed_ms DESC, id",
		&s, e) < 0)
		return -1;
	return each_entry(s, fn, ctx, e);
}

static int
find_child(struct tx *tx, struct bytes name, struct drivedb_entry *x,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT " DRIVEDB_ENTRY " FROM tree WHERE parent = ?"
		" AND name = ? AND NOT flags & 2",
		"ib", &x->node.id, name) < 0)
		return -1;
	return one_entry(s, x, found, e);
}

int
drivedb_resolve(
    struct tx *tx, const char *path, struct drivedb_entry *out, struct err *e)
{
	struct drivedb_entry x = top;
	bool found;

	if (path[0] != '/')
		return err_set(e, ERR_USAGE,
		    "%s: a path in the drive begins with /", path);
	for (const char *p = path; *p != '\0';) {
		p += strspn(p, "/");
		struct bytes name = bytes_of(p, strcspn(p, "/"));
		p += name.n;
		if (name.n == 0)
			break;
		if (!node_name_valid(name))
			return err_set(e, ERR_USAGE,
			    "%s: no name in the drive can be so", path);
		if (find_child(tx, name, &x, &found, e) < 0)
			return -1;
		if (!found)
			return err_set(e, ERR_NOT_FOUND,
			    "%s: there is no such file or directory", path);
	}
	*out = x;
	return 0;
}

int
drivedb_path(struct tx *tx, const struct id *id, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	struct id at = *id;
	bool found;

	for (int depth = 0; !id_zero(&at); depth++) {
		struct drivedb_entry x;
		if (drivedb_entry(tx, &at, &x, &found, e) < 0)
			return -1;
		if (!found || depth > NODE_DEPTH_MAX)
			return 0;
		/* From its end, so each name is put before the others. */
		OWN(buf_free) struct buf longer = { 0 };
		buf_put_u8(&longer, '/');
		buf_put(&longer, x.node.name, x.node.name_n);
		buf_put_bytes(&longer, buf_bytes(&path));
		buf_clear(&path);
		buf_put_bytes(&path, buf_bytes(&longer));
		at = x.node.parent;
	}
	buf_put_str(out, path.n == 0 ? "/" : "");
	buf_put_bytes(out, buf_bytes(&path));
	return 0;
}
