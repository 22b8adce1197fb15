/* SPDX-License-Identifier: ISC */
/* snapshot.c: encoding, parsing and finding snapshots. */
#include "backup/snapshot.h"

#include "base/now.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define PARTIAL 0x01
#define FIRST_MS 1262304000000u /* 2010-01-01: none is older */

static void
bufs_free(struct buf **list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		buf_free(&(*list)[i]);
	free(*list);
	*list = NULL;
	*n = 0;
}

void
snapshot_free(struct snapshot *s)
{
	buf_free(&s->host);
	buf_free(&s->user);
	buf_free(&s->version);
	bufs_free(&s->paths, &s->n_paths);
	bufs_free(&s->tags, &s->n_tags);
	stream_ref_free(&s->tree);
	stream_ref_free(&s->index);
	buf_free(&s->more_refs);
	buf_free(&s->keychain_packs);
	*s = (struct snapshot){ 0 };
}

static void
add(struct buf **list, size_t *n, struct bytes x)
{
	*list = mem_resize(*list, *n + 1, sizeof **list);
	(*list)[*n] = (struct buf){ 0 };
	buf_put_bytes(&(*list)[(*n)++], x);
}

void
snapshot_add_path(struct snapshot *s, struct bytes path)
{
	add(&s->paths, &s->n_paths, path);
}

void
snapshot_add_tag(struct snapshot *s, struct bytes tag)
{
	add(&s->tags, &s->n_tags, tag);
}

bool
snapshot_has_tag(const struct snapshot *s, const char *tag)
{
	for (size_t i = 0; i < s->n_tags; i++)
		if (bytes_equal(buf_bytes(&s->tags[i]), bytes_str(tag)))
			return true;
	return false;
}

bool
snapshot_is_of(const struct snapshot *s, const char *host, const char *tag)
{
	return (host == NULL ||
		   bytes_equal(buf_bytes(&s->host), bytes_str(host))) &&
	    (tag == NULL || snapshot_has_tag(s, tag));
}

static void
put_vv(struct buf *out, struct bytes x)
{
	buf_put_varint(out, x.n);
	buf_put_bytes(out, x);
}

static void
put_ids(struct buf *out, const struct buf *ids)
{
	buf_put_varint(out, ids->n / ID_BYTES);
	buf_put_bytes(out, buf_bytes(ids));
}

void
snapshot_put(struct buf *out, const struct snapshot *s)
{
	const uint64_t counts[] = { s->files, s->dirs, s->others, s->bytes,
		s->new_bytes, s->stored_bytes, s->errors };

	buf_put_u8(out, SNAPSHOT_KIND);
	buf_put_u8(out, FORMAT);
	buf_put_u64(out, s->time_ms);
	buf_put_u64(out, s->duration_ms);
	id_put(out, &s->dev_id);
	buf_put_u8(out, s->partial ? PARTIAL : 0);
	buf_put_v16(out, buf_bytes(&s->host));
	buf_put_v16(out, buf_bytes(&s->user));
	buf_put_v16(out, buf_bytes(&s->version));
	buf_put_varint(out, s->n_paths);
	for (size_t i = 0; i < s->n_paths; i++)
		put_vv(out, buf_bytes(&s->paths[i]));
	buf_put_varint(out, s->n_tags);
	for (size_t i = 0; i < s->n_tags; i++)
		buf_put_v8(out, buf_bytes(&s->tags[i]));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		buf_put_varint(out, counts[i]);
	stream_ref_put(out, &s->tree);
	stream_ref_put(out, &s->index);
	put_ids(out, &s->more_refs);
	put_ids(out, &s->keychain_packs);
}

static void
take_ids(struct scan *s, struct buf *out)
{
	uint64_t n = scan_varint(s);

	if (n > LIMIT_RECORD_BYTES / ID_BYTES)
		s->bad = true;
	else
		buf_put_bytes(out, scan_take(s, (size_t)n * ID_BYTES));
}

static void
take_lists(struct scan *s, struct snapshot *out)
{
	uint64_t n = scan_varint(s);

	if (n > SNAPSHOT_PATHS_MAX)
		s->bad = true;
	for (uint64_t i = 0; i < n && scan_ok(s); i++)
		snapshot_add_path(out, scan_take(s, scan_varint(s)));
	n = scan_varint(s);
	if (n > SNAPSHOT_TAGS_MAX)
		s->bad = true;
	for (uint64_t i = 0; i < n && scan_ok(s); i++)
		snapshot_add_tag(out, scan_v8(s));
}

int
snapshot_parse(struct bytes plain, struct snapshot *out, struct err *e)
{
	OWN(snapshot_free) struct snapshot x = { 0 };
	struct scan s = scan_of(plain);
	uint64_t *counts[] = { &x.files, &x.dirs, &x.others, &x.bytes,
		&x.new_bytes, &x.stored_bytes, &x.errors };

	uint8_t kind = scan_u8(&s), format = scan_u8(&s);
	if (scan_ok(&s) && kind == SNAPSHOT_KIND && format > FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a snapshot has format %u, newer than this version knows",
		    (unsigned)format);
	x.time_ms = scan_u64(&s);
	x.duration_ms = scan_u64(&s);
	x.dev_id = id_take(&s);
	x.partial = (scan_u8(&s) & PARTIAL) != 0;
	buf_put_bytes(&x.host, scan_v16(&s));
	buf_put_bytes(&x.user, scan_v16(&s));
	buf_put_bytes(&x.version, scan_v16(&s));
	take_lists(&s, &x);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		*counts[i] = scan_varint(&s);
	if (!scan_ok(&s) || kind != SNAPSHOT_KIND ||
	    stream_ref_take(&s, CATEGORY_BACKUP, &x.tree, e) < 0 ||
	    stream_ref_take(&s, CATEGORY_BACKUP, &x.index, e) < 0)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a snapshot is not well-formed");
	take_ids(&s, &x.more_refs);
	take_ids(&s, &x.keychain_packs);
	if (!scan_done(&s))
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a snapshot is not well-formed");
	*out = x;
	x = (struct snapshot){ 0 };
	return 0;
}

/* ---- what is typed ---- */

static int
check_tag(struct bytes tag, struct err *e)
{
	if (tag.n > 0 && tag.n <= SNAPSHOT_TAG_BYTES && text_is_utf8(tag))
		return 0;
	return err_set(
	    e, ERR_USAGE, "a tag is text of 1 to %d bytes", SNAPSHOT_TAG_BYTES);
}

static int
check_count(const char *what, size_t n, size_t most, struct err *e)
{
	return n <= most
	    ? 0
	    : err_set(e, ERR_USAGE, "a snapshot has at most %zu %s, not %zu",
		  most, what, n);
}

int
snapshot_check_tags(const char *const *tags, size_t n, struct err *e)
{
	if (check_count("tags", n, SNAPSHOT_TAGS_MAX, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (check_tag(bytes_str(tags[i]), e) < 0)
			return -1;
	return 0;
}

int
snapshot_check_words(const struct snapshot *s, struct err *e)
{
	const struct buf *names[] = { &s->host, &s->user, &s->version };
	/* Each list and text has its length before it: 4 bytes at most. */
	size_t n = 0;

	if (check_count("paths", s->n_paths, SNAPSHOT_PATHS_MAX, e) < 0 ||
	    check_count("tags", s->n_tags, SNAPSHOT_TAGS_MAX, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i]->n > SNAPSHOT_NAME_BYTES)
			return err_set(e, ERR_USAGE,
			    "the name of a host or user has at most %d bytes",
			    SNAPSHOT_NAME_BYTES);
		n += 4 + names[i]->n;
	}
	for (size_t i = 0; i < s->n_tags; i++) {
		if (check_tag(buf_bytes(&s->tags[i]), e) < 0)
			return -1;
		n += 4 + s->tags[i].n;
	}
	for (size_t i = 0; i < s->n_paths; i++)
		n += 4 + s->paths[i].n;
	if (n <= SNAPSHOT_WORDS_BYTES)
		return 0;
	(void)err_set(e, ERR_USAGE,
	    "paths and tags have %zu bytes together, and a snapshot takes %d",
	    n, SNAPSHOT_WORDS_BYTES);
	return err_remedy(e, "Back up a folder above them, or in two backups.");
}

/* ---- all there are ---- */

void
snapshot_list_free(struct snapshot_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		snapshot_free(&l->list[i]);
	free(l->list);
	free(l->bad);
	*l = (struct snapshot_list){ 0 };
}

static void
add_bad(struct snapshot_list *l, const struct zcopy_record *r,
    const struct err *why)
{
	l->bad = mem_resize(l->bad, l->n_bad + 1, sizeof *l->bad);
	l->bad[l->n_bad++] =
	    (struct snapshot_bad){ r->id, r->seq, *why, r->bad == NULL };
}

static int
load_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct snapshot_list *l = ctx;
	struct snapshot s;
	struct err why;

	(void)e;
	if (r->bad != NULL) {
		add_bad(l, r, r->bad);
		return 0;
	}
	if (r->plain.n == 0 || r->plain.p[0] != SNAPSHOT_KIND)
		return 0;
	if (snapshot_parse(r->plain, &s, &why) < 0) {
		add_bad(l, r, &why);
		return 0;
	}
	s.id = r->id;
	s.seq = r->seq;
	l->list = mem_resize(l->list, l->n + 1, sizeof *l->list);
	l->list[l->n++] = s;
	return 0;
}

static int
by_time(const void *a, const void *b)
{
	const struct snapshot *x = a, *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

int
snapshot_load(struct repo *r, struct snapshot_list *out, struct err *e)
{
	OWN(snapshot_list_free) struct snapshot_list l = { 0 };

	if (zcopy_each_all(r->parts[CATEGORY_BACKUP].zone, 0, load_one, &l, e) <
	    0)
		return -1;
	if (l.n > 1)
		qsort(l.list, l.n, sizeof *l.list, by_time);
	*out = l;
	l = (struct snapshot_list){ 0 };
	return 0;
}

/* ---- finding one ---- */

bool
snapshot_of_future(const struct snapshot *s, uint64_t now_ms)
{
	return s->time_ms > now_ms &&
	    s->time_ms - now_ms > (uint64_t)LIMIT_CLOCK_SKEW_MS;
}

bool
snapshot_clock_wrong(const struct snapshot *s, uint64_t now_ms)
{
	return s->time_ms < FIRST_MS || snapshot_of_future(s, now_ms);
}

const struct snapshot *
snapshot_latest(const struct snapshot_list *l)
{
	const struct snapshot *last = NULL;
	uint64_t now = (uint64_t)now_ms();

	for (size_t i = l->n; i-- > 0;) {
		const struct snapshot *s = &l->list[i];
		if (!snapshot_of_future(s, now))
			return s;
		if (last == NULL || s->seq > last->seq)
			last = s;
	}
	return last;
}

static int
none(const char *text, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };

	text_show(&shown, bytes_str(text));
	(void)err_set(
	    e, ERR_NOT_FOUND, "there is no snapshot %s", buf_text(&shown));
	return err_remedy(e, "Run: aumbry snapshot list");
}

static int
unreadable(const struct snapshot_bad *b, struct err *e)
{
	*e = b->why;
	(void)err_in(e, "snapshot %s", id_short(&b->id).s);
	if (e->code == ERR_UPDATE_NEEDED)
		return -1;
	return b->opened
	    ? err_remedy(e,
		  "The other snapshots are not touched by it. Take it out: "
		  "aumbry snapshot forget %s",
		  id_short(&b->id).s)
	    : err_remedy(e, "Run: aumbry repair");
}

int
snapshot_find(const struct snapshot_list *l, const char *text,
    const struct snapshot **out, struct err *e)
{
	const struct snapshot_bad *bad = NULL;
	size_t found = 0;

	*out = NULL;
	if (strcmp(text, "latest") == 0) {
		*out = snapshot_latest(l);
		return *out != NULL
		    ? 0
		    : err_set(e, ERR_NOT_FOUND, "there is no snapshot yet");
	}
	for (size_t i = 0; i < l->n; i++)
		if (id_begins(&l->list[i].id, text)) {
			*out = &l->list[i];
			found++;
		}
	for (size_t i = 0; i < l->n_bad; i++)
		if (id_begins(&l->bad[i].id, text)) {
			bad = &l->bad[i];
			found++;
		}
	if (found != 1)
		*out = NULL;
	if (found > 1)
		return err_set(e, ERR_USAGE,
		    "%zu snapshots begin with %s; give more digits", found,
		    text);
	if (found == 0)
		return none(text, e);
	return bad == NULL ? 0 : unreadable(bad, e);
}
