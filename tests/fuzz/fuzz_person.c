/* SPDX-License-Identifier: ISC */
/* fuzz_person.c: records of persons, claims and public codes, as they come. */
#include "wire/person.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written as it was. */
static void
record(struct bytes x)
{
	OWN(buf_free) struct buf again = { 0 };
	struct scan s = scan_of(x);
	struct person p;
	struct err e = { 0 };

	if (person_take(&s, &p, &e) < 0)
		return;
	person_put(&again, &p);
	if (!bytes_equal(buf_bytes(&again), x))
		abort();
}

static void
claim(struct bytes x)
{
	struct scan s = scan_of(x);
	struct person_claim c;
	struct err e = { 0 };

	if (person_claim_take(&s, &c, &e) == 0 && c.seq == 0)
		abort();
}

static void
code(struct bytes x)
{
	static const struct digest root;
	const struct person_key who = { "ana@home.example", &root };
	struct err e = { 0 };
	bool same = false;

	(void)!person_public_is(&who, x, &same, &e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes x =
	    bytes_of(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);

	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		record(x);
		break;
	case 1:
		claim(x);
		break;
	default:
		code(x);
		break;
	}
	return 0;
}
