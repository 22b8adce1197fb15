/* SPDX-License-Identifier: ISC */
/* cli_signin.c: aumbry signin: by a trusted device, or by another factor. */
#include "cli/cli.h"

#include "base/stop.h"
#include "join/keyjoin.h"
#include "join/pair.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- by a device ---- */

struct asking {
	const struct cli *cli;
	const char *code; /* --code, for the first try */
	struct fido_ask key;
};

static void
waiting(void *ctx)
{
	const struct asking *a = ctx;

	cli_say(a->cli,
	    "This device asks to join. On a device that is in, "
	    "run: aumbry device approve");
}

static void
left(void *ctx)
{
	const struct asking *a = ctx;

	cli_say(a->cli,
	    "The last sign-in here was cut off when it was let in; that device "
	    "has left the account again.");
}

static int
ask_code(void *ctx, struct buf *code, struct err *e)
{
	struct asking *a = ctx;

	if (a->code != NULL) {
		buf_put_str(code, a->code);
		return 0;
	}
	return cli_shown_code(a->cli, SHOWN_PAIR,
	    "Code shown by the other device", "--code CODE", code, e);
}

static int
join(void *ctx, struct bytes password, struct err *e)
{
	struct pair_join *a = ctx;

	a->password = password;
	return pair_join(a, e);
}

static void
only_factor(void *ctx)
{
	const struct asking *a = ctx;

	cli_say(
	    a->cli, "This security key proves who you are, but opens no data.");
}

static int
join_by_key(void *ctx, struct bytes password, struct err *e)
{
	struct pair_join *a = ctx;
	const struct asking *asking = a->ctx;

	a->password = password;
	return keyjoin(a, &asking->key, only_factor, e);
}

/* with_key: the key itself lets this device in, or is asked for first. */
struct signin {
	const char *device_name, *timeout;
	struct cli_proof proof;
};

static int
by_device(struct cli *cli, const struct newcomer_ask *who, const char *dir,
    const struct signin *o, bool with_key, struct err *e)
{
	const char *code = o->proof.code;
	struct asking asking = { cli, code, cli_key(cli) };
	struct pair_join a = { .dir = dir,
		.url = who->url,
		.name = who->name,
		.device_name = who->device_name,
		.ask = ask_code,
		.waiting = waiting,
		.left = left,
		.again = code == NULL && isatty(STDIN_FILENO) != 0,
		.ctx = &asking };

	if (cli_timeout(o->timeout, &a.timeout_s, e) < 0)
		return -1;
	/* A code of the wrong kind is told before anything is asked. */
	if (code != NULL) {
		char digits[PAIR_CODE_DIGITS + 1];
		if (pair_parse_code(bytes_str(code), digits, e) < 0)
			return -1;
	}
	/* Nobody is to be asked about a sign-in that was given up. */
	stop_guard();
	int rc = cli_with_password(
	    cli, "Password", with_key ? join_by_key : join, &a, e);
	stop_unguard();
	if (rc < 0)
		return -1;
	cli_say(cli, "This device is in.");
	return 0;
}

/* ---- by what the server checks ---- */

struct visiting {
	const char *dir;
	struct newcomer_ask ask;
	struct prove prove;
	bool reads;
	struct err why;
};

static int
visit(void *ctx, struct bytes password, struct err *e)
{
	struct visiting *v = ctx;

	v->ask.password = password;
	v->ask.dir = v->dir;
	return visit_signin(v->dir, &v->ask, &v->prove, &v->reads, &v->why, e);
}

/* A code that a trusted device shows must never go to a server. */
static int
is_pairing_code(const char *code, struct err *e)
{
	char digits[PAIR_CODE_DIGITS + 1];
	struct err ignored;

	if (code == NULL ||
	    pair_parse_code(bytes_str(code), digits, &ignored) < 0)
		return 0;
	(void)err_set(e, ERR_WRONG_CODE_KIND,
	    "that is the code of a trusted device, which no server may see");
	return err_remedy(e, "Use it with: --with device");
}

static int
by_factor(struct cli *cli, const struct newcomer_ask *who, const char *dir,
    const struct cli_proof *p, struct err *e)
{
	struct visiting v = {
		.dir = dir, .ask = *who, .prove = cli_asking(cli, p)
	};

	if (is_pairing_code(p->code, e) < 0)
		return -1;
	stop_guard();
	int rc = cli_with_password(cli, "Password", visit, &v, e);
	stop_unguard();
	if (rc < 0)
		return -1;
	if (v.reads)
		cli_say(cli,
		    "Signed in for an hour, to read: aumbry snapshot list, "
		    "aumbry restore.\nThe escrow has handed out the keys, and "
		    "that is in the account's log. Secrets stay closed,\nand "
		    "nothing can be written: aumbry signin --with device, or "
		    "aumbry recover, makes this a device.");
	else
		cli_say(cli,
		    "Signed in for an hour, to look at the account and end "
		    "what is open.\nIts data and its settings take a device "
		    "that another one has let in:\naumbry signin --with "
		    "device");
	if (!v.reads && v.why.code == ERR_NONE)
		cli_say(cli,
		    "To read the backups from here: aumbry visit ask, with a "
		    "device at hand.");
	if (!v.reads && v.why.code != ERR_NONE)
		cli_say(cli, "%s (%s)", v.why.msg, err_name(v.why.code));
	return 0;
}

static int
check_way(const char *with, struct err *e)
{
	static const char *const ways[] = { "device", "authenticator", "text",
		"call", "key" };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(ways[i], with) == 0)
			return 0;
	return err_set(e, ERR_USAGE,
	    "--with is device, authenticator, text, call or key, not %s", with);
}

static int
signin(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct signin *o = options;
	OWN(mem_free) char *dir = cli_home(cli);
	struct cli_proof proof = o->proof;

	if (proof.with == NULL)
		proof.with = "device";
	OWN(buf_free) struct buf url = { 0 };
	struct newcomer_ask who = { .name = cli->line.args[1],
		.with = proof.with };

	if (cli_device_name(cli, o->device_name, &who.device_name, e) < 0 ||
	    check_way(proof.with, e) < 0)
		return -1;
	if (home_has_key(dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", dir);
	if (remote_find(cli->line.args[0], &url, e) < 0)
		return -1;
	who.url = buf_text(&url);
	bool key = strcmp(proof.with, "key") == 0;
	int rc = key || strcmp(proof.with, "device") == 0
	    ? by_device(cli, &who, dir, o, key, e)
	    : by_factor(cli, &who, dir, &proof, e);
	if (rc == 0)
		cli_closing_say(cli);
	return rc;
}

static const struct cmd_option signin_options[] = {
	{ "with", CMD_TEXT, offsetof(struct signin, proof.with),
	    "device|authenticator|text|call|key",
	    "who lets this one in: a trusted device, unless given; a code of "
	    "the others looks at the account for an hour" },
	{ "code", CMD_TEXT, offsetof(struct signin, proof.code), "CODE",
	    "the code, instead of being asked for it" },
	{ "device-name", CMD_TEXT, offsetof(struct signin, device_name), "NAME",
	    "what this device is called; else as the machine is" },
	CLI_TIMEOUT(struct signin, timeout),
};

const struct cmd cli_signin[] = {
	{ "signin", "URL NAME", "join an account with this device", signin,
	    CMD_OPTIONS(signin_options, struct signin),
	    "It waits until a trusted device has run: aumbry device approve" },
	{ 0 },
};
