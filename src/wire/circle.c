/* SPDX-License-Identifier: ISC */
/* circle.c: what the entries so far amount to. */
#include "wire/circle_in.h"

#include <stdlib.h>
#include <string.h>

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

bool
circle_goes_by(const struct circle *c, const char *name)
{
	size_t n = strcspn(name, "@");

	return n > 0 && strcspn(c->name, "@") == n &&
	    strncmp(c->name, name, n) == 0;
}

const struct recovery_set *
circle_recovery_at(const struct circle *c, uint64_t time_ms)
{
	return c->pending && time_ms >= c->pending_ms ? &c->next : &c->recovery;
}

const char *
circle_type_name(uint8_t type)
{
	static const char *const names[] = { [CIRCLE_GENESIS] = "genesis",
		[CIRCLE_ADD] = "add",
		[CIRCLE_REMOVE] = "remove",
		[CIRCLE_RECOVERY] = "recovery",
		[CIRCLE_RECOVER] = "recover",
		[CIRCLE_RESET] = "reset",
		[CIRCLE_POLICY] = "policy",
		[CIRCLE_VETO] = "veto",
		[CIRCLE_CLOSE] = "close",
		[CIRCLE_NAME] = "name",
		[CIRCLE_PROTECTION] = "protection",
		[CIRCLE_FACTORS] = "factors",
		[CIRCLE_EPOCH] = "epoch" };

	return type < ARRAY_SIZE(names) && names[type] != NULL ? names[type]
							       : "?";
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
