/* SPDX-License-Identifier: ISC */
/* people_remote.h: link/remote.h over people_net.h, with what befalls a call. */
#pragma once

#include "people_net.h"

#include "link/depot.h"
#include "web/remote_origin.c" /* of no archive: the page has it */

/* ---- link/remote.h ---- */

int
remote_find(const char *url, struct buf *out, struct err *e)
{
	(void)e;
	buf_put_str(out, url);
	return 0;
}

bool
remote_escrow(struct remote *r, struct digest *out)
{
	(void)r;
	(void)out;
	return false;
}

void
remote_limit(struct remote *r, uint64_t up, uint64_t down)
{
	(void)r;
	(void)up;
	(void)down;
}

/* As it is asked of `s`; errors come as the bytes that they travel in. */
static inline int
net_ask(struct server *s, struct remote *r, const struct remote_call *c,
    const struct id *key, struct buf *out, struct err *e)
{
	struct id_text text = id_text(key);
	OWN(mem_free) char *path = mem_text(c->path);
	OWN(buf_free) struct buf detail = { 0 };
	OWN(buf_free) struct buf said = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	struct net_request x = { .path = path,
		.q = { .method = c->method,
		    .body = c->body,
		    .length = c->body.n,
		    .bearer = c->bare ? "" : buf_text(&r->token),
		    .peer = "192.0.2.1",
		    .source = "192.0.2.1" } };
	int64_t skew = net.skew_ms;
	struct err why, wrong;

	x.q.headers = x.headers;
	if (!id_zero(key))
		x.headers[x.q.n_headers++] =
		    (struct http_pair){ "Idempotency-Key", text.s };
	net_cut_query(&x);
	net.skew_ms = 0;
	net.now_ms++;
	int rc = net_handle(s, &x, &body, &detail, &why);
	net.skew_ms = skew;
	if (rc == 0) {
		buf_put_bytes(out, buf_bytes(&body));
		return 0;
	}
	if (why.code == ERR_INTERNAL || why.code == ERR_IO ||
	    why.code == ERR_STATE_DAMAGED)
		(void)snprintf(net.broken, sizeof net.broken,
		    "the server: %s (%s)", why.msg, err_name(why.code));
	errjson_make(&why, buf_bytes(&detail), &said);
	buf_clear(&detail);
	net_ok(errjson_parse(buf_bytes(&said), e, &detail, &wrong), &wrong);
	return -1;
}

static inline int
net_unreachable(struct err *e)
{
	net.faulted = true;
	return err_set(e, ERR_SERVER_UNREACHABLE, "the connection broke");
}

static inline int
net_attempt(struct remote *r, const struct remote_call *c, const struct id *key,
    struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	bool now = net.fault_at != 0 &&
	    (net.calls == net.fault_at ||
		(net.stays && net.calls > net.fault_at));
	enum net_fault fault = now ? net.fault : NET_FINE;
	int rc;

	if (fault == NET_CUT || (fault == NET_LOST && net.calls > net.fault_at))
		return net_unreachable(e);
	if (fault == NET_REFUSED) {
		net.faulted = true;
		(void)err_set(e, ERR_SERVER_BUSY, "the server is busy");
		e->heard = true;
		return -1;
	}
	rc = net.lie != NULL ? net.lie(net.lie_ctx, r, c, key, &body, e)
			     : net_ask(&net.server, r, c, key, &body, e);
	if (fault == NET_LOST_ONCE) {
		buf_clear(&body);
		net.faulted = true;
		rc = net_ask(&net.server, r, c, key, &body, e);
	}
	if (fault == NET_LOST)
		return net_unreachable(e);
	if (rc < 0)
		return -1;
	size_t limit = c->limit != 0 ? c->limit : LIMIT_JSON_BYTES;
	if (c->sink != NULL) {
		c->sink->begin(c->sink->ctx);
		return c->sink->take(c->sink->ctx, buf_bytes(&body), e);
	}
	if (body.n > limit)
		return err_set(e, ERR_TOO_LARGE, "the answer is too long");
	buf_put_bytes(out, buf_bytes(&body));
	return 0;
}

/* What another does meanwhile is none of the operation. */
static inline void
net_meddle(void)
{
	if (net.meddle_at == 0 || net.calls != net.meddle_at)
		return;
	struct net was = net;
	net.meddle_at = net.fault_at = 0;
	was.meddle(was.meddle_ctx);
	net.skew_ms = was.skew_ms;
	net.calls = was.calls;
	net.fault_at = was.fault_at;
	net.fault = was.fault;
	net.stays = was.stays;
	net.faulted = was.faulted;
}

int
remote_attempts(struct remote *r, const struct remote_call *c,
    const struct act *act, struct buf *out, struct err *e)
{
	bool renewed = false;

	net.calls++;
	net_meddle();
	for (;;) {
		if (net_attempt(r, c, &act->key, out, e) == 0)
			return 0;
		if (e->code != ERR_SESSION_EXPIRED || r->renew == NULL ||
		    c->bare || renewed)
			return -1;
		renewed = true;
		if (r->renew(r->renew_ctx, e) < 0)
			return -1;
	}
}
