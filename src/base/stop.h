/* SPDX-License-Identifier: ISC */
/* stop.h: Ctrl-C and SIGTERM while something waits. */
/*
 * A wait that has begun something which others see (a request, a prompt, a code
 * that is shown) is guarded: the first signal ends the wait as if its time were
 * up, so that what was begun is taken back on the usual way out, and the
 * program then dies of the signal. A second one, or one without a guard, does so
 * at once.
 */
#pragma once

#include <stdbool.h>

/* Take SIGINT, SIGTERM, SIGHUP and SIGQUIT, but those that are ignored. */
void stop_watch(void);

/* Leave them as they were: who comes next has handlers of its own, and puts
 * them only where there is none. */
void stop_unwatch(void);

/* Guards nest. */
void stop_guard(void);
void stop_unguard(void);

/* A guarded wait is to end. Stays true. */
bool stop_asked(void);

/* Die of the signal that asked, if one did. */
void stop_end(void);

/*
 * A command that ends in order: from here on the first signal is only noted, and
 * nothing is cut off, nor a wait; a second one ends the program.
 */
void stop_order_begin(void);
bool stop_order_asked(void);
void stop_order_end(void);
/* Die of the signal that was noted, so that the caller sees it. */
void stop_order_die(void);
