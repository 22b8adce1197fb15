/* SPDX-License-Identifier: ISC */
/* cmd_help.c: what the table says to a person. */
#include "cmd/cmd_in.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define COLUMNS 79
#define NAMES_MOST 26 /* columns; what is longer stands on a line of its own */

/* Columns of n bytes of UTF-8, none of which is wide. */
static size_t
columns(const char *s, size_t n)
{
	size_t c = 0;

	for (size_t i = 0; i < n; i++)
		c += ((unsigned char)s[i] & 0xc0) != 0x80;
	return c;
}

/* A piece's words, from column `at` on; what is kept together is. */
static void
put_piece(const char *s, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++)
		(void)fputc(s[i] == CMD_KEEP ? ' ' : s[i], to);
}

/* Text that stands at column `at` already; further lines begin at `indent`. */
static void
wrap(const char *text, size_t at, size_t indent, FILE *to)
{
	bool first = true;

	for (const char *s = text; *s != '\0';) {
		size_t n = strcspn(s, " ");
		size_t wide = columns(s, n);
		if (!first && at + 1 + wide > COLUMNS) {
			(void)fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			(void)fputc(' ', to);
			at++;
		}
		put_piece(s, n, to);
		at += wide;
		first = false;
		s += n;
		s += strspn(s, " ");
	}
	(void)fputc('\n', to);
}

/* ---- usage ---- */

static void
put_option(const struct cmd_option *o, struct buf *out)
{
	const char *open = o->required ? "" : "[",
		   *shut = o->required ? "" : "]";

	buf_printf(out, " %s", open);
	if (o->letter != 0)
		buf_printf(out, "-%c|", o->letter);
	buf_printf(out, "--%s", o->name);
	if (o->kind == CMD_MAYBE)
		buf_printf(out, "[=%s]", o->value);
	else if (o->value != NULL)
		buf_printf(out, "%c%s", CMD_KEEP, o->value);
	buf_printf(out, "%s%s", shut, o->kind == CMD_LIST ? "…" : "");
}

void
cmd_usage_words(const struct cmd *c, struct buf *out)
{
	for (const char *s = c->name; *s != '\0'; s++)
		buf_put_u8(out, (uint8_t)(*s == ' ' ? CMD_KEEP : *s));
	if (c->operands[0] != '\0')
		buf_printf(out, " %s", c->operands);
	for (int required = 1; required >= 0; required--)
		for (size_t i = 0; i < c->n_options; i++)
			if (c->options[i].required == (required == 1))
				put_option(&c->options[i], out);
}

bool
cmd_under(const struct cmd *c, const char *words)
{
	size_t n = strlen(words);

	return strncmp(c->name, words, n) == 0 &&
	    (c->name[n] == ' ' || c->name[n] == '\0');
}

static bool
is_shown(const struct cmd *c, const char *words)
{
	return c->about != NULL && cmd_under(c, words);
}

void
cmd_usage(const struct cmd_program *p, const struct cmd *c, FILE *to)
{
	OWN(buf_free) struct buf words = { 0 };
	size_t at = strlen("usage: ") + strlen(p->name) + 1;

	cmd_usage_words(c, &words);
	(void)fprintf(to, "usage: %s ", p->name);
	wrap(buf_text(&words), at, at + strlen(c->name) + 1, to);
}

/* ---- help ---- */

/* "  name   what it is about", in two columns. */
static void
two_columns(const char *name, const char *about, size_t width, FILE *to)
{
	size_t wide = columns(name, strlen(name));

	(void)fputs("  ", to);
	put_piece(name, strlen(name), to);
	if (wide > width)
		(void)fprintf(to, "\n%*s", (int)(width + 4), "");
	else
		(void)fprintf(to, "%*s", (int)(width - wide + 2), "");
	wrap(about, width + 4, width + 4, to);
}

static void
option_head(const struct cmd_option *o, struct buf *out)
{
	buf_clear(out);
	if (o->letter != 0)
		buf_printf(out, "-%c, ", o->letter);
	buf_printf(out, "--%s", o->name);
	if (o->kind == CMD_MAYBE)
		buf_printf(out, "[=%s]", o->value);
	else if (o->value != NULL)
		buf_printf(
		    out, " %s%s", o->value, o->kind == CMD_LIST ? "…" : "");
}

/* An option as it is explained, and which rows take it. */
struct explained {
	const struct cmd_option *option;
	struct buf rows; /* "key create, key rotate"; empty: all */
};

struct explaining {
	struct explained list[64];
	size_t n;
};

static void
explaining_free(struct explaining *x)
{
	for (size_t i = 0; i < x->n; i++)
		buf_free(&x->list[i].rows);
}

static void
put_options(const struct explaining *x, FILE *to)
{
	OWN(buf_free) struct buf head = { 0 };
	OWN(buf_free) struct buf about = { 0 };
	size_t width = 0;

	for (size_t i = 0; i < x->n; i++) {
		option_head(x->list[i].option, &head);
		size_t wide = columns(buf_text(&head), head.n);
		if (wide <= NAMES_MOST && wide > width)
			width = wide;
	}
	for (size_t i = 0; i < x->n; i++) {
		const struct explained *one = &x->list[i];
		option_head(one->option, &head);
		buf_clear(&about);
		buf_put_str(&about, one->option->about);
		if (one->rows.n > 0)
			buf_printf(&about, " (%s)", buf_text(&one->rows));
		two_columns(buf_text(&head), buf_text(&about), width, to);
	}
}

static bool
same(const struct cmd_option *a, const struct cmd_option *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->about, b->about) == 0;
}

static bool
takes(const struct cmd *c, const struct cmd_option *o)
{
	for (size_t i = 0; i < c->n_options; i++)
		if (same(&c->options[i], o))
			return true;
	return false;
}

/* Which of these rows take it; nothing when most do. */
static void
name_rows(const struct cmd_set *set, const char *words,
    const struct cmd_option *o, struct buf *out)
{
	size_t all = 0, with = 0;

	for (const struct cmd *c = set->rows; c->name != NULL; c++) {
		if (!is_shown(c, words))
			continue;
		all++;
		if (!takes(c, o))
			continue;
		with++;
		buf_printf(out, "%s%s", out->n > 0 ? ", " : "",
		    c->name + strlen(set->name) +
			(c->name[strlen(set->name)] == ' '));
	}
	if (with * 2 > all)
		buf_clear(out);
}

/* What these rows take, each option once. */
static void
explain(const struct cmd_set *set, const char *words, struct explaining *x)
{
	for (const struct cmd *c = set->rows; c->name != NULL; c++)
		for (size_t i = 0; is_shown(c, words) && i < c->n_options;
		     i++) {
			const struct cmd_option *o = &c->options[i];
			bool known = x->n == ARRAY_SIZE(x->list);
			for (size_t k = 0; k < x->n; k++)
				known = known || same(x->list[k].option, o);
			if (known)
				continue;
			x->list[x->n].option = o;
			name_rows(set, words, o, &x->list[x->n++].rows);
		}
}

static size_t
at_most(size_t wide)
{
	return wide > NAMES_MOST ? NAMES_MOST : wide;
}

static void
verb_head(const struct cmd_set *set, const struct cmd *c, struct buf *out)
{
	const char *verb = cmd_verb(set, c);

	buf_clear(out);
	buf_printf(out, "%s%s%s", verb,
	    c->operands[0] != '\0' && verb[0] != '\0' ? " " : "", c->operands);
}

static void
put_verbs(const struct cmd_set *set, const char *words, FILE *to)
{
	OWN(buf_free) struct buf head = { 0 };
	size_t width = 0;

	for (const struct cmd *c = set->rows; c->name != NULL; c++) {
		verb_head(set, c, &head);
		size_t wide = columns(buf_text(&head), head.n);
		if (is_shown(c, words) && at_most(wide) > width)
			width = at_most(wide);
	}
	for (const struct cmd *c = set->rows; c->name != NULL; c++) {
		if (!is_shown(c, words))
			continue;
		verb_head(set, c, &head);
		two_columns(buf_text(&head), c->about, width, to);
	}
}

/* "back up files" as a sentence. */
static void
put_sentence(const char *text, FILE *to)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_u8(&b, (uint8_t)toupper((unsigned char)text[0]));
	buf_printf(&b, "%s.", text + 1);
	wrap(buf_text(&b), 0, 0, to);
}

static size_t
count_shown(
    const struct cmd_set *set, const char *words, const struct cmd **one)
{
	size_t n = 0;

	for (const struct cmd *c = set->rows; c->name != NULL; c++)
		if (is_shown(c, words)) {
			*one = c;
			n++;
		}
	return n;
}

void
cmd_help_on(const struct cmd_program *p, const struct cmd_set *set,
    const char *words, FILE *to)
{
	OWN(explaining_free) struct explaining x = { .n = 0 };
	const struct cmd *one = &set->rows[0];
	bool several = count_shown(set, words, &one) > 1;

	if (several)
		(void)fprintf(
		    to, "usage: %s %s COMMAND …\n\n", p->name, set->name);
	else
		cmd_usage(p, one, to);
	if (!several)
		(void)fputc('\n', to);
	const char *about =
	    several && set->about != NULL ? set->about : one->about;
	assert(about != NULL);
	put_sentence(about, to);
	if (several) {
		(void)fputc('\n', to);
		put_verbs(set, words, to);
	}
	explain(set, words, &x);
	if (x.n > 0) {
		(void)fputs("\nOptions:\n", to);
		put_options(&x, to);
	}
	for (const struct cmd *c = set->rows; c->name != NULL; c++)
		if (c->more != NULL && is_shown(c, words))
			(void)fprintf(to, "\n%s\n", c->more);
	if (several)
		(void)fprintf(to, "\n%s help %s COMMAND explains one.\n",
		    p->name, set->name);
	(void)fprintf(to, "%sOptions of all commands: %s help\n",
	    several ? "" : "\n", p->name);
}

void
cmd_help(const struct cmd_program *p, FILE *to)
{
	OWN(explaining_free) struct explaining x = { .n = 0 };
	const char *topic = NULL;
	size_t width = 0;

	(void)fprintf(to, "usage: %s [OPTION…] COMMAND …\n\n", p->name);
	put_sentence(p->about, to);
	for (size_t i = 0; i < p->n_sets; i++)
		if (strlen(p->sets[i].name) > width)
			width = strlen(p->sets[i].name);
	for (size_t i = 0; i < p->n_sets; i++) {
		const struct cmd_set *s = &p->sets[i];
		if (topic == NULL || strcmp(topic, s->topic) != 0)
			(void)fprintf(to, "\n%s:\n", s->topic);
		topic = s->topic;
		two_columns(s->name,
		    s->about != NULL ? s->about : s->rows[0].about, width, to);
	}
	(void)fputs("\nOptions of all commands:\n", to);
	for (size_t i = 0; i < p->n_globals; i++)
		x.list[x.n++].option = &p->globals[i];
	put_options(&x, to);
	(void)fprintf(to,
	    "\n%s help COMMAND explains one; the manual has more: man %s\n",
	    p->name, p->name);
}
