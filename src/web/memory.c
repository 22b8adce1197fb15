/* SPDX-License-Identifier: ISC */
/* memory.c: all that this browser remembers, as bytes and in parts. */
#include "web/memory_in.h"

#include "web/browser.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1

struct pair {
	struct pair *next;
	char *key;
	struct buf value;
};

/* A browser's page has one memory; the handles of local.h all mean it. */
static struct {
	struct pair *pairs;
	struct zone *zones;
} here;

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

void
memory_changed(void)
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

void
memory_set(const char *key, struct bytes value)
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
	if (head_parse(head_take(s), &z->at.head, e) < 0)
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
		memory_set(buf_text(&key), scan_v32(&s));
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

const struct buf *
memory_find(const char *key)
{
	for (const struct pair *p = here.pairs; p != NULL; p = p->next)
		if (strcmp(p->key, key) == 0)
			return &p->value;
	return NULL;
}

struct zone *
memory_zone(const struct id *id)
{
	struct zone *z = here.zones;

	while (z != NULL && !id_equal(&z->id, id))
		z = z->next;
	return z;
}

struct zone *
memory_zone_new(const struct id *id)
{
	struct zone *z = mem_new(sizeof *z);

	z->id = *id;
	z->next = here.zones;
	here.zones = z;
	return z;
}
