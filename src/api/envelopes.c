/* SPDX-License-Identifier: ISC */
/* envelopes.c: key envelopes taken in and handed out. */
#include "api/envelopes.h"

#include "api/api.h"

#include <assert.h>

enum { PURPOSE_PREVIOUS = 2, PURPOSE_CARD = 10, PURPOSE_EARLIER = 11 };

/* ---- bundles ---- */

/* What a bundle must bring, ticked off as it comes. */
struct checklist {
	bool s[LIMIT_MEMBERS]; /* by place among the active members */
	bool previous;
	bool recovery[2 * LIMIT_RECOVERY_KEYS]; /* in force, then waiting */
	bool keys[3][CATEGORY_END]; /* K, N, I */
	bool escrow[2][CATEGORY_END]; /* K, N for the escrow */
};

static int
incomplete(struct err *e, const char *what)
{
	return err_set(e, ERR_KEY_SUBSTITUTED, "the keys %s", what);
}

static bool
tick_member(struct checklist *l, const struct circle *c, const struct id *to)
{
	size_t place = 0;

	assert(c->members != NULL); /* a circle has a founder */
	for (size_t i = 0; i < c->n_members; i++) {
		if (!c->members[i].active)
			continue;
		if (id_equal(&c->members[i].device.dev_id, to)) {
			l->s[place] = true;
			return true;
		}
		place++;
	}
	return false;
}

/* Where a keyref stands in the set; LIMIT_RECOVERY_KEYS when it does not. */
static size_t
place_in(const struct recovery_set *set, const struct id *keyref)
{
	const struct recovery_key *k = recovery_find(set, keyref);

	return k == NULL ? LIMIT_RECOVERY_KEYS : (size_t)(k - set->keys);
}

static bool
tick_recovery(struct checklist *l, const struct circle *c, const struct id *to)
{
	size_t now = place_in(&c->recovery, to);
	size_t next = c->pending ? place_in(&c->next, to) : LIMIT_RECOVERY_KEYS;

	if (now < LIMIT_RECOVERY_KEYS)
		l->recovery[now] = true;
	if (next < LIMIT_RECOVERY_KEYS)
		l->recovery[LIMIT_RECOVERY_KEYS + next] = true;
	return now < LIMIT_RECOVERY_KEYS || next < LIMIT_RECOVERY_KEYS;
}

static int
tick_escrow(struct checklist *l, const struct circle *c,
    const struct account_envelope *v, struct err *e)
{
	struct digest d;

	if (c->protection != PROTECTION_STANDARD ||
	    !category_known(v->category) || !category_escrowed(v->category))
		return incomplete(e, "are for an escrow that has no part here");
	digest_of(bytes_of(c->escrow.kem_pk, KEM_PK_BYTES), &d);
	if (!bytes_equal(
		bytes_of(v->receiver.b, ID_BYTES), bytes_of(d.b, ID_BYTES)))
		return incomplete(e, "are sealed to another escrow");
	l->escrow[v->purpose - 6][v->category] = true;
	return 0;
}

/* The inbox key of the newest epoch, for others. */
static bool
is_card(const struct circle *c, const struct account_envelope *v)
{
	return v->purpose == PURPOSE_CARD && v->epoch == c->key.epoch &&
	    v->category == CATEGORY_MESSAGES && id_zero(&v->receiver);
}

static int
tick(struct checklist *l, const struct circle *c,
    const struct account_envelope *v, struct err *e)
{
	if (v->purpose == 1)
		return tick_member(l, c, &v->receiver) ||
			tick_recovery(l, c, &v->receiver)
		    ? 0
		    : incomplete(e, "are sealed to a device that is not there");
	if (v->purpose == 6 || v->purpose == 7)
		return tick_escrow(l, c, v, e);
	if (v->purpose == PURPOSE_PREVIOUS || v->purpose == PURPOSE_EARLIER) {
		l->previous = true;
		return 0;
	}
	/* An older version makes none. */
	if (is_card(c, v))
		return 0;
	if (v->purpose == 8 && c->reset_seq == c->seq &&
	    v->epoch < c->first_epoch && category_known(v->category))
		return 0;
	if (v->purpose < 3 || v->purpose > 5 || !category_known(v->category))
		return incomplete(e, "are of a kind this server does not know");
	l->keys[v->purpose - 3][v->category] = true;
	return 0;
}

static int
check_escrow(const struct checklist *l, struct err *e)
{
	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++)
		if (category_escrowed(k) &&
		    (!l->escrow[0][k] || !l->escrow[1][k]))
			return incomplete(e, "lack a category for the escrow");
	return 0;
}

static int
check_whole(const struct checklist *l, const struct circle *c, struct err *e)
{
	size_t active = circle_active_count(c);

	for (size_t i = 0; i < active; i++)
		if (!l->s[i])
			return incomplete(e, "lack the secret of a device");
	for (size_t i = 0; i < c->recovery.n; i++)
		if (!l->recovery[i])
			return incomplete(e, "lack a recovery key's secret");
	for (size_t i = 0; c->pending && i < c->next.n; i++)
		if (!l->recovery[LIMIT_RECOVERY_KEYS + i])
			return incomplete(e, "lack a recovery key's secret");
	if (c->key.epoch > c->first_epoch && !l->previous)
		return incomplete(e, "lack the previous secret");
	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++)
		if (!l->keys[2][k] ||
		    (k != CATEGORY_STATE && (!l->keys[0][k] || !l->keys[1][k])))
			return incomplete(e, "lack a category");
	return c->protection == PROTECTION_STANDARD ? check_escrow(l, e) : 0;
}

/* Each recovery key must be able to read the newest epoch. */
static int
check_recovery(const struct checklist *l, const struct circle *c, struct tx *tx,
    struct err *e)
{
	const struct recovery_set *sets[2] = { &c->recovery, &c->next };

	for (size_t k = 0; k < (c->pending ? 2 : 1); k++)
		for (size_t i = 0; i < sets[k]->n; i++) {
			struct id ref;
			uint64_t n;
			if (l->recovery[k * LIMIT_RECOVERY_KEYS + i])
				continue;
			recovery_keyref(sets[k]->keys[i].sign_pk, &ref);
			if (sql_count(tx, e, &n,
				"SELECT COUNT(*) FROM envelope WHERE uid = ?"
				" AND purpose = 1 AND epoch = ?"
				" AND receiver = ?",
				"iui", &c->uid, (uint64_t)c->key.epoch,
				&ref) < 0)
				return -1;
			if (n == 0)
				return incomplete(
				    e, "lack a recovery key's secret");
		}
	return 0;
}

/* Every epoch there is, of what standard protection covers. */
static int
check_all_escrowed(const struct checklist *l, const struct circle *c,
    struct tx *tx, struct err *e)
{
	for (unsigned k = CATEGORY_STATE; k < CATEGORY_END; k++) {
		uint64_t n;
		if (!category_escrowed(k))
			continue;
		if (sql_count(tx, e, &n,
			"SELECT COUNT(DISTINCT epoch) FROM envelope AS v WHERE"
			" uid = ? AND category = ? AND purpose IN (3, 8)"
			" AND epoch NOT IN (SELECT epoch FROM envelope WHERE"
			" uid = ? AND category = ? AND purpose = 6)"
			/* Not those whose S was never handed on. */
			" AND (purpose = 8 OR epoch = ? OR EXISTS"
			" (SELECT 1 FROM envelope WHERE uid = v.uid"
			" AND purpose = 2 AND epoch = v.epoch + 1))",
			"iuiuu", &c->uid, (uint64_t)k, &c->uid, (uint64_t)k,
			(uint64_t)c->key.epoch) < 0)
			return -1;
		if (n > 0)
			return incomplete(e, "lack an epoch for the escrow");
	}
	return check_escrow(l, e);
}

/* What may stand in such a bundle beside what the checklist knows. */
static bool
belongs(const struct account_envelope *v, enum envelopes_bundle kind,
    const struct circle *circle)
{
	const struct member *last = &circle->members[circle->n_members - 1];

	switch (kind) {
	case ENVELOPES_WHOLE:
		return v->epoch == circle->key.epoch || v->purpose == 8;
	case ENVELOPES_ONE:
		return v->epoch == circle->key.epoch && v->purpose == 1 &&
		    id_equal(&v->receiver, &last->device.dev_id);
	case ENVELOPES_RECOVERY:
		return v->epoch == circle->key.epoch && v->purpose == 1 &&
		    circle_member(circle, &v->receiver) == NULL;
	case ENVELOPES_ESCROW:
		return v->epoch <= circle->key.epoch &&
		    (v->purpose == 6 || v->purpose == 7);
	default:
		return false;
	}
}

int
envelopes_take(struct tx *tx, const struct circle *circle,
    const struct id *sender, struct bytes envelopes, enum envelopes_bundle kind,
    struct err *e)
{
	struct scan s = scan_of(envelopes);
	struct checklist list = { 0 };
	const struct member *m = circle_member(circle, sender);
	size_t n = 0;

	while (s.n > 0) {
		struct account_envelope v;
		struct bytes x = scan_v16(&s);
		if (!scan_ok(&s) || ++n > LIMIT_CARRIED_ENVELOPES)
			return incomplete(e, "are not well-formed");
		if (account_envelope_parse(x, &v, e) < 0)
			return -1;
		if (m == NULL || !id_equal(&v.sender, sender) ||
		    !sig_valid(
			SIG_ENVELOPE, m->device.sign_pk, v.signed_part, v.sig))
			return incomplete(
			    e, "are not signed by who sends them");
		if (!belongs(&v, kind, circle))
			return incomplete(e, "do not belong to this entry");
		if (tick(&list, circle, &v, e) < 0 ||
		    account_add_envelope(tx, &circle->uid, &v, e) < 0)
			return -1;
	}
	if (kind == ENVELOPES_ONE && n != 1)
		return incomplete(e, "lack the new device's secret");
	return kind == ENVELOPES_WHOLE	 ? check_whole(&list, circle, e)
	    : kind == ENVELOPES_RECOVERY ? check_recovery(&list, circle, tx, e)
	    : kind == ENVELOPES_ESCROW
	    ? check_all_escrowed(&list, circle, tx, e)
	    : 0;
}

int
envelopes_forget_carried(struct tx *tx, const struct id *uid, struct err *e)
{
	return sql_run(tx, e,
	    "DELETE FROM envelope WHERE uid = ? AND purpose = 8", "i", uid);
}

/* ---- listing ---- */

struct list_job {
	const struct caller *me;
	struct buf *out;
};

static int
keyring_job(struct tx *tx, void *arg, struct err *e)
{
	const struct list_job *j = arg;

	return account_keyring(tx, &j->me->uid, &j->me->dev_id, j->out, e);
}

int
envelopes_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct list_job j = { .me = q->user, .out = &r->body };

	r->type = "application/octet-stream";
	return db_read(s->db, keyring_job, &j, e);
}

/* ---- what the maker of an epoch could not hand on ---- */

/* The S before an epoch, where only an earlier one was handed on; or a card. */
static int
fill_one(struct tx *tx, const struct circle *c, const struct id *sender,
    struct bytes x, struct err *e)
{
	const struct member *m = circle_member(c, sender);
	struct account_envelope v;
	uint64_t earlier;

	if (account_envelope_parse(x, &v, e) < 0)
		return -1;
	bool card = is_card(c, &v);
	if ((v.purpose != PURPOSE_PREVIOUS && !card) || v.epoch < 1 ||
	    v.epoch > c->key.epoch || m == NULL ||
	    !id_equal(&v.sender, sender) || !id_zero(&v.receiver) ||
	    (v.category != 0 && !card) ||
	    !circle_active_at(
		c, sender, card ? c->seq : c->epochs[v.epoch - 1].seq) ||
	    !sig_valid(SIG_ENVELOPE, m->device.sign_pk, v.signed_part, v.sig))
		return incomplete(
		    e, "are not signed by a member of their time");
	if (card)
		return account_add_envelope(tx, &c->uid, &v, e);
	if (sql_count(tx, e, &earlier,
		"SELECT COUNT(*) FROM envelope WHERE uid = ? AND purpose = ?"
		" AND epoch = ?",
		"iuu", &c->uid, (uint64_t)PURPOSE_EARLIER,
		(uint64_t)v.epoch) < 0)
		return -1;
	return earlier > 0 ? account_add_envelope(tx, &c->uid, &v, e)
			   : incomplete(e, "lack nothing");
}

int
envelopes_fill(struct tx *tx, struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(buf_free) struct buf list = { 0 };

	if (jsonio_list(c->in, "envelopes", LIMIT_BUNDLE_ENVELOPES, &list, e) <
		0 ||
	    account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&list));
	while (s.n > 0)
		if (fill_one(tx, &circle, &c->me->dev_id, scan_v16(&s), e) < 0)
			return -1;
	return 0;
}
