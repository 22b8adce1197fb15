/* SPDX-License-Identifier: ISC */
/* cli_mail.c: aumbry mail: where notices of the account go. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_things addresses = { "/v1/mail", "addresses", "address",
	"Run: aumbry mail list", NULL };

static int
print_address(const json_t *x, struct err *e)
{
	const char *address = "";

	if (jsonio_text(x, "address", &address, e) < 0)
		return -1;
	OWN(mem_free) char *shown = cli_shown(bytes_str(address));
	(void)printf("%s%s\n", shown,
	    jsonio_true(x, "confirmed") ? "" : "  (not confirmed)");
	return 0;
}

static int
change(struct cli *cli, struct remote *r, bool add, const char *address,
    const struct cli_proof *p, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_text(ask, "address", address);
	if (cli_stepped_call(cli,
		&(struct cli_call){ r, "POST",
		    add ? "/v1/mail" : "/v1/mail/remove", ask, &answer },
		p, e) < 0)
		return -1;
	if (add)
		cli_say(cli,
		    "A code is on its way there. Then: aumbry mail confirm "
		    "CODE");
	return 0;
}

static int
confirm(
    const struct cli *cli, struct remote *r, const char *code, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	const char *address = "";

	jsonio_put_text(ask, "code", code);
	if (control_call(r, "POST", "/v1/mail/confirm", ask, &answer, e) < 0 ||
	    jsonio_text(answer, "address", &address, e) < 0)
		return -1;
	OWN(mem_free) char *shown = cli_shown(bytes_str(address));
	cli_say(cli, "Notices go to %s from now on.", shown);
	return 0;
}

static int
mail_list(void *line, const void *options, struct err *e)
{
	(void)options;
	return cli_list(line, &addresses, print_address, e);
}

static int
mail_confirm(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	(void)options;
	return cli_account(cli, &a, e) < 0
	    ? -1
	    : confirm(cli, a.remote, cli->line.args[0], e);
}

static int
mail_add(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_proving *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	return cli_account(cli, &a, e) < 0
	    ? -1
	    : change(cli, a.remote, true, cli->line.args[0], &o->proof, e);
}

static int
mail_remove(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_proving *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	return cli_account(cli, &a, e) < 0
	    ? -1
	    : change(cli, a.remote, false, cli->line.args[0], &o->proof, e);
}

const struct cmd cli_mail[] = {
	{ "mail list", "", "where notices go", mail_list },
	{ "mail add", "ADDRESS", "send a code to an address", mail_add,
	    CLI_PROVING },
	{ "mail confirm", "CODE", "that code: from now on it counts",
	    mail_confirm },
	{ "mail remove", "ADDRESS", "send no more there", mail_remove,
	    CLI_PROVING },
	{ 0 },
};
