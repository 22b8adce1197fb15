/* SPDX-License-Identifier: ISC */
/* mount_hold.c: snapshots and directories that are known, and what a path is. */
#include "backup/mount_in.h"

#include "base/now.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGAIN_NS 2000000000LL /* how often is asked for later snapshots */

/* ---- directories ---- */

static int
get_index(struct mount *m, size_t snap, struct dirs_index **out, struct err *e)
{
	struct held_index *h = &m->indexes[0];

	for (size_t i = 0; i < INDEXES; i++) {
		struct held_index *x = &m->indexes[i];
		if (x->used > 0 && x->snap == snap) {
			x->used = ++m->clock;
			*out = x->index;
			return 0;
		}
		if (x->used < h->used)
			h = x;
	}
	dirs_index_free(&h->index);
	h->used = 0;
	if (dirs_index_open(m->src, &m->snaps[snap]->snapshot, &h->index, e) <
	    0)
		return -1;
	h->snap = snap;
	h->used = ++m->clock;
	*out = h->index;
	return 0;
}

void
mount_drop_dir(struct held_dir *h)
{
	dirs_dir_free(&h->dir);
	h->used = 0;
}

/* A place for one more directory of that many bytes. */
static struct held_dir *
make_room(struct mount *m, size_t more)
{
	for (;;) {
		struct held_dir *oldest = NULL, *empty = NULL;
		size_t bytes = more;
		for (size_t i = 0; i < DIRS; i++) {
			struct held_dir *h = &m->dirs[i];
			bytes += h->dir.body.n;
			if (h->used == 0)
				empty = h;
			else if (oldest == NULL || h->used < oldest->used)
				oldest = h;
		}
		if (empty != NULL && (bytes <= DIRS_BYTES || oldest == NULL))
			return empty;
		mount_drop_dir(oldest);
	}
}

int
mount_dir(struct mount *m, size_t snap, struct bytes path,
    const struct dirs_dir **out, struct err *e)
{
	OWN(dirs_dir_free) struct dirs_dir d = { 0 };
	struct dirs_index *index;

	for (size_t i = 0; i < DIRS; i++) {
		struct held_dir *h = &m->dirs[i];
		if (h->used > 0 && h->snap == snap &&
		    bytes_equal(h->dir.path, path)) {
			h->used = ++m->clock;
			*out = &h->dir;
			return 0;
		}
	}
	if (get_index(m, snap, &index, e) < 0 ||
	    dirs_get(index, path, &d, e) < 0)
		return -1;
	struct held_dir *h = make_room(m, d.body.n);
	*h = (struct held_dir){ snap, ++m->clock, d };
	d = (struct dirs_dir){ 0 };
	*out = &h->dir;
	return 0;
}

/* ---- snapshots ---- */

static void
add_snapshot(struct mount *m, struct snapshot *s)
{
	struct shown *new = mem_new(sizeof *new);
	time_t t = (time_t)(s->time_ms / 1000);
	char when[32];
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(when, sizeof when, "%Y-%m-%dT%H.%M.%S", &tm) == 0)
		when[0] = '\0';
	(void)snprintf(new->name, NAME_BYTES, "%s-%s",
	    when[0] != '\0' ? when : "unknown", id_short(&s->id).s);
	new->snapshot = *s;
	*s = (struct snapshot){ 0 };
	if (m->n_snaps == m->cap_snaps) {
		m->cap_snaps = m->cap_snaps == 0 ? 16 : 2 * m->cap_snaps;
		m->snaps =
		    mem_resize(m->snaps, m->cap_snaps, sizeof(struct shown *));
	}
	m->snaps[m->n_snaps++] = new;
}

void
mount_take_list(struct mount *m, struct snapshot_list *list)
{
	size_t latest =
	    list->n > 0 ? (size_t)(snapshot_latest(list) - list->list) : 0;

	for (size_t i = 0; i < m->n_snaps; i++)
		m->snaps[i]->gone = true;
	for (size_t k = 0; k < list->n; k++) {
		size_t i = 0;
		while (i < m->n_snaps &&
		    !id_equal(&m->snaps[i]->snapshot.id, &list->list[k].id))
			i++;
		if (i == m->n_snaps)
			add_snapshot(m, &list->list[k]);
		m->snaps[i]->gone = false;
		if (k == latest)
			m->latest = i;
	}
}

void
mount_look_again(struct mount *m)
{
	OWN(snapshot_list_free) struct snapshot_list list = { 0 };
	int64_t now = now_mono_ns();
	struct err e;

	if (m->n_snaps > 0 && now - m->asked_ns < AGAIN_NS)
		return;
	if (repo_refresh(m->repo, &e) == 0 &&
	    snapshot_load(m->repo, &list, &e) == 0)
		mount_take_list(m, &list);
	else if (m->o->warn != NULL)
		m->o->warn(m->o->ctx, "/", &e);
	m->asked_ns = now_mono_ns();
}

bool
mount_any_left(const struct mount *m)
{
	return m->latest < m->n_snaps && !m->snaps[m->latest]->gone;
}

static bool
find_name(const struct mount *m, struct bytes name, size_t *snap)
{
	for (size_t i = 0; i < m->n_snaps; i++)
		if (!m->snaps[i]->gone &&
		    bytes_equal(bytes_str(m->snaps[i]->name), name)) {
			*snap = i;
			return true;
		}
	return false;
}

static int
no_snapshot(struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "no such snapshot");
}

/* ---- paths ---- */

int
mount_look_up(
    struct mount *m, const char *path, struct mount_where *out, struct err *e)
{
	const struct dirs_dir *d;
	struct bytes dir, name;

	*out = (struct mount_where){ .place = PLACE_ROOT };
	path++;
	if (*path == '\0')
		return 0;
	size_t n = strcspn(path, "/");
	if (strcmp(path, "latest") == 0) {
		mount_look_again(m);
		out->place = PLACE_LATEST;
		return mount_any_left(m) ? 0 : no_snapshot(e);
	}
	if (!find_name(m, bytes_of(path, n), &out->snap)) {
		mount_look_again(m);
		if (!find_name(m, bytes_of(path, n), &out->snap))
			return no_snapshot(e);
	}
	out->place = PLACE_SNAPSHOT;
	if (path[n] == '\0')
		return 0;
	out->place = PLACE_INSIDE;
	out->path = bytes_str(path + n + 1);
	tree_split(out->path, &dir, &name);
	if (mount_dir(m, out->snap, dir, &d, e) < 0)
		return -1;
	return dirs_find(d, name, &out->x)
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "no such file or directory");
}
