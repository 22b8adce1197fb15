/* SPDX-License-Identifier: ISC */
/* cli_recovery.h: what the parts of aumbry recovery share. */
#pragma once

#include "cli/cli.h"

#include "client/recovery.h"

/* Options of all of them, as given. */
struct cli_recovery {
	const char *out, *key_file, *timeout;
	struct cli_list kit_files;
	bool kit, drill, print_code;
	struct cli_proof proof;
};

/* "ana@home.example"; in new memory. */
char *cli_recovery_account(const struct self *s);

/* The one of that kind in force, or that waits; NULL when there is none. */
const struct recovery_info *cli_recovery_of(
    const struct recovery_info *list, size_t n, enum recovery_kind kind);

/* Put one in, in the place of old (NULL: beside all others), or take it out. */
MUST_CHECK int cli_recovery_put(struct cli *cli, struct self *s,
    const struct recovery_new *made, const struct recovery_info *old,
    const struct cli_proof *p, uint64_t *waits_ms, struct err *e);
/* Putting it in failed, for e: is what was handed out of no use? Else the
 * person is told to keep it. where: the file, or NULL. */
bool cli_recovery_useless(struct cli *cli, struct self *s,
    const struct recovery_new *made, const char *where, const struct err *e);
MUST_CHECK int cli_recovery_drop(struct cli *cli, struct self *s,
    const struct recovery_info *old, const struct cli_proof *p,
    uint64_t *waits_ms, struct err *e);
/* Say what was done, and when it counts. */
void cli_recovery_say(
    const struct cli *cli, uint64_t waits_ms, const char *what);

/* Show a code on the terminal, and have it typed before it counts. */
MUST_CHECK int cli_recovery_show(struct cli *cli, const struct secret *code,
    enum reccode_kind kind, const char *words, struct err *e);

/* The rest of the commands: cli->args[1] is the verb. */
MUST_CHECK int cli_contact(struct cli *cli, struct self *s,
    const struct cli_recovery *o, struct err *e);
MUST_CHECK int cli_assist(struct cli *cli, struct self *s,
    const struct cli_recovery *o, struct err *e);
MUST_CHECK int cli_kit(struct cli *cli, struct self *s,
    const struct cli_recovery *o, struct err *e);

/* The secret of two sheets: from files, or typed. */
MUST_CHECK int cli_kit_code(struct cli *cli, const struct cli_list *files,
    struct secret **out, struct err *e);
