/* SPDX-License-Identifier: ISC */
/* rootkey.c: the root key, from a file or opened by a token. */
#include "escrow/rootkey.h"

#include "base/file.h"
#include "escrow/token.h"

#include <sys/stat.h>

#define FILE_MAX 4096 /* bytes; ours have 200 */

static const char token_magic[4] = { 'P', 'E', 'P', '1' };

int
rootkey_read_file(
    const char *path, size_t limit, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		(void)err_set(e, ERR_PERMISSION,
		    "others than its owner may read or write %s", path);
		return err_remedy(e, "Run: chmod 600 %s", path);
	}
	if (file_read(path, limit + sizeof ROOTKEY_MAGIC, &file, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&file));
	struct bytes magic = scan_take(&s, sizeof ROOTKEY_MAGIC - 1);
	if (!bytes_equal(magic, bytes_str(ROOTKEY_MAGIC)))
		return err_set(e, ERR_STATE_DAMAGED,
		    "%s is not a file of the escrow", path);
	buf_put_bytes(out, bytes_of(s.p, s.n));
	return 0;
}

int
rootkey_write_file(const char *path, struct bytes x, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	buf_put_str(&file, ROOTKEY_MAGIC);
	buf_put_bytes(&file, x);
	return file_write(path, buf_bytes(&file), 0600, e);
}

static bool
by_token(const struct settings *s)
{
	return s->pkcs11_module[0] != '\0';
}

static struct token_place
place_of(const struct settings *s)
{
	return (struct token_place){ s->pkcs11_module, s->pkcs11_token,
		s->pkcs11_pin_file };
}

/* ---- making ---- */

static int
make_wrapped(const char *dir, const struct settings *s,
    const struct secret *root, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, ROOTKEY_TOKEN_FILE);
	OWN(buf_free) struct buf file = { 0 };
	struct token_place place = place_of(s);
	struct token_wrapped w = { 0 };

	if (token_make(&place, root, &w, e) < 0)
		return -1;
	buf_put(&file, token_magic, sizeof token_magic);
	id_put(&file, &w.key);
	buf_put(&file, w.iv, sizeof w.iv);
	buf_put_v16(&file, bytes_of(w.ct, sizeof w.ct));
	return rootkey_write_file(path, buf_bytes(&file), e);
}

int
rootkey_make(const char *dir, const struct settings *s, struct secret **out,
    struct err *e)
{
	OWN(secret_free) struct secret *root = secret_random(SECRET_KEY);
	OWN(mem_free) char *path = file_join(dir, ROOTKEY_FILE);

	int rc = by_token(s) ? make_wrapped(dir, s, root, e)
			     : rootkey_write_file(path, secret_bytes(root), e);
	if (rc == 0)
		*out = TAKE(root);
	return rc;
}

/* ---- opening ---- */

static int
open_wrapped(const char *dir, const struct settings *s, struct secret **out,
    struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, ROOTKEY_TOKEN_FILE);
	OWN(buf_free) struct buf file = { 0 };
	struct token_place place = place_of(s);
	struct token_wrapped w;

	if (rootkey_read_file(path, FILE_MAX, &file, e) < 0)
		return -1;
	struct scan x = scan_of(buf_bytes(&file));
	struct bytes magic = scan_take(&x, sizeof token_magic);
	w.key = id_take(&x);
	scan_copy(&x, w.iv, sizeof w.iv);
	struct bytes ct = scan_v16(&x);
	struct scan y = scan_of(ct);
	scan_copy(&y, w.ct, sizeof w.ct);
	if (!scan_done(&x) || !scan_done(&y) ||
	    !bytes_equal(magic, bytes_of(token_magic, sizeof token_magic)))
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s is not a wrapped root key", path);
	return token_open(&place, &w, out, e);
}

static int
open_file(const char *dir, struct secret **out, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, ROOTKEY_FILE);
	OWN(buf_free) struct buf file = { 0 };

	if (rootkey_read_file(path, FILE_MAX, &file, e) < 0)
		return -1;
	if (file.n != SECRET_KEY)
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s does not hold a root key", path);
	*out = secret_of(buf_bytes(&file));
	return 0;
}

int
rootkey_open(const char *dir, const struct settings *s, struct secret **out,
    struct err *e)
{
	return by_token(s) ? open_wrapped(dir, s, out, e)
			   : open_file(dir, out, e);
}
