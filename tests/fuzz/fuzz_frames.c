/* SPDX-License-Identifier: ISC */
/* fuzz_frames.c: the list of changes that a server answers with. */
#include "client/zcopy_in.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes answer;

static int
changes(struct depot *d, const struct id *zone, uint64_t since, unsigned wait_s,
    struct buf *out, struct err *e)
{
	(void)d;
	(void)zone;
	(void)since;
	(void)wait_s;
	(void)e;
	buf_put_bytes(out, answer);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct depot_ops ops = { .changes = changes };
	struct depot depot = { &ops };
	struct circle circle = { 0 };
	struct zcopy_self self = { .circle = &circle };
	struct zcopy z = { .self = &self, .depot = &depot };
	OWN(zcopy_news_free) struct zcopy_news news = { 0 };
	struct err e = { 0 };

	answer = bytes_of(data, size);
	if (zcopy_fetch_all(&z, &news, &e) < 0)
		return 0;
	/* Heads of nobody: no chain of them may hold. */
	if (zcopy_check_chain(&z, &news, &e) == 0 && news.n_heads > 0)
		abort();
	return 0;
}
