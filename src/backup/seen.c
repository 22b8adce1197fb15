/* SPDX-License-Identifier: ISC */
/* seen.c: the cache of unchanged files. */
#include "backup/seen.h"

#include "backup/dirs.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "aumbry-seen v2\n";
#define MAGIC (sizeof magic - 1)
#define TOTALS 16 /* bytes of the two numbers */
#define FLUSH_BYTES (256 * 1024)

struct seen {
	uint8_t *map;
	size_t size;
	struct scan rest; /* from the next directory on, or in one */
	bool in_dir; /* its items are not read to the end */
	struct bytes path; /* of the directory that was read last */
	bool has_path; /* and was not asked for yet */
	bool same_rules;
	struct seen_totals totals;
};

static bool
load(struct seen *s, const struct digest *rules)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest sum;

	if (s->size < MAGIC + 2 * DIGEST_BYTES + TOTALS ||
	    !bytes_equal(bytes_of(s->map, MAGIC), bytes_of(magic, MAGIC)))
		return false;
	digest_add(d, bytes_of(s->map, s->size - DIGEST_BYTES));
	digest_end(d, &sum);
	if (!bytes_equal(bytes_of(sum.b, DIGEST_BYTES),
		bytes_of(s->map + s->size - DIGEST_BYTES, DIGEST_BYTES)))
		return false;
	struct scan all =
	    scan_of(bytes_of(s->map + MAGIC, s->size - MAGIC - DIGEST_BYTES));
	struct digest was = digest_take(&all);
	s->same_rules = digest_equal(&was, rules);
	s->rest = scan_of(scan_take(&all, all.n - TOTALS));
	s->totals.files = scan_u64(&all);
	s->totals.bytes = scan_u64(&all);
	return scan_done(&all);
}

struct seen *
seen_open(const char *path, const struct digest *rules)
{
	struct seen *s = mem_new(sizeof *s);
	OWN(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	s->rest = scan_of((struct bytes){ NULL, 0 });
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
		return s;
	void *map =
	    mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return s;
	s->map = map;
	s->size = (size_t)st.st_size;
	if (!load(s, rules)) {
		s->rest = scan_of((struct bytes){ NULL, 0 });
		s->totals = (struct seen_totals){ 0 };
	}
	return s;
}

bool
seen_same_rules(const struct seen *s)
{
	return s->same_rules;
}

struct seen_totals
seen_totals(const struct seen *s)
{
	return s->totals;
}

void
seen_free(struct seen **s)
{
	if (*s != NULL) {
		if ((*s)->map != NULL)
			(void)munmap((*s)->map, (*s)->size);
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

/* Step over the next item; false at the end of its directory. */
static bool
next_item(struct scan *s, struct seen_dir *d)
{
	if (scan_u8(s) != 1)
		return false;
	struct capture_item *t = &d->tuple;
	t->dev = scan_varint(s);
	t->ino = scan_varint(s);
	t->size = scan_varint(s);
	t->mtime_s = unzigzag(scan_varint(s));
	t->mtime_ns = (uint32_t)scan_varint(s);
	t->ctime_s = unzigzag(scan_varint(s));
	t->ctime_ns = (uint32_t)scan_varint(s);
	d->racy = scan_u8(s) != 0;
	d->entry = scan_take(s, scan_varint(s));
	return scan_ok(s);
}

/* Step to the next item; valid becomes false at the end. */
static void
advance(struct seen_dir *d)
{
	struct err ignored;

	d->valid = d->seen != NULL && next_item(&d->seen->rest, d);
	if (!d->valid) {
		if (d->seen != NULL)
			d->seen->in_dir = false;
		d->seen = NULL;
		return;
	}
	struct scan s = scan_of(d->entry);
	d->valid = entry_take(&s, &d->parsed, &ignored) == 0;
}

/* The path of the next directory; false when none is left. */
static bool
next_dir(struct seen *s)
{
	struct seen_dir skipped;

	while (s->in_dir)
		s->in_dir = next_item(&s->rest, &skipped);
	if (s->rest.n == 0 || !scan_ok(&s->rest))
		return false;
	s->path = scan_take(&s->rest, scan_varint(&s->rest));
	s->in_dir = s->has_path = scan_ok(&s->rest);
	return s->has_path;
}

void
seen_dir_find(struct seen *s, struct bytes path, struct seen_dir *out)
{
	int order = -1;

	*out = (struct seen_dir){ .valid = false };
	while ((s->has_path || next_dir(s)) &&
	    (order = dirs_cmp(s->path, path)) < 0)
		s->has_path = false;
	if (!s->has_path || order != 0)
		return;
	s->has_path = false;
	out->seen = s;
	advance(out);
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
	struct buf out;
	struct err err;
	bool failed;
};

int
seen_out_new(const char *path, const struct digest *rules,
    struct seen_out **out, struct err *e)
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
	digest_put(&w->out, rules);
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
	buf_put_varint(&w->out, path.n);
	buf_put_bytes(&w->out, path);
}

void
seen_out_item(struct seen_out *w, const struct capture_item *t,
    int64_t opened_s, struct bytes entry)
{
	struct buf *b = &w->out;
	bool racy = t->mtime_s > opened_s - SEEN_RACY_S ||
	    t->ctime_s > opened_s - SEEN_RACY_S;

	buf_put_u8(b, 1);
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
	if (b->n >= FLUSH_BYTES)
		flush(w);
}

void
seen_out_end_dir(struct seen_out *w)
{
	buf_put_u8(&w->out, 0);
}

int
seen_out_end(struct seen_out *w, const struct seen_totals *t, struct err *e)
{
	struct digest sum;

	buf_put_u64(&w->out, t->files);
	buf_put_u64(&w->out, t->bytes);
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
