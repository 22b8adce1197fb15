/* SPDX-License-Identifier: ISC */
/* cli_recover.c: aumbry recover: back in without any device. */
#include "cmd/cli.h"

#include "client/recover.h"
#include "client/recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options {
	const char *device_name, *key_file, *new_password_file;
	bool operator, contact, go_on, cancel, keep;
};

static const char *
way_of(const struct options *o)
{
	return o->contact ? "contact" : o->operator? "operator" : "key";
}

static int
read_code(struct cli *cli, const struct options *o, struct secret **out,
    struct err *e)
{
	OWN(buf_free) struct buf typed = { 0 };

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
	struct recover_ask a = { .dir = dir,
		.url = cli->args[0],
		.name = cli->args[1],
		.device_name = o->device_name,
		.way = way_of(o) };

	if (!o->contact && !o->operator&& read_code(cli, o, &code, e) < 0)
		return -1;
	a.code = code;
	return recover_begin(&a, e);
}

/* The new password: from --new-password-file or --password-file, or typed. */
static int
new_password(struct cli *cli, const struct options *o, struct secret **out,
    struct err *e)
{
	struct cli with = *cli;

	if (o->new_password_file != NULL)
		with.password_file = o->new_password_file;
	return cli_password(&with, "New password", true, out, e);
}

static int
say_waiting(struct cli *cli, const struct recover_state *st)
{
	OWN(mem_free) char *when = cli_time(st->ready_ms);

	if (cli->json)
		cli_print_json(json_pack("{s:s, s:s, s:b, s:b, s:I}", "request",
		    id_text(&st->recovery).s, "way", st->way, "helped",
		    st->proven, "stopped", st->stopped, "ready",
		    (json_int_t)st->ready_ms));
	if (st->stopped)
		cli_say(cli,
		    "A device of the account, or a sign-in, has stopped this "
		    "recovery.");
	else if (!st->proven && strcmp(st->way, "operator") == 0)
		cli_say(cli,
		    "Ask who runs the server to recover this account, and name "
		    "the request %s.",
		    id_short(&st->recovery).s);
	else if (!st->proven)
		cli_say(cli,
		    "Ask your recovery contact to run: aumbry recovery "
		    "assist");
	else
		cli_say(cli,
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
	bool ready = st.done ||
	    (st.proven && st.ready_ms <= (uint64_t)time(NULL) * 1000 + 999);
	if (!ready) {
		cli->status = err_exit(ERR_RECOVERY_WAITING);
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

int
cli_recover(struct cli *cli, struct err *e)
{
	OWN(mem_free) char *dir = cli_home(cli);
	char name[LIMIT_NAME_BYTES + 1] = "";
	struct options o = { .device_name = name };
	const struct cli_option options[] = {
		{ "device-name", CLI_TEXT, &o.device_name },
		{ "key-file", CLI_TEXT, &o.key_file },
		{ "new-password-file", CLI_TEXT, &o.new_password_file },
		{ "contact", CLI_FLAG, &o.contact },
		{ "operator", CLI_FLAG, &o.operator},
		    { "continue", CLI_FLAG, &o.go_on },
		    { "cancel", CLI_FLAG, &o.cancel },
		    { "keep-devices", CLI_FLAG, &o.keep } };

	if (gethostname(name, LIMIT_NAME_BYTES) < 0 || name[0] == '\0')
		(void)snprintf(name, sizeof name, "computer");
	if (cli_parse(cli, options, ARRAY_SIZE(options), 0, 2, e) < 0 ||
	    cli_check_name(o.device_name, e) < 0)
		return -1;
	int ways = o.contact + o.operator+(o.key_file != NULL);
	bool begins = cli->n_args == 2 && !o.go_on && !o.cancel && ways <= 1;
	if (!begins && (cli->n_args != 0 || o.go_on == o.cancel))
		return err_set(e, ERR_USAGE,
		    "aumbry recover URL NAME [--key-file F | --contact | "
		    "--operator] | --continue | --cancel");
	if (o.cancel)
		return recover_cancel(dir, e);
	return begins && begin(cli, dir, &o, e) < 0 ? -1
						    : go_on(cli, dir, &o, e);
}
