/* SPDX-License-Identifier: ISC */
/* node_history.c: the record of a node's former contents. */
#include "tree/node_in.h"

#include <assert.h>

#define FLAGS (NODE_EXEC | NODE_SECRET)

struct id
node_history_id(const struct id *node)
{
	OWN(buf_free) struct buf text = { 0 };

	buf_put(&text, "aumbry drive history v1", 24); /* with its NUL */
	id_put(&text, node);
	return digest_id(buf_bytes(&text));
}

static int
take_version(struct scan *s, struct node_version *v, struct err *e)
{
	struct node_content content;

	v->edits = node_number(s, NODE_EDITS_MAX);
	v->changed_ms = scan_u64(s);
	v->dev = id_take(s);
	v->mtime_s = scan_zigzag(s);
	v->mtime_ns = (uint32_t)node_number(s, NODE_NS_MAX);
	v->flags = scan_u8(s);
	v->content = scan_vv(s);
	if (!scan_ok(s) || v->changed_ms > INT64_MAX ||
	    (v->flags & ~FLAGS) != 0)
		return node_bad(e, "a version that is out of range");
	return node_content_parse(v->content, &content, e);
}

int
node_history_parse(struct bytes plain, struct node_history *out, struct err *e)
{
	struct scan s = scan_of(plain);

	out->n = 0;
	if (plain.n > NODE_HISTORY_MAX)
		return node_bad(e, "a history that is too long");
	if (node_begin(&s, NODE_KIND_HISTORY, e) < 0)
		return -1;
	out->node = id_take(&s);
	size_t n = (size_t)node_number(&s, NODE_VERSIONS_MAX);
	if (n == 0)
		return node_bad(e, "a history without versions");
	for (size_t i = 0; i < n; i++) {
		if (take_version(&s, &out->v[i], e) < 0)
			return -1;
		if (i > 0 && out->v[i].edits >= out->v[i - 1].edits)
			return node_bad(e, "versions that are out of order");
	}
	if (!node_pad_ok(&s, plain.n))
		return node_bad(e, "its pad is wrong");
	out->n = n;
	return 0;
}

static void
put_version(struct buf *out, const struct node_version *v)
{
	assert(v->edits <= NODE_EDITS_MAX && v->changed_ms <= INT64_MAX);
	assert(v->mtime_ns <= NODE_NS_MAX && (v->flags & ~FLAGS) == 0);
	buf_put_varint(out, v->edits);
	buf_put_u64(out, v->changed_ms);
	id_put(out, &v->dev);
	buf_put_zigzag(out, v->mtime_s);
	buf_put_varint(out, v->mtime_ns);
	buf_put_u8(out, v->flags);
	buf_put_vv(out, v->content);
}

void
node_history_put(struct buf *out, const struct node_history *h)
{
	OWN(buf_free) struct buf list = { 0 };
	size_t start = out->n, n = 0;

	assert(h->n > 0 && h->n <= NODE_VERSIONS_MAX);
	for (size_t i = 0; i < h->n; i++) {
		size_t before = list.n;
		assert(i == 0 || h->v[i].edits < h->v[i - 1].edits);
		put_version(&list, &h->v[i]);
		if (2 + ID_BYTES + 1 + list.n > NODE_HISTORY_MAX) {
			list.n = before;
			break;
		}
		n++;
	}
	buf_put_u8(out, NODE_KIND_HISTORY);
	buf_put_u8(out, NODE_FORMAT);
	id_put(out, &h->node);
	buf_put_varint(out, n);
	buf_put_bytes(out, buf_bytes(&list));
	node_pad(out, start);
}
