/* SPDX-License-Identifier: ISC */
/* server_caller.c: who calls, and whether they may. */
#include "server/server.h"

#include "base/now.h"
#include "server/settled.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct auth_job {
	struct server *s;
	struct digest token;
	enum server_who who;
	struct caller *caller;
	bool found;
};

static int
auth_recovery(struct tx *tx, struct auth_job *j, int64_t now, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, &j->found,
		"SELECT id, uid, state FROM recovering WHERE token = ?"
		" AND expires_ms > ?",
		"dn", &j->token, now) < 0)
		return -1;
	if (j->found) {
		stmt_got_copy(s, 0, j->caller->recovering.b, ID_BYTES);
		stmt_got_copy(s, 1, j->caller->uid.b, ID_BYTES);
		j->caller->recovery_state = (uint8_t)stmt_got_u64(s, 2);
	}
	return 0;
}

static int
auth_job(struct tx *tx, void *arg, struct err *e)
{
	struct auth_job *j = arg;
	struct account_session session;
	OWN(stmt_done) struct stmt *s = NULL;
	int64_t now = now_ms();

	if (account_session(tx, &j->token, now, &session, &j->found, e) < 0)
		return -1;
	if (j->found) {
		*j->caller = (struct caller){ .session = true,
			.limited = session.limited,
			.session_id = session.id,
			.uid = session.uid,
			.dev_id = session.dev_id,
			.token = j->token,
			.password_ms = session.password_ms,
			.step_up_ms = session.step_up_ms,
			.released = session.released };
		return 0;
	}
	if ((j->who & WHO_RECOVER) != 0 && auth_recovery(tx, j, now, e) < 0)
		return -1;
	if (j->found || (j->who & WHO_JOIN) == 0)
		return 0;
	if (sql_first(tx, e, &s, &j->found,
		"SELECT id, uid FROM joining WHERE token = ? AND"
		" expires_ms > ?",
		"dn", &j->token, now) < 0)
		return -1;
	if (j->found) {
		stmt_got_copy(s, 0, j->caller->join.b, ID_BYTES);
		stmt_got_copy(s, 1, j->caller->uid.b, ID_BYTES);
	}
	return 0;
}

static int
old_job(struct tx *tx, void *arg, struct err *e)
{
	return settled_check(tx, arg, now_ms(), e);
}

static int
is_visitor(struct err *e)
{
	(void)err_set(e, ERR_PERMISSION,
	    "this sign-in was by a code: it looks at the account and ends "
	    "what is open, but changes nothing and reaches no data");
	return err_remedy(e,
	    "Let this device in: aumbry signout --erase, then: aumbry signin "
	    "URL NAME");
}

/*
 * A browser sends what another site's page wants sent. It says whose page that
 * was: in Sec-Fetch-Site, and older ones in Origin alone.
 */
static bool
is_cross_site(const struct server *s, const struct request *q)
{
	const char *site = http_header(q, "Sec-Fetch-Site");
	const char *origin = http_header(q, "Origin");
	const char *host = http_header(q, "Host");

	if (site != NULL)
		return strcmp(site, "same-origin") != 0 &&
		    strcmp(site, "none") != 0;
	if (origin == NULL)
		return false;
	const char *from = strstr(origin, "://");
	from = from != NULL ? from + 3 : origin;
	size_t n = strcspn(from, ":");
	bool here = host != NULL && strcmp(from, host) == 0;
	return !here &&
	    (n != strlen(s->config.host) ||
		strncmp(from, s->config.host, n) != 0);
}

/* A form of another site can send these; no page of ours does. */
static bool
is_form(const struct request *q)
{
	const char *type = http_header(q, "Content-Type");

	return type != NULL &&
	    (strncasecmp(type, "text/plain", 10) == 0 ||
		strncasecmp(type, "multipart/", 10) == 0);
}

static int
check_site(const struct server *s, const struct request *q, struct err *e)
{
	if (strcmp(q->method, "GET") == 0)
		return 0;
	if (is_form(q))
		return err_set(e, ERR_BAD_REQUEST,
		    "a call's content type is application/json");
	return is_cross_site(s, q)
	    ? err_set(e, ERR_PERMISSION,
		  "a page of another site has made this request")
	    : 0;
}

int
server_authorize(
    void *app, const struct http_route *route, struct request *q, struct err *e)
{
	struct server *s = app;
	enum server_who who = (enum server_who)route->who;
	struct auth_job j = { .s = s, .who = who };

	if (check_site(s, q, e) < 0)
		return -1;
	/* Before all else, so that sessions find room for their rows. */
	if (room_use(s->room) && (who & WHO_GROWS) != 0)
		return room_to_grow(s->room, e);
	if (who == WHO_ANYBODY || who == WHO_NEW)
		return 0;
	OWN(mem_free) struct caller *caller = mem_new(sizeof *caller);
	digest_of(bytes_str(q->bearer), &j.token);
	caller->token = j.token;
	j.caller = caller;
	if (q->bearer[0] != '\0' && db_read(s->db, auth_job, &j, e) < 0)
		return -1;
	if (!j.found)
		return err_set(e, ERR_SESSION_EXPIRED, "the session has ended");
	if (caller->limited && (who & WHO_VISITOR) == 0 &&
	    ((who & WHO_READER) == 0 || caller->released == 0))
		return is_visitor(e);
	if ((who & WHO_FRESH) != 0 &&
	    !server_fresh(caller->step_up_ms, now_ms()))
		return err_set(e, ERR_STEP_UP_REQUIRED,
		    "this needs the password, and a factor, proven within the "
		    "last 5 minutes");
	if ((who & WHO_OLD) != 0 && db_read(s->db, old_job, caller, e) < 0)
		return -1;
	if (caller->session)
		q->payer = caller->uid;
	q->user = TAKE(caller);
	return 0;
}

void
server_release(void *app, void *user)
{
	(void)app;
	free(user);
}
