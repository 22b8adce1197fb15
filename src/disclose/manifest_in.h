/* SPDX-License-Identifier: ISC */
/* manifest_in.h: what the files of the manifest share. For manifest*.c only. */
#pragma once

#include "disclose/manifest.h"
#include "disclose/outdir.h"

#define MANIFEST_JSON "MANIFEST.json"
#define MANIFEST_TEXT "MANIFEST.txt"

/* Both files, while they are written. */
struct manifest_listing {
	struct outfile json, text;
	bool first; /* no file is listed yet */
	uint64_t files, bytes;
};

/* ---- manifest_head.c ---- */

/* Write what stands before the list of files. */
MUST_CHECK int manifest_begin_json(
    struct outfile *f, const struct manifest *m, struct err *e);
MUST_CHECK int manifest_begin_text(
    struct outfile *f, const struct manifest *m, struct err *e);

/* ---- manifest_list.c ---- */

/* Read all that is in the folder but the manifest, and list it. */
MUST_CHECK int manifest_list(
    const char *out, struct manifest_listing *l, struct err *e);

/* The hash of a file in the folder. */
MUST_CHECK int manifest_hash(
    const char *out, const char *name, struct digest *hash, struct err *e);
