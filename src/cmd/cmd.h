/* SPDX-License-Identifier: ISC */
/* cmd.h: the command line of a program, from one table. */
/*
 * A program has sets of commands ("device"), a set has rows ("device list"), a
 * row has options. The table that parses a line also explains it (--help),
 * completes it in shells, and heads it in the manual.
 *
 * Every program has --help, --version, -v, "help" and "completion". What it
 * says of a failure goes to standard error, as JSON to standard output too when
 * it was asked for; the exit status is the error's.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cmd_kind {
	CMD_FLAG, /* to a bool */
	CMD_TEXT, /* to a const char *; given once, and not empty */
	CMD_MAYBE, /* to a const char *: a text that only "=" gives; "" without */
	CMD_LIST /* to a struct cmd_list; given as often as one likes */
};

struct cmd_list {
	const char **items; /* borrowed from argv */
	size_t n;
};

struct cmd_option {
	const char *name; /* without its dashes */
	enum cmd_kind kind;
	size_t at; /* of what it sets, in the options' struct */
	const char *value; /* "DIR", "on|off"; NULL for a flag */
	const char *about; /* a line of the help, without a period */
	char letter; /* 'l' for -l; or 0 */
	bool required;
};

struct cmd_line;

/* line: the program's struct, which begins with its cmd_line. options: the
 * row's struct, zeros where nothing was given. */
typedef int cmd_fn(void *line, const void *options, struct err *e);

struct cmd {
	const char
	    *name; /* its words: "recovery key create"; NULL ends a set */
	const char *operands; /* "URL NAME", "[ID]", "[PATH…]"; "" for none */
	const char *about; /* NULL: not shown, another row says the same */
	cmd_fn *run;
	const struct cmd_option *options;
	size_t n_options;
	size_t size; /* of the options' struct */
	const char *more; /* what else the help says, in lines; or NULL */
};

/* The options of a row: an array of them, and the struct that they fill. */
#define CMD_OPTIONS(array, type) \
	.options = (array), .n_options = ARRAY_SIZE(array), .size = sizeof(type)

struct cmd_set {
	const char *topic; /* sets of one topic stand together in the help */
	const char *name;
	const char *about; /* NULL: as its one row */
	const struct cmd *rows;
};

struct cmd_program {
	const char *name, *about;
	const struct cmd_set *sets;
	size_t n_sets;
	/* Options of all commands; they set fields of the program's struct. */
	const struct cmd_option *globals;
	size_t n_globals;
	/* Before a command runs; or NULL. */
	int (*ready)(void *line, struct err *e);
};

/* What a program's struct begins with. */
struct cmd_line {
	const struct cmd_program *program;
	const struct cmd_set *set; /* NULL until it is known */
	const struct cmd *cmd;
	char *
	    *args; /* the operands: what is no option and no word of the name */
	int n_args;
	bool json, verbose;
	bool wants_help, wants_version;
	int status; /* exit status of a command that did not fail */
};

/* The row of an option of all commands whose field cmd_line has. */
#define CMD_GLOBAL_JSON \
	{ \
		"json", CMD_FLAG, offsetof(struct cmd_line, json), NULL, \
		    "print JSON for programs, where there is one" \
	}
#define CMD_GLOBAL_VERBOSE \
	{ \
		"verbose", CMD_FLAG, offsetof(struct cmd_line, verbose), NULL, \
		    "tell on standard error what goes on", .letter = 'v' \
	}

/*
 * Read the line and do what it says. line is set up but for its first member,
 * which is zeros.
 *
 * returns the exit status.
 */
int cmd_main(const struct cmd_program *program, struct cmd_line *line, int argc,
    char **argv);

/* No secret reaches a core file; a closed pipe and a file that may not grow are
 * errors, no death. Before anything is read. */
void cmd_harden(void);

/* Say what failed, once, as cmd_main does. returns the exit status. */
int cmd_report(const struct cmd_line *line, const struct err *e);

/* Returns -1: this operand is of no use here, and passed over it would mislead.
 * errors: bad-usage. */
int cmd_too_many(const char *word, struct err *e);
