/* SPDX-License-Identifier: ISC */
/* put_in.h: what the parts of put share. For put*.c only. */
#pragma once

#include "drive/content_in.h"
#include "drive/edit_in.h"
#include "drive/put.h"

#include <sys/stat.h>

/* A directory of the Drive that things go into. */
struct put_dir {
	struct put_dir *up; /* NULL: the one that all go into */
	struct put_dir *next; /* of all, for freeing */
	struct buf name;
	struct stat st;
	struct id id; /* in the plan of that number */
	unsigned plan;
};

struct put_item {
	struct put_dir *dir;
	struct buf name, local;
	struct stat st;
	bool is_dir; /* dir itself shall be there */
	bool failed, planned, done, same;
	struct buf target; /* of a link */
	struct content_in_taken taken;
};

struct put {
	struct edit *d;
	const struct put_ask *ask;
	struct put_result *result;
	struct put_dir *dirs;
	struct buf to; /* path of the directory that all go into */
	unsigned plan;
	struct put_item **items;
	size_t n;
	uint64_t bytes;
};

/* The last name of what a person typed. */
struct bytes put_base_name(const char *path);
/* Look where it goes, before anything is read. */
MUST_CHECK int put_where(struct put *p, struct buf *name, struct err *e);
/* Commit what was read: edit_plan_fn, ctx: the struct put. */
int put_plan(struct edit_batch *b, void *ctx, struct err *e);
