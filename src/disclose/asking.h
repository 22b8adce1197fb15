/* SPDX-License-Identifier: ISC */
/* asking.h: the escrow is told first, and gives what keys it has. */
#pragma once

#include "disclose/holding.h"
#include "vault/keyring.h"
#include "wire/escrow.h"

struct asking {
	/* The escrow that runs answers at the socket; NULL: it is stopped, and
	 * its folder is opened here, under its lock. */
	const char *socket, *dir;
	const char *reference;
	uint32_t notify_s; /* the account's owner is told so much later */
};

struct asked {
	struct buf line; /* of the journal, as it was signed */
	struct escrow_line parsed; /* borrows from it */
	struct digest hash; /* of the line */
	struct buf why; /* no keys were given; empty when they were */
	uint32_t closed; /* envelopes that the escrow could not open */
	struct keyring *keys; /* NULL when there is a reason why not */
};

/* For OWN. */
void asking_free(struct asked *a);

/*
 * Have the disclosure written into the escrow's journal, and then get the keys
 * of what standard protection covers, if there are any.
 *
 * errors  home-busy: an escrow serves the folder; escrow-changed: it is not the
 *         one that the server was set up with; escrow-unreachable;
 *         journal-rolled-back; those of the escrow.
 */
MUST_CHECK int asking_do(const struct asking *a, const struct holding *h,
    struct asked *out, struct err *e);
