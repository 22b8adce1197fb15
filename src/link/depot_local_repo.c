/* SPDX-License-Identifier: ISC */
/* depot_local_repo.c: a repository in a folder, made and opened. */
#include "link/depot_local_in.h"

#include "base/file.h"
#include "base/now.h"
#include "link/repo_log.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void
depot_local_free(struct depot_local_repo **rp)
{
	struct depot_local_repo *r = *rp;

	if (r == NULL)
		return;
	depot_free(&r->depot);
	keyring_free(&r->keyring);
	devkey_free(&r->key);
	circle_free(&r->circle);
	free(r);
	*rp = NULL;
}

bool
depot_local_there(const char *dir)
{
	return repo_file_there(dir);
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

/* A making that was cut off before its last step left some of these. */
static bool
is_ours(const char *name)
{
	static const char *const names[] = { "repo.db", "repo.db-wal",
		"repo.db-shm", "repo.db-journal", "blobs", "runs", REPO_LOG,
		RESERVE_FILE };
	static const char unfinished[] = REPO_FILE_COPY ".new-";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, unfinished, sizeof unfinished - 1) == 0;
}

static int
must_be_empty(const char *dir, struct err *e)
{
	OWN(close_dir) DIR *d = opendir(dir);
	const struct dirent *x;

	if (d == NULL)
		return err_sys(e, "%s", dir);
	while ((x = readdir(d)) != NULL)
		if (strcmp(x->d_name, ".") != 0 &&
		    strcmp(x->d_name, "..") != 0 &&
		    strcmp(x->d_name, "lost+found") != 0 && !is_ours(x->d_name))
			return err_set(e, ERR_REPO_EXISTS,
			    "%s is not empty, and no repository", dir);
	return 0;
}

static int
count_zones(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx, "SELECT COUNT(*) FROM zone", &s, e) < 0 ||
	    stmt_next(s, &row, e) < 0)
		return -1;
	*(uint64_t *)arg = row ? stmt_got_u64(s, 0) : 0;
	return 0;
}

static int
any_blob(const struct blob_name *name, void *arg, struct err *e)
{
	(void)name;
	(void)e;
	++*(uint64_t *)arg;
	return 0;
}

/* Without the file that opened it, what is stored is not ours to go over. */
static int
nothing_stored(const char *dir, struct depot *d, struct err *e)
{
	uint64_t zones = 0, blobs = 0;

	if (db_read(depot_local_of(d)->db, count_zones, &zones, e) < 0 ||
	    blob_each(depot_local_of(d)->blobs, any_blob, &blobs, e) < 0)
		return -1;
	return zones + blobs == 0
	    ? 0
	    : err_set(e, ERR_REPO_EXISTS,
		  "%s holds what was stored, and %s is not there any more", dir,
		  REPO_FILE);
}

static int
found_circle(struct depot_local_repo *r, struct buf *genesis, struct err *e)
{
	static const struct recovery_set none;
	struct device device = { .class = CLASS_COMPUTER,
		.rights = RIGHT_APPROVE };
	struct circle_sig sig = { .kind = 1 };
	OWN(buf_free) struct buf body = { 0 };
	struct key_change kc;
	struct id state;

	r->key = devkey_new(&device);
	r->dev_id = device.dev_id;
	id_random(&r->uid);
	id_random(&state);
	r->keyring = keyring_new(&r->uid);
	keyring_next_epoch(r->keyring, &kc);
	device_put(&body, &device);
	recovery_set_put(&body, &none);
	buf_put_u8(&body, 1);
	buf_put_u16(&body, LIMIT_MATURE_HOURS);
	buf_put_u8(&body, PROTECTION_ADVANCED);
	id_put(&body, &state);
	key_change_put(&body, &kc);
	circle_entry_begin(genesis, &r->circle, &r->uid, (uint64_t)now_ms(),
	    CIRCLE_GENESIS, buf_bytes(&body));
	sig.keyref = device.dev_id;
	devkey_sign(r->key, SIG_CIRCLE, buf_bytes(genesis), sig.sig);
	circle_entry_end(genesis, &sig, 1);
	return circle_apply(&r->circle, buf_bytes(genesis), e);
}

int
depot_local_create(const char *dir, struct bytes password, struct err *e)
{
	OWN(depot_local_free) struct depot_local_repo *r = mem_new(sizeof *r);
	OWN(repo_file_free) struct repo_file f = { .key = NULL };

	if (file_mkdirs(dir, 0700, e) < 0 || must_be_empty(dir, e) < 0 ||
	    found_circle(r, &f.genesis, e) < 0)
		return -1;
	keyring_bundle(r->keyring, &r->circle, r->key, &r->dev_id, &f.bundle);
	f.uid = r->uid;
	f.dev_id = r->dev_id;
	id_random(&f.backup);
	id_random(&f.keychain);
	if (depot_local_depot(dir, &f, &r->depot, e) < 0 ||
	    nothing_stored(dir, r->depot, e) < 0)
		return -1;
	/* The file that makes it a repository comes last. */
	f.key = TAKE(r->key);
	return repo_file_write(dir, &f, password, e);
}

static int
read_circle(struct depot_local_repo *r, struct err *e)
{
	OWN(buf_free) struct buf envelopes = { 0 };

	if (circle_apply(&r->circle,
		buf_bytes(&depot_local_of(r->depot)->genesis), e) < 0 ||
	    r->depot->ops->keyring(r->depot, &envelopes, e) < 0)
		return -1;
	r->keyring = keyring_new(&r->uid);
	return keyring_open(r->keyring, &r->circle, r->key, &r->dev_id,
	    buf_bytes(&envelopes), e);
}

/* None is made where one should be. */
static int
has_database(const char *dir, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "repo.db");
	struct stat st;

	if (stat(path, &st) == 0 && st.st_size > 0)
		return 0;
	(void)err_set(e, ERR_STATE_DAMAGED, "there is no database any more");
	return depot_local_damaged(dir, e);
}

int
depot_local_open(const char *dir, struct bytes password,
    struct depot_local_repo **out, struct err *e)
{
	OWN(depot_local_free) struct depot_local_repo *r = mem_new(sizeof *r);
	OWN(repo_file_free) struct repo_file f = { .key = NULL };

	if (repo_file_open(dir, password, &f, e) < 0 ||
	    has_database(dir, e) < 0 ||
	    depot_local_depot(dir, &f, &r->depot, e) < 0)
		return err_in(e, "%s", dir);
	r->uid = f.uid;
	r->dev_id = f.dev_id;
	r->backup = f.backup;
	r->keychain = f.keychain;
	r->key = TAKE(f.key);
	if (read_circle(r, e) < 0)
		return err_in(e, "%s", dir);
	if (!db_looks(depot_local_of(r->depot)->db))
		repo_file_mend(dir);
	r->writer = (struct zcopy_self){ .uid = r->uid,
		.dev_id = r->dev_id,
		.key = r->key,
		.keyring = r->keyring,
		.circle = &r->circle };
	*out = TAKE(r);
	return 0;
}
