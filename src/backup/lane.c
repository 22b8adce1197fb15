/* SPDX-License-Identifier: ISC */
/* lane.c: the table of lanes. */
#include "backup/lane.h"

static const struct sink_lane lanes[LANE_END] = {
	[LANE_DATA] = { CATEGORY_BACKUP, PTABLE_DATA, true },
	[LANE_TREE] = { CATEGORY_BACKUP, PTABLE_TREE, false },
	[LANE_KEYCHAIN] = { CATEGORY_KEYCHAIN, PTABLE_DATA, false },
};

struct sink *
lane_sink(struct repo *r, unsigned threads)
{
	return sink_new(r, lanes, LANE_END, threads);
}

enum lane
lane_of(enum category c, enum ptable_stream stream)
{
	return c == CATEGORY_KEYCHAIN ? LANE_KEYCHAIN
	    : stream == PTABLE_TREE   ? LANE_TREE
				      : LANE_DATA;
}
