/* SPDX-License-Identifier: ISC */
/* test_keyring.c: epochs of keys between members of a circle. */
#include "vault/keyring.h"

#include <stdlib.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "family.h"

static const struct id uid = { { 0xaa } }, zone = { { 0x20 } };

/* The third of its devices is removed at epoch 2. */
static int
setup(void **state)
{
	*state = family_new(uid, &zone, 3, 0);
	return 0;
}

static int
teardown(void **state)
{
	struct family *f = *state;

	family_free(&f);
	return 0;
}

static int
open_as(const struct family *f, const struct circle *c, int device,
    struct bytes envelopes, struct keyring **out, struct err *e)
{
	*out = keyring_new(&uid);
	return keyring_open(
	    *out, c, f->keys[device], &f->devices[device].dev_id, envelopes, e);
}

static void
expect_same(const struct secret *a, const struct secret *b)
{
	assert_non_null(a);
	assert_non_null(b);
	assert_true(secret_equal(a, b));
}

static void
a_member_opens_both_epochs(void **state)
{
	const struct family *f = *state;
	OWN(buf_free) struct buf all = { 0 };
	OWN(keyring_free) struct keyring *k = NULL;
	struct err e = { 0 };

	/* The order of the envelopes does not matter. */
	buf_put_bytes(&all, buf_bytes(&f->second));
	buf_put_bytes(&all, buf_bytes(&f->first));
	assert_int_equal(open_as(f, &f->circle, 1, buf_bytes(&all), &k, &e), 0);
	assert_int_equal(keyring_epoch(k), 2);
	expect_same(keyring_circle_secret(k), keyring_circle_secret(f->ring));
	for (uint32_t n = 1; n <= 2; n++)
		for (enum category c = CATEGORY_STATE; c < CATEGORY_END; c++) {
			OWN(secret_free)
			struct secret *a = keyring_record(k, c, &zone, n);
			OWN(secret_free)
			struct secret *b = keyring_record(f->ring, c, &zone, n);
			expect_same(a, b);
			expect_same(keyring_integrity(k, c, n),
			    keyring_integrity(f->ring, c, n));
			if (c != CATEGORY_STATE)
				expect_same(keyring_category(k, c, n),
				    keyring_category(f->ring, c, n));
			if (c != CATEGORY_STATE)
				expect_same(keyring_names(k, c),
				    keyring_names(f->ring, c));
		}
	assert_null(keyring_category(k, CATEGORY_STATE, 1));
	assert_null(keyring_category(k, CATEGORY_BACKUP, 3));
	assert_null(keyring_category(k, CATEGORY_BACKUP, 0));
	assert_null(keyring_record(k, CATEGORY_END, &zone, 1));
}

static void
no_two_keys_are_the_same(void **state)
{
	const struct family *f = *state;

	for (enum category c = CATEGORY_BACKUP; c < CATEGORY_END; c++) {
		const struct secret *keys[] = {
			keyring_category(f->ring, c, 1),
			keyring_category(f->ring, c, 2),
			keyring_integrity(f->ring, c, 1),
			keyring_integrity(f->ring, c, 2),
			keyring_names(f->ring, c),
			keyring_names(f->ring, CATEGORY_BACKUP),
		};
		size_t n = c == CATEGORY_BACKUP ? 5 : 6;
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < i; j++)
				assert_false(secret_equal(keys[i], keys[j]));
	}
}

static void
a_removed_member_opens_its_time_alone(void **state)
{
	const struct family *f = *state;
	OWN(buf_free) struct buf all = { 0 };
	OWN(keyring_free) struct keyring *then = NULL;
	OWN(keyring_free) struct keyring *now = NULL;
	struct err e = { 0 };

	buf_put_bytes(&all, buf_bytes(&f->first));
	buf_put_bytes(&all, buf_bytes(&f->second));
	assert_int_equal(
	    open_as(f, &f->before, 2, buf_bytes(&f->first), &then, &e), 0);
	assert_int_equal(
	    open_as(f, &f->circle, 2, buf_bytes(&all), &now, &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
}

static void
every_changed_byte_is_a_substituted_key(void **state)
{
	const struct family *f = *state;
	OWN(buf_free) struct buf all = { 0 };

	buf_put_bytes(&all, buf_bytes(&f->first));
	for (size_t i = 0; i < all.n; i += 3) {
		OWN(keyring_free) struct keyring *k = NULL;
		struct err e = { 0 };
		all.p[i] ^= 0x01;
		assert_int_equal(
		    open_as(f, &f->before, 1, buf_bytes(&all), &k, &e), -1);
		assert_true(e.code == ERR_KEY_SUBSTITUTED ||
		    e.code == ERR_UPDATE_NEEDED);
		all.p[i] ^= 0x01;
	}
}

static void
a_ring_cut_short_is_refused(void **state)
{
	const struct family *f = *state;

	for (size_t n = 0; n < f->first.n; n += 13) {
		OWN(keyring_free) struct keyring *k = NULL;
		struct err e = { 0 };
		int got =
		    open_as(f, &f->before, 1, bytes_of(f->first.p, n), &k, &e);
		/* A cut between two envelopes only holds fewer keys. */
		if (got == 0)
			assert_non_null(keyring_circle_secret(k));
		else
			assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
	}
}

/* One envelope: S of `k`, from device `from` to device `to`. */
static void
envelope(const struct family *f, const struct keyring *k, int from, int to,
    struct buf *out)
{
	keyring_envelope(
	    k, &f->devices[to], f->keys[from], &f->devices[from].dev_id, out);
}

static void
a_secret_the_circle_did_not_commit_to_is_refused(void **state)
{
	const struct family *f = *state;
	OWN(keyring_free) struct keyring *forged = keyring_new(&uid);
	OWN(keyring_free) struct keyring *k = NULL;
	OWN(buf_free) struct buf b = { 0 };
	struct key_change kc;
	struct err e = { 0 };

	keyring_next_epoch(forged, &kc);
	envelope(f, forged, 0, 1, &b);
	assert_int_equal(open_as(f, &f->before, 1, buf_bytes(&b), &k, &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
}

static void
an_envelope_from_outside_the_circle_is_refused(void **state)
{
	const struct family *f = *state;
	OWN(keyring_free) struct keyring *k = NULL;
	OWN(buf_free) struct buf b = { 0 };
	struct device stranger = { 0 };
	OWN(devkey_free) struct devkey *key = devkey_new(&stranger);
	struct err e = { 0 };

	keyring_envelope(f->ring, &f->devices[1], key, &stranger.dev_id, &b);
	assert_int_equal(open_as(f, &f->circle, 1, buf_bytes(&b), &k, &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
	keyring_free(&k);
	/* Nor may a stranger sign as a member. */
	buf_clear(&b);
	keyring_envelope(
	    f->ring, &f->devices[1], key, &f->devices[0].dev_id, &b);
	assert_int_equal(open_as(f, &f->circle, 1, buf_bytes(&b), &k, &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
}

static void
an_older_epoch_left_out_is_refused(void **state)
{
	const struct family *f = *state;
	OWN(keyring_free) struct keyring *k = NULL;
	OWN(buf_free) struct buf b = { 0 };
	struct err e = { 0 };

	envelope(f, f->ring, 0, 1, &b); /* S of epoch 2 and nothing else */
	assert_int_equal(open_as(f, &f->circle, 1, buf_bytes(&b), &k, &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
}

/* Device 0 is a thief's: epoch 2 as it seals it to device 1, who gets noise. */
static void
spoiled(const struct family *f, struct buf *out)
{
	OWN(keyring_free) struct keyring *noise = keyring_new(&uid);
	OWN(buf_free) struct buf good = { 0 };
	struct key_change kc;

	buf_put_bytes(out, buf_bytes(&f->first));
	keyring_next_epoch(noise, &kc);
	keyring_next_epoch(noise, &kc);
	envelope(f, noise, 0, 1, out);
	/* All but the sealed ones, which come first. */
	struct scan s = scan_of(buf_bytes(&f->second));
	while (s.n > 0) {
		struct bytes x = scan_v16(&s);
		if (x.p[1] != 1)
			buf_put_v16(out, x);
	}
}

static void
keys_that_their_maker_spoiled_are_named_and_gone_past(void **state)
{
	struct family *f = *state;
	OWN(keyring_free) struct keyring *k = NULL;
	OWN(keyring_free) struct keyring *later = NULL;
	OWN(circle_free) struct circle theirs = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	OWN(buf_free) struct buf fill = { 0 };
	struct id_text thief = id_short(&f->devices[0].dev_id);
	struct key_change kc;
	struct err e = { 0 };

	spoiled(f, &all);
	assert_int_equal(
	    open_as(f, &f->circle, 1, buf_bytes(&all), &k, &e), -1);
	assert_int_equal(e.code, ERR_KEYS_SPOILED);
	assert_non_null(strstr(e.msg, thief.s));
	/* What was there before is still held. */
	assert_int_equal(keyring_epoch(k), 1);
	expect_same(keyring_category(k, CATEGORY_BACKUP, 1),
	    keyring_category(f->ring, CATEGORY_BACKUP, 1));

	/* Device 1 puts the thief out, with keys that go on from epoch 1. */
	keyring_reach(k, f->circle.key.epoch);
	keyring_next_epoch(k, &kc);
	assert_int_equal(kc.epoch, 3);
	family_remove(f, 1, 0, &kc);
	keyring_bundle(k, &f->circle, f->keys[1], &f->devices[1].dev_id, &all);
	assert_int_equal(
	    open_as(f, &f->circle, 1, buf_bytes(&all), &later, &e), 0);
	assert_int_equal(keyring_epoch(later), 3);
	assert_null(keyring_category(later, CATEGORY_BACKUP, 2));
	expect_same(keyring_category(later, CATEGORY_BACKUP, 1),
	    keyring_category(f->ring, CATEGORY_BACKUP, 1));

	/* One that was not spoiled hands the missing epoch on. */
	OWN(secret_free)
	struct secret *lost =
	    secret_copy(keyring_category(f->ring, CATEGORY_BACKUP, 2));
	keyring_absorb(later, f->ring);
	keyring_fill(
	    later, &f->circle, f->keys[1], &f->devices[1].dev_id, &fill);
	assert_true(fill.n > 0);
	buf_put_bytes(&all, buf_bytes(&fill));
	keyring_free(&k);
	assert_int_equal(open_as(f, &f->circle, 1, buf_bytes(&all), &k, &e), 0);
	expect_same(keyring_category(k, CATEGORY_BACKUP, 2), lost);
}

static void
an_epoch_that_lost_its_race_is_dropped(void **state)
{
	struct family *f = *state;
	OWN(secret_free)
	struct secret *s = secret_copy(keyring_circle_secret(f->ring));
	struct key_change kc;

	keyring_next_epoch(f->ring, &kc);
	assert_int_equal(kc.epoch, 3);
	assert_false(secret_equal(s, keyring_circle_secret(f->ring)));
	keyring_drop_epoch(f->ring);
	assert_int_equal(keyring_epoch(f->ring), 2);
	assert_true(secret_equal(s, keyring_circle_secret(f->ring)));
}

static void
absorbs_what_it_lacks_and_keeps_what_it_has(void **state)
{
	const struct family *f = *state;
	OWN(buf_free) struct buf all = { 0 };
	OWN(keyring_free) struct keyring *k = NULL;
	OWN(keyring_free) struct keyring *more = NULL;
	struct err e = { 0 };

	buf_put_bytes(&all, buf_bytes(&f->first));
	assert_int_equal(open_as(f, &f->before, 1, buf_bytes(&all), &k, &e), 0);
	const struct secret *held = keyring_category(k, CATEGORY_BACKUP, 1);
	buf_put_bytes(&all, buf_bytes(&f->second));
	assert_int_equal(
	    open_as(f, &f->circle, 1, buf_bytes(&all), &more, &e), 0);
	keyring_absorb(k, more);
	assert_int_equal(keyring_epoch(k), 2);
	assert_ptr_equal(held, keyring_category(k, CATEGORY_BACKUP, 1));
	expect_same(keyring_category(k, CATEGORY_BACKUP, 2),
	    keyring_category(f->ring, CATEGORY_BACKUP, 2));
}

/* ---- recovery keys, the escrow, a reset ---- */

/* A recovery key in force, and its private half. */
static struct devkey *
recovery_key(struct family *f)
{
	struct device public;
	struct devkey *k = devkey_new(&public);
	struct recovery_key *r = &f->circle.recovery.keys[0];

	f->circle.recovery.n = f->circle.recovery.t = 1;
	*r = (struct recovery_key){ .kind = RECOVERY_KEY, .weight = 1 };
	memcpy(r->sign_pk, public.sign_pk, SIG_PK_BYTES);
	memcpy(r->kem_pk, public.kem_pk, KEM_PK_BYTES);
	return k;
}

static void
a_recovery_key_opens_what_a_member_opens(void **state)
{
	struct family *f = *state;
	OWN(devkey_free) struct devkey *key = recovery_key(f);
	OWN(keyring_free) struct keyring *k = keyring_new(&uid);
	OWN(buf_free) struct buf all = { 0 };
	struct err e = { 0 };
	struct id ref;

	recovery_keyref(f->circle.recovery.keys[0].sign_pk, &ref);
	buf_put_bytes(&all, buf_bytes(&f->first));
	assert_int_equal(
	    keyring_open(k, &f->circle, key, &ref, buf_bytes(&all), &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
	keyring_bundle(
	    f->ring, &f->circle, f->keys[0], &f->devices[0].dev_id, &all);
	assert_int_equal(
	    keyring_open(k, &f->circle, key, &ref, buf_bytes(&all), &e), 0);
	for (uint32_t n = 1; n <= 2; n++)
		expect_same(keyring_category(k, CATEGORY_BACKUP, n),
		    keyring_category(f->ring, CATEGORY_BACKUP, n));
}

/* Standard protection by an escrow whose private key comes back. */
static struct devkey *
escrow_key(struct family *f)
{
	struct device public;
	struct devkey *k = devkey_new(&public);

	f->circle.protection = PROTECTION_STANDARD;
	memcpy(f->circle.escrow.kem_pk, public.kem_pk, KEM_PK_BYTES);
	return k;
}

static void
the_escrow_opens_what_standard_protection_covers(void **state)
{
	struct family *f = *state;
	OWN(devkey_free) struct devkey *key = escrow_key(f);
	OWN(buf_free) struct buf all = { 0 };
	unsigned seen[3][CATEGORY_END] = { { 0 } };

	keyring_for_escrow(
	    f->ring, &f->circle, f->keys[0], &f->devices[0].dev_id, &all);
	struct scan s = scan_of(buf_bytes(&all));
	while (s.n > 0) {
		OWN(keyring_escrowed_free)
		struct keyring_escrowed got = { .key = NULL };
		struct err e = { 0 };
		assert_int_equal(keyring_escrow_open(
				     scan_v16(&s), &f->circle, key, &got, &e),
		    0);
		enum category c = got.category;
		expect_same(got.key,
		    got.names ? keyring_names(f->ring, c)
			      : keyring_category(f->ring, c, got.epoch));
		seen[got.names ? 0 : got.epoch][c]++;
	}
	for (unsigned i = 0; i < 3; i++)
		for (unsigned c = 0; c < CATEGORY_END; c++)
			assert_int_equal(seen[i][c], category_escrowed(c));
}

static void
the_escrow_opens_nothing_else(void **state)
{
	struct family *f = *state;
	OWN(devkey_free) struct devkey *key = escrow_key(f);
	OWN(devkey_free) struct devkey *other = escrow_key(f);
	OWN(buf_free) struct buf all = { 0 };
	struct bytes x;
	size_t n = 0;

	/* Sealed to another key, and what is for members. */
	keyring_bundle(
	    f->ring, &f->circle, f->keys[0], &f->devices[0].dev_id, &all);
	for (struct scan s = scan_of(buf_bytes(&all)); s.n > 0; n++) {
		OWN(keyring_escrowed_free)
		struct keyring_escrowed got = { .key = NULL };
		struct err e = { 0 };
		x = scan_v16(&s);
		assert_int_equal(
		    keyring_escrow_open(x, &f->circle, key, &got, &e), -1);
		assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
	}
	assert_true(n > 10);
	/* And a member opens nothing that is for the escrow. */
	OWN(keyring_free) struct keyring *k = NULL;
	struct err e = { 0 };
	buf_clear(&all);
	keyring_for_escrow(
	    f->ring, &f->circle, f->keys[0], &f->devices[0].dev_id, &all);
	assert_int_equal(
	    open_as(f, &f->circle, 0, buf_bytes(&all), &k, &e), -1);
}

/* Device 1 begins anew, with what the escrow gave of epoch 1 alone. */
static void
what_a_reset_carries_over_is_opened(void **state)
{
	struct family *f = *state;
	OWN(keyring_free) struct keyring *fresh = keyring_new(&uid);
	OWN(keyring_free) struct keyring *k = NULL;
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	struct key_change kc;
	struct err e = { 0 };

	for (uint32_t n = 1; n <= 2; n++)
		keyring_put_category(fresh, CATEGORY_BACKUP, n,
		    keyring_category(f->ring, CATEGORY_BACKUP, n));
	keyring_put_names(
	    fresh, CATEGORY_BACKUP, keyring_names(f->ring, CATEGORY_BACKUP));
	keyring_next_epoch(fresh, &kc);
	assert_int_equal(kc.epoch, 3);
	/* A member of another id: none comes twice. */
	id_random(&f->devices[1].dev_id);
	device_put(&body, &f->devices[1]);
	id_put(&body, &zone);
	key_change_put(&body, &kc);
	family_entry(f, CIRCLE_RESET, &body, 1, -1);
	keyring_bundle(
	    fresh, &f->circle, f->keys[1], &f->devices[1].dev_id, &all);
	keyring_carried(
	    fresh, &f->circle, f->keys[1], &f->devices[1].dev_id, &all);
	/* What was there before stays at the server, and is passed over. */
	buf_put_bytes(&all, buf_bytes(&f->first));
	buf_put_bytes(&all, buf_bytes(&f->second));
	assert_int_equal(open_as(f, &f->circle, 1, buf_bytes(&all), &k, &e), 0);
	assert_int_equal(keyring_epoch(k), 3);
	for (uint32_t n = 1; n <= 2; n++) {
		expect_same(keyring_category(k, CATEGORY_BACKUP, n),
		    keyring_category(f->ring, CATEGORY_BACKUP, n));
		assert_null(keyring_category(k, CATEGORY_KEYCHAIN, n));
		assert_null(keyring_integrity(k, CATEGORY_BACKUP, n));
	}
	expect_same(keyring_names(k, CATEGORY_BACKUP),
	    keyring_names(f->ring, CATEGORY_BACKUP));
	assert_false(secret_equal(keyring_names(k, CATEGORY_KEYCHAIN),
	    keyring_names(f->ring, CATEGORY_KEYCHAIN)));
	/* Another than the device of the reset carries nothing. */
	keyring_free(&k);
	buf_clear(&all);
	keyring_bundle(
	    fresh, &f->circle, f->keys[1], &f->devices[1].dev_id, &all);
	keyring_carried(
	    fresh, &f->circle, f->keys[0], &f->devices[0].dev_id, &all);
	assert_int_equal(
	    open_as(f, &f->circle, 1, buf_bytes(&all), &k, &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_member_opens_both_epochs, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    no_two_keys_are_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_removed_member_opens_its_time_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    every_changed_byte_is_a_substituted_key, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_ring_cut_short_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_secret_the_circle_did_not_commit_to_is_refused, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    an_envelope_from_outside_the_circle_is_refused, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    an_older_epoch_left_out_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    keys_that_their_maker_spoiled_are_named_and_gone_past,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_epoch_that_lost_its_race_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    absorbs_what_it_lacks_and_keeps_what_it_has, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_recovery_key_opens_what_a_member_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_escrow_opens_what_standard_protection_covers, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    the_escrow_opens_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_a_reset_carries_over_is_opened, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
