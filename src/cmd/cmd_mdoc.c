/* SPDX-License-Identifier: ISC */
/* cmd_mdoc.c: the table as a section of the manual, in mdoc(7). */
#include "cmd/cmd_in.h"

#include <ctype.h>
#include <string.h>

/* "--timeout SPAN" with macros. */
static void
put_flag(const struct cmd_option *o, FILE *to)
{
	if (o->letter != 0)
		(void)fprintf(to, " Fl %c |", o->letter);
	(void)fprintf(to, " Fl Fl %s", o->name);
	if (o->kind == CMD_MAYBE)
		(void)fprintf(to, " Ns Op = Ns Ar %s", o->value);
	else if (o->value != NULL)
		(void)fprintf(to, " Ar %s%s", o->value,
		    o->kind == CMD_LIST ? " ..." : "");
}

/* How long is what begins with "[", to the "]" that ends it? */
static size_t
bracketed(const char *s)
{
	size_t n = 0;
	int depth = 0;

	do
		depth += (s[n] == '[') - (s[n] == ']');
	while (depth > 0 && s[++n] != '\0');
	return n + (s[n] != '\0');
}

/* "URL NAME", "[ID]": what is in brackets may be left out. */
static void
put_operands(const char *operands, FILE *to)
{
	for (const char *s = operands; *s != '\0';) {
		bool optional = *s == '[';
		size_t n = optional ? bracketed(s) : strcspn(s, " ");
		size_t cut = optional ? 1 : 0;
		(void)fprintf(to, "%s %.*s\n", optional ? ".Op Ar" : ".Ar",
		    (int)(n - 2 * cut), s + cut);
		s += n;
		s += strspn(s, " ");
	}
}

static void
put_sentence(const char *text, FILE *to)
{
	(void)fprintf(to, "%c%s.\n", toupper((unsigned char)text[0]), text + 1);
}

static void
put_row(const struct cmd_program *p, const struct cmd *c, FILE *to)
{
	(void)fprintf(
	    to, ".Ss %s\n.Nm %s\n.Cm %s\n", c->name, p->name, c->name);
	put_operands(c->operands, to);
	for (size_t i = 0; i < c->n_options; i++) {
		(void)fputs(c->options[i].required ? "." : ".Op", to);
		if (c->options[i].required)
			(void)fprintf(to, "Fl Fl %s Ar %s", c->options[i].name,
			    c->options[i].value);
		else
			put_flag(&c->options[i], to);
		(void)fputc('\n', to);
	}
	(void)fputs(".Pp\n", to);
	put_sentence(c->about, to);
	if (c->n_options == 0)
		return;
	(void)fputs(".Bl -tag -width Ds -compact\n", to);
	for (size_t i = 0; i < c->n_options; i++) {
		(void)fputs(".It", to);
		put_flag(&c->options[i], to);
		(void)fputc('\n', to);
		put_sentence(c->options[i].about, to);
	}
	(void)fputs(".El\n", to);
}

void
cmd_mdoc(const struct cmd_program *p, FILE *to)
{
	for (size_t i = 0; i < p->n_sets; i++)
		for (const struct cmd *c = p->sets[i].rows; c->name != NULL;
		     c++)
			if (c->about != NULL)
				put_row(p, c, to);
}
