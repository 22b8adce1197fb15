/* SPDX-License-Identifier: ISC */
/* cli.c: aumbry: the table of commands, global flags, errors, exit status. */
#include "cmd/cli.h"

#include "wire/errjson.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const struct command {
	const char *name, *usage, *about;
	cli_fn *run;
} commands[] = {
	{ "signup",
	    "URL NAME [--invite CODE] [--device-name N] "
	    "[--protection standard|advanced] [--no-two-factor]",
	    "make an account on a server", cli_signup },
	{ "signin",
	    "URL NAME [--device-name N] [--code CODE] "
	    "[--with device|authenticator|text|call|key] [--device PATH] "
	    "[--pin-file F] [--timeout SPAN]",
	    "join an account with this device", cli_signin },
	{ "signout", "[--erase]", "forget the account on this device",
	    cli_signout },
	{ "status", "", "account, device, two-factor, storage, last backup",
	    cli_status },
	{ "step-up",
	    "[--with authenticator|text|call|key] [--code CODE] [--device "
	    "PATH] "
	    "[--pin-file F]",
	    "prove the password, and a factor, for the next 5 minutes",
	    cli_step_up },
	{ "password", "change [--new-password-file F] [--code CODE]",
	    "change the account's password", cli_password_change },
	{ "two-factor", "status | on | off [--code CODE]",
	    "the account's second factor", cli_two_factor },
	{ "authenticator",
	    "add [--secret-file F] [--code CODE] | confirm CODE | "
	    "remove [--code CODE]",
	    "codes from an app", cli_authenticator },
	{ "phone",
	    "add NUMBER [--call] [--code CODE] | confirm CODE | list | "
	    "remove NUMBER [--code CODE]",
	    "codes by text message or phone call", cli_phone },
	{ "security-key",
	    "add [--name N] | list | remove NAME | remove --all | "
	    "pin [--new-pin-file F]\n         [--device PATH] "
	    "[--pin-file F] [--code CODE]",
	    "keys that take the place of every code", cli_security_key },
	{ "mail",
	    "add ADDRESS [--code CODE] | confirm CODE | list | "
	    "remove ADDRESS [--code CODE]",
	    "where notices of the account's security go", cli_mail },
	{ "app-password",
	    "create LABEL --scope mail|dav|files[:ro][:/FOLDER] "
	    "[--expires SPAN] [--code CODE] | list | revoke ID | revoke --all",
	    "passwords for programs that know no second factor",
	    cli_app_password },
	{ "device",
	    "list | requests | approve [ID] [--print-code] "
	    "[--timeout SPAN] | refuse [ID] | rename NAME | "
	    "remove NAME|ID [--code CODE] | adopt",
	    "the account's devices", cli_device },
	{ "agent", "", "stay, and tell when a device asks to join", cli_agent },
	{ "session", "list | end ID", "who is signed in now", cli_session },
	{ "protection",
	    "[show | standard | advanced | reencrypt [--dry-run] | web on|off] "
	    "[--code CODE]",
	    "who can open the account's data", cli_protection },
	{ "visit",
	    "ask [--code CODE] [--timeout SPAN] | list | approve [ID] "
	    "[--print-code] [--timeout SPAN] | refuse [ID]",
	    "let a sign-in by a code read for an hour", cli_visit },
	{ "recovery",
	    "status | key create|rotate|remove [--out F] | kit "
	    "create|rotate|remove [--out DIR] | contact add NAME [--out F] | "
	    "contact list | contact remove NAME | contact accept OWNER "
	    "[--key-file F] | contact forget OWNER | assist OWNER [ID] "
	    "[--print-code] [--timeout SPAN] | assist OWNER --drill | drill "
	    "[--key-file F] [--kit | --kit-file F --kit-file F] | stop [ID] | "
	    "allow [ID] | veto [--code CODE]",
	    "ways back in without a device", cli_recovery },
	{ "recover",
	    "URL NAME [--key-file F | --kit | --kit-file F --kit-file F | "
	    "--contact | --operator] [--device-name N] [--timeout SPAN] "
	    "[--new-password-file F] [--keep-devices] | --continue | --cancel",
	    "get back into an account without a device", cli_recover },
	{ "log", "[--since SPAN]", "the account's security log", cli_log },
	{ "backup",
	    "[PATH…] [--tag T] [--exclude P] [--exclude-from F] "
	    "[--one-file-system] [--secret P] [--dry-run] [--verify] "
	    "[--to DIR]",
	    "back up files (your home without PATH)", cli_backup },
	{ "snapshot",
	    "list [--host H] [--tag T] | show ID | diff ID ID | "
	    "tag ID [--add T] [--remove T] | forget ID… | "
	    "forget --keep-last|hourly|daily|weekly|monthly|yearly N "
	    "[--keep-within SPAN] [--keep-tag T] [--host H] [--tag T] "
	    "[--dry-run]",
	    "the backups there are", cli_snapshot },
	{ "restore",
	    "ID[:PATH] --to DIR [--include P] [--dry-run] "
	    "[--overwrite never|older|always]",
	    "give back a snapshot or a part of it", cli_restore },
	{ "ls", "[-l|--long] ID[:PATH]", "list a directory of a snapshot",
	    cli_ls },
	{ "cat", "ID:PATH", "write a file of a snapshot to standard output",
	    cli_cat },
	{ "find", "PATTERN", "find files in all snapshots", cli_find },
	{ "mount", "DIR", "show all snapshots as folders, read-only",
	    cli_mount },
	{ "prune", "[--grace SPAN] [--max-unused PERCENT] [--dry-run]",
	    "delete what no snapshot needs", cli_prune },
	{ "check", "[--read[=PERCENT]]", "are all snapshots there and whole?",
	    cli_check },
	{ "repair", "[--read[=PERCENT]] [--yes] [--after-server-restore]",
	    "take what is lost out of the index, keep all else", cli_repair },
};

static void
help(FILE *to)
{
	(void)fprintf(to,
	    "usage: aumbry [--home DIR] [--json] [--quiet] [--yes] "
	    "[--password-file FILE]\n              [--repo DIR "
	    "[--repo-password-file FILE]] COMMAND …\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(
		    to, "  %-14s %s\n", commands[i].name, commands[i].about);
	(void)fprintf(to, "\nHelp on one: aumbry COMMAND --help\n");
}

static void
help_on(const struct command *c)
{
	(void)printf(
	    "usage: aumbry %s %s\n\n%s\n", c->name, c->usage, c->about);
}

static const struct command *
find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int
report(const struct cli *cli, const struct err *e)
{
	if (cli->json) {
		OWN(buf_free) struct buf b = { 0 };
		errjson_make(e, bytes_str(""), &b);
		(void)printf("%s\n", buf_text(&b));
	}
	(void)fprintf(stderr, "aumbry: %s\n%s\n(%s)\n", e->msg, err_fix(e),
	    err_name(e->code));
	return err_exit(e->code);
}

/* Nothing secret reaches a core file; a closed pipe is an error, no death. */
static void
harden(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int
take_value(int argc, char **argv, int *i, const char **out, struct err *e)
{
	if (*i + 1 >= argc)
		return err_set(e, ERR_USAGE, "%s needs a value", argv[*i]);
	*out = argv[++*i];
	return 0;
}

/* Global flags may stand anywhere; the rest is the command's. */
static int
split_globals(struct cli *cli, int argc, char **argv, const char **name,
    bool *wants_help, struct err *e)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		int rc = 0;
		if (strcmp(a, "--home") == 0)
			rc = take_value(argc, argv, &i, &cli->home, e);
		else if (strcmp(a, "--password-file") == 0)
			rc = take_value(argc, argv, &i, &cli->password_file, e);
		else if (strcmp(a, "--repo") == 0)
			rc = take_value(argc, argv, &i, &cli->repo, e);
		else if (strcmp(a, "--repo-password-file") == 0)
			rc = take_value(
			    argc, argv, &i, &cli->repo_password_file, e);
		else if (strcmp(a, "--device") == 0)
			rc = take_value(argc, argv, &i, &cli->device, e);
		else if (strcmp(a, "--pin-file") == 0)
			rc = take_value(argc, argv, &i, &cli->pin_file, e);
		else if (strcmp(a, "--json") == 0)
			cli->json = true;
		else if (strcmp(a, "--quiet") == 0)
			cli->quiet = true;
		else if (strcmp(a, "--yes") == 0)
			cli->yes = true;
		else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0)
			*wants_help = true;
		else if (*name == NULL && a[0] != '-')
			*name = a;
		else
			cli->args[cli->n_args++] = argv[i];
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
find_home(struct cli *cli, char **usual, struct err *e)
{
	bool was_open;

	if (cli->home != NULL && cli->home[0] == '\0')
		return err_set(e, ERR_USAGE, "--home is empty");
	if (cli->home == NULL && home_default(usual, e) < 0)
		return -1;
	if (cli->home == NULL)
		cli->home = *usual;
	if (home_ready(cli->home, &was_open, e) < 0)
		return -1;
	if (was_open)
		cli_say(cli,
		    "Other users of this machine could read the device's keys "
		    "at %s; they cannot any more.\nIf somebody may have, let "
		    "this device in anew: aumbry signout --erase, then: aumbry "
		    "signin",
		    cli->home);
	return 0;
}

static int
run(struct cli *cli, int argc, char **argv)
{
	const char *name = NULL;
	bool wants_help = false;
	OWN(mem_free) char *usual = NULL;
	struct err e = { 0 };

	if (split_globals(cli, argc, argv, &name, &wants_help, &e) < 0)
		return report(cli, &e);
	if (name == NULL && cli->n_args > 0 &&
	    strcmp(cli->args[0], "--version") == 0) {
		(void)printf("aumbry %s\n", VERSION);
		return 0;
	}
	const struct command *c = name != NULL ? find(name) : NULL;
	if (c == NULL && (name == NULL || strcmp(name, "help") == 0)) {
		help(wants_help || name != NULL ? stdout : stderr);
		return wants_help || name != NULL ? 0 : 2;
	}
	if (c == NULL) {
		(void)err_set(
		    &e, ERR_USAGE, "there is no command \"%s\"", name);
		return report(cli, &e);
	}
	if (wants_help) {
		help_on(c);
		return 0;
	}
	if (find_home(cli, &usual, &e) < 0)
		return report(cli, &e);
	if (c->run(cli, &e) < 0) {
		if (e.code == ERR_USAGE && e.remedy[0] == '\0')
			(void)err_remedy(
			    &e, "usage: aumbry %s %s", c->name, c->usage);
		return report(cli, &e);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)err_set(&e, ERR_IO, "standard output was closed");
		return report(cli, &e);
	}
	return cli->status;
}

int
main(int argc, char **argv)
{
	struct cli cli = { 0 };

	harden();
	cli.args = mem_array((size_t)argc + 1, sizeof *cli.args);
	int status = run(&cli, argc, argv);
	free(cli.args);
	return status;
}
