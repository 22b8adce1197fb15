/* SPDX-License-Identifier: ISC */
/* http.c: the HTTP shell over libmicrohttpd. */
#include "server/http.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "base/text.h"
#include "server/address.h"
#include "server/meter.h"
#include "server/route.h"
#include "wire/errjson.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

/* Memory of one connection for headers and body pieces, bytes. */
#define POOL_BYTES (32 * 1024)
/* A refused body up to this many bytes is read and dropped, so that the
 * connection lives on; before a longer one it is closed. */
#define DRAIN_BYTES (64 * 1024)
/* A body slower than this, measured after idle_s, is cut. Bytes a second. */
#define SLOWEST_BPS 1024
#define MAX_QUERIES 8
#define MAX_HEADERS 48
/* Generation numbers; keys share them by hash. */
#define SLOTS 1024
/* Deadlines are looked at no more often than this. */
#define TICK_NS 50000000

#define TLS_PRIORITIES \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:" \
	"-AES-128-CBC:-AES-256-CBC:-SHA1:%SERVER_PRECEDENCE"

enum { ROUTE_METRICS, ROUTE_HEALTHZ, ROUTE_READYZ, ROUTES_OWN };

/* One connection, so that it can be cut when no request comes. */
struct conn {
	struct conn *next, *prev;
	int fd;
	bool busy; /* a request is being read or answered */
	int64_t idle_since_ns;
};

/* One request, from its header to the last byte of the answer. */
struct call {
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct conn *conn;
	const struct http_route *route; /* NULL: none */
	size_t route_no;
	void *app;
	char *path;
	char peer[ADDRESS_TEXT];
	struct request q;
	struct http_pair query[MAX_QUERIES], headers[MAX_HEADERS];
	struct buf body;
	uint64_t body_seen, out_bytes;
	void *sink_state;
	bool bad_query, closing, sink_open, failed, waited, authorized;
	int status; /* of the answer; 0 before there is one */
	int status_forced; /* instead of the code's; 0: not */
	struct err why; /* when failed */
	int64_t started_ns;
	/* While parked; under wait_mu. */
	struct call *next, *prev;
	struct id key;
	int64_t deadline_ns;
};

struct slot {
	uint64_t generation;
	struct call *waiting;
};

struct port {
	struct http_server *server;
	size_t first, n; /* its share of the routes */
	struct MHD_Daemon *daemon;
	int listen_fd;
	uint16_t number;
};

struct http_server {
	struct http_app app;
	unsigned idle_s, drain_s;
	char *trusted_proxy; /* NULL: none */
	struct http_route *routes; /* ROUTES_OWN, then the app's */
	size_t n_routes;
	char **labels;
	struct meter *meter;
	struct port main, metrics;
	pthread_t timer;
	bool timer_runs;
	atomic_bool stopping;

	/*
	 * Lock order: none is taken under another. wait_mu is held while
	 * connections are suspended and resumed, and never in a callback that
	 * libmicrohttpd makes under a lock of its own.
	 */
	pthread_mutex_t wait_mu;
	pthread_cond_t wait_changed;
	struct slot slots[SLOTS];
	uint64_t waiting;
	bool timer_stop;

	pthread_mutex_t conn_mu;
	pthread_cond_t drained;
	struct conn *conns;
	uint64_t n_conns;
	uint64_t running; /* requests that have begun and not ended */
};

/* ---- requests and responses ---- */

const char *
http_query(const struct request *q, const char *name)
{
	for (size_t i = 0; i < q->queries; i++)
		if (strcmp(q->query[i].name, name) == 0)
			return q->query[i].value;
	return NULL;
}

const char *
http_header(const struct request *q, const char *name)
{
	for (size_t i = 0; i < q->n_headers; i++)
		if (strcasecmp(q->headers[i].name, name) == 0)
			return q->headers[i].value;
	return NULL;
}

void
response_init(struct response *r)
{
	memset(r, 0, sizeof *r);
	r->status = 200;
	r->fd = -1;
}

void
response_free(struct response *r)
{
	fd_close(&r->fd);
	buf_free(&r->body);
	buf_free(&r->detail);
	response_init(r);
}

void
response_header(struct response *r, const char *name, const char *fmt, ...)
{
	va_list ap;

	assert(r->headers < HTTP_HEADERS);
	r->header[r->headers].name = name;
	va_start(ap, fmt);
	int n = vsnprintf(r->header[r->headers].value,
	    sizeof r->header[r->headers].value, fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof r->header[r->headers].value);
	r->headers++;
}

/* ---- long polls ---- */

static struct slot *
slot_of(struct http_server *s, const struct id *key)
{
	/* Ids are random already. */
	return &s->slots[be32(key->b) % SLOTS];
}

struct http_watch
http_watch(struct http_server *s, const struct id *key)
{
	struct http_watch w = { .key = *key };

	pthread_mutex_lock(&s->wait_mu);
	w.seen = slot_of(s, key)->generation;
	pthread_mutex_unlock(&s->wait_mu);
	return w;
}

/* Under wait_mu. */
static void
unpark(struct http_server *s, struct slot *slot, struct call *c, bool timed_out)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		slot->waiting = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->next = c->prev = NULL;
	c->q.timed_out = timed_out;
	s->waiting--;
	/* From here on the call belongs to its own thread again. */
	MHD_resume_connection(c->mhd);
}

void
http_wake(struct http_server *s, const struct id *key)
{
	struct slot *slot = slot_of(s, key);

	pthread_mutex_lock(&s->wait_mu);
	slot->generation++;
	for (struct call *c = slot->waiting, *next; c != NULL; c = next) {
		next = c->next;
		if (id_equal(&c->key, key))
			unpark(s, slot, c, false);
	}
	pthread_mutex_unlock(&s->wait_mu);
}

/* Whether the call now waits; if not, it must run again at once. */
static bool
park(struct call *c, const struct response *r)
{
	struct http_server *s = c->server;
	struct slot *slot = slot_of(s, &r->wait.key);
	int64_t deadline = c->started_ns + r->wait_ms * 1000000;
	bool parked = false;

	pthread_mutex_lock(&s->wait_mu);
	c->waited = true;
	c->q.timed_out = atomic_load(&s->stopping) || now_mono_ns() >= deadline;
	if (!c->q.timed_out && slot->generation == r->wait.seen) {
		c->key = r->wait.key;
		c->deadline_ns = deadline;
		c->next = slot->waiting;
		if (c->next != NULL)
			c->next->prev = c;
		slot->waiting = c;
		s->waiting++;
		MHD_suspend_connection(c->mhd);
		pthread_cond_signal(&s->wait_changed);
		parked = true;
	}
	pthread_mutex_unlock(&s->wait_mu);
	return parked;
}

/* Under wait_mu: resume what is due; returns when to look again. */
static int64_t
resume_due(struct http_server *s, int64_t now, bool all)
{
	int64_t next_ns = now + 1000000000;

	if (s->waiting == 0)
		return next_ns;
	for (size_t i = 0; i < SLOTS; i++)
		for (struct call *c = s->slots[i].waiting, *next; c != NULL;
		     c = next) {
			next = c->next;
			if (all || c->deadline_ns <= now)
				unpark(s, &s->slots[i], c, true);
			else if (c->deadline_ns < next_ns)
				next_ns = c->deadline_ns;
		}
	return next_ns < now + TICK_NS ? now + TICK_NS : next_ns;
}

/* Cut connections on which no request has come for too long: idle ones, and
 * those that send a header byte by byte. */
static void
cut_idle(struct http_server *s, int64_t now)
{
	int64_t longest = (int64_t)s->idle_s * 1000000000;

	pthread_mutex_lock(&s->conn_mu);
	for (struct conn *c = s->conns; c != NULL; c = c->next)
		if (!c->busy && now - c->idle_since_ns > longest)
			(void)shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->conn_mu);
}

static void *
timer_main(void *arg)
{
	struct http_server *s = arg;
	int64_t next_cut = 0;

	pthread_mutex_lock(&s->wait_mu);
	while (!s->timer_stop) {
		int64_t now = now_mono_ns();
		if (now >= next_cut) {
			pthread_mutex_unlock(&s->wait_mu);
			cut_idle(s, now);
			pthread_mutex_lock(&s->wait_mu);
			next_cut = now + 1000000000;
		}
		int64_t next = resume_due(s, now, false);
		struct timespec t = { .tv_sec = next / 1000000000,
			.tv_nsec = next % 1000000000 };
		if (!s->timer_stop)
			(void)pthread_cond_timedwait(
			    &s->wait_changed, &s->wait_mu, &t);
	}
	pthread_mutex_unlock(&s->wait_mu);
	return NULL;
}

/* ---- our own routes ---- */

static int
get_healthz(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	(void)app;
	(void)q;
	(void)e;
	buf_put_str(&r->body, "{\"ok\":true}");
	return 0;
}

static int
get_readyz(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct http_server *s = app;

	if (atomic_load(&s->stopping))
		return err_set(e, ERR_SERVER_BUSY, "the server is stopping");
	if (s->app.ready != NULL && s->app.ready(s->app.app, e) < 0)
		return -1;
	return get_healthz(app, q, r, e);
}

static int
get_metrics(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct http_server *s = app;

	(void)q;
	(void)e;
	pthread_mutex_lock(&s->wait_mu);
	uint64_t waiting = s->waiting;
	pthread_mutex_unlock(&s->wait_mu);
	pthread_mutex_lock(&s->conn_mu);
	uint64_t conns = s->n_conns;
	pthread_mutex_unlock(&s->conn_mu);
	meter_text(s->meter, conns, waiting, &r->body);
	if (s->app.metrics != NULL)
		s->app.metrics(s->app.app, &r->body);
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	return 0;
}

static const struct http_route own_routes[ROUTES_OWN] = {
	[ROUTE_METRICS] = { "GET", "/metrics", 0, 0, get_metrics, NULL },
	[ROUTE_HEALTHZ] = { "GET", "/healthz", 0, 0, get_healthz, NULL },
	[ROUTE_READYZ] = { "GET", "/readyz", 0, 0, get_readyz, NULL },
};

/* ---- reading a request ---- */

static void
fail(struct call *c, const struct err *why)
{
	if (c->failed)
		return;
	c->failed = true;
	c->why = *why;
	if (c->sink_open)
		c->route->sink->abort(c->app, c->sink_state);
	c->sink_open = false;
}

static enum MHD_Result
take_header(
    void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct call *c = cls;

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
	struct call *c = cls;

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
read_headers(struct call *c, struct err *e)
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

/* The proxy appends whom it speaks for; what stands before, anybody wrote. */
static void
read_peer(struct call *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const char *proxy = c->server->trusted_proxy;

	if (info != NULL && info->client_addr != NULL)
		address_text(info->client_addr, c->peer);
	const char *via = http_header(&c->q, "X-Forwarded-For");
	if (proxy == NULL || via == NULL || strcmp(c->peer, proxy) != 0)
		return;
	const char *comma = strrchr(via, ',');
	via = comma != NULL ? comma + 1 : via;
	via += strspn(via, " \t");
	size_t n = strcspn(via, " \t");
	char last[ADDRESS_TEXT] = "";
	if (n < sizeof last) {
		memcpy(last, via, n);
		if (address_is(last))
			memcpy(c->peer, last, sizeof last);
	}
}

static int
find_route(struct call *c, const struct port *port, struct err *e)
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
release(struct call *c)
{
	const struct http_app *app = &c->server->app;

	if (c->authorized && app->release != NULL)
		app->release(app->app, c->q.user);
	c->authorized = false;
	c->q.user = NULL;
}

static int
authorize(struct call *c, struct err *e)
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
too_large(const struct call *c, struct err *e)
{
	assert(c->route != NULL);
	return err_set(e, ERR_TOO_LARGE,
	    "the body is larger than %" PRIu64 " bytes", c->route->max_body);
}

/* Everything that can be said before the body. */
static int
admit(struct call *c, const struct port *port, struct err *e)
{
	if (read_headers(c, e) < 0) {
		/* Where the next request would begin is not certain. */
		c->closing = true;
		return -1;
	}
	read_peer(c);
	if (find_route(c, port, e) < 0)
		return -1;
	if (atomic_load(&c->server->stopping) && c->route_no >= ROUTES_OWN)
		return err_set(e, ERR_SERVER_BUSY, "the server is stopping");
	if (c->q.length != UINT64_MAX && c->q.length > c->route->max_body)
		return too_large(c, e);
	if (authorize(c, e) < 0)
		return -1;
	if (c->route->sink == NULL)
		return 0;
	if (c->route->sink->begin(c->app, &c->q, &c->sink_state, e) < 0)
		return -1;
	c->sink_open = true;
	return 0;
}

static struct call *
call_new(struct http_server *s, struct MHD_Connection *mhd, const char *url,
    const char *method)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct call *c = mem_new(sizeof *c);
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
	pthread_mutex_lock(&s->conn_mu);
	s->running++;
	if (c->conn != NULL)
		c->conn->busy = true;
	pthread_mutex_unlock(&s->conn_mu);
	return c;
}

static void
call_free(struct call **call)
{
	struct call *c = *call;
	struct http_server *s = c->server;

	if (c->sink_open)
		c->route->sink->abort(c->app, c->sink_state);
	release(c);
	for (size_t i = 0; i < c->q.queries; i++) {
		free((char *)(uintptr_t)c->query[i].name);
		free((char *)(uintptr_t)c->query[i].value);
	}
	buf_free(&c->body);
	free(c->path);
	pthread_mutex_lock(&s->conn_mu);
	if (c->conn != NULL) {
		c->conn->busy = false;
		c->conn->idle_since_ns = now_mono_ns();
	}
	if (--s->running == 0)
		pthread_cond_broadcast(&s->drained);
	pthread_mutex_unlock(&s->conn_mu);
	free(c);
	*call = NULL;
}

/* MHD_NO cuts the connection. */
static enum MHD_Result
take_body(struct call *c, struct bytes x)
{
	uint64_t most = c->route != NULL ? c->route->max_body : 0;
	int64_t seconds = (now_mono_ns() - c->started_ns) / 1000000000;
	struct err e = { 0 };

	c->body_seen += x.n;
	if (c->body_seen > most + DRAIN_BYTES)
		return MHD_NO;
	if (seconds > c->server->idle_s &&
	    c->body_seen < (uint64_t)seconds * SLOWEST_BPS)
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
		buf_put_bytes(&c->body, x);
	if (rc < 0)
		fail(c, &e);
	return MHD_YES;
}

/* ---- answering ---- */

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
send_response(struct call *c, struct response *r)
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
	}
	return ok ? MHD_YES : MHD_NO;
}

static int64_t
elapsed_ms(const struct call *c)
{
	return (now_mono_ns() - c->started_ns) / 1000000;
}

/*
 * Turn a failure into its answer and its one line in the log. What is the
 * matter with this machine is for who runs it, and not for the peer.
 */
static void
answer_error(struct call *c, struct err *why, struct response *r)
{
	struct err shown = *why;

	if (why->code == ERR_DISK_FULL_HERE)
		(void)err_set(&shown, ERR_SERVER_FULL, "%s", "");
	else if (why->code == ERR_IO || why->code == ERR_STATE_DAMAGED ||
	    why->code == ERR_INTERNAL || why->code == ERR_NONE)
		(void)err_set(&shown, ERR_INTERNAL, "%s", "");
	int status =
	    c->status_forced != 0 ? c->status_forced : err_http(shown.code);
	if (shown.msg[0] == '\0')
		log_error("request_failed",
		    "request=%s code=%s status=%d ms=%" PRId64 " why=\"%s\"",
		    c->q.id, err_name(shown.code), status, elapsed_ms(c),
		    why->msg);
	else
		log_warn("request_failed",
		    "request=%s code=%s status=%d ms=%" PRId64, c->q.id,
		    err_name(shown.code), status, elapsed_ms(c));
	fd_close(&r->fd);
	buf_free(&r->body);
	r->type = NULL;
	r->status = status;
	errjson_make(&shown, buf_bytes(&r->detail), &r->body);
	if (status == MHD_HTTP_UNAUTHORIZED && r->headers < HTTP_HEADERS)
		response_header(r, "WWW-Authenticate", "Bearer");
}

static int
run_handler(struct call *c, struct response *r, struct err *e)
{
	if (c->failed) {
		*e = c->why;
		return -1;
	}
	if (c->waited && authorize(c, e) < 0)
		return -1;
	if (c->sink_open) {
		c->sink_open = false;
		assert(c->route->sink != NULL); /* it was opened */
		return c->route->sink->end(c->app, &c->q, c->sink_state, r, e);
	}
	return c->route->handle(c->app, &c->q, r, e);
}

static enum MHD_Result
answer(struct call *c)
{
	struct err e = { 0 };

	c->q.body = buf_bytes(&c->body);
	for (;;) {
		OWN(response_free) struct response r;
		response_init(&r);
		int rc = run_handler(c, &r, &e);
		if (rc == HTTP_WAIT && !c->q.timed_out &&
		    c->route->sink == NULL) {
			if (park(c, &r))
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

/* After the header. A refused body that is long is never read. */
static enum MHD_Result
begin(struct call *c, const struct port *port)
{
	struct err e = { 0 };

	if (admit(c, port, &e) == 0)
		return MHD_YES;
	fail(c, &e);
	if (!c->closing && c->q.length <= DRAIN_BYTES &&
	    http_header(&c->q, "Expect") == NULL)
		return MHD_YES;
	c->closing = true;
	return answer(c);
}

/* ---- called by libmicrohttpd ---- */

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *n,
    void **context)
{
	const struct port *port = cls;
	struct call *c = *context;

	(void)version;
	if (c == NULL) {
		c = *context = call_new(port->server, mhd, url, method);
		return begin(c, port);
	}
	if (c->status != 0) /* answered early; nothing more is read */
		return MHD_NO;
	if (*n > 0) {
		size_t size = *n;
		*n = 0;
		return take_body(c, bytes_of(data, size));
	}
	return answer(c);
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_RequestTerminationCode how)
{
	struct call *c = *context;

	(void)cls;
	(void)mhd;
	if (c == NULL)
		return;
	bool whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	struct meter_sample sample = { .route = c->route_no,
		.status = c->status,
		.in_bytes = c->body_seen,
		.out_bytes = whole ? c->out_bytes : 0,
		.ns = c->waited || c->status == 0
		    ? -1
		    : now_mono_ns() - c->started_ns };
	meter_request(c->server->meter, &sample);
	log_debug("request",
	    "request=%s route=\"%s\" status=%d ms=%" PRId64 "%s", c->q.id,
	    c->route != NULL ? c->server->labels[c->route_no] : "none",
	    c->status, elapsed_ms(c), whole ? "" : " cut=true");
	call_free(&c);
	*context = NULL;
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = ((struct port *)cls)->server;
	struct conn *c = *context;

	pthread_mutex_lock(&s->conn_mu);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = *context = mem_new(sizeof *c);
		c->fd = MHD_get_connection_info(
		    mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
			    ->connect_fd;
		c->idle_since_ns = now_mono_ns();
		c->next = s->conns;
		if (c->next != NULL)
			c->next->prev = c;
		s->conns = c;
		s->n_conns++;
	} else if (c != NULL) {
		if (c->prev != NULL)
			c->prev->next = c->next;
		else
			s->conns = c->next;
		if (c->next != NULL)
			c->next->prev = c->prev;
		s->n_conns--;
		free(c);
		*context = NULL;
	}
	pthread_mutex_unlock(&s->conn_mu);
}

/* Paths and parameters reach us as they came; route_unescape does the rest. */
static size_t
keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static void PRINTF(2, 0) on_log(void *cls, const char *fmt, va_list ap)
{
	char text[256];

	(void)cls;
	(void)vsnprintf(text, sizeof text, fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("http_library", "text=\"%s\"", text);
}

/* ---- start and stop ---- */

static int
open_listener(const struct address *a, const char *text, int *out,
    uint16_t *number, struct err *e)
{
	OWN(fd_close)
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct address real = { .n = sizeof real.sa };
	int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, (const struct sockaddr *)&a->sa, a->n) < 0 ||
	    listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)&real.sa, &real.n) < 0)
		return err_sys(e, "listen on %s", text);
	*number = address_port(&real);
	*out = fd;
	fd = -1;
	return 0;
}

static int
start_port(struct port *port, const struct http_config *config, bool tls,
    struct err *e)
{
	unsigned threads = port->first == ROUTE_METRICS ? 1 : config->threads;
	unsigned per_address =
	    config->trusted_proxy != NULL ? 0 : config->per_address;
	struct MHD_OptionItem more[8], *m = more;

	if (threads > 1)
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE,
			(intptr_t)threads, NULL };
	if (per_address > 0)
		*m++ =
		    (struct MHD_OptionItem){ MHD_OPTION_PER_IP_CONNECTION_LIMIT,
			    (intptr_t)per_address, NULL };
	if (tls) {
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0,
			(void *)(uintptr_t)config->cert_pem };
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0,
			(void *)(uintptr_t)config->key_pem };
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)TLS_PRIORITIES };
	}
	*m = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	port->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD |
		MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
		(tls ? MHD_USE_TLS : 0u),
	    0, NULL, NULL, on_access, port, MHD_OPTION_EXTERNAL_LOGGER, on_log,
	    NULL, MHD_OPTION_LISTEN_SOCKET, port->listen_fd,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
	    MHD_OPTION_CONNECTION_LIMIT, config->connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, config->idle_s,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
	    keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, port, MHD_OPTION_ARRAY,
	    more, MHD_OPTION_END);
	if (port->daemon == NULL)
		return err_set(e, ERR_IO, "the HTTP server did not start%s",
		    tls ? "; are certificate and key a pair?" : "");
	return 0;
}

static int
open_port(struct port *port, const char *text, bool tls, struct err *e)
{
	struct address a;

	if (address_parse(text, &a, e) < 0)
		return -1;
	if (!tls && !address_is_loopback(&a))
		return err_set(e, ERR_BAD_REQUEST,
		    "plain HTTP is served on a loopback address only, not %s",
		    text);
	return open_listener(&a, text, &port->listen_fd, &port->number, e);
}

static void
init_locks(struct http_server *s)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->wait_mu, NULL);
	pthread_mutex_init(&s->conn_mu, NULL);
	pthread_cond_init(&s->wait_changed, &attr);
	pthread_cond_init(&s->drained, &attr);
	pthread_condattr_destroy(&attr);
}

static struct http_server *
server_new(const struct http_config *config, const struct http_app *app)
{
	struct http_server *s = mem_new(sizeof *s);

	s->app = *app;
	s->idle_s = config->idle_s;
	s->drain_s = config->drain_s;
	if (config->trusted_proxy != NULL)
		s->trusted_proxy = mem_text(config->trusted_proxy);
	s->n_routes = ROUTES_OWN + app->n_routes;
	s->routes = mem_array(s->n_routes, sizeof *s->routes);
	s->labels = mem_array(s->n_routes, sizeof *s->labels);
	memcpy(s->routes, own_routes, sizeof own_routes);
	for (size_t i = 0; i < app->n_routes; i++)
		s->routes[ROUTES_OWN + i] = app->routes[i];
	for (size_t i = 0; i < s->n_routes; i++) {
		OWN(buf_free) struct buf label = { 0 };
		const struct http_route *route = &s->routes[i];
		assert((route->handle == NULL) != (route->sink == NULL));
		buf_printf(&label, "%s %s", route->method, route->pattern);
		s->labels[i] = mem_text(buf_text(&label));
	}
	s->meter = meter_new((const char *const *)s->labels, s->n_routes);
	s->main = (struct port){ .server = s,
		.first = ROUTE_HEALTHZ,
		.n = s->n_routes - ROUTE_HEALTHZ,
		.listen_fd = -1 };
	s->metrics = (struct port){ .server = s,
		.first = ROUTE_METRICS,
		.n = ROUTES_OWN,
		.listen_fd = -1 };
	init_locks(s);
	return s;
}

static int
start_all(
    struct http_server *s, const struct http_config *config, struct err *e)
{
	bool tls = config->cert_pem != NULL;

	if (open_port(&s->main, config->listen, tls, e) < 0)
		return -1;
	if (config->metrics_listen != NULL &&
	    open_port(&s->metrics, config->metrics_listen, false, e) < 0)
		return -1;
	if ((errno = pthread_create(&s->timer, NULL, timer_main, s)) != 0)
		return err_sys(e, "start a thread");
	s->timer_runs = true;
	if (s->metrics.listen_fd >= 0 &&
	    start_port(&s->metrics, config, false, e) < 0)
		return -1;
	return start_port(&s->main, config, tls, e);
}

int
http_start(const struct http_config *config, const struct http_app *app,
    struct http_server **out, struct err *e)
{
	OWN(http_free) struct http_server *s = NULL;
	sigset_t all, before;

	assert(config->threads >= 1 && config->threads <= 64);
	assert(config->connections >= config->threads && config->idle_s > 0);
	assert((config->cert_pem == NULL) == (config->key_pem == NULL));
	s = server_new(config, app);
	/* Handlers may ask for it as soon as the first thread runs. */
	*out = s;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = start_all(s, config, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		(void)TAKE(s);
	else
		*out = NULL;
	return rc;
}

uint16_t
http_port(const struct http_server *s)
{
	return s->main.number;
}

uint16_t
http_metrics_port(const struct http_server *s)
{
	return s->metrics.number;
}

/* Answer all long polls, then wait until no request runs, but not for ever. */
static void
drain(struct http_server *s)
{
	struct timespec until;

	pthread_mutex_lock(&s->wait_mu);
	(void)resume_due(s, 0, true);
	pthread_mutex_unlock(&s->wait_mu);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += s->drain_s;
	pthread_mutex_lock(&s->conn_mu);
	while (s->running > 0)
		if (pthread_cond_timedwait(&s->drained, &s->conn_mu, &until) !=
		    0)
			break;
	pthread_mutex_unlock(&s->conn_mu);
}

static void
stop_port(struct port *port)
{
	if (port->daemon != NULL)
		MHD_stop_daemon(port->daemon);
	port->daemon = NULL;
	fd_close(&port->listen_fd);
}

void
http_free(struct http_server **server)
{
	struct http_server *s = *server;

	if (s == NULL)
		return;
	/* After this no request is parked any more: park looks at it. */
	atomic_store(&s->stopping, true);
	if (s->main.daemon != NULL)
		(void)MHD_quiesce_daemon(s->main.daemon);
	drain(s);
	stop_port(&s->main);
	stop_port(&s->metrics);
	if (s->timer_runs) {
		pthread_mutex_lock(&s->wait_mu);
		s->timer_stop = true;
		pthread_cond_signal(&s->wait_changed);
		pthread_mutex_unlock(&s->wait_mu);
		pthread_join(s->timer, NULL);
	}
	assert(s->running == 0 && s->conns == NULL && s->waiting == 0);
	pthread_mutex_destroy(&s->wait_mu);
	pthread_mutex_destroy(&s->conn_mu);
	pthread_cond_destroy(&s->wait_changed);
	pthread_cond_destroy(&s->drained);
	meter_free(&s->meter);
	for (size_t i = 0; i < s->n_routes; i++)
		free(s->labels[i]);
	free(s->labels);
	free(s->routes);
	free(s->trusted_proxy);
	free(s);
	*server = NULL;
}
