/* SPDX-License-Identifier: ISC */
/* cli_agent_people.c: the agent and the account's contacts. */
#include "cli/cli_agent.h"
#include "cli/cli_person.h"

#include "base/now.h"
#include "base/stop.h"
#include "client/alerts.h"
#include "client/self_zones.h"
#include "join/compare.h"

#include <stdio.h>
#include <string.h>

#define LOOK_MS (3600 * 1000LL) /* so often all contacts are looked at */
#define ASK_MS (60 * 1000) /* how long a prompt is shown */
#define COMPARE_S 300

/* Who waits for a device to be let in does not wait for that. */
static int
passed_over(struct agent *a, struct err *e)
{
	if (err_unreachable(e->code))
		return -1;
	cli_say(a->cli, "Contacts cannot be looked at: %s (%s)", e->msg,
	    err_name(e->code));
	err_clear(e);
	return 0;
}

/* ---- comparing ---- */

static void
show_code(void *ctx, const char *code)
{
	struct agent *a = ctx;

	(void)desktop_show(a->desktop, code,
	    "Tell this code face to face, or by voice, and to nobody else.",
	    NULL);
}

static void
tell(struct agent *a, const char *title, const char *text)
{
	if (a->desktop != NULL)
		(void)desktop_show(a->desktop, title, text, NULL);
	cli_say(a->cli, "%s: %s", title, text);
}

static void
run_code(struct agent *a, const struct people_look *l,
    const struct compare_request *r)
{
	const struct compare c = {
		.with = l, .timeout_s = COMPARE_S, .show = show_code, .ctx = a
	};
	const char *who = cli_person_name(&l->person);
	bool same = false;
	struct err e;

	stop_guard();
	int rc = compare_show(a->self, &c, r, &same, &e);
	stop_unguard();
	stop_end();
	if (rc == 0 && cli_person_settle(a->cli, a->self, l, same, &e) == 0) {
		if (a->desktop != NULL)
			(void)desktop_show(a->desktop, who,
			    "Verified: the devices are that person's own.",
			    NULL);
		return;
	}
	tell(a, who, e.msg);
}

/* Only who is a contact may ask for a code to be shown. */
static int
answer(struct agent *a, const struct compare_request *r, struct err *e)
{
	static const struct desktop_button buttons[2] = {
		{ "show", "Show a code" }, { "no", "Not now" }
	};
	OWN(people_free) struct people all = { NULL, 0 };
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	OWN(buf_free) struct buf title = { 0 };
	const struct person *p = NULL;

	if (people_all(a->self, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (id_equal(&all.list[i].uid, &r->uid))
			p = &all.list[i];
	if (p == NULL || p->level == PERSON_BLOCKED || p->level == PERSON_ASKS)
		return 0;
	cli_say(a->cli,
	    "%s wants to compare. With that person there: aumbry "
	    "verify %s --show",
	    cli_person_name(p), p->address);
	if (a->desktop == NULL)
		return 0;
	buf_printf(&title, "%s wants to compare", cli_person_name(p));
	uint32_t number = desktop_show(a->desktop, buf_text(&title),
	    "Is that person before you, or on the phone? Then show a code and "
	    "tell it.",
	    buttons);
	if (number == 0 ||
	    strcmp(desktop_answer(a->desktop, number, ASK_MS), "show") != 0) {
		desktop_hide(a->desktop, number);
		return 0;
	}
	if (people_check(a->self, p, &one, e) < 0)
		return -1;
	if (people_right(&one.list[0], e) == 0)
		run_code(a, &one.list[0], r);
	else
		tell(a, p->address, e->msg);
	return 0;
}

int
cli_agent_compare(struct agent *a, struct err *e)
{
	OWN(compare_requests_free) struct compare_requests all = { NULL, 0 };
	uint64_t newest = a->compared_ms;

	if (self_state(a->self, e) < 0 ||
	    compare_requests(a->self, 0, &all, e) < 0)
		return passed_over(a, e);
	for (size_t i = 0; i < all.n; i++) {
		const struct compare_request *r = &all.list[i];
		if (r->created_ms <= a->compared_ms)
			continue;
		if (r->created_ms > newest)
			newest = r->created_ms;
		if (answer(a, r, e) < 0 && passed_over(a, e) < 0)
			return -1;
	}
	a->compared_ms = newest;
	return 0;
}

/* ---- looking ---- */

/* What other devices have seen is told here, too; once. */
static int
tell_alerts(struct agent *a, struct err *e)
{
	OWN(mem_free) struct alert *list = NULL;
	uint64_t newest = a->told_ms;
	size_t n;

	if (alerts_all(a->self, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct alert *x = &list[i];
		if (x->first_ms > newest)
			newest = x->first_ms;
		if (x->dismissed_ms != 0 || x->first_ms <= a->told_ms)
			continue;
		OWN(mem_free) char *words = cli_shown(bytes_str(x->words));
		tell(a, "A contact has changed", words);
	}
	a->told_ms = newest;
	return 0;
}

int
cli_agent_look(struct agent *a, struct err *e)
{
	OWN(people_looks_free) struct people_looks looks = { NULL, 0 };
	const int64_t now = now_ms();

	/* A clock that was put back looks again. */
	if (a->looked_ms != 0 && now >= a->looked_ms &&
	    now - a->looked_ms < LOOK_MS)
		return 0;
	if ((self_state(a->self, e) < 0 ||
		people_check(a->self, NULL, &looks, e) < 0 ||
		tell_alerts(a, e) < 0) &&
	    passed_over(a, e) < 0)
		return -1;
	a->looked_ms = now;
	return 0;
}
