/* SPDX-License-Identifier: ISC */
/* fuzz_escrow_journal.c: the file of an escrow's journal, as a start finds
 * it. */
/*
 * The escrow's key is always the same. ESCROW_SEEDS=DIR writes the seeds anew.
 */
#include "base/file.h"
#include "escrow/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define T0 1700000000000ULL

int __wrap_fsync(int fd);

/* Where the file is in memory, its folder has nothing to wait for. */
int
__wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static struct devkey *
identity(uint8_t pk[static SIG_PK_BYTES])
{
	uint8_t raw[DEVKEY_BYTES];

	memset(raw, 7, sizeof raw);
	struct devkey *k = devkey_of(bytes_of(raw, sizeof raw));
	devkey_sign_pk(k, pk);
	return k;
}

/* A file without a name, and one that opens it. */
static int
file_of(struct bytes x, char path[static 32])
{
	struct err e = { 0 };
	int fd = memfd_create("journal", MFD_CLOEXEC);

	must(fd >= 0 && file_write_all(fd, x, &e) == 0);
	(void)snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static void
save(const char *folder, const char *name, struct bytes x)
{
	OWN(mem_free) char *path = file_join(folder, name);
	struct err e = { 0 };

	must(file_write(path, x, 0644, &e) == 0);
}

static void
save_all(const char *folder)
{
	uint8_t pk[SIG_PK_BYTES];
	OWN(devkey_free) struct devkey *key = identity(pk);
	OWN(journal_free) struct journal *j = NULL;
	OWN(buf_free) struct buf file = { 0 };
	char path[32];
	OWN(fd_close) int fd = file_of((struct bytes){ 0 }, path);
	struct err e = { 0 };
	size_t torn;

	must(fd >= 0);
	must(journal_open(path, pk, JOURNAL_SERVE, &j, &torn, &e) == 0);
	for (uint8_t i = 0; i < 4; i++) {
		struct journal_head head;
		struct journal_event x = { .uid = { { i % 2 } },
			.time_ms = T0 + i,
			.verb = ESCROW_CREATE + i,
			.outcome = i == 2 ? ESCROW_REFUSED : ESCROW_WILL_DO,
			.detail = bytes_str("order=aa reference=\"b c\"") };
		x.uid.b[1] = 1;
		must(journal_add(j, key, &x, &head, &e) == 0);
	}
	must(file_read(path, 1u << 20, &file, &e) == 0);
	save(folder, "four", buf_bytes(&file));
	save(folder, "torn", bytes_of(file.p, file.n - 70));
	save(folder, "torn-early", bytes_of(file.p, file.n - 195));
	save(folder, "empty", (struct bytes){ 0 });
	file.p[file.n - 300] ^= 1;
	save(folder, "flipped", buf_bytes(&file));
}

static int
look(void *arg, const struct escrow_line *l, struct err *e)
{
	uint64_t *n = arg;

	(void)e;
	(void)journal_word(l->detail, "order");
	(void)journal_word(l->detail, "reference");
	must(l->n == ++*n);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	uint8_t pk[SIG_PK_BYTES];
	OWN(devkey_free) struct devkey *key = identity(pk);
	OWN(journal_free) struct journal *j = NULL;
	OWN(journal_free) struct journal *again = NULL;
	char path[32];
	OWN(fd_close) int fd = file_of(bytes_of(data, size), path);
	struct err e = { 0 };
	size_t torn = 0, torn_again = 0;
	uint64_t n = 0;

	must(fd >= 0 && key != NULL);
	if (!begun && getenv("ESCROW_SEEDS") != NULL)
		save_all(getenv("ESCROW_SEEDS"));
	begun = true;
	int looked = journal_open(path, pk, JOURNAL_LOOK, &j, &torn, &e);
	journal_free(&j);
	if (journal_open(path, pk, JOURNAL_SERVE, &j, &torn, &e) < 0) {
		must(looked < 0);
		return 0;
	}
	/* What was cut is gone, and the rest is what it was. */
	must(journal_open(path, pk, JOURNAL_SERVE, &again, &torn_again, &e) ==
	    0);
	must(torn_again == 0 && torn < 1024);
	must(journal_head(again).n == journal_head(j).n);
	must(journal_each(again, NULL, look, &n, &e) == 0);
	must(n == journal_head(j).n);
	return 0;
}
