/* SPDX-License-Identifier: ISC */
/* people_circle.c: the circles of contacts, as the server shows them. */
#include "client/people_in.h"

#include "base/text.h"
#include "base/typed.h"
#include "client/chain.h"

#include <string.h>

#define CIRCLE_MAX ((size_t)LIMIT_CIRCLE_ENTRIES * LIMIT_CIRCLE_ENTRY)

/* As accounts have them, and nothing that only looks so. */
static bool
is_name(const char *name)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;

	return strlen(name) <= LIMIT_NAME_BYTES && strchr(name, '@') == NULL &&
	    typed_account(bytes_str(name), "", &plain, &ignored) == 0 &&
	    strcmp(buf_text(&plain), name) == 0;
}

int
people_row(const json_t *j, struct people_row *out, struct err *e)
{
	OWN(buf_free) struct buf head = { 0 };
	const char *name = "", *hex = "";
	uint64_t seq;

	if (jsonio_id(j, "uid", &out->uid, e) < 0 ||
	    jsonio_text(j, "name", &name, e) < 0 ||
	    jsonio_u64(j, "circle_seq", &seq, e) < 0 ||
	    jsonio_text(j, "circle_head", &hex, e) < 0)
		return -1;
	if (text_unhex(&head, bytes_str(hex)) < 0 || head.n != DIGEST_BYTES ||
	    !is_name(name) || seq == 0 || seq > LIMIT_CIRCLE_ENTRIES)
		return err_set(e, ERR_BAD_REQUEST,
		    "what the server says of an account is not well-formed");
	memcpy(out->name, name, strlen(name) + 1);
	memcpy(out->head.b, head.p, DIGEST_BYTES);
	out->seq = (uint32_t)seq;
	return 0;
}

/* ---- kept ---- */

static void
key_of(const struct id *uid, struct buf *out)
{
	buf_printf(out, "person|%s", id_text(uid).s);
}

int
people_forget(struct self *s, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };

	key_of(uid, &key);
	return local_put(s->local, buf_text(&key), bytes_str(""), e);
}

/* Does it say that it is of this account? */
static bool
is_of(const struct circle *c, const struct id *uid)
{
	return c->seq == 0 || id_equal(&c->uid, uid);
}

/* Does what was followed end as the server says? */
static int
ends_as_said(
    const struct circle *c, const struct people_row *row, struct err *e)
{
	const struct digest *at = circle_hash_at(c, row->seq);

	if (at == NULL)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "the server says that the list of devices ends at %u, and "
		    "shows %u of it",
		    (unsigned)row->seq, (unsigned)c->seq);
	if (!is_of(c, &row->uid) || !digest_equal(at, &row->head))
		return err_set(e, ERR_CIRCLE_FORKED,
		    "the server shows two lists of devices of one account");
	return 0;
}

static int
fetch(struct self *s, const struct id *uid, uint32_t since, struct buf *out,
    struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/v1/people/%s/circle?since=%u", id_text(uid).s,
	    (unsigned)since);
	struct remote_call call = {
		.method = "GET", .path = buf_text(&path), .limit = CIRCLE_MAX
	};
	return remote_call(s->remote, &call, out, e);
}

/*
 * What is kept saves time, and counts for nothing: only what holds the pin and
 * ends where the server says or before is taken.
 */
static bool
take_kept(struct circle *c, const struct people_row *row,
    const struct person *pin, struct bytes kept)
{
	struct err ignored;

	if (kept.n == 0 || pin == NULL || chain_apply(c, kept, &ignored) < 0 ||
	    !is_of(c, &row->uid) || c->seq > row->seq)
		return false;
	const struct digest *at = circle_hash_at(c, pin->seq);
	return at != NULL && digest_equal(at, &pin->head);
}

/* Words of the server are no finding of ours, but that it cannot now. */
static int
not_shown(struct err *e)
{
	return e->heard && !err_unreachable(e->code)
	    ? err_set(e, ERR_BAD_REQUEST,
		  "the server does not show the list of devices "
		  "(%s)",
		  err_name(e->code))
	    : -1;
}

int
people_follow(struct self *s, const struct people_row *row,
    const struct person *pin, struct circle *c, struct buf *more, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf news = { 0 };

	key_of(&row->uid, &key);
	if (local_get(s->local, buf_text(&key), &kept, e) < 0)
		return -1;
	if (!take_kept(c, row, pin, buf_bytes(&kept))) {
		circle_free(c);
		buf_clear(&kept);
	}
	bool first = c->seq == 0;
	if (circle_hash_at(c, row->seq) == NULL) {
		if (fetch(s, &row->uid, c->seq, &news, e) < 0)
			return not_shown(e);
		if ((first ? chain_apply(c, buf_bytes(&news), e)
			   : chain_extend(c, buf_bytes(&news), e)) < 0)
			return -1;
	}
	if (ends_as_said(c, row, e) < 0)
		return -1;
	if (news.n > 0) {
		buf_put_bytes(more, buf_bytes(&kept));
		buf_put_bytes(more, buf_bytes(&news));
	}
	return 0;
}

int
people_kept(
    struct self *s, const struct person *pin, struct circle *c, struct err *e)
{
	const struct people_row any = { .uid = pin->uid, .seq = UINT32_MAX };
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf kept = { 0 };

	key_of(&pin->uid, &key);
	if (local_get(s->local, buf_text(&key), &kept, e) < 0)
		return -1;
	if (!take_kept(c, &any, pin, buf_bytes(&kept)))
		circle_free(c);
	return 0;
}

int
people_keep(
    struct self *s, const struct id *uid, struct bytes entries, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };

	key_of(uid, &key);
	return entries.n == 0 ? 0
			      : local_put(s->local, buf_text(&key), entries, e);
}
