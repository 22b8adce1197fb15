/* SPDX-License-Identifier: ISC */
/* chain.c: applying a list of entries. */
#include "client/chain.h"

#include "base/now.h"

int
chain_in_time(const struct circle *c, struct err *e)
{
	uint64_t now = (uint64_t)now_ms();

	/* Time never falls along the chain: the newest entry is the latest. */
	if (c->time_ms <= now + LIMIT_CLOCK_SKEW_MS)
		return 0;
	(void)err_set(e, ERR_CLOCK_WRONG,
	    "entry %u of the list of devices is of %llu minutes from now",
	    (unsigned)c->seq, (unsigned long long)(c->time_ms - now) / 60000);
	return err_remedy(e,
	    "Set this device's clock. If it is right, somebody has dated a "
	    "change of the devices ahead: it is not followed until then.");
}

int
chain_follow(
    struct circle *c, struct bytes entries, chain_gap_fn on_gap, struct err *e)
{
	struct scan s = scan_of(entries);

	while (s.n > 0) {
		struct bytes entry = scan_v16(&s);
		if (!scan_ok(&s))
			return err_set(e, ERR_CIRCLE_INVALID,
			    "the list of devices was cut short");
		if (circle_apply(c, entry, e) < 0)
			return e->code == ERR_CONFLICT ? on_gap(c, entry, e)
						       : -1;
	}
	return 0;
}

int
chain_gap(const struct circle *c, struct bytes entry, struct err *e)
{
	struct entry_view v;

	if (circle_entry_parse(entry, &v, e) < 0)
		return -1;
	if (v.seq > c->seq + 1)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "the server left entry %u out of the list of devices",
		    (unsigned)c->seq + 1);
	return err_set(e, ERR_CIRCLE_FORKED,
	    "the server's list of devices does not continue the one this "
	    "device has seen");
}

int
chain_extend(struct circle *c, struct bytes entries, struct err *e)
{
	if (entries.n == 0)
		return 0;
	return chain_follow(c, entries, chain_gap, e) < 0 ? -1
							  : chain_in_time(c, e);
}

static int
left_out(const struct circle *c, struct bytes entry, struct err *e)
{
	(void)c;
	(void)entry;
	return err_set(e, ERR_CIRCLE_INVALID,
	    "the server left an entry out of the list of devices");
}

int
chain_apply(struct circle *c, struct bytes entries, struct err *e)
{
	return chain_follow(c, entries, left_out, e) < 0 ? -1
							 : chain_in_time(c, e);
}
