/* SPDX-License-Identifier: ISC */
/* page.c: the bytes of the messages zone's records. */
#include "mail/page.h"

#include "vault/codec.h"

#include <string.h>

#define FORMAT 1
#define LEVEL 1 /* of zstd */
#define WHEN 16 /* number and received_ms of an item, bytes */
#define TWO 1 /* a conversation of two people */

/* What expands to more is no page of ours. */
#define EXPANDED_MAX (PAGE_BYTES + LETTER_BYTES_MAX + 64)

uint8_t
page_kind(struct bytes plain)
{
	return plain.n >= 2 && plain.p[1] == FORMAT &&
		(plain.p[0] == PAGE_LETTERS_KIND ||
		    plain.p[0] == PAGE_CONVERSATION || plain.p[0] == PAGE_RAW)
	    ? plain.p[0]
	    : 0;
}

static void
begin(struct buf *plain, enum page_kind kind)
{
	buf_put_u8(plain, (uint8_t)kind);
	buf_put_u8(plain, FORMAT);
}

static int
corrupt(struct err *e)
{
	return err_set(e, ERR_RECORD_CORRUPT,
	    "a record of the messages is not well-formed");
}

static int
body_of(
    struct bytes plain, enum page_kind kind, struct scan *out, struct err *e)
{
	*out = scan_of(plain);
	if (page_kind(plain) != kind)
		return corrupt(e);
	(void)scan_u16(out);
	return 0;
}

/* ---- pages ---- */

void
page_put_entry(struct buf *entries, const struct page_entry *x)
{
	buf_put_u64(entries, x->received_ms);
	buf_put_u8(entries, x->flags);
	buf_put_v32(entries, x->letter);
}

static void
free_codec(struct codec **c)
{
	codec_free(c);
}

void
page_put(struct buf *plain, struct bytes entries)
{
	OWN(free_codec) struct codec *c = codec_new(LEVEL);
	OWN(buf_free) struct buf stored = { 0 };
	enum codec_method method = codec_pack(c, entries, &stored);

	begin(plain, PAGE_LETTERS_KIND);
	buf_put_u8(plain, (uint8_t)method);
	buf_put_varint(plain, entries.n);
	buf_put_bytes(
	    plain, method == CODEC_RAW ? entries : buf_bytes(&stored));
}

int
page_open(struct bytes plain, struct buf *entries, struct err *e)
{
	struct scan s;

	if (body_of(plain, PAGE_LETTERS_KIND, &s, e) < 0)
		return -1;
	uint8_t method = scan_u8(&s);
	uint64_t n = scan_varint(&s);
	if (!scan_ok(&s) || n > EXPANDED_MAX)
		return corrupt(e);
	OWN(free_codec) struct codec *c = codec_new(LEVEL);
	if (codec_expand(
		c, method, scan_take(&s, s.n), (size_t)n, entries, e) == 0)
		return 0;
	return e->code == ERR_BLOB_CORRUPT ? corrupt(e) : -1;
}

bool
page_next(struct scan *s, struct page_entry *out)
{
	if (scan_done(s))
		return false;
	out->received_ms = scan_u64(s);
	out->flags = scan_u8(s);
	out->letter = scan_v32(s);
	return scan_ok(s);
}

/* ---- conversations ---- */

static struct id
named(const char *word, const struct id *about)
{
	OWN(buf_free) struct buf text = { 0 };

	buf_put_str(&text, "aumbry messages v1 ");
	buf_put(&text, word, strlen(word) + 1);
	id_put(&text, about);
	return digest_id(buf_bytes(&text));
}

struct id
page_conversation_id(const struct id *conv)
{
	return named("conversation", conv);
}

void
page_put_conversation(struct buf *plain, const struct page_conversation *c)
{
	begin(plain, PAGE_CONVERSATION);
	id_put(plain, &c->conv);
	buf_put_u8(plain, TWO);
	buf_put_v32(plain, bytes_str(""));
	buf_put_u64(plain, c->read_ms);
	buf_put_u64(plain, c->muted_until_ms);
	buf_put_u64(plain, 0);
}

int
page_take_conversation(
    struct bytes plain, struct page_conversation *out, struct err *e)
{
	struct scan s;

	*out = (struct page_conversation){ .newer = false };
	if (body_of(plain, PAGE_CONVERSATION, &s, e) < 0)
		return -1;
	out->conv = id_take(&s);
	out->newer = scan_u8(&s) != TWO;
	out->newer |= scan_v32(&s).n > 0;
	out->read_ms = scan_u64(&s);
	out->muted_until_ms = scan_u64(&s);
	out->newer |= scan_u64(&s) != 0;
	return scan_done(&s) ? 0 : corrupt(e);
}

/* ---- raw ---- */

struct id
page_raw_id(struct bytes item)
{
	struct id about = digest_id(
	    item.n > WHEN ? bytes_of(item.p + WHEN, item.n - WHEN) : item);

	return named("raw", &about);
}

void
page_put_raw(struct buf *plain, struct bytes item)
{
	begin(plain, PAGE_RAW);
	buf_put_v32(plain, item);
}

int
page_take_raw(struct bytes plain, struct bytes *item, struct err *e)
{
	struct scan s;

	if (body_of(plain, PAGE_RAW, &s, e) < 0)
		return -1;
	*item = scan_v32(&s);
	return scan_done(&s) ? 0 : corrupt(e);
}
