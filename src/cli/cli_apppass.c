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
	if (cli_stepped_act(cli,
		&(struct cli_call){
		    r, "POST", "/v1/app-passwords", ask, &answer },
		&w->proof, e) < 0 ||
	    jsonio_text(answer, "password", &password, e) < 0 ||
	    jsonio_text(answer, "name", &name, e) < 0 ||
	    jsonio_id(answer, "id", &id, e) < 0)
		return -1;
	if (cli->line.json) {
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

static int
print_one(const json_t *x, struct err *e)
{
	const char *label = "", *scope = "", *from = "";
	uint64_t created = 0, expires = 0, used = 0;
	struct err ignored;
	struct id id = { { 0 } };

	(void)e;
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
	if (control_call(r, "DELETE", buf_text(&path), NULL, &answer, e) < 0 ||
	    (id == NULL && jsonio_u64(answer, "revoked", &n, e) < 0))
		return -1;
	cli_say(cli, "%llu app-specific %s revoked.", (unsigned long long)n,
	    n == 1 ? "password" : "passwords");
	return 0;
}

static int
create_one(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	struct wish w = *(const struct wish *)options;
	struct scope scope;

	if (scope_parse(w.scope, &scope, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	w.label = cli_name(cli, cli->line.args[0]);
	return cli_account(cli, &a, e) < 0 ? -1 : create(cli, a.remote, &w, e);
}

static int
list_all(void *line, const void *options, struct err *e)
{
	(void)options;
	return cli_list(line, &passwords, print_one, e);
}

struct which {
	bool all;
};

static int
revoke_some(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct which *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	const char *what = cli->line.n_args > 0 ? cli->line.args[0] : NULL;

	if (o->all == (what != NULL))
		return err_set(e, ERR_USAGE, "revoke one, or --all");
	return cli_account(cli, &a, e) < 0 ? -1
					   : revoke(cli, a.remote, what, e);
}

static const struct cmd_option create_options[] = {
	{ "scope", CMD_TEXT, offsetof(struct wish, scope),
	    "mail|dav|files[:ro][:/FOLDER]", "what it opens, and nothing else",
	    .required = true },
	{ "expires", CMD_TEXT, offsetof(struct wish, expires), "SPAN",
	    "end it by itself, as 90d; else it stays" },
	CLI_PROOF(struct wish, proof),
};
static const struct cmd_option revoke_options[] = {
	{ "all", CMD_FLAG, offsetof(struct which, all), NULL, "every one" },
};

const struct cmd cli_app_password[] = {
	{ "app-password create", "LABEL", "make one; it is shown once",
	    create_one, CMD_OPTIONS(create_options, struct wish) },
	{ "app-password list", "", "which there are, and when each was used",
	    list_all },
	{ "app-password revoke", "[ID|LABEL]", "end one, or all", revoke_some,
	    CMD_OPTIONS(revoke_options, struct which) },
	{ 0 },
};
