/* SPDX-License-Identifier: ISC */
/* people_deeds.h: each thing that a person does, and what is true after it. */
#pragma once

#include "people_play.h"

/* ---- whom and what it is about ---- */

/* A contact, or who asks. false: nobody. */
static inline bool
some_person(struct play *p, struct phone *ph, struct person *out)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct err e;

	if (self_state(ph->self, &e) < 0 ||
	    people_all(ph->self, &all, &e) < 0) {
		judge_step(p, ph, NULL, -1, &e);
		return false;
	}
	if (all.n == 0)
		return false;
	*out = all.list[p->step->other % all.n];
	return true;
}

static inline struct letter_sim *
letter_of(struct play *p, const struct id *id)
{
	for (size_t i = 0; i < p->n; i++)
		if (id_equal(&p->l[i].id, id))
			return &p->l[i];
	return NULL;
}

static inline size_t
letter_index(const struct play *p, const struct letter_sim *l)
{
	return (size_t)(l - p->l);
}

/* ---- letters ---- */

static inline int
send_draft(struct play *p, struct phone *ph, const struct person *to,
    const struct mail_draft *d, struct mail_sent *sent, struct err *e)
{
	struct account_sim *other = account_of(p->w, &to->uid);
	unsigned x = number_of(p->w, ph->of), y = number_of(p->w, other);
	struct peer_look before = peer_look(other, ph->of);

	*sent = (struct mail_sent){ .asks = false };
	int rc = mail_send(ph->mail, to, d, sent, e);
	if (inbox_is_blocked(before.state) || p->blocked[y][x])
		p->cut[y][x] = true;
	if (rc < 0 &&
	    ((e->code == ERR_ASK_WAITS &&
		 (inbox_seen_as(before.state) == INBOX_ASKS ||
		     p->step->meddle_at != 0)) ||
		(e->code == ERR_ASK_FIRST &&
		    inbox_seen_as(before.state) == INBOX_STRANGER &&
		    d->kind != LETTER_TEXT) ||
		e->code == ERR_TOO_MANY_ATTEMPTS)) {
		if (p->w->talk)
			(void)fprintf(stderr, "    %s\n", err_name(e->code));
		return -1;
	}
	judge_step(p, ph, other, rc, e);
	/* Who answers lets him write. */
	if (rc == 0)
		p->blocked[x][y] = false;
	return rc;
}

static inline void
do_send(struct play *p, struct phone *ph)
{
	OWN(buf_free) struct buf text = { 0 };
	struct mail_sent sent;
	struct person to;
	struct err e;

	if (p->n == LETTERS || !some_person(p, ph, &to))
		return;
	size_t at = p->n++; /* another may write meanwhile */
	struct account_sim *other = account_of(p->w, &to.uid);
	struct letter_sim *l = &p->l[at];
	*l = (struct letter_sim){ .from = number_of(p->w, ph->of),
		.to = number_of(p->w, other) };
	buf_printf(&text, "L%zu.0 some words", at);
	const struct mail_draft d = { .kind = LETTER_TEXT,
		.text = buf_bytes(&text),
		.quiet = p->step->dice % 4 == 0 };
	struct peer_look before = peer_look(other, ph->of);
	l->acked = send_draft(p, ph, &to, &d, &sent, &e) == 0;
	l->id = sent.id;
	l->cut = inbox_is_blocked(before.state) || p->blocked[l->to][l->from];
	l->number = peer_look(other, ph->of).top;
	for (unsigned i = 0; i < p->w->n; i++)
		l->resets[i] = p->w->a[i].resets;
	if (p->w->talk)
		(void)fprintf(stderr, "    L%zu to %s %s%s\n", at, other->name,
		    l->acked ? "sent" : "not acknowledged",
		    l->cut ? ", goes nowhere" : "");
}

/* One that this account wrote, with whom. */
static inline bool
some_own(struct play *p, struct phone *ph, bool any, struct person *with,
    struct letter_sim **out)
{
	OWN(thread_free) struct thread t = { NULL, 0 };
	struct err e;
	size_t n = 0;

	*out = NULL;
	if (!some_person(p, ph, with))
		return false;
	struct id conv = mail_conversation(ph->mail, with);
	if (thread_read(ph->mail, &conv, &t, &e) < 0) {
		judge_step(p, ph, account_of(p->w, &with->uid), -1, &e);
		return false;
	}
	for (size_t i = 0; i < t.n; i++) {
		const struct thread_line *x = &t.lines[i];
		bool own = mail_is_own(ph->mail, &x->from);
		if (x->deleted || x->gone || x->why != ERR_NONE ||
		    (!own && !any))
			continue;
		n++;
		if (p->step->dice % n == 0)
			*out = letter_of(p, &x->id);
	}
	return *out != NULL;
}

static inline void
do_change(struct play *p, struct phone *ph, bool deletes)
{
	OWN(buf_free) struct buf text = { 0 };
	struct letter_sim *l;
	struct mail_sent sent;
	struct person with;
	struct err e;

	if (!some_own(p, ph, false, &with, &l))
		return;
	buf_printf(
	    &text, "L%zu.%u other words", letter_index(p, l), ++l->edits);
	const struct mail_draft d = { .kind =
					  deletes ? LETTER_DELETE : LETTER_EDIT,
		.of = l->id,
		.text = buf_bytes(&text),
		.quiet = true };
	l->touched |= deletes;
	if (send_draft(p, ph, &with, &d, &sent, &e) == 0)
		l->deleted |= deletes;
}

/* As the command line does: what is shown by that id. */
static inline int
drop_it(struct phone *ph, const struct id *id, struct err *e)
{
	OWN(thread_free) struct thread all = { NULL, 0 };
	const struct thread_line *x;

	if (thread_all(ph->mail, &all, e) < 0 ||
	    thread_find(&all, id_text(id).s, NULL, &x, e) < 0)
		return -1;
	const struct mail_letter gone = {
		.id = x->id, .mark = x->mark, .from = x->from
	};
	return mail_drop(ph->mail, &gone, e);
}

static inline void
do_drop(struct play *p, struct phone *ph)
{
	struct letter_sim *l;
	struct person with;
	struct err e;

	if (!some_own(p, ph, true, &with, &l))
		return;
	l->gone[number_of(p->w, ph->of)] = true;
	int rc = drop_it(ph, &l->id, &e);
	/* A letter that is sealed to keys that are gone was never filed. */
	if (rc < 0 && e.code == ERR_NOT_FOUND && ph->of->resets > 0)
		return;
	judge_step(p, ph, account_of(p->w, &with.uid), rc, &e);
	l->dropped[number_of(p->w, ph->of)] |= rc == 0;
}

static inline void
do_read(struct play *p, struct phone *ph)
{
	OWN(thread_free) struct thread t = { NULL, 0 };
	struct person with;
	struct err e;

	if (!some_person(p, ph, &with))
		return;
	struct id conv = mail_conversation(ph->mail, &with);
	int rc = thread_read(ph->mail, &conv, &t, &e);
	if (rc == 0)
		rc = thread_mark_read(ph->mail, &conv, &t, &e);
	judge_step(p, ph, account_of(p->w, &with.uid), rc, &e);
}

/* ---- contacts ---- */

static inline void
do_add(struct play *p, struct phone *ph)
{
	struct people_sim *w = p->w;
	unsigned x = number_of(w, ph->of);
	unsigned y = (x + 1 + p->step->other % (w->n - 1)) % w->n;
	struct person out;
	struct err e;
	bool had;

	/* No device of his has been there since he was renamed. */
	see_truth(&w->a[y]);
	bool claims = w->a[y].claims;
	int rc = self_state(ph->self, &e);
	if (rc == 0)
		rc = people_add(ph->self, w->a[y].name, &out, &had, &e);
	if (rc < 0 && e.code == ERR_NAME_UNCLAIMED && !claims)
		return;
	judge_step(p, ph, &w->a[y], rc, &e);
}

/* The two have compared, or it is taken as it is. */
static inline void
do_settle(struct play *p, struct phone *ph, enum person_way way)
{
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	struct person with;
	struct err e;

	if (!some_person(p, ph, &with) || with.level == PERSON_BLOCKED ||
	    with.level == PERSON_ASKS)
		return;
	struct account_sim *other = account_of(p->w, &with.uid);
	unsigned y = number_of(p->w, other);
	int rc = people_check(ph->self, &with, &one, &e);
	if (rc == 0 && one.list[0].why.code != ERR_NONE &&
	    one.list[0].why.code != ERR_CONTACT_CHANGED) {
		e = one.list[0].why;
		rc = -1;
	}
	bool tried = rc == 0;
	if (rc == 0)
		rc = people_accept(ph->self, &one.list[0], way, &e);
	struct tie *t = &ph->of->tie[y];
	if (tried && way != PERSON_WAY_NONE) {
		t->verified = true;
		t->resets = other->resets;
	} else if (rc == 0) {
		t->verified = false;
	}
	if (rc == 0 && p->w->talk)
		(void)fprintf(stderr, "    %s, %s\n", other->name,
		    person_way_name((uint8_t)way));
	judge_step(p, ph, other, rc, &e);
}

static inline void
check_looks(struct play *p, struct phone *ph, const struct people_looks *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct people_look *l = &all->list[i];
		if (l->why.code != ERR_NONE)
			judge_step(p, ph, account_of(p->w, &l->person.uid), -1,
			    &l->why);
	}
}

static inline void
do_check(struct play *p, struct phone *ph)
{
	OWN(people_looks_free) struct people_looks all = { NULL, 0 };
	struct err e;

	int rc = self_state(ph->self, &e);
	if (rc == 0)
		rc = people_check(ph->self, NULL, &all, &e);
	judge_step(p, ph, NULL, rc, &e);
	if (rc == 0)
		check_looks(p, ph, &all);
}

/* What came of him and is not filed may go now. */
static inline void
note_cut(struct play *p, struct phone *ph, const struct account_sim *other)
{
	OWN(thread_free) struct thread t = { NULL, 0 };
	unsigned x = number_of(p->w, ph->of), y = number_of(p->w, other);
	uint64_t first = peer_look(ph->of, other).first;
	struct err e;

	p->blocked[x][y] = true;
	int rc = thread_all(ph->mail, &t, &e);
	for (size_t i = 0; i < p->n; i++) {
		struct letter_sim *l = &p->l[i];
		bool fine = false;
		if (l->from != y || l->to != x)
			continue;
		for (size_t k = 0; rc == 0 && k < t.n; k++)
			fine |= id_equal(&t.lines[k].id, &l->id) &&
			    t.lines[k].why == ERR_NONE;
		if (fine && (first == 0 || l->number < first))
			continue;
		l->cut = true;
	}
	/* And changes of letters, which stand in no list. */
	p->cut[x][y] = true;
}

static inline void
do_let(struct play *p, struct phone *ph, bool blocks)
{
	struct person with, out;
	struct err e;

	if (!some_person(p, ph, &with))
		return;
	struct account_sim *other = account_of(p->w, &with.uid);
	unsigned x = number_of(p->w, ph->of), y = number_of(p->w, other);
	if (!blocks && with.level != PERSON_BLOCKED &&
	    with.level != PERSON_ASKS)
		return;
	if (blocks)
		note_cut(p, ph, other);
	int rc = people_let(ph->self, &with.uid,
	    blocks ? PERSON_BLOCKED : PERSON_KNOWN, &out, &e);
	if (blocks)
		ph->of->tie[y].verified = false;
	if (rc == 0 && !blocks)
		p->blocked[x][y] = false;
	if (rc == 0 && p->w->talk)
		(void)fprintf(stderr, "    %s\n", other->name);
	judge_step(p, ph, other, rc, &e);
}

/* ---- devices ---- */

static inline struct phone *
some_phone(struct account_sim *a, unsigned which)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		n += a->phone[i].in;
	if (n == 0)
		return NULL;
	which %= n;
	for (unsigned i = 0; i < a->n; i++)
		if (a->phone[i].in && which-- == 0)
			return &a->phone[i];
	return NULL;
}

static inline unsigned
phones_in(const struct account_sim *a)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		n += a->phone[i].in;
	return n;
}

static inline void
do_device_add(struct play *p, struct phone *ph)
{
	struct phone *fresh;
	struct err e;

	if (ph->of->n == DEVICES || phones_in(ph->of) >= 3)
		return;
	int rc = phone_add(ph, &fresh, &e);
	judge_step(p, fresh != NULL ? fresh : ph, NULL, rc, &e);
}

static inline void
do_device_remove(struct play *p, struct phone *ph, bool itself)
{
	struct phone *victim = itself ? ph : some_phone(ph->of, p->step->other);
	struct err e;

	if (phones_in(ph->of) < 2 || (victim == ph) != itself)
		return;
	int rc = itself ? self_leave(ph->self, &e)
	    : step_up(ph, &e) < 0
	    ? -1
	    : self_remove(ph->self, &victim->dev_id, 1, &e);
	/* Whether it came through is known to the server. */
	victim->in = victim->in && rc < 0;
	judge_step(p, ph, NULL, rc, &e);
}

static inline void
do_recovery_key(struct play *p, struct phone *ph)
{
	OWN(recovery_new_free) struct recovery_new n = { .code = NULL };
	uint64_t waits_ms = 1;
	struct err e;

	if (ph->of->seed != NULL)
		return;
	int rc = step_up(ph, &e);
	if (rc == 0)
		rc = self_state(ph->self, &e);
	if (rc == 0) {
		recovery_draw(ph->self, RECOVERY_KEY, "", &n);
		rc = control_call(ph->self->remote, "POST", "/v1/recovery",
		    n.stage, NULL, &e);
	}
	if (rc == 0)
		rc = recovery_add(ph->self, &n, NULL, &waits_ms, &e);
	if (rc == 0 && waits_ms == 0)
		ph->of->seed = TAKE(n.seed);
	judge_step(p, ph, NULL, rc, &e);
}

static inline void
do_recover(struct play *p, struct account_sim *a, bool reset)
{
	struct people_sim *w = p->w;
	unsigned x = number_of(w, a);
	struct err e;

	if (a->n == DEVICES || (!reset && a->seed == NULL))
		return;
	unsigned before = a->resets;
	int rc = recover(a, reset ? NULL : a->seed, p->step->dice % 2 == 0, &e);
	if (a->resets != before) {
		secret_free(&a->seed);
		memset(a->tie, 0, sizeof a->tie);
		for (unsigned y = 0; y < w->n; y++) {
			const struct tie *t = &w->a[y].tie[x];
			/* It has nothing of what it had. */
			p->was_changed[x][y] = p->blocked[x][y] = false;
			p->was_changed[y][x] |= t->verified;
		}
	}
	judge_step(p, &a->phone[a->n - 1], NULL, rc, &e);
}
