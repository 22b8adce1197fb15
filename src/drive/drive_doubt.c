/* SPDX-License-Identifier: ISC */
/* drive_doubt.c: what a server has lost, and is here, is stored again. */
/*
 * A server that was put back, or whose disk lost packs, has nodes of which no
 * pack has the content. Who has the file as it was agreed on reads it again:
 * what is in no pack is stored by that, and the node stays as it is.
 */
#include "drive/drive_in.h"

#include "base/file.h"
#include "drive/whole.h"

#include <string.h>

struct doubt {
	struct drive_root *r;
	bool is;
	struct buf ids; /* of files */
};

static void
doubt_free(struct doubt *d)
{
	buf_free(&d->ids);
}

static int
ask_job(struct tx *tx, void *arg, struct err *e)
{
	struct doubt *d = arg;
	uint64_t root = d->r->row.root;

	if (drivedb_doubts(tx, root, &d->is, e) < 0)
		return -1;
	return d->is ? drivedb_base_file_ids(tx, root, &d->ids, e) : 0;
}

/* Is its content in packs, as its record has it? */
static bool
is_whole(struct drive_root *r, struct source *src, const struct id *id)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct node n;
	struct err why;

	if (zcopy_get(r->d->zone, id, &plain, &why) < 0 ||
	    node_parse(buf_bytes(&plain), &n, &why) < 0 || n.type != NODE_FILE)
		return true;
	return whole_content(r->d->repo, src, n.content,
		   (n.flags & NODE_SECRET) != 0, &why) == 0 ||
	    !whole_damaged(why.code);
}

static void
keep_damaged(struct doubt *d)
{
	struct source *src = source_new(d->r->d->repo);
	size_t kept = 0;

	source_strict(src);
	for (size_t at = 0; at < d->ids.n; at += ID_BYTES) {
		struct id id;
		memcpy(id.b, d->ids.p + at, ID_BYTES);
		if (is_whole(d->r, src, &id))
			continue;
		memcpy(d->ids.p + kept, id.b, ID_BYTES);
		kept += ID_BYTES;
	}
	d->ids.n = kept;
	source_free(&src);
}

static int
unread_job(struct tx *tx, void *arg, struct err *e)
{
	struct doubt *d = arg;
	struct drivedb_views v;

	drivedb_views(&v, tx, d->r->row.root);
	for (size_t at = 0; at < d->ids.n; at += ID_BYTES) {
		struct drivedb_diff x = { .gone = false };
		struct id id;
		memcpy(id.b, d->ids.p + at, ID_BYTES);
		if (!v.local.find(v.local.ctx, &id, &x.node) ||
		    x.node.type != NODE_FILE)
			continue;
		x.node.unread = true;
		memset(&x.node.content, 0, sizeof x.node.content);
		if (drivedb_diff_put(tx, d->r->row.root, &x, e) < 0)
			return -1;
		drive_todo(d->r, &id);
	}
	if (v.failed)
		*e = v.err;
	return v.failed ? -1 : 0;
}

int
drive_doubt_look(struct drive_root *r, struct err *e)
{
	OWN(doubt_free) struct doubt d = { .r = r };

	if (db_read(drivedb_db(r->d->db), ask_job, &d, e) < 0)
		return -1;
	r->doubted = d.is;
	if (!d.is)
		return 0;
	keep_damaged(&d);
	return d.ids.n == 0 ? 0
			    : db_write(drivedb_db(r->d->db), unread_job, &d, e);
}

static int
end_job(struct tx *tx, void *arg, struct err *e)
{
	const struct drive_root *r = arg;

	return drivedb_doubt_end(tx, r->row.root, e);
}

int
drive_doubt_end(struct drive_root *r, struct err *e)
{
	if (!r->doubted || r->retry.n > 0)
		return 0;
	r->doubted = false;
	return db_write(drivedb_db(r->d->db), end_job, r, e);
}

void
drive_doubt(struct drive *d)
{
	struct err ignored;

	(void)!drivedb_doubt(d->db, &ignored);
}

int
drive_doubt_home(const char *dir, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "drive.db");
	OWN(drivedb_free) struct drivedb *db = NULL;

	if (!file_exists(path))
		return 0;
	return drivedb_open(path, &db, e) < 0 ? -1 : drivedb_doubt(db, e);
}
