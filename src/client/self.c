/* SPDX-License-Identifier: ISC */
/* self.c: sessions, circle, keyring, state zone of one device. */
#include "client/self.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "client/chain.h"
#include "link/depot_remote.h"
#include "client/session.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define KIND_NAME 17 /* u8 kind | u8 1 | dev_id | opening[16] | v8 name */
#define FORMAT 1
#define TOKEN_SPARE_MS 30000 /* a token this close to its end is not used */

void
self_free(struct self **sp)
{
	struct self *s = *sp;

	if (s == NULL)
		return;
	zcopy_free(&s->state);
	depot_free(&s->depot);
	remote_free(&s->remote);
	keyring_free(&s->keyring);
	devkey_free(&s->key);
	circle_free(&s->circle);
	buf_free(&s->entries);
	buf_free(&s->envelopes);
	buf_free(&s->two_factor);
	local_free(&s->local);
	free(s->dir);
	free(s->name);
	free(s->host);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}

/* ---- opening ---- */

static int
damaged(struct err *e)
{
	return err_in(e, "what this device remembers of its account");
}

/* An entry was left out, or it belongs to another chain. */
static int
does_not_continue(const struct circle *c, struct bytes entry, struct err *e)
{
	struct entry_view v;

	if (circle_entry_parse(entry, &v, e) < 0)
		return -1;
	if (v.seq > c->seq + 1)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "the server left entry %u out of the list of devices",
		    (unsigned)c->seq + 1);
	return err_set(e, ERR_CIRCLE_FORKED,
	    "the server's list of devices does not continue the one this "
	    "device has seen");
}

/* What this device has kept; whether it came in time was looked at then. */
static int
apply_kept(struct circle *c, struct bytes entries, struct err *e)
{
	struct scan s = scan_of(entries);

	while (s.n > 0) {
		struct bytes entry = scan_v16(&s);
		if (!scan_ok(&s))
			return err_set(e, ERR_CIRCLE_INVALID,
			    "the list of devices was cut short");
		if (circle_apply(c, entry, e) < 0)
			return e->code == ERR_CONFLICT
			    ? does_not_continue(c, entry, e)
			    : -1;
	}
	return 0;
}

/*
 * What was followed before is not judged by the clock again: it came when this
 * device's clock was ahead, too, and nobody gets at his data until then.
 */
static int
apply_entries(struct circle *c, struct bytes entries, struct err *e)
{
	if (entries.n == 0)
		return 0;
	return apply_kept(c, entries, e) < 0 ? -1 : chain_in_time(c, e);
}

static int
open_keyring(struct self *s, const struct circle *c, struct bytes envelopes,
    struct err *e)
{
	OWN(keyring_free) struct keyring *k = keyring_new(&s->uid);

	int rc = keyring_open(k, c, s->key, &s->dev_id, envelopes, e);
	s->spoiled = rc < 0 && e->code == ERR_KEYS_SPOILED;
	if (rc < 0 && !(s->spoiled && s->mending))
		return -1;
	/* In place: others hold the address. */
	keyring_absorb(s->keyring, k);
	keyring_reach(s->keyring, c->key.epoch);
	return 0;
}

static int
get_text(struct self *s, const char *key, char **out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };

	if (local_get(s->local, key, &b, e) < 0)
		return -1;
	if (b.n == 0)
		return err_set(e, ERR_STATE_DAMAGED, "\"%s\" is missing", key);
	*out = mem_text(buf_text(&b));
	return 0;
}

static int refresh(void *ctx, struct err *e);
static int renew(void *ctx, struct err *e);

static int
load(struct self *s, struct err *e)
{
	OWN(mem_free) char *url = NULL;

	if (get_text(s, "url", &url, e) < 0 ||
	    get_text(s, "name", &s->name, e) < 0 ||
	    get_text(s, "host", &s->host, e) < 0 ||
	    local_get(s->local, "circle", &s->entries, e) < 0 ||
	    local_get(s->local, "keyring", &s->envelopes, e) < 0 ||
	    apply_kept(&s->circle, buf_bytes(&s->entries), e) < 0)
		return damaged(e);
	if (!id_equal(&s->circle.uid, &s->uid)) {
		(void)err_set(e, ERR_STATE_DAMAGED,
		    "key and circle belong to two accounts");
		return damaged(e);
	}
	s->keyring = keyring_new(&s->uid);
	/* Just joined: the keys come with the first session. */
	if (s->envelopes.n > 0 &&
	    open_keyring(s, &s->circle, buf_bytes(&s->envelopes), e) < 0)
		return damaged(e);
	return remote_new(url, &s->remote, e);
}

static struct self *
self_new(void)
{
	struct self *s = mem_new(sizeof *s);
	pthread_mutexattr_t a;

	if (pthread_mutexattr_init(&a) != 0 ||
	    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE) != 0 ||
	    pthread_mutex_init(&s->lock, &a) != 0)
		abort();
	(void)pthread_mutexattr_destroy(&a);
	return s;
}

static void
unlock(pthread_mutex_t **m)
{
	(void)pthread_mutex_unlock(*m);
}

int
self_open(const char *dir, struct self **out, struct err *e)
{
	OWN(devkey_free) struct devkey *key = NULL;
	struct id uid, dev_id;

	return home_read_key(dir, &uid, &dev_id, &key, e) < 0
	    ? -1
	    : self_open_with(dir, &uid, &dev_id, &key, out, e);
}

int
self_open_with(const char *dir, const struct id *uid, const struct id *dev_id,
    struct devkey **key, struct self **out, struct err *e)
{
	OWN(self_free) struct self *s = self_new();

	s->dir = mem_text(dir);
	s->uid = *uid;
	s->dev_id = *dev_id;
	s->key = TAKE(*key);
	if (home_open(dir, &s->local, e) < 0 || load(s, e) < 0)
		return -1;
	s->depot = depot_remote_new(s->remote);
	remote_on_expiry(s->remote, renew, s);
	remote_note_in(s->remote, s->local);
	s->writer = (struct zcopy_self){ .uid = s->uid,
		.dev_id = s->dev_id,
		.key = s->key,
		.keyring = s->keyring,
		.circle = &s->circle,
		.refresh = refresh,
		.ctx = s,
		.lock = &s->lock };
	if (zcopy_open(&s->writer, s->local, s->depot, &s->circle.state_zone,
		CATEGORY_STATE, &s->state, e) < 0)
		return -1;
	*out = TAKE(s);
	return 0;
}

int
self_save_account(const char *dir, const char *url, const char *name,
    const char *host, struct bytes entries, struct bytes envelopes,
    struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	struct local_pair pairs[] = { { "url", bytes_str(url) },
		{ "name", bytes_str(name) }, { "host", bytes_str(host) },
		{ "circle", entries }, { "keyring", envelopes },
		/* Of an account that was here before, and half erased. */
		{ "token", bytes_str("") }, { "heads", bytes_str("") },
		{ "removing", bytes_str("") }, { "pinned", bytes_str("") },
		{ "founding", bytes_str("") }, { "entering", bytes_str("") },
		{ "keying", bytes_str("") }, { "releasing", bytes_str("") },
		{ "acts", bytes_str("") }, { "zones", bytes_str("") } };

	return home_open(dir, &local, e) < 0 ||
		local_put_all(local, pairs, ARRAY_SIZE(pairs), e) < 0
	    ? -1
	    : 0;
}

/* ---- sessions ---- */

static int
beginning_of_ours(
    struct self *s, uint32_t seq, struct bytes head, struct err *e)
{
	const struct digest *at = circle_hash_at(&s->circle, seq);

	if (at == NULL || !bytes_equal(head, bytes_of(at->b, DIGEST_BYTES)))
		return err_set(e, ERR_CIRCLE_FORKED,
		    "since the server lost entries of the list of devices, "
		    "another one was added at %u",
		    (unsigned)seq);
	s->circle_there = seq;
	return 0;
}

/* What the server says of the circle must fit what this device has seen. */
static int
compare_circle(struct self *s, const json_t *answer, struct err *e)
{
	uint64_t seq;
	OWN(buf_free) struct buf head = { 0 };
	const char *hex = "";

	if (jsonio_u64(answer, "circle_seq", &seq, e) < 0 ||
	    jsonio_text(answer, "circle_head", &hex, e) < 0 ||
	    text_unhex(&head, bytes_str(hex)) < 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "the server's answer to a session is not well-formed");
	if (s->healing && seq < s->circle.seq)
		return beginning_of_ours(s, (uint32_t)seq, buf_bytes(&head), e);
	if (seq < s->circle.seq)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "the server's list of devices ends at %llu, but this "
		    "device has seen %u",
		    (unsigned long long)seq, (unsigned)s->circle.seq);
	if (seq > s->circle.seq)
		return self_refresh(s, e);
	if (!bytes_equal(
		buf_bytes(&head), bytes_of(s->circle.head.b, DIGEST_BYTES)))
		return err_set(e, ERR_CIRCLE_FORKED,
		    "the server's list of devices differs at %u from what "
		    "this device has seen",
		    (unsigned)s->circle.seq);
	return 0;
}

/* Kept only when all that came with it held. */
static int
keep_token(struct self *s, const char *token, uint64_t expires_s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };

	buf_put_u64(&kept, (uint64_t)now_ms() + expires_s * 1000);
	buf_put_str(&kept, token);
	return local_put(s->local, "token", buf_bytes(&kept), e);
}

/* This device is not in `c` any more: how it came to that. */
static int
is_out(const struct self *s, const struct circle *c, struct err *e)
{
	const struct member *m = circle_member(c, &s->dev_id);

	return m != NULL && m->removed_seq > 0 && m->removed_seq == c->reset_seq
	    ? err_set(e, ERR_ACCOUNT_RESET,
		  "the account was begun anew by one device alone, which is "
		  "how a recovery by the operator ends")
	    : err_set(e, ERR_DEVICE_REMOVED,
		  "this device was removed from the account");
}

/*
 * The server says that this device was removed. That is true when it shows the
 * entry which did it; the bare word makes nobody give up keys.
 */
static int
was_removed(struct self *s, const struct session_who *who, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	struct err why;

	circle_copy(&c, &s->circle);
	while (circle_active(&c, &s->dev_id)) {
		OWN(buf_free) struct buf more = { 0 };
		if (session_left(s->remote, who, c.seq, &more, &why) < 0 ||
		    more.n == 0 ||
		    apply_entries(&c, buf_bytes(&more), &why) < 0)
			return err_set(e, ERR_CIRCLE_ROLLED_BACK,
			    "the server says that this device was removed from "
			    "the account, and shows no entry of the list of "
			    "devices that does so");
	}
	return is_out(s, &c, e);
}

static int complete_keyring(struct self *s, struct err *e);

static int
renew(void *ctx, struct err *e)
{
	struct self *s = ctx;
	OWN(jsonio_free) json_t *answer = NULL;
	struct session_who who = { .host = s->host,
		.uid = s->uid,
		.dev_id = s->dev_id,
		.key = s->key };
	const char *two_factor = "", *token = "";
	const char *known;
	struct err ignored;
	uint64_t expires_s;

	/* Any thread's call may find that the session has ended. */
	OWN(unlock) pthread_mutex_t *locked = &s->lock;
	(void)pthread_mutex_lock(locked);
	if (session_open(s->remote, &who, &answer, e) < 0)
		return e->code == ERR_DEVICE_REMOVED ? was_removed(s, &who, e)
						     : -1;
	if (jsonio_text(answer, "token", &token, e) < 0 ||
	    jsonio_u64(answer, "expires_s", &expires_s, e) < 0 ||
	    jsonio_text(answer, "two_factor", &two_factor, e) < 0)
		return -1;
	remote_set_token(s->remote, token);
	if (compare_circle(s, answer, e) < 0 || complete_keyring(s, e) < 0) {
		remote_set_token(s->remote, NULL);
		return -1;
	}
	buf_clear(&s->two_factor);
	buf_put_str(&s->two_factor, two_factor);
	s->connected = true;
	known = json_string_value(json_object_get(answer, "known"));
	/* Only of use later: what cannot be kept stops nothing now. */
	if (known != NULL && home_keep_known(s->dir, known, &ignored) < 0)
		err_clear(&ignored);
	return keep_token(s, token, expires_s, e);
}

int
self_session(struct self *s, struct err *e)
{
	return renew(s, e);
}

static int
go_on(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };

	if (local_get(s->local, "token", &kept, e) < 0)
		return -1;
	struct scan t = scan_of(buf_bytes(&kept));
	uint64_t until = scan_u64(&t), now = (uint64_t)now_ms();
	/* One that would live longer than any does tells of a clock that was
	 * put back: a new session compares it with the server's. */
	if (scan_ok(&t) && t.n > 0 && until > now + TOKEN_SPARE_MS &&
	    until <= now + LIMIT_SESSION_S * 1000) {
		remote_set_token(s->remote, (const char *)t.p);
		s->connected = true;
		return complete_keyring(s, e);
	}
	return renew(s, e);
}

int
self_connect(struct self *s, struct err *e)
{
	bool founding;

	if (s->connected)
		return 0;
	if (self_found(s, &founding, e) < 0)
		return -1;
	if (go_on(s, e) == 0 && (!founding || self_founded(s, e) == 0))
		return 0;
	if (founding)
		(void)err_remedy(e,
		    "The account is made, and this device has its only keys: "
		    "keep them. The next command goes on.");
	return -1;
}

int
self_connect_healing(struct self *s, struct err *e)
{
	s->healing = true;
	s->circle_there = s->circle.seq;
	return renew(s, e);
}

int
self_connect_mending(struct self *s, struct err *e)
{
	s->mending = true;
	return renew(s, e);
}

/* ---- circle and keyring ---- */

/*
 * Both or neither: keys of an epoch that the circle kept here does not know
 * would not open. Another process of this home may have kept more already.
 */
static int
keep(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	struct local_pair pairs[] = { { "circle", buf_bytes(&s->entries) },
		{ "keyring", buf_bytes(&s->envelopes) } };

	if (s->spoiled)
		return 0;
	if (local_get(s->local, "circle", &kept, e) < 0)
		return -1;
	return kept.n > s->entries.n
	    ? 0
	    : local_put_all(s->local, pairs, ARRAY_SIZE(pairs), e);
}

/* Hand on what others could not, because a thief had made it for them. */
static void
fill(struct self *s, const struct circle *c)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf more = { 0 };
	struct err ignored;

	keyring_fill(s->keyring, c, s->key, &s->dev_id, &more);
	if (more.n == 0)
		return;
	jsonio_put_list(ask, "envelopes", buf_bytes(&more));
	/* When it fails, the next keyring that is fetched shows it again. */
	if (control_call(s->remote, "POST", "/v1/keyring", ask, false, NULL,
		&ignored) < 0)
		return;
}

static int
fetch_keyring(struct self *s, const struct circle *c, struct err *e)
{
	OWN(buf_free) struct buf envelopes = { 0 };

	if (s->depot->ops->keyring(s->depot, &envelopes, e) < 0 ||
	    open_keyring(s, c, buf_bytes(&envelopes), e) < 0)
		return -1;
	fill(s, c);
	buf_clear(&s->envelopes);
	buf_put_bytes(&s->envelopes, buf_bytes(&envelopes));
	return 0;
}

/* The keys of the newest epoch, when they are not here yet. */
static int
complete_keyring(struct self *s, struct err *e)
{
	if (keyring_epoch(s->keyring) >= s->circle.key.epoch) {
		if (!keyring_lacks(s->keyring, 0))
			return 0;
		/* Keys of an epoch that is not known here would not hold. */
		if (self_refresh(s, e) < 0)
			return -1;
	}
	return fetch_keyring(s, &s->circle, e) < 0 ? -1 : keep(s, e);
}

/* Fetch entries after `c` and apply them; they are appended to `entries`. */
static int
fetch_entries(
    struct self *s, struct circle *c, struct buf *entries, struct err *e)
{
	OWN(buf_free) struct buf more = { 0 };

	if (s->depot->ops->circle(s->depot, c->seq, &more, e) < 0 ||
	    apply_entries(c, buf_bytes(&more), e) < 0)
		return -1;
	if (more.n > 0 && !circle_active(c, &s->dev_id))
		return is_out(s, c, e);
	buf_put_bytes(entries, buf_bytes(&more));
	return 0;
}

int
self_refresh(struct self *s, struct err *e)
{
	OWN(circle_free) struct circle next = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	struct err more;

	buf_put_bytes(&all, buf_bytes(&s->entries));
	circle_copy(&next, &s->circle);
	if (fetch_entries(s, &next, &all, e) < 0)
		return -1;
	if (all.n == s->entries.n)
		return 0;
	while (next.key.epoch != keyring_epoch(s->keyring) &&
	    fetch_keyring(s, &next, e) < 0) {
		/* Do they belong to an entry that came just now? */
		uint32_t seq = next.seq;
		if (e->code != ERR_KEY_SUBSTITUTED ||
		    fetch_entries(s, &next, &all, &more) < 0 || next.seq == seq)
			return -1;
	}
	struct circle before = s->circle;
	s->circle = next;
	next = before; /* freed on the way out */
	buf_clear(&s->entries);
	buf_put_bytes(&s->entries, buf_bytes(&all));
	return keep(s, e);
}

static int
refresh(void *ctx, struct err *e)
{
	return self_refresh(ctx, e);
}

/* ---- state zone ---- */

struct id
self_state_id(const char *what, const struct id *about)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest hash;
	struct id id;

	digest_add(d, bytes_str("aumbry state v1 "));
	digest_add(d, bytes_of(what, strlen(what) + 1));
	if (about != NULL)
		digest_add(d, bytes_of(about->b, ID_BYTES));
	digest_end(d, &hash);
	memcpy(id.b, hash.b, ID_BYTES);
	return id;
}

/* ---- devices ---- */

int
self_put_name(struct self *s, const struct id *dev_id, const struct id *opening,
    const char *name, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit edit = { .id = self_state_id("name", dev_id) };

	buf_put_u8(&plain, KIND_NAME);
	buf_put_u8(&plain, FORMAT);
	id_put(&plain, dev_id);
	id_put(&plain, opening);
	buf_put_v8(&plain, bytes_str(name));
	edit.plain = buf_bytes(&plain);
	return zcopy_commit(s->state, &edit, 1, NULL, NULL, e);
}

static void
take_name(struct self *s, struct self_device *d)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = self_state_id("name", &d->dev_id);
	struct err ignored;

	if (zcopy_get(s->state, &id, &plain, &ignored) < 0)
		return;
	struct scan p = scan_of(buf_bytes(&plain));
	uint8_t kind = scan_u8(&p), format = scan_u8(&p);
	struct id about = id_take(&p);
	(void)id_take(&p);
	struct bytes name = scan_v8(&p);
	if (!scan_done(&p) || kind != KIND_NAME || format != FORMAT ||
	    !id_equal(&about, &d->dev_id) || name.n > LIMIT_NAME_BYTES)
		return;
	memcpy(d->name, name.p, name.n);
	d->name[name.n] = '\0';
}

int
self_devices(struct self *s, struct self_device **out, size_t *n, struct err *e)
{
	(void)e;
	*n = s->circle.n_members;
	*out = mem_array(*n, sizeof **out);
	for (size_t i = 0; i < *n; i++) {
		const struct member *m = &s->circle.members[i];
		struct self_device *d = &(*out)[i];
		d->dev_id = m->device.dev_id;
		d->class = m->device.class;
		d->active = m->active;
		d->self = id_equal(&d->dev_id, &s->dev_id);
		d->added_ms = m->added_ms;
		take_name(s, d);
	}
	return 0;
}
