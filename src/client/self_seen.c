/* SPDX-License-Identifier: ISC */
/* self_seen.c: telling the other devices how far this one has seen. */
/*
 * One record of the state zone for each device:
 *
 *   u8 kind 18 | u8 1 | dev_id[16] | u64 time_ms
 *   | varint n | n * (zone[16] | u64 seq | hash of that head[32])
 *
 * A server that hides a zone's newest changes from one device would have to
 * hide the state zone's from it as well, and then that device hears of nobody
 * any more, which `status` shows.
 */
#include "client/self_seen.h"

#include "base/now.h"
#include "client/self_note.h"

#define AGAIN_MS (20LL * 3600 * 1000) /* at least once a day */

/* Zones beside the state, as far as they are held here. */
static int
heads_here(struct self *s, struct self_seen *out, struct err *e)
{
	out->n = 0;
	for (unsigned c = CATEGORY_STATE + 1; c < CATEGORY_END; c++) {
		struct self_seen_zone *z = &out->zones[out->n];
		struct local_zone at;
		if (id_zero(&s->zones[c]))
			continue;
		if (local_zone_get(s->local, &s->zones[c], &at, e) < 0)
			return -1;
		if (at.head.seq == 0)
			continue;
		z->category = (enum category)c;
		z->zone = s->zones[c];
		z->seq = at.head.seq;
		head_hash(&at.head, &z->hash);
		out->n++;
	}
	return 0;
}

static int
parse(const struct self *s, struct scan p, struct self_seen *out)
{
	struct id about = id_take(&p);
	bool had[CATEGORY_END] = { false };

	out->time_ms = scan_u64(&p);
	uint64_t n = scan_varint(&p);
	if (!scan_ok(&p) || n > CATEGORY_END || !id_equal(&about, &out->dev_id))
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		struct self_seen_zone z = { .zone = id_take(&p) };
		z.seq = scan_u64(&p);
		z.hash = digest_take(&p);
		for (unsigned c = 1; c < CATEGORY_END; c++) {
			if (id_zero(&s->zones[c]) ||
			    !id_equal(&z.zone, &s->zones[c]))
				continue;
			if (had[c])
				return -1;
			had[c] = true;
			z.category = (enum category)c;
			out->zones[out->n++] = z;
		}
	}
	return scan_done(&p) ? 0 : -1;
}

bool
self_seen(struct self *s, const struct id *dev_id, struct self_seen *out)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;
	struct scan body;

	*out = (struct self_seen){ .dev_id = *dev_id };
	return self_note_get(
		   s, SELF_NOTE_SEEN, dev_id, &plain, &body, &ignored) == 0 &&
	    parse(s, body, out) == 0;
}

static bool
same(const struct self_seen *a, const struct self_seen *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!id_equal(&a->zones[i].zone, &b->zones[i].zone) ||
		    a->zones[i].seq != b->zones[i].seq)
			return false;
	return true;
}

int
self_note_seen(struct self *s, bool changes, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct self_seen before, now = { .dev_id = s->dev_id };

	now.time_ms = (uint64_t)now_ms();
	if (heads_here(s, &now, e) < 0)
		return -1;
	if (self_seen(s, &s->dev_id, &before) &&
	    before.time_ms + AGAIN_MS > now.time_ms &&
	    before.time_ms <= now.time_ms && (!changes || same(&before, &now)))
		return 0;
	id_put(&body, &s->dev_id);
	buf_put_u64(&body, now.time_ms);
	buf_put_varint(&body, now.n);
	for (size_t i = 0; i < now.n; i++) {
		id_put(&body, &now.zones[i].zone);
		buf_put_u64(&body, now.zones[i].seq);
		digest_put(&body, &now.zones[i].hash);
	}
	return self_note_put(
	    s, SELF_NOTE_SEEN, &s->dev_id, buf_bytes(&body), e);
}
