/* SPDX-License-Identifier: ISC */
/* systemctl.c: running it, with what it needs to find its manager. */
#include "schedule/systemctl.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
run(const char *const *argv)
{
	pid_t pid;
	int status;

	if (spawn_begin(&(struct spawn){ .argv = argv, .fds = { -1, -1, -1 } },
		&pid) != 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A cron job, or a shell that su began, has none. */
static void
find_runtime(void)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/run/user/%u", (unsigned)geteuid());
	if (getenv("XDG_RUNTIME_DIR") == NULL && file_exists(buf_text(&path)))
		(void)setenv("XDG_RUNTIME_DIR", buf_text(&path), 0);
}

bool
systemctl(bool system, const char *verb, const char *option, const char *unit)
{
	const char *argv[6] = { "systemctl", system ? "--system" : "--user",
		verb };
	size_t n = 3;

	if (!system)
		find_runtime();
	if (option != NULL)
		argv[n++] = option;
	if (unit != NULL)
		argv[n++] = unit;
	return run(argv);
}

bool
systemctl_linger(void)
{
	static const char *const argv[] = { "loginctl", "--no-ask-password",
		"enable-linger", NULL };

	return run(argv);
}
