/* SPDX-License-Identifier: ISC */
/* cli_schedule_keep.c: what is forgotten after a backup by itself. */
/*
 * Only snapshots that a plan made: those whose tags are the plan's, and no
 * other. One that a person made has not the first of them, and one that a
 * person has tagged since has one more.
 */
#include "cli/cli_schedule.h"

#include "backup/forget.h"
#include "backup/prune.h"
#include "base/now.h"

#include <stdlib.h>
#include <string.h>

#define PRUNE_EACH_MS \
	(7 * 24 * 3600 * 1000ULL) /* reads all trees: not nightly */

static bool
tag_is(const struct plan *p, struct bytes tag)
{
	bool found = bytes_equal(tag, bytes_str(p->tag));

	for (size_t i = 0; i < p->tags.n && !found; i++)
		found = bytes_equal(tag, bytes_str(p->tags.items[i]));
	return found;
}

/* A plan that was enabled anew with other tags leaves the former ones alone. */
static bool
made_by(const struct plan *p, const struct snapshot *s)
{
	if (!snapshot_has_tag(s, p->tag))
		return false;
	for (size_t i = 0; i < s->n_tags; i++)
		if (!tag_is(p, buf_bytes(&s->tags[i])))
			return false;
	return true;
}

static int
policy_of(const struct plan *p, struct cli_policy *given,
    struct retain_policy *out, struct err *e)
{
	bool any;

	for (int i = 0; i < RETAIN_COUNTED; i++)
		given->keep[i] = p->keep[i][0] != '\0' ? p->keep[i] : NULL;
	if (p->keep[RETAIN_WITHIN][0] != '\0')
		given->within = p->keep[RETAIN_WITHIN];
	given->tags.items = mem_array(p->keep_tags.n + 1, sizeof(char *));
	for (size_t i = 0; i < p->keep_tags.n; i++)
		given->tags.items[given->tags.n++] = p->keep_tags.items[i];
	return cli_policy(given, out, &any, e);
}

static void
policy_free(struct cli_policy *p)
{
	free(p->tags.items);
	p->tags.items = NULL;
}

static int
forget(
    const struct plan *p, const struct cli_view *v, size_t *gone, struct err *e)
{
	OWN(policy_free) struct cli_policy given = { 0 };
	OWN(mem_free)
	const struct snapshot **list = mem_array(v->list.n + 1, sizeof *list);
	OWN(mem_free)
	struct retain_verdict *judged =
	    mem_array(v->list.n + 1, sizeof *judged);
	OWN(mem_free) struct id *ids = mem_array(v->list.n + 1, sizeof *ids);
	struct retain_policy policy;
	size_t n = 0;

	*gone = 0;
	if (policy_of(p, &given, &policy, e) < 0)
		return -1;
	/* No such plan is made; one that was cut or edited says nothing. */
	if (!retain_keeps(&policy))
		return err_set(
		    e, ERR_STATE_DAMAGED, "the rules would keep no backup");
	for (size_t i = 0; i < v->list.n; i++)
		if (made_by(p, &v->list.list[i]))
			list[n++] = &v->list.list[i];
	retain_judge(&policy, list, n, judged);
	for (size_t i = 0; i < n; i++)
		if (judged[i].why == 0)
			ids[(*gone)++] = judged[i].snap->id;
	return *gone > 0 ? forget_snapshots(v->repo.repo, ids, *gone, e) : 0;
}

static int
prune(const struct plan *p, const struct cli_view *v, struct plan_state *s,
    struct err *e)
{
	const struct prune_options o = { .grace_s = PRUNE_GRACE_S,
		.max_unused = PRUNE_MAX_UNUSED };
	uint64_t now = (uint64_t)now_ms();
	uint64_t since = s->pruned_ms != 0 ? s->pruned_ms : p->made_ms;
	struct prune_result r;

	if (now < since + PRUNE_EACH_MS)
		return 0;
	if (prune_run(v->repo.repo, &o, &r, e) < 0)
		return -1;
	s->pruned_ms = now;
	return 0;
}

void
cli_schedule_keep(struct cli *cli, const struct plan *p, struct plan_state *s)
{
	OWN(cli_view_free) struct cli_view v = { .repo.lock = -1 };
	struct err e = { 0 };
	size_t gone = 0;

	cli->frees = true;
	bool done = cli_view(cli, &v, &e) == 0 &&
	    forget(p, &v, &gone, &e) == 0 && prune(p, &v, s, &e) == 0;
	plan_set(&s->keep_code, done ? "" : err_name(e.code));
	plan_set(&s->keep_message, done ? "" : e.msg);
	if (!done)
		cli_warn("aumbry: old backups were not cleared away: %s (%s)",
		    e.msg, err_name(e.code));
	else if (gone > 0)
		cli_say(cli, "%zu old backups forgotten.", gone);
}
