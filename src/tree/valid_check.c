/* SPDX-License-Identifier: ISC */
/* valid_check.c: is the tree valid, where something came, moved or went? */
#include "tree/drivedb_in.h"
#include "tree/valid_in.h"
#include "store/sql.h"

#include <string.h>

/* So many places are looked at one by one; of more, all are. */
#define SINGLY 5000

/* How deep is it? More than NODE_DEPTH_MAX: too deep, or a cycle; 0: its
 * parents are not there or no directories. */
static int
depth_of(struct tx *tx, struct valid_place at, unsigned *depth, struct err *e)
{
	*depth = 1;
	for (; !id_zero(&at.parent); ++*depth) {
		struct id up = at.parent;
		if (*depth > NODE_DEPTH_MAX)
			return 0;
		if (valid_place_of(tx, &up, &at, e) < 0)
			return -1;
		if (!at.there || at.type != NODE_DIR) {
			*depth = 0;
			return 0;
		}
	}
	return 0;
}

static int
has_child(struct tx *tx, const struct id *id, bool *has, struct err *e)
{
	uint64_t n;

	if (sql_count(tx, e, &n,
		"SELECT count(*) FROM"
		" (SELECT 1 FROM tree WHERE parent = ? LIMIT 1)",
		"i", id) < 0)
		return -1;
	*has = n > 0;
	return 0;
}

static int
has_twin(struct tx *tx, const struct id *id, bool *has, struct err *e)
{
	uint64_t n;

	if (sql_count(tx, e, &n,
		"SELECT count(*) FROM tree a JOIN tree b ON a.parent = b.parent"
		" AND a.name = b.name AND a.id <> b.id"
		" WHERE a.id = ? AND NOT a.flags & 2 AND NOT b.flags & 2",
		"i", id) < 0)
		return -1;
	*has = n > 0;
	return 0;
}

static int
check_one(struct tx *tx, const struct id *id, bool *valid, struct err *e)
{
	struct valid_place at;
	unsigned depth, height = 0;
	bool has;

	*valid = false;
	if (valid_place_of(tx, id, &at, e) < 0)
		return -1;
	if (!at.there || at.type != NODE_DIR) {
		if (has_child(tx, id, &has, e) < 0)
			return -1;
		if (!at.there || has) {
			*valid = !has;
			return 0;
		}
	}
	if (has_twin(tx, id, &has, e) < 0 || depth_of(tx, at, &depth, e) < 0)
		return -1;
	if (has || depth == 0 || depth > NODE_DEPTH_MAX)
		return 0;
	if (at.type == NODE_DIR &&
	    valid_height(tx, id, NODE_DEPTH_MAX, &height, e) < 0)
		return -1;
	*valid = depth + height <= NODE_DEPTH_MAX;
	return 0;
}

static int
check_all(struct tx *tx, const struct buf *ids, bool *valid, struct err *e)
{
	*valid = true;
	for (size_t i = 0; *valid && i < ids->n; i += ID_BYTES) {
		struct id id;
		memcpy(id.b, ids->p + i, ID_BYTES);
		if (check_one(tx, &id, valid, e) < 0)
			return -1;
	}
	return 0;
}

int
valid_mend(struct tx *tx, bool all, struct buf *touched, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };
	uint64_t todo, marked;
	bool valid = false;

	if (sql_count(tx, e, &todo, "SELECT count(*) FROM todo", "") < 0 ||
	    /* A name that does not hold bothers no other node. */
	    sql_count(tx, e, &marked,
		"SELECT count(*) FROM tree WHERE mark <> 0 AND mark & 14",
		"") < 0)
		return -1;
	if (todo == 0 && !all)
		return 0;
	if (!all && marked == 0 && todo <= SINGLY &&
	    (drivedb_gather(tx, "SELECT id FROM todo", &ids, e) < 0 ||
		check_all(tx, &ids, &valid, e) < 0))
		return -1;
	if (!valid && valid_mend_all(tx, touched, e) < 0)
		return -1;
	return tx_script(tx, "DELETE FROM todo", e);
}
