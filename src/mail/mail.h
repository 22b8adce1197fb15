/* SPDX-License-Identifier: ISC */
/* mail.h: the account's letters: those that are filed, and those that came. */
/*
 * What others send waits in the account's inbox at the server until a device has
 * filed it in the messages zone, which empties the inbox in one transaction.
 * Every letter is looked at when it comes: it must be signed by a device of who
 * it says wrote it, as that contact's circle is now, and be of the conversation
 * with him. What does not open, or is not right, is filed as it came and looked
 * at again later; nothing is thrown away but what a blocked person
 * sends, and what was sealed to keys that went with a reset.
 *
 * Reading is done on the whole of it: 200,000 letters open in a fraction of a
 * second, and no text stands on this disk in the clear.
 */
#pragma once

#include "base/idset.h"
#include "client/people.h"
#include "mail/page.h"

struct mail;

/*
 * The account's messages as they are now: pulled, and what waits in the inbox.
 *
 * self    connected, its state pulled; stays the caller's, outlives it.
 * errors  two-factor-required; category-closed; those of the zone.
 */
MUST_CHECK int mail_open(struct self *s, struct mail **out, struct err *e);
void mail_free(struct mail **m);
/* Again what is new, of a mail that is kept open. */
MUST_CHECK int mail_look(struct mail *m, struct err *e);
/* The number of the newest item that ever came, as far as is known: for
 * self_wait, which says what it is now. */
uint64_t mail_top(const struct mail *m);
void mail_seen(struct mail *m, uint64_t top);

/* One letter. Borrowed for the visit. */
struct mail_letter {
	const struct letter *letter; /* NULL: gone, or not to be read */
	struct id id; /* of the letter; when it is not right, of its record */
	struct id mark;
	uint64_t received_ms;
	uint8_t flags; /* enum page_flags */
	struct id from; /* the account it came from */
	const struct err *why; /* it is not right, or not yet; or NULL */
};

/*
 * Visit each letter once, in no order; -1 from fn stops. Those that are not
 * right, too.
 */
typedef int (*mail_visit_fn)(
    void *ctx, const struct mail_letter *x, struct err *e);
MUST_CHECK int mail_each(
    struct mail *m, mail_visit_fn fn, void *ctx, struct err *e);
/* The same; `marks` gets those of all that were visited: before fn is called for
 * one, its own. */
MUST_CHECK int mail_each_marked(struct mail *m, struct idset *marks,
    mail_visit_fn fn, void *ctx, struct err *e);
/* Those alone that no call of it has visited yet, filed or not: the first visits
 * all, and each other one what came since. fn may ask for what is noted. */
MUST_CHECK int mail_each_new(
    struct mail *m, mail_visit_fn fn, void *ctx, struct err *e);
/* The marks of those. Who opens the same messages anew takes them along, so that
 * nothing is news twice. */
struct idset *mail_told(struct mail *m);

/* Whom the account writes with. Borrowed until the next look; NULL: nobody that
 * is known. */
const struct person *mail_person(const struct mail *m, const struct id *uid);
/* And who of them has that conversation. */
const struct person *mail_with(const struct mail *m, const struct id *conv);
struct id mail_conversation(const struct mail *m, const struct person *p);
/* Was this account begun anew? What was filed before is gone then. */
bool mail_was_reset(const struct mail *m);
const struct id *mail_own(const struct mail *m);
bool mail_is_own(const struct mail *m, const struct id *uid);

/* What was found of others since the last look, i from 0; NULL: no more. Told once,
 * as people_check finds it once. */
const struct people_look *mail_found(const struct mail *m, size_t i);

/* What is noted of a conversation; zeros when nothing is. */
MUST_CHECK int mail_noted(struct mail *m, const struct id *conv,
    struct page_conversation *out, struct err *e);
/* Is nothing told of it now? */
bool mail_muted(const struct page_conversation *c);
MUST_CHECK int mail_note(
    struct mail *m, const struct page_conversation *c, struct err *e);

/* Is it time to file: many, or one that came an hour ago? */
bool mail_due(const struct mail *m);
/* File what waits. errors: those of the zone; what is not filed stays where it
 * is. */
MUST_CHECK int mail_file(struct mail *m, struct err *e);
/* Take a letter away from this account, or what is none; others keep theirs.
 * errors: not-found. x: its id, mark and from; what its author said of it later
 * goes, too. */
MUST_CHECK int mail_drop(
    struct mail *m, const struct mail_letter *x, struct err *e);

/* What is written. */
struct mail_draft {
	uint8_t kind; /* enum letter_kind */
	struct id of; /* what is edited or deleted */
	struct bytes text;
	bool quiet;
};

struct mail_sent {
	struct id id, conv;
	uint64_t time_ms;
	bool asks; /* it asks first: he has not let this account write yet */
};

/*
 * Send it: when this returns, it is with the server, for all devices of both.
 *
 * to      a contact; looked at now.
 * errors  what is wrong with him: contact-changed, circle-*, not-found;
 *         contact-blocked, inbox-missing, inbox-full, ask-waits, ask-first,
 *         key-substituted, too-large.
 */
MUST_CHECK int mail_send(struct mail *m, const struct person *to,
    const struct mail_draft *d, struct mail_sent *out, struct err *e);
