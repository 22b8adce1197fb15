/* SPDX-License-Identifier: ISC */
/* wait.c: one wait for all that a device follows. */
#include "api/api.h"

#include "base/now.h"
#include "store/inbox.h"

#include <string.h>

struct asked {
	struct id zone;
	uint64_t seq;
};

struct wait {
	const struct caller *me;
	struct asked zones[LIMIT_WAIT_ZONES];
	size_t n;
	bool circle, joins, verify, inbox; /* asked for */
	uint64_t circle_seq, joins_since_ms, verify_since_ms, inbox_top, wait_s;
	json_t *out;
	bool news;
};

/* ---- what is asked ---- */

static int
take_zones(const json_t *in, struct wait *w, struct err *e)
{
	json_t *list = json_object_get(in, "zones"), *v;
	size_t i;

	if (list != NULL && !json_is_array(list))
		return err_set(e, ERR_BAD_REQUEST, "zones is no list");
	if (json_array_size(list) > LIMIT_WAIT_ZONES)
		return err_set(e, ERR_TOO_LARGE,
		    "one wait is for at most %d zones", LIMIT_WAIT_ZONES);
	json_array_foreach(list, i, v)
	{
		struct asked *z = &w->zones[w->n++];
		if (jsonio_id(v, "zone", &z->zone, e) < 0 ||
		    jsonio_u64(v, "seq", &z->seq, e) < 0)
			return -1;
	}
	return 0;
}

static int
take_number(const json_t *in, const char *key, bool *there, uint64_t *out,
    struct err *e)
{
	*there = json_object_get(in, key) != NULL;
	return *there ? jsonio_u64(in, key, out, e) : 0;
}

static int
take(const struct request *q, struct wait *w, struct err *e)
{
	OWN(jsonio_free) json_t *in = NULL;
	bool waits;

	if (jsonio_parse(q->body, &in, e) < 0 || take_zones(in, w, e) < 0 ||
	    take_number(in, "circle", &w->circle, &w->circle_seq, e) < 0 ||
	    take_number(in, "joins_since", &w->joins, &w->joins_since_ms, e) <
		0 ||
	    take_number(
		in, "verify_since", &w->verify, &w->verify_since_ms, e) < 0 ||
	    take_number(in, "inbox", &w->inbox, &w->inbox_top, e) < 0 ||
	    take_number(in, "wait", &waits, &w->wait_s, e) < 0)
		return -1;
	if (w->wait_s > LIMIT_POLL_S || w->joins_since_ms > INT64_MAX ||
	    w->verify_since_ms > INT64_MAX)
		return err_set(e, ERR_BAD_REQUEST,
		    "wait is no number of at most %d, or what is since no time",
		    LIMIT_POLL_S);
	if (w->n == 0 && !w->circle && !w->joins && !w->verify && !w->inbox)
		return err_set(e, ERR_BAD_REQUEST, "a wait for nothing");
	/* Who only reads by a code lets nobody in. */
	if (w->me->limited && (w->joins || w->verify || w->inbox))
		return err_set(
		    e, ERR_PERMISSION, "only a device hears of who asks it");
	return 0;
}

/* ---- looking ---- */

/* Another than the one named is news: a server that was restored is behind. */
static int
look_at_zone(struct tx *tx, struct wait *w, const struct asked *z,
    json_t *changed, struct err *e)
{
	struct zone_key key = { w->me->uid, z->zone };
	struct zone_info now = { .seq = 0 };
	bool found;

	if (zone_look_up(tx, &key, &now, &found, e) < 0)
		return -1;
	if (found && !zones_may_read(w->me, now.category))
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the keys of a zone were not released to this sign-in");
	if (now.seq == z->seq)
		return 0;
	json_t *v = json_object();
	jsonio_put_id(v, "zone", &z->zone);
	jsonio_put_u64(v, "seq", now.seq);
	(void)json_array_append_new(changed, v);
	w->news = true;
	return 0;
}

static int
look(struct tx *tx, void *arg, struct err *e)
{
	struct wait *w = arg;
	json_t *changed = json_array();
	uint64_t circle = w->circle_seq, joins = 0, verify = 0;
	uint64_t inbox = w->inbox_top;

	(void)json_object_set_new(w->out, "zones", changed);
	for (size_t i = 0; i < w->n; i++)
		if (look_at_zone(tx, w, &w->zones[i], changed, e) < 0)
			return -1;
	if (w->circle &&
	    sql_count(tx, e, &circle,
		"SELECT MAX(seq) FROM circle_entry WHERE uid = ?", "i",
		&w->me->uid) < 0)
		return -1;
	if (w->joins &&
	    sql_count(tx, e, &joins,
		"SELECT COUNT(*) FROM joining WHERE uid = ? AND expires_ms > ?"
		" AND created_ms > ? AND state <= 1 AND shown = 1",
		"inu", &w->me->uid, now_ms(), w->joins_since_ms) < 0)
		return -1;
	if (w->verify &&
	    sql_count(tx, e, &verify,
		"SELECT COUNT(*) FROM verifying WHERE uid = ? AND expires_ms"
		" > ? AND created_ms > ? AND state <= 1",
		"inu", &w->me->uid, now_ms(), w->verify_since_ms) < 0)
		return -1;
	if (w->inbox && inbox_top(tx, &w->me->uid, &inbox, e) < 0)
		return -1;
	jsonio_put_u64(w->out, "inbox", inbox);
	jsonio_put_true(w->out, "verify", verify > 0);
	jsonio_put_true(w->out, "circle", circle != w->circle_seq);
	jsonio_put_true(w->out, "joins", joins > 0);
	w->news |= circle != w->circle_seq || joins > 0 || verify > 0 ||
	    inbox != w->inbox_top;
	return 0;
}

int
wait_for_news(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	OWN(jsonio_free) json_t *out = json_object();
	struct wait w = { .me = q->user, .out = out };

	if (take(q, &w, e) < 0)
		return -1;
	for (size_t i = 0; i < w.n; i++)
		http_watch(s->http, r, &w.zones[i].zone);
	if (w.circle || w.joins || w.verify || w.inbox)
		http_watch(s->http, r, &w.me->uid);
	if (db_read(s->db, look, &w, e) < 0)
		return -1;
	if (!w.news && w.wait_s > 0 && !q->timed_out) {
		r->wait_ms = (int64_t)w.wait_s * 1000;
		return HTTP_WAIT;
	}
	jsonio_put(&r->body, out);
	return 0;
}
