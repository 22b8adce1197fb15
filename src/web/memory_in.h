/* SPDX-License-Identifier: ISC */
/* memory_in.h: what is remembered. For memory.c, local.c and home.c only. */
#pragma once

#include "link/local.h"
#include "web/memory.h"

struct link {
	uint64_t seq;
	struct digest hash;
};

struct record {
	struct id id;
	uint64_t version, seq;
	uint32_t key_epoch;
	uint8_t flags;
	struct buf refs, ct;
};

struct zone {
	struct zone *next;
	struct id id;
	struct local_zone at;
	struct link *chain;
	size_t n_chain;
	struct record *records;
	size_t n_records;
};
/* The value of a key; NULL when there is none. Borrowed. */
const struct buf *memory_find(const char *key);
/* Remember a value, or with n 0 none; memory_changed then keeps it. */
void memory_set(const char *key, struct bytes value);
/* NULL when nothing is held of it. Borrowed. */
struct zone *memory_zone(const struct id *id);
/* One of which nothing was held. Borrowed. */
struct zone *memory_zone_new(const struct id *id);
/* Give all of it to the page. */
void memory_changed(void);
