/* SPDX-License-Identifier: ISC */
/* test_relay.c: what is sealed for one purpose opens for no other. */
#include "join/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
make(struct relay_keys *k, const char *label, uint8_t sid)
{
	OWN(secret_free) struct secret *isk = secret_new(32);

	k->label = label;
	buf_put_u8(&k->sid, sid);
	relay_keys_from(k, isk);
}

static void
a_box_opens_under_its_label_kind_and_session_alone(void **state)
{
	static const struct {
		const char *label;
		uint8_t sid;
		enum relay_kind kind;
		bool opens;
	} cases[] = {
		{ NULL, 1, RELAY_OFFER, true },
		{ "aumbry pair v1", 1, RELAY_OFFER, true },
		{ "aumbry assist v1", 1, RELAY_OFFER, false },
		{ NULL, 2, RELAY_OFFER, false },
		{ NULL, 1, RELAY_WELCOME, false },
	};
	OWN(relay_keys_free) struct relay_keys k = { 0 };
	OWN(buf_free) struct buf sealed = { 0 };

	(void)state;
	make(&k, NULL, 1);
	relay_box(&k, k.a_to_b, RELAY_OFFER, bytes_str("half"), &sealed);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(relay_keys_free) struct relay_keys other = { 0 };
		OWN(buf_free) struct buf plain = { 0 };
		struct err e;
		make(&other, cases[i].label, cases[i].sid);
		bool opens = relay_unbox(&other, other.a_to_b, cases[i].kind,
				 buf_bytes(&sealed), &plain, &e) == 0;
		if (opens != cases[i].opens)
			fail_msg("case %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_box_opens_under_its_label_kind_and_session_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
