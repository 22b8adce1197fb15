/* SPDX-License-Identifier: ISC */
/* cli_view.c: the snapshots of a repository, for what works on them. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

void
cli_view_free(struct cli_view *v)
{
	source_free(&v->src);
	snapshot_list_free(&v->list);
	cli_repo_free(&v->repo);
}

int
cli_view(struct cli *cli, struct cli_view *out, struct err *e)
{
	OWN(cli_view_free) struct cli_view v = { .repo.lock = -1 };

	if (cli_repo(cli, &v.repo, e) < 0 ||
	    snapshot_load(v.repo.repo, &v.list, e) < 0)
		return -1;
	v.src = source_new(v.repo.repo);
	*out = v;
	v = (struct cli_view){ .repo.lock = -1 };
	return 0;
}

void
cli_say_unreadable(struct cli *cli, const struct snapshot_list *l)
{
	for (size_t i = 0; i < l->n_bad; i++) {
		const struct snapshot_bad *b = &l->bad[i];
		if (cli->line.json)
			cli_print_json(json_pack("{s:s, s:s, s:s}", "id",
			    id_text(&b->id).s, "unreadable",
			    err_name(b->why.code), "message", b->why.msg));
		else
			(void)printf("%s  cannot be read: %s (%s)\n",
			    id_short(&b->id).s, b->why.msg,
			    err_name(b->why.code));
	}
	if (l->n_bad > 0 && cli->line.status == 0)
		cli->line.status = err_exit(ERR_READ_INCOMPLETE);
}

static json_t *
json_list(const struct buf *list, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(
		    j, cli_json_bytes(buf_bytes(&list[i])));
	return j;
}

json_t *
cli_snapshot_object(const struct snapshot *s)
{
	return json_pack("{s:s, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:o,"
			 " s:b}",
	    "id", id_text(&s->id).s, "time", (json_int_t)s->time_ms, "host",
	    cli_json_bytes(buf_bytes(&s->host)), "paths",
	    json_list(s->paths, s->n_paths), "files", (json_int_t)s->files,
	    "bytes", (json_int_t)s->bytes, "new_bytes",
	    (json_int_t)s->new_bytes, "duration_ms", (json_int_t)s->duration_ms,
	    "tags", json_list(s->tags, s->n_tags), "partial",
	    s->partial ? 1 : 0);
}

void
cli_snapshot_json(const struct snapshot *s)
{
	cli_print_json(cli_snapshot_object(s));
}
