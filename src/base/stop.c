/* SPDX-License-Identifier: ISC */
/* stop.c: the handler of what ends a program, and its two words of state. */
#include "base/stop.h"

#include "base/own.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static atomic_int guards, asked; /* asked: the signal's number */

static void
die_of(int sig)
{
	sigset_t just;

	(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&just);
	(void)sigaddset(&just, sig);
	(void)sigprocmask(SIG_UNBLOCK, &just, NULL);
	(void)raise(sig);
}

static void
heard(int sig)
{
	int none = 0;

	if (atomic_load(&guards) == 0 ||
	    !atomic_compare_exchange_strong(&asked, &none, sig))
		die_of(sig);
}

void
stop_watch(void)
{
	/* Without SA_RESTART: what waits for a line or a touch comes back. */
	struct sigaction now = { .sa_handler = heard }, before;

	(void)sigemptyset(&now.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigaction(ends[i], NULL, &before) == 0 &&
		    before.sa_handler != SIG_IGN)
			(void)sigaction(ends[i], &now, NULL);
}

void
stop_unwatch(void)
{
	struct sigaction now;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigaction(ends[i], NULL, &now) == 0 &&
		    now.sa_handler == heard)
			(void)signal(ends[i], SIG_DFL);
}

void
stop_guard(void)
{
	(void)atomic_fetch_add(&guards, 1);
}

void
stop_unguard(void)
{
	(void)atomic_fetch_sub(&guards, 1);
}

bool
stop_asked(void)
{
	return atomic_load(&asked) != 0;
}

void
stop_end(void)
{
	int sig = atomic_load(&asked);

	if (sig != 0)
		die_of(sig);
}
