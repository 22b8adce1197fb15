/* SPDX-License-Identifier: ISC */
/* place_meta.h: owner, mode, attributes and times for a restored object. */
/*
 * Works on descriptors only. What this user, the kernel or the file system
 * cannot give is counted and is no failure. Any thread.
 */
#pragma once

#include "files/place.h"

struct place_meta; /* counts, and the ids of names of users and groups */

/* Heap. All counts are 0, and nothing is held back. */
struct place_meta *place_meta_new(void);
void place_meta_free(struct place_meta **m);
/* Give no owner, no set-id bits, no attributes and no flags. */
void place_meta_tame(struct place_meta *m);
bool place_meta_tamed(const struct place_meta *m);
/* Owners by number from now on, whatever their names are here. */
void place_meta_numeric(struct place_meta *m);

/* What could not be given, so far. */
struct place_counts place_meta_counts(struct place_meta *m);

/*
 * Give an open file or directory all but its flags: owner, attributes, time,
 * mode last. Set-user-id and set-group-id bits only with the owner they had.
 *
 * inherited  it may have an ACL from its parent, which goes unless x has one.
 */
MUST_CHECK int place_meta_give(struct place_meta *m, int fd,
    const struct entry *x, bool inherited, struct err *e);

/* The same for an O_PATH descriptor of a link, fifo, socket or device. */
MUST_CHECK int place_meta_give_path(struct place_meta *m, int fd,
    const struct entry *x, bool inherited, struct err *e);

/* Take the ACLs away that a directory just made has from the one above. */
void place_meta_no_acl(int fd);

/* Take away what it has and x has not: ACLs and attributes of users. */
void place_meta_clear(int fd, const struct entry *x);

/* Flags; after this an immutable file cannot be renamed any more. */
void place_meta_flags(struct place_meta *m, int fd, const struct entry *x);

/* chmod by an O_PATH descriptor. Sets errno. */
MUST_CHECK int place_meta_chmod(int fd, mode_t mode);
