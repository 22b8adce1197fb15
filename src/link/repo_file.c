/* SPDX-License-Identifier: ISC */
/* repo_file.c: two files with one content, and how one is chosen. */
#include "link/repo_file.h"

#include "base/file.h"
#include "vault/opaque.h"
#include "vault/seal.h"

#include <fcntl.h>
#include <string.h>

#define FORMAT 1
#define MEMORY_KIB 65536
#define PASSES 3
#define FILE_MAX 65536

static const char magic[] = "aumbry-repository v1\n";
static const char *const names[] = { REPO_FILE, REPO_FILE_COPY };

void
repo_file_free(struct repo_file *f)
{
	buf_free(&f->genesis);
	buf_free(&f->bundle);
	devkey_free(&f->key);
}

bool
repo_file_there(const char *dir)
{
	OWN(mem_free) char *one = file_join(dir, REPO_FILE);
	OWN(mem_free) char *other = file_join(dir, REPO_FILE_COPY);

	return file_exists(one) || file_exists(other);
}

static int
write_both(const char *dir, struct bytes x, struct err *e)
{
	for (size_t i = ARRAY_SIZE(names); i-- > 0;) {
		OWN(mem_free) char *path = file_join(dir, names[i]);
		if (file_write(path, x, 0600, e) < 0)
			return -1;
	}
	return 0;
}

int
repo_file_write(const char *dir, const struct repo_file *f,
    struct bytes password, struct err *e)
{
	OWN(secret_free) struct secret *keys = devkey_secret(f->key);
	OWN(secret_free) struct secret *box = NULL;
	OWN(buf_free) struct buf b = { 0 };
	OWN(buf_free) struct buf sealed = { 0 };
	struct digest sum;
	struct id salt;

	id_random(&salt);
	buf_put_str(&b, magic);
	buf_put_u8(&b, FORMAT);
	id_put(&b, &f->uid);
	id_put(&b, &f->dev_id);
	id_put(&b, &f->backup);
	id_put(&b, &f->keychain);
	buf_put_v16(&b, buf_bytes(&f->genesis));
	buf_put_v32(&b, buf_bytes(&f->bundle));
	buf_put_u32(&b, MEMORY_KIB);
	buf_put_u32(&b, PASSES);
	id_put(&b, &salt);
	if (secret_stretch(password, salt.b, MEMORY_KIB, PASSES, &box, e) < 0)
		return -1;
	seal_make(box, buf_bytes(&b), secret_bytes(keys), &sealed);
	buf_put_bytes(&b, buf_bytes(&sealed));
	digest_of(buf_bytes(&b), &sum);
	digest_put(&b, &sum);
	return write_both(dir, buf_bytes(&b), e);
}

static int
read_plain(const char *path, struct buf *out, struct err *e)
{
	OWN(fd_close) int fd = -1;

	return file_open_plain(path, O_RDONLY, &fd, e) < 0
	    ? -1
	    : file_read_rest(fd, path, FILE_MAX, out, e);
}

/* Its bytes without the digest, if they have it. */
static bool
load_one(const char *dir, const char *name, struct buf *out)
{
	OWN(mem_free) char *path = file_join(dir, name);
	OWN(buf_free) struct buf b = { 0 };
	struct digest is;
	struct err ignored;

	if (read_plain(path, &b, &ignored) < 0 || b.n < DIGEST_BYTES)
		return false;
	b.n -= DIGEST_BYTES;
	digest_of(buf_bytes(&b), &is);
	if (!bytes_equal(bytes_of(is.b, DIGEST_BYTES),
		bytes_of(b.p + b.n, DIGEST_BYTES)))
		return false;
	buf_put_bytes(out, buf_bytes(&b));
	return true;
}

static int
load(const char *dir, struct buf *out, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, REPO_FILE);
	OWN(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (load_one(dir, names[i], out))
			return 0;
	if (!repo_file_there(dir)) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "there is no repository at %s", dir);
		return err_remedy(
		    e, "Make one: aumbry backup --to %s PATH", dir);
	}
	/* One that may not be read is not damaged. */
	if (file_exists(path) && read_plain(path, &b, e) < 0 &&
	    e->code == ERR_IO)
		return -1;
	(void)err_set(e, ERR_STATE_DAMAGED,
	    "%s is damaged, and so is the copy beside it", path);
	return err_remedy(e,
	    "Put %s back from any copy of the folder: it never changes.",
	    REPO_FILE);
}

/* The head of the file, and what it asks of a password. */
struct form {
	struct id salt;
	uint32_t memory, passes;
	struct bytes header, sealed;
};

static int
parse(struct bytes file, struct repo_file *f, struct form *form, struct err *e)
{
	struct scan s = scan_of(file);
	struct bytes m = scan_take(&s, sizeof magic - 1);
	uint8_t format = scan_u8(&s);

	f->uid = id_take(&s);
	f->dev_id = id_take(&s);
	f->backup = id_take(&s);
	f->keychain = id_take(&s);
	struct bytes genesis = scan_v16(&s), bundle = scan_v32(&s);
	form->memory = scan_u32(&s);
	form->passes = scan_u32(&s);
	form->salt = id_take(&s);
	form->header = bytes_of(file.p, file.n - s.n);
	form->sealed = bytes_of(s.p, s.n);
	if (!scan_ok(&s) || !bytes_equal(m, bytes_of(magic, sizeof magic - 1)))
		return err_set(e, ERR_STATE_DAMAGED, "%s is none", REPO_FILE);
	if (format != FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the repository has format %u", (unsigned)format);
	if (form->memory < MEMORY_KIB || form->passes < PASSES)
		return err_set(e, ERR_COST_LOWERED,
		    "%s asks for weaker password hashing than is accepted",
		    REPO_FILE);
	if (form->memory > OPAQUE_MEMORY_KIB_MAX ||
	    form->passes > OPAQUE_PASSES_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "%s asks for password hashing with %u KiB and %u passes, "
		    "more than %d and %d",
		    REPO_FILE, (unsigned)form->memory, (unsigned)form->passes,
		    OPAQUE_MEMORY_KIB_MAX, OPAQUE_PASSES_MAX);
	buf_put_bytes(&f->genesis, genesis);
	buf_put_bytes(&f->bundle, bundle);
	return 0;
}

int
repo_file_look(const char *dir, struct repo_file *out, struct err *e)
{
	OWN(repo_file_free) struct repo_file f = { .key = NULL };
	OWN(buf_free) struct buf b = { 0 };
	struct form form;

	if (load(dir, &b, e) < 0 || parse(buf_bytes(&b), &f, &form, e) < 0)
		return -1;
	*out = f;
	f = (struct repo_file){ .key = NULL };
	return 0;
}

int
repo_file_open(const char *dir, struct bytes password, struct repo_file *out,
    struct err *e)
{
	OWN(repo_file_free) struct repo_file f = { .key = NULL };
	OWN(buf_free) struct buf b = { 0 };
	OWN(secret_free) struct secret *box = NULL;
	OWN(secret_free) struct secret *keys = NULL;
	struct form form;

	if (load(dir, &b, e) < 0 || parse(buf_bytes(&b), &f, &form, e) < 0 ||
	    secret_stretch(
		password, form.salt.b, form.memory, form.passes, &box, e) < 0)
		return -1;
	if (seal_open_secret(box, form.header, form.sealed, &keys, e) < 0 ||
	    secret_bytes(keys).n != DEVKEY_BYTES)
		return err_set(e, ERR_WRONG_PASSWORD,
		    "the repository's password is wrong");
	f.key = devkey_of(secret_bytes(keys));
	*out = f;
	f = (struct repo_file){ .key = NULL };
	return 0;
}

void
repo_file_mend(const char *dir)
{
	OWN(buf_free) struct buf one = { 0 };
	OWN(buf_free) struct buf other = { 0 };
	struct digest sum;
	struct err ignored;

	bool first = load_one(dir, REPO_FILE, &one);
	bool second = load_one(dir, REPO_FILE_COPY, &other);
	if (first && second && bytes_equal(buf_bytes(&one), buf_bytes(&other)))
		return;
	struct buf *good = one.n > 0 ? &one : &other;
	if (good->n == 0)
		return;
	digest_of(buf_bytes(good), &sum);
	digest_put(good, &sum);
	(void)!write_both(dir, buf_bytes(good), &ignored);
}
