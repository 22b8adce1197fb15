/* SPDX-License-Identifier: ISC */
/* holding.c: opening a server's folder to look at it. */
#include "disclose/holding.h"

#include "base/file.h"
#include "server/config.h"
#include "store/blob_dir.h"
#include "store/zone.h"
#include "wire/category.h"

#include <stdlib.h>
#include <string.h>

#define PIN_FILE "keys/escrow.pub" /* as server/escrowlink.c writes it */

void
holding_free(struct holding *h)
{
	for (size_t i = 0; i < h->n_zones; i++)
		free(h->zones[i].blobs);
	mem_free(&h->zones);
	buf_free(&h->entries);
	buf_free(&h->envelopes);
	buf_free(&h->for_escrow);
	circle_free(&h->circle);
	blob_store_free(&h->blobs);
	db_free(&h->db);
	mem_free(&h->data);
}

/* ---- the folder ---- */

static char *
in_data(const char *data, const char *path, const char *scheme)
{
	if (strncmp(path, scheme, strlen(scheme)) == 0)
		path += strlen(scheme);
	return path[0] == '/' ? mem_text(path) : file_join(data, path);
}

static int
read_escrow(struct holding *h, struct err *e)
{
	OWN(mem_free) char *path = file_join(h->data, PIN_FILE);
	OWN(buf_free) struct buf key = { 0 };

	if (file_read(path, SIG_PK_BYTES, &key, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		(void)err_set(e, ERR_NOT_FOUND,
		    "the server at %s has met no escrow", h->data);
		return err_remedy(e,
		    "A disclosure is written into an escrow's journal: set one "
		    "up, [escrow] socket in aumbryd.conf, and start aumbryd.");
	}
	if (key.n != SIG_PK_BYTES)
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s holds no escrow's key", path);
	memcpy(h->escrow, key.p, SIG_PK_BYTES);
	return 0;
}

int
holding_open(const char *data, struct holding *h, struct err *e)
{
	OWN(mem_free) char *conf = file_join(data, "aumbryd.conf");
	OWN(config_free) struct config c = { 0 };

	h->data = mem_text(data);
	if (config_load(conf, &c, e) < 0)
		return e->code == ERR_NOT_FOUND
		    ? err_set(e, ERR_NOT_FOUND,
			  "there is no server's data at %s", data)
		    : -1;
	OWN(mem_free) char *db = in_data(data, c.database, "sqlite:");
	OWN(mem_free) char *blobs = in_data(data, c.blobs, "dir:");
	if (read_escrow(h, e) < 0 || db_look(db, &h->db, e) < 0 ||
	    zone_open(h->db, e) < 0 || account_open(h->db, e) < 0)
		return -1;
	h->blobs = blob_dir_look(blobs);
	return 0;
}

/* ---- the account ---- */

static int
read_circle(struct holding *h, struct tx *tx, struct err *e)
{
	if (account_entries(tx, &h->account.uid, 0, &h->entries, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&h->entries));
	while (s.n > 0)
		if (circle_apply(&h->circle, scan_v16(&s), e) < 0)
			return err_in(e, "the account's list of devices");
	return h->circle.seq > 0 ? 0
				 : err_set(e, ERR_CIRCLE_INVALID,
				       "the account has no list of devices");
}

static int
read_envelopes(struct holding *h, struct tx *tx, struct err *e)
{
	OWN(stmt_done) struct stmt *all = NULL;
	OWN(stmt_done) struct stmt *some = NULL;

	if (sql_ask(tx, e, &all,
		"SELECT bytes FROM envelope WHERE uid = ?"
		" ORDER BY epoch, purpose, category, receiver",
		"i", &h->account.uid) < 0 ||
	    sql_gather(all, &h->envelopes, e) < 0 ||
	    sql_ask(tx, e, &some,
		"SELECT bytes FROM envelope WHERE uid = ?"
		" AND purpose IN (6, 7) ORDER BY epoch, purpose, category",
		"i", &h->account.uid) < 0)
		return -1;
	return sql_gather(some, &h->for_escrow, e);
}

static int
count_records(struct holding_zone *z, struct tx *tx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT COUNT(*), COALESCE(SUM(flags & 1), 0),"
		" COALESCE(SUM(LENGTH(ct)), 0) FROM record WHERE number = ?",
		"u", z->number) < 0)
		return -1;
	z->deleted = stmt_got_u64(s, 1);
	z->records = stmt_got_u64(s, 0) - z->deleted;
	z->record_bytes = stmt_got_u64(s, 2);
	return 0;
}

static int
read_blobs(const struct holding *h, struct holding_zone *z, struct tx *tx,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	size_t cap = 0;
	bool row;

	if (sql_ask(tx, e, &s,
		"SELECT id, file, size, refs, finished_ms, checksum FROM blob"
		" WHERE uid = ? AND zone = ? ORDER BY id",
		"ii", &h->account.uid, &z->zone) < 0)
		return -1;
	for (;;) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		if (z->n_blobs == cap) {
			cap = cap > 0 ? 2 * cap : 64;
			z->blobs = mem_resize(z->blobs, cap, sizeof *z->blobs);
		}
		struct holding_blob *b = &z->blobs[z->n_blobs++];
		stmt_got_copy(s, 0, b->id.b, ID_BYTES);
		b->file = stmt_got_u64(s, 1);
		b->size = stmt_got_u64(s, 2);
		b->refs = stmt_got_u64(s, 3);
		b->stored_ms = stmt_got_u64(s, 4);
		stmt_got_copy(s, 5, b->sum.b, CHECKSUM_BYTES);
		z->blob_bytes += b->size;
	}
}

static int
read_zones(struct holding *h, struct tx *tx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_ask(tx, e, &s,
		"SELECT zone, category, seq, tombstones_gone_below, number,"
		" head FROM zone WHERE uid = ? ORDER BY category",
		"i", &h->account.uid) < 0)
		return -1;
	for (;;) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		h->zones =
		    mem_resize(h->zones, h->n_zones + 1, sizeof *h->zones);
		struct holding_zone *z = &h->zones[h->n_zones++];
		memset(z, 0, sizeof *z);
		stmt_got_copy(s, 0, z->zone.b, ID_BYTES);
		uint64_t category = stmt_got_u64(s, 1);
		z->category = category < CATEGORY_END ? (unsigned)category : 0;
		z->seq = stmt_got_u64(s, 2);
		z->tombstones_gone_below = stmt_got_u64(s, 3);
		z->number = stmt_got_u64(s, 4);
		digest_of(stmt_got_bytes(s, 5), &z->head);
		if (count_records(z, tx, e) < 0 || read_blobs(h, z, tx, e) < 0)
			return -1;
	}
}

int
holding_read(struct holding *h, struct tx *tx, const char *name, struct err *e)
{
	OWN(mem_free) char *own = mem_text(name);
	bool found = false;

	if (account_name_ok(own) &&
	    account_by_name(tx, own, &h->account, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no account %s", name);
	return read_circle(h, tx, e) < 0 || read_envelopes(h, tx, e) < 0
	    ? -1
	    : read_zones(h, tx, e);
}

/* ---- zones and blobs ---- */

void
holding_zone_name(const struct holding_zone *z, struct buf *out)
{
	if (z->category != 0)
		buf_put_str(out, category_name((enum category)z->category));
	else
		buf_printf(out, "aside-%s", id_short(&z->zone).s);
}

const struct holding_blob *
holding_blob_find(const struct holding_zone *z, const struct id *id)
{
	size_t from = 0, to = z->n_blobs;

	while (from < to) {
		size_t at = from + (to - from) / 2;
		int cmp = id_cmp(id, &z->blobs[at].id);
		if (cmp == 0)
			return &z->blobs[at];
		if (cmp < 0)
			to = at;
		else
			from = at + 1;
	}
	return NULL;
}

int
holding_blob_open(const struct holding *h, const struct holding_zone *z,
    const struct holding_blob *b, int *fd, struct err *e)
{
	struct blob_name name = { h->account.uid, z->zone, b->id, b->file };
	uint64_t size;

	if (blob_open(h->blobs, &name, fd, &size, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_BLOB_MISSING;
		return -1;
	}
	if (size == b->size)
		return 0;
	fd_close(fd);
	return err_set(e,
	    size < b->size ? ERR_BLOB_TRUNCATED : ERR_BLOB_CORRUPT,
	    "blob %s has %llu of %llu bytes", id_text(&b->id).s,
	    (unsigned long long)size, (unsigned long long)b->size);
}
