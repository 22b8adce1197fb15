/* SPDX-License-Identifier: ISC */
/* contents_drive.c: the Drive in plain: files, trash, and what files held. */
#include "disclose/contents_in.h"

#include "base/file.h"
#include "disclose/metadata.h"
#include "disclose/outdir.h"
#include "drive/get.h"
#include "drive/look.h"
#include "wire/jsonio.h"

#include <string.h>

struct telling {
	const struct contents *c;
	struct edit *edit;
	struct outfile list; /* of what is written now */
	struct buf former; /* ids of files that had other contents */
	struct outfile content; /* a former one, as it comes */
	struct id node; /* whose that is */
};

static void
telling_free(struct telling *t)
{
	edit_free(&t->edit);
	outfile_free(&t->list);
	outfile_free(&t->content);
	buf_free(&t->former);
}

static int
begin_list(struct telling *t, const char *name, struct err *e)
{
	outfile_free(&t->list);
	return outfile_open(t->c->out, name, &t->list, e);
}

static int
put_line(struct telling *t, json_t *j, struct err *e)
{
	OWN(jsonio_free) json_t *owned = j;
	OWN(buf_free) struct buf line = { 0 };

	jsonio_put(&line, owned);
	buf_put_str(&line, "\n");
	return outfile_put(&t->list, buf_bytes(&line), e);
}

/* ---- files ---- */

static void
put_node(json_t *j, const struct node *n)
{
	jsonio_put_id(j, "device", &n->dev);
	metadata_put_time(j, "changed", n->changed_ms);
	metadata_put_time(
	    j, "modified", n->mtime_s > 0 ? (uint64_t)n->mtime_s * 1000 : 0);
	jsonio_put_u64(j, "contents", n->edits);
	if ((n->flags & NODE_EXEC) != 0)
		jsonio_put_true(j, "executable", true);
	if (n->target.n > 0)
		(void)json_object_set_new(
		    j, "target", findings_path(n->target));
}

/* What a file never told of itself is not known of directories, either. */
static int
write_down(void *ctx, const struct get_one *one, struct err *e)
{
	struct telling *t = ctx;
	json_t *j = json_object();

	(void)json_object_set_new(j, "path", findings_path(one->path));
	jsonio_put_id(j, "node", one->id);
	jsonio_put_text(j, "type", entry_type_name(one->x->type));
	if (one->x->type == ENTRY_REGULAR)
		jsonio_put_u64(j, "size", one->x->size);
	if (one->n != NULL) {
		put_node(j, one->n);
		if (one->n->type == NODE_FILE && one->n->edits > 1)
			id_put(&t->former, one->id);
	}
	return put_line(t, j, e);
}

static void
failed(const struct telling *t, const char *what, const struct err *why)
{
	if (why->code != ERR_CATEGORY_CLOSED) {
		findings_failed(t->c->findings, what, why);
		return;
	}
	json_t *j = json_object();
	(void)json_object_set_new(j, "path", findings_path(bytes_str(what)));
	(void)json_array_append_new(t->c->findings->closed, j);
}

/* path  begins with OUT. */
static void
warn(void *ctx, struct bytes path, const struct err *why)
{
	const struct telling *t = ctx;
	OWN(buf_free) struct buf what = { 0 };
	size_t n = strlen(t->c->out) + 1;

	buf_put(&what, path.p + n, path.n - n);
	failed(t, buf_text(&what), why);
}

/* One thing with all that is in it, into a folder. */
static int
get(struct telling *t, const struct drivedb_entry *x, const char *folder,
    const char *as, struct err *e)
{
	static const char *const all[] = { "/" };
	OWN(mem_free) char *to = file_join(t->c->out, folder);
	struct get_result r;
	const struct get_ask ask = { .paths = all,
		.n = 1,
		.found = x,
		.to = to,
		.as = as,
		.there = write_down,
		.warn = warn,
		.ctx = t };

	return file_mkdirs(to, 0700, e) < 0 || get_run(t->edit, &ask, &r, e) < 0
	    ? -1
	    : 0;
}

static int
write_files(struct telling *t, struct err *e)
{
	return begin_list(t, "drive/files.jsonl", e) < 0 ||
		get(t, NULL, "drive", "files", e) < 0 ||
		outfile_done(&t->list, e) < 0
	    ? -1
	    : 0;
}

/* ---- the trash ---- */

/* In memory: no transaction waits for what is read. */
struct trash {
	struct drivedb_entry *list;
	size_t n;
	struct telling *t;
};

static int
note_trashed(void *ctx, const struct look_trashed *x, struct err *e)
{
	struct trash *all = ctx;
	json_t *j = json_object();

	all->list = mem_resize(all->list, all->n + 1, sizeof *all->list);
	all->list[all->n++] = x->x;
	jsonio_put_id(j, "trashed", &x->x.node.id);
	(void)json_object_set_new(j, "was", findings_path(x->path));
	metadata_put_time(j, "when", x->x.trashed_ms);
	jsonio_put_u64(j, "files", x->files);
	jsonio_put_u64(j, "bytes", x->bytes);
	return put_line(all->t, j, e);
}

static int
get_trash(struct telling *t, const struct trash *all, struct err *e)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct drivedb_entry *x = &all->list[i];
		OWN(buf_free) struct buf folder = { 0 };
		OWN(buf_free) struct buf name = { 0 };
		buf_printf(&folder, "drive/trash/%s", id_text(&x->node.id).s);
		buf_put(&name, x->node.name, x->node.name_n);
		if (get(t, x, buf_text(&folder), buf_text(&name), e) < 0)
			return -1;
	}
	return 0;
}

static int
write_trash(struct telling *t, struct err *e)
{
	struct trash all = { .t = t };

	if (begin_list(t, "drive/trash.jsonl", e) < 0)
		return -1;
	int rc = look_trash(t->edit, note_trashed, &all, e);
	if (rc == 0)
		rc = get_trash(t, &all, e);
	mem_free(&all.list);
	return rc < 0 ? -1 : outfile_done(&t->list, e);
}

/* ---- former contents ---- */

static void
put_former(
    const struct telling *t, const struct node_version *v, struct buf *out)
{
	buf_printf(out, "drive/former/%s/%llu", id_text(&t->node).s,
	    (unsigned long long)v->edits);
}

static int
begin_former(void *ctx, const struct node_version *v, struct err *e)
{
	struct telling *t = ctx;
	OWN(buf_free) struct buf name = { 0 };

	put_former(t, v, &name);
	return outfile_open(t->c->out, buf_text(&name), &t->content, e);
}

static int
piece(void *ctx, struct bytes x, struct err *e)
{
	struct telling *t = ctx;

	return outfile_put(&t->content, x, e);
}

/* What came before the failure stays, as of a blob. */
static int
end_former(void *ctx, const struct node_version *v, const struct err *why,
    struct err *e)
{
	struct telling *t = ctx;
	OWN(buf_free) struct buf name = { 0 };
	json_t *j = json_object();

	put_former(t, v, &name);
	jsonio_put_id(j, "node", &t->node);
	jsonio_put_u64(j, "content", v->edits);
	jsonio_put_text(j, "where", buf_text(&name));
	jsonio_put_id(j, "device", &v->dev);
	metadata_put_time(j, "changed", v->changed_ms);
	if (put_line(t, j, e) < 0)
		return -1;
	if (why != NULL && why->code == ERR_DISK_FULL_HERE) {
		*e = *why;
		return -1;
	}
	if (why != NULL)
		failed(t, buf_text(&name), why);
	int rc = outfile_done(&t->content, e);
	outfile_free(&t->content);
	return rc;
}

static int
write_former(struct telling *t, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&t->former));
	const struct get_former to = { begin_former, piece, end_former, t };
	struct err why;

	if (begin_list(t, "drive/former.jsonl", e) < 0)
		return -1;
	while (s.n > 0) {
		t->node = id_take(&s);
		if (get_formers(t->edit, &t->node, &to, &why) == 0)
			continue;
		if (err_exit(why.code) != 6) {
			*e = why;
			return -1;
		}
		failed(t, "drive/former", &why);
	}
	return outfile_done(&t->list, e);
}

int
contents_drive(const struct contents *c, struct repo *repo, const char *work,
    bool *opened, struct err *why, struct err *e)
{
	OWN(telling_free)
	struct telling t = { .c = c, .list = OUTFILE, .content = OUTFILE };
	const struct edit_from from = { .repo = repo, .dir = work };

	*opened =
	    edit_open(&from, &t.edit, why) == 0 && edit_pull(t.edit, why) == 0;
	if (!*opened)
		return 0;
	return write_files(&t, e) < 0 || write_trash(&t, e) < 0 ||
		write_former(&t, e) < 0
	    ? -1
	    : 0;
}
