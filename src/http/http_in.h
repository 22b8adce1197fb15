/* SPDX-License-Identifier: ISC */
/* http_in.h: what the parts of the HTTP shell share; for http*.c only. */
#pragma once

#include "http/address.h"
#include "http/http.h"

#include <pthread.h>
#include <stdatomic.h>

#include <gnutls/abstract.h>
#include <microhttpd.h>

/* A refused body up to this many bytes is read and dropped, so that the
 * connection lives on; before a longer one it is closed. */
#define DRAIN_BYTES (64 * 1024)
/* A body slower than this, or an answer taken slower, is cut after idle_s.
 * Bytes a second. */
#define SLOWEST_BPS 1024
#define MAX_QUERIES 8
#define MAX_HEADERS 48
/* A body up to this many bytes is kept in memory, the rest on the disk. */
#define HELD_IN_MEMORY (32 * 1024)
#define PURSES 1024
/* Generation numbers; keys share them by hash. */
#define SLOTS 1024
enum { ROUTE_METRICS, ROUTE_HEALTHZ, ROUTE_READYZ, ROUTES_OWN };

/* Limits that were met: counted, and told in the log. */
enum refusal {
	REFUSED_CONNECTIONS, /* of all */
	REFUSED_ADDRESS, /* of one address */
	REFUSED_HELD, /* bodies and long answers under way */
	REFUSED_SLOW, /* a body or the taking of an answer */
	REFUSED_PROXY, /* no header of the PROXY protocol, or no proxy's */
	REFUSALS
};

struct refused {
	uint64_t total, untold;
	int64_t told_ns;
};

/* What an address, or an account, has of us now. */
enum purse_kind { PURSE_ADDRESS, PURSE_ACCOUNT };

struct purse {
	struct purse *next;
	enum purse_kind kind;
	struct id key; /* address_net, or the account's id */
	unsigned users; /* connections and calls that point here */
	unsigned connections;
	uint64_t held; /* bytes of bodies and long answers */
};

/* One connection, so that it can be cut when no request comes. */
struct conn {
	struct conn *next, *prev;
	struct http_server *server;
	int fd;
	bool busy; /* a request is being read or answered */
	int64_t idle_since_ns;
	int64_t answer_by_ns; /* its answer must be taken; 0: no answer yet */
	struct purse *from; /* NULL: not counted, or no more */
};

/* One request, from its header to the last byte of the answer. */
struct http_call {
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct conn *conn;
	const struct http_route *route; /* NULL: none */
	size_t route_no;
	void *app;
	char *path;
	char peer[ADDRESS_TEXT], source[ADDRESS_TEXT];
	struct id net; /* address_net of the peer */
	struct request q;
	struct http_pair query[MAX_QUERIES], headers[MAX_HEADERS];
	struct buf body;
	int body_fd; /* >= 0: the body is there, and not in memory */
	void *body_map; /* of body_fd, or NULL */
	uint64_t body_seen, out_bytes;
	struct purse *purse; /* who is charged; NULL: nothing was held yet */
	uint64_t held;
	uint64_t pace_bytes; /* body_seen when a span of time began */
	int64_t pace_ns;
	void *sink_state;
	bool bad_query, closing, sink_open, failed, waited, authorized;
	int status; /* of the answer; 0 before there is one */
	int status_forced; /* instead of the code's; 0: not */
	struct err why; /* when failed */
	int64_t started_ns;
	/* While parked; under wait_mu. */
	struct http_call *next, *prev; /* of all that wait */
	struct waiter *waiters; /* one for each key; owned */
	size_t n_waiters;
	int64_t deadline_ns;
};

/* One key that a parked call waits for. */
struct waiter {
	struct waiter *next, *prev; /* in the key's slot */
	struct http_call *call;
	struct id key;
};

struct slot {
	uint64_t generation;
	struct waiter *waiting;
};

struct port {
	struct http_server *server;
	size_t first, n; /* its share of the routes */
	struct MHD_Daemon *daemon;
	int listen_fd;
	char *unix_path; /* of its socket; NULL: TCP */
	uint16_t number;
	pthread_t entrance; /* with proxy_protocol: who accepts */
	bool has_entrance;
};

struct http_server {
	struct http_app app;
	unsigned idle_s, drain_s;
	struct address_nets proxies; /* trusted */
	bool all_proxies; /* who connects is one: TLS ends before us */
	atomic_bool nameless; /* one of them did not name its client; told */
	bool proxy_protocol;
	unsigned connections, per_address;
	uint64_t held_account, held_address;
	int body_dir; /* for bodies on the disk; -1: all in memory */
	struct http_route *routes; /* ROUTES_OWN, then the app's */
	size_t n_routes;
	char **labels;
	struct meter *meter;
	struct port main, metrics;
	pthread_mutex_t tls_mu; /* of tls, taken under no other */
	struct tls_pair *tls; /* shown now; behind it those it replaced */
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
	struct http_call *parked;
	uint64_t waiting;
	bool timer_stop;

	pthread_mutex_t conn_mu;
	pthread_cond_t drained;
	struct conn *conns;
	uint64_t n_conns; /* of the main port, not cut */
	uint64_t n_open, n_ended;
	int64_t trimmed_ns;
	struct purse *purses[PURSES];
	struct refused refused[REFUSALS];
	uint64_t running; /* requests that have begun and not ended */
};

/* ---- http_conn.c: connections, and what is held for whom ---- */

/* Called by libmicrohttpd, with a struct port: may this peer connect? It is
 * counted only once http_on_connection is told that it has begun. */
enum MHD_Result http_accept(void *port, const struct sockaddr *sa, socklen_t n);
void http_on_connection(void *port, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode what);
/* Under conn_mu: count it; one line a minute of each kind. */
void http_refused(struct http_server *s, enum refusal why);
void http_refused_text(struct http_server *s, struct buf *out);
/* What http_on_connection began; NULL before. */
struct conn *http_conn_of(struct MHD_Connection *mhd);
/* Does a proxy that is believed connect from there? */
bool http_is_proxy(const struct http_server *s, const struct sockaddr *sa);
void http_cut_idle(struct http_server *s, int64_t now);
/* Give memory back after many connections have ended. */
void http_trim(struct http_server *s, int64_t now);
/* Under conn_mu: the call is over. */
void http_release_held(struct http_call *c);
/* Charge what this call holds. errors: server-busy. */
MUST_CHECK int http_charge(struct http_call *c, uint64_t bytes, struct err *e);

/* ---- http_wait.c: long polls, and the thread that ends them ---- */

/* Whether the call now waits; if not, it must run again at once. */
bool http_park(struct http_call *c, const struct response *r);
/* Under wait_mu: resume what is due; returns when to look again. */
int64_t http_resume_due(struct http_server *s, int64_t now, bool all);
void *http_timer(void *server);

/* ---- http_call.c: reading a request ---- */

/* It counts as running, and its connection as busy, until it is freed. */
struct http_call *http_call_new(struct http_server *s,
    struct MHD_Connection *mhd, const char *url, const char *method);
/* Ends its sink, gives back what was held, and may end http_free's wait. */
void http_call_free(struct http_call **call);
/* Keep the first failure; what took the body is told. */
void http_call_fail(struct http_call *c, const struct err *why);
MUST_CHECK int http_authorize(struct http_call *c, struct err *e);
/* Everything that can be said before the body. */
MUST_CHECK int http_admit(
    struct http_call *c, const struct port *port, struct err *e);
/* Set q.body to what came. */
MUST_CHECK int http_whole_body(struct http_call *c, struct err *e);
/* MHD_NO cuts the connection. */
enum MHD_Result http_take_body(struct http_call *c, struct bytes x);

/* ---- http_tls.c, http_proxy.c ---- */

/* Called by GnuTLS in a handshake, of a session that libmicrohttpd began: what
 * is shown now. */
gnutls_certificate_retrieve_function3 http_tls_show;
void http_tls_free(struct http_server *s); /* all that was ever shown */
/* A thread that accepts what the library does not, until `stopping`. errors:
 * io-error. */
MUST_CHECK int http_proxy_start(struct port *port, struct err *e);

/* ---- http_answer.c ---- */

/* Run the handler, and send what it says or queue the call. */
enum MHD_Result http_answer(struct http_call *c);
int64_t http_elapsed_ms(const struct http_call *c);
