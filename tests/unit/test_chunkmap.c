/* SPDX-License-Identifier: ISC */
/* test_chunkmap.c: names are found where they were put, whatever the file. */
#include "content/chunkmap.h"

#include "base/file.h"
#include "wire/digest.h"

#include "scratch_dir.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdint.h>

#include <cmocka.h>

#define PACKS 50
#define PER_PACK 2000
#define HEADER_BYTES 88
#define MILLION 1000000
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QUARANTINE
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(QUARANTINE)
/* What is freed stays for a while: 256 MiB of it. */
#define MEMORY_KIB ((size_t)(256 + 64) << 10)
#else
#define MEMORY_KIB ((size_t)40 << 10)
#endif

static const struct id zone = { { 'z', 1 } };

struct place {
	struct scratch dir;
	char *path;
};

static struct place
place_new(void)
{
	struct place p = { .dir = scratch_new() };

	p.path = file_join(p.dir.path, "map");
	return p;
}

static void
place_free(struct place *p)
{
	scratch_free(&p->dir);
	free(p->path);
	p->path = NULL;
}

static void
name_of(uint32_t i, uint8_t *name)
{
	struct digest d;

	digest_of(bytes_of(&i, sizeof i), &d);
	memcpy(name, d.b, sizeof d.b);
}

static struct id
pack_of(uint32_t i)
{
	uint8_t name[DIGEST_BYTES];
	struct id id;

	name_of(~i, name);
	memcpy(id.b, name, sizeof id.b);
	return id;
}

static struct chunkmap *
open_map(const char *path)
{
	struct chunkmap *m = NULL;
	struct err e;

	assert_int_equal(chunkmap_open(path, &zone, &m, &e), 0);
	return m;
}

static void
save_map(struct chunkmap *m)
{
	struct err e;

	if (chunkmap_save(m, &e) < 0)
		fail_msg("%s", e.msg);
}

/* Pack `pack` gets the names from..from+n-1. */
static void
add(struct chunkmap *m, uint32_t pack, uint32_t from, uint32_t n)
{
	struct id id = pack_of(pack);
	OWN(mem_free)
	uint8_t(*names)[CHUNKMAP_NAME] = mem_array(n + 1, CHUNKMAP_NAME);

	for (uint32_t i = 0; i < n; i++)
		name_of(from + i, names[i]);
	chunkmap_add(m, &id, (const uint8_t(*)[CHUNKMAP_NAME])names, n);
}

static bool
is_at(struct chunkmap *m, uint32_t name, uint32_t pack, uint32_t entry)
{
	uint8_t bytes[CHUNKMAP_NAME];
	struct id id, want = pack_of(pack);
	uint32_t got;

	name_of(name, bytes);
	return chunkmap_find(m, bytes, &id, &got) && id_equal(&id, &want) &&
	    got == entry;
}

static bool
is_known(struct chunkmap *m, uint32_t name)
{
	uint8_t bytes[CHUNKMAP_NAME];
	struct id id;
	uint32_t entry;

	name_of(name, bytes);
	return chunkmap_find(m, bytes, &id, &entry);
}

static void
fill(struct chunkmap *m, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		add(m, i, i * PER_PACK, PER_PACK);
}

static void
holds_packs(struct chunkmap *m, uint32_t first, uint32_t end)
{
	for (uint32_t i = first * PER_PACK; i < end * PER_PACK; i++)
		assert_true(is_at(m, i, i / PER_PACK, i % PER_PACK));
}

static void
finds_100000_entries_before_and_after_saving(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);

	(void)state;
	assert_int_equal(chunkmap_seq(m), 0);
	for (uint32_t round = 0; round < 2; round++) {
		/* Half by half, so that the second save merges. */
		uint32_t first = round * PACKS / 2;
		fill(m, first, first + PACKS / 2);
		chunkmap_set_seq(m, 5 + round);
		holds_packs(m, 0, first + PACKS / 2);
		save_map(m);
		holds_packs(m, 0, first + PACKS / 2);
		chunkmap_free(&m);
		m = open_map(p.path);
		holds_packs(m, 0, first + PACKS / 2);
		assert_int_equal(chunkmap_seq(m), 5 + round);
		assert_int_equal(
		    chunkmap_size(m), (first + PACKS / 2) * PER_PACK);
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_false(is_known(m, PACKS * PER_PACK + i));
}

static size_t
anonymous_kib(void)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(fd_close) int fd = open("/proc/self/status", O_RDONLY);
	size_t got = 0, kib = 0;
	struct err e;

	assert_int_equal(
	    file_read_full(fd, buf_grow(&text, 8192), 8192, &got, &e), 0);
	const char *line = strstr(buf_text(&text), "RssAnon:");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "RssAnon: %zu", &kib), 1);
	return kib;
}

/* Names that cost less than a digest: a mix that is one to one. */
static void
cheap_name(uint64_t i, uint8_t *name)
{
	for (size_t k = 0; k < 4; k++) {
		uint64_t x = (i + k + 1) * UINT64_C(0x9e3779b97f4a7c15);
		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		be64_put(name + 8 * k, x ^ x >> 31);
	}
}

static void
add_cheap(struct chunkmap *m, uint32_t pack)
{
	uint8_t names[PER_PACK][CHUNKMAP_NAME];
	struct id id = pack_of(pack);

	for (uint32_t i = 0; i < PER_PACK; i++)
		cheap_name((uint64_t)pack * PER_PACK + i, names[i]);
	chunkmap_add(m, &id, (const uint8_t(*)[CHUNKMAP_NAME])names, PER_PACK);
}

static void
finds_million(struct chunkmap *m, size_t step)
{
	for (uint32_t i = 0; i < MILLION; i += (uint32_t)step) {
		uint8_t name[CHUNKMAP_NAME];
		struct id id, want = pack_of(i / PER_PACK);
		uint32_t entry;
		cheap_name(i, name);
		assert_true(chunkmap_find(m, name, &id, &entry));
		assert_int_equal(entry, i % PER_PACK);
		assert_true(id_equal(&id, &want));
	}
}

/* Several spills on the way, and nothing under the path before the save. */
static void
holds_a_million_entries_in_little_memory(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	size_t most = 0, before = anonymous_kib();

	(void)state;
	chunkmap_set_seq(m, 4);
	for (uint32_t pack = 0; pack < MILLION / PER_PACK; pack++) {
		add_cheap(m, pack);
		size_t now = anonymous_kib();
		most = now > most ? now : most;
	}
	assert_in_range(most - before, 1, MEMORY_KIB);
	assert_false(file_exists(p.path));
	assert_int_equal(chunkmap_seq(m), 4);
	finds_million(m, 1);
	struct id first = pack_of(0);
	chunkmap_drop_pack(m, &first);
	assert_int_equal(chunkmap_size(m), MILLION - PER_PACK);
	chunkmap_add(m, &first, NULL, 0); /* it is new again, and empty */
	assert_int_equal(chunkmap_size(m), MILLION - PER_PACK);
	chunkmap_free(&m);
	m = open_map(p.path); /* nothing of it was kept */
	assert_int_equal(chunkmap_size(m), 0);
}

static void
finds_a_million_entries_after_saving(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);

	(void)state;
	chunkmap_set_seq(m, 4);
	for (uint32_t pack = 0; pack < MILLION / PER_PACK; pack++)
		add_cheap(m, pack);
	save_map(m);
	finds_million(m, 7);
	chunkmap_free(&m);
	m = open_map(p.path);
	assert_int_equal(chunkmap_seq(m), 4);
	assert_int_equal(chunkmap_size(m), MILLION);
	finds_million(m, 1);
}

static void
finds_the_smallest_and_the_largest_name(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	uint8_t names[4][CHUNKMAP_NAME] = { { 0 } };
	struct id pack = pack_of(1), got;
	uint32_t entry;

	(void)state;
	names[1][15] = 1;
	memset(names[2], 0xff, 15);
	memset(names[3], 0xff, 16);
	chunkmap_add(m, &pack, (const uint8_t(*)[CHUNKMAP_NAME])names, 4);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 4; i++) {
			assert_true(chunkmap_find(m, names[i], &got, &entry));
			assert_int_equal(entry, i);
		}
		add(m, 2, 0, PER_PACK);
		save_map(m);
	}
}

static void
starts_empty_where_no_file_of_this_zone_is(void **state)
{
	static const struct id other = { { 'o' } };
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	OWN(chunkmap_free) struct chunkmap *foreign = NULL;
	struct err e;

	(void)state;
	assert_int_equal(chunkmap_size(m), 0);
	assert_false(is_known(m, 1));
	save_map(m);
	assert_false(file_exists(p.path)); /* nothing had changed */
	fill(m, 0, 1);
	chunkmap_set_seq(m, 9);
	save_map(m);
	assert_int_equal(chunkmap_open(p.path, &other, &foreign, &e), 0);
	assert_int_equal(chunkmap_size(foreign), 0);
	assert_int_equal(chunkmap_seq(foreign), 0);
	assert_false(is_known(foreign, 1));
}

static void
writes_only_what_changed(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	struct id none = pack_of(77);
	struct stat a, b;

	(void)state;
	fill(m, 0, 1);
	chunkmap_set_seq(m, 9);
	save_map(m);
	assert_int_equal(stat(p.path, &a), 0);
	chunkmap_set_seq(m, 9);
	chunkmap_drop_pack(m, &none);
	add(m, 0, 500, 3); /* the map has that pack */
	save_map(m);
	assert_int_equal(stat(p.path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_false(is_at(m, 500, 0, 0));
	chunkmap_set_seq(m, 10);
	save_map(m);
	chunkmap_free(&m);
	m = open_map(p.path);
	assert_int_equal(chunkmap_seq(m), 10);
	holds_packs(m, 0, 1);
}

/* Each of the three states of a pack: new, in the file, half and half. */
static bool
is_in_other(struct chunkmap *m, uint32_t i, const struct id *but,
    const struct id *other)
{
	uint8_t name[CHUNKMAP_NAME];
	struct id pack;
	uint32_t entry;

	name_of(i, name);
	if (!chunkmap_find_but(m, name, but, &pack, &entry))
		return false;
	assert_true(id_equal(&pack, other));
	return true;
}

static void
forgets_a_dropped_pack_and_finds_the_other_copy(void **state)
{
	struct id one = pack_of(1), two = pack_of(2);

	(void)state;
	for (int saved = 0; saved < 3; saved++) {
		OWN(place_free) struct place p = place_new();
		OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
		add(m, 1, 0, 10); /* names 5..9 are in both */
		if (saved == 2)
			save_map(m);
		add(m, 2, 5, 10);
		if (saved == 1)
			save_map(m);
		assert_int_equal(chunkmap_size(m), 20);
		for (uint32_t i = 0; i < 15; i++) {
			assert_true(is_in_other(m, i, &one, &two) == (i >= 5));
			assert_true(is_in_other(m, i, &two, &one) == (i < 10));
		}
		OWN(buf_free) struct buf ids = { 0 };
		chunkmap_packs(m, &ids);
		assert_int_equal(ids.n, 2 * ID_BYTES);
		chunkmap_drop_pack(m, &one);
		for (int after = 0; after < 2; after++) {
			assert_false(chunkmap_has_pack(m, &one));
			assert_true(chunkmap_has_pack(m, &two));
			assert_int_equal(chunkmap_size(m), 10);
			for (uint32_t i = 0; i < 5; i++)
				assert_false(is_known(m, i));
			for (uint32_t i = 5; i < 15; i++)
				assert_true(is_at(m, i, 2, i - 5));
			save_map(m);
		}
		chunkmap_drop_pack(m, &two);
		assert_int_equal(chunkmap_size(m), 0);
		add(m, 1, 3, 2); /* it may come back, with other names */
		assert_true(is_at(m, 3, 1, 0));
		assert_false(is_known(m, 6));
		save_map(m);
		assert_true(is_at(m, 4, 1, 1));
		assert_int_equal(chunkmap_size(m), 2);
	}
}

static void
knows_a_pack_without_entries(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	struct id one = pack_of(1);

	(void)state;
	add(m, 1, 0, 0);
	assert_true(chunkmap_has_pack(m, &one));
	save_map(m);
	chunkmap_free(&m);
	m = open_map(p.path);
	assert_true(chunkmap_has_pack(m, &one));
	assert_int_equal(chunkmap_size(m), 0);
}

static void
write_raw(const char *path, struct bytes x)
{
	struct err e;

	assert_int_equal(file_write(path, x, 0600, &e), 0);
}

static void
counts_a_damaged_file_as_empty(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	OWN(buf_free) struct buf good = { 0 };
	struct err e;

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		add(m, i, i * 20, 20);
	chunkmap_set_seq(m, 3);
	save_map(m);
	assert_int_equal(file_read(p.path, 1 << 20, &good, &e), 0);
	for (size_t i = 0; i < good.n; i++) {
		OWN(chunkmap_free) struct chunkmap *bad = NULL;
		good.p[i] ^= (uint8_t)(1 << i % 8);
		write_raw(p.path, buf_bytes(&good));
		good.p[i] ^= (uint8_t)(1 << i % 8);
		bad = open_map(p.path);
		assert_int_equal(chunkmap_size(bad), 0);
		assert_int_equal(chunkmap_seq(bad), 0);
		assert_false(is_known(bad, 3));
	}
	for (size_t n = 0; n < good.n; n += 5) {
		OWN(chunkmap_free) struct chunkmap *bad = NULL;
		write_raw(p.path, bytes_of(good.p, n));
		bad = open_map(p.path);
		assert_int_equal(chunkmap_size(bad), 0);
	}
	buf_put_u8(&good, 0);
	write_raw(p.path, buf_bytes(&good));
	chunkmap_free(&m);
	m = open_map(p.path);
	assert_int_equal(chunkmap_size(m), 0);
	add(m, 1, 0, 10); /* and what is empty can be filled and saved */
	save_map(m);
	assert_true(is_at(m, 9, 1, 9));
}

/* The sum by the header's words alone. */
static uint64_t
sum_of(struct bytes x)
{
	uint64_t lane[8], all = x.n;

	for (uint64_t k = 0; k < 8; k++)
		lane[k] = k + 1;
	for (size_t at = 0; at < x.n; at += 8) {
		uint64_t word = 0, *l = &lane[at / 8 % 8];
		memcpy(&word, x.p + at, x.n - at < 8 ? x.n - at : 8);
		*l = (*l ^ word) * 0x9e3779b97f4a7c15;
		*l = *l << 29 | *l >> 35;
		if (at + 8 >= x.n) /* zeros fill the rest of the group */
			for (uint64_t k = at / 8 % 8 + 1; k < 8; k++) {
				lane[k] *= 0x9e3779b97f4a7c15;
				lane[k] = lane[k] << 29 | lane[k] >> 35;
			}
	}
	for (size_t k = 0; k < 8; k++) {
		all = (all ^ lane[k]) * 0x9e3779b97f4a7c15;
		all = all << 29 | all >> 35;
	}
	return all;
}

static void
seal(struct buf *file, size_t packs)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	struct digest d;
	size_t start = HEADER_BYTES + packs * 20;

	be64_put(
	    file->p + 48, sum_of(bytes_of(file->p + start, file->n - start)));
	digest_add(s, bytes_of(file->p, 56));
	digest_add(s, bytes_of(file->p + HEADER_BYTES, packs * 20));
	digest_end(s, &d);
	memcpy(file->p + 56, d.b, sizeof d.b);
}

/* Sums can be right and entries wrong: whoever writes files can do that. */
static void
never_leaves_the_packs_it_has(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	OWN(buf_free) struct buf good = { 0 };
	struct id packs[2] = { pack_of(0), pack_of(1) };
	size_t start = HEADER_BYTES + 2 * 20;
	struct err e;

	(void)state;
	add(m, 0, 0, 20);
	add(m, 1, 20, 20);
	save_map(m);
	assert_int_equal(file_read(p.path, 1 << 20, &good, &e), 0);
	seal(&good, 2);
	write_raw(p.path, buf_bytes(&good));
	chunkmap_free(&m);
	m = open_map(p.path);
	assert_int_equal(chunkmap_size(m), 40); /* the seal is the right one */
	chunkmap_free(&m);
	good.p[start - 1]++; /* one entry more than there are */
	seal(&good, 2);
	write_raw(p.path, buf_bytes(&good));
	m = open_map(p.path);
	assert_int_equal(chunkmap_size(m), 0);
	assert_false(is_known(m, 1));
	good.p[start - 1]--;
	for (size_t i = start; i < good.n; i++) {
		OWN(chunkmap_free) struct chunkmap *odd = NULL;
		uint8_t kept = good.p[i];
		good.p[i] = (uint8_t)(kept ^ (0xff >> i % 8));
		seal(&good, 2);
		write_raw(p.path, buf_bytes(&good));
		good.p[i] = kept;
		odd = open_map(p.path);
		assert_int_equal(chunkmap_size(odd), 40);
		for (uint32_t k = 0; k < 40; k++) {
			uint8_t name[CHUNKMAP_NAME];
			struct id id;
			uint32_t entry;
			name_of(k, name);
			if (!chunkmap_find(odd, name, &id, &entry))
				continue;
			assert_true(id_equal(&id, &packs[0]) ||
			    id_equal(&id, &packs[1]));
			assert_in_range(entry, 0, 19);
		}
		chunkmap_set_seq(odd, i);
		save_map(odd);
		assert_in_range(chunkmap_size(odd), 39, 40);
	}
}

static void
keeps_the_old_file_when_saving_fails(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(mem_free) char *gone = file_join(p.dir.path, "sub/map");
	OWN(chunkmap_free) struct chunkmap *m = open_map(gone);
	struct err e;

	(void)state;
	add(m, 1, 0, 10);
	assert_int_equal(chunkmap_save(m, &e), -1);
	assert_true(is_at(m, 4, 1, 4)); /* and still in memory */
	assert_int_equal(mkdirat(p.dir.fd, "sub", 0700), 0);
	assert_int_equal(mkdirat(p.dir.fd, "sub/map", 0700), 0);
	assert_int_equal(chunkmap_save(m, &e), -1);
	assert_int_equal(unlinkat(p.dir.fd, "sub/map", AT_REMOVEDIR), 0);
	/* No temporary file stayed, or the folder could not be removed. */
	assert_int_equal(unlinkat(p.dir.fd, "sub", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(p.dir.fd, "sub", 0700), 0);
	save_map(m);
	chunkmap_free(&m);
	m = open_map(gone);
	assert_true(is_at(m, 4, 1, 4));
}

static void
keeps_all_in_memory_where_no_file_can_be_made(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(mem_free) char *gone = file_join(p.dir.path, "sub/map");
	OWN(chunkmap_free) struct chunkmap *m = open_map(gone);

	(void)state;
	for (uint32_t pack = 0; pack < MILLION / PER_PACK; pack++)
		add_cheap(m, pack);
	finds_million(m, 7);
	assert_int_equal(mkdirat(p.dir.fd, "sub", 0700), 0);
	save_map(m);
	chunkmap_free(&m);
	m = open_map(gone);
	finds_million(m, 7);
}

static void *
find_all(void *arg)
{
	struct chunkmap *m = arg;
	size_t wrong = 0;

	for (uint32_t i = 0; i < 20 * PER_PACK; i++) {
		uint8_t name[CHUNKMAP_NAME];
		struct id id, want = pack_of(i / PER_PACK);
		uint32_t entry;
		name_of(i, name);
		bool found = chunkmap_find(m, name, &id, &entry);
		if (found)
			wrong += !id_equal(&id, &want) || entry != i % PER_PACK;
		else /* those were there before the threads */
			wrong += i < 5 * PER_PACK;
	}
	return wrong == 0 ? arg : NULL;
}

static void
finds_beside_adds_and_saves(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	pthread_t threads[2];
	void *result;

	(void)state;
	fill(m, 0, 5);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, find_all, m), 0);
	fill(m, 5, 15);
	save_map(m);
	fill(m, 15, 20);
	chunkmap_set_seq(m, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, m);
	}
	holds_packs(m, 0, 20);
}

static void
knows(struct chunkmap *m, uint32_t pack, uint32_t from, size_t n)
{
	static uint8_t names[CHUNKMAP_PACK_MAX][CHUNKMAP_NAME];
	uint8_t want[CHUNKMAP_NAME];
	struct id id = pack_of(pack);

	memset(names, 0xff, sizeof names);
	assert_int_equal(chunkmap_names(m, &id, names), n);
	for (uint32_t i = 0; i < n; i++) {
		name_of(from + i, want);
		memset(want + CHUNKMAP_KEY, 0, CHUNKMAP_NAME - CHUNKMAP_KEY);
		assert_memory_equal(names[i], want, CHUNKMAP_NAME);
	}
}

/* A reader looks for what a pack held that was deleted meanwhile. */
static void
tells_the_names_of_a_pack_also_when_it_was_dropped(void **state)
{
	OWN(place_free) struct place p = place_new();
	OWN(chunkmap_free) struct chunkmap *m = open_map(p.path);
	struct id stored = pack_of(0), added = pack_of(2);

	(void)state;
	knows(m, 0, 0, 0);
	add(m, 0, 0, 100);
	add(m, 1, 50, 100);
	save_map(m);
	add(m, 2, 100, CHUNKMAP_PACK_MAX);
	knows(m, 0, 0, 100);
	knows(m, 1, 50, 100);
	knows(m, 2, 100, CHUNKMAP_PACK_MAX);
	knows(m, 3, 0, 0);
	chunkmap_drop_pack(m, &stored);
	chunkmap_drop_pack(m, &added);
	knows(m, 0, 0, 100);
	knows(m, 2, 100, CHUNKMAP_PACK_MAX);
	add(m, 0, 0, 100);
	knows(m, 0, 0, 100);
	save_map(m);
	knows(m, 2, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_100000_entries_before_and_after_saving),
		cmocka_unit_test(holds_a_million_entries_in_little_memory),
		cmocka_unit_test(finds_a_million_entries_after_saving),
		cmocka_unit_test(finds_the_smallest_and_the_largest_name),
		cmocka_unit_test(starts_empty_where_no_file_of_this_zone_is),
		cmocka_unit_test(writes_only_what_changed),
		cmocka_unit_test(
		    forgets_a_dropped_pack_and_finds_the_other_copy),
		cmocka_unit_test(knows_a_pack_without_entries),
		cmocka_unit_test(counts_a_damaged_file_as_empty),
		cmocka_unit_test(never_leaves_the_packs_it_has),
		cmocka_unit_test(keeps_the_old_file_when_saving_fails),
		cmocka_unit_test(keeps_all_in_memory_where_no_file_can_be_made),
		cmocka_unit_test(finds_beside_adds_and_saves),
		cmocka_unit_test(
		    tells_the_names_of_a_pack_also_when_it_was_dropped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
