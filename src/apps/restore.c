/* SPDX-License-Identifier: ISC */
/* restore.c: planning by pack, writing with several threads. */
/*
 * The tree is read once: directories are made, links and small things noted,
 * and every chunk of every file becomes a task (pack, entry, file, offset).
 * Sorted by pack, each pack is then fetched once, whatever order the files
 * have, and its chunks are written where they belong.
 */
#include "apps/restore.h"

#include "apps/include.h"
#include "apps/tree.h"
#include "base/file.h"
#include "base/idset.h"
#include "base/now.h"
#include "vault/pack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stored bytes fetched by one request. A block is fetched whole: not less. */
#define RUN_BYTES PACK_BLOCK
#define MAX_THREADS 16
#define OPEN_MAX_FILES 512 /* files begun and not done, per restore */

struct file {
	struct bytes raw; /* stored entry without content, in the arena */
	struct bytes path;
	uint32_t chunks;
	atomic_uint left; /* chunks to come */
	atomic_bool failed;
	pthread_mutex_t *lock; /* of `out`; one of a few */
	struct place_file *out; /* NULL until begun */
};

struct task {
	uint32_t pack; /* number in packs */
	uint32_t entry;
	uint32_t file;
	uint32_t chunk_first; /* this is the file's only chunk */
	uint64_t offset; /* in the file's data */
};

struct pack_ref {
	struct id id;
	uint8_t category;
	uint32_t order; /* by first use */
};

/* Objects that are made after the files: their entry and path. */
struct later {
	struct bytes raw, path;
};

struct arena_part {
	struct arena_part *next;
	size_t used, cap;
	uint8_t bytes[];
};

#define LOCKS 64

struct restore {
	struct repo *repo;
	const struct restore_options *o;
	struct restore_result *result;
	struct place *place;
	struct source *src;
	struct include *include; /* NULL: all */
	struct arena_part *arena;
	struct bytes strip; /* leading part of paths that is not restored */
	struct file *files;
	size_t n_files, cap_files;
	struct task *tasks;
	size_t n_tasks, cap_tasks;
	struct pack_ref *packs;
	size_t n_packs, cap_packs;
	uint32_t *pack_slots; /* open addressing: number + 1 */
	size_t slots;
	struct later *dirs, *links;
	size_t n_dirs, cap_dirs, n_links, cap_links;
	pthread_mutex_t locks[LOCKS];
	pthread_mutex_t lock; /* result, next, err */
	size_t next; /* task to hand out */
	struct err err; /* what stops everything */
	atomic_bool stopped;
};

static void
restore_free(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].out != NULL) {
			place_file_free(r->files[i].out);
			free(r->files[i].out);
		}
	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_destroy(&r->locks[i]);
	(void)pthread_mutex_destroy(&r->lock);
	while (r->arena != NULL) {
		struct arena_part *next = r->arena->next;
		free(r->arena);
		r->arena = next;
	}
	free(r->files);
	free(r->tasks);
	free(r->packs);
	free(r->pack_slots);
	free(r->dirs);
	free(r->links);
	include_free(&r->include);
	source_free(&r->src);
	place_free(&r->place);
}

static struct bytes
keep(struct restore *r, struct bytes x)
{
	struct arena_part *a = r->arena;

	if (a == NULL || a->cap - a->used < x.n) {
		size_t cap = x.n > 65536 ? x.n : 65536;
		a = mem_new(sizeof *a + cap);
		a->cap = cap;
		a->next = r->arena;
		r->arena = a;
	}
	uint8_t *p = a->bytes + a->used;
	if (x.n > 0)
		memcpy(p, x.p, x.n);
	a->used += x.n;
	return bytes_of(p, x.n);
}

/* Room for one more; returns the array, maybe moved. */
static void *
room(void *list, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return list;
	*cap = *cap == 0 ? 64 : 2 * *cap;
	return mem_resize(list, *cap, size);
}

static void
failed(struct restore *r, struct bytes path, const struct err *why)
{
	(void)pthread_mutex_lock(&r->lock);
	r->result->errors++;
	if (err_exit(why->code) == 6)
		r->result->damaged++;
	if (why->code == ERR_CATEGORY_CLOSED)
		r->result->closed++;
	if (r->o->warn != NULL)
		r->o->warn(r->o->ctx, path, why);
	(void)pthread_mutex_unlock(&r->lock);
}

/* What makes going on senseless. */
static bool
fatal(const struct err *why)
{
	return why->code == ERR_DISK_FULL_HERE ||
	    why->code == ERR_SERVER_UNREACHABLE ||
	    why->code == ERR_DEVICE_REMOVED ||
	    why->code == ERR_CERTIFICATE_CHANGED;
}

static void
stop(struct restore *r, const struct err *why)
{
	(void)pthread_mutex_lock(&r->lock);
	if (!atomic_load(&r->stopped))
		r->err = *why;
	atomic_store(&r->stopped, true);
	(void)pthread_mutex_unlock(&r->lock);
}

/* ---- planning ---- */

static uint32_t
pack_number(struct restore *r, enum category c, const struct id *id)
{
	if (2 * (r->n_packs + 1) > r->slots) {
		free(r->pack_slots);
		r->slots = r->slots == 0 ? 256 : 2 * r->slots;
		r->pack_slots = mem_array(r->slots, sizeof *r->pack_slots);
		for (size_t k = 0; k < r->n_packs; k++) {
			size_t i = be64(r->packs[k].id.b) & (r->slots - 1);
			while (r->pack_slots[i] != 0)
				i = (i + 1) & (r->slots - 1);
			r->pack_slots[i] = (uint32_t)k + 1;
		}
	}
	size_t i = be64(id->b) & (r->slots - 1);
	for (; r->pack_slots[i] != 0; i = (i + 1) & (r->slots - 1))
		if (id_equal(&r->packs[r->pack_slots[i] - 1].id, id))
			return r->pack_slots[i] - 1;
	r->packs = room(r->packs, r->n_packs, &r->cap_packs, sizeof *r->packs);
	r->packs[r->n_packs] =
	    (struct pack_ref){ *id, (uint8_t)c, (uint32_t)r->n_packs };
	r->pack_slots[i] = (uint32_t)r->n_packs + 1;
	return (uint32_t)r->n_packs++;
}

static int
plan_chunks(struct restore *r, const struct entry *x, uint32_t number,
    uint32_t *chunks, struct err *e)
{
	enum category c =
	    x->category == ENTRY_KEYCHAIN ? CATEGORY_KEYCHAIN : CATEGORY_BACKUP;
	struct scan s = scan_of(x->content);
	size_t first = r->n_tasks;
	uint64_t offset = 0;

	while (s.n > 0) {
		struct digest name;
		struct id pack;
		uint32_t length, entry;
		if (tree_content(&s, &name, &length, e) < 0)
			return -1;
		if (source_find(r->src, c, &name, &pack, &entry, e) < 0) {
			r->n_tasks = first;
			return -1;
		}
		r->tasks =
		    room(r->tasks, r->n_tasks, &r->cap_tasks, sizeof *r->tasks);
		r->tasks[r->n_tasks++] =
		    (struct task){ pack_number(r, c, &pack), entry, number, 0,
			    offset };
		offset += length;
		(*chunks)++;
	}
	if (!x->sparse && offset != x->size) {
		r->n_tasks = first;
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "the file's chunks do not add up to its size");
	}
	return 0;
}

static int
plan_file(struct restore *r, struct bytes path, struct bytes raw,
    const struct entry *x, struct err *e)
{
	struct err why;
	bool same = false;
	uint32_t chunks = 0;

	r->result->totals.all_files++;
	r->result->totals.all_bytes += x->size;
	if (place_same(r->place, path, x, &same, &why) < 0) {
		failed(r, path, &why);
		return 0;
	}
	if (same) {
		r->result->totals.files++;
		r->result->totals.bytes += x->size;
		return 0;
	}
	if (plan_chunks(r, x, (uint32_t)r->n_files, &chunks, &why) < 0) {
		failed(r, path, &why);
		return 0;
	}
	(void)e;
	r->files = room(r->files, r->n_files, &r->cap_files, sizeof *r->files);
	struct file *f = &r->files[r->n_files];
	memset(f, 0, sizeof *f);
	f->raw = raw;
	f->path = path;
	f->chunks = chunks;
	f->lock = &r->locks[r->n_files % LOCKS];
	atomic_init(&f->left, chunks);
	atomic_init(&f->failed, false);
	r->n_files++;
	if (chunks == 1)
		r->tasks[r->n_tasks - 1].chunk_first = 1;
	return 0;
}

/* Hard links after the first one: by device and inode. */
struct link_seen {
	uint64_t dev, ino;
	struct bytes path;
};

struct planner {
	struct restore *r;
	struct link_seen *links; /* open addressing */
	size_t n, cap;
};

static void
planner_free(struct planner *p)
{
	free(p->links);
}

/* The path of the first name of this inode; remembers this one if none. */
static struct bytes
first_name(struct planner *p, const struct entry *x, struct bytes path)
{
	if (2 * (p->n + 1) > p->cap) {
		struct planner old = *p;
		p->cap = old.cap == 0 ? 64 : 2 * old.cap;
		p->links = mem_array(p->cap, sizeof *p->links);
		for (size_t k = 0; k < old.cap; k++) {
			if (old.links[k].path.p == NULL)
				continue;
			size_t i =
			    (old.links[k].ino * 0x9e3779b97f4a7c15ULL >> 20) &
			    (p->cap - 1);
			while (p->links[i].path.p != NULL)
				i = (i + 1) & (p->cap - 1);
			p->links[i] = old.links[k];
		}
		free(old.links);
	}
	size_t i = (x->ino * 0x9e3779b97f4a7c15ULL >> 20) & (p->cap - 1);
	for (; p->links[i].path.p != NULL; i = (i + 1) & (p->cap - 1))
		if (p->links[i].dev == x->dev && p->links[i].ino == x->ino)
			return p->links[i].path;
	p->links[i] = (struct link_seen){ x->dev, x->ino, path };
	p->n++;
	return (struct bytes){ NULL, 0 };
}

static struct bytes
without_content(struct restore *r, const struct entry *x)
{
	OWN(buf_free) struct buf b = { 0 };
	struct entry y = *x;

	y.content = (struct bytes){ NULL, 0 };
	entry_put(&b, &y);
	return keep(r, buf_bytes(&b));
}

static void
add_later(struct restore *r, struct later **list, size_t *n, size_t *cap,
    struct bytes raw, struct bytes path)
{
	(void)r;
	*list = room(*list, *n, cap, sizeof **list);
	(*list)[(*n)++] = (struct later){ raw, path };
}

static int entry_of(struct bytes raw, struct entry *x, struct err *e);

/* An include_fn, too. */
static int
plan_dir(void *ctx, struct bytes path, struct bytes raw, struct err *e)
{
	struct restore *r = ctx;
	struct entry x;
	struct err why;

	if (r->o->list != NULL) {
		if (entry_of(raw, &x, e) < 0)
			return -1;
		r->o->list(r->o->ctx, path, &x);
	}
	if (r->o->dry_run)
		return 0;
	if (place_dir(r->place, path, &why) < 0)
		failed(r, path, &why);
	else
		add_later(r, &r->dirs, &r->n_dirs, &r->cap_dirs, raw, path);
	return 0;
}

/* Is it asked for? Then what is above it is planned as well. */
static int
ask(struct restore *r, struct bytes path, const struct entry *x, bool *wanted,
    struct err *e)
{
	bool is_dir = x->type == ENTRY_DIRECTORY;

	*wanted = r->include == NULL || include_wants(r->include, path, is_dir);
	if (r->include == NULL)
		return 0;
	if (is_dir)
		include_note(r->include, path, without_content(r, x), *wanted);
	return *wanted ? include_above(r->include, path, plan_dir, r, e) : 0;
}

static int
plan_entry(
    struct planner *p, struct bytes path, const struct entry *x, struct err *e)
{
	struct restore *r = p->r;
	struct err why;
	bool wanted;

	if (ask(r, path, x, &wanted, e) < 0)
		return -1;
	if (!wanted)
		return 0;
	if (x->type == ENTRY_DIRECTORY)
		return plan_dir(r, path, without_content(r, x), e);
	if (r->o->list != NULL)
		r->o->list(r->o->ctx, path, x);
	if (r->o->dry_run) {
		r->result->totals.all_files += x->type == ENTRY_REGULAR;
		r->result->totals.all_bytes += x->size;
		return 0;
	}
	if (x->nlink > 1) {
		struct bytes first = first_name(p, x, path);
		if (first.p != NULL) {
			/* raw: the path of the first name, then the entry. */
			OWN(buf_free) struct buf both = { 0 };
			struct entry y = *x;
			y.content = (struct bytes){ NULL, 0 };
			buf_put_v32(&both, first);
			entry_put(&both, &y);
			add_later(r, &r->links, &r->n_links, &r->cap_links,
			    keep(r, buf_bytes(&both)), path);
			return 0;
		}
	}
	int rc = 0;
	if (x->type == ENTRY_REGULAR)
		return plan_file(r, path, without_content(r, x), x, e);
	if (x->type == ENTRY_SYMLINK)
		rc = place_symlink(r->place, path, x, &why);
	else
		rc = place_special(r->place, path, x, &why);
	if (rc < 0) {
		if (fatal(&why)) {
			*e = why;
			return -1;
		}
		failed(r, path, &why);
	}
	return 0;
}

static int
plan_one(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	struct planner *p = ctx;
	struct restore *r = p->r;
	OWN(buf_free) struct buf path = { 0 };

	buf_put_bytes(&path, dir);
	if (dir.n > 0)
		buf_put_u8(&path, '/');
	buf_put_bytes(&path, x->name);
	struct bytes rel = bytes_of(path.p + r->strip.n, path.n - r->strip.n);
	return plan_entry(p, keep(r, rel), x, e);
}

/* The part of the tree that was asked for. */
static int
plan(struct restore *r, const struct snapshot *snap, struct err *e)
{
	OWN(planner_free) struct planner p = { .r = r };
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf strip = { 0 };
	struct bytes path = bytes_str(r->o->path);
	struct entry x;

	while (path.n > 0 && path.p[0] == '/')
		path = bytes_of(path.p + 1, path.n - 1);
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	if (path.n == 0)
		return tree_walk(r->src, snap, path, true, plan_one, &p, e);
	if (tree_find(r->src, snap, path, &raw, &x, e) < 0)
		return err_in(e, "%s", r->o->path);
	if (x.type != ENTRY_DIRECTORY)
		return plan_entry(&p, keep(r, x.name), &x, e);
	/* The target becomes that directory. */
	if (!r->o->dry_run)
		add_later(r, &r->dirs, &r->n_dirs, &r->cap_dirs,
		    without_content(r, &x), bytes_str(""));
	buf_put_bytes(&strip, path);
	buf_put_u8(&strip, '/');
	r->strip = keep(r, buf_bytes(&strip));
	return tree_walk(r->src, snap, path, true, plan_one, &p, e);
}

static int
by_pack(const void *a, const void *b)
{
	const struct task *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

/* ---- writing ---- */

static int
entry_of(struct bytes raw, struct entry *x, struct err *e)
{
	struct scan s = scan_of(raw);

	return entry_take(&s, x, e);
}

static void
file_over(struct restore *r, const struct entry *x)
{
	(void)pthread_mutex_lock(&r->lock);
	r->result->totals.files++;
	r->result->totals.bytes += x->size;
	if (r->o->progress != NULL)
		r->o->progress(r->o->ctx, &r->result->totals);
	(void)pthread_mutex_unlock(&r->lock);
}

/* Where a place in the file's data stands in the file: holes are skipped. */
static int
write_at(int fd, const struct entry *x, uint64_t offset, struct bytes data,
    struct err *e)
{
	struct bytes rest = x->extents;
	uint64_t end = 0, at, n, before = 0;

	if (!x->sparse)
		return file_pwrite_all(fd, data, offset, e);
	while (data.n > 0 && entry_extent_next(&rest, &end, &at, &n)) {
		if (offset < before + n) {
			uint64_t skip = offset - before;
			size_t some =
			    data.n < n - skip ? data.n : (size_t)(n - skip);
			if (file_pwrite_all(
				fd, bytes_of(data.p, some), at + skip, e) < 0)
				return -1;
			data.p += some;
			data.n -= some;
			offset += some;
		}
		before += n;
	}
	if (data.n > 0)
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "a sparse file has more data than its map");
	return 0;
}

static int
whole_file(struct restore *r, struct file *f, const struct entry *x,
    struct bytes data, struct err *e)
{
	OWN(place_file_free) struct place_file out = PLACE_FILE;

	if (place_file_begin(r->place, f->path, x, &out, e) < 0 ||
	    (data.n > 0 && write_at(out.fd, x, 0, data, e) < 0) ||
	    place_file_done(&out, x, e) < 0)
		return -1;
	file_over(r, x);
	return 0;
}

static int
part_of_file(struct restore *r, struct file *f, const struct entry *x,
    const struct task *t, struct bytes data, struct err *e)
{
	int rc = 0;

	(void)pthread_mutex_lock(f->lock);
	if (f->out == NULL && !atomic_load(&f->failed)) {
		f->out = mem_new(sizeof *f->out);
		f->out->fd = -1;
		rc = place_file_begin(r->place, f->path, x, f->out, e);
	}
	(void)pthread_mutex_unlock(f->lock);
	if (rc == 0 && !atomic_load(&f->failed))
		rc = write_at(f->out->fd, x, t->offset, data, e);
	return rc;
}

/* A chunk is dealt with, well or badly; the last one closes the file. */
static void
chunk_over(struct restore *r, struct file *f, const struct entry *x)
{
	struct err why;

	if (atomic_fetch_sub(&f->left, 1) != 1 || f->out == NULL)
		return;
	if (atomic_load(&f->failed)) {
		place_file_free(f->out);
	} else if (place_file_done(f->out, x, &why) < 0) {
		failed(r, f->path, &why);
		place_file_free(f->out);
	} else {
		file_over(r, x);
	}
	free(f->out);
	f->out = NULL;
}

static void
file_fails(struct restore *r, struct file *f, const struct err *why)
{
	if (!atomic_exchange(&f->failed, true))
		failed(r, f->path, why);
	if (fatal(why))
		stop(r, why);
}

struct worker {
	struct restore *r;
	struct source *src;
	const struct task *tasks; /* those of this run, by entry */
	size_t at, n;
};

static int
take_chunk(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct worker *w = ctx;
	struct restore *r = w->r;

	/* One chunk may stand in many places. */
	for (; w->at < w->n && w->tasks[w->at].entry == entry; w->at++) {
		const struct task *t = &w->tasks[w->at];
		struct file *f = &r->files[t->file];
		struct entry x;
		struct err why;
		if (entry_of(f->raw, &x, &why) < 0) {
			file_fails(r, f, &why);
			continue;
		}
		int rc = t->chunk_first
		    ? whole_file(r, f, &x, plain, &why)
		    : part_of_file(r, f, &x, t, plain, &why);
		if (rc < 0)
			file_fails(r, f, &why);
		if (!t->chunk_first)
			chunk_over(r, f, &x);
	}
	if (!atomic_load(&r->stopped))
		return 0;
	return err_set(e, ERR_INTERNAL, "stopped");
}

static uint32_t
block_of(const struct restore *r, const struct ptable *t, size_t task)
{
	return t->entries[r->tasks[task].entry].block;
}

/* Begin tasks [from, to): their entries, each once. */
static size_t
take_tasks(struct worker *w, size_t from, size_t to, uint32_t *list)
{
	const struct task *tasks = &w->r->tasks[from];
	size_t n = 0;

	for (size_t i = 0; i < to - from; i++)
		if (n == 0 || list[n - 1] != tasks[i].entry)
			list[n++] = tasks[i].entry;
	w->tasks = tasks;
	w->at = 0;
	w->n = to - from;
	return n;
}

/* Tasks [from, to) lie in blocks of one pack that are fetched at once. */
static int
try_run(struct worker *w, const struct ptable *t, enum category c, size_t from,
    size_t to, struct err *e)
{
	OWN(mem_free) uint32_t *list = mem_array(to - from, sizeof *list);
	size_t n = take_tasks(w, from, to, list);

	return source_run(w->src, c, t, block_of(w->r, t, from),
	    block_of(w->r, t, to - 1), list, n, take_chunk, w, e);
}

/* What could not be reached fails, each file once. */
static void
chunks_fail(struct worker *w, size_t from, size_t to, const struct err *why)
{
	for (size_t i = from; i < to; i++) {
		const struct task *t = &w->r->tasks[i];
		struct file *f = &w->r->files[t->file];
		struct entry x;
		struct err ignored;
		file_fails(w->r, f, why);
		if (!t->chunk_first && entry_of(f->raw, &x, &ignored) == 0)
			chunk_over(w->r, f, &x);
	}
}

/* A damage costs its own block, not what was fetched with it. */
static void
fetch_run(struct worker *w, const struct ptable *t, enum category c,
    size_t from, size_t to)
{
	struct err why;

	if (try_run(w, t, c, from, to, &why) == 0)
		return;
	from += w->at; /* these are done */
	if (fatal(&why) || atomic_load(&w->r->stopped)) {
		chunks_fail(w, from, to, &why);
		return;
	}
	while (from < to) {
		size_t end = from + 1;
		while (end < to &&
		    block_of(w->r, t, end) == block_of(w->r, t, from))
			end++;
		if (try_run(w, t, c, from, end, &why) < 0)
			chunks_fail(w, from + w->at, end, &why);
		from = end;
	}
}

/* The pack was rewritten since: its chunks one by one, by their names. */
static void
fetch_moved(struct worker *w, enum category c, const struct id *pack,
    size_t from, size_t to)
{
	OWN(mem_free) uint32_t *list = mem_array(to - from, sizeof *list);
	struct err why;

	while (from < to && !atomic_load(&w->r->stopped)) {
		size_t n = take_tasks(w, from, to, list);
		if (source_moved(
			w->src, c, pack, list, n, take_chunk, w, &why) == 0)
			return;
		from += w->at;
		size_t end = from;
		while (end < to &&
		    w->r->tasks[end].entry == w->r->tasks[from].entry)
			end++;
		chunks_fail(w, from, end, &why);
		from = end;
	}
}

static void
pack_fails(struct worker *w, size_t from, size_t to, const struct err *why)
{
	for (size_t i = from; i < to; i++)
		file_fails(w->r, &w->r->files[w->r->tasks[i].file], why);
}

/* All tasks of one pack, in runs of a few MiB. */
static void
fetch_pack(struct worker *w, size_t from, size_t to)
{
	struct restore *r = w->r;
	const struct pack_ref *p = &r->packs[r->tasks[from].pack];
	enum category c = (enum category)p->category;
	const struct ptable *t;
	struct err why;

	if (source_table(w->src, c, &p->id, &t, &why) < 0) {
		if (why.code == ERR_NOT_FOUND) {
			fetch_moved(w, c, &p->id, from, to);
			return;
		}
		pack_fails(w, from, to, &why);
		return;
	}
	while (from < to && !atomic_load(&r->stopped)) {
		if (r->tasks[to - 1].entry >= t->n_entries) {
			(void)err_set(&why, ERR_SNAPSHOT_DAMAGED,
			    "a pack holds less than it should");
			pack_fails(w, from, to, &why);
			return;
		}
		const struct ptable_block *first =
		    &t->blocks[t->entries[r->tasks[from].entry].block];
		size_t end = from + 1;
		while (end < to) {
			const struct ptable_block *b =
			    &t->blocks[t->entries[r->tasks[end].entry].block];
			if (b->offset + b->stored - first->offset > RUN_BYTES)
				break;
			end++;
		}
		fetch_run(w, t, c, from, end);
		from = end;
	}
}

static void *
work(void *arg)
{
	struct restore *r = arg;
	struct worker w = { .r = r, .src = source_new(r->repo) };

	while (!atomic_load(&r->stopped)) {
		(void)pthread_mutex_lock(&r->lock);
		size_t from = r->next, to = from;
		while (
		    to < r->n_tasks && r->tasks[to].pack == r->tasks[from].pack)
			to++;
		r->next = to;
		(void)pthread_mutex_unlock(&r->lock);
		if (from == to)
			break;
		fetch_pack(&w, from, to);
	}
	source_free(&w.src);
	return NULL;
}

static void
fetch_all(struct restore *r)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	/* One more than cores: some wait for the server. */
	unsigned n = r->o->threads != 0 ? r->o->threads
	    : cores > 0			? (unsigned)cores + 1
					: 2;
	pthread_t threads[MAX_THREADS];

	if (n > MAX_THREADS)
		n = MAX_THREADS;
	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, r) != 0)
			abort();
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

static void
empty_files(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct file *f = &r->files[i];
		struct entry x;
		struct err why;
		if (f->chunks > 0)
			continue;
		if (entry_of(f->raw, &x, &why) < 0 ||
		    whole_file(r, f, &x, bytes_str(""), &why) < 0)
			file_fails(r, f, &why);
	}
}

static void
hard_links(struct restore *r)
{
	for (size_t i = 0; i < r->n_links; i++) {
		struct scan s = scan_of(r->links[i].raw);
		struct bytes first = scan_v32(&s);
		struct entry x;
		struct err why;
		bool same = false;
		if (entry_take(&s, &x, &why) < 0 ||
		    place_hardlink(
			r->place, first, r->links[i].path, &x, &why) < 0)
			failed(r, r->links[i].path, &why);
		(void)same;
	}
}

static void
finish_dirs(struct restore *r)
{
	for (size_t i = r->n_dirs; i-- > 0;) {
		struct entry x;
		struct err why;
		if (entry_of(r->dirs[i].raw, &x, &why) < 0 ||
		    place_dir_done(r->place, r->dirs[i].path, &x, &why) < 0)
			failed(r, r->dirs[i].path, &why);
	}
}

static int
prepare(struct restore *r, struct err *e)
{
	const struct restore_options *o = r->o;

	(void)pthread_mutex_init(&r->lock, NULL);
	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_init(&r->locks[i], NULL);
	r->src = source_new(r->repo);
	if (o->n_includes > 0) {
		r->include = include_new();
		for (size_t i = 0; i < o->n_includes; i++)
			if (include_add(
				r->include, bytes_str(o->includes[i]), e) < 0)
				return -1;
	}
	if (o->dry_run)
		return 0;
	if (place_open(o->to, o->rule, &r->place, e) < 0)
		return -1;
	if (o->tame)
		place_tame(r->place);
	return 0;
}

int
restore_run(struct repo *repo, const struct snapshot *snap,
    const struct restore_options *o, struct restore_result *out, struct err *e)
{
	OWN(restore_free)
	struct restore r = { .repo = repo, .o = o, .result = out };
	int64_t started = now_mono_ns();

	*out = (struct restore_result){ 0 };
	if (prepare(&r, e) < 0 || plan(&r, snap, e) < 0)
		return -1;
	if (o->dry_run)
		return 0;
	if (r.n_tasks > 1)
		qsort(r.tasks, r.n_tasks, sizeof *r.tasks, by_pack);
	empty_files(&r);
	fetch_all(&r);
	if (!atomic_load(&r.stopped)) {
		hard_links(&r);
		finish_dirs(&r);
		struct err why;
		if (place_sync(r.place, &why) < 0)
			stop(&r, &why);
	}
	out->counts = place_counts(r.place);
	out->duration_ms = (uint64_t)((now_mono_ns() - started) / 1000000);
	if (atomic_load(&r.stopped)) {
		*e = r.err;
		return -1;
	}
	return 0;
}
