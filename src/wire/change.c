/* SPDX-License-Identifier: ISC */
/* change.c: bytes of records, commits and the stream of changes. */
#include "wire/change.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
change_put(struct buf *out, const struct change *c)
{
	assert(c->refs.n % ID_BYTES == 0 && c->refs.n <= LIMIT_REFS * ID_BYTES);
	id_put(out, &c->id);
	buf_put_u64(out, c->version);
	buf_put_u8(out, c->flags);
	buf_put_u32(out, c->key_epoch);
	buf_put_u16(out, (uint16_t)(c->refs.n / ID_BYTES));
	buf_put_bytes(out, c->refs);
	buf_put_v32(out, c->ct);
}

int
change_take(struct scan *s, struct change *out, struct err *e)
{
	struct change c;

	c.id = id_take(s);
	c.version = scan_u64(s);
	c.flags = scan_u8(s);
	c.key_epoch = scan_u32(s);
	uint16_t n_refs = scan_u16(s);
	if (n_refs > LIMIT_REFS)
		return err_set(e, ERR_TOO_LARGE,
		    "a record names more than %d blobs", LIMIT_REFS);
	c.refs = scan_take(s, (size_t)n_refs * ID_BYTES);
	c.ct = scan_v32(s);
	/* A tombstone is of any record. */
	if (!scan_ok(s) || c.version == 0 || c.version > INT64_MAX ||
	    c.flags > CHANGE_TABLE)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a record is not well-formed");
	if (c.ct.n > LIMIT_RECORD_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "a record is larger than %d bytes", LIMIT_RECORD_BYTES);
	bool deleted = (c.flags & CHANGE_DELETED) != 0;
	if (deleted ? c.ct.n + c.refs.n != 0 : c.ct.n == 0)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "a record's content and its deletion flag disagree");
	*out = c;
	return 0;
}

void
change_line(const struct change *c, uint8_t out[static CHANGE_LINE_BYTES])
{
	OWN(digest_free) struct digest_state *s = digest_new();

	change_line_by(s, c, out);
}

void
change_line_by(struct digest_state *s, const struct change *c,
    uint8_t out[static CHANGE_LINE_BYTES])
{
	struct digest d;

	memcpy(out, c->id.b, ID_BYTES);
	be64_put(out + 16, c->version);
	out[24] = c->flags;
	be32_put(out + 25, c->key_epoch);
	digest_add(s, c->refs);
	digest_end(s, &d);
	memcpy(out + 29, d.b, DIGEST_BYTES);
	digest_add(s, c->ct);
	digest_end(s, &d);
	memcpy(out + 61, d.b, DIGEST_BYTES);
}

void
change_put_line(struct buf *out, struct digest_state *s, uint64_t seq,
    const struct change *c)
{
	uint8_t line[CHANGE_LINE_BYTES];

	change_line_by(s, c, line);
	buf_put_u8(out, FRAME_LINE);
	buf_put_u64(out, seq);
	buf_put(out, line, sizeof line);
}

void
change_hash(const struct change *list, size_t n, struct digest *out)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	OWN(digest_free) struct digest_state *part = digest_new();
	uint8_t line[CHANGE_LINE_BYTES];

	for (size_t i = 0; i < n; i++) {
		change_line_by(part, &list[i], line);
		digest_add(s, bytes_of(line, sizeof line));
	}
	digest_end(s, out);
}

/* How long a frame is; 0: what is there does not say yet. Too long to be one
 * when it breaks a limit, which whoever takes it then names. */
static size_t
frame_size(struct bytes x)
{
	enum { FIXED = 1 + 8 + ID_BYTES + 8 + 1 + 4 + 2 };

	if (x.p[0] == FRAME_HEAD)
		return 1 + head_length(bytes_of(x.p + 1, x.n - 1));
	if (x.p[0] == FRAME_END)
		return 1 + 8 + DIGEST_BYTES;
	if (x.p[0] == FRAME_LINE)
		return 1 + 8 + CHANGE_LINE_BYTES;
	if (x.p[0] != FRAME_RECORD)
		return 1;
	if (x.n < FIXED)
		return 0;
	size_t refs = (size_t)be16(x.p + FIXED - 2) * ID_BYTES;
	if (refs > LIMIT_REFS * ID_BYTES)
		return FIXED;
	if (x.n < FIXED + refs + 4)
		return 0;
	size_t ct = be32(x.p + FIXED + refs);
	return FIXED + refs + 4 + (ct > LIMIT_RECORD_BYTES ? 0 : ct);
}

static int
record_frame(struct scan *s, struct frame *out, struct err *e)
{
	struct scan head = *s;

	out->seq = scan_u64(s);
	/* Its ciphertext is not there when it is longer than a record's. */
	(void)scan_take(&head, 8 + ID_BYTES + 8 + 1 + 4);
	(void)scan_take(&head, (size_t)scan_u16(&head) * ID_BYTES);
	uint32_t n = scan_u32(&head);
	if (scan_ok(&head) && n > LIMIT_RECORD_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "a record is larger than %d bytes", LIMIT_RECORD_BYTES);
	return change_take(s, &out->change, e);
}

static int
line_frame(struct scan *s, struct frame *out, struct err *e)
{
	out->seq = scan_u64(s);
	out->line = scan_take(s, CHANGE_LINE_BYTES);
	struct scan f = scan_of(out->line);
	out->change = (struct change){ .id = id_take(&f) };
	out->change.version = scan_u64(&f);
	out->change.flags = scan_u8(&f);
	out->change.key_epoch = scan_u32(&f);
	if (scan_ok(&f) && out->change.version > 0 &&
	    out->change.version <= INT64_MAX &&
	    out->change.flags == CHANGE_TABLE)
		return 0;
	return err_set(e, ERR_RECORD_CORRUPT,
	    "what stands for a record is not well-formed");
}

int
frame_take(struct scan *s, struct frame *out, bool *whole, struct err *e)
{
	size_t n = s->n > 0 ? frame_size(bytes_of(s->p, s->n)) : 0;

	*whole = n > 0 && s->n >= n;
	if (!*whole)
		return 0;
	struct scan f = scan_of(scan_take(s, n));
	uint8_t kind = scan_u8(&f);
	out->kind = (enum change_frame)kind;
	switch (kind) {
	case FRAME_HEAD:
		if (head_parse(head_take(&f), &out->head, e) < 0)
			return err_set(e, ERR_RECORD_CORRUPT,
			    "a zone head is not well-formed");
		return 0;
	case FRAME_RECORD:
		return record_frame(&f, out, e);
	case FRAME_LINE:
		return line_frame(&f, out, e);
	case FRAME_END:
		out->seq = scan_u64(&f);
		out->hash = digest_take(&f);
		return 0;
	default:
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the list of changes holds a frame of kind %u",
		    (unsigned)kind);
	}
}

void
commit_free(struct commit *c)
{
	free(c->changes);
	c->changes = NULL;
	c->n = 0;
}

int
commit_parse(struct bytes x, struct commit *out, struct err *e)
{
	struct scan s = scan_of(x);
	OWN(commit_free) struct commit c = { .changes = NULL };
	struct digest hash;

	struct bytes h = head_take(&s);
	uint32_t n = scan_u32(&s);
	if (!scan_ok(&s) || head_parse(h, &c.head, e) < 0)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a commit is not well-formed");
	if (n > LIMIT_COMMIT_RECORDS)
		return err_set(e, ERR_TOO_LARGE,
		    "a commit changes more than %d records",
		    LIMIT_COMMIT_RECORDS);
	c.changes = mem_array(n, sizeof *c.changes);
	for (c.n = 0; c.n < n; c.n++) {
		if (change_take(&s, &c.changes[c.n], e) < 0)
			return -1;
		if (c.n > 0 &&
		    id_cmp(&c.changes[c.n - 1].id, &c.changes[c.n].id) >= 0)
			return err_set(e, ERR_RECORD_CORRUPT,
			    "a commit's records are not sorted by id");
	}
	if (!scan_done(&s))
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a commit has bytes behind its end");
	change_hash(c.changes, c.n, &hash);
	if (!digest_equal(&hash, &c.head.changes_hash))
		return err_set(e, ERR_RECORD_CORRUPT,
		    "a commit's records are not those its head names");
	*out = c;
	c.changes = NULL;
	return 0;
}

void
commit_put(
    struct buf *out, const struct head *h, const struct change *list, size_t n)
{
	assert(n <= LIMIT_COMMIT_RECORDS);
	head_put(out, h);
	buf_put_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		change_put(out, &list[i]);
}
