/* SPDX-License-Identifier: ISC */
/* cli_recover.c: aumbry recover: back in without any device. */
#include "cli/cli_recovery.h"

#include "join/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options {
	const char *device_name, *key_file, *new_password_file, *timeout;
	struct cmd_list kit_files;
	bool kit, operator, contact, go_on, cancel, keep;
	unsigned timeout_s;
};

static bool
by_kit(const struct options *o)
{
	return o->kit || o->kit_files.n > 0;
}

static const char *
way_of(const struct options *o)
{
	return o->contact ? "contact"
	    : o->operator ? "operator"
	    : by_kit(o)	  ? "kit"
			  : "key";
}

static int
read_code(struct cli *cli, const struct options *o, struct secret **out,
    struct err *e)
{
	OWN(buf_free) struct buf typed = { 0 };

	if (by_kit(o))
		return cli_kit_code(cli, &o->kit_files, out, e);
	if (o->key_file != NULL)
		return recovery_file_read(o->key_file, RECCODE_KEY, out, e);
	if (cli_line(cli, "Recovery key", "--key-file F", &typed, e) < 0)
		return -1;
	return reccode_parse(buf_bytes(&typed), RECCODE_KEY, out, e);
}

static int
begin(struct cli *cli, const char *dir, const struct options *o, struct err *e)
{
	OWN(secret_free) struct secret *code = NULL;
	OWN(buf_free) struct buf url = { 0 };
	struct recover_ask a = { .dir = dir,
		.name = cli->line.args[1],
		.device_name = o->device_name,
		.way = way_of(o) };

	if (remote_find(cli->line.args[0], &url, e) < 0)
		return -1;
	a.url = buf_text(&url);
	if (!o->contact && !o->operator&& read_code(cli, o, &code, e) < 0)
		return -1;
	a.code = code;
	if (recover_begin(&a, e) == 0)
		return 0;
	if (e->code == ERR_RECOVERY_CODE && by_kit(o))
		return err_remedy(e,
		    "Compare the account, and the kit that is printed on both "
		    "sheets: two sheets of different kits open nothing.");
	return -1;
}

/* ---- a contact helps ---- */

struct asking {
	struct cli *cli;
};

static int
ask_code(void *ctx, struct buf *code, struct err *e)
{
	const struct asking *a = ctx;

	if (cli_shown_code(a->cli, SHOWN_PAIR,
		"The code that your contact reads to you", "--continue", code,
		e) == 0)
		return 0;
	return e->code != ERR_INPUT_MISSING
	    ? -1
	    : err_remedy(e,
		  "Run on a terminal, when the contact is there: "
		  "aumbry recover --continue");
}

static void
burnt(void *ctx)
{
	const struct asking *a = ctx;

	cli_say(a->cli,
	    "That code was wrong, and is burnt. Your contact reads you "
	    "another.");
}

static int
by_contact(struct cli *cli, const char *dir, const struct options *o,
    struct recover_state *st, struct err *e)
{
	struct asking asking = { cli };
	struct recover_help h = { .dir = dir,
		.timeout_s = o->timeout_s,
		.ask = ask_code,
		.burnt = burnt,
		.ctx = &asking };

	cli_say(cli,
	    "Ask your recovery contact to run, on a device of their own: "
	    "aumbry recovery assist %s\nTell them this request: %s\nThey will "
	    "read you a code of %d digits.",
	    st->name, id_short(&st->recovery).s, PAIR_CODE_DIGITS);
	if (recover_by_contact(&h, e) < 0) {
		if (e->code == ERR_CODE_EXPIRED)
			return err_remedy(e,
			    "Go on waiting: aumbry recover --continue   or "
			    "give up: aumbry recover --cancel");
		return -1;
	}
	return recover_look(dir, st, e);
}

/* The new password: from --new-password-file or --password-file, or typed. */
static int
new_password(struct cli *cli, const struct options *o, struct secret **out,
    struct err *e)
{
	struct cli with = *cli;

	if (o->new_password_file != NULL)
		with.password_file = o->new_password_file;
	return cli_new_password(&with, "New password", out, e);
}

static int
say_waiting(struct cli *cli, const struct recover_state *st)
{
	OWN(mem_free) char *when = cli_time(st->ready_ms);

	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:s, s:b, s:b, s:I}", "request",
		    id_text(&st->recovery).s, "way", st->way, "helped",
		    st->proven, "stopped", st->stopped, "ready",
		    (json_int_t)st->ready_ms));
	if (st->stopped)
		cli_warn(
		    "A device of the account, or a sign-in, has stopped this "
		    "recovery.");
	else if (!st->proven && strcmp(st->way, "operator") == 0)
		cli_warn(
		    "Ask who runs the server to recover this account, and name "
		    "the request %s.",
		    id_short(&st->recovery).s);
	else
		cli_warn(
		    "The recovery goes on at %s. Until then a device of the "
		    "account can stop it%s.\nThen run: aumbry recover "
		    "--continue",
		    when,
		    strcmp(st->way, "operator") == 0 ? ", and so does any "
						       "sign-in"
						     : "");
	return 0;
}

static int
go_on(struct cli *cli, const char *dir, const struct options *o, struct err *e)
{
	OWN(secret_free) struct secret *password = NULL;
	struct recover_state st;
	struct recover_finish f = { .dir = dir, .keep_devices = o->keep };

	if (recover_look(dir, &st, e) < 0)
		return -1;
	if (strcmp(st.way, "contact") == 0 && !st.proven && !st.stopped &&
	    !st.done && by_contact(cli, dir, o, &st, e) < 0)
		return -1;
	bool ready = st.done ||
	    (st.proven && st.ready_ms <= (uint64_t)time(NULL) * 1000 + 999);
	if (!ready) {
		cli->line.status = err_exit(ERR_RECOVERY_WAITING);
		return say_waiting(cli, &st);
	}
	if (!st.done && new_password(cli, o, &password, e) < 0)
		return -1;
	if (password != NULL)
		f.password = secret_bytes(password);
	if (recover_finish(&f, e) < 0)
		return -1;
	cli_say(cli,
	    "The account is yours again: this device is in, and the new "
	    "password counts.%s",
	    o->keep ? "" : "\nDevices that were lost are removed.");
	return 0;
}

static int
run(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	struct options o = *(const struct options *)options;
	OWN(mem_free) char *dir = cli_home(cli);
	int n = cli->line.n_args;

	if (cli_device_name(cli, o.device_name, &o.device_name, e) < 0 ||
	    cli_timeout(o.timeout, &o.timeout_s, e) < 0)
		return -1;
	int ways = o.contact + o.operator+ by_kit(&o) + (o.key_file != NULL);
	bool begins = n == 2 && !o.go_on && !o.cancel;
	if (begins && ways > 1)
		return err_set(e, ERR_USAGE,
		    "one way at a time: a key, a kit, a contact or the "
		    "operator");
	if (!begins && (n != 0 || o.go_on == o.cancel))
		return err_set(e, ERR_USAGE,
		    "give URL and NAME, or --continue, or --cancel");
	if (o.cancel)
		return recover_cancel(dir, e);
	return begins && begin(cli, dir, &o, e) < 0 ? -1
						    : go_on(cli, dir, &o, e);
}

static const struct cmd_option recover_options[] = {
	{ "key-file", CMD_TEXT, offsetof(struct options, key_file), "FILE",
	    "read the recovery key from this file; else it is asked for" },
	{ "kit", CMD_FLAG, offsetof(struct options, kit), NULL,
	    "by two sheets of a paper kit, which are asked for" },
	{ "kit-file", CMD_LIST, offsetof(struct options, kit_files), "FILE",
	    "read a sheet from this file; two of them" },
	{ "contact", CMD_FLAG, offsetof(struct options, contact), NULL,
	    "with a recovery contact, who reads you a code" },
	{ "operator", CMD_FLAG, offsetof(struct options, operator), NULL,
	    "with the server's operator, under standard protection" },
	{ "continue", CMD_FLAG, offsetof(struct options, go_on), NULL,
	    "go on with what was begun here" },
	{ "cancel", CMD_FLAG, offsetof(struct options, cancel), NULL,
	    "give up what was begun here" },
	{ "new-password-file", CMD_TEXT,
	    offsetof(struct options, new_password_file), "FILE",
	    "read the account's new password from its first line" },
	{ "device-name", CMD_TEXT, offsetof(struct options, device_name),
	    "NAME", "what this device is called; else as the machine is" },
	{ "keep-devices", CMD_FLAG, offsetof(struct options, keep), NULL,
	    "do not put out the devices that there were" },
	CLI_TIMEOUT(struct options, timeout),
};

const struct cmd cli_recover[] = {
	{ "recover", "[URL NAME]", "get back into an account without a device",
	    run, CMD_OPTIONS(recover_options, struct options),
	    "Without an option it asks for the recovery key.\n"
	    "Contact, kit and operator take a wait, of which every device is "
	    "told; run\n"
	    "it with --continue when that is over." },
	{ 0 },
};
