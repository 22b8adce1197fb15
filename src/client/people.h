/* SPDX-License-Identifier: ISC */
/* people.h: the account's contacts, and what the server shows of them. */
/*
 * A contact is pinned when it is first seen: the root of its circle, and how far
 * that was seen. All devices of the account share the pins through the state
 * zone:
 *
 *   u8 kind 23 | u8 1 | person of wire/person.h
 *
 * The record's id is that of "person" and the uid. Whatever the server shows
 * later must go on from the pin. What it cannot do unnoticed is put a device
 * behind it; what it can, and an honest one does when somebody has lost all
 * devices, is show a RESET: of a contact that was compared that is said until
 * it is accepted or compared anew, of another one once.
 *
 * The circles are kept in state.db, and only what is new is fetched. The state
 * was pulled before each call.
 */
#pragma once

#include "client/self.h"
#include "wire/person.h"

struct people {
	struct person *list; /* by address */
	size_t n;
};

/* What it holds; empty then. */
void people_free(struct people *p);
/* What does not parse is left out: a newer version's. */
MUST_CHECK int people_all(struct self *s, struct people *out, struct err *e);

/*
 * By what was typed: NAME, NAME@HOST or a nickname.
 *
 * errors  not-found.
 */
MUST_CHECK int people_one(
    struct self *s, const char *typed, struct person *out, struct err *e);

/*
 * Find somebody on this server, verify the list of devices and pin it. Who is
 * pinned already stays as he is: people_check looks at him.
 *
 * *had    it was a contact before.
 * errors  not-found; name-unclaimed: its devices do not go by that name; bad-name; bad-usage: that is oneself; too-large;
 *         name-moved: another account has the name of a contact; circle-*.
 */
MUST_CHECK int people_add(struct self *s, const char *name, struct person *out,
    bool *had, struct err *e);

/* Block somebody who may be no contact: by whatever name the server gives him.
 * errors: as people_add, but those about his name. */
MUST_CHECK int people_block(
    struct self *s, const char *typed, struct person *out, struct err *e);

/* Write it, in the place of what was read; its version is the new one then.
 * errors: conflict: another device has written it since. */
MUST_CHECK int people_put(struct self *s, struct person *p, struct err *e);
/*
 * Change the record as it is now, again when another device writes it meanwhile.
 * fn may refuse.
 *
 * out     as it is then.
 * errors  not-found; those of fn; update-needed.
 */
typedef int (*people_change_fn)(void *ctx, struct person *p, struct err *e);
MUST_CHECK int people_change(struct self *s, const struct id *uid,
    people_change_fn fn, void *ctx, struct person *out, struct err *e);
/* And what is kept of the circle here; also of one that cannot be read. */
MUST_CHECK int people_remove(
    struct self *s, const struct id *uid, struct err *e);

/* What was found when a contact was looked at. */
struct people_look {
	struct person person; /* as it is now */
	struct circle circle; /* owned; seq 0: it was not shown, or not right.
				 Of who is gone: as it was kept */
	unsigned added, removed; /* devices, since the last look */
	bool anew; /* begun anew, and followed: it was never compared */
	bool back; /* that he began anew was taken back */
	/* The server calls him so now, and he was called so. Taken over once
	 * a device of his has signed it. */
	bool renamed;
	char called[PERSON_ADDRESS_MAX + 1], was[PERSON_ADDRESS_MAX + 1];
	/* ERR_NONE; not-found: the account is there no more; contact-changed;
	 * name-moved: he has the name of another contact; circle-rolled-back, circle-forked, circle-invalid, clock-wrong, …:
	 * nothing of it was followed. */
	struct err why;
};

struct people_looks {
	struct people_look *list;
	size_t n;
};

/* And what they hold; empty then. */
void people_looks_free(struct people_looks *l);

/*
 * Compare all of them, or one, with what the server shows, and move the pins on.
 * What is wrong with one stands with it, is an alert where it is one (alerts.h),
 * and stops no other.
 *
 * only    or NULL.
 * errors  the server's; not what it shows of a contact.
 */
MUST_CHECK int people_check(struct self *s, const struct person *only,
    struct people_looks *out, struct err *e);

/* What is wrong with what is shown of him stops all that would take it over;
 * that he began anew does not. errors: the look's why. */
MUST_CHECK int people_right(const struct people_look *l, struct err *e);
/* Devices as people count them: a security key is none. */
unsigned people_devices(const struct circle *c);
/* What both have to see of each other; his circle was shown. */
void people_number(const struct self *s, const struct people_look *l,
    char out[static PERSON_NUMBER + 1]);

/*
 * He was compared, as he is shown now, or is to be taken as he is, with the name
 * that the server gives him.
 *
 * way     PERSON_WAY_NONE: accepted without comparing.
 * errors  conflict: another device has seen another list of devices.
 */
MUST_CHECK int people_accept(struct self *s, const struct people_look *l,
    enum person_way way, struct err *e);
/*
 * May he write? The server then takes what he sends, or has him ask first, or
 * drops it and does not say so.
 *
 * to      PERSON_KNOWN: yes; PERSON_BLOCKED: no; PERSON_ASKS: as a stranger.
 * out     as he is now; what was compared is not any more, once he is blocked.
 * errors  those of people_change.
 */
MUST_CHECK int people_let(struct self *s, const struct id *uid,
    enum person_level to, struct person *out, struct err *e);
/*
 * Somebody has written who is no contact: pinned as one who asks, unless he is
 * there already.
 *
 * errors  as people_add.
 */
MUST_CHECK int people_asked(
    struct self *s, const struct id *uid, struct person *out, struct err *e);
/* Give him a name of one's own, or with "" take it away. errors: bad-name;
 * conflict: another contact is called so; those of people_change. */
MUST_CHECK int people_call(
    struct self *s, const struct id *uid, const char *name, struct err *e);
/* He is not verified any more; the pin stays. errors: contact-changed: he began
 * anew, which is settled otherwise. */
MUST_CHECK int people_unverify(
    struct self *s, const struct id *uid, struct err *e);

/* What the server lets others do. */
struct people_privacy {
	bool findable; /* by name; else by those alone whom one lets write */
	bool asks; /* who is no contact may ask, by a first message */
};
MUST_CHECK int people_privacy(
    struct self *s, struct people_privacy *out, struct err *e);
/* NULL: stays as it is. out: what is set then. */
MUST_CHECK int people_set_privacy(struct self *s, const bool *findable,
    const bool *asks, struct people_privacy *out, struct err *e);

/* Oneself, as others see it. */
void people_self(const struct self *s, char *address, struct digest *root);
