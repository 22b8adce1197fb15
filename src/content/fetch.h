/* SPDX-License-Identifier: ISC */
/* fetch.h: many chunks at once: planned, put in order by pack, read in runs. */
/*
 * Chunks are planned in any order; the run reads them pack by pack and in the
 * order in which they lie, neighbors with one request, with several threads.
 * What fails costs the chunks that it concerns, and the rest goes on. A plan
 * takes 24 bytes for each chunk; the caller ends it before that is too much.
 */
#pragma once

#include "content/repo.h"

struct fetch;

/* A chunk that is wanted, and what for: tag and offset are the caller's. */
struct fetch_want {
	enum category category; /* of the keys */
	struct digest name;
	uint32_t length;
	uint32_t tag;
	uint64_t offset;
};

/* Where it lay once: looked at first. */
struct fetch_hint {
	struct id pack;
	uint32_t entry;
};

/* Heap. For one thread; those of a run are its own. */
struct fetch *fetch_new(struct repo *repo);
void fetch_free(struct fetch **f);

/*
 * Plan one more chunk.
 *
 * hint    may be NULL; one that is not true costs nothing but the look.
 * errors  those of source_find.
 */
MUST_CHECK int fetch_plan(struct fetch *f, const struct fetch_want *w,
    const struct fetch_hint *hint, struct err *e);

/* Chunks that are planned, and the memory that they take. */
size_t fetch_planned(const struct fetch *f);
size_t fetch_bytes(const struct fetch *f);
/* Plan no more than the first n: a file of which one chunk cannot be had. */
void fetch_back(struct fetch *f, size_t n);
/* Begin a new plan. Sources and their memory stay. */
void fetch_clear(struct fetch *f);

/* Who gets them. Called from any thread, for several chunks at once. */
struct fetch_to {
	/* The chunk, verified; -1: the run stops. */
	int (*take)(
	    void *ctx, uint32_t tag, uint64_t offset, struct bytes plain);
	/* It cannot be had; -1: the run stops. */
	int (*fail)(
	    void *ctx, uint32_t tag, uint64_t offset, const struct err *why);
	/* After such an error nothing else is to be tried: the run stops. */
	bool (*fatal)(const struct err *why);
	void *ctx;
};

/*
 * Read all that is planned: take or fail is called once for each chunk, unless
 * the run stops. The plan is for one run.
 *
 * threads  0: one more than there are cores, as some wait for the server.
 * errors   what was fatal; internal when take or fail stopped it.
 */
MUST_CHECK int fetch_run(struct fetch *f, unsigned threads,
    const struct fetch_to *to, struct err *e);
