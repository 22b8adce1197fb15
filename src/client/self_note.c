/* SPDX-License-Identifier: ISC */
/* self_note.c: what the account notes in its state zone, by kind. */
#include "client/self_note.h"

#include <string.h>

#define FORMAT 1

struct id
self_note_id(enum self_note_kind kind, const struct id *about)
{
	static const char *const words[] = {
		[SELF_NOTE_ZONES] = "zones",
		[SELF_NOTE_NAME] = "name",
		[SELF_NOTE_SEEN] = "seen",
		[SELF_NOTE_RECOVERY] = "recovery",
		[SELF_NOTE_JOURNAL] = "escrow journal",
		[SELF_NOTE_FRESHPIN] = "fresh pin",
		[SELF_NOTE_HELPING] = "helping",
		[SELF_NOTE_PERSON] = "person",
		[SELF_NOTE_ALERT] = "alert",
	};
	OWN(buf_free) struct buf text = { 0 };
	const char *word = words[kind];

	buf_put_str(&text, "aumbry state v1 ");
	buf_put(&text, word, strlen(word) + 1);
	if (about != NULL)
		id_put(&text, about);
	return digest_id(buf_bytes(&text));
}

static int
put(struct self *s, enum self_note_kind kind, struct zcopy_edit edit,
    struct bytes body, struct err *e)
{
	OWN(secret_free) struct secret *plain = secret_new(2 + body.n);

	secret_room(plain)[0] = (uint8_t)kind;
	secret_room(plain)[1] = FORMAT;
	if (body.n > 0)
		memcpy(secret_room(plain) + 2, body.p, body.n);
	edit.plain = secret_bytes(plain);
	return zcopy_commit(s->state, &edit, 1, NULL, NULL, e);
}

int
self_note_put(struct self *s, enum self_note_kind kind, const struct id *about,
    struct bytes body, struct err *e)
{
	struct zcopy_edit edit = { .id = self_note_id(kind, about) };

	return put(s, kind, edit, body, e);
}

int
self_note_replace(struct self *s, enum self_note_kind kind,
    const struct id *about, uint64_t version, struct bytes body, struct err *e)
{
	struct zcopy_edit edit = { .id = self_note_id(kind, about),
		.expects = true,
		.expect = version };

	return put(s, kind, edit, body, e);
}

int
self_note_drop(struct self *s, enum self_note_kind kind, const struct id *about,
    uint64_t version, struct err *e)
{
	struct zcopy_edit edit = { .id = self_note_id(kind, about),
		.deleted = true,
		.expects = true,
		.expect = version };

	return zcopy_commit(s->state, &edit, 1, NULL, NULL, e);
}

struct scan
self_note_body(struct bytes plain, enum self_note_kind kind)
{
	struct scan body = scan_of(plain);
	uint8_t of = scan_u8(&body), format = scan_u8(&body);

	body.bad |= of != kind || format != FORMAT;
	return body;
}

int
self_note_get(struct self *s, enum self_note_kind kind, const struct id *about,
    struct buf *plain, struct scan *body, struct err *e)
{
	struct id id = self_note_id(kind, about);

	if (zcopy_get(s->state, &id, plain, e) < 0)
		return -1;
	*body = self_note_body(buf_bytes(plain), kind);
	return 0;
}
