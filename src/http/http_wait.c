/* SPDX-License-Identifier: ISC */
/* http_wait.c: long polls, and the thread that ends them. */
#include "http/http_in.h"

#include "base/now.h"

#include <assert.h>
#include <stdlib.h>

/* Deadlines are looked at no more often than this. */
#define TICK_NS 50000000

static struct slot *
slot_of(struct http_server *s, const struct id *key)
{
	/* Ids are random already. */
	return &s->slots[be32(key->b) % SLOTS];
}

void
http_watch(struct http_server *s, struct response *r, const struct id *key)
{
	assert(r->n_watches < HTTP_WATCHES);
	r->watches =
	    mem_resize(r->watches, r->n_watches + 1, sizeof *r->watches);
	struct http_watch *w = &r->watches[r->n_watches++];
	w->key = *key;
	pthread_mutex_lock(&s->wait_mu);
	w->seen = slot_of(s, key)->generation;
	pthread_mutex_unlock(&s->wait_mu);
}

/* Under wait_mu. */
static void
enqueue(struct http_server *s, struct http_call *c, struct waiter *w)
{
	struct slot *slot = slot_of(s, &w->key);

	w->call = c;
	w->prev = NULL;
	w->next = slot->waiting;
	if (w->next != NULL)
		w->next->prev = w;
	slot->waiting = w;
}

/* Under wait_mu. */
static void
dequeue(struct http_server *s, struct waiter *w)
{
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		slot_of(s, &w->key)->waiting = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
}

/* Under wait_mu. */
static void
unpark(struct http_server *s, struct http_call *c, bool timed_out)
{
	for (size_t i = 0; i < c->n_waiters; i++)
		dequeue(s, &c->waiters[i]);
	free(c->waiters);
	c->waiters = NULL;
	c->n_waiters = 0;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->parked = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->next = c->prev = NULL;
	c->q.timed_out = timed_out;
	s->waiting--;
	/* From here on the call belongs to its own thread again. */
	MHD_resume_connection(c->mhd);
}

void
http_wake(struct http_server *s, const struct id *key)
{
	if (s == NULL)
		return;
	struct slot *slot = slot_of(s, key);
	pthread_mutex_lock(&s->wait_mu);
	slot->generation++;
	for (struct waiter *w = slot->waiting, *next; w != NULL; w = next) {
		struct http_call *c = w->call;
		next = w->next;
		if (!id_equal(&w->key, key))
			continue;
		/* Its other keys may stand in this slot, too. */
		while (next != NULL && next->call == c)
			next = next->next;
		unpark(s, c, false);
	}
	pthread_mutex_unlock(&s->wait_mu);
}

/* Under wait_mu: nothing that it waits for has happened since it looked. */
static bool
unchanged(struct http_server *s, const struct response *r)
{
	for (size_t i = 0; i < r->n_watches; i++)
		if (slot_of(s, &r->watches[i].key)->generation !=
		    r->watches[i].seen)
			return false;
	return true;
}

/* Under wait_mu. */
static void
park(struct http_server *s, struct http_call *c, const struct response *r)
{
	c->waiters = mem_array(r->n_watches, sizeof *c->waiters);
	c->n_waiters = r->n_watches;
	for (size_t i = 0; i < c->n_waiters; i++) {
		c->waiters[i].key = r->watches[i].key;
		enqueue(s, c, &c->waiters[i]);
	}
	c->next = s->parked;
	if (c->next != NULL)
		c->next->prev = c;
	s->parked = c;
	s->waiting++;
	MHD_suspend_connection(c->mhd);
	pthread_cond_signal(&s->wait_changed);
}

/* Whether the call now waits; if not, it must run again at once. */
bool
http_park(struct http_call *c, const struct response *r)
{
	struct http_server *s = c->server;
	int64_t deadline = c->started_ns + r->wait_ms * 1000000;
	bool parked = false;

	pthread_mutex_lock(&s->wait_mu);
	c->waited = true;
	c->q.timed_out = atomic_load(&s->stopping) || now_mono_ns() >= deadline;
	if (!c->q.timed_out && unchanged(s, r)) {
		c->deadline_ns = deadline;
		park(s, c, r);
		parked = true;
	}
	pthread_mutex_unlock(&s->wait_mu);
	return parked;
}

/* Under wait_mu: resume what is due; returns when to look again. */
int64_t
http_resume_due(struct http_server *s, int64_t now, bool all)
{
	int64_t next_ns = now + 1000000000;

	for (struct http_call *c = s->parked, *next; c != NULL; c = next) {
		next = c->next;
		if (all || c->deadline_ns <= now)
			unpark(s, c, true);
		else if (c->deadline_ns < next_ns)
			next_ns = c->deadline_ns;
	}
	return next_ns < now + TICK_NS ? now + TICK_NS : next_ns;
}

void *
http_timer(void *arg)
{
	struct http_server *s = arg;
	int64_t next_cut = 0;

	pthread_mutex_lock(&s->wait_mu);
	while (!s->timer_stop) {
		int64_t now = now_mono_ns();
		if (now >= next_cut) {
			pthread_mutex_unlock(&s->wait_mu);
			http_cut_idle(s, now);
			http_trim(s, now);
			pthread_mutex_lock(&s->wait_mu);
			next_cut = now + 1000000000;
		}
		int64_t next = http_resume_due(s, now, false);
		struct timespec t = { .tv_sec = next / 1000000000,
			.tv_nsec = next % 1000000000 };
		if (!s->timer_stop)
			(void)pthread_cond_timedwait(
			    &s->wait_changed, &s->wait_mu, &t);
	}
	pthread_mutex_unlock(&s->wait_mu);
	return NULL;
}
