/* SPDX-License-Identifier: ISC */
/* cli_factor.c: two-factor and the authenticator. */
#include "cli/cli.h"

#include "base/file.h"
#include "cli/cli_qr.h"
#include "client/login.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
add(struct cli *cli, struct remote *r, const struct cli_proof *p,
    const char *file, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf line = { 0 };
	const char *secret = "", *uri = "";

	if (cli_stepped_call(cli,
		&(struct cli_call){
		    r, "POST", "/v1/authenticator", NULL, &answer },
		p, e) < 0 ||
	    jsonio_text(answer, "secret", &secret, e) < 0 ||
	    jsonio_text(answer, "uri", &uri, e) < 0)
		return -1;
	/* First of all: whatever becomes of the file, it waits now. */
	if (isatty(STDERR_FILENO))
		cli_print_qr(stderr, uri);
	(void)printf("%s\n", secret);
	if (file == NULL)
		return 0;
	buf_put_str(&line, secret);
	buf_put_u8(&line, '\n');
	return file_write(file, buf_bytes(&line), 0600, e);
}

static int
confirm(struct remote *r, const char *code, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_text(ask, "code", code);
	return control_call(
	    r, "POST", "/v1/authenticator/confirm", ask, &answer, e);
}

struct adding {
	struct cli_proof proof;
	const char *file;
};

static int
authenticator_add(void *line, const void *options, struct err *e)
{
	const struct adding *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	if (cli_account(line, &a, e) < 0 ||
	    add(line, a.remote, &o->proof, o->file, e) < 0)
		return -1;
	cli_say(line,
	    "Scan or type this into an authenticator app, then: "
	    "aumbry authenticator confirm CODE");
	return 0;
}

static int
authenticator_remove(void *line, const void *options, struct err *e)
{
	const struct cli_proving *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *answer = NULL;

	return cli_account(line, &a, e) < 0
	    ? -1
	    : cli_stepped_call(line,
		  &(struct cli_call){
		      a.remote, "DELETE", "/v1/authenticator", NULL, &answer },
		  &o->proof, e);
}

static int
authenticator_confirm(void *line, const void *options, struct err *e)
{
	const struct cli *cli = line;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	const char *state = "";

	(void)options;
	if (cli_account(line, &a, e) < 0)
		return -1;
	jsonio_put_text(ask, "code", cli->line.args[0]);
	if (control_call(a.remote, "POST", "/v1/authenticator/confirm", ask,
		&answer, e) < 0 ||
	    jsonio_text(answer, "two_factor", &state, e) < 0)
		return -1;
	cli_say(
	    cli, "The authenticator is confirmed; two-factor is %s.", state);
	return 0;
}

static const struct cmd_option add_options[] = {
	{ "secret-file", CMD_TEXT, offsetof(struct adding, file), "FILE",
	    "write the secret into a new file, and show no QR code" },
	CLI_PROOF(struct adding, proof),
};
const struct cmd cli_authenticator[] = {
	{ "authenticator add", "", "show a secret for an app, as a QR code",
	    authenticator_add, CMD_OPTIONS(add_options, struct adding) },
	{ "authenticator confirm", "CODE",
	    "its first code: from now on it counts", authenticator_confirm },
	{ "authenticator remove", "", "take it away", authenticator_remove,
	    CLI_PROVING },
	{ 0 },
};

/* ---- two-factor ---- */

static int
set(struct cli *cli, struct remote *r, const char *state,
    const struct cli_proof *p, json_t **answer, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();

	jsonio_put_text(ask, "state", state);
	return cli_stepped_call(cli,
	    &(struct cli_call){ r, "POST", "/v1/two-factor", ask, answer }, p,
	    e);
}

/* On a terminal, what is missing is made at once. */
static int
walk(struct cli *cli, struct remote *r, const struct cli_proof *p,
    json_t **answer, struct err *e)
{
	cli_say(cli,
	    "Two-factor needs something to fall back on when no trusted device "
	    "is at hand.\nAn authenticator app on a phone is one: scan this "
	    "with it.\n");
	if (add(cli, r, p, NULL, e) < 0)
		return -1;
	for (unsigned i = 1;; i++) {
		OWN(buf_free) struct buf code = { 0 };
		if (cli_line(cli, "Code that the app shows",
			"aumbry authenticator confirm CODE", &code, e) < 0)
			return -1;
		if (confirm(r, buf_text(&code), e) == 0)
			break;
		bool wrong =
		    e->code == ERR_WRONG_CODE || e->code == ERR_WRONG_CODE_KIND;
		if (!wrong || i == PROVE_TRIES)
			return -1;
		cli_say(cli, "Once more: %s.", e->msg);
	}
	return set(cli, r, "on", p, answer, e);
}

static int
turn(struct cli *cli, struct remote *r, const char *state,
    const struct cli_proof *p, json_t **answer, struct err *e)
{
	if (set(cli, r, state, p, answer, e) == 0)
		return 0;
	return e->code == ERR_FACTOR_MISSING && isatty(STDIN_FILENO) != 0
	    ? walk(cli, r, p, answer, e)
	    : -1;
}

/* ---- all factors are lost ---- */

static int
no_code(void *ctx, const char *with, const struct err *why, struct buf *code,
    struct err *e)
{
	(void)ctx;
	(void)with;
	(void)why;
	(void)code;
	return err_set(e, ERR_INPUT_MISSING, "there is no code");
}

struct losing {
	struct cli *cli;
	struct remote *remote;
	bool proven;
};

/* The password, and nothing beside it. */
static int
password_alone(void *ctx, struct bytes password, struct err *e)
{
	struct losing *j = ctx;
	struct prove p = { .with = "authenticator", .ask = no_code };
	struct login l = { 0 };

	int rc = login_step_up(j->remote, password, &p, &l, e);
	login_free(&l);
	j->proven = rc == 0;
	if (rc == 0 ||
	    (e->code != ERR_INPUT_MISSING && e->code != ERR_FACTOR_MISSING &&
		e->code != ERR_KEY_REQUIRED))
		return rc;
	err_clear(e);
	return 0;
}

static int
lost(struct cli *cli, struct remote *r, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	struct losing j = { cli, r, false };
	uint64_t ready_ms;

	if (cli_with_password(cli, "Password", password_alone, &j, e) < 0)
		return -1;
	if (j.proven) {
		cli_say(cli,
		    "The password is enough now, on this device and for a "
		    "day. Next: aumbry authenticator add");
		return 0;
	}
	if (control_call(r, "POST", "/v1/factors/lost", NULL, &answer, e) < 0 ||
	    jsonio_u64(answer, "ready_ms", &ready_ms, e) < 0)
		return -1;
	OWN(mem_free) char *when = cli_time(ready_ms);
	cli_say(cli,
	    "From %s on, and for a day, the password is enough on this "
	    "device.\nUntil then every device and mail address is told, and "
	    "can stop it; a factor that turns up ends it, too.",
	    when);
	return 0;
}

static int
two_factor_lost(void *line, const void *options, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	(void)options;
	return cli_account(line, &a, e) < 0 ? -1 : lost(line, a.remote, e);
}

static int
two_factor_not_lost(void *line, const void *options, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	(void)options;
	return cli_account(line, &a, e) < 0
	    ? -1
	    : control_call(
		  a.remote, "DELETE", "/v1/factors/lost", NULL, NULL, e);
}

static int
print_state(const struct cli *cli, const json_t *answer, struct err *e)
{
	const char *state = "";

	if (jsonio_text(answer, "two_factor", &state, e) < 0)
		return -1;
	if (cli->line.json)
		(void)printf("{\"two_factor\":\"%s\"}\n", state);
	else
		(void)printf("two-factor is %s\n", state);
	return 0;
}

static int
two_factor_status(void *line, const void *options, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *answer = NULL;

	(void)options;
	if (cli_account(line, &a, e) < 0 ||
	    control_call(a.remote, "GET", "/v1/account", NULL, &answer, e) < 0)
		return -1;
	return print_state(line, answer, e);
}

static int
set_two_factor(
    struct cli *cli, const char *to, const struct cli_proving *o, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *answer = NULL;

	if (cli_account(cli, &a, e) < 0 ||
	    turn(cli, a.remote, to, &o->proof, &answer, e) < 0)
		return -1;
	return print_state(cli, answer, e);
}

static int
two_factor_on(void *line, const void *options, struct err *e)
{
	return set_two_factor(line, "on", options, e);
}

static int
two_factor_off(void *line, const void *options, struct err *e)
{
	return set_two_factor(line, "off", options, e);
}

const struct cmd cli_two_factor[] = {
	{ "two-factor status", "", "is it on?", two_factor_status },
	{ "two-factor on", "", "turn it on, with what is missing",
	    two_factor_on, CLI_PROVING },
	{ "two-factor off", "", "turn it off: there can be no backup then",
	    two_factor_off, CLI_PROVING },
	{ "two-factor lost", "",
	    "no factor is at hand any more: begin a wait of 72 hours that "
	    "everybody is told of",
	    two_factor_lost },
	{ "two-factor not-lost", "", "stop that wait", two_factor_not_lost },
	{ 0 },
};
