/* SPDX-License-Identifier: ISC */
/* dbstems.h: which databases of a directory have companions (dbfile.h). */
/*
 * Few directories have any. Each is asked for its companions once, so that other
 * files in it cost nothing.
 */
#pragma once

#include "tree/planner.h"

struct dbstems {
	const struct plan_view *views[3]; /* borrowed; NULL behind the last */
	void *dirs; /* of <search.h> */
};

/* For OWN. */
void dbstems_free(struct dbstems *s);
/* Is the file of this name, in one of the views, of a database with companions,
 * or one of them? */
bool dbstems_has(struct dbstems *s, const struct id *parent, struct bytes name);
