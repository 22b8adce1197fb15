/* SPDX-License-Identifier: ISC */
/* blob.c: what all kinds of blob stores have in common. */
#include "store/blob.h"

#include "wire/limits.h"

#include <assert.h>
#include <stdlib.h>

struct blob_writer {
	struct blob_store *s;
	struct blob_name name;
	struct blob_sum want;
	uint64_t size;
	struct checksum_state *sum;
	void *place;
};

void
blob_store_free(struct blob_store **s)
{
	if (*s != NULL)
		(*s)->ops->free(*s);
	*s = NULL;
}

void
blob_name_new(const struct id *uid, const struct id *zone, const struct id *id,
    struct blob_name *out)
{
	struct id r;

	id_random(&r);
	*out = (struct blob_name){ *uid, *zone, *id, be64(r.b) & INT64_MAX };
}

int
blob_begin(struct blob_store *s, const struct blob_name *name,
    const struct blob_sum *want, struct blob_writer **out, struct err *e)
{
	void *place = NULL;

	if (want->size > LIMIT_BLOB_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "a blob is larger than %d bytes", LIMIT_BLOB_BYTES);
	if (s->ops->begin(s, name, &place, e) < 0)
		return -1;
	struct blob_writer *w = mem_new(sizeof *w);
	*w = (struct blob_writer){ s, *name, *want, 0, checksum_new(), place };
	*out = w;
	return 0;
}

int
blob_add(struct blob_writer *w, struct bytes x, struct err *e)
{
	assert(w->size <= w->want.size);
	if (x.n > w->want.size - w->size)
		return err_set(e, ERR_TOO_LARGE,
		    "a blob has more bytes than the %llu announced",
		    (unsigned long long)w->want.size);
	if (w->s->ops->add(w->place, x, e) < 0)
		return -1;
	checksum_add(w->sum, x);
	w->size += x.n;
	return 0;
}

void
blob_abort(struct blob_writer **w)
{
	if (*w == NULL)
		return;
	(*w)->s->ops->drop((*w)->place);
	checksum_free(&(*w)->sum);
	free(*w);
	*w = NULL;
}

int
blob_finish(struct blob_writer **writer, struct err *e)
{
	OWN(blob_abort) struct blob_writer *w = TAKE(*writer);
	struct checksum sum;

	if (w->size != w->want.size)
		return err_set(e, ERR_BLOB_TRUNCATED,
		    "a blob ended after %llu of %llu bytes",
		    (unsigned long long)w->size,
		    (unsigned long long)w->want.size);
	checksum_end(w->sum, &sum);
	if (!checksum_equal(&sum, &w->want.sum))
		return err_set(e, ERR_BLOB_CORRUPT,
		    "a blob's bytes do not have the checksum announced");
	return w->s->ops->finish(w->s, &w->name, w->place, e);
}

int
blob_open(struct blob_store *s, const struct blob_name *name, int *fd,
    uint64_t *size, struct err *e)
{
	return s->ops->open(s, name, fd, size, e);
}

int
blob_trash(struct blob_store *s, const struct blob_name *name, int64_t now_ms,
    struct err *e)
{
	return s->ops->trash(s, name, now_ms, e);
}

int
blob_untrash(struct blob_store *s, const struct blob_name *name, struct err *e)
{
	return s->ops->untrash(s, name, e);
}

int
blob_expunge(struct blob_store *s, const struct blob_name *name,
    int64_t since_ms, struct err *e)
{
	return s->ops->expunge(s, name, since_ms, e);
}

int
blob_purge(struct blob_store *s, int64_t now_ms, uint64_t *n, struct err *e)
{
	return s->ops->purge(s, now_ms - BLOB_TRASH_MS, n, e);
}

int
blob_each(struct blob_store *s, blob_each_fn *fn, void *arg, struct err *e)
{
	return s->ops->each(s, fn, arg, e);
}
