/* SPDX-License-Identifier: ISC */
/* sink.h: the storing half: blocks of chunks in, packs out. */
/*
 * One producer fills blocks; as many workers as there are cores name their
 * chunks, drop what is known, compress and lay the rest into packs; two
 * uploaders seal, send and record each full pack. Where the system gives no
 * threads, the caller's does the work of those that are missing. Nothing is
 * allocated on the way but pack tables; blocks and packs bound the memory.
 *
 * Who commits pack records with others of its own has them handed over: a pack
 * that is stored then waits for its record. Its chunks count as known, and
 * nothing else may rely on them before the record, or beside it in one commit:
 * sink_where tells which record that is.
 */
#pragma once

#include "content/repo.h"

#include <stdatomic.h>

struct sink;

#define SINK_LANES_MAX 8

/* What goes into packs of its own: a feature numbers its lanes from 0. */
struct sink_lane {
	enum category category; /* of the keys: a part that is open */
	enum ptable_stream stream;
	bool fills; /* its packs get full: buffers are kept for it */
};

/* Where one chunk's name goes, and whom to tell. */
struct sink_piece {
	uint32_t length;
	struct digest *name; /* out */
	atomic_uint *pending; /* decremented when *name is set */
};

struct sink_block {
	uint8_t *data; /* PACK_BLOCK bytes */
	uint32_t used; /* bytes covered by pieces */
	uint32_t n;
	struct sink_piece pieces[PACK_ENTRIES / 4];
	unsigned lane;
};

struct sink_totals {
	uint64_t new_bytes; /* plaintext not known before */
	uint64_t stored_bytes; /* blob bytes sent */
	uint64_t chunks, new_chunks, packs;
};

/*
 * Heap, and threads of its own until it is freed.
 *
 * lanes    n of them, 1..SINK_LANES_MAX; copied.
 * threads  workers; 0: one per core.
 */
struct sink *sink_new(struct repo *repo, const struct sink_lane *lanes,
    unsigned n, unsigned threads);
void sink_free(struct sink **s);

/* The part of the repository that a lane writes to. */
const struct repo_part *sink_part(const struct sink *s, unsigned lane);

/*
 * From now on store every chunk, also those that are stored: for copying out
 * of packs that shall go.
 */
void sink_copies(struct sink *s);

/*
 * From now on, before the first block: pack records are not committed here.
 *
 * errors  io-error.
 */
MUST_CHECK int sink_hand_over(struct sink *s, struct err *e);

/* An empty block; waits while all are in use. NULL after a failure. */
struct sink_block *sink_take(struct sink *s, unsigned lane);
/* Hand a block to the workers. */
void sink_submit(struct sink *s, struct sink_block *b);
void sink_give_back(struct sink *s, struct sink_block *b); /* unused */

/*
 * See that *b, a block of the lane or NULL, has room for n more bytes and a
 * piece: else it is submitted and *b is the next. false after a failure: *b is
 * NULL then.
 */
bool sink_room(struct sink *s, unsigned lane, size_t n, struct sink_block **b);
/* The n bytes behind b->used are a chunk, of which this is told. */
void sink_add(struct sink_block *b, uint32_t n, struct digest *name,
    atomic_uint *pending);

/* Wait until everything submitted has its name. errors: the first failure. */
MUST_CHECK int sink_settle(struct sink *s, struct err *e);
/* The same of what was submitted with this pending, whatever else goes on. */
MUST_CHECK int sink_wait(
    struct sink *s, const atomic_uint *pending, struct err *e);

/*
 * Settle, then close, send and record all open packs. The sink goes on.
 *
 * errors  the first failure.
 */
MUST_CHECK int sink_flush(struct sink *s, struct err *e);

/*
 * After a failure: begin again. Nobody holds a block or is in any other call.
 * Packs in work are dropped, and their chunks are known no more; what was
 * stored stays.
 */
void sink_reset(struct sink *s);

/*
 * After a flush, when nothing comes for a while: let go of all memory but that
 * of the threads, which wait. What comes next takes it again.
 */
void sink_idle(struct sink *s);

/*
 * Note that the chunk of this name is used, when it is stored.
 *
 * Returns false when it is not: then it must be read and stored again.
 */
bool sink_known(struct sink *s, unsigned lane, const struct digest *name);

/*
 * Nothing more will come, and nothing is to be settled: what no uploader has
 * begun with is dropped. sink_free waits for the rest.
 */
void sink_abandon(struct sink *s, const struct err *why);

/* What was done so far. */
struct sink_totals sink_totals(struct sink *s);
/* Did something fail? Cheap; the reason comes from settle and flush. */
bool sink_failed(struct sink *s);

/* ---- where records are handed over ---- */

enum sink_where {
	SINK_NOWHERE, /* to be read and stored, again */
	SINK_IN_WORK, /* a flush stores it */
	SINK_WAITS, /* in a pack that is stored and waits for its record */
	SINK_RECORDED, /* in a pack of which the index knows the record */
};

/*
 * Where the chunk of this name is.
 *
 * pack, entry  where in the pack that waits or is recorded.
 */
enum sink_where sink_where(struct sink *s, unsigned lane,
    const struct digest *name, struct id *pack, uint32_t *entry);

/* Append the ids of all packs that wait; returns how many. */
size_t sink_waiting(struct sink *s, struct buf *ids);

/*
 * What records a pack that waits, if nothing has. false: it does not wait.
 *
 * *edit  borrows until sink_recorded or sink_forget.
 */
bool sink_edit(struct sink *s, const struct id *pack, struct zcopy_edit *edit);

/*
 * Records were committed, or may have been: take the zones as their copies have
 * them into the indexes. What they know waits no more.
 *
 * errors  those of the local state; it can be called again.
 */
MUST_CHECK int sink_recorded(struct sink *s, struct err *e);

/*
 * Is a pack gone on which what was stored here relies? Then the names that came
 * of it stand for nothing, if they are in no record yet: all of that is to be
 * read again. It is said once. Asked when all is flushed.
 */
bool sink_lost(struct sink *s);

/*
 * Packs that wait are lost, as those that are collected where no record came
 * in time: none waits any more, and their chunks are known no more.
 */
void sink_forget(struct sink *s);

/* ---- where they are committed here ---- */

/* Is this pack among those used so far? */
bool sink_uses(struct sink *s, enum category c, const struct id *pack);

/* Ids of all packs used so far, 16 bytes each, sorted; of one category. */
void sink_packs(struct sink *s, enum category c, struct buf *out);
