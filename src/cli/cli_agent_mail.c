/* SPDX-License-Identifier: ISC */
/* cli_agent_mail.c: the agent and the account's messages. */
#include "cli/cli_agent.h"
#include "cli/cli_message.h"
#include "cli/cli_person.h"

#include "base/now.h"
#include "client/self_zones.h"
#include "mail/unread.h"

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

void
cli_agent_mail_lose(struct agent *a)
{
	if (a->mail != NULL && a->unread_told) {
		idset_free(&a->told);
		a->told = *mail_told(a->mail);
		*mail_told(a->mail) = (struct idset){ 0 };
	}
	mail_free(&a->mail);
}

/* A server or an account without messages has none; what goes wrong otherwise
 * is tried again with the next one. */
static int
passed_over(struct agent *a, struct err *e)
{
	bool none =
	    e->code == ERR_TWO_FACTOR_REQUIRED || e->code == ERR_NOT_FOUND;

	cli_agent_mail_lose(a);
	a->mail_again_ms = now_ms() + (none ? NONE_MS : AGAIN_MS);
	if (err_unreachable(e->code))
		return -1;
	if (!none)
		cli_say(a->cli, "Messages cannot be looked at: %s (%s)", e->msg,
		    err_name(e->code));
	err_clear(e);
	return 0;
}

static int
tell_unread(struct agent *a, const struct unread *u, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	const struct person *with = mail_with(a->mail, &u->conv);
	struct page_conversation c;

	if (mail_noted(a->mail, &u->conv, &c, e) < 0)
		return -1;
	if (u->n == 0 || mail_muted(&c))
		return 0;
	if (with != NULL && with->level == PERSON_ASKS)
		buf_printf(&text, "asks to write: aumbry contact accept %s",
		    with->address);
	else
		buf_printf(
		    &text, "%zu unread message%s", u->n, u->n == 1 ? "" : "s");
	tell(a, with != NULL ? cli_person_name(with) : "somebody",
	    buf_text(&text));
	return 0;
}

/* What came while no agent was there; the text of none of it is kept. */
static int
tell_all(struct agent *a, struct err *e)
{
	OWN(unread_free) struct unread_list all = { NULL, 0 };

	if (unread_new(a->mail, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (tell_unread(a, &all.list[i], e) < 0)
			return -1;
	return 0;
}

/* Who asks is counted, and not let speak. */
static int
tell_line(struct agent *a, const struct thread_line *x, struct err *e)
{
	const struct person *p = mail_person(a->mail, &x->from);
	struct page_conversation c;

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
	OWN(mem_free)
	char *text = cli_mail_line(buf_bytes(&x->text), SHOWN_BYTES);
	tell(a, cli_person_name(p), text);
	return 0;
}

/* Once, whatever there is of it: whoever sends noise is not to be heard by it. */
static void
tell_wrong(struct agent *a, const struct thread *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->lines[i].why != ERR_NONE && !a->wrong_told) {
			a->wrong_told = true;
			tell(a, "A message is not right", t->lines[i].words);
		}
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
	tell_wrong(a, &t);
	return 0;
}

/* What there is when the agent starts is counted, and what comes from then on is
 * told, also what came while it was lost sight of. */
static int
begin(struct agent *a, struct err *e)
{
	if (a->unread_told) {
		*mail_told(a->mail) = a->told;
		a->told = (struct idset){ 0 };
		return tell_new(a, e);
	}
	if (tell_all(a, e) < 0)
		return -1;
	a->unread_told = true;
	return 0;
}

int
cli_agent_mail(struct agent *a, struct err *e)
{
	int rc = 0;

	if (a->mail == NULL)
		rc = self_state(a->self, e) < 0 ||
			mail_open(a->self, &a->mail, e) < 0 || begin(a, e) < 0
		    ? -1
		    : 0;
	else
		rc = mail_look(a->mail, e) < 0 || tell_new(a, e) < 0 ? -1 : 0;
	if (rc == 0)
		cli_person_found(a->cli, a->mail);
	if (rc == 0 && mail_due(a->mail))
		rc = mail_file(a->mail, e);
	return rc == 0 ? 0 : passed_over(a, e);
}
