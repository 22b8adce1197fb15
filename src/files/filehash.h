/* SPDX-License-Identifier: ISC */
/* filehash.h: what lists of files say of one: its kind, and its SHA-256, also of
 * those that are mostly holes. */
#pragma once

#include "wire/digest.h"

#include <sys/stat.h>

/* What lists of files call its kind: "file", "folder", "link", … */
const char *filehash_type(mode_t mode);

/* More of it is a hole than is worth reading. */
bool filehash_mostly_holes(const struct stat *st);

/*
 * Hash all of what is open.
 *
 * size  how many bytes that were.
 */
MUST_CHECK int filehash_all(
    int fd, uint64_t *size, struct digest *out, struct err *e);

/*
 * The same of what is data alone: each piece of it behind its offset and its
 * length, 8 bytes each.
 */
MUST_CHECK int filehash_data(
    int fd, off_t size, struct digest *out, struct err *e);
