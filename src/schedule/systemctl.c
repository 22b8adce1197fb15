/* SPDX-License-Identifier: ISC */
/* systemctl.c: running it, with what it needs to find its manager. */
#include "schedule/systemctl.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* *pid: of the program, whose words go nowhere. */
static bool
begin(const char *const *argv, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t pipe_only;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigdefault(&attr, &pipe_only);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_addopen(
	    &files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(
	    &files, STDIN_FILENO, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(
	    &files, STDIN_FILENO, STDERR_FILENO);
	int rc = posix_spawnp(pid, argv[0], &files, &attr,
	    (char *const *)(const void *)argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return rc == 0;
}

static bool
run(const char *const *argv)
{
	pid_t pid;
	int status;

	if (!begin(argv, &pid))
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
