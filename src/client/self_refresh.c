/* SPDX-License-Identifier: ISC */
/* self_refresh.c: circle and keyring, kept and extended by what the server has. */
#include "client/self_in.h"

#include "client/chain.h"

/* What this device has kept; whether it came in time was looked at then. */
int
self_apply_kept(struct circle *c, struct bytes entries, struct err *e)
{
	return chain_follow(c, entries, chain_gap, e);
}

/*
 * What was followed before is not judged by the clock again: it came when this
 * device's clock was ahead, too, and nobody gets at his data until then.
 */
int
self_apply_entries(struct circle *c, struct bytes entries, struct err *e)
{
	return chain_extend(c, entries, e);
}

int
self_open_keyring(struct self *s, const struct circle *c,
    struct bytes envelopes, struct err *e)
{
	OWN(keyring_free) struct keyring *k = keyring_new(&s->uid);

	int rc = keyring_open(k, c, s->key, &s->dev_id, envelopes, e);
	s->spoiled = rc < 0 && e->code == ERR_KEYS_SPOILED;
	if (rc < 0 && !(s->spoiled && s->mending))
		return -1;
	/* In place: others hold the address. */
	keyring_absorb(s->keyring, k);
	keyring_reach(s->keyring, c->key.epoch);
	return 0;
}

/* This device is not in `c` any more: how it came to that. */
int
self_is_out(const struct self *s, const struct circle *c, struct err *e)
{
	const struct member *m = circle_member(c, &s->dev_id);

	return m != NULL && m->removed_seq > 0 && m->removed_seq == c->reset_seq
	    ? err_set(e, ERR_ACCOUNT_RESET,
		  "the account was begun anew by one device alone, which is "
		  "how a recovery by the operator ends")
	    : err_set(e, ERR_DEVICE_REMOVED,
		  "this device was removed from the account");
}

/* ---- circle and keyring ---- */

/*
 * Both or neither: keys of an epoch that the circle kept here does not know
 * would not open. Another process of this home may have kept more already.
 */
static int
keep(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	struct local_pair pairs[] = { { "circle", buf_bytes(&s->entries) },
		{ "keyring", buf_bytes(&s->envelopes) } };

	if (s->spoiled)
		return 0;
	if (local_get(s->local, "circle", &kept, e) < 0)
		return -1;
	return kept.n > s->entries.n
	    ? 0
	    : local_put_all(s->local, pairs, ARRAY_SIZE(pairs), e);
}

/* Hand on what others could not, because a thief had made it for them. */
static void
fill(struct self *s, const struct circle *c)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf more = { 0 };
	struct err ignored;

	keyring_fill(s->keyring, c, s->key, &s->dev_id, &more);
	if (more.n == 0)
		return;
	jsonio_put_list(ask, "envelopes", buf_bytes(&more));
	/* When it fails, the next keyring that is fetched shows it again. */
	if (control_call(
		s->remote, "POST", "/v1/keyring", ask, NULL, &ignored) < 0)
		return;
}

static int
fetch_keyring(struct self *s, const struct circle *c, struct err *e)
{
	OWN(buf_free) struct buf envelopes = { 0 };

	if (s->depot->ops->keyring(s->depot, &envelopes, e) < 0 ||
	    self_open_keyring(s, c, buf_bytes(&envelopes), e) < 0)
		return -1;
	fill(s, c);
	buf_clear(&s->envelopes);
	buf_put_bytes(&s->envelopes, buf_bytes(&envelopes));
	return 0;
}

/* The keys of the newest epoch, when they are not here yet. */
int
self_complete_keyring(struct self *s, struct err *e)
{
	if (keyring_epoch(s->keyring) >= s->circle.key.epoch) {
		if (!keyring_lacks(s->keyring, 0))
			return 0;
		/* Keys of an epoch that is not known here would not hold. */
		if (self_refresh(s, e) < 0)
			return -1;
	}
	return fetch_keyring(s, &s->circle, e) < 0 ? -1 : keep(s, e);
}

/* Fetch entries after `c` and apply them; they are appended to `entries`. */
static int
fetch_entries(
    struct self *s, struct circle *c, struct buf *entries, struct err *e)
{
	OWN(buf_free) struct buf more = { 0 };

	if (s->depot->ops->circle(s->depot, c->seq, &more, e) < 0 ||
	    self_apply_entries(c, buf_bytes(&more), e) < 0)
		return -1;
	if (more.n > 0 && !circle_active(c, &s->dev_id))
		return self_is_out(s, c, e);
	buf_put_bytes(entries, buf_bytes(&more));
	return 0;
}

int
self_refresh(struct self *s, struct err *e)
{
	OWN(circle_free) struct circle next = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	struct err more;

	buf_put_bytes(&all, buf_bytes(&s->entries));
	circle_copy(&next, &s->circle);
	if (fetch_entries(s, &next, &all, e) < 0)
		return -1;
	if (all.n == s->entries.n)
		return 0;
	while (next.key.epoch != keyring_epoch(s->keyring) &&
	    fetch_keyring(s, &next, e) < 0) {
		/* Do they belong to an entry that came just now? */
		uint32_t seq = next.seq;
		if (e->code != ERR_KEY_SUBSTITUTED ||
		    fetch_entries(s, &next, &all, &more) < 0 || next.seq == seq)
			return -1;
	}
	struct circle before = s->circle;
	s->circle = next;
	next = before; /* freed on the way out */
	buf_clear(&s->entries);
	buf_put_bytes(&s->entries, buf_bytes(&all));
	return keep(s, e);
}
