/* SPDX-License-Identifier: ISC */
/* sink.c: blocks, workers, and packs being filled. */
#include "content/sink_in.h"

#include "vault/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS_EACH 3 /* blocks per worker: in work, ready, being filled */
#define LEVEL 1 /* zstd: 3 costs 40 % more time for 11 % less size on text */

struct worker {
	struct sink *sink;
	unsigned rests; /* of those that the sink asked for */
	struct codec *codec; /* NULL: it rests */
	struct mac *mac[CATEGORY_END];
	struct buf packed;
	struct sink_piece fresh[PACK_ENTRIES / 4];
};

/* ---- names ---- */

bool
sink_known(struct sink *s, unsigned lane, const struct digest *name)
{
	return sink_stored(s, s->lanes[lane].part, name);
}

static bool
claim(struct sink *s, enum category c, const struct digest *name)
{
	(void)pthread_mutex_lock(&s->names_lock);
	bool fresh = idset_add(&s->pending[c], name->b);
	(void)pthread_mutex_unlock(&s->names_lock);
	return fresh;
}

/* ---- packs ---- */

/* Hand the lane's pack to an uploader. Called with the lane's lock. */
static void
close_pack(struct sink *s, unsigned l)
{
	struct lane *lane = &s->lanes[l];

	if (lane->pack.out == NULL || pack_out_empty(lane->pack.out))
		return;
	if (s->n_uploaders == 0) {
		struct open_pack p = lane->pack;
		lane->pack = (struct open_pack){ 0 };
		sink_send_pack(s, &p, lane);
		return;
	}
	(void)pthread_mutex_lock(&s->lock);
	while (s->has_full && !atomic_load(&s->failed))
		(void)pthread_cond_wait(&s->pack_moved, &s->lock);
	if (!atomic_load(&s->failed)) {
		s->full = lane->pack;
		s->full_lane = l;
		s->has_full = true;
		lane->pack = (struct open_pack){ 0 };
		(void)pthread_cond_broadcast(&s->pack_moved);
	} else {
		pack_out_reset(lane->pack.out);
		ptable_clear(&lane->pack.table);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

/*
 * A buffer for the lane's next pack: the spare one, or one more. The spare is
 * for content, which fills packs; of a new one only what is filled is memory.
 */
static void
open_pack(struct sink *s, struct lane *lane)
{
	if (lane->pack.out != NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	/* Rather wait than hold more buffers than these. */
	while (s->spare == NULL &&
	    s->uploading + s->has_full >= SINK_UPLOADERS &&
	    !atomic_load(&s->failed))
		(void)pthread_cond_wait(&s->pack_moved, &s->lock);
	if (lane->what.fills)
		lane->pack.out = TAKE(s->spare);
	(void)pthread_mutex_unlock(&s->lock);
	if (lane->pack.out == NULL)
		lane->pack.out = pack_out_new();
}

static void
lay_in_pack(struct worker *w, unsigned l, struct bytes data, uint32_t plain,
    unsigned method, size_t n)
{
	struct sink *s = w->sink;
	struct lane *lane = &s->lanes[l];

	(void)pthread_mutex_lock(&lane->lock);
	if (lane->pack.out != NULL &&
	    (!pack_out_fits(lane->pack.out, data.n) ||
		lane->pack.table.n_entries + n > PACK_ENTRIES))
		close_pack(s, l);
	open_pack(s, lane);
	pack_out_add(lane->pack.out, data);
	ptable_add_block(
	    &lane->pack.table, (uint8_t)method, (uint32_t)data.n, plain);
	for (size_t i = 0; i < n; i++)
		ptable_add_entry(
		    &lane->pack.table, w->fresh[i].name, w->fresh[i].length);
	(void)pthread_mutex_unlock(&lane->lock);
}

/* ---- workers ---- */

/* Name all chunks; move the new ones together at the front of the block. */
static size_t
name_chunks(struct worker *w, struct sink_block *b, uint32_t *keep)
{
	struct sink *s = w->sink;
	const struct repo_part *part = s->lanes[b->lane].part;
	enum category c = part->keys;
	uint32_t at = 0;
	size_t n = 0;

	*keep = 0;
	if (w->mac[c] == NULL)
		w->mac[c] = mac_new(secret_bytes(part->names));
	for (uint32_t i = 0; i < b->n; i++) {
		struct sink_piece *p = &b->pieces[i];
		mac_of(w->mac[c], bytes_of(b->data + at, p->length), p->name);
		if ((atomic_load(&s->copies) ||
			!sink_stored(s, part, p->name)) &&
		    claim(s, c, p->name)) {
			if (*keep != at)
				memmove(
				    b->data + *keep, b->data + at, p->length);
			w->fresh[n++] = *p;
			*keep += p->length;
		}
		at += p->length;
	}
	return n;
}

/* What a worker at work has. */
static void
worker_wake(struct worker *w)
{
	if (w->codec != NULL)
		return;
	w->codec = codec_new(LEVEL);
	buf_room(&w->packed, codec_bound(PACK_BLOCK));
}

static void
worker_rest(struct worker *w)
{
	codec_free(&w->codec);
	buf_free(&w->packed);
}

static void
process(struct worker *w, struct sink_block *b)
{
	struct sink *s = w->sink;
	uint32_t keep;
	size_t n = name_chunks(w, b, &keep);

	worker_wake(w);
	if (n > 0 && !atomic_load(&s->failed)) {
		struct bytes plain = bytes_of(b->data, keep);
		buf_clear(&w->packed);
		enum codec_method m = codec_pack(w->codec, plain, &w->packed);
		lay_in_pack(w, b->lane,
		    m == CODEC_RAW ? plain : buf_bytes(&w->packed), keep,
		    (unsigned)m, n);
	}
	(void)pthread_mutex_lock(&s->lock);
	s->totals.chunks += b->n;
	s->totals.new_chunks += n;
	s->totals.new_bytes += keep;
	(void)pthread_mutex_unlock(&s->lock);
	for (uint32_t i = 0; i < b->n; i++)
		(void)atomic_fetch_sub(b->pieces[i].pending, 1);
}

static struct worker *
worker_new(struct sink *s)
{
	struct worker *w = mem_new(sizeof *w);

	w->sink = s;
	return w;
}

static void
worker_free(struct worker *w)
{
	worker_rest(w);
	for (size_t c = 0; c < CATEGORY_END; c++)
		mac_free(&w->mac[c]);
	free(w);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct sink *s = w->sink;

	(void)pthread_mutex_lock(&s->lock);
	for (;;) {
		while (s->n_todo == 0 && !s->stop) {
			if (w->rests != s->rests)
				worker_rest(w);
			w->rests = s->rests;
			(void)pthread_cond_wait(&s->some_todo, &s->lock);
		}
		if (s->n_todo == 0)
			break;
		struct sink_block *b = s->todo[s->todo_first];
		s->todo_first = (s->todo_first + 1) % s->n_blocks;
		s->n_todo--;
		(void)pthread_mutex_unlock(&s->lock);
		process(w, b);
		(void)pthread_mutex_lock(&s->lock);
		s->free_list[s->n_free++] = b;
		s->in_flight--;
		(void)pthread_cond_signal(&s->some_free);
		(void)pthread_cond_broadcast(&s->settled);
	}
	(void)pthread_mutex_unlock(&s->lock);
	worker_free(w);
	return NULL;
}

/* ---- outside ---- */

static void
make_lane(struct sink *s, const struct sink_lane *what)
{
	struct lane *lane = &s->lanes[s->n_lanes++];

	lane->what = *what;
	lane->part = repo_part(s->repo, what->category);
	assert(repo_holds(lane->part, what->stream));
	(void)pthread_mutex_init(&lane->lock, NULL);
}

/* As many as the system lets us have: a limit makes it slower, no more. */
static void
start_threads(struct sink *s, unsigned workers)
{
	while (s->n_workers < workers) {
		struct worker *w = worker_new(s);
		if (pthread_create(&s->workers[s->n_workers], NULL, work, w) !=
		    0) {
			worker_free(w);
			break;
		}
		s->n_workers++;
	}
	if (s->n_workers == 0)
		s->own = worker_new(s);
	while (s->n_uploaders < SINK_UPLOADERS &&
	    pthread_create(
		&s->uploaders[s->n_uploaders], NULL, sink_upload_all, s) == 0)
		s->n_uploaders++;
}

struct sink *
sink_new(struct repo *repo, const struct sink_lane *lanes, unsigned n,
    unsigned threads)
{
	struct sink *s = mem_new(sizeof *s);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	s->repo = repo;
	if (threads == 0)
		threads = cores > 0 ? (unsigned)cores : 1;
	if (threads > SINK_THREADS_MAX)
		threads = SINK_THREADS_MAX;
	assert(n > 0 && n <= SINK_LANES_MAX);
	for (unsigned l = 0; l < n; l++)
		make_lane(s, &lanes[l]);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->names_lock, NULL);
	(void)pthread_cond_init(&s->some_free, NULL);
	(void)pthread_cond_init(&s->some_todo, NULL);
	(void)pthread_cond_init(&s->settled, NULL);
	(void)pthread_cond_init(&s->pack_moved, NULL);
	s->n_blocks = BLOCKS_EACH * (size_t)threads + n;
	s->blocks = mem_array(s->n_blocks, sizeof *s->blocks);
	s->free_list = mem_array(s->n_blocks, sizeof *s->free_list);
	s->todo = mem_array(s->n_blocks, sizeof *s->todo);
	for (size_t i = 0; i < s->n_blocks; i++)
		s->free_list[s->n_free++] = &s->blocks[i];
	start_threads(s, threads);
	return s;
}

void
sink_free(struct sink **sp)
{
	struct sink *s = *sp;

	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stop = true;
	(void)pthread_cond_broadcast(&s->some_todo);
	(void)pthread_cond_broadcast(&s->pack_moved);
	(void)pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->n_workers; i++)
		(void)pthread_join(s->workers[i], NULL);
	for (unsigned i = 0; i < s->n_uploaders; i++)
		(void)pthread_join(s->uploaders[i], NULL);
	if (s->own != NULL)
		worker_free(s->own);
	for (size_t l = 0; l < s->n_lanes; l++) {
		pack_out_free(&s->lanes[l].pack.out);
		ptable_free(&s->lanes[l].pack.table);
		(void)pthread_mutex_destroy(&s->lanes[l].lock);
	}
	for (size_t i = 0; i < s->n_blocks; i++)
		free(s->blocks[i].data);
	for (size_t c = 0; c < CATEGORY_END; c++) {
		idset_free(&s->used[c]);
		idset_free(&s->pending[c]);
	}
	sink_waiting_free(s);
	pack_out_free(&s->spare);
	free(s->blocks);
	free(s->free_list);
	free(s->todo);
	free(s);
	*sp = NULL;
}

const struct repo_part *
sink_part(const struct sink *s, unsigned lane)
{
	return s->lanes[lane].part;
}

void
sink_copies(struct sink *s)
{
	atomic_store(&s->copies, true);
}

struct sink_block *
sink_take(struct sink *s, unsigned lane)
{
	(void)pthread_mutex_lock(&s->lock);
	while (s->n_free == 0 && !atomic_load(&s->failed))
		(void)pthread_cond_wait(&s->some_free, &s->lock);
	struct sink_block *b = s->n_free > 0 ? s->free_list[--s->n_free] : NULL;
	(void)pthread_mutex_unlock(&s->lock);
	if (b == NULL)
		return NULL;
	if (b->data == NULL)
		b->data = mem_new(PACK_BLOCK);
	b->used = 0;
	b->n = 0;
	b->lane = lane;
	return b;
}

void
sink_give_back(struct sink *s, struct sink_block *b)
{
	(void)pthread_mutex_lock(&s->lock);
	s->free_list[s->n_free++] = b;
	(void)pthread_cond_signal(&s->some_free);
	(void)pthread_mutex_unlock(&s->lock);
}

void
sink_submit(struct sink *s, struct sink_block *b)
{
	if (b->n == 0) {
		sink_give_back(s, b);
		return;
	}
	assert(b->used <= PACK_BLOCK);
	if (s->own != NULL) {
		process(s->own, b);
		sink_give_back(s, b);
		return;
	}
	(void)pthread_mutex_lock(&s->lock);
	s->todo[(s->todo_first + s->n_todo++) % s->n_blocks] = b;
	s->in_flight++;
	(void)pthread_cond_signal(&s->some_todo);
	(void)pthread_mutex_unlock(&s->lock);
}

bool
sink_room(struct sink *s, unsigned lane, size_t n, struct sink_block **b)
{
	if (*b != NULL &&
	    (PACK_BLOCK - (*b)->used < n ||
		(*b)->n == ARRAY_SIZE((*b)->pieces))) {
		sink_submit(s, *b);
		*b = NULL;
	}
	if (*b == NULL)
		*b = sink_take(s, lane);
	return *b != NULL;
}

void
sink_add(
    struct sink_block *b, uint32_t n, struct digest *name, atomic_uint *pending)
{
	(void)atomic_fetch_add(pending, 1);
	b->pieces[b->n++] = (struct sink_piece){ n, name, pending };
	b->used += n;
}

int
sink_settle(struct sink *s, struct err *e)
{
	(void)pthread_mutex_lock(&s->lock);
	while (s->in_flight > 0)
		(void)pthread_cond_wait(&s->settled, &s->lock);
	int rc = sink_result(s, e);
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

int
sink_wait(struct sink *s, const atomic_uint *pending, struct err *e)
{
	(void)pthread_mutex_lock(&s->lock);
	while (atomic_load(pending) > 0)
		(void)pthread_cond_wait(&s->settled, &s->lock);
	int rc = sink_result(s, e);
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

int
sink_flush(struct sink *s, struct err *e)
{
	if (sink_settle(s, e) < 0)
		return -1;
	for (unsigned l = 0; l < s->n_lanes; l++) {
		(void)pthread_mutex_lock(&s->lanes[l].lock);
		close_pack(s, l);
		(void)pthread_mutex_unlock(&s->lanes[l].lock);
	}
	(void)pthread_mutex_lock(&s->lock);
	while ((s->has_full || s->uploading > 0) && !atomic_load(&s->failed))
		(void)pthread_cond_wait(&s->pack_moved, &s->lock);
	int rc = sink_result(s, e);
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

void
sink_reset(struct sink *s)
{
	/* Nothing is begun any more; wait for what was. */
	(void)pthread_mutex_lock(&s->lock);
	while (s->in_flight > 0)
		(void)pthread_cond_wait(&s->settled, &s->lock);
	while (s->has_full || s->uploading > 0)
		(void)pthread_cond_wait(&s->pack_moved, &s->lock);
	assert(s->n_free == s->n_blocks);
	(void)pthread_mutex_unlock(&s->lock);
	for (unsigned l = 0; l < s->n_lanes; l++) {
		pack_out_free(&s->lanes[l].pack.out);
		ptable_free(&s->lanes[l].pack.table);
	}
	for (size_t c = 0; c < CATEGORY_END; c++)
		idset_free(&s->pending[c]);
	s->err = (struct err){ 0 };
	atomic_store(&s->failed, false);
}

void
sink_idle(struct sink *s)
{
	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_free; i++) {
		free(s->free_list[i]->data);
		s->free_list[i]->data = NULL;
	}
	pack_out_free(&s->spare);
	s->rests++;
	(void)pthread_cond_broadcast(&s->some_todo);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->own != NULL)
		worker_rest(s->own);
	(void)pthread_mutex_lock(&s->names_lock);
	for (size_t c = 0; c < CATEGORY_END; c++)
		if (s->pending[c].n == 0)
			idset_free(&s->pending[c]);
	(void)pthread_mutex_unlock(&s->names_lock);
}
