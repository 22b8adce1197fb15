/* SPDX-License-Identifier: ISC */
/* people_lies.h: what a server in wrong hands can do, and who names it. */
/*
 * Three accounts have written to each other for a while. Then the server lies
 * once; all devices look at their contacts, write to each of them, and read a
 * quarter of an hour later. By then it is named, or it has changed nothing that
 * anybody reads. `a` is the one who is lied to, `b` the one whom it is about.
 */
#pragma once

#include "people_rest.h"

#include "vault/inbox.h"

struct scene {
	struct play *p;
	struct account_sim *a, *b, *c;
	struct phone *thief; /* one of b's: by its key */
};

/* ---- what is shown to a ---- */

static inline bool
is_about(const struct remote_call *c, const struct id *uid)
{
	struct id_text text = id_text(uid);

	return strstr(c->path, text.s) != NULL ||
	    memmem(c->body.p, c->body.n, text.s, ID_TEXT) != NULL;
}

/* Of b, as it was or could have been. */
static inline int
show_past(void *ctx, struct remote *r, const struct remote_call *c,
    const struct id *key, struct buf *out, struct err *e)
{
	struct scene *x = ctx;
	bool other = x->p->runs->of == x->a &&
	    strncmp(c->path, "/v1/people/", 11) == 0 && is_about(c, &x->b->uid);

	return net_ask(other ? &net.past : &net.server, r, c, key, out, e);
}

static inline void
begin_to_show(struct scene *x)
{
	net.lie = show_past;
	net.lie_ctx = x;
}

/* ---- by honest calls before it ---- */

static inline void
does(struct scene *x, struct account_sim *a, enum verb verb)
{
	struct step s = { .verb = (uint8_t)verb,
		.account = (uint8_t)number_of(x->p->w, a),
		.dice = 2 };

	play_step(x->p, &s);
}

/* `a` writes to `b`, whatever its list of contacts looks like. */
static inline void
writes(struct scene *x, struct account_sim *a, struct account_sim *b)
{
	struct step s = { .verb = SEND,
		.account = (uint8_t)number_of(x->p->w, a),
		.dice = 2 };
	unsigned ya = number_of(x->p->w, a), yb = number_of(x->p->w, b);

	/* Contacts stand by name: all others, in their order. */
	s.other = (uint8_t)(yb > ya ? yb - 1 : yb);
	play_step(x->p, &s);
}

static inline void
tell_older(struct scene *x)
{
	net_keep();
	does(x, x->b, DEVICE_ADD);
	does(x, x->a, CHECK);
	begin_to_show(x);
}

static inline void
tell_hidden(struct scene *x)
{
	net_keep();
	does(x, x->b, DEVICE_ADD);
	begin_to_show(x);
}

/* ---- another list of devices ---- */

static inline int
fork_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	OWN(devkey_free) struct devkey *key = NULL;
	const struct scene *x = arg;
	struct circle_sig sigs[2] = { { 1, x->thief->dev_id, { 0 } },
		{ 1, { { 0 } }, { 0 } } };
	struct device device;
	struct id opening;

	if (account_circle(tx, &x->b->uid, &c, e) < 0)
		return -1;
	new_device("another", &key, &device, &opening);
	sigs[1].keyref = device.dev_id;
	device_put(&body, &device);
	circle_entry_begin(&entry, &c, &x->b->uid, (uint64_t)now_ms(),
	    CIRCLE_ADD, buf_bytes(&body));
	devkey_sign(
	    x->thief->self->key, SIG_CIRCLE, buf_bytes(&entry), sigs[0].sig);
	devkey_sign(key, SIG_CIRCLE, buf_bytes(&entry), sigs[1].sig);
	circle_entry_end(&entry, sigs, 2);
	return circle_apply(&c, buf_bytes(&entry), e) < 0
	    ? -1
	    : account_add_entry(tx, &c.uid, c.seq, buf_bytes(&entry), e);
}

static inline void
tell_forked(struct scene *x)
{
	struct err e;

	net_keep();
	x->thief = some_phone(x->b, 0);
	net_ok(phone_open(x->thief, &e), &e);
	net_ok(db_write(net.past.db, fork_job, x, &e), &e);
	does(x, x->b, DEVICE_ADD);
	does(x, x->a, CHECK);
	begin_to_show(x);
}

/* The same one as was seen last, and behind it what b never did. */
static inline int
reset_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(recovering_sim_free) struct recovering_sim r = { .remote = NULL };
	OWN(buf_free) struct buf entry = { 0 };
	const struct scene *x = arg;

	if (account_circle(tx, &x->b->uid, &r.circle, e) < 0)
		return -1;
	new_device("another", &r.key, &r.device, &r.opening);
	r.keyring = keyring_new(&x->b->uid);
	keyring_reach(r.keyring, r.circle.key.epoch);
	recovering_entry(&r, &x->b->uid, false, &entry);
	return account_add_entry(
	    tx, &x->b->uid, r.circle.seq + 1, buf_bytes(&entry), e);
}

static inline void
tell_reset(struct scene *x)
{
	net_write(reset_job, x);
}

/* ---- cards ---- */

static inline int
old_card_job(struct tx *tx, void *arg, struct err *e)
{
	const struct scene *x = arg;

	return sql_run(tx, e,
	    "DELETE FROM envelope WHERE uid = ? AND purpose = 10 AND epoch ="
	    " (SELECT MAX(epoch) FROM envelope WHERE uid = ? AND purpose = 10)",
	    "ii", &x->b->uid, &x->b->uid);
}

static inline void
tell_old_card(struct scene *x)
{
	does(x, x->b, DEVICE_ADD);
	struct step s = { .verb = DEVICE_REMOVE,
		.account = (uint8_t)number_of(x->p->w, x->b),
		.other = 1,
		.dice = 2 };
	play_step(x->p, &s);
	net_write(old_card_job, (void *)x);
}

static inline int
own_card_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(devkey_free) struct devkey *key = NULL;
	OWN(keyring_free) struct keyring *k = NULL;
	OWN(buf_free) struct buf card = { 0 };
	const struct scene *x = arg;
	struct device device;
	struct key_change kc;

	if (account_circle(tx, &x->b->uid, &c, e) < 0)
		return -1;
	key = devkey_new(&device);
	k = keyring_new(&x->b->uid);
	while (keyring_epoch(k) < c.key.epoch)
		keyring_next_epoch(k, &kc);
	/* In the name of a device that is in. */
	for (size_t i = 0; i < c.n_members; i++)
		if (c.members[i].active)
			keyring_put_card(
			    k, key, &c.members[i].device.dev_id, &card);
	struct scan s = scan_of(buf_bytes(&card));
	return sql_run(tx, e,
	    "UPDATE envelope SET bytes = ? WHERE uid = ? AND purpose = 10",
	    "bi", scan_v16(&s), &x->b->uid);
}

static inline void
tell_own_card(struct scene *x)
{
	net_write(own_card_job, x);
}

/* ---- the inbox of b ---- */

struct item_row {
	const struct account_sim *of;
	uint64_t number;
	struct id packet;
	struct buf bytes;
};

/* The newest one, or the one before. */
static inline int
take_item(struct tx *tx, struct item_row *i, unsigned before, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT number, packet, bytes FROM inbox_item WHERE uid = ?"
		" ORDER BY number DESC LIMIT 1 OFFSET ?",
		"iu", &i->of->uid, (uint64_t)before) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_INTERNAL, "the inbox is empty");
	i->number = stmt_got_u64(s, 0);
	stmt_got_copy(s, 1, i->packet.b, ID_BYTES);
	buf_clear(&i->bytes);
	buf_put_bytes(&i->bytes, stmt_got_bytes(s, 2));
	return 0;
}

static inline int
put_item(struct tx *tx, const struct item_row *i, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE inbox_item SET bytes = ? WHERE uid = ? AND number = ?",
	    "biu", buf_bytes(&i->bytes), &i->of->uid, i->number);
}

/* a has written to b, and no device of b was on. */
static inline void
is_written(struct scene *x)
{
	writes(x, x->a, x->b);
}

static inline int
drop_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(buf_free) struct buf none = { 0 };
	const struct scene *x = arg;
	struct item_row i = { .of = x->b };
	int rc = take_item(tx, &i, 0, e);

	buf_free(&i.bytes);
	return rc < 0 ? -1
		      : sql_run(tx, e,
			    "DELETE FROM inbox_item WHERE uid = ? AND"
			    " number = ?",
			    "iu", &x->b->uid, i.number);
}

static inline void
tell_dropped(struct scene *x)
{
	is_written(x);
	net_write(drop_job, x);
}

static inline int
take_all_job(struct tx *tx, void *arg, struct err *e)
{
	const struct scene *x = arg;
	uint64_t top;

	return inbox_top(tx, &x->b->uid, &top, e) < 0
	    ? -1
	    : inbox_take(tx, &x->b->uid, top, e);
}

static inline void
tell_taken(struct scene *x)
{
	is_written(x);
	writes(x, x->c, x->b);
	net_write(take_all_job, x);
}

static inline int
keep_job(struct tx *tx, void *arg, struct err *e)
{
	struct item_row *i = arg;

	return take_item(tx, i, 0, e);
}

static inline int
replay_job(struct tx *tx, void *arg, struct err *e)
{
	const struct item_row *i = arg;
	struct id other, from;

	id_random(&other);
	memcpy(from.b, i->bytes.p, ID_BYTES);
	return inbox_add(tx,
	    &(struct inbox_add){ .uid = i->of->uid,
		.from = from,
		.packet = other,
		.rest = buf_bytes(&i->bytes),
		.now_ms = now_ms() },
	    e);
}

/* Both wait; or the one was filed before the other comes. */
static inline void
tell_again(struct scene *x, bool filed)
{
	struct item_row i = { .of = x->b };

	is_written(x);
	net_write(keep_job, &i);
	if (filed)
		does(x, x->b, FILE_NOW);
	net_write(replay_job, &i);
	buf_free(&i.bytes);
}

static inline void
tell_twice(struct scene *x)
{
	tell_again(x, false);
}

static inline void
tell_replayed(struct scene *x)
{
	tell_again(x, true);
}

static inline int
flip_job(struct tx *tx, void *arg, struct err *e)
{
	const struct scene *x = arg;
	struct item_row i = { .of = x->b };
	int rc = take_item(tx, &i, 0, e);

	if (rc == 0) {
		i.bytes.p[draw(x->p->w, i.bytes.n)] ^=
		    (uint8_t)(1U << draw(x->p->w, 8));
		rc = put_item(tx, &i, e);
	}
	buf_free(&i.bytes);
	return rc;
}

static inline void
tell_flipped(struct scene *x)
{
	is_written(x);
	net_write(flip_job, x);
}

/* What is for b alone, in the place of what is for c. */
static inline int
move_job(struct tx *tx, void *arg, struct err *e)
{
	const struct scene *x = arg;
	struct item_row i = { .of = x->b }, k = { .of = x->c };
	int rc = take_item(tx, &i, 0, e);

	if (rc == 0)
		rc = take_item(tx, &k, 0, e);
	if (rc == 0) {
		buf_clear(&k.bytes);
		buf_put_bytes(&k.bytes, buf_bytes(&i.bytes));
		rc = put_item(tx, &k, e);
	}
	buf_free(&i.bytes);
	buf_free(&k.bytes);
	return rc;
}

static inline void
tell_moved(struct scene *x)
{
	is_written(x);
	writes(x, x->a, x->c);
	net_write(move_job, x);
}

/* Who has sent it is the server's word, in the first bytes. */
static inline int
swap_job(struct tx *tx, void *arg, struct err *e)
{
	const struct scene *x = arg;
	struct item_row i = { .of = x->b }, k = { .of = x->b };
	int rc = take_item(tx, &i, 0, e);

	if (rc == 0)
		rc = take_item(tx, &k, 1, e);
	if (rc == 0) {
		memcpy(i.bytes.p, x->a->uid.b, ID_BYTES);
		memcpy(k.bytes.p, x->c->uid.b, ID_BYTES);
		rc =
		    put_item(tx, &i, e) < 0 || put_item(tx, &k, e) < 0 ? -1 : 0;
	}
	buf_free(&i.bytes);
	buf_free(&k.bytes);
	return rc;
}

static inline void
tell_swapped(struct scene *x)
{
	is_written(x);
	writes(x, x->c, x->b);
	net_write(swap_job, x);
}

/* The key that b is written to is known to everybody, and how a letter looks. */
static inline void
made_up(const struct scene *x, struct buf *letter)
{
	const struct letter_party a = { x->a->uid, NET_HOST };
	const struct letter_party b = { x->b->uid, NET_HOST };
	OWN(buf_free) struct buf body = { 0 };
	uint8_t sig[SIG_BYTES];
	struct letter l = { .kind = LETTER_TEXT,
		.conv = letter_conversation(&a, &b),
		.author = x->a->uid,
		.dev_id = some_phone(x->a, 0)->dev_id,
		.circle_seq = 1,
		.time_ms = (uint64_t)now_ms(),
		.clock = 1 };

	id_random(&l.id);
	letter_put_text(&body, NULL, bytes_str("what nobody wrote"));
	l.body = buf_bytes(&body);
	letter_put_signed(letter, &l);
	randombytes_buf(sig, sizeof sig);
	buf_put(letter, sig, sizeof sig);
}

static inline void
tell_made_up(struct scene *x)
{
	OWN(buf_free) struct buf letter = { 0 };
	OWN(buf_free) struct buf bytes = { 0 };
	struct phone *ph = some_phone(x->b, 0);
	struct item_row i = { .of = x->b };
	struct keyring_card to = { .uid = x->b->uid };
	struct packet p;
	struct err e;

	net_ok(phone_open(ph, &e), &e);
	to.epoch = keyring_epoch(ph->self->keyring);
	net_ok(keyring_inbox_pk(ph->self->keyring, to.epoch, to.pk, &e), &e);
	made_up(x, &letter);
	inbox_seal(&to, 1, buf_bytes(&letter), 0, &bytes);
	net_ok(packet_take(buf_bytes(&bytes), &p, &e), &e);
	packet_put_rest(&i.bytes, &x->a->uid, &p, 0);
	net_write(replay_job, &i);
	buf_free(&i.bytes);
}

/* ---- all of them ---- */

static const struct lie {
	const char *name;
	void (*tell)(struct scene *x);
	enum err_code code; /* that names it; ERR_NONE: it is harmless */
	bool maybe; /* it may be harmless, too */
} lies[] = {
	{ "an older list of devices", tell_older, ERR_CIRCLE_ROLLED_BACK,
	    false },
	{ "a device that is hidden", tell_hidden, ERR_CIRCLE_ROLLED_BACK,
	    false },
	{ "another list of devices", tell_forked, ERR_CIRCLE_FORKED, false },
	{ "a contact that began anew", tell_reset, ERR_CONTACT_CHANGED, false },
	{ "an older card", tell_old_card, ERR_INBOX_MISSING, false },
	{ "a card of its own", tell_own_card, ERR_KEY_SUBSTITUTED, false },
	{ "a letter that is dropped", tell_dropped, ERR_LETTER_MISSING, false },
	{ "letters taken, and not filed", tell_taken, ERR_LETTER_MISSING,
	    false },
	{ "a letter twice", tell_twice, ERR_NONE, false },
	{ "a letter that was filed", tell_replayed, ERR_NONE, false },
	{ "a byte that is changed", tell_flipped, ERR_LETTER_FORGED, true },
	{ "a letter of another inbox", tell_moved, ERR_LETTER_FORGED, false },
	{ "letters with other senders", tell_swapped, ERR_LETTER_FORGED,
	    false },
	{ "a letter of its own", tell_made_up, ERR_LETTER_FORGED, false },
};
