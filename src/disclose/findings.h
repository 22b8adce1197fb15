/* SPDX-License-Identifier: ISC */
/* findings.h: what came of each zone, and what could not be opened. */
#pragma once

#include "base/buf.h"

#include <jansson.h>

enum finding { FINDING_PLAIN = 1, FINDING_CIPHERTEXT };

struct findings {
	enum finding *zones; /* of each zone of the holding */
	struct buf *reasons; /* of each: why it is not in plain */
	size_t n_zones;
	json_t *closed; /* secrets: path, and snapshot of a backup */
	json_t *failed; /* what should have opened: what, and why */
	uint64_t unused_blobs, unused_bytes; /* in plain no snapshot has them */
};

/* Nothing is found of n_zones zones; findings_free for OWN. */
void findings_init(struct findings *f, size_t n_zones);
void findings_free(struct findings *f);

/* Something that should have opened did not. */
void findings_failed(
    struct findings *f, const char *what, const struct err *why);

/* A path as JSON takes it; what is no UTF-8 is shown with \xHH. */
json_t *findings_path(struct bytes path);
