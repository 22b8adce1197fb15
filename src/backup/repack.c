/* SPDX-License-Identifier: ISC */
/* repack.c: choosing, and one run from its record to its end. */
#include "backup/repack_in.h"

#include "base/now.h"

#include <stdlib.h>

#define FORMAT 1 /* of the run record */

static void
repack_free(struct repack *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->packs[i].bits);
		buf_free(&k->packs[i].moved);
	}
	for (size_t i = 0; i < k->list.n && k->refs != NULL; i++) {
		buf_free(&k->refs[i].old);
		free(k->refs[i].needs);
	}
	for (size_t c = 0; c < CATEGORY_END; c++) {
		chunkmap_free(&k->fresh[c]);
		chunkmap_free(&k->left[c]);
	}
	free(k->packs);
	free(k->refs);
	sink_free(&k->sink);
	source_free(&k->src);
	snapshot_list_free(&k->list);
	buf_free(&k->run_plain);
}

/* ---- choosing ---- */

static uint64_t
waste(const struct repack_pack *p)
{
	uint64_t dead = p->live < p->plain ? p->plain - p->live : 0;

	return p->plain == 0 ? 0 : p->blob_bytes * dead / p->plain;
}

static int
by_waste(const void *a, const void *b)
{
	const struct repack_pack *x = *(struct repack_pack *const *)a;
	const struct repack_pack *y = *(struct repack_pack *const *)b;
	uint64_t u = waste(x) * y->blob_bytes, v = waste(y) * x->blob_bytes;

	return (u < v) - (u > v);
}

/* What no snapshot names or needs is not ours: it goes without us. */
static void
choose(struct repack *k, const struct repack_options *o)
{
	unsigned max_unused = o->max_unused;
	OWN(mem_free)
	struct repack_pack **list = mem_array(k->n + 1, sizeof *list);
	uint64_t all = 0, unused = 0;
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++) {
		struct repack_pack *p = &k->packs[i];
		if (!p->named && p->live == 0)
			continue;
		if (p->epoch < o->before_epoch &&
		    category_escrowed((enum category)p->category)) {
			p->chosen = true;
			k->out->packs++;
			k->out->freed_bytes += waste(p);
			continue;
		}
		if (max_unused >= 100)
			continue;
		list[n++] = p;
		all += p->blob_bytes;
		unused += waste(p);
	}
	qsort(list, n, sizeof *list, by_waste);
	for (size_t i = 0; i < n; i++) {
		uint64_t w = waste(list[i]);
		if (w == 0 ||
		    (2 * w <= list[i]->blob_bytes &&
			unused * 100 <= all * max_unused))
			break;
		list[i]->chosen = true;
		unused -= w;
		all -= w;
		k->out->packs++;
		k->out->freed_bytes += w;
	}
}

/* ---- the run record ---- */

struct id
repack_run_id(const struct repo *r)
{
	OWN(buf_free) struct buf text = { 0 };

	buf_put_str(&text, "aumbry repack v1");
	id_put(&text, &r->self.dev_id);
	return digest_id(buf_bytes(&text));
}

/* What was chosen is true of the zones as they were looked at only. */
static int
as_looked_at(void *ctx, struct err *e)
{
	const struct repack *k = ctx;
	struct repo *r = k->repo;

	if (zcopy_pull(r->parts[CATEGORY_KEYCHAIN].zone, e) < 0)
		return -1;
	return zcopy_seq(r->parts[CATEGORY_BACKUP].zone) ==
		    k->seq[CATEGORY_BACKUP] &&
		zcopy_seq(r->parts[CATEGORY_KEYCHAIN].zone) ==
		    k->seq[CATEGORY_KEYCHAIN]
	    ? 0
	    : err_set(e, ERR_CONFLICT,
		  "another device changed the repository meanwhile");
}

static int
run_begin(struct repack *k, struct err *e)
{
	struct zcopy_edit edit = { .id = k->run };

	buf_put_u8(&k->run_plain, SNAPSHOT_RUN_KIND);
	buf_put_u8(&k->run_plain, FORMAT);
	id_put(&k->run_plain, &k->repo->self.dev_id);
	buf_put_u64(&k->run_plain, (uint64_t)now_ms());
	edit.plain = buf_bytes(&k->run_plain);
	if (zcopy_commit(k->repo->parts[CATEGORY_BACKUP].zone, &edit, 1,
		as_looked_at, k, e) < 0)
		return -1;
	/* Whoever is about to delete what is left of secrets looks again. */
	for (size_t i = 0; i < k->n; i++) {
		const struct repack_pack *p = &k->packs[i];
		if (p->category == CATEGORY_KEYCHAIN && !p->named &&
		    p->live > 0)
			return zcopy_commit(
			    k->repo->parts[CATEGORY_KEYCHAIN].zone, NULL, 0,
			    NULL, NULL, e);
	}
	return 0;
}

int
repack_clear(struct repo *r, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit edit = { .id = repack_run_id(r), .deleted = true };
	uint64_t version;

	if (zcopy_look(r->parts[CATEGORY_BACKUP].zone, &edit.id, &version,
		&plain, e) < 0)
		return -1;
	if (version == 0)
		return 0;
	return zcopy_commit(
	    r->parts[CATEGORY_BACKUP].zone, &edit, 1, NULL, NULL, e);
}

/* Not the record of another process of this device, which began since. */
static int
run_end(struct repack *k, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy *z = k->repo->parts[CATEGORY_BACKUP].zone;
	struct zcopy_edit edit = {
		.id = k->run, .deleted = true, .expects = true
	};

	if (zcopy_look(z, &k->run, &edit.expect, &plain, e) < 0)
		return -1;
	if (edit.expect == 0 ||
	    !bytes_equal(buf_bytes(&plain), buf_bytes(&k->run_plain)) ||
	    zcopy_commit(z, &edit, 1, NULL, NULL, e) == 0)
		return 0;
	if (e->code != ERR_CONFLICT)
		return -1;
	err_clear(e);
	return 0;
}

int
repack_run(struct repo *r, const struct repack_options *o,
    struct repack_result *out, struct err *e)
{
	OWN(repack_free) struct repack k = { .repo = r, .out = out };
	struct err why;

	*out = (struct repack_result){ 0 };
	if (o->max_unused >= 100 && o->before_epoch == 0)
		return 0;
	if (!repo_has(r, CATEGORY_KEYCHAIN))
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the key of keychain is not held here: what lives there "
		    "cannot be told");
	k.src = source_new(r);
	if (repo_refresh(r, e) < 0)
		return -1;
	k.seq[CATEGORY_BACKUP] = chunkmap_seq(r->parts[CATEGORY_BACKUP].map);
	k.seq[CATEGORY_KEYCHAIN] =
	    chunkmap_seq(r->parts[CATEGORY_KEYCHAIN].map);
	if (repack_look(&k, e) < 0)
		return -1;
	choose(&k, o);
	if (o->dry_run || out->packs == 0)
		return 0;
	k.run = repack_run_id(r);
	if (run_begin(&k, e) < 0)
		return -1;
	int rc = repack_copy(&k, e) < 0 || repack_rename(&k, e) < 0 ? -1 : 0;
	if (run_end(&k, rc < 0 ? &why : e) < 0 || rc < 0)
		return -1;
	return 0;
}
