/* SPDX-License-Identifier: ISC */
/* recoveries_order.c: the operator orders a recovery, and a sign-in ends it. */
#include "api/recoveries.h"

#include "api/recovering.h"
#include "base/now.h"
#include "base/text.h"
#include "server/escrowlink.h"

#include <string.h>

struct order_job {
	struct call *c;
	const char *name, *request, *reference;
	struct recovering r;
	uint64_t ends_ms;
};

/* The request that begins so; *n: how many do. */
static int
find(struct tx *tx, struct order_job *j, const struct id *uid, uint64_t *n,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool found;
	int row;

	*n = 0;
	if (sql_ask(tx, e, &s,
		"SELECT id FROM recovering WHERE uid = ? AND known = 1"
		" AND way = 'operator' AND state <= 1 AND expires_ms > ?",
		"in", uid, j->c->now_ms) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		struct id id;
		stmt_got_copy(s, 0, id.b, ID_BYTES);
		if (strncmp(id_text(&id).s, j->request, strlen(j->request)) !=
		    0)
			continue;
		if (recovering_load(tx, &id, &j->r, &found, e) < 0)
			return -1;
		(*n)++;
	}
	return row;
}

static int
find_job(struct tx *tx, void *arg, struct err *e)
{
	struct order_job *j = arg;
	OWN(circle_free) struct circle circle = { 0 };
	struct account a;
	uint64_t n;
	bool found;

	if (account_by_name(tx, j->name, &a, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no account %s", j->name);
	if (account_circle(tx, &a.uid, &circle, e) < 0)
		return -1;
	if (circle.protection != PROTECTION_STANDARD)
		return err_set(e, ERR_RELEASE_REFUSED,
		    "%s is under advanced protection: there is nothing that "
		    "the escrow could give back",
		    j->name);
	if (find(tx, j, &a.uid, &n, e) < 0)
		return -1;
	if (n == 1)
		return 0;
	return n == 0
	    ? err_set(e, ERR_NOT_FOUND,
		  "%s has not asked for that recovery: compare the request "
		  "that their screen shows",
		  j->name)
	    : err_set(e, ERR_AMBIGUOUS_REQUEST,
		  "several requests of %s begin so", j->name);
}

static int
ordered_job(struct tx *tx, void *arg, struct err *e)
{
	struct order_job *j = arg;
	OWN(buf_free) struct buf detail = { 0 };

	buf_put_str(&detail, "by the operator (");
	text_show(&detail, bytes_str(j->reference));
	buf_put_str(&detail, "), can be stopped by any sign-in until ");
	text_time(&detail, (int64_t)j->ends_ms);
	return sql_run(tx, e,
		   "UPDATE recovering SET state = ?, ready_ms = ?,"
		   " expires_ms = ?, reference = ? WHERE id = ?",
		   "unnsi", (uint64_t)RECOVER_WAITING, (int64_t)j->ends_ms,
		   (int64_t)j->ends_ms + RECOVERING_LATER_MS, j->reference,
		   &j->r.id) < 0 ||
		/* Whoever is signed in shows it by coming again. */
		account_end_sessions(tx, &j->r.uid, NULL, e) < 0
	    ? -1
	    : server_event(tx, j->c,
		  &(struct server_event){
		      &j->r.uid, "recovery_begun", NULL, buf_text(&detail) },
		  e);
}

static int
order(struct order_job *j, struct err *e)
{
	OWN(buf_free) struct buf ask = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	struct server *s = j->c->s;
	struct device d;

	if (db_read(s->db, find_job, j, e) < 0)
		return -1;
	struct scan from = scan_of(buf_bytes(&j->r.device));
	if (device_take(&from, &d, e) < 0)
		return -1;
	id_put(&ask, &j->r.uid);
	id_put(&ask, &j->r.id);
	buf_put(&ask, d.kem_pk, sizeof d.kem_pk);
	buf_put(&ask, d.sign_pk, sizeof d.sign_pk);
	buf_put_v8(&ask, bytes_str(j->reference));
	if (escrowlink_ask(
		s->escrow, ESCROW_ORDER, buf_bytes(&ask), &answer, e) < 0)
		return -1;
	struct scan ends = scan_of(buf_bytes(&answer));
	j->ends_ms = scan_u64(&ends);
	if (!scan_done(&ends) || j->ends_ms > INT64_MAX - RECOVERING_LATER_MS)
		return err_set(e, ERR_ESCROW_UNREACHABLE,
		    "the escrow's answer is not well-formed");
	return db_write(s->db, ordered_job, j, e);
}

int
recoveries_order(struct server *s, const char *name, const char *request,
    const char *reference, int64_t *ends_ms, struct err *e)
{
	struct request q = { .peer = "operator" };
	struct call c = { .s = s, .q = &q, .now_ms = now_ms() };
	struct order_job j = { .c = &c,
		.name = name,
		.request = request,
		.reference = reference };

	if (strlen(reference) > ESCROW_REFERENCE || reference[0] == '\0' ||
	    !text_is_utf8(bytes_str(reference)))
		return err_set(e, ERR_USAGE,
		    "a reference has 1 to %d bytes of UTF-8", ESCROW_REFERENCE);
	int rc = order(&j, e);
	recovering_free(&j.r);
	*ends_ms = (int64_t)j.ends_ms;
	return rc;
}
