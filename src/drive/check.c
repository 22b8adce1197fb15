/* SPDX-License-Identifier: ISC */
/* check.c: packs first, then who needs what they lost. */
#include "drive/check.h"

#include "drive/edit_in.h"
#include "drive/whole.h"
#include "tree/node.h"

#include <stdlib.h>
#include <string.h>

struct check {
	struct edit *d;
	const struct check_options *o;
	struct check_result *out;
	struct source *src;
	struct buf ids; /* packs to be read, of one part */
	struct id node; /* whose contents are looked at */
};

static void
check_free(struct check *c)
{
	source_free(&c->src);
	buf_free(&c->ids);
}

/* ---- telling ---- */

struct naming {
	const struct id *node;
	struct buf path;
};

static int
name_job(struct tx *tx, void *arg, struct err *e)
{
	struct naming *n = arg;

	return drivedb_path(tx, n->node, &n->path, e);
}

static void
tell(struct check *c, const struct id *node, const struct err *why)
{
	struct naming n = { .node = node };
	struct err ignored;

	c->out->damages++;
	if (node != NULL)
		(void)!db_read(drivedb_db(c->d->db), name_job, &n, &ignored);
	c->o->found(c->o->ctx, buf_bytes(&n.path), why);
	buf_free(&n.path);
}

/* ---- packs ---- */

static int
ignore(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct check *c = ctx;

	(void)entry;
	(void)e;
	c->out->bytes_read += plain.n;
	return 0;
}

static bool
of_pack(enum err_code code)
{
	return code == ERR_BLOB_MISSING || code == ERR_BLOB_CORRUPT ||
	    code == ERR_BLOB_TRUNCATED || code == ERR_RECORD_CORRUPT;
}

static int
read_pack(struct check *c, struct repo_part *part, const struct id *pack,
    struct err *e)
{
	const struct ptable *t;

	c->out->packs_read++;
	if (source_table(c->src, part->keys, pack, &t, e) < 0)
		return -1;
	OWN(mem_free)
	uint32_t *all = mem_array((size_t)t->n_entries + 1, sizeof *all);
	for (uint32_t i = 0; i < t->n_entries; i++)
		all[i] = i;
	const struct source_want w = { all, t->n_entries, ignore, c };
	return t->n_entries == 0 ? 0 : source_run(c->src, part->keys, t, &w, e);
}

static int
read_part(struct check *c, struct repo_part *part, struct err *e)
{
	buf_clear(&c->ids);
	chunkmap_packs(part->map, &c->ids);
	for (size_t i = 0; i < c->ids.n; i += ID_BYTES) {
		struct id pack;
		struct err why;
		memcpy(pack.b, c->ids.p + i, ID_BYTES);
		c->out->packs++;
		/* Ids are random: by them it is chosen. */
		if (pack.b[0] * 100 >= c->o->read_percent * 256)
			continue;
		if (c->o->stop != NULL && c->o->stop())
			return err_set(e, ERR_STOPPED, "it was told to end");
		if (read_pack(c, part, &pack, &why) == 0 ||
		    why.code == ERR_NOT_FOUND) /* rewritten just now */
			continue;
		if (!of_pack(why.code)) {
			*e = why;
			return -1;
		}
		chunkmap_drop_pack(part->map, &pack);
		tell(c, NULL, &why);
	}
	return 0;
}

static int
read_packs(struct check *c, struct err *e)
{
	static const enum category parts[] = { CATEGORY_DRIVE,
		CATEGORY_KEYCHAIN };
	struct repo *r = c->d->repo;
	struct err why;

	if (repo_ask(r, e) < 0)
		return -1;
	if (r->lost > 0) {
		(void)err_set(&why, ERR_BLOB_MISSING,
		    "%llu packs are recorded and lost",
		    (unsigned long long)r->lost);
		tell(c, NULL, &why);
	}
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (repo_has(r, parts[i]) &&
		    read_part(c, repo_part(r, parts[i]), e) < 0)
			return -1;
	return 0;
}

/* ---- contents ---- */

static int
look_at(struct check *c, struct bytes stored, bool secret, struct err *e)
{
	c->out->contents++;
	return whole_content(c->d->repo, c->src, stored, secret, e);
}

static int
look_at_history(struct check *c, struct bytes plain, struct err *e)
{
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;

	if (node_history_parse(plain, h, e) < 0)
		return -1;
	c->node = h->node;
	for (size_t i = 0; i < h->n; i++)
		if (look_at(c, h->v[i].content,
			(h->v[i].flags & NODE_SECRET) != 0, e) < 0)
			return err_in(e, "a former version");
	return 0;
}

static int
look_at_node(struct check *c, struct bytes plain, struct err *e)
{
	struct node n;

	if (node_parse(plain, &n, e) < 0)
		return -1;
	return n.type != NODE_FILE
	    ? 0
	    : look_at(c, n.content, (n.flags & NODE_SECRET) != 0, e);
}

static int
take(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct check *c = ctx;
	uint8_t kind = r->plain.n > 0 ? r->plain.p[0] : 0;
	struct err why;
	int rc = 0;

	c->node = r->id;
	if (r->deleted)
		return 0;
	if (r->bad != NULL) {
		why = *r->bad;
		rc = -1;
	} else if (kind == NODE_KIND) {
		rc = look_at_node(c, r->plain, &why);
	} else if (kind == NODE_KIND_HISTORY) {
		rc = look_at_history(c, r->plain, &why);
	}
	if (rc == 0)
		return 0;
	if (!whole_damaged(why.code)) {
		*e = why;
		return -1;
	}
	if (why.code == ERR_SNAPSHOT_DAMAGED)
		(void)err_set(&why, ERR_FILE_DAMAGED,
		    "a part of the list of its parts is in no pack");
	c->out->files_damaged++;
	tell(c, &c->node, &why);
	return 0;
}

int
check_run(struct edit *d, const struct check_options *o,
    struct check_result *out, struct err *e)
{
	OWN(check_free) struct check c = { .d = d, .o = o, .out = out };
	struct zcopy_point at = { .seq = 0 };

	*out = (struct check_result){ 0 };
	if (edit_pull(d, e) < 0 || zcopy_verify(d->zone, e) < 0)
		return -1;
	c.src = source_new(d->repo);
	source_strict(c.src);
	if (read_packs(&c, e) < 0 || zcopy_news(d->zone, &at, take, &c, e) < 0)
		return -1;
	/* Who has such a file here stores it again. */
	return out->files_damaged == 0 ? 0 : drivedb_doubt(d->db, e);
}
