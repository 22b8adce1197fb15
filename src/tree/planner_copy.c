/* SPDX-License-Identifier: ISC */
/* planner_copy.c: what a conflict copy is called. */
#include "tree/planner_in.h"

void
planner_copy_name(const struct plan_policy *p, struct bytes name,
    unsigned number, unsigned max, struct buf *out)
{
	OWN(buf_free) struct buf mark = { 0 };

	if (max == 0 || max > NODE_NAME_MAX)
		max = NODE_NAME_MAX;
	size_t device = node_name_cut(p->device, 64);
	buf_put_str(&mark, " (from ");
	for (size_t i = 0; i < device; i++)
		buf_put_u8(&mark, p->device.p[i] == '/' ? '_' : p->device.p[i]);
	buf_put_str(&mark, ", ");
	buf_put_bytes(&mark, p->day);
	if (number > 1)
		buf_printf(&mark, ", %u", number);
	buf_put_str(&mark, ")");
	node_name_mark(name, buf_bytes(&mark), max, out);
}
