/* SPDX-License-Identifier: ISC */
/* stop.c: the handler of what ends a program, and its words of state. */
#include "base/stop.h"

#include "base/own.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define ORDERLY 3 /* of them: whoever sends SIGQUIT wants it at once */
static atomic_int guards;
static atomic_int asked, noted; /* the signal's number; 0: none */

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

static void
note(int sig)
{
	static const char words[] =
	    "\naumbry: ending in order; once more ends it at once\n";

	int was = errno; /* of whoever is interrupted */

	atomic_store(&noted, sig);
	if (isatty(STDERR_FILENO))
		(void)!write(STDERR_FILENO, words, sizeof words - 1);
	errno = was;
}

/* What nohup and its like ignore stays ignored. */
static void
take(size_t n, void (*handler)(int), int flags)
{
	struct sigaction now = { .sa_handler = handler, .sa_flags = flags };
	struct sigaction before;

	(void)sigemptyset(&now.sa_mask);
	for (size_t i = 0; i < n; i++)
		if (sigaction(ends[i], NULL, &before) == 0 &&
		    before.sa_handler != SIG_IGN)
			(void)sigaction(ends[i], &now, NULL);
}

static void
leave(void (*handler)(int))
{
	struct sigaction now;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigaction(ends[i], NULL, &now) == 0 &&
		    now.sa_handler == handler)
			(void)signal(ends[i], SIG_DFL);
}

void
stop_watch(void)
{
	/* Without SA_RESTART: what waits for a line or a touch comes back. */
	take(ARRAY_SIZE(ends), heard, 0);
}

void
stop_unwatch(void)
{
	leave(heard);
}

void
stop_order_begin(void)
{
	/* A second one ends the program as it does elsewhere. */
	take(ORDERLY, note, SA_RESTART | (int)SA_RESETHAND);
}

bool
stop_order_asked(void)
{
	return atomic_load(&noted) != 0;
}

void
stop_order_end(void)
{
	leave(note);
}

void
stop_order_die(void)
{
	int sig = atomic_load(&noted);

	if (sig != 0)
		die_of(sig);
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
