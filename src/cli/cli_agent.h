/* SPDX-License-Identifier: ISC */
/* cli_agent.h: what the parts of the agent share. */
#pragma once

#include "base/idset.h"
#include "cli/cli.h"
#include "cli/desktop.h"
#include "mail/mail.h"

struct agent {
	struct cli *cli;
	struct self *self;
	struct desktop *desktop; /* NULL: no desktop session */
	struct mail *mail; /* NULL: none is had, or not now */
	bool unread_told, wrong_told;
	struct idset told; /* while there is no mail: what was told */
	int64_t mail_again_ms; /* then it is tried again */
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

/* ---- cli_agent_mail.c ---- */

/* Tell what came, and file what waits long enough. */
MUST_CHECK int cli_agent_mail(struct agent *a, struct err *e);
/* Close it, to be opened anew; what was told is kept. */
void cli_agent_mail_lose(struct agent *a);
