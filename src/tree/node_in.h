/* SPDX-License-Identifier: ISC */
/* node_in.h: what the parts of node share. For node*.c only. */
#pragma once

#include "tree/node.h"

#define NODE_NS_MAX 999999999

/* Say record-corrupt and why. Returns -1. */
int node_bad(struct err *e, const char *why);

/* A varint of at most `most`; a larger one marks the cursor bad. */
uint64_t node_number(struct scan *s, uint64_t most);

/* Kind and format of a record. errors: record-corrupt, update-needed. */
MUST_CHECK int node_begin(struct scan *s, uint8_t kind, struct err *e);

/* Zeros, from where a record began in `out`; and are those right that are left
 * of one of n bytes? */
void node_pad(struct buf *out, size_t start);
bool node_pad_ok(struct scan *s, size_t n);

/* Content, and where it ends. errors: record-corrupt. */
MUST_CHECK int node_content_take(
    struct scan *s, struct node_content *out, struct err *e);
