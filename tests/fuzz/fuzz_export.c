/* SPDX-License-Identifier: ISC */
/* fuzz_export.c: a manifest that was read has no path out of its folder. */
#include "export/export_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	struct bytes all;
	uint64_t at;
};

static bool
leads_out(const struct buf *path)
{
	const char *p = buf_text(path);

	return path->n == 0 || strlen(p) != path->n || p[0] == '/' ||
	    strcmp(p, "..") == 0 || strncmp(p, "../", 3) == 0 ||
	    strstr(p, "/../") != NULL || strstr(p, "//") != NULL ||
	    (path->n > 2 && strcmp(p + path->n - 3, "/..") == 0);
}

static int
take(void *ctx, struct bytes line, uint64_t at, struct err *e)
{
	struct input *in = ctx;
	struct export_line l = { 0 };
	struct export_head head;

	/* Lines are those of the file, in order. */
	if (at < in->at || at + line.n >= in->all.n ||
	    memcmp(in->all.p + at, line.p, line.n) != 0)
		abort();
	in->at = at + line.n + 1;
	(void)!export_head_parse(line, &head, e);
	if (export_line_parse(line, &l, e) == 0 && l.kind != EXPORT_AGAIN &&
	    leads_out(&l.path))
		abort();
	export_line_free(&l);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { bytes_of(data, size), 0 };
	FILE *f = tmpfile();
	struct err e = { 0 };

	if (f == NULL || fwrite(data, 1, size, f) != size || fflush(f) != 0 ||
	    lseek(fileno(f), 0, SEEK_SET) < 0)
		abort();
	(void)!export_lines(fileno(f), take, &in, &e);
	(void)fclose(f);
	return 0;
}
