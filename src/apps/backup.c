/* SPDX-License-Identifier: ISC */
/* backup.c: walking, reading, and writing down what was stored. */
/*
 * The walk runs ahead of the workers. What it met waits in a queue of nodes, in
 * the order of the tree; a node leaves once all its chunks have their names.
 */
#include "apps/backup.h"

#include "apps/exclude.h"
#include "apps/prune.h"
#include "apps/seen.h"
#include "apps/secretfile.h"
#include "apps/tree.h"
#include "base/file.h"
#include "base/now.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WHOLE_BYTES (64 * 1024) /* smaller files are one chunk */
#define TRIES 3 /* of a backup whose packs are pruned meanwhile */
#define QUEUE_MAX 2048 /* nodes that wait before slow lanes are pushed */
#define PART 64 /* chunk names allocated at once; they never move */

struct part {
	struct part *next;
	uint32_t n;
	uint32_t lengths[PART];
	struct digest names[PART];
};

enum node_kind { NODE_DIR, NODE_ITEM, NODE_END, NODE_DROPPED };

struct node {
	struct node *next;
	enum node_kind kind;
	atomic_uint pending; /* chunks without a name yet */
	bool final; /* bytes are the stored entry, content included */
	struct capture_item tuple;
	int64_t opened_s;
	struct part *first, *last;
	struct digest one; /* name of the only chunk of a small file */
	uint32_t one_length;
	size_t n;
	uint8_t bytes[]; /* entry, or path of a directory */
};

struct run {
	struct repo *repo;
	const struct backup_options *o;
	struct backup_result *result;
	struct sink *sink;
	struct tree_out *tree;
	struct capture *capture;
	struct capture_detail detail;
	struct exclude *exclude, *secrets;
	struct seen *seen;
	struct seen_out *seen_out;
	struct node *head, *tail;
	size_t queued; /* nodes */
	struct sink_block *block[SINK_LANES];
	struct buf path; /* absolute, without leading slash */
	size_t root_n; /* bytes of path that are the root's parent */
	uint64_t root_dev;
	struct buf scratch, content;
	bool passage; /* above the roots: what listing tells is enough */
	struct id run; /* the record that says a backup goes on */
	uint64_t run_seq, run_keychain_seq;
	char **roots; /* sorted, absolute, none within another */
	size_t n_roots;
};

static void
node_free(struct node *x)
{
	while (x->first != NULL) {
		struct part *next = x->first->next;
		free(x->first);
		x->first = next;
	}
	free(x);
}

static void
run_free(struct run *r)
{
	for (int l = 0; l < SINK_LANES; l++)
		if (r->block[l] != NULL)
			sink_give_back(r->sink, r->block[l]);
	tree_out_free(&r->tree);
	/* The workers write into nodes: they end first. */
	sink_free(&r->sink);
	while (r->head != NULL) {
		struct node *next = r->head->next;
		node_free(r->head);
		r->head = next;
	}
	capture_detail_free(&r->detail);
	capture_free(&r->capture);
	exclude_free(&r->exclude);
	exclude_free(&r->secrets);
	seen_free(&r->seen);
	seen_out_free(&r->seen_out);
	buf_free(&r->path);
	buf_free(&r->scratch);
	buf_free(&r->content);
	for (size_t i = 0; i < r->n_roots; i++)
		free(r->roots[i]);
	free(r->roots);
}

static void
warn(struct run *r, const struct err *why, bool counts)
{
	if (counts)
		r->result->totals.errors++;
	if (r->o->warn != NULL)
		r->o->warn(r->o->ctx, buf_bytes(&r->path), why);
}

/* ---- the queue ---- */

static struct node *
node_new(struct run *r, enum node_kind kind, struct bytes bytes)
{
	struct node *x = mem_new(sizeof *x + bytes.n);

	x->kind = kind;
	x->n = bytes.n;
	if (bytes.n > 0)
		memcpy(x->bytes, bytes.p, bytes.n);
	if (r->tail != NULL)
		r->tail->next = x;
	else
		r->head = x;
	r->tail = x;
	r->queued++;
	return x;
}

static void
put_content(struct buf *out, const struct node *x)
{
	if (x->one_length > 0) {
		digest_put(out, &x->one);
		buf_put_varint(out, x->one_length);
	}
	for (const struct part *p = x->first; p != NULL; p = p->next)
		for (uint32_t i = 0; i < p->n; i++) {
			digest_put(out, &p->names[i]);
			buf_put_varint(out, p->lengths[i]);
		}
}

static int
emit_item(struct run *r, const struct node *x, struct err *e)
{
	struct bytes stored = bytes_of(x->bytes, x->n);

	if (!x->final) {
		struct scan s = scan_of(stored);
		struct entry entry;
		if (entry_take(&s, &entry, e) < 0)
			return -1;
		buf_clear(&r->content);
		put_content(&r->content, x);
		entry.content = buf_bytes(&r->content);
		buf_clear(&r->scratch);
		entry_put(&r->scratch, &entry);
		stored = buf_bytes(&r->scratch);
	}
	tree_out_entry(r->tree, stored);
	seen_out_item(r->seen_out, &x->tuple, x->opened_s, stored);
	return 0;
}

static int
emit(struct run *r, const struct node *x, struct err *e)
{
	switch (x->kind) {
	case NODE_DIR:
		tree_out_begin(r->tree, bytes_of(x->bytes, x->n));
		seen_out_begin(r->seen_out, bytes_of(x->bytes, x->n));
		return 0;
	case NODE_ITEM:
		return emit_item(r, x, e);
	case NODE_END:
		tree_out_end_dir(r->tree);
		seen_out_end_dir(r->seen_out);
		return 0;
	default: /* NODE_DROPPED */
		return 0;
	}
}

static void
submit_lane(struct run *r, enum sink_lane lane)
{
	struct sink_block *b = r->block[lane];

	r->block[lane] = NULL;
	if (b != NULL)
		sink_submit(r->sink, b);
}

/* Let everything out that is complete, in order. */
static int
drain(struct run *r, struct err *e)
{
	while (r->head != NULL && atomic_load(&r->head->pending) == 0) {
		struct node *x = r->head;
		if (r->tree != NULL && emit(r, x, e) < 0)
			return -1;
		r->head = x->next;
		if (r->head == NULL)
			r->tail = NULL;
		r->queued--;
		node_free(x);
	}
	/* The lane of secrets fills slowly: it must not hold all others up. */
	if (r->queued >= QUEUE_MAX && r->block[SINK_KEYCHAIN] != NULL)
		submit_lane(r, SINK_KEYCHAIN);
	return 0;
}

/* ---- reading files into blocks ---- */

static int
sink_error(struct run *r, struct err *e)
{
	if (sink_settle(r->sink, e) == 0)
		return err_set(e, ERR_INTERNAL, "the pipeline stopped");
	return -1;
}

/* The lane's block with room for n more bytes and a piece. */
static struct sink_block *
block_for(struct run *r, enum sink_lane lane, size_t n)
{
	struct sink_block *b = r->block[lane];

	if (b != NULL &&
	    (PACK_BLOCK - b->used < n || b->n == ARRAY_SIZE(b->pieces))) {
		sink_submit(r->sink, b);
		b = NULL;
	}
	if (b == NULL)
		b = sink_take(r->sink, lane);
	r->block[lane] = b;
	return b;
}

static void
add_piece(struct sink_block *b, uint32_t n, struct node *x, struct digest *name)
{
	(void)atomic_fetch_add(&x->pending, 1);
	b->pieces[b->n++] = (struct sink_piece){ n, name, &x->pending };
	b->used += n;
}

static void
add_chunk(struct sink_block *b, uint32_t n, struct node *x)
{
	if (x->last == NULL || x->last->n == PART) {
		struct part *p = mem_new(sizeof *p);
		if (x->last != NULL)
			x->last->next = p;
		else
			x->first = p;
		x->last = p;
	}
	struct part *p = x->last;
	p->lengths[p->n] = n;
	add_piece(b, n, x, &p->names[p->n]);
	p->n++;
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
read_small(struct run *r, struct reader *f, struct node *x,
    enum sink_lane *lane, struct err *e)
{
	struct sink_block *b = block_for(r, *lane, WHOLE_BYTES);
	size_t got = 0, some;

	if (b == NULL)
		return sink_error(r, e);
	uint8_t *p = b->data + b->used;
	do {
		if (read_some(f, p + got, WHOLE_BYTES - got, &some, e) < 0)
			return -1;
		got += some;
	} while (some > 0 && got < WHOLE_BYTES);
	if (*lane == SINK_DATA &&
	    secretfile_by_content(bytes_of(p, got), got)) {
		*lane = SINK_KEYCHAIN;
		b = block_for(r, *lane, WHOLE_BYTES);
		if (b == NULL)
			return sink_error(r, e);
		memcpy(b->data + b->used, p, got);
		mem_wipe(p, got);
	}
	if (got > 0) {
		x->one_length = (uint32_t)got;
		add_piece(b, (uint32_t)got, x, &x->one);
	}
	return 0;
}

static int
read_big(struct run *r, struct reader *f, struct node *x, enum sink_lane lane,
    struct err *e)
{
	struct chunker *ck = lane == SINK_KEYCHAIN ? r->repo->keychain.chunker
						   : r->repo->backup.chunker;
	struct sink_block *b = block_for(r, lane, 1);
	size_t have = 0; /* bytes behind b->used that are not cut yet */
	bool end = false;

	if (b == NULL)
		return sink_error(r, e);
	for (;;) {
		size_t got, n;
		while (!end && b->used + have < PACK_BLOCK) {
			if (read_some(f, b->data + b->used + have,
				PACK_BLOCK - b->used - have, &got, e) < 0)
				return -1;
			end = got == 0;
			have += got;
		}
		while (have > 0 && b->n < ARRAY_SIZE(b->pieces) &&
		    (n = chunker_cut(ck, b->data + b->used, have, end)) > 0) {
			add_chunk(b, (uint32_t)n, x);
			have -= n;
		}
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

static int
read_content(struct run *r, struct node *x, enum sink_lane *lane, struct err *e)
{
	struct entry *entry = &r->detail.entry;
	struct reader f = { .fd = r->detail.fd,
		.sparse = entry->sparse,
		.extents = entry->extents,
		.left = entry->sparse ? 0 : entry->size };

	if (secretfile_by_path(buf_bytes(&r->path), r->secrets))
		*lane = SINK_KEYCHAIN;
	if (!entry->sparse && entry->size < WHOLE_BYTES) {
		if (read_small(r, &f, x, lane, e) < 0)
			return -1;
	} else if (read_big(r, &f, x, *lane, e) < 0) {
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
	return node_new(r, NODE_DROPPED, buf_bytes(&r->scratch));
}

/*
 * Take in one object that is new or changed: twice when it changes under our
 * eyes, then as it is, with a warning.
 */
static int
take_object(struct run *r, int dirfd, struct capture_item item, struct err *e)
{
	for (int attempt = 0;; attempt++) {
		struct err why;
		int64_t opened_s = now_ms() / 1000;
		if (capture_detail(r->capture, dirfd, &item, &r->detail, &why) <
		    0) {
			if (why.code == ERR_CONFLICT && attempt < 2 &&
			    capture_stat(dirfd, item.name, &item, &why) == 0)
				continue;
			if (!r->passage || why.code != ERR_IO) {
				warn(r, &why, why.code != ERR_NOT_FOUND);
				return 0;
			}
			capture_entry(r->capture, &item, &r->detail.entry);
		}
		struct node *x = node_for_detail(r);
		struct entry *entry = &r->detail.entry;
		enum sink_lane lane = SINK_DATA;
		entry->category = ENTRY_BACKUP;
		entry->status = ENTRY_WHOLE;
		if (entry->type == ENTRY_REGULAR && r->sink != NULL) {
			if (read_content(r, x, &lane, &why) < 0) {
				if (sink_failed(r->sink)) {
					*e = why;
					return -1;
				}
				warn(r, &why, true);
				return 0;
			}
			if (lane == SINK_KEYCHAIN)
				entry->category = ENTRY_KEYCHAIN;
			if (!capture_unchanged(r->detail.fd, entry)) {
				if (attempt == 0 &&
				    capture_stat(
					dirfd, item.name, &item, &why) == 0)
					continue;
				entry->status = ENTRY_CHANGED;
				(void)err_set(&why, ERR_READ_INCOMPLETE,
				    "it changed while it was read; what is "
				    "stored may mix old and new");
				warn(r, &why, false);
				opened_s = 0; /* racy: read it again */
			}
		}
		fill_node(r, &x, &item, opened_s);
		if (entry->type == ENTRY_REGULAR)
			r->result->totals.bytes += entry->size;
		fd_close(&r->detail.fd);
		return 0;
	}
}

static bool
all_stored(struct run *r, struct bytes stored)
{
	struct scan s = scan_of(stored);
	struct entry x;
	struct err ignored;

	if (entry_take(&s, &x, &ignored) < 0)
		return false;
	struct scan content = scan_of(x.content);
	while (content.n > 0) {
		struct digest name;
		uint32_t n;
		if (tree_content(&content, &name, &n, &ignored) < 0 ||
		    (r->sink != NULL &&
			!sink_known(r->sink,
			    x.category == ENTRY_KEYCHAIN ? SINK_KEYCHAIN
							 : SINK_DATA,
			    &name)))
			return false;
	}
	return true;
}

static void
count(struct run *r, enum entry_type type)
{
	struct backup_progress *t = &r->result->totals;

	if (type == ENTRY_REGULAR)
		t->files++;
	else if (type == ENTRY_DIRECTORY)
		t->dirs++;
	else
		t->others++;
	if (r->o->progress != NULL) {
		struct sink_totals s = { 0 };
		if (r->sink != NULL)
			s = sink_totals(r->sink);
		t->new_bytes = s.new_bytes;
		t->stored_bytes = s.stored_bytes;
		t->path = buf_text(&r->path);
		r->o->progress(r->o->ctx, t);
	}
}

static int
take_item(struct run *r, int dirfd, const struct capture_item *item,
    struct seen_dir *old, struct err *e)
{
	struct bytes stored = { NULL, 0 };

	if (!r->o->verify || item->type != ENTRY_REGULAR)
		stored = seen_item(old, item);
	count(r, item->type);
	if (stored.n > 0 && all_stored(r, stored)) {
		struct node *x = node_new(r, NODE_ITEM, stored);
		x->final = true;
		x->tuple = *item;
		x->tuple.name = NULL;
		/* It was trusted, so its times are old enough. */
		x->opened_s = INT64_MAX;
		r->result->totals.bytes += item->size;
	} else if (r->sink == NULL) {
		r->result->totals.new_bytes += item->size;
		r->result->totals.bytes += item->size;
	} else if (take_object(r, dirfd, *item, e) < 0) {
		return -1;
	}
	return drain(r, e);
}

/* ---- directories ---- */

static size_t
path_push(struct run *r, const char *name, size_t n)
{
	size_t before = r->path.n;

	if (before > 0)
		buf_put_u8(&r->path, '/');
	buf_put(&r->path, name, n);
	return before;
}

static void
path_pop(struct run *r, size_t before)
{
	r->path.n = before;
	r->path.p[before] = '\0';
}

static bool
left_out(struct run *r, bool is_dir)
{
	struct bytes whole = buf_bytes(&r->path);
	struct bytes part = bytes_of(whole.p + r->root_n, whole.n - r->root_n);
	enum exclude_answer a = exclude_ask(r->exclude, part, is_dir);

	if (a == EXCLUDE_SILENT)
		a = exclude_ask(r->exclude, whole, is_dir);
	return a == EXCLUDE_YES;
}

static bool
lists(const struct capture_list *list, const char *name)
{
	size_t lo = 0, hi = capture_size(list);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(capture_at(list, mid)->name, name);
		if (c == 0)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool
opts_out(const struct capture_list *list, int fd)
{
	if (lists(list, "aumbry-home") && capture_is_aumbry_home(fd))
		return true;
	return (lists(list, ".nobackup") || lists(list, "CACHEDIR.TAG")) &&
	    exclude_by_tag(fd);
}

static void
free_list(struct capture_list **l)
{
	capture_list_free(l);
}

static int walk(struct run *r, int at, const char *name, struct err *e);

static int
walk_items(
    struct run *r, int fd, const struct capture_list *list, struct err *e)
{
	struct seen_dir old;

	(void)node_new(r, NODE_DIR, buf_bytes(&r->path));
	seen_dir_find(r->seen, buf_bytes(&r->path), &old);
	for (size_t i = 0; i < capture_size(list); i++) {
		const struct capture_item *item = capture_at(list, i);
		size_t before = path_push(r, item->name, item->name_n);
		int rc = 0;
		if (item->error != 0) {
			struct err why;
			(void)err_set(&why,
			    item->error == ENOENT ? ERR_NOT_FOUND : ERR_IO,
			    "%s", strerror(item->error));
			warn(r, &why, item->error != ENOENT);
		} else if (!left_out(r, item->type == ENTRY_DIRECTORY)) {
			rc = take_item(r, fd, item, &old, e);
		}
		path_pop(r, before);
		if (rc < 0)
			return -1;
	}
	(void)node_new(r, NODE_END, bytes_str(""));
	return drain(r, e);
}

static int
walk_open(struct run *r, int fd, struct err *e)
{
	OWN(free_list) struct capture_list *list = NULL;
	struct err why;

	if (capture_list(fd, &list, &why) < 0) {
		warn(r, &why, true);
		return 0;
	}
	if (opts_out(list, fd))
		return 0;
	if (walk_items(r, fd, list, e) < 0)
		return -1;
	for (size_t i = 0; i < capture_size(list); i++) {
		const struct capture_item *item = capture_at(list, i);
		if (item->error != 0 || item->type != ENTRY_DIRECTORY ||
		    (r->o->one_file_system && item->dev != r->root_dev))
			continue;
		size_t before = path_push(r, item->name, item->name_n);
		int rc = left_out(r, true) ? 0 : walk(r, fd, item->name, e);
		path_pop(r, before);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
walk(struct run *r, int at, const char *name, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct err why;

	if (capture_open_dir(at, name, &fd, &why) < 0) {
		warn(r, &why, why.code != ERR_NOT_FOUND);
		return 0;
	}
	return walk_open(r, fd, e);
}

/* ---- roots ---- */

/* A directory that may be passed need not be readable. */
static int
open_passage(int at, const char *name, int *fd, struct err *e)
{
	*fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "cannot pass") : 0;
}

/* Roots [lo, hi) that go through one child of a directory, or are it. */
struct passage {
	size_t hi;
	char *name;
	size_t n; /* bytes of it */
	bool root;
	struct capture_item item;
};

static void
passage_free(struct passage *p)
{
	free(p->name);
	p->name = NULL;
}

static int
find_passage(const struct run *r, int fd, size_t lo, size_t hi, size_t skip,
    struct passage *p, struct err *e)
{
	const char *name = r->roots[lo] + 1 + skip;

	p->n = strcspn(name, "/");
	p->name = strndup(name, p->n);
	p->root = name[p->n] == '\0';
	for (p->hi = lo + 1; p->hi < hi; p->hi++) {
		const char *other = r->roots[p->hi] + 1 + skip;
		if (strncmp(other, name, p->n) != 0 ||
		    (other[p->n] != '/' && other[p->n] != '\0'))
			break;
	}
	if (capture_stat(fd, p->name, &p->item, e) < 0)
		return err_in(e, "%s", r->roots[lo]);
	return 0;
}

static int walk_above(
    struct run *r, int fd, size_t lo, size_t hi, size_t skip, struct err *e);

static int
go_through(struct run *r, int fd, size_t lo, size_t skip,
    const struct passage *p, struct err *e)
{
	OWN(fd_close) int sub = -1;

	if (p->item.type != ENTRY_DIRECTORY)
		return 0;
	r->root_dev = p->item.dev;
	if (!p->root)
		return open_passage(fd, p->name, &sub, e) < 0
		    ? err_in(e, "%s", r->roots[lo])
		    : walk_above(r, sub, lo, p->hi, skip + p->n + 1, e);
	r->root_n = r->path.n + 1;
	if (capture_open_dir(fd, p->name, &sub, e) < 0)
		return err_in(e, "%s", r->roots[lo]);
	return walk_open(r, sub, e);
}

static int
walk_root(struct run *r, int fd, struct err *e)
{
	OWN(fd_close) int sub = -1;
	struct capture_item item;

	if (capture_stat(fd, ".", &item, e) < 0 ||
	    capture_open_dir(fd, ".", &sub, e) < 0)
		return -1;
	r->root_n = 0;
	r->root_dev = item.dev;
	return walk_open(r, sub, e);
}

/*
 * The directories above the roots hold nothing but the way to them.
 *
 * skip  bytes of each root (behind its first slash) that r->path has.
 */
static int
walk_above(
    struct run *r, int fd, size_t lo, size_t hi, size_t skip, struct err *e)
{
	struct seen_dir old;

	if (hi - lo == 1 && r->roots[lo][1 + skip] == '\0')
		return walk_root(r, fd, e); /* "/" itself */
	(void)node_new(r, NODE_DIR, buf_bytes(&r->path));
	seen_dir_find(r->seen, buf_bytes(&r->path), &old);
	for (size_t i = lo, next; i < hi; i = next) {
		OWN(passage_free) struct passage p = { .name = NULL };
		if (find_passage(r, fd, i, hi, skip, &p, e) < 0)
			return -1;
		size_t before = path_push(r, p.name, p.n);
		r->passage = !p.root;
		int rc = take_item(r, fd, &p.item, &old, e);
		r->passage = false;
		path_pop(r, before);
		if (rc < 0)
			return -1;
		next = p.hi;
	}
	(void)node_new(r, NODE_END, bytes_str(""));
	for (size_t i = lo, next; i < hi; i = next) {
		OWN(passage_free) struct passage p = { .name = NULL };
		if (find_passage(r, fd, i, hi, skip, &p, e) < 0)
			return -1;
		size_t before = path_push(r, p.name, p.n);
		int rc = go_through(r, fd, i, skip, &p, e);
		path_pop(r, before);
		if (rc < 0)
			return -1;
		next = p.hi;
	}
	return drain(r, e);
}

static int
by_text(const void *a, const void *b)
{
	/* A slash sorts first, so that siblings stand together. */
	const unsigned char *x = *(unsigned char *const *)a;
	const unsigned char *y = *(unsigned char *const *)b;

	while (*x != '\0' && *x == *y) {
		x++;
		y++;
	}
	int cx = *x == '/' ? 1 : *x == '\0' ? 0 : *x + 1;
	int cy = *y == '/' ? 1 : *y == '\0' ? 0 : *y + 1;
	return cx - cy;
}

static int
find_roots(struct run *r, struct err *e)
{
	size_t kept = 0;

	r->roots = mem_array(r->o->n_paths, sizeof *r->roots);
	for (size_t i = 0; i < r->o->n_paths; i++) {
		char *real = realpath(r->o->paths[i], NULL);
		if (real == NULL) {
			(void)err_sys(e, "%s", r->o->paths[i]);
			return err_remedy(e, "Check the path to back up.");
		}
		r->roots[r->n_roots++] = real;
	}
	qsort(r->roots, r->n_roots, sizeof *r->roots, by_text);
	for (size_t i = 0; i < r->n_roots; i++) {
		const char *above = kept > 0 ? r->roots[kept - 1] : NULL;
		size_t n = above != NULL ? strlen(above) : 0;
		if (above != NULL && strncmp(r->roots[i], above, n) == 0 &&
		    (n == 1 || r->roots[i][n] == '/' ||
			r->roots[i][n] == '\0')) {
			free(r->roots[i]);
			continue;
		}
		r->roots[kept++] = r->roots[i];
	}
	r->n_roots = kept;
	return 0;
}

/* ---- the whole ---- */

static int
add_patterns(
    struct exclude *x, const char *const *list, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (exclude_add(x, bytes_str(list[i]), e) < 0)
			return err_in(e, "pattern %s", list[i]);
	return 0;
}

static int
load_patterns(struct run *r, struct err *e)
{
	const struct backup_options *o = r->o;

	r->exclude = exclude_new();
	r->secrets = exclude_new();
	exclude_add_defaults(r->exclude);
	for (size_t i = 0; i < o->n_exclude_files; i++) {
		OWN(buf_free) struct buf text = { 0 };
		if (file_read(o->exclude_files[i], 16 << 20, &text, e) < 0 ||
		    exclude_add_lines(r->exclude, buf_bytes(&text), e) < 0)
			return err_in(e, "%s", o->exclude_files[i]);
	}
	return add_patterns(r->exclude, o->excludes, o->n_excludes, e) < 0 ||
		add_patterns(r->secrets, o->secrets, o->n_secrets, e) < 0
	    ? -1
	    : 0;
}

/* One cache per account and set of roots. */
static char *
seen_path(const struct run *r)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	OWN(buf_free) struct buf name = { 0 };
	struct digest hash;

	digest_add(d, bytes_of(r->repo->self.uid.b, ID_BYTES));
	for (size_t i = 0; i < r->n_roots; i++)
		digest_add(d, bytes_of(r->roots[i], strlen(r->roots[i]) + 1));
	digest_end(d, &hash);
	buf_put_str(&name, "seen-");
	text_hex(&name, bytes_of(hash.b, 16));
	return file_join(r->repo->cache_dir, buf_text(&name));
}

static void
many_files(void)
{
	struct rlimit limit;

	/* One descriptor for each level of the tree. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
describe(struct run *r, struct snapshot *s, int64_t started_ms)
{
	const struct backup_progress *t = &r->result->totals;
	struct sink_totals k = sink_totals(r->sink);

	id_random(&s->id);
	s->time_ms = (uint64_t)started_ms;
	s->duration_ms = r->result->duration_ms;
	s->dev_id = r->repo->self.dev_id;
	s->partial = t->errors > 0;
	buf_put_str(&s->host, r->o->host);
	buf_put_str(&s->user, r->o->user);
	buf_put_str(&s->version, r->o->version);
	for (size_t i = 0; i < r->n_roots; i++)
		snapshot_add_path(s, bytes_str(r->roots[i]));
	for (size_t i = 0; i < r->o->n_tags; i++)
		snapshot_add_tag(s, bytes_str(r->o->tags[i]));
	s->files = t->files;
	s->dirs = t->dirs;
	s->others = t->others;
	s->bytes = t->bytes;
	s->new_bytes = k.new_bytes;
	s->stored_bytes = k.stored_bytes;
	s->errors = t->errors;
	sink_packs(r->sink, CATEGORY_KEYCHAIN, &s->keychain_packs);
}

static bool
used(void *ctx, enum category c, const struct id *pack)
{
	struct run *r = ctx;

	return sink_uses(r->sink, c, pack);
}

struct gone_check {
	struct run *r;
	enum category category;
};

static int
gone_one(void *ctx, const struct id *id, struct err *e)
{
	struct gone_check *g = ctx;

	if (!sink_uses(g->r->sink, g->category, id))
		return 0;
	return err_set(
	    e, ERR_CONFLICT, "another device pruned what this backup uses");
}

/* Asked before each try to commit: is all that the snapshot uses there? */
static int
nothing_gone(void *ctx, struct err *e)
{
	struct run *r = ctx;
	struct gone_check backup = { r, CATEGORY_BACKUP };
	struct gone_check keychain = { r, CATEGORY_KEYCHAIN };

	return zcopy_pull(r->repo->keychain.zone, 0, e) < 0 ||
		zcopy_gone(r->repo->backup.zone, r->run_seq, gone_one, &backup,
		    e) < 0 ||
		zcopy_gone(r->repo->keychain.zone, r->run_keychain_seq,
		    gone_one, &keychain, e) < 0
	    ? -1
	    : 0;
}

/*
 * The snapshot, its refs records when it needs many packs, the end of the run,
 * and the pardon of what was condemned and is used again: one commit.
 */
static int
commit_snapshot(struct run *r, struct snapshot *s, struct err *e)
{
	OWN(buf_free) struct buf packs = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf more = { 0 };
	OWN(buf_free) struct buf pardoned = { 0 };

	sink_packs(r->sink, CATEGORY_BACKUP, &packs);
	if (prune_condemned(r->repo, used, r, &pardoned, e) < 0)
		return -1;
	size_t n = packs.n / ID_BYTES;
	size_t extra = n > LIMIT_REFS ? (n - 1) / LIMIT_REFS : 0;
	size_t free_ids = pardoned.n / ID_BYTES;
	if (free_ids > LIMIT_COMMIT_RECORDS / 2)
		free_ids = LIMIT_COMMIT_RECORDS / 2; /* prune does the rest */
	OWN(mem_free)
	struct zcopy_edit *edits =
	    mem_array(2 + extra + free_ids, sizeof *edits);
	buf_put_u8(&more, SNAPSHOT_REFS_KIND);
	id_put(&more, &s->id);
	for (size_t i = 0; i <= extra; i++) {
		size_t left = n - i * LIMIT_REFS;
		edits[i].refs = bytes_of(packs.p + i * LIMIT_REFS * ID_BYTES,
		    (left < LIMIT_REFS ? left : LIMIT_REFS) * ID_BYTES);
		edits[i].plain = buf_bytes(&more);
		if (i > 0) {
			id_random(&edits[i].id);
			id_put(&s->more_refs, &edits[i].id);
		}
	}
	snapshot_put(&plain, s);
	edits[0].id = s->id;
	edits[0].plain = buf_bytes(&plain);
	size_t at = 1 + extra;
	edits[at++] = (struct zcopy_edit){ .id = r->run, .deleted = true };
	for (size_t i = 0; i < free_ids; i++, at++) {
		memcpy(edits[at].id.b, pardoned.p + i * ID_BYTES, ID_BYTES);
		edits[at].deleted = true;
	}
	return zcopy_commit(
	    r->repo->backup.zone, edits, at, nothing_gone, r, e);
}

static int
finish(struct run *r, struct snapshot *s, int64_t started_ms, struct err *e)
{
	for (int l = 0; l < SINK_LANES; l++)
		submit_lane(r, (enum sink_lane)l);
	if (sink_settle(r->sink, e) < 0 || drain(r, e) < 0 ||
	    tree_out_end(r->tree, &s->tree, &s->index, e) < 0 ||
	    sink_flush(r->sink, e) < 0)
		return -1;
	r->result->duration_ms = (uint64_t)(now_ms() - started_ms);
	describe(r, s, started_ms);
	if (commit_snapshot(r, s, e) < 0)
		return err_in(e, "recording the snapshot");
	r->result->snapshot = s->id;
	r->result->totals.new_bytes = s->new_bytes;
	r->result->totals.stored_bytes = s->stored_bytes;
	return 0;
}

static int
run_once(struct repo *repo, const struct backup_options *o,
    struct backup_result *out, struct err *e)
{
	OWN(run_free)
	struct run r = {
		.repo = repo, .o = o, .result = out, .detail = CAPTURE_DETAIL
	};
	OWN(snapshot_free) struct snapshot s = { 0 };
	OWN(mem_free) char *cache = NULL;
	OWN(fd_close) int root = -1;
	int64_t started_ms = now_ms();

	*out = (struct backup_result){ 0 };
	many_files();
	if (find_roots(&r, e) < 0 || load_patterns(&r, e) < 0)
		return -1;
	cache = seen_path(&r);
	r.seen = seen_open(cache);
	r.capture = capture_new();
	if (!o->dry_run) {
		if (prune_run_begin(repo, &r.run, &r.run_seq, e) < 0)
			return -1;
		r.run_keychain_seq = zcopy_seq(repo->keychain.zone);
		r.sink = sink_new(repo, o->threads);
		r.tree = tree_out_new(r.sink, repo->backup.chunker);
		if (seen_out_new(cache, &r.seen_out, e) < 0)
			return -1;
	}
	if (open_passage(AT_FDCWD, "/", &root, e) < 0 ||
	    walk_above(&r, root, 0, r.n_roots, 0, e) < 0)
		return -1;
	out->totals.path = "";
	if (!o->dry_run && finish(&r, &s, started_ms, e) < 0)
		return -1;
	out->duration_ms = (uint64_t)(now_ms() - started_ms);
	out->partial = out->totals.errors > 0;
	if (o->dry_run)
		return 0;
	/* Caches only: the backup stands without them. */
	struct err ignored;
	if (repo_save(repo, &ignored) < 0 ||
	    seen_out_end(r.seen_out, &ignored) < 0)
		return 0;
	return 0;
}

int
backup_run(struct repo *repo, const struct backup_options *o,
    struct backup_result *out, struct err *e)
{
	for (int tries = 0;; tries++) {
		if (run_once(repo, o, out, e) == 0)
			return 0;
		/* Pruned under our feet: what is gone is stored again. */
		if (e->code != ERR_CONFLICT || tries >= TRIES ||
		    repo_refresh(repo, e) < 0)
			return -1;
	}
}
