/* SPDX-License-Identifier: ISC */
/* releases.c: keys of standard protection, from the escrow to who proved to be
 * the account's owner. */
#include "api/api.h"

#include "api/recovering.h"
#include "base/text.h"
#include "server/escrowlink.h"

#include <string.h>

#define COLLECTED_MS (14 * 24 * 3600 * 1000LL) /* a recovery goes on so long */
#define RELEASES 10 /* of one session, each asks the escrow */
#define RELEASES_MS (10 * 60 * 1000)
#define LINES_MAX (512 * 1024) /* bytes of a journal in one answer */

/* ---- the user's own release ---- */

/* May the escrow be asked for keys by whoever is signed in? */
int
releases_nonce(struct tx *tx, struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };

	if (account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	if (circle.protection != PROTECTION_STANDARD)
		return err_set(e, ERR_RELEASE_REFUSED,
		    "the account is under advanced protection: nobody but its "
		    "devices and recovery keys opens its data");
	if (circle.web_access == 0)
		return err_set(e, ERR_RELEASE_REFUSED,
		    "the account's devices have turned web access off");
	id_put(&c->ask, &c->me->uid);
	return 0;
}

int
releases_nonce_then(struct call *c, struct err *e)
{
	OWN(buf_free) struct buf nonce = { 0 };

	if (escrowlink_ask(c->s->escrow, ESCROW_NONCE_ASK, buf_bytes(&c->ask),
		&nonce, e) < 0)
		return -1;
	jsonio_put_bytes(c->out, "nonce", buf_bytes(&nonce));
	return 0;
}

/* Every key there is for the escrow, as v32. */
static int
put_envelopes(
    struct tx *tx, const struct id *uid, struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf list = { 0 };

	if (sql_ask(tx, e, &s,
		"SELECT bytes FROM envelope WHERE uid = ?"
		" AND purpose IN (6, 7) ORDER BY epoch, purpose, category",
		"i", uid) < 0 ||
	    sql_gather(s, &list, e) < 0)
		return -1;
	buf_put_v32(out, buf_bytes(&list));
	return 0;
}

static int
session_way(struct tx *tx, const struct call *c, struct buf *way, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT way FROM session WHERE token = ?", "d",
		&c->me->token) < 0)
		return -1;
	buf_put_str(way, row ? stmt_got_text(s, 0) : "");
	if (way->n == 0)
		buf_put_str(way, "device");
	return 0;
}

/* The statement about the factor, its signature, and the envelopes. */
int
releases_keys(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf ask = { 0 };
	OWN(buf_free) struct buf sig = { 0 };
	OWN(buf_free) struct buf way = { 0 };
	OWN(buf_free) struct buf statement = { 0 };
	OWN(buf_free) struct buf key = { 0 };
	struct escrow_ask a;
	uint8_t own[SIG_BYTES];
	bool ok;

	buf_printf(&key, "release|%s|%s", id_text(&c->me->uid).s,
	    id_text(&c->me->session_id).s);
	if (server_throttle(tx, c,
		&(struct account_limit){
		    buf_text(&key), RELEASES, RELEASES_MS },
		&ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	if (releases_nonce(tx, c, e) < 0 ||
	    jsonio_bytes(c->in, "ask", 0, &ask, e) < 0 ||
	    jsonio_bytes(c->in, "sig", SIG_BYTES, &sig, e) < 0 ||
	    escrow_ask_parse(buf_bytes(&ask), &a, e) < 0 ||
	    session_way(tx, c, &way, e) < 0)
		return -1;
	if (!id_equal(&a.uid, &c->me->uid))
		return err_set(
		    e, ERR_BAD_REQUEST, "the keys are another account's");
	struct escrow_statement st = { .uid = a.uid,
		.request = a.request,
		.time_ms = (uint64_t)c->now_ms,
		.way = buf_bytes(&way) };
	memcpy(st.recipient, a.recipient, sizeof st.recipient);
	escrow_statement_put(&statement, &st);
	escrowlink_sign(c->s, buf_bytes(&statement), own);
	buf_clear(&c->ask);
	buf_put_v16(&c->ask, buf_bytes(&ask));
	buf_put_bytes(&c->ask, buf_bytes(&sig));
	buf_put_v16(&c->ask, buf_bytes(&statement));
	buf_put(&c->ask, own, sizeof own);
	return 0;
}

struct released_job {
	struct call *c;
	struct buf *envelopes;
	const struct escrow_ask *ask;
};

static int
envelopes_job(struct tx *tx, void *arg, struct err *e)
{
	struct released_job *j = arg;

	return put_envelopes(tx, &j->c->me->uid, j->envelopes, e);
}

static int
released_job(struct tx *tx, void *arg, struct err *e)
{
	struct released_job *j = arg;

	struct call *c = j->c;
	OWN(buf_free) struct buf way = { 0 };
	OWN(buf_free) struct buf detail = { 0 };
	uint64_t mask = 0;

	if (session_way(tx, c, &way, e) < 0)
		return -1;
	buf_printf(&detail, "by %s:", buf_text(&way));
	for (size_t i = 0; i < j->ask->n; i++) {
		enum category k = (enum category)j->ask->categories[i];
		buf_printf(&detail, " %s", category_name(k));
		mask |= 1ULL << k;
	}
	if (c->me->limited && account_released(tx, &c->me->token, mask, e) < 0)
		return -1;
	return server_event(tx, c,
	    &(struct server_event){ &c->me->uid, "keys_released",
		c->me->limited ? NULL : &c->me->dev_id, buf_text(&detail) },
	    e);
}

int
releases_keys_then(struct call *c, struct err *e)
{
	OWN(buf_free) struct buf envelopes = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	struct escrow_ask a;
	struct released_job j = { c, &envelopes, &a };

	struct scan s = scan_of(buf_bytes(&c->ask));
	if (escrow_ask_parse(scan_v16(&s), &a, e) < 0 ||
	    escrowlink_put_circle(
		c->s->escrow, c->s->db, &c->me->uid, &c->ask, e) < 0 ||
	    db_read(c->s->db, envelopes_job, &j, e) < 0)
		return -1;
	buf_put_bytes(&c->ask, buf_bytes(&envelopes));
	if (escrowlink_ask(c->s->escrow, ESCROW_RELEASE, buf_bytes(&c->ask),
		&answer, e) < 0)
		return -1;
	/* The escrow has judged it, and written it down; told here before the
	 * keys leave. What it refused is nothing that happened. */
	if (db_write(c->s->db, released_job, &j, e) < 0)
		return -1;
	server_wake(c);
	jsonio_put_bytes(c->out, "released", buf_bytes(&answer));
	return 0;
}

/* ---- the journal ---- */

int
releases_journal(struct tx *tx, struct call *c, struct err *e)
{
	const char *since = http_query(c->q, "since");
	uint64_t from = 0;

	(void)tx;
	if (since != NULL && text_parse_u64(since, 0, INT64_MAX, &from) < 0)
		return err_set(e, ERR_BAD_REQUEST, "since is no number");
	id_put(&c->ask, &c->me->uid);
	buf_put_u64(&c->ask, from);
	return 0;
}

/* Whole lines, as many as go into an answer; the rest is asked for next. */
int
releases_journal_then(struct call *c, struct err *e)
{
	OWN(buf_free) struct buf lines = { 0 };
	OWN(buf_free) struct buf some = { 0 };

	if (escrowlink_ask(c->s->escrow, ESCROW_JOURNAL, buf_bytes(&c->ask),
		&lines, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&lines));
	while (s.n > 0 && some.n < LINES_MAX) {
		struct bytes line = scan_v16(&s);
		if (!scan_ok(&s))
			return err_set(e, ERR_ESCROW_UNREACHABLE,
			    "the escrow's journal is not well-formed");
		buf_put_v16(&some, line);
	}
	jsonio_put_list(c->out, "lines", buf_bytes(&some));
	jsonio_put_true(c->out, "more", s.n > 0);
	return 0;
}

/* ---- an operator's order, when its wait is over ---- */

int
releases_collect(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };

	if (recovering_of(tx, c, &r, e) < 0 || recovering_ready(&r, c, e) < 0)
		return -1;
	if (strcmp(r.way, "operator") != 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "this recovery takes no keys from the escrow");
	id_put(&c->ask, &r.uid);
	id_put(&c->ask, &r.id);
	return 0;
}

/* Once: who collects again, for the answer got lost, gets the same. */
static int
collected_job(struct tx *tx, void *arg, struct err *e)
{
	struct call *c = ((struct released_job *)arg)->c;
	OWN(buf_free) struct buf key = { 0 };
	uint64_t left;
	int64_t told_ms;

	buf_printf(&key, "collected|%s|%s", id_text(&c->me->uid).s,
	    id_text(&c->me->recovering).s);
	if (account_spend(tx,
		&(struct account_limit){ buf_text(&key), 1, COLLECTED_MS },
		c->now_ms, &left, &told_ms, e) < 0)
		return -1;
	return told_ms != 0 ? 0
			    : server_event(tx, c,
				  &(struct server_event){ &c->me->uid,
				      "keys_released_operator", NULL, "" },
				  e);
}

int
releases_collect_then(struct call *c, struct err *e)
{
	OWN(buf_free) struct buf envelopes = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	struct released_job j = { c, &envelopes, NULL };

	if (escrowlink_put_circle(
		c->s->escrow, c->s->db, &c->me->uid, &c->ask, e) < 0 ||
	    db_read(c->s->db, envelopes_job, &j, e) < 0)
		return -1;
	buf_put_bytes(&c->ask, buf_bytes(&envelopes));
	if (escrowlink_ask(c->s->escrow, ESCROW_COLLECT, buf_bytes(&c->ask),
		&answer, e) < 0)
		return -1;
	if (db_write(c->s->db, collected_job, &j, e) < 0)
		return -1;
	server_wake(c);
	jsonio_put_bytes(c->out, "released", buf_bytes(&answer));
	return 0;
}
