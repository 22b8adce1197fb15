/* SPDX-License-Identifier: ISC */
/* test_secret.c: key memory and derivation. */
#include "vault/secret.h"
#include "wire/digest.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
new_is_zero_and_random_is_not(void **state)
{
	OWN(secret_free) struct secret *zero = secret_new(40);
	OWN(secret_free) struct secret *a = secret_random(SECRET_KEY);
	OWN(secret_free) struct secret *b = secret_random(SECRET_KEY);
	static const uint8_t zeros[40];

	(void)state;
	assert_int_equal(secret_bytes(zero).n, 40);
	assert_memory_equal(secret_bytes(zero).p, zeros, 40);
	assert_false(secret_equal(a, b));
	assert_memory_not_equal(secret_bytes(a).p, zeros, SECRET_KEY);
}

static void
copies_are_equal_and_apart(void **state)
{
	OWN(secret_free) struct secret *a = secret_of(bytes_str("passphrase"));
	OWN(secret_free) struct secret *b = secret_copy(a);
	OWN(secret_free) struct secret *shorter = secret_of(bytes_str("pass"));

	(void)state;
	assert_true(secret_equal(a, b));
	assert_false(secret_equal(a, shorter));
	secret_room(b)[9] ^= 1;
	assert_false(secret_equal(a, b));
	assert_true(bytes_equal(secret_bytes(a), bytes_str("passphrase")));
}

static void
the_empty_secret_is_one_too(void **state)
{
	OWN(secret_free) struct secret *a = secret_of(bytes_of(NULL, 0));
	OWN(secret_free) struct secret *b = secret_new(0);

	(void)state;
	assert_int_equal(secret_bytes(a).n, 0);
	assert_true(secret_equal(a, b));
}

static void
freeing_leaves_null_and_may_be_repeated(void **state)
{
	struct secret *a = secret_random(8);

	(void)state;
	secret_free(&a);
	assert_null(a);
	secret_free(&a);
}

static void
derives_by_hkdf_over_label_nul_context(void **state)
{
	OWN(secret_free) struct secret *s = secret_of(bytes_str("input key"));
	OWN(secret_free)
	struct secret *k = secret_derive(s, "record", bytes_str("zone"));
	uint8_t expect[SECRET_KEY];

	(void)state;
	hkdf(bytes_str("input key"), bytes_of(NULL, 0),
	    bytes_of("record\0zone", 11), expect, sizeof expect);
	assert_int_equal(secret_bytes(k).n, SECRET_KEY);
	assert_memory_equal(secret_bytes(k).p, expect, sizeof expect);
}

static void
label_and_context_do_not_run_together(void **state)
{
	static const struct {
		const char *label, *context;
	} cases[] = { { "ab", "c" }, { "a", "bc" }, { "abc", "" },
		{ "", "abc" }, { "ab", "d" } };
	OWN(secret_free) struct secret *s = secret_random(SECRET_KEY);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t j = 0; j < i; j++) {
			OWN(secret_free)
			struct secret *a = secret_derive(
			    s, cases[i].label, bytes_str(cases[i].context));
			OWN(secret_free)
			struct secret *b = secret_derive(
			    s, cases[j].label, bytes_str(cases[j].context));
			assert_false(secret_equal(a, b));
		}
}

static void
derives_the_same_into_what_is_there(void **state)
{
	OWN(secret_free) struct secret *s = secret_random(SECRET_KEY);
	OWN(secret_free)
	struct secret *fresh = secret_derive(s, "record", bytes_str("zone"));
	OWN(secret_free) struct secret *out = secret_random(SECRET_KEY);

	(void)state;
	secret_derive_to(out, s, "record", bytes_str("zone"));
	assert_true(secret_equal(out, fresh));
}

static void
parts_share_pages_and_are_wiped_one_by_one(void **state)
{
	OWN(secret_free) struct secret *whole = secret_random(96);
	OWN(secret_free) struct secret *before = secret_copy(whole);
	struct secret *part = secret_part(whole, 32, SECRET_KEY);
	OWN(secret_free) struct secret *last = secret_part(whole, 96, 0);
	const uint8_t *p = secret_bytes(whole).p;
	static const uint8_t zeros[SECRET_KEY];

	(void)state;
	assert_ptr_equal(secret_bytes(part).p, p + 32);
	assert_int_equal(secret_bytes(part).n, SECRET_KEY);
	assert_int_equal(secret_bytes(last).n, 0);
	assert_true(secret_equal(whole, before));
	secret_free(&part);
	assert_null(part);
	assert_memory_equal(p + 32, zeros, SECRET_KEY);
	assert_memory_equal(p, secret_bytes(before).p, 32);
	assert_memory_equal(p + 64, secret_bytes(before).p + 64, 32);
}

static void
reading_past_the_end_kills_the_process(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct rlimit none = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL);
		(void)close(STDERR_FILENO);
		struct secret *s = secret_new(32);
		volatile const uint8_t *p = secret_bytes(s).p;
		_exit(p[32]);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_is_zero_and_random_is_not),
		cmocka_unit_test(copies_are_equal_and_apart),
		cmocka_unit_test(the_empty_secret_is_one_too),
		cmocka_unit_test(freeing_leaves_null_and_may_be_repeated),
		cmocka_unit_test(derives_by_hkdf_over_label_nul_context),
		cmocka_unit_test(label_and_context_do_not_run_together),
		cmocka_unit_test(derives_the_same_into_what_is_there),
		cmocka_unit_test(parts_share_pages_and_are_wiped_one_by_one),
		cmocka_unit_test(reading_past_the_end_kills_the_process),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
