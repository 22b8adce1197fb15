/* SPDX-License-Identifier: ISC */
/* stay_tidy.c: who stays keeps house, when nothing else is to be done. */
#include "cli/stay.h"

#include "base/now.h"
#include "base/stop.h"
#include "drive/tidy.h"

#include <string.h>

/* Between looks whether it is time; and after the start, which has work. */
#define LOOK_NS (INT64_C(3600) * 1000000000)
#define FIRST_NS (INT64_C(600) * 1000000000)

static bool
at_rest(const struct stay *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->roots[i]->state, "idle") != 0)
			return false;
	return true;
}

static int
tidy(struct stay *s, struct tidy_result *r, struct err *e)
{
	OWN(edit_free) struct edit *d = NULL;
	const struct edit_from from = { .repo = s->d.repo,
		.dir = s->d.self->dir,
		.dev_id = s->d.self->dev_id,
		.stop = stop_order_asked };
	const struct tidy_ask ask = { .now = false };

	return edit_open(&from, &d, e) < 0 ? -1 : tidy_run(d, &ask, r, e);
}

void
stay_tidy(struct stay *s)
{
	int64_t now = now_mono_ns();
	struct tidy_result r = { .ran = false };
	struct err e;

	if (s->tidy_at == 0)
		s->tidy_at = now + FIRST_NS;
	if (now < s->tidy_at || s->costs || !at_rest(s))
		return;
	s->tidy_at = now + LOOK_NS;
	if (tidy(s, &r, &e) < 0 && e.code != ERR_STOPPED &&
	    e.code != ERR_PERMISSION) /* it is for other devices to do */
		cli_say(
		    s->cli, "housekeeping: %s (%s)", e.msg, err_name(e.code));
	/* What it deleted, the folders are to hear of. */
	if (drive_pull(s->d.drive, &e) < 0)
		return; /* the next sync says why */
	for (size_t i = 0; r.ran && i < s->n; i++)
		s->roots[i]->news = true;
}
