/* SPDX-License-Identifier: ISC */
/* fuzz_letter.c: letters, packets, items of inboxes, records of messages. */
/*
 * The first byte chooses which of them the rest is. What parses is the same
 * bytes when it is put again, but for compressed pages and for fields of a
 * conversation that this version passes over.
 */
#include "mail/page.h"
#include "wire/packet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect_same(struct bytes a, struct bytes b)
{
	if (!bytes_equal(a, b))
		abort();
}

/* ---- letters ---- */

static void
body(const struct letter *l)
{
	OWN(buf_free) struct buf again = { 0 };
	struct bytes text;
	struct id of;
	struct err e = { 0 };

	if (letter_body(l, &of, &text, &e) < 0)
		return;
	if (l->kind == LETTER_DELETE)
		id_put(&again, &of);
	else
		letter_put_text(
		    &again, l->kind == LETTER_EDIT ? &of : NULL, text);
	expect_same(buf_bytes(&again), l->body);
}

static void
letter(struct bytes x)
{
	OWN(buf_free) struct buf again = { 0 };
	struct letter l;
	struct err e = { 0 };

	if (letter_take(x, &l, &e) < 0)
		return;
	letter_put_signed(&again, &l);
	expect_same(buf_bytes(&again), l.signed_part);
	buf_put(&again, l.sig, SIG_BYTES);
	expect_same(buf_bytes(&again), x);
	if (x.n > LETTER_BYTES_MAX)
		abort();
	body(&l);
}

/* ---- packets ---- */

/* All of it, as packet_put_rest has it behind the first two fields. */
static void
item(struct bytes x)
{
	OWN(buf_free) struct buf again = { 0 };
	struct packet_item got;
	struct err e = { 0 };

	if (packet_item_take(x, &got, &e) < 0)
		return;
	struct packet p = { .id = got.id, .flags = got.flags, .n = 1 };
	for (size_t i = 0; i < KEM_PK_BYTES; i++)
		p.eph_pk[i] = got.eph_pk[i];
	p.slots[0] = got.slot;
	p.sealed = got.sealed;
	buf_put_u64(&again, got.number);
	buf_put_u64(&again, got.received_ms);
	packet_put_rest(&again, &got.from, &p, 0);
	expect_same(buf_bytes(&again), x);
}

static void
packet(struct bytes x)
{
	OWN(buf_free) struct buf again = { 0 };
	struct packet p;
	struct packet_item got;
	struct err e = { 0 };

	if (packet_take(x, &p, &e) < 0)
		return;
	packet_put(&again, &p);
	expect_same(buf_bytes(&again), x);
	for (size_t i = 0; i < p.n; i++) {
		buf_clear(&again);
		buf_put_u64(&again, i);
		buf_put_u64(&again, i);
		packet_put_rest(&again, &p.id, &p, i);
		if (packet_item_take(buf_bytes(&again), &got, &e) < 0 ||
		    !id_equal(&got.slot.uid, &p.slots[i].uid))
			abort();
		expect_same(got.sealed, p.sealed);
		item(buf_bytes(&again));
	}
}

/* ---- records ---- */

static void
page(struct bytes x)
{
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf again = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf reopened = { 0 };
	struct page_entry one;
	struct err e = { 0 };

	if (page_open(x, &entries, &e) < 0) {
		if (entries.n != 0)
			abort();
		return;
	}
	struct scan s = scan_of(buf_bytes(&entries));
	while (page_next(&s, &one))
		page_put_entry(&again, &one);
	if (!s.bad)
		expect_same(buf_bytes(&again), buf_bytes(&entries));
	page_put(&plain, buf_bytes(&entries));
	if (page_open(buf_bytes(&plain), &reopened, &e) < 0)
		abort();
	expect_same(buf_bytes(&reopened), buf_bytes(&entries));
}

static void
conversation(struct bytes x)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct page_conversation got, again;
	struct err e = { 0 };

	if (page_take_conversation(x, &got, &e) < 0)
		return;
	page_put_conversation(&plain, &got);
	if (page_take_conversation(buf_bytes(&plain), &again, &e) < 0 ||
	    x.n < plain.n)
		abort();
	if (!id_equal(&got.conv, &again.conv) || got.read_ms != again.read_ms ||
	    got.muted_until_ms != again.muted_until_ms)
		abort();
	expect_same(
	    bytes_of(x.p, 2 + ID_BYTES), bytes_of(plain.p, 2 + ID_BYTES));
}

static void
raw(struct bytes x)
{
	OWN(buf_free) struct buf again = { 0 };
	struct bytes got;
	struct err e = { 0 };

	if (page_take_raw(x, &got, &e) < 0)
		return;
	page_put_raw(&again, got);
	expect_same(buf_bytes(&again), x);
	(void)page_raw_id(got);
	item(got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(
	    struct bytes) = { letter, packet, item, page, conversation, raw };

	if (size > 0)
		parsers[data[0] % ARRAY_SIZE(parsers)](
		    bytes_of(data + 1, size - 1));
	return 0;
}
