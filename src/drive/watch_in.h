/* SPDX-License-Identifier: ISC */
/* watch_in.h: the folders that are watched, as a tree of names. */
#pragma once

#include "drive/watch.h"

#define NO_FOLDER UINT32_MAX
#define TOP_FOLDER 0

/* A folder knows the one above it, so that a move is one change. */
struct folder {
	char *name; /* owned; NULL: this place is free */
	uint32_t above;
	uint32_t below, next; /* the first in it, and the next beside it */
	uint32_t same_wd, same_name; /* the next in the chain of a table */
	int32_t wd; /* -1: it is not watched */
	uint32_t changed_s; /* when it last did */
	uint32_t dirty; /* of dirties, from 1; 0: it is not */
};

struct folders {
	struct folder *p;
	uint32_t n, cap, used;
	uint32_t free; /* the first free place, by `next` */
	/* Chains of both tables begin here: 2^bits of them. */
	uint32_t *by_wd, *by_name;
	unsigned bits;
};

/* The top alone. */
void watch_folders_init(struct folders *f);
/* For OWN. */
void watch_folders_free(struct folders *f);
/* That name in a folder, or NO_FOLDER. */
uint32_t watch_folders_child(
    const struct folders *f, uint32_t above, struct bytes name);
uint32_t watch_folders_wd(const struct folders *f, int32_t wd);
/* NO_FOLDER: one above it is not known. */
uint32_t watch_folders_find(const struct folders *f, const char *path);
uint32_t watch_folders_new(
    struct folders *f, uint32_t above, struct bytes name);
/* It has nothing in it, and no watch. */
void watch_folders_drop(struct folders *f, uint32_t i);
void watch_folders_move(
    struct folders *f, uint32_t i, uint32_t above, struct bytes name);
void watch_folders_set_wd(struct folders *f, uint32_t i, int32_t wd);
/* Is it that folder, or above it? */
bool watch_folders_above(const struct folders *f, uint32_t above, uint32_t i);
/* Its path, appended. */
void watch_folders_path(const struct folders *f, uint32_t i, struct buf *out);
