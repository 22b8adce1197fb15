/* SPDX-License-Identifier: ISC */
/* mail_judge.c: is what came from who it says it is from? */
#include "mail/mail_in.h"

#include "base/now.h"
#include "vault/inbox.h"

#include <stdlib.h>
#include <string.h>

void
mail_item_free(struct mail_item *x)
{
	buf_free(&x->bytes);
	buf_free(&x->letter);
}

void
mail_forget_looks(struct mail *m)
{
	for (size_t i = 0; i < m->n_looks; i++)
		people_looks_free(&m->looks[i]);
	free(m->looks);
	m->looks = NULL;
	m->n_looks = 0;
}

void
mail_keep_look(struct mail *m, struct people_looks *one)
{
	m->looks = mem_resize(m->looks, m->n_looks + 1, sizeof *m->looks);
	m->looks[m->n_looks++] = *one;
	*one = (struct people_looks){ NULL, 0 };
}

/* ---- who wrote ---- */

/* The newest. */
static const struct people_look *
look_of(const struct mail *m, const struct id *uid)
{
	for (size_t i = m->n_looks; i-- > 0;)
		if (id_equal(&m->looks[i].list[0].person.uid, uid))
			return &m->looks[i].list[0];
	return NULL;
}

/* What was looked at before a device came is no word about its letters. */
static bool
is_before(const struct circle *c, const struct mail_item *x)
{
	return c->seq > 0 && x->l.circle_seq > c->seq;
}

/* Not reached, it is asked again; all else is a finding about who wrote. */
static int
found(struct mail_item *x, struct err *e)
{
	if (err_unreachable(e->code))
		return -1;
	x->why = *e;
	err_clear(e);
	return 0;
}

/*
 * The author as he is now, pinned as one who asks when he is no contact.
 *
 * *out  NULL: x->why says why not.
 */
static int
author_of(struct mail *m, struct mail_item *x, const struct people_look **out,
    struct err *e)
{
	const struct id *uid = &x->item.from;
	const struct people_look *had = look_of(m, uid);
	struct people_looks one = { NULL, 0 };
	struct person asker;

	*out = had;
	if (had != NULL && !is_before(&had->circle, x))
		return 0;
	const struct person *p =
	    had != NULL ? &had->person : mail_person(m, uid);
	if (p == NULL) {
		if (people_asked(m->self, uid, &asker, e) < 0)
			return found(x, e);
		/* Others point into the list: it is read again later. */
		m->stale = true;
		p = &asker;
	}
	*out = NULL;
	if (people_check(m->self, p, &one, e) < 0)
		return found(x, e);
	/* He was not shown; that is nothing about him. */
	if (err_unreachable(one.list[0].why.code)) {
		*e = one.list[0].why;
		people_looks_free(&one);
		return -1;
	}
	*out = &one.list[0];
	mail_keep_look(m, &one);
	return 0;
}

static int
forged(struct mail_item *x, const char *what)
{
	(void)err_set(&x->why, ERR_LETTER_FORGED, "a message %s", what);
	return 0;
}

/* Signed by a device of that circle? */
static int
check_signer(struct mail_item *x, const struct circle *c)
{
	const struct member *by = circle_member(c, &x->l.dev_id);

	if (x->l.circle_seq > c->seq) {
		(void)err_set(&x->why, ERR_CIRCLE_ROLLED_BACK,
		    "a message names a newer list of its writer's devices "
		    "than the server shows");
		return 0;
	}
	if (by == NULL || by->device.class == CLASS_SECURITY_KEY)
		return forged(x, "is from a device that is not its writer's");
	if (!letter_sig_valid(&x->l, by->device.sign_pk))
		return forged(x, "is not signed by the device it names");
	if (!by->active)
		x->flags |= PAGE_OUT;
	return 0;
}

static int
check_own(struct mail *m, struct mail_item *x, struct err *e)
{
	return is_before(&m->self->circle, x) && self_refresh(m->self, e) < 0
	    ? found(x, e)
	    : check_signer(x, &m->self->circle);
}

/* Whose account has ended is known by what is kept of it. */
static bool
can_judge(const struct people_look *l, const struct mail_item *x)
{
	return l->circle.seq > 0 &&
	    (l->why.code == ERR_NONE ||
		(l->why.code == ERR_NOT_FOUND && !is_before(&l->circle, x)));
}

static int
check_other(struct mail *m, struct mail_item *x, struct err *e)
{
	const struct people_look *l;

	if (author_of(m, x, &l, e) < 0)
		return -1;
	if (l == NULL)
		return 0;
	if (!can_judge(l, x)) {
		x->why = l->why;
		return 0;
	}
	if (l->person.level == PERSON_ASKS)
		x->flags |= PAGE_ASKED;
	struct id conv = mail_conversation(m, &l->person);
	return id_equal(&conv, &x->l.conv)
	    ? check_signer(x, &l->circle)
	    : forged(x, "was written to somebody else");
}

/* ---- one item ---- */

/* By a server's clock, which may be wrong: what comes later is later, too. */
static void
in_time(struct mail_item *x)
{
	uint64_t most = (uint64_t)now_ms() + LIMIT_CLOCK_SKEW_MS;

	x->ahead = x->item.received_ms > most;
	if (x->ahead)
		x->item.received_ms = most;
}

/* Sent by who is blocked, since he is. */
static bool
is_unwanted(const struct mail *m, const struct packet_item *x)
{
	const struct person *p = mail_person(m, &x->from);

	return p != NULL && p->level == PERSON_BLOCKED &&
	    x->received_ms > p->verified_ms;
}

static bool
is_stranger(const struct mail *m, const struct id *uid)
{
	const struct person *p = mail_person(m, uid);

	return !mail_is_own(m, uid) && (p == NULL || p->level == PERSON_ASKS);
}

static int
open_letter(const struct mail *m, struct mail_item *x)
{
	if (inbox_open(m->self->keyring, &m->self->uid, &x->item, &x->letter,
		&x->why) < 0) {
		/* Of before the account was begun anew: nobody has its key. */
		x->dropped = x->why.code == ERR_CATEGORY_CLOSED &&
		    x->item.slot.epoch < m->self->circle.first_epoch;
		return -1;
	}
	if (letter_take(buf_bytes(&x->letter), &x->l, &x->why) < 0) {
		buf_free(&x->letter);
		return -1;
	}
	x->mark = letter_mark(buf_bytes(&x->letter));
	if ((x->item.flags & PACKET_QUIET) != 0)
		x->flags |= PAGE_QUIET;
	return 0;
}

int
mail_judge(
    struct mail *m, struct buf *bytes, struct mail_item *out, struct err *e)
{
	struct id of;
	struct bytes text;

	*out = (struct mail_item){ .bytes = *bytes };
	*bytes = (struct buf){ NULL, 0, 0 };
	if (packet_item_take(buf_bytes(&out->bytes), &out->item, &out->why) < 0)
		return 0;
	in_time(out);
	out->dropped = is_unwanted(m, &out->item);
	if (out->dropped)
		return 0;
	if (open_letter(m, out) < 0) {
		/* Noise of somebody who was not let in yet. */
		out->dropped |= is_stranger(m, &out->item.from);
		return 0;
	}
	if (!id_equal(&out->l.author, &out->item.from))
		return forged(out, "is not from who has sent it");
	if ((mail_is_own(m, &out->l.author) ? check_own(m, out, e)
					    : check_other(m, out, e)) < 0)
		return -1;
	/* What only a newer version can read is kept for that one. */
	if (out->why.code == ERR_NONE && !out->dropped)
		(void)!letter_body(&out->l, &of, &text, &out->why);
	return 0;
}
