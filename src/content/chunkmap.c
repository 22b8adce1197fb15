/* SPDX-License-Identifier: ISC */
/* chunkmap.c: which pack holds a chunk, asked and told from any thread. */
#include "content/chunkmap_in.h"

#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

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
	m->max_slots = CHUNKMAP_ADDED_MAX;
	if (fd >= 0 && chunkmap_take_fd(m, fd, e) < 0)
		return -1;
	*out = TAKE(m);
	return 0;
}

void
chunkmap_free(struct chunkmap **m)
{
	if (*m == NULL)
		return;
	chunkmap_forget_all(*m);
	(void)pthread_rwlock_destroy(&(*m)->lock);
	free((*m)->path);
	free(*m);
	*m = NULL;
}

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
	chunkmap_forget_all(m);
	m->zone = *zone;
	m->seq = 0;
	m->max_slots = CHUNKMAP_ADDED_MAX;
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
	if (chunkmap_pack_find(m, pack) == CHUNKMAP_NO_PACK) {
		uint32_t number = chunkmap_pack_add(m, pack, (uint32_t)n);
		chunkmap_slots_room(m, n);
		for (uint32_t i = 0; i < n; i++)
			chunkmap_slot_put(m->slots, m->cap_slots,
			    &(struct chunkmap_entry){
				chunkmap_name_of(names[i]), number, i });
		m->n_slots += n;
		m->changed = true;
		if (m->n_slots > m->max_slots)
			chunkmap_spill(m);
	}
	unlock(m);
}

static bool
find(struct chunkmap *m, const uint8_t *name, uint32_t but, struct id *pack,
    uint32_t *entry)
{
	struct chunkmap_key key = chunkmap_name_of(name);
	struct chunkmap_entry x;

	if (!chunkmap_find_added(m, key, but, &x) &&
	    !chunkmap_find_sorted(m, key, but, &x))
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
	bool found = find(m, name, CHUNKMAP_NO_PACK, pack, entry);
	unlock(m);
	return found;
}

bool
chunkmap_find_but(struct chunkmap *m, const uint8_t *name, const struct id *but,
    struct id *pack, uint32_t *entry)
{
	lock_read(m);
	bool found = find(m, name, chunkmap_pack_find(m, but), pack, entry);
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
	bool has = chunkmap_pack_find(m, pack) != CHUNKMAP_NO_PACK;
	unlock(m);
	return has;
}

void
chunkmap_drop_pack(struct chunkmap *m, const struct id *pack)
{
	lock_write(m);
	uint32_t number = chunkmap_pack_find(m, pack);
	if (number != CHUNKMAP_NO_PACK) {
		m->packs[number].dropped = true;
		m->live -= m->packs[number].n;
		m->changed = true;
	}
	unlock(m);
}

static void
name_put(
    const struct chunkmap_entry *x, uint32_t n, uint8_t (*names)[CHUNKMAP_NAME])
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
	uint32_t p = m->cap_by_id > 0 ? m->by_id[chunkmap_id_slot(m, pack)]
				      : CHUNKMAP_NO_PACK;
	uint32_t n = p != CHUNKMAP_NO_PACK ? m->packs[p].n : 0;
	if (n > CHUNKMAP_PACK_MAX)
		n = 0;
	memset(names, 0, (size_t)n * CHUNKMAP_NAME);
	for (size_t i = 0; n > 0 && i < m->n_sorted; i++) {
		struct chunkmap_entry x = chunkmap_sorted_at(m, i);
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
	int rc = m->changed ? chunkmap_write(m, e) : 0;
	unlock(m);
	return rc;
}
