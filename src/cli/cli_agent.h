/* SPDX-License-Identifier: ISC */
/* cli_agent.h: what the parts of the agent share. */
#pragma once

#include "cli/cli.h"
#include "cli/desktop.h"

struct agent {
	struct cli *cli;
	struct self *self;
	struct desktop *desktop; /* NULL: no desktop session */
	uint64_t since_ms; /* of the newest request to join that was told */
	uint64_t compared_ms; /* the same, of those to compare */
	int64_t looked_ms; /* when contacts were looked at */
	uint64_t told_ms; /* of the newest alert that was told */
};

/* ---- cli_agent_people.c ---- */

/* Contacts that want to compare: each is asked about once, and shown a code when
 * that is allowed. */
MUST_CHECK int cli_agent_compare(struct agent *a, struct err *e);
/* Once an hour: is all as it was with the contacts? What is not is told. */
MUST_CHECK int cli_agent_look(struct agent *a, struct err *e);
