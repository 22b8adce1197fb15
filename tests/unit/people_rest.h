/* SPDX-License-Identifier: ISC */
/* people_rest.h: what must hold once all is quiet. */
#pragma once

#include "people_steps.h"

/* ---- once all is quiet ---- */

/* Every device is on, its clock is right, and who began anew is accepted. */
static inline void
come_home(struct play *p, struct phone *ph)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct err e;
	int rc;

	phone_close(ph);
	net.now_ms += MINUTE;
	if ((rc = phone_mail(ph, &e)) == 0)
		rc = people_all(ph->self, &all, &e);
	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		OWN(people_looks_free) struct people_looks one = { NULL, 0 };
		if (all.list[i].level == PERSON_BLOCKED)
			continue;
		rc = people_check(ph->self, &all.list[i], &one, &e);
		if (rc == 0 && one.list[0].why.code == ERR_CONTACT_CHANGED)
			rc = people_accept(
			    ph->self, &one.list[0], PERSON_WAY_NONE, &e);
	}
	if (rc == 0 && (rc = mail_look(ph->mail, &e)) == 0)
		rc = mail_file(ph->mail, &e);
	judge_step(p, ph, NULL, rc, &e);
}

static inline void
check_alerts(struct play *p, struct phone *ph)
{
	OWN(mem_free) struct alert *all = NULL;
	unsigned x = number_of(p->w, ph->of);
	struct err e;
	size_t n = 0;

	int rc = alerts_all(ph->self, &all, &n, &e);
	judge_step(p, ph, NULL, rc, &e);
	for (size_t i = 0; i < n; i++) {
		struct account_sim *about = account_of(p->w, &all[i].about);
		enum err_code code = err_find(all[i].code, strlen(all[i].code));
		p->named[code] |= p->lied;
		if (p->lied)
			continue;
		/* Of one that nobody had compared it is told as well. */
		if (about == NULL ||
		    (!p->was_changed[x][number_of(p->w, about)] &&
			about->resets == 0) ||
		    strcmp(all[i].code, err_name(ERR_CONTACT_CHANGED)) != 0)
			fail_sim(p->w, "%s has an alert: %s",
			    phone_name(p->w, ph).s, all[i].words);
	}
}

/* What all of them have read. */
struct readings {
	bool before[LETTERS][LETTERS]; /* the first stood before the second */
	char text[LETTERS][24];
};

static inline void
check_order(struct play *p, struct phone *ph, const struct thread *t,
    struct readings *r)
{
	size_t order[LETTERS], n = 0;

	for (size_t i = 0; i < t->n && n < LETTERS; i++) {
		const struct letter_sim *l = letter_of(p, &t->lines[i].id);
		if (l != NULL && t->lines[i].why == ERR_NONE)
			order[n++] = letter_index(p, l);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++) {
			if (r->before[order[k]][order[i]])
				fail_sim(p->w, "%s has L%zu before L%zu",
				    phone_name(p->w, ph).s, order[i], order[k]);
			r->before[order[i]][order[k]] = true;
		}
}

/* All devices of both read the same words. */
static inline void
check_words(struct play *p, struct phone *ph, const struct thread *t,
    struct readings *r)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct thread_line *x = &t->lines[i];
		const struct letter_sim *l = letter_of(p, &x->id);
		if (l == NULL || x->gone || x->why != ERR_NONE)
			continue;
		char *kept = r->text[letter_index(p, l)];
		const char *reads =
		    x->deleted ? "(deleted)" : buf_text(&x->text);
		/* A change may have gone nowhere, come before a RESET, or been
		 * held back. */
		if (p->lied || p->cut[l->to][l->from] ||
		    p->cut[l->from][l->to] ||
		    p->w->a[l->from].resets + p->w->a[l->to].resets > 0)
			continue;
		if (kept[0] == '\0')
			(void)snprintf(kept, 24, "%s", reads);
		else if (strncmp(kept, reads, 23) != 0)
			fail_sim(p->w, "%s reads L%zu as %s, another as %s",
			    phone_name(p->w, ph).s, letter_index(p, l), reads,
			    kept);
	}
}

static inline void
say_thread(struct play *p, const struct thread *t)
{
	for (size_t i = 0; p->w->talk && i < t->n; i++) {
		const struct thread_line *x = &t->lines[i];
		(void)fprintf(stderr, "    %2llu %s %.24s%s%s\n",
		    (unsigned long long)(x->clock % 1000), id_short(&x->mark).s,
		    buf_text(&x->text),
		    x->why != ERR_NONE ? err_name(x->why) : "",
		    x->missing ? " MISSES" : "");
	}
}

static inline bool
must_have(const struct play *p, unsigned x, const struct letter_sim *l)
{
	return l->acked && (l->from == x || l->to == x) && !l->gone[x] &&
	    !(l->cut && l->to == x) && l->resets[x] == p->w->a[x].resets;
}

static inline void
check_all_there(
    struct play *p, struct phone *ph, unsigned y, const struct thread *t)
{
	unsigned x = number_of(p->w, ph->of);

	/* What a lie has taken is named. */
	for (size_t i = 0; i < p->n && !p->lied; i++) {
		const struct letter_sim *l = &p->l[i];
		bool there = false;
		if (!must_have(p, x, l) || (l->from != y && l->to != y))
			continue;
		for (size_t k = 0; t != NULL && k < t->n && !there; k++)
			there = id_equal(&t->lines[k].id, &l->id);
		if (!there)
			fail_sim(
			    p->w, "%s has no L%zu", phone_name(p->w, ph).s, i);
		for (size_t k = 0; t != NULL && k < t->n; k++)
			if (id_equal(&t->lines[k].id, &l->id) && l->deleted &&
			    l->from == x && !t->lines[k].deleted &&
			    !t->lines[k].gone)
				fail_sim(p->w, "%s has L%zu, which was deleted",
				    phone_name(p->w, ph).s, i);
	}
}

static inline void
check_phone(struct play *p, struct phone *ph, struct readings *r)
{
	OWN(people_free) struct people all = { NULL, 0 };
	struct people_sim *w = p->w;
	bool seen[ACCOUNTS] = { false };
	struct err e;
	int rc;

	if ((rc = phone_mail(ph, &e)) == 0 &&
	    (rc = mail_look(ph->mail, &e)) == 0)
		rc = people_all(ph->self, &all, &e);
	judge_step(p, ph, NULL, rc, &e);
	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		OWN(thread_free) struct thread t = { NULL, 0 };
		struct account_sim *with = account_of(w, &all.list[i].uid);
		unsigned y = number_of(w, with);
		struct id conv = mail_conversation(ph->mail, &all.list[i]);
		rc = thread_read(ph->mail, &conv, &t, &e);
		judge_step(p, ph, with, rc, &e);
		if (rc < 0)
			return;
		seen[y] = true;
		say_thread(p, &t);
		check_thread(p, ph, with, &t);
		check_order(p, ph, &t, r);
		check_words(p, ph, &t, r);
		check_all_there(p, ph, y, &t);
	}
	for (unsigned y = 0; rc == 0 && y < w->n; y++)
		if (!seen[y] && y != number_of(w, ph->of))
			check_all_there(p, ph, y, NULL);
	if (rc == 0)
		check_wrong(p, ph);
	if (rc == 0)
		check_new(p, ph);
	if (rc == 0)
		check_alerts(p, ph);
}

static inline void
each_phone(struct play *p, struct readings *r)
{
	struct people_sim *w = p->w;

	for (unsigned i = 0; i < w->n; i++)
		for (unsigned k = 0; k < w->a[i].n; k++) {
			struct phone *ph = &w->a[i].phone[k];
			if (!ph->in || w->failed[0] != '\0')
				continue;
			if (w->talk)
				(void)fprintf(stderr, "  at last %s%s\n",
				    phone_name(w, ph).s,
				    r != NULL ? " looks" : "");
			if (r == NULL)
				come_home(p, ph);
			else
				check_phone(p, ph, r);
		}
}

static inline void
check_rest(struct play *p)
{
	OWN(mem_free) struct readings *r = mem_new(sizeof *r);
	struct people_sim *w = p->w;

	p->last = (struct step){ .verb = CHECK };
	p->step = &p->last;
	net.faulted = false;
	net.now_ms += 10 * DAY;
	for (unsigned i = 0; i < w->n; i++)
		for (unsigned k = 0; k < w->a[i].n; k++)
			w->a[i].phone[k].skew_ms = 0;
	/* Nobody's clock is behind another's any more. */
	p->low_ms = p->high_ms = 0;
	each_phone(p, NULL);
	each_phone(p, NULL);
	net.now_ms += 15 * MINUTE;
	each_phone(p, r);
}
