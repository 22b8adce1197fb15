/* SPDX-License-Identifier: ISC */
/* daemon.c: aumbryd: the table of commands. */
#include "aumbryd/daemon.h"

#include "base/file.h"

#include <sys/resource.h>

#define SERVER "Server"
#define ACCOUNTS "Accounts"
#define COPIES "Copies"

static const struct cmd_set sets[] = {
	{ SERVER, "init", NULL, daemon_init },
	{ SERVER, "serve", NULL, daemon_serve },
	{ SERVER, "status", NULL, daemon_status },
	{ SERVER, "check", NULL, daemon_check },
	{ SERVER, "identity", "the key by which devices know this server",
	    daemon_identity },
	{ ACCOUNTS, "invite", NULL, daemon_invite },
	{ ACCOUNTS, "account", "the accounts of this server", daemon_account },
	{ COPIES, "backup", NULL, daemon_backup },
	{ COPIES, "restored", NULL, daemon_restored },
	{ COPIES, "upgrade", NULL, daemon_upgrade },
};

static const struct cmd_option globals[] = {
	CMD_GLOBAL_VERBOSE,
};

static const struct cmd_program program = { .name = "aumbryd",
	.about = "the server of a personal cloud, which cannot read it",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.globals = globals,
	.n_globals = ARRAY_SIZE(globals) };

int
main(int argc, char **argv)
{
	struct cmd_line line = { 0 };
	struct rlimit files;

	file_hold_std();
	cmd_harden();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return cmd_main(&program, &line, argc, argv);
}
