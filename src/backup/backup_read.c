/* SPDX-License-Identifier: ISC */
/* backup_read.c: objects: looked at, read, cut, handed to the sink. */
#include "backup/backup_in.h"

#include "files/secretfile.h"
#include "base/file.h"
#include "base/now.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHOLE_BYTES (64 * 1024) /* smaller files are one chunk */
#define CHUNKS_MAX (ENTRY_CONTENT_MAX / (DIGEST_BYTES + 3)) /* of one file */

bool
backup_stopped(struct run *r, struct err *e)
{
	if ((r->o->stop == NULL || !r->o->stop()) &&
	    (r->over == NULL || !atomic_load(r->over)))
		return false;
	(void)err_set(
	    e, ERR_STOPPED, "the backup was ended before it was done");
	return true;
}

/* ---- reading files into blocks ---- */

static int
sink_error(struct run *r, struct err *e)
{
	if (sink_settle(r->sink, e) == 0)
		return err_set(e, ERR_INTERNAL, "the pipeline stopped");
	return -1;
}

/* Data of a file in order: all of it, or its extents. */
struct reader {
	int fd;
	struct bytes extents;
	uint64_t extent_end, at, left; /* of the extent in work */
	bool sparse, first;
	uint64_t total; /* bytes read */
};

static int
read_some(struct reader *f, uint8_t *p, size_t n, size_t *got, struct err *e)
{
	*got = 0;
	while (f->left == 0) {
		if (!f->sparse ||
		    !entry_extent_next(
			&f->extents, &f->extent_end, &f->at, &f->left))
			return 0;
	}
	size_t want = f->left < n ? (size_t)f->left : n;
	if (file_pread_full(f->fd, p, want, f->at, got, e) < 0)
		return -1;
	if (*got < want && f->sparse) {
		/* It shrank: keep the map true, the file is reported. */
		memset(p + *got, 0, want - *got);
		*got = want;
	}
	f->at += *got;
	f->left = *got < want ? 0 : f->left - *got;
	f->total += *got;
	return 0;
}

static int
read_small(struct run *r, struct reader *f, struct node *x, enum lane *lane,
    struct err *e)
{
	size_t got = 0, some;

	if (!sink_room(r->sink, *lane, WHOLE_BYTES, &r->block[*lane]))
		return sink_error(r, e);
	struct sink_block *b = r->block[*lane];
	uint8_t *p = b->data + b->used;
	do {
		if (read_some(f, p + got, WHOLE_BYTES - got, &some, e) < 0)
			return -1;
		got += some;
	} while (some > 0 && got < WHOLE_BYTES);
	if (*lane == LANE_DATA &&
	    secretfile_by_content(bytes_of(p, got), got)) {
		*lane = LANE_KEYCHAIN;
		if (!sink_room(r->sink, *lane, WHOLE_BYTES, &r->block[*lane]))
			return sink_error(r, e);
		b = r->block[*lane];
		memcpy(b->data + b->used, p, got);
		mem_wipe(p, got);
	}
	if (got > 0) {
		x->one_length = (uint32_t)got;
		sink_add(b, (uint32_t)got, &x->one, &x->pending);
	}
	return 0;
}

static int
read_big(struct run *r, struct reader *f, struct node *x, enum lane lane,
    struct err *e)
{
	struct chunker *ck = sink_part(r->sink, lane)->chunker;
	size_t have = 0; /* bytes behind b->used that are not cut yet */
	uint64_t chunks = 0;
	bool end = false;

	if (!sink_room(r->sink, lane, 1, &r->block[lane]))
		return sink_error(r, e);
	struct sink_block *b = r->block[lane];
	for (;;) {
		size_t got, n;
		if (backup_stopped(r, e))
			return -1;
		while (!end && b->used + have < PACK_BLOCK) {
			if (read_some(f, b->data + b->used + have,
				PACK_BLOCK - b->used - have, &got, e) < 0)
				return -1;
			end = got == 0;
			have += got;
		}
		while (have > 0 && b->n < ARRAY_SIZE(b->pieces) &&
		    (n = chunker_cut(ck, b->data + b->used, have, end)) > 0) {
			sink_add(b, (uint32_t)n,
			    chunklist_add(&x->chunks, (uint32_t)n),
			    &x->pending);
			chunks++;
			have -= n;
		}
		if (chunks > CHUNKS_MAX)
			return err_set(e, ERR_TOO_LARGE,
			    "it has more than %llu parts",
			    (unsigned long long)CHUNKS_MAX);
		if (end && have == 0)
			return 0;
		struct sink_block *next = sink_take(r->sink, lane);
		if (next == NULL)
			return sink_error(r, e);
		memcpy(next->data, b->data + b->used, have);
		sink_submit(r->sink, b);
		r->block[lane] = b = next;
	}
}

/* ---- one object ---- */

/* What a kernel makes up as it is read has content and a size of 0. */
static bool
has_more(int fd)
{
	char c;

	return pread(fd, &c, 1, 0) != 0;
}

/* Larger ones tell it by how they begin. */
static bool
begins_secret(int fd, uint64_t size)
{
	uint8_t head[64];
	size_t got;
	struct err ignored;

	return file_pread_full(fd, head, sizeof head, 0, &got, &ignored) == 0 &&
	    secretfile_by_content(bytes_of(head, got), size);
}

static int
read_content(struct run *r, struct node *x, enum lane *lane, struct err *e)
{
	struct entry *entry = &r->detail.entry;
	struct reader f = { .fd = r->detail.fd,
		.sparse = entry->sparse,
		.extents = entry->extents,
		.left = entry->sparse ? 0 : entry->size };
	bool odd = !entry->sparse && entry->size == 0 && has_more(f.fd);

	if (odd)
		f.left = INT64_MAX;
	if (secretfile_by_path(buf_bytes(&r->path), r->secrets))
		*lane = LANE_KEYCHAIN;
	if (!odd && entry->size < WHOLE_BYTES) {
		if (read_small(r, &f, x, lane, e) < 0)
			return -1;
	} else {
		if (!odd && begins_secret(f.fd, entry->size))
			*lane = LANE_KEYCHAIN;
		if (read_big(r, &f, x, *lane, e) < 0)
			return -1;
	}
	if (!entry->sparse)
		entry->size = f.total;
	return 0;
}

/* Put what the detail says into the node, now that it is known. */
static void
fill_node(struct run *r, struct node **xp, const struct capture_item *item,
    int64_t opened_s)
{
	struct node *x = *xp;

	buf_clear(&r->scratch);
	entry_put(&r->scratch, &r->detail.entry);
	if (r->scratch.n > x->n) /* sized by the caller's guess */
		abort();
	memcpy(x->bytes, r->scratch.p, r->scratch.n);
	x->n = r->scratch.n;
	x->kind = NODE_ITEM;
	x->tuple = *item;
	x->tuple.name = NULL;
	x->opened_s = opened_s;
}

static struct node *
node_for_detail(struct run *r)
{
	buf_clear(&r->scratch);
	entry_put(&r->scratch, &r->detail.entry);
	/* Size, category and status may still make it a little longer. */
	(void)buf_grow(&r->scratch, 32);
	return backup_node(r, NODE_DROPPED, buf_bytes(&r->scratch));
}

/* Did the content come from one state of the file? */
static bool
came_whole(struct run *r, struct err *why)
{
	const struct capture_detail *d = &r->detail;

	if (!capture_unchanged(d)) {
		(void)err_set(why, ERR_READ_INCOMPLETE,
		    "it changed while it was read; what is stored may mix old "
		    "and new");
		return false;
	}
	if (d->entry.size >= d->now.size || backup_made_up(d->fd))
		return true;
	(void)err_set(why, ERR_READ_INCOMPLETE,
	    "it ended before its size; what is stored is cut off");
	return false;
}

/*
 * Read a file's content into the sink.
 *
 * steady  false: it is stored as it came, and `why` says what is wrong.
 * errors  the file's; those of the sink are left there.
 */
static int
take_content(struct run *r, struct node *x, bool *steady, struct err *why)
{
	struct entry *entry = &r->detail.entry;
	enum lane lane = LANE_DATA;

	if (read_content(r, x, &lane, why) < 0)
		return -1;
	if (lane == LANE_KEYCHAIN)
		entry->category = ENTRY_KEYCHAIN;
	*steady = came_whole(r, why);
	return 0;
}

/* Open and look at it. Returns 1 when it must be looked at anew. */
static int
look(struct run *r, int dirfd, struct capture_item *item, bool again,
    struct err *why)
{
	if (capture_detail(r->capture, dirfd, item, &r->detail, why) == 0)
		return 0;
	if (why->code == ERR_CONFLICT && again &&
	    capture_stat(dirfd, item->name, item, why) == 0)
		return 1;
	if (!r->passage || why->code != ERR_IO) {
		backup_warn(r, why, why->code != ERR_NOT_FOUND);
		return -1;
	}
	capture_entry(r->capture, item, &r->detail.entry);
	return 0;
}

/* Write down what is known of it now. */
static void
keep(struct run *r, struct node *x, const struct capture_item *item,
    int64_t opened_s)
{
	const struct entry *entry = &r->detail.entry;

	if (r->detail.left_out > 0) {
		struct err why;
		(void)err_set(&why, ERR_READ_INCOMPLETE,
		    "%u of its attributes could not be read, or are too large; "
		    "the rest is stored",
		    r->detail.left_out);
		backup_warn(r, &why, true);
		opened_s = 0; /* racy: so the next backup tells it again */
	}
	fill_node(r, &x, item, opened_s);
	if (entry->type == ENTRY_REGULAR)
		r->result->totals.bytes += entry->size;
	fd_close(&r->detail.fd);
}

/*
 * Take in one object that is new or changed: twice when it changes under our
 * eyes, then as it is, with a warning.
 */
static int
take_object(struct run *r, int dirfd, struct capture_item item, bool *taken,
    struct err *e)
{
	for (int attempt = 0;; attempt++) {
		struct err why, gone;
		bool steady = true;
		int64_t opened_s = now_ms() / 1000;
		int rc = look(r, dirfd, &item, attempt < 2, &why);
		if (rc > 0)
			continue;
		if (rc < 0)
			return 0;
		struct node *x = node_for_detail(r);
		struct entry *entry = &r->detail.entry;
		entry->category = ENTRY_BACKUP;
		entry->status = ENTRY_WHOLE;
		if (entry->type == ENTRY_REGULAR &&
		    take_content(r, x, &steady, &why) < 0) {
			if (sink_failed(r->sink) || why.code == ERR_STOPPED) {
				*e = why;
				return -1;
			}
			backup_warn(r, &why, true);
			return 0;
		}
		if (!steady && attempt == 0 &&
		    capture_stat(dirfd, item.name, &item, &gone) == 0)
			continue;
		if (!steady) {
			entry->status = ENTRY_CHANGED;
			backup_warn(r, &why, false);
			opened_s = 0; /* racy: read it again */
		}
		keep(r, x, &item, opened_s);
		*taken = true;
		return 0;
	}
}

/* A tree_chunk_fn. */
static int
is_stored(void *ctx, enum category c, const struct digest *name,
    uint32_t length, struct err *e)
{
	struct run *r = ctx;

	(void)length;
	(void)e;
	return r->sink == NULL ||
		sink_known(r->sink, lane_of(c, PTABLE_DATA), name)
	    ? 0
	    : -1;
}

static bool
all_stored(struct run *r, struct bytes stored)
{
	struct scan s = scan_of(stored);
	struct entry x;
	struct err ignored;

	return entry_take(&s, &x, &ignored) == 0 &&
	    tree_chunks(&x, is_stored, r, &ignored) == 0;
}

static uint64_t *
counter(struct run *r, enum entry_type type)
{
	struct backup_progress *t = &r->result->totals;

	return type == ENTRY_REGULAR  ? &t->files
	    : type == ENTRY_DIRECTORY ? &t->dirs
				      : &t->others;
}

static void
count(struct run *r, enum entry_type type)
{
	struct backup_progress *t = &r->result->totals;

	++*counter(r, type);
	if (r->o->progress != NULL) {
		struct sink_totals s = { 0 };
		if (r->sink != NULL)
			s = sink_totals(r->sink);
		t->new_bytes = s.new_bytes;
		t->stored_bytes = s.stored_bytes;
		t->path = buf_text(&r->path);
		backup_count_ask(r, t);
		r->o->progress(r->o->ctx, t);
	}
}

/*
 * Would it be written down in the same way today? Owners' names and what counts
 * as a secret are no part of the file itself.
 */
static bool
still_so(
    struct run *r, const struct capture_item *item, const struct entry *stored)
{
	struct entry now;

	capture_entry(r->capture, item, &now);
	if ((now.user.n > 0 && !bytes_equal(now.user, stored->user)) ||
	    (now.group.n > 0 && !bytes_equal(now.group, stored->group)))
		return false;
	return item->type != ENTRY_REGULAR || seen_same_rules(r->seen) ||
	    secretfile_by_path(buf_bytes(&r->path), r->secrets) ==
	    (stored->category == ENTRY_KEYCHAIN);
}

int
backup_take(struct run *r, int dirfd, const struct capture_item *item,
    struct seen_dir *old, bool *taken, struct err *e)
{
	struct bytes stored = { NULL, 0 };

	if (backup_stopped(r, e))
		return -1;
	*taken = true;
	if (r->asking != NULL) /* it is only asked about */
		return 0;
	if (!r->o->verify || item->type != ENTRY_REGULAR)
		stored = seen_item(old, item);
	count(r, item->type);
	if (stored.n > 0 && still_so(r, item, &old->parsed) &&
	    all_stored(r, stored)) {
		struct node *x = backup_node(r, NODE_ITEM, stored);
		x->final = true;
		x->tuple = *item;
		x->tuple.name = NULL;
		/* It was trusted, so its times are old enough. */
		x->opened_s = INT64_MAX;
		r->result->totals.bytes += item->size;
	} else if (r->sink == NULL) {
		r->result->totals.new_bytes += item->size;
		r->result->totals.bytes += item->size;
	} else {
		*taken = false;
		if (take_object(r, dirfd, *item, taken, e) < 0)
			return -1;
		if (!*taken) /* only what is in the backup counts */
			--*counter(r, item->type);
	}
	return backup_drain(r, e);
}
