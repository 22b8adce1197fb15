/* SPDX-License-Identifier: ISC */
/* daemon.c: aumbryd: init, serve, invite, account, status, check, backup,
 * restored. */
#include "api/api.h"
#include "api/recoveries.h"
#include "api/sasl.h"
#include "base/file.h"
#include "aumbryd/daemon_escrow.h"
#include "base/log.h"
#include "base/now.h"
#include "base/text.h"
#include "base/typed.h"
#include "base/version.h"
#include "http/tlscert.h"
#include "server/copy.h"
#include "server/escrowlink.h"
#include "server/invite.h"
#include "server/postman.h"
#include "server/restored.h"
#include "store/blob_dir.h"
#include "store/sql.h"
#include "store/zone_check.h"
#include "store/zone_import.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INVITE_MS (7 * 24 * 3600 * 1000LL)
#define SWEEP_S 600
#define LOOK_S 2 /* at a disk that may be full */
/* Bodies and long answers under way at once: a few of the largest commits of
 * an account; of an address without one, many of the calls that it can make. */
#define HELD_ACCOUNT (128ULL * 1024 * 1024)
#define HELD_ADDRESS (4ULL * 1024 * 1024)
#define CONFIG_FILE "aumbryd.conf"

struct options {
	const char *data, *host, *listen, *expires, *to, *reference, *escrow;
	uint64_t uses;
	const char *mature_hours, *age;
	bool http, open, json, read, repair, yes, check_config, with_escrow;
	char **args;
	int n_args;
};

typedef int command_fn(const struct options *o, struct err *e);

/* ---- the server's parts ---- */

static void
server_free(struct server *s)
{
	gateway_stop(s->gateway);
	http_free(&s->http);
	escrowlink_stop(&s->escrow);
	gateway_free(&s->gateway);
	geoip_free(&s->geoip);
	postman_stop(&s->postman);
	blob_store_free(&s->blobs);
	db_free(&s->db);
	room_free(&s->room);
	keys_free(&s->keys);
	opsrv_keys_wipe(&s->opaque);
	config_free(&s->config);
	fd_close(&s->data_fd);
}

static char *
in_data(const char *data, const char *path)
{
	return path[0] == '/' ? mem_text(path) : file_join(data, path);
}

static bool
is_plain(const struct config *c)
{
	return strncmp(c->url, "http://", 7) == 0;
}

/* A part of a server that was there: nothing new takes its place. */
static int
from_a_copy(struct err *e)
{
	return err_remedy(
	    e, "Put it back from a copy, or mount the disk that it is on.");
}

static int
load_config(const char *data, struct server *s, struct err *e)
{
	OWN(mem_free) char *conf = file_join(data, CONFIG_FILE);
	OWN(mem_free) char *keys = file_join(data, "keys");

	if (config_load(conf, &s->config, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND)
		return -1;
	if (file_exists(keys)) {
		(void)err_set(e, ERR_NOT_FOUND, "%s is not there", conf);
		return from_a_copy(e);
	}
	(void)err_set(
	    e, ERR_NOT_FOUND, "there is no server's data at %s", data);
	return err_remedy(e, "Run: aumbryd init --data %s", data);
}

static char *
database(const char *data, const struct server *s)
{
	const char *name = s->config.database;

	return in_data(
	    data, strncmp(name, "sqlite:", 7) == 0 ? name + 7 : name);
}

/* The reserve lies where the database grows. */
static void
open_room(const char *data, struct server *s)
{
	OWN(mem_free) char *dir = database(data, s);
	char *slash = strrchr(dir, '/');

	if (slash != NULL)
		slash[slash == dir] = '\0';
	s->room = room_new(slash != NULL ? dir : ".", s->config.reserve_bytes);
	(void)room_use(s->room); /* now, for the database is opened next */
}

static int
load_keys(const char *data, struct server *s, struct err *e)
{
	OWN(mem_free) char *keys = file_join(data, "keys");
	const char *cert = s->config.tls_cert, *key = s->config.tls_key;

	if (keys_load(keys, cert[0] != '\0' ? cert : NULL,
		key[0] != '\0' ? key : NULL, &s->keys, e) == 0)
		return 0;
	return e->code == ERR_NOT_FOUND || e->code == ERR_STATE_DAMAGED
	    ? from_a_copy(e)
	    : -1;
}

/*
 * The database is made by init alone. Where one was, an empty one would tell
 * every device that its account is gone.
 */
static int
is_there(const char *data, const struct server *s, struct err *e)
{
	OWN(mem_free) char *db = database(data, s);
	struct stat st = { 0 };

	if (stat(db, &st) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, "%s", db);
	if (st.st_size > 0)
		return 0;
	(void)err_set(e, ERR_NOT_FOUND,
	    "%s, the database of this server, is not there or empty", db);
	return from_a_copy(e);
}

static int
count_blobs(struct tx *tx, void *arg, struct err *e)
{
	return sql_count(tx, e, arg, "SELECT COUNT(*) FROM blob", "");
}

/* Nor is a folder begun for blobs that the database knows to lie in another. */
static int
open_blobs(const char *dir, struct server *s, struct err *e)
{
	OWN(mem_free) char *mark = file_join(dir, "tmp");
	uint64_t n = 0;

	if (!file_exists(mark) && db_read(s->db, count_blobs, &n, e) < 0)
		return -1;
	if (n == 0)
		return blob_dir_open(dir, ERR_SERVER_FULL, &s->blobs, e);
	(void)err_set(e, ERR_NOT_FOUND,
	    "%s is no folder of blobs, and the database knows of %llu", dir,
	    (unsigned long long)n);
	return from_a_copy(e);
}

/* Keys and database. use: DB_SERVER brings the tables up to date. */
static int
open_parts(const char *data, enum db_use use, struct server *s, struct err *e)
{
	const char *blobs = s->config.blobs;
	if (strncmp(blobs, "dir:", 4) == 0)
		blobs += 4;
	OWN(mem_free) char *db = database(data, s);
	OWN(mem_free) char *dir = in_data(data, blobs);
	if ((s->keys == NULL && load_keys(data, s, e) < 0) ||
	    db_open(db, use, &s->db, e) < 0 || zone_open(s->db, e) < 0 ||
	    account_open(s->db, e) < 0 || open_blobs(dir, s, e) < 0)
		return -1;
	opsrv_keys_load(keys_opaque(s->keys), &s->opaque);
	s->store = (struct zone_store){ s->db, s->blobs };
	s->plain = is_plain(&s->config);
	s->data_fd = open(data, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return s->data_fd < 0 ? err_sys(e, "%s", data) : 0;
}

/*
 * Beside a server that runs, or without one. Root becomes whom the server runs
 * as, or what is made here would be closed to it; but not where it also writes
 * elsewhere.
 */
static int
open_data(const char *data, bool elsewhere, struct server *s, struct err *e)
{
	struct daemon_user user;

	if (load_config(data, s, e) < 0 ||
	    daemon_user_find(data, &s->config, &user, e) < 0 ||
	    load_keys(data, s, e) < 0 ||
	    (!elsewhere && daemon_user_become(&user, e) < 0))
		return -1;
	return is_there(data, s, e) < 0 || open_parts(data, DB_BESIDE, s, e) < 0
	    ? -1
	    : 0;
}

/* The fingerprint of the escrow's key, once it was met. */
static void
put_escrow(const struct server *s, struct buf *out)
{
	uint8_t key[SIG_PK_BYTES];
	struct digest d;

	if (!escrowlink_key(s->escrow, key))
		return;
	digest_of(bytes_of(key, sizeof key), &d);
	buf_put_str(out, "&escrow=");
	text_base64url(out, bytes_of(d.b, DIGEST_BYTES));
}

/* Who clients connect to: config's url, or host and port. */
static void
put_url(const struct server *s, uint16_t port, struct buf *out)
{
	const struct config *c = &s->config;

	if (c->url[0] != '\0' && port == 0) {
		buf_put_str(out, c->url);
	} else {
		const char *colon = strrchr(c->listen, ':');
		size_t n = (size_t)(colon - c->listen);
		bool any = strncmp(c->listen, "0.0.0.0", n) == 0 ||
		    strncmp(c->listen, "[::]", n) == 0;
		buf_put_str(out, s->plain ? "http://" : "https://");
		if (any)
			buf_put_str(out, c->host);
		else
			buf_put(out, c->listen, n);
		if (port != 0)
			buf_printf(out, ":%u", (unsigned)port);
		else
			buf_put_str(out, colon);
	}
	if (s->plain)
		return;
	buf_put_str(out, "/#pin=");
	tlscert_pin(keys_spki(s->keys), out);
	put_escrow(s, out);
}

/* ---- init ---- */

/* "ADDR:0" becomes a port that is free now: it must stay the same. */
static int
settle_port(const char *listen, struct buf *out, struct err *e)
{
	const char *colon = strrchr(listen, ':');

	if (colon == NULL || strcmp(colon, ":0") != 0) {
		buf_put_str(out, listen);
		return 0;
	}
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	OWN(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return err_sys(e, "looking for a free port");
	buf_put(out, listen, (size_t)(colon - listen));
	buf_printf(out, ":%u", (unsigned)ntohs(a.sin_port));
	return 0;
}

/* Where the escrow of a household answers: in the data folder. */
static int
own_socket(const char *data, struct buf *out, struct err *e)
{
	char *real = realpath(data, NULL);

	if (real == NULL)
		return err_sys(e, "%s", data);
	buf_printf(out, "%s/escrow.sock", real);
	free(real);
	return 0;
}

static int
write_config(const struct options *o, struct config *c, struct err *e)
{
	OWN(mem_free) char *path = file_join(o->data, CONFIG_FILE);
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf listen = { 0 };
	OWN(buf_free) struct buf url = { 0 };
	OWN(buf_free) struct buf socket = { 0 };

	if (file_exists(path)) {
		(void)err_set(e, ERR_REPO_EXISTS,
		    "%s is a server's data already", o->data);
		return -1;
	}
	config_defaults(c);
	if (o->host != NULL && config_set(c, "server", "host", o->host, e) < 0)
		return -1;
	if (o->listen != NULL &&
	    (settle_port(o->listen, &listen, e) < 0 ||
		config_set(c, "server", "listen", buf_text(&listen), e) < 0))
		return -1;
	if (o->http) {
		buf_printf(&url, "http://%s", c->listen);
		if (config_set(c, "server", "url", buf_text(&url), e) < 0)
			return -1;
	}
	if (o->mature_hours != NULL &&
	    config_set(c, "limits", "mature_hours", o->mature_hours, e) < 0)
		return -1;
	if (o->with_escrow && own_socket(o->data, &socket, e) < 0)
		return -1;
	const char *escrow = o->with_escrow ? buf_text(&socket) : o->escrow;
	if (escrow != NULL && config_set(c, "escrow", "socket", escrow, e) < 0)
		return -1;
	if (o->open && config_set(c, "accounts", "invitations", "open", e) < 0)
		return -1;
	config_text(c, &text);
	return file_write(path, buf_bytes(&text), 0600, e);
}

static int
print_invite(struct server *s, uint64_t uses, int64_t span_ms, struct err *e)
{
	OWN(buf_free) struct buf code = { 0 };

	if (invite_new(s, uses, span_ms, now_ms(), &code, e) < 0)
		return -1;
	(void)printf("%s\n", buf_text(&code));
	return 0;
}

static int
run_init(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	OWN(config_free) struct config c = { 0 };
	OWN(mem_free) char *keys = file_join(o->data, "keys");
	OWN(mem_free) char *conf = file_join(o->data, CONFIG_FILE);
	OWN(buf_free) struct buf url = { 0 };
	OWN(escrow_child_stop) struct escrow_child *child = NULL;
	uint8_t opaque[OPSRV_KEYS];
	struct daemon_user user;
	const char *names[] = { NULL, "localhost", "127.0.0.1" };

	if (file_mkdirs(o->data, 0700, e) < 0 || write_config(o, &c, e) < 0)
		return -1;
	names[0] = c.host;
	opsrv_keys_make(opaque);
	int rc = keys_make(keys, opaque, names, ARRAY_SIZE(names), e);
	mem_wipe(opaque, sizeof opaque);
	if (rc < 0) /* once it can be, the same command makes it */
		(void)unlink(conf);
	if (rc < 0 || load_config(o->data, &s, e) < 0 ||
	    open_parts(o->data, DB_SERVER, &s, e) < 0)
		return -1;
	/* Met now, so that the address names it. */
	if (daemon_user_find(o->data, &c, &user, e) < 0)
		return -1;
	if (o->with_escrow &&
	    escrow_child_start(o->data, &c, &user, &child, e) < 0)
		return -1;
	if (o->escrow != NULL || o->with_escrow) {
		uint8_t key[SIG_PK_BYTES];
		if (escrowlink_start(&s, keys, false, &s.escrow, e) < 0)
			return -1;
		if (!escrowlink_key(s.escrow, key))
			(void)fprintf(stderr,
			    "aumbryd: the escrow does not answer at %s: the "
			    "address does not name it yet\n",
			    c.escrow_socket);
	}
	put_url(&s, 0, &url);
	(void)printf("%s\n", buf_text(&url));
	return print_invite(&s, 1, INVITE_MS, e);
}

static int
run_invite(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	int64_t span = INVITE_MS / 1000;

	if (o->expires != NULL &&
	    (text_parse_span(o->expires, &span) < 0 || span == 0))
		return err_set(e, ERR_USAGE,
		    "--expires is a span as 7d, not %s", o->expires);
	return open_data(o->data, false, &s, e) < 0
	    ? -1
	    : print_invite(&s, o->uses, span * 1000, e);
}

/* ---- serve ---- */

static int
ready(void *app, struct err *e)
{
	struct server *s = app;
	OWN(mem_free) struct zone_info *list = NULL;
	struct id nobody = { { 0 } };
	size_t n;

	if (room_to_grow(s->room, e) < 0)
		return -1;
	return zone_list(s->db, &nobody, &list, &n, e);
}

static int
start(struct server *s, struct err *e)
{
	const struct config *c = &s->config;
	struct http_config h = { .listen = c->listen,
		.cert_pem = s->plain ? NULL : keys_cert_pem(s->keys),
		.key_pem = s->plain ? NULL : keys_key_pem(s->keys),
		.metrics_listen =
		    c->metrics_listen[0] != '\0' ? c->metrics_listen : NULL,
		.trusted_proxy =
		    c->trusted_proxy[0] != '\0' ? c->trusted_proxy : NULL,
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

	return http_start(&h, &app, &s->http, e);
}

static int
start_escrow(const struct options *o, struct server *s, struct err *e)
{
	OWN(mem_free) char *keys = file_join(o->data, "keys");

	return escrowlink_start(s, keys, true, &s->escrow, e);
}

/* Until SIGTERM or SIGINT; now and then drop what has expired. */
static void
serve_until_told(
    struct server *s, struct escrow_child *child, const sigset_t *set)
{
	const struct timespec pause = { LOOK_S, 0 };
	int64_t swept_ns = now_mono_ns();

	for (;;) {
		struct err e = { 0 };
		int sig = sigtimedwait(set, NULL, &pause);
		if (sig == SIGTERM || sig == SIGINT)
			return;
		if (sig == SIGCHLD)
			(void)escrow_child_died(child);
		if (sig >= 0 || errno != EAGAIN ||
		    (!room_full(s->room) &&
			now_mono_ns() - swept_ns < SWEEP_S * 1000000000LL))
			continue;
		swept_ns = now_mono_ns();
		if (server_sweep(s, now_ms(), &e) < 0)
			log_error("sweep_failed", "code=%s why=\"%s\"",
			    err_name(e.code), e.msg);
	}
}

/* What aumbryd.conf says and names. */
static int
read_settings(const struct options *o, struct server *s, struct err *e)
{
	if (load_config(o->data, s, e) < 0 ||
	    (o->listen != NULL &&
		config_set(&s->config, "server", "listen", o->listen, e) < 0) ||
	    gateway_check(&s->config, e) < 0 ||
	    postman_check(&s->config, e) < 0)
		return -1;
	return s->config.place_database[0] != '\0'
	    ? geoip_open(s->config.place_database, &s->geoip, e)
	    : 0;
}

static int
run_serve(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	OWN(mem_free) char *lock_path = file_join(o->data, "serve.lock");
	OWN(fd_close) int lock = -1;
	OWN(buf_free) struct buf url = { 0 };
	OWN(sasl_stop) struct sasl *sasl = NULL;
	OWN(escrow_child_stop) struct escrow_child *child = NULL;
	struct daemon_user user;
	struct err sweep;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (read_settings(o, &s, e) < 0)
		return -1;
	if (o->check_config)
		return daemon_user_find(o->data, &s.config, &user, e) < 0 ||
			load_keys(o->data, &s, e) < 0
		    ? -1
		    : 0;
	/* Before the tables: those of a server that runs stay as they are. */
	if (file_lock(lock_path, &lock, e) < 0)
		return e->code == ERR_HOME_BUSY
		    ? err_set(e, ERR_HOME_BUSY, "another aumbryd serves %s",
			  o->data)
		    : -1;
	/* What root alone can do comes first. */
	if (daemon_user_find(o->data, &s.config, &user, e) < 0 ||
	    (user.drops && fchown(lock, user.uid, user.gid) < 0 &&
		err_sys(e, "%s", lock_path) < 0) ||
	    (o->with_escrow &&
		escrow_child_start(o->data, &s.config, &user, &child, e) < 0) ||
	    load_keys(o->data, &s, e) < 0 || daemon_user_become(&user, e) < 0 ||
	    is_there(o->data, &s, e) < 0)
		return -1;
	open_room(o->data, &s);
	if (open_parts(o->data, DB_SERVER, &s, e) < 0)
		return -1;
	if (restored_load(o->data, now_ms(), &s.restored_since_ms,
		&s.restored_until_ms, e) < 0)
		return -1;
	/* What a crash left is dealt with before anybody comes. */
	if (server_sweep(&s, now_ms(), &sweep) < 0)
		log_error("sweep_failed", "code=%s why=\"%s\"",
		    err_name(sweep.code), sweep.msg);
	if ((s.config.smtp_url[0] != '\0' &&
		postman_start(&s, &s.postman, e) < 0) ||
	    (s.config.escrow_socket[0] != '\0' && start_escrow(o, &s, e) < 0) ||
	    gateway_start(&s.config, &s.http, &s.gateway, e) < 0 ||
	    (s.config.saslauthd_socket[0] != '\0' &&
		sasl_start(&s, s.config.saslauthd_socket, &sasl, e) < 0) ||
	    start(&s, e) < 0)
		return -1;
	put_url(&s, http_port(s.http), &url);
	(void)fprintf(stderr, "aumbryd: ready %s\n", buf_text(&url));
	serve_until_told(&s, child, &set);
	log_info("stopping", "signal=term");
	gateway_stop(s.gateway);
	http_free(&s.http);
	return 0;
}

/* Files without a row, as after older tables were put back. */
static int
give_rows(struct server *s, struct err *e)
{
	uint64_t n;

	if (zone_adopt(&s->store, now_ms(), &n, e) < 0)
		return -1;
	if (n > 0)
		(void)printf("%llu files without a row have one again; what "
			     "nothing names in 7 days is removed\n",
		    (unsigned long long)n);
	return 0;
}

static int
run_restored(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	int64_t age_s;

	if (o->age == NULL || text_parse_span(o->age, &age_s) < 0)
		return err_set(e, ERR_USAGE,
		    "--age SPAN is missing: how old the copy is, as 36h or 3d");
	if (open_data(o->data, false, &s, e) < 0 || give_rows(&s, e) < 0)
		return -1;
	return restored_mark(o->data, now_ms() - age_s * 1000, e);
}

/* ---- account, status, check ---- */

struct list_job {
	const char *name; /* one, or NULL */
	bool found;
};

static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct list_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT uid, name, created_ms, suspended, two_factor"
		" FROM account ORDER BY name",
		"") < 0)
		return -1;
	for (;;) {
		struct usage u;
		struct id uid;
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		const char *name = stmt_got_text(s, 1);
		if (j->name != NULL && strcmp(name, j->name) != 0)
			continue;
		j->found = true;
		stmt_got_copy(s, 0, uid.b, ID_BYTES);
		if (usage_get(tx, &uid, &u, e) < 0)
			return -1;
		OWN(buf_free) struct buf used = { 0 };
		text_size(&used, u.bytes);
		(void)printf("%-20s %s  %10s  two-factor %s%s\n", name,
		    id_text(&uid).s, buf_text(&used),
		    account_two_factor_name(
			(enum account_two_factor)stmt_got_u64(s, 4)),
		    stmt_got_u64(s, 3) != 0 ? "  suspended" : "");
	}
}

struct edit_job {
	const char *name;
	const char *verb;
	uint64_t quota;
};

static int
edit_job(struct tx *tx, void *arg, struct err *e)
{
	const struct edit_job *j = arg;
	struct account a;
	bool found;

	if (account_by_name(tx, j->name, &a, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no account %s", j->name);
	if (strcmp(j->verb, "unlock") == 0)
		return account_unthrottle_all(tx, a.name, &a.uid, e);
	if (strcmp(j->verb, "quota") == 0)
		return usage_set_quota(
		    tx, &a.uid, j->quota == 0 ? USAGE_NO_QUOTA : j->quota, e);
	bool suspend = strcmp(j->verb, "suspend") == 0;
	if (sql_run(tx, e, "UPDATE account SET suspended = ? WHERE uid = ?",
		"ui", (uint64_t)suspend, &a.uid) < 0)
		return -1;
	return suspend ? account_end_sessions(tx, &a.uid, NULL, e) : 0;
}

/* aumbryd account recover NAME REQUEST --reference R */
static int
order_recovery(
    const struct options *o, const char *name, struct server *s, struct err *e)
{
	OWN(mem_free) char *keys = file_join(o->data, "keys");
	OWN(buf_free) struct buf when = { 0 };
	int64_t ends_ms;

	if (o->n_args != 3 || o->reference == NULL)
		return err_set(e, ERR_USAGE,
		    "aumbryd account recover NAME REQUEST --reference R");
	if (s->config.escrow_socket[0] == '\0')
		return err_set(e, ERR_PROTECTION_BLOCKED,
		    "this server has no escrow: nothing can be given back");
	if (escrowlink_start(s, keys, false, &s->escrow, e) < 0 ||
	    recoveries_order(s, name, o->args[2], o->reference, &ends_ms, e) <
		0)
		return -1;
	text_time(&when, ends_ms);
	(void)printf("%s\n", buf_text(&when));
	(void)fprintf(stderr,
	    "The recovery may go on then. Until that time any sign-in of %s "
	    "stops it.\n",
	    name);
	return 0;
}

static int
run_account(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	const char *verb = o->n_args > 0 ? o->args[0] : "list";
	OWN(buf_free) struct buf typed = { 0 };
	bool quota = strcmp(verb, "quota") == 0;
	bool recover = strcmp(verb, "recover") == 0;
	int words = strcmp(verb, "list") == 0 ? 1 : quota || recover ? 3 : 2;

	if (o->n_args > words)
		return err_set(
		    e, ERR_USAGE, "%s is not understood", o->args[words]);
	if (open_data(o->data, false, &s, e) < 0 ||
	    (o->n_args > 1 &&
		typed_account(bytes_str(o->args[1]), s.config.host, &typed, e) <
		    0))
		return -1;
	const char *name = o->n_args > 1 ? buf_text(&typed) : NULL;
	struct edit_job edit = { name, verb, 0 };
	if (recover)
		return order_recovery(o, name, &s, e);
	if (strcmp(verb, "list") == 0 ||
	    (strcmp(verb, "show") == 0 && name != NULL)) {
		struct list_job j = { name, false };
		if (db_read(s.db, list_job, &j, e) < 0)
			return -1;
		return name == NULL || j.found
		    ? 0
		    : err_set(e, ERR_NOT_FOUND, "there is no account %s", name);
	}
	if (name == NULL ||
	    (!quota && strcmp(verb, "suspend") != 0 &&
		strcmp(verb, "resume") != 0 && strcmp(verb, "unlock") != 0) ||
	    (quota &&
		(o->n_args < 3 ||
		    text_parse_size(o->args[2], &edit.quota) < 0)))
		return err_set(e, ERR_USAGE,
		    "aumbryd account list | show NAME | suspend NAME | resume "
		    "NAME | unlock NAME | quota NAME SIZE (0: none)");
	return db_write(s.db, edit_job, &edit, e);
}

static int
count_job(struct tx *tx, void *arg, struct err *e)
{
	uint64_t *n = arg;
	static const char *const sql[] = { "SELECT COUNT(*) FROM account",
		"SELECT COUNT(*) FROM blob",
		"SELECT COALESCE(SUM(bytes), 0) FROM usage" };

	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		OWN(stmt_done) struct stmt *s = NULL;
		bool row;
		if (sql_first(tx, e, &s, &row, sql[i], "") < 0)
			return -1;
		n[i] = row ? stmt_got_u64(s, 0) : 0;
	}
	return 0;
}

static int
run_status(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	OWN(buf_free) struct buf url = { 0 };
	OWN(buf_free) struct buf used = { 0 };
	uint64_t n[3];

	if (open_data(o->data, false, &s, e) < 0 ||
	    db_read(s.db, count_job, n, e) < 0)
		return -1;
	put_url(&s, 0, &url);
	if (o->json) {
		json_t *j = json_pack("{s:s, s:I, s:I, s:I}", "url",
		    buf_text(&url), "accounts", (json_int_t)n[0], "blobs",
		    (json_int_t)n[1], "bytes", (json_int_t)n[2]);
		(void)json_dumpf(j, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(j);
		return 0;
	}
	text_size(&used, n[2]);
	(void)printf("url       %s\naccounts  %llu\nblobs     %llu\n"
		     "stored    %s\n",
	    buf_text(&url), (unsigned long long)n[0], (unsigned long long)n[1],
	    buf_text(&used));
	return 0;
}

static void
finding(void *arg, const struct zone_finding *f)
{
	uint64_t *n = arg;

	if (f->what != ERR_NONE)
		(*n)++;
	(void)printf("%s zone=%s id=%s %s\n", err_name(f->what),
	    id_short(&f->key.zone).s, id_text(&f->id).s, f->text);
}

static int
run_check(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	uint64_t n = 0;

	if (open_data(o->data, false, &s, e) < 0 ||
	    (o->repair && give_rows(&s, e) < 0) ||
	    zone_check(&s.store, o->read ? ZONE_CHECK_READ : ZONE_CHECK_LOOK,
		finding, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	return err_set(e, ERR_BLOB_CORRUPT, "%llu damages were found",
	    (unsigned long long)n);
}

static int
run_backup(const struct options *o, struct err *e)
{
	OWN(server_free) struct server s = { .data_fd = -1 };
	struct copy_result r;

	if (o->to == NULL)
		return err_set(e, ERR_USAGE, "--to OUT is missing");
	if (open_data(o->data, true, &s, e) < 0 ||
	    copy_server(&s, o->data, o->to, &r, e) < 0)
		return -1;
	(void)printf(o->json ? "{\"blobs\":%llu,\"copied\":%llu,"
			       "\"copied_bytes\":%llu,\"dropped\":%llu}\n"
			     : "%llu blobs, %llu of them copied (%llu bytes), "
			       "%llu dropped\n",
	    (unsigned long long)r.blobs, (unsigned long long)r.copied,
	    (unsigned long long)r.copied_bytes, (unsigned long long)r.dropped);
	if (s.config.database[0] == '/' || s.config.blobs[0] == '/' ||
	    strcmp(s.config.database, "sqlite:aumbryd.db") != 0 ||
	    strcmp(s.config.blobs, "dir:blobs") != 0)
		(void)fprintf(stderr,
		    "aumbryd: before you serve the copy, take database and "
		    "blobs out of [storage] in its aumbryd.conf: they are in "
		    "the copy itself\n");
	return 0;
}

/* ---- main ---- */

static const struct command {
	const char *name, *usage; /* it takes the flags that usage names */
	command_fn *run;
} commands[] = {
	{ "init",
	    "--data DIR [--host NAME] [--listen ADDR:PORT] [--http] "
	    "[--mature-hours N] [--open] [--with-escrow | --escrow SOCKET]",
	    run_init },
	{ "serve",
	    "--data DIR [--listen ADDR:PORT] [--with-escrow] "
	    "[--check-config] [-v]",
	    run_serve },
	{ "invite", "--data DIR [--uses N] [--expires 7d]", run_invite },
	{ "account",
	    "--data DIR list | show NAME | suspend NAME | resume "
	    "NAME | unlock NAME | quota NAME SIZE | recover NAME REQUEST "
	    "--reference R",
	    run_account },
	{ "status", "--data DIR [--json]", run_status },
	{ "check", "--data DIR [--read] [--repair]", run_check },
	{ "backup", "--data DIR --to OUT [--json]", run_backup },
	{ "restored", "--data DIR --age SPAN", run_restored },
};

static int
usage(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(
		    to, "aumbryd %s %s\n", commands[i].name, commands[i].usage);
	return to == stdout ? 0 : 2;
}

static int
report(const struct err *e)
{
	(void)fprintf(stderr, "aumbryd: %s\n%s\n(%s)\n", e->msg,
	    e->code == ERR_USAGE && e->remedy[0] == '\0' ? "Run: aumbryd help"
							 : err_fix(e),
	    err_name(e->code));
	return err_exit(e->code);
}

enum {
	OPT_HTTP = 256,
	OPT_OPEN,
	OPT_MATURE,
	OPT_READ,
	OPT_REPAIR,
	OPT_CHECK_CONFIG,
	OPT_AGE,
	OPT_TO,
	OPT_REFERENCE,
	OPT_ESCROW,
	OPT_WITH_ESCROW
};

/* Is it a flag of this command? What is ignored is not done. */
static bool
takes(const struct command *c, const char *flag)
{
	size_t n = strlen(flag);

	for (const char *at = c->usage; (at = strstr(at, "--")) != NULL;) {
		at += 2;
		if (strncmp(at, flag, n) == 0 &&
		    (at[n] == '\0' || at[n] == ' ' || at[n] == ']'))
			return true;
	}
	return false;
}

static int
parse(const struct command *command, int argc, char **argv, struct options *o,
    struct err *e)
{
	static const struct option longs[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "host", required_argument, NULL, 'h' },
		{ "listen", required_argument, NULL, 'l' },
		{ "uses", required_argument, NULL, 'u' },
		{ "expires", required_argument, NULL, 'x' },
		{ "http", no_argument, NULL, OPT_HTTP },
		{ "open", no_argument, NULL, OPT_OPEN },
		{ "mature-hours", required_argument, NULL, OPT_MATURE },
		{ "json", no_argument, NULL, 'j' },
		{ "read", no_argument, NULL, OPT_READ },
		{ "repair", no_argument, NULL, OPT_REPAIR },
		{ "age", required_argument, NULL, OPT_AGE },
		{ "to", required_argument, NULL, OPT_TO },
		{ "reference", required_argument, NULL, OPT_REFERENCE },
		{ "escrow", required_argument, NULL, OPT_ESCROW },
		{ "with-escrow", no_argument, NULL, OPT_WITH_ESCROW },
		{ "check-config", no_argument, NULL, OPT_CHECK_CONFIG },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};

	opterr = 0;
	for (int c, at = -1;
	     (c = getopt_long(argc, argv, "v", longs, &at)) != -1; at = -1) {
		if (at >= 0 && c != 'v' && c != '?' &&
		    !takes(command, longs[at].name))
			return err_set(e, ERR_USAGE,
			    "aumbryd %s does not take --%s", command->name,
			    longs[at].name);
		switch (c) {
		case 'v':
			log_level_set(LOG_DEBUG_);
			break;
		case 'd':
			o->data = optarg;
			break;
		case 'h':
			o->host = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'x':
			o->expires = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case OPT_HTTP:
			o->http = true;
			break;
		case OPT_OPEN:
			o->open = true;
			break;
		case OPT_MATURE:
			o->mature_hours = optarg;
			break;
		case OPT_AGE:
			o->age = optarg;
			break;
		case OPT_TO:
			o->to = optarg;
			break;
		case OPT_REFERENCE:
			o->reference = optarg;
			break;
		case OPT_WITH_ESCROW:
			o->with_escrow = true;
			break;
		case OPT_ESCROW:
			o->escrow = optarg;
			break;
		case OPT_READ:
			o->read = true;
			break;
		case OPT_REPAIR:
			o->repair = true;
			break;
		case OPT_CHECK_CONFIG:
			o->check_config = true;
			break;
		case 'u':
			if (text_parse_u64(optarg, 1, 100000, &o->uses) == 0)
				break;
			/* fall through */
		default:
			return err_set(e, ERR_USAGE, "%s is not understood",
			    argv[optind - 1]);
		}
	}
	o->args = argv + optind;
	o->n_args = argc - optind;
	if (o->data == NULL)
		return err_set(e, ERR_USAGE, "--data DIR is missing");
	/* run_account looks at its own. */
	if (o->n_args > 0 && command->run != run_account)
		return err_set(
		    e, ERR_USAGE, "%s is not understood", o->args[0]);
	return 0;
}

static int
run(int argc, char **argv)
{
	struct options o = { .uses = 1 };
	struct rlimit none = { 0, 0 }, files;
	struct err e = { 0 };

	file_hold_std();
	/* Before anything is read: no secret reaches a core file. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* one upload may fail, not all */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return usage(argc < 2 ? stderr : stdout);
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("aumbryd %s\n", AUMBRY_VERSION);
		return 0;
	}
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return usage(stdout);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (parse(&commands[i], argc - 1, argv + 1, &o, &e) < 0) {
			(void)err_remedy(&e, "usage: aumbryd %s %s",
			    commands[i].name, commands[i].usage);
			return report(&e);
		}
		return commands[i].run(&o, &e) < 0 ? report(&e) : 0;
	}
	(void)err_set(&e, ERR_USAGE, "there is no command \"%s\"", argv[1]);
	return report(&e);
}

int
main(int argc, char **argv)
{
	struct err e = { 0 };
	int status = run(argc, argv);

	/* What failed has said why already. */
	return file_printed(&e) < 0 && status == 0 ? report(&e) : status;
}
