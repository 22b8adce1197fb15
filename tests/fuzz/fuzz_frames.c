/* SPDX-License-Identifier: ISC */
/* fuzz_frames.c: the list of changes that a server answers with. */
#include "link/zcopy_in.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes answer;

/* Its first byte says in how long pieces it comes. */
static int
changes(struct depot *d, const struct id *zone, uint64_t since,
    uint64_t heads_from, const struct depot_sink *sink, struct err *e)
{
	struct bytes x = answer;
	size_t piece = x.n > 0 ? 1 + (size_t)x.p[0] * 4 : 1;

	(void)d;
	(void)zone;
	(void)since;
	(void)heads_from;
	sink->begin(sink->ctx);
	while (x.n > 0) {
		size_t n = x.n < piece ? x.n : piece;
		if (sink->take(sink->ctx, bytes_of(x.p, n), e) < 0)
			return -1;
		x = bytes_of(x.p + n, x.n - n);
	}
	return 0;
}

/* The frames themselves, of which one at least must be taken or none. */
static void
frames(struct bytes x)
{
	struct scan s = scan_of(x);
	struct frame f;
	struct err e = { 0 };
	bool whole = true;

	while (whole) {
		size_t before = s.n;
		if (frame_take(&s, &f, &whole, &e) < 0)
			return;
		if (whole != (s.n < before))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct depot_ops ops = { .changes = changes };
	struct depot depot = { &ops };
	struct circle circle = { 0 };
	struct zcopy_self self = { .circle = &circle, .unverified = true };
	struct err e = { 0 };

	/* Nothing is written before a head holds, so there is no state.db. */
	struct zcopy z = { .self = &self, .depot = &depot };
	OWN(zcopy_take_free) struct zcopy_take t = { .z = &z };
	struct local_zone next;

	frames(bytes_of(data, size));
	answer = bytes_of(data, size);
	if (zcopy_take_fetch(&t, 0, &e) == 0 &&
	    zcopy_take_check(&t, &next, &e) == 0 && t.n_heads > 0)
		abort(); /* heads of nobody: no chain of them may hold */
	return 0;
}
