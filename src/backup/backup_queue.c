/* SPDX-License-Identifier: ISC */
/* backup_queue.c: what was met, written down in the order of the tree. */
/*
 * The walk runs ahead of the workers. What it met waits in a queue of nodes, in
 * the order of the tree; a node leaves once all its chunks have their names.
 */
#include "backup/backup_in.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX 2048 /* nodes that wait before slow lanes are pushed */

static void
node_free(struct node *x)
{
	chunklist_free(&x->chunks);
	free(x);
}

void
backup_queue_free(struct run *r)
{
	while (r->head != NULL) {
		struct node *next = r->head->next;
		node_free(r->head);
		r->head = next;
	}
}

struct node *
backup_node(struct run *r, enum node_kind kind, struct bytes bytes)
{
	struct node *x = mem_new(sizeof *x + bytes.n);

	x->kind = kind;
	x->n = bytes.n;
	if (bytes.n > 0)
		memcpy(x->bytes, bytes.p, bytes.n);
	if (r->tail != NULL)
		r->tail->next = x;
	else
		r->head = x;
	r->tail = x;
	r->queued++;
	return x;
}

static void
put_content(struct buf *out, const struct node *x)
{
	if (x->one_length > 0)
		chunklist_put_one(out, &x->one, x->one_length);
	chunklist_put(out, &x->chunks);
}

static int
emit_item(struct run *r, const struct node *x, struct err *e)
{
	struct bytes stored = bytes_of(x->bytes, x->n);

	if (!x->final) {
		struct scan s = scan_of(stored);
		struct entry entry;
		if (entry_take(&s, &entry, e) < 0)
			return -1;
		buf_clear(&r->content);
		put_content(&r->content, x);
		entry.content = buf_bytes(&r->content);
		buf_clear(&r->scratch);
		entry_put(&r->scratch, &entry);
		stored = buf_bytes(&r->scratch);
	}
	tree_out_entry(r->tree, stored);
	seen_out_item(r->seen_out, &x->tuple, x->opened_s, stored);
	return 0;
}

static int
emit(struct run *r, const struct node *x, struct err *e)
{
	switch (x->kind) {
	case NODE_DIR:
		tree_out_begin(r->tree, bytes_of(x->bytes, x->n));
		seen_out_begin(r->seen_out, bytes_of(x->bytes, x->n));
		return 0;
	case NODE_ITEM:
		return emit_item(r, x, e);
	case NODE_END:
		tree_out_end_dir(r->tree);
		seen_out_end_dir(r->seen_out);
		return 0;
	default: /* NODE_DROPPED */
		return 0;
	}
}

void
backup_submit(struct run *r, enum lane lane)
{
	struct sink_block *b = r->block[lane];

	r->block[lane] = NULL;
	if (b != NULL)
		sink_submit(r->sink, b);
}

int
backup_drain(struct run *r, struct err *e)
{
	while (r->head != NULL && atomic_load(&r->head->pending) == 0) {
		struct node *x = r->head;
		if (r->tree != NULL && emit(r, x, e) < 0)
			return -1;
		r->head = x->next;
		if (r->head == NULL)
			r->tail = NULL;
		r->queued--;
		node_free(x);
	}
	/* The lane of secrets fills slowly: it must not hold all others up. */
	if (r->queued >= QUEUE_MAX && r->block[LANE_KEYCHAIN] != NULL)
		backup_submit(r, LANE_KEYCHAIN);
	return 0;
}
