/* SPDX-License-Identifier: ISC */
/* people_steps.h: a step is drawn and run, and what a reader sees on the way. */
#pragma once

#include "people_deeds.h"

/* ---- what a reader sees ---- */

/* Is that what is known to be wrong with it? */
static inline bool
line_excused(struct play *p, struct phone *ph, struct account_sim *with,
    const struct thread_line *x)
{
	/* What was sealed to keys that a RESET has ended. */
	if (x->why == ERR_CATEGORY_CLOSED)
		return ph->of->resets > 0;
	struct err e = { .code = x->why };
	return may_be(p, ph, with, &e);
}

/*
 * What was dropped while its writer was blocked has not come, and is said. And
 * who has begun anew is told of what he had before: a mark does not say when,
 * and clocks do not tell it either.
 */
static inline bool
may_miss(const struct play *p, unsigned me, unsigned he)
{
	return p->cut[me][he] || p->w->a[me].resets > 0;
}

static inline void
check_line(struct play *p, struct phone *ph, struct account_sim *with,
    const struct thread_line *x)
{
	struct people_sim *w = p->w;

	if (x->why != ERR_NONE) {
		p->named[x->why] |= p->lied;
		if (!p->lied && !line_excused(p, ph, with, x))
			fail_sim(w, "%s sees of %s: %s (%s)",
			    phone_name(w, ph).s,
			    with != NULL ? with->name : "nobody", x->words,
			    err_name(x->why));
		return;
	}
	unsigned me = number_of(w, ph->of), he = number_of(w, with);
	struct letter_sim *l = letter_of(p, &x->id);
	if (l == NULL) {
		fail_sim(
		    w, "%s sees what nobody has written", phone_name(w, ph).s);
		return;
	}
	size_t at = letter_index(p, l);
	bool between =
	    (l->from == me && l->to == he) || (l->from == he && l->to == me);
	if (!between || !id_equal(&x->from, &w->a[l->from].uid))
		fail_sim(w, "%s sees L%zu in another conversation",
		    phone_name(w, ph).s, at);
	p->named[ERR_LETTER_MISSING] |= p->lied && x->missing;
	if (x->missing && !p->lied && !may_miss(p, me, he))
		fail_sim(w, "%s misses what stands before L%zu",
		    phone_name(w, ph).s, at);
	if ((x->deleted && !l->touched) || (x->gone && !l->gone[me]))
		fail_sim(w, "%s does not see L%zu, which nobody took away",
		    phone_name(w, ph).s, at);
	if (l->dropped[me] && !x->gone)
		fail_sim(w, "%s has L%zu again, which was taken away",
		    phone_name(w, ph).s, at);
	char begin[24];
	int n = snprintf(begin, sizeof begin, "L%zu.", at);
	if (!x->deleted && !x->gone &&
	    strncmp(buf_text(&x->text), begin, (size_t)n) != 0)
		fail_sim(w, "%s reads L%zu as: %.40s", phone_name(w, ph).s, at,
		    buf_text(&x->text));
}

/* Each once. */
static inline void
check_thread(struct play *p, struct phone *ph, struct account_sim *with,
    const struct thread *t)
{
	for (size_t i = 0; i < t->n; i++) {
		check_line(p, ph, with, &t->lines[i]);
		for (size_t k = 0; k < i && !id_zero(&t->lines[i].id); k++)
			if (id_equal(&t->lines[i].id, &t->lines[k].id))
				fail_sim(p->w, "%s sees one twice",
				    phone_name(p->w, ph).s);
	}
}

/* What is wrong with letters of one's own stands in no conversation. */
static inline void
check_wrong(struct play *p, struct phone *ph)
{
	OWN(thread_free) struct thread t = { NULL, 0 };
	struct err e;

	int rc = thread_all(ph->mail, &t, &e);
	judge_step(p, ph, NULL, rc, &e);
	for (size_t i = 0; rc == 0 && i < t.n; i++)
		if (t.lines[i].why != ERR_NONE)
			check_line(p, ph, account_of(p->w, &t.lines[i].from),
			    &t.lines[i]);
}

/* A program that begins counts what is unread, and passes over the rest. */
static inline int
begin_new(struct play *p, struct phone *ph, struct err *e)
{
	OWN(unread_free) struct unread_list u = { NULL, 0 };
	OWN(thread_free) struct thread t = { NULL, 0 };
	size_t counted = 0, shown = 0;

	if (unread_new(ph->mail, &u, e) < 0 || thread_all(ph->mail, &t, e) < 0)
		return -1;
	for (size_t i = 0; i < u.n; i++)
		counted += u.list[i].n;
	for (size_t i = 0; i < t.n; i++) {
		shown += t.lines[i].unread;
		if (t.lines[i].why == ERR_NONE)
			(void)idset_add(&ph->told, t.lines[i].mark.b);
	}
	if (counted != shown)
		fail_sim(p->w, "%s counts %zu unread, and shows %zu",
		    phone_name(p->w, ph).s, counted, shown);
	return 0;
}

/* What is new is told once, and of all that is right: what is not may be later. */
static inline void
check_new(struct play *p, struct phone *ph)
{
	OWN(thread_free) struct thread fresh = { NULL, 0 };
	OWN(thread_free) struct thread all = { NULL, 0 };
	bool begins = !ph->looked && p->step->dice % 2 == 0;
	struct err e;

	ph->looked = true;
	int rc = begins ? begin_new(p, ph, &e) : 0;
	if (rc == 0)
		rc = thread_new(ph->mail, &fresh, &e);
	ph->lost |= rc < 0;
	if (rc == 0)
		rc = thread_all(ph->mail, &all, &e);
	judge_step(p, ph, NULL, rc, &e);
	for (size_t i = 0; i < fresh.n; i++)
		if (fresh.lines[i].why == ERR_NONE &&
		    !id_zero(&fresh.lines[i].mark) &&
		    !idset_add(&ph->told, fresh.lines[i].mark.b))
			fail_sim(p->w, "%s is told of one twice",
			    phone_name(p->w, ph).s);
	for (size_t i = 0; rc == 0 && !ph->lost && i < all.n; i++)
		if (all.lines[i].why == ERR_NONE &&
		    !id_zero(&all.lines[i].mark) &&
		    !idset_has(&ph->told, all.lines[i].mark.b))
			fail_sim(p->w, "%s is not told of one",
			    phone_name(p->w, ph).s);
}

static inline void
look_at_all(struct play *p, struct phone *ph)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct err e;

	if (people_all(ph->self, &all, &e) < 0) {
		judge_step(p, ph, NULL, -1, &e);
		return;
	}
	for (size_t i = 0; i < all.n; i++) {
		OWN(thread_free) struct thread t = { NULL, 0 };
		struct account_sim *with = account_of(p->w, &all.list[i].uid);
		struct id conv = mail_conversation(ph->mail, &all.list[i]);
		int rc = thread_read(ph->mail, &conv, &t, &e);
		judge_step(p, ph, with, rc, &e);
		if (rc == 0)
			check_thread(p, ph, with, &t);
	}
	check_wrong(p, ph);
	check_new(p, ph);
}

/* ---- a step ---- */

static inline int
ready(struct play *p, struct phone *ph, enum verb verb, struct err *e)
{
	/* A command is a program of its own; some stay. */
	if (verb >= DEVICE_ADD ||
	    (verb != LOOK && verb != FILE_NOW && p->step->dice % 4 != 0))
		phone_close(ph);
	return phone_mail(ph, e);
}

static inline void
run_verb(struct play *p, struct phone *ph, enum verb verb)
{
	struct err e;
	int rc;

	if (ready(p, ph, verb, &e) < 0) {
		judge_step(p, ph, NULL, -1, &e);
		return;
	}
	switch (verb) {
	case SEND:
		do_send(p, ph);
		break;
	case EDIT:
	case DELETE:
		do_change(p, ph, verb == DELETE);
		break;
	case DROP:
		do_drop(p, ph);
		break;
	case READ:
		do_read(p, ph);
		break;
	case LOOK:
		rc = mail_look(ph->mail, &e);
		judge_step(p, ph, NULL, rc, &e);
		if (rc == 0)
			look_at_all(p, ph);
		break;
	case FILE_NOW:
		rc = mail_file(ph->mail, &e);
		judge_step(p, ph, NULL, rc, &e);
		break;
	case ADD:
		do_add(p, ph);
		break;
	case VERIFY:
		do_settle(p, ph, PERSON_WAY_NUMBER);
		break;
	case ACCEPT:
		do_settle(p, ph, PERSON_WAY_NONE);
		break;
	case CHECK:
		do_check(p, ph);
		break;
	case BLOCK:
	case UNBLOCK:
		do_let(p, ph, verb == BLOCK);
		break;
	case DEVICE_ADD:
		do_device_add(p, ph);
		break;
	case DEVICE_REMOVE:
	case DEVICE_LEAVE:
		do_device_remove(p, ph, verb == DEVICE_LEAVE);
		break;
	case RECOVERY_KEY_MADE:
		do_recovery_key(p, ph);
		break;
	default:
		break;
	}
}

/* Runs it as that device would. */
static inline void
meddle_as(struct play *p, struct phone *ph, enum verb verb)
{
	struct step step = *p->step;
	const struct step *s = p->step;
	struct phone *ran = p->runs;

	if (p->w->talk)
		(void)fprintf(stderr, "    meanwhile %s: %s\n",
		    phone_name(p->w, ph).s, verbs[verb].name);
	step.verb = (uint8_t)verb;
	p->step = &step;
	p->runs = ph;
	net.faulted = false;
	net.skew_ms = ph->skew_ms;
	if (verb == RECOVERED)
		do_recover(p, ph->of, false);
	else
		run_verb(p, ph, verb);
	p->step = s;
	p->runs = ran;
}

static inline void
meddle(void *ctx)
{
	static const enum verb some[] = { [MEDDLE_FILE] = FILE_NOW,
		[MEDDLE_LOOK] = LOOK,
		[MEDDLE_SEND] = SEND,
		[MEDDLE_READ] = READ,
		[MEDDLE_ADD] = DEVICE_ADD,
		[MEDDLE_RECOVER] = RECOVERED };
	struct play *p = ctx;
	struct people_sim *w = p->w;
	const struct step *s = p->step;
	struct account_sim *a =
	    &w->a[(number_of(w, p->runs->of) + s->meddler % 2) % w->n];
	struct phone *ph = some_phone(a, s->meddler / 2);
	enum verb verb = some[s->meddles % ARRAY_SIZE(some)];

	if (ph == NULL || ph == p->runs || ph->begins || ph->knows ||
	    ph->away_until_ms > net.now_ms)
		return;
	/* Its own account takes what it does from under nobody's hands. */
	if (verb == RECOVERED && a == p->runs->of)
		return;
	unsigned n = a->n;
	meddle_as(p, ph, verb);
	/* Who has just come in writes at once. */
	if (a->n > n && a->phone[n].in && !a->phone[n].knows)
		meddle_as(p, &a->phone[n], SEND);
}

static inline void
run_of(struct play *p, struct phone *ph, enum verb verb)
{
	const struct step *s = p->step;

	net.calls = 0;
	net.faulted = false;
	net.fault = (enum net_fault)s->fault;
	net.fault_at = s->fault_at;
	net.stays = s->stays;
	net.meddle_at = s->meddle_at;
	net.meddle = meddle;
	net.meddle_ctx = p;
	net.skew_ms = ph->skew_ms;
	p->runs = ph;
	run_verb(p, ph, verb);
	net.fault_at = net.meddle_at = 0;
	net.skew_ms = 0;
	if (verb >= DEVICE_ADD && verb <= DEVICE_LEAVE)
		see_truth(ph->of);
	/* What the program had in mind is gone. */
	if (s->stays)
		phone_close(ph);
}

static inline void
set_clock(struct play *p, struct phone *ph)
{
	ph->skew_ms = (int64_t)(p->step->dice % (8 * MINUTE)) - 4 * MINUTE;
	if (ph->skew_ms < p->low_ms)
		p->low_ms = ph->skew_ms;
	if (ph->skew_ms > p->high_ms)
		p->high_ms = ph->skew_ms;
}

static inline void
say_step(struct play *p, const struct phone *ph)
{
	const struct step *s = p->step;
	static const char *const faults[] = { "", " an answer is lost once",
		" an answer is lost", " cut", " refused" };

	if (!p->w->talk)
		return;
	(void)fprintf(
	    stderr, "  %s: %s", phone_name(p->w, ph).s, verbs[s->verb].name);
	if (s->fault_at != 0)
		(void)fprintf(stderr, ",%s at %u%s", faults[s->fault],
		    (unsigned)s->fault_at, s->stays ? " for good" : "");
	(void)fputc('\n', stderr);
}

static inline void
play_step(struct play *p, const struct step *s)
{
	struct people_sim *w = p->w;
	struct account_sim *a = &w->a[s->account % w->n];
	struct phone *ph = some_phone(a, s->phone);

	/* One that was put out may not know it yet. */
	if (s->dice % 16 == 1)
		ph = &a->phone[s->phone % a->n];
	if (ph == NULL || s->verb == VERBS || ph->knows)
		return;
	p->last = *s;
	p->step = &p->last;
	net.now_ms += s->wait_ms;
	if (ph->away_until_ms > net.now_ms)
		return;
	say_step(p, ph);
	switch (s->verb) {
	case CLOSE:
		phone_close(ph);
		break;
	case RECOVERED:
	case RESET:
		p->runs = ph;
		do_recover(p, a, s->verb == RESET);
		see_truth(a);
		break;
	case RENAMED:
		rename_account(a);
		break;
	case CLOCK:
		set_clock(p, ph);
		break;
	case AWAY:
		phone_close(ph);
		ph->away_until_ms =
		    net.now_ms + (int64_t)(s->dice % (10 * DAY));
		break;
	case TIME:
		net.now_ms += s->dice % (s->other % 4 == 0 ? 5 * DAY : HOUR);
		break;
	default:
		run_of(p, ph, (enum verb)s->verb);
		break;
	}
	if (net.broken[0] != '\0')
		fail_sim(w, "%s", net.broken);
}

static inline void
draw_step(struct people_sim *w, struct step *s)
{
	unsigned all = 0, dice;

	for (unsigned i = 0; i < VERBS; i++)
		all += verbs[i].weight;
	dice = (unsigned)draw(w, all);
	*s = (struct step){ .account = (uint8_t)draw(w, 240),
		.phone = (uint8_t)draw(w, 240),
		.other = (uint8_t)draw(w, 240),
		.meddler = (uint8_t)draw(w, 240),
		.meddles = (uint8_t)draw(w, 240),
		.dice = (uint32_t)draw(w, UINT32_MAX),
		.wait_ms = (uint32_t)draw(
		    w, draw(w, 10) == 0 ? 3 * HOUR : 3 * MINUTE) };
	while (dice >= verbs[s->verb].weight)
		dice -= verbs[s->verb++].weight;
	if (draw(w, 6) == 0) {
		s->fault = (uint8_t)(NET_LOST_ONCE + draw(w, 4));
		s->fault_at = (uint8_t)(1 + draw(w, 16));
		s->stays = s->fault == NET_REFUSED ? 0 : (uint8_t)draw(w, 2);
	} else if (draw(w, 6) == 0) {
		s->meddle_at = (uint8_t)(1 + draw(w, 16));
	}
}
