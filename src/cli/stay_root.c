/* SPDX-License-Identifier: ISC */
/* stay_root.c: the folders of who stays, one by one. */
#include "cli/stay.h"

#include "base/file.h"
#include "base/now.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACK_OFF_NS INT64_C(2000000000)
#define BACK_OFF_MAX_NS INT64_C(60000000000)
#define WHOLE_NS (INT64_C(24) * 3600 * 1000000000) /* between whole scans */
#define UNWATCHED_NS INT64_C(60000000000) /* where nothing can be watched */
#define HELD_NS INT64_C(60000000000) /* between tries of what is held */

static void
root_free(struct stay_root *r)
{
	drive_root_free(&r->root);
	watch_free(&r->watch);
	buf_free(&r->dirs);
	drive_report_free(&r->report);
	free(r->path);
	free(r);
}

static bool
is_ignored(void *ctx, struct bytes path, bool is_dir)
{
	const struct stay_root *r = ctx;

	return r->root != NULL && drive_root_ignores(r->root, path, is_dir);
}

static void
listing(void *ctx, const char *path)
{
	struct stay_root *r = ctx;

	if (r->watch != NULL)
		watch_add(r->watch, path);
}

/* What cannot be watched now is looked at each minute, and asked for again. */
static void
begin_watch(struct stay *s, struct stay_root *r)
{
	const struct watch_policy watched = { .ignored = is_ignored, .ctx = r };
	enum err_code was = r->unwatched.code;

	err_clear(&r->unwatched);
	if (watch_new(r->path, &watched, &r->watch, &r->unwatched) == 0)
		return;
	r->watch = NULL;
	if (was != r->unwatched.code)
		cli_say(s->cli, "%s: looked at each minute: %s (%s)", r->path,
		    r->unwatched.msg, err_name(r->unwatched.code));
}

static int
open_root(struct stay *s, struct stay_root *r, struct err *e)
{
	const struct drive_root_ask ask = {
		.dir = r->path, .folder = "/", .listing = listing, .ctx = r
	};

	r->all = true;
	return drive_root_open(s->d.drive, &ask, &r->root, e);
}

static void
failed(struct stay *s, struct stay_root *r, const struct err *e)
{
	int64_t now = now_mono_ns();

	if (r->err.code != e->code)
		cli_say(
		    s->cli, "%s: %s (%s)", r->path, e->msg, err_name(e->code));
	r->err = *e;
	r->state =
	    e->code == ERR_SERVER_UNREACHABLE || e->code == ERR_SERVER_BUSY
	    ? "offline"
	    : "stopped";
	r->back_off = r->back_off == 0 ? BACK_OFF_NS : 2 * r->back_off;
	if (r->back_off > BACK_OFF_MAX_NS)
		r->back_off = BACK_OFF_MAX_NS;
	r->due = now + r->back_off;
	r->all = true;
	/* What comes to its path is opened, be it the same. */
	if (e->code == ERR_DRIVE_ROOT_MISSING) {
		drive_root_free(&r->root);
		watch_free(&r->watch);
	}
}

static void
succeeded(struct stay *s, struct stay_root *r)
{
	int64_t now = now_mono_ns();

	if (r->err.code != ERR_NONE)
		cli_say(s->cli, "%s: in sync again", r->path);
	err_clear(&r->err);
	r->back_off = 0;
	r->state = "idle";
	r->last_ms = now_ms();
	r->due = r->report.due_ns < 0 ? STAY_NEVER : now + r->report.due_ns;
	if (r->report.n_held > 0 && r->due > now + HELD_NS)
		r->due = now + HELD_NS;
}

int
stay_sync(struct stay *s, struct stay_root *r, const struct drive_sync_ask *how,
    struct err *e)
{
	struct drive_sync_ask ask = { .returns = true };
	bool all = r->all;
	OWN(buf_free) struct buf dirs = r->dirs;

	if (how != NULL)
		ask = *how;
	/* An empty list is nothing, and no list is everything. */
	buf_room(&dirs, 1);
	r->dirs = (struct buf){ 0 };
	r->all = false;
	r->state = "syncing";
	drive_report_free(&r->report);
	if (r->watch == NULL && (all || r->root == NULL))
		begin_watch(s, r);
	if ((r->root == NULL && open_root(s, r, e) < 0) ||
	    drive_sync(r->root, all || r->all ? NULL : &dirs, &ask, &r->report,
		e) < 0) {
		failed(s, r, e);
		return -1;
	}
	if (!all && r->watch != NULL &&
	    r->report.up_files + r->report.moved + r->report.trashed > 0)
		for (size_t at = 0; at < dirs.n;
		     at += strlen((const char *)dirs.p + at) + 1)
			watch_prefer(r->watch, (const char *)dirs.p + at);
	if (all || r->all)
		r->whole_at = now_mono_ns() +
		    (r->watch != NULL ? WHOLE_NS : UNWATCHED_NS);
	r->all = false;
	succeeded(s, r);
	return 0;
}

/* ---- which roots ---- */

void
stay_add(struct stay *s, const char *path)
{
	struct stay_root *r = mem_new(sizeof *r);

	r->path = mem_text(path);
	r->state = "scanning";
	r->all = true;
	r->due = now_mono_ns();
	r->whole_at = STAY_NEVER;
	s->roots = mem_resize(s->roots, s->n + 1, sizeof(*s->roots));
	s->roots[s->n++] = r;
}

static int
add_root(void *ctx, const struct drivedb_root *x, struct err *e)
{
	struct stay *s = ctx;

	(void)e;
	if (x->enabled && stay_find(s, x->path) == NULL)
		stay_add(s, x->path);
	return 0;
}

int
stay_load(struct stay *s, struct err *e)
{
	return roots_each(s->d.drive, add_root, s, e);
}

struct stay_root *
stay_find(struct stay *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->roots[i]->path, path) == 0)
			return s->roots[i];
	return NULL;
}

void
stay_drop(struct stay *s, struct stay_root *r)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->roots[i] == r) {
			s->roots[i] = s->roots[--s->n];
			break;
		}
	root_free(r);
}

/* ---- pauses ---- */

static char *
pause_file(const struct stay *s)
{
	return file_join(s->d.self->dir, "drive.paused");
}

int
stay_pause(struct stay *s, int64_t until_ms, struct err *e)
{
	OWN(mem_free) char *path = pause_file(s);
	OWN(buf_free) struct buf text = { 0 };

	s->paused_until = until_ms;
	if (until_ms == 0)
		return unlink(path) < 0 && errno != ENOENT
		    ? err_sys(e, "%s", path)
		    : 0;
	buf_printf(&text, "%lld\n", (long long)until_ms);
	return file_write(path, buf_bytes(&text), 0600, e);
}

void
stay_pause_load(struct stay *s)
{
	OWN(mem_free) char *path = pause_file(s);
	OWN(buf_free) struct buf text = { 0 };
	struct err ignored;

	if (file_read(path, 64, &text, &ignored) == 0)
		s->paused_until = strtoll(buf_text(&text), NULL, 10);
}

bool
stay_paused(const struct stay *s)
{
	return s->paused_until > now_ms();
}

/* ---- the network ---- */

void
stay_limit(struct stay *s)
{
	stay_limits_load(s->d.self->dir, &s->limits);
	remote_limit(s->d.self->remote, s->limits.up, s->limits.down);
	s->cost_at = 0;
}
