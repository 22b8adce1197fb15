/* SPDX-License-Identifier: ISC */
/* cli_closing.c: aumbry account delete, keep. */
#include "cli/cli_recovery.h"

#include "client/closing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct deleting {
	const char *key_file;
	struct cmd_list kit_files;
	struct cli_proof proof;
};

/* What goes, and a name that is typed: a slip of the finger ends nothing. */
static int
sure(const struct cli *cli, const struct self *s, struct err *e)
{
	OWN(buf_free) struct buf typed = { 0 };
	OWN(mem_free) char *address = cli_recovery_account(s);

	cli_say(cli,
	    "All that the server has of %s goes: its backups, and the list of "
	    "its %zu devices.\nThat happens after a wait, in which each of "
	    "them "
	    "can keep it; nobody can undo it then.\nWhat you still need, "
	    "restore first: aumbry restore",
	    address, circle_active_count(&s->circle));
	if (cli->yes)
		return 0;
	if (cli_line(cli, "Type the account's name, as above", "--yes", &typed,
		e) < 0)
		return -1;
	return strcmp(buf_text(&typed), address) == 0
	    ? 0
	    : err_set(e, ERR_USAGE, "\"%s\" is not %s: nothing was changed",
		  buf_text(&typed), address);
}

struct asking {
	struct self *self;
	const struct secret *code;
	const struct id *kit; /* whose half is fetched; NULL: none */
	uint64_t ends_ms;
};

static int
ask(void *ctx, struct err *e)
{
	struct asking *a = ctx;
	OWN(buf_free) struct buf half = { 0 };

	return (a->kit != NULL && recovery_half(a->self, a->kit, &half, e) < 0)
	    ? -1
	    : closing_ask(a->self, a->code, buf_bytes(&half), &a->ends_ms, e);
}

/* The recovery key that signs, or the two sheets of a kit. */
static int
take_code(struct cli *cli, const struct deleting *o, struct asking *a,
    struct recovery_info **list, struct secret **code, struct err *e)
{
	OWN(buf_free) struct buf typed = { 0 };
	size_t n;

	if (!closing_wants_key(a->self))
		return 0;
	if (o->kit_files.n == 0)
		return o->key_file != NULL
		    ? recovery_file_read(o->key_file, RECCODE_KEY, code, e)
		    : cli_line(cli, "Recovery key", "--key-file F", &typed, e) <
			0
		    ? -1
		    : reccode_parse(buf_bytes(&typed), RECCODE_KEY, code, e);
	if (recovery_all(a->self, list, &n, e) < 0)
		return -1;
	const struct recovery_info *kit =
	    cli_recovery_of(*list, n, RECOVERY_KIT);
	if (kit == NULL || kit->waits)
		return err_set(e, ERR_NOT_FOUND, "no paper kit is in force");
	a->kit = &kit->keyref;
	return cli_kit_code(cli, &o->kit_files, code, e);
}

static int
account_delete(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct deleting *o = options;
	OWN(self_free) struct self *s = NULL;
	OWN(mem_free) struct recovery_info *list = NULL;
	OWN(secret_free) struct secret *code = NULL;

	if (cli_recovery_open(cli, &s, e) < 0 || sure(cli, s, e) < 0)
		return -1;
	struct asking a = { .self = s };
	if (take_code(cli, o, &a, &list, &code, e) < 0)
		return -1;
	a.code = code;
	if (cli_stepped(cli, s->remote, &o->proof, ask, &a, e) < 0)
		return -1;
	OWN(mem_free) char *when = cli_time(a.ends_ms);
	cli_say(cli,
	    "The account ends %s. Until then each of its devices can keep it: "
	    "aumbry account keep",
	    when);
	return 0;
}

static int
account_keep(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *answer = NULL;

	(void)options;
	if (cli_account(cli, &a, e) < 0 ||
	    control_call(
		a.remote, "DELETE", "/v1/account/close", NULL, &answer, e) < 0)
		return -1;
	cli_say(cli,
	    "The account is kept. If it was not you who wanted it to end: "
	    "aumbry log, aumbry device list, aumbry password change");
	return 0;
}

char *
cli_closing_words(const json_t *account)
{
	const json_t *closing = json_object_get(account, "closing");
	OWN(buf_free) struct buf text = { 0 };
	struct err ignored;
	uint64_t ends_ms;
	struct id by;

	if (closing == NULL ||
	    jsonio_u64(closing, "ends_ms", &ends_ms, &ignored) < 0)
		return NULL;
	OWN(mem_free) char *when = cli_time(ends_ms);
	buf_printf(&text,
	    "this account ends %s, with all that the server has "
	    "of it; %s",
	    when,
	    jsonio_id(closing, "dev_id", &by, &ignored) == 0
		? "to keep it: aumbry account keep"
		: "who runs the server wants that: ask them");
	return mem_text(buf_text(&text));
}

void
cli_closing_say(struct cli *cli)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *account = NULL;
	struct err ignored;

	if (cli_account(cli, &a, &ignored) < 0 ||
	    control_call(
		a.remote, "GET", "/v1/account", NULL, &account, &ignored) < 0)
		return;
	OWN(mem_free) char *words = cli_closing_words(account);
	if (words != NULL)
		cli_warn("Beware: %s.", words);
}

static const struct cmd_option delete_options[] = {
	{ "key-file", CMD_TEXT, offsetof(struct deleting, key_file), "FILE",
	    "the recovery key, where there is one, instead of typing it" },
	{ "kit-file", CMD_LIST, offsetof(struct deleting, kit_files), "FILE",
	    "a sheet of the paper kit instead of a recovery key; twice" },
	CLI_PROOF(struct deleting, proof),
};

const struct cmd cli_closing[] = {
	{ "account delete", "", "end the account, after a wait of days",
	    account_delete, CMD_OPTIONS(delete_options, struct deleting) },
	{ "account keep", "", "take that back, on any device", account_keep },
	{ 0 },
};
