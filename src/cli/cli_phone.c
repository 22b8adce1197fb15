/* SPDX-License-Identifier: ISC */
/* cli_phone.c: aumbry phone: numbers that codes go to. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int
list(const struct cli *cli, struct remote *r, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(r, "GET", "/v1/phones", NULL, false, &answer, e) < 0)
		return -1;
	const json_t *all = json_object_get(answer, "phones");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *x = json_array_get(all, i);
		const char *number = "";
		if (cli->json) {
			cli_print_json(json_deep_copy(x));
			continue;
		}
		if (jsonio_text(x, "number", &number, e) < 0)
			return -1;
		OWN(mem_free) char *shown = cli_shown(bytes_str(number));
		(void)printf("%s%s%s\n", shown,
		    jsonio_true(x, "call") ? "  (calls only)" : "",
		    jsonio_true(x, "confirmed") ? "" : "  (not confirmed)");
	}
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
	if (cli_stepped_call(cli, r, "POST", "/v1/phones", ask, p, &answer, e) <
		0 ||
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
	if (control_call(
		r, "POST", "/v1/phones/confirm", ask, false, &answer, e) < 0 ||
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
	return cli_stepped_call(
	    cli, r, "POST", "/v1/phones/remove", ask, p, &answer, e);
}

int
cli_phone(struct cli *cli, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	struct cli_proof proof = { NULL, NULL };
	bool call = false;
	const struct cli_option options[] = { CLI_PROOF(&proof),
		{ "call", CLI_FLAG, &call } };

	if (cli_parse(cli, options, ARRAY_SIZE(options), 1, 2, e) < 0)
		return -1;
	const char *verb = cli->args[0];
	const char *what = cli->n_args == 2 ? cli->args[1] : NULL;
	bool lists = strcmp(verb, "list") == 0, adds = strcmp(verb, "add") == 0;
	bool confirms = strcmp(verb, "confirm") == 0;
	if (lists != (what == NULL) ||
	    (!lists && !adds && !confirms && strcmp(verb, "remove") != 0) ||
	    (call && !adds))
		return err_set(e, ERR_USAGE,
		    "aumbry phone add NUMBER [--call] | confirm CODE | list | "
		    "remove NUMBER");
	if (cli_account(cli, &a, e) < 0)
		return -1;
	return lists   ? list(cli, a.remote, e)
	    : adds     ? add(cli, a.remote, what, call, &proof, e)
	    : confirms ? confirm(cli, a.remote, what, e)
		       : drop(cli, a.remote, what, &proof, e);
}
