/* SPDX-License-Identifier: ISC */
/* cli_phone.c: aumbry phone: numbers that codes go to. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct cli_things phones = { "/v1/phones", "phones", "phone",
	"Run: aumbry phone list", NULL };

static int
print_phone(const json_t *x, struct err *e)
{
	const char *number = "";

	if (jsonio_text(x, "number", &number, e) < 0)
		return -1;
	OWN(mem_free) char *shown = cli_shown(bytes_str(number));
	(void)printf("%s%s%s\n", shown,
	    jsonio_true(x, "call") ? "  (calls only)" : "",
	    jsonio_true(x, "confirmed") ? "" : "  (not confirmed)");
	return 0;
}

static int
add(struct cli *cli, struct remote *r, const char *number, bool call,
    const struct cli_proof *p, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	uint64_t left;

	jsonio_put_text(ask, "number", number);
	jsonio_put_true(ask, "call", call);
	if (cli_stepped_call(cli,
		&(struct cli_call){ r, "POST", "/v1/phones", ask, &answer }, p,
		e) < 0 ||
	    jsonio_u64(answer, "left", &left, e) < 0)
		return -1;
	cli_say(cli,
	    "A code goes there by %s. Then: aumbry phone confirm CODE\n"
	    "Didn't get it? Run this again for another, which makes the first "
	    "invalid: %llu more this hour.",
	    call ? "call" : "text", (unsigned long long)left);
	return 0;
}

static int
confirm(
    const struct cli *cli, struct remote *r, const char *code, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	const char *number = "", *state = "";

	jsonio_put_text(ask, "code", code);
	if (control_call(r, "POST", "/v1/phones/confirm", ask, &answer, e) <
		0 ||
	    jsonio_text(answer, "number", &number, e) < 0 ||
	    jsonio_text(answer, "two_factor", &state, e) < 0)
		return -1;
	OWN(mem_free) char *shown = cli_shown(bytes_str(number));
	cli_say(cli, "%s is confirmed; two-factor is %s.", shown, state);
	return 0;
}

static int
drop(struct cli *cli, struct remote *r, const char *number,
    const struct cli_proof *p, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_text(ask, "number", number);
	return cli_stepped_call(cli,
	    &(struct cli_call){ r, "POST", "/v1/phones/remove", ask, &answer },
	    p, e);
}

struct adding {
	struct cli_proof proof;
	bool call;
};

static int
phone_list(void *line, const void *options, struct err *e)
{
	(void)options;
	return cli_list(line, &phones, print_phone, e);
}

static int
phone_add(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct adding *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	return cli_account(cli, &a, e) < 0
	    ? -1
	    : add(cli, a.remote, cli->line.args[0], o->call, &o->proof, e);
}

static int
phone_confirm(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	(void)options;
	return cli_account(cli, &a, e) < 0
	    ? -1
	    : confirm(cli, a.remote, cli->line.args[0], e);
}

static int
phone_remove(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_proving *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	return cli_account(cli, &a, e) < 0
	    ? -1
	    : drop(cli, a.remote, cli->line.args[0], &o->proof, e);
}

static const struct cmd_option add_options[] = {
	{ "call", CMD_FLAG, offsetof(struct adding, call), NULL,
	    "it is called, and hears the code" },
	CLI_PROOF(struct adding, proof),
};

const struct cmd cli_phone[] = {
	{ "phone list", "", "which numbers there are", phone_list },
	{ "phone add", "NUMBER", "send a code to a number, as +4179…",
	    phone_add, CMD_OPTIONS(add_options, struct adding) },
	{ "phone confirm", "CODE", "that code: from now on it counts",
	    phone_confirm },
	{ "phone remove", "NUMBER", "take it away", phone_remove, CLI_PROVING },
	{ 0 },
};
