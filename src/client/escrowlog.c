/* SPDX-License-Identifier: ISC */
/* escrowlog.c: fetching the journal and holding it against what was seen. */
#include "client/escrowlog.h"

#include "client/self_note.h"

#include <string.h>

struct seen {
	bool there;
	uint64_t version; /* of the note */
	uint8_t sign_pk[SIG_PK_BYTES];
	uint64_t n;
	struct digest head;
};

static int
load(struct self *s, struct seen *out, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = self_note_id(SELF_NOTE_JOURNAL, NULL);
	struct scan p;

	*out = (struct seen){ .there = false };
	if (zcopy_look(s->state, &id, &out->version, &plain, e) < 0)
		return -1;
	if (out->version > 0) {
		p = self_note_body(buf_bytes(&plain), SELF_NOTE_JOURNAL);
		scan_copy(&p, out->sign_pk, sizeof out->sign_pk);
		out->n = scan_u64(&p);
		out->head = digest_take(&p);
		if (!scan_done(&p))
			return err_set(e, ERR_RECORD_CORRUPT,
			    "what is known of the escrow's journal is not "
			    "well-formed");
		out->there = true;
	}
	return 0;
}

static int
save(struct self *s, const struct seen *x, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	buf_put(&body, x->sign_pk, sizeof x->sign_pk);
	buf_put_u64(&body, x->n);
	digest_put(&body, &x->head);
	if (self_note_replace(s, SELF_NOTE_JOURNAL, NULL, x->version,
		buf_bytes(&body), e) == 0)
		return 0;
	if (e->code != ERR_CONFLICT)
		return -1;
	/* Another device has just noted it; more than ours, perhaps. */
	err_clear(e);
	return 0;
}

/* The escrow that the server names; *named false: it names none. */
static int
named_by_server(struct self *s, uint8_t sign_pk[static SIG_PK_BYTES],
    bool *named, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf key = { 0 };

	if (control_call(s->remote, "GET", "/v1/protection", NULL, &answer, e) <
	    0)
		return -1;
	*named = json_object_get(answer, "escrow") != NULL;
	if (!*named)
		return 0;
	if (jsonio_bytes(answer, "escrow", SIG_PK_BYTES, &key, e) < 0)
		return -1;
	memcpy(sign_pk, key.p, SIG_PK_BYTES);
	return 0;
}

int
escrowlog_there(struct self *s, bool *yes, struct err *e)
{
	uint8_t key[SIG_PK_BYTES];
	struct digest wanted;
	struct seen seen;

	*yes = s->circle.protection == PROTECTION_STANDARD ||
	    remote_escrow(s->remote, &wanted);
	if (*yes)
		return 0;
	if (load(s, &seen, e) < 0)
		return -1;
	*yes = seen.there;
	return *yes ? 0 : named_by_server(s, key, yes, e);
}

/* It never was one of the account: it is the one that the address names, or
 * when that names none the server. */
static int
meet(struct self *s, uint8_t sign_pk[static SIG_PK_BYTES], struct err *e)
{
	struct digest wanted, got;
	bool named;

	if (named_by_server(s, sign_pk, &named, e) < 0)
		return -1;
	if (named)
		digest_of(bytes_of(sign_pk, SIG_PK_BYTES), &got);
	return named &&
		(!remote_escrow(s->remote, &wanted) ||
		    digest_equal(&wanted, &got))
	    ? 0
	    : err_set(e, ERR_ESCROW_CHANGED,
		  "the server does not name the escrow that its address does");
}

static int
fetch(struct self *s, struct buf *out, struct err *e)
{
	uint64_t n = 0;

	for (;;) {
		OWN(jsonio_free) json_t *answer = NULL;
		OWN(buf_free) struct buf path = { 0 };
		OWN(buf_free) struct buf lines = { 0 };
		buf_printf(&path, "/v1/escrow/journal?since=%llu",
		    (unsigned long long)n);
		if (control_call(s->remote, "GET", buf_text(&path), NULL,
			&answer, e) < 0 ||
		    jsonio_list(answer, "lines", 65536, &lines, e) < 0)
			return -1;
		buf_put_bytes(out, buf_bytes(&lines));
		for (struct scan p = scan_of(buf_bytes(&lines)); p.n > 0; n++)
			(void)scan_v16(&p);
		if (!jsonio_true(answer, "more") || lines.n == 0)
			return 0;
	}
}

/* The chain from its start; and it holds what was seen of it. */
static int
check(struct self *s, struct bytes lines, const struct seen *before,
    struct seen *now, struct err *e)
{
	struct scan p = scan_of(lines);
	bool met = before->n == 0;

	while (p.n > 0) {
		const uint8_t *from = p.p;
		(void)scan_v16(&p);
		if (!scan_ok(&p))
			return err_set(e, ERR_JOURNAL_ROLLED_BACK,
			    "the escrow's journal is cut short");
		if (escrow_lines_check(bytes_of(from, (size_t)(p.p - from)),
			&s->uid, now->sign_pk, &now->n, &now->head, e) < 0)
			return -1;
		met |= now->n == before->n &&
		    digest_equal(&now->head, &before->head);
	}
	return met
	    ? 0
	    : err_set(e, ERR_JOURNAL_ROLLED_BACK,
		  "the escrow's journal of this account lacks lines "
		  "that were seen: %llu were, and it ends at %llu",
		  (unsigned long long)before->n, (unsigned long long)now->n);
}

int
escrowlog_read(struct self *s, struct buf *out, struct err *e)
{
	struct seen before, now = { .there = true };
	bool standard = s->circle.protection == PROTECTION_STANDARD;

	if (load(s, &before, e) < 0)
		return -1;
	now.version = before.version;
	memcpy(now.sign_pk,
	    standard ? s->circle.escrow.sign_pk : before.sign_pk,
	    sizeof now.sign_pk);
	if (!standard && !before.there && meet(s, now.sign_pk, e) < 0)
		return -1;
	/* Another escrow, which the account's devices have chosen since. */
	if (standard && before.there &&
	    !bytes_equal(bytes_of(before.sign_pk, SIG_PK_BYTES),
		bytes_of(now.sign_pk, SIG_PK_BYTES)))
		before = (struct seen){ .there = false };
	if (fetch(s, out, e) < 0 ||
	    check(s, buf_bytes(out), &before, &now, e) < 0)
		return -1;
	return before.there && now.n == before.n ? 0 : save(s, &now, e);
}
