/* SPDX-License-Identifier: ISC */
/* chunker.c: the search for a cut, byte by byte or by vectors. */
#include "vault/chunker.h"

#include "vault/chunker_test.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define WINDOW 64 /* bytes that a 64-bit hash remembers */
#define NIBBLES 16
#define SIEVE_MASK ((uint64_t)0xffff & ~(uint64_t)0x1f)

static_assert(
    SIEVE_MASK >> (16 - CHUNKER_BITS_SIEVE) == (1 << CHUNKER_BITS_SIEVE) - 1,
    "the sieve is the top of the low 16 bits");

struct tables {
	uint64_t of[256];
	/* Bits 0..7 and 8..15 of high[] and of low[], for the vectors. */
	uint8_t high[2][NIBBLES], low[2][NIBBLES];
};

/*
 * The first offset in from..to-1 where no bit of the mask is in the hash, or
 * `to`. There are WINDOW bytes before p + from.
 */
typedef size_t search_fn(const struct tables *t, const uint8_t *p, size_t from,
    size_t to, uint64_t mask);

struct chunker {
	struct secret *tables;
	search_fn *search;
};

/* ---- any CPU ------------------------------------------------------------- */

/* The hash of the WINDOW bytes before p; four runs that do not wait. */
static inline uint64_t
hash_before(const struct tables *t, const uint8_t *p)
{
	uint64_t a = 0, b = 0, c = 0, d = 0;

	p -= WINDOW;
	for (size_t i = 0; i < WINDOW / 4; i++) {
		a = (a << 1) + t->of[p[i]];
		b = (b << 1) + t->of[p[i + 16]];
		c = (c << 1) + t->of[p[i + 32]];
		d = (d << 1) + t->of[p[i + 48]];
	}
	return (a << 48) + (b << 32) + (c << 16) + d;
}

/*
 * The rule itself, and the tail of every other search. Stripes side by side and
 * two bytes a step were measured: they are no faster.
 */
static size_t
search_plain(const struct tables *t, const uint8_t *p, size_t from, size_t to,
    uint64_t mask)
{
	uint64_t h = hash_before(t, p + from);

	/* Unrolled, so that it matters less where the loop is laid. */
#pragma GCC unroll 8
	for (size_t i = from; i < to; i++) {
		h = (h << 1) + t->of[p[i]];
		if ((h & mask) == 0)
			return i;
	}
	return to;
}

/* ---- vectors ------------------------------------------------------------- */

/*
 * A block of bytes becomes two vectors of 16-bit numbers, in each 128-bit lane
 * its first 8 offsets in `a` and its last 8 in `b`: so unpacking lays them, and
 * so the offset k before is one instruction away. The low 16 bits of the hash
 * of 2k bytes are those of k bytes plus those at the offset k before, shifted
 * by k: four steps for 16 bytes. `before` keeps what the last block had in `b`.
 */
#if defined(__x86_64__)

#define NO_CUT 64

/*
 * Compute in full the hashes at p + (the bits set in candidates), and return
 * the first that cuts, or NO_CUT.
 */
static size_t
settle(const struct tables *t, const uint8_t *p, uint64_t candidates,
    uint64_t mask)
{
	size_t at = (size_t)__builtin_ctzll(candidates);
	uint64_t h = hash_before(t, p + at + 1);

	while ((h & mask) != 0) {
		candidates &= candidates - 1;
		if (candidates == 0)
			return NO_CUT;
		size_t next = (size_t)__builtin_ctzll(candidates);
		while (at < next)
			h = (h << 1) + t->of[p[++at]];
	}
	return at;
}

struct avx2 {
	__m256i high[2], low[2]; /* tables */
	__m256i before[4];
};

__attribute__((target("avx2"))) static inline __m256i
both_lanes(const uint8_t *p)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p));
}

#define STEP(k, level) \
	do { \
		__m256i prior = \
		    _mm256_permute2x128_si256(v->before[level], b, 0x21); \
		__m256i to_a = _mm256_alignr_epi8(a, prior, 16 - 2 * (k)); \
		__m256i to_b = _mm256_alignr_epi8(b, a, 16 - 2 * (k)); \
		v->before[level] = b; \
		a = _mm256_add_epi16(a, _mm256_slli_epi16(to_a, (k))); \
		b = _mm256_add_epi16(b, _mm256_slli_epi16(to_b, (k))); \
	} while (0)

/* Bit i is set where the sieve lets the offset p + i through. */
__attribute__((target("avx2"))) static inline uint32_t
sieve_avx2(struct avx2 *v, const uint8_t *p)
{
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	const __m256i sieve = _mm256_set1_epi16((int16_t)SIEVE_MASK);
	__m256i x = _mm256_loadu_si256((const void *)p);
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
	__m256i low = _mm256_and_si256(x, nibble);
	__m256i high0 = _mm256_shuffle_epi8(v->high[0], high);
	__m256i high1 = _mm256_shuffle_epi8(v->high[1], high);
	__m256i low0 = _mm256_shuffle_epi8(v->low[0], low);
	__m256i low1 = _mm256_shuffle_epi8(v->low[1], low);
	__m256i a = _mm256_add_epi16(_mm256_unpacklo_epi8(high0, high1),
	    _mm256_unpacklo_epi8(low0, low1));
	__m256i b = _mm256_add_epi16(_mm256_unpackhi_epi8(high0, high1),
	    _mm256_unpackhi_epi8(low0, low1));

	STEP(1, 0);
	STEP(2, 1);
	STEP(4, 2);
	STEP(8, 3);
	a = _mm256_cmpeq_epi16(
	    _mm256_and_si256(a, sieve), _mm256_setzero_si256());
	b = _mm256_cmpeq_epi16(
	    _mm256_and_si256(b, sieve), _mm256_setzero_si256());
	return (uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(a, b));
}
#undef STEP

__attribute__((target("avx2"))) static size_t
search_avx2(const struct tables *t, const uint8_t *p, size_t from, size_t to,
    uint64_t mask)
{
	struct avx2 v = { .high = { both_lanes(t->high[0]),
			      both_lanes(t->high[1]) },
		.low = { both_lanes(t->low[0]), both_lanes(t->low[1]) } };
	size_t i = from;

	(void)sieve_avx2(&v, p + i - 32); /* what the first block follows */
	for (; to - i >= 32; i += 32) {
		uint32_t candidates = sieve_avx2(&v, p + i);
		if (__builtin_expect(candidates == 0, 1))
			continue;
		size_t at = settle(t, p + i, candidates, mask);
		if (at != NO_CUT)
			return i + at;
	}
	return search_plain(t, p, i, to, mask);
}

#define AVX512 __attribute__((target("avx512f,avx512bw")))

struct avx512 {
	__m512i high[2], low[2]; /* tables */
	__m512i before[4];
};

AVX512 static inline __m512i
four_lanes(const uint8_t *p)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)p));
}

#define STEP(k, level) \
	do { \
		__m512i prior = _mm512_alignr_epi64(b, v->before[level], 6); \
		__m512i to_a = _mm512_alignr_epi8(a, prior, 16 - 2 * (k)); \
		__m512i to_b = _mm512_alignr_epi8(b, a, 16 - 2 * (k)); \
		v->before[level] = b; \
		a = _mm512_add_epi16(a, _mm512_slli_epi16(to_a, (k))); \
		b = _mm512_add_epi16(b, _mm512_slli_epi16(to_b, (k))); \
	} while (0)

AVX512 static inline uint64_t
sieve_avx512(struct avx512 *v, const uint8_t *p)
{
	const __m512i nibble = _mm512_set1_epi8(0x0f);
	const __m512i sieve = _mm512_set1_epi16((int16_t)SIEVE_MASK);
	__m512i x = _mm512_loadu_si512(p);
	__m512i high = _mm512_and_si512(_mm512_srli_epi16(x, 4), nibble);
	__m512i low = _mm512_and_si512(x, nibble);
	__m512i high0 = _mm512_shuffle_epi8(v->high[0], high);
	__m512i high1 = _mm512_shuffle_epi8(v->high[1], high);
	__m512i low0 = _mm512_shuffle_epi8(v->low[0], low);
	__m512i low1 = _mm512_shuffle_epi8(v->low[1], low);
	__m512i a = _mm512_add_epi16(_mm512_unpacklo_epi8(high0, high1),
	    _mm512_unpacklo_epi8(low0, low1));
	__m512i b = _mm512_add_epi16(_mm512_unpackhi_epi8(high0, high1),
	    _mm512_unpackhi_epi8(low0, low1));

	STEP(1, 0);
	STEP(2, 1);
	STEP(4, 2);
	STEP(8, 3);
	__mmask32 in_a = _mm512_testn_epi16_mask(a, sieve);
	__mmask32 in_b = _mm512_testn_epi16_mask(b, sieve);
	if (__builtin_expect((in_a | in_b) == 0, 1))
		return 0;
	return _mm512_movepi8_mask(_mm512_packs_epi16(
	    _mm512_movm_epi16(in_a), _mm512_movm_epi16(in_b)));
}
#undef STEP

AVX512 static size_t
search_avx512(const struct tables *t, const uint8_t *p, size_t from, size_t to,
    uint64_t mask)
{
	struct avx512 v = { .high = { four_lanes(t->high[0]),
				four_lanes(t->high[1]) },
		.low = { four_lanes(t->low[0]), four_lanes(t->low[1]) } };
	size_t i = from;

	(void)sieve_avx512(&v, p + i - 64); /* what the first block follows */
	for (; to - i >= 64; i += 64) {
		uint64_t candidates = sieve_avx512(&v, p + i);
		if (__builtin_expect(candidates == 0, 1))
			continue;
		size_t at = settle(t, p + i, candidates, mask);
		if (at != NO_CUT)
			return i + at;
	}
	return search_plain(t, p, i, to, mask);
}
#endif /* __x86_64__ */

/* ---- choosing ------------------------------------------------------------ */

const char *
chunker_name(enum chunker_variant v)
{
	static const char *const names[CHUNKER_VARIANTS] = { "plain", "avx2",
		"avx512" };

	return names[v];
}

bool
chunker_choose(struct chunker *c, enum chunker_variant v)
{
	static search_fn *const variants[CHUNKER_VARIANTS] = {
		[CHUNKER_PLAIN] = search_plain,
#if defined(__x86_64__)
		[CHUNKER_AVX2] = search_avx2,
		[CHUNKER_AVX512] = search_avx512,
#endif
	};
	bool can = variants[v] != NULL;

#if defined(__x86_64__)
	if (v == CHUNKER_AVX2)
		can = __builtin_cpu_supports("avx2");
	if (v == CHUNKER_AVX512)
		can = __builtin_cpu_supports("avx512f") &&
		    __builtin_cpu_supports("avx512bw");
#endif
	if (can)
		c->search = variants[v];
	return can;
}

static void
fill_tables(struct tables *t, const uint8_t *stream)
{
	for (size_t i = 0; i < NIBBLES; i++) {
		uint64_t high = be64(stream + 8 * i);
		uint64_t low = be64(stream + 8 * (NIBBLES + i));
		t->high[0][i] = (uint8_t)high;
		t->high[1][i] = (uint8_t)(high >> 8);
		t->low[0][i] = (uint8_t)low;
		t->low[1][i] = (uint8_t)(low >> 8);
	}
	for (size_t i = 0; i < 256; i++)
		t->of[i] = be64(stream + 8 * (i / NIBBLES)) +
		    be64(stream + 8 * (NIBBLES + i % NIBBLES));
}

struct chunker *
chunker_new(const struct secret *seed)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	OWN(secret_free)
	struct secret *stream = secret_new(2 * NIBBLES * sizeof(uint64_t));
	struct chunker *c = mem_new(sizeof *c);
	struct bytes key = secret_bytes(seed), room = secret_bytes(stream);

	assert(key.n == crypto_stream_chacha20_ietf_KEYBYTES);
	(void)crypto_stream_chacha20_ietf(
	    secret_room(stream), room.n, nonce, key.p);
	c->tables = secret_new(sizeof(struct tables));
	fill_tables((void *)secret_room(c->tables), room.p);
	for (int v = 0; v < CHUNKER_VARIANTS; v++)
		(void)chunker_choose(c, (enum chunker_variant)v);
	return c;
}

void
chunker_free(struct chunker **c)
{
	if (*c != NULL)
		secret_free(&(*c)->tables);
	free(*c);
	*c = NULL;
}

/* ---- cutting ------------------------------------------------------------- */

/* The bits of the hash that a cut wants to be zero. */
static uint64_t
mask_of(unsigned top_bits)
{
	return SIEVE_MASK | ~(UINT64_MAX >> top_bits);
}

size_t
chunker_cut(const struct chunker *c, const uint8_t *p, size_t n, bool last)
{
	const struct tables *t = (const void *)secret_bytes(c->tables).p;
	size_t end = n < CHUNKER_MAX ? n : CHUNKER_MAX;
	size_t middle = end < CHUNKER_AVG ? end : CHUNKER_AVG;
	size_t at = end;

	if (end > CHUNKER_MIN) {
		at = c->search(
		    t, p, CHUNKER_MIN, middle, mask_of(CHUNKER_BITS_BEFORE));
		if (at == middle)
			at = c->search(
			    t, p, middle, end, mask_of(CHUNKER_BITS_BEHIND));
	}
	if (at < end)
		return at + 1;
	return last || end == CHUNKER_MAX ? end : 0;
}
