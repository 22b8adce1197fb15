/* SPDX-License-Identifier: ISC */
/* remote_origin.c: link/remote.h for the one origin that a page can ask. */
/*
 * Only to the origin of the page, so there is no address and no pin: the
 * browser has checked the certificate, and cannot say which key it saw. The
 * tests of people, whose server is in the same process, have no more either.
 */
#include "web/remote_in.h"

#include <stdlib.h>

int
remote_new(const char *url, struct remote **out, struct err *e)
{
	struct remote *r = mem_new(sizeof *r);

	(void)e;
	r->url = mem_text(url);
	*out = r;
	return 0;
}

void
remote_free(struct remote **r)
{
	if (*r != NULL) {
		free((*r)->url);
		buf_free(&(*r)->token);
	}
	free(*r);
	*r = NULL;
}

const char *
remote_url(struct remote *r)
{
	return r->url;
}

const struct digest *
remote_pin(struct remote *r)
{
	return &r->pin;
}

/* Browsers look at certificates themselves. */
int
remote_adopt(struct remote *r, const struct digest *id, struct err *e)
{
	(void)r;
	(void)id;
	(void)e;
	return 0;
}

void
remote_shown(struct remote *r, struct buf *out)
{
	(void)r;
	(void)out;
}

void
remote_expect(struct remote *r, struct bytes shown)
{
	(void)r;
	(void)shown;
}

bool
remote_moved(struct remote *r)
{
	(void)r;
	return false;
}

void
remote_set_token(struct remote *r, const char *token)
{
	buf_clear(&r->token);
	if (token != NULL)
		buf_put_str(&r->token, token);
}

void
remote_on_expiry(struct remote *r, remote_renew_fn fn, void *ctx)
{
	r->renew = fn;
	r->renew_ctx = ctx;
}

void
remote_note_in(struct remote *r, struct local *notes)
{
	r->notes = notes;
}

void
remote_told(struct remote *r)
{
	act_end(&r->last);
}

int
remote_call(struct remote *r, const struct remote_call *c, struct buf *out,
    struct err *e)
{
	struct act act;

	if (act_begin(&act, r->notes, c, e) < 0)
		return -1;
	int rc = remote_attempts(r, c, &act, out, e);
	if (rc == 0 && c->shown)
		r->last = act;
	else if (rc == 0 || !act_unknown(e))
		act_end(&act);
	return rc;
}
