/* SPDX-License-Identifier: ISC */
/* local.c: link/local.h in memory, kept by the page. */
#include "web/memory_in.h"

#include <stdlib.h>

struct local {
	bool open;
};

int
local_open(const char *path, struct local **out, struct err *e)
{
	(void)path;
	(void)e;
	*out = mem_new(sizeof **out);
	return 0;
}

void
local_free(struct local **l)
{
	free(*l);
	*l = NULL;
}

int
local_get(struct local *l, const char *key, struct buf *out, struct err *e)
{
	const struct buf *value = memory_find(key);

	(void)l;
	(void)e;
	if (value != NULL)
		buf_put_bytes(out, buf_bytes(value));
	return 0;
}

int
local_put_all(
    struct local *l, const struct local_pair *pairs, size_t n, struct err *e)
{
	(void)l;
	(void)e;
	for (size_t i = 0; i < n; i++)
		memory_set(pairs[i].key, pairs[i].value);
	memory_changed();
	return 0;
}

int
local_put(struct local *l, const char *key, struct bytes value, struct err *e)
{
	struct local_pair p = { key, value };

	return local_put_all(l, &p, 1, e);
}

int
local_zone_get(struct local *l, const struct id *zone, struct local_zone *out,
    struct err *e)
{
	const struct zone *z = memory_zone(zone);

	(void)l;
	(void)e;
	*out = z != NULL ? z->at : (struct local_zone){ 0 };
	return 0;
}

static struct record *
record_of(const struct zone *z, const struct id *id)
{
	for (size_t i = 0; z != NULL && i < z->n_records; i++)
		if (id_equal(&z->records[i].id, id))
			return &z->records[i];
	return NULL;
}

static void
put_record(struct zone *z, const struct local_record *news)
{
	struct record *r = record_of(z, &news->change.id);

	if (r == NULL) {
		z->records = mem_resize(
		    z->records, z->n_records + 1, sizeof *z->records);
		r = &z->records[z->n_records++];
		*r = (struct record){ .id = news->change.id };
	}
	r->version = news->change.version;
	r->flags = news->change.flags;
	r->key_epoch = news->change.key_epoch;
	r->seq = news->seq;
	buf_free(&r->refs);
	buf_free(&r->ct);
	buf_put_bytes(&r->refs, news->change.refs);
	buf_put_bytes(&r->ct, news->change.ct);
}

static struct local_record
shown(const struct record *r)
{
	struct local_record out = { .seq = r->seq };

	out.change.id = r->id;
	out.change.version = r->version;
	out.change.flags = r->flags;
	out.change.key_epoch = r->key_epoch;
	out.change.refs = buf_bytes(&r->refs);
	out.change.ct = buf_bytes(&r->ct);
	return out;
}

/* What came of a zone: a page has one memory, so it is as large as it is. */
struct local_fill {
	struct id zone;
	struct link *links;
	size_t n_links;
	struct zone held; /* its records alone */
};

struct local_fill *
local_fill_new(struct local *l, const struct id *zone)
{
	struct local_fill *f = mem_new(sizeof *f);

	(void)l;
	f->zone = *zone;
	return f;
}

static void
drop_records(struct zone *z)
{
	for (size_t i = 0; i < z->n_records; i++) {
		buf_free(&z->records[i].refs);
		buf_free(&z->records[i].ct);
	}
	free(z->records);
	z->records = NULL;
	z->n_records = 0;
}

void
local_fill_free(struct local_fill **f)
{
	if (*f != NULL) {
		drop_records(&(*f)->held);
		free((*f)->links);
	}
	free(*f);
	*f = NULL;
}

int
local_fill_head(struct local_fill *f, uint64_t seq, const struct digest *hash,
    struct err *e)
{
	(void)e;
	f->links = mem_resize(f->links, f->n_links + 1, sizeof *f->links);
	f->links[f->n_links++] = (struct link){ seq, *hash };
	return 0;
}

int
local_fill_record(
    struct local_fill *f, const struct local_record *r, struct err *e)
{
	if (record_of(&f->held, &r->change.id) != NULL)
		return err_set(e, ERR_RECORD_REPLAYED,
		    "the server handed out record %s twice",
		    id_short(&r->change.id).s);
	put_record(&f->held, r);
	return 0;
}

static void
put_chain(struct zone *z, const struct local_fill *f)
{
	while (f->n_links > 0 && z->n_chain > 0 &&
	    z->chain[z->n_chain - 1].seq >= f->links[0].seq)
		z->n_chain--;
	z->chain =
	    mem_resize(z->chain, z->n_chain + f->n_links, sizeof *z->chain);
	for (size_t i = 0; i < f->n_links; i++)
		z->chain[z->n_chain++] = f->links[i];
}

int
local_fill_take(struct local_fill *f, uint64_t before,
    const struct local_zone *at, bool all, struct err *e)
{
	struct zone *z = memory_zone(&f->zone);

	if ((z != NULL ? z->at.head.seq : 0) != before)
		return err_set(
		    e, ERR_CONFLICT, "this copy has moved meanwhile");
	if (z == NULL)
		z = memory_zone_new(&f->zone);
	if (all)
		drop_records(z);
	for (size_t i = 0; i < f->held.n_records; i++) {
		struct local_record r = shown(&f->held.records[i]);
		put_record(z, &r);
	}
	z->at = *at;
	put_chain(z, f);
	memory_changed();
	return 0;
}

int
local_chain_at(struct local *l, const struct id *zone, uint64_t seq,
    struct digest *out, struct err *e)
{
	const struct zone *z = memory_zone(zone);

	(void)l;
	(void)e;
	*out = (struct digest){ 0 };
	for (size_t i = 0; z != NULL && i < z->n_chain; i++)
		if (z->chain[i].seq == seq)
			*out = z->chain[i].hash;
	return 0;
}

static int
get_from(const struct zone *z, const struct id *id, local_record_fn fn,
    void *ctx, struct err *e)
{
	const struct record *r = record_of(z, id);

	if (r == NULL)
		return 0;
	struct local_record one = shown(r);
	return fn(ctx, &one, e);
}

int
local_record_get(struct local *l, const struct id *zone, const struct id *id,
    local_record_fn fn, void *ctx, struct err *e)
{
	(void)l;
	return get_from(memory_zone(zone), id, fn, ctx, e);
}

int
local_fill_get(struct local_fill *f, const struct id *id, local_record_fn fn,
    void *ctx, struct err *e)
{
	return get_from(&f->held, id, fn, ctx, e);
}

static int
by_seq(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
each_of(const struct zone *z, uint64_t since, local_record_fn fn, void *ctx,
    struct err *e)
{
	if (z == NULL || z->n_records == 0)
		return 0;
	qsort(z->records, z->n_records, sizeof *z->records, by_seq);
	for (size_t i = 0; i < z->n_records; i++) {
		struct local_record one = shown(&z->records[i]);
		if (one.seq > since && fn(ctx, &one, e) < 0)
			return -1;
	}
	return 0;
}

int
local_records_each(struct local *l, const struct id *zone, uint64_t since,
    local_record_fn fn, void *ctx, struct err *e)
{
	(void)l;
	return each_of(memory_zone(zone), since, fn, ctx, e);
}

int
local_fill_each(
    struct local_fill *f, local_record_fn fn, void *ctx, struct err *e)
{
	return each_of(&f->held, 0, fn, ctx, e);
}