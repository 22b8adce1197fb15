/* SPDX-License-Identifier: ISC */
/* node.c: the record of a node: put and parsed, in one form each. */
#include "tree/node_in.h"

#include <assert.h>
#include <string.h>

bool
node_name_valid(struct bytes name)
{
	return name.n > 0 && name.n <= NODE_NAME_MAX &&
	    !bytes_equal(name, bytes_str(".")) &&
	    !bytes_equal(name, bytes_str("..")) &&
	    memchr(name.p, '/', name.n) == NULL &&
	    memchr(name.p, '\0', name.n) == NULL;
}

size_t
node_name_cut(struct bytes name, size_t n)
{
	if (name.n <= n)
		return name.n;
	while (n > 0 && (name.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void
node_name_mark(
    struct bytes name, struct bytes mark, size_t max, struct buf *out)
{
	size_t dot = name.n;

	/* The ending is what stands behind the last dot, if it is short. */
	for (size_t i = name.n; i-- > 1;)
		if (name.p[i] == '.') {
			if (name.n - i <= 16)
				dot = i;
			break;
		}
	struct bytes end = bytes_of(name.p + dot, name.n - dot);
	size_t room = max > mark.n + end.n ? max - mark.n - end.n : 1;
	buf_put(out, name.p, node_name_cut(bytes_of(name.p, dot), room));
	buf_put_bytes(out, mark);
	buf_put_bytes(out, end);
}

static bool
holds_nul(struct bytes x)
{
	return x.n > 0 && memchr(x.p, '\0', x.n) != NULL;
}

static bool
attrs_ok(struct bytes attrs)
{
	struct scan s = scan_of(attrs);
	struct bytes before = { NULL, 0 };

	while (scan_ok(&s) && s.n > 0) {
		struct bytes name = scan_v8(&s);
		(void)scan_vv(&s);
		if (name.n == 0 || holds_nul(name) ||
		    bytes_cmp(before, name) >= 0)
			return false;
		before = name;
	}
	return scan_done(&s) && attrs.n <= NODE_ATTRS_MAX;
}

static bool
target_ok(struct bytes target)
{
	return target.n > 0 && target.n <= NODE_TARGET_MAX &&
	    !holds_nul(target);
}

static bool
flags_ok(enum node_type type, uint16_t flags)
{
	return (flags & ~NODE_FLAGS) == 0 &&
	    (type == NODE_FILE || (flags & (NODE_EXEC | NODE_SECRET)) == 0);
}

void
node_put(struct buf *out, const struct node *n)
{
	size_t start = out->n;
	struct node_content content;
	struct err e;

	assert(n->type >= NODE_FILE && n->type <= NODE_SHARE);
	assert(flags_ok(n->type, n->flags) && attrs_ok(n->attrs));
	assert(n->mtime_ns <= NODE_NS_MAX && n->name.n <= NODE_NAME_MAX);
	assert(n->changed_ms <= INT64_MAX && n->trashed_ms <= INT64_MAX);
	assert(n->edits <= NODE_EDITS_MAX);
	buf_put_u8(out, NODE_KIND);
	buf_put_u8(out, NODE_FORMAT);
	buf_put_u8(out, (uint8_t)n->type);
	buf_put_u16(out, n->flags);
	id_put(out, &n->parent);
	buf_put_v8(out, n->name);
	buf_put_zigzag(out, n->mtime_s);
	buf_put_varint(out, n->mtime_ns);
	id_put(out, &n->dev);
	buf_put_u64(out, n->changed_ms);
	buf_put_varint(out, n->edits);
	if (n->flags & NODE_TRASHED)
		buf_put_u64(out, n->trashed_ms);
	buf_put_vv(out, n->attrs);
	if (n->type == NODE_FILE) {
		assert(node_content_parse(n->content, &content, &e) == 0);
		buf_put_bytes(out, n->content);
	} else if (n->type == NODE_SYMLINK) {
		assert(target_ok(n->target));
		buf_put_vv(out, n->target);
	} else if (n->type == NODE_SHARE) {
		id_put(out, &n->share_owner);
		id_put(out, &n->share_zone);
	}
	node_pad(out, start);
}

int64_t
node_mtime_ns(const struct node *n)
{
	const int64_t most = INT64_MAX / 1000000000;

	if (n->mtime_s >= most)
		return INT64_MAX;
	return n->mtime_s <= -most ? INT64_MIN
				   : n->mtime_s * 1000000000 + n->mtime_ns;
}

void
node_edited(struct node *n)
{
	if (n->edits < NODE_EDITS_MAX)
		n->edits++;
}

bool
node_is(struct bytes plain)
{
	return plain.n > 0 && plain.p[0] == NODE_KIND;
}

static uint64_t
take_ms(struct scan *s)
{
	uint64_t ms = scan_u64(s);

	if (ms > INT64_MAX)
		s->bad = true;
	return s->bad ? 0 : ms;
}

static int
take_fixed(struct scan *s, struct node *x, struct err *e)
{
	uint8_t type = scan_u8(s);

	if (!scan_ok(s) || type < NODE_FILE || type > NODE_SHARE)
		return node_bad(e, "no such type");
	x->type = type;
	x->flags = scan_u16(s);
	if (!flags_ok(x->type, x->flags))
		return node_bad(e, "flags that it cannot have");
	x->parent = id_take(s);
	x->name = scan_v8(s);
	x->mtime_s = scan_zigzag(s);
	x->mtime_ns = (uint32_t)node_number(s, NODE_NS_MAX);
	x->dev = id_take(s);
	x->changed_ms = take_ms(s);
	x->edits = node_number(s, NODE_EDITS_MAX);
	if (x->flags & NODE_TRASHED)
		x->trashed_ms = take_ms(s);
	x->attrs = scan_vv(s);
	if (!scan_ok(s))
		return node_bad(e, "cut short, or a number out of range");
	return attrs_ok(x->attrs)
	    ? 0
	    : node_bad(e, "its attributes are not well-formed");
}

static int
take_tail(struct scan *s, struct node *x, struct err *e)
{
	struct node_content content;
	const uint8_t *from = s->p;

	switch (x->type) {
	case NODE_FILE:
		if (node_content_take(s, &content, e) < 0)
			return -1;
		x->content = bytes_of(from, (size_t)(s->p - from));
		return 0;
	case NODE_SYMLINK:
		x->target = scan_vv(s);
		return scan_ok(s) && target_ok(x->target)
		    ? 0
		    : node_bad(e, "a target that no link can have");
	case NODE_SHARE:
		x->share_owner = id_take(s);
		x->share_zone = id_take(s);
		return 0;
	default:
		return 0;
	}
}

int
node_parse(struct bytes plain, struct node *out, struct err *e)
{
	struct scan s = scan_of(plain);
	struct node x = { 0 };

	if (node_begin(&s, NODE_KIND, e) < 0 || take_fixed(&s, &x, e) < 0 ||
	    take_tail(&s, &x, e) < 0)
		return -1;
	if (!node_pad_ok(&s, plain.n))
		return node_bad(e, "its pad is wrong");
	*out = x;
	return 0;
}
