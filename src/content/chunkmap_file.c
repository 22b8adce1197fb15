/* SPDX-License-Identifier: ISC */
/* chunkmap_file.c: the sorted file: read under mmap, written, gone over to. */
#include "content/chunkmap_in.h"

#include "base/file.h"
#include "wire/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1
#define FIXED_BYTES 56 /* of the header, before its digest */
#define HEADER_BYTES (FIXED_BYTES + DIGEST_BYTES)
#define PACK_BYTES (ID_BYTES + 4)
#define LANES 8
#define SUM_BYTES (LANES * sizeof(uint64_t))
/* What was read of the file in order is let go in pieces of this many bytes. */
#define READ_BYTES ((size_t)4 << 20)
#define PAGE ((uintptr_t)4096)
/* Whole entries and whole groups of lanes. */
#define WRITE_BYTES (CHUNKMAP_ENTRY_BYTES * SUM_BYTES * 512)

static const uint8_t magic[8] = { 'A', 'U', 'M', 'B', 'R', 'Y', 'C', 'M' };

/* ---- sum ---- */

struct sum {
	uint64_t lane[LANES];
	uint64_t n;
};

static inline uint64_t
stir(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return lane << 29 | lane >> 35;
}

static struct sum
sum_start(void)
{
	return (struct sum){ .lane = { 1, 2, 3, 4, 5, 6, 7, 8 } };
}

/* Only the last call may have a length that SUM_BYTES does not divide. */
static void
sum_add(struct sum *s, const uint8_t *p, size_t n)
{
	uint64_t lane[LANES], word[LANES];

	memcpy(lane, s->lane, sizeof lane);
	s->n += n;
	for (; n > 0; p += sizeof word) {
		size_t step = n < sizeof word ? n : sizeof word;
		if (step < sizeof word)
			memset(word, 0, sizeof word);
		memcpy(word, p, step);
		for (size_t k = 0; k < LANES; k++)
			lane[k] = stir(lane[k], word[k]);
		n -= step;
	}
	memcpy(s->lane, lane, sizeof lane);
}

static uint64_t
sum_end(const struct sum *s)
{
	uint64_t all = s->n;

	for (size_t k = 0; k < LANES; k++)
		all = stir(all, s->lane[k]);
	return all;
}

/* ---- reading ---- */

/* Pages of the file that were read once in order: it still has them. */
static void
let_go(const uint8_t *p, size_t n)
{
	uintptr_t from = ((uintptr_t)p + PAGE - 1) & ~(PAGE - 1);
	uintptr_t to = ((uintptr_t)p + n) & ~(PAGE - 1);

	if (to > from)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

static void
header_digest(const uint8_t *fixed, struct bytes packs, struct digest *out)
{
	OWN(digest_free) struct digest_state *s = digest_new();

	digest_add(s, bytes_of(fixed, FIXED_BYTES));
	digest_add(s, packs);
	digest_end(s, out);
}

/* Take over what the mapped file says, if all of it is right. */
static bool
take_file(struct chunkmap *m)
{
	struct bytes file = bytes_of(m->map, m->map_n);
	struct scan s = scan_of(file);
	struct digest want, is;
	struct sum sum = sum_start();

	struct bytes its_magic = scan_take(&s, sizeof magic);
	uint32_t version = scan_u32(&s);
	uint32_t n_packs = scan_u32(&s);
	uint64_t n_entries = scan_u64(&s);
	uint64_t seq = scan_u64(&s);
	struct id zone = id_take(&s);
	uint64_t want_sum = scan_u64(&s);
	want = digest_take(&s);
	if (!scan_ok(&s) || version != VERSION || !id_equal(&zone, &m->zone) ||
	    !bytes_equal(its_magic, bytes_of(magic, sizeof magic)) ||
	    n_packs > s.n / PACK_BYTES ||
	    n_entries > s.n / CHUNKMAP_ENTRY_BYTES ||
	    n_packs * (uint64_t)PACK_BYTES + n_entries * CHUNKMAP_ENTRY_BYTES !=
		s.n)
		return false;
	struct bytes packs = scan_take(&s, (size_t)n_packs * PACK_BYTES);
	header_digest(file.p, packs, &is);
	for (size_t at = 0; at < s.n; at += READ_BYTES) {
		size_t n = s.n - at < READ_BYTES ? s.n - at : READ_BYTES;
		sum_add(&sum, s.p + at, n);
		let_go(s.p + at, n);
	}
	if (!digest_equal(&want, &is) || sum_end(&sum) != want_sum)
		return false;

	struct scan ps = scan_of(packs);
	for (uint32_t i = 0; i < n_packs; i++) {
		struct id id = id_take(&ps);
		(void)chunkmap_pack_add(m, &id, scan_u32(&ps));
	}
	m->sorted = s.p;
	m->n_sorted = (size_t)n_entries;
	m->seq = seq;
	return m->live == n_entries;
}

int
chunkmap_take_fd(struct chunkmap *m, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", m->path);
	if (!S_ISREG(st.st_mode) || st.st_size < HEADER_BYTES ||
	    (uint64_t)st.st_size > SIZE_MAX)
		return 0;
	m->map_n = (size_t)st.st_size;
	void *p = mmap(NULL, m->map_n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map %s", m->path);
	m->map = p;
	(void)madvise(m->map, m->map_n, MADV_SEQUENTIAL);
	if (!take_file(m)) {
		chunkmap_forget_all(m);
		return 0;
	}
	(void)madvise(m->map, m->map_n, MADV_RANDOM);
	return 0;
}

/* ---- writing ---- */

struct writer {
	int fd;
	char *path; /* to be removed, or NULL once it has its name */
	struct buf block;
	struct sum sum;
	uint64_t at;
};

static void
writer_drop(struct writer *w)
{
	if (w->fd >= 0 && w->path != NULL)
		(void)unlink(w->path);
	fd_close(&w->fd);
	free(w->path);
	w->path = NULL;
	buf_free(&w->block);
}

static int
writer_open(struct writer *w, const char *path, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };

	buf_printf(&name, "%s.new-XXXXXX", path);
	w->path = mem_text(buf_text(&name));
	w->fd = mkostemp(w->path, O_CLOEXEC);
	w->sum = sum_start();
	return w->fd < 0 ? err_sys(e, "%s", w->path) : 0;
}

static int
writer_flush(struct writer *w, struct err *e)
{
	sum_add(&w->sum, w->block.p, w->block.n);
	if (file_pwrite_all(w->fd, buf_bytes(&w->block), w->at, e) < 0)
		return -1;
	w->at += w->block.n;
	buf_clear(&w->block);
	return 0;
}

static int
writer_put(struct writer *w, const struct chunkmap_entry *x, uint32_t pack,
    struct err *e)
{
	buf_put_u64(&w->block, x->name.hi);
	buf_put_u64(&w->block, x->name.lo);
	buf_put_u32(&w->block, pack);
	buf_put_u32(&w->block, x->number);
	return w->block.n == WRITE_BYTES ? writer_flush(w, e) : 0;
}

/*
 * Write both halves as one sorted run.
 *
 * n_added  entries that chunkmap_slots_sort left.
 * numbers  per pack its new number.
 * counts   per new number, how many entries were written.
 */
static int
write_entries(const struct chunkmap *m, size_t n_added, struct writer *w,
    const uint32_t *numbers, uint32_t *counts, struct err *e)
{
	const struct chunkmap_entry *added = m->slots;
	size_t i = 0, j = 0;

	while (i < m->n_sorted || j < n_added) {
		struct chunkmap_entry x = { .pack = CHUNKMAP_NO_PACK };
		if (i < m->n_sorted) {
			x = chunkmap_sorted_at(m, i);
			if (i % (READ_BYTES / CHUNKMAP_ENTRY_BYTES) == 0 &&
			    i > 0)
				let_go(m->sorted + i * CHUNKMAP_ENTRY_BYTES -
					READ_BYTES,
				    READ_BYTES);
		}
		if (i == m->n_sorted ||
		    (j < n_added && chunkmap_entry_cmp(&added[j], &x) < 0))
			x = added[j++];
		else
			i++;
		if (!chunkmap_entry_live(m, &x))
			continue;
		counts[numbers[x.pack]]++;
		if (writer_put(w, &x, numbers[x.pack], e) < 0)
			return -1;
	}
	return writer_flush(w, e);
}

static int
write_header(const struct chunkmap *m, struct writer *w, const uint32_t *counts,
    uint32_t n_packs, uint64_t n_entries, struct err *e)
{
	OWN(buf_free) struct buf fixed = { 0 };
	OWN(buf_free) struct buf packs = { 0 };
	struct digest d;

	for (uint32_t i = 0, k = 0; i < m->n_packs; i++) {
		if (m->packs[i].dropped)
			continue;
		id_put(&packs, &m->packs[i].id);
		buf_put_u32(&packs, counts[k++]);
	}
	buf_put(&fixed, magic, sizeof magic);
	buf_put_u32(&fixed, VERSION);
	buf_put_u32(&fixed, n_packs);
	buf_put_u64(&fixed, n_entries);
	buf_put_u64(&fixed, m->seq);
	id_put(&fixed, &m->zone);
	buf_put_u64(&fixed, sum_end(&w->sum));
	header_digest(fixed.p, buf_bytes(&packs), &d);
	digest_put(&fixed, &d);
	buf_put_bytes(&fixed, buf_bytes(&packs));
	return file_pwrite_all(w->fd, buf_bytes(&fixed), 0, e);
}

static int
write_all(
    const struct chunkmap *m, size_t n_added, struct writer *w, struct err *e)
{
	OWN(mem_free)
	uint32_t *numbers = mem_array((size_t)m->n_packs + 1, sizeof *numbers);
	OWN(mem_free)
	uint32_t *counts = mem_array((size_t)m->n_packs + 1, sizeof *counts);
	uint32_t n_packs = 0;

	for (uint32_t i = 0; i < m->n_packs; i++)
		if (!m->packs[i].dropped)
			numbers[i] = n_packs++;
	uint64_t start = HEADER_BYTES + (uint64_t)n_packs * PACK_BYTES;
	w->at = start;
	if (write_entries(m, n_added, w, numbers, counts, e) < 0)
		return -1;
	return write_header(
	    m, w, counts, n_packs, (w->at - start) / CHUNKMAP_ENTRY_BYTES, e);
}

/* ---- going over to it ---- */

/* Go over to the file that was just written, once it proves whole. */
static int
adopt(struct chunkmap *m, int fd, struct err *e)
{
	struct chunkmap next = { .path = m->path, .zone = m->zone };

	if (chunkmap_take_fd(&next, fd, e) < 0) {
		chunkmap_forget_all(&next);
		return -1;
	}
	if (next.map == NULL)
		return err_set(e, ERR_IO,
		    "%s: what was written does not read back", m->path);
	chunkmap_forget_all(m);
	m->packs = next.packs;
	m->n_packs = next.n_packs;
	m->cap_packs = next.cap_packs;
	m->by_id = next.by_id;
	m->cap_by_id = next.cap_by_id;
	m->live = next.live;
	m->map = next.map;
	m->map_n = next.map_n;
	m->sorted = next.sorted;
	m->n_sorted = next.n_sorted;
	m->seq = next.seq;
	return 0;
}

static int
save_sorted(struct chunkmap *m, size_t n_added, struct err *e)
{
	OWN(writer_drop) struct writer w = { .fd = -1 };

	if (writer_open(&w, m->path, e) < 0)
		return -1;
	if (write_all(m, n_added, &w, e) < 0)
		return err_in(e, "%s", m->path);
	if (fsync(w.fd) < 0 || rename(w.path, m->path) < 0)
		return err_sys(e, "%s", m->path);
	mem_free(&w.path);
	OWN(mem_free) char *dir = file_above(m->path);
	if (file_sync_dir(dir, e) < 0)
		return -1;
	return adopt(m, w.fd, e);
}

int
chunkmap_write(struct chunkmap *m, struct err *e)
{
	size_t n = chunkmap_slots_sort(m);

	if (save_sorted(m, n, e) == 0)
		return 0;
	chunkmap_slots_again(m, n);
	return -1;
}

static int
spill_sorted(struct chunkmap *m, size_t n_added, struct err *e)
{
	OWN(writer_drop) struct writer w = { .fd = -1 };

	if (writer_open(&w, m->path, e) < 0)
		return -1;
	(void)unlink(w.path);
	mem_free(&w.path);
	return write_all(m, n_added, &w, e) < 0 ? -1 : adopt(m, w.fd, e);
}

void
chunkmap_spill(struct chunkmap *m)
{
	size_t max = 2 * m->n_slots, n = chunkmap_slots_sort(m);
	struct err ignored;

	if (spill_sorted(m, n, &ignored) == 0) {
		m->changed = true;
		return;
	}
	chunkmap_slots_again(m, n);
	m->max_slots = max;
}
