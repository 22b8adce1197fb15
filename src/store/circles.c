/* SPDX-License-Identifier: ISC */
/* circles.c: a small table of circles, the least used one leaves first. */
#include "store/circles.h"

#include <pthread.h>
#include <stdlib.h>

/* Accounts that are busy at the same time. One takes a few KiB. */
#define PLACES 1024
/* What all may take, in bytes: a circle of 65,536 entries has 2 MiB. */
#define ROOM ((size_t)32 << 20)

struct place {
	struct circle circle; /* seq 0: free */
	uint64_t used;
};

struct circles {
	pthread_mutex_t lock;
	struct place places[PLACES];
	uint64_t clock;
	size_t bytes;
};

struct circles *
circles_new(void)
{
	struct circles *cs = mem_new(sizeof *cs);

	if (pthread_mutex_init(&cs->lock, NULL) != 0)
		abort();
	return cs;
}

void
circles_free(struct circles *cs)
{
	if (cs == NULL)
		return;
	for (size_t i = 0; i < PLACES; i++)
		circle_free(&cs->places[i].circle);
	(void)pthread_mutex_destroy(&cs->lock);
	free(cs);
}

static size_t
bytes_of_circle(const struct circle *c)
{
	return sizeof *c + c->n_hashes * sizeof *c->hashes +
	    c->n_members * sizeof *c->members +
	    c->key.epoch * sizeof *c->epochs;
}

static struct place *
find(struct circles *cs, const struct id *uid)
{
	for (size_t i = 0; i < PLACES; i++)
		if (cs->places[i].circle.seq > 0 &&
		    id_equal(&cs->places[i].circle.uid, uid))
			return &cs->places[i];
	return NULL;
}

static void
clear(struct circles *cs, struct place *p)
{
	if (p->circle.seq > 0)
		cs->bytes -= bytes_of_circle(&p->circle);
	circle_free(&p->circle);
	p->circle = (struct circle){ 0 };
}

/* A free place, or the one that was not used the longest. */
static struct place *
oldest(struct circles *cs, bool used)
{
	struct place *best = NULL;

	for (size_t i = 0; i < PLACES; i++) {
		struct place *p = &cs->places[i];
		if (p->circle.seq == 0 && !used)
			return p;
		if (p->circle.seq > 0 && (best == NULL || p->used < best->used))
			best = p;
	}
	return best;
}

bool
circles_get(struct circles *cs, const struct id *uid, struct circle *out)
{
	(void)pthread_mutex_lock(&cs->lock);
	struct place *p = find(cs, uid);
	if (p != NULL) {
		p->used = ++cs->clock;
		circle_copy(out, &p->circle);
	}
	(void)pthread_mutex_unlock(&cs->lock);
	return p != NULL;
}

void
circles_put(struct circles *cs, const struct circle *c)
{
	struct place *p;

	if (c->seq == 0)
		return;
	(void)pthread_mutex_lock(&cs->lock);
	if ((p = find(cs, &c->uid)) != NULL)
		clear(cs, p);
	while (cs->bytes > 0 && cs->bytes + bytes_of_circle(c) > ROOM)
		clear(cs, oldest(cs, true));
	p = oldest(cs, false);
	clear(cs, p);
	circle_copy(&p->circle, c);
	cs->bytes += bytes_of_circle(c);
	p->used = ++cs->clock;
	(void)pthread_mutex_unlock(&cs->lock);
}
