/* SPDX-License-Identifier: ISC */
/* inbox.c: letters between accounts of this server, which it cannot read. */
/*
 * One packet puts an item into the inbox of each account that it is for, the
 * sender's own among them, or into none. It must be sealed to the newest epoch
 * of each: what is sent after a device was put out does not open there. Who was
 * not let in yet may send one short letter, which asks.
 */
#include "api/people.h"

#include "api/api.h"

#include "base/text.h"
#include "store/inbox.h"
#include "wire/packet.h"

#include <string.h>

#define DAY_MS (24 * 3600 * 1000LL)
#define MINUTE_MS (60 * 1000LL)
#define ASK_BYTES 1024 /* sealed: a text of 500 bytes and what it stands in */
#define ASKS_SENT 10 /* a day, by one account */
#define ASKS_GOT 50 /* a day, to one account */
#define PEERS (4 * LIMIT_CONTACTS) /* an account says this of: contacts, asks */
#define READ_BYTES (4 * 1024 * 1024) /* of one answer */

/* ---- what others seal to ---- */

static int
put_card(struct tx *tx, const struct id *uid, json_t *row, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool there;

	if (sql_first(tx, e, &s, &there,
		"SELECT bytes FROM envelope WHERE uid = ? AND purpose = 10"
		" ORDER BY epoch DESC LIMIT 1",
		"i", uid) < 0)
		return -1;
	jsonio_put_bytes(
	    row, "card", there ? stmt_got_bytes(s, 0) : bytes_of(NULL, 0));
	return 0;
}

int
inbox_cards(struct tx *tx, struct call *c, struct err *e)
{
	return people_list(tx, c, PACKET_SLOTS, put_card, e);
}

/* ---- posting ---- */

struct post {
	struct call *c;
	struct packet packet;
	enum inbox_peer they[PACKET_SLOTS]; /* may the sender write there? */
};

/* Whom is it for? Each once, and the sender, too. */
static int
check_slots(const struct post *p, struct err *e)
{
	bool own = false;

	for (size_t i = 0; i < p->packet.n; i++) {
		const struct id *uid = &p->packet.slots[i].uid;
		own |= id_equal(uid, &p->c->me->uid);
		for (size_t k = 0; k < i; k++)
			if (id_equal(uid, &p->packet.slots[k].uid))
				return err_set(e, ERR_BAD_REQUEST,
				    "a packet is for one account twice");
	}
	return own ? 0
		   : err_set(e, ERR_BAD_REQUEST,
			 "a packet has no slot of who sends it");
}

static int
check_epoch(struct tx *tx, const struct packet_slot *slot, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	struct account a;
	bool found;

	if (account_by_uid(tx, &slot->uid, &a, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no such account");
	if (account_circle(tx, &slot->uid, &circle, e) < 0)
		return -1;
	return slot->epoch == circle.key.epoch
	    ? 0
	    : err_set(e, ERR_CONFLICT,
		  "a list of devices has changed since this was sealed");
}

/* Asks are counted by those who were asked, and by those who ask. */
static int
count_ask(struct tx *tx, struct call *c, const struct account_limit *l,
    bool *ok, struct err *e)
{
	uint64_t left;
	int64_t retry_ms;

	if (account_spend(tx, l, c->now_ms, &left, &retry_ms, e) < 0)
		return -1;
	*ok = retry_ms == 0;
	return *ok ? 0
		   : server_too_many(c, "too many first messages", retry_ms);
}

/* A first letter, of somebody who was not let in. */
static int
judge_ask(struct tx *tx, struct post *p, const struct id *to, struct err *e)
{
	OWN(buf_free) struct buf by = { 0 };
	OWN(buf_free) struct buf of = { 0 };
	bool ok;

	if ((p->packet.flags & PACKET_ASKS) == 0 ||
	    p->packet.sealed.n > ASK_BYTES)
		return server_refuse(p->c, ERR_ASK_FIRST,
		    "a first message asks, and has at most 500 bytes");
	buf_printf(&by, "asks|%s", id_text(&p->c->me->uid).s);
	buf_printf(&of, "asked|%s", id_text(to).s);
	const struct account_limit sent = { buf_text(&by), ASKS_SENT, DAY_MS };
	const struct account_limit got = { buf_text(&of), ASKS_GOT, DAY_MS };
	if (count_ask(tx, p->c, &sent, &ok, e) < 0)
		return -1;
	return !ok ? 0 : count_ask(tx, p->c, &got, &ok, e);
}

/* May it go there? Refuses when not. */
static int
judge(struct tx *tx, struct post *p, size_t slot, struct err *e)
{
	const struct id *to = &p->packet.slots[slot].uid;
	struct account a;

	if (id_equal(to, &p->c->me->uid)) {
		p->they[slot] = INBOX_ACCEPTED;
		return 0;
	}
	if (inbox_peer(tx, to, &p->c->me->uid, &p->they[slot], e) < 0)
		return -1;
	enum inbox_peer seen = inbox_seen_as(p->they[slot]);
	if (seen == INBOX_ASKS)
		return server_refuse(p->c, ERR_ASK_WAITS,
		    "the first message was not answered yet");
	if (seen != INBOX_STRANGER)
		return 0;
	if (server_account(tx, to, &a, e) < 0)
		return -1;
	return (a.hides & ACCOUNT_HIDES_INBOX) == 0
	    ? judge_ask(tx, p, to, e)
	    : server_refuse(p->c, ERR_ASKS_CLOSED,
		  "who is no contact of that person cannot write there");
}

/* Who writes may be answered; what is sent to who blocks goes nowhere, and
 * nobody is told. */
static int
settle(struct tx *tx, struct post *p, size_t slot, struct err *e)
{
	const struct id *to = &p->packet.slots[slot].uid;
	const struct id *me = &p->c->me->uid;
	enum inbox_peer we;

	if (id_equal(to, me))
		return 0;
	if (inbox_peer(tx, me, to, &we, e) < 0 ||
	    (we != INBOX_ACCEPTED &&
		inbox_set_peer(tx, me, to, INBOX_ACCEPTED, p->c->now_ms, e) <
		    0))
		return -1;
	if (inbox_seen_as(p->they[slot]) != INBOX_STRANGER)
		return 0;
	return inbox_set_peer(tx, to, me,
	    inbox_is_blocked(p->they[slot]) ? INBOX_BLOCKED_ASKS : INBOX_ASKS,
	    p->c->now_ms, e);
}

static int
deliver(struct tx *tx, struct post *p, size_t slot, struct err *e)
{
	OWN(buf_free) struct buf rest = { 0 };
	const struct id *to = &p->packet.slots[slot].uid;

	if (settle(tx, p, slot, e) < 0)
		return -1;
	packet_put_rest(&rest, &p->c->me->uid, &p->packet, slot);
	/* A full one is full for who is blocked, too: he does not see that. */
	if (inbox_is_blocked(p->they[slot]))
		return inbox_room(tx, to, rest.n, e);
	id_put(&p->c->wakes, to);
	return inbox_add(tx,
	    &(struct inbox_add){ .uid = *to,
		.from = p->c->me->uid,
		.packet = p->packet.id,
		.rest = buf_bytes(&rest),
		.now_ms = p->c->now_ms },
	    e);
}

static int
may_post(struct tx *tx, struct call *c, bool *ok, struct err *e)
{
	const struct config *config = server_config(c->s);
	const struct {
		const char *what;
		uint64_t most;
		int64_t span_ms;
	} limits[] = { { "", config->messages_per_minute, MINUTE_MS },
		{ "|day", config->messages_per_day, DAY_MS } };

	if (people_may(tx, c->me, e) < 0)
		return -1;
	*ok = true;
	for (size_t i = 0; *ok && i < ARRAY_SIZE(limits); i++) {
		OWN(buf_free) struct buf key = { 0 };
		buf_printf(
		    &key, "inbox|%s%s", id_text(&c->me->uid).s, limits[i].what);
		if (server_drip(tx, c,
			&(struct account_limit){ buf_text(&key), limits[i].most,
			    limits[i].span_ms / (int64_t)limits[i].most },
			ok, e) < 0)
			return -1;
	}
	return 0;
}

int
inbox_post(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct post p = { .c = c };
	bool ok;

	if (jsonio_bytes(c->in, "packet", 0, &body, e) < 0 ||
	    packet_take(buf_bytes(&body), &p.packet, e) < 0 ||
	    check_slots(&p, e) < 0 || may_post(tx, c, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	for (size_t i = 0; i < p.packet.n; i++)
		if (check_epoch(tx, &p.packet.slots[i], e) < 0)
			return -1;
	/* One is refused, so all are. */
	for (size_t i = 0; i < p.packet.n && !c->refused; i++)
		if (judge(tx, &p, i, e) < 0)
			return -1;
	for (size_t i = 0; i < p.packet.n && !c->refused; i++)
		if (deliver(tx, &p, i, e) < 0)
			return -1;
	return 0;
}

/* ---- reading ---- */

struct read_job {
	const struct caller *me;
	uint64_t since;
	struct buf *out;
};

static int
read_job(struct tx *tx, void *arg, struct err *e)
{
	const struct read_job *j = arg;

	return people_may(tx, j->me, e) < 0
	    ? -1
	    : inbox_read(tx, &j->me->uid, j->since, READ_BYTES, j->out, e);
}

int
inbox_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct read_job j = { .me = q->user, .out = &r->body };
	const char *since = http_query(q, "since");

	if (since != NULL && text_parse_u64(since, 0, INT64_MAX, &j.since) < 0)
		return err_set(e, ERR_BAD_REQUEST, "since is no number");
	r->type = "application/octet-stream";
	return db_read(s->db, read_job, &j, e);
}

/* ---- who may write ---- */

int
inbox_peers(struct tx *tx, struct call *c, struct err *e)
{
	static const struct {
		const char *name;
		enum inbox_peer state;
	} states[] = { { "stranger", INBOX_STRANGER },
		{ "accepted", INBOX_ACCEPTED }, { "blocked", INBOX_BLOCKED } };
	const char *name = "";
	enum inbox_peer was;
	struct id uid;
	uint64_t n;

	if (jsonio_id(c->in, "uid", &uid, e) < 0 ||
	    jsonio_text(c->in, "state", &name, e) < 0 ||
	    people_may(tx, c->me, e) < 0 ||
	    sql_count(tx, e, &n,
		"SELECT COUNT(*) FROM inbox_peer WHERE uid = ? AND state <> 3",
		"i", &c->me->uid) < 0 ||
	    inbox_peer(tx, &c->me->uid, &uid, &was, e) < 0)
		return -1;
	if (n >= PEERS && was == INBOX_STRANGER)
		return err_set(e, ERR_TOO_LARGE,
		    "an account knows at most %d others", PEERS);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcmp(name, states[i].name) == 0)
			return inbox_set_peer(tx, &c->me->uid, &uid,
			    states[i].state, c->now_ms, e);
	return err_set(
	    e, ERR_BAD_REQUEST, "state is stranger, accepted or blocked");
}
