/* SPDX-License-Identifier: ISC */
/* chain.c: applying a list of entries. */
#include "client/chain.h"

int
chain_apply(struct circle *c, struct bytes entries, struct err *e)
{
	struct scan s = scan_of(entries);

	while (s.n > 0) {
		struct bytes entry = scan_v16(&s);
		if (!scan_ok(&s))
			return err_set(e, ERR_CIRCLE_INVALID,
			    "the list of devices was cut short");
		if (circle_apply(c, entry, e) < 0)
			return e->code == ERR_CONFLICT
			    ? err_set(e, ERR_CIRCLE_INVALID,
				  "the server left an entry out of the list of "
				  "devices")
			    : -1;
	}
	return 0;
}
