/* SPDX-License-Identifier: ISC */
/* contents.c: restoring every snapshot; copying what stays closed. */
#include "disclose/contents_in.h"

#include "backup/restore.h"
#include "base/file.h"
#include "base/idset.h"
#include "disclose/lookdepot.h"
#include "disclose/metadata.h"
#include "disclose/outdir.h"
#include "store/zone.h"
#include "wire/jsonio.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (256 * 1024) /* bytes of a blob copied at once */

/* What this program can read, and has keys for. */
static bool
reads(const struct contents *c, const struct holding_zone *z)
{
	return (z->category == CATEGORY_BACKUP ||
		   z->category == CATEGORY_DRIVE) &&
	    c->keys != NULL &&
	    keyring_names(c->keys, (enum category)z->category) != NULL;
}

static void
put_history(const struct holding_zone *z, const char *folder, struct buf *out)
{
	buf_printf(out, "%s/", folder);
	holding_zone_name(z, out);
	buf_put_str(out, "/changes.bin");
}

/* ---- histories ---- */

static int
put_frames(void *arg, struct bytes x, struct err *e)
{
	return outfile_put(arg, x, e);
}

int
contents_histories(const struct contents *c, struct tx *tx, struct err *e)
{
	const struct holding *h = c->holding;

	for (size_t i = 0; i < h->n_zones; i++) {
		const struct holding_zone *z = &h->zones[i];
		OWN(outfile_free) struct outfile f = OUTFILE;
		OWN(buf_free) struct buf name = { 0 };
		struct zone_key key = { h->account.uid, z->zone };
		put_history(z, reads(c, z) ? OUTDIR_WORK : "ciphertext", &name);
		if (outfile_open(c->out, buf_text(&name), &f, e) < 0 ||
		    zone_changes_in(tx, &key, 0, put_frames, &f, e) < 0 ||
		    outfile_done(&f, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- in plain ---- */

struct reading {
	struct outfile tree; /* what each thing was, on its own machine */
	bool failed; /* tree could not be written */
	struct err why;
	struct findings *f;
	const struct snapshot *snap;
	json_t *closed; /* paths, of this snapshot */
};

static void
reading_free(struct reading *r)
{
	outfile_free(&r->tree);
}

static void
warn(void *ctx, struct bytes path, const struct err *why)
{
	struct reading *r = ctx;
	OWN(buf_free) struct buf what = { 0 };

	if (why->code != ERR_CATEGORY_CLOSED) {
		buf_printf(&what, "backup/%s/", id_text(&r->snap->id).s);
		buf_put_bytes(&what, path);
		findings_failed(r->f, buf_text(&what), why);
		return;
	}
	(void)json_array_append_new(r->closed, findings_path(path));
	json_t *j = json_object();
	jsonio_put_id(j, "snapshot", &r->snap->id);
	(void)json_object_set_new(j, "path", findings_path(path));
	(void)json_array_append_new(r->f->closed, j);
}

/* Values are any bytes. */
static json_t *
xattrs_json(struct bytes rest)
{
	json_t *list = json_array();
	struct bytes name, value;

	while (entry_xattr_next(&rest, &name, &value)) {
		json_t *j = json_object();
		(void)json_object_set_new(j, "name", findings_path(name));
		jsonio_put_bytes(j, "value", value);
		(void)json_array_append_new(list, j);
	}
	return list;
}

/*
 * Nothing of this is given to the files: root would hand on programs that run
 * as root, and devices. So it is written down.
 */
static json_t *
thing_json(struct bytes path, const struct entry *x)
{
	OWN(buf_free) struct buf text = { 0 };
	json_t *j = json_object();

	(void)json_object_set_new(j, "path", findings_path(path));
	jsonio_put_text(j, "type", entry_type_name(x->type));
	buf_printf(&text, "%04o", (unsigned)x->mode);
	jsonio_put_text(j, "mode", buf_text(&text));
	jsonio_put_u64(j, "uid", x->uid);
	jsonio_put_u64(j, "gid", x->gid);
	if (x->user.n > 0)
		(void)json_object_set_new(j, "user", findings_path(x->user));
	if (x->group.n > 0)
		(void)json_object_set_new(j, "group", findings_path(x->group));
	metadata_put_time(
	    j, "modified", x->mtime_s > 0 ? (uint64_t)x->mtime_s * 1000 : 0);
	if (x->type == ENTRY_CHARDEV || x->type == ENTRY_BLOCKDEV) {
		jsonio_put_u64(j, "major", x->rdev_major);
		jsonio_put_u64(j, "minor", x->rdev_minor);
	}
	if (x->flags != 0)
		jsonio_put_u64(j, "flags", x->flags);
	if (x->xattrs.n > 0)
		(void)json_object_set_new(j, "xattrs", xattrs_json(x->xattrs));
	return j;
}

static void
write_down(void *ctx, struct bytes path, const struct entry *x)
{
	struct reading *r = ctx;
	OWN(jsonio_free) json_t *j = thing_json(path, x);
	OWN(buf_free) struct buf line = { 0 };

	jsonio_put(&line, j);
	buf_put_str(&line, "\n");
	if (!r->failed)
		r->failed =
		    outfile_put(&r->tree, buf_bytes(&line), &r->why) < 0;
}

static json_t *
texts(const struct buf *list, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(
		    j, findings_path(buf_bytes(&list[i])));
	return j;
}

static json_t *
snapshot_json(const struct snapshot *s)
{
	json_t *j = json_object();

	jsonio_put_id(j, "snapshot", &s->id);
	metadata_put_time(j, "time", s->time_ms);
	jsonio_put_id(j, "device", &s->dev_id);
	(void)json_object_set_new(
	    j, "host", findings_path(buf_bytes(&s->host)));
	(void)json_object_set_new(
	    j, "user", findings_path(buf_bytes(&s->user)));
	(void)json_object_set_new(j, "paths", texts(s->paths, s->n_paths));
	(void)json_object_set_new(j, "tags", texts(s->tags, s->n_tags));
	jsonio_put_true(j, "partial", s->partial);
	jsonio_put_u64(j, "files", s->files);
	jsonio_put_u64(j, "bytes", s->bytes);
	return j;
}

/* errors: only those that end it all. */
static int
read_snapshot(const struct contents *c, struct repo *repo,
    const struct snapshot *s, json_t *list, struct err *e)
{
	const char *out = c->out;
	struct findings *f = c->findings;
	OWN(buf_free) struct buf to = { 0 };
	OWN(buf_free) struct buf tree = { 0 };
	OWN(reading_free)
	struct reading r = {
		.tree = OUTFILE, .f = f, .snap = s, .closed = json_array()
	};
	struct restore_options o = { .path = "",
		.rule = PLACE_NEVER,
		.tame = true,
		.warn = warn,
		.list = write_down,
		.ctx = &r };
	struct restore_result result;
	struct err why = { 0 };

	json_t *j = snapshot_json(s);
	(void)json_object_set_new(j, "closed", r.closed);
	(void)json_array_append_new(list, j);
	buf_printf(&to, "%s/backup/%s", out, id_text(&s->id).s);
	o.to = buf_text(&to);
	buf_printf(&tree, "backup/%s.jsonl", id_text(&s->id).s);
	if (file_mkdirs(o.to, 0700, e) < 0 ||
	    outfile_open(out, buf_text(&tree), &r.tree, e) < 0)
		return -1;
	int rc = restore_run(repo, s, &o, &result, &why);
	if (r.failed || outfile_done(&r.tree, &r.why) < 0) {
		*e = r.why;
		return -1;
	}
	if (rc == 0)
		return 0;
	if (why.code == ERR_DISK_FULL_HERE) {
		*e = why;
		return -1;
	}
	findings_failed(f, o.to + strlen(out) + 1, &why);
	return 0;
}

static int
read_all(const struct contents *c, struct repo *repo,
    const struct snapshot_list *l, struct err *e)
{
	OWN(jsonio_free) json_t *list = json_array();

	for (size_t i = 0; i < l->n_bad; i++) {
		OWN(buf_free) struct buf what = { 0 };
		buf_printf(&what, "backup/%s", id_text(&l->bad[i].id).s);
		findings_failed(c->findings, buf_text(&what), &l->bad[i].why);
	}
	for (size_t i = 0; i < l->n; i++)
		if (read_snapshot(c, repo, &l->list[i], list, e) < 0)
			return -1;
	return metadata_file(c->out, "backup/snapshots.json", TAKE(list), e);
}

/* ---- what no snapshot uses any more ---- */

static int
note_used(void *ctx, const struct zcopy_record *r, struct err *e)
{
	(void)e;
	if (r->plain.n == 0 ||
	    (r->plain.p[0] != SNAPSHOT_KIND &&
		r->plain.p[0] != SNAPSHOT_REFS_KIND))
		return 0;
	for (size_t i = 0; i + ID_BYTES <= r->refs.n; i += ID_BYTES)
		(void)idset_add(ctx, r->refs.p + i);
	return 0;
}

static int
count_unused(struct repo *repo, const struct holding_zone *z,
    struct findings *f, struct err *e)
{
	OWN(idset_free) struct idset used = { 0 };

	if (zcopy_each_all(
		repo->parts[CATEGORY_BACKUP].zone, 0, note_used, &used, e) < 0)
		return -1;
	for (size_t i = 0; i < z->n_blobs; i++)
		if (!idset_has(&used, z->blobs[i].id.b)) {
			f->unused_blobs++;
			f->unused_bytes += z->blobs[i].size;
		}
	return 0;
}

/* ---- a zone in plain ---- */

/* A repository over what is stored, and what it stands on. */
struct opened {
	char *work; /* its folder */
	struct local *local;
	struct depot *depot;
	struct zcopy_self self;
	struct repo *repo;
};

static void
opened_free(struct opened *x)
{
	repo_free(&x->repo);
	depot_free(&x->depot);
	local_free(&x->local);
	mem_free(&x->work);
}

/* Everything of it that can be checked without the integrity keys is. */
static int
open_zone(const struct contents *c, const struct holding_zone *z,
    struct opened *x, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };

	put_history(z, OUTDIR_WORK, &name);
	OWN(mem_free) char *history = file_join(c->out, buf_text(&name));
	x->work = file_above(history);
	OWN(mem_free) char *state = file_join(x->work, "state.db");
	x->depot = lookdepot_new(c->holding, z, history);
	x->self = (struct zcopy_self){ .uid = c->holding->account.uid,
		.keyring = c->keys,
		.circle = &c->holding->circle,
		.unverified = true };
	if (local_open(state, &x->local, e) < 0)
		return -1;
	struct repo_from from = { .self = &x->self,
		.local = x->local,
		.depot = x->depot,
		.dir = x->work };

	from.zones[z->category] = &z->zone;
	return repo_open(&from, &x->repo, e);
}

/* *opened false: it could not be read at all, and *why says why. */
static int
write_plain(const struct contents *c, const struct holding_zone *z,
    bool *opened, struct err *why, struct err *e)
{
	OWN(opened_free) struct opened x = { 0 };
	OWN(snapshot_list_free) struct snapshot_list l = { 0 };

	*opened = open_zone(c, z, &x, why) == 0;
	if (*opened && z->category == CATEGORY_DRIVE)
		return contents_drive(c, x.repo, x.work, opened, why, e);
	*opened = *opened && snapshot_load(x.repo, &l, why) == 0 &&
	    count_unused(x.repo, z, c->findings, why) == 0;
	return *opened ? read_all(c, x.repo, &l, e) : 0;
}

/* ---- as it is stored ---- */

struct copying {
	struct outfile *to;
	struct checksum_state *sum;
};

static int
copy_piece(void *ctx, struct bytes x, struct err *e)
{
	const struct copying *c = ctx;

	checksum_add(c->sum, x);
	return outfile_put(c->to, x, e);
}

static int
copy_bytes(int fd, struct outfile *to, struct checksum *sum, struct err *e)
{
	OWN(checksum_free) struct checksum_state *s = checksum_new();
	struct copying c = { to, s };

	if (file_pieces(fd, PIECE, copy_piece, &c, e) < 0)
		return -1;
	checksum_end(s, sum);
	return outfile_done(to, e);
}

static int
copy_blob(const struct contents *c, const struct holding_zone *z,
    const struct holding_blob *b, struct err *e)
{
	OWN(fd_close) int fd = -1;
	OWN(outfile_free) struct outfile to = OUTFILE;
	OWN(buf_free) struct buf name = { 0 };
	struct checksum sum;
	struct err why = { 0 };

	buf_put_str(&name, "ciphertext/");
	holding_zone_name(z, &name);
	buf_printf(&name, "/blobs/%s", id_text(&b->id).s);
	if (holding_blob_open(c->holding, z, b, &fd, &why) < 0) {
		findings_failed(c->findings, buf_text(&name), &why);
		return 0;
	}
	if (outfile_open(c->out, buf_text(&name), &to, e) < 0 ||
	    copy_bytes(fd, &to, &sum, e) < 0)
		return -1;
	if (!checksum_equal(&sum, &b->sum)) {
		(void)err_set(
		    &why, ERR_BLOB_CORRUPT, "the blob is not what was stored");
		findings_failed(c->findings, buf_text(&name), &why);
	}
	return 0;
}

/* The history was written where it is opened; it goes with the rest. */
static int
move_history(const struct holding_zone *z, const char *out, struct err *e)
{
	OWN(buf_free) struct buf from = { 0 };
	OWN(buf_free) struct buf to = { 0 };

	put_history(z, OUTDIR_WORK, &from);
	put_history(z, "ciphertext", &to);
	OWN(mem_free) char *old = file_join(out, buf_text(&from));
	OWN(mem_free) char *new = file_join(out, buf_text(&to));
	OWN(mem_free) char *folder = file_above(new);
	if (file_mkdirs(folder, 0700, e) < 0)
		return -1;
	return rename(old, new) < 0 ? err_sys(e, "%s", new) : 0;
}

/* Why a zone is not in plain. */
static void
put_reason(
    const struct contents *c, const struct holding_zone *z, struct buf *out)
{
	if (z->category == 0)
		buf_put_str(out,
		    "set aside when the account was begun anew: no key exists "
		    "with the operator");
	else if (!category_escrowed((enum category)z->category))
		buf_put_str(
		    out, "always end-to-end: no key exists with the operator");
	else if (c->holding->circle.protection != PROTECTION_STANDARD)
		buf_put_str(out,
		    "advanced protection: no key exists with the operator");
	else if (c->keys == NULL)
		buf_printf(out, "no key exists with the operator: %s", c->why);
	else if (z->category == CATEGORY_BACKUP ||
	    z->category == CATEGORY_DRIVE)
		buf_put_str(out, "the escrow was given no key of it");
	else
		buf_put_str(out,
		    "the escrow has keys of it, but this program does not "
		    "read that category");
}

/* Standard protection covers it, and there are keys: it should have opened. */
static bool
should_open(const struct contents *c, const struct holding_zone *z)
{
	return c->keys != NULL && z->category != 0 &&
	    category_escrowed((enum category)z->category);
}

static int
copy_blobs(
    const struct contents *c, const struct holding_zone *z, struct err *e)
{
	for (size_t i = 0; i < z->n_blobs; i++)
		if (copy_blob(c, z, &z->blobs[i], e) < 0)
			return -1;
	return 0;
}

static int
write_closed(const struct contents *c, size_t i, struct err *e)
{
	const struct holding_zone *z = &c->holding->zones[i];
	struct findings *f = c->findings;
	OWN(buf_free) struct buf name = { 0 };
	struct err why = { 0 };

	f->zones[i] = FINDING_CIPHERTEXT;
	put_reason(c, z, &f->reasons[i]);
	if (should_open(c, z)) {
		holding_zone_name(z, &name);
		(void)err_set(
		    &why, ERR_CATEGORY_CLOSED, "%s", buf_text(&f->reasons[i]));
		findings_failed(f, buf_text(&name), &why);
	}
	return copy_blobs(c, z, e);
}

static int
write_zone(const struct contents *c, size_t i, struct err *e)
{
	const struct holding_zone *z = &c->holding->zones[i];
	struct findings *f = c->findings;
	struct err why = { 0 };
	bool opened;

	if (!reads(c, z))
		return write_closed(c, i, e);
	if (write_plain(c, z, &opened, &why, e) < 0)
		return -1;
	if (opened) {
		f->zones[i] = FINDING_PLAIN;
		return 0;
	}
	findings_failed(f, category_name((enum category)z->category), &why);
	f->zones[i] = FINDING_CIPHERTEXT;
	buf_printf(&f->reasons[i], "it could not be opened: %s", why.msg);
	if (move_history(z, c->out, e) < 0)
		return -1;
	return copy_blobs(c, z, e);
}

int
contents_write(const struct contents *c, struct err *e)
{
	for (size_t i = 0; i < c->holding->n_zones; i++)
		if (write_zone(c, i, e) < 0)
			return -1;
	return 0;
}
