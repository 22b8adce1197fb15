/* SPDX-License-Identifier: ISC */
/* cli_stop.c: Ctrl-C and its like, for commands that take back what they did. */
#include "cmd/cli.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
static atomic_bool stop;
static volatile sig_atomic_t came; /* which; 0: none */

static void
note(int number)
{
	static const char words[] =
	    "\naumbry: ending in order; once more ends it at once\n";

	came = number;
	atomic_store(&stop, true);
	if (isatty(STDERR_FILENO))
		(void)!write(STDERR_FILENO, words, sizeof words - 1);
}

bool
cli_stop_asked(void)
{
	return atomic_load(&stop);
}

void
cli_stop_begin(void)
{
	/* A second one ends the program as it does elsewhere. */
	struct sigaction act = { .sa_handler = note,
		.sa_flags = SA_RESTART | (int)SA_RESETHAND };
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		/* What nohup and its like ignore stays ignored. */
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &act, NULL);
}

void
cli_stop_end(void)
{
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler == note)
			(void)signal(signals[i], SIG_DFL);
}

void
cli_stop_die(void)
{
	if (came == 0)
		return;
	(void)signal(came, SIG_DFL);
	(void)raise(came);
}
