/* SPDX-License-Identifier: ISC */
/* fuzz_node.c: records of any bytes; what is parsed is put as it was. */
#include "tree/node.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_node(struct bytes plain)
{
	OWN(buf_free) struct buf again = { 0 };
	OWN(buf_free) struct buf content = { 0 };
	struct node_content c;
	struct digest hash;
	struct node n;
	struct err e;

	if (node_parse(plain, &n, &e) < 0)
		return;
	node_put(&again, &n);
	if (!bytes_equal(buf_bytes(&again), plain) ||
	    node_content_id(&n, &hash, &e) < 0)
		abort();
	(void)node_name_valid(n.name);
	if (n.type != NODE_FILE)
		return;
	if (node_content_parse(n.content, &c, &e) < 0)
		abort();
	node_content_put(&content, &c);
	if (!bytes_equal(buf_bytes(&content), n.content))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_free) struct buf again = { 0 };
	struct bytes plain = bytes_of(data, size);
	struct node_history h;
	struct err e;

	if (node_is(plain)) {
		try_node(plain);
		return 0;
	}
	if (node_history_parse(plain, &h, &e) < 0)
		return 0;
	node_history_put(&again, &h);
	if (!bytes_equal(buf_bytes(&again), plain))
		abort();
	return 0;
}
