/* SPDX-License-Identifier: ISC */
/* letter.c: the bytes of letters. */
#include "wire/letter.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

#define MAGIC "PML1"

void
letter_put_signed(struct buf *out, const struct letter *l)
{
	assert(l->n_marks <= LETTER_MARKS);
	buf_put_str(out, MAGIC);
	buf_put_u8(out, l->kind);
	id_put(out, &l->conv);
	id_put(out, &l->id);
	id_put(out, &l->author);
	id_put(out, &l->dev_id);
	buf_put_u32(out, l->circle_seq);
	buf_put_u64(out, l->time_ms);
	buf_put_u64(out, l->clock);
	buf_put_u64(out, l->seen_size);
	digest_put(out, &l->seen_root);
	buf_put_u32(out, l->state);
	digest_put(out, &l->state_hash);
	buf_put_u8(out, l->n_marks);
	for (size_t i = 0; i < l->n_marks; i++)
		id_put(out, &l->marks[i]);
	buf_put_v32(out, l->body);
}

static int
forged(struct err *e, const char *what)
{
	return err_set(e, ERR_LETTER_FORGED, "a letter %s", what);
}

int
letter_take(struct bytes x, struct letter *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct bytes magic = scan_take(&s, strlen(MAGIC));

	*out = (struct letter){ .kind = scan_u8(&s) };
	out->conv = id_take(&s);
	out->id = id_take(&s);
	out->author = id_take(&s);
	out->dev_id = id_take(&s);
	out->circle_seq = scan_u32(&s);
	out->time_ms = scan_u64(&s);
	out->clock = scan_u64(&s);
	out->seen_size = scan_u64(&s);
	out->seen_root = digest_take(&s);
	out->state = scan_u32(&s);
	out->state_hash = digest_take(&s);
	out->n_marks = scan_u8(&s);
	if (out->n_marks > LETTER_MARKS) {
		out->n_marks = 0;
		return forged(e, "is not well-formed");
	}
	for (size_t i = 0; i < out->n_marks; i++)
		out->marks[i] = id_take(&s);
	out->body = scan_v32(&s);
	out->signed_part = bytes_of(x.p, x.n - s.n);
	scan_copy(&s, out->sig, SIG_BYTES);
	return scan_done(&s) && x.n <= LETTER_BYTES_MAX &&
		out->clock <= LETTER_CLOCK_MAX && !id_zero(&out->id) &&
		bytes_equal(magic, bytes_str(MAGIC))
	    ? 0
	    : forged(e, "is not well-formed");
}

bool
letter_sig_valid(const struct letter *l, const uint8_t pk[static SIG_PK_BYTES])
{
	return sig_valid(SIG_LETTER, pk, l->signed_part, l->sig);
}

struct id
letter_mark(struct bytes letter)
{
	return digest_id(letter);
}

/* ---- bodies ---- */

void
letter_put_text(struct buf *body, const struct id *of, struct bytes text)
{
	assert(text.n <= LETTER_TEXT_MAX);
	if (of != NULL)
		id_put(body, of);
	buf_put_v16(body, text);
	buf_put_u8(body, 0); /* attachments */
}

int
letter_body(
    const struct letter *l, struct id *of, struct bytes *text, struct err *e)
{
	struct scan s = scan_of(l->body);

	*of = (struct id){ { 0 } };
	*text = bytes_of(NULL, 0);
	if (l->kind < LETTER_TEXT || l->kind > LETTER_DELETE)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a letter is of a kind this version does not know");
	if (l->kind != LETTER_TEXT)
		*of = id_take(&s);
	if (l->kind != LETTER_DELETE) {
		*text = scan_v16(&s);
		if (scan_u8(&s) != 0)
			return err_set(e, ERR_UPDATE_NEEDED,
			    "a letter has attachments, which this version does "
			    "not know");
	}
	return scan_done(&s) && text->n <= LETTER_TEXT_MAX &&
		text_is_utf8(*text)
	    ? 0
	    : forged(e, "says nothing that can be read");
}

/* ---- conversations ---- */

static void
put_party(struct buf *out, const struct letter_party *p)
{
	id_put(out, &p->uid);
	buf_put_v8(out, bytes_str(p->host));
}

struct id
letter_conversation(const struct letter_party *a, const struct letter_party *b)
{
	OWN(buf_free) struct buf one = { 0 };
	OWN(buf_free) struct buf two = { 0 };
	OWN(buf_free) struct buf text = { 0 };

	put_party(&one, a);
	put_party(&two, b);
	bool first = bytes_cmp(buf_bytes(&one), buf_bytes(&two)) <= 0;
	buf_put_str(&text, "aumbry conversation v1");
	buf_put_bytes(&text, buf_bytes(first ? &one : &two));
	buf_put_bytes(&text, buf_bytes(first ? &two : &one));
	return digest_id(buf_bytes(&text));
}
