/* SPDX-License-Identifier: ISC */
/* http.c: the HTTP shell over libmicrohttpd: its start, end and callbacks. */
#include "http/http_in.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "http/meter.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Memory of one connection for headers and body pieces, bytes. */
#define POOL_BYTES (32 * 1024)
#define METRICS_CONNECTIONS 64
/* Files beside connections: readers of the database, the log, the parts. */
#define OWN_FILES 128
#define TLS_PRIORITIES \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:" \
	"-AES-128-CBC:-AES-256-CBC:-SHA1:%SERVER_PRECEDENCE"

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
	http_refused_text(s, &r->body);
	if (s->app.metrics != NULL)
		s->app.metrics(s->app.app, &r->body);
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	return 0;
}

static const struct http_route own_routes[ROUTES_OWN] = {
	[ROUTE_METRICS] = { "GET", "/metrics", 0, 0, get_metrics, NULL, NULL },
	[ROUTE_HEALTHZ] = { "GET", "/healthz", 0, 0, get_healthz, NULL, NULL },
	[ROUTE_READYZ] = { "GET", "/readyz", 0, 0, get_readyz, NULL, NULL },
};

/* ---- called by libmicrohttpd ---- */

/* After the header. A refused body that is long is never read. */
static enum MHD_Result
begin(struct http_call *c, const struct port *port)
{
	struct err e = { 0 };

	if (http_admit(c, port, &e) == 0)
		return MHD_YES;
	http_call_fail(c, &e);
	if (!c->closing && c->q.length <= DRAIN_BYTES &&
	    http_header(&c->q, "Expect") == NULL)
		return MHD_YES;
	c->closing = true;
	return http_answer(c);
}

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *n,
    void **context)
{
	const struct port *port = cls;
	struct http_call *c = *context;

	(void)version;
	if (c == NULL) {
		c = *context = http_call_new(port->server, mhd, url, method);
		return begin(c, port);
	}
	if (c->status != 0) /* answered early; nothing more is read */
		return MHD_NO;
	if (*n > 0) {
		size_t size = *n;
		*n = 0;
		return http_take_body(c, bytes_of(data, size));
	}
	return http_answer(c);
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_RequestTerminationCode how)
{
	struct http_call *c = *context;

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
	    c->status, http_elapsed_ms(c), whole ? "" : " cut=true");
	http_call_free(&c);
	*context = NULL;
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

/* Who may connect is for the folder to say, and the group. What a server that
 * ended left there goes; what one that runs has there does not. */
static int
open_unix(struct port *port, const char *path, struct err *e)
{
	OWN(fd_close)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;

	if (strlen(path) >= sizeof un.sun_path)
		return err_set(e, ERR_BAD_REQUEST,
		    "%s is longer than a socket's path may be, %zu bytes", path,
		    sizeof un.sun_path - 1);
	memcpy(un.sun_path, path, strlen(path));
	const struct sockaddr *sa = (const struct sockaddr *)&un;
	if (fd >= 0 && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, sa, sizeof un) < 0 && errno == ECONNREFUSED)
		(void)unlink(path);
	if (fd < 0 || bind(fd, sa, sizeof un) < 0)
		return err_sys(e, "listen on %s", path);
	port->unix_path = mem_text(path);
	if (chmod(path, 0660) < 0 || listen(fd, SOMAXCONN) < 0)
		return err_sys(e, "listen on %s", path);
	port->listen_fd = fd;
	fd = -1;
	return 0;
}

static int
start_port(struct port *port, const struct http_config *config, bool tls,
    struct err *e)
{
	unsigned threads = port->first == ROUTE_METRICS ? 1 : config->threads;
	bool main = port == &port->server->main;
	unsigned most = main ? port->server->connections : METRICS_CONNECTIONS;
	bool own = main && port->server->proxy_protocol;
	struct MHD_OptionItem more[8], *m = more;

	if (threads > 1)
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE,
			(intptr_t)threads, NULL };
	if (tls) {
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK2,
			0, (void *)(intptr_t)http_tls_show };
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)TLS_PRIORITIES };
	}
	if (!own)
		*m++ = (struct MHD_OptionItem){ MHD_OPTION_LISTEN_SOCKET,
			port->listen_fd, NULL };
	*m = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	/* With epoll a handshake that is half done makes its thread spin. */
	/* Each thread may have all of them: http_accept counts. */
	most += most / 4 + 16;
	port->daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD |
		MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
		(tls ? MHD_USE_TLS : 0u) |
		(own ? MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC : 0u),
	    0, main ? http_accept : NULL, port, on_access, port,
	    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
	    MHD_OPTION_CONNECTION_LIMIT, most * threads,
	    MHD_OPTION_CONNECTION_TIMEOUT, config->idle_s,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
	    keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, port,
	    MHD_OPTION_ARRAY, more, MHD_OPTION_END);
	if (port->daemon == NULL)
		return err_set(e, ERR_IO, "the HTTP server did not start");
	return own ? http_proxy_start(port, e) : 0;
}

static int
open_port(struct port *port, const char *text, bool tls, struct err *e)
{
	const char *path = address_unix(text);
	struct address a;

	if (path != NULL)
		return open_unix(port, path, e);
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
	pthread_mutex_init(&s->tls_mu, NULL);
	pthread_cond_init(&s->wait_changed, &attr);
	pthread_cond_init(&s->drained, &attr);
	pthread_condattr_destroy(&attr);
}

/*
 * A connection is a file, and so is what it may be answered with. Out of files
 * nothing would be accepted, and nobody would be told.
 */
static int
fit_files(struct http_server *s, unsigned threads, struct err *e)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_sys(e, "the limit of open files");
	uint64_t own = OWN_FILES + 4 * (uint64_t)threads;
	uint64_t most =
	    files.rlim_cur > own ? (files.rlim_cur - own) / 5 * 2 : 0;
	if (s->connections <= most)
		return 0;
	if (most < threads || most < 16)
		return err_set(e, ERR_IO,
		    "%llu open files are allowed to this process, and %llu "
		    "are the least (LimitNOFILE, ulimit -n)",
		    (unsigned long long)files.rlim_cur,
		    (unsigned long long)(own + 5 * 16));
	log_warn("connections_lowered", "from=%u to=%llu files=%llu",
	    s->connections, (unsigned long long)most,
	    (unsigned long long)files.rlim_cur);
	s->connections = (unsigned)most;
	return 0;
}

static struct http_server *
server_new(const struct http_config *config, const struct http_app *app)
{
	struct http_server *s = mem_new(sizeof *s);

	s->app = *app;
	s->idle_s = config->idle_s;
	s->drain_s = config->drain_s;
	s->proxies = config->proxies;
	s->all_proxies = config->tls_ended;
	s->proxy_protocol = config->proxy_protocol;
	s->connections = config->connections;
	s->per_address = config->per_address;
	s->held_account = config->held_account;
	s->held_address = config->held_address;
	s->body_dir = config->body_dir;
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
	bool tls = config->cert_pem.n > 0;

	if (tls && http_set_tls(s, config->cert_pem, config->key_pem, e) < 0)
		return -1;
	if (open_port(&s->main, config->listen, tls, e) < 0)
		return -1;
	if (config->metrics_listen != NULL &&
	    open_port(&s->metrics, config->metrics_listen, false, e) < 0)
		return -1;
	if ((errno = pthread_create(&s->timer, NULL, http_timer, s)) != 0)
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
	assert((config->cert_pem.n == 0) == (config->key_pem.n == 0));
	s = server_new(config, app);
	/* Handlers may ask for it as soon as the first thread runs. */
	*out = s;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = fit_files(s, config->threads, e);
	if (rc == 0)
		rc = start_all(s, config, e);
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
	pthread_mutex_lock(&s->wait_mu);
	(void)http_resume_due(s, 0, true);
	pthread_mutex_unlock(&s->wait_mu);
	struct timespec until = now_mono_after(s->drain_s * 1000LL);
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
	if (port->unix_path != NULL)
		(void)unlink(port->unix_path);
	free(port->unix_path);
}

void
http_free(struct http_server **server)
{
	struct http_server *s = *server;

	if (s == NULL)
		return;
	/* After this no request is parked any more: park looks at it. */
	atomic_store(&s->stopping, true);
	if (s->main.has_entrance)
		pthread_join(s->main.entrance, NULL);
	else if (s->main.daemon != NULL)
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
	for (size_t i = 0; i < PURSES; i++)
		assert(s->purses[i] == NULL);
	pthread_mutex_destroy(&s->wait_mu);
	pthread_mutex_destroy(&s->conn_mu);
	pthread_mutex_destroy(&s->tls_mu);
	http_tls_free(s);
	pthread_cond_destroy(&s->wait_changed);
	pthread_cond_destroy(&s->drained);
	meter_free(&s->meter);
	for (size_t i = 0; i < s->n_routes; i++)
		free(s->labels[i]);
	free(s->labels);
	free(s->routes);
	free(s);
	*server = NULL;
}
