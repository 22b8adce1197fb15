/* SPDX-License-Identifier: ISC */
/* place_in.h: what the files of place share; for place*.c only. */
#pragma once

#include "files/place.h"
#include "files/place_meta.h"
#include "files/beneath.h"
#include "base/idset.h"

#include <pthread.h>
#include <sys/stat.h>

#define PLACE_PART_MODE 01200 /* no finished file looks so */

struct place_node {
	struct bytes path; /* owned */
	uint64_t hash, used;
	unsigned refs;
	int fd;
	bool acl; /* what is made here inherits an ACL */
};

struct place {
	pthread_mutex_t lock; /* nodes, n, cap, clock and refs */
	int target; /* the descriptor of nodes[0] */
	bool made; /* the target was not there */
	struct place_node **nodes; /* the first is the target, never closed */
	size_t n, cap, max;
	uint64_t clock;
	enum place_rule rule;
	struct timespec began; /* by the clock of the target's file system */
	struct buf above; /* whose directories `met` holds */
	struct idset met; /* device and inode */
	struct place_meta *meta;
};

/* Where an object belongs. */
struct place_spot {
	struct place *place;
	struct place_node *dir;
	char name[ENTRY_NAME_MAX + 1];
};

/* ---- place_walk.c ---- */

/* openat2 that neither leaves `at` nor follows a link. Sets errno. */
MUST_CHECK int place_beneath(int at, const char *name, int flags, mode_t mode);

/* The type of an object that has this mode. */
enum entry_type place_type(mode_t mode);
/* Fail, always: the one is there where the other should be. */
MUST_CHECK int place_in_the_way(
    enum entry_type there, enum entry_type wanted, struct err *e);

/* Takes fd. */
struct place_node *place_node_new(struct bytes path, int fd);
void place_node_close(struct place_node **node);
/* Keep a node and close the one unused for longest. Under the lock. */
void place_keep_node(struct place *p, struct place_node *node);
/* Give up a directory that place_find gave; node is NULL then. */
void place_release(struct place *p, struct place_node **node);

/* Open the directory of a path; place_leave gives it back. */
MUST_CHECK int place_find(
    struct place *p, struct bytes path, struct place_spot *s, struct err *e);
void place_leave(struct place_spot *s);

/* ---- place_rule.c ---- */

/* Is a before b? */
bool place_before(const struct timespec *a, const struct timespec *b);
/* Is what is there older than x? */
bool place_older(const struct stat *st, const struct entry *x);

/* Something is there and no directory, or nothing: may x take its place? */
MUST_CHECK int place_may_replace(const struct place_spot *s,
    const struct entry *x, bool *there, struct err *e);

/* ---- place_part.c ---- */

/* A name for what is not finished; no two runs make one. */
void place_part_name(char out[static 64]);
/* Give the part its final name; what appeared there since stays. */
MUST_CHECK int place_part_move(int dirfd, const char *part, const char *name,
    bool replaces, struct err *e);
/* Remove what earlier runs left unfinished, unless one still holds it. */
void place_sweep(int dirfd);
