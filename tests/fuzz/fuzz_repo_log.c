/* SPDX-License-Identifier: ISC */
/* fuzz_repo_log.c: the log of a folder: what it hands out lies within. */
#include "link/repo_log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	struct bytes all;
	size_t handed;
};

static int
take(void *ctx, struct bytes frames, struct err *e)
{
	struct input *in = ctx;

	(void)e;
	if (frames.p < in->all.p || frames.n > in->all.n ||
	    frames.p + frames.n > in->all.p + in->all.n)
		abort();
	in->handed += frames.n;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { bytes_of(data, size), 0 };
	struct err e = { 0 };
	uint64_t bad = 0;

	if (repo_log_read(in.all, take, &in, &bad, &e) < 0 || in.handed > size)
		abort();
	return 0;
}
