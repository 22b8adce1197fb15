/* SPDX-License-Identifier: ISC */
/* local.c: link/local.h and client/home.h in memory, kept by the page. */
#include "base/file.h"
#include "client/home.h"
#include "web/browser.h"
#include "web/memory.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define KEY "device.key" /* uid[16] | dev_id[16] | device keys[64] */

struct pair {
	struct pair *next;
	char *key;
	struct buf value;
};

struct link {
	uint64_t seq;
	struct digest hash;
};

struct record {
	struct id id;
	uint64_t version, seq;
	uint32_t key_epoch;
	uint8_t flags;
	struct buf refs, ct;
};

struct zone {
	struct zone *next;
	struct id id;
	struct local_zone at;
	struct link *chain;
	size_t n_chain;
	struct record *records;
	size_t n_records;
};

/* A browser's page has one memory; the handles of local.h all mean it. */
static struct {
	struct pair *pairs;
	struct zone *zones;
} here;

struct local {
	bool open;
};

/* ---- as bytes ---- */

static void
put_zone(struct buf *b, const struct zone *z)
{
	id_put(b, &z->id);
	head_put(b, &z->at.head);
	digest_put(b, &z->at.sum);
	buf_put_u32(b, (uint32_t)z->n_chain);
	for (size_t i = 0; i < z->n_chain; i++) {
		buf_put_u64(b, z->chain[i].seq);
		digest_put(b, &z->chain[i].hash);
	}
	buf_put_u32(b, (uint32_t)z->n_records);
	for (size_t i = 0; i < z->n_records; i++) {
		const struct record *r = &z->records[i];
		id_put(b, &r->id);
		buf_put_u64(b, r->version);
		buf_put_u8(b, r->flags);
		buf_put_u32(b, r->key_epoch);
		buf_put_u64(b, r->seq);
		buf_put_v32(b, buf_bytes(&r->refs));
		buf_put_v32(b, buf_bytes(&r->ct));
	}
}

static void
changed(void)
{
	OWN(buf_free) struct buf b = { 0 };
	uint32_t pairs = 0, zones = 0;

	for (const struct pair *p = here.pairs; p != NULL; p = p->next)
		pairs++;
	for (const struct zone *z = here.zones; z != NULL; z = z->next)
		zones++;
	buf_put_u8(&b, FORMAT);
	buf_put_u32(&b, pairs);
	for (const struct pair *p = here.pairs; p != NULL; p = p->next) {
		buf_put_v8(&b, bytes_str(p->key));
		buf_put_v32(&b, buf_bytes(&p->value));
	}
	buf_put_u32(&b, zones);
	for (const struct zone *z = here.zones; z != NULL; z = z->next)
		put_zone(&b, z);
	browser_keep(b.p, b.n);
}

static void
forget(void)
{
	for (struct pair *p = here.pairs, *next; p != NULL; p = next) {
		next = p->next;
		free(p->key);
		buf_free(&p->value);
		free(p);
	}
	for (struct zone *z = here.zones, *next; z != NULL; z = next) {
		next = z->next;
		for (size_t i = 0; i < z->n_records; i++) {
			buf_free(&z->records[i].refs);
			buf_free(&z->records[i].ct);
		}
		free(z->records);
		free(z->chain);
		free(z);
	}
	here.pairs = NULL;
	here.zones = NULL;
}

void
memory_erase(void)
{
	forget();
	browser_keep(NULL, 0);
}

static void
set(const char *key, struct bytes value)
{
	struct pair **at = &here.pairs;

	while (*at != NULL && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	if (value.n == 0 && *at != NULL) {
		struct pair *gone = *at;
		*at = gone->next;
		free(gone->key);
		buf_free(&gone->value);
		free(gone);
		return;
	}
	if (value.n == 0)
		return;
	if (*at == NULL) {
		*at = mem_new(sizeof **at);
		(*at)->key = mem_text(key);
	}
	buf_free(&(*at)->value);
	buf_put_bytes(&(*at)->value, value);
}

static void
load_zone(struct scan *s, struct err *e)
{
	struct zone *z = mem_new(sizeof *z);

	z->next = here.zones;
	here.zones = z;
	z->id = id_take(s);
	if (head_parse(scan_take(s, HEAD_BYTES), &z->at.head, e) < 0)
		s->bad = true;
	z->at.sum = digest_take(s);
	uint32_t n = scan_u32(s);
	if (n > s->n)
		s->bad = true;
	z->chain = mem_array(s->bad ? 0 : n, sizeof *z->chain);
	for (uint32_t i = 0; i < n && scan_ok(s); i++) {
		struct link *l = &z->chain[z->n_chain++];
		l->seq = scan_u64(s);
		l->hash = digest_take(s);
	}
	n = scan_u32(s);
	if (n > s->n)
		s->bad = true;
	z->records = mem_array(s->bad ? 0 : n, sizeof *z->records);
	for (uint32_t i = 0; i < n && scan_ok(s); i++) {
		struct record *r = &z->records[z->n_records++];
		r->id = id_take(s);
		r->version = scan_u64(s);
		r->flags = scan_u8(s);
		r->key_epoch = scan_u32(s);
		r->seq = scan_u64(s);
		buf_put_bytes(&r->refs, scan_v32(s));
		buf_put_bytes(&r->ct, scan_v32(s));
	}
}

int
memory_load(struct bytes state, struct err *e)
{
	struct scan s = scan_of(state);

	forget();
	if (state.n == 0)
		return 0;
	uint8_t format = scan_u8(&s);
	uint32_t n = scan_u32(&s);
	for (uint32_t i = 0; i < n && scan_ok(&s); i++) {
		OWN(buf_free) struct buf key = { 0 };
		buf_put_bytes(&key, scan_v8(&s));
		set(buf_text(&key), scan_v32(&s));
	}
	n = scan_u32(&s);
	for (uint32_t i = 0; i < n && scan_ok(&s); i++)
		load_zone(&s, e);
	if (format == FORMAT && scan_done(&s))
		return 0;
	forget();
	return err_set(e, ERR_STATE_DAMAGED,
	    "what this browser remembers of the account is damaged");
}

/* ---- pairs ---- */

int
local_open(const char *path, struct local **out, struct err *e)
{
	(void)path;
	(void)e;
	*out = mem_new(sizeof **out);
	return 0;
}

void
local_free(struct local **l)
{
	free(*l);
	*l = NULL;
}

static const struct buf *
find(const char *key)
{
	for (const struct pair *p = here.pairs; p != NULL; p = p->next)
		if (strcmp(p->key, key) == 0)
			return &p->value;
	return NULL;
}

int
local_get(struct local *l, const char *key, struct buf *out, struct err *e)
{
	const struct buf *value = find(key);

	(void)l;
	(void)e;
	if (value != NULL)
		buf_put_bytes(out, buf_bytes(value));
	return 0;
}

int
local_put_all(
    struct local *l, const struct local_pair *pairs, size_t n, struct err *e)
{
	(void)l;
	(void)e;
	for (size_t i = 0; i < n; i++)
		set(pairs[i].key, pairs[i].value);
	changed();
	return 0;
}

int
local_put(struct local *l, const char *key, struct bytes value, struct err *e)
{
	struct local_pair p = { key, value };

	return local_put_all(l, &p, 1, e);
}

/* ---- zones ---- */

static struct zone *
zone_of(const struct id *id)
{
	struct zone *z = here.zones;

	while (z != NULL && !id_equal(&z->id, id))
		z = z->next;
	return z;
}

int
local_zone_get(struct local *l, const struct id *zone, struct local_zone *out,
    struct err *e)
{
	const struct zone *z = zone_of(zone);

	(void)l;
	(void)e;
	*out = z != NULL ? z->at : (struct local_zone){ 0 };
	return 0;
}

static struct record *
record_of(const struct zone *z, const struct id *id)
{
	for (size_t i = 0; z != NULL && i < z->n_records; i++)
		if (id_equal(&z->records[i].id, id))
			return &z->records[i];
	return NULL;
}

static void
put_record(struct zone *z, const struct local_record *news)
{
	struct record *r = record_of(z, &news->change.id);

	if (r == NULL) {
		z->records = mem_resize(
		    z->records, z->n_records + 1, sizeof *z->records);
		r = &z->records[z->n_records++];
		*r = (struct record){ .id = news->change.id };
	}
	r->version = news->change.version;
	r->flags = news->change.flags;
	r->key_epoch = news->change.key_epoch;
	r->seq = news->seq;
	buf_free(&r->refs);
	buf_free(&r->ct);
	buf_put_bytes(&r->refs, news->change.refs);
	buf_put_bytes(&r->ct, news->change.ct);
}

static struct local_record
shown(const struct record *r)
{
	struct local_record out = { .seq = r->seq };

	out.change.id = r->id;
	out.change.version = r->version;
	out.change.flags = r->flags;
	out.change.key_epoch = r->key_epoch;
	out.change.refs = buf_bytes(&r->refs);
	out.change.ct = buf_bytes(&r->ct);
	return out;
}

/* What came of a zone: a page has one memory, so it is as large as it is. */
struct local_fill {
	struct id zone;
	struct link *links;
	size_t n_links;
	struct zone held; /* its records alone */
};

struct local_fill *
local_fill_new(struct local *l, const struct id *zone)
{
	struct local_fill *f = mem_new(sizeof *f);

	(void)l;
	f->zone = *zone;
	return f;
}

static void
drop_records(struct zone *z)
{
	for (size_t i = 0; i < z->n_records; i++) {
		buf_free(&z->records[i].refs);
		buf_free(&z->records[i].ct);
	}
	free(z->records);
	z->records = NULL;
	z->n_records = 0;
}

void
local_fill_free(struct local_fill **f)
{
	if (*f != NULL) {
		drop_records(&(*f)->held);
		free((*f)->links);
	}
	free(*f);
	*f = NULL;
}

int
local_fill_head(struct local_fill *f, uint64_t seq, const struct digest *hash,
    struct err *e)
{
	(void)e;
	f->links = mem_resize(f->links, f->n_links + 1, sizeof *f->links);
	f->links[f->n_links++] = (struct link){ seq, *hash };
	return 0;
}

int
local_fill_record(
    struct local_fill *f, const struct local_record *r, struct err *e)
{
	if (record_of(&f->held, &r->change.id) != NULL)
		return err_set(e, ERR_RECORD_REPLAYED,
		    "the server handed out record %s twice",
		    id_short(&r->change.id).s);
	put_record(&f->held, r);
	return 0;
}

static void
put_chain(struct zone *z, const struct local_fill *f)
{
	while (f->n_links > 0 && z->n_chain > 0 &&
	    z->chain[z->n_chain - 1].seq >= f->links[0].seq)
		z->n_chain--;
	z->chain =
	    mem_resize(z->chain, z->n_chain + f->n_links, sizeof *z->chain);
	for (size_t i = 0; i < f->n_links; i++)
		z->chain[z->n_chain++] = f->links[i];
}

int
local_fill_take(struct local_fill *f, uint64_t before,
    const struct local_zone *at, bool all, struct err *e)
{
	struct zone *z = zone_of(&f->zone);

	if ((z != NULL ? z->at.head.seq : 0) != before)
		return err_set(
		    e, ERR_CONFLICT, "this copy has moved meanwhile");
	if (z == NULL) {
		z = mem_new(sizeof *z);
		z->id = f->zone;
		z->next = here.zones;
		here.zones = z;
	}
	if (all)
		drop_records(z);
	for (size_t i = 0; i < f->held.n_records; i++) {
		struct local_record r = shown(&f->held.records[i]);
		put_record(z, &r);
	}
	z->at = *at;
	put_chain(z, f);
	changed();
	return 0;
}

int
local_chain_at(struct local *l, const struct id *zone, uint64_t seq,
    struct digest *out, struct err *e)
{
	const struct zone *z = zone_of(zone);

	(void)l;
	(void)e;
	*out = (struct digest){ 0 };
	for (size_t i = 0; z != NULL && i < z->n_chain; i++)
		if (z->chain[i].seq == seq)
			*out = z->chain[i].hash;
	return 0;
}

static int
get_from(const struct zone *z, const struct id *id, local_record_fn fn,
    void *ctx, bool *found, struct err *e)
{
	const struct record *r = record_of(z, id);

	*found = r != NULL;
	if (r == NULL)
		return 0;
	struct local_record one = shown(r);
	return fn(ctx, &one, e);
}

int
local_record_get(struct local *l, const struct id *zone, const struct id *id,
    local_record_fn fn, void *ctx, bool *found, struct err *e)
{
	(void)l;
	return get_from(zone_of(zone), id, fn, ctx, found, e);
}

int
local_fill_get(struct local_fill *f, const struct id *id, local_record_fn fn,
    void *ctx, bool *found, struct err *e)
{
	return get_from(&f->held, id, fn, ctx, found, e);
}

static int
by_seq(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
each_of(const struct zone *z, uint64_t since, local_record_fn fn, void *ctx,
    struct err *e)
{
	if (z == NULL || z->n_records == 0)
		return 0;
	qsort(z->records, z->n_records, sizeof *z->records, by_seq);
	for (size_t i = 0; i < z->n_records; i++) {
		struct local_record one = shown(&z->records[i]);
		if (one.seq > since && fn(ctx, &one, e) < 0)
			return -1;
	}
	return 0;
}

int
local_records_each(struct local *l, const struct id *zone, uint64_t since,
    local_record_fn fn, void *ctx, struct err *e)
{
	(void)l;
	return each_of(zone_of(zone), since, fn, ctx, e);
}

int
local_fill_each(
    struct local_fill *f, local_record_fn fn, void *ctx, struct err *e)
{
	return each_of(&f->held, 0, fn, ctx, e);
}

/* ---- the device's key ---- */

int
home_open(const char *dir, struct local **local, struct err *e)
{
	return local_open(dir, local, e);
}

/* A page does not know its machine. */
bool
home_machine_mark(const struct id *nonce, struct digest *out)
{
	(void)nonce;
	*out = (struct digest){ 0 };
	return false;
}

/* A page that is left is forgotten whole. */
void
home_known(const char *dir, struct buf *out)
{
	(void)dir;
	buf_clear(out);
}

int
home_keep_known(const char *dir, const char *known, struct err *e)
{
	(void)dir;
	(void)known;
	(void)e;
	return 0;
}

bool
home_has_key(const char *dir)
{
	(void)dir;
	return find(KEY) != NULL;
}

int
home_write_key(const char *dir, const struct id *uid, const struct id *dev_id,
    const struct devkey *key, struct err *e)
{
	OWN(secret_free) struct secret *raw = devkey_secret(key);
	OWN(buf_free) struct buf b = { 0 };

	(void)dir;
	id_put(&b, uid);
	id_put(&b, dev_id);
	buf_put_bytes(&b, secret_bytes(raw));
	return local_put(NULL, KEY, buf_bytes(&b), e);
}

int
home_read_key(const char *dir, struct id *uid, struct id *dev_id,
    struct devkey **key, struct err *e)
{
	const struct buf *b = find(KEY);

	(void)dir;
	if (b == NULL)
		return err_set(e, ERR_NOT_SIGNED_IN,
		    "no account is signed in in this browser");
	struct scan s = scan_of(buf_bytes(b));
	*uid = id_take(&s);
	*dev_id = id_take(&s);
	struct bytes raw = scan_take(&s, DEVKEY_BYTES);
	if (!scan_done(&s))
		return err_set(
		    e, ERR_STATE_DAMAGED, "the device's key is damaged");
	*key = devkey_of(raw);
	return 0;
}

int
home_erase(const char *dir, struct err *e)
{
	(void)dir;
	(void)e;
	memory_erase();
	return 0;
}

/* The page's worker does one thing at a time, and has no files. */
void
fd_close(int *fd)
{
	*fd = -1;
}

int
home_enter(const char *dir, int *fd, struct err *e)
{
	(void)dir;
	(void)e;
	*fd = -1;
	return 0;
}
