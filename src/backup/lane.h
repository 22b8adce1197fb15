/* SPDX-License-Identifier: ISC */
/* lane.h: which packs of a backup are apart: content, trees, secrets. */
#pragma once

#include "content/sink.h"

enum lane { LANE_DATA, LANE_TREE, LANE_KEYCHAIN, LANE_END };

/* A sink of these lanes. threads: workers; 0: one per core. */
struct sink *lane_sink(struct repo *r, unsigned threads);

/* Whose packs have chunks of that category and stream. */
enum lane lane_of(enum category c, enum ptable_stream stream);
