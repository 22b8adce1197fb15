/* SPDX-License-Identifier: ISC */
/* cli_verify.c: aumbry verify: that a contact is that person. */
#include "cli/cli_person.h"

#include "base/stop.h"
#include "client/alerts.h"
#include "client/self_zones.h"
#include "join/compare.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
	bool show, number, undo;
	const char *code, *public, *timeout;
	unsigned timeout_s;
};

static void
say_verified(struct cli *cli, const struct people_look *l)
{
	cli_say(cli,
	    "%s is verified. If somebody puts a device between you, it is said "
	    "here.",
	    cli_person_name(&l->person));
}

static int
verified(struct cli *cli, struct self *s, const struct people_look *l,
    enum person_way way, struct err *e)
{
	if (people_accept(s, l, way, e) < 0)
		return -1;
	say_verified(cli, l);
	return 0;
}

static int
differs(const struct people_look *l, struct err *e)
{
	return err_set(e, ERR_CODE_DIFFERS,
	    "what %s has is not what this device sees of that account",
	    l->person.address);
}

static int
by_number(
    struct cli *cli, struct self *s, const struct people_look *l, struct err *e)
{
	char number[PERSON_NUMBER + 1];
	bool same;

	people_number(s, l, number);
	cli_person_print_number(number);
	(void)fflush(stdout);
	/* No flag says it: only somebody who has looked at both. */
	if (cli_yes(cli, "Does the other one see the same number? (yes/no)",
		&same, e) < 0)
		return err_remedy(e,
		    "Compare, and answer here; or by a code: aumbry verify %s",
		    l->person.address);
	return same ? verified(cli, s, l, PERSON_WAY_NUMBER, e) : differs(l, e);
}

static int
by_public(struct cli *cli, struct self *s, const struct people_look *l,
    const char *typed, struct err *e)
{
	struct digest root;
	bool same;

	person_root(&l->circle, &root);
	if (person_public_is(&(struct person_key){ l->person.address, &root },
		bytes_str(typed), &same, e) < 0)
		return -1;
	return same ? verified(cli, s, l, PERSON_WAY_PUBLIC, e) : differs(l, e);
}

static int
undo(
    struct cli *cli, struct self *s, const struct people_look *l, struct err *e)
{
	if (people_unverify(s, &l->person.uid, e) < 0)
		return -1;
	cli_say(
	    cli, "%s is not verified any more.", cli_person_name(&l->person));
	return 0;
}

/* ---- by a code ---- */

struct typing {
	const struct cli *cli;
	const char *code; /* --code, for the first try */
	const char *who;
};

static int
ask_code(void *ctx, struct buf *code, struct err *e)
{
	const struct typing *t = ctx;

	if (t->code != NULL) {
		buf_put_str(code, t->code);
		return 0;
	}
	return cli_shown_code(t->cli, SHOWN_VERIFY,
	    "Code that the other one tells you", "--code CODE", code, e);
}

static void
waiting(void *ctx)
{
	const struct typing *t = ctx;

	cli_say(t->cli,
	    "%s has to run: aumbry verify YOU --show\nLet the code be told "
	    "face to face, or by a voice that you know.",
	    t->who);
}

int
cli_person_settle(struct cli *cli, struct self *s, const struct people_look *l,
    bool same, struct err *e)
{
	struct err unnoted;

	if (compare_settle(s, l, same, &unnoted, e) < 0) {
		if (unnoted.code != ERR_NONE)
			cli_warn("aumbry: that could not be noted for your "
				 "other devices: %s",
			    unnoted.msg);
		return -1;
	}
	say_verified(cli, l);
	return 0;
}

static int
by_code(struct cli *cli, struct self *s, const struct people_look *l,
    const struct options *o, struct err *e)
{
	struct typing t = { cli, o->code, cli_person_name(&l->person) };
	const struct compare c = { .with = l,
		.timeout_s = o->timeout_s,
		.ask = ask_code,
		.waiting = waiting,
		.again = o->code == NULL && isatty(STDIN_FILENO) != 0,
		.ctx = &t };
	char digits[SHOWN_DIGITS_MAX + 1];
	bool same = false;

	/* What is no such code is sent nowhere. */
	if (o->code != NULL &&
	    shown_code_parse(SHOWN_VERIFY, bytes_str(o->code), digits, e) < 0)
		return -1;
	stop_guard();
	int rc = compare_ask(s, &c, &same, e);
	stop_unguard();
	return rc < 0 ? -1 : cli_person_settle(cli, s, l, same, e);
}

static int
by_showing(struct cli *cli, struct self *s, const struct people_look *l,
    const struct options *o, struct err *e)
{
	OWN(compare_request_free) struct compare_request r = { 0 };
	struct cli_showing showing = { cli,
		"Tell this code face to face, or by voice, and to nobody else:",
		false, false };
	const struct compare c = { .with = l,
		.timeout_s = o->timeout_s,
		.show = cli_show_code,
		.ctx = &showing };
	bool same = false;

	cli_say(cli, "Waiting for %s to run: aumbry verify YOU",
	    cli_person_name(&l->person));
	stop_guard();
	int rc = compare_wait(s, &l->person.uid, o->timeout_s, &r, e) < 0
	    ? -1
	    : compare_show(s, &c, &r, &same, e);
	stop_unguard();
	return rc < 0 ? -1 : cli_person_settle(cli, s, l, same, e);
}

static int
verify(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	struct options o = *(const struct options *)options;
	OWN(self_free) struct self *s = NULL;
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };

	if (o.show + o.number + o.undo + (o.public != NULL) + (o.code != NULL) >
	    1)
		return err_set(e, ERR_USAGE,
		    "one of --code, --show, --number, --public and --undo is "
		    "enough");
	if (cli_timeout(o.timeout, &o.timeout_s, e) < 0 ||
	    cli_person_look(cli, &s, &one, e) < 0 ||
	    people_right(&one.list[0], e) < 0)
		return -1;
	const struct people_look *l = &one.list[0];
	if (o.undo)
		return undo(cli, s, l, e);
	if (o.number)
		return by_number(cli, s, l, e);
	if (o.public != NULL)
		return by_public(cli, s, l, o.public, e);
	return o.show ? by_showing(cli, s, l, &o, e)
		      : by_code(cli, s, l, &o, e);
}

/* ---- alerts ---- */

static void
print_alert(const struct cli *cli, const struct alert *a)
{
	if (cli->line.json) {
		json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "code",
		    a->code, "text", a->words, "about", id_text(&a->about).s,
		    "first", (json_int_t)a->first_ms, "last",
		    (json_int_t)a->last_ms, "dismissed", a->dismissed_ms != 0);
		jsonio_put_id(j, "id", &a->id);
		cli_print_json(j);
		return;
	}
	OWN(mem_free) char *when = cli_time(a->first_ms);
	OWN(mem_free) char *words = cli_shown(bytes_str(a->words));
	(void)printf("%s  %s  %s (%s)%s\n", id_short(&a->id).s, when, words,
	    a->code, a->dismissed_ms != 0 ? "  dismissed" : "");
}

static int
verify_status(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	OWN(people_looks_free) struct people_looks all = { NULL, 0 };
	OWN(mem_free) struct alert *list = NULL;
	size_t n, levels[PERSON_ASKS + 1] = { 0 };

	(void)options;
	if (cli_self(cli, &s, e) < 0 || self_state(s, e) < 0 ||
	    people_check(s, NULL, &all, e) < 0 ||
	    alerts_all(s, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const struct people_look *l = &all.list[i];
		levels[l->person.level]++;
		cli_person_news(cli, l);
	}
	for (size_t i = 0; i < n; i++)
		print_alert(cli, &list[i]);
	cli_say(cli, "Contacts: %zu; verified %zu, changed %zu.", all.n,
	    levels[PERSON_VERIFIED], levels[PERSON_CHANGED]);
	return 0;
}

static int
verify_dismiss(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return cli_self(cli, &s, e) < 0 || self_state(s, e) < 0
	    ? -1
	    : alerts_dismiss(s, cli->line.args[0], e);
}

static const struct cmd_option verify_options[] = {
	{ "code", CMD_TEXT, offsetof(struct options, code), "CODE",
	    "the code that the other one tells, instead of being asked for "
	    "it" },
	{ "show", CMD_FLAG, offsetof(struct options, show), NULL,
	    "show a code to tell the other one, who types it" },
	{ "number", CMD_FLAG, offsetof(struct options, number), NULL,
	    "show the number that both of you see, and ask" },
	{ "public", CMD_TEXT, offsetof(struct options, public), "CODE",
	    "compare with a code that was published elsewhere" },
	{ "undo", CMD_FLAG, offsetof(struct options, undo), NULL,
	    "take it back" },
	CLI_TIMEOUT(struct options, timeout),
};

const struct cmd cli_verify[] = {
	{ "verify status", "", "what was wrong with contacts", verify_status },
	{ "verify dismiss", "ID", "an alert was read, on all devices",
	    verify_dismiss },
	{ "verify", "NAME", "make sure that a contact is that person", verify,
	    CMD_OPTIONS(verify_options, struct options) },
	{ 0 },
};
