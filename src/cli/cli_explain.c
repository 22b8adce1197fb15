/* SPDX-License-Identifier: ISC */
/* cli_explain.c: aumbry backup --explain. */
#include "cli/cli.h"

#include "backup/explain.h"
#include "files/secretfile.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *
rule_json(const struct backup_rule *x)
{
	json_t *j = json_pack("{s:s, s:s}", "rule", x->code, "words", x->words);

	if (x->by.pattern.n == 0)
		return j;
	(void)json_object_set_new(j, "pattern", cli_json_bytes(x->by.pattern));
	(void)json_object_set_new(
	    j, "source", cli_json_bytes(bytes_str(x->by.source)));
	if (x->by.line > 0)
		(void)json_object_set_new(
		    j, "line", json_integer((json_int_t)x->by.line));
	return j;
}

/* "FILE, line 3: *.o", or what else the rule says; owned. */
static char *
rule_text(const struct backup_rule *x)
{
	OWN(buf_free) struct buf b = { 0 };

	if (x->by.pattern.n == 0)
		return mem_text(x->words);
	OWN(mem_free) char *source = cli_shown(bytes_str(x->by.source));
	OWN(mem_free) char *pattern = cli_shown(x->by.pattern);
	buf_put_str(&b, source);
	if (x->by.line > 0)
		buf_printf(&b, ", line %lu", x->by.line);
	buf_printf(&b, ": %s", pattern);
	return mem_text(buf_text(&b));
}

static void
print_json(const struct explain_answer *a)
{
	json_t *j = json_pack("{s:s, s:o, s:b}", "event", "explained", "path",
	    cli_json_bytes(bytes_str(a->asked)), "stored", a->stored ? 1 : 0);

	cli_json_raw(j, "path_raw", bytes_str(a->asked));
	if (a->stored) {
		(void)json_object_set_new(j, "category",
		    json_string(a->keychain ? "keychain" : "backup"));
		(void)json_object_set_new(
		    j, "type", json_string(entry_type_name(a->type)));
	}
	if (a->keychain)
		(void)json_object_set_new(j, "secret", rule_json(&a->secret));
	if (a->rule.code != NULL)
		(void)json_object_set_new(j, "by", rule_json(&a->rule));
	if (!a->stored && a->at.n > 0)
		(void)json_object_set_new(
		    j, "at", cli_json_bytes(buf_bytes(&a->at)));
	cli_print_json(j);
}

static void
print_stored(const struct explain_answer *a)
{
	(void)printf("backed up as a %s", entry_type_name(a->type));
	if (a->keychain) {
		OWN(mem_free) char *why = rule_text(&a->secret);
		(void)printf(", in the keychain category (%s)", why);
	}
	if (a->rule.code != NULL) {
		OWN(mem_free) char *why = rule_text(&a->rule);
		(void)printf(", taken back (%s)", why);
	}
	(void)putchar('\n');
}

/* An explain_fn. */
static void
print_answer(void *ctx, const struct explain_answer *a)
{
	struct cli *cli = ctx;

	if (!a->stored)
		cli->line.status = err_exit(ERR_READ_INCOMPLETE);
	if (cli->line.json) {
		print_json(a);
		return;
	}
	OWN(mem_free) char *path = cli_shown(bytes_str(a->asked));
	(void)printf("%s: ", path);
	if (a->stored) {
		print_stored(a);
		return;
	}
	OWN(mem_free) char *why = rule_text(&a->rule);
	OWN(mem_free) char *at = cli_shown(buf_bytes(&a->at));
	(void)printf("left out (%s)%s%s%s%s\n", why, a->at.n > 0 ? ", at " : "",
	    at, a->why.code != ERR_NONE ? ": " : "", a->why.msg);
}

static void
free_list(struct cmd_list *l)
{
	free(l->items);
}

static void
print_rule(const struct cli *cli, const char *rule, const char *pattern)
{
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:s, s:s}", "event", "rule",
		    "rule", rule, "pattern", pattern));
	else
		(void)printf("%s: %s\n", rule, pattern);
}

static void
print_lists(const struct cli *cli)
{
	OWN(buf_free) struct buf secret = { 0 };

	for (size_t i = 0; exclude_default(i) != NULL; i++)
		print_rule(cli, "default", exclude_default(i));
	for (size_t i = 0; secretfile_listed(i, &secret); i++) {
		print_rule(cli, "secret", buf_text(&secret));
		buf_clear(&secret);
	}
}

int
cli_explain(struct cli *cli, const struct backup_options *given, bool profile,
    struct err *e)
{
	OWN(free_list) struct cmd_list roots = { 0 };
	struct backup_options o = *given;

	if (given->n_paths == 0) {
		print_lists(cli);
		return 0;
	}
	if (cli_usual_roots(cli, profile, false, &roots, e) < 0)
		return -1;
	o.paths = roots.items;
	o.n_paths = roots.n;
	return backup_explain(
	    &o, given->paths, given->n_paths, print_answer, cli, e);
}
