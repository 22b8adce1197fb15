/* SPDX-License-Identifier: ISC */
/* self_remove.c: devices leave. */
#include "client/self_remove.h"

#include "client/self_in.h"

static void
put_removal(const struct id *ids, size_t n, struct buf *body)
{
	buf_put_u8(body, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		id_put(body, &ids[i]);
	buf_put_u8(body, 0);
}

/* "removing" in state.db: ids of devices whose removal was begun here. */
static int
note(struct self *s, const struct id *ids, size_t n, bool begun, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf next = { 0 };

	if (local_get(s->local, "removing", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	while (p.n >= ID_BYTES) {
		struct id id = id_take(&p);
		bool ours = false;
		for (size_t i = 0; i < n; i++)
			ours |= id_equal(&id, &ids[i]);
		if (!ours)
			id_put(&next, &id);
	}
	for (size_t i = 0; begun && i < n; i++)
		id_put(&next, &ids[i]);
	return local_put(s->local, "removing", buf_bytes(&next), e);
}

int
self_removing(
    struct self *s, const struct id *dev_id, bool *begun, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };

	*begun = false;
	if (local_get(s->local, "removing", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	while (p.n >= ID_BYTES) {
		struct id id = id_take(&p);
		*begun |= id_equal(&id, dev_id);
	}
	return 0;
}

int
self_removed(struct self *s, const struct id *dev_id, struct err *e)
{
	return self_settle_here(s, e) < 0 ? -1 : note(s, dev_id, 1, false, e);
}

static bool
all_gone(const struct self *s, const struct id *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (circle_active(&s->circle, &ids[i]))
			return false;
	return true;
}

static int
remove_them(struct self *s, const struct id *ids, size_t n, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct err why;

	put_removal(ids, n, &body);
	for (int tries = 0;; tries++) {
		if (self_submit_keys(s, CIRCLE_REMOVE, buf_bytes(&body), e) ==
		    0)
			return self_refresh(s, e);
		/* The answer got lost: did the entry get through? */
		if (e->code == ERR_SERVER_UNREACHABLE)
			return self_refresh(s, &why) == 0 && all_gone(s, ids, n)
			    ? 0
			    : -1;
		if (!self_again(s, tries, e))
			return -1;
	}
}

int
self_remove(struct self *s, const struct id *ids, size_t n, struct err *e)
{
	return note(s, ids, n, true, e) < 0 || remove_them(s, ids, n, e) < 0 ||
		self_settle_here(s, e) < 0
	    ? -1
	    : note(s, ids, n, false, e);
}

int
self_leave(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct err why;

	put_removal(&s->dev_id, 1, &body);
	for (int tries = 0;; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		OWN(circle_free) struct circle next = { 0 };
		self_make_entry(s, CIRCLE_REMOVE, buf_bytes(&body), &entry);
		circle_copy(&next, &s->circle);
		if (circle_apply(&next, buf_bytes(&entry), e) < 0)
			return -1;
		if (s->depot->ops->circle_submit(
			s->depot, buf_bytes(&entry), bytes_str(""), e) == 0)
			return 0;
		if (e->code == ERR_SERVER_UNREACHABLE)
			return self_refresh(s, &why) < 0 &&
				why.code == ERR_DEVICE_REMOVED
			    ? 0
			    : -1;
		if (!self_again(s, tries, e))
			return e->code == ERR_DEVICE_REMOVED ? 0 : -1;
	}
}
