/* SPDX-License-Identifier: ISC */
/* settled.c: who brought a device, and whether it is old enough. */
#include "server/settled.h"

#include "base/text.h"

#define HOUR_MS (3600 * 1000LL)

int
settled_by_proof(struct tx *tx, const struct circle *circle,
    const struct member *m, bool *yes, struct err *e)
{
	OWN(buf_free) struct buf entry = { 0 };
	struct entry_view v;

	*yes = m->founder;
	if (*yes)
		return 0;
	if (account_entry(tx, &circle->uid, m->added_seq, &entry, e) < 0 ||
	    circle_entry_parse(buf_bytes(&entry), &v, e) < 0)
		return -1;
	*yes = v.type != CIRCLE_ADD;
	for (size_t i = 0; i < v.n_sigs; i++) {
		const struct member *by =
		    circle_member(circle, &v.sigs[i].keyref);
		*yes |= v.sigs[i].kind == 1 && by != NULL && by != m &&
		    by->device.class == CLASS_SECURITY_KEY;
	}
	return 0;
}

static bool
has_older(const struct circle *c, const struct member *m, int64_t now_ms)
{
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *x = &c->members[i];
		if (x != m && x->device.class != CLASS_SECURITY_KEY &&
		    circle_mature(c, x, (uint64_t)now_ms))
			return true;
	}
	return false;
}

int
settled_check(
    struct tx *tx, const struct caller *who, int64_t now_ms, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf when = { 0 };
	bool proven;

	if (account_circle(tx, &who->uid, &c, e) < 0)
		return -1;
	const struct member *m = circle_member(&c, &who->dev_id);
	if (m == NULL)
		return err_set(
		    e, ERR_NOT_A_MEMBER, "this device is not in the account");
	if (circle_mature(&c, m, (uint64_t)now_ms) || !has_older(&c, m, now_ms))
		return 0;
	if (settled_by_proof(tx, &c, m, &proven, e) < 0)
		return -1;
	if (proven)
		return 0;
	text_time(&when, (int64_t)m->added_ms + c.mature_hours * HOUR_MS);
	return err_set(e, ERR_DEVICE_TOO_YOUNG,
	    "a device that was let in by another changes how the account is "
	    "opened %u hours after it joined; this one from %s",
	    (unsigned)c.mature_hours, buf_text(&when));
}
