/* SPDX-License-Identifier: ISC */
/* backup_tell.c: what the user is told while a backup goes on. */
#include "backup/backup_in.h"

#include "base/text.h"

void
backup_warn(struct run *r, const struct err *why, bool counts)
{
	if (counts && r->result->totals.errors++ == 0) {
		OWN(buf_free) struct buf shown = { 0 };
		text_show(&shown, buf_bytes(&r->path));
		r->first = *why;
		(void)err_in(&r->first, "/%s", buf_text(&shown));
	}
	if (r->o->warn != NULL)
		r->o->warn(r->o->ctx, buf_bytes(&r->path), why);
}
