/* SPDX-License-Identifier: ISC */
/* zone_check.h: whether what is stored is what was stored. */
/*
 * Finds rot, not lies: whoever can write the tables can make them agree.
 * Clients find lies by heads and sums.
 */
#pragma once

#include "store/zone_blob.h"

enum zone_check_depth {
	ZONE_CHECK_LOOK, /* blobs: there, with their size */
	ZONE_CHECK_READ /* and every byte against the SHA-256 */
};

/* One finding. */
struct zone_finding {
	/* A code of the catalogue; ERR_NONE when it is mended already: a
	 * blob's file was still in the trash and is back. */
	enum err_code what;
	struct zone_key key; /* zeros when it concerns no zone */
	struct id id; /* of the record or blob, or zeros */
	const char *text; /* borrowed */
};

typedef void zone_report_fn(void *arg, const struct zone_finding *f);

/*
 * Check everything: the engine's structures, heads and their links, records
 * against their sums and the last head, references, blobs, files that no row
 * names (ERR_NOT_FOUND), the accounts' counters. Never stops at a damage;
 * runs beside everything else.
 *
 * errors  only what makes checking itself impossible.
 * cost    reads all records; with ZONE_CHECK_READ all blobs.
 */
MUST_CHECK int zone_check(const struct zone_store *s,
    enum zone_check_depth depth, zone_report_fn *report, void *arg,
    struct err *e);

/* Does a row say what this file is? One without came before its row, or lost
 * it, as when older tables were put back. */
MUST_CHECK int zone_file_named(
    struct db *db, const struct blob_name *name, bool *named, struct err *e);
