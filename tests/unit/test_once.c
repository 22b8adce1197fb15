/* SPDX-License-Identifier: ISC */
/* test_once.c: the same request twice, and requests that only look the same. */
#include "server/once.h"

#include "store/account.h"
#include "store/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch_dir.h"

#define NOW 1000000000000
#define KEY "000102030405060708090a0b0c0d0e0f"
#define SECRET "abcd-efgh-jkmn-pqrs"

/* One request, and what is answered to it. */
struct asking {
	struct server *s;
	const char *key, *pattern, *capture, *body;
	struct caller me;
	bool nobody; /* without a session */
	int64_t now_ms;
	bool refuses, fails;
	/* out */
	bool again;
	struct response r;
	struct call c;
};

static unsigned done; /* how often something was done */

static int
act(struct tx *tx, void *arg, struct err *e)
{
	struct asking *a = arg;
	OWN(buf_free) struct buf body = { 0 };

	done++;
	if (sql_run(tx, e,
		"INSERT INTO throttle (name, tries, since_ms)"
		" VALUES (?, 1, 1)",
		"u", (uint64_t)done) < 0)
		return -1;
	if (a->fails)
		return err_set(e, ERR_NOT_FOUND, "nothing of that kind");
	if (a->refuses)
		return server_too_many(&a->c, "too many", 5000);
	buf_printf(&body, "{\"password\":\"%s\",\"n\":%u}", SECRET, done);
	buf_put_bytes(&a->r.body, buf_bytes(&body));
	response_header(&a->r, "Set-Cookie", "crumb=%u", done);
	return 0;
}

static int
ask(struct asking *a, struct err *e)
{
	struct http_pair header = { "Idempotency-Key", a->key };
	struct request q = { .method = "POST",
		.pattern = a->pattern != NULL ? a->pattern : "/v1/thing",
		.capture = { a->capture },
		.captures = a->capture != NULL ? 1 : 0,
		.headers = &header,
		.n_headers = a->key != NULL ? 1 : 0,
		.body = bytes_str(a->body != NULL ? a->body : "{}") };
	OWN(jsonio_free) json_t *in = NULL;

	assert_int_equal(jsonio_parse(q.body, &in, e), 0);
	response_free(&a->r);
	response_init(&a->r);
	a->c = (struct call){ .s = a->s,
		.q = &q,
		.me = a->nobody ? NULL : &a->me,
		.in = in,
		.r = &a->r,
		.now_ms = a->now_ms != 0 ? a->now_ms : NOW };
	int rc = once_write(&a->c, act, a, true, &a->again, e);
	jsonio_free(&a->c.detail);
	return rc;
}

static struct asking
asking(struct server *s, const char *key)
{
	struct asking a = { .s = s, .key = key };

	a.me.session = true;
	a.me.uid.b[0] = 1;
	response_init(&a.r);
	return a;
}

/* ---- a database of each test's own ---- */

struct fixture {
	struct scratch dir;
	char path[80];
	struct server server;
};

static void
fixture_free(struct fixture *f)
{
	db_free(&f->server.db);
	scratch_free(&f->dir);
}

static void
begin(struct fixture *f)
{
	struct err e;

	done = 0;
	f->dir = scratch_new();
	(void)snprintf(f->path, sizeof f->path, "%s/db", f->dir.path);
	assert_int_equal(db_open(f->path, DB_SERVER, &f->server.db, &e), 0);
	assert_int_equal(account_open(f->server.db, &e), 0);
}

static int
count_job(struct tx *tx, void *arg, struct err *e)
{
	return sql_count(tx, e, arg, "SELECT COUNT(*) FROM answered", "");
}

static uint64_t
kept(struct fixture *f)
{
	struct err e;
	uint64_t n = 0;

	assert_int_equal(db_read(f->server.db, count_job, &n, &e), 0);
	return n;
}

static bool
same_answer(const struct asking *a, const struct asking *b)
{
	return bytes_equal(buf_bytes(&a->r.body), buf_bytes(&b->r.body)) &&
	    a->r.headers == 1 && b->r.headers == 1 &&
	    strcmp(a->r.header[0].value, b->r.header[0].value) == 0;
}

/* ---- tests ---- */

static void
the_same_again_is_done_once(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY), b = asking(&f.server, KEY);
	assert_int_equal(ask(&a, &e), 0);
	assert_int_equal(ask(&b, &e), 0);
	assert_false(a.again);
	assert_true(b.again);
	assert_int_equal(done, 1);
	assert_true(same_answer(&a, &b));
	response_free(&a.r);
	response_free(&b.r);
}

static void
without_a_key_it_is_new_each_time(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, NULL);
	assert_int_equal(ask(&a, &e), 0);
	assert_int_equal(ask(&a, &e), 0);
	assert_int_equal(done, 2);
	assert_int_equal(kept(&f), 0);
	response_free(&a.r);
}

static void
what_only_looks_the_same_is_refused(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY);
	assert_int_equal(ask(&a, &e), 0);
	for (int i = 0; i < 4; i++) {
		struct asking b = asking(&f.server, i < 3 ? KEY : "no hex");
		b.body = i == 0 ? "{\"n\":1}" : NULL;
		b.pattern = i == 1 ? "/v1/other" : NULL;
		b.capture = i == 2 ? "x" : NULL;
		assert_int_equal(ask(&b, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		response_free(&b.r);
	}
	assert_int_equal(done, 1);
	response_free(&a.r);
}

static void
the_key_of_another_account_opens_nothing(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY), b = asking(&f.server, KEY);
	b.me.uid.b[0] = 2;
	assert_int_equal(ask(&a, &e), 0);
	assert_int_equal(ask(&b, &e), 0);
	assert_false(b.again);
	assert_int_equal(done, 2);
	response_free(&a.r);
	response_free(&b.r);
}

/* Of one that has begun the body says whose it is; and of no other request,
 * where anybody could make up ever new names to be kept. */
static void
without_a_session_the_body_says_whose_it_is(void **state)
{
	static const struct {
		const char *pattern, *field;
		bool scoped;
	} cases[] = {
		{ "/v1/signup/finish", "uid", true },
		{ "/v1/session", "uid", true },
		{ "/v1/signin/finish", "login", true },
		{ "/v1/signin/start", "uid", false },
		{ "/v1/recover", "login", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(fixture_free) struct fixture f;
		struct err e;
		char body[80];
		begin(&f);
		struct asking a = asking(&f.server, KEY);
		a.nobody = true;
		a.pattern = cases[i].pattern;
		a.body = body;
		for (unsigned k = 1; k <= 2; k++) {
			(void)snprintf(body, sizeof body, "{\"%s\":\"%032x\"}",
			    cases[i].field, k);
			assert_int_equal(
			    ask(&a, &e), k == 1 || cases[i].scoped ? 0 : -1);
			assert_false(a.again);
		}
		assert_int_equal(kept(&f), cases[i].scoped ? 2 : 1);
		response_free(&a.r);
	}
}

static void
a_refusal_that_counted_is_an_answer(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY);
	a.refuses = true;
	assert_int_equal(ask(&a, &e), 0);
	assert_int_equal(ask(&a, &e), 0);
	assert_true(a.again && a.c.refused);
	assert_int_equal(a.c.refusal.code, ERR_TOO_MANY_ATTEMPTS);
	assert_string_equal(buf_text(&a.r.detail), "{\"retry_s\":5}");
	assert_int_equal(done, 1);
	response_free(&a.r);
}

static void
what_was_undone_is_tried_again(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY);
	a.fails = true;
	assert_int_equal(ask(&a, &e), -1);
	a.fails = false;
	assert_int_equal(ask(&a, &e), 0);
	assert_false(a.again);
	assert_int_equal(done, 2);
	response_free(&a.r);
}

static void
an_answer_is_forgotten_when_asked_to(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY);
	struct http_pair header = { "Idempotency-Key", KEY };
	struct request q = { .method = "POST",
		.pattern = "/v1/thing",
		.headers = &header,
		.n_headers = 1,
		.body = bytes_str("{}") };
	assert_int_equal(ask(&a, &e), 0);
	a.c.q = &q;
	once_forget(&a.c);
	assert_int_equal(ask(&a, &e), 0);
	assert_int_equal(done, 2);
	response_free(&a.r);
}

static int
sweep(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return once_sweep(tx, NOW + ONCE_KEPT_MS + 1, e);
}

static void
after_an_hour_it_is_new(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY);
	assert_int_equal(ask(&a, &e), 0);
	a.now_ms = NOW + ONCE_KEPT_MS - 1;
	assert_int_equal(ask(&a, &e), 0);
	assert_true(a.again);
	assert_int_equal(kept(&f), 1);
	assert_int_equal(db_write(f.server.db, sweep, NULL, &e), 0);
	assert_int_equal(kept(&f), 0);
	a.now_ms = NOW + ONCE_KEPT_MS;
	assert_int_equal(ask(&a, &e), 0);
	assert_false(a.again);
	response_free(&a.r);
}

static void
an_account_keeps_the_newest_only(void **state)
{
	OWN(fixture_free) struct fixture f;
	struct err e;
	char key[33];

	(void)state;
	begin(&f);
	for (unsigned i = 0; i < 3 * ONCE_KEPT_MAX; i++) {
		(void)snprintf(key, sizeof key, "%032x", i);
		struct asking a = asking(&f.server, key);
		assert_int_equal(ask(&a, &e), 0);
		response_free(&a.r);
	}
	assert_int_equal(kept(&f), ONCE_KEPT_MAX);
	struct asking last = asking(&f.server, key);
	assert_int_equal(ask(&last, &e), 0);
	assert_true(last.again);
	response_free(&last.r);
}

static int
read_row(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT scope || name || about || answer FROM answered",
		"") < 0)
		return -1;
	buf_put_bytes(arg, stmt_got_bytes(s, 0));
	return 0;
}

static void
who_reads_the_database_reads_no_answer(void **state)
{
	OWN(fixture_free) struct fixture f;
	OWN(buf_free) struct buf row = { 0 };
	struct id key;
	struct err e;

	(void)state;
	begin(&f);
	struct asking a = asking(&f.server, KEY);
	assert_int_equal(ask(&a, &e), 0);
	assert_int_equal(db_read(f.server.db, read_row, &row, &e), 0);
	assert_true(row.n > 100);
	assert_null(memmem(row.p, row.n, SECRET, strlen(SECRET)));
	assert_int_equal(id_parse(bytes_str(KEY), &key), 0);
	assert_null(memmem(row.p, row.n, key.b, ID_BYTES));
	response_free(&a.r);
}

static void
an_act_has_one_name_for_all_its_tries(void **state)
{
	struct http_pair header = { "Idempotency-Key", KEY };
	struct caller me = { .session = true };
	struct request q = { .method = "POST",
		.pattern = "/v1/thing",
		.headers = &header,
		.n_headers = 1,
		.body = bytes_str("{}"),
		.user = &me };
	struct id one, two;

	(void)state;
	assert_true(once_act(&q, &one) && once_act(&q, &two));
	assert_true(id_equal(&one, &two));
	me.uid.b[0] = 9;
	assert_true(once_act(&q, &two));
	assert_false(id_equal(&one, &two));
	q.n_headers = 0;
	assert_false(once_act(&q, &two));
}

static unsigned told; /* how often something was asked outside of it */

static int
count(struct tx *tx, struct call *c, struct err *e)
{
	(void)tx;
	(void)e;
	jsonio_put_u64(c->out, "n", ++done);
	return 0;
}

static int
tell(struct call *c, struct err *e)
{
	(void)e;
	jsonio_put_u64(c->out, "told", ++told);
	return 0;
}

/* That of a caller whose token is zeros. */
static int
add_session(struct tx *tx, void *arg, struct err *e)
{
	const struct account_session s = {
		.expires_ms = 1, .os = "", .address = "", .way = ""
	};

	(void)arg;
	return account_add_session(
	    tx, &(struct digest){ { 0 } }, &s, bytes_str("nonce"), e);
}

static void
a_route_says_what_is_done_once(void **state)
{
	static const struct {
		struct server_call call;
		const char *first, *second;
	} cases[] = {
		{ { SERVER_READ, count, NULL }, "{\"n\":1}", "{\"n\":2}" },
		{ { SERVER_WRITE, count, NULL }, "{\"n\":1}", "{\"n\":1}" },
		{ { SERVER_READ, count, tell }, "{\"n\":1,\"told\":1}",
		    "{\"n\":2,\"told\":2}" },
		{ { SERVER_WRITE, count, tell }, "{\"n\":1,\"told\":1}",
		    "{\"n\":1,\"told\":1}" },
	};
	struct http_pair header = { "Idempotency-Key", KEY };
	struct caller me = { .session = true };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(fixture_free) struct fixture f;
		struct request q = { .method = "POST",
			.pattern = "/v1/thing",
			.call = &cases[i].call,
			.headers = &header,
			.n_headers = 1,
			.user = &me };
		begin(&f);
		assert_int_equal(
		    db_write(f.server.db, add_session, NULL, &e), 0);
		told = 0;
		for (int again = 0; again < 2; again++) {
			OWN(response_free) struct response r;
			response_init(&r);
			assert_int_equal(server_json(&f.server, &q, &r, &e), 0);
			assert_string_equal(buf_text(&r.body),
			    again ? cases[i].second : cases[i].first);
		}
	}
}

/* As after its device was removed, while the body came. */
static void
a_session_that_ended_does_nothing(void **state)
{
	static const struct server_call call = { SERVER_WRITE, count, NULL };
	OWN(response_free) struct response r;
	OWN(fixture_free) struct fixture f;
	struct caller me = { .session = true };
	struct request q = { .method = "POST",
		.pattern = "/v1/thing",
		.call = &call,
		.user = &me };
	struct err e;

	(void)state;
	begin(&f);
	response_init(&r);
	assert_int_equal(server_json(&f.server, &q, &r, &e), -1);
	assert_int_equal(e.code, ERR_SESSION_EXPIRED);
	assert_int_equal(done, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_again_is_done_once),
		cmocka_unit_test(without_a_key_it_is_new_each_time),
		cmocka_unit_test(what_only_looks_the_same_is_refused),
		cmocka_unit_test(the_key_of_another_account_opens_nothing),
		cmocka_unit_test(without_a_session_the_body_says_whose_it_is),
		cmocka_unit_test(a_refusal_that_counted_is_an_answer),
		cmocka_unit_test(what_was_undone_is_tried_again),
		cmocka_unit_test(an_answer_is_forgotten_when_asked_to),
		cmocka_unit_test(after_an_hour_it_is_new),
		cmocka_unit_test(an_account_keeps_the_newest_only),
		cmocka_unit_test(who_reads_the_database_reads_no_answer),
		cmocka_unit_test(an_act_has_one_name_for_all_its_tries),
		cmocka_unit_test(a_route_says_what_is_done_once),
		cmocka_unit_test(a_session_that_ended_does_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
