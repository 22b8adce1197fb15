/* SPDX-License-Identifier: ISC */
/* cli.c: aumbry: the table of commands, and what they all have in common. */
#include "cli/cli_drive.h"

#include "base/file.h"
#include "base/stop.h"
#include "link/homedir.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCOUNT "Account"
#define DEVICES "Devices and sessions"
#define FACTORS "Two-factor"
#define PEOPLE "People"
#define RECOVERY "Protection and recovery"
#define BACKUP "Backup"
#define DRIVE "Drive"

static const struct cmd_set sets[] = {
	{ ACCOUNT, "signup", NULL, cli_signup },
	{ ACCOUNT, "signin", NULL, cli_signin },
	{ ACCOUNT, "signout", NULL, cli_signout },
	{ ACCOUNT, "status", NULL, cli_status },
	{ ACCOUNT, "log", NULL, cli_log },
	{ ACCOUNT, "server", "where this device finds its server", cli_server },
	{ ACCOUNT, "step-up", NULL, cli_step_up },
	{ ACCOUNT, "password", NULL, cli_password_change },
	{ ACCOUNT, "mail", "where notices of the account's security go",
	    cli_mail },
	{ ACCOUNT, "account", "the end of the account", cli_closing },
	{ ACCOUNT, "app-password",
	    "passwords for programs that know no second factor",
	    cli_app_password },
	{ FACTORS, "two-factor", "the account's second factor",
	    cli_two_factor },
	{ FACTORS, "authenticator", "codes from an app", cli_authenticator },
	{ FACTORS, "phone", "codes by text message or phone call", cli_phone },
	{ FACTORS, "security-key", "keys that take the place of every code",
	    cli_security_key },
	{ DEVICES, "device", "the account's devices", cli_device },
	{ DEVICES, "session", "who is signed in now", cli_session },
	{ DEVICES, "visit", "let a sign-in by a code read for an hour",
	    cli_visit },
	{ DEVICES, "agent", NULL, cli_agent },
	{ PEOPLE, "contact",
	    "other people, and whether their devices are theirs", cli_contact },
	{ PEOPLE, "verify", "make sure who a contact is", cli_verify },
	{ PEOPLE, "message", "write to each other, read by your devices alone",
	    cli_message },
	{ RECOVERY, "protection", "who can open the account's data",
	    cli_protection },
	{ RECOVERY, "recovery", "ways back in without a device", cli_recovery },
	{ RECOVERY, "recover", NULL, cli_recover },
	{ BACKUP, "backup", "back up files, by hand or by itself", cli_backup },
	{ BACKUP, "snapshot", "the backups there are", cli_snapshot },
	{ BACKUP, "restore", NULL, cli_restore },
	{ BACKUP, "ls", NULL, cli_ls },
	{ BACKUP, "cat", NULL, cli_cat },
	{ BACKUP, "find", NULL, cli_find },
	{ BACKUP, "mount", NULL, cli_mount },
	{ BACKUP, "export", NULL, cli_export },
	{ BACKUP, "prune", NULL, cli_prune },
	{ BACKUP, "check", NULL, cli_check },
	{ BACKUP, "repair", NULL, cli_repair },
	{ DRIVE, "drive", "files that are the same on all devices", cli_drive },
};

#define AT(field) offsetof(struct cli, field)
static const struct cmd_option globals[] = {
	{ "home", CMD_TEXT, AT(home), "DIR",
	    "where this device keeps its key and memory" },
	{ "password-file", CMD_TEXT, AT(password_file), "FILE",
	    "read the password from its first line; - is standard input" },
	{ "repo", CMD_TEXT, AT(repo), "DIR",
	    "use a repository in a folder instead of the account" },
	{ "repo-password-file", CMD_TEXT, AT(repo_password_file), "FILE",
	    "the same for the repository's password" },
	{ "device", CMD_TEXT, AT(device), "PATH",
	    "which security key; the one that is plugged in, unless given" },
	{ "pin-file", CMD_TEXT, AT(pin_file), "FILE",
	    "read the security key's PIN from its first line" },
	CMD_GLOBAL_JSON,
	{ "quiet", CMD_FLAG, AT(quiet), NULL, "no words but errors" },
	{ "yes", CMD_FLAG, AT(yes), NULL, "do not ask" },
	CMD_GLOBAL_VERBOSE,
};

/* Before anything is done at it. */
static int
find_home(void *line, struct err *e)
{
	struct cli *cli = line;
	OWN(mem_free) char *usual = NULL;
	bool was_open;

	if (cli->home == NULL) {
		if (homedir_default(&usual, e) < 0)
			return -1;
		cli->home = cli_keep(cli, usual);
	}
	if (homedir_ready(cli->home, &was_open, e) < 0)
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

static const struct cmd_program program = { .name = "aumbry",
	.about = "a personal cloud that its own server cannot read",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.globals = globals,
	.n_globals = ARRAY_SIZE(globals),
	.ready = find_home };

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

int
main(int argc, char **argv)
{
	struct cli_kept kept = { NULL, 0 };
	struct cli cli = { .kept = &kept };

	file_hold_std();
	cmd_harden();
#ifdef M_MMAP_THRESHOLD
	/* Or the C library keeps what was large and is given back. */
	(void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
#endif
	open_output();
	stop_watch();
	int status = cmd_main(&program, &cli.line, argc, argv);
	if (status != 0)
		stop_order_die();
	for (size_t i = 0; i < kept.n; i++)
		free(kept.items[i]);
	free(kept.items);
	stop_end();
	return status;
}
