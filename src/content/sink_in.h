/* SPDX-License-Identifier: ISC */
/* sink_in.h: what the parts of the sink share. For sink*.c only. */
#pragma once

#include "content/sink.h"
#include "base/idset.h"

#include <pthread.h>

#define SINK_THREADS_MAX 64
#define SINK_UPLOADERS 2 /* one seals while the other's pack is on its way */

/* A pack being filled, and the table of what is in it. */
struct open_pack {
	struct pack_out *out; /* NULL until the first block */
	struct ptable table;
};

struct lane {
	struct sink_lane what;
	struct repo_part *part;
	pthread_mutex_t lock;
	struct open_pack pack;
};

/* A pack that is stored, and the record that nobody has committed yet. */
struct waiting {
	struct waiting *next;
	struct id pack;
	struct repo_part *part;
	struct buf plain;
};

struct sink {
	struct repo *repo;
	/* What could be started; without any, the caller's thread does it. */
	unsigned n_workers, n_uploaders;
	pthread_t workers[SINK_THREADS_MAX];
	pthread_t uploaders[SINK_UPLOADERS];
	struct worker *own; /* of the caller's thread, when n_workers is 0 */

	pthread_mutex_t lock; /* everything below, down to `names` */
	pthread_cond_t some_free, some_todo, settled, pack_moved;
	struct sink_block *blocks;
	struct sink_block **free_list;
	struct sink_block **todo; /* ring of n_blocks */
	size_t n_blocks, n_free, todo_first, n_todo, in_flight;
	bool stop;
	/* The full pack that waits for the uploader, and a spare buffer. */
	struct open_pack full;
	unsigned full_lane;
	bool has_full;
	unsigned uploading; /* packs being sealed or sent */
	struct pack_out *spare;
	struct err err; /* the first failure */
	struct sink_totals totals;
	struct idset used[CATEGORY_END]; /* pack ids */
	unsigned rests; /* how often the workers were told to rest */
	struct waiting *waiting;

	pthread_mutex_t names_lock;
	struct idset pending[CATEGORY_END]; /* names on their way */

	/* Records are handed over: names of packs that wait. */
	bool hands_over;
	struct chunkmap *stored[CATEGORY_END];

	atomic_bool failed;
	atomic_bool copies; /* store also what is stored */
	struct lane lanes[SINK_LANES_MAX];
	unsigned n_lanes;
};

/* ---- sink_state.c ---- */

/* Note that this pack is used. */
void sink_use_pack(
    struct sink *s, const struct repo_part *part, const struct id *pack);

/* The first failure, if there was one. Under the lock. */
MUST_CHECK int sink_result(struct sink *s, struct err *e);

/* ---- sink_wait.c ---- */

/* Is the chunk stored, or does it wait? Under no lock. */
bool sink_stored(
    struct sink *s, const struct repo_part *part, const struct digest *name);
/* The pack is stored: from now on it waits. */
void sink_wait_for(
    struct sink *s, struct repo_part *part, const struct ptable *t);
void sink_waiting_free(struct sink *s);

/* ---- sink_upload.c ---- */

/* Send a full pack, and keep its buffer for the next one. */
void sink_send_pack(struct sink *s, struct open_pack *p, struct lane *lane);

/* The thread of an uploader; arg is the sink. */
void *sink_upload_all(void *arg);
