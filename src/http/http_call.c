/* SPDX-License-Identifier: ISC */
/* http_call.c: one request, from its header to the end of its body. */
#include "http/http_in.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "base/text.h"
#include "http/route.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

static void
drop_body(struct http_call *c)
{
	if (c->body_map != NULL)
		(void)munmap(c->body_map, c->body_seen);
	c->body_map = NULL;
	fd_close(&c->body_fd);
	buf_free(&c->body);
}

void
http_call_fail(struct http_call *c, const struct err *why)
{
	if (c->failed)
		return;
	c->failed = true;
	c->why = *why;
	if (c->sink_open)
		c->route->sink->abort(c->app, c->sink_state);
	c->sink_open = false;
	drop_body(c);
	pthread_mutex_lock(&c->server->conn_mu);
	http_release_held(c);
	pthread_mutex_unlock(&c->server->conn_mu);
}

static enum MHD_Result
take_header(
    void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct http_call *c = cls;

	(void)kind;
	if (c->q.n_headers == MAX_HEADERS)
		return MHD_NO;
	c->headers[c->q.n_headers++] = (struct http_pair){ .name = name,
		.value = value != NULL ? value : "" };
	return MHD_YES;
}

static enum MHD_Result
take_query(
    void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct http_call *c = cls;

	(void)kind;
	c->bad_query = true;
	if (c->q.queries == MAX_QUERIES)
		return MHD_NO;
	char *n = mem_text(name), *v = mem_text(value != NULL ? value : "");
	c->query[c->q.queries++] = (struct http_pair){ n, v };
	if (route_unescape(n) < 0 || route_unescape(v) < 0)
		return MHD_NO;
	c->bad_query = false;
	return MHD_YES;
}

static size_t
count_header(const struct request *q, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < q->n_headers; i++)
		n += strcasecmp(q->headers[i].name, name) == 0;
	return n;
}

/* Two lengths, or a length and chunks: two readers could disagree. */
static int
read_length(struct request *q, struct err *e)
{
	const char *length = http_header(q, "Content-Length");
	const char *coding = http_header(q, "Transfer-Encoding");

	if (count_header(q, "Content-Length") > 1 ||
	    count_header(q, "Transfer-Encoding") > 1 ||
	    (length != NULL && coding != NULL) ||
	    (coding != NULL && strcasecmp(coding, "chunked") != 0))
		return err_set(
		    e, ERR_BAD_REQUEST, "the length of the body is ambiguous");
	if (coding != NULL)
		q->length = UINT64_MAX;
	else if (length != NULL &&
	    text_parse_u64(length, 0, UINT64_MAX - 1, &q->length) < 0)
		return err_set(
		    e, ERR_BAD_REQUEST, "Content-Length is not a number");
	return 0;
}

static int
read_headers(struct http_call *c, struct err *e)
{
	struct request *q = &c->q;

	q->headers = c->headers;
	q->query = c->query;
	int n =
	    MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, take_header, c);
	if (n < 0 || (size_t)n > MAX_HEADERS || (size_t)n != q->n_headers)
		return err_set(
		    e, ERR_BAD_REQUEST, "there are too many headers");
	if (read_length(q, e) < 0)
		return -1;
	const char *auth = http_header(q, "Authorization");
	if (count_header(q, "Authorization") > 1)
		return err_set(
		    e, ERR_BAD_REQUEST, "there are two Authorization headers");
	if (auth != NULL && strncasecmp(auth, "Bearer ", 7) == 0)
		q->bearer = auth + 7 + strspn(auth + 7, " ");
	n = MHD_get_connection_values(
	    c->mhd, MHD_GET_ARGUMENT_KIND, take_query, c);
	if (n < 0 || c->bad_query)
		return err_set(e, ERR_BAD_REQUEST,
		    "the query has too many parameters or a wrong escape");
	return 0;
}

/*
 * Each proxy appends whom it speaks for, to the last such line or in one of its
 * own; what stands before, anybody wrote. So from the end: the first that is no
 * proxy of ours. Returns false when there was none in this line.
 */
static bool
read_forwarded(struct http_call *c, const char *list)
{
	const char *end = list + strlen(list);

	for (;;) {
		const char *at = end;
		while (at > list && at[-1] != ',')
			at--;
		const char *word = at + strspn(at, " \t");
		size_t n = strcspn(word, ", \t");
		char one[ADDRESS_TEXT] = "";
		if (n < sizeof one)
			memcpy(one, word, n);
		if (!address_read(one, c->peer, c->source, &c->net) ||
		    !address_nets_have_text(&c->server->proxies, one))
			return true;
		if (at == list)
			return false;
		end = at - 1;
	}
}

static void
read_peer(struct http_call *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (info == NULL || info->client_addr == NULL)
		return;
	char text[ADDRESS_TEXT];
	address_text(info->client_addr, text);
	(void)address_read(text, c->peer, c->source, &c->net);
	if (!http_is_proxy(c->server, info->client_addr))
		return;
	for (size_t i = c->q.n_headers; i-- > 0;)
		if (strcasecmp(c->q.headers[i].name, "X-Forwarded-For") == 0 &&
		    read_forwarded(c, c->q.headers[i].value))
			return;
	/* Then all count as one, and anybody uses up the tries of all. */
	if (c->server->all_proxies && c->route_no >= ROUTES_OWN &&
	    !atomic_exchange(&c->server->nameless, true))
		log_warn("proxy_names_no_client", "header=X-Forwarded-For");
}

static int
find_route(struct http_call *c, const struct port *port, struct err *e)
{
	struct http_server *s = c->server;
	bool other_method = false;

	for (size_t i = port->first; i < port->first + port->n; i++) {
		const struct http_route *route = &s->routes[i];
		if (strcmp(route->method, c->q.method) != 0 ||
		    !route_match(
			route->pattern, c->path, c->q.capture, &c->q.captures))
			continue;
		c->route = route;
		c->route_no = i;
		c->q.pattern = route->pattern;
		c->q.call = route->call;
		c->app = i < ROUTES_OWN ? s : s->app.app;
		return 0;
	}
	for (size_t i = port->first; i < port->first + port->n; i++)
		other_method |= route_match(s->routes[i].pattern, c->path,
		    c->q.capture, &c->q.captures);
	if (!other_method)
		return err_set(e, ERR_NOT_FOUND, "there is no such address");
	c->status_forced = MHD_HTTP_METHOD_NOT_ALLOWED;
	return err_set(e, ERR_BAD_REQUEST,
	    "this address does not take the method %.16s", c->q.method);
}

static void
release(struct http_call *c)
{
	const struct http_app *app = &c->server->app;

	if (c->authorized && app->release != NULL)
		app->release(app->app, c->q.user);
	c->authorized = false;
	c->q.user = NULL;
}

int
http_authorize(struct http_call *c, struct err *e)
{
	const struct http_app *app = &c->server->app;

	release(c);
	if (c->route_no < ROUTES_OWN || app->authorize == NULL)
		return 0;
	if (app->authorize(app->app, c->route, &c->q, e) < 0)
		return -1;
	c->authorized = true;
	return 0;
}

static int
too_large(const struct http_call *c, struct err *e)
{
	assert(c->route != NULL);
	return err_set(e, ERR_TOO_LARGE,
	    "the body is larger than %" PRIu64 " bytes", c->route->max_body);
}

/* Everything that can be said before the body. */
int
http_admit(struct http_call *c, const struct port *port, struct err *e)
{
	if (read_headers(c, e) < 0) {
		/* Where the next request would begin is not certain. */
		c->closing = true;
		return -1;
	}
	int found = find_route(c, port, e);
	read_peer(c);
	if (found < 0)
		return -1;
	if (atomic_load(&c->server->stopping) && c->route_no >= ROUTES_OWN)
		return err_set(e, ERR_SERVER_BUSY, "the server is stopping");
	if (c->q.length != UINT64_MAX && c->q.length > c->route->max_body)
		return too_large(c, e);
	if (http_authorize(c, e) < 0)
		return -1;
	if (c->route->sink == NULL)
		return 0;
	if (c->route->sink->begin(c->app, &c->q, &c->sink_state, e) < 0)
		return -1;
	c->sink_open = true;
	return 0;
}

struct http_call *
http_call_new(struct http_server *s, struct MHD_Connection *mhd,
    const char *url, const char *method)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_call *c = mem_new(sizeof *c);
	struct id random;

	c->server = s;
	c->mhd = mhd;
	c->conn = info != NULL ? info->socket_context : NULL;
	c->route_no = s->n_routes;
	c->path = mem_text(url);
	c->started_ns = now_mono_ns();
	id_random(&random);
	memcpy(c->q.id, id_text(&random).s, HTTP_REQUEST_ID);
	c->q.method = method;
	c->q.bearer = "";
	c->q.peer = c->peer;
	c->q.source = c->source;
	c->q.shell = c;
	c->body_fd = -1;
	c->pace_ns = c->started_ns;
	pthread_mutex_lock(&s->conn_mu);
	s->running++;
	if (c->conn != NULL)
		c->conn->busy = true;
	pthread_mutex_unlock(&s->conn_mu);
	return c;
}

void
http_call_free(struct http_call **call)
{
	struct http_call *c = *call;
	struct http_server *s = c->server;

	if (c->sink_open)
		c->route->sink->abort(c->app, c->sink_state);
	release(c);
	for (size_t i = 0; i < c->q.queries; i++) {
		free((char *)(uintptr_t)c->query[i].name);
		free((char *)(uintptr_t)c->query[i].value);
	}
	drop_body(c);
	free(c->path);
	pthread_mutex_lock(&s->conn_mu);
	http_release_held(c);
	if (c->conn != NULL) {
		c->conn->busy = false;
		c->conn->answer_by_ns = 0;
		c->conn->idle_since_ns = now_mono_ns();
	}
	if (--s->running == 0)
		pthread_cond_broadcast(&s->drained);
	pthread_mutex_unlock(&s->conn_mu);
	free(c);
	*call = NULL;
}

/* The body goes on in a file without a name. */
static int
move_to_disk(struct http_call *c, struct err *e)
{
	if (file_unnamed(c->server->body_dir, &c->body_fd, e) < 0 ||
	    file_write_all(c->body_fd, buf_bytes(&c->body), e) < 0)
		return -1;
	buf_free(&c->body);
	return 0;
}

static int
keep_body(struct http_call *c, struct bytes x, struct err *e)
{
	if (http_charge(c, x.n, e) < 0)
		return -1;
	if (c->body_fd < 0 && c->server->body_dir >= 0 &&
	    c->body.n + x.n > HELD_IN_MEMORY && move_to_disk(c, e) < 0)
		return -1;
	if (c->body_fd < 0)
		buf_put_bytes(&c->body, x);
	return c->body_fd < 0 ? 0 : file_write_all(c->body_fd, x, e);
}

int
http_whole_body(struct http_call *c, struct err *e)
{
	if (c->body_fd < 0) {
		c->q.body = buf_bytes(&c->body);
		return 0;
	}
	if (c->body_map == NULL) {
		void *p = mmap(
		    NULL, c->body_seen, PROT_READ, MAP_PRIVATE, c->body_fd, 0);
		if (p == MAP_FAILED)
			return err_sys(e, "a long body");
		c->body_map = p;
	}
	c->q.body = bytes_of(c->body_map, c->body_seen);
	return 0;
}

/* In every span of idle_s a body brings its share: not only on average. */
static bool
keeps_pace(struct http_call *c)
{
	int64_t now = now_mono_ns();
	int64_t span_s = (now - c->pace_ns) / 1000000000;

	if (span_s <= c->server->idle_s)
		return true;
	bool ok =
	    c->body_seen - c->pace_bytes >= (uint64_t)span_s * SLOWEST_BPS;
	c->pace_ns = now;
	c->pace_bytes = c->body_seen;
	if (!ok) {
		pthread_mutex_lock(&c->server->conn_mu);
		http_refused(c->server, REFUSED_SLOW);
		pthread_mutex_unlock(&c->server->conn_mu);
	}
	return ok;
}

/* MHD_NO cuts the connection. */
enum MHD_Result
http_take_body(struct http_call *c, struct bytes x)
{
	uint64_t most = c->route != NULL ? c->route->max_body : 0;
	struct err e = { 0 };

	c->body_seen += x.n;
	if (c->body_seen > most + DRAIN_BYTES || !keeps_pace(c))
		return MHD_NO;
	if (c->failed)
		return MHD_YES;
	int rc = 0;
	assert(c->route != NULL);
	if (c->body_seen > most)
		rc = too_large(c, &e);
	else if (c->sink_open)
		rc = c->route->sink->data(c->app, c->sink_state, x, &e);
	else
		rc = keep_body(c, x, &e);
	if (rc < 0)
		http_call_fail(c, &e);
	return MHD_YES;
}
