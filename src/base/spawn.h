/* SPDX-License-Identifier: ISC */
/* spawn.h: another program, with nothing of ours. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct spawn {
	const char *const *argv; /* NULL ends it; found by PATH */
	char *const *env; /* NULL: as ours */
	int fds[3]; /* its standard files; -1: /dev/null */
	bool own_group; /* a process group of its own */
};

/*
 * Start it: of open files it has those three, no signal is blocked, and each
 * does what it does to a program that said nothing.
 *
 * returns 0, or an error number of the system.
 */
int spawn_begin(const struct spawn *s, pid_t *pid);
