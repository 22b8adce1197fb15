/* SPDX-License-Identifier: ISC */
/* manifest.h: what a disclosure holds, what it does not, and why. */
/*
 * OUT/MANIFEST.json for programs, OUT/MANIFEST.txt for people. The list of
 * files is made from what is in the folder, by reading every byte of it again:
 * but for these two, nothing is there that is not listed. They come last; a
 * folder without them is of a disclosure that did not end.
 */
#pragma once

#include "disclose/asking.h"
#include "disclose/findings.h"

struct manifest {
	const struct holding *holding;
	const struct asked *asked;
	const struct findings *findings;
	const char *reference;
	uint64_t time_ms;
};

/* hash  of MANIFEST.txt, which has that of MANIFEST.json in it. */
MUST_CHECK int manifest_write(const struct manifest *m, const char *out,
    struct digest *hash, struct err *e);
