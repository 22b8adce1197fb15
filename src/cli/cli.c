/* SPDX-License-Identifier: ISC */
/* cli.c: aumbry: the table of commands, global flags, errors, exit status. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/stop.h"
#include "base/version.h"
#include "wire/errjson.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

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
	{ "two-factor", "status | on | off | lost | not-lost [--code CODE]",
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
	    "[--expires SPAN] [--code CODE] | list | revoke ID|LABEL | "
	    "revoke --all",
	    "passwords for programs that know no second factor",
	    cli_app_password },
	{ "device",
	    "list | requests | approve [ID] [--print-code] "
	    "[--timeout SPAN] | refuse [ID] | allow-again | rename NAME | "
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
	    "[--to DIR [--new]]",
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
	    "[--overwrite never|older|always] [--numeric-ids] "
	    "[--host H] [--path P]",
	    "give back a snapshot or a part of it", cli_restore },
	{ "ls", "[-l|--long] ID[:PATH] [--host H] [--path P]",
	    "list a directory of a snapshot", cli_ls },
	{ "cat", "ID:PATH [--host H] [--path P]",
	    "write a file of a snapshot to standard output", cli_cat },
	{ "find", "PATTERN", "find files in all snapshots", cli_find },
	{ "mount", "DIR", "show all snapshots as folders, read-only",
	    cli_mount },
	{ "prune",
	    "[--grace SPAN] [--max-unused PERCENT] [--end-runs] [--dry-run]",
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
	(void)fprintf(to, "\nHelp on one: aumbry help COMMAND\n");
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
	/* Who stopped it knows why it ends. */
	stop_end();
	if (cli->json) {
		OWN(buf_free) struct buf b = { 0 };
		errjson_make(e, bytes_str(""), &b);
		(void)printf("%s\n", buf_text(&b));
	}
	(void)fprintf(stderr, "aumbry: %s%s\n%s%s\n(%s)\n",
	    e->heard ? "the server says: " : "", e->msg,
	    e->remedy_heard ? "The server advises:\n" : "", err_fix(e),
	    err_name(e->code));
	return err_exit(e->code);
}

/* Whoever read the output has enough of it: end as other programs do. */
static ssize_t
write_out(void *ctx, const char *p, size_t n)
{
	(void)ctx;
	for (size_t at = 0; at < n;) {
		ssize_t wrote = write(STDOUT_FILENO, p + at, n - at);
		if (wrote >= 0) {
			at += (size_t)wrote;
		} else if (errno == EPIPE) {
			(void)signal(SIGPIPE, SIG_DFL);
			(void)raise(SIGPIPE);
		} else if (errno != EINTR) {
			return 0;
		}
	}
	return (ssize_t)n;
}

/* A closed connection is an error, a closed standard output an end: the signal
 * cannot tell them apart. */
static void
open_output(void)
{
	static const cookie_io_functions_t io = { .write = write_out };
	FILE *out = fopencookie(NULL, "w", io);

	if (out == NULL)
		abort();
	(void)setvbuf(
	    out, NULL, isatty(STDOUT_FILENO) != 0 ? _IOLBF : _IOFBF, BUFSIZ);
	stdout = out;
}

/* Nothing secret reaches a core file; a closed pipe and a file that may not
 * grow are errors, no death. */
static void
harden(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
#ifdef M_MMAP_THRESHOLD
	/* Or the C library keeps what was large and is given back. */
	(void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
#endif
}

/* "aumbry help COMMAND"; without one, all of them. */
static int
run_help(struct cli *cli)
{
	const struct command *c = NULL;
	struct err e = { 0 };

	if (cli->n_args == 0) {
		help(stdout);
		return 0;
	}
	c = find(cli->args[0]);
	if (c == NULL) {
		(void)err_set(
		    &e, ERR_USAGE, "there is no command \"%s\"", cli->args[0]);
		return report(cli, &e);
	}
	help_on(c);
	return 0;
}

static int
run_command(struct cli *cli, const struct command *c)
{
	struct err e = { 0 };

	if (c->run(cli, &e) < 0) {
		if (cli->wants_help) {
			help_on(c);
			return 0;
		}
		if (e.code == ERR_USAGE && e.remedy[0] == '\0')
			(void)err_remedy(
			    &e, "usage: aumbry %s %s", c->name, c->usage);
		return report(cli, &e);
	}
	return cli->status;
}

static int
run(struct cli *cli, int argc, char **argv)
{
	const char *name = NULL;
	struct err e = { 0 };

	if (cli_command(cli, argc, argv, &name, &e) < 0)
		return report(cli, &e);
	if (cli->wants_version) {
		(void)printf("aumbry %s\n", AUMBRY_VERSION);
		return 0;
	}
	if (name == NULL) {
		help(cli->wants_help ? stdout : stderr);
		return cli->wants_help ? 0 : 2;
	}
	if (strcmp(name, "help") == 0)
		return run_help(cli);
	const struct command *c = find(name);
	if (c == NULL) {
		(void)err_set(
		    &e, ERR_USAGE, "there is no command \"%s\"", name);
		return report(cli, &e);
	}
	return run_command(cli, c);
}

/* What was printed has arrived, or what failed has said why already. */
static int
flush(struct cli *cli, int status)
{
	struct err e = { 0 };

	return file_printed(&e) < 0 && status == 0 ? report(cli, &e) : status;
}

int
main(int argc, char **argv)
{
	struct cli cli = { 0 };

	file_hold_std();
	harden();
	open_output();
	stop_watch();
	cli.args = mem_array((size_t)argc + 1, sizeof *cli.args);
	int status = flush(&cli, run(&cli, argc, argv));
	free(cli.args);
	if (status != 0)
		stop_order_die();
	for (size_t i = 0; i < cli.n_kept; i++)
		free(cli.kept[i]);
	free(cli.kept);
	stop_end();
	return status;
}
