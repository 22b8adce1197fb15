/* SPDX-License-Identifier: ISC */
/* metadata.h: what the server knows beside contents, as readable files. */
/*
 * Below OUT/metadata: account.json, devices.json, sessions.json, log.json,
 * factors.json, requests.json, zones.json, records.csv, blobs.csv, circle.bin
 * and envelopes.bin. Credentials stay out, in each file: what proves to be
 * somebody is no record of what somebody did.
 */
#pragma once

#include "disclose/holding.h"

#include <jansson.h>

/* Where rows of the database's tables went, or why they did not. */
struct metadata_table {
	const char *table;
	const char *where; /* NULL: nowhere */
	const char *but; /* what of it is left out, and why; or NULL */
};
extern const struct metadata_table metadata_tables[];
extern const size_t metadata_n_tables;

/* Write all of metadata/. errors: io-error, and what the database says. */
MUST_CHECK int metadata_write(
    const struct holding *h, struct tx *tx, const char *out, struct err *e);

/* ---- metadata_devices.c ---- */

/* devices.json. */
MUST_CHECK int metadata_devices(
    const struct holding *h, struct tx *tx, const char *out, struct err *e);

/* ---- metadata_zones.c ---- */

/* zones.json, records.csv, blobs.csv. */
MUST_CHECK int metadata_zones(
    const struct holding *h, struct tx *tx, const char *out, struct err *e);

/* ---- metadata_rows.c ---- */

/* "2026-11-23T13:33:39Z" as `name` and the number as `name`_ms; 0: neither. */
void metadata_put_time(json_t *j, const char *name, uint64_t time_ms);

/*
 * A row as an object.
 *
 * columns  "id:h opened:t way:s": a name for each, and how it is shown: h hex,
 *          b base64, s text, n number, y yes or no, t time, c class of device.
 *          Zeros of h and t are left out.
 */
json_t *metadata_row(struct stmt *s, const char *columns);

/* Rows of a query about the account as a list of objects. */
MUST_CHECK int metadata_rows(struct tx *tx, const struct id *uid,
    const char *sql, const char *columns, json_t **out, struct err *e);

/* Write a JSON value as a file; `j` is given up. */
MUST_CHECK int metadata_file(
    const char *out, const char *name, json_t *j, struct err *e);
