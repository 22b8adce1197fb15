/* SPDX-License-Identifier: ISC */
/* lookdepot.c: the history from a file, blobs from the server's folder. */
#include "disclose/lookdepot.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 * 1024)

struct look {
	struct depot base;
	const struct holding *h;
	const struct holding_zone *z;
	char *changes;
};

static const struct look *
of(struct depot *d)
{
	return (const struct look *)d;
}

static int
read_only(struct err *e)
{
	return err_set(e, ERR_PERMISSION, "what is disclosed is not changed");
}

static int
commit(struct depot *d, const struct depot_commit *c, struct err *e)
{
	(void)d;
	(void)c;
	return read_only(e);
}

static int
in_pieces(const char *path, const struct depot_sink *sink, struct err *e)
{
	OWN(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "%s", path)
		      : file_pieces(fd, PIECE_BYTES, sink->take, sink->ctx, e);
}

/* It does not grow: all of it, or its end. */
static int
changes(struct depot *d, const struct id *zone, uint64_t since,
    uint64_t heads_from, const struct depot_sink *sink, struct err *e)
{
	const struct look *l = of(d);
	OWN(buf_free) struct buf end = { 0 };

	(void)heads_from;
	sink->begin(sink->ctx);
	if (!id_equal(zone, &l->z->zone))
		return err_set(e, ERR_NOT_FOUND, "there is no such zone here");
	if (since == l->z->seq) {
		buf_put_u8(&end, FRAME_END);
		buf_put_u64(&end, l->z->seq);
		digest_put(&end, &l->z->head);
		return sink->take(sink->ctx, buf_bytes(&end), e);
	}
	if (since != 0)
		return err_set(e, ERR_RESYNC, "all of it or nothing");
	return in_pieces(l->changes, sink, e);
}

static int
blob_put(struct depot *d, const struct id *zone, const struct id *id,
    struct bytes x, struct err *e)
{
	(void)d;
	(void)zone;
	(void)id;
	(void)x;
	return read_only(e);
}

static int
blob_get(struct depot *d, const struct id *zone, const struct id *id,
    struct depot_part part, struct buf *out, struct err *e)
{
	const struct look *l = of(d);
	const struct holding_blob *b = holding_blob_find(l->z, id);
	OWN(fd_close) int fd = -1;
	size_t got, before = out->n;

	(void)zone;
	if (b == NULL)
		return err_set(
		    e, ERR_BLOB_MISSING, "there is no blob %s", id_text(id).s);
	if (holding_blob_open(l->h, l->z, b, &fd, e) < 0)
		return -1;
	if (part.n == 0)
		part.n = (size_t)b->size;
	uint8_t *p = buf_grow(out, part.n);
	if (file_pread_full(fd, p, part.n, part.offset, &got, e) < 0 ||
	    got != part.n) {
		out->n = before;
		return err_set(e, ERR_BLOB_TRUNCATED,
		    "blob %s is shorter than what was stored", id_text(id).s);
	}
	return 0;
}

static int
blob_delete(
    struct depot *d, const struct id *zone, const struct id *id, struct err *e)
{
	(void)d;
	(void)zone;
	(void)id;
	return read_only(e);
}

static int
blob_exists(struct depot *d, const struct id *zone, const struct id *ids,
    size_t n, uint8_t *there, struct err *e)
{
	(void)zone;
	(void)e;
	for (size_t i = 0; i < n; i++)
		there[i] = holding_blob_find(of(d)->z, &ids[i]) != NULL;
	return 0;
}

static int
circle(struct depot *d, uint32_t since, struct buf *out, struct err *e)
{
	(void)since;
	(void)e;
	buf_put_bytes(out, buf_bytes(&of(d)->h->entries));
	return 0;
}

static int
circle_submit(
    struct depot *d, struct bytes entry, struct bytes envelopes, struct err *e)
{
	(void)d;
	(void)entry;
	(void)envelopes;
	return read_only(e);
}

static int
keyring(struct depot *d, struct buf *out, struct err *e)
{
	(void)d;
	(void)out;
	(void)e;
	return 0;
}

static void
free_it(struct depot *d)
{
	free(of(d)->changes);
	free(d);
}

static const struct depot_ops ops = {
	.commit = commit,
	.changes = changes,
	.blob_put = blob_put,
	.blob_get = blob_get,
	.blob_delete = blob_delete,
	.blob_exists = blob_exists,
	.circle = circle,
	.circle_submit = circle_submit,
	.keyring = keyring,
	.free = free_it,
};

struct depot *
lookdepot_new(
    const struct holding *h, const struct holding_zone *z, const char *path)
{
	struct look *l = mem_new(sizeof *l);

	l->base.ops = &ops;
	l->h = h;
	l->z = z;
	l->changes = mem_text(path);
	return &l->base;
}
