/* SPDX-License-Identifier: ISC */
/* check.h: is every content of the Drive there and whole? */
#pragma once

#include "drive/edit.h"

struct check_options {
	unsigned read_percent; /* of the packs, chosen at random; 0: none */
	/* path: of the file, or empty: a pack, or a record. */
	void (*found)(void *ctx, struct bytes path, const struct err *why);
	bool (*stop)(void); /* or NULL */
	void *ctx;
};

struct check_result {
	uint64_t contents; /* of files and of their former versions */
	uint64_t packs, packs_read, bytes_read;
	uint64_t damages, files_damaged;
};

/*
 * Compare the zone's records with its head, ask for all packs, read some, and
 * look for each chunk of each file, in the trash or not, and of its history.
 * What is damaged is left out of this program's index.
 *
 * errors  of what ends it all; damages are told and counted.
 */
MUST_CHECK int check_run(struct edit *d, const struct check_options *o,
    struct check_result *out, struct err *e);
