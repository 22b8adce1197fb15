/* SPDX-License-Identifier: ISC */
/* http_wait.c: long polls, and the thread that ends them. */
#include "http/http_in.h"

#include "base/now.h"

/* Deadlines are looked at no more often than this. */
#define TICK_NS 50000000

static struct slot *
slot_of(struct http_server *s, const struct id *key)
{
	/* Ids are random already. */
	return &s->slots[be32(key->b) % SLOTS];
}

struct http_watch
http_watch(struct http_server *s, const struct id *key)
{
	struct http_watch w = { .key = *key };

	pthread_mutex_lock(&s->wait_mu);
	w.seen = slot_of(s, key)->generation;
	pthread_mutex_unlock(&s->wait_mu);
	return w;
}

/* Under wait_mu. */
static void
unpark(struct http_server *s, struct slot *slot, struct http_call *c,
    bool timed_out)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		slot->waiting = c->next;
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
	struct slot *slot = slot_of(s, key);

	pthread_mutex_lock(&s->wait_mu);
	slot->generation++;
	for (struct http_call *c = slot->waiting, *next; c != NULL; c = next) {
		next = c->next;
		if (id_equal(&c->key, key))
			unpark(s, slot, c, false);
	}
	pthread_mutex_unlock(&s->wait_mu);
}

/* Whether the call now waits; if not, it must run again at once. */
bool
http_park(struct http_call *c, const struct response *r)
{
	struct http_server *s = c->server;
	struct slot *slot = slot_of(s, &r->wait.key);
	int64_t deadline = c->started_ns + r->wait_ms * 1000000;
	bool parked = false;

	pthread_mutex_lock(&s->wait_mu);
	c->waited = true;
	c->q.timed_out = atomic_load(&s->stopping) || now_mono_ns() >= deadline;
	if (!c->q.timed_out && slot->generation == r->wait.seen) {
		c->key = r->wait.key;
		c->deadline_ns = deadline;
		c->next = slot->waiting;
		if (c->next != NULL)
			c->next->prev = c;
		slot->waiting = c;
		s->waiting++;
		MHD_suspend_connection(c->mhd);
		pthread_cond_signal(&s->wait_changed);
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

	if (s->waiting == 0)
		return next_ns;
	for (size_t i = 0; i < SLOTS; i++)
		for (struct http_call *c = s->slots[i].waiting, *next;
		     c != NULL; c = next) {
			next = c->next;
			if (all || c->deadline_ns <= now)
				unpark(s, &s->slots[i], c, true);
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
