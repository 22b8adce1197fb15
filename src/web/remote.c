/* SPDX-License-Identifier: ISC */
/* remote.c: link/remote.h by the browser's own requests. */
#include "web/remote_in.h"

#include "link/depot.h"
#include "web/browser.h"
#include "wire/errjson.h"
#include "wire/limits.h"

#define TRIES 3 /* of a call whose answer was lost */

static void
describe(const struct remote *r, const struct remote_call *c,
    const struct act *act, struct buf *out)
{
	buf_printf(out, "%s %s\nContent-Type: %s\n", c->method, c->path,
	    c->type != NULL ? c->type : "application/octet-stream");
	if (c->header != NULL)
		buf_printf(out, "%s\n", c->header);
	if (!id_zero(&act->key))
		buf_printf(out, "Idempotency-Key: %s\n", id_text(&act->key).s);
	if (c->range_n > 0)
		buf_printf(out, "Range: bytes=%llu-%llu\n",
		    (unsigned long long)c->range_from,
		    (unsigned long long)(c->range_from + c->range_n - 1));
	if (!c->bare && r->token.n > 0)
		buf_printf(
		    out, "Authorization: Bearer %s\n", buf_text(&r->token));
}

static int
answer_error(int32_t status, struct buf *out, size_t start, struct err *e)
{
	OWN(buf_free) struct buf detail = { 0 };
	struct err said, wrong;

	if (errjson_parse(bytes_of(out->p + start, out->n - start), &said,
		&detail, &wrong) == 0)
		*e = said;
	else
		(void)err_set(e,
		    status == 502 || status == 503 || status == 504
			? ERR_SERVER_UNREACHABLE
			: ERR_INTERNAL,
		    "the server answered with status %ld", (long)status);
	out->n = start;
	return -1;
}

static int
attempt(struct remote *r, const struct remote_call *c, const struct act *act,
    struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf call = { 0 };
	size_t start = out->n, size = 0;
	size_t limit = c->limit != 0 ? c->limit : LIMIT_JSON_BYTES;

	describe(r, c, act, &call);
	int32_t status = browser_http((const char *)call.p, call.n, c->body.p,
	    c->body.n, c->timeout_s != 0 ? c->timeout_s : 60, &size);
	if (status == 0)
		return err_set(
		    e, ERR_SERVER_UNREACHABLE, "the server cannot be reached");
	if (status > 299 && limit < ERRJSON_MAX)
		limit = ERRJSON_MAX;
	if (size > limit && c->sink == NULL)
		return err_set(e, ERR_TOO_LARGE,
		    "the server's answer is longer than %zu bytes", limit);
	browser_answer(buf_grow(out, size));
	if (status < 200 || status > 299)
		return answer_error(status, out, start, e);
	if (c->sink == NULL)
		return 0;
	c->sink->begin(c->sink->ctx);
	return c->sink->take(
	    c->sink->ctx, bytes_of(out->p + start, out->n - start), e);
}

int
remote_attempts(struct remote *r, const struct remote_call *c,
    const struct act *act, struct buf *out, struct err *e)
{
	bool renewed = false;

	for (int i = 1;; i++) {
		if (attempt(r, c, act, out, e) == 0)
			return 0;
		if (e->code == ERR_SESSION_EXPIRED && r->renew != NULL &&
		    !c->bare && !renewed) {
			renewed = true;
			if (r->renew(r->renew_ctx, e) < 0)
				return -1;
			continue;
		}
		if (e->code != ERR_SERVER_UNREACHABLE || i >= TRIES)
			return -1;
	}
}
