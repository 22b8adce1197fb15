/* SPDX-License-Identifier: ISC */
/* zone.c: zones looked up, listed and set aside. */
#include "store/zone_in.h"

#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

void
zone_bind_key(struct stmt *s, const struct zone_key *key)
{
	stmt_bytes(s, 1, bytes_of(key->uid.b, ID_BYTES));
	stmt_bytes(s, 2, bytes_of(key->zone.b, ID_BYTES));
}

uint64_t
zone_record_sum(struct digest_state *s, const struct change *c)
{
	struct digest d;

	digest_add(s, bytes_of(c->id.b, ID_BYTES));
	digest_add_u64(s, c->version);
	digest_add(s, bytes_of(&c->flags, 1));
	digest_add_u32(s, c->key_epoch);
	digest_add_u32(s, (uint32_t)c->refs.n);
	digest_add(s, c->refs);
	digest_add(s, c->ct);
	digest_end(s, &d);
	return be64(d.b) & INT64_MAX;
}

#define INFO_COLUMNS "zone, category, seq, tombstones_gone_below, head, number"

static void
got_info(struct stmt *s, struct zone_info *out)
{
	stmt_got_copy(s, 0, out->zone.b, ID_BYTES);
	out->category = (enum category)stmt_got_u64(s, 1);
	out->seq = stmt_got_u64(s, 2);
	out->tombstones_gone_below = stmt_got_u64(s, 3);
	struct bytes head = stmt_got_bytes(s, 4);
	out->head_n = head.n < HEAD_BYTES_MAX ? head.n : HEAD_BYTES_MAX;
	if (out->head_n > 0)
		memcpy(out->head, head.p, out->head_n);
	out->number = stmt_got_u64(s, 5);
}

struct bytes
zone_head_of(const struct zone_info *z)
{
	return bytes_of(z->head, z->head_n);
}

int
zone_look_up(struct tx *tx, const struct zone_key *key, struct zone_info *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT " INFO_COLUMNS " FROM zone WHERE uid = ? AND zone = ?",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, key);
	if (stmt_next(s, found, e) < 0)
		return -1;
	if (*found)
		got_info(s, out);
	return 0;
}

int
zone_find(struct tx *tx, const struct zone_key *key, struct zone_info *out,
    struct err *e)
{
	bool found;

	if (zone_look_up(tx, key, out, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no zone %s",
		    id_text(&key->zone).s);
	return 0;
}

struct heading {
	const struct zone_key *key;
	struct zone_info info;
};

static int
read_info(struct tx *tx, void *arg, struct err *e)
{
	struct heading *h = arg;

	return zone_find(tx, h->key, &h->info, e);
}

int
zone_head(
    struct db *db, const struct zone_key *key, struct buf *out, struct err *e)
{
	struct heading h = { .key = key };

	if (db_read(db, read_info, &h, e) < 0)
		return -1;
	buf_put_bytes(out, zone_head_of(&h.info));
	return 0;
}

struct listing {
	const struct id *uid;
	struct zone_info *list; /* owned */
	size_t n;
};

static int
read_list(struct tx *tx, void *arg, struct err *e)
{
	struct listing *l = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT " INFO_COLUMNS " FROM zone WHERE uid = ? ORDER BY zone",
		&s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(l->uid->b, ID_BYTES));
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		l->list = mem_resize(l->list, l->n + 1, sizeof *l->list);
		got_info(s, &l->list[l->n++]);
	}
	return -1;
}

int
zone_list(struct db *db, const struct id *uid, struct zone_info **out,
    size_t *n, struct err *e)
{
	struct listing l = { .uid = uid };

	if (db_read(db, read_list, &l, e) < 0) {
		free(l.list);
		return -1;
	}
	*out = l.list;
	*n = l.n;
	return 0;
}

#define ASIDE 256 /* category of a zone set aside: this and its number */

int
zone_set_aside(
    struct tx *tx, const struct id *uid, uint64_t keep, struct err *e)
{
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		if ((keep >> c & 1) == 0 &&
		    sql_run(tx, e,
			"UPDATE zone SET category = ? + number WHERE uid = ?"
			" AND category = ?",
			"uiu", (uint64_t)ASIDE, uid, (uint64_t)c) < 0)
			return -1;
	return 0;
}
