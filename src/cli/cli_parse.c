/* SPDX-License-Identifier: ISC */
/* cli_parse.c: one reading of argv, for the global options and a command's. */
#include "cli/cli.h"

#include "link/homedir.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GLOBALS 9

void
cli_list_free(struct cli_list *l)
{
	free(l->items);
	*l = (struct cli_list){ 0 };
}

/* The options of every command; how many. */
static size_t
put_globals(struct cli *cli, struct cli_option out[static GLOBALS])
{
	const struct cli_option all[GLOBALS] = {
		{ "home", CLI_TEXT, &cli->home },
		{ "password-file", CLI_TEXT, &cli->password_file },
		{ "repo", CLI_TEXT, &cli->repo },
		{ "repo-password-file", CLI_TEXT, &cli->repo_password_file },
		{ "device", CLI_TEXT, &cli->device },
		{ "pin-file", CLI_TEXT, &cli->pin_file },
		{ "json", CLI_FLAG, &cli->json },
		{ "quiet", CLI_FLAG, &cli->quiet },
		{ "yes", CLI_FLAG, &cli->yes },
	};

	memcpy(out, all, sizeof all);
	return GLOBALS;
}

static const struct cli_option *
find_option(
    const struct cli_option *options, size_t n, const char *word, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(options[i].name) == len &&
		    strncmp(options[i].name, word, len) == 0)
			return &options[i];
	return NULL;
}

static void
set_option(const struct cli_option *o, const char *value)
{
	if (o->kind == CLI_FLAG) {
		*(bool *)o->to = true;
	} else if (o->kind == CLI_LIST) {
		struct cli_list *l = o->to;
		l->items = mem_resize(l->items, l->n + 1, sizeof *l->items);
		l->items[l->n++] = value;
	} else {
		*(const char **)o->to = value;
	}
}

/* What a program reads: the commands' own options, then those of all. */
struct reading {
	const struct cli_option *own;
	size_t n_own;
	struct cli_option global[GLOBALS];
	size_t n_global;
	uint64_t seen; /* a bit for each of its own options */
};

static const struct cli_option *
look_up(const struct reading *r, const char *word, size_t len)
{
	const struct cli_option *o = find_option(r->own, r->n_own, word, len);

	return o != NULL ? o : find_option(r->global, r->n_global, word, len);
}

/* "-l": an option whose name is that letter. */
static bool
is_option(const struct reading *r, const char *word)
{
	return strncmp(word, "--", 2) == 0 ||
	    (word[0] == '-' && word[1] != '\0' && word[2] == '\0' &&
		(word[1] == 'h' || look_up(r, word + 1, 1) != NULL));
}

/*
 * Of two values that differ the last would win, and what the first one asks for
 * be left undone. Options of all commands stand in aliases, and yield there.
 */
static int
once(struct reading *r, const struct cli_option *o, const char *value,
    struct err *e)
{
	for (size_t i = 0; i < r->n_own; i++) {
		uint64_t bit = (uint64_t)1 << i % 64;
		if (&r->own[i] != o ||
		    (o->kind != CLI_TEXT && o->kind != CLI_MAYBE))
			continue;
		if ((r->seen & bit) != 0 &&
		    strcmp(*(const char **)o->to, value) != 0)
			return err_set(e, ERR_USAGE,
			    "--%s is given twice, and takes one value",
			    o->name);
		r->seen |= bit;
	}
	return 0;
}

/* The option at words[*i], and its value, which may be the next word. */
static int
take_option(struct cli *cli, struct reading *r, char **words, int n, int *i,
    struct err *e)
{
	const char *word = words[*i];
	const char *name = word + (word[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		cli->wants_help = true;
		return err_set(e, ERR_USAGE, "help");
	}
	const struct cli_option *o = look_up(r, name, len);
	if (o == NULL)
		return err_set(e, ERR_USAGE, "there is no option %s", word);
	if (o->kind == CLI_FLAG && value != NULL)
		return err_set(e, ERR_USAGE, "--%s takes no value", o->name);
	if (o->kind == CLI_MAYBE && value == NULL)
		value = "";
	else if (o->kind != CLI_FLAG && value == NULL && *i + 1 < n)
		value = words[++*i];
	if (o->kind != CLI_FLAG && value == NULL)
		return err_set(e, ERR_USAGE, "--%s needs a value", o->name);
	/* A script's variable that was not set names nothing. */
	if ((o->kind == CLI_TEXT || o->kind == CLI_LIST) && value[0] == '\0')
		return err_set(e, ERR_USAGE, "--%s is empty", o->name);
	if (once(r, o, value, e) < 0)
		return -1;
	set_option(o, value);
	return 0;
}

int
cli_command(
    struct cli *cli, int argc, char **argv, const char **name, struct err *e)
{
	struct reading r = { .n_own = 0 };
	int i = 1;

	r.n_global = put_globals(cli, r.global);
	while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0') {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "--version") == 0) {
			cli->wants_version = true;
			return 0;
		}
		if (!is_option(&r, argv[i]))
			return err_set(
			    e, ERR_USAGE, "there is no option %s", argv[i]);
		if (take_option(cli, &r, argv, argc, &i, e) < 0)
			return cli->wants_help ? 0 : -1;
		i++;
	}
	*name = i < argc ? argv[i++] : NULL;
	for (; i < argc; i++)
		cli->args[cli->n_args++] = argv[i];
	return 0;
}

const char *
cli_verb(struct cli *cli)
{
	struct reading r = { .n_own = 0 };
	struct cli scratch = { 0 };

	r.n_global = put_globals(&scratch, r.global);
	for (int i = 0; i < cli->n_args; i++) {
		struct err ignored;
		if (strcmp(cli->args[i], "--") == 0)
			return i + 1 < cli->n_args ? cli->args[i + 1] : "";
		if (!is_option(&r, cli->args[i]))
			return cli->args[i];
		if (take_option(
			&scratch, &r, cli->args, cli->n_args, &i, &ignored) < 0)
			continue;
	}
	return "";
}

/* Before anything is done at it. */
static int
find_home(struct cli *cli, struct err *e)
{
	OWN(mem_free) char *usual = NULL;
	bool was_open;

	if (cli->home == NULL) {
		if (homedir_default(&usual, e) < 0)
			return -1;
		cli->home = cli_keep(cli, usual);
	}
	if (homedir_ready(cli->home, &was_open, e) < 0)
		return -1;
	if (was_open)
		cli_say(cli,
		    "Other users of this machine could read the device's keys "
		    "at %s; they cannot any more.\nIf somebody may have, let "
		    "this device in anew: aumbry signout --erase, then: aumbry "
		    "signin",
		    cli->home);
	return 0;
}

int
cli_too_many(const char *word, struct err *e)
{
	return err_set(e, ERR_USAGE, "\"%s\" is one word too many", word);
}

int
cli_parse(struct cli *cli, const struct cli_option *options, size_t n, int min,
    int max, struct err *e)
{
	struct reading r = { .own = options, .n_own = n };
	bool only_operands = false;
	int kept = 0;

	r.n_global = put_globals(cli, r.global);
	for (int i = 0; i < cli->n_args; i++) {
		char *a = cli->args[i];
		if (!only_operands && !is_option(&r, a) && a[0] == '-' &&
		    a[1] != '\0')
			return err_set(e, ERR_USAGE,
			    "there is no option %s; what begins with - and is "
			    "none stands behind --",
			    a);
		if (only_operands || !is_option(&r, a))
			cli->args[kept++] = a;
		else if (a[1] == '-' && a[2] == '\0')
			only_operands = true;
		else if (take_option(cli, &r, cli->args, cli->n_args, &i, e) <
		    0)
			return -1;
	}
	cli->n_args = kept;
	if (kept < min)
		return err_set(e, ERR_USAGE, "something is missing");
	if (max >= 0 && kept > max)
		return cli_too_many(cli->args[max], e);
	return find_home(cli, e);
}
