/* SPDX-License-Identifier: ISC */
/* depot_remote.c: zones and blobs over HTTP. */
#include "link/depot_remote.h"

#include "base/text.h"
#include "wire/checksum.h"

#include <stdlib.h>
#include <string.h>

#define CIRCLE_MAX ((size_t)LIMIT_CIRCLE_ENTRIES * LIMIT_CIRCLE_ENTRY)
#define KEYRING_MAX ((size_t)64 << 20)

struct depot_remote {
	struct depot base;
	struct remote *remote;
};

static struct remote *
remote_of(struct depot *d)
{
	return ((struct depot_remote *)d)->remote;
}

static int
commit(struct depot *d, const struct depot_commit *c, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf out = { 0 };

	buf_printf(&path, "/v1/zones/%s/commits?category=%s",
	    id_text(c->zone).s, category_name(c->category));
	if (c->taken > 0)
		buf_printf(&path, "&taken=%llu", (unsigned long long)c->taken);
	struct remote_call call = {
		.method = "POST", .path = buf_text(&path), .body = c->body
	};
	return remote_call(remote_of(d), &call, &out, e);
}

static int
changes(struct depot *d, const struct id *zone, uint64_t since,
    uint64_t heads_from, const struct depot_sink *sink, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf out = { 0 };

	buf_printf(&path, "/v1/zones/%s/changes?since=%llu&heads_from=%llu",
	    id_text(zone).s, (unsigned long long)since,
	    (unsigned long long)heads_from);
	struct remote_call call = {
		.method = "GET", .path = buf_text(&path), .sink = sink
	};
	return remote_call(remote_of(d), &call, &out, e);
}

static void
blob_path(struct buf *path, const struct id *zone, const struct id *id)
{
	buf_printf(
	    path, "/v1/zones/%s/blobs/%s", id_text(zone).s, id_text(id).s);
}

static int
blob_put(struct depot *d, const struct id *zone, const struct id *id,
    struct bytes body, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf header = { 0 };
	OWN(buf_free) struct buf out = { 0 };
	struct checksum sum;

	checksum_of(body, &sum);
	blob_path(&path, zone, id);
	buf_put_str(&header, "X-Aumbry-Checksum: ");
	text_hex(&header, bytes_of(sum.b, CHECKSUM_BYTES));
	struct remote_call call = { .method = "PUT",
		.path = buf_text(&path),
		.body = body,
		.header = buf_text(&header) };
	return remote_call(remote_of(d), &call, &out, e);
}

static int
blob_get(struct depot *d, const struct id *zone, const struct id *id,
    struct depot_part part, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	size_t before = out->n;

	blob_path(&path, zone, id);
	struct remote_call call = { .method = "GET",
		.path = buf_text(&path),
		.range_from = part.offset,
		.range_n = part.n,
		.limit = part.n != 0 ? part.n : LIMIT_BLOB_BYTES };
	if (remote_call(remote_of(d), &call, out, e) < 0) {
		/* It was there once: its record says so. */
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_BLOB_MISSING;
		return -1;
	}
	if (part.n != 0 && out->n - before != part.n) {
		size_t got = out->n - before;
		out->n = before;
		return err_set(e, ERR_BLOB_TRUNCATED,
		    "the server sent %zu bytes of a blob instead of %zu", got,
		    part.n);
	}
	return 0;
}

static int
blob_delete(
    struct depot *d, const struct id *zone, const struct id *id, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf out = { 0 };

	blob_path(&path, zone, id);
	struct remote_call call = { .method = "DELETE",
		.path = buf_text(&path) };
	return remote_call(remote_of(d), &call, &out, e);
}

static int
blob_exists(struct depot *d, const struct id *zone, const struct id *ids,
    size_t n, uint8_t *there, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/v1/zones/%s/blobs/exists", id_text(zone).s);
	for (size_t at = 0; at < n;) {
		OWN(buf_free) struct buf out = { 0 };
		size_t some =
		    n - at < LIMIT_EXISTS_IDS ? n - at : LIMIT_EXISTS_IDS;
		struct remote_call call = { .method = "POST",
			.path = buf_text(&path),
			.body = bytes_of(ids + at, some * ID_BYTES) };
		if (remote_call(remote_of(d), &call, &out, e) < 0)
			return -1;
		if (out.n != some)
			return err_set(e, ERR_BAD_REQUEST,
			    "the server answered for %zu of %zu blobs", out.n,
			    some);
		memcpy(there + at, out.p, some);
		at += some;
	}
	return 0;
}

static int
circle(struct depot *d, uint32_t since, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/v1/circle?since=%u", (unsigned)since);
	struct remote_call call = {
		.method = "GET", .path = buf_text(&path), .limit = CIRCLE_MAX
	};
	return remote_call(remote_of(d), &call, out, e);
}

static int
circle_submit(
    struct depot *d, struct bytes entry, struct bytes envelopes, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf out = { 0 };
	struct scan s = scan_of(envelopes);
	uint16_t n = 0;

	for (; s.n > 0 && scan_ok(&s); n++)
		(void)scan_v16(&s);
	buf_put_v16(&body, entry);
	buf_put_u16(&body, n);
	buf_put_bytes(&body, envelopes);
	struct remote_call call = {
		.method = "POST", .path = "/v1/circle", .body = buf_bytes(&body)
	};
	return remote_call(remote_of(d), &call, &out, e);
}

static int
keyring(struct depot *d, struct buf *out, struct err *e)
{
	struct remote_call call = {
		.method = "GET", .path = "/v1/keyring", .limit = KEYRING_MAX
	};

	return remote_call(remote_of(d), &call, out, e);
}

static void
free_it(struct depot *d)
{
	free(d);
}

static const struct depot_ops ops = {
	.commit = commit,
	.changes = changes,
	.blob_put = blob_put,
	.blob_get = blob_get,
	.blob_delete = blob_delete,
	.blob_exists = blob_exists,
	.circle = circle,
	.circle_submit = circle_submit,
	.keyring = keyring,
	.free = free_it,
};

struct depot *
depot_remote_new(struct remote *r)
{
	struct depot_remote *d = mem_new(sizeof *d);

	d->base.ops = &ops;
	d->remote = r;
	return &d->base;
}
