/* SPDX-License-Identifier: ISC */
/* valid.c: ids, names and places of nodes. */
#include "tree/valid.h"

#include "tree/drivedb_in.h"
#include "tree/valid_in.h"
#include "store/sql.h"

struct id
valid_recovered(void)
{
	return digest_id(bytes_str("aumbry drive recovered"));
}

void
valid_name(struct buf *out, const struct id *id)
{
	buf_printf(out, "recovered-%s", id_short(id).s);
}

int
valid_place_of(
    struct tx *tx, const struct id *id, struct valid_place *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	*out = (struct valid_place){ .there = true, .type = NODE_DIR };
	if (id_zero(id))
		return 0;
	if (sql_first(tx, e, &s, &out->there,
		"SELECT parent, type, flags, version, mark FROM tree"
		" WHERE id = ?",
		"i", id) < 0)
		return -1;
	if (out->there) {
		out->parent = drivedb_id(s, 0);
		out->type = (enum node_type)stmt_got_u64(s, 1);
		out->trashed = (stmt_got_u64(s, 2) & NODE_TRASHED) != 0;
		out->version = stmt_got_u64(s, 3);
		out->mark = (unsigned)stmt_got_u64(s, 4);
	}
	return 0;
}

int
valid_height(struct tx *tx, const struct id *id, unsigned most,
    unsigned *height, struct err *e)
{
	uint64_t n = 0;

	/* By level: a level is gone through once, whatever is in it. */
	if (sql_count(tx, e, &n,
		"WITH RECURSIVE below (id, level) AS (VALUES (?, 0) UNION ALL"
		" SELECT t.id, level + 1 FROM below b JOIN tree t"
		" ON t.parent = b.id WHERE t.type = 2 AND level < ?)"
		" SELECT max(level) FROM below",
		"iu", id, (uint64_t)most) < 0)
		return -1;
	uint64_t more = 0;
	/* What lies in the lowest directories. */
	if (n < most &&
	    sql_count(tx, e, &more,
		"WITH RECURSIVE below (id, level) AS (VALUES (?, 0) UNION ALL"
		" SELECT t.id, level + 1 FROM below b JOIN tree t"
		" ON t.parent = b.id WHERE t.type = 2 AND level < ?)"
		" SELECT count(*) FROM (SELECT 1 FROM below b JOIN tree t"
		" ON t.parent = b.id WHERE level = ? LIMIT 1)",
		"iuu", id, (uint64_t)most, n) < 0)
		return -1;
	*height = (unsigned)(n + more);
	return 0;
}
