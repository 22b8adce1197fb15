/* SPDX-License-Identifier: ISC */
/* cmd_parse.c: one reading of argv, by the table. */
#include "cmd/cmd_in.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An option as it was given. */
struct given {
	const struct cmd_option *option;
	const char *value; /* NULL for a flag */
	bool global;
};

struct reading {
	struct cmd_line *line;
	char **words;
	int n, at;
	struct given *given;
	size_t n_given;
};

static void
reading_free(struct reading *r)
{
	free(r->given);
	r->given = NULL;
}

const struct cmd_option *
cmd_option_of(
    const struct cmd_option *options, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if ((strlen(options[i].name) == len &&
			strncmp(options[i].name, name, len) == 0) ||
		    (len == 1 && options[i].letter == name[0]))
			return &options[i];
	return NULL;
}

/* Of any row of the set: which one is meant is not known yet. */
static const struct cmd_option *
option_in(const struct cmd_set *set, const char *name, size_t len)
{
	for (const struct cmd *c = set->rows; c->name != NULL; c++) {
		const struct cmd_option *o =
		    cmd_option_of(c->options, c->n_options, name, len);
		if (o != NULL)
			return o;
	}
	return NULL;
}

static const struct cmd_option *
look_up(const struct cmd_line *l, const char *name, size_t len, bool *global)
{
	const struct cmd_option *o =
	    l->set != NULL ? option_in(l->set, name, len) : NULL;

	*global = o == NULL;
	return o != NULL ? o
			 : cmd_option_of(l->program->globals,
			       l->program->n_globals, name, len);
}

/* The name in "--name=value", "-n". */
static const char *
name_in(const char *word, size_t *len)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);

	*len = strcspn(name, "=");
	return name;
}

static int
no_option(const struct cmd_line *l, const char *word, struct err *e)
{
	size_t len;
	const char *name = name_in(word, &len);
	struct cmd_guess g = { name, len, NULL, 0 };

	(void)err_set(e, ERR_USAGE,
	    l->set == NULL
		? "there is no option %s"
		: "there is no option %s; what begins with - and is none "
		  "stands behind --",
	    word);
	if (word[1] != '-')
		return -1;
	for (size_t i = 0; i < l->program->n_globals; i++)
		cmd_guess(&g, l->program->globals[i].name);
	for (const struct cmd *c = l->set != NULL ? l->set->rows : NULL;
	     c != NULL && c->name != NULL; c++)
		for (size_t i = 0; i < c->n_options; i++)
			cmd_guess(&g, c->options[i].name);
	return g.best == NULL ? -1
			      : err_remedy(e, "Did you mean --%s?", g.best);
}

/* The option at r->at, and its value, which may be the next word. */
static int
take_option(struct reading *r, struct err *e)
{
	const char *word = r->words[r->at];
	size_t len;
	const char *name = name_in(word, &len);
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	struct given g = { NULL, NULL, false };

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		r->line->wants_help = true;
		return 0;
	}
	if (r->line->set == NULL && strcmp(word, "--version") == 0) {
		r->line->wants_version = true;
		return 0;
	}
	if (word[1] == '-' || len == 1)
		g.option = look_up(r->line, name, len, &g.global);
	if (g.option == NULL || (word[1] != '-' && value != NULL))
		return no_option(r->line, word, e);
	if (g.option->kind == CMD_FLAG && value != NULL)
		return err_set(
		    e, ERR_USAGE, "--%s takes no value", g.option->name);
	if (g.option->kind == CMD_MAYBE && value == NULL)
		value = "";
	else if (g.option->kind != CMD_FLAG && value == NULL &&
	    r->at + 1 < r->n)
		value = r->words[++r->at];
	if (g.option->kind != CMD_FLAG && value == NULL)
		return err_set(
		    e, ERR_USAGE, "--%s needs a value", g.option->name);
	/* A script's variable that was not set names nothing. */
	if ((g.option->kind == CMD_TEXT || g.option->kind == CMD_LIST) &&
	    value[0] == '\0')
		return err_set(e, ERR_USAGE, "--%s is empty", g.option->name);
	g.value = value;
	r->given = mem_resize(r->given, r->n_given + 1, sizeof *r->given);
	r->given[r->n_given++] = g;
	return 0;
}

const struct cmd_set *
cmd_set_of(const struct cmd_program *p, const char *name)
{
	for (size_t i = 0; i < p->n_sets; i++)
		if (strcmp(p->sets[i].name, name) == 0)
			return &p->sets[i];
	return NULL;
}

static int
take_set(struct cmd_line *l, const char *name, struct err *e)
{
	struct cmd_guess g = { name, strlen(name), NULL, 0 };

	l->set = cmd_set_of(l->program, name);
	if (l->set != NULL)
		return 0;
	for (size_t i = 0; i < l->program->n_sets; i++)
		cmd_guess(&g, l->program->sets[i].name);
	(void)err_set(e, ERR_USAGE, "there is no command \"%s\"", name);
	return g.best != NULL ? err_remedy(e, "Did you mean %s? Run: %s help",
				    g.best, l->program->name)
			      : err_remedy(e, "Run: %s help", l->program->name);
}

static int
take_words(struct reading *r, struct err *e)
{
	bool only_operands = false;

	for (r->at = 1; r->at < r->n; r->at++) {
		char *w = r->words[r->at];
		bool option = !only_operands && w[0] == '-' && w[1] != '\0';
		if (option && strcmp(w, "--") == 0)
			only_operands = true;
		else if (option && take_option(r, e) < 0)
			return -1;
		else if (!option && r->line->set == NULL) {
			if (take_set(r->line, w, e) < 0)
				return -1;
			/* "aumbry -- backup": only what stands before it. */
			only_operands = false;
		} else if (!option) {
			r->line->args[r->line->n_args++] = w;
		}
	}
	return 0;
}

const char *
cmd_verb(const struct cmd_set *set, const struct cmd *c)
{
	const char *rest = c->name + strlen(set->name);

	return *rest == ' ' ? rest + 1 : rest;
}

/* How many words of the operands a verb takes; -1 when it is another one. */
static int
matches(const char *verb, char **args, int n_args)
{
	int n = 0;

	while (*verb != '\0') {
		size_t len = strcspn(verb, " ");
		if (n == n_args || strlen(args[n]) != len ||
		    strncmp(args[n], verb, len) != 0)
			return -1;
		verb += len;
		verb += *verb == ' ';
		n++;
	}
	return n;
}

const struct cmd *
cmd_row_of(const struct cmd_set *set, char **args, int n_args, int *words)
{
	const struct cmd *best = NULL;

	*words = -1;
	for (const struct cmd *c = set->rows; c->name != NULL; c++) {
		int n = matches(cmd_verb(set, c), args, n_args);
		if (n > *words) {
			*words = n;
			best = c;
		}
	}
	return best;
}

/* What may follow the first of them: "list, restore" of "trash". */
static void
seconds_of(const struct cmd_line *l, struct buf *out)
{
	size_t n = l->n_args > 0 ? strlen(l->args[0]) : 0;

	for (const struct cmd *c = l->set->rows; c->name != NULL; c++) {
		const char *verb = cmd_verb(l->set, c);
		if (n > 0 && strncmp(verb, l->args[0], n) == 0 &&
		    verb[n] == ' ')
			buf_printf(
			    out, "%s%s", out->n > 0 ? ", " : "", verb + n + 1);
	}
}

/* No row has these words. */
static int
no_row(const struct cmd_line *l, struct err *e)
{
	OWN(buf_free) struct buf verbs = { 0 };
	struct cmd_guess g = { l->n_args > 0 ? l->args[0] : "", 0, NULL, 0 };
	size_t last = 0;
	const char *before = "";

	seconds_of(l, &verbs);
	if (verbs.n > 0)
		return err_set(e, ERR_USAGE, "%s %s %s what? One of: %s",
		    l->program->name, l->set->name, g.word, buf_text(&verbs));
	g.len = strlen(g.word);
	for (const struct cmd *c = l->set->rows; c->name != NULL; c++) {
		const char *verb = cmd_verb(l->set, c);
		size_t n = strcspn(verb, " ");
		if (n == last && strncmp(verb, before, n) == 0)
			continue;
		buf_printf(
		    &verbs, "%s%.*s", verbs.n > 0 ? ", " : "", (int)n, verb);
		cmd_guess(&g, verb);
		before = verb;
		last = n;
	}
	if (l->n_args == 0)
		return err_set(e, ERR_USAGE, "%s %s what? One of: %s",
		    l->program->name, l->set->name, buf_text(&verbs));
	(void)err_set(e, ERR_USAGE, "%s %s does not understand \"%s\"",
	    l->program->name, l->set->name, l->args[0]);
	return g.best != NULL
	    ? err_remedy(e, "Did you mean %.*s? Run: %s help %s",
		  (int)strcspn(g.best, " "), g.best, l->program->name,
		  l->set->name)
	    : err_remedy(e, "It is one of: %s", buf_text(&verbs));
}

/* The operand at *at, one of "URL", "[ID]", "[URL NAME]", "[PATH…]", and *at
 * behind it. */
struct operand {
	const char *word;
	size_t n;
	bool optional, many;
};

static bool
next_operand(const char **at, int *depth, struct operand *out)
{
	const char *s = *at + strspn(*at, " ");

	/* "ID[:PATH]" must be there. */
	*out = (struct operand){ s, strcspn(s, " "), *depth > 0 || *s == '[',
		false };
	for (size_t i = 0; i < out->n; i++)
		*depth += (s[i] == '[') - (s[i] == ']');
	const char *more = strstr(s, "…");
	out->many = more != NULL && more < s + out->n;
	*at = s + out->n;
	return out->n > 0;
}

void
cmd_count(const struct cmd *c, int *least, int *most)
{
	const char *at = c->operands;
	struct operand o;
	int depth = 0;

	*least = *most = 0;
	while (next_operand(&at, &depth, &o)) {
		*least += !o.optional;
		*most += *most >= 0;
		if (o.many)
			*most = -1;
	}
}

int
cmd_too_many(const char *word, struct err *e)
{
	return err_set(e, ERR_USAGE, "\"%s\" is one word too many", word);
}

/* Of the operands that must be, the n-th is not there. */
static int
missing(const struct cmd *c, int n, struct err *e)
{
	const char *at = c->operands;
	struct operand o;
	int depth = 0;

	while (next_operand(&at, &depth, &o) && (o.optional || n-- > 0))
		;
	return err_set(e, ERR_USAGE, "%.*s is missing", (int)o.n, o.word);
}

static int
take_row(struct cmd_line *l, struct err *e)
{
	int words, least, most;

	l->cmd = cmd_row_of(l->set, l->args, l->n_args, &words);
	if (l->cmd == NULL)
		return no_row(l, e);
	l->args += words;
	l->n_args -= words;
	cmd_count(l->cmd, &least, &most);
	if (l->n_args < least)
		return missing(l->cmd, l->n_args, e);
	if (most < 0 || l->n_args <= most)
		return 0;
	/* A word that is no verb of the set is that rather than too many. */
	if (words == 0 && most == 0 && l->set->rows[1].name != NULL)
		return no_row(l, e);
	return cmd_too_many(l->args[most], e);
}

static void
set_option(const struct cmd_option *o, void *base, const char *value)
{
	void *to = (char *)base + o->at;

	if (o->kind == CMD_FLAG) {
		*(bool *)to = true;
	} else if (o->kind == CMD_LIST) {
		struct cmd_list *l = to;
		l->items = mem_resize(l->items, l->n + 1, sizeof *l->items);
		l->items[l->n++] = value;
	} else {
		*(const char **)to = value;
	}
}

/*
 * Of two values that differ the last would win, and what the first one asks for
 * be left undone. Options of all commands stand in aliases, and yield there.
 */
static int
is_twice(const struct cmd_option *o, const void *base, const char *value)
{
	const char *old =
	    *(const char *const *)(const void *)((const char *)base + o->at);

	return (o->kind == CMD_TEXT || o->kind == CMD_MAYBE) && old != NULL &&
	    strcmp(old, value) != 0;
}

static int
put_given(const struct cmd_line *l, const struct given *g, void *options,
    struct err *e)
{
	const struct cmd *c = l->cmd;
	const struct cmd_option *own = cmd_option_of(
	    c->options, c->n_options, g->option->name, strlen(g->option->name));

	if (own == NULL)
		return err_set(e, ERR_USAGE, "%s %s does not take --%s",
		    l->program->name, c->name, g->option->name);
	assert(own->kind == g->option->kind);
	if (own->kind != CMD_FLAG && own->kind != CMD_LIST &&
	    is_twice(own, options, g->value))
		return err_set(e, ERR_USAGE,
		    "--%s is given twice, and takes one value", own->name);
	set_option(own, options, g->value);
	return 0;
}

static int
check_required(const struct cmd *c, const struct reading *r, struct err *e)
{
	for (size_t i = 0; i < c->n_options; i++) {
		const struct cmd_option *o = &c->options[i];
		bool there = !o->required;
		for (size_t k = 0; k < r->n_given; k++)
			there = there ||
			    (!r->given[k].global &&
				strcmp(r->given[k].option->name, o->name) == 0);
		if (!there)
			return err_set(e, ERR_USAGE, "--%s %s is missing",
			    o->name, o->value);
	}
	return 0;
}

int
cmd_parse(
    struct cmd_line *line, int argc, char **argv, void **options, struct err *e)
{
	OWN(reading_free)
	struct reading r = { line, argv, argc, 0, NULL, 0 };
	int rc = take_words(&r, e);

	/* Those of all commands count whatever is wrong with the others: how a
	 * failure is said hangs on them. */
	for (size_t i = 0; i < r.n_given; i++)
		if (r.given[i].global)
			set_option(r.given[i].option, line, r.given[i].value);
	if (rc < 0)
		return -1;
	if (line->set == NULL || line->wants_version)
		return 0;
	if (line->wants_help)
		return 0;
	if (take_row(line, e) < 0)
		return -1;
	*options = mem_new(line->cmd->size > 0 ? line->cmd->size : 1);
	for (size_t i = 0; i < r.n_given; i++)
		if (!r.given[i].global &&
		    put_given(line, &r.given[i], *options, e) < 0)
			return -1;
	return check_required(line->cmd, &r, e);
}

void
cmd_options_free(const struct cmd *c, void **options)
{
	for (size_t i = 0; *options != NULL && i < c->n_options; i++)
		if (c->options[i].kind == CMD_LIST)
			free(((struct cmd_list *)(void *)((char *)*options +
				  c->options[i].at))
				 ->items);
	free(*options);
	*options = NULL;
}
