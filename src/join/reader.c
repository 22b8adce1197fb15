/* SPDX-License-Identifier: ISC */
/* reader.c: keys to read with, kept for an hour, and what they open. */
#include "join/reader.h"

#include "base/file.h"
#include "client/chain.h"
#include "link/depot_remote.h"
#include "client/release.h"

#include <stdlib.h>
#include <string.h>

#define KEY "reader"
#define FORMAT_RELEASED 1
#define FORMAT_GIVEN 2

void
reader_free(struct reader **rp)
{
	struct reader *r = *rp;

	if (r == NULL)
		return;
	depot_free(&r->depot);
	visit_free(&r->visit);
	keyring_free(&r->keyring);
	circle_free(&r->circle);
	local_free(&r->local);
	free(r);
	*rp = NULL;
}

/* ---- beginning ---- */

static int
keep(const char *dir, const struct id *uid, const struct release *got,
    struct bytes entries, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	OWN(secret_free) struct secret *raw = devkey_secret(got->key);
	OWN(buf_free) struct buf b = { 0 };

	buf_put_u8(&b, FORMAT_RELEASED);
	id_put(&b, uid);
	id_put(&b, &got->request);
	buf_put_bytes(&b, secret_bytes(raw));
	buf_put_v32(&b, buf_bytes(&got->bytes));
	buf_put_v32(&b, entries);
	return home_open(dir, &local, e) < 0
	    ? -1
	    : local_put(local, KEY, buf_bytes(&b), e);
}

int
reader_begin(const char *dir, const json_t *answer,
    const struct secret *export_key, struct err *e)
{
	OWN(visit_free) struct visit *v = NULL;
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf birth = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	OWN(keyring_free) struct keyring *keys = NULL;
	OWN(release_free) struct release got = { .key = NULL };
	struct id uid;

	if (jsonio_id(answer, "uid", &uid, e) < 0 ||
	    jsonio_bytes(answer, "password_pin", DIGEST_BYTES, &birth, e) < 0 ||
	    visit_open(dir, &v, e) < 0)
		return -1;
	OWN(depot_free) struct depot *depot = depot_remote_new(v->remote);
	if (depot->ops->circle(depot, 0, &entries, e) < 0 ||
	    chain_apply(&circle, buf_bytes(&entries), e) < 0)
		return -1;
	if (circle.protection != PROTECTION_STANDARD) {
		err_clear(e);
		return -1;
	}
	keys = keyring_new(&uid);
	return release_check_circlepin(
		   export_key, &circle, buf_bytes(&birth), e) < 0 ||
		release_ask(v->remote, export_key, &uid, &got, e) < 0 ||
		release_open(buf_bytes(&got.bytes), &circle, &got.request,
		    got.key, keys, e) < 0
	    ? -1
	    : keep(dir, &uid, &got, buf_bytes(&entries), e);
}

/* ---- by a device ---- */

/* The server's circle must be the device's, as far as that went. */
static int
check_circle(const struct circle *c, const struct device *d, uint32_t seq,
    const struct digest *head, struct err *e)
{
	OWN(buf_free) struct buf theirs = { 0 };
	OWN(buf_free) struct buf ours = { 0 };
	const struct digest *there = circle_hash_at(c, seq);
	const struct member *m = circle_member(c, &d->dev_id);

	device_put(&theirs, d);
	if (m != NULL && m->active)
		device_put(&ours, &m->device);
	return there != NULL && digest_equal(there, head) &&
		bytes_equal(buf_bytes(&theirs), buf_bytes(&ours))
	    ? 0
	    : err_set(e, ERR_CIRCLE_NOT_YOURS,
		  "the server shows other devices than yours does");
}

int
reader_take(const char *dir, const struct device *device, struct bytes given,
    struct err *e)
{
	OWN(visit_free) struct visit *v = NULL;
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf b = { 0 };
	OWN(circle_free) struct circle circle = { 0 };
	OWN(keyring_free) struct keyring *keys = NULL;
	struct scan s = scan_of(given);
	uint32_t seq = scan_u32(&s);
	struct digest head = digest_take(&s);
	struct bytes list = scan_take(&s, s.n);

	if (visit_open(dir, &v, e) < 0)
		return -1;
	OWN(depot_free) struct depot *depot = depot_remote_new(v->remote);
	if (depot->ops->circle(depot, 0, &entries, e) < 0 ||
	    chain_apply(&circle, buf_bytes(&entries), e) < 0 ||
	    check_circle(&circle, device, seq, &head, e) < 0)
		return -1;
	keys = keyring_new(&circle.uid);
	buf_put_u8(&b, FORMAT_GIVEN);
	buf_put_v32(&b, list);
	buf_put_v32(&b, buf_bytes(&entries));
	int rc = keyring_borrow(keys, list, circle.key.epoch, e) < 0 ||
		home_open(dir, &local, e) < 0
	    ? -1
	    : local_put(local, KEY, buf_bytes(&b), e);
	mem_wipe(b.p, b.n);
	return rc;
}

/* ---- opening ---- */

static int
kept(const char *dir, struct local **local, struct buf *out, struct err *e)
{
	OWN(mem_free) char *marker = file_join(dir, HOMEDIR_MARKER);

	if (!file_exists(marker) || home_has_key(dir))
		return 0;
	return home_open(dir, local, e) < 0 ? -1
					    : local_get(*local, KEY, out, e);
}

bool
reader_there(const char *dir)
{
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf b = { 0 };
	struct err ignored;

	return kept(dir, &local, &b, &ignored) == 0 && b.n > 0;
}

static int
damaged(struct err *e)
{
	return err_set(e, ERR_STATE_DAMAGED,
	    "what is kept of the sign-in is not well-formed");
}

static int
load_released(struct reader *r, struct scan *s, struct err *e)
{
	struct id uid = id_take(s);
	struct id request = id_take(s);
	struct bytes raw = scan_take(s, DEVKEY_BYTES);
	struct bytes released = scan_v32(s);
	struct bytes entries = scan_v32(s);

	if (!scan_done(s))
		return damaged(e);
	OWN(devkey_free) struct devkey *key = devkey_of(raw);
	r->keyring = keyring_new(&uid);
	return chain_apply(&r->circle, entries, e) < 0
	    ? -1
	    : release_open(released, &r->circle, &request, key, r->keyring, e);
}

static int
load_given(struct reader *r, struct scan *s, struct err *e)
{
	struct bytes list = scan_v32(s);
	struct bytes entries = scan_v32(s);

	if (!scan_done(s))
		return damaged(e);
	if (chain_apply(&r->circle, entries, e) < 0)
		return -1;
	r->keyring = keyring_new(&r->circle.uid);
	return keyring_borrow(r->keyring, list, r->circle.key.epoch, e);
}

static int
load(struct reader *r, struct bytes x, struct err *e)
{
	struct scan s = scan_of(x);
	uint8_t format = scan_u8(&s);

	if (format != FORMAT_RELEASED && format != FORMAT_GIVEN)
		return damaged(e);
	if ((format == FORMAT_RELEASED ? load_released(r, &s, e)
				       : load_given(r, &s, e)) < 0)
		return -1;
	r->zones_of = (struct zcopy_self){ .uid = r->circle.uid,
		.keyring = r->keyring,
		.circle = &r->circle,
		.unverified = true };
	return 0;
}

/* Where its data is, on the server's word: the state zone is closed here. */
static int
find_zones(struct reader *r, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	size_t i;
	json_t *v;

	if (control_call(
		r->visit->remote, "GET", "/v1/zones", NULL, &answer, e) < 0)
		return -1;
	json_array_foreach(json_object_get(answer, "zones"), i, v)
	{
		const char *name = "";
		if (jsonio_text(v, "category", &name, e) < 0)
			return -1;
		for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
			const char *of = category_name((enum category)c);
			if (of != NULL && strcmp(name, of) == 0 &&
			    jsonio_id(v, "zone", &r->zones[c], e) < 0)
				return -1;
		}
	}
	return 0;
}

int
reader_zone(const struct reader *r, enum category category,
    const struct id **out, struct err *e)
{
	*out = &r->zones[category];
	return id_zero(*out) ? err_set(e, ERR_NOT_FOUND,
				   "the account has no %s that can be read",
				   category_name(category))
			     : 0;
}

int
reader_open(const char *dir, struct reader **out, struct err *e)
{
	OWN(reader_free) struct reader *r = mem_new(sizeof *r);
	OWN(buf_free) struct buf b = { 0 };

	if (kept(dir, &r->local, &b, e) < 0)
		return -1;
	if (b.n == 0)
		return err_set(
		    e, ERR_NOT_SIGNED_IN, "no account is signed in at %s", dir);
	if (visit_open(dir, &r->visit, e) < 0 || load(r, buf_bytes(&b), e) < 0)
		return -1;
	r->depot = depot_remote_new(r->visit->remote);
	if (find_zones(r, e) < 0)
		return -1;
	*out = TAKE(r);
	return 0;
}
