/* SPDX-License-Identifier: ISC */
/* kit_sheet.h: a sheet of a paper kit as a page to print. */
#pragma once

#include "base/buf.h"

struct kit_sheet {
	unsigned number; /* 1 to RECCODE_SHEETS */
	const struct secret *code; /* of this sheet */
	const char *account; /* "ana@home.example" */
	const char *server; /* its address, as one types it */
	const char *day; /* "2026-11-23" */
	const char *kit; /* what all its sheets are known by */
};

/*
 * A whole HTML page, A4, without anything from outside. It begins with the
 * line by which backups know a secret, in a comment.
 */
void kit_sheet_make(const struct kit_sheet *k, struct buf *out);
