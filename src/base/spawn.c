/* SPDX-License-Identifier: ISC */
/* spawn.c: posix_spawn, and what a child must not inherit. */
#include "base/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <unistd.h>

static void
set_attributes(posix_spawnattr_t *attr, bool own_group)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_init(attr);
	(void)posix_spawnattr_setsigmask(attr, &none);
	(void)posix_spawnattr_setsigdefault(attr, &all);
	(void)posix_spawnattr_setpgroup(attr, 0);
	(void)posix_spawnattr_setflags(
	    attr, own_group ? (short)(flags | POSIX_SPAWN_SETPGROUP) : flags);
}

int
spawn_begin(const struct spawn *s, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;

	set_attributes(&attr, s->own_group);
	(void)posix_spawn_file_actions_init(&files);
	for (int i = 0; i < 3; i++)
		if (s->fds[i] >= 0)
			(void)posix_spawn_file_actions_adddup2(
			    &files, s->fds[i], i);
		else
			(void)posix_spawn_file_actions_addopen(
			    &files, i, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_addclosefrom_np(
	    &files, STDERR_FILENO + 1);
	int rc = posix_spawnp(pid, s->argv[0], &files, &attr,
	    (char *const *)(uintptr_t)s->argv,
	    s->env != NULL ? s->env : environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return rc;
}
