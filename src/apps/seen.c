/* SPDX-License-Identifier: ISC */
/* seen.c: the cache of unchanged files. */
#include "apps/seen.h"

#include "base/file.h"
#include "wire/digest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "aumbry-seen v1\n";
#define MAGIC (sizeof magic - 1)
#define FLUSH_BYTES (256 * 1024)

struct place_of {
	uint64_t hash;
	const uint8_t *p; /* behind the length */
	size_t n;
};

struct seen {
	uint8_t *map;
	size_t size;
	struct place_of *dirs; /* open addressing by hash of the path */
	size_t cap, n;
};

static uint64_t
hash_of(struct bytes path)
{
	uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < path.n; i++)
		h = (h ^ path.p[i]) * 0x100000001b3ULL;
	return h | 1;
}

static void
insert(struct seen *s, struct place_of x)
{
	size_t i = (size_t)(x.hash >> 8) & (s->cap - 1);

	while (s->dirs[i].hash != 0)
		i = (i + 1) & (s->cap - 1);
	s->dirs[i] = x;
	s->n++;
}

static void
add_dir(struct seen *s, struct place_of x)
{
	if (2 * s->n >= s->cap) {
		struct seen old = *s;
		s->cap = old.cap == 0 ? 1024 : 2 * old.cap;
		s->n = 0;
		s->dirs = mem_array(s->cap, sizeof *s->dirs);
		for (size_t i = 0; i < old.cap; i++)
			if (old.dirs[i].hash != 0)
				insert(s, old.dirs[i]);
		free(old.dirs);
	}
	insert(s, x);
}

static bool
load(struct seen *s)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest sum;

	if (s->size < MAGIC + DIGEST_BYTES ||
	    !bytes_equal(bytes_of(s->map, MAGIC), bytes_of(magic, MAGIC)))
		return false;
	digest_add(d, bytes_of(s->map, s->size - DIGEST_BYTES));
	digest_end(d, &sum);
	if (!bytes_equal(bytes_of(sum.b, DIGEST_BYTES),
		bytes_of(s->map + s->size - DIGEST_BYTES, DIGEST_BYTES)))
		return false;
	struct scan all =
	    scan_of(bytes_of(s->map + MAGIC, s->size - MAGIC - DIGEST_BYTES));
	while (all.n > 0 && scan_ok(&all)) {
		struct bytes body = scan_v32(&all);
		struct scan b = scan_of(body);
		struct bytes path = scan_take(&b, scan_varint(&b));
		if (!scan_ok(&b))
			return false;
		add_dir(s, (struct place_of){ hash_of(path), body.p, body.n });
	}
	return scan_done(&all);
}

struct seen *
seen_open(const char *path)
{
	struct seen *s = mem_new(sizeof *s);
	OWN(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
		return s;
	void *map =
	    mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return s;
	s->map = map;
	s->size = (size_t)st.st_size;
	if (!load(s)) {
		free(s->dirs);
		s->dirs = NULL;
		s->cap = 0;
	}
	return s;
}

void
seen_free(struct seen **s)
{
	if (*s != NULL) {
		if ((*s)->map != NULL)
			(void)munmap((*s)->map, (*s)->size);
		free((*s)->dirs);
	}
	free(*s);
	*s = NULL;
}

static int64_t
unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static uint64_t
zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

/* Step to the next item; valid becomes false at the end. */
static void
advance(struct seen_dir *d)
{
	struct err ignored;

	d->valid = false;
	if (d->s.n == 0)
		return;
	struct capture_item *t = &d->tuple;
	t->dev = scan_varint(&d->s);
	t->ino = scan_varint(&d->s);
	t->size = scan_varint(&d->s);
	t->mtime_s = unzigzag(scan_varint(&d->s));
	t->mtime_ns = (uint32_t)scan_varint(&d->s);
	t->ctime_s = unzigzag(scan_varint(&d->s));
	t->ctime_ns = (uint32_t)scan_varint(&d->s);
	d->racy = scan_u8(&d->s) != 0;
	d->entry = scan_take(&d->s, scan_varint(&d->s));
	struct scan s = scan_of(d->entry);
	d->valid = scan_ok(&d->s) && entry_take(&s, &d->parsed, &ignored) == 0;
}

void
seen_dir_find(const struct seen *s, struct bytes path, struct seen_dir *out)
{
	uint64_t h = hash_of(path);

	*out = (struct seen_dir){ .valid = false };
	if (s->cap == 0)
		return;
	for (size_t i = (size_t)(h >> 8) & (s->cap - 1); s->dirs[i].hash != 0;
	     i = (i + 1) & (s->cap - 1)) {
		struct scan b = scan_of(bytes_of(s->dirs[i].p, s->dirs[i].n));
		if (s->dirs[i].hash != h ||
		    !bytes_equal(scan_take(&b, scan_varint(&b)), path))
			continue;
		out->s = b;
		advance(out);
		return;
	}
}

struct bytes
seen_item(struct seen_dir *d, const struct capture_item *item)
{
	struct bytes name = bytes_of(item->name, item->name_n);
	const struct capture_item *t = &d->tuple;

	while (d->valid && bytes_cmp(d->parsed.name, name) < 0)
		advance(d);
	if (!d->valid || d->racy || !bytes_equal(d->parsed.name, name) ||
	    d->parsed.type != item->type || t->dev != item->dev ||
	    t->ino != item->ino || t->size != item->size ||
	    t->mtime_s != item->mtime_s || t->mtime_ns != item->mtime_ns ||
	    t->ctime_s != item->ctime_s || t->ctime_ns != item->ctime_ns)
		return (struct bytes){ NULL, 0 };
	return d->entry;
}

/* ---- writing ---- */

struct seen_out {
	char *path, *tmp;
	int fd;
	struct digest_state *digest;
	struct buf out, dir;
	struct err err;
	bool failed;
};

int
seen_out_new(const char *path, struct seen_out **out, struct err *e)
{
	OWN(seen_out_free) struct seen_out *w = mem_new(sizeof *w);
	OWN(buf_free) struct buf tmp = { 0 };

	buf_printf(&tmp, "%s.new", path);
	w->path = mem_text(path);
	w->tmp = mem_text(buf_text(&tmp));
	w->digest = digest_new();
	w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return err_sys(e, "%s", w->tmp);
	buf_put(&w->out, magic, MAGIC);
	*out = TAKE(w);
	return 0;
}

void
seen_out_free(struct seen_out **wp)
{
	struct seen_out *w = *wp;

	if (w == NULL)
		return;
	if (w->fd >= 0)
		(void)unlink(w->tmp);
	fd_close(&w->fd);
	digest_free(&w->digest);
	buf_free(&w->out);
	buf_free(&w->dir);
	free(w->path);
	free(w->tmp);
	free(w);
	*wp = NULL;
}

static void
flush(struct seen_out *w)
{
	digest_add(w->digest, buf_bytes(&w->out));
	if (!w->failed &&
	    file_write_all(w->fd, buf_bytes(&w->out), &w->err) < 0)
		w->failed = true;
	buf_clear(&w->out);
}

void
seen_out_begin(struct seen_out *w, struct bytes path)
{
	buf_clear(&w->dir);
	buf_put_varint(&w->dir, path.n);
	buf_put_bytes(&w->dir, path);
}

void
seen_out_item(struct seen_out *w, const struct capture_item *t,
    int64_t opened_s, struct bytes entry)
{
	struct buf *b = &w->dir;
	bool racy = t->mtime_s > opened_s - SEEN_RACY_S ||
	    t->ctime_s > opened_s - SEEN_RACY_S;

	buf_put_varint(b, t->dev);
	buf_put_varint(b, t->ino);
	buf_put_varint(b, t->size);
	buf_put_varint(b, zigzag(t->mtime_s));
	buf_put_varint(b, t->mtime_ns);
	buf_put_varint(b, zigzag(t->ctime_s));
	buf_put_varint(b, t->ctime_ns);
	buf_put_u8(b, racy);
	buf_put_varint(b, entry.n);
	buf_put_bytes(b, entry);
}

void
seen_out_end_dir(struct seen_out *w)
{
	if (w->dir.n <= UINT32_MAX)
		buf_put_v32(&w->out, buf_bytes(&w->dir));
	if (w->out.n >= FLUSH_BYTES)
		flush(w);
}

int
seen_out_end(struct seen_out *w, struct err *e)
{
	struct digest sum;

	flush(w);
	digest_end(w->digest, &sum);
	if (w->failed) {
		*e = w->err;
		return -1;
	}
	/* No fsync: what a power cut tears, the digest finds. */
	if (file_write_all(w->fd, bytes_of(sum.b, DIGEST_BYTES), e) < 0)
		return err_in(e, "%s", w->tmp);
	fd_close(&w->fd);
	if (rename(w->tmp, w->path) < 0)
		return err_sys(e, "%s", w->path);
	return 0;
}
