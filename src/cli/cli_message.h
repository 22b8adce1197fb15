/* SPDX-License-Identifier: ISC */
/* cli_message.h: what the parts of aumbry message share. */
#pragma once

#include "cli/cli.h"
#include "mail/thread.h"

/* This device, and the account's messages as they are now. */
struct cli_mail {
	struct self *self;
	struct mail *mail;
};

/* For OWN. */
void cli_mail_free(struct cli_mail *m);
/* errors: those of cli_self and mail_open. */
MUST_CHECK int cli_mail_open(
    struct cli *cli, struct cli_mail *out, struct err *e);
/* Say what was found of who wrote and was written to; file what waits, when it is
 * time, and say what hinders that. */
void cli_mail_settle(struct cli *cli, struct cli_mail *m);
/* What is wrong with what came, once of each kind, and by the exit status. */
void cli_mail_tell_wrong(struct cli *cli, const struct thread *t);
/* The beginning of a text in one line, whole characters, harmless. Owned. */
char *cli_mail_line(struct bytes text, size_t most);

/* How a person names who wrote: "you", a nickname, an address. Borrowed. */
const char *cli_mail_who(const struct cli_mail *m, const struct id *uid);
/* One message as an object. */
json_t *cli_mail_json(const struct cli_mail *m, const struct thread_line *x);
/* One message, on standard output, harmless to a terminal. */
void cli_mail_print(const struct cli *cli, const struct cli_mail *m,
    const struct thread_line *x);

cmd_fn cli_message_watch, cli_message_export;
