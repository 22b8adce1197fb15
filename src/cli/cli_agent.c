/* SPDX-License-Identifier: ISC */
/* cli_agent.c: aumbry agent: waits for who asks, and asks. */
#include "cli/cli_agent.h"

#include "base/stop.h"
#include "base/file.h"
#include "base/now.h"
#include "client/self_wait.h"
#include "join/pair.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_S 50
#define LOOK_MS 2000 /* how soon a prompt goes when another device answered */
#define BACK_OFF_S 2
#define BACK_OFF_MAX_S 60

static void
agent_free(struct agent *a)
{
	desktop_free(&a->desktop);
	mail_free(&a->mail);
	idset_free(&a->told);
	self_free(&a->self);
}

/* Does anybody still wait for it? */
static bool
waits(struct agent *a, const struct pair_request *r)
{
	OWN(pair_requests_free) struct pair_requests all = { NULL, 0 };
	struct err ignored;
	bool found = false;

	if (pair_requests(a->self, 0, 0, &all, &ignored) < 0)
		return true; /* who knows */
	for (size_t i = 0; i < all.n; i++)
		found |= id_equal(&all.list[i].join, &r->join);
	return found;
}

static void
show_code(void *ctx, const char *code)
{
	struct agent *a = ctx;

	(void)desktop_show(a->desktop, code,
	    "Type this code into Aumbry on the new device, and nowhere else. "
	    "Nobody else ever needs it.",
	    NULL);
}

static void
let_in(struct agent *a, const struct pair_request *r)
{
	int64_t left_s = ((int64_t)r->expires_ms - now_ms()) / 1000;
	struct err e;

	stop_guard();
	bool in = self_refresh(a->self, &e) == 0 &&
	    pair_approve(a->self, r, left_s > 1 ? (unsigned)left_s : 1,
		show_code, a, &e) == 0;
	stop_unguard();
	stop_end();
	if (in) {
		(void)desktop_show(a->desktop, "The device is in",
		    "If this was not you: aumbry device remove", NULL);
		return;
	}
	(void)desktop_show(
	    a->desktop, "The device was not let in", e.msg, NULL);
	cli_say(a->cli, "%s (%s)", e.msg, err_name(e.code));
}

/* The prompt goes when somebody answers it, here or on another device. */
static void
ask(struct agent *a, const struct pair_request *r)
{
	static const struct desktop_button buttons[2] = { { "allow", "Allow" },
		{ "refuse", "Don't allow" } };
	OWN(mem_free) char *from = cli_from(r->address, r->place);
	OWN(mem_free) char *os = cli_shown(bytes_str(r->os));
	OWN(buf_free) struct buf title = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	struct err e;

	buf_printf(&title, "A %s asks to join %s@%s",
	    circle_class_name(r->device.class), a->self->name, a->self->host);
	buf_printf(&text,
	    "%s, from %s. Whoever asks knows the password. Allow it only if "
	    "this is you, now.",
	    os, from);
	uint32_t number = desktop_show(
	    a->desktop, buf_text(&title), buf_text(&text), buttons);
	while (number != 0 && now_ms() < (int64_t)r->expires_ms) {
		const char *key = desktop_answer(a->desktop, number, LOOK_MS);
		if (strcmp(key, "allow") == 0) {
			let_in(a, r);
			return;
		}
		if (strcmp(key, "refuse") == 0) {
			if (pair_refuse(a->self, &r->join, &e) < 0)
				cli_say(
				    a->cli, "%s (%s)", e.msg, err_name(e.code));
			return;
		}
		if (key[0] != '\0')
			return;
		if (!waits(a, r))
			break;
	}
	if (number != 0)
		desktop_hide(a->desktop, number);
}

/* A machine never asks its own user about itself. */
static void
take(struct agent *a, const struct pair_request *r)
{
	a->since_ms = r->created_ms;
	if (r->here)
		return;
	cli_print_request(a->cli, r);
	(void)fflush(stdout);
	cli_say(a->cli, "If that is you, now: aumbry device approve %s",
	    id_short(&r->join).s);
	if (a->desktop != NULL)
		ask(a, r);
}

/* What may be over in a minute is waited for. */
static bool
passes(enum err_code code)
{
	return code == ERR_SERVER_UNREACHABLE || code == ERR_SERVER_BUSY;
}

/* `aumbry server set` meanwhile is for who stays as well. */
static int
follow(struct agent *a, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	if (!self_elsewhere(a->self))
		return 0;
	if (cli_self(a->cli, &s, e) < 0)
		return -1;
	cli_agent_mail_lose(a);
	self_free(&a->self);
	a->self = TAKE(s);
	cli_say(a->cli, "The server is at another address from now on.");
	return 0;
}

/* Wait for whoever asks, and answer. */
static int
hear(struct agent *a, unsigned wait_s, struct err *e)
{
	OWN(pair_requests_free) struct pair_requests all = { NULL, 0 };
	struct self_wait w = { .joins = true,
		.joins_since_ms = a->since_ms,
		.verify = true,
		.verify_since_ms = a->compared_ms,
		.inbox = a->mail != NULL,
		.inbox_top = a->mail != NULL ? mail_top(a->mail) : 0,
		.wait_s = wait_s };

	if (self_wait(a->self, &w, e) < 0 ||
	    (w.circle && self_refresh(a->self, e) < 0) ||
	    (w.asked && pair_requests(a->self, a->since_ms, 0, &all, e) < 0))
		return -1;
	for (size_t i = 0; i < all.n; i++)
		take(a, &all.list[i]);
	if (w.compared && cli_agent_compare(a, e) < 0)
		return -1;
	if (a->mail == NULL ? now_ms() < a->mail_again_ms
			    : !w.letters && !mail_due(a->mail))
		return 0;
	/* A server that was put back counts anew. */
	if (a->mail != NULL && w.inbox_top < mail_top(a->mail))
		cli_agent_mail_lose(a);
	else if (a->mail != NULL)
		mail_seen(a->mail, w.inbox_top);
	return cli_agent_mail(a, e);
}

static int
stay(struct agent *a, struct err *e)
{
	unsigned wait_s = 0;

	for (;;) {
		/* After a failure any answer is news: none is waited for. */
		if (follow(a, e) < 0 || cli_agent_look(a, e) < 0 ||
		    hear(a, wait_s == 0 ? POLL_S : 0, e) < 0) {
			if (!passes(e->code))
				return -1;
			if (wait_s == 0)
				cli_say(a->cli, "%s (%s); waiting", e->msg,
				    err_name(e->code));
			wait_s = wait_s == 0 ? BACK_OFF_S : wait_s * 2;
			if (wait_s > BACK_OFF_MAX_S)
				wait_s = BACK_OFF_MAX_S;
			(void)sleep(wait_s);
			continue;
		}
		if (wait_s != 0)
			cli_say(a->cli, "The server is there again.");
		wait_s = 0;
	}
}

static int
run(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(agent_free) struct agent a = { .cli = cli };
	OWN(fd_close) int lock = -1;

	(void)options;
	if (cli_self(cli, &a.self, e) < 0 ||
	    homedir_lock(a.self->dir, "agent", &lock, e) < 0)
		return -1;
	a.desktop = desktop_open();
	cli_say(cli, "Ready: %s",
	    a.desktop != NULL ? "requests to join are shown on the desktop"
			      : "requests to join are shown here");
	return cli_agent_mail(&a, e) < 0 && !passes(e->code) ? -1 : stay(&a, e);
}

const struct cmd cli_agent[] = {
	{ "agent", "",
	    "stay, and tell what comes: messages, who asks to join, who "
	    "changed",
	    run },
	{ 0 },
};
