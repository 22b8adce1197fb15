/* SPDX-License-Identifier: ISC */
/* export_link.c: what did not change between two snapshots is one file. */
#include "export/export_in.h"

#include "backup/diff.h"
#include "backup/tree.h"
#include "base/file.h"
#include "base/idset.h"

struct linking {
	struct export *x;
	struct buf from, to; /* folders */
	struct place *place; /* of the export */
	struct idset changed; /* paths of what is not the same in both */
};

static void
linking_free(struct linking *l)
{
	buf_free(&l->from);
	buf_free(&l->to);
	place_free(&l->place);
	idset_free(&l->changed);
}

static int
note_change(void *ctx, enum diff_kind kind, struct bytes path,
    const struct entry *old, const struct entry *new, struct err *e)
{
	struct linking *l = ctx;
	struct digest name;

	(void)kind;
	(void)old;
	(void)new;
	(void)e;
	digest_of(path, &name);
	(void)idset_add(&l->changed, name.b);
	return 0;
}

static void
put_below(struct buf *out, struct bytes folder, struct bytes path)
{
	buf_put_bytes(out, folder);
	buf_put_u8(out, '/');
	buf_put_bytes(out, path);
}

/* Names of one file are the restore's to link; flags keep further ones away. */
static bool
may_link(const struct linking *l, struct bytes path, const struct entry *x)
{
	struct digest name;

	if (x->type != ENTRY_REGULAR || x->nlink > 1 || x->flags != 0 ||
	    x->size == 0)
		return false;
	digest_of(path, &name);
	return !idset_has(&l->changed, name.b);
}

/* What fails here is restored, and says there what is wrong. */
static int
link_one(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	struct linking *l = ctx;
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf from = { 0 };
	OWN(buf_free) struct buf to = { 0 };
	struct place_dir ignored_dir;
	struct err ignored;
	bool same = false;

	(void)e;
	if (dir.n > 0)
		put_below(&path, dir, x->name);
	else
		buf_put_bytes(&path, x->name);
	put_below(&from, buf_bytes(&l->from), buf_bytes(&path));
	put_below(&to, buf_bytes(&l->to), buf_bytes(&path));
	if (x->type == ENTRY_DIRECTORY)
		(void)!place_dir(
		    l->place, buf_bytes(&to), x, &ignored_dir, &ignored);
	else if (may_link(l, buf_bytes(&path), x) &&
	    place_same(l->place, buf_bytes(&from), x, &same, &ignored) == 0 &&
	    same)
		(void)!place_hardlink(
		    l->place, buf_bytes(&from), buf_bytes(&to), x, &ignored);
	return 0;
}

int
export_link(struct export *x, struct repo *repo, const struct snapshot *base,
    const struct snapshot *s, struct err *e)
{
	OWN(linking_free) struct linking l = { .x = x };
	OWN(source_free) struct source *src = source_new(repo);

	export_folder(base, &l.from);
	export_folder(s, &l.to);
	OWN(mem_free) char *to = export_path(x, buf_text(&l.to));
	if (file_mkdirs(to, 0700, e) < 0 ||
	    place_open(x->dir, PLACE_NEVER, &l.place, e) < 0)
		return -1;
	if (diff_run(repo, base, s, note_change, &l, e) < 0 ||
	    tree_walk(src, s, bytes_str(""), link_one, &l, e) < 0)
		return export_of_snapshot(e->code) ? 0 : -1;
	return 0;
}
