/* SPDX-License-Identifier: ISC */
/* backup_run.c: the end of what a run holds, whatever it was for. */
#include "backup/backup_in.h"

void
backup_run_free(struct run *r)
{
	backup_count_end(&r->counter);
	for (int l = 0; l < LANE_END; l++)
		if (r->block[l] != NULL)
			sink_give_back(r->sink, r->block[l]);
	tree_out_free(&r->tree);
	/* The workers write into nodes: they end first. */
	sink_free(&r->sink);
	backup_queue_free(r);
	capture_detail_free(&r->detail);
	capture_free(&r->capture);
	exclude_free(&r->exclude);
	exclude_free(&r->defaults);
	exclude_free(&r->secrets);
	seen_free(&r->seen);
	seen_out_free(&r->seen_out);
	buf_free(&r->path);
	buf_free(&r->scratch);
	buf_free(&r->content);
	backup_roots_free(r);
	*r = (struct run){ .detail = CAPTURE_DETAIL };
}
