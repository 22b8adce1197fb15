/* SPDX-License-Identifier: ISC */
/* drive.c: the drive zone of this device: its tree, its contents. */
#include "drive/drive_in.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

int
drive_open(const struct drive_from *from, struct drive **out, struct err *e)
{
	OWN(drive_free) struct drive *d = mem_new(sizeof *d);
	OWN(mem_free) char *path = file_join(from->dir, "drive.db");

	d->from = *from;
	d->repo = from->repo;
	d->zone = repo_part(from->repo, CATEGORY_DRIVE)->zone;
	if (drivedb_open(path, &d->db, e) < 0)
		return -1;
	*out = TAKE(d);
	return 0;
}

void
drive_free(struct drive **dp)
{
	struct drive *d = *dp;

	if (d == NULL)
		return;
	content_in_free(&d->in);
	fetch_free(&d->fetch);
	drivedb_free(&d->db);
	free(d);
	*dp = NULL;
}

struct drivedb *
drive_db(struct drive *d)
{
	return d->db;
}

struct zcopy *
drive_zone(struct drive *d)
{
	return d->zone;
}

static int
unread_job(struct tx *tx, void *arg, struct err *e)
{
	return drivedb_diffs_unread(tx, arg, e);
}

/* Packs went on which it relies that files were read: see tidy.h. */
static int
read_again(struct drive *d, struct buf *news, struct err *e)
{
	return d->in != NULL && content_in_lost(d->in)
	    ? db_write(drivedb_db(d->db), unread_job, news, e)
	    : 0;
}

int
drive_pull(struct drive *d, struct err *e)
{
	if (zcopy_pull(d->zone, e) < 0 || repo_follow(d->repo, e) < 0) {
		/* An older state of it lacks packs, too. */
		if (e->code == ERR_HISTORY_ROLLED_BACK)
			drive_doubt(d);
		return -1;
	}
	if (d->in != NULL && content_in_recorded(d->in, e) < 0)
		return -1;
	OWN(buf_free) struct buf news = { 0 };
	if (drivedb_follow(d->db, d->zone, &news, &d->bad, e) < 0 ||
	    read_again(d, &news, e) < 0)
		return -1;
	for (struct drive_root *r = d->roots; r != NULL; r = r->next)
		buf_put_bytes(&r->news, buf_bytes(&news));
	return 0;
}

void
drive_report_free(struct drive_report *r)
{
	drive_held_clear(r);
	for (size_t i = 0; i < r->n_conflicts; i++) {
		free(r->conflicts[i].path);
		free(r->conflicts[i].copy);
	}
	free(r->conflicts);
	drive_held_free(r->left, r->n_left);
	drive_held_free(r->warned, r->n_warned);
	*r = (struct drive_report){ 0 };
}
