/* SPDX-License-Identifier: ISC */
/* oldkeys.c: what the keys of a saved escrow open in data of a later day. */
/*
 *     oldkeys ESCROW BEFORE AFTER NAME
 *
 * Takes the account's key out of the escrow's folder, opens with it every key
 * that the database BEFORE holds for the escrow, and tries each of them on every
 * record of the backup zone and every pack in AFTER. Prints, for each key epoch
 * that those name, how many there are and how many were opened:
 *
 *     epoch 2 records 7 opened 0 packs 3 opened 0
 */
#include "base/file.h"
#include "escrow/keeper.h"
#include "store/account.h"
#include "store/blob_dir.h"
#include "store/zone_blob.h"
#include "vault/keyring.h"
#include "vault/pack.h"
#include "vault/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EPOCHS 64

struct tally {
	unsigned records, records_open, packs, packs_open;
};

struct work {
	const char *name;
	struct account account;
	struct circle circle;
	struct buf envelopes; /* v16 each */
	struct keyring *keys;
	uint32_t epochs;
	const char *after; /* its folder */
	struct tally tally[EPOCHS];
};

static int
read_before(struct tx *tx, void *arg, struct err *e)
{
	struct work *w = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool found;

	if (account_by_name(tx, w->name, &w->account, &found, e) < 0 ||
	    account_circle(tx, &w->account.uid, &w->circle, e) < 0 ||
	    sql_ask(tx, e, &s,
		"SELECT bytes FROM envelope WHERE uid = ?"
		" AND purpose IN (6, 7)",
		"i", &w->account.uid) < 0)
		return -1;
	return sql_gather(s, &w->envelopes, e);
}

static int
open_keys(struct work *w, const struct devkey *account, struct err *e)
{
	w->keys = keyring_new(&w->account.uid);
	for (struct scan s = scan_of(buf_bytes(&w->envelopes)); s.n > 0;) {
		OWN(keyring_escrowed_free)
		struct keyring_escrowed got = { .key = NULL };
		if (keyring_escrow_open(
			scan_v16(&s), &w->circle, account, &got, e) < 0)
			return -1;
		if (got.names)
			continue;
		keyring_put_category(w->keys, got.category, got.epoch, got.key);
		w->epochs = got.epoch > w->epochs ? got.epoch : w->epochs;
	}
	return 0;
}

static bool
record_opens(
    const struct work *w, const struct seal_place *place, struct bytes ct)
{
	for (uint32_t n = 1; n <= w->epochs; n++) {
		OWN(buf_free) struct buf plain = { 0 };
		OWN(secret_free)
		struct secret *key =
		    keyring_record(w->keys, CATEGORY_BACKUP, &place->zone, n);
		struct err ignored;
		if (key != NULL &&
		    seal_record_open(key, place, ct, &plain, &ignored) == 0)
			return true;
	}
	return false;
}

static int
try_records(struct work *w, struct tx *tx, const struct id *zone, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT r.id, r.version, r.key_epoch, r.ct FROM record r"
		" JOIN zone z ON z.number = r.number"
		" WHERE z.zone = ? AND r.flags != 1",
		"i", zone) < 0)
		return -1;
	for (;;) {
		struct seal_place place = { .uid = w->account.uid,
			.category = CATEGORY_BACKUP,
			.zone = *zone };
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		stmt_got_copy(s, 0, place.id.b, ID_BYTES);
		place.version = stmt_got_u64(s, 1);
		struct tally *t = &w->tally[stmt_got_u64(s, 2) % EPOCHS];
		t->records++;
		t->records_open +=
		    record_opens(w, &place, stmt_got_bytes(s, 3));
	}
}

static bool
pack_opens(
    const struct work *w, const struct pack_place *place, struct bytes blob)
{
	for (uint32_t n = 1; n <= w->epochs; n++) {
		OWN(pack_in_free) struct pack_in *in = NULL;
		OWN(buf_free) struct buf plain = { 0 };
		const struct secret *key =
		    keyring_category(w->keys, CATEGORY_BACKUP, n);
		struct err ignored;
		uint64_t at;
		size_t length;
		if (key == NULL ||
		    pack_in_open(key, place, bytes_of(blob.p, PACK_HEADER),
			blob.n, &in, &ignored) < 0)
			continue;
		pack_in_where(in, 0, &at, &length);
		if (at + length <= blob.n &&
		    pack_in_segment(in, 0, bytes_of(blob.p + at, length),
			&plain, &ignored) == 0)
			return true;
	}
	return false;
}

static int
try_blob(struct work *w, struct db *db, struct blob_store *store,
    const struct id *zone, const struct id *id, struct err *e)
{
	const struct zone_store both = { db, store };
	const struct zone_key key = { w->account.uid, *zone };
	struct pack_place place = {
		.uid = w->account.uid, .category = CATEGORY_BACKUP, .pack = *id
	};
	OWN(fd_close) int fd = -1;
	OWN(buf_free) struct buf blob = { 0 };
	struct zone_blob what;
	uint32_t epoch;

	if (zone_blob_open(&both, &key, id, &fd, &what, e) < 0)
		return -1;
	uint8_t *to = buf_grow(&blob, what.sum.size);
	if (pread(fd, to, what.sum.size, 0) != (ssize_t)what.sum.size)
		return err_sys(e, "a pack");
	if (pack_header_epoch(bytes_of(blob.p, PACK_HEADER), &epoch, e) < 0)
		return -1;
	struct tally *t = &w->tally[epoch % EPOCHS];
	t->packs++;
	t->packs_open += pack_opens(w, &place, buf_bytes(&blob));
	return 0;
}

struct listing {
	struct work *w;
	struct id zone;
	struct buf blobs; /* v16 ids */
};

static int
look_after(struct tx *tx, void *arg, struct err *e)
{
	struct listing *l = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT zone FROM zone WHERE uid = ? AND category = ?", "iu",
		&l->w->account.uid, (uint64_t)CATEGORY_BACKUP) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_NOT_FOUND, "there is no backup");
	stmt_got_copy(s, 0, l->zone.b, ID_BYTES);
	stmt_done(&s);
	if (try_records(l->w, tx, &l->zone, e) < 0 ||
	    sql_ask(tx, e, &s, "SELECT id FROM blob WHERE uid = ? AND zone = ?",
		"ii", &l->w->account.uid, &l->zone) < 0)
		return -1;
	return sql_gather(s, &l->blobs, e);
}

static int
open_db(const char *dir, struct db **out, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "aumbryd.db");

	return db_open(path, DB_SERVER, out, e);
}

static int
run(char **argv, struct work *w, struct err *e)
{
	OWN(keeper_free) struct keeper *k = NULL;
	OWN(db_free) struct db *before = NULL;
	OWN(db_free) struct db *after = NULL;
	OWN(devkey_free) struct devkey *account = NULL;
	OWN(mem_free) char *blobs = file_join(argv[3], "blobs");
	OWN(blob_store_free) struct blob_store *store = blob_dir_look(blobs);
	struct listing l = { .w = w };
	struct ward ward;

	if (keeper_open(argv[1], KEEPER_LOOK, &k, e) < 0 ||
	    open_db(argv[2], &before, e) < 0 ||
	    db_read(before, read_before, w, e) < 0 ||
	    ward_load(k->wards, &w->account.uid, &ward, e) < 0 ||
	    ward_key(k->wards, &ward, &account, e) < 0 ||
	    open_keys(w, account, e) < 0 || open_db(argv[3], &after, e) < 0 ||
	    db_read(after, look_after, &l, e) < 0)
		return -1;
	int rc = 0;
	for (struct scan s = scan_of(buf_bytes(&l.blobs));
	     s.n > 0 && rc == 0;) {
		struct bytes x = scan_v16(&s);
		struct id id;
		memcpy(id.b, x.p, ID_BYTES);
		rc = try_blob(w, after, store, &l.zone, &id, e);
	}
	buf_free(&l.blobs);
	return rc;
}

int
main(int argc, char **argv)
{
	struct work w = { .name = argc == 5 ? argv[4] : "" };
	struct err e = { 0 };

	if (argc != 5) {
		(void)fprintf(
		    stderr, "usage: oldkeys ESCROW BEFORE AFTER NAME\n");
		return 2;
	}
	int rc = run(argv, &w, &e);
	if (rc < 0)
		(void)fprintf(
		    stderr, "oldkeys: %s (%s)\n", e.msg, err_name(e.code));
	for (unsigned n = 0; n < EPOCHS && rc == 0; n++)
		if (w.tally[n].records + w.tally[n].packs > 0)
			(void)printf("epoch %u records %u opened %u packs %u "
				     "opened %u\n",
			    n, w.tally[n].records, w.tally[n].records_open,
			    w.tally[n].packs, w.tally[n].packs_open);
	keyring_free(&w.keys);
	circle_free(&w.circle);
	buf_free(&w.envelopes);
	return rc < 0 ? 1 : 0;
}
