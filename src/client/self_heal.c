/* SPDX-License-Identifier: ISC */
/* self_heal.c: giving a restored server back the circle it has lost. */
#include "client/self.h"

/* The keys that go with an entry, made anew by this device. */
static void
put_keys(const struct self *s, const struct circle *before,
    const struct circle *after, struct buf *out)
{
	if (after->key.epoch != before->key.epoch) {
		keyring_bundle(s->keyring, after, s->key, &s->dev_id, out);
		return;
	}
	if (after->n_members > before->n_members)
		keyring_envelope_at(s->keyring, after->key.epoch,
		    &after->members[after->n_members - 1].device, s->key,
		    &s->dev_id, out);
}

static int
submit(struct self *s, const struct circle *before, const struct circle *after,
    struct bytes entry, struct err *e)
{
	OWN(buf_free) struct buf keys = { 0 };

	put_keys(s, before, after, &keys);
	if (s->depot->ops->circle_submit(
		s->depot, entry, buf_bytes(&keys), e) == 0)
		return 0;
	if (e->code == ERR_CLOCK_WRONG)
		return err_remedy(e,
		    "The server does not know that it was restored. Its "
		    "operator says so: aumbryd restored --data DIR --age SPAN, "
		    "then restarts it.");
	return err_in(
	    e, "entry %u of the list of devices", (unsigned)after->seq);
}

int
self_heal_circle(struct self *s, struct err *e)
{
	OWN(circle_free) struct circle at = { 0 };
	struct scan entries = scan_of(buf_bytes(&s->entries));

	while (entries.n > 0) {
		OWN(circle_free) struct circle before = { 0 };
		struct bytes entry = scan_v16(&entries);
		circle_copy(&before, &at);
		if (circle_apply(&at, entry, e) < 0)
			return -1;
		if (at.seq > s->circle_there &&
		    submit(s, &before, &at, entry, e) < 0)
			return -1;
	}
	s->circle_there = s->circle.seq;
	return 0;
}
