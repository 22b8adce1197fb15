/* SPDX-License-Identifier: ISC */
/* fuzz_reccode.c: codes as people type them, and codes with slips in them. */
/*
 * The first byte is the kind that is asked for, the rest is what was typed.
 * Then the same bytes are a secret, and where its code is changed.
 */
#include "vault/reccode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
must(bool right)
{
	if (!right)
		abort();
}

static enum reccode_kind
kind_of(uint8_t x)
{
	return (enum reccode_kind)(RECCODE_KEY + x % 5);
}

static bool
parse(struct bytes text, enum reccode_kind kind, struct secret **out,
    struct err *e)
{
	if (reccode_parse(text, kind, out, e) == 0)
		return true;
	must(e->code == ERR_RECOVERY_CODE && *out == NULL);
	for (const char *c = e->msg; *c != '\0'; c++)
		must((uint8_t)*c >= ' ');
	return false;
}

static void
typed(enum reccode_kind kind, struct bytes text)
{
	OWN(secret_free) struct secret *s = NULL;
	OWN(secret_free) struct secret *again = NULL;
	OWN(buf_free) struct buf code = { 0 };
	struct err e = { 0 };

	if (!parse(text, kind, &s, &e))
		return;
	reccode_make(s, kind, &code);
	must(parse(buf_bytes(&code), kind, &again, &e));
	must(secret_equal(s, again));
	/* What was typed are the characters of the code, in their order. */
	size_t k = 0;
	for (size_t i = 0; i < text.n && k < code.n; i++) {
		uint8_t c = text.p[i];
		k += code.p[k] == '-';
		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 'a' + 'A');
		k += code.p[k] == c;
	}
	must(k == code.n);
}

/* Another character of the alphabet, for column `at` of a code. */
static void
slip(struct buf *code, uint8_t at, uint8_t by)
{
	static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	size_t i = at % 28u;
	uint8_t *c = code->p + i + i / 4;
	size_t v = (size_t)(strchr(alphabet, *c) - alphabet);

	*c = (uint8_t)alphabet[(v + 1 + by % 31u) % 32];
}

static void
slips(enum reccode_kind kind, const uint8_t p[static RECCODE_SYMBOLS + 4])
{
	OWN(secret_free) struct secret *s = secret_new(RECCODE_SYMBOLS);
	OWN(secret_free) struct secret *out = NULL;
	OWN(buf_free) struct buf code = { 0 };
	const uint8_t *at = p + RECCODE_SYMBOLS;
	char group[16];
	struct err e = { 0 };

	for (size_t i = 0; i < RECCODE_SYMBOLS; i++)
		secret_room(s)[i] = p[i] & 31;
	reccode_make(s, kind, &code);
	must(parse(buf_bytes(&code), kind, &out, &e) && secret_equal(s, out));
	secret_free(&out);
	must(!parse(buf_bytes(&code), kind_of((uint8_t)kind), &out, &e));
	slip(&code, at[0], at[1]);
	must(!parse(buf_bytes(&code), kind, &out, &e));
	(void)snprintf(group, sizeof group, "group %u ", at[0] % 28u / 4 + 1);
	must(strncmp(e.msg, group, strlen(group)) == 0);
	if (at[2] % 28 == at[0] % 28)
		return;
	slip(&code, at[2], at[3]);
	must(!parse(buf_bytes(&code), kind, &out, &e));
}

static void
sheets(struct bytes x)
{
	OWN(secret_free) struct secret *s = reccode_new();
	OWN(secret_free) struct secret *out = NULL;
	struct secret *of[RECCODE_SHEETS];
	int a = x.p[0] % 3, b = x.p[1] % 3;
	struct err e = { 0 };

	for (size_t i = 0; i < RECCODE_SYMBOLS; i++)
		secret_room(s)[i] = x.p[i] & 31;
	reccode_split(s, of);
	if (reccode_join(of[a], (enum reccode_kind)(RECCODE_SHEET_1 + a), of[b],
		(enum reccode_kind)(RECCODE_SHEET_1 + b), &out, &e) == 0)
		must(a != b && secret_equal(s, out));
	else
		must(a == b && e.code == ERR_RECOVERY_CODE);
	for (int i = 0; i < RECCODE_SHEETS; i++)
		secret_free(&of[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	typed(kind_of(p[0]), bytes_of(p + 1, n - 1));
	if (n < 1 + RECCODE_SYMBOLS + 4)
		return 0;
	slips(kind_of(p[0]), p + 1);
	sheets(bytes_of(p + 1, n - 1));
	return 0;
}
