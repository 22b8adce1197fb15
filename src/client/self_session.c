/* SPDX-License-Identifier: ISC */
/* self_session.c: sessions, and whether the circle fits what was seen. */
#include "client/self_in.h"

#include "base/now.h"
#include "base/text.h"
#include "base/typed.h"
#include "client/session.h"

#include <string.h>

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

/* The server may have been known by a key that it only shows. */
static int
same_server(struct self *s, const json_t *answer, struct err *e)
{
	OWN(buf_free) struct buf tls = { 0 };
	struct digest id;

	if (digest_zero(remote_pin(s->remote)) ||
	    json_object_get(answer, "tls") == NULL)
		return 0;
	if (jsonio_bytes(answer, "tls", DIGEST_BYTES, &tls, e) < 0)
		return -1;
	memcpy(id.b, tls.p, DIGEST_BYTES);
	return remote_adopt(s->remote, &id, e);
}

/*
 * The server says that this device was removed. That is true when it shows the
 * entry which did it; the bare word makes nobody give up keys. When it could not
 * be asked nothing is known.
 */
static int
was_removed(struct self *s, const struct session_who *who, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	struct err why;

	circle_copy(&c, &s->circle);
	while (circle_active(&c, &s->dev_id)) {
		OWN(buf_free) struct buf more = { 0 };
		bool shown =
		    session_left(s->remote, who, c.seq, &more, &why) == 0;
		if (!shown && err_unreachable(why.code)) {
			*e = why;
			return -1;
		}
		if (!shown || more.n == 0 ||
		    self_apply_entries(&c, buf_bytes(&more), &why) < 0)
			return err_set(e, ERR_CIRCLE_ROLLED_BACK,
			    "the server says that this device was removed from "
			    "the account, and shows no entry of the list of "
			    "devices that does so");
	}
	return self_is_out(s, &c, e);
}

static void
unlock(pthread_mutex_t **m)
{
	(void)pthread_mutex_unlock(*m);
}

/* It may have another name since: the next command goes by that. */
static int
keep_name(struct self *s, const json_t *answer, struct err *e)
{
	const char *name = json_string_value(json_object_get(answer, "name"));
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored = { 0 };

	if (name == NULL || strcmp(name, s->name) == 0 ||
	    typed_account(bytes_str(name), s->host, &plain, &ignored) < 0)
		return 0;
	return local_put(s->local, "name", buf_bytes(&plain), e);
}

int
self_session(struct self *s, struct err *e)
{
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
	if (same_server(s, answer, e) < 0 || compare_circle(s, answer, e) < 0 ||
	    self_complete_keyring(s, e) < 0) {
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
	return keep_name(s, answer, e) < 0 ? -1
					   : keep_token(s, token, expires_s, e);
}

int
self_connect_healing(struct self *s, struct err *e)
{
	s->healing = true;
	s->circle_there = s->circle.seq;
	return self_session(s, e);
}

int
self_connect_mending(struct self *s, struct err *e)
{
	s->mending = true;
	return self_session(s, e);
}
