/* SPDX-License-Identifier: ISC */
/* recovery.h: the account's recovery keys, as a device sees and makes them. */
/*
 * A recovery key is in the circle, so everybody knows which there are; what it
 * is called, and when it was last tried, stands in the state zone:
 *
 *   u8 kind 19 | u8 1 | keyref[16] | u8 recovery kind | u64 created_ms
 *   | u64 tried_ms | v8 label
 *
 * source  docs/FORMAT.md "Recovery keys".
 */
#pragma once

#include "client/self.h"
#include "vault/reccode.h"

#define RECOVERY_CONTACTS 5 /* of one account */

/* One that is in force, or waits to be. */
struct recovery_info {
	struct id keyref;
	uint8_t kind; /* enum recovery_kind */
	char label[LIMIT_NAME_BYTES + 1]; /* a contact's name, or "" */
	uint64_t created_ms, tried_ms; /* 0: not known; never */
	bool waits; /* takes force only later */
	bool leaves; /* is not in the set that waits */
	bool sealed; /* the server holds the newest keys for it */
};

/*
 * All there are. The state was pulled.
 *
 * out  LIMIT_RECOVERY_KEYS * 2 at most; free with mem_free.
 */
MUST_CHECK int recovery_all(
    struct self *s, struct recovery_info **out, size_t *n, struct err *e);

/* A key before it is in the circle. Begin with zeros. */
struct recovery_new {
	struct secret *code, *seed;
	struct recovery_key key;
	struct id keyref;
	char label[LIMIT_NAME_BYTES + 1];
	json_t *stage; /* for POST /v1/recovery, after a step-up */
};

/* Its secrets and its stage. */
void recovery_new_free(struct recovery_new *n);
/*
 * Draw one: code, seed and keys, and for what is not a plain key the server's
 * half. Nothing is sent; the birth pin is of the circle as it is now.
 */
void recovery_draw(struct self *s, enum recovery_kind kind, const char *label,
    struct recovery_new *out);

/*
 * Put it into the circle, in the place of `instead` (NULL: beside all others),
 * and note its label. The server has its stage.
 *
 * *waits_ms  when it takes force; 0: it has.
 * errors     device-too-young, too-large, step-up-required.
 */
MUST_CHECK int recovery_add(struct self *s, const struct recovery_new *n,
    const struct id *instead, uint64_t *waits_ms, struct err *e);
/*
 * recovery_add failed, for `why`: is it certain that the key counts for
 * nothing? Else its owner must keep it.
 */
bool recovery_unused(
    struct self *s, const struct id *keyref, const struct err *why);
/* Take one out. */
MUST_CHECK int recovery_remove(
    struct self *s, const struct id *keyref, uint64_t *waits_ms, struct err *e);

/* The server's half of a contact or a kit; needs a step-up. */
MUST_CHECK int recovery_half(
    struct self *s, const struct id *keyref, struct buf *half, struct err *e);

/*
 * Would this code open everything, now? Nobody is told, nothing is changed but
 * the note of when it was tried.
 *
 * half    the server's, for what is no recovery key; else empty.
 * errors  recovery-key-wrong: it belongs to no recovery key of this account;
 *         circle-not-yours, key-substituted: it does, and would not open.
 */
MUST_CHECK int recovery_try(struct self *s, const struct secret *code,
    struct bytes half, struct err *e);

/*
 * The file that holds a code: HOME_SECRET_MAGIC, a line that says what it is,
 * the account, the code.
 */
void recovery_file_make(const struct secret *code, enum reccode_kind kind,
    const char *account, struct buf *out);
/*
 * The sheet of a kit that a file holds, and which. It is told by the line that
 * recovery_file_make wrote, or else by the code itself.
 */
MUST_CHECK int recovery_sheet_read(const char *path, enum reccode_kind *kind,
    struct secret **out, struct err *e);
/* errors: recovery-key-wrong; those of file_read. */
MUST_CHECK int recovery_file_read(const char *path, enum reccode_kind kind,
    struct secret **out, struct err *e);
