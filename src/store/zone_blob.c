/* SPDX-License-Identifier: ISC */
/* zone_blob.c: blobs looked for, opened and deleted. */
#include "store/zone_blob_in.h"

#include "base/file.h"

#include <string.h>

struct look {
	struct blob_name name;
	struct zone_blob *out;
};

static int
look(struct tx *tx, void *arg, struct err *e)
{
	const struct look *l = arg;
	bool found;

	if (zone_blob_find(tx, &l->name, l->out, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no blob %s",
		    id_text(&l->name.id).s);
	return 0;
}

int
zone_blob_get(const struct zone_store *s, const struct zone_key *key,
    const struct id *id, struct zone_blob *out, struct err *e)
{
	struct look l = { zone_blob_name(key, id), out };

	return db_read(s->db, look, &l, e);
}

int
zone_blob_open(const struct zone_store *s, const struct zone_key *key,
    const struct id *id, int *out, struct zone_blob *blob, struct err *e)
{
	OWN(fd_close) int fd = -1;
	uint64_t size;

	if (zone_blob_get(s, key, id, blob, e) < 0)
		return -1;
	if (blob_open(s->blobs, &blob->name, &fd, &size, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_BLOB_MISSING;
		return -1;
	}
	if (size != blob->sum.size)
		return err_set(e,
		    size < blob->sum.size ? ERR_BLOB_TRUNCATED
					  : ERR_BLOB_CORRUPT,
		    "blob %s has %llu of %llu bytes", id_text(id).s,
		    (unsigned long long)size,
		    (unsigned long long)blob->sum.size);
	*out = fd;
	fd = -1;
	return 0;
}

struct existing {
	const struct zone_store *s;
	const struct zone_key *key;
	struct bytes ids;
	int64_t now_ms;
	struct zone_blob *found; /* file 0: not there */
};

static int
exists(struct tx *tx, void *arg, struct err *e)
{
	const struct existing *x = arg;
	struct scan s = scan_of(x->ids);
	bool found;

	for (size_t i = 0; i < x->ids.n / ID_BYTES; i++) {
		struct id id = id_take(&s);
		struct blob_name n = zone_blob_name(x->key, &id);
		struct zone_blob *b = &x->found[i];
		*b = (struct zone_blob){ .name.file = 0 };
		if (zone_blob_find(tx, &n, b, &found, e) < 0)
			return -1;
		/* Only what nothing names is collected by its age. */
		if (found && b->refs == 0 && !db_looks(x->s->db) &&
		    b->finished_ms + ZONE_BLOB_RENEW_MS <= x->now_ms &&
		    zone_blob_renew(tx, &n, x->now_ms, e) < 0)
			return -1;
	}
	return 0;
}

int
zone_blob_exists(const struct zone_store *s, const struct zone_key *key,
    struct bytes ids, int64_t now_ms, uint8_t *bitmap, struct err *e)
{
	OWN(mem_free)
	struct zone_blob *found = mem_array(LIMIT_EXISTS_IDS, sizeof *found);
	struct existing x = { s, key, ids, now_ms, found };
	size_t n = ids.n / ID_BYTES;

	if (ids.n % ID_BYTES != 0)
		return err_set(
		    e, ERR_BAD_REQUEST, "blob ids have %d bytes", ID_BYTES);
	if (ids.n > LIMIT_EXISTS_IDS * ID_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "more than %d blob ids at once", LIMIT_EXISTS_IDS);
	if ((db_looks(s->db) ? db_read(s->db, exists, &x, e)
			     : db_write(s->db, exists, &x, e)) < 0)
		return -1;
	/* Outside of the transaction: others need not wait for the disk. */
	memset(bitmap, 0, (n + 7) / 8);
	for (size_t i = 0; i < n; i++)
		if (found[i].name.file != 0 && zone_blob_whole(s, &found[i]))
			bitmap[i / 8] |= (uint8_t)(1u << i % 8);
	return 0;
}

struct deletion {
	struct blob_name name;
	int64_t now_ms;
};

static int delete (struct tx *tx, void *arg, struct err *e)
{
	struct deletion *d = arg;
	struct zone_blob b;
	struct look l = { d->name, &b };

	if (look(tx, &l, e) < 0)
		return -1;
	if (b.refs > 0)
		return err_set(e, ERR_CONFLICT, "%llu records name blob %s",
		    (unsigned long long)b.refs, id_text(&d->name.id).s);
	d->name = b.name;
	return zone_blob_doom(tx, &b, d->now_ms, e);
}

int
zone_blob_delete(const struct zone_store *s, const struct zone_key *key,
    const struct id *id, int64_t now_ms, struct err *e)
{
	struct deletion d = { zone_blob_name(key, id), now_ms };

	if (db_write(s->db, delete, &d, e) < 0)
		return -1;
	return zone_blob_remove_file(s, &d.name, now_ms, e);
}
