/* SPDX-License-Identifier: ISC */
/* past_in.h: what the parts of past share. For past*.c only. */
#pragma once

#include "drive/edit_in.h"
#include "drive/past.h"
#include "drive/record.h"

/* One thing that is to be done. */
struct past_todo {
	struct past_todo *next;
	enum past_step kind;
	struct id id;
	uint64_t number; /* of the content that it gets; 0: as it is */
	struct buf path;
};

struct past_list {
	struct past_todo *first, **last;
};

/* An empty one, which must stay where it is. */
void past_list_begin(struct past_list *l);
/* For OWN, of one that was begun. */
void past_list_free(struct past_list *l);

/* What is to be done so that it is as it was then. */
MUST_CHECK int past_look(struct edit *d, const struct past_ask *ask,
    struct past_list *out, struct err *e);

/* Calls `fn` for each other file of the database that this one is of, also those
 * in the trash. */
MUST_CHECK int past_beside(struct tx *tx, const struct drivedb_entry *file,
    drivedb_entry_fn fn, void *ctx, struct err *e);

/* The file has that content from now on. */
void past_take(struct node *n, const struct node_version *v);
