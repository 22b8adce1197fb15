/* SPDX-License-Identifier: ISC */
/* circle.c: the chain: taking entries in, and asking what they amount to. */
#include "wire/circle_in.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000ULL

void
circle_free(struct circle *c)
{
	free(c->members);
	free(c->hashes);
	free(c->epochs);
	*c = (struct circle){ 0 };
}

/* Arrays grow by doubling: this many places lie behind n that are used. */
static size_t
room(size_t n)
{
	size_t places = 1;

	while (places < n)
		places *= 2;
	return places;
}

void *
circle_one_more(void *p, size_t n, size_t each)
{
	return p != NULL && room(n) == room(n + 1)
	    ? p
	    : mem_resize(p, room(n + 1), each);
}

void
circle_copy(struct circle *to, const struct circle *from)
{
	*to = *from;
	to->members = mem_array(room(from->n_members), sizeof *to->members);
	to->hashes = mem_array(room(from->n_hashes), sizeof *to->hashes);
	to->epochs = mem_array(room(from->key.epoch), sizeof *to->epochs);
	if (from->key.epoch > 0)
		memcpy(to->epochs, from->epochs,
		    from->key.epoch * sizeof *to->epochs);
	if (from->n_members > 0)
		memcpy(to->members, from->members,
		    from->n_members * sizeof *to->members);
	if (from->n_hashes > 0)
		memcpy(to->hashes, from->hashes,
		    from->n_hashes * sizeof *to->hashes);
}

const struct member *
circle_member(const struct circle *c, const struct id *dev_id)
{
	for (size_t i = 0; i < c->n_members; i++)
		if (id_equal(&c->members[i].device.dev_id, dev_id))
			return &c->members[i];
	return NULL;
}

bool
circle_active(const struct circle *c, const struct id *dev_id)
{
	const struct member *m = circle_member(c, dev_id);

	return m != NULL && m->active;
}

size_t
circle_active_count(const struct circle *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_members; i++)
		n += c->members[i].active;
	return n;
}

bool
circle_active_at(const struct circle *c, const struct id *dev_id, uint32_t seq)
{
	const struct member *m = circle_member(c, dev_id);

	return m != NULL && m->added_seq <= seq && seq <= c->seq &&
	    (m->active || seq < m->removed_seq);
}

bool
circle_mature(const struct circle *c, const struct member *m, uint64_t time_ms)
{
	if (!m->active)
		return false;
	if (m->founder || circle_active_count(c) == 1)
		return true;
	return time_ms >= m->added_ms &&
	    time_ms - m->added_ms >= c->mature_hours * HOUR_MS;
}

const struct digest *
circle_hash_at(const struct circle *c, uint32_t seq)
{
	return seq >= 1 && seq <= c->n_hashes ? &c->hashes[seq - 1] : NULL;
}

const struct recovery_set *
circle_recovery_at(const struct circle *c, uint64_t time_ms)
{
	return c->pending && time_ms >= c->pending_ms ? &c->next : &c->recovery;
}

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

const char *
circle_class_name(uint8_t class)
{
	static const char *const names[CLASS_END] = {
		[CLASS_COMPUTER] = "computer",
		[CLASS_PHONE] = "phone",
		[CLASS_BROWSER] = "browser",
		[CLASS_SECURITY_KEY] = "security key",
	};

	return class < CLASS_END && names[class] != NULL ? names[class] : "?";
}
