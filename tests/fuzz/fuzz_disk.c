/* SPDX-License-Identifier: ISC */
/* fuzz_disk.c: the files that make a folder a device or a repository. */
#include "link/depot_local.h"
#include "client/home.h"
#include "vault/opaque.h"
#include "wire/digest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool __wrap_file_exists(const char *path);
int __wrap_file_read(
    const char *path, size_t limit, struct buf *out, struct err *e);
int __wrap_secret_stretch(struct bytes password, const uint8_t salt[static 16],
    uint32_t memory_kib, uint32_t passes, struct secret **out, struct err *e);

int __real_file_read(
    const char *path, size_t limit, struct buf *out, struct err *e);

static struct bytes file;
static bool fuzzed; /* else who replays reads a seed */
static bool summed;

bool
__wrap_file_exists(const char *path)
{
	(void)path;
	return true;
}

int
__wrap_file_read(const char *path, size_t limit, struct buf *out, struct err *e)
{
	struct digest sum;

	if (!fuzzed)
		return __real_file_read(path, limit, out, e);
	if (file.n > limit)
		return err_set(e, ERR_TOO_LARGE, "%s", path);
	buf_put_bytes(out, file);
	if (!summed)
		return 0;
	/* Nobody finds one by trying. */
	digest_of(file, &sum);
	digest_put(out, &sum);
	return 0;
}

/* Only what it may cost. */
int
__wrap_secret_stretch(struct bytes password, const uint8_t salt[static 16],
    uint32_t memory_kib, uint32_t passes, struct secret **out, struct err *e)
{
	(void)password;
	(void)salt;
	(void)e;
	if (memory_kib > OPAQUE_MEMORY_KIB_MAX || passes > OPAQUE_PASSES_MAX)
		abort();
	*out = secret_new(SECRET_KEY);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(depot_local_free) struct depot_local_repo *r = NULL;
	OWN(devkey_free) struct devkey *key = NULL;
	struct id uid, dev_id;
	struct err e = { 0 };

	file = bytes_of(data, size);
	fuzzed = true;
	summed = false;
	if (home_read_key("/nowhere", &uid, &dev_id, &key, &e) == 0 &&
	    key == NULL)
		abort();
	summed = true;
	/* Nobody knows a password for it. */
	if (depot_local_open("/nowhere", bytes_str("x"), &r, &e) == 0)
		abort();
	fuzzed = false;
	return 0;
}
