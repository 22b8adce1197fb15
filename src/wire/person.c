/* SPDX-License-Identifier: ISC */
/* person.c: the record of a person, and what two people compare. */
#include "wire/person.h"

#include "base/text.h"
#include "base/typed.h"
#include "wire/oprf.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_ROUNDS 5200
#define NUMBER_HALF (PERSON_NUMBER / 2)
#define KEY_TYPE 0x05 /* before a key, as in Signal's serialized ones */
#define PUBLIC_BYTES 20
#define PUBLIC_DIGITS 32 /* of 5 bits */
#define GROUP 4

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

const char *
person_level_name(uint8_t level)
{
	static const char *const names[] = { "?", "known", "verified",
		"changed", "blocked", "asks" };

	return level < ARRAY_SIZE(names) ? names[level] : "?";
}

const char *
person_way_name(uint8_t way)
{
	static const char *const names[] = { "", "code", "number", "qr",
		"public" };

	return way < ARRAY_SIZE(names) ? names[way] : "?";
}

/* ---- the record ---- */

void
person_put(struct buf *out, const struct person *p)
{
	id_put(out, &p->uid);
	buf_put_v8(out, bytes_str(p->address));
	buf_put_v16(out, bytes_str(p->server));
	digest_put(out, &p->root);
	buf_put_u32(out, p->seq);
	digest_put(out, &p->head);
	buf_put_u8(out, p->level);
	buf_put_u64(out, p->since_ms);
	buf_put_u64(out, p->verified_ms);
	id_put(out, &p->by);
	buf_put_u8(out, p->way);
	buf_put_v8(out, bytes_str(p->nickname));
}

/* A text of at most `most` bytes, which a terminal can take. */
static bool
take_label(struct bytes x, size_t most, char *out)
{
	if (x.n > most)
		return false;
	memcpy(out, x.p, x.n);
	out[x.n] = '\0';
	return strlen(out) == x.n && text_is_label(out);
}

int
person_take(struct scan *s, struct person *out, struct err *e)
{
	*out = (struct person){ .uid = id_take(s) };
	struct bytes address = scan_v8(s), server = scan_v16(s);
	out->root = digest_take(s);
	out->seq = scan_u32(s);
	out->head = digest_take(s);
	out->level = scan_u8(s);
	out->since_ms = scan_u64(s);
	out->verified_ms = scan_u64(s);
	out->by = id_take(s);
	out->way = scan_u8(s);
	struct bytes nickname = scan_v8(s);
	if (!scan_done(s) ||
	    !take_label(address, PERSON_ADDRESS_MAX, out->address) ||
	    !take_label(server, PERSON_SERVER_MAX, out->server) ||
	    !take_label(nickname, LIMIT_NAME_BYTES, out->nickname) ||
	    out->seq == 0 || out->level < PERSON_KNOWN ||
	    out->level > PERSON_ASKS || out->way > PERSON_WAY_PUBLIC)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "what is kept of a person is not well-formed");
	return 0;
}

void
person_root(const struct circle *c, struct digest *out)
{
	*out =
	    c->reset_seq > 0 ? *circle_hash_at(c, c->reset_seq) : c->circle_id;
}

/* ---- the number ---- */

/* Thirty digits of one side: hash = SHA-512(u16 0 | key | address | key), then
 * SHA-512(hash | key) again and again; six times five bytes of it. */
static void
digits_of(const struct person_key *who, char out[static NUMBER_HALF + 1])
{
	OWN(buf_free) struct buf text = { 0 };
	uint8_t round[OPRF_HASH + 1 + DIGEST_BYTES];
	uint8_t *key = round + OPRF_HASH;

	key[0] = KEY_TYPE;
	memcpy(key + 1, who->root->b, DIGEST_BYTES);
	buf_put_u16(&text, 0);
	buf_put(&text, key, 1 + DIGEST_BYTES);
	buf_put_str(&text, who->address);
	buf_put(&text, key, 1 + DIGEST_BYTES);
	oprf_sha512(buf_bytes(&text), round);
	for (int i = 1; i < NUMBER_ROUNDS; i++) {
		uint8_t hash[OPRF_HASH];
		oprf_sha512(bytes_of(round, sizeof round), hash);
		memcpy(round, hash, sizeof hash);
	}
	for (int i = 0; i < NUMBER_HALF / 5; i++) {
		uint64_t v = 0;
		for (int k = 0; k < 5; k++)
			v = v << 8 | round[5 * i + k];
		(void)snprintf(out + 5 * i, 6, "%05u", (unsigned)(v % 100000));
	}
}

void
person_number(const struct person_key *a, const struct person_key *b,
    char out[static PERSON_NUMBER + 1])
{
	char x[NUMBER_HALF + 1], y[NUMBER_HALF + 1];

	digits_of(a, x);
	digits_of(b, y);
	bool first = strcmp(x, y) < 0;
	(void)snprintf(
	    out, PERSON_NUMBER + 1, "%s%s", first ? x : y, first ? y : x);
}

/* ---- the public code ---- */

/* As it is compared: 32 digits, without dashes. */
static void
public_digits(const struct person_key *who, char out[static PUBLIC_DIGITS + 1])
{
	OWN(buf_free) struct buf text = { 0 };
	struct digest h;
	unsigned bits = 0, n = 0;
	uint32_t have = 0;

	buf_put_str(&text, "aumbry public code v1");
	buf_put_v8(&text, bytes_str(who->address));
	digest_put(&text, who->root);
	digest_of(buf_bytes(&text), &h);
	for (int i = 0; i < PUBLIC_BYTES; i++) {
		have = have << 8 | h.b[i];
		for (bits += 8; bits >= 5; bits -= 5)
			out[n++] = alphabet[have >> (bits - 5) & 31];
	}
	out[n] = '\0';
}

void
person_public(const struct person_key *who, char out[static PERSON_PUBLIC + 1])
{
	char digits[PUBLIC_DIGITS + 1];
	size_t n = 0;

	public_digits(who, digits);
	n += (size_t)snprintf(out, PERSON_PUBLIC + 1, "ac1");
	for (int i = 0; i < PUBLIC_DIGITS; i += GROUP)
		n += (size_t)snprintf(
		    out + n, PERSON_PUBLIC + 1 - n, "-%.*s", GROUP, digits + i);
}

/* What a person may have meant by it; 0 for what is no digit. */
static char
meant(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		c = (uint8_t)(c + 'a' - 'A');
	if (c == 'o')
		c = '0';
	if (c == 'i' || c == 'l')
		c = '1';
	return c != '\0' && strchr(alphabet, c) != NULL ? (char)c : '\0';
}

static int
other_kind(struct err *e)
{
	(void)err_set(
	    e, ERR_WRONG_CODE_KIND, "a code of a person begins with ac1");
	return err_remedy(e,
	    "It is what that person's own device says to: aumbry contact me");
}

int
person_public_is(
    const struct person_key *who, struct bytes typed, bool *same, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	char digits[PUBLIC_DIGITS + 1], got[PUBLIC_DIGITS + 1];
	const size_t head = 3; /* "ac1" */

	typed_code(&plain, typed);
	if (plain.n < head || meant(plain.p[0]) != 'a' ||
	    meant(plain.p[1]) != 'c' || meant(plain.p[2]) != '1')
		return other_kind(e);
	if (plain.n != head + PUBLIC_DIGITS)
		return err_set(e, ERR_WRONG_CODE,
		    "a code of a person has %d characters behind ac1, and not "
		    "%zu",
		    PUBLIC_DIGITS, plain.n - head);
	for (size_t i = 0; i < PUBLIC_DIGITS; i++) {
		got[i] = meant(plain.p[head + i]);
		if (got[i] == '\0')
			return err_set(e, ERR_WRONG_CODE,
			    "that has a character that stands in no such code");
	}
	got[PUBLIC_DIGITS] = '\0';
	public_digits(who, digits);
	*same = strcmp(got, digits) == 0;
	return 0;
}

/* ---- claims ---- */

void
person_claim_of(
    const char *address, const struct circle *c, struct person_claim *out)
{
	*out = (struct person_claim){
		.uid = c->uid, .seq = c->seq, .head = c->head
	};
	(void)snprintf(out->address, sizeof out->address, "%s", address);
	person_root(c, &out->root);
}

void
person_claim_put(struct buf *out, const struct person_claim *x)
{
	static const struct digest none;

	buf_put_v8(out, bytes_str(x->address));
	id_put(out, &x->uid);
	digest_put(out, &x->root);
	buf_put_u32(out, x->seq);
	digest_put(out, &x->head);
	buf_put_v8(out, bytes_str(""));
	buf_put_u64(out, 0);
	digest_put(out, &none);
}

int
person_claim_take(struct scan *s, struct person_claim *out, struct err *e)
{
	struct bytes address = scan_v8(s);

	*out = (struct person_claim){ .uid = id_take(s) };
	out->root = digest_take(s);
	out->seq = scan_u32(s);
	out->head = digest_take(s);
	(void)scan_v8(s);
	(void)scan_u64(s);
	(void)digest_take(s);
	if (!scan_done(s) ||
	    !take_label(address, PERSON_ADDRESS_MAX, out->address) ||
	    out->seq == 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "what the other side says of itself is not well-formed");
	return 0;
}

bool
person_claim_fits(const struct person_claim *x, const struct circle *c)
{
	const struct digest *at = circle_hash_at(c, x->seq);
	struct digest root;

	person_root(c, &root);
	return id_equal(&x->uid, &c->uid) && digest_equal(&root, &x->root) &&
	    at != NULL && digest_equal(at, &x->head);
}
