/* SPDX-License-Identifier: ISC */
/* chunkmap.c: a sorted file under mmap, and a hash table of what is new. */
#include "content/chunkmap.h"

#include "base/file.h"
#include "wire/digest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY CHUNKMAP_KEY
#define VERSION 1
#define FIXED_BYTES 56 /* of the header, before its digest */
#define HEADER_BYTES (FIXED_BYTES + DIGEST_BYTES)
#define PACK_BYTES (ID_BYTES + 4)
#define ENTRY_BYTES (KEY + 8)
#define NO_PACK UINT32_MAX
#define LANES 8
#define SUM_BYTES (LANES * sizeof(uint64_t))
/* New entries that memory holds: 12 MiB of slots, three quarters full. */
#define ADDED_MAX (((size_t)3 << 17) - CHUNKMAP_PACK_MAX)
/* What was read of the file in order is let go in pieces of this many bytes. */
#define READ_BYTES ((size_t)4 << 20)
#define PAGE ((uintptr_t)4096)
/* Whole entries and whole groups of lanes. */
#define WRITE_BYTES (ENTRY_BYTES * SUM_BYTES * 512)

static const uint8_t magic[8] = { 'A', 'U', 'M', 'B', 'R', 'Y', 'C', 'M' };

struct name {
	uint64_t hi, lo;
};

struct entry {
	struct name name;
	uint32_t pack; /* NO_PACK in an empty slot */
	uint32_t number;
};

struct pack {
	struct id id;
	uint32_t n; /* entries */
	bool dropped;
};

struct chunkmap {
	pthread_rwlock_t lock;
	char *path;
	struct id zone;
	uint64_t seq;
	bool changed;

	struct pack *packs; /* those of the file first */
	uint32_t n_packs, cap_packs;
	uint32_t *by_id; /* numbers of packs, or NO_PACK: linear probing */
	size_t cap_by_id; /* power of two, or 0 */
	size_t live; /* entries of packs that are not dropped */

	uint8_t *map; /* the file, or its nameless successor, or NULL */
	size_t map_n;
	const uint8_t *sorted; /* its entries */
	size_t n_sorted;

	struct entry *slots; /* what was added since: linear probing */
	size_t cap_slots; /* power of two, or 0 */
	size_t n_slots;
	size_t max_slots; /* what makes the next spill */
};

/* ---- sum ----------------------------------------------------------------- */

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

/* ---- entries ------------------------------------------------------------- */

static inline struct name
name_of(const uint8_t *p)
{
	return (struct name){ be64(p), be64(p + 8) };
}

static inline int
name_cmp(struct name a, struct name b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = name_cmp(x->name, y->name);

	if (c != 0)
		return c;
	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static struct entry
sorted_at(const struct chunkmap *m, size_t i)
{
	const uint8_t *p = m->sorted + i * ENTRY_BYTES;

	return (struct entry){ name_of(p), be32(p + KEY), be32(p + KEY + 4) };
}

/* Not of a dropped pack; and the file's bytes may say anything. */
static bool
entry_live(const struct chunkmap *m, const struct entry *x)
{
	return x->pack < m->n_packs && !m->packs[x->pack].dropped &&
	    x->number < m->packs[x->pack].n;
}

/*
 * The first sorted entry that is not below name. Names are uniform, so that
 * a guess by proportion lands close; halving bounds it for those that are not.
 */
static size_t
lower_bound(const struct chunkmap *m, struct name name)
{
	size_t low = 0, high = m->n_sorted;
	uint64_t from = 0, to = UINT64_MAX;

	for (unsigned step = 0; low < high; step++) {
		size_t mid = low + (high - low) / 2;
		if (step % 4 != 3 && from <= name.hi && name.hi <= to &&
		    from < to)
			mid = low +
			    (size_t)((double)(name.hi - from) /
				((double)(to - from) + 1) *
				(double)(high - low));
		if (mid >= high)
			mid = high - 1;
		struct name at = sorted_at(m, mid).name;
		if (name_cmp(at, name) < 0) {
			low = mid + 1;
			from = at.hi;
		} else {
			high = mid;
			to = at.hi;
		}
	}
	return low;
}

/* Live, and not in pack number `but`, which may be NO_PACK. */
static bool
find_sorted(
    const struct chunkmap *m, struct name name, uint32_t but, struct entry *out)
{
	for (size_t i = lower_bound(m, name); i < m->n_sorted; i++) {
		*out = sorted_at(m, i);
		if (name_cmp(out->name, name) != 0)
			return false;
		if (out->pack != but && entry_live(m, out))
			return true;
	}
	return false;
}

static bool
find_added(
    const struct chunkmap *m, struct name name, uint32_t but, struct entry *out)
{
	if (m->cap_slots == 0)
		return false;
	for (size_t i = name.hi & (m->cap_slots - 1);
	     m->slots[i].pack != NO_PACK; i = (i + 1) & (m->cap_slots - 1)) {
		*out = m->slots[i];
		if (name_cmp(out->name, name) == 0 && out->pack != but &&
		    entry_live(m, out))
			return true;
	}
	return false;
}

static void
slot_put(struct entry *slots, size_t cap, const struct entry *x)
{
	size_t i = x->name.hi & (cap - 1);

	while (slots[i].pack != NO_PACK)
		i = (i + 1) & (cap - 1);
	slots[i] = *x;
}

/* Room for `more` entries, three quarters full at most. */
static void
slots_room(struct chunkmap *m, size_t more)
{
	size_t cap = m->cap_slots > 0 ? m->cap_slots : 1024;

	while ((m->n_slots + more) > cap / 4 * 3)
		cap *= 2;
	if (cap == m->cap_slots)
		return;
	struct entry *slots = mem_array(cap, sizeof *slots);
	for (size_t i = 0; i < cap; i++)
		slots[i].pack = NO_PACK;
	for (size_t i = 0; i < m->cap_slots; i++)
		if (m->slots[i].pack != NO_PACK)
			slot_put(slots, cap, &m->slots[i]);
	free(m->slots);
	m->slots = slots;
	m->cap_slots = cap;
}

/* ---- packs --------------------------------------------------------------- */

/* The slot of this id, or the empty one where it would go. */
static size_t
id_slot(const struct chunkmap *m, const struct id *id)
{
	size_t i = (size_t)be64(id->b) & (m->cap_by_id - 1);

	while (
	    m->by_id[i] != NO_PACK && !id_equal(&m->packs[m->by_id[i]].id, id))
		i = (i + 1) & (m->cap_by_id - 1);
	return i;
}

/* The number of a pack that is not dropped, or NO_PACK. */
static uint32_t
pack_find(const struct chunkmap *m, const struct id *id)
{
	if (m->cap_by_id == 0)
		return NO_PACK;
	uint32_t pack = m->by_id[id_slot(m, id)];
	return pack != NO_PACK && !m->packs[pack].dropped ? pack : NO_PACK;
}

static void
by_id_grow(struct chunkmap *m)
{
	free(m->by_id);
	m->cap_by_id = m->cap_by_id == 0 ? 64 : 2 * m->cap_by_id;
	m->by_id = mem_array(m->cap_by_id, sizeof *m->by_id);
	for (size_t i = 0; i < m->cap_by_id; i++)
		m->by_id[i] = NO_PACK;
	for (uint32_t i = 0; i < m->n_packs; i++)
		m->by_id[id_slot(m, &m->packs[i].id)] = i;
}

static uint32_t
pack_add(struct chunkmap *m, const struct id *id, uint32_t n)
{
	assert(m->n_packs < NO_PACK - 1);
	if (m->n_packs == m->cap_packs) {
		m->cap_packs = m->cap_packs == 0 ? 64 : m->cap_packs * 2;
		m->packs = mem_resize(m->packs, m->cap_packs, sizeof *m->packs);
	}
	if ((size_t)m->n_packs * 2 >= m->cap_by_id)
		by_id_grow(m);
	uint32_t pack = m->n_packs;
	size_t slot = id_slot(m, id); /* free, or of one that was dropped */
	m->packs[m->n_packs++] = (struct pack){ .id = *id, .n = n };
	m->by_id[slot] = pack;
	m->live += n;
	return pack;
}

/* ---- opening ------------------------------------------------------------- */

static void
forget_all(struct chunkmap *m)
{
	if (m->map != NULL)
		(void)munmap(m->map, m->map_n);
	free(m->packs);
	free(m->by_id);
	free(m->slots);
	m->map = NULL;
	m->sorted = NULL;
	m->packs = NULL;
	m->by_id = NULL;
	m->slots = NULL;
	m->n_packs = m->cap_packs = 0;
	m->map_n = m->n_sorted = 0;
	m->cap_by_id = m->cap_slots = m->n_slots = m->live = 0;
	m->max_slots = ADDED_MAX;
	m->seq = 0;
	m->changed = false;
}

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
	    n_packs > s.n / PACK_BYTES || n_entries > s.n / ENTRY_BYTES ||
	    n_packs * (uint64_t)PACK_BYTES + n_entries * ENTRY_BYTES != s.n)
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
		(void)pack_add(m, &id, scan_u32(&ps));
	}
	m->sorted = s.p;
	m->n_sorted = (size_t)n_entries;
	m->seq = seq;
	return m->live == n_entries;
}

/* Map and check what fd names; a file that is not right leaves m empty. */
static int
take_fd(struct chunkmap *m, int fd, struct err *e)
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
		forget_all(m);
		return 0;
	}
	(void)madvise(m->map, m->map_n, MADV_RANDOM);
	return 0;
}

int
chunkmap_open(const char *path, const struct id *zone, struct chunkmap **out,
    struct err *e)
{
	OWN(fd_close)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	OWN(chunkmap_free) struct chunkmap *m = NULL;

	if (fd < 0 && errno != ENOENT)
		return err_sys(e, "%s", path);
	m = mem_new(sizeof *m);
	if (pthread_rwlock_init(&m->lock, NULL) != 0)
		abort();
	m->path = mem_text(path);
	m->zone = *zone;
	m->max_slots = ADDED_MAX;
	if (fd >= 0 && take_fd(m, fd, e) < 0)
		return -1;
	*out = TAKE(m);
	return 0;
}

void
chunkmap_free(struct chunkmap **m)
{
	if (*m == NULL)
		return;
	forget_all(*m);
	(void)pthread_rwlock_destroy(&(*m)->lock);
	free((*m)->path);
	free(*m);
	*m = NULL;
}

/* ---- saving -------------------------------------------------------------- */

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
writer_put(
    struct writer *w, const struct entry *x, uint32_t pack, struct err *e)
{
	buf_put_u64(&w->block, x->name.hi);
	buf_put_u64(&w->block, x->name.lo);
	buf_put_u32(&w->block, pack);
	buf_put_u32(&w->block, x->number);
	return w->block.n == WRITE_BYTES ? writer_flush(w, e) : 0;
}

static void
swap(struct entry *a, struct entry *b)
{
	struct entry x = *a;

	*a = *b;
	*b = x;
}

/*
 * Sort in place: qsort takes as much memory again. Names are uniform, so that
 * halves are about equal; the smaller one goes first, which bounds the depth
 * whatever they are.
 */
static void
sort(struct entry *x, size_t n)
{
	while (n > 16) {
		size_t i = 0, j = n - 1;
		struct entry mid = x[n / 2];
		for (;; i++, j--) {
			while (entry_cmp(&x[i], &mid) < 0)
				i++;
			while (entry_cmp(&mid, &x[j]) < 0)
				j--;
			if (i >= j)
				break;
			swap(&x[i], &x[j]);
		}
		/* [0, j] and [j + 1, n): all of one are below the other. */
		size_t left = j + 1;
		if (left < n - left) {
			sort(x, left);
			x += left;
			n -= left;
		} else {
			sort(x + left, n - left);
			n = left;
		}
	}
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && entry_cmp(&x[k], &x[k - 1]) < 0;
		     k--)
			swap(&x[k], &x[k - 1]);
}

/*
 * Move the live entries of the hash table to its start, sorted, and return how
 * many there are. It is no hash table then: slots_again makes it one.
 */
static size_t
slots_sort(struct chunkmap *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->cap_slots; i++)
		if (entry_live(m, &m->slots[i]))
			m->slots[n++] = m->slots[i];
	sort(m->slots, n);
	return n;
}

/* After slots_sort, when the table stays: the first n are its entries. */
static void
slots_again(struct chunkmap *m, size_t n)
{
	OWN(mem_free) struct entry *old = m->slots;

	m->slots = NULL;
	m->cap_slots = m->n_slots = 0;
	slots_room(m, n);
	for (size_t i = 0; i < n; i++)
		slot_put(m->slots, m->cap_slots, &old[i]);
	m->n_slots = n;
}

/*
 * Write both halves as one sorted run.
 *
 * n_added  entries that slots_sort left.
 * numbers  per pack its new number.
 * counts   per new number, how many entries were written.
 */
static int
write_entries(const struct chunkmap *m, size_t n_added, struct writer *w,
    const uint32_t *numbers, uint32_t *counts, struct err *e)
{
	const struct entry *added = m->slots;
	size_t i = 0, j = 0;

	while (i < m->n_sorted || j < n_added) {
		struct entry x = { .pack = NO_PACK };
		if (i < m->n_sorted) {
			x = sorted_at(m, i);
			if (i % (READ_BYTES / ENTRY_BYTES) == 0 && i > 0)
				let_go(m->sorted + i * ENTRY_BYTES - READ_BYTES,
				    READ_BYTES);
		}
		if (i == m->n_sorted ||
		    (j < n_added && entry_cmp(&added[j], &x) < 0))
			x = added[j++];
		else
			i++;
		if (!entry_live(m, &x))
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
	    m, w, counts, n_packs, (w->at - start) / ENTRY_BYTES, e);
}

static int
sync_parent(const char *path, struct err *e)
{
	OWN(mem_free) char *dir = mem_text(path);
	char *slash = strrchr(dir, '/');

	if (slash == NULL)
		return file_sync_dir(".", e);
	slash[slash == dir ? 1 : 0] = '\0';
	return file_sync_dir(dir, e);
}

/* Go over to the file that was just written, once it proves whole. */
static int
adopt(struct chunkmap *m, int fd, struct err *e)
{
	struct chunkmap next = { .path = m->path, .zone = m->zone };

	if (take_fd(&next, fd, e) < 0) {
		forget_all(&next);
		return -1;
	}
	if (next.map == NULL)
		return err_set(e, ERR_IO,
		    "%s: what was written does not read back", m->path);
	forget_all(m);
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
	if (sync_parent(m->path, e) < 0)
		return -1;
	return adopt(m, w.fd, e);
}

static int
save(struct chunkmap *m, struct err *e)
{
	size_t n = slots_sort(m);

	if (save_sorted(m, n, e) == 0)
		return 0;
	slots_again(m, n);
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

/*
 * Merge what is new into a file without a name, so that it takes no more of
 * the memory than the file does. Where the disk has no room it stays, and the
 * next attempt comes when there is twice as much.
 */
static void
spill(struct chunkmap *m)
{
	size_t max = 2 * m->n_slots, n = slots_sort(m);
	struct err ignored;

	if (spill_sorted(m, n, &ignored) == 0) {
		m->changed = true;
		return;
	}
	slots_again(m, n);
	m->max_slots = max;
}

/* ---- what callers see ---------------------------------------------------- */

static void
lock_read(struct chunkmap *m)
{
	if (pthread_rwlock_rdlock(&m->lock) != 0)
		abort();
}

static void
lock_write(struct chunkmap *m)
{
	if (pthread_rwlock_wrlock(&m->lock) != 0)
		abort();
}

static void
unlock(struct chunkmap *m)
{
	(void)pthread_rwlock_unlock(&m->lock);
}

void
chunkmap_reset(struct chunkmap *m, const struct id *zone)
{
	lock_write(m);
	forget_all(m);
	m->zone = *zone;
	m->seq = 0;
	m->max_slots = ADDED_MAX;
	m->changed = true;
	unlock(m);
}

uint64_t
chunkmap_seq(struct chunkmap *m)
{
	lock_read(m);
	uint64_t seq = m->seq;
	unlock(m);
	return seq;
}

void
chunkmap_set_seq(struct chunkmap *m, uint64_t seq)
{
	lock_write(m);
	m->changed = m->changed || m->seq != seq;
	m->seq = seq;
	unlock(m);
}

void
chunkmap_add(struct chunkmap *m, const struct id *pack,
    const uint8_t (*names)[CHUNKMAP_NAME], size_t n)
{
	assert(n <= CHUNKMAP_PACK_MAX);
	lock_write(m);
	if (pack_find(m, pack) == NO_PACK) {
		uint32_t number = pack_add(m, pack, (uint32_t)n);
		slots_room(m, n);
		for (uint32_t i = 0; i < n; i++)
			slot_put(m->slots, m->cap_slots,
			    &(struct entry){ name_of(names[i]), number, i });
		m->n_slots += n;
		m->changed = true;
		if (m->n_slots > m->max_slots)
			spill(m);
	}
	unlock(m);
}

static bool
find(struct chunkmap *m, const uint8_t *name, uint32_t but, struct id *pack,
    uint32_t *entry)
{
	struct name key = name_of(name);
	struct entry x;

	if (!find_added(m, key, but, &x) && !find_sorted(m, key, but, &x))
		return false;
	*pack = m->packs[x.pack].id;
	*entry = x.number;
	return true;
}

bool
chunkmap_find(
    struct chunkmap *m, const uint8_t *name, struct id *pack, uint32_t *entry)
{
	lock_read(m);
	bool found = find(m, name, NO_PACK, pack, entry);
	unlock(m);
	return found;
}

bool
chunkmap_find_but(struct chunkmap *m, const uint8_t *name, const struct id *but,
    struct id *pack, uint32_t *entry)
{
	lock_read(m);
	bool found = find(m, name, pack_find(m, but), pack, entry);
	unlock(m);
	return found;
}

void
chunkmap_packs(struct chunkmap *m, struct buf *ids)
{
	lock_read(m);
	for (uint32_t i = 0; i < m->n_packs; i++)
		if (!m->packs[i].dropped)
			id_put(ids, &m->packs[i].id);
	unlock(m);
}

bool
chunkmap_has_pack(struct chunkmap *m, const struct id *pack)
{
	lock_read(m);
	bool has = pack_find(m, pack) != NO_PACK;
	unlock(m);
	return has;
}

void
chunkmap_drop_pack(struct chunkmap *m, const struct id *pack)
{
	lock_write(m);
	uint32_t number = pack_find(m, pack);
	if (number != NO_PACK) {
		m->packs[number].dropped = true;
		m->live -= m->packs[number].n;
		m->changed = true;
	}
	unlock(m);
}

static void
name_put(const struct entry *x, uint32_t n, uint8_t (*names)[CHUNKMAP_NAME])
{
	if (x->number >= n)
		return;
	be64_put(names[x->number], x->name.hi);
	be64_put(names[x->number] + 8, x->name.lo);
}

size_t
chunkmap_names(
    struct chunkmap *m, const struct id *pack, uint8_t (*names)[CHUNKMAP_NAME])
{
	lock_read(m);
	uint32_t p = m->cap_by_id > 0 ? m->by_id[id_slot(m, pack)] : NO_PACK;
	uint32_t n = p != NO_PACK ? m->packs[p].n : 0;
	if (n > CHUNKMAP_PACK_MAX)
		n = 0;
	memset(names, 0, (size_t)n * CHUNKMAP_NAME);
	for (size_t i = 0; n > 0 && i < m->n_sorted; i++) {
		struct entry x = sorted_at(m, i);
		if (x.pack == p)
			name_put(&x, n, names);
	}
	for (size_t i = 0; n > 0 && i < m->cap_slots; i++)
		if (m->slots[i].pack == p)
			name_put(&m->slots[i], n, names);
	unlock(m);
	return n;
}

size_t
chunkmap_size(struct chunkmap *m)
{
	lock_read(m);
	size_t n = m->live;
	unlock(m);
	return n;
}

int
chunkmap_save(struct chunkmap *m, struct err *e)
{
	lock_write(m);
	int rc = m->changed ? save(m, e) : 0;
	unlock(m);
	return rc;
}
