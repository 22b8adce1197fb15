/* SPDX-License-Identifier: ISC */
/* people.c: other accounts of this server: who they are, and their circles. */
/*
 * Everybody with a device here may find an account by its whole name, unless it
 * wants otherwise, and verify its list of devices. What is wrong with that list
 * is seen by who holds an older one: the server cannot sign an entry.
 */
#include "api/people.h"

#include "api/api.h"

#include "base/text.h"
#include "base/typed.h"
#include "store/inbox.h"

#include <string.h>

#define MISSES_AN_HOUR 60 /* names that nobody has, of one account */
#define HOUR_MS (3600 * 1000LL)

/* As everything that others see, it stands behind a second factor. */
int
people_may(struct tx *tx, const struct caller *me, struct err *e)
{
	struct account a;

	if (server_account(tx, &me->uid, &a, e) < 0)
		return -1;
	return a.two_factor == TWO_FACTOR_ON
	    ? 0
	    : err_set(e, ERR_TWO_FACTOR_REQUIRED,
		  "contacts need two-factor authentication");
}

static int
show(struct tx *tx, const struct account *a, json_t *row, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf head = { 0 };

	if (account_circle(tx, &a->uid, &c, e) < 0)
		return -1;
	text_hex(&head, bytes_of(c.head.b, DIGEST_BYTES));
	jsonio_put_id(row, "uid", &a->uid);
	jsonio_put_text(row, "name", a->name);
	jsonio_put_u64(row, "circle_seq", c.seq);
	jsonio_put_text(row, "circle_head", buf_text(&head));
	return 0;
}

static int
nobody(struct call *c)
{
	return server_refuse(
	    c, ERR_NOT_FOUND, "nobody has that name on this server");
}

int
people_find(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	enum inbox_peer peer = INBOX_ACCEPTED;
	const char *text = "";
	struct account a;
	bool ok, found;

	if (jsonio_text(c->in, "name", &text, e) < 0 ||
	    people_may(tx, c->me, e) < 0)
		return -1;
	buf_printf(&key, "people|%s", id_text(&c->me->uid).s);
	if (server_drip(tx, c,
		&(struct account_limit){
		    buf_text(&key), MISSES_AN_HOUR, HOUR_MS / MISSES_AN_HOUR },
		&ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	if (typed_account(bytes_str(text), c->s->config.host, &name, e) < 0)
		return -1;
	if (account_by_name(tx, buf_text(&name), &a, &found, e) < 0)
		return -1;
	if (found && (a.hides & ACCOUNT_HIDES_NAME) != 0 &&
	    !id_equal(&a.uid, &c->me->uid) &&
	    inbox_peer(tx, &a.uid, &c->me->uid, &peer, e) < 0)
		return -1;
	if (!found || inbox_seen_as(peer) != INBOX_ACCEPTED)
		return nobody(c);
	/* Only what guesses names counts. */
	return account_unspend(tx, buf_text(&key), e) < 0
	    ? -1
	    : show(tx, &a, c->out, e);
}

/* ---- what an account keeps from others ---- */

static const struct {
	const char *name;
	enum account_hides hides;
} settings[] = { { "findable", ACCOUNT_HIDES_NAME },
	{ "asks", ACCOUNT_HIDES_INBOX } };

int
people_settings(struct tx *tx, struct call *c, struct err *e)
{
	struct account a;

	if (server_account(tx, &c->me->uid, &a, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		jsonio_put_true(c->out, settings[i].name,
		    (a.hides & settings[i].hides) == 0);
	return 0;
}

/* What is not named stays. */
int
people_set(struct tx *tx, struct call *c, struct err *e)
{
	struct account a;

	if (people_may(tx, c->me, e) < 0 ||
	    server_account(tx, &c->me->uid, &a, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const json_t *v = json_object_get(c->in, settings[i].name);
		if (v != NULL && !json_is_boolean(v))
			return err_set(e, ERR_BAD_REQUEST,
			    "%s is true or false", settings[i].name);
		if (json_is_true(v))
			a.hides &= (uint8_t)~settings[i].hides;
		else if (v != NULL)
			a.hides |= (uint8_t)settings[i].hides;
	}
	return account_set_hides(tx, &c->me->uid, a.hides, e) < 0
	    ? -1
	    : people_settings(tx, c, e);
}

/* ---- where circles stand ---- */

/* One of those that are asked for, unless he is gone. */
static int
show_one(struct tx *tx, const struct id *uid, people_more_fn *more,
    json_t *people, struct err *e)
{
	struct account a;
	bool found;

	if (account_by_uid(tx, uid, &a, &found, e) < 0)
		return -1;
	if (!found)
		return 0;
	json_t *row = json_object();
	(void)json_array_append_new(people, row);
	return show(tx, &a, row, e) < 0 ||
		(more != NULL && more(tx, uid, row, e) < 0)
	    ? -1
	    : 0;
}

int
people_list(struct tx *tx, struct call *c, size_t most, people_more_fn *more,
    struct err *e)
{
	const json_t *uids = json_object_get(c->in, "uids");
	json_t *people = json_array();

	(void)json_object_set_new(c->out, "people", people);
	if (people_may(tx, c->me, e) < 0)
		return -1;
	if (!json_is_array(uids) || json_array_size(uids) > most)
		return err_set(
		    e, ERR_BAD_REQUEST, "uids is no list of at most %zu", most);
	for (size_t i = 0; i < json_array_size(uids); i++) {
		const char *text = json_string_value(json_array_get(uids, i));
		struct id uid;
		if (text == NULL || id_parse(bytes_str(text), &uid) < 0)
			return err_set(
			    e, ERR_BAD_REQUEST, "uids has one that is none");
		if (show_one(tx, &uid, more, people, e) < 0)
			return -1;
	}
	return 0;
}

int
people_heads(struct tx *tx, struct call *c, struct err *e)
{
	return people_list(tx, c, LIMIT_HEADS, NULL, e);
}

/* ---- a circle ---- */

struct circle_job {
	const struct caller *me;
	struct id uid;
	uint32_t since;
	struct buf *out;
};

static int
circle_job(struct tx *tx, void *arg, struct err *e)
{
	const struct circle_job *j = arg;
	struct account a;
	bool found;

	if (people_may(tx, j->me, e) < 0 ||
	    account_by_uid(tx, &j->uid, &a, &found, e) < 0)
		return -1;
	return found ? account_entries(tx, &j->uid, j->since, j->out, e)
		     : err_set(e, ERR_NOT_FOUND, "there is no such account");
}

int
people_circle(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct circle_job j = { .me = q->user, .out = &r->body };
	const char *since = http_query(q, "since");
	uint64_t n = 0;

	if (id_parse(bytes_str(q->capture[0]), &j.uid) < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such account");
	if (since != NULL && text_parse_u64(since, 0, UINT32_MAX, &n) < 0)
		return err_set(e, ERR_BAD_REQUEST, "since is no number");
	j.since = (uint32_t)n;
	r->type = "application/octet-stream";
	return db_read(s->db, circle_job, &j, e);
}
