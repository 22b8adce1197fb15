/* SPDX-License-Identifier: ISC */
/* replay.c: feeds a fuzzer the files of a folder, as TAP. */
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (16u << 20) /* bytes of one seed, far above any of ours */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* tests/fuzz/corpus/X for a program named replay_X. */
static char *
corpus_of(const char *program)
{
	const char *name = strstr(program, "replay_");

	return file_join("tests/fuzz/corpus", name ? name + 7 : "");
}

static int
replay(const char *folder, const char *name, int number)
{
	OWN(mem_free) char *path = file_join(folder, name);
	OWN(buf_free) struct buf seed = { 0 };
	struct err e = { 0 };

	if (file_read(path, SEED_MAX, &seed, &e) < 0) {
		printf("not ok %d - %s: %s\n", number, name, e.msg);
		return -1;
	}
	/* A copy of the exact size, so that reading past its end is seen. */
	OWN(mem_free) uint8_t *exact = mem_array(seed.n ? seed.n : 1, 1);
	if (seed.n > 0)
		memcpy(exact, seed.p, seed.n);
	LLVMFuzzerTestOneInput(exact, seed.n);
	printf("ok %d - %s\n", number, name);
	return 0;
}

int
main(int argc, char **argv)
{
	OWN(mem_free)
	char *folder = argc > 1 ? mem_text(argv[1]) : corpus_of(argv[0]);
	DIR *dir = opendir(folder);
	const struct dirent *at = NULL;
	int number = 0, failed = 0;

	if (dir)
		while ((at = readdir(dir)))
			if (at->d_name[0] != '.' &&
			    replay(folder, at->d_name, ++number) < 0)
				failed++;
	if (dir)
		closedir(dir);
	if (number == 0)
		printf("not ok %d - no seeds in %s\n", ++number, folder);
	printf("1..%d\n", number);
	return failed > 0 || !dir ? EXIT_FAILURE : EXIT_SUCCESS;
}
