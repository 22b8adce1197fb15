/* SPDX-License-Identifier: ISC */
/* cli_apppass.c: aumbry app-password: create, list, revoke. */
#include "cli/cli.h"

#include "base/now.h"
#include "base/text.h"
#include "wire/scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wish {
	const char *label, *scope, *expires;
	struct cli_proof proof;
};

static const struct cli_things passwords = { "/v1/app-passwords",
	"app_passwords", "app-specific password",
	"Run: aumbry app-password list", "label" };

static int
create(struct cli *cli, struct remote *r, const struct wish *w, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	const char *password = "", *name = "";
	int64_t span;
	struct id id;

	jsonio_put_text(ask, "label", w->label);
	jsonio_put_text(ask, "scope", w->scope);
	if (w->expires != NULL) {
		if (text_parse_span(w->expires, &span) < 0)
			return err_set(e, ERR_USAGE,
			    "--expires is a span as 90d, not %s", w->expires);
		jsonio_put_u64(ask, "lives_s", (uint64_t)span);
	}
	if (cli_stepped_act(
		cli, r, "/v1/app-passwords", ask, &w->proof, &answer, e) < 0 ||
	    jsonio_text(answer, "password", &password, e) < 0 ||
	    jsonio_text(answer, "name", &name, e) < 0 ||
	    jsonio_id(answer, "id", &id, e) < 0)
		return -1;
	if (cli->json) {
		json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id",
		    id_text(&id).s, "name", name, "password", password, "label",
		    w->label, "scope", w->scope);
		cli_print_json(j);
	} else {
		(void)printf("%s\n", password);
		cli_say(cli,
		    "Type this into the program, with the name %s. It is not "
		    "shown again.",
		    name);
	}
	/* Until it stands somewhere, the same command shows it once more. */
	if (fflush(stdout) != 0)
		return err_sys(e, "showing the password");
	remote_told(r);
	return 0;
}

static void
print_one(const struct cli *cli, const json_t *x)
{
	const char *label = "", *scope = "", *from = "";
	uint64_t created = 0, expires = 0, used = 0;
	struct err ignored;
	struct id id = { { 0 } };

	if (cli->json) {
		cli_print_json(json_deep_copy(x));
		return;
	}
	(void)!jsonio_id(x, "id", &id, &ignored);
	(void)!jsonio_text(x, "label", &label, &ignored);
	(void)!jsonio_text(x, "scope", &scope, &ignored);
	(void)!jsonio_text(x, "used_from", &from, &ignored);
	(void)!jsonio_u64(x, "created_ms", &created, &ignored);
	(void)!jsonio_u64(x, "expires_ms", &expires, &ignored);
	(void)!jsonio_u64(x, "used_ms", &used, &ignored);
	OWN(mem_free) char *made = cli_time(created);
	OWN(mem_free) char *ends = cli_time(expires);
	OWN(mem_free) char *last = cli_time(used);
	OWN(mem_free) char *shown = cli_shown(bytes_str(label));
	OWN(mem_free) char *where = cli_shown(bytes_str(from));
	(void)printf(
	    "%s  %-20s %-12s made %s, ", id_short(&id).s, shown, scope, made);
	if (used != 0)
		(void)printf("last used %s by %s", last, where);
	else
		(void)printf("never used");
	if (expires != 0)
		(void)printf(
		    (int64_t)expires > now_ms() ? ", ends %s" : ", ended %s",
		    ends);
	(void)putchar('\n');
}

static int
list(const struct cli *cli, struct remote *r, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(
		r, "GET", "/v1/app-passwords", NULL, false, &answer, e) < 0)
		return -1;
	const json_t *all = json_object_get(answer, "app_passwords");
	for (size_t i = 0; i < json_array_size(all); i++)
		print_one(cli, json_array_get(all, i));
	return 0;
}

static int
revoke(struct cli *cli, struct remote *r, const char *id, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf path = { 0 };
	uint64_t n = 1;
	struct id which;

	buf_put_str(&path, "/v1/app-passwords");
	if (id != NULL) {
		if (cli_find_id(r, &passwords, cli_name(cli, id), &which, e) <
		    0)
			return -1;
		buf_printf(&path, "/%s", id_text(&which).s);
	}
	if (control_call(
		r, "DELETE", buf_text(&path), NULL, false, &answer, e) < 0 ||
	    (id == NULL && jsonio_u64(answer, "revoked", &n, e) < 0))
		return -1;
	cli_say(cli, "%llu app-specific %s revoked.", (unsigned long long)n,
	    n == 1 ? "password" : "passwords");
	return 0;
}

int
cli_app_password(struct cli *cli, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	struct wish w = { .label = NULL };
	struct scope scope;
	bool all = false;
	const struct cli_option options[] = { { "scope", CLI_TEXT, &w.scope },
		{ "expires", CLI_TEXT, &w.expires }, CLI_PROOF(&w.proof),
		{ "all", CLI_FLAG, &all } };

	if (cli_parse(cli, options, ARRAY_SIZE(options), 1, 2, e) < 0)
		return -1;
	const char *verb = cli->args[0];
	const char *what = cli->n_args == 2 ? cli->args[1] : NULL;
	if (strcmp(verb, "create") == 0 && what != NULL && !all) {
		if (w.scope == NULL)
			return err_set(e, ERR_USAGE,
			    "--scope is missing: mail, dav, or "
			    "files[:ro][:/FOLDER]");
		if (scope_parse(w.scope, &scope, e) < 0) {
			e->code = ERR_USAGE;
			return -1;
		}
		w.label = cli_name(cli, what);
		return cli_account(cli, &a, e) < 0
		    ? -1
		    : create(cli, a.remote, &w, e);
	}
	if (strcmp(verb, "list") == 0 && what == NULL)
		return cli_account(cli, &a, e) < 0 ? -1
						   : list(cli, a.remote, e);
	if (strcmp(verb, "revoke") == 0 && all != (what != NULL))
		return cli_account(cli, &a, e) < 0
		    ? -1
		    : revoke(cli, a.remote, what, e);
	return err_set(e, ERR_USAGE,
	    "aumbry app-password create LABEL --scope S | list | revoke "
	    "ID|LABEL | "
	    "revoke --all");
}
