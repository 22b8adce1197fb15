/* SPDX-License-Identifier: ISC */
/* planner_fold.c: when two names are one to a file system. */
#include "tree/planner_in.h"

#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <uninorm.h>

void
planner_fold(struct bytes name, const struct plan_fs *fs, struct buf *out)
{
	uninorm_t form = fs->normalizes ? UNINORM_NFD : NULL;
	size_t n = 0;
	uint8_t *key = fs->folds
	    ? u8_casefold(name.p, name.n, NULL, form, NULL, &n)
	    : u8_normalize(UNINORM_NFD, name.p, name.n, NULL, &n);

	/* What is no UTF-8 is equal to itself alone. */
	if (key == NULL)
		buf_put_bytes(out, name);
	else
		buf_put(out, key, n);
	free(key);
}
