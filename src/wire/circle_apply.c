/* SPDX-License-Identifier: ISC */
/* circle_apply.c: one entry more, and the chain as it was when it is refused. */
#include "wire/circle_in.h"

/* Near the end only what puts a thief out, or ends the account, is taken. */
static bool
has_place(const struct circle *c, const struct entry_view *v)
{
	switch (v->type) {
	case CIRCLE_REMOVE:
	case CIRCLE_RECOVER:
	case CIRCLE_RESET:
	case CIRCLE_VETO:
	case CIRCLE_CLOSE:
		return c->seq < LIMIT_CIRCLE_ENTRIES;
	default:
		return c->seq < LIMIT_CIRCLE_ENTRIES - LIMIT_CIRCLE_KEPT;
	}
}

static int
check_place(const struct circle *c, const struct entry_view *v, struct err *e)
{
	if (v->seq != c->seq + 1 || !digest_equal(&v->prev, &c->head))
		return err_set(e, ERR_CONFLICT,
		    "an entry of the circle does not continue the chain at %u",
		    (unsigned)c->seq);
	if (c->seq > 0 && !id_equal(&v->uid, &c->uid))
		return circle_invalid(e, "belongs to another account");
	if (c->seq == 0 && v->type != CIRCLE_GENESIS)
		return circle_invalid(e, "comes before GENESIS");
	if (v->time_ms < c->time_ms)
		return circle_invalid(e, "is older than the one before it");
	if (c->closed)
		return circle_invalid(e, "follows the closing of the account");
	if (!has_place(c, v))
		return circle_invalid(e, "is one too many");
	return 0;
}

/*
 * The arrays only grow, and an entry changes nothing of a member but that it
 * leaves: so what a refused entry did is undone without a copy of all.
 */
static void
undo(struct circle *c, const struct circle *before, uint32_t seq)
{
	struct circle now = *c;

	*c = *before;
	c->members = now.members;
	c->epochs = now.epochs;
	c->hashes = now.hashes;
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];
		if (m->removed_seq != seq)
			continue;
		m->active = true;
		m->removed_seq = 0;
		m->removed_ms = 0;
	}
}

static void
seal_entry(struct circle *c, const struct entry_view *v, struct bytes entry)
{
	c->seq = v->seq;
	c->time_ms = v->time_ms;
	digest_of(entry, &c->head);
	if (v->type == CIRCLE_GENESIS || v->type == CIRCLE_RESET)
		c->circle_id = c->head;
	if (v->type == CIRCLE_RECOVERY && c->pending)
		c->pending_hash = c->head;
	c->hashes = circle_one_more(c->hashes, c->n_hashes, sizeof *c->hashes);
	c->hashes[c->n_hashes++] = c->head;
}

int
circle_apply(struct circle *c, struct bytes entry, struct err *e)
{
	struct circle before = *c;
	struct entry_view v;

	if (circle_entry_parse(entry, &v, e) < 0 || check_place(c, &v, e) < 0)
		return -1;
	c->uid = v.uid;
	if (c->pending && v.time_ms >= c->pending_ms) {
		c->recovery = c->next;
		c->pending = false;
	}
	struct scan s = scan_of(v.body);
	int rc = circle_rule(c, &v, &s, e);
	if (rc == 0 && !scan_done(&s))
		rc = circle_invalid(e, "has a body of the wrong length");
	if (rc < 0)
		undo(c, &before, v.seq);
	else
		seal_entry(c, &v, entry);
	return rc;
}
