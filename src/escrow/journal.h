/* SPDX-License-Identifier: ISC */
/* journal.h: what the escrow was asked and what it did, in two hash chains. */
/*
 * DIR/journal holds frames u32 length | line (wire/escrow.h), and is only ever
 * appended to. A line is on the disk before what it says is done. A line that
 * a crash cut short is cut off by the next start; anything else that is wrong
 * in it keeps the escrow from starting. One thread uses a journal.
 */
#pragma once

#include "vault/devkey.h"
#include "wire/escrow.h"

struct journal;

struct journal_head {
	uint64_t n; /* 0: no line yet */
	struct digest hash;
};

enum journal_mode {
	JOURNAL_SERVE, /* may write; cuts a torn end off */
	JOURNAL_LOOK /* only reads, beside a server that writes; checks every
			signature, where otherwise the last one, which covers
			the chain, is enough */
};

/*
 * Open the journal and check it; made when it is not there.
 *
 * sign_pk  the escrow's.
 * torn     bytes of a torn end, 0 for none.
 * errors   journal-rolled-back when it is damaged; io-error.
 */
MUST_CHECK int journal_open(const char *path,
    const uint8_t sign_pk[static SIG_PK_BYTES], enum journal_mode mode,
    struct journal **out, size_t *torn, struct err *e);
void journal_free(struct journal **j);

/* Of the whole journal, all accounts together. */
struct journal_head journal_head(const struct journal *j);
/* Of one account; n is 0 when it has no line. */
struct journal_head journal_account(
    const struct journal *j, const struct id *uid);
/* Time of the newest line, milliseconds; 0 for none. Never falls. */
uint64_t journal_last_ms(const struct journal *j);

struct journal_event {
	struct id uid;
	uint64_t time_ms; /* a time before the newest line's becomes that */
	enum escrow_verb verb;
	enum escrow_outcome outcome;
	struct bytes detail; /* at most ESCROW_DETAIL bytes */
};

/*
 * Write a line and wait until the disk has it.
 *
 * out     the account's head after it.
 * errors  disk-full-here, io-error: nothing was written. After a failure that
 *         leaves open what the disk has, every further call fails.
 */
MUST_CHECK int journal_add(struct journal *j, const struct devkey *identity,
    const struct journal_event *x, struct journal_head *out, struct err *e);

/* How many lines are of one of these verbs, that outcome, and not older? */
#define JOURNAL_VERB(verb) (1u << (verb))
size_t journal_count(const struct journal *j, const struct id *uid,
    unsigned verbs, enum escrow_outcome outcome, uint64_t since_ms);
/* The same of all accounts. */
size_t journal_count_all(const struct journal *j, unsigned verbs,
    enum escrow_outcome outcome, uint64_t since_ms);

/* A line of that verb that was to be done, with word=value in it. */
struct journal_said {
	enum escrow_verb verb;
	const char *word, *value;
};

/* Does the account have such a line? errors: those of reading the journal. */
MUST_CHECK int journal_has(const struct journal *j, const struct id *uid,
    const struct journal_said *said, bool *has, struct err *e);

/* The value of a word in a line's detail, quotes taken off; NULL p: none. */
struct bytes journal_word(struct bytes detail, const char *word);

/*
 * The account's head as far as its owner is shown it at now_ms: what stands
 * before the first line of a disclosure that is to be told of later.
 */
MUST_CHECK int journal_shown(const struct journal *j, const struct id *uid,
    uint64_t now_ms, struct journal_head *out, struct err *e);

/*
 * Append the account's lines after `since`, v16 each, as many as fit.
 *
 * limit  bytes.
 */
MUST_CHECK int journal_lines(const struct journal *j, const struct id *uid,
    uint64_t since, size_t limit, struct buf *out, struct err *e);

/* Every line in order, of one account or of all (NULL). */
typedef int journal_fn(
    void *arg, const struct escrow_line *line, struct err *e);
MUST_CHECK int journal_each(const struct journal *j, const struct id *uid,
    journal_fn *fn, void *arg, struct err *e);
