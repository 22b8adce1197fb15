/* SPDX-License-Identifier: ISC */
/* step.h: giving back one piece of a device profile: what, and doing it. */
/*
 * What the backup has is compared with this machine first. Then it is only
 * added to: nothing here is removed, changed back or written over, but the
 * values of settings. What comes from the backup reaches a tool as the words of
 * items.h, behind "--", or as its input.
 */
#pragma once

#include "profile/piece.h"

enum profile_todo {
	PROFILE_SAME, /* nothing of it is missing here */
	PROFILE_ACT, /* profile_step_act adds what is missing */
	PROFILE_TYPE, /* a person types `command` */
	PROFILE_TELL, /* it comes back by other ways: fonts, by home and packages */
	PROFILE_CANNOT /* `why` */
};

struct profile_step {
	const struct profile_piece *piece;
	struct items backed; /* value of a connection: the file */
	struct items wanted; /* of that, what is not so here and can be had */
	struct items
	    unknown; /* and what cannot: no such package, no such unit */
	enum profile_todo todo;
	struct buf command; /* lines */
	struct err why;
};

/* For OWN; it is empty then. */
void profile_step_free(struct profile_step *s);

/* What the backup has of s->piece: its file, or one connection. */
void profile_step_stored(struct profile_step *s, struct bytes text);
void profile_step_connection(
    struct profile_step *s, struct bytes name, struct bytes text);

/* Ask this machine, and fill all else. Again after it was filled. */
void profile_step_compare(struct profile_step *s);

/*
 * Do it, and look whether it is so.
 *
 * errors  write-incomplete: it is not, after all; those of tool_run.
 */
MUST_CHECK int profile_step_act(struct profile_step *s, struct err *e);
