/* SPDX-License-Identifier: ISC */
/* pin.c: making and checking birth pins. */
#include "client/pin.h"

static void
make(const struct secret *secret, const struct id *uid,
    const struct digest *circle_id, uint32_t seq, const struct digest *head,
    struct digest *out)
{
	OWN(secret_free)
	struct secret *key = secret_derive(secret, "birth pin", bytes_str(""));
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	digest_put(&m, circle_id);
	buf_put_u32(&m, seq);
	digest_put(&m, head);
	mac_once(secret_bytes(key), buf_bytes(&m), out);
}

void
pin_birth(
    const struct secret *secret, const struct circle *c, struct digest *out)
{
	make(secret, &c->uid, &c->circle_id, c->seq, &c->head, out);
}

void
pin_put(const struct secret *secret, const struct circle *c, struct buf *out)
{
	struct digest mac;

	pin_birth(secret, c, &mac);
	digest_put(out, &c->circle_id);
	buf_put_u32(out, c->seq);
	digest_put(out, &c->head);
	digest_put(out, &mac);
}

int
pin_check(const struct secret *secret, const struct circle *c, struct bytes pin,
    struct err *e)
{
	struct scan s = scan_of(pin);
	struct digest circle_id = digest_take(&s);
	uint32_t seq = scan_u32(&s);
	struct digest head = digest_take(&s), given = digest_take(&s), want;

	if (!scan_done(&s))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the key's pin is not well-formed");
	make(secret, &c->uid, &circle_id, seq, &head, &want);
	if (!digest_equal(&want, &given))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the pin that the server keeps was not made by this key");
	const struct digest *at = circle_hash_at(c, seq);
	if (!digest_equal(&circle_id, &c->circle_id) || at == NULL ||
	    !digest_equal(at, &head))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the server's list of devices is not the one that this "
		    "key was added to");
	return 0;
}
