/* SPDX-License-Identifier: ISC */
/* mail_edits.c: records of the messages zone that change in one commit. */
#include "mail/mail_edits.h"

#include <stdlib.h>

void
mail_edits_free(struct mail_edits *x)
{
	for (size_t i = 0; i < x->n; i++)
		buf_free(&x->plains[i]);
	free(x->plains);
	free(x->list);
	*x = (struct mail_edits){ NULL, NULL, 0 };
}

struct zcopy_edit *
mail_edits_add(struct mail_edits *x, const struct id *id, struct buf **plain)
{
	x->list = mem_resize(x->list, x->n + 1, sizeof *x->list);
	x->plains = mem_resize(x->plains, x->n + 1, sizeof *x->plains);
	struct zcopy_edit *edit = &x->list[x->n];
	*edit = (struct zcopy_edit){ .id = *id };
	x->plains[x->n] = (struct buf){ NULL, 0, 0 };
	*plain = &x->plains[x->n++];
	return edit;
}

int
mail_edits_commit(struct zcopy *z, struct mail_edits *x, zcopy_check_fn still,
    void *ctx, struct err *e)
{
	for (size_t i = 0; i < x->n; i++)
		x->list[i].plain = buf_bytes(&x->plains[i]);
	return zcopy_commit(z, x->list, x->n, still, ctx, e);
}
