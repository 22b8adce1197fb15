/* SPDX-License-Identifier: ISC */
/* circlepin.c: making and checking birth pins and fresh pins. */
#include "client/circlepin.h"

#include "wire/freshpin.h"

static struct secret *
birth_key(const struct secret *secret)
{
	return secret_derive(secret, "birth pin", bytes_str(""));
}

struct secret *
circlepin_fresh_key(const struct secret *secret)
{
	return secret_derive(secret, "fresh pin", bytes_str(""));
}

static void
make(const struct secret *key, const struct id *uid,
    const struct digest *circle_id, uint32_t seq, const struct digest *head,
    struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	digest_put(&m, circle_id);
	buf_put_u32(&m, seq);
	digest_put(&m, head);
	mac_once(secret_bytes(key), buf_bytes(&m), out);
}

static void
put(const struct secret *key, const struct circle *c, struct buf *out)
{
	struct digest mac;

	make(key, &c->uid, &c->circle_id, c->seq, &c->head, &mac);
	digest_put(out, &c->circle_id);
	buf_put_u32(out, c->seq);
	digest_put(out, &c->head);
	digest_put(out, &mac);
}

void
circlepin_birth(
    const struct secret *secret, const struct circle *c, struct digest *out)
{
	OWN(secret_free) struct secret *key = birth_key(secret);

	make(key, &c->uid, &c->circle_id, c->seq, &c->head, out);
}

void
circlepin_put(
    const struct secret *secret, const struct circle *c, struct buf *out)
{
	OWN(secret_free) struct secret *key = birth_key(secret);

	put(key, c, out);
}

void
circlepin_fresh_put(const struct secret *fresh_key, const struct circle *c,
    const struct id *ref, const struct devkey *device, const struct id *dev_id,
    struct buf *out)
{
	OWN(buf_free) struct buf m = { 0 };
	struct freshpin p = { .circle_id = c->circle_id,
		.seq = c->seq,
		.head = c->head,
		.dev_id = *dev_id };

	make(fresh_key, &c->uid, &p.circle_id, p.seq, &p.head, &p.mac);
	freshpin_signed(&c->uid, ref, &p, &m);
	devkey_sign(device, SIG_FRESHPIN, buf_bytes(&m), p.sig);
	freshpin_put(out, &p);
}

/* What a pin covers, once its mac was right. */
struct covered {
	struct digest circle_id, head;
	uint32_t seq;
};

static int
open_pin(const struct secret *key, const struct circle *c, struct bytes pin,
    struct covered *out, struct err *e)
{
	struct scan s = scan_of(pin);
	struct digest given, want;

	out->circle_id = digest_take(&s);
	out->seq = scan_u32(&s);
	out->head = digest_take(&s);
	given = digest_take(&s);
	if (!scan_done(&s))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the key's pin is not well-formed");
	make(key, &c->uid, &out->circle_id, out->seq, &out->head, &want);
	return digest_equal(&want, &given)
	    ? 0
	    : err_set(e, ERR_CIRCLE_NOT_YOURS,
		  "the pin that the server keeps was not made by this key");
}

/* The circle as it was pinned, or continued since. */
static bool
contains(const struct circle *c, const struct covered *x)
{
	const struct digest *at = circle_hash_at(c, x->seq);

	return at != NULL && digest_equal(at, &x->head);
}

int
circlepin_check(const struct secret *secret, const struct circle *c,
    struct bytes pin, struct err *e)
{
	OWN(secret_free) struct secret *key = birth_key(secret);
	struct covered x;

	if (open_pin(key, c, pin, &x, e) < 0)
		return -1;
	if (!digest_equal(&x.circle_id, &c->circle_id) || !contains(c, &x))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the server's list of devices is not the one that this "
		    "key was added to");
	return 0;
}

int
circlepin_fresh_check(const struct secret *secret, const struct circle *c,
    const struct id *ref, struct bytes pin, bool *made, struct err *e)
{
	OWN(secret_free) struct secret *key = circlepin_fresh_key(secret);
	struct freshpin p;
	struct digest want;
	struct err ignored;

	*made = false;
	if (freshpin_parse(pin, &p, &ignored) < 0)
		return 0;
	make(key, &c->uid, &p.circle_id, p.seq, &p.head, &want);
	if (!digest_equal(&want, &p.mac))
		return 0;
	if (p.seq > c->seq)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "the server's list of devices ends at %u, but a device of "
		    "the account has vouched for %u",
		    (unsigned)c->seq, (unsigned)p.seq);
	struct covered x = { p.circle_id, p.head, p.seq };
	if (!contains(c, &x))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the server's list of devices is not the one that the "
		    "account's devices know");
	*made = freshpin_vouched(c, ref, &p);
	return 0;
}
