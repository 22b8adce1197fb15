/* SPDX-License-Identifier: ISC */
/* mail_in.h: what the parts of mail share. For mail*.c only. */
#pragma once

#include "link/zcopy.h"
#include "mail/mail.h"
#include "wire/packet.h"

/* An item, as it was looked at. */
struct mail_item {
	struct buf bytes; /* as it came */
	struct packet_item item; /* borrows from bytes */
	struct buf letter; /* opened; empty when it does not open */
	struct letter l; /* borrows from letter, when that is not empty */
	struct id mark;
	uint8_t flags; /* enum page_flags */
	bool ahead; /* it came, by the server's clock, in the future */
	bool dropped; /* a blocked person's: it goes nowhere */
	struct err why; /* ERR_NONE: it is right */
};

struct mail {
	struct self *self;
	struct zcopy *zone;
	struct people people;
	struct id *convs; /* of people.list, in its order */
	struct people_looks
	    *looks; /* of who has written, since the last look */
	size_t n_looks;
	struct mail_item *items; /* what waits in the inbox, by number */
	size_t n;
	size_t bytes; /* of them */
	uint64_t fetched; /* the number of the newest */
	uint64_t top; /* that the server has named */
	struct idset told; /* marks of what mail_each_new has visited */
	struct zcopy_point told_at; /* and how far it has followed the zone */
	struct id *raws; /* it has met: they may be right later */
	size_t n_raws;
	bool stale; /* who has written was pinned: people are not all yet */
};

/* And what it holds. */
void mail_item_free(struct mail_item *x);

/*
 * Look at an item, whose bytes it takes.
 *
 * errors  the server's: it cannot be said now. All else stands in out->why.
 */
MUST_CHECK int mail_judge(
    struct mail *m, struct buf *bytes, struct mail_item *out, struct err *e);
/* Forget what was seen of others' circles: they are asked for again. */
void mail_forget_looks(struct mail *m);
/* One more, which is taken. */
void mail_keep_look(struct mail *m, struct people_looks *one);
/* Know the contacts as the state has them. */
MUST_CHECK int mail_load_people(struct mail *m, struct err *e);

/* What a visit of an item or an entry is told. why and letter are borrowed. */
void mail_show_item(const struct mail_item *x, struct mail_letter *out);
/* errors: of an entry that is spoiled. */
MUST_CHECK int mail_show_entry(const struct page_entry *x, struct letter *l,
    struct mail_letter *out, struct err *e);
