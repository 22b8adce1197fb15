/* SPDX-License-Identifier: ISC */
/* freshpin.c: the bytes of a fresh pin, and who signed it. */
#include "wire/freshpin.h"

static void
put_all(struct buf *out, const struct freshpin *p)
{
	digest_put(out, &p->circle_id);
	buf_put_u32(out, p->seq);
	digest_put(out, &p->head);
	digest_put(out, &p->mac);
	id_put(out, &p->dev_id);
}

void
freshpin_put(struct buf *out, const struct freshpin *p)
{
	put_all(out, p);
	buf_put(out, p->sig, sizeof p->sig);
}

int
freshpin_parse(struct bytes x, struct freshpin *out, struct err *e)
{
	struct scan s = scan_of(x);

	out->circle_id = digest_take(&s);
	out->seq = scan_u32(&s);
	out->head = digest_take(&s);
	out->mac = digest_take(&s);
	out->dev_id = id_take(&s);
	scan_copy(&s, out->sig, sizeof out->sig);
	return scan_done(&s)
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST, "a fresh pin is not well-formed");
}

void
freshpin_signed(const struct id *uid, const struct id *ref,
    const struct freshpin *p, struct buf *out)
{
	id_put(out, uid);
	id_put(out, ref);
	put_all(out, p);
}

bool
freshpin_vouched(
    const struct circle *c, const struct id *ref, const struct freshpin *p)
{
	OWN(buf_free) struct buf m = { 0 };
	const struct digest *at = circle_hash_at(c, p->seq);
	const struct member *by = circle_member(c, &p->dev_id);

	if (at == NULL || !digest_equal(at, &p->head) ||
	    !circle_active_at(c, &p->dev_id, p->seq))
		return false;
	freshpin_signed(&c->uid, ref, p, &m);
	return sig_valid(
	    SIG_FRESHPIN, by->device.sign_pk, buf_bytes(&m), p->sig);
}
