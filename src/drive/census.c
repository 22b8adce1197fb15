/* SPDX-License-Identifier: ISC */
/* census.c: users are read first, then what of each pack is used. */
#include "drive/census.h"

#include "content/stream.h"
#include "tree/node.h"
#include "drive/retention.h"

#include <stdlib.h>
#include <string.h>

void
census_free(struct census *c)
{
	source_free(&c->src);
	idset_free(&c->used);
	idset_free(&c->doomed);
	free(c->packs);
	free(c->marks);
	c->packs = NULL;
	c->marks = NULL;
	c->n_packs = c->n_marks = 0;
}

void
census_doom_begin(struct census *c)
{
	idset_free(&c->doomed);
	c->hit = false;
}

void
census_doom(struct census *c, const struct digest *name)
{
	if (!idset_has(&c->used, name->b))
		(void)idset_add(&c->doomed, name->b);
}

/* ---- users ---- */

static void
cannot_tell(struct census *c, const struct id *id, const struct err *why)
{
	if (c->unknown.code == ERR_NONE)
		(void)err_set(&c->unknown, why->code,
		    "what %s uses cannot be told: %s", id_short(id).s,
		    why->msg);
}

static int
use(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	struct census *c = ctx;

	(void)length;
	(void)e;
	if (digest_zero(name))
		return 0; /* a hole */
	if (idset_add(&c->used, name->b) && idset_has(&c->doomed, name->b))
		c->hit = true;
	return 0;
}

static int
use_list(struct census *c, const struct node_content *x, struct err *e)
{
	struct scan s = scan_of(x->list);

	for (uint32_t i = 0; i < x->n; i++) {
		struct digest name = digest_take(&s);
		if (use(c, &name, (uint32_t)scan_varint(&s), e) < 0)
			return -1;
	}
	return 0;
}

/* The lists of a long file name its chunks, and are chunks themselves. */
static int
use_content(struct census *c, struct bytes stored, bool secret, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref ref = { 0 };
	struct node_content x;

	if (node_content_parse(stored, &x, e) < 0)
		return -1;
	if (x.form == NODE_INLINE)
		return 0;
	if (x.form == NODE_LIST)
		return use_list(c, &x, e);
	ref.category = secret ? CATEGORY_KEYCHAIN : CATEGORY_DRIVE;
	ref.depth = x.depth;
	ref.length = x.size;
	ref.n = x.n;
	if (!repo_has(c->repo, ref.category))
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the keys of %s are not held here",
		    category_name(ref.category));
	buf_put_bytes(&ref.list, x.list);
	if (c->src == NULL)
		c->src = source_new(c->repo);
	return stream_chunks(c->src, &ref, use, c, e);
}

static int
use_node(struct census *c, struct bytes plain, struct err *e)
{
	struct node n;

	if (node_parse(plain, &n, e) < 0)
		return -1;
	return n.type == NODE_FILE
	    ? use_content(c, n.content, (n.flags & NODE_SECRET) != 0, e)
	    : 0;
}

static int
use_history(struct census *c, struct bytes plain, struct err *e)
{
	OWN(mem_free) struct node_history *h = mem_new(sizeof *h);

	if (node_history_parse(plain, h, e) < 0)
		return -1;
	for (size_t i = 0; i < h->n; i++)
		if (use_content(c, h->v[i].content,
			(h->v[i].flags & NODE_SECRET) != 0, e) < 0)
			return -1;
	return 0;
}

/* ---- records ---- */

static void
take_pack(struct census *c, const struct zcopy_record *r)
{
	if (c->begun)
		return; /* of others, and young */
	c->packs = mem_resize(c->packs, c->n_packs + 1, sizeof *c->packs);
	c->packs[c->n_packs++] = (struct census_pack){
		.id = r->id, .version = r->version, .epoch = r->epoch
	};
}

static void
take_mark(struct census *c, const struct zcopy_record *r)
{
	struct scan s = scan_of(r->plain);
	struct census_mark m = { .id = r->id, .version = r->version };

	if (c->begun)
		return;
	(void)scan_u8(&s);
	(void)scan_u8(&s);
	(void)scan_u8(&s); /* category of the keys */
	m.pack = id_take(&s);
	m.time_ms = scan_u64(&s);
	if (!scan_done(&s))
		m.pack = (struct id){ { 0 } }; /* says nothing: it goes */
	c->marks = mem_resize(c->marks, c->n_marks + 1, sizeof *c->marks);
	c->marks[c->n_marks++] = m;
}

int
census_known(uint8_t kind, struct err *e)
{
	return kind == NODE_KIND || kind == NODE_KIND_HISTORY ||
		kind == PTABLE_KIND || kind == REPO_CONDEMNED_KIND ||
		kind == NODE_KIND_TIDIED || kind == RETENTION_KIND
	    ? 0
	    : err_set(e, ERR_UPDATE_NEEDED,
		  "the drive holds a record of kind %u, which this version "
		  "does not "
		  "know: it must not delete anything",
		  (unsigned)kind);
}

/* Does it say that a record or what it names cannot be read, now or ever? */
static bool
of_content(enum err_code code)
{
	return code == ERR_SNAPSHOT_DAMAGED || code == ERR_BLOB_MISSING ||
	    code == ERR_BLOB_CORRUPT || code == ERR_BLOB_TRUNCATED ||
	    code == ERR_CATEGORY_CLOSED || code == ERR_RECORD_CORRUPT;
}

static int
take_one(struct census *c, const struct zcopy_record *r, struct err *e)
{
	uint8_t kind = r->plain.n > 0 ? r->plain.p[0] : 0;

	switch (kind) {
	case NODE_KIND:
		return use_node(c, r->plain, e);
	case NODE_KIND_HISTORY:
		return use_history(c, r->plain, e);
	case PTABLE_KIND:
		take_pack(c, r);
		return 0;
	case REPO_CONDEMNED_KIND:
		take_mark(c, r);
		return 0;
	default:
		return census_known(kind, e);
	}
}

static int
cmp_pack(const void *a, const void *b)
{
	return id_cmp(&((const struct census_pack *)a)->id,
	    &((const struct census_pack *)b)->id);
}

static struct census_pack *
pack_of(struct census *c, const struct id *id)
{
	struct census_pack key = { .id = *id };

	return c->n_packs == 0
	    ? NULL
	    : bsearch(&key, c->packs, c->n_packs, sizeof *c->packs, cmp_pack);
}

static int
take_record(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct census *c = ctx;
	struct err why;

	if (r->deleted) {
		struct census_pack *p = c->begun ? pack_of(c, &r->id) : NULL;
		if (p != NULL)
			p->gone = true;
		return 0;
	}
	if (r->bad != NULL)
		why = *r->bad;
	else if (take_one(c, r, &why) == 0)
		return 0;
	else if (!of_content(why.code)) {
		*e = why;
		return -1;
	}
	cannot_tell(c, &r->id, &why);
	return 0;
}

int
census_follow(struct census *c, struct err *e)
{
	if (zcopy_news(c->zone, &c->at, take_record, c, e) == 0)
		return 0;
	if (e->code == ERR_RESYNC)
		(void)err_set(e, ERR_CONFLICT,
		    "the copy of the drive was replaced meanwhile");
	return -1;
}

/* ---- packs ---- */

int
census_table(struct census *c, const struct census_pack *p, struct ptable *out,
    struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	uint64_t version;

	if (zcopy_look(c->zone, &p->id, &version, &plain, e) < 0)
		return -1;
	if (version != p->version)
		return err_set(e, ERR_CONFLICT, "pack %s is not what it was",
		    id_short(&p->id).s);
	ptable_free(out);
	return ptable_parse(buf_bytes(&plain), out, e);
}

static int
weigh(struct census *c, struct census_pack *p, struct ptable *t, struct err *e)
{
	if (census_table(c, p, t, e) < 0) {
		if (e->code == ERR_CONFLICT)
			p->gone = true;
		else if (e->code != ERR_RECORD_CORRUPT)
			return -1;
		err_clear(e); /* nobody can use it, and nobody deletes it */
		return 0;
	}
	p->whole = true;
	p->stream = t->stream;
	p->open =
	    t->stream != PTABLE_SECRET || repo_has(c->repo, CATEGORY_KEYCHAIN);
	p->blob_bytes = t->blob_bytes;
	p->n_entries = t->n_entries;
	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct ptable_entry *x = &t->entries[i];
		p->plain += x->length;
		if (!idset_has(&c->used, x->name.b))
			continue;
		p->live += x->length;
		p->n_live++;
	}
	return 0;
}

static int
weigh_all(struct census *c, struct err *e)
{
	OWN(ptable_free) struct ptable t = { 0 };

	for (size_t i = 0; i < c->n_packs; i++)
		if (weigh(c, &c->packs[i], &t, e) < 0)
			return -1;
	return 0;
}

static void
join_marks(struct census *c)
{
	for (size_t i = 0; i < c->n_marks; i++) {
		struct census_mark *m = &c->marks[i];
		struct census_pack *p = pack_of(c, &m->pack);
		m->idle = p == NULL || p->gone;
		if (m->idle)
			continue;
		p->marked_ms = m->time_ms;
		p->mark_version = m->version;
	}
}

int
census_count(struct census *c, struct err *e)
{
	if (census_follow(c, e) < 0)
		return -1;
	if (c->n_packs > 1)
		qsort(c->packs, c->n_packs, sizeof *c->packs, cmp_pack);
	/* What changed while it was visited may have come twice. */
	size_t n = 0;
	for (size_t i = 0; i < c->n_packs; i++)
		if (n == 0 || !id_equal(&c->packs[n - 1].id, &c->packs[i].id))
			c->packs[n++] = c->packs[i];
	c->n_packs = n;
	c->begun = true;
	if (weigh_all(c, e) < 0)
		return -1;
	join_marks(c);
	return 0;
}
