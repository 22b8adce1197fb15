/* SPDX-License-Identifier: ISC */
/* cli_mail.c: aumbry mail: where notices of the account go. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
list(const struct cli *cli, struct remote *r, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(r, "GET", "/v1/mail", NULL, false, &answer, e) < 0)
		return -1;
	const json_t *all = json_object_get(answer, "addresses");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *x = json_array_get(all, i);
		const char *address = "";
		if (cli->json) {
			cli_print_json(json_deep_copy(x));
			continue;
		}
		if (jsonio_text(x, "address", &address, e) < 0)
			return -1;
		OWN(mem_free) char *shown = cli_shown(bytes_str(address));
		(void)printf("%s%s\n", shown,
		    json_is_true(json_object_get(x, "confirmed"))
			? ""
			: "  (not confirmed)");
	}
	return 0;
}

static int
change(struct cli *cli, struct remote *r, bool add, const char *address,
    const struct cli_proof *p, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_text(ask, "address", address);
	if (cli_stepped_call(cli, r, "POST",
		add ? "/v1/mail" : "/v1/mail/remove", ask, p, &answer, e) < 0)
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
	if (control_call(
		r, "POST", "/v1/mail/confirm", ask, false, &answer, e) < 0 ||
	    jsonio_text(answer, "address", &address, e) < 0)
		return -1;
	OWN(mem_free) char *shown = cli_shown(bytes_str(address));
	cli_say(cli, "Notices go to %s from now on.", shown);
	return 0;
}

int
cli_mail(struct cli *cli, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	struct cli_proof proof = { NULL, NULL };
	const struct cli_option options[] = { CLI_PROOF(&proof) };

	if (cli_parse(cli, options, ARRAY_SIZE(options), 1, 2, e) < 0)
		return -1;
	const char *verb = cli->args[0];
	const char *what = cli->n_args == 2 ? cli->args[1] : NULL;
	bool add = strcmp(verb, "add") == 0;
	if (strcmp(verb, "list") == 0 && what == NULL)
		return cli_account(cli, &a, e) < 0 ? -1
						   : list(cli, a.remote, e);
	if ((add || strcmp(verb, "remove") == 0) && what != NULL)
		return cli_account(cli, &a, e) < 0
		    ? -1
		    : change(cli, a.remote, add, what, &proof, e);
	if (strcmp(verb, "confirm") == 0 && what != NULL)
		return cli_account(cli, &a, e) < 0
		    ? -1
		    : confirm(cli, a.remote, what, e);
	return err_set(e, ERR_USAGE,
	    "aumbry mail add ADDRESS | confirm CODE | list | remove ADDRESS");
}
