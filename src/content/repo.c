/* SPDX-License-Identifier: ISC */
/* repo.c: opening zones, keys and indexes. */
#include "content/repo.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static void
part_free(struct repo_part *p)
{
	if (!p->lodges)
		zcopy_free(&p->zone);
	chunkmap_free(&p->map);
	chunker_free(&p->chunker);
	free(p->map_path);
	*p = (struct repo_part){ 0 };
}

void
repo_free(struct repo **r)
{
	if (*r == NULL)
		return;
	for (size_t c = 0; c < CATEGORY_END; c++)
		part_free(&(*r)->parts[c]);
	free((*r)->dir);
	free((*r)->cache_dir);
	(void)pthread_mutex_destroy(&(*r)->follows);
	free(*r);
	*r = NULL;
}

bool
repo_has(const struct repo *r, enum category c)
{
	return r->parts[c].zone != NULL;
}

struct repo_part *
repo_part(struct repo *r, enum category c)
{
	return &r->parts[c];
}

/* What the escrow never had nobody has any more after a reset. */
bool
repo_closed(const struct repo *r, enum category c)
{
	return !repo_has(r, c) ||
	    (!category_escrowed(c) && r->self.circle->reset_seq > 0);
}

bool
repo_holds(const struct repo_part *p, unsigned stream)
{
	return p->lodges == (stream == PTABLE_SECRET);
}

/* ---- keys ---- */

struct pack_place
repo_place(const struct repo *r, const struct repo_part *p)
{
	return (struct pack_place){ .uid = r->self.uid,
		.category = (uint8_t)zcopy_category(p->zone) };
}

static void
unlock(pthread_mutex_t **m)
{
	if (*m != NULL)
		(void)pthread_mutex_unlock(*m);
}

/* The zone's own keys are its copy's to give. epoch 0: the newest. */
static const struct secret *
lodger_key(const struct repo *r, const struct repo_part *p, uint32_t *epoch,
    struct err *e)
{
	OWN(unlock) pthread_mutex_t *lock = r->self.lock;

	if (lock != NULL)
		(void)pthread_mutex_lock(lock);
	if (*epoch == 0)
		*epoch = keyring_epoch(r->self.keyring);
	const struct secret *key =
	    keyring_category(r->self.keyring, p->keys, *epoch);
	if (key == NULL)
		(void)err_set(e, ERR_CATEGORY_CLOSED,
		    "the key of %s, epoch %u, is not held here",
		    category_name(p->keys), (unsigned)*epoch);
	return key;
}

const struct secret *
repo_write_key(const struct repo *r, const struct repo_part *p, uint32_t *epoch,
    struct err *e)
{
	*epoch = 0;
	return p->lodges ? lodger_key(r, p, epoch, e)
			 : zcopy_write_key(p->zone, epoch, e);
}

const struct secret *
repo_read_key(const struct repo *r, const struct repo_part *p, uint32_t epoch,
    struct err *e)
{
	return p->lodges ? lodger_key(r, p, &epoch, e)
			 : zcopy_read_key(p->zone, epoch, e);
}

/* ---- opening ---- */

/* The part in whose zone one of these keys lodges, or NULL. */
static struct repo_part *
host_of(struct repo *r, const struct id *zone, enum category keys)
{
	for (size_t c = 0; c < keys; c++)
		if (r->parts[c].zone != NULL &&
		    id_equal(zcopy_zone(r->parts[c].zone), zone))
			return &r->parts[c];
	return NULL;
}

static int
part_open(struct repo *r, enum category c, const struct repo_from *from,
    struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };
	const struct id *zone = from->zones[c];
	struct repo_part *p = &r->parts[c];
	const struct repo_part *host = host_of(r, zone, c);

	p->keys = c;
	p->lodges = host != NULL;
	if (host != NULL)
		p->zone = host->zone;
	else if (zcopy_open(&r->self,
		     &(struct zcopy_of){ from->local, r->depot, zone, c },
		     &p->zone, e) < 0)
		return -1;
	p->names = keyring_names(r->self.keyring, c);
	if (p->names == NULL)
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the keys of %s are not held here", category_name(c));
	OWN(secret_free)
	struct secret *seed = secret_derive(p->names, "chunker", bytes_str(""));
	p->chunker = chunker_new(seed);
	buf_printf(&name, "%s/index/%s%s%s", from->dir, id_text(zone).s,
	    p->lodges ? "-" : "", p->lodges ? category_name(c) : "");
	p->map_path = mem_text(buf_text(&name));
	return zcopy_base(p->zone, &p->base, e) < 0
	    ? -1
	    : chunkmap_open(p->map_path, &p->base, &p->map, e);
}

int
repo_open(const struct repo_from *from, struct repo **out, struct err *e)
{
	OWN(repo_free) struct repo *r = mem_new(sizeof *r);
	OWN(mem_free) char *index = file_join(from->dir, "index");

	(void)pthread_mutex_init(&r->follows, NULL);
	r->self = *from->self;
	r->depot = from->depot;
	r->dir = mem_text(from->dir);
	r->cache_dir = file_join(from->dir, "cache");
	if (file_mkdirs(index, 0700, e) < 0 ||
	    file_mkdirs(r->cache_dir, 0700, e) < 0)
		return -1;
	for (unsigned c = 0; c < CATEGORY_END; c++)
		if (from->zones[c] != NULL &&
		    part_open(r, (enum category)c, from, e) < 0)
			return -1;
	if (repo_refresh(r, e) < 0)
		return -1;
	*out = TAKE(r);
	return 0;
}

/* ---- bringing an index up to date ---- */

void
repo_index(struct chunkmap *map, const struct id *pack, const struct ptable *t)
{
	OWN(mem_free)
	uint8_t(*names)[CHUNKMAP_NAME] =
	    mem_array((size_t)t->n_entries + 1, CHUNKMAP_NAME);

	for (uint32_t i = 0; i < t->n_entries; i++)
		memcpy(names[i], t->entries[i].name.b, CHUNKMAP_NAME);
	chunkmap_add(
	    map, pack, (const uint8_t(*)[CHUNKMAP_NAME])names, t->n_entries);
}

/* A zone, and the parts that lie in it. */
struct index_job {
	struct repo_part *in[CATEGORY_END];
	size_t n;
	struct ptable table;
	uint64_t seen;
};

static void
index_free(struct index_job *j)
{
	ptable_free(&j->table);
}

static int
index_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct index_job *j = ctx;
	struct err why;

	j->seen++;
	if (r->deleted) {
		for (size_t i = 0; i < j->n; i++)
			chunkmap_drop_pack(j->in[i]->map, &r->id);
		return 0;
	}
	if (r->plain.n == 0 || r->plain.p[0] != PTABLE_KIND)
		return 0;
	for (size_t i = 0; i < j->n; i++)
		if (chunkmap_has_pack(j->in[i]->map, &r->id))
			return 0;
	ptable_free(&j->table);
	if (ptable_parse(r->plain, &j->table, &why) < 0) {
		/* What only it names counts as lost; `check` names it. */
		if (why.code == ERR_RECORD_CORRUPT)
			return 0;
		*e = why;
		return -1;
	}
	for (size_t i = 0; i < j->n; i++)
		if (repo_holds(j->in[i], j->table.stream))
			repo_index(j->in[i]->map, &r->id, &j->table);
	return 0;
}

static int
follow_once(struct repo *r, struct repo_part *p, struct err *e)
{
	OWN(index_free) struct index_job j = { .n = 0 };
	struct zcopy_point at = { .seq = UINT64_MAX };

	if (zcopy_base(p->zone, &at.base, e) < 0)
		return -1;
	for (size_t c = 0; c < CATEGORY_END; c++) {
		struct repo_part *x = &r->parts[c];
		if (x->zone != p->zone)
			continue;
		if (!id_equal(&at.base, &x->base)) {
			chunkmap_reset(x->map, &at.base);
			x->base = at.base;
		}
		if (chunkmap_seq(x->map) < at.seq)
			at.seq = chunkmap_seq(x->map);
		j.in[j.n++] = x;
	}
	if (zcopy_seq(p->zone) == at.seq)
		return 0;
	if (zcopy_news(p->zone, &at, index_one, &j, e) < 0)
		return -1;
	for (size_t i = 0; i < j.n; i++) {
		chunkmap_set_seq(j.in[i]->map, at.seq);
		j.in[i]->news += j.seen;
	}
	return 0;
}

/* Take what the copy of the part's zone has had since into its indexes. */
static int
part_follow(struct repo *r, struct repo_part *p, struct err *e)
{
	/* Replaced in the middle of it: there is another base now. */
	while (follow_once(r, p, e) < 0)
		if (e->code != ERR_RESYNC)
			return -1;
	return 0;
}

static int
part_refresh(struct repo *r, struct repo_part *p, struct err *e)
{
	return zcopy_pull(p->zone, e) < 0 ? -1 : part_follow(r, p, e);
}

#define FOLLOWING(r) \
	OWN(unlock) pthread_mutex_t *following_ = &(r)->follows; \
	(void)pthread_mutex_lock(following_)

typedef int (*part_fn)(struct repo *r, struct repo_part *p, struct err *e);

/* Do something with each part that is open. */
static int
each_part(struct repo *r, part_fn fn, struct err *e)
{
	for (size_t c = 0; c < CATEGORY_END; c++)
		if (r->parts[c].zone != NULL && fn(r, &r->parts[c], e) < 0)
			return -1;
	return 0;
}

/* The same with each zone: it has one part that does not lodge there. */
static int
each_zone(struct repo *r, part_fn fn, struct err *e)
{
	for (size_t c = 0; c < CATEGORY_END; c++)
		if (r->parts[c].zone != NULL && !r->parts[c].lodges &&
		    fn(r, &r->parts[c], e) < 0)
			return -1;
	return 0;
}

int
repo_refresh(struct repo *r, struct err *e)
{
	FOLLOWING(r);
	return each_zone(r, part_refresh, e);
}

int
repo_follow(struct repo *r, struct err *e)
{
	FOLLOWING(r);
	return each_zone(r, part_follow, e);
}

int
repo_moved(struct repo *r, enum category c, const struct id *pack, bool *moved,
    struct err *e)
{
	struct repo_part *part = repo_part(r, c);

	FOLLOWING(r);
	if (chunkmap_has_pack(part->map, pack) && part_refresh(r, part, e) < 0)
		return -1;
	*moved = !chunkmap_has_pack(part->map, pack);
	return 0;
}

#define MANY 16 /* packs that do not all get lost one by one */

static int
part_ask(struct repo *r, struct repo_part *part, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };
	uint64_t lost = 0;

	chunkmap_packs(part->map, &ids);
	size_t n = ids.n / ID_BYTES;
	const struct id *list = (const struct id *)ids.p; /* bytes only */
	OWN(mem_free) uint8_t *there = mem_new(n + 1);
	for (size_t at = 0; at < n; at += LIMIT_EXISTS_IDS)
		if (r->depot->ops->blob_exists(r->depot, zcopy_zone(part->zone),
			list + at,
			n - at < LIMIT_EXISTS_IDS ? n - at : LIMIT_EXISTS_IDS,
			there + at, e) < 0)
			return -1;
	for (size_t i = 0; i < n; i++)
		lost += there[i] == 0;
	if (lost == n && n >= MANY) {
		(void)err_set(e, ERR_BLOB_MISSING,
		    "none of the %zu packs of %s is there", n,
		    category_name(part->keys));
		return err_remedy(e,
		    "Is a disk not mounted where they are kept? If they are "
		    "lost: aumbry repair");
	}
	for (size_t i = 0; i < n; i++)
		if (there[i] == 0)
			chunkmap_drop_pack(part->map, &list[i]);
	r->lost += lost;
	return 0;
}

int
repo_ask(struct repo *r, struct err *e)
{
	FOLLOWING(r);
	r->lost = 0;
	return each_part(r, part_ask, e);
}

int
repo_reindex(struct repo *r, struct err *e)
{
	FOLLOWING(r);
	for (size_t c = 0; c < CATEGORY_END; c++)
		if (r->parts[c].zone != NULL)
			chunkmap_reset(r->parts[c].map, &r->parts[c].base);
	return each_zone(r, part_refresh, e);
}

/* Lost races brought in packs of others, which the index lacks. */
static int
part_save(struct repo *r, struct repo_part *p, struct err *e)
{
	if (part_follow(r, p, e) < 0 || chunkmap_save(p->map, e) < 0)
		return -1;
	p->news = 0;
	return 0;
}

#define LATE 4096 /* records: some ms to read, as many to write the map */

static int
part_save_late(struct repo *r, struct repo_part *p, struct err *e)
{
	return p->news < LATE ? 0 : part_save(r, p, e);
}

int
repo_save(struct repo *r, struct err *e)
{
	FOLLOWING(r);
	if (r->lost > 0)
		return 0; /* the old ones know what may come back */
	return each_part(r, part_save, e);
}

int
repo_save_late(struct repo *r, struct err *e)
{
	FOLLOWING(r);
	return r->lost > 0 ? 0 : each_part(r, part_save_late, e);
}

struct id
repo_condemned_id(const struct id *pack)
{
	OWN(buf_free) struct buf text = { 0 };

	buf_put_str(&text, "aumbry condemned v1");
	id_put(&text, pack);
	return digest_id(buf_bytes(&text));
}
