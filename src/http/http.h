/* SPDX-License-Identifier: ISC */
/* http.h: the HTTP shell: connections in, calls of plain C handlers out. */
/*
 * The only module of the server with threads and libmicrohttpd. Handlers are
 * plain C over `struct request` and `struct response`, can be called without a
 * socket, and run on any of the pool's threads: what they share is read-only
 * or locks itself. A handler may block (fsync, database); it delays only the
 * connections of its own thread.
 *
 * A request goes: route found → sizes checked → `authorize` → body read →
 * handler → answer. Nothing of a body is read before `authorize` said yes.
 *
 * Long polls. A handler that has nothing to say yet is called again when
 * something happened:
 *
 *	http_watch(server, r, &key);    before looking; so each of several keys
 *	… look into the database, find nothing …
 *	if (q->timed_out)
 *		return answer "nothing";
 *	r->wait_ms = …;
 *	return HTTP_WAIT;
 *
 * and whoever changes things commits first, then calls http_wake with the same
 * key. http_watch takes a generation number of the key. http_wake raises it.
 * The shell parks the request only if the numbers of all its keys are still the
 * same, deciding, and putting it into the queues of all of them, in one hold of
 * the lock that http_wake takes. So a change is either committed before the
 * look, and seen, or its http_wake comes after the http_watch of its key. Then
 * it comes before that hold, and the number differs, or after it, and finds the
 * request in its queue: the handler is called again, and no wake-up is lost,
 * with one key or several. Who is woken by one leaves all queues in the same
 * hold, and is woken once. Keys share numbers by hash, so a handler may run
 * again for nothing; it must not mind.
 *
 * A request that waits has its connection, its body, and 40 bytes for each key:
 * no thread, and no work until it is woken or its time is up.
 */
#pragma once

#include "http/address.h"
#include "wire/limits.h"

#define HTTP_WAIT 1 /* what a handler returns to wait */
#define HTTP_CAPTURES 4
#define HTTP_HEADERS 8 /* extra headers of one answer */
#define HTTP_REQUEST_ID 16 /* hex digits */
#define HTTP_WATCHES \
	(LIMIT_WAIT_ZONES + 2) /* keys that one request waits for */

struct http_server;

struct http_pair {
	const char *name, *value;
};

/* What a handler sees. All borrowed until it returns. */
struct request {
	const char *method;
	const char *pattern; /* of its route */
	const void *call; /* of its route */
	const char *capture[HTTP_CAPTURES]; /* one for each {} of the pattern */
	size_t captures;
	const struct http_pair *query; /* unescaped */
	size_t queries;
	const struct http_pair *headers;
	size_t n_headers;
	struct bytes body; /* whole; empty for routes with a sink */
	uint64_t length; /* Content-Length; UINT64_MAX when not announced */
	const char *bearer; /* of Authorization: Bearer; "" when none */
	const char *peer; /* address as text */
	const char *source; /* what limits count: peer, or its IPv6 /64 */
	struct id
	    payer; /* `authorize`: the account that is charged, or zeros */
	void *shell; /* for http_hold; NULL: called without a shell */
	char id[HTTP_REQUEST_ID + 1];
	bool timed_out; /* the wait is over, or the server stops: answer now */
	void *user; /* what `authorize` left here */
};

/* Value of a query parameter, NULL when absent. */
const char *http_query(const struct request *q, const char *name);
/* Value of a header, its name in any case, NULL when absent. */
const char *http_header(const struct request *q, const char *name);

struct http_watch {
	struct id key;
	uint64_t seen;
};

/* What a handler fills; the shell has set status 200 and everything empty. */
struct response {
	int status;
	const char *type; /* content type, static text; NULL: JSON */
	struct buf body;
	int fd; /* >= 0: sent instead of body, then closed */
	uint64_t fd_offset, fd_length;
	struct {
		const char *name; /* static text */
		char value[256];
	} header[HTTP_HEADERS];
	size_t headers;
	/* With -1: JSON object that becomes the error's "detail". */
	struct buf detail;
	/* With HTTP_WAIT: for what, and how long since the request came. */
	struct http_watch *watches; /* by http_watch; owned */
	size_t n_watches;
	int64_t wait_ms;
};

/* Status 200, everything empty, no file. */
void response_init(struct response *r);
/* For OWN. Closes fd; r can be filled anew. */
void response_free(struct response *r);
/* Add a header; also sent with an error. name: static text. */
void response_header(struct response *r, const char *name, const char *fmt, ...)
    PRINTF(3, 4);

/*
 * Answer one request.
 *
 * app  of struct http_app.
 * r    not looked at when -1 is returned, but for detail and headers.
 * returns 0, -1, or HTTP_WAIT.
 *
 * Status 5xx caused by this machine (io-error, internal-error) is logged with
 * its message and answered without it: it may name files.
 */
typedef int http_handle_fn(
    void *app, const struct request *q, struct response *r, struct err *e);

/*
 * Takes a body piece by piece. After begin succeeded, exactly one of end and
 * abort is called. A piece that fails is followed by abort at once; the rest
 * of the body is thrown away and the client gets the error.
 */
struct http_sink {
	int (*begin)(
	    void *app, const struct request *q, void **state, struct err *e);
	int (*data)(void *app, void *state, struct bytes x, struct err *e);
	/* Must not return HTTP_WAIT. Frees state, also when it fails. */
	int (*end)(void *app, const struct request *q, void *state,
	    struct response *r, struct err *e);
	void (*abort)(void *app, void *state);
};

struct http_route {
	const char *method;
	const char *pattern; /* "/v1/zones/{}/blobs/{}" */
	int who; /* for `authorize`; the shell does not look at it */
	uint64_t max_body; /* bytes; more is too-large */
	http_handle_fn *handle; /* or */
	const struct http_sink *sink;
	const void *call; /* the app's own, for what handles; or NULL */
};

/* The program behind the shell. Everything borrowed until http_free. */
struct http_app {
	void *app;
	const struct http_route *routes;
	size_t n_routes;
	/*
	 * Say whether the request may go on, and leave in q->user what handlers
	 * need. Called before the body, and again each time a long poll runs.
	 * NULL: everybody may everything.
	 */
	int (*authorize)(void *app, const struct http_route *route,
	    struct request *q, struct err *e);
	void (*release)(void *app, void *user); /* user may be NULL; or NULL */
	int (*ready)(void *app, struct err *e); /* for /readyz; or NULL */
	void (*metrics)(void *app, struct buf *out); /* more text; or NULL */
};

struct http_config {
	/* "127.0.0.1:8443", "[::]:8443"; port 0: any; "unix:/path" */
	const char *listen;
	/* n 0: plain HTTP, on loopback or a UNIX socket only */
	struct bytes cert_pem, key_pem;
	const char *metrics_listen; /* loopback; NULL: none */
	struct address_nets proxies; /* whose X-Forwarded-For is believed */
	bool tls_ended; /* plain HTTP comes from a proxy that ends TLS */
	bool proxy_protocol; /* connections begin with a header of theirs */
	unsigned threads; /* 1..64 */
	/* All together; lowered, with a line in the log, to what the limit of
	 * open files allows. */
	unsigned connections;
	unsigned per_address; /* not of the trusted proxy; 0: no limit */
	int body_dir; /* folder for long bodies; -1: all in memory */
	/* Bytes under way at once, of an account, of an address; 0: no limit */
	uint64_t held_account, held_address;
	unsigned idle_s; /* without progress, and between requests */
	unsigned drain_s; /* how long http_free lets requests finish */
};

/*
 * Start to serve. /healthz and /readyz are served beside the app's routes.
 *
 * errors  bad-request for an address that is none, or plain HTTP elsewhere
 *         than on loopback; io-error.
 * threads its threads have all signals blocked.
 */
MUST_CHECK int http_start(const struct http_config *config,
    const struct http_app *app, struct http_server **out, struct err *e);

/*
 * Show another certificate from the next handshake on.
 *
 * errors  bad-request: it cannot be read; what was shown stays.
 * threads any.
 */
MUST_CHECK int http_set_tls(
    struct http_server *s, struct bytes cert, struct bytes key, struct err *e);

/* The port in use; 0 for a UNIX socket, and for metrics when there are none. */
uint16_t http_port(const struct http_server *s);
uint16_t http_metrics_port(const struct http_server *s);

/*
 * Charge bytes that this request holds on the disk until its answer is sent.
 * An account, and an address without one, may hold so much at once; one request
 * alone may always.
 *
 * errors  server-busy.
 */
MUST_CHECK int http_hold(
    const struct request *q, uint64_t bytes, struct err *e);

/* See "Long polls" above; of one answer up to HTTP_WATCHES. threads: any. */
void http_watch(
    struct http_server *s, struct response *r, const struct id *key);
/* NULL: it does not serve yet, and nobody waits. */
void http_wake(struct http_server *s, const struct id *key);

/*
 * Stop accepting, answer what waits, let what runs finish for drain_s seconds,
 * cut the rest, join all threads, free. New requests on open connections get
 * server-busy. Accepts NULL inside. Must not be called from a handler.
 */
void http_free(struct http_server **s);
