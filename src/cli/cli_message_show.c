/* SPDX-License-Identifier: ISC */
/* cli_message_show.c: messages on a terminal, and as JSON. */
#include "cli/cli_message.h"
#include "cli/cli_person.h"

#include "client/self_zones.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

void
cli_mail_free(struct cli_mail *m)
{
	mail_free(&m->mail);
	self_free(&m->self);
}

int
cli_mail_open(struct cli *cli, struct cli_mail *out, struct err *e)
{
	return cli_self(cli, &out->self, e) < 0 || self_state(out->self, e) < 0
	    ? -1
	    : mail_open(out->self, &out->mail, e);
}

void
cli_mail_settle(struct cli *cli, struct cli_mail *m)
{
	struct err e;

	cli_person_found(cli, m->mail);
	if (mail_due(m->mail) && mail_file(m->mail, &e) < 0)
		cli_warn("aumbry: what came is not filed yet, and stays with "
			 "the server: %s (%s)",
		    e.msg, err_name(e.code));
}

/* ---- showing ---- */

const char *
cli_mail_who(const struct cli_mail *m, const struct id *uid)
{
	const struct person *p = mail_person(m->mail, uid);

	return mail_is_own(m->mail, uid) ? "you"
	    : p != NULL			 ? cli_person_name(p)
					 : "somebody who is no contact";
}

json_t *
cli_mail_json(const struct cli_mail *m, const struct thread_line *x)
{
	const struct person *p = mail_person(m->mail, &x->from);
	json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:b, s:b}",
	    "id", id_text(&x->id).s, "conversation", id_text(&x->conv).s,
	    "kind", "text", "time", (json_int_t)x->time_ms, "received",
	    (json_int_t)x->received_ms, "edited", x->edited, "deleted",
	    x->deleted || x->gone, "unread", x->unread, "missing", x->missing);

	jsonio_put_text(j, "from",
	    mail_is_own(m->mail, &x->from) ? "you"
		: p != NULL		   ? p->address
					   : id_text(&x->from).s);
	(void)json_object_set_new(
	    j, "text", json_stringn((const char *)x->text.p, x->text.n));
	if (x->out)
		jsonio_put_text(j, "warning", "removed-device");
	if (x->why != ERR_NONE)
		jsonio_put_text(j, "code", err_name(x->why));
	return j;
}

/* The lines of a text, each harmless, below each other. */
static void
print_text(const struct buf *text)
{
	struct bytes left = buf_bytes(text);

	for (bool first = true; first || left.n > 0; first = false) {
		const uint8_t *end =
		    left.n > 0 ? memchr(left.p, '\n', left.n) : NULL;
		size_t n = end != NULL ? (size_t)(end - left.p) : left.n;
		OWN(mem_free) char *shown = cli_shown(bytes_of(left.p, n));
		(void)printf("%s%s\n", first ? "" : "    ", shown);
		left = end != NULL ? bytes_of(end + 1, left.n - n - 1)
				   : bytes_of(NULL, 0);
	}
}

/* The writer's clock, unless it is far off: then when it came. */
static uint64_t
time_of(const struct thread_line *x)
{
	const uint64_t off = 10 * 60 * 1000;

	return x->time_ms + off < x->received_ms ||
		x->received_ms + off < x->time_ms
	    ? x->received_ms
	    : x->time_ms;
}

void
cli_mail_print(const struct cli *cli, const struct cli_mail *m,
    const struct thread_line *x)
{
	OWN(mem_free)
	char *when = cli_time(time_of(x));

	if (cli->line.json) {
		cli_print_json(cli_mail_json(m, x));
		return;
	}
	if (x->missing)
		(void)puts("-- a message that was written before this one has "
			   "not come --");
	(void)printf("%s  %s  %s%s%s: ", when, id_short(&x->id).s,
	    cli_mail_who(m, &x->from), x->edited ? " (edited)" : "",
	    x->out ? " (from a device that was put out since)" : "");
	if (x->gone)
		(void)puts("(taken away here)");
	else if (x->deleted)
		(void)puts("(deleted)");
	else if (x->why != ERR_NONE)
		(void)printf("(not shown: %s)\n", err_name(x->why));
	else
		print_text(&x->text);
}

void
cli_mail_tell_wrong(struct cli *cli, const struct thread *t)
{
	bool told[ERR_CODES] = { false };

	for (size_t i = 0; i < t->n; i++) {
		const struct thread_line *x = &t->lines[i];
		enum err_code code = x->missing ? ERR_LETTER_MISSING : x->why;
		struct err why;
		if (code == ERR_NONE || told[code])
			continue;
		told[code] = true;
		(void)err_set(&why, code, "%s",
		    x->missing ? "a message has not come" : x->words);
		cli_warn("aumbry: %s (%s)", why.msg, err_name(code));
		cli_warn("%s", err_fix(&why));
		if (err_exit(code) > cli->line.status)
			cli->line.status = err_exit(code);
	}
}

char *
cli_mail_line(struct bytes text, size_t most)
{
	OWN(buf_free) struct buf line = { 0 };
	size_t n = text.n;

	if (n > most)
		for (n = most; n > 0 && (text.p[n] & 0xc0) == 0x80;)
			n--;
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&line, text.p[i] == '\n' ? ' ' : text.p[i]);
	OWN(mem_free) char *shown = cli_shown(buf_bytes(&line));
	buf_clear(&line);
	buf_printf(&line, "%s%s", shown, n < text.n ? " …" : "");
	return mem_text(buf_text(&line));
}
