/* SPDX-License-Identifier: ISC */
/* self_note.h: what the account notes in its state zone, by kind. */
/*
 * A record: u8 kind | u8 1 | what the kind's module says. Its id is
 * SHA-256("aumbry state v1 " | word of the kind | 0 | about)[0..16].
 * source  docs/FORMAT.md "State zone".
 */
#pragma once

#include "client/self.h"

enum self_note_kind {
	SELF_NOTE_ZONES = 16, /* self_zones.c */
	SELF_NOTE_NAME = 17, /* self_devices.c */
	SELF_NOTE_SEEN = 18, /* self_seen.c */
	SELF_NOTE_RECOVERY = 19, /* recovery.h */
	SELF_NOTE_JOURNAL = 20, /* escrowlog.h */
	SELF_NOTE_FRESHPIN = 21, /* self_freshpin.c */
	SELF_NOTE_HELPING = 22, /* join/assist.h */
	SELF_NOTE_PERSON = 23, /* people.h */
	SELF_NOTE_ALERT = 24 /* alerts.h */
};

/* The id of the record; about: a device, a key, …, or NULL. */
struct id self_note_id(enum self_note_kind kind, const struct id *about);

/* Write one, in the place of the one before it. */
MUST_CHECK int self_note_put(struct self *s, enum self_note_kind kind,
    const struct id *about, struct bytes body, struct err *e);
/* If it is at this version, zcopy_look's, and else conflict. */
MUST_CHECK int self_note_replace(struct self *s, enum self_note_kind kind,
    const struct id *about, uint64_t version, struct bytes body, struct err *e);
/* The same, and there is none any more. */
MUST_CHECK int self_note_drop(struct self *s, enum self_note_kind kind,
    const struct id *about, uint64_t version, struct err *e);

/*
 * Read one, as it was pulled.
 *
 * plain   appended; holds what `body` reads.
 * body    after kind and format; bad when these are not the ones wanted.
 * errors  those of zcopy_get.
 */
MUST_CHECK int self_note_get(struct self *s, enum self_note_kind kind,
    const struct id *about, struct buf *plain, struct scan *body,
    struct err *e);

/* The same of a record that is at hand. */
struct scan self_note_body(struct bytes plain, enum self_note_kind kind);
