/* SPDX-License-Identifier: ISC */
/* drive_take.c: files of a root, read and stored. */
#include "drive/drive_in.h"

#include "content/stream.h"
#include "files/secretfile.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE_BYTES (64 * 1024) /* smaller files are one chunk */
#define BATCH_BYTES (64 * 1024 * 1024) /* read, then committed */
#define BATCH_FILES 4096
#define EARLY_PACKS 32 /* of a long upload: 128 MiB are not sent again */

/* A file that was read, and whose names come from the sink's workers. */
struct taken {
	struct plan_node node;
	char *path;
	enum drive_lane lane;
	uint64_t size;
	struct buf head; /* of a small one: its content, while it is inline */
	bool small; /* one chunk */
	struct digest name;
	atomic_uint pending;
	struct stream_ref ref; /* of a larger one */
};

struct take {
	struct drive_root *r;
	struct taken **list;
	size_t n;
	uint64_t bytes;
	struct sink_block *block[LANES];
};

static void
taken_free(struct taken *t)
{
	free(t->path);
	buf_free(&t->head);
	stream_ref_free(&t->ref);
	free(t);
}

static void
take_free(struct take *t)
{
	struct sink *s = t->r->d->sink;
	struct err ignored;

	for (int l = 0; l < LANES; l++)
		if (t->block[l] != NULL)
			sink_give_back(s, t->block[l]);
	/* Workers may still write names. */
	(void)!sink_settle(s, &ignored);
	for (size_t i = 0; i < t->n; i++)
		taken_free(t->list[i]);
	free(t->list);
}

/* ---- which, and where ---- */

struct find {
	struct take *t;
	const struct plan_out *p;
};

static int
find_files(struct tx *tx, void *arg, struct err *e)
{
	struct find *f = arg;
	struct take *t = f->t;
	struct drivedb_views v;

	drivedb_views(&v, tx, t->r->row.root);
	for (size_t i = 0; i < f->p->n_reads && t->n < BATCH_FILES; i++) {
		OWN(buf_free) struct buf path = { 0 };
		struct plan_node n;
		struct err ignored;
		if (!v.local.find(v.local.ctx, &f->p->reads[i], &n) ||
		    !n.unread ||
		    drive_path(&v, &t->r->row.top, &n, &path, &ignored) < 0)
			continue;
		if (t->n > 0 && t->bytes + n.stat.size > BATCH_BYTES)
			break;
		struct taken *x = mem_new(sizeof *x);
		x->node = n;
		x->path = mem_text(buf_text(&path));
		t->list[t->n++] = x;
		t->bytes += n.stat.size;
	}
	if (v.failed)
		*e = v.err;
	return v.failed ? -1 : 0;
}

/* ---- reading ---- */

static bool
same_file(const struct os_stat *now, const struct plan_stat *was)
{
	return now->type == NODE_FILE && now->is.ino == was->ino &&
	    now->is.size == was->size && now->is.mtime_ns == was->mtime_ns &&
	    now->is.ctime_ns == was->ctime_ns;
}

static int
sink_error(struct sink *s, struct err *e)
{
	return sink_settle(s, e) < 0
	    ? -1
	    : err_set(e, ERR_INTERNAL, "the pipeline stopped");
}

static int
read_small(struct take *t, struct taken *x, struct os_file *f, struct err *e)
{
	const struct os_ops *o = t->r->os->ops;
	struct drive *d = t->r->d;
	size_t got = 0, n;
	uint8_t *p = buf_grow(&x->head, WHOLE_BYTES);

	do {
		if (o->file_read(f, got, p + got, WHOLE_BYTES - got, &n, e) < 0)
			return -1;
		got += n;
	} while (n > 0 && got < WHOLE_BYTES);
	x->head.n = x->size = got;
	if (x->lane == LANE_DATA && d->secrets &&
	    secretfile_by_content(buf_bytes(&x->head), got))
		x->lane = LANE_SECRET;
	x->small = true;
	/* What is inline travels under the keys of the drive. */
	if (got == 0 || (got <= NODE_INLINE_MAX && x->lane == LANE_DATA))
		return 0;
	if (!sink_room(d->sink, x->lane, got, &t->block[x->lane]))
		return sink_error(d->sink, e);
	struct sink_block *b = t->block[x->lane];
	memcpy(b->data + b->used, p, got);
	sink_add(b, (uint32_t)got, &x->name, &x->pending);
	buf_free(&x->head);
	return 0;
}

/* Data as it is, holes as such. */
static int
pour(struct take *t, struct taken *x, struct os_file *f, struct stream_out *out,
    struct err *e)
{
	const struct os_ops *o = t->r->os->ops;
	OWN(buf_free) struct buf b = { 0 };
	uint64_t at = 0, data, hole;
	uint8_t *p = buf_grow(&b, PACK_BLOCK);
	size_t got;

	while (at < x->node.stat.size) {
		if (o->file_data(f, at, &data, &hole, e) < 0)
			return -1;
		if (data > at)
			stream_out_hole(out, data - at);
		for (at = data; at < hole; at += got) {
			uint64_t left = hole - at;
			if (drive_stopped(t->r, e) ||
			    o->file_read(f, at, p,
				left < PACK_BLOCK ? (size_t)left : PACK_BLOCK,
				&got, e) < 0)
				return -1;
			if (got == 0)
				return 0; /* it shrank: seen by its stat */
			stream_out_put(out, bytes_of(p, got));
			if (sink_failed(t->r->d->sink))
				return sink_error(t->r->d->sink, e);
			if (drive_commit_packs(t->r->d, EARLY_PACKS, e) < 0)
				return -1;
		}
	}
	return 0;
}

static int
read_large(struct take *t, struct taken *x, struct os_file *f, struct err *e)
{
	const struct os_ops *o = t->r->os->ops;
	uint8_t head[64];
	size_t got;

	if (o->file_read(f, 0, head, sizeof head, &got, e) < 0)
		return -1;
	if (t->r->d->secrets &&
	    secretfile_by_content(bytes_of(head, got), x->node.stat.size))
		x->lane = LANE_SECRET;
	OWN(stream_out_free)
	struct stream_out *out = stream_out_new(t->r->d->sink, x->lane);
	stream_out_most(out, NODE_LIST_MAX);
	if (pour(t, x, f, out, e) < 0 || stream_out_end(out, &x->ref, e) < 0)
		return -1;
	x->size = x->ref.length;
	return 0;
}

static int
read_one(struct take *t, struct taken *x, struct err *e)
{
	const struct os_ops *o = t->r->os->ops;
	struct os_file *f = NULL;
	struct os_stat st;
	int rc;

	if (o->file_open(t->r->os, x->path, &st, &f, e) < 0)
		return -1;
	if (!same_file(&st, &x->node.stat)) {
		o->file_close(&f);
		return err_set(e, ERR_CONFLICT, "it has just changed");
	}
	if (st.is.size > NODE_SIZE_MAX) {
		o->file_close(&f);
		return err_set(
		    e, ERR_TOO_LARGE, "a file of the Drive is at most 256 GiB");
	}
	if (t->r->d->secrets && secretfile_by_path(bytes_str(x->path), NULL))
		x->lane = LANE_SECRET;
	rc = st.is.size < WHOLE_BYTES ? read_small(t, x, f, e)
				      : read_large(t, x, f, e);
	if (rc == 0 && o->file_stat(f, &st, e) < 0)
		rc = -1;
	o->file_close(&f);
	if (rc == 0 &&
	    (!same_file(&st, &x->node.stat) || x->size != st.is.size))
		rc = err_set(
		    e, ERR_FILE_CHANGING, "it changed while it was read");
	return rc;
}

/* ---- what was read becomes content ---- */

/* Where its chunks lie, as far as they follow each other. */
static void
put_hints(struct take *t, const struct taken *x, struct bytes list,
    struct node_content *c, struct buf *hints)
{
	struct scan s = scan_of(list);
	struct id pack, last = { { 0 } };
	uint32_t entry, first = 0, run = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		struct digest name = digest_take(&s);
		(void)scan_varint(&s);
		if (digest_zero(&name))
			continue;
		enum sink_where w =
		    sink_where(t->r->d->sink, x->lane, &name, &pack, &entry);
		if (w != SINK_WAITS && w != SINK_RECORDED)
			return; /* those so far are hints, too */
		if (run > 0 && id_equal(&pack, &last) && entry == first + run) {
			run++;
			continue;
		}
		if (run > 0) {
			id_put(hints, &last);
			buf_put_varint(hints, first);
			buf_put_varint(hints, run);
			c->n_hints++;
		}
		last = pack;
		first = entry;
		run = 1;
	}
	if (run > 0) {
		id_put(hints, &last);
		buf_put_varint(hints, first);
		buf_put_varint(hints, run);
		c->n_hints++;
	}
	c->hints = buf_bytes(hints);
}

static void
make_content(struct take *t, const struct taken *x, struct buf *out)
{
	OWN(buf_free) struct buf list = { 0 };
	OWN(buf_free) struct buf hints = { 0 };
	struct node_content c = { .size = x->size };

	if (x->small && digest_zero(&x->name)) {
		c.form = NODE_INLINE;
		c.bytes = buf_bytes(&x->head);
		node_content_put(out, &c);
		return;
	}
	if (x->small) {
		digest_put(&list, &x->name);
		buf_put_varint(&list, x->size);
		c.n = 1;
		c.form = NODE_LIST;
		c.list = buf_bytes(&list);
	} else {
		c.form = x->ref.depth == 0 ? NODE_LIST : NODE_TREE;
		c.depth = x->ref.depth;
		c.n = x->ref.n;
		c.list = buf_bytes(&x->ref.list);
	}
	put_hints(t, x, c.list, &c, &hints);
	node_content_put(out, &c);
}

static int
keep_one(struct take *t, struct tx *tx, const struct taken *x, struct err *e)
{
	OWN(buf_free) struct buf content = { 0 };
	struct drivedb_diff diff;
	struct drivedb_diff now = { .node = x->node };
	bool found;

	/* Only if it is still the object that was read. */
	if (drivedb_diff_get(
		tx, t->r->row.root, &x->node.id, &diff, &found, e) < 0)
		return -1;
	if (!found || diff.gone ||
	    diff.node.stat.ctime_ns != x->node.stat.ctime_ns)
		return 0;
	make_content(t, x, &content);
	now.node = diff.node;
	now.node.unread = false;
	now.node.secret = x->lane == LANE_SECRET;
	now.content = buf_bytes(&content);
	struct node as = { .type = NODE_FILE, .content = now.content };
	if (node_content_id(&as, &now.node.content, e) < 0)
		return -1;
	t->r->report->up_bytes += x->size;
	return drivedb_diff_put(tx, t->r->row.root, &now, e);
}

struct keep {
	struct take *t;
	bool *failed;
	struct err *why;
};

static int
keep_job(struct tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;

	for (size_t i = 0; i < k->t->n; i++) {
		struct taken *x = k->t->list[i];
		if (k->failed[i])
			drive_hold(k->t->r, tx, &x->node.id, &k->why[i]);
		else if (keep_one(k->t, tx, x, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- */

static int
begin(struct drive *d, struct err *e)
{
	static const struct sink_lane lanes[LANES] = {
		{ CATEGORY_DRIVE, PTABLE_DATA, true },
		{ CATEGORY_KEYCHAIN, PTABLE_SECRET, false },
	};

	if (d->sink != NULL)
		return 0;
	d->sink = sink_new(d->repo, lanes, d->secrets ? 2 : 1, 0);
	return sink_hand_over(d->sink, e);
}

static int
read_all(struct take *t, bool *failed, struct err *why, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		if (drive_stopped(t->r, e))
			return -1;
		if (read_one(t, t->list[i], &why[i]) == 0)
			continue;
		if (sink_failed(t->r->d->sink) || !drive_goes_on(why[i].code)) {
			*e = why[i];
			return -1;
		}
		failed[i] = true;
		if (why[i].code == ERR_CONFLICT ||
		    why[i].code == ERR_FILE_CHANGING ||
		    why[i].code == ERR_NOT_FOUND)
			drive_look_again(t->r, t->list[i]->path);
	}
	for (int l = 0; l < LANES; l++)
		if (t->block[l] != NULL) {
			sink_submit(t->r->d->sink, t->block[l]);
			t->block[l] = NULL;
		}
	return sink_flush(t->r->d->sink, e);
}

int
drive_take(struct drive_root *r, const struct plan_out *p, struct err *e)
{
	if (begin(r->d, e) < 0)
		return -1;
	OWN(take_free) struct take t = { .r = r };
	t.list = mem_array(BATCH_FILES, sizeof(*t.list));
	struct find f = { &t, p };
	if (db_read(drivedb_db(r->d->db), find_files, &f, e) < 0)
		return -1;
	OWN(mem_free) bool *failed = mem_array(t.n + 1, sizeof *failed);
	OWN(mem_free) struct err *why = mem_array(t.n + 1, sizeof *why);
	if (read_all(&t, failed, why, e) < 0) {
		if (sink_failed(r->d->sink)) {
			for (int l = 0; l < LANES; l++)
				if (t.block[l] != NULL) {
					sink_give_back(r->d->sink, t.block[l]);
					t.block[l] = NULL;
				}
			sink_reset(r->d->sink);
		}
		return -1;
	}
	struct keep k = { &t, failed, why };
	return db_write(drivedb_db(r->d->db), keep_job, &k, e);
}
