/* SPDX-License-Identifier: ISC */
/* depot_local.c: a depot over the store, in a folder with a password. */
#include "client/depot_local.h"

#include "base/file.h"
#include "base/now.h"
#include "store/account.h"
#include "store/blob_dir.h"
#include "store/zone_blob.h"
#include "vault/opaque.h"
#include "vault/seal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define MEMORY_KIB 65536
#define PASSES 3
#define FILE_MAX 4096
static const char magic[] = "aumbry-repository v1\n";

struct depot_local {
	struct depot base;
	struct db *db;
	struct blob_store *blobs;
	struct zone_store store;
	struct id uid, dev_id;
};

static struct depot_local *
of(struct depot *d)
{
	return (struct depot_local *)d;
}

static struct zone_key
key_of(struct depot *d, const struct id *zone)
{
	return (struct zone_key){ of(d)->uid, *zone };
}

/* Whoever can open the folder can write it; readers verify signatures. */
static int
judge(struct tx *tx, const struct head *h, void *arg, struct err *e)
{
	(void)tx;
	(void)h;
	(void)arg;
	(void)e;
	return 0;
}

static int
commit(struct depot *d, const struct id *zone, enum category c,
    struct bytes body, struct err *e)
{
	OWN(commit_free) struct commit parsed = { .changes = NULL };
	struct zone_commit in = {
		.key = key_of(d, zone), .category = c, .judge = judge
	};

	if (commit_parse(body, &parsed, e) < 0)
		return -1;
	in.commit = &parsed;
	/* No second clock here; one that jumped once must not close the
	 * repository until that day. */
	in.now_ms = (int64_t)parsed.head.time_ms;
	return zone_commit_now(of(d)->db, &in, e);
}

static int
changes(struct depot *d, const struct id *zone, uint64_t since, unsigned wait_s,
    const struct depot_sink *sink, struct err *e)
{
	struct zone_key key = key_of(d, zone);

	(void)wait_s; /* nobody else wakes us: the answer is the present */
	sink->begin(sink->ctx);
	return zone_changes(of(d)->db, &key, since, sink->take, sink->ctx, e);
}

static int
blob_put(struct depot *d, const struct id *zone, const struct id *id,
    struct bytes body, struct err *e)
{
	struct zone_key key = key_of(d, zone);

	return zone_blob_put(&of(d)->store, &key, id, body, now_ms(), e);
}

static int
blob_get(struct depot *d, const struct id *zone, const struct id *id,
    uint64_t offset, size_t n, struct buf *out, struct err *e)
{
	struct zone_key key = key_of(d, zone);
	OWN(fd_close) int fd = -1;
	struct zone_blob blob;
	size_t got, before = out->n;

	if (zone_blob_open(&of(d)->store, &key, id, &fd, &blob, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_BLOB_MISSING;
		return -1;
	}
	if (n == 0)
		n = (size_t)blob.sum.size;
	uint8_t *p = buf_grow(out, n);
	if (file_pread_full(fd, p, n, offset, &got, e) < 0 || got != n) {
		out->n = before;
		return err_set(e, ERR_BLOB_TRUNCATED,
		    "a blob is shorter than what was stored");
	}
	return 0;
}

static int
blob_delete(
    struct depot *d, const struct id *zone, const struct id *id, struct err *e)
{
	struct zone_key key = key_of(d, zone);

	return zone_blob_delete(&of(d)->store, &key, id, now_ms(), e);
}

static int
blob_exists(struct depot *d, const struct id *zone, const struct id *ids,
    size_t n, uint8_t *there, struct err *e)
{
	struct zone_key key = key_of(d, zone);
	uint8_t bits[(LIMIT_EXISTS_IDS + 7) / 8];

	for (size_t at = 0; at < n; at += LIMIT_EXISTS_IDS) {
		size_t some =
		    n - at < LIMIT_EXISTS_IDS ? n - at : LIMIT_EXISTS_IDS;
		if (zone_blob_exists(&of(d)->store, &key,
			bytes_of(ids + at, some * ID_BYTES), now_ms(), bits,
			e) < 0)
			return -1;
		for (size_t i = 0; i < some; i++)
			there[at + i] = bits[i / 8] >> (i % 8) & 1;
	}
	return 0;
}

/* ---- circle and keyring: written once, when the repository is made ---- */

struct read_job {
	struct depot_local *d;
	uint32_t since;
	struct buf *out;
};

static int
circle_job(struct tx *tx, void *arg, struct err *e)
{
	const struct read_job *j = arg;

	return account_entries(tx, &j->d->uid, j->since, j->out, e);
}

static int
circle(struct depot *d, uint32_t since, struct buf *out, struct err *e)
{
	struct read_job j = { of(d), since, out };

	return db_read(of(d)->db, circle_job, &j, e);
}

static int
keyring_job(struct tx *tx, void *arg, struct err *e)
{
	const struct read_job *j = arg;

	return account_keyring(tx, &j->d->uid, &j->d->dev_id, j->out, e);
}

static int
keyring(struct depot *d, struct buf *out, struct err *e)
{
	struct read_job j = { of(d), 0, out };

	return db_read(of(d)->db, keyring_job, &j, e);
}

static int
circle_submit(
    struct depot *d, struct bytes entry, struct bytes envelopes, struct err *e)
{
	(void)d;
	(void)entry;
	(void)envelopes;
	return err_set(
	    e, ERR_PERMISSION, "a local repository has no devices to change");
}

static void
free_it(struct depot *d)
{
	db_free(&of(d)->db);
	blob_store_free(&of(d)->blobs);
	free(d);
}

static const struct depot_ops ops = {
	.commit = commit,
	.changes = changes,
	.blob_put = blob_put,
	.blob_get = blob_get,
	.blob_delete = blob_delete,
	.blob_exists = blob_exists,
	.circle = circle,
	.circle_submit = circle_submit,
	.keyring = keyring,
	.free = free_it,
};

static int
open_depot(const char *dir, const struct id *uid, const struct id *dev_id,
    struct depot **out, struct err *e)
{
	OWN(mem_free) char *db = file_join(dir, "repo.db");
	OWN(mem_free) char *blobs = file_join(dir, "blobs");
	struct depot_local *d = mem_new(sizeof *d);
	OWN(depot_free) struct depot *base = &d->base;

	d->base.ops = &ops;
	d->uid = *uid;
	d->dev_id = *dev_id;
	if (db_open(db, DB_OWN, &d->db, e) < 0 || zone_open(d->db, e) < 0 ||
	    account_open(d->db, e) < 0 ||
	    blob_dir_open(blobs, ERR_DISK_FULL_HERE, &d->blobs, e) < 0)
		return -1;
	d->store = (struct zone_store){ d->db, d->blobs };
	*out = TAKE(base);
	return 0;
}

/* ---- making ---- */

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
	OWN(mem_free) char *path = file_join(dir, DEPOT_LOCAL_FILE);

	return file_exists(path);
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
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
		    strcmp(x->d_name, "lost+found") != 0)
			return err_set(e, ERR_REPO_EXISTS,
			    "%s is not empty, and no repository", dir);
	return 0;
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

struct found_job {
	struct depot_local_repo *r;
	struct bytes genesis, bundle;
};

static int
found_job(struct tx *tx, void *arg, struct err *e)
{
	const struct found_job *j = arg;
	struct scan s = scan_of(j->bundle);

	if (account_add_entry(tx, &j->r->uid, 1, j->genesis, e) < 0)
		return -1;
	while (s.n > 0 && scan_ok(&s)) {
		struct account_envelope v;
		if (account_envelope_parse(scan_v16(&s), &v, e) < 0 ||
		    account_add_envelope(tx, &j->r->uid, &v, e) < 0)
			return -1;
	}
	return 0;
}

static int
write_file(const char *dir, const struct depot_local_repo *r,
    struct bytes password, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, DEPOT_LOCAL_FILE);
	OWN(secret_free) struct secret *keys = devkey_secret(r->key);
	OWN(secret_free) struct secret *box = NULL;
	OWN(buf_free) struct buf b = { 0 };
	OWN(buf_free) struct buf sealed = { 0 };
	struct id salt;

	id_random(&salt);
	buf_put_str(&b, magic);
	buf_put_u8(&b, FORMAT);
	id_put(&b, &r->uid);
	id_put(&b, &r->dev_id);
	id_put(&b, &r->backup);
	id_put(&b, &r->keychain);
	buf_put_u32(&b, MEMORY_KIB);
	buf_put_u32(&b, PASSES);
	id_put(&b, &salt);
	if (secret_stretch(password, salt.b, MEMORY_KIB, PASSES, &box, e) < 0)
		return -1;
	seal_make(box, buf_bytes(&b), secret_bytes(keys), &sealed);
	buf_put_bytes(&b, buf_bytes(&sealed));
	return file_write(path, buf_bytes(&b), 0600, e);
}

int
depot_local_create(const char *dir, struct bytes password, struct err *e)
{
	OWN(depot_local_free) struct depot_local_repo *r = mem_new(sizeof *r);
	OWN(buf_free) struct buf genesis = { 0 };
	OWN(buf_free) struct buf bundle = { 0 };

	if (file_mkdirs(dir, 0700, e) < 0 || must_be_empty(dir, e) < 0 ||
	    found_circle(r, &genesis, e) < 0 ||
	    open_depot(dir, &r->uid, &r->dev_id, &r->depot, e) < 0)
		return -1;
	keyring_bundle(r->keyring, &r->circle, r->key, &r->dev_id, &bundle);
	struct found_job j = { r, buf_bytes(&genesis), buf_bytes(&bundle) };
	id_random(&r->backup);
	id_random(&r->keychain);
	/* The file that makes it a repository comes last. */
	if (db_write(of(r->depot)->db, found_job, &j, e) < 0)
		return -1;
	return write_file(dir, r, password, e);
}

/* ---- opening ---- */

static int
read_file(const char *dir, struct bytes password, struct depot_local_repo *r,
    struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, DEPOT_LOCAL_FILE);
	OWN(buf_free) struct buf b = { 0 };
	OWN(secret_free) struct secret *box = NULL;
	OWN(secret_free) struct secret *keys = NULL;

	if (!file_exists(path)) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "there is no repository at %s", dir);
		return err_remedy(
		    e, "Make one: aumbry backup --to %s PATH", dir);
	}
	if (file_read(path, FILE_MAX, &b, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&b));
	struct bytes m = scan_take(&s, sizeof magic - 1);
	uint8_t format = scan_u8(&s);
	r->uid = id_take(&s);
	r->dev_id = id_take(&s);
	r->backup = id_take(&s);
	r->keychain = id_take(&s);
	uint32_t memory = scan_u32(&s), passes = scan_u32(&s);
	struct id salt = id_take(&s);
	struct bytes header = bytes_of(b.p, b.n - s.n);
	if (!scan_ok(&s) || !bytes_equal(m, bytes_of(magic, sizeof magic - 1)))
		return err_set(e, ERR_STATE_DAMAGED, "%s is damaged", path);
	if (format != FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the repository has format %u", (unsigned)format);
	if (memory < MEMORY_KIB || passes < PASSES)
		return err_set(e, ERR_COST_LOWERED,
		    "%s asks for weaker password hashing than is accepted",
		    path);
	if (memory > OPAQUE_MEMORY_KIB_MAX || passes > OPAQUE_PASSES_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "%s asks for password hashing with %u KiB and %u passes, "
		    "more than %d and %d",
		    path, (unsigned)memory, (unsigned)passes,
		    OPAQUE_MEMORY_KIB_MAX, OPAQUE_PASSES_MAX);
	if (secret_stretch(password, salt.b, memory, passes, &box, e) < 0)
		return -1;
	if (seal_open_secret(box, header, bytes_of(s.p, s.n), &keys, e) < 0 ||
	    secret_bytes(keys).n != DEVKEY_BYTES)
		return err_set(e, ERR_WRONG_PASSWORD,
		    "the repository's password is wrong");
	r->key = devkey_of(secret_bytes(keys));
	return 0;
}

static int
read_circle(struct depot_local_repo *r, struct err *e)
{
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf envelopes = { 0 };

	if (circle(r->depot, 0, &entries, e) < 0 ||
	    keyring(r->depot, &envelopes, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&entries));
	while (s.n > 0 && scan_ok(&s))
		if (circle_apply(&r->circle, scan_v16(&s), e) < 0)
			return -1;
	if (r->circle.seq == 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "the repository's database is damaged");
	r->keyring = keyring_new(&r->uid);
	return keyring_open(r->keyring, &r->circle, r->key, &r->dev_id,
	    buf_bytes(&envelopes), e);
}

int
depot_local_open(const char *dir, struct bytes password,
    struct depot_local_repo **out, struct err *e)
{
	OWN(depot_local_free) struct depot_local_repo *r = mem_new(sizeof *r);

	if (read_file(dir, password, r, e) < 0 ||
	    open_depot(dir, &r->uid, &r->dev_id, &r->depot, e) < 0 ||
	    read_circle(r, e) < 0)
		return err_in(e, "%s", dir);
	r->writer = (struct zcopy_self){ .uid = r->uid,
		.dev_id = r->dev_id,
		.key = r->key,
		.keyring = r->keyring,
		.circle = &r->circle };
	*out = TAKE(r);
	return 0;
}
