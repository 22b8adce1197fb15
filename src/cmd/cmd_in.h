/* SPDX-License-Identifier: ISC */
/* cmd_in.h: what the parts of cmd share. For cmd*.c only. */
#pragma once

#include "cmd/cmd.h"

#include "base/buf.h"

/* Operands that a row takes, as "operands" says; *most is -1 without a bound. */
void cmd_count(const struct cmd *c, int *least, int *most);

/* The words of a row behind its set's name: "key create", or "". */
const char *cmd_verb(const struct cmd_set *set, const struct cmd *c);

/* The option of that name or letter, of one row and then of all; or NULL. */
const struct cmd_option *cmd_option_of(
    const struct cmd_option *options, size_t n, const char *name, size_t len);

/* The set of that name, or NULL. */
const struct cmd_set *cmd_set_of(const struct cmd_program *p, const char *name);
/* The row of most words that these operands begin with; or NULL. */
const struct cmd *cmd_row_of(
    const struct cmd_set *set, char **args, int n_args, int *words);

/*
 * Read argv: line->set, ->cmd and ->args, the options of all commands, and
 * those of the row into *options, zeros of cmd->size. What was found until a
 * failure stays.
 *
 * errors  bad-usage.
 */
MUST_CHECK int cmd_parse(struct cmd_line *line, int argc, char **argv,
    void **options, struct err *e);
/* Also takes the lists in it. */
void cmd_options_free(const struct cmd *c, void **options);

/* Is that row one of those that begin with these words: "recovery key"? */
bool cmd_under(const struct cmd *c, const char *words);

/* All sets by topic; the rows of one that begin with these words. */
void cmd_help(const struct cmd_program *p, FILE *to);
void cmd_help_on(const struct cmd_program *p, const struct cmd_set *set,
    const char *words, FILE *to);
/* "usage: …" of a row, in lines of 80 columns. */
void cmd_usage(const struct cmd_program *p, const struct cmd *c, FILE *to);
/* Append the words of a usage: name, operands, options. What stays in one piece
 * has KEEP where a space is. */
void cmd_usage_words(const struct cmd *c, struct buf *out);
#define CMD_KEEP '\x1f'

/* The nearest of the names to a word that was mistyped; NULL when none is. */
struct cmd_guess {
	const char *word;
	size_t len;
	const char *best;
	size_t away; /* edits */
};
void cmd_guess(struct cmd_guess *g, const char *name);

/* Each command with its options, as a section of the manual. */
void cmd_mdoc(const struct cmd_program *p, FILE *to);

/* aumbry completion bash|zsh|fish|mdoc. errors: bad-usage. */
MUST_CHECK int cmd_complete(
    const struct cmd_program *p, const char *shell, FILE *to, struct err *e);
