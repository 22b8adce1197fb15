/* SPDX-License-Identifier: ISC */
/* self.c: this device, opened from what it remembers. */
#include "client/self_in.h"

#include "link/depot_remote.h"

#include <stdlib.h>
#include <string.h>

bool
self_elsewhere(struct self *s)
{
	OWN(buf_free) struct buf kept = { 0 };
	struct err ignored;

	return s->url != NULL &&
	    local_get(s->local, "url", &kept, &ignored) == 0 &&
	    strcmp(buf_text(&kept), s->url) != 0;
}

/* What was learned of the server meanwhile: its identity was looked at, and what
 * cannot be kept is learned again. Not over an address that somebody has set
 * since, nor before self_set_server says that this one holds. */
static void
keep_server(struct self *s)
{
	OWN(buf_free) struct buf shown = { 0 };
	struct err ignored;

	if (s->url == NULL || self_elsewhere(s))
		return;
	remote_shown(s->remote, &shown);
	if ((remote_moved(s->remote) &&
		local_put(s->local, "url", bytes_str(remote_url(s->remote)),
		    &ignored) < 0) ||
	    (shown.n > 0 &&
		local_put(s->local, "shown", buf_bytes(&shown), &ignored) < 0))
		return;
}

void
self_free(struct self **sp)
{
	struct self *s = *sp;

	if (s == NULL)
		return;
	if (s->local != NULL && s->remote != NULL)
		keep_server(s);
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
	free(s->url);
	free(s->name);
	free(s->host);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}

static int
damaged(struct err *e)
{
	return err_in(e, "what this device remembers of its account");
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

/* at: instead of the server's address that is kept; or NULL. */
static int
load(struct self *s, const char *at, struct err *e)
{
	OWN(mem_free) char *url = NULL;
	OWN(buf_free) struct buf shown = { 0 };

	if (get_text(s, "url", &url, e) < 0 ||
	    get_text(s, "name", &s->name, e) < 0 ||
	    get_text(s, "host", &s->host, e) < 0 ||
	    local_get(s->local, "circle", &s->entries, e) < 0 ||
	    local_get(s->local, "keyring", &s->envelopes, e) < 0 ||
	    self_apply_kept(&s->circle, buf_bytes(&s->entries), e) < 0)
		return damaged(e);
	if (!id_equal(&s->circle.uid, &s->uid)) {
		(void)err_set(e, ERR_STATE_DAMAGED,
		    "key and circle belong to two accounts");
		return damaged(e);
	}
	s->keyring = keyring_new(&s->uid);
	/* Just joined: the keys come with the first session. */
	if (s->envelopes.n > 0 &&
	    self_open_keyring(s, &s->circle, buf_bytes(&s->envelopes), e) < 0)
		return damaged(e);
	if (at == NULL)
		s->url = TAKE(url);
	if (remote_new(at != NULL ? at : s->url, &s->remote, e) < 0 ||
	    local_get(s->local, "shown", &shown, e) < 0)
		return -1;
	remote_expect(s->remote, buf_bytes(&shown));
	return 0;
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

static int
refresh(void *ctx, struct err *e)
{
	return self_refresh(ctx, e);
}

static int
renew(void *ctx, struct err *e)
{
	return self_session(ctx, e);
}

static int
open_with(struct self *s, const char *at, struct err *e)
{
	if (home_open(s->dir, &s->local, e) < 0 || load(s, at, e) < 0)
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
	return zcopy_open(&s->writer,
	    &(struct zcopy_of){
		s->local, s->depot, &s->circle.state_zone, CATEGORY_STATE },
	    &s->state, e);
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
	if (open_with(s, NULL, e) < 0)
		return -1;
	*out = TAKE(s);
	return 0;
}

int
self_open_at(const char *dir, const char *url, struct self **out, struct err *e)
{
	OWN(self_free) struct self *s = self_new();

	s->dir = mem_text(dir);
	if (home_read_key(dir, &s->uid, &s->dev_id, &s->key, e) < 0 ||
	    open_with(s, url, e) < 0)
		return -1;
	*out = TAKE(s);
	return 0;
}

int
self_open(const char *dir, struct self **out, struct err *e)
{
	return self_open_at(dir, NULL, out, e);
}

int
self_save_account(const char *dir, const struct self_account *a, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	struct local_pair pairs[] = { { "url", bytes_str(a->url) },
		{ "name", bytes_str(a->name) }, { "host", bytes_str(a->host) },
		{ "circle", a->entries }, { "keyring", a->envelopes },
		/* Of an account that was here before, and half erased. */
		{ "token", bytes_str("") }, { "heads", bytes_str("") },
		{ "removing", bytes_str("") }, { "pinned", bytes_str("") },
		{ "founding", bytes_str("") }, { "entering", bytes_str("") },
		{ "keying", bytes_str("") }, { "releasing", bytes_str("") },
		{ "acts", bytes_str("") }, { "zones", bytes_str("") },
		{ "shown", bytes_str("") } };

	return home_open(dir, &local, e) < 0 ||
		local_put_all(local, pairs, ARRAY_SIZE(pairs), e) < 0
	    ? -1
	    : 0;
}
