/* SPDX-License-Identifier: ISC */
/* packet.c: the bytes of what is posted, and of what is got. */
#include "wire/packet.h"

#include <assert.h>
#include <string.h>

#define MAGIC "PMP1"

static void
put_slot(struct buf *out, const struct packet_slot *s)
{
	id_put(out, &s->uid);
	buf_put_u32(out, s->epoch);
	buf_put(out, s->wrapped, PACKET_WRAPPED);
}

static void
take_slot(struct scan *s, struct packet_slot *out)
{
	out->uid = id_take(s);
	out->epoch = scan_u32(s);
	scan_copy(s, out->wrapped, PACKET_WRAPPED);
}

void
packet_put(struct buf *out, const struct packet *p)
{
	assert(p->n >= 1 && p->n <= PACKET_SLOTS);
	buf_put_str(out, MAGIC);
	buf_put_u8(out, PACKET_SUITE);
	id_put(out, &p->id);
	buf_put(out, p->eph_pk, KEM_PK_BYTES);
	buf_put_u8(out, p->flags);
	buf_put_u16(out, (uint16_t)p->n);
	for (size_t i = 0; i < p->n; i++)
		put_slot(out, &p->slots[i]);
	buf_put_u8(out, 0);
	buf_put_v32(out, p->sealed);
}

static int
newer(struct err *e)
{
	return err_set(e, ERR_UPDATE_NEEDED,
	    "a letter is sealed in a way this version does not know");
}

int
packet_take(struct bytes x, struct packet *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct bytes magic = scan_take(&s, strlen(MAGIC));
	uint8_t suite = scan_u8(&s);

	if (scan_ok(&s) && bytes_equal(magic, bytes_str(MAGIC)) &&
	    suite != PACKET_SUITE)
		return newer(e);
	*out = (struct packet){ .id = id_take(&s) };
	scan_copy(&s, out->eph_pk, KEM_PK_BYTES);
	out->flags = scan_u8(&s);
	out->n = scan_u16(&s);
	if (!scan_ok(&s) || !bytes_equal(magic, bytes_str(MAGIC)) ||
	    out->n < 1 || out->n > PACKET_SLOTS || x.n > PACKET_BYTES_MAX)
		return err_set(
		    e, ERR_BAD_REQUEST, "a packet is not well-formed");
	for (size_t i = 0; i < out->n; i++)
		take_slot(&s, &out->slots[i]);
	uint8_t blobs = scan_u8(&s);
	if (scan_ok(&s) &&
	    (blobs != 0 || (out->flags & ~(PACKET_QUIET | PACKET_ASKS)) != 0))
		return newer(e);
	out->sealed = scan_v32(&s);
	return scan_done(&s)
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST, "a packet is not well-formed");
}

/* ---- what is got ---- */

void
packet_put_rest(
    struct buf *out, const struct id *from, const struct packet *p, size_t slot)
{
	id_put(out, from);
	buf_put_u8(out, PACKET_SUITE);
	id_put(out, &p->id);
	buf_put(out, p->eph_pk, KEM_PK_BYTES);
	buf_put_u8(out, p->flags);
	put_slot(out, &p->slots[slot]);
	buf_put_u8(out, 0);
	buf_put_v32(out, p->sealed);
}

int
packet_item_take(struct bytes x, struct packet_item *out, struct err *e)
{
	struct scan s = scan_of(x);

	*out = (struct packet_item){ .number = scan_u64(&s) };
	out->received_ms = scan_u64(&s);
	out->from = id_take(&s);
	out->suite = scan_u8(&s);
	if (scan_ok(&s) && out->suite != PACKET_SUITE)
		return newer(e);
	out->id = id_take(&s);
	scan_copy(&s, out->eph_pk, KEM_PK_BYTES);
	out->flags = scan_u8(&s);
	take_slot(&s, &out->slot);
	uint8_t blobs = scan_u8(&s);
	if (scan_ok(&s) && blobs != 0)
		return newer(e);
	out->sealed = scan_v32(&s);
	return scan_done(&s)
	    ? 0
	    : err_set(e, ERR_LETTER_FORGED, "what came is not well-formed");
}
