/* SPDX-License-Identifier: ISC */
/* circle_signers.c: who has signed an entry, and whether that is enough. */
#include "wire/circle_in.h"

bool
circle_signed_by(const struct entry_view *v, uint8_t kind,
    const struct id *keyref, const uint8_t pk[static SIG_PK_BYTES])
{
	for (size_t i = 0; i < v->n_sigs; i++)
		if (v->sigs[i].kind == kind &&
		    id_equal(&v->sigs[i].keyref, keyref))
			return sig_valid(
			    SIG_CIRCLE, pk, v->signed_part, v->sigs[i].sig);
	return false;
}

/* The device that a signature is of; NULL for one of a recovery key. */
const struct member *
circle_signer(const struct circle *c, const struct circle_sig *sig)
{
	return sig->kind == CIRCLE_SIG_DEVICE ? circle_member(c, &sig->keyref)
					      : NULL;
}

static int
unknown_sig(struct err *e)
{
	return err_set(e, ERR_UPDATE_NEEDED,
	    "an entry of the circle is signed in a way this version does not "
	    "know");
}

/* Where devices decide: each signature is a valid one of an active member. */
int
circle_check_members(const struct circle *c, const struct entry_view *v,
    const struct device *newcomer, struct err *e)
{
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct circle_sig *sig = &v->sigs[i];
		if (sig->kind == CIRCLE_SIG_RECOVERY)
			return circle_invalid(
			    e, "is signed by a recovery key, which has no say");
		if (sig->kind != CIRCLE_SIG_DEVICE)
			return unknown_sig(e);
		if (newcomer != NULL &&
		    id_equal(&sig->keyref, &newcomer->dev_id))
			continue;
		const struct member *m = circle_member(c, &sig->keyref);
		if (m == NULL || !m->active)
			return err_set(e, ERR_NOT_A_MEMBER,
			    "the signer of an entry is not an active device");
		if (!sig_valid(SIG_CIRCLE, m->device.sign_pk, v->signed_part,
			sig->sig))
			return circle_invalid(e, "carries a wrong signature");
	}
	return 0;
}

/* Number of signers that are mature; *youngest gets the last young one. */
size_t
circle_mature_signers(const struct circle *c, const struct entry_view *v,
    const struct member **young)
{
	size_t n = 0;

	*young = NULL;
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct member *m = circle_signer(c, &v->sigs[i]);
		if (m == NULL || !m->active)
			continue;
		if (circle_mature(c, m, v->time_ms))
			n++;
		else
			*young = m;
	}
	return n;
}

int
circle_need_mature(
    const struct circle *c, const struct entry_view *v, size_t k, struct err *e)
{
	const struct member *young;

	if (circle_mature_signers(c, v, &young) >= k)
		return 0;
	if (young == NULL)
		return err_set(e, ERR_NOT_A_MEMBER,
		    "this needs the signature of %zu device%s", k,
		    k == 1 ? "" : "s");
	uint64_t wait =
	    young->added_ms + c->mature_hours * HOUR_MS - v->time_ms;
	return err_set(e, ERR_DEVICE_TOO_YOUNG,
	    "a device may do that %u hours after it joined; this one in %llu "
	    "hours",
	    (unsigned)c->mature_hours,
	    (unsigned long long)((wait + HOUR_MS - 1) / HOUR_MS));
}

static unsigned
recovery_weight(const struct recovery_set *set, const struct entry_view *v)
{
	unsigned weight = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct id ref;
		recovery_keyref(set->keys[i].sign_pk, &ref);
		if (circle_signed_by(
			v, CIRCLE_SIG_RECOVERY, &ref, set->keys[i].sign_pk))
			weight += set->keys[i].weight;
	}
	return weight;
}

bool
circle_by_recovery(const struct circle *c, const struct entry_view *v)
{
	return c->recovery.n > 0 &&
	    recovery_weight(&c->recovery, v) >= c->recovery.t;
}

/* The set in force and the new device sign, and nobody beside them. */
int
circle_need_recovery(
    const struct circle *c, const struct entry_view *v, struct err *e)
{
	size_t keys = 0;

	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct circle_sig *sig = &v->sigs[i];
		if (sig->kind != CIRCLE_SIG_RECOVERY &&
		    sig->kind != CIRCLE_SIG_DEVICE)
			return unknown_sig(e);
		if (sig->kind == CIRCLE_SIG_DEVICE)
			continue;
		const struct recovery_key *k =
		    recovery_find(&c->recovery, &sig->keyref);
		if (k == NULL ||
		    !sig_valid(
			SIG_CIRCLE, k->sign_pk, v->signed_part, sig->sig))
			return circle_invalid(
			    e, "carries a wrong signature of a recovery key");
		keys++;
	}
	return circle_by_recovery(c, v) && v->n_sigs == keys + 1
	    ? 0
	    : circle_invalid(e, "lacks signatures of recovery keys");
}

/*
 * What no later entry takes back, or only who obeys it: where there are recovery
 * keys they alone decide, so that no device, whoever holds it, makes them
 * worthless.
 */
int
circle_need_owner(
    const struct circle *c, const struct entry_view *v, struct err *e)
{
	if (c->recovery.n == 0)
		return circle_check_members(c, v, NULL, e) < 0
		    ? -1
		    : circle_need_mature(c, v, c->policy_k, e);
	return circle_by_recovery(c, v)
	    ? 0
	    : err_set(e, ERR_PERMISSION,
		  "that is for the account's recovery keys to sign, and for no "
		  "device");
}
