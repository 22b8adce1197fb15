/* SPDX-License-Identifier: ISC */
/* self_wait.h: one wait for all that a device follows. */
/*
 * It holds no lock and no copy: other threads pull and commit meanwhile, by the
 * same self. One request waits at the server for all of it.
 */
#pragma once

#include "client/self.h"

#include <stdatomic.h>

struct self_wait_zone {
	struct id zone;
	uint64_t seq; /* that is here */
	bool news; /* the server has another: pull */
};

struct self_wait {
	struct self_wait_zone *zones; /* up to LIMIT_WAIT_ZONES; borrowed */
	size_t n;
	bool joins; /* also for requests to join that came later than */
	uint64_t joins_since_ms;
	bool verify; /* and for somebody who wants to compare, later than */
	uint64_t verify_since_ms;
	bool inbox; /* and for letters: another top than */
	uint64_t inbox_top;
	unsigned wait_s; /* up to LIMIT_POLL_S; 0: only ask */
	const atomic_bool *ends; /* another thread ends it; or NULL */

	/* What is news beside zones; set by the call. */
	bool circle; /* self_refresh */
	bool asked; /* somebody asks to join: pair_requests */
	bool letters; /* something came: mail.h; inbox_top is the new one */
	bool compared; /* somebody asks to compare: compare_requests */
};

/*
 * Wait until the server has other than this device knows: of one of the zones,
 * of the circle, or a request to join. Without any it ends after wait_s, or
 * within a second of *ends or of a signal (base/stop.h). Connected.
 *
 * errors   server-unreachable, and those of a session.
 * threads  any, one of a self at a time.
 */
MUST_CHECK int self_wait(struct self *s, struct self_wait *w, struct err *e);
