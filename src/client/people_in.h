/* SPDX-License-Identifier: ISC */
/* people_in.h: what the parts of people share. For people*.c only. */
#pragma once

#include "client/people.h"
#include "wire/jsonio.h"

/* Where the server says that somebody's circle stands. */
struct people_row {
	struct id uid;
	char name[LIMIT_NAME_BYTES + 1];
	uint32_t seq;
	struct digest head;
};

/* errors: bad-request. */
MUST_CHECK int people_row(
    const json_t *j, struct people_row *out, struct err *e);

/* The contact of that address; NULL: there is none. Borrowed. */
const struct person *people_with_address(
    const struct people *all, const char *address);

/* The address that the circle claims, at this server as it is called here; the
 * same room. c: it claims one. */
void people_claimed(const struct self *s, const struct circle *c, char *out);
/* "name@host" of this server, PERSON_ADDRESS_MAX + 1 bytes. */
void people_address(const struct self *s, const char *name, char *out);

/*
 * The circle, verified from its first entry: what is kept here and what the
 * server has more. It reaches at least where the row says.
 *
 * pin     as it was seen before, or NULL.
 * c       all zeros.
 * more    appended: all entries, v16 each, for people_keep; nothing when that
 *         has no more than is kept.
 * errors  circle-rolled-back, circle-forked: it is not as the row says; those
 *         of chain_apply; the server's.
 */
MUST_CHECK int people_follow(struct self *s, const struct people_row *row,
    const struct person *pin, struct circle *c, struct buf *more,
    struct err *e);
/*
 * What is kept here of the circle of somebody who is gone: verified, and as far
 * as the pin at least. c: all zeros; it stays so when there is nothing.
 */
MUST_CHECK int people_kept(
    struct self *s, const struct person *pin, struct circle *c, struct err *e);
/* The record as it is now. *found false: there is none. */
MUST_CHECK int people_read(struct self *s, const struct id *uid,
    struct person *out, bool *found, struct err *e);
/* Keep a circle that goes on from the pin, and is no more than was accepted. */
MUST_CHECK int people_keep(
    struct self *s, const struct id *uid, struct bytes entries, struct err *e);
/* What is kept of it goes. */
MUST_CHECK int people_forget(
    struct self *s, const struct id *uid, struct err *e);
