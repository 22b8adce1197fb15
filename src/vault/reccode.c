/* SPDX-License-Identifier: ISC */
/* reccode.c: recovery codes: Reed-Solomon and sharing over GF(32). */
#include "vault/reccode.h"

#include "base/rune.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

#define GROUP 4 /* characters */
#define WRITTEN (GROUP * RECCODE_GROUPS)
/* A word of the Reed-Solomon code: the kind, the secret, 2 check symbols. */
#define WORD (1 + WRITTEN)
#define FIELD 32 /* elements */
#define FIELD_POLYNOMIAL 0x25u /* x^5 + x^2 + 1 */
#define ALPHA 2 /* x, which generates the field's other 31 elements */

static_assert(WORD == 1 + RECCODE_SYMBOLS + 2, "two check symbols");
static_assert(RECCODE_TEXT == WRITTEN + RECCODE_GROUPS - 1, "dashes between");

/* What has to do with secrets has no branch and no index that depends on one. */

/* ---- the field ---- */

static uint8_t
gf_times(uint8_t a, uint8_t b)
{
	uint32_t wide = a, bits = b, product = 0;

	for (unsigned i = 0; i < 5; i++)
		product ^= (0u - (bits >> i & 1u)) & wide << i;
	for (unsigned i = 8; i >= 5; i--)
		product ^=
		    (0u - (product >> i & 1u)) & FIELD_POLYNOMIAL << (i - 5);
	return (uint8_t)product;
}

/* a^30, which is 1/a. */
static uint8_t
gf_inverse(uint8_t a)
{
	uint8_t power = a;

	for (unsigned i = 1; i < FIELD - 2; i++)
		power = gf_times(power, a);
	return power;
}

/* ---- the word ---- */

/* The word as a polynomial, highest degree first, at 1 and at ALPHA. */
static void
syndromes(const uint8_t word[static WORD], uint8_t *s0, uint8_t *s1)
{
	*s0 = *s1 = 0;
	for (size_t i = 0; i < WORD; i++) {
		*s0 ^= word[i];
		*s1 = gf_times(*s1, ALPHA) ^ word[i];
	}
}

/* Set the last two symbols so that both syndromes are zero. */
static void
put_check(uint8_t word[static WORD])
{
	uint8_t s0, s1;

	word[WORD - 2] = word[WORD - 1] = 0;
	syndromes(word, &s0, &s1);
	word[WORD - 2] = gf_times(s0 ^ s1, gf_inverse(1 ^ ALPHA));
	word[WORD - 1] = s0 ^ word[WORD - 2];
}

/*
 * Where a single error is: an index of the word, WORD when it is no single one.
 * Not both syndromes are zero; when one is, it is no single one.
 */
static size_t
locate(uint8_t s0, uint8_t s1)
{
	uint8_t at = s0; /* s0 * ALPHA^degree */

	for (size_t i = WORD; i-- > 0; at = gf_times(at, ALPHA))
		if (at == s1)
			return i;
	return WORD;
}

/* ---- kinds and characters ---- */

/* For people; NULL when there is no such kind. */
static const char *
name_of(unsigned kind)
{
	static const char *const names[] = {
		[RECCODE_KEY] = "a recovery key",
		[RECCODE_CONTACT] = "the code of a recovery contact",
		[RECCODE_SHEET_1] = "sheet 1 of a paper kit",
		[RECCODE_SHEET_2] = "sheet 2 of a paper kit",
		[RECCODE_SHEET_3] = "sheet 3 of a paper kit",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

/* 1 when a > b, else 0. */
static unsigned
above(unsigned a, unsigned b)
{
	return (b - a) >> 31;
}

/* The character of a symbol: A to Z without I and O, then 2 to 9. */
static uint8_t
char_of(uint8_t symbol)
{
	return (uint8_t)('A' + symbol + above(symbol, 'H' - 'A') +
	    above(symbol, 'M' - 'A') - 41 * above(symbol, 23));
}

/* The symbol of a character, either case; FIELD when no code has it. */
static uint8_t
symbol_of(uint8_t c)
{
	uint8_t upper = c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
	uint8_t symbol = 0;

	while (symbol < FIELD && char_of(symbol) != upper)
		symbol++;
	return symbol;
}

/* ---- making ---- */

static void
check_secret(const struct secret *s)
{
	uint8_t any = 0;

	assert(secret_bytes(s).n == RECCODE_SYMBOLS);
	for (size_t i = 0; i < RECCODE_SYMBOLS; i++)
		any |= secret_bytes(s).p[i];
	assert(any < FIELD);
}

struct secret *
reccode_new(void)
{
	struct secret *s = secret_random(RECCODE_SYMBOLS);
	uint8_t *p = secret_room(s);

	for (size_t i = 0; i < RECCODE_SYMBOLS; i++)
		p[i] &= FIELD - 1;
	return s;
}

void
reccode_make(const struct secret *s, enum reccode_kind kind, struct buf *out)
{
	OWN(secret_free) struct secret *whole = secret_new(WORD);
	uint8_t *word = secret_room(whole);

	check_secret(s);
	assert(name_of(kind) != NULL);
	word[0] = (uint8_t)kind;
	memcpy(word + 1, secret_bytes(s).p, RECCODE_SYMBOLS);
	put_check(word);
	buf_room(out, RECCODE_TEXT);
	for (size_t i = 0; i < WRITTEN; i++) {
		if (i > 0 && i % GROUP == 0)
			buf_put_u8(out, '-');
		buf_put_u8(out, char_of(word[1 + i]));
	}
}

/* ---- parsing ---- */

/* What a person typed, as it is read. */
struct typed {
	uint8_t
	    *word; /* borrowed; the first WRITTEN symbols, behind the kind */
	size_t n; /* characters, also those that are too many */
	size_t groups; /* as spaces and dashes set them apart */
	size_t in_group[RECCODE_GROUPS]; /* characters of the first of them */
	struct bytes impossible; /* the first character that no code has */
	size_t impossible_n; /* characters before it */
	size_t impossible_group; /* counted by groups, from 1 */
};

/* Bytes of the character that x begins with, UTF-8 or not, at most 4. */
static size_t
char_size(struct bytes x)
{
	size_t n = 1;

	if (x.p[0] >= 0xc0)
		while (n < 4 && n < x.n && (x.p[n] & 0xc0) == 0x80)
			n++;
	return n;
}

/* c: as it stands there; narrow: what it is read as. */
static void
take_char(struct typed *t, struct bytes c, uint32_t narrow)
{
	uint8_t symbol = narrow < 0x80 ? symbol_of((uint8_t)narrow) : FIELD;

	if (symbol == FIELD && t->impossible.n == 0) {
		t->impossible = c;
		t->impossible_n = t->n;
		t->impossible_group = t->groups;
	}
	if (t->n < WRITTEN)
		t->word[1 + t->n] = symbol;
	if (t->groups <= RECCODE_GROUPS)
		t->in_group[t->groups - 1]++;
	t->n++;
}

static void
take_text(struct typed *t, struct bytes text)
{
	bool apart = true; /* the next character begins a group */
	size_t step;

	for (size_t i = 0; i < text.n; i += step) {
		struct bytes rest = bytes_of(text.p + i, text.n - i);
		uint32_t r = UINT32_MAX; /* not UTF-8 */
		step = rune_take(rest, &r);
		if (step > 0 && (rune_is_space(r) || rune_is_dash(r))) {
			apart = true;
			continue;
		}
		if (step > 0 && rune_is_mark(r))
			continue;
		step = step > 0 ? step : char_size(rest);
		t->groups += apart;
		apart = false;
		take_char(t, bytes_of(rest.p, step), rune_narrow(r));
	}
}

/* Only characters that codes have. */
static int
check_chars(const struct typed *t, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };
	/* With as many groups as there should be, trust them. */
	size_t group = t->groups == RECCODE_GROUPS
	    ? t->impossible_group
	    : t->impossible_n / GROUP + 1;

	if (t->impossible.n == 0)
		return 0;
	text_show(&shown, t->impossible);
	return err_set(e, ERR_RECOVERY_CODE,
	    "a \"%s\" stands %s group %zu; codes have the letters A to Z "
	    "without I and O, and the digits 2 to 9",
	    buf_text(&shown), group > RECCODE_GROUPS ? "behind" : "in",
	    group > RECCODE_GROUPS ? RECCODE_GROUPS : group);
}

/* As many characters as a code has. */
static int
check_length(const struct typed *t, struct err *e)
{
	if (t->n == WRITTEN)
		return 0;
	(void)err_set(e, ERR_RECOVERY_CODE,
	    "a code has %d characters, and this has %zu", WRITTEN, t->n);
	for (size_t i = 0; t->groups == RECCODE_GROUPS && i < t->groups; i++)
		if (t->in_group[i] != GROUP)
			return err_set(e, ERR_RECOVERY_CODE,
			    "a code has %d characters, and this has %zu: "
			    "group %zu has %zu in the place of %d",
			    WRITTEN, t->n, i + 1, t->in_group[i], GROUP);
	return err_remedy(e, "Type all %d groups of %d that are on the paper.",
	    RECCODE_GROUPS, GROUP);
}

/* A word of the Reed-Solomon code. */
static int
check_word(const uint8_t word[static WORD], struct err *e)
{
	uint8_t s0, s1;

	syndromes(word, &s0, &s1);
	if (s0 == 0 && s1 == 0)
		return 0;
	size_t at = locate(s0, s1);
	if (at > 0 && at < WORD)
		return err_set(e, ERR_RECOVERY_CODE,
		    "group %zu is wrong: look at it again; if it is right, "
		    "more than one character is wrong",
		    (at - 1) / GROUP + 1);
	const char *other = at == 0 ? name_of(word[0] ^ s0) : NULL;
	if (other != NULL) {
		(void)err_set(e, ERR_RECOVERY_CODE, "this is %s, not %s", other,
		    name_of(word[0]));
		return err_remedy(e, "Type %s.", name_of(word[0]));
	}
	(void)err_set(e, ERR_RECOVERY_CODE,
	    "more than one character is wrong, or some have changed places; "
	    "which ones cannot be told");
	return err_remedy(e,
	    "Compare all %d groups with the paper, and type the code again.",
	    RECCODE_GROUPS);
}

int
reccode_parse(struct bytes text, enum reccode_kind kind, struct secret **out,
    struct err *e)
{
	OWN(secret_free) struct secret *whole = secret_new(WORD);
	struct typed t = { .word = secret_room(whole) };

	assert(name_of(kind) != NULL);
	t.word[0] = (uint8_t)kind;
	take_text(&t, text);
	if (check_chars(&t, e) < 0 || check_length(&t, e) < 0 ||
	    check_word(t.word, e) < 0)
		return -1;
	*out = secret_of(bytes_of(t.word + 1, RECCODE_SYMBOLS));
	return 0;
}

/* ---- sharing ---- */

void
reccode_split(
    const struct secret *s, struct secret *sheets[static RECCODE_SHEETS])
{
	OWN(secret_free) struct secret *slopes = reccode_new();

	check_secret(s);
	for (uint8_t x = 1; x <= RECCODE_SHEETS; x++) {
		struct secret *sheet = secret_copy(s);
		uint8_t *p = secret_room(sheet);
		for (size_t i = 0; i < RECCODE_SYMBOLS; i++)
			p[i] ^= gf_times(secret_bytes(slopes).p[i], x);
		sheets[x - 1] = sheet;
	}
}

/* Where a sheet's lines are cut: 1, 2 or 3. */
static uint8_t
x_of(enum reccode_kind sheet)
{
	assert(sheet >= RECCODE_SHEET_1 && sheet <= RECCODE_SHEET_3);
	return (uint8_t)(sheet - RECCODE_SHEET_1 + 1);
}

int
reccode_join(const struct secret *a, enum reccode_kind kind_a,
    const struct secret *b, enum reccode_kind kind_b, struct secret **out,
    struct err *e)
{
	uint8_t xa = x_of(kind_a), xb = x_of(kind_b);

	check_secret(a);
	check_secret(b);
	if (xa == xb) {
		(void)err_set(e, ERR_RECOVERY_CODE,
		    "%s was given twice; two different sheets are needed",
		    name_of(kind_a));
		return err_remedy(e, "Type the code of another sheet.");
	}
	/* The line through both points, at 0. */
	uint8_t whole = gf_inverse(xa ^ xb);
	uint8_t of_a = gf_times(xb, whole), of_b = gf_times(xa, whole);
	OWN(secret_free) struct secret *s = secret_new(RECCODE_SYMBOLS);
	uint8_t *p = secret_room(s);
	for (size_t i = 0; i < RECCODE_SYMBOLS; i++)
		p[i] = gf_times(secret_bytes(a).p[i], of_a) ^
		    gf_times(secret_bytes(b).p[i], of_b);
	*out = TAKE(s);
	return 0;
}
