/* SPDX-License-Identifier: ISC */
/* http_answer.c: from what a handler says to what is sent. */
#include "http/http_in.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "wire/errjson.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
free_body(void *cls)
{
	struct buf *b = cls;

	buf_free(b);
	free(b);
}

static struct MHD_Response *
make_response(struct response *r)
{
	if (r->fd >= 0) {
		struct MHD_Response *m =
		    MHD_create_response_from_fd_at_offset64(
			r->fd_length, r->fd, r->fd_offset);
		if (m != NULL)
			r->fd = -1; /* closed with m */
		return m;
	}
	struct buf *body = mem_new(sizeof *body);
	*body = r->body;
	memset(&r->body, 0, sizeof r->body);
	struct MHD_Response *m =
	    MHD_create_response_from_buffer_with_free_callback_cls(body->n,
		body->n > 0 ? body->p : (uint8_t *)body, free_body, body);
	if (m == NULL)
		free_body(body);
	return m;
}

static bool
has_header(const struct response *r, const char *name)
{
	for (size_t i = 0; i < r->headers; i++)
		if (strcasecmp(r->header[i].name, name) == 0)
			return true;
	return false;
}

static enum MHD_Result
send_response(struct http_call *c, struct response *r)
{
	uint64_t out = r->fd >= 0 ? r->fd_length : r->body.n;
	const char *type = r->type != NULL ? r->type : "application/json";
	struct MHD_Response *m = make_response(r);

	if (m == NULL)
		return MHD_NO;
	bool ok = MHD_add_response_header(m, "X-Request-Id", c->q.id) &&
	    MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	if (ok && c->closing)
		ok = MHD_add_response_header(m, "Connection", "close");
	if (ok && out > 0)
		ok = MHD_add_response_header(m, "Content-Type", type);
	if (ok && !has_header(r, "Cache-Control"))
		ok = MHD_add_response_header(m, "Cache-Control", "no-store");
	for (size_t i = 0; ok && i < r->headers; i++)
		ok = MHD_add_response_header(
		    m, r->header[i].name, r->header[i].value);
	if (ok)
		ok = MHD_queue_response(c->mhd, (unsigned)r->status, m);
	MHD_destroy_response(m);
	if (ok) {
		c->status = r->status;
		c->out_bytes = out;
		pthread_mutex_lock(&c->server->conn_mu);
		if (c->conn != NULL)
			c->conn->answer_by_ns = now_mono_ns() +
			    (c->server->idle_s + (int64_t)(out / SLOWEST_BPS)) *
				1000000000LL;
		pthread_mutex_unlock(&c->server->conn_mu);
	}
	return ok ? MHD_YES : MHD_NO;
}

int64_t
http_elapsed_ms(const struct http_call *c)
{
	return (now_mono_ns() - c->started_ns) / 1000000;
}

/*
 * Turn a failure into its answer and its one line in the log. What is the
 * matter with this machine is for who runs it, and not for the peer.
 */
static void
answer_error(struct http_call *c, struct err *why, struct response *r)
{
	struct err shown = *why;

	if (why->code == ERR_DISK_FULL_HERE)
		(void)err_set(&shown, ERR_SERVER_FULL, "%s", "");
	else if (why->code == ERR_IO || why->code == ERR_STATE_DAMAGED ||
	    why->code == ERR_INTERNAL || why->code == ERR_NONE)
		(void)err_set(&shown, ERR_INTERNAL, "%s", "");
	int status =
	    c->status_forced != 0 ? c->status_forced : err_http(shown.code);
	if (shown.msg[0] == '\0' || shown.code == ERR_SERVER_FULL)
		log_error("request_failed",
		    "request=%s code=%s status=%d ms=%" PRId64 " why=\"%s\"",
		    c->q.id, err_name(shown.code), status, http_elapsed_ms(c),
		    why->msg);
	else
		log_warn("request_failed",
		    "request=%s code=%s status=%d ms=%" PRId64, c->q.id,
		    err_name(shown.code), status, http_elapsed_ms(c));
	fd_close(&r->fd);
	buf_free(&r->body);
	r->type = NULL;
	r->status = status;
	errjson_make(&shown, buf_bytes(&r->detail), &r->body);
	if (status == MHD_HTTP_UNAUTHORIZED && r->headers < HTTP_HEADERS)
		response_header(r, "WWW-Authenticate", "Bearer");
}

static int
run_handler(struct http_call *c, struct response *r, struct err *e)
{
	if (c->failed) {
		*e = c->why;
		return -1;
	}
	if (c->waited && http_authorize(c, e) < 0)
		return -1;
	if (c->sink_open) {
		c->sink_open = false;
		assert(c->route->sink != NULL); /* it was opened */
		return c->route->sink->end(c->app, &c->q, c->sink_state, r, e);
	}
	return c->route->handle(c->app, &c->q, r, e);
}

enum MHD_Result
http_answer(struct http_call *c)
{
	struct err e = { 0 };

	if (!c->failed && http_whole_body(c, &e) < 0)
		http_call_fail(c, &e);
	for (;;) {
		OWN(response_free) struct response r;
		response_init(&r);
		int rc = run_handler(c, &r, &e);
		if (rc == HTTP_WAIT && !c->q.timed_out &&
		    c->route->sink == NULL) {
			if (http_park(c, &r))
				return MHD_YES;
			continue;
		}
		if (rc == HTTP_WAIT)
			rc = err_set(&e, ERR_INTERNAL,
			    "a handler waits where it may not");
		if (rc < 0)
			answer_error(c, &e, &r);
		return send_response(c, &r);
	}
}
