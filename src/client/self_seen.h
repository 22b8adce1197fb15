/* SPDX-License-Identifier: ISC */
/* self_seen.h: how far each device has seen the zones. */
#pragma once

#include "client/self.h"

/* How far a device has seen the zones beside the state, and when. */
struct self_seen_zone {
	enum category category;
	struct id zone;
	uint64_t seq;
	struct digest hash; /* of that head */
};
struct self_seen {
	struct id dev_id;
	uint64_t time_ms; /* 0: it never said */
	struct self_seen_zone zones[CATEGORY_END];
	size_t n;
};

/* What a device has said last; false when it never did. State was pulled. */
bool self_seen(struct self *s, const struct id *dev_id, struct self_seen *out);
/*
 * Say it for this device, once a day, and when `changes` whenever the zones
 * have moved. The state was pulled.
 */
MUST_CHECK int self_note_seen(struct self *s, bool changes, struct err *e);
