/* SPDX-License-Identifier: ISC */
/* settings.h: escrow.conf, what who runs the escrow decides. */
#pragma once

#include "base/buf.h"

struct settings {
	uint64_t recovery_wait_s; /* of an operator's order */
	uint64_t releases_per_hour; /* of one account */
	uint64_t releases_per_hour_total;
	uint64_t orders_per_day; /* of one account */
	char *pkcs11_module; /* path; empty: the root key is a file */
	char *pkcs11_token; /* its label */
	char *pkcs11_pin_file; /* path */
};

/* Every key at its default. s: made anew, not freed before. */
void settings_defaults(struct settings *s);
/* All zeros after that. */
void settings_free(struct settings *s);

/* errors: bad-usage for a key that is not there or a value that is none. */
MUST_CHECK int settings_set(struct settings *s, const char *section,
    const char *key, const char *value, struct err *e);

/*
 * Read a file's content: defaults, and what it says otherwise.
 *
 * name    what errors call it.
 * s       made anew, not freed before; all zeros after a failure.
 * errors  bad-usage, with the line's number.
 */
MUST_CHECK int settings_parse(
    struct bytes text, const char *name, struct settings *s, struct err *e);

/* The same from a file. errors: also not-found, too-large, io-error. */
MUST_CHECK int settings_load(
    const char *path, struct settings *s, struct err *e);

/* Append the file: every key with its meaning. */
void settings_text(const struct settings *s, struct buf *out);
