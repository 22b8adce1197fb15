/* SPDX-License-Identifier: ISC */
/* people_play.h: what people do with contacts and messages, step by step. */
/*
 * A history is a list of steps that stands before anything runs, so one can be
 * left out and the others are as they were. What may go wrong with a step is
 * known: all else is a finding. What was acknowledged is noted, and looked for
 * at the end (people_rest.h).
 */
#pragma once

#include "people_world.h"

#define LETTERS 256

/* What somebody has sent. */
struct letter_sim {
	unsigned from, to; /* accounts */
	struct id id;
	bool acked; /* the server said so; else it may be there, or not */
	bool deleted, touched; /* its end was acknowledged; or it was tried */
	bool cut; /* it may have gone nowhere: he was blocked there */
	bool gone[ACCOUNTS]; /* taken away there, or that was tried */
	bool dropped[ACCOUNTS]; /* and acknowledged */
	unsigned resets[ACCOUNTS]; /* of all, when it was sent */
	uint64_t number; /* in the inbox that it went to */
	unsigned edits;
};

enum verb {
	SEND,
	EDIT,
	DELETE,
	DROP,
	READ,
	LOOK,
	FILE_NOW,
	CLOSE,
	ADD,
	VERIFY,
	ACCEPT,
	CHECK,
	BLOCK,
	UNBLOCK,
	DEVICE_ADD,
	DEVICE_REMOVE,
	DEVICE_LEAVE,
	RECOVERY_KEY_MADE,
	RECOVERED,
	RESET,
	RENAMED,
	CLOCK,
	AWAY,
	TIME,
	VERBS
};

static const struct {
	const char *name;
	unsigned weight;
} verbs[VERBS] = {
	[SEND] = { "send", 30 },
	[EDIT] = { "edit", 4 },
	[DELETE] = { "delete", 3 },
	[DROP] = { "drop", 2 },
	[READ] = { "read", 7 },
	[LOOK] = { "look", 8 },
	[FILE_NOW] = { "file", 10 },
	[CLOSE] = { "close", 8 },
	[ADD] = { "add", 8 },
	[VERIFY] = { "verify", 3 },
	[ACCEPT] = { "accept", 2 },
	[CHECK] = { "check", 4 },
	[BLOCK] = { "block", 1 },
	[UNBLOCK] = { "unblock", 2 },
	[DEVICE_ADD] = { "device-add", 5 },
	[DEVICE_REMOVE] = { "device-remove", 2 },
	[DEVICE_LEAVE] = { "device-leave", 1 },
	[RECOVERY_KEY_MADE] = { "recovery-key", 2 },
	[RECOVERED] = { "recover", 1 },
	[RESET] = { "reset", 1 },
	[RENAMED] = { "rename", 1 },
	[CLOCK] = { "clock", 2 },
	[AWAY] = { "away", 2 },
	[TIME] = { "time", 5 },
};

/* What another device does before a call of a step. */
enum meddles {
	MEDDLE_FILE,
	MEDDLE_LOOK,
	MEDDLE_SEND,
	MEDDLE_READ,
	MEDDLE_ADD, /* another one, which writes at once */
	MEDDLE_RECOVER
};

struct step {
	uint8_t verb; /* VERBS: left out */
	uint8_t account, phone, other; /* counted around */
	uint8_t fault, fault_at, stays;
	uint8_t meddle_at; /* 0: nobody does */
	uint8_t meddler, meddles;
	uint32_t dice;
	uint32_t wait_ms;
};

struct play {
	struct people_sim *w;
	struct letter_sim *l;
	size_t n;
	struct step last; /* that was drawn */
	const struct step *step; /* that runs: it, or one that comes between */
	struct phone *runs;
	int64_t low_ms, high_ms; /* clocks that there were */
	/* Between two: a letter of the second to the first went nowhere. */
	bool cut[ACCOUNTS][ACCOUNTS];
	bool blocked[ACCOUNTS][ACCOUNTS]; /* the second, by the first */
	bool was_changed[ACCOUNTS][ACCOUNTS];
	bool lied; /* the server has: what is wrong is noted, no failure */
	bool named[ERR_CODES]; /* then */
};

/* ---- what may go wrong ---- */

/* One that is ahead makes an entry, which one that is behind does not take. */
static inline bool
clocks_differ(const struct play *p)
{
	return p->high_ms - p->low_ms > 4 * MINUTE + 50 * 1000;
}

static inline int
truth_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	struct account_sim *a = arg;

	if (account_circle(tx, &a->uid, &c, e) < 0)
		return -1;
	a->due = c.epoch_due;
	a->claims = circle_goes_by(&c, a->name);
	for (unsigned i = 0; i < a->n; i++)
		a->phone[i].in = circle_active(&c, &a->phone[i].dev_id);
	return 0;
}

/* Who is in, also after an answer that was lost, or while one is on its way. */
static inline void
see_truth(struct account_sim *a)
{
	struct err e;

	net_ok(db_read(net.server.db, truth_job, a, &e), &e);
}

static inline bool
may_be(struct play *p, const struct phone *ph, struct account_sim *other,
    const struct err *e)
{
	struct account_sim *me = ph->of;
	unsigned x = number_of(p->w, me);

	see_truth(me);
	if (other != NULL)
		see_truth(other);
	switch (e->code) {
	case ERR_DEVICE_REMOVED:
	case ERR_ACCOUNT_RESET:
		return !ph->in;
	case ERR_CLOCK_WRONG:
		return clocks_differ(p);
	case ERR_DEVICE_TOO_YOUNG:
		return p->w->mature_hours > 0;
	case ERR_CONTACT_CHANGED:
		return other != NULL &&
		    p->was_changed[x][number_of(p->w, other)];
	/* Its card is of who left, and stays until another makes new keys. */
	case ERR_KEY_SUBSTITUTED:
		return me->due || (other != NULL && other->due);
	case ERR_CONTACT_BLOCKED:
		return other != NULL && p->blocked[x][number_of(p->w, other)];
	default:
		return net.faulted &&
		    (e->code == ERR_SERVER_UNREACHABLE ||
			e->code == ERR_SERVER_BUSY ||
			e->code == ERR_BAD_REQUEST);
	}
}

static inline void
judge_step(struct play *p, struct phone *ph, struct account_sim *other, int rc,
    const struct err *e)
{
	struct people_sim *w = p->w;

	if (rc < 0 && w->talk)
		(void)fprintf(
		    stderr, "    %s: %s\n", err_name(e->code), e->msg);
	if (rc == 0)
		return;
	p->named[e->code] |= p->lied;
	if (!p->lied && !may_be(p, ph, other, e))
		fail_sim(w, "%s cannot %s: %s (%s)", phone_name(w, ph).s,
		    verbs[p->step->verb].name, e->msg, err_name(e->code));
	if (!ph->in)
		ph->knows = true;
	if (ph->knows)
		phone_close(ph);
}

/* ---- what is true at the server ---- */

struct peer_look {
	const struct id *uid, *peer;
	enum inbox_peer state;
	uint64_t top, first; /* of the inbox; first 0: it is empty */
};

static inline int
peer_job(struct tx *tx, void *arg, struct err *e)
{
	struct peer_look *l = arg;

	return inbox_peer(tx, l->uid, l->peer, &l->state, e) < 0 ||
		inbox_top(tx, l->uid, &l->top, e) < 0
	    ? -1
	    : sql_count(tx, e, &l->first,
		  "SELECT MIN(number) FROM inbox_item WHERE uid = ?", "i",
		  l->uid);
}

static inline struct peer_look
peer_look(const struct account_sim *a, const struct account_sim *peer)
{
	struct peer_look l = { .uid = &a->uid, .peer = &peer->uid };
	struct err e;

	net_ok(db_read(net.server.db, peer_job, &l, &e), &e);
	return l;
}
