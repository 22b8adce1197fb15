/* SPDX-License-Identifier: ISC */
/* cmd_main.c: from argv to the exit status. */
#include "cmd/cmd_in.h"

#include "base/file.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"
#include "base/version.h"
#include "wire/errjson.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void
cmd_harden(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
}

/* How the command is used, and no more, when that is what was wrong. */
static void
say_usage(const struct cmd_line *l, const struct err *e)
{
	if (e->remedy[0] != '\0')
		(void)fprintf(stderr, "%s\n", e->remedy);
	else if (l->set != NULL && l->cmd != NULL)
		cmd_usage(l->program, l->cmd, stderr);
	else if (l->set != NULL)
		(void)fprintf(stderr, "Run: %s help %s\n", l->program->name,
		    l->set->name);
	else
		(void)fprintf(stderr, "Run: %s help\n", l->program->name);
}

int
cmd_report(const struct cmd_line *l, const struct err *e)
{
	const char *name = l->program->name;

	/* Who stopped it knows why it ends. */
	stop_end();
	if (l->json) {
		OWN(buf_free) struct buf b = { 0 };
		errjson_make(e, bytes_str(""), &b);
		(void)printf("%s\n", buf_text(&b));
	}
	OWN(buf_free) struct buf words = { 0 };
	text_words(&words, bytes_str(e->msg));
	(void)fprintf(stderr, "%s: %s%s\n", name,
	    e->heard ? "the server says: " : "", buf_text(&words));
	if (e->code == ERR_USAGE)
		say_usage(l, e);
	else
		(void)fprintf(stderr, "%s%s\n",
		    e->remedy_heard ? "The server advises:\n" : "", err_fix(e));
	(void)fprintf(stderr, "(%s)\n", err_name(e->code));
	return err_exit(e->code);
}

/* Append a set's name and the words behind it that are words of a command; how
 * many there are. */
static int
known_words(
    const struct cmd_set *set, char **args, int n_args, struct buf *words)
{
	int i;

	buf_put_str(words, set->name);
	for (i = 0; i < n_args; i++) {
		OWN(buf_free) struct buf more = { 0 };
		bool known = false;
		buf_printf(&more, "%s %s", buf_text(words), args[i]);
		for (const struct cmd *c = set->rows; c->name != NULL; c++)
			known = known || cmd_under(c, buf_text(&more));
		if (!known)
			break;
		buf_clear(words);
		buf_put_bytes(words, buf_bytes(&more));
	}
	return i;
}

static void
put_help(const struct cmd_program *p, const struct cmd_set *set, char **args,
    int n_args)
{
	OWN(buf_free) struct buf words = { 0 };

	(void)known_words(set, args, n_args, &words);
	cmd_help_on(p, set, buf_text(&words), stdout);
}

/* "help", "help recovery", "help recovery key create". */
static int
run_help(struct cmd_line *l)
{
	const struct cmd_program *p = l->program;
	OWN(buf_free) struct buf words = { 0 };
	struct err e = { 0 };
	int n = 0;

	if (l->n_args == 0) {
		cmd_help(p, stdout);
		return 0;
	}
	const struct cmd_set *set = cmd_set_of(p, l->args[0]);
	if (set != NULL)
		n = 1 + known_words(set, l->args + 1, l->n_args - 1, &words);
	if (n < l->n_args) {
		l->set = set;
		l->cmd = NULL;
		(void)err_set(
		    &e, ERR_USAGE, "there is no command \"%s\"", l->args[n]);
		return cmd_report(l, &e);
	}
	cmd_help_on(p, set, buf_text(&words), stdout);
	return 0;
}

static int
help(void *line, const void *options, struct err *e)
{
	struct cmd_line *l = line;

	(void)options;
	(void)e;
	l->status = run_help(l);
	return 0;
}

static int
completion(void *line, const void *options, struct err *e)
{
	const struct cmd_line *l = line;

	(void)options;
	return cmd_complete(l->program, l->args[0], stdout, e);
}

static int
run_row(const struct cmd_program *p, struct cmd_line *l, const void *options)
{
	struct err e = { 0 };

	bool common = l->cmd->run == help || l->cmd->run == completion;

	if ((p->ready != NULL && !common && p->ready(l, &e) < 0) ||
	    l->cmd->run(l, options, &e) < 0)
		return cmd_report(l, &e);
	return l->status;
}

static int
run(struct cmd_line *l, int argc, char **argv)
{
	const struct cmd_program *p = l->program;
	void *options = NULL;
	struct err e = { 0 };

	if (cmd_parse(l, argc, argv, &options, &e) < 0) {
		if (l->cmd != NULL)
			cmd_options_free(l->cmd, &options);
		return cmd_report(l, &e);
	}
	if (l->verbose)
		log_level_set(LOG_DEBUG_);
	if (l->wants_version) {
		(void)printf("%s %s\n", p->name, AUMBRY_VERSION);
		return 0;
	}
	if (l->set == NULL) {
		cmd_help(p, l->wants_help ? stdout : stderr);
		return l->wants_help ? 0 : 2;
	}
	if (l->wants_help) {
		put_help(p, l->set, l->args, l->n_args);
		return 0;
	}
	const struct cmd *row = l->cmd;
	int status = run_row(p, l, options);
	cmd_options_free(row, &options);
	return status;
}

/* What every program has besides its own. */
static const struct cmd help_rows[] = {
	{ "help", "[COMMAND…]", "explain a command, or list them", help, NULL,
	    0, 0, NULL },
	{ 0 },
};
static const struct cmd completion_rows[] = {
	{ "completion", "bash|zsh|fish",
	    "print what completes the words of this program in a shell",
	    completion, NULL, 0, 0,
	    "bash: source <(PROGRAM completion bash), in ~/.bashrc\n"
	    "zsh:  source <(PROGRAM completion zsh), in ~/.zshrc\n"
	    "fish: PROGRAM completion fish | source, in config.fish\n"
	    "An installed program brings them along." },
	{ 0 },
};

int
cmd_main(const struct cmd_program *program, struct cmd_line *line, int argc,
    char **argv)
{
	const struct cmd_set common[] = {
		{ "This program", "help", NULL, help_rows },
		{ "This program", "completion", NULL, completion_rows },
	};
	OWN(mem_free)
	struct cmd_set *sets =
	    mem_array(program->n_sets + ARRAY_SIZE(common), sizeof *sets);
	OWN(mem_free) char **args = mem_array((size_t)argc + 1, sizeof *args);
	struct cmd_program whole = *program;
	struct err e = { 0 };

	memcpy(sets, program->sets, program->n_sets * sizeof *sets);
	memcpy(sets + program->n_sets, common, sizeof common);
	whole.sets = sets;
	whole.n_sets += ARRAY_SIZE(common);
	line->program = &whole;
	line->args = args;
	int status = run(line, argc, argv);
	/* What was printed has arrived, or what failed has said why already. */
	if (file_printed(&e) < 0 && status == 0)
		status = cmd_report(line, &e);
	line->args = NULL;
	line->n_args = 0;
	line->program = program;
	return status;
}
