/* SPDX-License-Identifier: ISC */
/* cli_person.h: what commands about contacts share. */
#pragma once

#include "cli/cli.h"
#include "client/people.h"
#include "mail/mail.h"

/* As the owner of this account calls him. Borrowed. */
const char *cli_person_name(const struct person *p);

/* Say what is not as it was, once; the exit status is that of the worst. */
void cli_person_news(struct cli *cli, const struct people_look *l);

/* The same of all that was found while messages were looked at; what is wrong is
 * told with them. */
void cli_person_found(struct cli *cli, const struct mail *m);

/* The contact that the first word of the line names, as he is shown now; *s is
 * this device. */
MUST_CHECK int cli_person_look(
    struct cli *cli, struct self **s, struct people_looks *out, struct err *e);

/* What both have to see, on standard output: "12345 67890 …". */
void cli_person_print_number(const char *number);

/*
 * They have compared by a code: he is verified, or somebody is in between.
 *
 * errors  contact-changed.
 */
MUST_CHECK int cli_person_settle(struct cli *cli, struct self *s,
    const struct people_look *l, bool same, struct err *e);
