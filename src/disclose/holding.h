/* SPDX-License-Identifier: ISC */
/* holding.h: what a server's folder holds of one account. */
/*
 * Looked at in one transaction, beside a server that runs, and never changed.
 */
#pragma once

#include "store/account.h"
#include "store/blob.h"
#include "wire/checksum.h"
#include "wire/circle.h"

/* An upload that is complete. */
struct holding_blob {
	struct id id;
	uint64_t file, size, refs, stored_ms;
	struct checksum sum;
};

struct holding_zone {
	struct id zone;
	unsigned category; /* enum category; 0: set aside after a reset */
	uint64_t seq, tombstones_gone_below, number;
	struct digest head; /* of seq */
	uint64_t records, deleted, record_bytes;
	struct holding_blob *blobs; /* by id */
	size_t n_blobs;
	uint64_t blob_bytes;
};

struct holding {
	char *data;
	struct db *db;
	struct blob_store *blobs;
	uint8_t escrow[SIG_PK_BYTES]; /* that the server was set up with */
	struct account account;
	struct buf entries; /* of the circle, v16 each */
	struct circle circle;
	struct buf envelopes; /* all of them, v16 each */
	struct buf for_escrow; /* those that it can open */
	struct holding_zone *zones;
	size_t n_zones;
};

/* For OWN. */
void holding_free(struct holding *h);

/*
 * Open a server's folder.
 *
 * errors  not-found: there is no server's data, or it has met no escrow;
 *         update-needed.
 */
MUST_CHECK int holding_open(const char *data, struct holding *h, struct err *e);

/*
 * Read everything but records and blobs of the account of that name.
 *
 * errors  not-found; circle-invalid when what is stored is no circle.
 */
MUST_CHECK int holding_read(
    struct holding *h, struct tx *tx, const char *name, struct err *e);

/* "backup", "aside-1a2b3c4d": the folder of a zone. */
void holding_zone_name(const struct holding_zone *z, struct buf *out);

/* Open a blob as it is stored. errors: blob-missing, blob-truncated. */
MUST_CHECK int holding_blob_open(const struct holding *h,
    const struct holding_zone *z, const struct holding_blob *b, int *fd,
    struct err *e);
/* NULL when the zone has none of that id. */
const struct holding_blob *holding_blob_find(
    const struct holding_zone *z, const struct id *id);
