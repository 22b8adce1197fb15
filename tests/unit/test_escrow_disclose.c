/* SPDX-License-Identifier: ISC */
/* test_escrow_disclose.c: who may disclose, and when whose owner is told. */
#include "base/file.h"
#include "base/text.h"
#include "escrow/release.h"

#include "scratch_dir.h"

#include <stdlib.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define HOUR_MS (3600 * 1000ULL)
#define NOW (1800000000ULL * 1000)

struct state {
	struct scratch scratch;
	const char *dir;
	struct keeper *k;
	uint64_t now_ms;
	bool greeted;
	struct id uid;
};

static void
ok(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_name(e->code), e->msg);
}

static enum err_code
ask(struct state *s, bool owner, uint8_t verb, struct bytes body,
    struct buf *out)
{
	OWN(buf_free) struct buf request = { 0 };
	OWN(buf_free) struct buf frame = { 0 };
	struct id uid;

	buf_put_u8(&request, ESCROW_VERSION);
	buf_put_u8(&request, verb);
	buf_put_bytes(&request, body);
	enum err_code code = (owner ? release_answer_owner : release_answer)(
	    s->k, buf_bytes(&request), &s->greeted, s->now_ms, &frame, &uid);
	if (out != NULL && code == ERR_NONE)
		buf_put(out, frame.p + 5, frame.n - 5);
	return code;
}

static int
set_up(void **arg)
{
	struct state *s = mem_new(sizeof *s);
	struct settings settings = { 0 };
	uint8_t server[SIG_PK_BYTES] = { 7 };
	struct err e;

	s->scratch = scratch_new();
	s->dir = s->scratch.path;
	s->now_ms = NOW;
	id_random(&s->uid);
	settings_defaults(&settings);
	ok(keeper_make(s->dir, &settings, &e), &e);
	settings_free(&settings);
	ok(keeper_open(s->dir, KEEPER_SERVE, &s->k, &e), &e);
	assert_int_equal(
	    ask(s, false, ESCROW_HELLO, bytes_of(server, sizeof server), NULL),
	    ERR_NONE);
	assert_int_equal(
	    ask(s, false, ESCROW_CREATE, bytes_of(s->uid.b, ID_BYTES), NULL),
	    ERR_NONE);
	*arg = s;
	return 0;
}

static int
tear_down(void **arg)
{
	struct state *s = *arg;

	keeper_free(&s->k);
	scratch_free(&s->scratch);
	free(s);
	return 0;
}

static enum err_code
disclose(struct state *s, bool owner, const char *reference, uint32_t notify_s,
    struct buf *out)
{
	OWN(buf_free) struct buf b = { 0 };
	struct device to;
	OWN(devkey_free) struct devkey *key = devkey_new(&to);
	struct id request;

	id_random(&request);
	id_put(&b, &s->uid);
	id_put(&b, &request);
	buf_put(&b, to.kem_pk, sizeof to.kem_pk);
	buf_put(&b, s->k->sign_pk, SIG_PK_BYTES);
	buf_put_u32(&b, notify_s);
	buf_put_v32(&b, bytes_str(""));
	buf_put_v32(&b, bytes_str(""));
	buf_put_v8(&b, bytes_str(reference));
	return ask(s, owner, ESCROW_DISCLOSE, buf_bytes(&b), out);
}

/* How many lines the owner of the account is shown; they are a whole chain, and
 * the state ends where they do. */
static uint64_t
shown(struct state *s)
{
	OWN(buf_free) struct buf b = { 0 };
	OWN(buf_free) struct buf lines = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	struct escrow_state state;
	struct digest head = { { 0 } };
	struct err e;
	uint64_t n = 0;

	id_put(&b, &s->uid);
	assert_int_equal(
	    ask(s, false, ESCROW_STATE, buf_bytes(&b), &answer), ERR_NONE);
	buf_put_u64(&b, 0);
	assert_int_equal(
	    ask(s, false, ESCROW_JOURNAL, buf_bytes(&b), &lines), ERR_NONE);
	ok(escrow_lines_check(
	       buf_bytes(&lines), &s->uid, s->k->sign_pk, &n, &head, &e),
	    &e);
	ok(escrow_state_parse(buf_bytes(&answer), &state, &e), &e);
	assert_int_equal(state.journal_n, n);
	assert_true(digest_equal(&state.journal_head, &head));
	return n;
}

static uint64_t
written(const struct state *s)
{
	return journal_account(s->k->journal, &s->uid).n;
}

static void
a_disclosure_is_written_and_shown(void **arg)
{
	struct state *s = *arg;
	OWN(buf_free) struct buf answer = { 0 };
	struct escrow_line l;
	struct err e;

	assert_int_equal(disclose(s, true, "order 1", 0, &answer), ERR_NONE);
	struct scan p = scan_of(buf_bytes(&answer));
	ok(escrow_line_parse(scan_v16(&p), &l, &e), &e);
	assert_int_equal(l.verb, ESCROW_DISCLOSE);
	assert_true(bytes_equal(
	    journal_word(l.detail, "reference"), bytes_str("order 1")));
	assert_null(journal_word(l.detail, "notify_after").p);
	/* There is a key, but no circle that says standard. */
	assert_true(scan_v8(&p).n > 0);
	assert_int_equal(scan_u32(&p), 0);
	assert_int_equal(scan_v32(&p).n, 0);
	assert_true(scan_done(&p));
	assert_int_equal(written(s), 2);
	assert_int_equal(shown(s), 2);
}

static void
nobody_but_who_runs_it_may_disclose(void **arg)
{
	struct state *s = *arg;

	assert_int_equal(
	    disclose(s, false, "order 1", 3600, NULL), ERR_PERMISSION);
	/* Nor hide anything by asking. */
	assert_int_equal(written(s), 2);
	assert_int_equal(shown(s), 2);
}

static void
it_is_told_later_and_what_follows_it_too(void **arg)
{
	struct state *s = *arg;

	assert_int_equal(disclose(s, true, "first", 0, NULL), ERR_NONE);
	assert_int_equal(disclose(s, true, "second", 3600, NULL), ERR_NONE);
	assert_int_equal(disclose(s, true, "third", 0, NULL), ERR_NONE);
	assert_int_equal(written(s), 4);
	assert_int_equal(shown(s), 2);
	s->now_ms = NOW + HOUR_MS - 1;
	assert_int_equal(shown(s), 2);
	s->now_ms = NOW + HOUR_MS + 1000;
	assert_int_equal(shown(s), 4);
}

static void
the_earliest_that_waits_decides(void **arg)
{
	struct state *s = *arg;

	assert_int_equal(disclose(s, true, "first", 7200, NULL), ERR_NONE);
	assert_int_equal(disclose(s, true, "second", 3600, NULL), ERR_NONE);
	assert_int_equal(shown(s), 1);
	s->now_ms = NOW + HOUR_MS + 1000;
	assert_int_equal(shown(s), 1);
	s->now_ms = NOW + 2 * HOUR_MS + 1000;
	assert_int_equal(shown(s), 3);
}

static void
a_start_forgets_nothing_of_it(void **arg)
{
	struct state *s = *arg;
	struct err e;

	assert_int_equal(disclose(s, true, "first", 3600, NULL), ERR_NONE);
	keeper_free(&s->k);
	ok(keeper_open(s->dir, KEEPER_SERVE, &s->k, &e), &e);
	assert_int_equal(shown(s), 1);
}

static void
a_year_is_the_most(void **arg)
{
	struct state *s = *arg;

	assert_int_equal(disclose(s, true, "first", ESCROW_NOTIFY_S + 1, NULL),
	    ERR_BAD_REQUEST);
	assert_int_equal(written(s), 1);
	assert_int_equal(
	    disclose(s, true, "first", ESCROW_NOTIFY_S, NULL), ERR_NONE);
	assert_int_equal(shown(s), 1);
	s->now_ms = NOW + 366 * 24 * HOUR_MS;
	assert_int_equal(shown(s), 2);
}

static void
a_reference_is_no_word_of_the_line(void **arg)
{
	struct state *s = *arg;

	assert_int_equal(
	    disclose(
		s, true, "x\" notify_after=2099-01-01T00:00:00Z y=\"", 0, NULL),
	    ERR_NONE);
	assert_int_equal(shown(s), 2);
	assert_int_equal(disclose(s, true, "", 0, NULL), ERR_BAD_REQUEST);
	assert_int_equal(disclose(s, true, "a\nb", 0, NULL), ERR_BAD_REQUEST);
}

static void
a_clock_that_went_back_is_refused(void **arg)
{
	struct state *s = *arg;

	s->now_ms = NOW - HOUR_MS;
	assert_int_equal(disclose(s, true, "order", 0, NULL), ERR_CLOCK_WRONG);
}

static void
another_accounts_lines_are_shown(void **arg)
{
	struct state *s = *arg;
	struct id first = s->uid;

	assert_int_equal(disclose(s, true, "first", 3600, NULL), ERR_NONE);
	/* One that this escrow never had a key of. */
	id_random(&s->uid);
	assert_int_equal(disclose(s, true, "second", 0, NULL), ERR_NONE);
	assert_int_equal(shown(s), 1);
	s->uid = first;
	assert_int_equal(shown(s), 1);
	assert_int_equal(written(s), 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_disclosure_is_written_and_shown),
		T(nobody_but_who_runs_it_may_disclose),
		T(it_is_told_later_and_what_follows_it_too),
		T(the_earliest_that_waits_decides),
		T(a_start_forgets_nothing_of_it),
		T(a_year_is_the_most),
		T(a_reference_is_no_word_of_the_line),
		T(a_clock_that_went_back_is_refused),
		T(another_accounts_lines_are_shown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
