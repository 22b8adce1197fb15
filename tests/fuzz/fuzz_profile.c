/* SPDX-License-Identifier: ISC */
/* fuzz_profile.c: any lines of a device profile: the first byte is the kind. */
#include "profile/profile.h"
#include "profile/step.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What becomes a word of a command line can be no option and no two. */
static void
check(enum items_kind kind, const struct items *x)
{
	for (size_t i = 0; i < x->n; i++) {
		const char *key = x->list[i].key;
		if (strpbrk(key, "\n\r\x1b") != NULL ||
		    strpbrk(x->list[i].value, "\n\r\x1b") != NULL)
			abort();
		if (kind != ITEMS_CRONTAB && kind != ITEMS_NAMES &&
		    (key[0] == '-' || strpbrk(key, " ;$`'\"&|<>*?") != NULL))
			abort();
		if (kind == ITEMS_UNITS && strchr(key, '/') != NULL)
			abort();
		if (kind == ITEMS_PACKAGES && key[strlen(key) - 1] == '-')
			abort();
		if (kind == ITEMS_PRINTERS && strchr(x->list[i].value, '\''))
			abort();
		if (kind == ITEMS_SETTINGS &&
		    (key[0] != '/' || strrchr(key, '/')[1] == '\0'))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(items_free) struct items x = { 0 };
	OWN(items_free) struct items missing = { 0 };
	struct items none = { 0 };
	OWN(profile_about_free) struct profile_about a = { 0 };
	OWN(profile_step_free)
	struct profile_step s = { .piece = &profile_pieces[PROFILE_WIFI] };
	struct err e;

	if (size == 0)
		return 0;
	enum items_kind kind = (enum items_kind)(data[0] % ITEMS_KINDS);
	struct bytes text = bytes_of(data + 1, size - 1);
	items_read(kind, text, &x);
	check(kind, &x);
	items_missing(&x, &none, true, &missing);
	items_sort(&x);
	if (x.n > 0 && items_find(&x, x.list[0].key) == NULL)
		abort();
	(void)!profile_about_read(text, &a, &e);
	size_t half = text.n / 2;
	profile_step_connection(
	    &s, bytes_of(text.p, half), bytes_of(text.p + half, text.n - half));
	if (s.backed.n > 0 && strchr(s.backed.list[0].key, '/') != NULL)
		abort();
	return 0;
}
