/* SPDX-License-Identifier: ISC */
/* ward.c: the files of an account, and what erases them. */
#include "escrow/ward.h"

#include "base/file.h"
#include "escrow/rootkey.h"
#include "vault/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 4096 /* bytes; ours have 500 */
#define CIRCLE_MAX \
	((uint64_t)LIMIT_CIRCLE_ENTRIES * (LIMIT_CIRCLE_ENTRY + 2)) /* bytes */

static const char state_magic[4] = { 'P', 'E', 'A', '1' };
static const char key_magic[4] = { 'P', 'E', 'K', '1' };
static const char state_ad[] = "aumbry escrow state v1"; /* with its NUL */
static const char key_ad[] = "aumbry escrow key v1";

struct wards {
	char *dir; /* DIR/accounts */
	struct secret *root;
};

/* ---- the folder ---- */

int
wards_open(const char *dir, const struct secret *root, struct wards **out,
    struct err *e)
{
	OWN(wards_free) struct wards *ws = mem_new(sizeof *ws);

	ws->dir = file_join(dir, "accounts");
	ws->root = secret_copy(root);
	if (file_mkdirs(ws->dir, 0700, e) < 0 || file_sync_dir(dir, e) < 0)
		return -1;
	*out = TAKE(ws);
	return 0;
}

void
wards_free(struct wards **w)
{
	if (*w == NULL)
		return;
	free((*w)->dir);
	secret_free(&(*w)->root);
	free(*w);
	*w = NULL;
}

static char *
folder_of(const struct wards *ws, const struct id *uid)
{
	struct id_text hex = id_text(uid);

	hex.s[2] = '\0';
	return file_join(ws->dir, hex.s);
}

static char *
path_of(const struct wards *ws, const struct id *uid, const char *suffix)
{
	OWN(mem_free) char *folder = folder_of(ws, uid);
	OWN(buf_free) struct buf name = { 0 };

	buf_printf(&name, "%s%s", id_text(uid).s, suffix);
	return file_join(folder, buf_text(&name));
}

static int
make_folder(const struct wards *ws, const struct id *uid, struct err *e)
{
	OWN(mem_free) char *folder = folder_of(ws, uid);

	if (mkdir(folder, 0700) == 0)
		return file_sync_dir(ws->dir, e);
	return errno == EEXIST ? 0 : err_sys(e, "%s", folder);
}

static int
sync_folder(const struct wards *ws, const struct id *uid, struct err *e)
{
	OWN(mem_free) char *folder = folder_of(ws, uid);

	return file_sync_dir(folder, e);
}

/* ---- boxes ---- */

static struct secret *
derived(const struct wards *ws, const char *label, const struct id *uid)
{
	return secret_derive(ws->root, label, bytes_of(uid->b, ID_BYTES));
}

static struct secret *
state_key(const struct wards *ws, const struct id *uid)
{
	return derived(ws, "escrow account state", uid);
}

static struct secret *
key_key(const struct wards *ws, const struct id *uid)
{
	return derived(ws, "escrow account key", uid);
}

/* What a box of `w` is bound to. */
static void
put_state_ad(const struct ward *w, struct buf *out)
{
	buf_put(out, state_ad, sizeof state_ad);
	id_put(out, &w->uid);
}

static void
put_key_ad(const struct ward *w, struct buf *out)
{
	buf_put(out, key_ad, sizeof key_ad);
	id_put(out, &w->uid);
	buf_put(out, w->kem_pk, sizeof w->kem_pk);
}

/* The box in a file of ours; missing: *there is false. */
static int
read_box(const char *path, const char magic[static 4], struct buf *out,
    bool *there, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	*there = false;
	if (rootkey_read_file(path, FILE_MAX, &file, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	struct scan s = scan_of(buf_bytes(&file));
	if (!bytes_equal(scan_take(&s, 4), bytes_of(magic, 4)))
		return err_set(
		    e, ERR_RECORD_CORRUPT, "%s is not what was written", path);
	buf_put_bytes(out, bytes_of(s.p, s.n));
	*there = true;
	return 0;
}

static int
write_box(const char *path, const char magic[static 4], struct bytes box,
    struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	buf_put(&file, magic, 4);
	buf_put_bytes(&file, box);
	return rootkey_write_file(path, buf_bytes(&file), e);
}

/* ---- the state ---- */

static void
put_state(const struct ward *w, struct buf *out)
{
	id_put(out, &w->uid);
	buf_put_u8(out, w->there);
	buf_put(out, w->kem_pk, sizeof w->kem_pk);
	buf_put_u8(out, w->registered);
	buf_put(out, w->release_pk, sizeof w->release_pk);
	buf_put_u64(out, w->registered_ms);
	buf_put_u32(out, w->circle_seq);
	digest_put(out, &w->circle_head);
	buf_put_u64(out, w->circle_bytes);
	buf_put_u8(out, w->destroyed);
	buf_put_u32(out, w->destroyed_clock);
	buf_put_u8(out, w->order.state);
	id_put(out, &w->order.id);
	buf_put(out, w->order.kem_pk, sizeof w->order.kem_pk);
	buf_put(out, w->order.sign_pk, sizeof w->order.sign_pk);
	buf_put_u64(out, w->order.ends_ms);
	buf_put_u64(out, w->journal_n);
}

static int
take_state(struct bytes x, struct ward *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct ward w = { .known = true };

	w.uid = id_take(&s);
	uint8_t there = scan_u8(&s);
	scan_copy(&s, w.kem_pk, sizeof w.kem_pk);
	uint8_t registered = scan_u8(&s);
	scan_copy(&s, w.release_pk, sizeof w.release_pk);
	w.registered_ms = scan_u64(&s);
	w.circle_seq = scan_u32(&s);
	w.circle_head = digest_take(&s);
	w.circle_bytes = scan_u64(&s);
	uint8_t destroyed = scan_u8(&s);
	w.destroyed_clock = scan_u32(&s);
	w.order.state = scan_u8(&s);
	w.order.id = id_take(&s);
	scan_copy(&s, w.order.kem_pk, sizeof w.order.kem_pk);
	scan_copy(&s, w.order.sign_pk, sizeof w.order.sign_pk);
	w.order.ends_ms = scan_u64(&s);
	w.journal_n = scan_u64(&s);
	if (!scan_done(&s) || !id_equal(&w.uid, &out->uid) || there > 1 ||
	    registered > 1 || destroyed > 1 ||
	    w.order.state >= WARD_ORDER_STATES || w.circle_bytes > CIRCLE_MAX)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "an account's state is not well-formed");
	w.there = there != 0;
	w.registered = registered != 0;
	w.destroyed = destroyed != 0;
	*out = w;
	return 0;
}

int
ward_load(const struct wards *ws, const struct id *uid, struct ward *out,
    struct err *e)
{
	OWN(mem_free) char *path = path_of(ws, uid, "");
	OWN(secret_free) struct secret *key = state_key(ws, uid);
	OWN(buf_free) struct buf box = { 0 };
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf state = { 0 };
	struct ward w = { .uid = *uid };
	bool there;

	if (read_box(path, state_magic, &box, &there, e) < 0)
		return -1;
	put_state_ad(&w, &ad);
	if (there &&
	    (seal_open(key, buf_bytes(&ad), buf_bytes(&box), &state, e) < 0 ||
		take_state(buf_bytes(&state), &w, e) < 0))
		return err_in(e, "%s", path);
	*out = w;
	return 0;
}

int
ward_store(const struct wards *ws, struct ward *w, struct err *e)
{
	OWN(mem_free) char *path = path_of(ws, &w->uid, "");
	OWN(secret_free) struct secret *key = state_key(ws, &w->uid);
	OWN(buf_free) struct buf box = { 0 };
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf state = { 0 };

	put_state(w, &state);
	put_state_ad(w, &ad);
	seal_make(key, buf_bytes(&ad), buf_bytes(&state), &box);
	if (make_folder(ws, &w->uid, e) < 0 ||
	    write_box(path, state_magic, buf_bytes(&box), e) < 0)
		return -1;
	w->known = true;
	return 0;
}

/* ---- the key ---- */

int
ward_make_key(const struct wards *ws, struct ward *w, struct err *e)
{
	OWN(mem_free) char *path = path_of(ws, &w->uid, ".key");
	OWN(secret_free) struct secret *key = key_key(ws, &w->uid);
	OWN(buf_free) struct buf box = { 0 };
	OWN(buf_free) struct buf ad = { 0 };
	struct device self;
	OWN(devkey_free) struct devkey *pair = devkey_new(&self);
	OWN(secret_free) struct secret *raw = devkey_secret(pair);
	struct ward made = *w;

	made.there = true;
	memcpy(made.kem_pk, self.kem_pk, sizeof made.kem_pk);
	put_key_ad(&made, &ad);
	seal_make(key, buf_bytes(&ad), secret_bytes(raw), &box);
	if (make_folder(ws, &w->uid, e) < 0 ||
	    write_box(path, key_magic, buf_bytes(&box), e) < 0)
		return -1;
	*w = made;
	return 0;
}

int
ward_key(const struct wards *ws, const struct ward *w, struct devkey **out,
    struct err *e)
{
	OWN(mem_free) char *path = path_of(ws, &w->uid, ".key");
	OWN(secret_free) struct secret *key = key_key(ws, &w->uid);
	OWN(secret_free) struct secret *raw = NULL;
	OWN(buf_free) struct buf box = { 0 };
	OWN(buf_free) struct buf ad = { 0 };
	bool there;

	if (read_box(path, key_magic, &box, &there, e) < 0)
		return -1;
	put_key_ad(w, &ad);
	if (!there)
		return err_set(e, ERR_RECORD_CORRUPT, "%s is not there", path);
	if (seal_open_secret(key, buf_bytes(&ad), buf_bytes(&box), &raw, e) < 0)
		return err_in(e, "%s", path);
	if (secret_bytes(raw).n != DEVKEY_BYTES)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "%s is not well-formed", path);
	*out = devkey_of(secret_bytes(raw));
	return 0;
}

/* Overwrite what the file holds, then remove it. Fine when it is gone. */
static int
erase(const struct wards *ws, const struct id *uid, struct err *e)
{
	OWN(mem_free) char *path = path_of(ws, uid, ".key");
	OWN(fd_close) int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	OWN(buf_free) struct buf zeros = { 0 };
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "%s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	size_t n = st.st_size < FILE_MAX ? (size_t)st.st_size : FILE_MAX;
	memset(buf_grow(&zeros, n), 0, n);
	if (file_pwrite_all(fd, buf_bytes(&zeros), 0, e) < 0)
		return err_in(e, "%s", path);
	if (fsync(fd) < 0 || unlink(path) < 0)
		return err_sys(e, "%s", path);
	return sync_folder(ws, uid, e);
}

int
ward_destroy(
    const struct wards *ws, struct ward *w, uint32_t clock, struct err *e)
{
	struct ward left = { .uid = w->uid,
		.known = true,
		.circle_seq = w->circle_seq,
		.circle_head = w->circle_head,
		.circle_bytes = w->circle_bytes,
		.destroyed = true,
		.destroyed_clock = clock,
		.journal_n = w->journal_n };

	/* This order: a crash between them leaves a key that no state speaks
	 * of, which the next start erases. */
	if (ward_store(ws, &left, e) < 0)
		return -1;
	*w = left;
	return erase(ws, &w->uid, e);
}

int
ward_drop(const struct wards *ws, struct ward *w, struct err *e)
{
	OWN(mem_free) char *state = path_of(ws, &w->uid, "");
	OWN(mem_free) char *circle = path_of(ws, &w->uid, ".circle");
	struct ward none = { .uid = w->uid };

	if (w->there) {
		w->there = false;
		if (ward_store(ws, w, e) < 0)
			return -1;
	}
	if (erase(ws, &w->uid, e) < 0)
		return -1;
	if ((unlink(circle) < 0 && errno != ENOENT) ||
	    (unlink(state) < 0 && errno != ENOENT))
		return err_sys(e, "%s", state);
	*w = none;
	return sync_folder(ws, &none.uid, e);
}

/* ---- the circle ---- */

static int
apply_all(struct bytes entries, struct circle *c, struct err *e)
{
	struct scan s = scan_of(entries);

	while (s.n > 0) {
		struct bytes entry = scan_v16(&s);
		if (!scan_ok(&s))
			return err_set(
			    e, ERR_RECORD_CORRUPT, "it is cut short");
		if (circle_apply(c, entry, e) < 0)
			return -1;
	}
	return 0;
}

int
ward_circle(const struct wards *ws, const struct ward *w, struct circle *out,
    struct err *e)
{
	OWN(mem_free) char *path = path_of(ws, &w->uid, ".circle");
	OWN(buf_free) struct buf file = { 0 };
	OWN(circle_free) struct circle c = { 0 };
	size_t n = (size_t)w->circle_bytes;

	if (w->circle_seq == 0)
		return 0;
	if (file_read(path, CIRCLE_MAX + FILE_MAX, &file, e) < 0 &&
	    e->code != ERR_NOT_FOUND)
		return -1;
	if (file.n < n || apply_all(bytes_of(file.p, n), &c, e) < 0 ||
	    c.seq != w->circle_seq || !digest_equal(&c.head, &w->circle_head) ||
	    !id_equal(&c.uid, &w->uid))
		return err_set(e, ERR_RECORD_CORRUPT,
		    "%s is not the circle that was verified", path);
	*out = c;
	c = (struct circle){ 0 };
	return 0;
}

static int
append_circle(const struct wards *ws, const struct ward *w,
    struct bytes entries, struct err *e)
{
	OWN(mem_free) char *path = path_of(ws, &w->uid, ".circle");
	OWN(fd_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(e, "%s", path);
	if (ftruncate(fd, (off_t)w->circle_bytes) < 0)
		return err_sys(e, "%s", path);
	if (file_pwrite_all(fd, entries, w->circle_bytes, e) < 0)
		return err_in(e, "%s", path);
	if (fsync(fd) < 0)
		return err_sys(e, "%s", path);
	return w->circle_bytes == 0 ? sync_folder(ws, &w->uid, e) : 0;
}

int
ward_extend(const struct wards *ws, struct ward *w, const struct circle *circle,
    struct bytes entries, struct err *e)
{
	struct ward longer = *w;

	if (entries.n > CIRCLE_MAX - w->circle_bytes)
		return err_set(e, ERR_TOO_LARGE, "the circle is too long");
	if (make_folder(ws, &w->uid, e) < 0 ||
	    append_circle(ws, w, entries, e) < 0)
		return -1;
	longer.circle_seq = circle->seq;
	longer.circle_head = circle->head;
	longer.circle_bytes += entries.n;
	if (ward_store(ws, &longer, e) < 0)
		return -1;
	*w = longer;
	return 0;
}

/* ---- all of them ---- */

/* HEX, or HEX.key with `suffix` ".key". */
static bool
names_ward(const char *name, const char *suffix, struct id *uid)
{
	return strlen(name) == ID_TEXT + strlen(suffix) &&
	    strcmp(name + ID_TEXT, suffix) == 0 &&
	    id_parse(bytes_of(name, ID_TEXT), uid) == 0;
}

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
	*d = NULL;
}

static int
each_in(const char *folder, const char *suffix, wards_fn *fn, void *arg,
    struct err *e)
{
	OWN(dir_close) DIR *d = opendir(folder);
	const struct dirent *at;
	struct id uid;

	if (d == NULL)
		return errno == ENOTDIR ? 0 : err_sys(e, "%s", folder);
	while ((at = readdir(d)) != NULL)
		if (names_ward(at->d_name, suffix, &uid) &&
		    fn(arg, &uid, e) < 0)
			return -1;
	return 0;
}

static int
each_file(const struct wards *ws, const char *suffix, wards_fn *fn, void *arg,
    struct err *e)
{
	OWN(dir_close) DIR *d = opendir(ws->dir);
	const struct dirent *at;

	if (d == NULL)
		return err_sys(e, "%s", ws->dir);
	while ((at = readdir(d)) != NULL) {
		OWN(mem_free) char *folder = file_join(ws->dir, at->d_name);
		if (strlen(at->d_name) == 2 && at->d_name[0] != '.' &&
		    each_in(folder, suffix, fn, arg, e) < 0)
			return -1;
	}
	return 0;
}

int
wards_each(const struct wards *ws, wards_fn *fn, void *arg, struct err *e)
{
	return each_file(ws, "", fn, arg, e);
}

static int
erase_orphan(void *arg, const struct id *uid, struct err *e)
{
	const struct wards *ws = arg;
	struct err here = { 0 };
	struct ward w;

	/* A state that cannot be read says nothing against its key; whoever
	 * asks for that account is told. */
	if (ward_load(ws, uid, &w, &here) < 0 || w.there)
		return 0;
	return erase(ws, uid, e);
}

/* What a crash left of a file that was being replaced. */
static int
remove_strays(const char *folder, struct err *e)
{
	OWN(dir_close) DIR *d = opendir(folder);
	const struct dirent *at;

	if (d == NULL)
		return errno == ENOTDIR ? 0 : err_sys(e, "%s", folder);
	while ((at = readdir(d)) != NULL)
		if (strstr(at->d_name, ".new-") != NULL &&
		    unlinkat(dirfd(d), at->d_name, 0) < 0)
			return err_sys(e, "%s/%s", folder, at->d_name);
	return 0;
}

int
wards_sweep(const struct wards *ws, struct err *e)
{
	OWN(dir_close) DIR *d = opendir(ws->dir);
	const struct dirent *at;

	if (d == NULL)
		return err_sys(e, "%s", ws->dir);
	while ((at = readdir(d)) != NULL) {
		OWN(mem_free) char *folder = file_join(ws->dir, at->d_name);
		if (strlen(at->d_name) == 2 && at->d_name[0] != '.' &&
		    remove_strays(folder, e) < 0)
			return -1;
	}
	return each_file(ws, ".key", erase_orphan, (void *)(uintptr_t)ws, e);
}
