/* SPDX-License-Identifier: ISC */
/* sink_state.c: how a sink fares: its failure, packs and totals. */
#include "content/sink_in.h"

void
sink_abandon(struct sink *s, const struct err *e)
{
	(void)pthread_mutex_lock(&s->lock);
	if (!atomic_load(&s->failed))
		s->err = *e;
	atomic_store(&s->failed, true);
	(void)pthread_cond_broadcast(&s->some_free);
	(void)pthread_cond_broadcast(&s->pack_moved);
	(void)pthread_mutex_unlock(&s->lock);
}

bool
sink_failed(struct sink *s)
{
	return atomic_load(&s->failed);
}

void
sink_use_pack(
    struct sink *s, const struct repo_part *part, const struct id *pack)
{
	(void)pthread_mutex_lock(&s->lock);
	(void)idset_add(&s->used[part->keys], pack->b);
	(void)pthread_mutex_unlock(&s->lock);
}

int
sink_result(struct sink *s, struct err *e)
{
	if (!atomic_load(&s->failed))
		return 0;
	*e = s->err;
	return -1;
}

struct sink_totals
sink_totals(struct sink *s)
{
	(void)pthread_mutex_lock(&s->lock);
	struct sink_totals t = s->totals;
	(void)pthread_mutex_unlock(&s->lock);
	return t;
}

void
sink_packs(struct sink *s, enum category c, struct buf *out)
{
	(void)pthread_mutex_lock(&s->lock);
	idset_put_sorted(&s->used[c], out);
	(void)pthread_mutex_unlock(&s->lock);
}

bool
sink_uses(struct sink *s, enum category c, const struct id *pack)
{
	(void)pthread_mutex_lock(&s->lock);
	bool uses = idset_has(&s->used[c], pack->b);
	(void)pthread_mutex_unlock(&s->lock);
	return uses;
}
