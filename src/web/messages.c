/* SPDX-License-Identifier: ISC */
/* messages.c: what people write to each other, on the page. */
#include "web/core.h"

#include "base/text.h"
#include "client/self_wait.h"
#include "client/self_zones.h"
#include "mail/thread.h"

#include <stdlib.h>
#include <string.h>

/* ---- the account's messages, kept open ---- */

void
core_end_mail(struct core *c)
{
	mail_free(&c->mail);
	c->inbox_top = 0;
}

/* As they are now. */
static int
look(struct core *c, struct mail **out, struct err *e)
{
	struct self *s;

	if (core_self(c, &s, e) < 0)
		return -1;
	if (c->mail != NULL) {
		if (mail_look(c->mail, e) < 0)
			return -1;
	} else if (self_state(s, e) < 0 || mail_open(s, &c->mail, e) < 0)
		return -1;
	*out = c->mail;
	return 0;
}

/* What is not filed stays with the server, and is tried again. */
static void
settle(struct mail *m)
{
	struct err ignored;

	if (mail_due(m) && mail_file(m, &ignored) < 0)
		err_clear(&ignored);
}

void
core_file_mail(struct core *c)
{
	struct mail *m;
	struct err ignored;

	if (look(c, &m, &ignored) < 0 || mail_file(m, &ignored) < 0)
		err_clear(&ignored);
}

/* Has anything come since the page last asked? */
int
core_messages_news(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct self_wait w = { .inbox = true, .inbox_top = c->inbox_top };
	struct self *s;

	(void)in;
	if (core_self(c, &s, e) < 0 || self_wait(s, &w, e) < 0)
		return -1;
	jsonio_put_true(out, "news", w.letters);
	c->inbox_top = w.inbox_top;
	return 0;
}

/* ---- shown ---- */

static void
put_person(json_t *v, const struct person *p)
{
	jsonio_put_id(v, "uid", &p->uid);
	jsonio_put_text(v, "address", p->address);
	jsonio_put_text(v, "nickname", p->nickname);
	jsonio_put_text(v, "level", person_level_name(p->level));
}

static json_t *
line_json(const struct mail *m, const struct thread_line *x)
{
	const struct person *p = mail_person(m, &x->from);
	json_t *v = json_object();
	struct err why;

	jsonio_put_id(v, "id", &x->id);
	jsonio_put_true(v, "own", mail_is_own(m, &x->from));
	if (p != NULL)
		put_person(v, p);
	jsonio_put_u64(
	    v, "time_ms", x->time_ms != 0 ? x->time_ms : x->received_ms);
	(void)json_object_set_new(
	    v, "text", json_stringn((const char *)x->text.p, x->text.n));
	jsonio_put_true(v, "edited", x->edited);
	jsonio_put_true(v, "deleted", x->deleted);
	jsonio_put_true(v, "gone", x->gone);
	jsonio_put_true(v, "out", x->out);
	jsonio_put_true(v, "missing", x->missing);
	jsonio_put_true(v, "unread", x->unread);
	if (x->why != ERR_NONE) {
		(void)err_set(&why, x->why, "%s", x->words);
		(void)json_object_set_new(v, "wrong", core_error_json(&why));
	}
	return v;
}

/* How the page names a conversation: by whom it is with, if he is known. */
static void
put_where(json_t *v, const struct mail *m, const struct id *conv)
{
	const struct person *with = mail_with(m, conv);

	jsonio_put_id(v, "at", with != NULL ? &with->uid : conv);
	if (with == NULL)
		return;
	json_t *p = json_object();
	put_person(p, with);
	(void)json_object_set_new(v, "with", p);
}

int
core_messages(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(thread_free) struct thread all = { NULL, 0 };
	OWN(mem_free) struct thread_sum *sums = NULL;
	json_t *list = json_array();
	struct mail *m;
	size_t n;

	(void)in;
	(void)json_object_set_new(out, "conversations", list);
	if (look(c, &m, e) < 0 || thread_all(m, &all, e) < 0 ||
	    thread_sums(m, &all, &sums, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_object();
		put_where(v, m, &sums[i].conv);
		jsonio_put_u64(v, "unread", sums[i].unread);
		jsonio_put_true(v, "asks", sums[i].asks);
		jsonio_put_true(v, "muted", sums[i].muted);
		(void)json_object_set_new(
		    v, "last", line_json(m, sums[i].last));
		(void)json_array_append_new(list, v);
	}
	settle(m);
	return 0;
}

/* ---- one conversation ---- */

/* The contact of the field "at", or NULL: then it is the conversation. */
static int
take_where(const struct mail *m, const json_t *in, struct id *conv,
    const struct person **with, struct err *e)
{
	struct id at;

	if (jsonio_id(in, "at", &at, e) < 0)
		return -1;
	*with = mail_person(m, &at);
	*conv = *with != NULL ? mail_conversation(m, *with) : at;
	return 0;
}

/* most: of its lines the newest. read: they are shown to somebody. */
int
core_thread(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(thread_free) struct thread t = { NULL, 0 };
	json_t *list = json_array();
	const struct person *with;
	struct mail *m;
	struct id conv;
	uint64_t most;

	(void)json_object_set_new(out, "lines", list);
	if (jsonio_u64(in, "most", &most, e) < 0 || look(c, &m, e) < 0 ||
	    take_where(m, in, &conv, &with, e) < 0 ||
	    thread_read(m, &conv, &t, e) < 0)
		return -1;
	put_where(out, m, &conv);
	jsonio_put_u64(out, "all", t.n);
	for (size_t i = t.n > most ? t.n - most : 0; i < t.n; i++)
		(void)json_array_append_new(list, line_json(m, &t.lines[i]));
	if (jsonio_true(in, "read") && thread_mark_read(m, &conv, &t, e) < 0)
		return -1;
	settle(m);
	return 0;
}

/* words: all messages that have all of them. */
int
core_messages_search(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	OWN(thread_free) struct thread all = { NULL, 0 };
	json_t *list = json_array();
	OWN(buf_free) struct buf words = { 0 };
	const char *typed = "";
	struct mail *m;

	(void)json_object_set_new(out, "found", list);
	if (jsonio_text(in, "words", &typed, e) < 0 || look(c, &m, e) < 0 ||
	    thread_all(m, &all, e) < 0)
		return -1;
	text_fold(&words, bytes_str(typed));
	for (size_t i = all.n; i > 0; i--) {
		const struct thread_line *x = &all.lines[i - 1];
		if (x->deleted || x->gone ||
		    !thread_matches(x, buf_text(&words)))
			continue;
		json_t *v = json_object();
		put_where(v, m, &x->conv);
		(void)json_object_set_new(v, "line", line_json(m, x));
		(void)json_array_append_new(list, v);
	}
	return 0;
}

/* ---- writing ---- */

static int
no_contact(struct err *e)
{
	return err_set(
	    e, ERR_NOT_FOUND, "who it was written to is no contact any more");
}

int
core_message_send(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	const struct person *with;
	const char *text = "";
	struct mail_sent sent;
	struct mail *m;
	struct id conv;

	if (jsonio_text(in, "text", &text, e) < 0 || look(c, &m, e) < 0 ||
	    take_where(m, in, &conv, &with, e) < 0)
		return -1;
	if (with == NULL)
		return no_contact(e);
	/* Looking again may let go of it. */
	const struct person to = *with;
	const struct mail_draft d = { .kind = LETTER_TEXT,
		.text = bytes_str(text) };
	if (mail_send(m, &to, &d, &sent, e) < 0)
		return -1;
	jsonio_put_true(out, "asks", sent.asks);
	return 0;
}

/* One that this account wrote, and to whom. */
static int
own_message(struct mail *m, const json_t *in, struct id *of, struct person *to,
    struct err *e)
{
	OWN(thread_free) struct thread all = { NULL, 0 };
	const struct thread_line *x;
	const struct person *with;

	if (jsonio_id(in, "id", of, e) < 0 || thread_all(m, &all, e) < 0 ||
	    thread_find(&all, id_text(of).s, mail_own(m), &x, e) < 0)
		return -1;
	if (x->deleted)
		return err_set(e, ERR_CONFLICT, "that message was deleted");
	with = mail_with(m, &x->conv);
	if (with == NULL)
		return no_contact(e);
	*to = *with;
	return 0;
}

static int
change(struct core *c, const json_t *in, struct mail_draft *d, struct err *e)
{
	struct mail_sent sent;
	struct person to;
	struct mail *m;

	d->quiet = true;
	return look(c, &m, e) < 0 || own_message(m, in, &d->of, &to, e) < 0
	    ? -1
	    : mail_send(m, &to, d, &sent, e);
}

int
core_message_edit(struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct mail_draft d = { .kind = LETTER_EDIT };
	const char *text = "";

	(void)out;
	if (jsonio_text(in, "text", &text, e) < 0)
		return -1;
	d.text = bytes_str(text);
	return change(c, in, &d, e);
}

/* here: only from this account's devices. */
int
core_message_delete(
    struct core *c, const json_t *in, json_t *out, struct err *e)
{
	struct mail_draft d = { .kind = LETTER_DELETE };
	OWN(thread_free) struct thread all = { NULL, 0 };
	const struct thread_line *x;
	struct mail *m;
	struct id of;

	(void)out;
	if (!jsonio_true(in, "here"))
		return change(c, in, &d, e);
	if (jsonio_id(in, "id", &of, e) < 0 || look(c, &m, e) < 0 ||
	    thread_all(m, &all, e) < 0 ||
	    thread_find(&all, id_text(&of).s, NULL, &x, e) < 0)
		return -1;
	const struct mail_letter gone = {
		.id = x->id, .mark = x->mark, .from = x->from
	};
	return mail_drop(m, &gone, e);
}
