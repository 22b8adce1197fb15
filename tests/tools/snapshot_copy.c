/* SPDX-License-Identifier: ISC */
/* snapshot_copy.c: another snapshot beside the newest, as no writer makes it. */
/*
 *     snapshot_copy REPO PASSWORD-FILE HOME [tags N] [time MS] [partial]
 *         [garbage]
 *
 * Copies the newest snapshot of a folder repository under a new id, with N
 * tags, of another time, as partial, or as bytes that say nothing; prints the
 * new id.
 */
#include "backup/snapshot.h"
#include "base/file.h"
#include "base/text.h"
#include "link/depot_local.h"
#include "client/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct original {
	struct id id;
	struct buf refs;
};

static void
original_free(struct original *o)
{
	buf_free(&o->refs);
}

static int
refs_of(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct original *o = ctx;

	(void)e;
	if (id_equal(&r->id, &o->id))
		buf_put_bytes(&o->refs, r->refs);
	return 0;
}

static void
change(struct snapshot *s, char **words, struct buf *plain)
{
	for (; *words != NULL; words++) {
		if (strcmp(*words, "tags") == 0 && words[1] != NULL) {
			for (long i = strtol(*++words, NULL, 10); i > 0; i--)
				snapshot_add_tag(s, bytes_str("many"));
		} else if (strcmp(*words, "time") == 0 && words[1] != NULL) {
			s->time_ms = strtoull(*++words, NULL, 10);
		} else if (strcmp(*words, "partial") == 0) {
			s->partial = true;
		}
	}
	snapshot_put(plain, s);
}

static int
copy(char **argv, struct err *e)
{
	OWN(depot_local_free) struct depot_local_repo *folder = NULL;
	OWN(local_free) struct local *local = NULL;
	OWN(repo_free) struct repo *repo = NULL;
	OWN(snapshot_list_free) struct snapshot_list list = { 0 };
	OWN(buf_free) struct buf password = { 0 };
	OWN(buf_free) struct buf plain = { 0 };

	if (file_read(argv[2], 1024, &password, e) < 0)
		return -1;
	while (password.n > 0 && password.p[password.n - 1] == '\n')
		password.n--;
	if (depot_local_open(argv[1], buf_bytes(&password), &folder, e) < 0 ||
	    home_open(argv[3], &local, e) < 0)
		return -1;
	const struct repo_from from = { .self = &folder->writer,
		.local = local,
		.depot = folder->depot,
		.dir = argv[3],
		.zones = { [CATEGORY_BACKUP] = &folder->backup,
		    [CATEGORY_KEYCHAIN] = &folder->keychain } };
	if (repo_open(&from, &repo, e) < 0 || snapshot_load(repo, &list, e) < 0)
		return -1;
	if (list.n == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no snapshot");
	struct snapshot *s = &list.list[list.n - 1];
	OWN(original_free) struct original old = { .id = s->id };
	if (zcopy_each(repo->parts[CATEGORY_BACKUP].zone, 0, refs_of, &old, e) <
	    0)
		return -1;
	change(s, argv + 4, &plain);
	if (argv[4] != NULL && strcmp(argv[4], "garbage") == 0)
		plain.n = 40;
	struct zcopy_edit edit = { .refs = buf_bytes(&old.refs),
		.plain = buf_bytes(&plain) };
	id_random(&edit.id);
	if (zcopy_commit(
		repo->parts[CATEGORY_BACKUP].zone, &edit, 1, NULL, NULL, e) < 0)
		return -1;
	(void)puts(id_text(&edit.id).s);
	return 0;
}

int
main(int argc, char **argv)
{
	struct err e = { 0 };

	if (argc < 4) {
		(void)fputs(
		    "snapshot_copy REPO PASSWORD-FILE HOME …\n", stderr);
		return 2;
	}
	if (copy(argv, &e) == 0)
		return 0;
	(void)fprintf(stderr, "snapshot_copy: %s\n", e.msg);
	return 1;
}
