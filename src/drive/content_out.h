/* SPDX-License-Identifier: ISC */
/* content_out.h: what a file of the Drive holds, fetched. */
#pragma once

#include "content/fetch.h"
#include "content/stream.h"
#include "tree/node.h"

/* A file's content that is wanted. */
struct content_out {
	struct repo *repo;
	struct source *source; /* for lists of lists; made when it is needed */
	struct node_content c;
	enum category category; /* of its chunks */
	/* Is this chunk there already? It is not planned then. NULL: none
	 * is. */
	int (*have)(
	    void *ctx, const struct fetch_want *w, bool *have, struct err *e);
	void *ctx;
};

/* Sets content and category. errors: record-corrupt. */
MUST_CHECK int content_out_of(
    const struct node *n, struct content_out *out, struct err *e);

/*
 * Plan all its chunks, by hints first; offsets are those of the file. Of inline
 * content there are none.
 *
 * *chunks  how many.
 * errors   file-damaged; category-closed; have's; the plan is then as before.
 */
MUST_CHECK int content_out_plan(struct content_out *o, struct fetch *f,
    uint32_t tag, uint32_t *chunks, struct err *e);

/* Read it in order. errors: file-damaged; fn's. */
MUST_CHECK int content_out_read(
    struct content_out *o, stream_fn fn, void *ctx, struct err *e);

/* What looks lists up, and names; borrowed. */
struct source *content_out_source(struct content_out *o);

/* What a chunk that cannot be had means for a file. */
void content_out_error(struct err *e);
