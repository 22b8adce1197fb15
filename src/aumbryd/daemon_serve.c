/* SPDX-License-Identifier: ISC */
/* daemon_serve.c: aumbryd serve. */
#include "aumbryd/daemon.h"

#include "api/api.h"
#include "api/sasl.h"
#include "aumbryd/daemon_escrow.h"
#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "server/escrowlink.h"
#include "server/escrowpeer.h"
#include "server/postman.h"
#include "server/ready.h"
#include "server/renew.h"
#include "server/restored.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_S 600
#define LOOK_S 2 /* at a disk that may be full */
/* Bodies and long answers under way at once: a few of the largest commits of
 * an account; of an address without one, many of the calls that it can make. */
#define HELD_ACCOUNT (128ULL * 1024 * 1024)
#define HELD_ADDRESS (4ULL * 1024 * 1024)

struct serve {
	const char *data, *listen;
	bool check_config, with_escrow;
	bool verbose; /* of the line */
};

static int
ready(void *app, struct err *e)
{
	struct server *s = app;

	return ready_ask(s->ready, s, e);
}

static int
start(struct server *s, struct err *e)
{
	const struct config *c = &s->config;
	bool ended = c->tls == CONFIG_TLS_PROXY;
	struct http_config h = { .listen = c->listen,
		.metrics_listen =
		    c->metrics_listen[0] != '\0' ? c->metrics_listen : NULL,
		.tls_ended = ended,
		.proxy_protocol = c->proxy_protocol != 0,
		.threads = (unsigned)c->threads,
		.connections = (unsigned)c->connections,
		.per_address = (unsigned)c->connections_per_address,
		.body_dir = s->data_fd,
		.held_account = HELD_ACCOUNT,
		.held_address = HELD_ADDRESS,
		.idle_s = (unsigned)c->idle_s,
		.drain_s = (unsigned)c->drain_s };
	struct http_app app = { .app = s,
		.routes = api_routes,
		.n_routes = api_n_routes,
		.authorize = server_authorize,
		.release = server_release,
		.ready = ready };

	if (!s->plain && !ended)
		certs_shown(s->certs, &h.cert_pem, &h.key_pem);
	return address_nets_parse(c->trusted_proxy, &h.proxies, e) < 0
	    ? -1
	    : http_start(&h, &app, &s->http, e);
}

static int
start_escrow(const struct serve *o, struct server *s, struct err *e)
{
	OWN(mem_free) char *keys = file_join(o->data, "keys");

	return escrowlink_start(s, keys, true, &s->escrow, e);
}

static void
sweep(struct server *s)
{
	struct err e;

	if (server_sweep(s, now_ms(), &e) < 0)
		log_error("sweep_failed", "code=%s why=\"%s\"",
		    err_name(e.code), e.msg);
}

/* aumbryd.conf, with what the command line says. */
static int
read_config(const struct serve *o, struct config *out, struct err *e)
{
	OWN(mem_free) char *conf = file_join(o->data, DAEMON_CONFIG);

	if (config_load(conf, out, e) < 0)
		return -1;
	if (o->listen == NULL ||
	    config_set(out, "server", "listen", o->listen, e) == 0)
		return 0;
	config_free(out);
	return -1;
}

/*
 * SIGHUP: what was changed counts, where it can, for what comes from now on. A
 * mistake changes nothing. Certificates are looked at by certs_look, each time
 * that something happens.
 */
static void
reload(const struct serve *o, struct server *s)
{
	OWN(config_free) struct config fresh = { 0 };
	struct err e = { 0 };

	if (read_config(o, &fresh, &e) < 0 ||
	    server_renew(s, &fresh, o->verbose, &e) < 0)
		log_error("reload_failed", "code=%s why=\"%s\"",
		    err_name(e.code), e.msg);
}

/* Until SIGTERM or SIGINT; now and then drop what has expired. */
static void
serve_until_told(const struct serve *o, struct server *s,
    struct daemon_escrow *child, const sigset_t *set)
{
	const struct timespec pause = { LOOK_S, 0 };
	int64_t swept_ns = now_mono_ns();

	for (;;) {
		int sig = sigtimedwait(set, NULL, &pause);
		if (sig == SIGTERM || sig == SIGINT)
			return;
		if (sig == SIGCHLD)
			(void)daemon_escrow_died(child);
		if (sig == SIGHUP)
			reload(o, s);
		certs_look(s->certs, s->http);
		if (sig >= 0 || errno != EAGAIN ||
		    (!room_full(s->room) &&
			now_mono_ns() - swept_ns < SWEEP_S * 1000000000LL))
			continue;
		swept_ns = now_mono_ns();
		sweep(s);
	}
}

/* What aumbryd.conf says and names. */
static int
read_settings(const struct serve *o, struct server *s, struct err *e)
{
	if (daemon_load_config(o->data, s, e) < 0 ||
	    (o->listen != NULL &&
		config_set(&s->config, "server", "listen", o->listen, e) < 0) ||
	    gateway_check(&s->config, e) < 0 ||
	    postman_check(&s->config, e) < 0)
		return -1;
	return s->config.place_database[0] != '\0'
	    ? geoip_open(s->config.place_database, &s->geoip, e)
	    : 0;
}

/* The signals that are waited for; no thread takes them. */
static void
hold_signals(sigset_t *set)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };

	(void)sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(set, signals[i]);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* What root alone can do comes first: the lock, an escrow's child. */
static int
settle_in(const struct serve *o, struct server *s, int lock,
    struct daemon_escrow **child, struct err *e)
{
	struct daemon_user user;

	if (daemon_user_find(o->data, &s->config, &user, e) < 0)
		return -1;
	if (user.drops && fchown(lock, user.uid, user.gid) < 0)
		return err_sys(e, "the lock of %s", o->data);
	return (o->with_escrow &&
		   daemon_escrow_start(o->data, &s->config, &user, child, e) <
		       0) ||
		daemon_load_keys(o->data, s, e) < 0 ||
		daemon_user_become(&user, e) < 0 ||
		daemon_is_there(o->data, s, e) < 0
	    ? -1
	    : 0;
}

static int
start_all(
    const struct serve *o, struct server *s, struct sasl **sasl, struct err *e)
{
	const struct config *c = &s->config;

	s->ready = ready_new();
	return postman_start(s, &s->postman, e) < 0 ||
		(escrowpeer_named(c) && start_escrow(o, s, e) < 0) ||
		gateway_start(c, &s->http, &s->gateway, e) < 0 ||
		(c->saslauthd_socket[0] != '\0' &&
		    sasl_start(s, c->saslauthd_socket, sasl, e) < 0) ||
		start(s, e) < 0
	    ? -1
	    : 0;
}

/* --check-config: the files that are named, and whom it would run as. */
static int
look_only(const struct serve *o, struct server *s, struct err *e)
{
	struct daemon_user user;

	return daemon_user_find(o->data, &s->config, &user, e) < 0 ||
		daemon_load_keys(o->data, s, e) < 0
	    ? -1
	    : 0;
}

static int
run_serve(void *line, const void *options, struct err *e)
{
	const struct cmd_line *l = line;
	struct serve o = *(const struct serve *)options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(mem_free) char *lock_path = file_join(o.data, "serve.lock");
	OWN(fd_close) int lock = -1;
	OWN(buf_free) struct buf url = { 0 };
	OWN(sasl_stop) struct sasl *sasl = NULL;
	OWN(daemon_escrow_stop) struct daemon_escrow *child = NULL;
	sigset_t set;

	o.verbose = l->verbose;
	hold_signals(&set);
	if (read_settings(&o, &s, e) < 0)
		return -1;
	if (o.check_config)
		return look_only(&o, &s, e);
	if (!o.verbose)
		log_level_set((enum log_level)s.config.log);
	/* Before the tables: those of a server that runs stay as they are. */
	if (file_lock(lock_path, &lock, e) < 0)
		return e->code == ERR_HOME_BUSY
		    ? err_set(
			  e, ERR_HOME_BUSY, "another aumbryd serves %s", o.data)
		    : -1;
	if (settle_in(&o, &s, lock, &child, e) < 0)
		return -1;
	daemon_open_room(o.data, &s);
	if (daemon_open_parts(o.data, DB_SERVER, &s, e) < 0 ||
	    restored_load(o.data, now_ms(), &s.restored_since_ms,
		&s.restored_until_ms, e) < 0)
		return -1;
	/* What a crash left is dealt with before anybody comes. */
	sweep(&s);
	if (start_all(&o, &s, &sasl, e) < 0)
		return -1;
	/* And what the escrow has a part in, once it is there. */
	if (s.escrow != NULL)
		sweep(&s);
	/* Behind a proxy it is the proxy's that people use. */
	daemon_put_url(
	    &s, s.config.tls == CONFIG_TLS_PROXY ? 0 : http_port(s.http), &url);
	(void)fprintf(stderr, "aumbryd: ready %s\n", buf_text(&url));
	daemon_notify("READY=1");
	serve_until_told(&o, &s, child, &set);
	daemon_notify("STOPPING=1");
	log_info("stopping", "signal=term");
	gateway_stop(s.gateway);
	http_free(&s.http);
	return 0;
}

static const struct cmd_option serve_options[] = {
	DAEMON_DATA(struct serve),
	{ "listen", CMD_TEXT, offsetof(struct serve, listen), "ADDR:PORT",
	    "where it answers, instead of what aumbryd.conf says" },
	{ "with-escrow", CMD_FLAG, offsetof(struct serve, with_escrow), NULL,
	    "run an escrow of this machine beside it" },
	{ "check-config", CMD_FLAG, offsetof(struct serve, check_config), NULL,
	    "look at aumbryd.conf and the files that it names, and end" },
};

const struct cmd daemon_serve[] = {
	{ "serve", "", "answer until SIGTERM or Ctrl-C", run_serve,
	    CMD_OPTIONS(serve_options, struct serve) },
	{ 0 },
};
