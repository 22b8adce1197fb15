/* SPDX-License-Identifier: ISC */
/* cli_visit.c: aumbry visit: reading for an hour, by leave of a device. */
#include "cli/cli.h"

#include "base/stop.h"
#include "join/lend.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *code, *timeout;
	bool print_code;
	unsigned timeout_s;
};

/* ---- the visitor ---- */

struct asking {
	const struct cli *cli;
	const char *code; /* --code, for the first try */
};

static void
waiting(void *ctx)
{
	const struct asking *a = ctx;

	cli_say(a->cli,
	    "Asked to read the backups and the Drive. On a device that is in, "
	    "run: aumbry visit approve");
}

static int
ask_code(void *ctx, struct buf *code, struct err *e)
{
	const struct asking *a = ctx;

	if (a->code != NULL) {
		buf_put_str(code, a->code);
		return 0;
	}
	return cli_shown_code(a->cli, SHOWN_PAIR, "Code shown by the device",
	    "--code CODE", code, e);
}

static int
ask(struct cli *cli, const struct options *o, struct err *e)
{
	OWN(mem_free) char *dir = cli_home(cli);
	struct asking asking = { cli, o->code };
	struct lend_ask a = { .dir = dir,
		.timeout_s = o->timeout_s,
		.ask = ask_code,
		.waiting = waiting,
		.again = o->code == NULL && isatty(STDIN_FILENO) != 0,
		.ctx = &asking };

	stop_guard();
	int rc = lend_begin(&a, e);
	stop_unguard();
	if (rc < 0)
		return -1;
	cli_say(cli,
	    "This sign-in may read the backups and the Drive until it is over: "
	    "aumbry snapshot list, restore, drive ls, drive get.");
	return 0;
}

/* ---- the device ---- */

struct visits {
	struct lend_open *list;
	size_t n;
};

static void
visits_free(struct visits *v)
{
	mem_free(&v->list);
}

static int
list(struct cli *cli, struct self *s, struct err *e)
{
	OWN(visits_free) struct visits all = { NULL, 0 };

	if (lend_list(s, &all.list, &all.n, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const struct lend_open *v = &all.list[i];
		OWN(mem_free) char *when = cli_time(v->created_ms);
		OWN(mem_free) char *from = cli_from(v->address, v->place);
		if (cli->line.json) {
			json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I}", "id",
			    id_text(&v->id).s, "categories", v->categories,
			    "way", v->way, "address", v->address, "time",
			    (json_int_t)v->created_ms);
			(void)json_dumpf(j, stdout, JSON_COMPACT);
			(void)putchar('\n');
			json_decref(j);
			continue;
		}
		(void)printf("%s  %s  %s, signed in by %s, from %s\n",
		    id_short(&v->id).s, when, v->categories, v->way, from);
	}
	return 0;
}

static int
choose(struct self *s, const char *id, struct visits *all,
    const struct lend_open **out, struct err *e)
{
	size_t found = 0;

	if (lend_list(s, &all->list, &all->n, e) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++) {
		const struct lend_open *v = &all->list[i];
		if (id != NULL && !id_begins(&v->id, id))
			continue;
		*out = v;
		found++;
	}
	if (found == 0)
		return err_set(e, ERR_NOT_FOUND,
		    id == NULL ? "no sign-in asks to read"
			       : "no such sign-in asks to read");
	if (found > 1)
		return err_set(e, ERR_AMBIGUOUS_REQUEST,
		    "%zu sign-ins ask to read", found);
	return 0;
}

static int
approve(struct cli *cli, struct self *s, const char *id,
    const struct options *o, struct err *e)
{
	OWN(visits_free) struct visits all = { NULL, 0 };
	struct cli_showing showing = { cli,
		"Type this code where you signed in, and nowhere else:",
		o->print_code, false };
	const struct lend_open *v = NULL;

	if (choose(s, id, &all, &v, e) < 0)
		return -1;
	if (!o->print_code) {
		OWN(mem_free) char *from = cli_from(v->address, v->place);
		cli_say(cli,
		    "A sign-in by %s from %s asks to read: %s. If that is not "
		    "you: aumbry visit refuse",
		    v->way, from, v->categories);
	}
	stop_guard();
	int rc = lend_allow(s, v, o->timeout_s, cli_show_code, &showing, e);
	stop_unguard();
	if (rc < 0)
		return -1;
	cli_say(cli, "It may read until its hour is over.");
	return 0;
}

static int
refuse(struct self *s, const char *id, struct err *e)
{
	OWN(visits_free) struct visits all = { NULL, 0 };
	const struct lend_open *v = NULL;

	return choose(s, id, &all, &v, e) < 0 ? -1 : lend_refuse(s, &v->id, e);
}

static int
visit_ask(void *line, const void *options, struct err *e)
{
	struct options o = *(const struct options *)options;

	return cli_timeout(o.timeout, &o.timeout_s, e) < 0 ? -1
							   : ask(line, &o, e);
}

static int
visit_list(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return cli_self(line, &s, e) < 0 ? -1 : list(line, s, e);
}

static int
visit_approve(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	struct options o = *(const struct options *)options;
	OWN(self_free) struct self *s = NULL;
	const char *id = cli->line.n_args > 0 ? cli->line.args[0] : NULL;

	return cli_timeout(o.timeout, &o.timeout_s, e) < 0 ||
		cli_self(cli, &s, e) < 0
	    ? -1
	    : approve(cli, s, id, &o, e);
}

static int
visit_refuse(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	const char *id = cli->line.n_args > 0 ? cli->line.args[0] : NULL;

	(void)options;
	return cli_self(cli, &s, e) < 0 ? -1 : refuse(s, id, e);
}

static const struct cmd_option ask_options[] = {
	{ "code", CMD_TEXT, offsetof(struct options, code), "CODE",
	    "the code that the device shows, instead of being asked for it" },
	CLI_TIMEOUT(struct options, timeout),
};
static const struct cmd_option approve_options[] = {
	{ "print-code", CMD_FLAG, offsetof(struct options, print_code), NULL,
	    "the code alone on standard output; asks nothing" },
	CLI_TIMEOUT(struct options, timeout),
};

const struct cmd cli_visit[] = {
	{ "visit ask", "",
	    "where one is signed in by a code: ask to read snapshots and the "
	    "Drive",
	    visit_ask, CMD_OPTIONS(ask_options, struct options) },
	{ "visit list", "", "on a device: which visits ask", visit_list },
	{ "visit approve", "[ID]", "let it read for an hour", visit_approve,
	    CMD_OPTIONS(approve_options, struct options) },
	{ "visit refuse", "[ID]", "turn it away", visit_refuse },
	{ 0 },
};
