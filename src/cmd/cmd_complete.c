/* SPDX-License-Identifier: ISC */
/* cmd_complete.c: the table as scripts for shells. */
#include "cmd/cmd_in.h"

#include <string.h>

/* Which words may come: names of files, some that are known, or anything. */
static bool
names_files(const char *value)
{
	static const char *const words[] = { "FILE", "DIR", "PATH", "OUT",
		"SOCKET", "MODULE" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(value, words[i]) != NULL)
			return true;
	return false;
}

static bool
is_choice(const char *value)
{
	return strchr(value, '|') != NULL && strpbrk(value, "[:/") == NULL;
}

/* 'text' as all three shells read it; what `escaped` has gets a backslash. */
static void
put_quoted(const char *text, const char *escaped, FILE *to)
{
	(void)fputc('\'', to);
	for (const char *s = text; *s != '\0'; s++) {
		if (*s == '\'') {
			(void)fputs("'\\''", to);
			continue;
		}
		if (strchr(escaped, *s) != NULL)
			(void)fputc('\\', to);
		(void)fputc(*s == '|' ? ' ' : *s, to);
	}
	(void)fputc('\'', to);
}

/* ---- each option of the program, once ---- */

typedef void option_fn(const struct cmd_option *o, FILE *to);

static bool
came_before(const struct cmd_program *p, const struct cmd_option *o)
{
	for (size_t i = 0; i < p->n_sets; i++)
		for (const struct cmd *c = p->sets[i].rows; c->name != NULL;
		     c++)
			for (size_t k = 0; k < c->n_options; k++) {
				if (&c->options[k] == o)
					return false;
				if (strcmp(c->options[k].name, o->name) == 0)
					return true;
			}
	return false;
}

static void
each_option(const struct cmd_program *p, option_fn *fn, FILE *to)
{
	for (size_t i = 0; i < p->n_sets; i++)
		for (const struct cmd *c = p->sets[i].rows; c->name != NULL;
		     c++)
			for (size_t k = 0; k < c->n_options; k++)
				if (!came_before(p, &c->options[k]))
					fn(&c->options[k], to);
	for (size_t i = 0; i < p->n_globals; i++)
		fn(&p->globals[i], to);
}

/* "|--name" of each whose value is the next word. */
static void
put_taking(const struct cmd_option *o, FILE *to)
{
	if (o->kind == CMD_TEXT || o->kind == CMD_LIST)
		(void)fprintf(to, "|--%s", o->name);
}

static void
put_taking_files(const struct cmd_option *o, FILE *to)
{
	if ((o->kind == CMD_TEXT || o->kind == CMD_LIST) &&
	    names_files(o->value))
		(void)fprintf(to, "|--%s", o->name);
}

static void
put_taking_plain(const struct cmd_option *o, FILE *to)
{
	if ((o->kind == CMD_TEXT || o->kind == CMD_LIST) &&
	    !names_files(o->value) && !is_choice(o->value))
		(void)fprintf(to, "|--%s", o->name);
}

/* ---- bash ---- */

static void
bash_choice(const struct cmd_option *o, FILE *to)
{
	if (o->kind != CMD_TEXT || !is_choice(o->value))
		return;
	(void)fprintf(to, "\t--%s) words=", o->name);
	put_quoted(o->value, "", to);
	(void)fputs(" ;;\n", to);
}

typedef void next_fn(const char *word, size_t n, const char *about, FILE *to);

/* Each word that may stand behind `before`, n bytes of it, once. */
static void
each_next(const struct cmd_set *set, const char *before, size_t n, next_fn *fn,
    FILE *to)
{
	const char *last = "";
	size_t last_n = 0;

	for (const struct cmd *c = set->rows; c->name != NULL; c++) {
		const char *next = c->name + n;
		size_t len;
		if (c->about == NULL || strncmp(c->name, before, n) != 0 ||
		    *next != ' ')
			continue;
		len = strcspn(++next, " ");
		if (len == last_n && strncmp(next, last, len) == 0)
			continue;
		fn(next, len, next[len] == '\0' ? c->about : "one of several",
		    to);
		last = next;
		last_n = len;
	}
}

/* A command that is its set's name alone, beside others that begin so. */
static const struct cmd *
bare_row(const struct cmd_set *set)
{
	for (const struct cmd *c = set->rows; c->name != NULL; c++)
		if (c->about != NULL && strcmp(c->name, set->name) == 0)
			return c;
	return NULL;
}

/* Is it a row's own place, rather than one that its set's beginning takes? The
 * bare one comes last, as it would match what belongs to others. */
static bool
stands_alone(const struct cmd_set *set, const struct cmd *c)
{
	return set->rows[1].name == NULL || strcmp(c->name, set->name) != 0;
}

typedef void beginning_fn(
    const struct cmd_set *set, const char *words, size_t n, FILE *to);

/* "recovery key", then "recovery": what is no command yet, but may become
 * one. */
static void
each_beginning(const struct cmd_set *set, beginning_fn *fn, FILE *to)
{
	const char *last = "";
	size_t last_n = 0;

	for (const struct cmd *c = set->rows; c->name != NULL; c++) {
		const char *end = strrchr(c->name, ' ');
		size_t n = end != NULL ? (size_t)(end - c->name) : 0;
		if (n <= strlen(set->name) ||
		    (n == last_n && strncmp(c->name, last, n) == 0))
			continue;
		fn(set, c->name, n, to);
		last = c->name;
		last_n = n;
	}
	if (set->rows[1].name != NULL && bare_row(set) == NULL)
		fn(set, set->name, strlen(set->name), to);
}

static void
bash_next(const char *word, size_t n, const char *about, FILE *to)
{
	(void)about;
	(void)fprintf(to, "%.*s ", (int)n, word);
}

/* What may come behind these words: a verb's next word, then options. */
static void
bash_row(const struct cmd_program *p, const struct cmd_set *set,
    const struct cmd *c, FILE *to)
{
	(void)fprintf(to, "\t'%s'|'%s '*) words='", c->name, c->name);
	each_next(set, c->name, strlen(c->name), bash_next, to);
	for (size_t i = 0; i < c->n_options; i++)
		(void)fprintf(to, "--%s ", c->options[i].name);
	for (size_t i = 0; i < p->n_globals; i++)
		(void)fprintf(to, "--%s ", p->globals[i].name);
	(void)fprintf(
	    to, "--help'%s ;;\n", names_files(c->operands) ? " files=1" : "");
}

static void
bash_beginning(const struct cmd_set *set, const char *words, size_t n, FILE *to)
{
	(void)fprintf(to, "\t'%.*s') words='", (int)n, words);
	each_next(set, words, n, bash_next, to);
	(void)fputs("' ;;\n", to);
}

static void
bash_set(const struct cmd_program *p, const struct cmd_set *set, FILE *to)
{
	each_beginning(set, bash_beginning, to);
	for (const struct cmd *c = set->rows; c->name != NULL; c++)
		if (stands_alone(set, c))
			bash_row(p, set, c, to);
	if (set->rows[1].name != NULL && bare_row(set) != NULL)
		bash_row(p, set, bare_row(set), to);
}

static void
bash(const struct cmd_program *p, FILE *to)
{
	(void)fprintf(to,
	    "# Completes the words of %s in bash.\n_%s() {\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} words='' files='' seen='' "
	    "i\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n\t\t--none",
	    p->name, p->name);
	each_option(p, put_taking, to);
	(void)fputs(") ((i++)) ;;\n\t\t-*) ;;\n"
		    "\t\t*) seen+=\"${seen:+ }${COMP_WORDS[i]}\" ;;\n"
		    "\t\tesac\n\tdone\n"
		    "\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n\t--none",
	    to);
	each_option(p, put_taking_files, to);
	(void)fputs(") files=1 ;;\n\t--none", to);
	each_option(p, put_taking_plain, to);
	(void)fputs(") return ;;\n", to);
	each_option(p, bash_choice, to);
	(void)fputs("\t*) case $seen in\n\t'') words='", to);
	for (size_t i = 0; i < p->n_sets; i++)
		(void)fprintf(to, "%s ", p->sets[i].name);
	for (size_t i = 0; i < p->n_globals; i++)
		(void)fprintf(to, "--%s ", p->globals[i].name);
	(void)fputs("--help --version' ;;\n", to);
	for (size_t i = 0; i < p->n_sets; i++)
		bash_set(p, &p->sets[i], to);
	(void)fprintf(to,
	    "\tesac ;;\n\tesac\n"
	    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"\n"
	    "\t\t[ -z \"$files\" ] || compgen -f -- \"$cur\")\n"
	    "\t[ -z \"$files\" ] || compopt -o filenames 2>/dev/null\n"
	    "}\ncomplete -F _%s %s\n",
	    p->name, p->name);
}

/* ---- zsh ---- */

static void
zsh_choice(const struct cmd_option *o, FILE *to)
{
	if (o->kind != CMD_TEXT || !is_choice(o->value))
		return;
	(void)fprintf(to, "\t(--%s) compadd -- ${=:-", o->name);
	put_quoted(o->value, "", to);
	(void)fputs("}; return ;;\n", to);
}

static void
zsh_item(const char *name, const char *about, FILE *to)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b, "%s:%s", name, about);
	(void)fputs(" ", to);
	put_quoted(buf_text(&b), "", to);
}

static void
zsh_option(const struct cmd_option *o, FILE *to)
{
	OWN(buf_free) struct buf name = { 0 };

	buf_printf(&name, "--%s", o->name);
	zsh_item(buf_text(&name), o->about, to);
}

static void
zsh_next(const char *word, size_t n, const char *about, FILE *to)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b, "%.*s:%s", (int)n, word, about);
	(void)fputc(' ', to);
	put_quoted(buf_text(&b), "", to);
}

static void
zsh_beginning(const struct cmd_set *set, const char *words, size_t n, FILE *to)
{
	(void)fprintf(to, "\t('%.*s') list=(", (int)n, words);
	each_next(set, words, n, zsh_next, to);
	(void)fputs(") ;;\n", to);
}

static void
zsh_row(const struct cmd_program *p, const struct cmd_set *set,
    const struct cmd *c, FILE *to)
{
	(void)fprintf(to, "\t('%s'|'%s '*) list=(", c->name, c->name);
	each_next(set, c->name, strlen(c->name), zsh_next, to);
	for (size_t i = 0; i < c->n_options; i++)
		zsh_option(&c->options[i], to);
	for (size_t i = 0; i < p->n_globals; i++)
		zsh_option(&p->globals[i], to);
	(void)fprintf(
	    to, ")%s ;;\n", names_files(c->operands) ? " files=1" : "");
}

static void
zsh_set(const struct cmd_program *p, const struct cmd_set *set, FILE *to)
{
	for (const struct cmd *c = set->rows; c->name != NULL; c++)
		if (stands_alone(set, c))
			zsh_row(p, set, c, to);
	each_beginning(set, zsh_beginning, to);
	if (set->rows[1].name != NULL && bare_row(set) != NULL)
		zsh_row(p, set, bare_row(set), to);
}

static void
zsh(const struct cmd_program *p, FILE *to)
{
	(void)fprintf(to,
	    "#compdef %s\n# Completes the words of %s in zsh.\n_%s() {\n"
	    "\tlocal -a seen list\n\tlocal i files\n"
	    "\tfor ((i = 2; i < CURRENT; i++)); do\n"
	    "\t\tcase ${words[i]} in\n\t\t(--none",
	    p->name, p->name, p->name);
	each_option(p, put_taking, to);
	(void)fputs(
	    ") ((i++)) ;;\n\t\t(-*) ;;\n\t\t(*) seen+=(${words[i]}) ;;\n"
	    "\t\tesac\n\tdone\n\tcase ${words[CURRENT-1]} in\n"
	    "\t(--none",
	    to);
	each_option(p, put_taking_files, to);
	(void)fputs(") _files; return ;;\n\t(--none", to);
	each_option(p, put_taking_plain, to);
	(void)fputs(") return ;;\n", to);
	each_option(p, zsh_choice, to);
	(void)fputs("\tesac\n\tcase \"${seen[*]}\" in\n\t('') list=(", to);
	for (size_t i = 0; i < p->n_sets; i++)
		zsh_item(p->sets[i].name,
		    p->sets[i].about != NULL ? p->sets[i].about
					     : p->sets[i].rows[0].about,
		    to);
	(void)fputs(") ;;\n", to);
	for (size_t i = 0; i < p->n_sets; i++)
		zsh_set(p, &p->sets[i], to);
	(void)fprintf(to,
	    "\tesac\n\t_describe -t words %s list\n"
	    "\t[[ -z $files ]] || _files\n}\n"
	    "if [[ $funcstack[1] = _%s ]]; then _%s \"$@\"\n"
	    "elif (( $+functions[compdef] )); then compdef _%s %s\n"
	    "else print -u2 'First: autoload -U compinit && compinit'; fi\n",
	    p->name, p->name, p->name, p->name, p->name);
}

/* ---- fish ---- */

static void
fish_option(const struct cmd_program *p, const struct cmd *c,
    const struct cmd_option *o, FILE *to)
{
	(void)fprintf(to, "complete -c %s", p->name);
	if (c != NULL)
		(void)fprintf(to, " -n \"__%s_in '%s'\"", p->name, c->name);
	if (o->letter != 0)
		(void)fprintf(to, " -s %c", o->letter);
	(void)fprintf(to, " -l %s", o->name);
	if (o->kind == CMD_TEXT || o->kind == CMD_LIST)
		(void)fputs(names_files(o->value) ? " -r -F" : " -x", to);
	if (o->kind == CMD_TEXT && is_choice(o->value)) {
		(void)fputs(" -a ", to);
		put_quoted(o->value, "", to);
	}
	(void)fputs(" -d ", to);
	put_quoted(o->about, "\\", to);
	(void)fputc('\n', to);
}

static void
fish_word(const struct cmd_program *p, const char *before, const char *word,
    const char *about, FILE *to)
{
	(void)fprintf(to, "complete -c %s -n \"__%s_at '%s'\" -a '%.*s' -d ",
	    p->name, p->name, before, (int)strcspn(word, " "), word);
	put_quoted(about, "\\", to);
	(void)fputc('\n', to);
}

/* The words of a row behind its set's name, each behind those before it. */
static void
fish_row(const struct cmd_program *p, const struct cmd_set *set,
    const struct cmd *c, FILE *to)
{
	for (const char *at = c->name + strlen(set->name);
	     *at == ' ' && c->about != NULL; at += 1 + strcspn(at + 1, " ")) {
		OWN(buf_free) struct buf before = { 0 };
		buf_put(&before, c->name, (size_t)(at - c->name));
		bool last = strchr(at + 1, ' ') == NULL;
		fish_word(p, buf_text(&before), at + 1,
		    last ? c->about : "one of several", to);
	}
	for (size_t i = 0; i < c->n_options; i++)
		fish_option(p, c, &c->options[i], to);
	if (names_files(c->operands))
		(void)fprintf(to, "complete -c %s -n \"__%s_in '%s'\" -F\n",
		    p->name, p->name, c->name);
}

static void
fish(const struct cmd_program *p, FILE *to)
{
	(void)fprintf(to,
	    "# Completes the words of %s in fish.\n"
	    "function __%s_words\n\tset -l skip\n"
	    "\tfor word in (commandline -opc)[2..-1]\n"
	    "\t\tif test -n \"$skip\"\n\t\t\tset skip\n\t\t\tcontinue\n"
	    "\t\tend\n\t\tswitch $word\n"
	    "\t\tcase --none",
	    p->name, p->name);
	for (size_t i = 0; i < p->n_globals; i++)
		if (p->globals[i].kind == CMD_TEXT)
			(void)fprintf(to, " --%s", p->globals[i].name);
	(void)fprintf(to,
	    "\n\t\t\tset skip 1\n\t\tcase '-*'\n\t\tcase '*'\n"
	    "\t\t\techo $word\n\t\tend\n\tend\nend\n"
	    "function __%s_at\n"
	    "\ttest \"$(string join ' ' (__%s_words))\" = \"$argv[1]\"\nend\n"
	    "function __%s_in\n"
	    "\tstring match -q -- \"$argv[1] *\" "
	    "\"$(string join ' ' (__%s_words)) \"\nend\n"
	    "complete -c %s -f\n",
	    p->name, p->name, p->name, p->name, p->name);
	for (size_t i = 0; i < p->n_globals; i++)
		fish_option(p, NULL, &p->globals[i], to);
	for (size_t i = 0; i < p->n_sets; i++) {
		const struct cmd_set *s = &p->sets[i];
		fish_word(p, "", s->name,
		    s->about != NULL ? s->about : s->rows[0].about, to);
		for (const struct cmd *c = s->rows; c->name != NULL; c++)
			fish_row(p, s, c, to);
	}
}

int
cmd_complete(
    const struct cmd_program *p, const char *shell, FILE *to, struct err *e)
{
	static const struct {
		const char *name;
		void (*put)(const struct cmd_program *p, FILE *to);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish },
		{ "mdoc", cmd_mdoc } };

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].put(p, to);
			return 0;
		}
	(void)err_set(
	    e, ERR_USAGE, "the words of no shell called %s are known", shell);
	return err_remedy(e, "It is one of: bash, zsh, fish");
}
