/* SPDX-License-Identifier: ISC */
/* head.c: bytes of a zone head. */
#include "wire/head.h"

#include <string.h>

#define MAGIC_BYTES 4

static const char magic[][MAGIC_BYTES] = {
	[HEAD_PZH1] = { 'P', 'Z', 'H', '1' },
	[HEAD_PZH2] = { 'P', 'Z', 'H', '2' },
};

void
head_put_clear(struct buf *out, const struct head *h)
{
	buf_put(out, magic[h->format], MAGIC_BYTES);
	id_put(out, &h->owner);
	id_put(out, &h->zone);
	buf_put_u64(out, h->seq);
	digest_put(out, &h->prev);
	digest_put(out, &h->heals);
	buf_put_u64(out, h->tombstones_gone_below);
	buf_put_u32(out, h->integrity_epoch);
	digest_put(out, &h->changes_hash);
	buf_put_u32(out, h->circle_seq);
	digest_put(out, &h->circle_hash);
	if (h->format == HEAD_PZH2) {
		buf_put_u32(out, h->share_seq);
		digest_put(out, &h->share_hash);
	}
	id_put(out, &h->signer);
	id_put(out, &h->dev_id);
	buf_put_u64(out, h->time_ms);
}

void
head_put_signed(struct buf *out, const struct head *h)
{
	head_put_clear(out, h);
	buf_put(out, h->sum_box, sizeof h->sum_box);
}

void
head_put(struct buf *out, const struct head *h)
{
	head_put_signed(out, h);
	buf_put(out, h->sig, sizeof h->sig);
}

static bool
begins(struct bytes x, enum head_format f)
{
	return x.n >= MAGIC_BYTES &&
	    bytes_equal(
		bytes_of(x.p, MAGIC_BYTES), bytes_of(magic[f], MAGIC_BYTES));
}

size_t
head_length(struct bytes x)
{
	return begins(x, HEAD_PZH2) ? HEAD2_BYTES : HEAD1_BYTES;
}

struct bytes
head_take(struct scan *s)
{
	return scan_take(s, head_length(bytes_of(s->p, s->n)));
}

int
head_parse(struct bytes x, struct head *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct head h = { .format =
			      begins(x, HEAD_PZH2) ? HEAD_PZH2 : HEAD_PZH1 };

	struct bytes m = scan_take(&s, MAGIC_BYTES);
	h.owner = id_take(&s);
	h.zone = id_take(&s);
	h.seq = scan_u64(&s);
	h.prev = digest_take(&s);
	h.heals = digest_take(&s);
	h.tombstones_gone_below = scan_u64(&s);
	h.integrity_epoch = scan_u32(&s);
	h.changes_hash = digest_take(&s);
	h.circle_seq = scan_u32(&s);
	h.circle_hash = digest_take(&s);
	if (h.format == HEAD_PZH2) {
		h.share_seq = scan_u32(&s);
		h.share_hash = digest_take(&s);
	}
	h.signer = id_take(&s);
	h.dev_id = id_take(&s);
	h.time_ms = scan_u64(&s);
	scan_copy(&s, h.sum_box, sizeof h.sum_box);
	scan_copy(&s, h.sig, sizeof h.sig);
	if (!scan_done(&s) || h.seq == 0 || h.seq > INT64_MAX ||
	    !begins(m, h.format))
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a zone head is not well-formed");
	*out = h;
	return 0;
}

void
head_hash(const struct head *h, struct digest *out)
{
	OWN(buf_free) struct buf b = { 0 };

	head_put(&b, h);
	digest_of(buf_bytes(&b), out);
}

bool
head_follows(
    const struct head *h, const struct head *last, const struct digest *hash)
{
	return h->seq == last->seq + 1 && digest_equal(&h->prev, hash) &&
	    h->format >= last->format;
}

bool
head_sig_valid(const struct head *h, const uint8_t pk[static SIG_PK_BYTES])
{
	OWN(buf_free) struct buf b = { 0 };

	head_put_signed(&b, h);
	return sig_valid(SIG_HEAD, pk, buf_bytes(&b), h->sig);
}
