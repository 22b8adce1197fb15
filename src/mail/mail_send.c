/* SPDX-License-Identifier: ISC */
/* mail_send.c: a letter is written, signed, sealed and posted. */
#include "mail/mail_in.h"

#include "base/now.h"
#include "client/self_card.h"
#include "client/self_zones.h"
#include "link/control.h"
#include "vault/inbox.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 5 /* while lists of devices change */
#define ASK_TEXT 500 /* bytes of a first letter: the server's rule */

/* ---- what was seen of the conversation ---- */

struct seen {
	struct id conv;
	uint64_t clock; /* the highest */
	struct {
		uint64_t clock, time_ms;
		struct id id, mark;
	} newest[LETTER_MARKS]; /* the newest first */
	size_t n;
};

static int
order(const struct seen *s, size_t i, const struct letter *l)
{
	if (s->newest[i].clock != l->clock)
		return s->newest[i].clock < l->clock ? -1 : 1;
	if (s->newest[i].time_ms != l->time_ms)
		return s->newest[i].time_ms < l->time_ms ? -1 : 1;
	return id_cmp(&s->newest[i].id, &l->id);
}

static int
see(void *ctx, const struct mail_letter *x, struct err *e)
{
	struct seen *s = ctx;
	const struct letter *l = x->letter;
	size_t at = 0;

	(void)e;
	if (l == NULL || !id_equal(&l->conv, &s->conv))
		return 0;
	if (l->clock > s->clock)
		s->clock = l->clock;
	while (at < s->n && order(s, at, l) > 0)
		at++;
	if (at == LETTER_MARKS)
		return 0;
	if (s->n < LETTER_MARKS)
		s->n++;
	memmove(&s->newest[at + 1], &s->newest[at],
	    (s->n - 1 - at) * sizeof s->newest[0]);
	s->newest[at].clock = l->clock;
	s->newest[at].time_ms = l->time_ms;
	s->newest[at].id = l->id;
	s->newest[at].mark = x->mark;
	return 0;
}

/* ---- writing ---- */

static int
check_text(const struct mail_draft *d, struct err *e)
{
	if (d->kind != LETTER_DELETE && d->text.n == 0)
		return err_set(e, ERR_USAGE, "a message says something");
	return d->text.n <= LETTER_TEXT_MAX
	    ? 0
	    : err_set(e, ERR_TOO_LARGE,
		  "a message has at most %d bytes, and this one has %zu",
		  LETTER_TEXT_MAX, d->text.n);
}

static int
write_letter(struct mail *m, const struct mail_draft *d, const struct id *conv,
    struct buf *out, struct mail_sent *sent, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct seen seen = { .conv = *conv };
	uint8_t sig[SIG_BYTES];

	if (mail_each(m, see, &seen, e) < 0)
		return -1;
	struct letter l = { .kind = d->kind,
		.conv = *conv,
		.author = m->self->uid,
		.dev_id = m->self->dev_id,
		.circle_seq = m->self->circle.seq,
		.time_ms = (uint64_t)now_ms(),
		.clock = seen.clock < LETTER_CLOCK_MAX ? seen.clock + 1
						       : LETTER_CLOCK_MAX,
		.n_marks = (uint8_t)seen.n };
	id_random(&l.id);
	for (size_t i = 0; i < seen.n; i++)
		l.marks[i] = seen.newest[i].mark;
	if (d->kind == LETTER_DELETE)
		id_put(&body, &d->of);
	else
		letter_put_text(
		    &body, d->kind == LETTER_EDIT ? &d->of : NULL, d->text);
	l.body = buf_bytes(&body);
	letter_put_signed(out, &l);
	devkey_sign(m->self->key, SIG_LETTER, buf_bytes(out), sig);
	buf_put(out, sig, sizeof sig);
	*sent = (struct mail_sent){
		.id = l.id, .conv = *conv, .time_ms = l.time_ms
	};
	return 0;
}

/* ---- posting ---- */

/* He is as he was, or what is wrong with him is said. *out is borrowed. */
static int
look_at(struct mail *m, const struct person *to, const struct people_look **out,
    struct err *e)
{
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };

	if (people_check(m->self, to, &one, e) < 0)
		return -1;
	const struct people_look *l = *out = &one.list[0];
	mail_keep_look(m, &one);
	if (l->why.code != ERR_NONE || l->circle.seq == 0) {
		*e = l->why;
		return -1;
	}
	return l->person.level == PERSON_BLOCKED
	    ? err_set(e, ERR_CONTACT_BLOCKED, "%s is blocked here",
		  l->person.address)
	    : 0;
}

static int
card_of(struct mail *m, const struct people_look *l, struct keyring_card *out,
    struct err *e)
{
	OWN(buf_free) struct buf card = { 0 };

	if (self_card_of(m->self, &l->person.uid, &card, e) < 0)
		return -1;
	if (card.n == 0)
		return err_set(e, ERR_INBOX_MISSING,
		    "no device of %s takes messages yet", l->person.address);
	return keyring_card_open(buf_bytes(&card), &l->circle, out, e);
}

static int
own_card(const struct mail *m, struct keyring_card *out, struct err *e)
{
	*out = (struct keyring_card){ .uid = m->self->uid,
		.epoch = keyring_epoch(m->self->keyring) };
	return keyring_inbox_pk(m->self->keyring, out->epoch, out->pk, e);
}

static int
post(struct mail *m, const struct keyring_card to[static 2],
    struct bytes letter, uint8_t flags, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf packet = { 0 };

	inbox_seal(to, 2, letter, flags, &packet);
	jsonio_put_bytes(ask, "packet", buf_bytes(&packet));
	return control_call(m->self->remote, "POST", "/v1/inbox", ask, NULL, e);
}

/* Sealed to the lists of devices as they are now. */
static int
post_once(struct mail *m, const struct person *to, struct bytes letter,
    uint8_t flags, struct err *e)
{
	const struct people_look *l;
	struct keyring_card cards[2];

	return look_at(m, to, &l, e) < 0 || card_of(m, l, &cards[0], e) < 0 ||
		own_card(m, &cards[1], e) < 0
	    ? -1
	    : post(m, cards, letter, flags, e);
}

/* A card of an epoch that is over: no device that knows of messages was there
 * since; or the server hides it, and nothing leaves. */
static int
never_fits(const struct person *to, struct err *e)
{
	return err_set(e, ERR_INBOX_MISSING,
	    "no device of %s has shown a key for messages since that account's "
	    "devices changed",
	    to->address);
}

static int
post_letter(struct mail *m, const struct person *to, struct bytes letter,
    uint8_t flags, struct err *e)
{
	bool full = false;

	for (int i = 0; i < TRIES; i++) {
		if (post_once(m, to, letter, flags, e) == 0)
			return 0;
		/* It may be one's own, which this device can empty. */
		if (e->code == ERR_INBOX_FULL && !full && m->n > 0) {
			full = true;
			if (mail_file(m, e) < 0)
				return -1;
			continue;
		}
		if (e->code != ERR_CONFLICT)
			return -1;
		if (self_refresh(m->self, e) < 0 || self_state(m->self, e) < 0)
			return -1;
	}
	return never_fits(to, e);
}

int
mail_send(struct mail *m, const struct person *given,
    const struct mail_draft *d, struct mail_sent *out, struct err *e)
{
	OWN(buf_free) struct buf letter = { 0 };
	/* The list that it may be in is read again meanwhile. */
	struct person copy = *given, *to = &copy;
	struct id conv = mail_conversation(m, to);
	uint8_t flags = d->quiet ? PACKET_QUIET : 0;
	struct person now;
	struct err later;

	/* One's own inbox must have room, too. */
	if (mail_due(m) && mail_file(m, &later) < 0)
		err_clear(&later);
	if (check_text(d, e) < 0 ||
	    /* Who answers one that asks lets him write. */
	    (to->level == PERSON_ASKS &&
		people_let(m->self, &to->uid, PERSON_KNOWN, &now, e) < 0) ||
	    write_letter(m, d, &conv, &letter, out, e) < 0)
		return -1;
	if (post_letter(m, to, buf_bytes(&letter), flags, e) == 0)
		return 0;
	if (e->code != ERR_ASK_FIRST || d->kind != LETTER_TEXT ||
	    d->text.n > ASK_TEXT)
		return -1;
	err_clear(e);
	out->asks = true;
	return post_letter(m, to, buf_bytes(&letter), flags | PACKET_ASKS, e);
}
