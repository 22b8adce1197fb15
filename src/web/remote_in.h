/* SPDX-License-Identifier: ISC */
/* remote_in.h: a remote of one origin, and who makes its calls. */
#pragma once

#include "link/act.h"

struct remote {
	char *url;
	struct digest pin; /* zeros */
	struct buf token;
	remote_renew_fn renew;
	void *renew_ctx;
	struct local *notes; /* borrowed, or NULL */
	struct act last; /* whose answer is to be shown */
};

/* The call, under the key of act, again as long as that may help. */
MUST_CHECK int remote_attempts(struct remote *r, const struct remote_call *c,
    const struct act *act, struct buf *out, struct err *e);
