/* SPDX-License-Identifier: ISC */
/* cli_message.c: aumbry message: what people write to each other. */
#include "cli/cli_message.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "cli/cli_person.h"
#include "client/recovery.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *
with_name(const struct person *p)
{
	return p != NULL ? cli_person_name(p) : "somebody who is no contact";
}

/* ---- list ---- */

struct list_options {
	bool unread;
};

static void
print_sum(struct cli *cli, const struct cli_mail *m, const struct thread_sum *s)
{
	const struct thread_line *last = s->last;
	OWN(mem_free) char *when = cli_time(last->received_ms);
	OWN(mem_free) char *text = cli_mail_line(buf_bytes(&last->text), 60);

	if (cli->line.json) {
		json_t *j = json_pack("{s:s, s:s, s:I, s:b, s:b}",
		    "conversation", id_text(&s->conv).s, "with",
		    s->with != NULL ? s->with->address : "", "unread",
		    (json_int_t)s->unread, "asks", s->asks, "muted", s->muted);
		(void)json_object_set_new(j, "last", cli_mail_json(m, last));
		cli_print_json(j);
		return;
	}
	(void)printf("%-24s %s  %3zu unread%s  %s: %s\n", with_name(s->with),
	    when, s->unread,
	    s->asks	   ? ", asks to write"
		: s->muted ? ", muted"
			   : "",
	    cli_mail_who(m, &last->from), last->deleted ? "(deleted)" : text);
}

/* No operator has a key: said before it is needed. */
static void
tell_of_loss(struct cli *cli, struct self *s)
{
	OWN(mem_free) struct recovery_info *ways = NULL;
	struct err ignored;
	size_t n = 0;
	bool tried = false;

	if (recovery_all(s, &ways, &n, &ignored) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		tried |= ways[i].tried_ms != 0;
	if (n == 0)
		cli_say(cli,
		    "When all devices are lost, messages are lost with them, "
		    "whatever the operator can do. A way back: aumbry "
		    "recovery key create");
	else if (!tried)
		cli_say(cli,
		    "The way back to these messages was never tried: aumbry "
		    "recovery drill");
}

static int
message_list(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct list_options *o = options;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread all = { NULL, 0 };
	OWN(mem_free) struct thread_sum *sums = NULL;
	size_t n, shown = 0;

	if (cli_mail_open(cli, &m, e) < 0 || thread_all(m.mail, &all, e) < 0 ||
	    thread_sums(m.mail, &all, &sums, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (o->unread && sums[i].unread == 0)
			continue;
		print_sum(cli, &m, &sums[i]);
		shown++;
	}
	if (shown == 0)
		cli_say(cli,
		    o->unread ? "Nothing is unread."
			      : "There are no messages. To write one: "
				"aumbry message send NAME");
	if (n > 0 && !o->unread)
		tell_of_loss(cli, m.self);
	cli_mail_tell_wrong(cli, &all);
	cli_mail_settle(cli, &m);
	return 0;
}

/* ---- show, read ---- */

struct show_options {
	const char *last, *since;
};

/* The conversation with who is named. */
static int
read_with(struct cli *cli, struct cli_mail *m, struct id *conv,
    struct thread *out, struct err *e)
{
	struct person p;

	if (cli_mail_open(cli, m, e) < 0 ||
	    people_one(m->self, cli->line.args[0], &p, e) < 0)
		return -1;
	*conv = mail_conversation(m->mail, &p);
	return thread_read(m->mail, conv, out, e);
}

static int
message_show(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct show_options *o = options;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread t = { NULL, 0 };
	uint64_t last = UINT64_MAX;
	int64_t since_s = 0;
	struct id conv;

	if (o->last != NULL &&
	    text_parse_u64(o->last, 1, UINT32_MAX, &last) < 0)
		return err_set(e, ERR_USAGE, "--last takes a number");
	if (o->since != NULL && text_parse_span(o->since, &since_s) < 0)
		return err_set(
		    e, ERR_USAGE, "--since takes a span, such as 7d or 12h");
	if (read_with(cli, &m, &conv, &t, e) < 0)
		return -1;
	int64_t from_ms =
	    o->since != NULL ? now_ms() - since_s * 1000 : INT64_MIN;
	for (size_t i = 0; i < t.n; i++)
		if (t.n - i <= last &&
		    (int64_t)t.lines[i].received_ms >= from_ms)
			cli_mail_print(cli, &m, &t.lines[i]);
	if (t.n == 0)
		cli_say(cli, "Nothing was written yet.");
	cli_mail_tell_wrong(cli, &t);
	cli_mail_settle(cli, &m);
	return 0;
}

static int
message_read(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread t = { NULL, 0 };
	struct id conv;
	size_t shown = 0;

	(void)options;
	if (read_with(cli, &m, &conv, &t, e) < 0)
		return -1;
	for (size_t i = 0; i < t.n; i++)
		if (t.lines[i].unread) {
			cli_mail_print(cli, &m, &t.lines[i]);
			shown++;
		}
	if (shown == 0)
		cli_say(cli, "Nothing is unread.");
	cli_mail_tell_wrong(cli, &t);
	if (thread_mark_read(m.mail, &conv, &t, e) < 0)
		return -1;
	cli_mail_settle(cli, &m);
	return 0;
}

/* ---- search ---- */

struct search_options {
	const char *with;
};

static int
message_search(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct search_options *o = options;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread all = { NULL, 0 };
	OWN(buf_free) struct buf typed = { 0 };
	OWN(buf_free) struct buf words = { 0 };
	struct id conv = { { 0 } };
	struct person p;
	size_t found = 0;

	for (int i = 0; i < cli->line.n_args; i++)
		buf_printf(&typed, "%s ", cli->line.args[i]);
	text_fold(&words, buf_bytes(&typed));
	if (cli_mail_open(cli, &m, e) < 0 ||
	    (o->with != NULL && people_one(m.self, o->with, &p, e) < 0))
		return -1;
	if (o->with != NULL)
		conv = mail_conversation(m.mail, &p);
	if ((o->with != NULL ? thread_read(m.mail, &conv, &all, e)
			     : thread_all(m.mail, &all, e)) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (!all.lines[i].deleted && !all.lines[i].gone &&
		    thread_matches(&all.lines[i], buf_text(&words))) {
			cli_mail_print(cli, &m, &all.lines[i]);
			found++;
		}
	if (found == 0)
		cli_say(cli, "No message has these words.");
	cli_mail_settle(cli, &m);
	return 0;
}

/* ---- send, edit, delete ---- */

struct send_options {
	bool quiet;
};

/* The operand, or with "-" or none what is typed or piped in. */
static int
take_text(struct cli *cli, int at, struct buf *out, struct err *e)
{
	const char *given = cli->line.n_args > at ? cli->line.args[at] : "-";

	if (strcmp(given, "-") != 0)
		buf_put_str(out, given);
	else {
		if (isatty(STDIN_FILENO) == 1)
			cli_say(cli, "Write, and end with Ctrl-D:");
		if (file_read_rest(STDIN_FILENO, "the message",
			LETTER_TEXT_MAX + 1, out, e) < 0)
			return e->code == ERR_TOO_LARGE
			    ? err_set(e, ERR_TOO_LARGE,
				  "a message has at most %d bytes",
				  LETTER_TEXT_MAX)
			    : -1;
		while (out->n > 0 && out->p[out->n - 1] == '\n')
			out->n--;
	}
	return text_is_utf8(buf_bytes(out))
	    ? 0
	    : err_set(e, ERR_USAGE, "a message is text in UTF-8");
}

static void
say_sent(struct cli *cli, const struct person *to, const struct mail_sent *s)
{
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:s, s:I, s:s, s:s}", "id",
		    id_text(&s->id).s, "conversation", id_text(&s->conv).s,
		    "time", (json_int_t)s->time_ms, "to", to->address, "state",
		    s->asks ? "asks" : "sent"));
	else if (s->asks)
		cli_say(cli,
		    "Sent. %s has not let you write yet: this first message "
		    "asks, and the next one waits for the answer.",
		    cli_person_name(to));
	else
		cli_say(cli, "Sent: %s", id_short(&s->id).s);
}

static int
message_send(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct send_options *o = options;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(buf_free) struct buf text = { 0 };
	struct mail_sent sent;
	struct person p;

	if (take_text(cli, 1, &text, e) < 0 || cli_mail_open(cli, &m, e) < 0 ||
	    people_one(m.self, cli->line.args[0], &p, e) < 0)
		return -1;
	const struct mail_draft d = {
		.kind = LETTER_TEXT, .text = buf_bytes(&text), .quiet = o->quiet
	};
	if (mail_send(m.mail, &p, &d, &sent, e) < 0)
		return -1;
	say_sent(cli, &p, &sent);
	cli_mail_settle(cli, &m);
	return 0;
}

/* One that this account wrote, by the operand, and to whom. */
static int
own_message(struct cli *cli, struct cli_mail *m, struct thread *all,
    const struct thread_line **out, struct person *to, struct err *e)
{
	const char *id = cli->line.args[0];
	struct err other;

	if (cli_mail_open(cli, m, e) < 0 || thread_all(m->mail, all, e) < 0)
		return -1;
	if (thread_find(all, id, mail_own(m->mail), out, e) < 0)
		return e->code == ERR_NOT_FOUND &&
			thread_find(all, id, NULL, out, &other) == 0
		    ? err_set(e, ERR_PERMISSION,
			  "only who wrote a message changes it; to take it "
			  "away here: aumbry message delete ID --here")
		    : -1;
	const struct person *with = mail_with(m->mail, &(*out)->conv);
	if (with == NULL)
		return err_set(e, ERR_NOT_FOUND,
		    "who it was written to is no contact any more");
	*to = *with;
	return 0;
}

static int
message_edit(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread all = { NULL, 0 };
	OWN(buf_free) struct buf text = { 0 };
	const struct thread_line *of;
	struct person to;
	struct mail_sent sent;

	(void)options;
	if (take_text(cli, 1, &text, e) < 0 ||
	    own_message(cli, &m, &all, &of, &to, e) < 0)
		return -1;
	if (of->deleted)
		return err_set(e, ERR_CONFLICT, "that message was deleted");
	const struct mail_draft d = { .kind = LETTER_EDIT,
		.of = of->id,
		.text = buf_bytes(&text),
		.quiet = true };
	return mail_send(m.mail, &to, &d, &sent, e);
}

struct delete_options {
	bool here;
};

static int
delete_here(struct cli *cli, struct err *e)
{
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread all = { NULL, 0 };
	const struct thread_line *of;

	if (cli_mail_open(cli, &m, e) < 0 || thread_all(m.mail, &all, e) < 0 ||
	    thread_find(&all, cli->line.args[0], NULL, &of, e) < 0)
		return -1;
	const struct mail_letter gone = {
		.id = of->id, .mark = of->mark, .from = of->from
	};
	return mail_drop(m.mail, &gone, e);
}

static int
message_delete(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct delete_options *o = options;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread all = { NULL, 0 };
	const struct thread_line *of;
	struct person to;
	struct mail_sent sent;

	if (o->here)
		return delete_here(cli, e);
	if (own_message(cli, &m, &all, &of, &to, e) < 0)
		return -1;
	const struct mail_draft d = {
		.kind = LETTER_DELETE, .of = of->id, .quiet = true
	};
	if (mail_send(m.mail, &to, &d, &sent, e) < 0)
		return -1;
	cli_say(cli,
	    "%s is asked to show it no more. Who has read it knows it.",
	    cli_person_name(&to));
	return 0;
}

/* ---- mute ---- */

struct mute_options {
	const char *span;
};

static int
set_muted(struct cli *cli, uint64_t until_ms, struct err *e)
{
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	struct page_conversation c;
	struct person p;

	if (cli_mail_open(cli, &m, e) < 0 ||
	    people_one(m.self, cli->line.args[0], &p, e) < 0)
		return -1;
	struct id conv = mail_conversation(m.mail, &p);
	c = (struct page_conversation){
		.conv = conv, .mutes = true, .muted_until_ms = until_ms
	};
	return mail_note(m.mail, &c, e);
}

static int
message_mute(void *line, const void *options, struct err *e)
{
	const struct mute_options *o = options;
	int64_t span_s;

	if (o->span == NULL)
		return set_muted(line, UINT64_MAX, e);
	if (text_parse_span(o->span, &span_s) < 0)
		return err_set(
		    e, ERR_USAGE, "--for takes a span, such as 8h or 7d");
	return set_muted(line, (uint64_t)(now_ms() + span_s * 1000), e);
}

static int
message_unmute(void *line, const void *options, struct err *e)
{
	(void)options;
	return set_muted(line, 0, e);
}

/* ---- the rows ---- */

static const struct cmd_option send_options[] = {
	{ "quiet", CMD_FLAG, offsetof(struct send_options, quiet), NULL,
	    "no device of the other one tells of it" },
};
static const struct cmd_option list_options[] = {
	{ "unread", CMD_FLAG, offsetof(struct list_options, unread), NULL,
	    "only conversations with something unread" },
};
static const struct cmd_option show_options[] = {
	{ "last", CMD_TEXT, offsetof(struct show_options, last), "N",
	    "the newest N" },
	{ "since", CMD_TEXT, offsetof(struct show_options, since), "SPAN",
	    "what came within that time: 12h, 7d" },
};
static const struct cmd_option search_options[] = {
	{ "with", CMD_TEXT, offsetof(struct search_options, with), "NAME",
	    "only what was written with NAME" },
};
static const struct cmd_option delete_options[] = {
	{ "here", CMD_FLAG, offsetof(struct delete_options, here), NULL,
	    "only from this account's devices" },
};
static const struct cmd_option mute_options[] = {
	{ "for", CMD_TEXT, offsetof(struct mute_options, span), "SPAN",
	    "until then; else for good" },
};
/* --to of export is with it. */
static const struct cmd_option export_options[] = {
	{ "to", CMD_TEXT, 0, "DIR", "an empty folder, or one to be made",
	    .required = true },
};

const struct cmd cli_message[] = {
	{ "message send", "NAME [TEXT]",
	    "write to a contact; without TEXT, or with -, what is typed",
	    message_send, CMD_OPTIONS(send_options, struct send_options) },
	{ "message list", "", "the conversations, the newest first",
	    message_list, CMD_OPTIONS(list_options, struct list_options) },
	{ "message show", "NAME", "what was written with a contact",
	    message_show, CMD_OPTIONS(show_options, struct show_options) },
	{ "message read", "NAME", "what is unread, which it is not any more",
	    message_read },
	{ "message search", "WORD…", "messages that have all of the words",
	    message_search,
	    CMD_OPTIONS(search_options, struct search_options) },
	{ "message watch", "", "show each message when it comes",
	    cli_message_watch },
	{ "message export", "", "everything, as JSON, for other programs",
	    cli_message_export, CMD_OPTIONS(export_options, const char *) },
	{ "message edit", "ID [TEXT]", "say it otherwise, to both",
	    message_edit },
	{ "message delete", "ID", "ask the other one to show it no more",
	    message_delete,
	    CMD_OPTIONS(delete_options, struct delete_options) },
	{ "message mute", "NAME", "do not tell of a contact's messages",
	    message_mute, CMD_OPTIONS(mute_options, struct mute_options) },
	{ "message unmute", "NAME", "tell of them again", message_unmute },
	{ 0 },
};
