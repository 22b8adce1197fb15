/* SPDX-License-Identifier: ISC */
/* test_head.c: bytes and signature of a zone head. */
#include "wire/head.h"

#include <sodium.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static uint8_t pk[SIG_PK_BYTES], sk[crypto_sign_SECRETKEYBYTES];

/* A head whose every byte differs from its neighbors', signed. */
static struct head
sample(void)
{
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	static const uint8_t seed[crypto_sign_SEEDBYTES] = { 7 };
	struct err e = { 0 };
	struct head h;

	buf_put_str(&raw, "PZH1");
	for (size_t i = raw.n; i < HEAD_BYTES; i++)
		buf_put_u8(&raw, (uint8_t)(i * 7));
	raw.p[36] &= 0x7f; /* seq: no more than a database holds */
	assert_int_equal(head_parse(buf_bytes(&raw), &h, &e), 0);
	assert_int_equal(crypto_sign_seed_keypair(pk, sk, seed), 0);
	buf_put_bytes(&m, sig_label(SIG_HEAD));
	head_put_signed(&m, &h);
	assert_int_equal(crypto_sign_detached(h.sig, NULL, m.p, m.n, sk), 0);
	return h;
}

static void
every_byte_survives_a_round_trip(void **state)
{
	struct head h = sample(), back;
	OWN(buf_free) struct buf once = { 0 };
	OWN(buf_free) struct buf twice = { 0 };
	struct err e = { 0 };

	(void)state;
	head_put(&once, &h);
	assert_int_equal(once.n, HEAD_BYTES);
	assert_int_equal(head_parse(buf_bytes(&once), &back, &e), 0);
	head_put(&twice, &back);
	assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
}

static void
fields_stand_where_the_format_says(void **state)
{
	struct head h = sample();
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	head_put(&b, &h);
	assert_memory_equal(b.p, "PZH1", 4);
	assert_memory_equal(b.p + 4, h.owner.b, 16);
	assert_memory_equal(b.p + 20, h.zone.b, 16);
	assert_true(be64(b.p + 36) == h.seq);
	assert_memory_equal(b.p + 44, h.prev.b, 32);
	assert_memory_equal(b.p + 76, h.heals.b, 32);
	assert_true(be64(b.p + 108) == h.tombstones_gone_below);
	assert_true(be32(b.p + 116) == h.integrity_epoch);
	assert_memory_equal(b.p + 120, h.changes_hash.b, 32);
	assert_true(be32(b.p + 152) == h.circle_seq);
	assert_memory_equal(b.p + 156, h.circle_hash.b, 32);
	assert_memory_equal(b.p + 188, h.signer.b, 16);
	assert_memory_equal(b.p + 204, h.dev_id.b, 16);
	assert_true(be64(b.p + 220) == h.time_ms);
	assert_memory_equal(b.p + 228, h.sum_box, 72);
	assert_memory_equal(b.p + 300, h.sig, 64);
}

static void
prefixes_have_their_lengths(void **state)
{
	struct head h = sample();
	OWN(buf_free) struct buf clear = { 0 };
	OWN(buf_free) struct buf covered = { 0 };
	OWN(buf_free) struct buf all = { 0 };

	(void)state;
	head_put_clear(&clear, &h);
	head_put_signed(&covered, &h);
	head_put(&all, &h);
	assert_int_equal(clear.n, HEAD_CLEAR_BYTES);
	assert_int_equal(covered.n, HEAD_SIGNED_BYTES);
	assert_memory_equal(clear.p, all.p, clear.n);
	assert_memory_equal(covered.p, all.p, covered.n);
}

static void
refuses_other_lengths_magic_and_seq(void **state)
{
	struct head h = sample(), out;
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	head_put(&b, &h);
	buf_put_u8(&b, 0);
	for (size_t n = 0; n <= HEAD_BYTES + 1; n++) {
		struct err e = { 0 };
		int good = head_parse(bytes_of(b.p, n), &out, &e);
		assert_int_equal(good, n == HEAD_BYTES ? 0 : -1);
		if (good < 0)
			assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
	for (size_t i = 0; i < 4; i++) {
		struct err e = { 0 };
		b.p[i] ^= 1;
		assert_int_equal(
		    head_parse(bytes_of(b.p, HEAD_BYTES), &out, &e), -1);
		b.p[i] ^= 1;
	}
	struct err e = { 0 };
	memset(b.p + 36, 0, 8);
	assert_int_equal(head_parse(bytes_of(b.p, HEAD_BYTES), &out, &e), -1);
	b.p[36] = 0x80; /* more than a database holds */
	assert_int_equal(head_parse(bytes_of(b.p, HEAD_BYTES), &out, &e), -1);
}

static void
the_signature_covers_every_byte(void **state)
{
	struct head h = sample();
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	assert_true(head_sig_valid(&h, pk));
	head_put(&b, &h);
	for (size_t i = 4; i < HEAD_BYTES; i++) {
		struct err e = { 0 };
		struct head bad;
		b.p[i] ^= 0x10;
		assert_int_equal(head_parse(buf_bytes(&b), &bad, &e), 0);
		assert_false(head_sig_valid(&bad, pk));
		b.p[i] ^= 0x10;
	}
}

static void
the_hash_is_of_all_bytes(void **state)
{
	struct head h = sample();
	OWN(buf_free) struct buf b = { 0 };
	struct digest whole, hash;

	(void)state;
	head_put(&b, &h);
	digest_of(buf_bytes(&b), &whole);
	head_hash(&h, &hash);
	assert_true(digest_equal(&whole, &hash));
	h.sig[63] ^= 1;
	head_hash(&h, &hash);
	assert_false(digest_equal(&whole, &hash));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_survives_a_round_trip),
		cmocka_unit_test(fields_stand_where_the_format_says),
		cmocka_unit_test(prefixes_have_their_lengths),
		cmocka_unit_test(refuses_other_lengths_magic_and_seq),
		cmocka_unit_test(the_signature_covers_every_byte),
		cmocka_unit_test(the_hash_is_of_all_bytes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
