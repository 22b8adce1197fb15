/* SPDX-License-Identifier: ISC */
/* disclose.h: everything that an operator is able to hand over of an account. */
/*
 * In this order: the folder to write into is made; the escrow writes the
 * disclosure into its journal, on its disk; then what is stored is read, and
 * what its keys open is opened; the manifest comes last. The server may run.
 */
#pragma once

#include "wire/digest.h"

struct disclose_options {
	const char *name; /* of the account */
	const char *data; /* the server's folder */
	const char *dir; /* the escrow's, which is stopped; or NULL */
	const char *socket; /* of the escrow, which runs; or NULL */
	const char *reference;
	const char *to;
	uint32_t notify_s; /* the owner is told so much later; 0: at once */
};

struct disclose_result {
	bool plain; /* something was opened */
	uint64_t closed; /* secrets in backups that stay closed */
	uint64_t failed; /* things that should have opened, and did not */
	uint64_t journal_n;
	struct digest manifest; /* of MANIFEST.txt */
};

/*
 * errors  bad-usage; repository-exists: there is something at `to`; not-found;
 *         those of asking_do. Nothing is in the journal after one that comes
 *         before the escrow was asked.
 */
MUST_CHECK int disclose_run(const struct disclose_options *o,
    struct disclose_result *out, struct err *e);
