/* SPDX-License-Identifier: ISC */
/* mail_note.c: what an account notes of a conversation: read until, muted. */
#include "mail/mail_in.h"

#include "base/now.h"

#define TRIES 8 /* when other devices note the same */

int
mail_noted(struct mail *m, const struct id *conv, struct page_conversation *out,
    struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = page_conversation_id(conv);
	uint64_t version;
	struct err spoiled;

	if (zcopy_look(m->zone, &id, &version, &plain, e) < 0)
		return -1;
	if (page_take_conversation(buf_bytes(&plain), out, &spoiled) < 0)
		*out = (struct page_conversation){ .read_ms = 0 };
	out->conv = *conv;
	return 0;
}

bool
mail_muted(const struct page_conversation *c)
{
	return c->muted_until_ms > (uint64_t)now_ms();
}

static int
note_once(struct mail *m, const struct page_conversation *c, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf was = { 0 };
	struct page_conversation now;
	struct err spoiled;
	struct zcopy_edit edit = { .id = page_conversation_id(&c->conv),
		.expects = true };

	if (zcopy_look(m->zone, &edit.id, &edit.expect, &was, e) < 0)
		return -1;
	if (page_take_conversation(buf_bytes(&was), &now, &spoiled) < 0)
		now = (struct page_conversation){ .newer = false };
	if (now.newer)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a newer version has noted something of this "
		    "conversation");
	now.conv = c->conv;
	/* Read is read; whoever mutes says it last. */
	if (c->read_ms > now.read_ms)
		now.read_ms = c->read_ms;
	if (c->mutes)
		now.muted_until_ms = c->muted_until_ms;
	page_put_conversation(&plain, &now);
	edit.plain = buf_bytes(&plain);
	return zcopy_commit(m->zone, &edit, 1, NULL, NULL, e);
}

int
mail_note(struct mail *m, const struct page_conversation *c, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		if (note_once(m, c, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT || zcopy_pull(m->zone, e) < 0)
			return -1;
	}
	return err_set(
	    e, ERR_CONFLICT, "other devices change the messages, too");
}
