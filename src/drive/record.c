/* SPDX-License-Identifier: ISC */
/* record.c: records that follow from others. */
#include "drive/record.h"

#include <string.h>

int
record_history_of(struct zcopy *zone, const struct id *node,
    struct node_history *out, struct buf *plain, uint64_t *version,
    struct err *e)
{
	struct id at = node_history_id(node);
	struct err why;

	if (zcopy_look(zone, &at, version, plain, e) < 0)
		return -1;
	/* One that cannot be read is replaced, or no change could be kept. */
	if (plain->n == 0 ||
	    node_history_parse(buf_bytes(plain), out, &why) < 0 ||
	    !id_equal(&out->node, node))
		*out = (struct node_history){ .node = *node };
	return 0;
}

int
record_history(struct zcopy *zone, const struct id *node,
    const struct node *was, struct buf *plain, uint64_t *version, struct err *e)
{
	OWN(buf_free) struct buf old = { 0 };
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;

	if (record_history_of(zone, node, h, &old, version, e) < 0)
		return -1;
	/* Another device's record may say that it had later ones. */
	size_t later = 0;
	while (later < h->n && h->v[later].edits >= was->edits)
		later++;
	h->n -= later;
	if (h->n == NODE_VERSIONS_MAX)
		h->n--;
	memmove(h->v + 1, h->v + later, h->n * sizeof *h->v);
	h->n++;
	h->v[0] = (struct node_version){ .edits = was->edits,
		.changed_ms = was->changed_ms,
		.dev = was->dev,
		.mtime_s = was->mtime_s,
		.mtime_ns = was->mtime_ns,
		.flags = (uint8_t)(was->flags & (NODE_EXEC | NODE_SECRET)),
		.content = was->content };
	node_history_put(plain, h);
	return 0;
}
