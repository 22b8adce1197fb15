/* SPDX-License-Identifier: ISC */
/* test_remote.c: which keys a connection may show, and how long. */
#include "base/now.h"
#include "link/remote_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS (3600 * 1000LL)
#define PIN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"
#define URL "https://127.0.0.1:1/#pin=" PIN

static const struct digest shown = { { 7 } };

/* What the next connection may show, after the word of so long ago. */
static char *
pinned_after(int64_t age_ms)
{
	struct remote *r = NULL;
	struct err e;

	assert_int_equal(remote_new(URL, &r, &e), 0);
	remote_pin_to(r, &shown, 1, now_ms() - age_ms);
	CURL *h = curl_easy_init();
	remote_set_pin(h, r);
	char *pin = mem_text(r->curl_pin);
	curl_easy_cleanup(h);
	remote_free(&r);
	return pin;
}

/* A process that stays for weeks asks again, as the next one would. */
static void
a_word_lasts_a_day(void **state)
{
	static const struct {
		int64_t age_ms;
		bool taken;
	} cases[] = {
		{ 0, true }, { 23 * HOUR_MS, true }, { 25 * HOUR_MS, false },
		{ 700 * HOUR_MS, false },
		{ -HOUR_MS, false }, /* a clock was set back */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(mem_free) char *pin = pinned_after(cases[i].age_ms);
		/* The identity itself: who shows another key is asked. */
		assert_int_equal(
		    strstr(pin, "AAAAAAAAAAE=") == NULL, cases[i].taken);
	}
}

static void
the_pin_alone_has_no_end(void **state)
{
	struct remote *r = NULL;
	struct err e;

	(void)state;
	assert_int_equal(remote_new(URL, &r, &e), 0);
	assert_false(r->vouched);
	remote_pin_to(r, remote_pin(r), 1, 0);
	assert_false(r->vouched);
	assert_string_equal(remote_url(r), URL);
	assert_false(remote_moved(r));
	remote_free(&r);
}

/* Of what the last process has kept only the same identity's is taken. */
static void
expects_what_was_kept(void **state)
{
	static const struct {
		int64_t age_ms;
		bool other, cut, taken;
	} cases[] = {
		{ 0, false, false, true },
		{ 25 * HOUR_MS, false, false, false },
		{ 0, true, false, false },
		{ 0, false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf kept = { 0 };
		struct remote *r = NULL;
		struct err e;
		assert_int_equal(remote_new(URL, &r, &e), 0);
		buf_put_u64(&kept, (uint64_t)(now_ms() - cases[i].age_ms));
		digest_put(&kept, cases[i].other ? &shown : remote_pin(r));
		digest_put(&kept, &shown);
		kept.n -= cases[i].cut;
		remote_expect(r, buf_bytes(&kept));
		assert_int_equal(r->vouched, cases[i].taken);
		remote_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_lasts_a_day),
		cmocka_unit_test(the_pin_alone_has_no_end),
		cmocka_unit_test(expects_what_was_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
