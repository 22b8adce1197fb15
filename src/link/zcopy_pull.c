/* SPDX-License-Identifier: ISC */
/* zcopy_pull.c: bringing the copy up to what a server has. */
#include "link/zcopy_in.h"

/* *none: the server has no such zone, and nobody has seen it. */
static int
fetch(struct zcopy_take *t, bool *none, struct err *e)
{
	uint64_t seq = t->z->at.head.seq;

	*none = false;
	if (zcopy_take_fetch(t, seq, e) == 0)
		return 0;
	if (e->code == ERR_RESYNC) {
		t->all = true;
		if (zcopy_take_fetch(t, 0, e) == 0)
			return 0;
		seq = 0;
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	if (seq > 0)
		return zcopy_rolled_back(t->z, 0, e);
	err_clear(e);
	*none = true;
	return 0;
}

/* What was vouched for may be held already. */
static int
check_expected(struct zcopy *z, struct err *e)
{
	struct digest had;

	if (z->expect_seq == 0 || z->expect_seq > z->at.head.seq)
		return 0;
	if (local_chain_at(z->local, &z->zone, z->expect_seq, &had, e) < 0)
		return -1;
	return digest_zero(&had) || digest_equal(&had, &z->expect_hash)
	    ? 0
	    : err_set(e, ERR_HISTORY_FORKED,
		  "what this device holds of the %s zone differs at %llu from "
		  "what another device of this account has seen",
		  category_name(z->category),
		  (unsigned long long)z->expect_seq);
}

static int
pull_once(struct zcopy *z, struct err *e)
{
	OWN(zcopy_take_free) struct zcopy_take t = { .z = z, .held = true };
	struct local_zone next;
	bool none;

	if (check_expected(z, e) < 0)
		return -1;
	if (fetch(&t, &none, e) < 0)
		return -1;
	if (none)
		return 0;
	if (zcopy_take_check(&t, &next, e) < 0)
		return -1;
	if (t.n_heads == 0 && !t.all)
		return 0;
	if ((t.all && zcopy_new_base(z, e) < 0) ||
	    local_fill_take(t.fill, z->at.head.seq, &next, t.all, e) < 0)
		return -1;
	z->at = next;
	z->hash = t.hash;
	return 0;
}

/* A server that was put back to a backup, or a lie: see whether it is healed. */
static bool
healed(struct zcopy *z, const struct err *e)
{
	bool yes = false;
	struct err ignored;

	if (e->code != ERR_HISTORY_ROLLED_BACK && e->code != ERR_HISTORY_FORKED)
		return false;
	return zcopy_adopt_healed(z, &yes, &ignored) == 0 && yes;
}

int
zcopy_pull_locked(struct zcopy *z, struct err *e)
{
	for (int i = 0;; i++) {
		if (zcopy_reload(z, e) < 0)
			return -1;
		if (pull_once(z, e) == 0)
			return 0;
		/* News held against records that are newer prove no lie. */
		if (zcopy_moved(z) && i < ZCOPY_TRIES)
			continue;
		if (healed(z, e)) {
			err_clear(e);
			return 0;
		}
		return -1;
	}
}

int
zcopy_pull(struct zcopy *z, struct err *e)
{
	LOCKED(z);
	return zcopy_pull_locked(z, e);
}

void
zcopy_expect(struct zcopy *z, uint64_t seq, const struct digest *hash)
{
	LOCKED(z);
	z->expect_seq = seq;
	z->expect_hash = *hash;
}
