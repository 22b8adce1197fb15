/* SPDX-License-Identifier: ISC */
/* cli_forget.c: aumbry snapshot forget and tag: changing what is recorded. */
#include "cli/cli_snapshot.h"

#include "backup/forget.h"
#include "backup/retain.h"
#include "base/now.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- forgetting ---- */

struct victims {
	struct id *list;
	size_t n;
};

static void
victims_free(struct victims *v)
{
	free(v->list);
	*v = (struct victims){ 0 };
}

static void
victims_add(struct victims *v, const struct id *id)
{
	for (size_t i = 0; i < v->n; i++)
		if (id_equal(&v->list[i], id))
			return;
	v->list = mem_resize(v->list, v->n + 1, sizeof *v->list);
	v->list[v->n++] = *id;
}

static void
print_why(unsigned why)
{
	const char *between = "  ";

	for (int i = 0; i < RETAIN_RULES; i++)
		if ((why >> i & 1) != 0) {
			(void)printf(
			    "%s%s", between, retain_name((enum retain_rule)i));
			between = ", ";
		}
}

static void
print_group(const struct snapshot *s)
{
	OWN(mem_free) char *host = cli_shown(buf_bytes(&s->host));

	(void)printf("%s", host);
	for (size_t i = 0; i < s->n_paths; i++) {
		OWN(mem_free) char *p = cli_shown(buf_bytes(&s->paths[i]));
		(void)printf(" %s", p);
	}
	(void)putchar('\n');
}

static void
print_verdict(
    const struct cli *cli, const struct snapshot *s, bool keep, unsigned why)
{
	if (cli->line.json) {
		json_t *reasons = json_array();
		for (int i = 0; i < RETAIN_RULES; i++)
			if ((why >> i & 1) != 0)
				(void)json_array_append_new(reasons,
				    json_string(
					retain_name((enum retain_rule)i)));
		cli_print_json(json_pack("{s:s, s:s, s:I, s:o}", "event",
		    keep ? "keep" : "forget", "id", id_text(&s->id).s, "time",
		    (json_int_t)s->time_ms, "reasons", reasons));
		return;
	}
	OWN(mem_free) char *when = cli_time(s->time_ms);
	(void)printf("  %-6s  %s  %s", keep ? "keep" : "forget",
	    id_short(&s->id).s, when);
	print_why(why);
	(void)putchar('\n');
}

/*
 * Print the judgement and collect who goes.
 *
 * lost  a group that would have no snapshot left, or NULL.
 */
static void
show_verdicts(const struct cli *cli, const struct retain_verdict *v, size_t n,
    struct victims *out, const struct snapshot **lost)
{
	*lost = NULL;
	for (size_t from = 0, to; from < n; from = to) {
		size_t kept = 0;
		if (!cli->line.json)
			print_group(v[from].snap);
		for (to = from; to < n && v[to].group == v[from].group; to++) {
			print_verdict(
			    cli, v[to].snap, v[to].why != 0, v[to].why);
			kept += v[to].why != 0;
			if (v[to].why == 0)
				victims_add(out, &v[to].snap->id);
		}
		if (kept == 0)
			*lost = v[from].snap;
	}
}

struct forgetting {
	const struct cli_forget *given;
	struct retain_policy policy;
	bool by_policy;
};

int
cli_policy(const struct cli_policy *given, struct retain_policy *out, bool *any,
    struct err *e)
{
	*out = (struct retain_policy){ .now_ms = (uint64_t)now_ms(),
		.tags = given->tags.items,
		.n_tags = given->tags.n };
	*any = given->within != NULL || given->tags.n > 0;
	for (int i = 0; i < RETAIN_COUNTED; i++) {
		if (given->keep[i] == NULL)
			continue;
		*any = true;
		if (text_parse_u64(given->keep[i], 0, 1000000, &out->keep[i]) <
		    0)
			return err_set(e, ERR_USAGE,
			    "--keep-%s is a number, not %s",
			    retain_name((enum retain_rule)i), given->keep[i]);
	}
	if (given->within != NULL &&
	    text_parse_span(given->within, &out->within_s) < 0)
		return err_set(e, ERR_USAGE,
		    "--keep-within is a span as 30d, not %s", given->within);
	return 0;
}

static bool
chosen(const struct forgetting *f, const struct snapshot *s)
{
	return snapshot_is_of(s, f->given->host, f->given->tag);
}

static void
say_clocks(const struct cli *cli, const struct retain_verdict *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((v[i].why >> RETAIN_CLOCK & 1) != 0)
			cli_say(cli,
			    "aumbry: snapshot %s was made under a clock that "
			    "was wrong. No policy forgets it; aumbry snapshot "
			    "forget %s does",
			    id_short(&v[i].snap->id).s,
			    id_short(&v[i].snap->id).s);
}

static int
judge(struct cli *cli, const struct forgetting *f,
    const struct snapshot_list *all, struct victims *out, size_t *judged,
    struct err *e)
{
	OWN(mem_free)
	const struct snapshot **list = mem_array(all->n + 1, sizeof *list);
	OWN(mem_free)
	struct retain_verdict *v = mem_array(all->n + 1, sizeof *v);
	const struct snapshot *lost;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (chosen(f, &all->list[i]))
			list[n++] = &all->list[i];
	retain_judge(&f->policy, list, n, v);
	say_clocks(cli, v, n);
	show_verdicts(cli, v, n, out, &lost);
	*judged = n;
	if (lost == NULL || cli->yes)
		return 0;
	(void)err_set(e, ERR_USAGE,
	    "this policy would keep nothing of what snapshot %s backs up",
	    id_short(&lost->id).s);
	return err_remedy(
	    e, "Nothing was forgotten. Add --keep-last 1, or --yes.");
}

/* A snapshot that says nothing is forgotten by its ID all the same. */
static int
look_up_bad(const struct snapshot_list *all, const char *text,
    struct victims *out, struct err *e)
{
	const struct snapshot_bad *b = NULL;

	for (size_t i = 0; i < all->n_bad; i++)
		if (strncmp(id_text(&all->bad[i].id).s, text, strlen(text)) ==
		    0)
			b = &all->bad[i];
	/* What is damaged here only may be whole where it is stored. */
	if (b == NULL || !b->opened || e->code != ERR_RECORD_CORRUPT)
		return -1;
	victims_add(out, &b->id);
	err_clear(e);
	return 0;
}

static void
print_bad(const struct cli *cli, const struct snapshot_bad *b)
{
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:s, s:s}", "event", "forget",
		    "id", id_text(&b->id).s, "unreadable",
		    err_name(b->why.code)));
	else
		(void)printf("  forget  %s  unreadable (%s)\n",
		    id_short(&b->id).s, err_name(b->why.code));
}

static void
print_victims(const struct cli *cli, const struct snapshot_list *all,
    const struct victims *v)
{
	for (size_t k = 0; k < v->n; k++) {
		for (size_t i = 0; i < all->n; i++)
			if (id_equal(&all->list[i].id, &v->list[k]))
				print_verdict(cli, &all->list[i], false, 0);
		for (size_t i = 0; i < all->n_bad; i++)
			if (id_equal(&all->bad[i].id, &v->list[k]))
				print_bad(cli, &all->bad[i]);
	}
}

/* All are looked up before one is named or forgotten, and named once. */
static int
look_up(struct cli *cli, const struct snapshot_list *all, struct victims *out,
    struct err *e)
{
	const struct snapshot *s;

	for (int i = 0; i < cli->line.n_args; i++) {
		if (cli_pick_id(cli, all, cli->line.args[i], &s, e) == 0)
			victims_add(out, &s->id);
		else if (look_up_bad(all, cli->line.args[i], out, e) < 0)
			return -1;
	}
	print_victims(cli, all, out);
	return 0;
}

static void
summary(const struct cli *cli, size_t kept, size_t gone, bool dry_run)
{
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:I, s:b}", "event",
		    "done", "kept", (json_int_t)kept, "forgotten",
		    (json_int_t)gone, "dry_run", dry_run ? 1 : 0));
	if (dry_run)
		cli_say(cli, "%zu would be kept, %zu forgotten.", kept, gone);
	else
		cli_say(cli, "%zu kept, %zu forgotten.%s", kept, gone,
		    gone > 0 ? " aumbry prune frees the space." : "");
}

int
cli_forget(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_forget *o = options;
	struct forgetting f = { .given = o };
	OWN(cli_view_free) struct cli_view view = { .repo.lock = -1 };
	OWN(victims_free) struct victims gone = { 0 };
	size_t judged = 0;

	if (cli_policy(&o->policy, &f.policy, &f.by_policy, e) < 0)
		return -1;
	bool by_id = cli->line.n_args > 0;
	if (by_id == f.by_policy ||
	    (by_id && (o->host != NULL || o->tag != NULL)))
		return err_set(e, ERR_USAGE,
		    "say which snapshots to forget by their IDs, or which to "
		    "keep by --keep-…");
	cli->frees = !o->dry_run;
	if (cli_view(cli, &view, e) < 0)
		return -1;
	if (by_id) {
		if (look_up(cli, &view.list, &gone, e) < 0)
			return -1;
		judged = view.list.n + view.list.n_bad;
	} else if (judge(cli, &f, &view.list, &gone, &judged, e) < 0) {
		return -1;
	}
	if (!o->dry_run &&
	    forget_snapshots(view.repo.repo, gone.list, gone.n, e) < 0)
		return -1;
	summary(cli, judged - gone.n, gone.n, o->dry_run);
	return 0;
}

/* ---- tags ---- */

/* A snapshot's record as it is now. */
struct record {
	struct id id;
	uint64_t seq;
	bool found;
	struct buf refs;
	struct zcopy *zone;
};

static void
record_free(struct record *r)
{
	buf_free(&r->refs);
}

static int
take_record(void *ctx, const struct zcopy_record *x, struct err *e)
{
	struct record *r = ctx;

	(void)e;
	if (id_equal(&x->id, &r->id)) {
		r->found = true;
		r->seq = x->seq;
		buf_clear(&r->refs);
		buf_put_bytes(&r->refs, x->refs);
	}
	return 0;
}

/* Another device may have forgotten or tagged it meanwhile. */
static int
still_the_same(void *ctx, struct err *e)
{
	const struct record *old = ctx;
	OWN(record_free) struct record now = { .id = old->id };

	if (zcopy_each(old->zone, old->seq - 1, take_record, &now, e) < 0)
		return -1;
	if (!now.found)
		return err_set(
		    e, ERR_NOT_FOUND, "another device forgot this snapshot");
	return now.seq == old->seq ? 0
				   : err_set(e, ERR_CONFLICT,
					 "another device changed this "
					 "snapshot");
}

static void
remove_tag(struct snapshot *s, const char *tag)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_tags; i++) {
		if (bytes_equal(buf_bytes(&s->tags[i]), bytes_str(tag)))
			buf_free(&s->tags[i]);
		else
			s->tags[kept++] = s->tags[i];
	}
	s->n_tags = kept;
}

static int
retag(struct snapshot *s, const struct cmd_list *add,
    const struct cmd_list *remove, struct err *e)
{
	for (size_t i = 0; i < remove->n; i++)
		remove_tag(s, remove->items[i]);
	for (size_t i = 0; i < add->n; i++) {
		remove_tag(s, add->items[i]);
		snapshot_add_tag(s, bytes_str(add->items[i]));
	}
	return snapshot_check_words(s, e);
}

static int
commit_tags(struct zcopy *zone, struct snapshot *s, const struct cmd_list *add,
    const struct cmd_list *remove, struct err *e)
{
	OWN(record_free) struct record r = { .id = s->id, .zone = zone };
	OWN(buf_free) struct buf plain = { 0 };

	if (zcopy_each(zone, s->seq - 1, take_record, &r, e) < 0 ||
	    retag(s, add, remove, e) < 0)
		return -1;
	r.seq = s->seq;
	snapshot_put(&plain, s);
	struct zcopy_edit edit = { .id = s->id,
		.refs = buf_bytes(&r.refs),
		.plain = buf_bytes(&plain) };
	return zcopy_commit(zone, &edit, 1, still_the_same, &r, e);
}

int
cli_tag(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_tag *o = options;
	OWN(cli_view_free) struct cli_view view = { .repo.lock = -1 };
	const struct snapshot *found;

	if (o->add.n + o->remove.n == 0)
		return err_set(e, ERR_USAGE, "give --add TAG or --remove TAG");
	if (snapshot_check_tags(o->add.items, o->add.n, e) < 0)
		return -1;
	if (cli_view(cli, &view, e) < 0 ||
	    cli_pick_id(cli, &view.list, cli->line.args[0], &found, e) < 0)
		return -1;
	struct snapshot *s = &view.list.list[found - view.list.list];
	struct zcopy *zone = view.repo.repo->parts[CATEGORY_BACKUP].zone;
	if (commit_tags(zone, s, &o->add, &o->remove, e) < 0)
		return err_in(e, "snapshot %s", id_short(&s->id).s);
	if (cli->line.json) {
		cli_snapshot_json(s);
		return 0;
	}
	OWN(buf_free) struct buf tags = { 0 };
	for (size_t i = 0; i < s->n_tags; i++) {
		buf_put_str(&tags, " #");
		text_show(&tags, buf_bytes(&s->tags[i]));
	}
	cli_say(cli, "%s has %s%s", id_short(&s->id).s,
	    s->n_tags > 0 ? "these tags:" : "no tags", buf_text(&tags));
	return 0;
}
