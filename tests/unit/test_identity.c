/* SPDX-License-Identifier: ISC */
/* test_identity.c: the word of a server's identity, and who takes it. */
#include "http/tlscert.h"
#include "wire/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t nonce_bytes[IDENTITY_NONCE] =
    "a nonce that nobody asked for";

struct who {
	struct buf cert, key, public;
	struct digest id;
};

static void
who_free(struct who *w)
{
	buf_free(&w->cert);
	buf_free(&w->key);
	buf_free(&w->public);
}

static struct who
someone(void)
{
	static const char *const names[] = { "localhost" };
	struct who w = { .cert = { 0 } };
	struct err e = { 0 };

	assert_int_equal(tlscert_make(names, 1, &w.cert, &w.key, &e), 0);
	assert_int_equal(tlscert_public(buf_bytes(&w.cert), &w.public, &e), 0);
	digest_of(buf_bytes(&w.public), &w.id);
	return w;
}

/* `from` hands over to `to`. */
static void
hand_over(const struct who *from, const struct digest *to, struct buf *past)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf sig = { 0 };
	struct err e = { 0 };

	identity_handover(&from->id, to, &m);
	assert_int_equal(
	    tlscert_sign(buf_bytes(&from->key), buf_bytes(&m), &sig, &e), 0);
	buf_put_v16(past, buf_bytes(&from->public));
	buf_put_v8(past, buf_bytes(&sig));
}

/* What `w` answers, signed by `by`. */
static void
answer(const struct who *w, const struct who *by, const struct buf *past,
    struct buf *out)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf sig = { 0 };
	struct bytes nonce = bytes_of(nonce_bytes, IDENTITY_NONCE);
	struct digest keys[2] = { w->id, { { 7 } } };
	struct err e = { 0 };

	identity_statement(nonce, keys, 2, &m);
	assert_int_equal(
	    tlscert_sign(buf_bytes(&by->key), buf_bytes(&m), &sig, &e), 0);
	identity_put(&(struct identity_parts){ .key = buf_bytes(&w->public),
			 .past = buf_bytes(past),
			 .nonce = nonce,
			 .sig = buf_bytes(&sig),
			 .keys = keys,
			 .n = 2 },
	    out);
}

static int
check(const struct buf *a, const struct digest *pin, struct identity *out)
{
	struct err e = { 0 };

	return identity_check(buf_bytes(a), pin,
		   bytes_of(nonce_bytes, IDENTITY_NONCE), out, &e) == 0
	    ? 0
	    : (int)e.code;
}

static void
vouches_for_keys(void **state)
{
	OWN(who_free) struct who w = someone(), other = someone();
	OWN(buf_free) struct buf none = { 0 }, a = { 0 }, false_one = { 0 };
	struct digest seven = { { 7 } }, eight = { { 8 } };
	struct identity i;
	uint8_t late[IDENTITY_NONCE] = { 1 };
	struct err e = { 0 };

	(void)state;
	answer(&w, &w, &none, &a);
	assert_int_equal(check(&a, &w.id, &i), 0);
	assert_true(digest_equal(&i.id, &w.id));
	assert_true(identity_has(&i, &w.id));
	assert_true(identity_has(&i, &seven));
	assert_false(identity_has(&i, &eight));
	assert_int_equal(check(&a, NULL, &i), 0);
	assert_int_equal(check(&a, &other.id, &i), ERR_CERTIFICATE_CHANGED);
	assert_int_equal(identity_check(buf_bytes(&a), &w.id,
			     bytes_of(late, sizeof late), &i, &e),
	    -1);
	answer(&w, &other, &none, &false_one);
	assert_int_equal(check(&false_one, &w.id, &i), ERR_CERTIFICATE_CHANGED);
	assert_int_equal(check(&false_one, NULL, &i), ERR_CERTIFICATE_CHANGED);
}

static void
takes_no_byte_that_changed(void **state)
{
	OWN(who_free) struct who w = someone();
	OWN(buf_free) struct buf none = { 0 }, a = { 0 };
	struct identity i;

	(void)state;
	answer(&w, &w, &none, &a);
	for (size_t at = 0; at < a.n; at++) {
		a.p[at] ^= 1;
		if (check(&a, &w.id, &i) == 0)
			fail_msg("byte %zu may be another", at);
		a.p[at] ^= 1;
	}
	for (size_t n = 0; n < a.n; n++) {
		struct buf cut = a;
		cut.n = n;
		assert_int_not_equal(check(&cut, &w.id, &i), 0);
	}
	buf_put_u8(&a, 0);
	assert_int_not_equal(check(&a, &w.id, &i), 0);
}

static void
follows_who_handed_over(void **state)
{
	OWN(who_free) struct who a = someone(), b = someone(), c = someone();
	OWN(buf_free) struct buf past = { 0 }, gap = { 0 }, swapped = { 0 };
	OWN(buf_free) struct buf whole = { 0 }, broken = { 0 }, stolen = { 0 };
	struct identity i;
	struct err e = { 0 };
	size_t n;

	(void)state;
	hand_over(&a, &b.id, &past);
	hand_over(&b, &c.id, &past);
	assert_int_equal(identity_past(buf_bytes(&past), &c.id, &n, &e), 0);
	assert_int_equal(n, 2);
	answer(&c, &c, &past, &whole);
	assert_int_equal(check(&whole, &a.id, &i), 0);
	assert_int_equal(check(&whole, &b.id, &i), 0);
	assert_int_equal(check(&whole, &c.id, &i), 0);
	assert_true(digest_equal(&i.id, &c.id));
	/* b never said anything of c */
	hand_over(&a, &b.id, &gap);
	assert_int_equal(identity_past(buf_bytes(&gap), &c.id, &n, &e), -1);
	answer(&c, &c, &gap, &broken);
	assert_int_equal(check(&broken, &a.id, &i), ERR_CERTIFICATE_CHANGED);
	/* c says it of itself, in the name of a */
	hand_over(&c, &c.id, &swapped);
	answer(&c, &c, &swapped, &stolen);
	assert_int_equal(check(&stolen, &a.id, &i), ERR_CERTIFICATE_CHANGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vouches_for_keys),
		cmocka_unit_test(takes_no_byte_that_changed),
		cmocka_unit_test(follows_who_handed_over),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
