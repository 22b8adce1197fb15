/* SPDX-License-Identifier: ISC */
/* alerts.h: what is wrong with others' accounts, told once and by all devices. */
/*
 * A record of the state zone for each kind of thing that is wrong with one
 * account:
 *
 *   u8 kind 24 | u8 1 | v8 error code | about[16] | u64 first_ms | u64 last_ms
 *   | dev_id[16] | v16 words | u64 dismissed_ms
 *
 * Its id is that of "alert" and SHA-256(code | about)[0..16]. One that was
 * dismissed stays so while the same goes on, in the same words; what was not seen
 * for a day and comes again is told again. The state was pulled before each call.
 */
#pragma once

#include "client/self.h"

#define ALERT_CODE_MAX 40
#define ALERT_WORDS_MAX 640

struct alert {
	struct id id; /* of the record; people name it by its first digits */
	char code[ALERT_CODE_MAX + 1]; /* of err_table.h */
	struct id about; /* whose account */
	uint64_t first_ms, last_ms; /* seen */
	struct id by; /* the device that saw it first */
	char words[ALERT_WORDS_MAX + 1];
	uint64_t dismissed_ms; /* 0: not */
	uint64_t version;
};

/* Is it one that is told so? Contradictions, and a contact that began anew. */
bool alerts_is(enum err_code code);

/* It was seen. errors: those of zcopy_commit. */
MUST_CHECK int alerts_raise(struct self *s, const struct id *about,
    const struct err *why, struct err *e);

/* All of them, the newest first; free with mem_free. */
MUST_CHECK int alerts_all(
    struct self *s, struct alert **out, size_t *n, struct err *e);

/* By the beginning of its id. errors: not-found; bad-usage: several. */
MUST_CHECK int alerts_dismiss(struct self *s, const char *start, struct err *e);
