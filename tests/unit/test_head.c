/* SPDX-License-Identifier: ISC */
/* test_head.c: bytes and signature of a zone head, in both formats. */
#include "wire/head.h"

#include "vectors.h"

#include <sodium.h>

static uint8_t pk[SIG_PK_BYTES], sk[crypto_sign_SECRETKEYBYTES];

static const struct {
	const char *magic;
	size_t all, clear;
} formats[] = {
	[HEAD_PZH1] = { "PZH1", HEAD1_BYTES, 228 },
	[HEAD_PZH2] = { "PZH2", HEAD2_BYTES, 264 },
};

#define EACH_FORMAT(f) for (enum head_format f = HEAD_PZH1; f <= HEAD_PZH2; f++)

/* A head whose every byte differs from its neighbors', signed. */
static struct head
sample(enum head_format f)
{
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	static const uint8_t seed[crypto_sign_SEEDBYTES] = { 7 };
	struct err e = { 0 };
	struct head h;

	buf_put_str(&raw, formats[f].magic);
	for (size_t i = raw.n; i < formats[f].all; i++)
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
	(void)state;
	EACH_FORMAT(f)
	{
		struct head h = sample(f), back;
		OWN(buf_free) struct buf once = { 0 };
		OWN(buf_free) struct buf twice = { 0 };
		struct err e = { 0 };

		head_put(&once, &h);
		assert_int_equal(once.n, formats[f].all);
		assert_int_equal(head_parse(buf_bytes(&once), &back, &e), 0);
		assert_int_equal(back.format, f);
		head_put(&twice, &back);
		assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
	}
}

static void
fields_stand_where_the_format_says(void **state)
{
	(void)state;
	EACH_FORMAT(f)
	{
		struct head h = sample(f);
		OWN(buf_free) struct buf b = { 0 };

		head_put(&b, &h);
		assert_memory_equal(b.p, formats[f].magic, 4);
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
		const uint8_t *p = b.p + 188;
		if (f == HEAD_PZH2) {
			assert_true(be32(p) == h.share_seq);
			assert_memory_equal(p + 4, h.share_hash.b, 32);
			p += 36;
		}
		assert_memory_equal(p, h.signer.b, 16);
		assert_memory_equal(p + 16, h.dev_id.b, 16);
		assert_true(be64(p + 32) == h.time_ms);
		assert_memory_equal(p + 40, h.sum_box, 72);
		assert_memory_equal(p + 112, h.sig, 64);
	}
}

static void
prefixes_have_their_lengths(void **state)
{
	(void)state;
	EACH_FORMAT(f)
	{
		struct head h = sample(f);
		OWN(buf_free) struct buf clear = { 0 };
		OWN(buf_free) struct buf covered = { 0 };
		OWN(buf_free) struct buf all = { 0 };

		head_put_clear(&clear, &h);
		head_put_signed(&covered, &h);
		head_put(&all, &h);
		assert_int_equal(clear.n, formats[f].clear);
		assert_int_equal(covered.n, formats[f].clear + HEAD_SUM_BOX);
		assert_memory_equal(clear.p, all.p, clear.n);
		assert_memory_equal(covered.p, all.p, covered.n);
	}
}

static void
its_magic_says_how_long_it_is(void **state)
{
	(void)state;
	EACH_FORMAT(f)
	{
		struct head h = sample(f);
		OWN(buf_free) struct buf b = { 0 };

		head_put(&b, &h);
		head_put(&b, &h);
		struct scan s = scan_of(buf_bytes(&b));
		assert_int_equal(head_take(&s).n, formats[f].all);
		assert_int_equal(head_take(&s).n, formats[f].all);
		assert_true(scan_done(&s));
		s = scan_of(bytes_of(b.p, formats[f].all - 1));
		(void)head_take(&s);
		assert_false(scan_ok(&s));
	}
	/* Of what begins none no less is taken than that. */
	assert_int_equal(head_length(bytes_str("PZH")), HEAD1_BYTES);
	assert_int_equal(head_length(bytes_of(NULL, 0)), HEAD1_BYTES);
}

static void
refuses_other_lengths_magic_and_seq(void **state)
{
	(void)state;
	EACH_FORMAT(f)
	{
		struct head h = sample(f), out;
		OWN(buf_free) struct buf b = { 0 };
		size_t all = formats[f].all;

		head_put(&b, &h);
		memset(buf_grow(&b, HEAD_BYTES_MAX), 0, HEAD_BYTES_MAX);
		for (size_t n = 0; n <= HEAD_BYTES_MAX + 1; n++) {
			struct err e = { 0 };
			int good = head_parse(bytes_of(b.p, n), &out, &e);
			assert_int_equal(good, n == all ? 0 : -1);
			if (good < 0)
				assert_int_equal(e.code, ERR_RECORD_CORRUPT);
		}
		for (size_t i = 0; i < 4; i++)
			for (unsigned bit = 1; bit < 256; bit <<= 1) {
				struct err e = { 0 };
				b.p[i] ^= (uint8_t)bit;
				assert_int_equal(
				    head_parse(bytes_of(b.p, all), &out, &e),
				    -1);
				b.p[i] ^= (uint8_t)bit;
			}
		struct err e = { 0 };
		memset(b.p + 36, 0, 8);
		assert_int_equal(head_parse(bytes_of(b.p, all), &out, &e), -1);
		b.p[36] = 0x80; /* more than a database holds */
		assert_int_equal(head_parse(bytes_of(b.p, all), &out, &e), -1);
	}
}

static void
the_signature_covers_every_byte(void **state)
{
	(void)state;
	EACH_FORMAT(f)
	{
		struct head h = sample(f);
		OWN(buf_free) struct buf b = { 0 };

		assert_true(head_sig_valid(&h, pk));
		head_put(&b, &h);
		for (size_t i = 4; i < formats[f].all; i++) {
			struct err e = { 0 };
			struct head bad;
			b.p[i] ^= 0x10;
			assert_int_equal(
			    head_parse(buf_bytes(&b), &bad, &e), 0);
			assert_false(head_sig_valid(&bad, pk));
			b.p[i] ^= 0x10;
		}
	}
}

/* With all that both have, also the signature; and with a share of zeros. */
static void
a_signature_of_one_format_is_none_of_the_other(void **state)
{
	struct head one = sample(HEAD_PZH1), two = sample(HEAD_PZH2);

	(void)state;
	assert_true(head_sig_valid(&one, pk) && head_sig_valid(&two, pk));
	one.format = HEAD_PZH2;
	two.format = HEAD_PZH1;
	assert_false(head_sig_valid(&one, pk));
	assert_false(head_sig_valid(&two, pk));
}

static void
the_hash_is_of_all_bytes(void **state)
{
	(void)state;
	EACH_FORMAT(f)
	{
		struct head h = sample(f);
		OWN(buf_free) struct buf b = { 0 };
		struct digest whole, hash;

		head_put(&b, &h);
		digest_of(buf_bytes(&b), &whole);
		head_hash(&h, &hash);
		assert_true(digest_equal(&whole, &hash));
		h.sig[63] ^= 1;
		head_hash(&h, &hash);
		assert_false(digest_equal(&whole, &hash));
	}
}

static void
a_history_goes_on_by_seq_hash_and_format(void **state)
{
	struct head last = { .seq = 4 }, next = { .seq = 5 };
	const struct head nothing = { .seq = 0 }, first = { .seq = 1 };
	struct digest hash, none = { { 0 } };

	(void)state;
	assert_true(head_follows(&first, &nothing, &none));
	assert_false(head_follows(&next, &nothing, &none));
	head_hash(&last, &hash);
	next.prev = hash;
	assert_true(head_follows(&next, &last, &hash));
	assert_false(head_follows(&next, &last, &none));
	next.seq = 6;
	assert_false(head_follows(&next, &last, &hash));
	next.seq = 5;
	/* It becomes shared, stays so, and never was not. */
	next.format = HEAD_PZH2;
	assert_true(head_follows(&next, &last, &hash));
	last.format = HEAD_PZH2;
	assert_true(head_follows(&next, &last, &hash));
	next.format = HEAD_PZH1;
	assert_false(head_follows(&next, &last, &hash));
}

/* ---- vectors ---- */

static uint64_t
number(const json_t *j, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(j, key));
}

static void
copy(const json_t *j, const char *key, void *out, size_t n)
{
	HEX(x, j, key);
	if (x.n == 0)
		return;
	assert_int_equal(x.n, n);
	memcpy(out, x.p, n);
}

static struct head
head_of(const json_t *j)
{
	struct head h = { .format =
			      number(j, "format") == 2 ? HEAD_PZH2 : HEAD_PZH1,
		.seq = number(j, "seq"),
		.tombstones_gone_below = number(j, "tombstones_gone_below"),
		.integrity_epoch = (uint32_t)number(j, "integrity_epoch"),
		.circle_seq = (uint32_t)number(j, "circle_seq"),
		.share_seq = (uint32_t)number(j, "share_seq"),
		.time_ms = number(j, "time_ms") };

	copy(j, "owner", h.owner.b, ID_BYTES);
	copy(j, "zone", h.zone.b, ID_BYTES);
	copy(j, "prev", h.prev.b, DIGEST_BYTES);
	copy(j, "heals", h.heals.b, DIGEST_BYTES);
	copy(j, "changes_hash", h.changes_hash.b, DIGEST_BYTES);
	copy(j, "circle_hash", h.circle_hash.b, DIGEST_BYTES);
	copy(j, "share_hash", h.share_hash.b, DIGEST_BYTES);
	copy(j, "signer", h.signer.b, ID_BYTES);
	copy(j, "dev_id", h.dev_id.b, ID_BYTES);
	copy(j, "sum_box", h.sum_box, HEAD_SUM_BOX);
	return h;
}

static void
follows_the_vectors(void **state)
{
	json_t *all = vectors_load("tests/vectors/head.json"), *v;
	HEX(key, all, "sign_pk");
	size_t i;

	(void)state;
	assert_int_equal(key.n, SIG_PK_BYTES);
	assert_int_equal(json_array_size(json_object_get(all, "heads")), 2);
	json_array_foreach(json_object_get(all, "heads"), i, v)
	{
		OWN(buf_free) struct buf covered = { 0 };
		struct head h, want = head_of(v);
		struct digest hash;
		struct err e = { 0 };

		HEX(bytes, v, "bytes");
		HEX(said, v, "hash");
		assert_int_equal(head_parse(buf_bytes(&bytes), &h, &e), 0);
		assert_int_equal(h.format, want.format);
		assert_true(head_sig_valid(&h, key.p));
		head_hash(&h, &hash);
		assert_bytes(hash.b, DIGEST_BYTES, &said);
		head_put_signed(&covered, &want);
		assert_memory_equal(covered.p, bytes.p, covered.n);
		assert_int_equal(covered.n + SIG_BYTES, bytes.n);
	}
	json_decref(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_survives_a_round_trip),
		cmocka_unit_test(fields_stand_where_the_format_says),
		cmocka_unit_test(prefixes_have_their_lengths),
		cmocka_unit_test(its_magic_says_how_long_it_is),
		cmocka_unit_test(refuses_other_lengths_magic_and_seq),
		cmocka_unit_test(the_signature_covers_every_byte),
		cmocka_unit_test(
		    a_signature_of_one_format_is_none_of_the_other),
		cmocka_unit_test(the_hash_is_of_all_bytes),
		cmocka_unit_test(a_history_goes_on_by_seq_hash_and_format),
		cmocka_unit_test(follows_the_vectors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
