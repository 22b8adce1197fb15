/* SPDX-License-Identifier: ISC */
/* unread.h: how far each conversation is read, and how much of it is not. */
#pragma once

#include "mail/mail.h"

struct unread {
	struct id conv;
	uint64_t read_ms; /* what was received until then is read */
	size_t n; /* unread_new: letters that are not */
	uint64_t last_ms; /* and when the newest of them was received */
};

struct unread_list {
	struct unread *list;
	size_t n;
};

/* And what it holds; empty then. */
void unread_free(struct unread_list *u);

/*
 * How far the conversation is read, of a list that begins empty; each is looked
 * up once.
 *
 * *out    in the list, until the next call.
 * errors  those of the zone.
 */
MUST_CHECK int unread_of(struct mail *m, struct unread_list *u,
    const struct id *conv, struct unread **out, struct err *e);

/*
 * Count the letters of others that came since the last look (mail_each_new), are
 * not read, and are there to be: of each conversation, the newest first.
 *
 * cost  what is read takes no memory, and what is not 48 bytes a letter.
 */
MUST_CHECK int unread_new(
    struct mail *m, struct unread_list *out, struct err *e);
