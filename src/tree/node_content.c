/* SPDX-License-Identifier: ISC */
/* node_content.c: what a file holds: its bytes, or where they are. */
#include "tree/node_in.h"

#include "vault/pack.h"

#include <assert.h>

#define DEPTH_MAX 4
/* Of an item in a list: a name, and a length of up to PACK_BLOCK. */
#define ITEM_MIN (DIGEST_BYTES + 1)
#define ITEM_MAX (DIGEST_BYTES + 3)

/* A list as it is looked through. */
struct list {
	uint64_t sum; /* of the lengths */
	uint32_t stored; /* items that are no hole */
};

static int
take_items(
    struct scan *s, struct node_content *c, struct list *l, struct err *e)
{
	const uint8_t *from = s->p;

	*l = (struct list){ 0 };
	for (uint32_t i = 0; i < c->n; i++) {
		struct digest name = digest_take(s);
		bool hole = digest_zero(&name);
		uint64_t n = node_number(s, PACK_BLOCK);
		if (!scan_ok(s) || n == 0)
			return node_bad(e, "a length in its list");
		if (hole && c->form == NODE_TREE)
			return node_bad(e, "a hole where none can be");
		l->sum += n;
		l->stored += hole ? 0 : 1;
	}
	c->list = bytes_of(from, (size_t)(s->p - from));
	return 0;
}

/* Do the chunks stand for as many bytes as there are? */
static bool
adds_up(const struct node_content *c, uint64_t sum)
{
	if (c->form == NODE_LIST)
		return sum == c->size;
	/* Of a longer list: at least an item, and none without a byte. */
	return sum >= ITEM_MIN && sum / ITEM_MAX <= c->size;
}

static int
take_hints(
    struct scan *s, struct node_content *c, uint32_t stored, struct err *e)
{
	uint64_t covered = 0;

	c->n_hints = (uint32_t)node_number(s, stored);
	const uint8_t *from = s->p;
	for (uint32_t i = 0; scan_ok(s) && i < c->n_hints; i++) {
		(void)id_take(s);
		uint64_t first = node_number(s, PACK_ENTRIES - 1);
		uint64_t count = node_number(s, PACK_ENTRIES - first);
		covered += count;
		if (count == 0 || covered > stored)
			s->bad = true;
	}
	if (!scan_ok(s))
		return node_bad(e, "hints of more than its chunks");
	c->hints = bytes_of(from, (size_t)(s->p - from));
	return 0;
}

static int
take_list(struct scan *s, struct node_content *c, struct err *e)
{
	struct list l;

	if (c->form == NODE_TREE) {
		c->depth = scan_u8(s);
		if (c->depth < 1 || c->depth > DEPTH_MAX)
			return node_bad(e, "a list of no such depth");
	}
	c->n = (uint32_t)node_number(s, NODE_LIST_MAX);
	if (c->n == 0)
		return node_bad(e, "a list of no such length");
	if (take_items(s, c, &l, e) < 0)
		return -1;
	if (!adds_up(c, l.sum))
		return node_bad(e, "its list does not add up to its size");
	return take_hints(s, c, l.stored, e);
}

int
node_content_take(struct scan *s, struct node_content *out, struct err *e)
{
	struct node_content c = { .size = node_number(s, NODE_SIZE_MAX) };
	uint8_t form = scan_u8(s);

	if (!scan_ok(s) || form > NODE_TREE)
		return node_bad(e, "no such size or form");
	c.form = form;
	if (c.form == NODE_INLINE) {
		c.bytes = scan_vv(s);
		if (!scan_ok(s) || c.bytes.n != c.size ||
		    c.size > NODE_INLINE_MAX)
			return node_bad(e, "it does not hold its size");
	} else if (take_list(s, &c, e) < 0) {
		return -1;
	}
	*out = c;
	return 0;
}

int
node_content_parse(struct bytes stored, struct node_content *out, struct err *e)
{
	struct scan s = scan_of(stored);
	struct node_content c;

	if (node_content_take(&s, &c, e) < 0)
		return -1;
	if (!scan_done(&s))
		return node_bad(e, "more than its content");
	*out = c;
	return 0;
}

/* What says which bytes it has, and not where they are. */
static void
put_plain(struct buf *out, const struct node_content *c)
{
	buf_put_varint(out, c->size);
	buf_put_u8(out, (uint8_t)c->form);
	if (c->form == NODE_INLINE) {
		buf_put_vv(out, c->bytes);
		return;
	}
	if (c->form == NODE_TREE)
		buf_put_u8(out, c->depth);
	buf_put_varint(out, c->n);
	buf_put_bytes(out, c->list);
}

void
node_content_put(struct buf *out, const struct node_content *c)
{
	assert(c->size <= NODE_SIZE_MAX && c->n <= NODE_LIST_MAX);
	assert(c->form != NODE_INLINE || c->size <= NODE_INLINE_MAX);
	put_plain(out, c);
	if (c->form == NODE_INLINE)
		return;
	buf_put_varint(out, c->n_hints);
	buf_put_bytes(out, c->hints);
}

int
node_content_id(const struct node *n, struct digest *out, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	struct node_content c = { 0 };

	if (n->type == NODE_DIR) {
		*out = (struct digest){ { 0 } };
		return 0;
	}
	buf_put(&text, "aumbry drive content v1", 24); /* with its NUL */
	buf_put_u8(&text, (uint8_t)n->type);
	if (n->type == NODE_FILE) {
		if (node_content_parse(n->content, &c, e) < 0)
			return -1;
		put_plain(&text, &c);
	} else if (n->type == NODE_SYMLINK) {
		buf_put_vv(&text, n->target);
	} else {
		id_put(&text, &n->share_owner);
		id_put(&text, &n->share_zone);
	}
	digest_of(buf_bytes(&text), out);
	return 0;
}
