/* SPDX-License-Identifier: ISC */
/* keys.c: making and reading the server's key files. */
#include "server/keys.h"

#include "base/file.h"
#include "http/tlscert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

/* Longest file read here: a PEM file with a chain of certificates. Bytes. */
#define FILE_MAX_BYTES (256 * 1024)
#define MAGIC_BYTES (sizeof KEYS_MAGIC - 1)

#define CERT_FILE "tls.crt"
#define KEY_FILE "tls.key"
#define OPAQUE_FILE "opaque.key"
#define FAKE_FILE "fake.key"
#define TOKEN_FILE "token.key"

/* What lives in one locked mapping. */
struct raw {
	uint8_t opaque[KEYS_OPAQUE];
	uint8_t fake[KEYS_BYTES];
	uint8_t token[KEYS_BYTES];
};

struct keys {
	struct raw *raw;
	struct buf cert, key;
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
	if (file_read(path, FILE_MAX_BYTES, out, e) < 0)
		return -1;
	/* It goes on as text. */
	if (out->n == 0 || strlen(buf_text(out)) != out->n)
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s is not a PEM file", path);
	return 0;
}

static int
read_tls(struct keys *k, const char *cert, const char *key, struct err *e)
{
	if (read_pem(cert, &k->cert, e) < 0 || check_mode(key, e) < 0 ||
	    read_pem(key, &k->key, e) < 0)
		return -1;
	if (tlscert_spki(buf_bytes(&k->cert), &k->spki, e) < 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "%s does not hold a certificate", cert);
	return tlscert_pair(buf_bytes(&k->cert), buf_bytes(&k->key), e) < 0
	    ? err_in(e, "%s", key)
	    : 0;
}

int
keys_load(const char *dir, const char *cert, const char *key, struct keys **out,
    struct err *e)
{
	OWN(keys_free) struct keys *k = keys_new();
	OWN(mem_free)
	char *cert_path =
	    cert != NULL ? mem_text(cert) : file_join(dir, CERT_FILE);
	OWN(mem_free)
	char *key_path = key != NULL ? mem_text(key) : file_join(dir, KEY_FILE);

	if (read_raw(dir, OPAQUE_FILE, k->raw->opaque, KEYS_OPAQUE, e) < 0 ||
	    read_raw(dir, FAKE_FILE, k->raw->fake, KEYS_BYTES, e) < 0 ||
	    read_raw(dir, TOKEN_FILE, k->raw->token, KEYS_BYTES, e) < 0 ||
	    read_tls(k, cert_path, key_path, e) < 0)
		return -1;
	*out = TAKE(k);
	return 0;
}

const char *
keys_cert_pem(const struct keys *k)
{
	return buf_text(&k->cert);
}

const char *
keys_key_pem(const struct keys *k)
{
	return buf_text(&k->key);
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
