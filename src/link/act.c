/* SPDX-License-Identifier: ISC */
/* act.c: keys of acts, and the list of those without an answer. */
#include "link/act.h"

#include "base/now.h"

#include <string.h>

#define NOTES "acts"
#define NOTE_BYTES (DIGEST_BYTES + ID_BYTES + 8)
#define KEPT_MS (3600 * 1000ULL) /* so long the server knows its answer */

static void
describe(const struct remote_call *c, struct digest *out)
{
	OWN(digest_free) struct digest_state *d = digest_new();

	digest_add(d, bytes_of(c->method, strlen(c->method) + 1));
	digest_add(d, bytes_of(c->path, strlen(c->path) + 1));
	digest_add(d, c->body);
	digest_end(d, out);
}

/* The notes without those that are too old, and without one of this key. */
static int
others(struct local *l, const struct id *but, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	uint64_t now = (uint64_t)now_ms();

	if (local_get(l, NOTES, &kept, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&kept));
	while (s.n >= NOTE_BYTES) {
		struct bytes note = scan_take(&s, NOTE_BYTES);
		struct scan n = scan_of(note);
		(void)digest_take(&n);
		struct id key = id_take(&n);
		uint64_t at = scan_u64(&n);
		if (!id_equal(&key, but) && at <= now && now - at < KEPT_MS)
			buf_put_bytes(out, note);
	}
	return 0;
}

static bool
noted(struct bytes notes, const struct digest *what, struct id *key)
{
	struct scan s = scan_of(notes);

	while (s.n >= NOTE_BYTES) {
		struct digest about = digest_take(&s);
		struct id k = id_take(&s);
		(void)scan_u64(&s);
		if (digest_equal(&about, what)) {
			*key = k;
			return true;
		}
	}
	return false;
}

int
act_begin(struct act *a, struct local *notes, const struct remote_call *c,
    struct err *e)
{
	OWN(buf_free) struct buf next = { 0 };
	struct digest what;

	*a = (struct act){ .notes = NULL };
	if (strcmp(c->method, "GET") == 0)
		return 0;
	id_random(&a->key);
	if (notes == NULL || !c->noted)
		return 0;
	describe(c, &what);
	if (others(notes, &a->key, &next, e) < 0)
		return -1;
	a->notes = notes;
	if (noted(buf_bytes(&next), &what, &a->key))
		return 0;
	digest_put(&next, &what);
	id_put(&next, &a->key);
	buf_put_u64(&next, (uint64_t)now_ms());
	return local_put(notes, NOTES, buf_bytes(&next), e);
}

bool
act_unknown(const struct err *e)
{
	return e->code == ERR_SERVER_UNREACHABLE || e->code == ERR_INTERNAL ||
	    e->code == ERR_CERTIFICATE_CHANGED || e->code == ERR_SERVER_BUSY;
}

void
act_end(struct act *a)
{
	OWN(buf_free) struct buf next = { 0 };
	struct err ignored;

	/* One that stays is only looked at by the same call, for an hour. */
	if (a->notes != NULL && others(a->notes, &a->key, &next, &ignored) == 0)
		(void)!local_put(a->notes, NOTES, buf_bytes(&next), &ignored);
	a->notes = NULL;
}
