/* SPDX-License-Identifier: ISC */
/* cli_recovery.h: what the parts of aumbry recovery share. */
#pragma once

#include "cli/cli.h"

#include "client/recovery.h"

/* Options of all of them, as given. */
struct cli_recovery {
	const char *out, *key_file, *timeout;
	struct cmd_list kit_files;
	bool kit, drill, print_code;
	struct cli_proof proof;
};

/* "ana@home.example"; in new memory. */
char *cli_recovery_account(const struct self *s);

/* The one of that kind in force, or that waits; NULL when there is none. */
const struct recovery_info *cli_recovery_of(
    const struct recovery_info *list, size_t n, enum recovery_kind kind);

/* What is put in, in the place of old (NULL: beside all others). */
struct cli_recovery_change {
	const struct recovery_new *made;
	const struct recovery_info *old;
	const struct cli_proof *proof;
};
MUST_CHECK int cli_recovery_put(struct cli *cli, struct self *s,
    const struct cli_recovery_change *c, uint64_t *waits_ms, struct err *e);
/* Putting it in failed, for e: is what was handed out of no use? Else the
 * person is told to keep it. where: the file, or NULL. */
bool cli_recovery_useless(struct cli *cli, struct self *s,
    const struct recovery_new *made, const char *where, const struct err *e);
/* Take it out. */
MUST_CHECK int cli_recovery_drop(struct cli *cli, struct self *s,
    const struct recovery_info *old, const struct cli_proof *p,
    uint64_t *waits_ms, struct err *e);
/* Say what was done, and when it counts. */
void cli_recovery_say(
    const struct cli *cli, uint64_t waits_ms, const char *what);

/* Show a code on the terminal, and have it typed before it counts. */
MUST_CHECK int cli_recovery_show(struct cli *cli, const struct secret *code,
    enum reccode_kind kind, const char *words, struct err *e);

/* This device with its state, as all of these need it. */
MUST_CHECK int cli_recovery_open(
    struct cli *cli, struct self **out, struct err *e);

/*
 * The recovery key or paper kit in force: there must be none to make one, and
 * one to replace or remove it.
 *
 * list    owned; *old points into it, or is NULL.
 * errors  conflict, not-found, with the command that helps.
 */
MUST_CHECK int cli_recovery_find(struct self *s, enum recovery_kind kind,
    bool makes, struct recovery_info **list, const struct recovery_info **old,
    struct err *e);

/* Rows of the table; their options are a struct cli_recovery. */
cmd_fn cli_kit_create, cli_kit_rotate, cli_kit_remove;
cmd_fn cli_contact_add, cli_contact_list, cli_contact_remove,
    cli_contact_accept, cli_contact_forget;
cmd_fn cli_assist;

/* The secret of two sheets: from files, or typed. */
MUST_CHECK int cli_kit_code(struct cli *cli, const struct cmd_list *files,
    struct secret **out, struct err *e);
