/* SPDX-License-Identifier: ISC */
/* thread.h: one conversation as people read it, and all of them at a glance. */
#pragma once

#include "mail/mail.h"

/* One message as it is now. */
struct thread_line {
	struct id id, mark;
	struct id from; /* the account */
	struct id conv;
	uint64_t time_ms; /* the writer's clock */
	uint64_t received_ms, clock;
	struct buf text; /* empty when it is deleted, gone or not to be read */
	bool edited, deleted; /* by who wrote it */
	bool gone; /* taken away here */
	bool out; /* its device was put out before it came */
	bool quiet; /* nobody is told of it */
	bool asked; /* of somebody who was not let in yet */
	bool missing; /* before this one, one that was sent did not come */
	bool unread;
	enum err_code why; /* it is not shown: letter-forged, … */
	char *words; /* of why; NULL: none */
};

struct thread {
	struct thread_line *lines; /* in the order they were written */
	size_t n;
};

/* And what it holds; empty then. */
void thread_free(struct thread *t);

/* Those of the conversation; of who wrote them, as edited and deleted since. */
MUST_CHECK int thread_read(
    struct mail *m, const struct id *conv, struct thread *out, struct err *e);
/* All messages of all conversations, in one order. */
MUST_CHECK int thread_all(struct mail *m, struct thread *out, struct err *e);

/* Those that came since the last look, in the order they came. */
MUST_CHECK int thread_new(struct mail *m, struct thread *out, struct err *e);
/* None of those, nor any memory: what there is by now is no news. */
MUST_CHECK int thread_looked(struct mail *m, struct err *e);

/* What was received until then has been read. errors: those of the zone. */
MUST_CHECK int thread_mark_read(struct mail *m, const struct id *conv,
    const struct thread *t, struct err *e);

/* By the beginning of its id; from: only of what that account wrote, or NULL.
 * errors: not-found; bad-usage: several. */
MUST_CHECK int thread_find(const struct thread *t, const char *start,
    const struct id *from, const struct thread_line **out, struct err *e);

/* Does it hold all the words, in any order, whatever their case? words: as
 * text_fold makes them of what was typed. */
bool thread_matches(const struct thread_line *l, const char *words);

/* A conversation at a glance. */
struct thread_sum {
	struct id conv;
	const struct person *with; /* NULL: no contact any more */
	const struct thread_line *last; /* borrowed from the thread */
	size_t unread;
	bool asks; /* it waits to be let in */
	bool muted;
};

/* Of what thread_all gave, the newest first; free with mem_free. */
MUST_CHECK int thread_sums(struct mail *m, const struct thread *all,
    struct thread_sum **out, size_t *n, struct err *e);
