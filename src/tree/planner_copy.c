/* SPDX-License-Identifier: ISC */
/* planner_copy.c: what a conflict copy is called. */
#include "tree/planner_in.h"

/* Cut at a character, so that n bytes are not gone over. */
static size_t
cut_at(struct bytes x, size_t n)
{
	if (x.n <= n)
		return x.n;
	while (n > 0 && (x.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void
planner_copy_name(const struct plan_policy *p, struct bytes name,
    unsigned number, unsigned max, struct buf *out)
{
	OWN(buf_free) struct buf mark = { 0 };
	size_t dot = name.n;

	if (max == 0 || max > NODE_NAME_MAX)
		max = NODE_NAME_MAX;
	/* The ending is what stands behind the last dot, if it is short. */
	for (size_t i = name.n; i-- > 1;)
		if (name.p[i] == '.') {
			if (name.n - i <= 16)
				dot = i;
			break;
		}
	size_t device = cut_at(p->device, 64);
	buf_put_str(&mark, " (from ");
	for (size_t i = 0; i < device; i++)
		buf_put_u8(&mark, p->device.p[i] == '/' ? '_' : p->device.p[i]);
	buf_put_str(&mark, ", ");
	buf_put_bytes(&mark, p->day);
	if (number > 1)
		buf_printf(&mark, ", %u", number);
	buf_put_str(&mark, ")");
	struct bytes end = bytes_of(name.p + dot, name.n - dot);
	size_t room = max > mark.n + end.n ? max - mark.n - end.n : 1;
	buf_put(out, name.p, cut_at(bytes_of(name.p, dot), room));
	buf_put_bytes(out, buf_bytes(&mark));
	buf_put_bytes(out, end);
}
