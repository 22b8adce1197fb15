/* SPDX-License-Identifier: ISC */
/* self_settle.c: what a change of the circle leaves to whoever comes next. */
#include "client/self_settle.h"

#include "base/now.h"
#include "client/self_card.h"
#include "client/self_in.h"
#include "client/self_freshpin.h"
#include "client/self_zones.h"

#define EXIT_LIE 6

/* Otherwise another device will, or this one when it is older. */
static bool
is_mature(const struct self *s)
{
	const struct member *me = circle_member(&s->circle, &s->dev_id);

	return circle_mature(&s->circle, me, (uint64_t)now_ms());
}

/* A device left by itself: keys that it does not know. */
static int
new_keys(struct self *s, struct err *e)
{
	for (int tries = 0; s->circle.epoch_due; tries++) {
		if (!is_mature(s))
			return 0;
		if (self_submit_keys(s, CIRCLE_EPOCH, bytes_str(""), e) == 0)
			return self_refresh(s, e);
		if (!self_again(s, tries, e))
			return -1;
	}
	return 0;
}

int
self_goes_by(struct self *s, const char *name, struct err *e)
{
	OWN(buf_free) struct buf address = { 0 };
	OWN(buf_free) struct buf body = { 0 };

	buf_printf(&address, "%s@%s", name, s->host);
	if (!circle_address_ok(buf_bytes(&address)))
		return err_set(
		    e, ERR_BAD_NAME, "no account can have that name: %s", name);
	circle_name_put(&body, buf_text(&address));
	for (int tries = 0; !circle_goes_by(&s->circle, name); tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		self_make_entry(s, CIRCLE_NAME, buf_bytes(&body), &entry);
		if (self_submit_entry(s, buf_bytes(&entry), bytes_str(""), e) <
			0 &&
		    !self_again(s, tries, e))
			return -1;
	}
	return 0;
}

bool
self_renamed(const struct self *s)
{
	return s->circle.name[0] != '\0' &&
	    !circle_goes_by(&s->circle, s->name);
}

/* An older version began it. Another name it takes by its owner's word alone: who
 * has the server could call it by somebody else's. */
static int
first_name(struct self *s, struct err *e)
{
	return s->circle.name[0] != '\0' || !is_mature(s)
	    ? 0
	    : self_goes_by(s, s->name, e);
}

/* A head made before the newest keys gets an empty one after it. */
static int
renew_head(struct self *s, struct zcopy *z, struct err *e)
{
	uint32_t since = s->circle.epochs[s->circle.key.epoch - 1].seq;

	if (zcopy_pull(z, e) < 0)
		return -1;
	struct head h = zcopy_head(z);
	return h.seq == 0 || h.circle_seq >= since
	    ? 0
	    : zcopy_commit(z, NULL, 0, NULL, NULL, e);
}

static int
renew_heads(struct self *s, struct err *e)
{
	if (renew_head(s, s->state, e) < 0 || self_state(s, e) < 0)
		return -1;
	for (unsigned c = CATEGORY_STATE + 1; c < CATEGORY_END; c++) {
		OWN(zcopy_free) struct zcopy *z = NULL;
		if (id_zero(&s->zones[c]))
			continue;
		if (zcopy_open(&s->writer,
			&(struct zcopy_of){ s->local, s->depot, &s->zones[c],
			    (enum category)c },
			&z, e) < 0 ||
		    renew_head(s, z, e) < 0)
			return -1;
	}
	return 0;
}

/* "heads" in state.db: the epoch that the head of every zone was seen in. */
int
self_settle_here(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf done = { 0 };

	if (new_keys(s, e) < 0 || local_get(s->local, "heads", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	uint32_t epoch = scan_u32(&p);
	if (s->circle.key.epoch <= (scan_ok(&p) ? epoch : 1))
		return 0;
	/* A pull may bring a newer circle: then its heads are next time's. */
	buf_put_u32(&done, s->circle.key.epoch);
	return renew_heads(s, e) < 0
	    ? -1
	    : local_put(s->local, "heads", buf_bytes(&done), e);
}

int
self_settle(struct self *s, struct err *e)
{
	if (self_refresh(s, e) < 0)
		return -1;
	if (self_settle_here(s, e) < 0 || self_freshpin_renew(s, e) < 0 ||
	    self_card(s, e) < 0 || first_name(s, e) < 0) {
		if (err_exit(e->code) == EXIT_LIE)
			return -1;
		err_clear(e);
	}
	return 0;
}
