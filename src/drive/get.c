/* SPDX-License-Identifier: ISC */
/* get.c: files and folders of the Drive, written to this machine. */
#include "drive/get_in.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "drive/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A directory that is to be listed, or was. */
struct get_dir {
	struct get_dir *next;
	struct id id;
	struct buf path; /* below the target */
	struct entry x;
	struct place_dir made;
	bool failed;
};

struct get {
	struct edit *d;
	const struct get_ask *ask;
	struct get_result *result;
	struct get_window w;
	struct get_dir *todo; /* to be listed */
	struct get_dir *done; /* the deepest first */
	struct buf target;
};

static void
free_dirs(struct get_dir **list)
{
	while (*list != NULL) {
		struct get_dir *next = (*list)->next;
		buf_free(&(*list)->path);
		free(*list);
		*list = next;
	}
}

static void
get_free(struct get *g)
{
	get_window_free(&g->w);
	free_dirs(&g->todo);
	free_dirs(&g->done);
	buf_free(&g->target);
}

static void
fails(struct get *g, struct bytes path, const struct err *why)
{
	OWN(buf_free) struct buf whole = { 0 };

	buf_put_bytes(&whole, buf_bytes(&g->target));
	buf_put_u8(&whole, '/');
	buf_put_bytes(&whole, path);
	if (g->result->failed++ == 0)
		g->result->first = *why;
	if (g->ask->warn != NULL)
		g->ask->warn(g->ask->ctx, buf_bytes(&whole), why);
}

/* ---- files ---- */

/* A disk that is full takes nothing of the next, either. */
static int
end_file(struct get *g, const struct get_file *f, struct err *e)
{
	const struct get_one one = { buf_bytes(&f->path), &f->x, &f->id,
		&f->n };

	if (f->failed) {
		fails(g, buf_bytes(&f->path), &f->why);
		if (f->why.code != ERR_DISK_FULL_HERE)
			return 0;
		*e = f->why;
		return -1;
	}
	if (!f->whole)
		return 0;
	if (f->what != GET_LEAVE) {
		g->result->files++;
		g->result->bytes += f->content.c.size;
	}
	return g->ask->there != NULL ? g->ask->there(g->ask->ctx, &one, e) : 0;
}

static int
run_window(struct get *g, struct err *e)
{
	int rc = get_window_run(&g->w, e);

	for (size_t i = 0; i < g->w.n; i++) {
		struct err why;
		if (end_file(g, &g->w.files[i], &why) == 0 || rc < 0)
			continue;
		*e = why;
		rc = -1;
	}
	get_window_clear(&g->w);
	if (g->ask->progress != NULL)
		g->ask->progress(
		    g->ask->ctx, g->result->files, g->result->bytes);
	return rc;
}

static int
get_file(struct get *g, const struct id *id, struct bytes path, struct err *e)
{
	bool full;

	if (edit_go_on(g->d, e) < 0)
		return -1;
	get_window_add(&g->w, id, path, &full);
	return full ? run_window(g, e) : 0;
}

/* ---- directories ---- */

static void
add_dir(struct get *g, const struct id *id, struct bytes path)
{
	struct get_dir *dir = mem_new(sizeof *dir);
	int64_t now = now_ms();

	dir->id = *id;
	buf_put_bytes(&dir->path, path);
	dir->x = (struct entry){ .type = ENTRY_DIRECTORY,
		.category = ENTRY_BACKUP,
		.mode = (uint32_t)(0777 & ~g->w.mask),
		.nlink = 1,
		.mtime_s = now / 1000,
		.ctime_s = now / 1000 };
	dir->next = g->todo;
	g->todo = dir;
}

/* What is in it, in memory: no transaction waits for the network. */
struct listing {
	const struct id *dir;
	struct buf list; /* n * (id | u8 type | v8(name)) */
};

static int
list_one(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct listing *l = ctx;

	(void)e;
	id_put(&l->list, &x->node.id);
	buf_put_u8(&l->list, (uint8_t)x->node.type);
	buf_put_v8(&l->list, bytes_of(x->node.name, x->node.name_n));
	return 0;
}

static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct listing *l = arg;

	return drivedb_list(tx, l->dir, false, list_one, l, e);
}

static int
get_any(struct get *g, const struct id *id, enum node_type type,
    struct bytes path, struct err *e)
{
	if (type != NODE_DIR)
		return get_file(g, id, path, e);
	add_dir(g, id, path);
	return 0;
}

static int
get_listed(
    struct get *g, const struct get_dir *dir, struct bytes list, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	struct scan s = scan_of(list);

	while (s.n > 0) {
		struct id id = id_take(&s);
		enum node_type type = scan_u8(&s);
		struct bytes name = scan_v8(&s);
		buf_clear(&path);
		buf_put_bytes(&path, buf_bytes(&dir->path));
		buf_put_u8(&path, '/');
		buf_put_bytes(&path, name);
		if (get_any(g, &id, type, buf_bytes(&path), e) < 0)
			return -1;
	}
	return 0;
}

static int
get_dir(struct get *g, struct get_dir *dir, struct err *e)
{
	struct listing l = { .dir = &dir->id };
	struct err why;
	int rc;

	if (place_dir(g->w.place, buf_bytes(&dir->path), &dir->x, &dir->made,
		&why) < 0) {
		fails(g, buf_bytes(&dir->path), &why);
		dir->failed = true;
		return 0;
	}
	g->result->dirs++;
	rc = db_read(drivedb_db(g->d->db), list_job, &l, e);
	if (rc == 0)
		rc = get_listed(g, dir, buf_bytes(&l.list), e);
	buf_free(&l.list);
	return rc;
}

static int
get_dirs(struct get *g, struct err *e)
{
	while (g->todo != NULL) {
		struct get_dir *dir = g->todo;
		g->todo = dir->next;
		dir->next = g->done;
		g->done = dir;
		if (get_dir(g, dir, e) < 0)
			return -1;
	}
	return 0;
}

/* All that is in them is there. */
static int
end_dirs(struct get *g, struct err *e)
{
	struct err why;

	for (struct get_dir *d = g->done; d != NULL; d = d->next) {
		const struct get_one one = { buf_bytes(&d->path), &d->x, &d->id,
			NULL };
		if (d->failed)
			continue;
		if (!d->made.kept &&
		    place_dir_done(g->w.place, buf_bytes(&d->path), &d->x,
			&d->made, &why) < 0)
			fails(g, buf_bytes(&d->path), &why);
		else if (g->ask->there != NULL &&
		    g->ask->there(g->ask->ctx, &one, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- where it goes ---- */

static int
no_folder(const char *path, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };

	text_show(&shown, bytes_str(path));
	(void)err_set(e, ERR_NOT_FOUND,
	    "%s: there is no such folder here to write into", buf_text(&shown));
	return err_remedy(e, "Make it first, or choose another TO.");
}

/* The folder that it goes into, and its name there where that is said. */
static int
split_target(struct get *g, struct buf *name, struct err *e)
{
	struct stat st;
	const char *to = g->ask->to;

	if (g->ask->as != NULL) {
		buf_put_str(&g->target, to);
		buf_put_str(name, g->ask->as);
		return 0;
	}
	if (stat(to, &st) == 0 && S_ISDIR(st.st_mode)) {
		buf_put_str(&g->target, to);
		return 0;
	}
	if (g->ask->n > 1)
		return no_folder(to, e);
	OWN(mem_free) char *plain = mem_text(to);
	for (size_t n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = '\0';
	OWN(mem_free) char *above = file_above(plain);
	int rc = stat(above, &st);
	if (rc < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		return err_sys(e, "%s", above);
	if (rc < 0 || !S_ISDIR(st.st_mode))
		return no_folder(above, e);
	const char *slash = strrchr(plain, '/');
	buf_put_str(name, slash != NULL ? slash + 1 : plain);
	if (!node_name_valid(buf_bytes(name)))
		return err_set(e, ERR_USAGE, "%s is no new name", to);
	buf_put_str(&g->target, above);
	return 0;
}

/* Nothing is written over but what may be. */
static int
check_free(
    const struct get *g, struct bytes name, enum node_type type, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf shown = { 0 };
	struct stat st;

	buf_put_bytes(&path, buf_bytes(&g->target));
	buf_put_u8(&path, '/');
	buf_put_bytes(&path, name);
	if (g->ask->force || g->ask->as != NULL ||
	    lstat(buf_text(&path), &st) < 0)
		return 0;
	text_show(&shown, buf_bytes(&path));
	bool is_dir = S_ISDIR(st.st_mode);
	(void)err_set(e, ERR_DRIVE_EXISTS, "%s is there already%s",
	    buf_text(&shown),
	    is_dir && type == NODE_DIR ? ", a folder"
		: is_dir	       ? ", a folder and no file"
		: type == NODE_DIR     ? ", a file and no folder"
				       : "");
	return err_remedy(e, "%s",
	    is_dir && type == NODE_DIR ? "To make one of both: add --force"
		: is_dir
		? "Choose another name: TO may be a new path."
		: "Choose another name, or add --force to write over it.");
}

/* What is asked for, all of it before anything is written. */
struct asked {
	struct get *g;
	struct drivedb_entry *list;
};

static int
asked_job(struct tx *tx, void *arg, struct err *e)
{
	struct asked *a = arg;

	if (a->g->ask->found != NULL) {
		a->list[0] = *a->g->ask->found;
		return 0;
	}
	for (size_t i = 0; i < a->g->ask->n; i++)
		if (edit_find(tx, a->g->ask->paths[i], &a->list[i], e) < 0)
			return -1;
	return 0;
}

static int
get_all(struct get *g, const struct drivedb_entry *list, struct bytes name,
    struct err *e)
{
	for (size_t i = 0; i < g->ask->n; i++) {
		const struct plan_node *n = &list[i].node;
		struct bytes as = name.n > 0 ? name
		    : id_zero(&n->id)	     ? bytes_str("Drive")
					     : bytes_of(n->name, n->name_n);
		if (check_free(g, as, n->type, e) < 0 ||
		    get_any(g, &n->id, n->type, as, e) < 0)
			return -1;
	}
	if (get_dirs(g, e) < 0 || run_window(g, e) < 0)
		return -1;
	return end_dirs(g, e) < 0 ? -1 : place_sync(g->w.place, e);
}

/* Nothing that is there is replaced but where that is meant. */
static int
open_places(struct get *g, struct err *e)
{
	const char *to = buf_text(&g->target);

	if (place_open(to, g->ask->force ? PLACE_ALWAYS : PLACE_NEVER,
		&g->w.place, e) < 0)
		return -1;
	place_tame(g->w.place);
	if (g->ask->choose == NULL)
		return 0;
	if (place_open(to, PLACE_ALWAYS, &g->w.over, e) < 0)
		return -1;
	place_tame(g->w.over);
	return 0;
}

static mode_t
mask_now(void)
{
	mode_t mask = umask(077);

	(void)umask(mask);
	return mask;
}

int
get_run(struct edit *d, const struct get_ask *ask, struct get_result *out,
    struct err *e)
{
	struct get *g = mem_new(sizeof *g);
	OWN(mem_free) struct get *keep = g;
	OWN(buf_free) struct buf name = { 0 };
	OWN(mem_free)
	struct drivedb_entry *list = mem_array(ask->n, sizeof *list);
	struct asked a = { g, list };

	*out = (struct get_result){ 0 };
	*g = (struct get){ .d = d, .ask = ask, .result = out };
	g->w.d = d;
	g->w.ask = ask;
	g->w.mask = mask_now();
	get_window_begin(&g->w);
	int rc = db_read(drivedb_db(d->db), asked_job, &a, e);
	if (rc == 0)
		rc = split_target(g, &name, e);
	if (rc == 0)
		rc = open_places(g, e);
	if (rc == 0)
		rc = get_all(g, list, buf_bytes(&name), e);
	get_free(g);
	return rc;
}

/* ---- former contents ---- */

static int
read_former(struct edit *d, const struct node_version *v,
    const struct get_former *to, struct err *e)
{
	struct content_out o = { .repo = d->repo };
	const struct node n = {
		.type = NODE_FILE, .flags = v->flags, .content = v->content
	};

	if (content_out_of(&n, &o, e) < 0)
		return -1;
	int rc = content_out_read(&o, to->piece, to->ctx, e);
	source_free(&o.source);
	return rc;
}

int
get_formers(struct edit *d, const struct id *id, const struct get_former *to,
    struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(mem_free) struct node_history *h = mem_new(sizeof *h);
	uint64_t version;
	struct err why;

	if (record_history_of(d->zone, id, h, &plain, &version, e) < 0)
		return -1;
	for (size_t i = 0; i < h->n; i++) {
		const struct node_version *v = &h->v[i];
		if (to->begin(to->ctx, v, e) < 0)
			return -1;
		int rc = read_former(d, v, to, &why);
		if (to->end(to->ctx, v, rc < 0 ? &why : NULL, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- cat ---- */

struct find {
	const char *path;
	struct drivedb_entry x;
};

static int
find_job(struct tx *tx, void *arg, struct err *e)
{
	struct find *f = arg;

	return edit_find(tx, f->path, &f->x, e);
}

int
get_read(
    struct edit *d, const char *path, stream_fn fn, void *ctx, struct err *e)
{
	OWN(edit_node_free) struct edit_node node = { 0 };
	struct find f = { .path = path };
	struct content_out o = { .repo = d->repo };

	if (db_read(drivedb_db(d->db), find_job, &f, e) < 0)
		return -1;
	if (f.x.node.type != NODE_FILE)
		return err_set(e, ERR_USAGE, "it is no file");
	if (edit_load(d, &f.x.node.id, &node, e) < 0 ||
	    content_out_of(&node.n, &o, e) < 0)
		return -1;
	int rc = content_out_read(&o, fn, ctx, e);
	source_free(&o.source);
	return rc;
}
