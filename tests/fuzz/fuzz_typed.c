/* SPDX-License-Identifier: ISC */
/* fuzz_typed.c: addresses and codes as people type them, paths as they come. */
#include "join/pair.h"
#include "join/shown_code.h"
#include "link/remote.h"
#include "http/address.h"
#include "http/route.h"
#include "store/account.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* However it was typed: what is kept of it is read as itself. */
static void
url(const char *s)
{
	OWN(remote_free) struct remote *r = NULL;
	OWN(remote_free) struct remote *again = NULL;
	struct err e = { 0 };

	if (remote_new(s, &r, &e) == 0 &&
	    (remote_new(remote_url(r), &again, &e) < 0 ||
		strcmp(remote_url(again), remote_url(r)) != 0))
		abort();
}

static void
address(const char *s)
{
	char text[ADDRESS_TEXT];
	struct address a;
	struct err e = { 0 };

	(void)address_is(s);
	if (address_parse(s, &a, &e) < 0)
		return;
	address_text((const struct sockaddr *)&a.sa, text);
	if (!address_is(text))
		abort();
	(void)address_is_loopback(&a);
	(void)address_port(&a);
}

static void
code(struct bytes x)
{
	char digits[PAIR_CODE_DIGITS + 1];
	struct err e = { 0 };

	if (pair_parse_code(x, digits, &e) == 0 &&
	    strspn(digits, "0123456789") != PAIR_CODE_DIGITS)
		abort();
	/* No text is a code of both kinds. */
	char other[SHOWN_DIGITS_MAX + 1];
	if (shown_code_parse(SHOWN_VERIFY, x, other, &e) == 0 &&
	    (strspn(other, "0123456789") != SHOWN_DIGITS_MAX ||
		pair_parse_code(x, digits, &e) == 0))
		abort();
}

/* A text with its end in a block of exactly its size. */
static void
path(const char *s)
{
	static const char *const patterns[] = { "/v1/joins/{}/messages",
		"/v1/zones/{}/blobs/{}", "/{}/{}/{}/{}", "/" };
	OWN(mem_free) char *name = mem_text(s);
	OWN(mem_free) char *plain = mem_text(s);

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		OWN(mem_free) char *p = mem_text(s);
		const char *capture[ROUTE_CAPTURES];
		size_t n = 0;
		if (!route_match(patterns[i], p, capture, &n))
			continue;
		for (size_t k = 0; k < n; k++)
			if (strlen(capture[k]) > strlen(s))
				abort();
	}
	if (route_unescape(plain) == 0 && strlen(plain) > strlen(s))
		abort();
	if (account_name_ok(name) && strpbrk(name, "/ABC \n%") != NULL)
		abort();
}

static void
range(const char *s)
{
	static const uint64_t sizes[] = { 0, 1, 1000, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t from, n;
		if (route_range(s, sizes[i], &from, &n) &&
		    (n == 0 || from >= sizes[i] || n > sizes[i] - from))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_free) struct buf b = { 0 };

	code(bytes_of(data, size));
	buf_put(&b, data, size);
	const char *s = buf_text(&b);
	url(s);
	address(s);
	path(s);
	range(s);
	return 0;
}
