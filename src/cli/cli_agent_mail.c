/* SPDX-License-Identifier: ISC */
/* cli_agent_mail.c: the agent and the account's messages. */
#include "cli/cli_agent.h"
#include "cli/cli_person.h"

#include "base/now.h"
#include "client/self_zones.h"
#include "mail/thread.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_MS (60 * 1000LL)
#define NONE_MS (3600 * 1000LL)
#define SHOWN_BYTES 200 /* of a text on the desktop */

static void
tell(struct agent *a, const char *who, const char *text)
{
	if (a->desktop != NULL)
		desktop_tell(a->desktop, who, text);
	cli_say(a->cli, "%s: %s", who, text);
}

/* A server or an account without messages has none; what goes wrong otherwise
 * is tried again with the next one. */
static int
passed_over(struct agent *a, struct err *e)
{
	bool none =
	    e->code == ERR_TWO_FACTOR_REQUIRED || e->code == ERR_NOT_FOUND;

	mail_free(&a->mail);
	a->mail_again_ms = now_ms() + (none ? NONE_MS : AGAIN_MS);
	if (err_exit(e->code) == err_exit(ERR_SERVER_UNREACHABLE))
		return -1;
	if (!none)
		cli_say(a->cli, "Messages cannot be looked at: %s (%s)", e->msg,
		    err_name(e->code));
	err_clear(e);
	return 0;
}

static void
tell_unread(struct agent *a, const struct thread_sum *s)
{
	OWN(buf_free) struct buf text = { 0 };
	const char *who =
	    s->with != NULL ? cli_person_name(s->with) : "somebody";

	if (s->unread == 0 || s->muted)
		return;
	if (s->asks)
		buf_printf(&text, "asks to write: aumbry contact accept %s",
		    s->with->address);
	else
		buf_printf(&text, "%zu unread message%s", s->unread,
		    s->unread == 1 ? "" : "s");
	tell(a, who, buf_text(&text));
}

/* What came while no agent was there. */
static int
tell_all(struct agent *a, struct err *e)
{
	OWN(thread_free) struct thread all = { NULL, 0 };
	OWN(mem_free) struct thread_sum *sums = NULL;
	size_t n;

	if (thread_all(a->mail, &all, e) < 0 ||
	    thread_sums(a->mail, &all, &sums, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		tell_unread(a, &sums[i]);
	return 0;
}

/* The beginning of a text, in whole characters. */
static char *
in_one_line(struct bytes text)
{
	OWN(buf_free) struct buf line = { 0 };
	size_t n = text.n;

	if (n > SHOWN_BYTES)
		for (n = SHOWN_BYTES; n > 0 && (text.p[n] & 0xc0) == 0x80;)
			n--;
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&line, text.p[i] == '\n' ? ' ' : text.p[i]);
	if (n < text.n)
		buf_put_str(&line, " …");
	return cli_shown(buf_bytes(&line));
}

/* Who asks is counted, and not let speak. */
static int
tell_line(struct agent *a, const struct thread_line *x, struct err *e)
{
	const struct person *p = mail_person(a->mail, &x->from);
	struct page_conversation c;

	if (x->why != ERR_NONE) {
		tell(a, p != NULL ? cli_person_name(p) : "A message", x->words);
		return 0;
	}
	if (!x->unread || x->quiet || p == NULL)
		return 0;
	if (mail_noted(a->mail, &x->conv, &c, e) < 0)
		return -1;
	if (mail_muted(&c))
		return 0;
	if (p->level == PERSON_ASKS) {
		tell(a, cli_person_name(p), "asks to write");
		return 0;
	}
	OWN(mem_free) char *text = in_one_line(buf_bytes(&x->text));
	tell(a, cli_person_name(p), text);
	return 0;
}

static int
tell_new(struct agent *a, struct err *e)
{
	OWN(thread_free) struct thread t = { NULL, 0 };

	if (thread_new(a->mail, &t, e) < 0)
		return -1;
	for (size_t i = 0; i < t.n; i++)
		if (tell_line(a, &t.lines[i], e) < 0)
			return -1;
	return 0;
}

int
cli_agent_mail(struct agent *a, struct err *e)
{
	int rc = 0;

	if (a->mail == NULL)
		rc = self_state(a->self, e) < 0 ||
			mail_open(a->self, &a->mail, e) < 0 ||
			tell_all(a, e) < 0
		    ? -1
		    : 0;
	else
		rc = mail_look(a->mail, e) < 0 || tell_new(a, e) < 0 ? -1 : 0;
	if (rc == 0 && mail_due(a->mail))
		rc = mail_file(a->mail, e);
	return rc == 0 ? 0 : passed_over(a, e);
}
