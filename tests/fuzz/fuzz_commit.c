/* SPDX-License-Identifier: ISC */
/* fuzz_commit.c: commits and streams of changes as they arrive. */
#include "wire/change.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses is written back byte for byte. */
static void
same_again(const struct commit *c, struct bytes x)
{
	OWN(buf_free) struct buf out = { 0 };

	commit_put(&out, &c->head, c->changes, c->n);
	if (!bytes_equal(buf_bytes(&out), x))
		abort();
}

static void
commit(struct bytes x)
{
	OWN(commit_free) struct commit c = { .changes = NULL };
	struct err e = { 0 };

	if (commit_parse(x, &c, &e) == 0)
		same_again(&c, x);
	else if (c.changes != NULL || e.code == ERR_NONE)
		abort();
}

/* The hash is what a random change of bytes never gets right: mend it. */
static void
mended(struct bytes x)
{
	OWN(buf_free) struct buf out = { 0 };
	OWN(mem_free) struct change *list = NULL;
	struct scan s = scan_of(x);
	struct head h;
	struct err e;
	size_t n = 0;

	if (head_parse(head_take(&s), &h, &e) < 0)
		return;
	uint32_t said = scan_u32(&s);
	if (said > LIMIT_COMMIT_RECORDS)
		return;
	list = mem_array(said, sizeof *list);
	while (n < said && change_take(&s, &list[n], &e) == 0)
		n++;
	change_hash(list, n, &h.changes_hash);
	commit_put(&out, &h, list, n);
	commit(buf_bytes(&out));
}

static void
stream(struct bytes x)
{
	struct scan s = scan_of(x);
	struct change c;
	struct head h;
	struct err e;

	while (s.n > 0 && scan_ok(&s)) {
		uint8_t kind = scan_u8(&s);
		if (kind == FRAME_HEAD) {
			if (head_parse(head_take(&s), &h, &e) < 0)
				return;
		} else if (kind == FRAME_RECORD) {
			(void)scan_u64(&s);
			if (change_take(&s, &c, &e) < 0)
				return;
			if (c.version == 0 || c.refs.n % ID_BYTES != 0)
				abort();
		} else {
			return;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes x = { data, size };

	commit(x);
	mended(x);
	stream(x);
	return 0;
}
