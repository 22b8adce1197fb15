/* SPDX-License-Identifier: ISC */
/* source.c: fetching, opening, expanding and verifying. */
#include "content/source.h"

#include "vault/codec.h"
#include "vault/pack.h"

#include <stdlib.h>
#include <string.h>

/* The last block that source_chunk opened: neighbors follow each other. */
struct held_block {
	struct id pack;
	uint32_t block;
	bool valid;
	struct buf plain;
};

struct held_table {
	struct ptable table;
	struct id pack;
	bool valid;
};

struct source {
	struct repo *repo;
	struct codec *codec;
	struct mac *mac[CATEGORY_END];
	struct held_table lent; /* by source_table */
	struct held_table own; /* what source_chunk read last */
	struct pack_in *reader; /* of reader_pack */
	struct id reader_pack;
	struct buf sealed, block;
	struct buf plain; /* of the segments that were opened last */
	size_t plain_at; /* where in the pack's plaintext they begin */
	struct held_block held;
	struct id lost; /* the last pack that is missing, and not moved */
	bool looked; /* for a name that the index did not have */
	bool strict;
};

struct source *
source_new(struct repo *repo)
{
	struct source *s = mem_new(sizeof *s);

	s->repo = repo;
	s->codec = codec_new(1);
	return s;
}

void
source_strict(struct source *s)
{
	s->strict = true;
}

void
source_free(struct source **sp)
{
	struct source *s = *sp;

	if (s == NULL)
		return;
	codec_free(&s->codec);
	for (size_t c = 0; c < CATEGORY_END; c++)
		mac_free(&s->mac[c]);
	ptable_free(&s->lent.table);
	ptable_free(&s->own.table);
	pack_in_free(&s->reader);
	buf_free(&s->sealed);
	buf_free(&s->plain);
	buf_free(&s->block);
	buf_free(&s->held.plain);
	free(s);
	*sp = NULL;
}

static int
table_of(struct source *s, struct held_table *h, enum category c,
    const struct id *pack, const struct ptable **out, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };

	if (!h->valid || !id_equal(pack, &h->pack)) {
		struct ptable t;
		if (zcopy_get(repo_part(s->repo, c)->zone, pack, &plain, e) <
			0 ||
		    ptable_parse(buf_bytes(&plain), &t, e) < 0)
			return err_in(e, "pack %s", id_short(pack).s);
		ptable_free(&h->table);
		h->table = t;
		h->pack = *pack;
		h->valid = true;
	}
	*out = &h->table;
	return 0;
}

int
source_table(struct source *s, enum category c, const struct id *pack,
    const struct ptable **out, struct err *e)
{
	return table_of(s, &s->lent, c, pack, out, e);
}

bool
source_named(struct source *s, enum category c, const struct digest *name,
    struct bytes plain)
{
	const struct secret *key = repo_part(s->repo, c)->names;
	struct digest made;

	if (key == NULL)
		return false;
	if (s->mac[c] == NULL)
		s->mac[c] = mac_new(secret_bytes(key));
	mac_of(s->mac[c], plain, &made);
	return digest_equal(&made, name);
}

static int
check_name(struct source *s, enum category c, const struct ptable *t,
    uint32_t entry, struct bytes plain, struct err *e)
{
	if (!source_named(s, c, &t->entries[entry].name, plain))
		return err_set(e, ERR_BLOB_CORRUPT,
		    "chunk %u of pack %s is not what was stored",
		    (unsigned)entry, id_short(&t->pack).s);
	return 0;
}

/* Open the reader of a pack; `header` is the blob's beginning. */
static int
open_reader(struct source *s, enum category c, const struct ptable *t,
    struct bytes header, struct err *e)
{
	const struct repo_part *part = repo_part(s->repo, c);
	struct pack_place place = repo_place(s->repo, part);
	uint32_t epoch;

	if (pack_header_epoch(header, &epoch, e) < 0)
		return -1;
	const struct secret *key = repo_read_key(s->repo, part, epoch, e);
	if (key == NULL)
		return -1;
	place.pack = t->pack;
	pack_in_free(&s->reader);
	if (pack_in_open(key, &place, header, t->blob_bytes, &s->reader, e) < 0)
		return -1;
	s->reader_pack = t->pack;
	return 0;
}

static int
fetch(struct source *s, enum category c, const struct ptable *t,
    uint64_t offset, size_t n, struct err *e)
{
	struct depot *d = s->repo->depot;

	buf_clear(&s->sealed);
	return d->ops->blob_get(d, zcopy_zone(repo_part(s->repo, c)->zone),
	    &t->pack, (struct depot_part){ offset, n }, &s->sealed, e);
}

static int
too_short(const struct ptable *t, struct err *e)
{
	return err_set(e, ERR_BLOB_TRUNCATED,
	    "pack %s is shorter than its record says", id_short(&t->pack).s);
}

static void
segments_of(const struct ptable *t, uint32_t first, uint32_t last, uint32_t *a,
    uint32_t *b)
{
	uint32_t end = t->blocks[last].offset + t->blocks[last].stored;

	*a = t->blocks[first].offset / PACK_SEGMENT;
	*b = (end > 0 ? end - 1 : 0) / PACK_SEGMENT;
}

/* Put the plaintext of the segments of these blocks into s->plain. */
static int
open_blocks(struct source *s, enum category c, const struct ptable *t,
    uint32_t first, uint32_t last, struct err *e)
{
	size_t skip = 0, length;
	uint64_t from = 0, to;
	uint32_t a, b;
	bool opened = s->reader != NULL && id_equal(&s->reader_pack, &t->pack);

	segments_of(t, first, last, &a, &b);
	/* From the start the header comes along. */
	if (!opened && a > 0 &&
	    (fetch(s, c, t, 0, PACK_HEADER, e) < 0 ||
		open_reader(s, c, t, buf_bytes(&s->sealed), e) < 0))
		return -1;
	if (opened || a > 0)
		from = PACK_HEADER + (uint64_t)a * PACK_SLOT;
	to = PACK_HEADER + (uint64_t)(b + 1) * PACK_SLOT;
	if (to > t->blob_bytes)
		to = t->blob_bytes;
	if (from >= to)
		return too_short(t, e);
	if (fetch(s, c, t, from, (size_t)(to - from), e) < 0)
		return -1;
	if (from == 0) {
		if (open_reader(s, c, t, buf_bytes(&s->sealed), e) < 0)
			return -1;
		skip = PACK_HEADER;
	}
	if (b >= pack_in_segments(s->reader))
		return too_short(t, e);
	buf_clear(&s->plain);
	s->plain_at = (size_t)a * PACK_SEGMENT;
	for (uint32_t i = a; i <= b; i++) {
		pack_in_where(s->reader, i, &to, &length);
		if (pack_in_segment(s->reader, i,
			bytes_of(s->sealed.p + skip, length), &s->plain, e) < 0)
			return -1;
		skip += length;
	}
	s->lost = (struct id){ { 0 } };
	return 0;
}

/* The plaintext of block i: a part of s->plain, or expanded into out. */
static int
expand(struct source *s, const struct ptable *t, uint32_t i, struct buf *out,
    struct bytes *plain, struct err *e)
{
	const struct ptable_block *b = &t->blocks[i];
	size_t at = b->offset - s->plain_at;

	buf_clear(out);
	buf_room(out, PACK_BLOCK); /* once, and not half as much again */
	if (at + b->stored > s->plain.n)
		return err_set(e, ERR_BLOB_CORRUPT,
		    "pack %s is shorter than its record says",
		    id_short(&t->pack).s);
	*plain = bytes_of(s->plain.p + at, b->stored);
	if (b->method == CODEC_RAW && b->stored == b->plain)
		return 0;
	if (codec_expand(s->codec, b->method, *plain, b->plain, out, e) < 0)
		return -1;
	*plain = buf_bytes(out);
	return 0;
}

/*
 * e says that a pack is not there: may what it held be elsewhere by now? Else
 * e stays, or says why that cannot be told.
 */
static bool
moved(struct source *s, enum category c, const struct id *pack, struct err *e)
{
	struct err why;
	bool yes = false;

	if ((e->code != ERR_BLOB_MISSING && e->code != ERR_NOT_FOUND) ||
	    id_equal(&s->lost, pack))
		return false;
	if (repo_moved(s->repo, c, pack, &yes, &why) < 0)
		*e = why;
	else if (!yes)
		s->lost = *pack;
	return yes;
}

/* ---- by name ---- */

static int
nowhere(const struct source *s, enum category c, struct err *e)
{
	if (repo_closed(s->repo, c))
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "this is a secret, and its keys are not held here");
	return err_set(e, ERR_SNAPSHOT_DAMAGED,
	    "a chunk that the snapshot needs is in no pack");
}

int
source_find(struct source *s, enum category c, const struct digest *name,
    struct id *pack, uint32_t *entry, struct err *e)
{
	struct chunkmap *map = repo_part(s->repo, c)->map;

	if (map == NULL)
		return nowhere(s, c, e);
	if (chunkmap_find(map, name->b, pack, entry))
		return 0;
	/* The snapshot may be younger than the index. */
	if (s->looked)
		return nowhere(s, c, e);
	if (repo_refresh(s->repo, e) < 0)
		return -1;
	s->looked = true;
	return chunkmap_find(map, name->b, pack, entry) ? 0 : nowhere(s, c, e);
}

/* Append an entry of the pack in s->own. */
static int
read_entry(struct source *s, enum category c, uint32_t entry, struct buf *out,
    struct err *e)
{
	const struct ptable *t = &s->own.table;
	const struct ptable_entry *x = &t->entries[entry];
	struct held_block *h = &s->held;
	struct bytes block;

	if (!h->valid || h->block != x->block ||
	    !id_equal(&h->pack, &t->pack)) {
		h->valid = false;
		if (open_blocks(s, c, t, x->block, x->block, e) < 0 ||
		    expand(s, t, x->block, &h->plain, &block, e) < 0)
			return err_in(e, "pack %s", id_short(&t->pack).s);
		if (h->plain.n == 0)
			buf_put_bytes(&h->plain, block);
		h->pack = t->pack;
		h->block = x->block;
		h->valid = true;
	}
	struct bytes plain = bytes_of(h->plain.p + x->offset, x->length);
	if (check_name(s, c, t, entry, plain, e) < 0)
		return -1;
	buf_put_bytes(out, plain);
	return 0;
}

/* A name that is wanted: the first n bytes of it, and the length or 0. */
struct wanted {
	enum category category;
	const uint8_t *name;
	size_t n;
	uint32_t length;
};

static int
read_there(struct source *s, const struct wanted *w, const struct id *pack,
    uint32_t entry, struct buf *out, struct err *e)
{
	enum category c = w->category;
	const struct ptable *t;

	if (table_of(s, &s->own, c, pack, &t, e) < 0)
		return -1;
	if (entry >= t->n_entries ||
	    !bytes_equal(bytes_of(t->entries[entry].name.b, w->n),
		bytes_of(w->name, w->n)) ||
	    (w->length != 0 && t->entries[entry].length != w->length))
		return nowhere(s, c, e);
	return read_entry(s, c, entry, out, e);
}

/* Of a pack, rather than of all. */
static bool
pack_is_bad(const struct err *e)
{
	return e->code == ERR_BLOB_MISSING || e->code == ERR_BLOB_TRUNCATED ||
	    e->code == ERR_BLOB_CORRUPT;
}

/* From another pack that holds it too; e stays when there is none. */
static int
read_elsewhere(struct source *s, const struct wanted *w, const struct id *but,
    struct buf *out, struct err *e)
{
	struct chunkmap *map = repo_part(s->repo, w->category)->map;
	struct digest name = { { 0 } };
	struct id pack;
	uint32_t entry;

	memcpy(name.b, w->name, w->n);
	return chunkmap_find_but(map, name.b, but, &pack, &entry)
	    ? read_there(s, w, &pack, entry, out, e)
	    : -1;
}

static int
read_wanted(
    struct source *s, const struct wanted *w, struct buf *out, struct err *e)
{
	enum category c = w->category;
	struct digest name = { { 0 } };
	struct id pack;
	uint32_t entry;

	memcpy(name.b, w->name, w->n);
	if (source_find(s, c, &name, &pack, &entry, e) < 0)
		return -1;
	if (read_there(s, w, &pack, entry, out, e) == 0)
		return 0;
	if (moved(s, c, &pack, e))
		return source_find(s, c, &name, &pack, &entry, e) < 0
		    ? -1
		    : read_there(s, w, &pack, entry, out, e);
	return pack_is_bad(e) ? read_elsewhere(s, w, &pack, out, e) : -1;
}

/* ---- by pack ---- */

/* The rest of a run from other packs; e stays when one is in no other. */
static int
run_elsewhere(struct source *s, enum category c, const struct ptable *t,
    const struct source_want *rest, struct err *e)
{
	struct chunkmap *map = repo_part(s->repo, c)->map;
	struct id pack;
	uint32_t entry;

	if (s->strict || !pack_is_bad(e))
		return -1;
	for (size_t i = 0; i < rest->n; i++)
		if (!chunkmap_find_but(map, t->entries[rest->entries[i]].name.b,
			&t->pack, &pack, &entry))
			return -1;
	for (size_t i = 0; i < rest->n; i++) {
		const struct ptable_entry *x = &t->entries[rest->entries[i]];
		const struct wanted w = { c, x->name.b, DIGEST_BYTES,
			x->length };
		OWN(buf_free) struct buf plain = { 0 };
		if (read_elsewhere(s, &w, &t->pack, &plain, e) < 0 ||
		    rest->fn(
			rest->ctx, rest->entries[i], buf_bytes(&plain), e) < 0)
			return -1;
	}
	return 0;
}

int
source_run(struct source *s, enum category c, const struct ptable *t,
    const struct source_want *w, struct err *e)
{
	struct source_want rest = *w;
	uint32_t open = UINT32_MAX;
	struct bytes block = { 0 };

	if (w->n == 0)
		return 0;
	if (open_blocks(s, c, t, t->entries[w->entries[0]].block,
		t->entries[w->entries[w->n - 1]].block, e) < 0) {
		if (moved(s, c, &t->pack, e))
			return source_moved(s, c, &t->pack, w, e);
		(void)err_in(e, "pack %s", id_short(&t->pack).s);
		return run_elsewhere(s, c, t, w, e);
	}
	for (; rest.n > 0; rest.entries++, rest.n--) {
		uint32_t entry = rest.entries[0];
		const struct ptable_entry *x = &t->entries[entry];
		if (x->block != open &&
		    expand(s, t, x->block, &s->block, &block, e) < 0) {
			(void)err_in(e, "pack %s, block %u",
			    id_short(&t->pack).s, (unsigned)x->block);
			return run_elsewhere(s, c, t, &rest, e);
		}
		open = x->block;
		struct bytes plain = bytes_of(block.p + x->offset, x->length);
		if (check_name(s, c, t, entry, plain, e) < 0)
			return run_elsewhere(s, c, t, &rest, e);
		if (rest.fn(rest.ctx, entry, plain, e) < 0)
			return -1;
	}
	return 0;
}

int
source_chunk(struct source *s, enum category c, const struct digest *name,
    uint32_t length, struct buf *out, struct err *e)
{
	const struct wanted w = { c, name->b, DIGEST_BYTES, length };

	return read_wanted(s, &w, out, e);
}

/* Names are random: 16 bytes, which is what the index has, tell them apart. */
int
source_moved(struct source *s, enum category c, const struct id *pack,
    const struct source_want *w, struct err *e)
{
	OWN(mem_free)
	uint8_t(*names)[CHUNKMAP_NAME] =
	    mem_array(CHUNKMAP_PACK_MAX, CHUNKMAP_NAME);
	OWN(buf_free) struct buf plain = { 0 };
	size_t known = chunkmap_names(repo_part(s->repo, c)->map, pack, names);

	for (size_t i = 0; i < w->n; i++) {
		uint32_t entry = w->entries[i];
		if (entry >= known)
			return nowhere(s, c, e);
		const struct wanted one = { c, names[entry], CHUNKMAP_KEY, 0 };
		buf_clear(&plain);
		if (read_wanted(s, &one, &plain, e) < 0 ||
		    w->fn(w->ctx, entry, buf_bytes(&plain), e) < 0)
			return -1;
	}
	return 0;
}
