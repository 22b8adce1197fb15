/* SPDX-License-Identifier: ISC */
/* fuzz_seen.c: the list of what was seen, as a disk may give it back. */
#include "backup/seen.h"

#include "base/file.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look(const char *path)
{
	static const char *const dirs[] = { "", "a", "a/b" };
	static const struct digest rules;
	struct seen *s = seen_open(path, &rules);

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct seen_dir d;
		struct capture_item item = { .name = "n", .name_n = 1 };
		seen_dir_find(s, bytes_str(dirs[i]), &d);
		struct bytes x = seen_item(&d, &item);
		if (x.n > 0 && !bytes_equal(d.parsed.name, bytes_str("n")))
			abort();
	}
	seen_free(&s);
}

/* With a sum that fits, and without. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char magic[] = "aumbry-seen v1\n";
	OWN(buf_free) struct buf b = { 0 };
	OWN(fd_close) int fd = memfd_create("seen", MFD_CLOEXEC);
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest sum;
	char path[32];

	buf_put_str(&b, magic);
	buf_put(&b, data, size);
	digest_add(d, buf_bytes(&b));
	digest_end(d, &sum);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (write(fd, b.p, b.n) != (ssize_t)b.n)
		return 0;
	look(path);
	if (write(fd, sum.b, sizeof sum.b) != (ssize_t)sizeof sum.b)
		return 0;
	look(path);
	return 0;
}
