/* SPDX-License-Identifier: ISC */
/* sink_upload.c: full packs: sealed, sent, recorded. */
#include "content/sink_in.h"

#include <stdlib.h>
#include <string.h>

static int
commit_record(
    struct sink *s, struct repo_part *part, struct ptable *t, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit edit = { .table = true,
		.refs = bytes_of(t->pack.b, ID_BYTES) };

	ptable_put(&plain, t);
	edit.id = t->pack; /* so that the record is found by the pack */
	edit.plain = buf_bytes(&plain);
	if (zcopy_commit(part->zone, &edit, 1, NULL, NULL, e) < 0)
		return -1;
	repo_index(part->map, &t->pack, t);
	sink_use_pack(s, part, &t->pack);
	return 0;
}

/* The pack is on the server: write its record, then let others find it. */
static int
record_pack(
    struct sink *s, struct repo_part *part, struct ptable *t, struct err *e)
{
	if (s->hands_over)
		sink_wait_for(s, part, t);
	else if (commit_record(s, part, t, e) < 0)
		return -1;
	(void)pthread_mutex_lock(&s->names_lock);
	for (uint32_t i = 0; i < t->n_entries; i++)
		idset_remove(&s->pending[part->keys], t->entries[i].name.b);
	(void)pthread_mutex_unlock(&s->names_lock);
	return 0;
}

static int
upload(struct sink *s, struct open_pack *p, struct lane *lane, struct err *e)
{
	struct repo_part *part = lane->part;
	struct pack_place place = repo_place(s->repo, part);
	uint32_t epoch;

	const struct secret *key = repo_write_key(s->repo, part, &epoch, e);
	if (key == NULL)
		return -1;
	pack_out_seal(p->out, key, epoch, &s->repo->self.dev_id, &place);
	struct bytes blob = pack_out_blob(p->out);
	struct depot *d = s->repo->depot;
	if (zcopy_begin(part->zone, e) < 0)
		return -1;
	if (d->ops->blob_put(d, zcopy_zone(part->zone), &place.pack, blob, e) <
	    0)
		return err_in(e, "storing a pack");
	p->table.pack = place.pack;
	p->table.stream = (uint8_t)lane->what.stream;
	p->table.blob_bytes = (uint32_t)blob.n;
	if (record_pack(s, part, &p->table, e) < 0)
		return -1;
	(void)pthread_mutex_lock(&s->lock);
	s->totals.stored_bytes += blob.n;
	s->totals.packs++;
	(void)pthread_mutex_unlock(&s->lock);
	return 0;
}

void
sink_send_pack(struct sink *s, struct open_pack *p, struct lane *lane)
{
	struct err e = { 0 };

	if (!atomic_load(&s->failed) && upload(s, p, lane, &e) < 0)
		sink_abandon(s, &e);
	ptable_free(&p->table);
	pack_out_reset(p->out);
	(void)pthread_mutex_lock(&s->lock);
	if (s->spare == NULL)
		s->spare = TAKE(p->out);
	(void)pthread_mutex_unlock(&s->lock);
	pack_out_free(&p->out);
}

void *
sink_upload_all(void *arg)
{
	struct sink *s = arg;

	(void)pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->has_full && !s->stop)
			(void)pthread_cond_wait(&s->pack_moved, &s->lock);
		if (!s->has_full)
			break;
		struct open_pack p = s->full;
		struct lane *lane = &s->lanes[s->full_lane];
		s->has_full = false;
		s->uploading++;
		(void)pthread_cond_broadcast(&s->pack_moved);
		(void)pthread_mutex_unlock(&s->lock);
		sink_send_pack(s, &p, lane);
		(void)pthread_mutex_lock(&s->lock);
		s->uploading--;
		(void)pthread_cond_broadcast(&s->pack_moved);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}
