/* SPDX-License-Identifier: ISC */
/* keys.c: making and reading the server's key files. */
#include "server/keys.h"

#include "base/file.h"
#include "http/tlscert.h"
#include "wire/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest file read here: a PEM file with a chain of certificates. Bytes. */
#define FILE_MAX_BYTES (256 * 1024)
#define MAGIC_BYTES (sizeof KEYS_MAGIC - 1)

#define CERT_FILE "tls.crt"
#define KEY_FILE "tls.key"
#define OPAQUE_FILE "opaque.key"
#define FAKE_FILE "fake.key"
#define TOKEN_FILE "token.key"
#define PAST_FILE "identity.past"
/* A new identity is made in the one; as the other it holds. */
#define ROTATING "rotating"
#define ROTATED "rotated"

/* What lives in one locked mapping. */
struct raw {
	uint8_t opaque[KEYS_OPAQUE];
	uint8_t fake[KEYS_BYTES];
	uint8_t token[KEYS_BYTES];
};

struct keys {
	struct raw *raw;
	struct buf cert, key, public, past;
	struct digest spki;
};

/* ---- making ---- */

static int
check_absent(const char *dir, struct err *e)
{
	static const char *const files[] = { CERT_FILE, KEY_FILE, OPAQUE_FILE,
		FAKE_FILE, TOKEN_FILE };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		OWN(mem_free) char *path = file_join(dir, files[i]);
		if (file_exists(path))
			return err_set(e, ERR_REPO_EXISTS,
			    "%s is there already; keys are never replaced",
			    path);
	}
	return 0;
}

static int
write_file(
    const char *dir, const char *name, struct bytes content, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, name);

	return file_write(path, content, 0600, e);
}

static int
write_raw(const char *dir, const char *name, struct bytes x, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	buf_put_str(&file, KEYS_MAGIC);
	buf_put_bytes(&file, x);
	return write_file(dir, name, buf_bytes(&file), e);
}

static int
write_random(const char *dir, const char *name, struct err *e)
{
	OWN(buf_free) struct buf random = { 0 };

	/* Up to 256 bytes come whole or not at all (getrandom(2)). */
	if (getrandom(buf_grow(&random, KEYS_BYTES), KEYS_BYTES, 0) !=
	    KEYS_BYTES)
		return err_sys(e, "random bytes");
	return write_raw(dir, name, buf_bytes(&random), e);
}

int
keys_make(const char *dir, const uint8_t opaque[KEYS_OPAQUE],
    const char *const *names, size_t n, struct err *e)
{
	OWN(buf_free) struct buf cert = { 0 }, key = { 0 };

	if (check_absent(dir, e) < 0)
		return -1;
	if (tlscert_make(names, n, &cert, &key, e) < 0)
		return e->code == ERR_BAD_REQUEST
		    ? err_set(e, ERR_USAGE,
			  "\"%s\" is neither a host name nor an address",
			  names[0])
		    : -1;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "%s", dir);
	if (chmod(dir, 0700) < 0)
		return err_sys(e, "%s", dir);
	if (write_raw(dir, OPAQUE_FILE, bytes_of(opaque, KEYS_OPAQUE), e) < 0 ||
	    write_random(dir, FAKE_FILE, e) < 0 ||
	    write_random(dir, TOKEN_FILE, e) < 0 ||
	    write_file(dir, KEY_FILE, buf_bytes(&key), e) < 0)
		return -1;
	return write_file(dir, CERT_FILE, buf_bytes(&cert), e);
}

/* ---- reading ---- */

static struct keys *
keys_new(void)
{
	struct keys *k = mem_new(sizeof *k);

	k->raw = mmap(NULL, sizeof *k->raw, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (k->raw == MAP_FAILED)
		abort();
	/* Where the limit for locked memory is low, we run without. */
	(void)mlock(k->raw, sizeof *k->raw);
	(void)madvise(k->raw, sizeof *k->raw, MADV_DONTDUMP);
	return k;
}

void
keys_free(struct keys **k)
{
	if (*k == NULL)
		return;
	mem_wipe((*k)->raw, sizeof *(*k)->raw);
	(void)munmap((*k)->raw, sizeof *(*k)->raw);
	buf_free(&(*k)->cert);
	buf_free(&(*k)->key);
	buf_free(&(*k)->public);
	buf_free(&(*k)->past);
	free(*k);
	*k = NULL;
}

static int
check_mode(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	if ((st.st_mode & (S_IROTH | S_IWOTH)) == 0)
		return 0;
	(void)err_set(
	    e, ERR_PERMISSION, "everybody may read or write %s", path);
	return err_remedy(e, "Run: chmod 600 %s", path);
}

static int
read_raw(const char *dir, const char *name, void *out, size_t n, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, name);
	OWN(buf_free) struct buf file = { 0 };

	if (check_mode(path, e) < 0 ||
	    file_read(path, FILE_MAX_BYTES, &file, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&file));
	struct bytes magic = scan_take(&s, MAGIC_BYTES);
	struct bytes key = scan_take(&s, n);
	if (!scan_done(&s) || !bytes_equal(magic, bytes_str(KEYS_MAGIC)))
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s is not a key file", path);
	memcpy(out, key.p, n);
	return 0;
}

static int
read_pem(const char *path, struct buf *out, struct err *e)
{
	if (file_read_regular(path, FILE_MAX_BYTES, out, e) < 0)
		return -1;
	/* It goes on as text. */
	if (out->n == 0 || strlen(buf_text(out)) != out->n)
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s is not a PEM file", path);
	return 0;
}

int
keys_read_pair(const char *cert_path, const char *key_path, struct buf *cert,
    struct buf *key, struct err *e)
{
	struct digest ignored;

	if (read_pem(cert_path, cert, e) < 0 || check_mode(key_path, e) < 0 ||
	    read_pem(key_path, key, e) < 0)
		return -1;
	if (tlscert_spki(buf_bytes(cert), &ignored, e) < 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "%s does not hold a certificate", cert_path);
	return tlscert_pair(buf_bytes(cert), buf_bytes(key), e) < 0
	    ? err_in(e, "%s", key_path)
	    : 0;
}

/* None: this is the first identity. */
static int
read_past(struct keys *k, const char *dir, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, PAST_FILE);
	OWN(buf_free) struct buf file = { 0 };
	size_t n;

	if (file_read(path, FILE_MAX_BYTES, &file, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	struct scan s = scan_of(buf_bytes(&file));
	bool ours =
	    bytes_equal(scan_take(&s, MAGIC_BYTES), bytes_str(KEYS_MAGIC));
	if (ours)
		buf_put(&k->past, file.p + MAGIC_BYTES, file.n - MAGIC_BYTES);
	return ours && identity_past(buf_bytes(&k->past), &k->spki, &n, e) == 0
	    ? 0
	    : err_set(e, ERR_STATE_DAMAGED, "%s is not what it was", path);
}

static int
read_identity(struct keys *k, const char *dir, struct err *e)
{
	OWN(mem_free) char *cert = file_join(dir, CERT_FILE);
	OWN(mem_free) char *key = file_join(dir, KEY_FILE);

	if (keys_read_pair(cert, key, &k->cert, &k->key, e) < 0 ||
	    tlscert_public(buf_bytes(&k->cert), &k->public, e) < 0)
		return -1;
	digest_of(buf_bytes(&k->public), &k->spki);
	return read_past(k, dir, e);
}

/* ---- a new identity ---- */

static const char *const identity_files[] = { PAST_FILE, CERT_FILE, KEY_FILE };

/* It holds since its folder has its name: put its files where they belong. */
static int
settle(const char *dir, struct err *e)
{
	OWN(mem_free) char *from = file_join(dir, ROTATED);

	if (!file_exists(from))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(identity_files); i++) {
		OWN(mem_free) char *a = file_join(from, identity_files[i]);
		OWN(mem_free) char *b = file_join(dir, identity_files[i]);
		if (rename(a, b) < 0 && errno != ENOENT)
			return err_sys(e, "%s", b);
	}
	if (file_sync_dir(dir, e) < 0)
		return -1;
	/* Another command may have ended it at the same time. */
	return rmdir(from) < 0 && errno != ENOENT ? err_sys(e, "%s", from) : 0;
}

int
keys_load(const char *dir, struct keys **out, struct err *e)
{
	OWN(keys_free) struct keys *k = keys_new();

	if (settle(dir, e) < 0 ||
	    read_raw(dir, OPAQUE_FILE, k->raw->opaque, KEYS_OPAQUE, e) < 0 ||
	    read_raw(dir, FAKE_FILE, k->raw->fake, KEYS_BYTES, e) < 0 ||
	    read_raw(dir, TOKEN_FILE, k->raw->token, KEYS_BYTES, e) < 0 ||
	    read_identity(k, dir, e) < 0)
		return -1;
	*out = TAKE(k);
	return 0;
}

/* The old one's word for the new one, after all before it; the oldest goes
 * when there are too many. */
static int
put_past(
    const struct keys *k, struct bytes cert, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf sig = { 0 };
	struct bytes past = buf_bytes(&k->past);
	struct digest next;
	size_t n, skip = 0;

	if (tlscert_spki(cert, &next, e) < 0 ||
	    identity_past(past, &k->spki, &n, e) < 0)
		return -1;
	struct scan s = scan_of(past);
	if (n == IDENTITY_PAST) {
		skip = 2 + scan_v16(&s).n;
		skip += 1 + scan_v8(&s).n;
	}
	identity_handover(&k->spki, &next, &m);
	if (tlscert_sign(buf_bytes(&k->key), buf_bytes(&m), &sig, e) < 0)
		return -1;
	buf_put(out, past.p + skip, past.n - skip);
	buf_put_v16(out, buf_bytes(&k->public));
	buf_put_v8(out, buf_bytes(&sig));
	return 0;
}

static int
make_next(const struct keys *k, const char *dir, const char *const *names,
    size_t n, bool stolen, struct err *e)
{
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf past = { 0 };

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "%s", dir);
	return tlscert_make(names, n, &cert, &key, e) < 0 ||
		(!stolen && put_past(k, buf_bytes(&cert), &past, e) < 0) ||
		write_raw(dir, PAST_FILE, buf_bytes(&past), e) < 0 ||
		write_file(dir, KEY_FILE, buf_bytes(&key), e) < 0 ||
		write_file(dir, CERT_FILE, buf_bytes(&cert), e) < 0
	    ? -1
	    : 0;
}

int
keys_rotate(const char *dir, const char *const *names, size_t n, bool stolen,
    struct err *e)
{
	OWN(keys_free) struct keys *k = NULL;
	OWN(mem_free) char *rotating = file_join(dir, ROTATING);
	OWN(mem_free) char *rotated = file_join(dir, ROTATED);

	if (keys_load(dir, &k, e) < 0 ||
	    make_next(k, rotating, names, n, stolen, e) < 0)
		return -1;
	if (rename(rotating, rotated) < 0)
		return err_sys(e, "%s", rotated);
	return file_sync_dir(dir, e) < 0 ? -1 : settle(dir, e);
}

struct bytes
keys_cert_pem(const struct keys *k)
{
	return buf_bytes(&k->cert);
}

struct bytes
keys_key_pem(const struct keys *k)
{
	return buf_bytes(&k->key);
}

struct bytes
keys_public(const struct keys *k)
{
	return buf_bytes(&k->public);
}

struct bytes
keys_past(const struct keys *k)
{
	return buf_bytes(&k->past);
}

const struct digest *
keys_spki(const struct keys *k)
{
	return &k->spki;
}

const uint8_t *
keys_opaque(const struct keys *k)
{
	return k->raw->opaque;
}

struct bytes
keys_fake(const struct keys *k)
{
	return bytes_of(k->raw->fake, KEYS_BYTES);
}

struct bytes
keys_token(const struct keys *k)
{
	return bytes_of(k->raw->token, KEYS_BYTES);
}
