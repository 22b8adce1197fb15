/* SPDX-License-Identifier: ISC */
/* tidy_reseal.c: what older keys open is sealed under the newest ones. */
#include "drive/tidy_in.h"

#include "base/now.h"

#include <stdlib.h>

#define BATCH_BYTES (4 * 1024 * 1024) /* of plaintexts in one commit */

/* Records under older keys; those of packs go with their packs. */
struct reseal {
	uint32_t before;
	struct zcopy_edit edits[TIDY_BATCH];
	size_t offset[TIDY_BATCH], length[TIDY_BATCH]; /* in plains */
	struct buf plains;
	size_t n;
	uint64_t all;
};

static void
reseal_free(struct reseal **x)
{
	buf_free(&(*x)->plains);
	free(*x);
}

static int
look_at(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct reseal *x = ctx;

	if (r->epoch >= x->before ||
	    (r->plain.n > 0 && r->plain.p[0] == PTABLE_KIND))
		return 0;
	if (r->bad != NULL) {
		*e = *r->bad;
		return -1;
	}
	x->all++;
	if (x->n == TIDY_BATCH || x->plains.n > BATCH_BYTES)
		return 0;
	x->offset[x->n] = x->plains.n;
	x->length[x->n] = r->plain.n;
	buf_put_bytes(&x->plains, r->plain);
	x->edits[x->n++] = (struct zcopy_edit){
		.id = r->id, .expects = true, .expect = r->version
	};
	return 0;
}

/* One commit of them; *left: how many there were before it. */
static int
reseal_some(struct tidy *t, uint64_t *left, struct err *e)
{
	OWN(reseal_free) struct reseal *x = mem_new(sizeof *x);

	x->before = t->before_epoch;
	if (edit_pull(t->d, e) < 0 ||
	    zcopy_each_all(t->zone, 0, look_at, x, e) < 0)
		return -1;
	*left = x->all;
	if (x->n == 0 || t->dry)
		return 0;
	for (size_t i = 0; i < x->n; i++)
		x->edits[i].plain =
		    bytes_of(x->plains.p + x->offset[i], x->length[i]);
	return zcopy_commit(t->zone, x->edits, x->n, NULL, NULL, e);
}

int
tidy_reseal(struct edit *d, uint32_t before_epoch, bool dry,
    struct tidy_resealed *out, struct err *e)
{
	struct tidy_result packs = { .ran = true };
	struct tidy t = { .d = d,
		.repo = d->repo,
		.zone = d->zone,
		.now_ms = (uint64_t)now_ms(),
		.before_epoch = before_epoch,
		.dry = dry,
		.out = &packs };
	uint64_t left = 0;

	*out = (struct tidy_resealed){ 0 };
	if (tidy_packs(&t, e) < 0)
		return -1;
	out->packs = packs.rewritten + packs.deleted;
	out->written_bytes = packs.written_bytes;
	if (packs.kept.code != ERR_NONE) {
		*e = packs.kept;
		return -1;
	}
	for (int lost = 0;;) {
		if (edit_go_on(d, e) < 0)
			return -1;
		if (reseal_some(&t, &left, e) < 0) {
			if (e->code != ERR_CONFLICT || ++lost > TIDY_TRIES)
				return -1;
			err_clear(e);
			continue;
		}
		if (out->records == 0)
			out->records = left;
		if (left == 0 || dry)
			return edit_pull(d, e);
	}
}
