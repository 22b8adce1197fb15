/* SPDX-License-Identifier: ISC */
/* sink_wait.c: what is stored: recorded, or waiting for its record. */
#include "content/sink_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool
sink_stored(
    struct sink *s, const struct repo_part *part, const struct digest *name)
{
	struct id pack;
	uint32_t entry;

	/* In the order in which a name moves, so that none is missed. */
	bool waits = s->hands_over &&
	    chunkmap_find(s->stored[part->keys], name->b, &pack, &entry);
	if (!waits && !chunkmap_find(part->map, name->b, &pack, &entry))
		return false;
	sink_use_pack(s, part, &pack);
	return true;
}

int
sink_hand_over(struct sink *s, struct err *e)
{
	for (unsigned l = 0; l < s->n_lanes; l++) {
		const struct repo_part *p = s->lanes[l].part;
		OWN(buf_free) struct buf path = { 0 };
		if (s->stored[p->keys] != NULL)
			continue;
		/* A map like the index; it is never saved. */
		buf_printf(&path, "%s-waiting", p->map_path);
		if (chunkmap_open(
			buf_text(&path), &p->base, &s->stored[p->keys], e) < 0)
			return -1;
	}
	s->hands_over = true;
	return 0;
}

void
sink_wait_for(struct sink *s, struct repo_part *part, const struct ptable *t)
{
	struct waiting *w = mem_new(sizeof *w);

	w->pack = t->pack;
	w->part = part;
	ptable_put(&w->plain, t);
	(void)pthread_mutex_lock(&s->lock);
	repo_index(s->stored[part->keys], &t->pack, t);
	w->next = s->waiting;
	s->waiting = w;
	(void)idset_add(&s->used[part->keys], t->pack.b);
	(void)pthread_mutex_unlock(&s->lock);
}

enum sink_where
sink_where(struct sink *s, unsigned lane, const struct digest *name,
    struct id *pack, uint32_t *entry)
{
	const struct repo_part *part = s->lanes[lane].part;
	enum sink_where at = SINK_NOWHERE;

	assert(s->hands_over);
	/* In the order in which a name moves: the last place counts. */
	(void)pthread_mutex_lock(&s->names_lock);
	if (idset_has(&s->pending[part->keys], name->b))
		at = SINK_IN_WORK;
	(void)pthread_mutex_unlock(&s->names_lock);
	if (chunkmap_find(s->stored[part->keys], name->b, pack, entry))
		at = SINK_WAITS;
	if (chunkmap_find(part->map, name->b, pack, entry))
		at = SINK_RECORDED;
	return at;
}

size_t
sink_waiting(struct sink *s, struct buf *ids)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&s->lock);
	for (const struct waiting *w = s->waiting; w != NULL; w = w->next) {
		id_put(ids, &w->pack);
		n++;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

bool
sink_edit(struct sink *s, const struct id *pack, struct zcopy_edit *edit)
{
	(void)pthread_mutex_lock(&s->lock);
	const struct waiting *w = s->waiting;
	while (w != NULL && !id_equal(&w->pack, pack))
		w = w->next;
	(void)pthread_mutex_unlock(&s->lock);
	if (w == NULL)
		return false;
	*edit = (struct zcopy_edit){ .id = w->pack,
		.table = true,
		.expects = true,
		.refs = bytes_of(w->pack.b, ID_BYTES),
		.plain = buf_bytes(&w->plain) };
	return true;
}

static void
waiting_free(struct waiting *w)
{
	buf_free(&w->plain);
	free(w);
}

/* Drop those that wait, all or what the index knows. */
static void
wait_no_more(struct sink *s, bool all)
{
	(void)pthread_mutex_lock(&s->lock);
	for (struct waiting **at = &s->waiting; *at != NULL;) {
		struct waiting *w = *at;
		if (!all && !chunkmap_has_pack(w->part->map, &w->pack)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		chunkmap_drop_pack(s->stored[w->part->keys], &w->pack);
		waiting_free(w);
	}
	/* What was dropped takes memory until then. */
	for (size_t c = 0; c < CATEGORY_END && s->waiting == NULL; c++)
		if (s->stored[c] != NULL)
			chunkmap_reset(s->stored[c], &s->repo->parts[c].base);
	(void)pthread_mutex_unlock(&s->lock);
}

int
sink_recorded(struct sink *s, struct err *e)
{
	if (repo_follow(s->repo, e) < 0)
		return -1;
	wait_no_more(s, false);
	return 0;
}

static bool
waits(struct sink *s, const struct id *pack)
{
	(void)pthread_mutex_lock(&s->lock);
	const struct waiting *w = s->waiting;
	while (w != NULL && !id_equal(&w->pack, pack))
		w = w->next;
	(void)pthread_mutex_unlock(&s->lock);
	return w != NULL;
}

bool
sink_lost(struct sink *s)
{
	bool lost = false;

	for (unsigned l = 0; l < s->n_lanes; l++) {
		OWN(buf_free) struct buf ids = { 0 };
		struct repo_part *part = s->lanes[l].part;
		sink_packs(s, part->keys, &ids);
		for (size_t i = 0; i < ids.n && !lost; i += ID_BYTES) {
			struct id pack;
			memcpy(pack.b, ids.p + i, ID_BYTES);
			lost = !chunkmap_has_pack(part->map, &pack) &&
			    !waits(s, &pack);
		}
	}
	(void)pthread_mutex_lock(&s->lock);
	for (size_t c = 0; lost && c < CATEGORY_END; c++)
		idset_free(&s->used[c]);
	(void)pthread_mutex_unlock(&s->lock);
	return lost;
}

void
sink_forget(struct sink *s)
{
	wait_no_more(s, true);
}

void
sink_waiting_free(struct sink *s)
{
	while (s->waiting != NULL) {
		struct waiting *w = s->waiting;
		s->waiting = w->next;
		waiting_free(w);
	}
	for (size_t c = 0; c < CATEGORY_END; c++)
		chunkmap_free(&s->stored[c]);
}
