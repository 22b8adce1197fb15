/* SPDX-License-Identifier: ISC */
/* home.c: the device's folder. */
#include "client/home.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_KIND 1
#define KEY_FILE_MAX 4096
#define KNOWN_MAX 256
#define MACHINE_ID "/etc/machine-id"

int
home_open(const char *dir, struct local **local, struct err *e)
{
	OWN(mem_free) char *marker = file_join(dir, HOMEDIR_MARKER);
	OWN(mem_free) char *db = file_join(dir, "state.db");

	if (file_mkdirs(dir, 0700, e) < 0)
		return -1;
	if (!file_exists(marker) &&
	    file_write(marker, bytes_str(HOMEDIR_MARKER_TEXT), 0600, e) < 0)
		return -1;
	return local_open(db, local, e);
}

static void
machine(struct digest *out)
{
	OWN(buf_free) struct buf text = { 0 };
	struct err ignored;

	*out = (struct digest){ 0 };
	buf_put_str(&text, "aumbry machine v1");
	size_t label = text.n;
	if (file_read(MACHINE_ID, 256, &text, &ignored) == 0 && text.n > label)
		digest_of(buf_bytes(&text), out);
}

bool
home_machine_mark(const struct id *nonce, struct digest *out)
{
	static const struct digest none;
	struct digest here;

	machine(&here);
	mac_once(
	    bytes_of(here.b, DIGEST_BYTES), bytes_of(nonce->b, ID_BYTES), out);
	return !digest_equal(&here, &none);
}

bool
home_has_key(const char *dir)
{
	OWN(mem_free) char *path = file_join(dir, "device.key");

	return file_exists(path);
}

int
home_write_key(const char *dir, const struct id *uid, const struct id *dev_id,
    const struct devkey *key, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "device.key");
	OWN(secret_free) struct secret *raw = devkey_secret(key);
	OWN(buf_free) struct buf b = { 0 };
	struct digest here;

	machine(&here);
	buf_put_str(&b, HOME_SECRET_MAGIC);
	buf_put_u8(&b, KEY_KIND);
	id_put(&b, uid);
	id_put(&b, dev_id);
	digest_put(&b, &here);
	buf_put_bytes(&b, secret_bytes(raw));
	return file_write(path, buf_bytes(&b), 0600, e);
}

int
home_read_moved(const char *dir, bool *here, struct id *uid, struct id *dev_id,
    struct devkey **key, struct err *e)
{
	static const struct digest none;
	OWN(mem_free) char *path = file_join(dir, "device.key");
	OWN(buf_free) struct buf b = { 0 };
	struct digest machine_here;

	if (!file_exists(path))
		return err_set(
		    e, ERR_NOT_SIGNED_IN, "no account is signed in at %s", dir);
	if (file_read(path, KEY_FILE_MAX, &b, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&b));
	struct bytes magic = scan_take(&s, strlen(HOME_SECRET_MAGIC));
	uint8_t kind = scan_u8(&s);
	*uid = id_take(&s);
	*dev_id = id_take(&s);
	struct digest bound = digest_take(&s);
	struct bytes raw = scan_take(&s, DEVKEY_BYTES);
	if (!scan_done(&s) || kind != KEY_KIND ||
	    !bytes_equal(magic, bytes_str(HOME_SECRET_MAGIC)))
		return err_set(e, ERR_STATE_DAMAGED, "%s is damaged", path);
	machine(&machine_here);
	*here =
	    digest_equal(&bound, &none) || digest_equal(&bound, &machine_here);
	*key = devkey_of(raw);
	return 0;
}

void
home_known(const char *dir, struct buf *out)
{
	OWN(mem_free) char *path = file_join(dir, "known");
	struct err ignored;

	if (file_exists(path) && file_read(path, KNOWN_MAX, out, &ignored) < 0)
		buf_clear(out);
}

int
home_keep_known(const char *dir, const char *known, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, "known");
	OWN(buf_free) struct buf before = { 0 };

	home_known(dir, &before);
	return strcmp(buf_text(&before), known) == 0
	    ? 0
	    : file_write(path, bytes_str(known), 0600, e);
}

int
home_read_key(const char *dir, struct id *uid, struct id *dev_id,
    struct devkey **key, struct err *e)
{
	OWN(devkey_free) struct devkey *k = NULL;
	bool here;

	if (home_read_moved(dir, &here, uid, dev_id, &k, e) < 0)
		return -1;
	if (!here)
		return err_set(e, ERR_DEVICE_COPIED,
		    "the device key in %s was made under another " MACHINE_ID
		    ": on another machine, or before this one was set up anew",
		    dir);
	*key = TAKE(k);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

int
home_erase(const char *dir, struct err *e)
{
	static const char *const names[] = { "device.key", "state.db",
		"state.db-wal", "state.db-shm", "state.db-fill", "index",
		"cache", "device-profile" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		OWN(mem_free) char *path = file_join(dir, names[i]);
		if (file_exists(path) &&
		    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
			return err_sys(e, "removing %s", path);
	}
	return file_sync_dir(dir, e);
}

int
home_enter(const char *dir, int *fd, struct err *e)
{
	if (file_mkdirs(dir, 0700, e) < 0)
		return -1;
	if (homedir_lock(dir, "entry", fd, e) == 0)
		return 0;
	return e->code == ERR_HOME_BUSY
	    ? err_set(e, ERR_HOME_BUSY,
		  "another sign-up, sign-in or recovery goes on at %s", dir)
	    : -1;
}
