/* SPDX-License-Identifier: ISC */
/* home.c: client/home.h in memory, kept by the page. */
#include "client/home.h"

#include "base/file.h"
#include "web/memory_in.h"

#define KEY "device.key" /* uid[16] | dev_id[16] | device keys[64] */

int
home_open(const char *dir, struct local **local, struct err *e)
{
	return local_open(dir, local, e);
}

/* A page does not know its machine. */
bool
home_machine_mark(const struct id *nonce, struct digest *out)
{
	(void)nonce;
	*out = (struct digest){ 0 };
	return false;
}

/* A page that is left is forgotten whole. */
void
home_known(const char *dir, struct buf *out)
{
	(void)dir;
	buf_clear(out);
}

int
home_keep_known(const char *dir, const char *known, struct err *e)
{
	(void)dir;
	(void)known;
	(void)e;
	return 0;
}

bool
home_has_key(const char *dir)
{
	(void)dir;
	return memory_find(KEY) != NULL;
}

int
home_write_key(const char *dir, const struct id *uid, const struct id *dev_id,
    const struct devkey *key, struct err *e)
{
	OWN(secret_free) struct secret *raw = devkey_secret(key);
	OWN(buf_free) struct buf b = { 0 };

	(void)dir;
	id_put(&b, uid);
	id_put(&b, dev_id);
	buf_put_bytes(&b, secret_bytes(raw));
	return local_put(NULL, KEY, buf_bytes(&b), e);
}

int
home_read_key(const char *dir, struct id *uid, struct id *dev_id,
    struct devkey **key, struct err *e)
{
	const struct buf *b = memory_find(KEY);

	(void)dir;
	if (b == NULL)
		return err_set(e, ERR_NOT_SIGNED_IN,
		    "no account is signed in in this browser");
	struct scan s = scan_of(buf_bytes(b));
	*uid = id_take(&s);
	*dev_id = id_take(&s);
	struct bytes raw = scan_take(&s, DEVKEY_BYTES);
	if (!scan_done(&s))
		return err_set(
		    e, ERR_STATE_DAMAGED, "the device's key is damaged");
	*key = devkey_of(raw);
	return 0;
}

int
home_erase(const char *dir, struct err *e)
{
	(void)dir;
	(void)e;
	memory_erase();
	return 0;
}

/* The page's worker does one thing at a time, and has no files. */
void
fd_close(int *fd)
{
	*fd = -1;
}

int
home_enter(const char *dir, int *fd, struct err *e)
{
	(void)dir;
	(void)e;
	*fd = -1;
	return 0;
}
