/* SPDX-License-Identifier: ISC */
/* ready.c: a read and a commit, now and then. */
#include "server/ready.h"

#include "base/now.h"
#include "server/mark.h"
#include "server/server.h"

#include <pthread.h>
#include <stdlib.h>

#define HOLDS_NS 1000000000 /* what is known */
#define HANGS_NS 2000000000 /* a try that goes on */

struct ready {
	pthread_mutex_t lock; /* guards what follows */
	bool asking;
	int64_t since_ns; /* asking, or known */
	int rc;
	struct err why;
};

struct ready *
ready_new(void)
{
	struct ready *r = mem_new(sizeof *r);

	(void)pthread_mutex_init(&r->lock, NULL);
	r->rc = err_set(&r->why, ERR_SERVER_BUSY, "it is not known yet");
	return r;
}

void
ready_free(struct ready **r)
{
	if (*r == NULL)
		return;
	(void)pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}

static int
commit_job(struct tx *tx, void *arg, struct err *e)
{
	const int64_t *now = arg;

	return mark_set(tx, MARK_COMMITTED, *now, "", false, e);
}

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	return mark_get(tx, MARK_COMMITTED, arg, NULL, e);
}

static int
look(struct server *s, struct err *e)
{
	int64_t now = now_ms(), then = 0;

	if (room_to_grow(s->room, e) < 0 ||
	    db_write(s->db, commit_job, &now, e) < 0 ||
	    db_read(s->db, look_job, &then, e) < 0)
		return -1;
	return then != 0
	    ? 0
	    : err_set(e, ERR_IO, "what was committed is not in the database");
}

int
ready_ask(struct ready *r, struct server *s, struct err *e)
{
	struct err why = { 0 };
	int rc;

	(void)pthread_mutex_lock(&r->lock);
	int64_t age = now_mono_ns() - r->since_ns;
	if (!r->asking && (r->since_ns == 0 || age >= HOLDS_NS)) {
		r->asking = true;
		r->since_ns = now_mono_ns();
		(void)pthread_mutex_unlock(&r->lock);
		rc = look(s, &why);
		(void)pthread_mutex_lock(&r->lock);
		r->asking = false;
		r->since_ns = now_mono_ns();
		r->rc = rc;
		r->why = why;
	} else if (r->asking && age >= HANGS_NS) {
		(void)pthread_mutex_unlock(&r->lock);
		return err_set(
		    e, ERR_SERVER_BUSY, "the database does not answer");
	}
	rc = r->rc;
	why = r->why;
	(void)pthread_mutex_unlock(&r->lock);
	if (rc < 0)
		*e = why;
	return rc;
}
