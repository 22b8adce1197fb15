/* SPDX-License-Identifier: ISC */
/* test_webauthn.c: what keys answered, whole, and broken in every way. */
#include "factor/webauthn.h"
#include "vectors.h"

#define FLAGS 32 /* where they stand in authenticator data */

struct sample {
	const char *name, *rp_id, *origin;
	bool none; /* no attestation: nothing signs the client data */
	struct buf create_challenge, create_client_data, attestation,
	    credential, get_challenge, get_client_data, authenticator_data,
	    signature;
	bool prf;
};

static struct sample samples[16];
static size_t n_samples;

static int
load(void **state)
{
	json_t *all = vectors_load("tests/vectors/webauthn.json");
	const json_t *cases = json_object_get(all, "cases");

	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *j = json_array_get(cases, i);
		struct sample *s = &samples[n_samples++];
		const json_t *site =
		    json_object_get(j, "rp_id") != NULL ? j : all;
		s->name = json_string_value(json_object_get(j, "name"));
		s->rp_id = json_string_value(json_object_get(site, "rp_id"));
		s->origin = json_string_value(json_object_get(site, "origin"));
		s->none = strstr(s->name, "none") != NULL;
		s->prf = json_is_true(json_object_get(j, "prf"));
		vectors_hex(j, "create_challenge", &s->create_challenge);
		vectors_hex(j, "create_client_data", &s->create_client_data);
		vectors_hex(j, "attestation", &s->attestation);
		vectors_hex(j, "credential", &s->credential);
		vectors_hex(j, "get_challenge", &s->get_challenge);
		vectors_hex(j, "get_client_data", &s->get_client_data);
		vectors_hex(j, "authenticator_data", &s->authenticator_data);
		vectors_hex(j, "signature", &s->signature);
	}
	*state = all;
	return n_samples > 0 ? 0 : -1;
}

static int
unload(void **state)
{
	for (size_t i = 0; i < n_samples; i++) {
		struct sample *s = &samples[i];
		buf_free(&s->create_challenge);
		buf_free(&s->create_client_data);
		buf_free(&s->attestation);
		buf_free(&s->credential);
		buf_free(&s->get_challenge);
		buf_free(&s->get_client_data);
		buf_free(&s->authenticator_data);
		buf_free(&s->signature);
	}
	json_decref(*state);
	return 0;
}

static struct webauthn_ask
asked(const struct sample *s, const struct buf *challenge)
{
	return (
	    struct webauthn_ask){ s->rp_id, s->origin, buf_bytes(challenge) };
}

static int
enrol(const struct sample *s, struct bytes attestation,
    struct webauthn_key *key, struct err *e)
{
	struct webauthn_ask ask = asked(s, &s->create_challenge);

	return webauthn_register(
	    &ask, buf_bytes(&s->create_client_data), attestation, key, e);
}

static struct webauthn_answer
answer_of(const struct sample *s)
{
	return (struct webauthn_answer){ buf_bytes(&s->get_client_data),
		buf_bytes(&s->authenticator_data), buf_bytes(&s->signature) };
}

/* The key of a sample, enrolled. */
static struct webauthn_key
key_of(const struct sample *s)
{
	struct webauthn_key key;
	struct err e = { 0 };

	assert_int_equal(enrol(s, buf_bytes(&s->attestation), &key, &e), 0);
	return key;
}

static void
refused(int rc, const struct err *e, const char *why)
{
	assert_int_equal(rc, -1);
	assert_int_equal(e->code, ERR_KEY_INVALID);
	if (strstr(e->msg, why) == NULL)
		fail_msg("\"%s\" does not say: %s", e->msg, why);
}

static void
takes_what_keys_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_samples; i++) {
		const struct sample *s = &samples[i];
		struct webauthn_ask ask = asked(s, &s->get_challenge);
		struct webauthn_answer answer = answer_of(s);
		struct webauthn_key key = key_of(s);
		struct err e = { 0 };
		uint32_t counter = 99;
		assert_true(bytes_equal(
		    bytes_of(key.id, key.id_n), buf_bytes(&s->credential)));
		assert_int_equal(key.alg,
		    strstr(s->name, "EdDSA") != NULL ? WEBAUTHN_EDDSA
						     : WEBAUTHN_ES256);
		assert_int_equal(key.prf, s->prf);
		assert_int_equal(
		    webauthn_assert(&ask, &key, &answer, &counter, &e), 0);
		bool counts = strstr(s->name, "without a counter") == NULL;
		assert_int_equal(key.counter, counts);
		assert_int_equal(counter, 2 * counts);
	}
}

static void
refuses_what_was_made_for_another_question(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_samples; i++) {
		const struct sample *s = &samples[i];
		struct webauthn_key key = key_of(s);
		struct webauthn_answer answer = answer_of(s);
		struct webauthn_ask ask = asked(s, &s->get_challenge);
		struct err e = { 0 };
		uint32_t counter;
		ask.origin = "https://cloud.example";
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "another origin");
		ask = asked(s, &s->get_challenge);
		ask.rp_id = "example";
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "another server");
		ask = asked(s, &s->create_challenge);
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "another challenge");
		ask = asked(s, &s->create_challenge);
		answer.client_data = buf_bytes(&s->create_client_data);
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "another purpose");
	}
}

static void
refuses_a_wrong_signature(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_samples; i++) {
		struct sample *s = &samples[i];
		struct sample *other = &samples[(i + 1) % n_samples];
		struct webauthn_key key = key_of(s), wrong = key_of(other);
		struct webauthn_answer answer = answer_of(s);
		struct webauthn_ask ask = asked(s, &s->get_challenge);
		struct err e = { 0 };
		uint32_t counter;
		refused(webauthn_assert(&ask, &wrong, &answer, &counter, &e),
		    &e, "wrong signature");
		s->signature.p[s->signature.n - 1] ^= 1;
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "wrong signature");
		s->signature.p[s->signature.n - 1] ^= 1;
		/* The counter is signed, too. */
		s->authenticator_data.p[FLAGS + 4] ^= 1;
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "wrong signature");
		s->authenticator_data.p[FLAGS + 4] ^= 1;
		answer.signature.n = 0;
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "not well-formed");
	}
}

static void
wants_a_touch_and_the_owner(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_samples; i++) {
		struct sample *s = &samples[i];
		struct webauthn_key key = key_of(s);
		struct webauthn_answer answer = answer_of(s);
		struct webauthn_ask ask = asked(s, &s->get_challenge);
		struct err e = { 0 };
		uint32_t counter;
		s->authenticator_data.p[FLAGS] ^= 1;
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "without anybody touching");
		s->authenticator_data.p[FLAGS] ^= 1 ^ 4;
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "without its PIN");
		s->authenticator_data.p[FLAGS] ^= 4;
		/* Nor may it say more than it holds. */
		s->authenticator_data.p[FLAGS] ^= 0x40;
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "not well-formed");
		s->authenticator_data.p[FLAGS] ^= 0x40;
	}
}

static void
refuses_bytes_that_lack_or_are_too_many(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_samples; i++) {
		const struct sample *s = &samples[i];
		OWN(buf_free) struct buf more = { 0 };
		struct webauthn_key key, fresh;
		struct webauthn_ask ask = asked(s, &s->get_challenge);
		struct err e = { 0 };
		uint32_t counter;
		for (size_t n = 0; n < s->attestation.n; n++)
			assert_int_equal(
			    enrol(s, bytes_of(s->attestation.p, n), &fresh, &e),
			    -1);
		buf_put_bytes(&more, buf_bytes(&s->attestation));
		buf_put_u8(&more, 0xf6);
		refused(enrol(s, buf_bytes(&more), &fresh, &e), &e,
		    "not well-formed");
		key = key_of(s);
		struct webauthn_answer answer = answer_of(s);
		size_t whole = answer.authenticator_data.n;
		for (size_t n = 0; n < whole; n++) {
			answer.authenticator_data.n = n;
			assert_int_equal(
			    webauthn_assert(&ask, &key, &answer, &counter, &e),
			    -1);
		}
		buf_clear(&more);
		buf_put_bytes(&more, buf_bytes(&s->authenticator_data));
		buf_put_u8(&more, 0);
		answer.authenticator_data = buf_bytes(&more);
		refused(webauthn_assert(&ask, &key, &answer, &counter, &e), &e,
		    "not well-formed");
	}
}

/* With an attestation every byte is signed; without, the key is what it is. */
static void
refuses_an_attestation_that_does_not_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_samples; i++) {
		const struct sample *s = &samples[i];
		OWN(buf_free) struct buf raw = { 0 };
		struct webauthn_key key;
		struct err e = { 0 };
		if (s->none)
			continue;
		buf_put_bytes(&raw, buf_bytes(&s->attestation));
		/* The last byte of the public key is signed, unless what
		 * follows it are the extensions. */
		size_t last = raw.n - 1 - (s->prf ? 14 : 0);
		raw.p[last] ^= 1;
		assert_int_equal(enrol(s, buf_bytes(&raw), &key, &e), -1);
		raw.p[last] ^= 1;
		raw.p[6] = 'q'; /* fmt: qacked */
		refused(enrol(s, buf_bytes(&raw), &key, &e), &e,
		    "a kind that is not known");
		struct webauthn_ask ask = asked(s, &s->get_challenge);
		refused(webauthn_register(&ask, buf_bytes(&s->get_client_data),
			    buf_bytes(&s->attestation), &key, &e),
		    &e, "another purpose");
	}
}

/* Client data of a sample without an attestation may be written anew. */
static int
enrol_with(const struct sample *s, const char *more, struct err *e)
{
	OWN(buf_free) struct buf client = { 0 };
	struct webauthn_ask ask = asked(s, &s->create_challenge);
	struct webauthn_key key;

	buf_put(&client, s->create_client_data.p, s->create_client_data.n);
	const char *cross = strstr(buf_text(&client), ",\"crossOrigin\"");
	assert_non_null(cross);
	client.n = (size_t)(cross - buf_text(&client));
	buf_put_str(&client, more);
	return webauthn_register(
	    &ask, buf_bytes(&client), buf_bytes(&s->attestation), &key, e);
}

static void
reads_client_data_as_json(void **state)
{
	const struct sample *s = &samples[0];
	struct err e = { 0 };

	(void)state;
	assert_true(s->none);
	assert_int_equal(enrol_with(s, "}", &e), 0);
	assert_int_equal(
	    enrol_with(s, ",\"crossOrigin\":false,\"other_keys\":\"x\"}", &e),
	    0);
	refused(enrol_with(s, ",\"crossOrigin\":true}", &e), &e,
	    "inside another site");
	refused(enrol_with(s, "", &e), &e, "no client data");
	refused(enrol_with(s, ",\"origin\":\"https://a.example\"}", &e), &e,
	    "no client data");
	refused(enrol_with(s, "} ]", &e), &e, "no client data");
}

static void
refuses_cbor_that_no_key_sends(void **state)
{
	static const struct {
		const char *what, *hex;
	} cases[] = {
		{ "no map", "80" },
		{ "nothing in it", "a0" },
		{ "of unknown length", "bf63666d74646e6f6e65ff" },
		{ "a map of 2^32 pairs", "bb0000000100000000" },
		{ "an array of 2^31 items", "a163666d749a80000000" },
		{ "too deep", "a1636b6579818181818180" },
		{ "a longer head than it needs", "b801636b657900" },
		{ "a tag", "a1636b6579c100" },
		{ "a float", "a1636b6579f90000" },
		{ "a key twice",
		    "a463666d74646e6f6e6563666d74646e6f6e65"
		    "6761747453746d74a068617574684461746140" },
	};
	const struct sample *s = &samples[0];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf raw = { 0 };
		struct webauthn_key key;
		struct err e = { 0 };
		assert_int_equal(text_unhex(&raw, bytes_str(cases[i].hex)), 0);
		if (enrol(s, buf_bytes(&raw), &key, &e) == 0)
			fail_msg("took: %s", cases[i].what);
		refused(-1, &e, "not well-formed");
	}
}

static void
tells_a_clone_by_its_counter(void **state)
{
	(void)state;
	assert_false(webauthn_is_clone(0, 0));
	assert_false(webauthn_is_clone(0, 1));
	assert_false(webauthn_is_clone(7, 8));
	assert_false(webauthn_is_clone(7, UINT32_MAX));
	assert_true(webauthn_is_clone(7, 7));
	assert_true(webauthn_is_clone(7, 6));
	assert_true(webauthn_is_clone(7, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_keys_answer),
		cmocka_unit_test(refuses_what_was_made_for_another_question),
		cmocka_unit_test(refuses_a_wrong_signature),
		cmocka_unit_test(wants_a_touch_and_the_owner),
		cmocka_unit_test(refuses_bytes_that_lack_or_are_too_many),
		cmocka_unit_test(refuses_an_attestation_that_does_not_hold),
		cmocka_unit_test(reads_client_data_as_json),
		cmocka_unit_test(refuses_cbor_that_no_key_sends),
		cmocka_unit_test(tells_a_clone_by_its_counter),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, load, unload);
}
