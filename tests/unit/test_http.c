/* SPDX-License-Identifier: ISC */
/* test_http.c: the HTTP shell, spoken to by libcurl and by raw sockets. */
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "http/http.h"
#include "http/tlscert.h"
#include "wire/errjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#define BLOB_MAX (8 * 1024 * 1024)

/* ---- the program behind the shell ---- */

struct world {
	struct http_server *server;
	_Atomic uint64_t value; /* what long polls wait for */
	struct id key;
	_Atomic uint64_t several[HTTP_WATCHES];
	atomic_uint begun, ended, aborted, authorized, released, waits;
	atomic_uint data_calls;
	_Atomic uint64_t received;
	bool tls;
	char pin[80];
};

static int
get_echo(void *app, const struct request *q, struct response *r, struct err *e)
{
	const char *x = http_query(q, "x"), *h = http_header(q, "x-TEST");

	(void)app;
	(void)e;
	buf_printf(&r->body, "%zu|%s|%s|%s|%s|%s", q->captures, q->capture[0],
	    q->capture[1], x != NULL ? x : "-", h != NULL ? h : "-", q->peer);
	response_header(r, "X-Extra", "%d", 42);
	r->type = "text/plain";
	return 0;
}

static int
get_source(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	(void)app;
	(void)e;
	buf_printf(&r->body, "%s %s", q->peer, q->source);
	return 0;
}

static int
post_body(void *app, const struct request *q, struct response *r, struct err *e)
{
	(void)app;
	(void)e;
	buf_put_bytes(&r->body, q->body);
	r->status = 201;
	return 0;
}

static int
get_wait(void *app, const struct request *q, struct response *r, struct err *e)
{
	struct world *w = app;
	const char *ms = http_query(q, "ms");

	(void)e;
	http_watch(w->server, r, &w->key);
	uint64_t now = atomic_load(&w->value);
	if (now == strtoull(q->capture[0], NULL, 10) && !q->timed_out) {
		atomic_fetch_add(&w->waits, 1);
		r->wait_ms = ms != NULL ? strtol(ms, NULL, 10) : 20000;
		return HTTP_WAIT;
	}
	buf_printf(&r->body, "%llu%s", (unsigned long long)now,
	    q->timed_out ? " timeout" : "");
	return 0;
}

static int
post_set(void *app, const struct request *q, struct response *r, struct err *e)
{
	struct world *w = app;

	(void)q;
	(void)e;
	atomic_fetch_add(&w->value, 1);
	http_wake(w->server, &w->key);
	r->status = 204;
	return 0;
}

/* Three share each generation number. */
static struct id
key_nr(size_t i)
{
	struct id id = { { 0, 0, 0, (uint8_t)(i / 3), (uint8_t)i } };

	return id;
}

/* Waits for as many keys as may be, for their sum to be another. */
static int
get_several(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct world *w = app;
	uint64_t now = 0;

	(void)e;
	for (size_t i = 0; i < HTTP_WATCHES; i++) {
		struct id key = key_nr(i);
		http_watch(w->server, r, &key);
	}
	for (size_t i = 0; i < HTTP_WATCHES; i++)
		now += atomic_load(&w->several[i]);
	if (now == strtoull(q->capture[0], NULL, 10) && !q->timed_out) {
		atomic_fetch_add(&w->waits, 1);
		r->wait_ms = 20000;
		return HTTP_WAIT;
	}
	buf_printf(&r->body, "%llu%s", (unsigned long long)now,
	    q->timed_out ? " timeout" : "");
	return 0;
}

static int
post_one(void *app, const struct request *q, struct response *r, struct err *e)
{
	struct world *w = app;
	size_t i = strtoul(q->capture[0], NULL, 10) % HTTP_WATCHES;
	struct id key = key_nr(i);

	(void)e;
	atomic_fetch_add(&w->several[i], 1);
	http_wake(w->server, &key);
	r->status = 204;
	return 0;
}

/* Between the look and the wait, something changes. */
static int
get_race(void *app, const struct request *q, struct response *r, struct err *e)
{
	struct world *w = app;

	(void)e;
	http_watch(w->server, r, &w->key);
	if (atomic_load(&w->value) == 0) {
		atomic_fetch_add(&w->value, 1);
		http_wake(w->server, &w->key);
		r->wait_ms = 3000;
		return HTTP_WAIT;
	}
	buf_put_str(&r->body, q->timed_out ? "late" : "in time");
	return 0;
}

/* The same, of the last of many keys. */
static int
get_race_several(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct world *w = app;
	struct id key;

	(void)e;
	for (size_t i = 0; i < HTTP_WATCHES; i++) {
		key = key_nr(i);
		http_watch(w->server, r, &key);
	}
	if (atomic_load(&w->value) == 0) {
		atomic_fetch_add(&w->value, 1);
		http_wake(w->server, &key);
		r->wait_ms = 3000;
		return HTTP_WAIT;
	}
	buf_put_str(&r->body, q->timed_out ? "late" : "in time");
	return 0;
}

static int
get_fail(void *app, const struct request *q, struct response *r, struct err *e)
{
	(void)app;
	(void)q;
	buf_put_str(&r->detail, "{\"retry_s\":30}");
	return err_set(e, ERR_TOO_MANY_ATTEMPTS, "wait 30 seconds");
}

static int
get_broken(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	(void)app;
	(void)q;
	(void)r;
	return err_set(e, ERR_IO, "/secret/place: no");
}

static int
get_file(void *app, const struct request *q, struct response *r, struct err *e)
{
	char path[] = "/tmp/aumbry-http-XXXXXX";

	(void)app;
	(void)q;
	r->fd = mkstemp(path);
	(void)unlink(path);
	if (file_write_all(r->fd, bytes_str("0123456789"), e) < 0)
		return -1;
	r->fd_offset = 3;
	r->fd_length = 5;
	r->type = "application/octet-stream";
	return 0;
}

static int
get_user(void *app, const struct request *q, struct response *r, struct err *e)
{
	(void)app;
	(void)e;
	buf_put_str(&r->body, q->user);
	return 0;
}

/* One handler of two routes, which say what it does. */
static int
get_call(void *app, const struct request *q, struct response *r, struct err *e)
{
	(void)app;
	(void)e;
	buf_put_str(&r->body, q->call);
	return 0;
}

static int
blob_begin(void *app, const struct request *q, void **state, struct err *e)
{
	struct world *w = app;

	if (strcmp(q->capture[0], "full") == 0)
		return err_set(e, ERR_QUOTA_EXCEEDED, "full");
	atomic_fetch_add(&w->begun, 1);
	*state = mem_text(q->capture[0]);
	return 0;
}

static int
blob_data(void *app, void *state, struct bytes x, struct err *e)
{
	struct world *w = app;

	atomic_fetch_add(&w->data_calls, 1);
	atomic_fetch_add(&w->received, x.n);
	if (strcmp(state, "bad") == 0)
		return err_set(e, ERR_BLOB_CORRUPT, "bad");
	return 0;
}

static int
blob_end(void *app, const struct request *q, void *state, struct response *r,
    struct err *e)
{
	struct world *w = app;

	(void)q;
	(void)e;
	free(state);
	atomic_fetch_add(&w->ended, 1);
	buf_printf(
	    &r->body, "%llu", (unsigned long long)atomic_load(&w->received));
	return 0;
}

static void
blob_abort(void *app, void *state)
{
	struct world *w = app;

	free(state);
	atomic_fetch_add(&w->aborted, 1);
}

static int
authorize(
    void *app, const struct http_route *route, struct request *q, struct err *e)
{
	struct world *w = app;

	if (route->who == 1 && strcmp(q->bearer, "letmein") != 0)
		return err_set(e, ERR_NOT_SIGNED_IN, "no token");
	q->user = mem_text("ana");
	atomic_fetch_add(&w->authorized, 1);
	return 0;
}

static void
release(void *app, void *user)
{
	struct world *w = app;

	free(user);
	atomic_fetch_add(&w->released, 1);
}

static const struct http_sink blob_sink = { blob_begin, blob_data, blob_end,
	blob_abort };

static const struct http_route routes[] = {
	{ "GET", "/v1/echo/{}/{}", 0, 0, get_echo, NULL, NULL },
	{ "POST", "/v1/body", 0, 1000, post_body, NULL, NULL },
	{ "POST", "/v1/long", 0, BLOB_MAX, post_body, NULL, NULL },
	{ "GET", "/v1/source", 0, 0, get_source, NULL, NULL },
	{ "PUT", "/v1/guarded", 1, BLOB_MAX, post_body, NULL, NULL },
	{ "PUT", "/v1/blob/{}", 0, BLOB_MAX, NULL, &blob_sink, NULL },
	{ "GET", "/v1/wait/{}", 0, 0, get_wait, NULL, NULL },
	{ "GET", "/v1/several/{}", 0, 0, get_several, NULL, NULL },
	{ "POST", "/v1/one/{}", 0, 0, post_one, NULL, NULL },
	{ "GET", "/v1/race", 0, 0, get_race, NULL, NULL },
	{ "GET", "/v1/races", 0, 0, get_race_several, NULL, NULL },
	{ "POST", "/v1/set", 0, 0, post_set, NULL, NULL },
	{ "GET", "/v1/fail", 0, 0, get_fail, NULL, NULL },
	{ "GET", "/v1/broken", 0, 0, get_broken, NULL, NULL },
	{ "GET", "/v1/file", 0, 0, get_file, NULL, NULL },
	{ "GET", "/v1/user", 1, 0, get_user, NULL, NULL },
	{ "GET", "/v1/call/one", 0, 0, get_call, NULL, "the first" },
	{ "GET", "/v1/call/two", 0, 0, get_call, NULL, "the second" },
};

static struct http_config
config(void)
{
	return (struct http_config){ .body_dir = -1,
		.listen = "127.0.0.1:0",
		.metrics_listen = "127.0.0.1:0",
		.threads = 3,
		.connections = 300,
		.per_address = 0,
		.idle_s = 20,
		.drain_s = 5 };
}

static void
start(struct world *w, const struct http_config *c)
{
	struct http_app app = { .app = w,
		.routes = routes,
		.n_routes = ARRAY_SIZE(routes),
		.authorize = authorize,
		.release = release };
	struct err e = { 0 };

	id_random(&w->key);
	if (http_start(c, &app, &w->server, &e) < 0)
		fail_msg("%s", e.msg);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct http_config c = config();

	start(w, &c);
	*state = w;
	return 0;
}

static int
setup_tls(void **state)
{
	static const char *const names[] = { "127.0.0.1", "localhost" };
	OWN(buf_free) struct buf cert = { 0 }, key = { 0 }, b64 = { 0 };
	struct world *w = calloc(1, sizeof *w);
	struct http_config c = config();
	struct digest spki;
	struct err e = { 0 };

	assert_int_equal(tlscert_make(names, 2, &cert, &key, &e), 0);
	assert_int_equal(tlscert_spki(buf_bytes(&cert), &spki, &e), 0);
	w->tls = true;
	/* curl wants the other base64: "sha256//" and padding. */
	text_base64(&b64, bytes_of(spki.b, DIGEST_BYTES));
	(void)snprintf(w->pin, sizeof w->pin, "sha256//%s", buf_text(&b64));
	c.cert_pem = buf_bytes(&cert);
	c.key_pem = buf_bytes(&key);
	start(w, &c);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	http_free(&w->server);
	/* What began has ended once, and every user was released. */
	unsigned begun = w->begun, over = w->ended + w->aborted;
	unsigned authorized = w->authorized, released = w->released;
	free(w);
	return begun == over && authorized == released ? 0 : -1;
}

/* ---- two clients ---- */

struct reply {
	long status;
	struct buf body, headers;
	CURLcode rc;
};

static void
reply_free(struct reply *r)
{
	buf_free(&r->body);
	buf_free(&r->headers);
}

static size_t
collect(char *p, size_t size, size_t n, void *to)
{
	buf_put(to, p, size * n);
	return size * n;
}

struct ask {
	const char *method, *path;
	struct bytes body;
	const char *header; /* one more */
	uint16_t port; /* 0: the main one */
	const char *pin;
};

static struct reply
ask(const struct world *w, const struct ask *a)
{
	struct curl_slist *headers = NULL;
	struct reply r = { 0 };
	char url[256];
	CURL *c = curl_easy_init();

	(void)snprintf(url, sizeof url, "%s://127.0.0.1:%u%s",
	    w->tls && a->port == 0 ? "https" : "http",
	    a->port != 0 ? a->port : http_port(w->server), a->path);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, a->method);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &r.body);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, &r.headers);
	if (a->body.n > 0) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, a->body.p);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)a->body.n);
	}
	if (a->header != NULL)
		headers = curl_slist_append(headers, a->header);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	if (a->pin != NULL) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
		curl_easy_setopt(c, CURLOPT_PINNEDPUBLICKEY, a->pin);
	}
	r.rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r.status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	return r;
}

static struct reply
get(const struct world *w, const char *path)
{
	struct ask a = { .method = "GET", .path = path };

	return ask(w, &a);
}

static int
dial(const struct world *w)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(http_port(w->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval t = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		text += sent;
		n -= (size_t)sent;
	}
}

/* All until the server closes; -1 when it does not within 20 s. */
static int
hear(int fd, struct buf *out)
{
	char piece[4096];
	ssize_t n;

	while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
		buf_put(out, piece, (size_t)n);
	return n == 0 || errno == ECONNRESET ? 0 : -1;
}

static void
wait_for(const atomic_uint *what, unsigned n)
{
	for (int i = 0; i < 20000 && atomic_load(what) < n; i++)
		(void)poll(NULL, 0, 1);
	assert_true(atomic_load(what) >= n);
}

static void
expect_error(const struct reply *r, long status, enum err_code code)
{
	struct err why, e;
	OWN(buf_free) struct buf detail = { 0 };

	assert_int_equal(r->rc, CURLE_OK);
	assert_int_equal(r->status, status);
	assert_int_equal(
	    errjson_parse(buf_bytes(&r->body), &why, &detail, &e), 0);
	assert_string_equal(err_name(why.code), err_name(code));
	assert_non_null(strstr(buf_text(&r->headers), "X-Request-Id: "));
}

/* ---- tests ---- */

static void
hands_over_captures_query_and_headers(void **state)
{
	struct world *w = *state;
	struct ask a = { .method = "GET",
		.path = "/v1/echo/one/t%2Fo?x=a%26b+c",
		.header = "X-Test: yes" };
	OWN(reply_free) struct reply r = ask(w, &a);

	assert_int_equal(r.status, 200);
	assert_string_equal(buf_text(&r.body), "2|one|t/o|a&b c|yes|127.0.0.1");
	assert_non_null(strstr(buf_text(&r.headers), "X-Extra: 42\r\n"));
	assert_non_null(strstr(buf_text(&r.headers), "no-store"));
}

static void
answers_what_it_does_not_serve(void **state)
{
	static const struct {
		const char *method, *path;
		long status;
		enum err_code code;
	} cases[] = {
		{ "GET", "/nothing", 404, ERR_NOT_FOUND },
		{ "GET", "/v1/echo/one", 404, ERR_NOT_FOUND },
		{ "GET", "/v1/echo/one/", 404, ERR_NOT_FOUND },
		{ "GET", "/v1/echo/one/two/", 404, ERR_NOT_FOUND },
		{ "GET", "/v1/echo/one/%00", 404, ERR_NOT_FOUND },
		{ "GET", "/v1/echo/one/%ff", 404, ERR_NOT_FOUND },
		{ "GET", "/v1/echo/one/%4", 404, ERR_NOT_FOUND },
		{ "GET", "/metrics", 404, ERR_NOT_FOUND },
		{ "DELETE", "/v1/fail", 405, ERR_BAD_REQUEST },
		{ "GET", "/v1/echo/a/b?x=%zz", 400, ERR_BAD_REQUEST },
		{ "GET", "/v1/echo/a/b?1&2&3&4&5&6&7&8&9", 400,
		    ERR_BAD_REQUEST },
		{ "GET", "/v1/user", 401, ERR_NOT_SIGNED_IN },
		{ "GET", "/v1/fail", 429, ERR_TOO_MANY_ATTEMPTS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ask a = { .method = cases[i].method,
			.path = cases[i].path };
		OWN(reply_free) struct reply r = ask(*state, &a);
		expect_error(&r, cases[i].status, cases[i].code);
	}
}

static void
carries_detail_and_hides_what_is_internal(void **state)
{
	OWN(reply_free) struct reply fail = get(*state, "/v1/fail");
	OWN(reply_free) struct reply broken = get(*state, "/v1/broken");

	assert_non_null(
	    strstr(buf_text(&fail.body), "\"detail\":{\"retry_s\":30}"));
	expect_error(&broken, 500, ERR_INTERNAL);
	assert_null(strstr(buf_text(&broken.body), "secret"));
}

static void
lets_in_who_has_a_token(void **state)
{
	struct ask a = { .method = "GET",
		.path = "/v1/user",
		.header = "Authorization: bearer letmein" };
	OWN(reply_free) struct reply r = ask(*state, &a);

	assert_int_equal(r.status, 200);
	assert_string_equal(buf_text(&r.body), "ana");
}

static void
hands_a_handler_what_its_route_says(void **state)
{
	OWN(reply_free) struct reply one = get(*state, "/v1/call/one");
	OWN(reply_free) struct reply two = get(*state, "/v1/call/two");

	assert_string_equal(buf_text(&one.body), "the first");
	assert_string_equal(buf_text(&two.body), "the second");
}

static void
takes_bodies_up_to_the_limit(void **state)
{
	static const struct {
		size_t n;
		const char *header;
		long status;
	} cases[] = {
		{ 1, NULL, 201 },
		{ 1000, NULL, 201 },
		{ 1001, NULL, 413 },
		{ 70000, NULL, 413 },
		{ 5000000, NULL, 413 },
		{ 1000, "Transfer-Encoding: chunked", 201 },
		{ 1001, "Transfer-Encoding: chunked", 413 },
		{ 60000, "Transfer-Encoding: chunked", 413 },
	};
	OWN(buf_free) struct buf body = { 0 };

	memset(buf_grow(&body, 5000000), 'x', 5000000);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ask a = { .method = "POST",
			.path = "/v1/body",
			.header = cases[i].header,
			.body = bytes_of(body.p, cases[i].n) };
		OWN(reply_free) struct reply r = ask(*state, &a);
		if (cases[i].status == 413) {
			expect_error(&r, 413, ERR_TOO_LARGE);
			continue;
		}
		assert_int_equal(r.status, cases[i].status);
		assert_int_equal(r.body.n, cases[i].n);
	}
}

static void
cuts_endless_chunks(void **state)
{
	OWN(fd_close) int fd = dial(*state);
	OWN(buf_free) struct buf out = { 0 };
	char chunk[4096 + 16];

	say(fd,
	    "POST /v1/body HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n");
	memset(chunk, 'x', sizeof chunk);
	memcpy(chunk, "1000\r\n", 6);
	memcpy(chunk + 6 + 4096, "\r\n", 3);
	for (int i = 0; i < 10000; i++) {
		size_t n = 6 + 4096 + 2;
		if (send(fd, chunk, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
		assert_true(i < 9999);
	}
	assert_int_equal(hear(fd, &out), 0);
}

static void
refuses_before_it_reads_a_body(void **state)
{
	static const char *const heads[] = {
		"PUT /v1/guarded HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: 8000000\r\n\r\n",
		"PUT /v1/guarded HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		"PUT /v1/guarded HTTP/1.1\r\nHost: x\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		OWN(fd_close) int fd = dial(*state);
		OWN(buf_free) struct buf out = { 0 };
		say(fd, heads[i]); /* and no byte of the body */
		assert_int_equal(hear(fd, &out), 0);
		assert_non_null(strstr(buf_text(&out), "401 Unauthorized"));
		assert_null(strstr(buf_text(&out), "100 Continue"));
	}
}

static void
refuses_malformed_requests(void **state)
{
	static const char *const heads[] = {
		"nonsense\r\n\r\n",
		"GET /healthz HTTP/1.1\r\n\r\n", /* no Host */
		"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /v1/body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
		"Content-Length: 5\r\n\r\nabcde",
		"POST /v1/body HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: -4\r\n\r\nabcd",
		"POST /v1/body HTTP/1.1\r\nHost: x\r\n"
		"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"GET /v1/user HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
		"a\r\nAuthorization: Bearer letmein\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		OWN(fd_close) int fd = dial(*state);
		OWN(buf_free) struct buf out = { 0 };
		say(fd, heads[i]);
		assert_int_equal(hear(fd, &out), 0);
		assert_null(strstr(buf_text(&out), " 200 "));
		assert_null(strstr(buf_text(&out), " 201 "));
	}
	OWN(reply_free) struct reply r = get(*state, "/healthz");
	assert_int_equal(r.status, 200);
}

static void
refuses_endless_headers(void **state)
{
	OWN(fd_close) int fd = dial(*state);
	OWN(buf_free) struct buf out = { 0 };

	say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 5000; i++)
		say(fd,
		    "X-Header: 0123456789012345678901234567890123456789\r\n");
	assert_int_equal(hear(fd, &out), 0);
	assert_null(strstr(buf_text(&out), " 200 "));
}

static void
streams_a_body_into_its_sink(void **state)
{
	struct world *w = *state;
	OWN(buf_free) struct buf body = { 0 };

	memset(buf_grow(&body, BLOB_MAX), 'x', BLOB_MAX);
	struct ask a = { .method = "PUT",
		.path = "/v1/blob/good",
		.body = buf_bytes(&body) };
	OWN(reply_free) struct reply r = ask(w, &a);
	assert_int_equal(r.status, 200);
	assert_string_equal(buf_text(&r.body), "8388608");
	assert_true(atomic_load(&w->data_calls) > 100);
	assert_int_equal(atomic_load(&w->ended), 1);
}

static void
aborts_a_sink_that_fails(void **state)
{
	struct world *w = *state;
	OWN(buf_free) struct buf body = { 0 };

	memset(buf_grow(&body, 1000000), 'x', 1000000);
	struct ask a = { .method = "PUT",
		.path = "/v1/blob/bad",
		.body = buf_bytes(&body) };
	OWN(reply_free) struct reply bad = ask(w, &a);
	expect_error(&bad, 422, ERR_BLOB_CORRUPT);
	assert_int_equal(atomic_load(&w->aborted), 1);
	assert_int_equal(atomic_load(&w->data_calls), 1);
	/* As who sends much asks: a reset could overtake the answer. */
	a.path = "/v1/blob/full";
	a.header = "Expect: 100-continue";
	OWN(reply_free) struct reply full = ask(w, &a);
	expect_error(&full, 413, ERR_QUOTA_EXCEEDED);
	assert_int_equal(atomic_load(&w->begun), 1);
}

static void
aborts_a_sink_whose_client_vanishes(void **state)
{
	struct world *w = *state;
	int fd = dial(w);

	say(fd,
	    "PUT /v1/blob/x HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 1000\r\n\r\nhalf");
	wait_for(&w->data_calls, 1);
	fd_close(&fd);
	wait_for(&w->aborted, 1);
	assert_int_equal(atomic_load(&w->ended), 0);
}

static int
setup_hasty(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct http_config c = config();

	c.idle_s = 1;
	start(w, &c);
	*state = w;
	return 0;
}

static void
cuts_who_sends_nothing(void **state)
{
	static const char *const begun[] = { "", "GET /healthz HT",
		("PUT /v1/blob/x HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: 1000\r\n\r\nhalf") };

	for (size_t i = 0; i < ARRAY_SIZE(begun); i++) {
		OWN(fd_close) int fd = dial(*state);
		OWN(buf_free) struct buf out = { 0 };
		say(fd, begun[i]);
		assert_int_equal(hear(fd, &out), 0);
		assert_null(strstr(buf_text(&out), " 200 "));
	}
}

static void
cuts_who_sends_drop_by_drop(void **state)
{
	static const char *const begun[] = { "GET /healthz HTTP/1.1\r\nX: ",
		("PUT /v1/blob/x HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: 100000\r\n\r\n") };

	for (size_t i = 0; i < ARRAY_SIZE(begun); i++) {
		OWN(fd_close) int fd = dial(*state);
		bool cut = false;
		say(fd, begun[i]);
		for (int j = 0; j < 200 && !cut; j++) {
			struct pollfd p = { .fd = fd, .events = POLLIN };
			say(fd, "x");
			cut = poll(&p, 1, 100) == 1;
		}
		assert_true(cut);
	}
}

static void
sends_a_part_of_a_file(void **state)
{
	OWN(reply_free) struct reply r = get(*state, "/v1/file");

	assert_int_equal(r.status, 200);
	assert_string_equal(buf_text(&r.body), "34567");
}

static void
ends_a_long_poll_in_time(void **state)
{
	OWN(reply_free) struct reply r = get(*state, "/v1/wait/0?ms=120");

	assert_string_equal(buf_text(&r.body), "0 timeout");
}

struct poller {
	pthread_t thread;
	const struct world *w;
	const char *path;
	struct reply r;
};

static void *
poll_main(void *arg)
{
	struct poller *p = arg;

	p->r = get(p->w, p->path);
	return NULL;
}

static void
set_value(const struct world *w)
{
	struct ask a = { .method = "POST", .path = "/v1/set" };
	OWN(reply_free) struct reply r = ask(w, &a);

	assert_int_equal(r.status, 204);
}

static void
wakes_all_who_wait(void **state)
{
	struct world *w = *state;
	struct poller p[20] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i].w = w;
		p[i].path = "/v1/wait/0";
		pthread_create(&p[i].thread, NULL, poll_main, &p[i]);
	}
	wait_for(&w->waits, ARRAY_SIZE(p));
	set_value(w);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		pthread_join(p[i].thread, NULL);
		assert_string_equal(buf_text(&p[i].r.body), "1");
		reply_free(&p[i].r);
	}
}

static void
set_one(const struct world *w, size_t i)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/v1/one/%zu", i);
	struct ask a = { .method = "POST", .path = path };
	OWN(reply_free) struct reply r = ask(w, &a);
	assert_int_equal(r.status, 204);
}

static void
wakes_by_each_of_its_keys(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < HTTP_WATCHES; i++) {
		struct poller p[2] = { 0 };
		char path[64], next[64];
		(void)snprintf(path, sizeof path, "/v1/several/%zu", i);
		(void)snprintf(next, sizeof next, "%zu", i + 1);
		atomic_store(&w->waits, 0);
		for (size_t k = 0; k < ARRAY_SIZE(p); k++) {
			p[k].w = w;
			p[k].path = path;
			pthread_create(&p[k].thread, NULL, poll_main, &p[k]);
		}
		wait_for(&w->waits, ARRAY_SIZE(p));
		set_one(w, i);
		for (size_t k = 0; k < ARRAY_SIZE(p); k++) {
			pthread_join(p[k].thread, NULL);
			assert_string_equal(buf_text(&p[k].r.body), next);
			reply_free(&p[k].r);
		}
	}
}

static void *
follow_main(void *arg)
{
	struct poller *p = arg;

	/* Each answer is a newer value, until the last; none times out. */
	for (uint64_t at = 0; at < 300;) {
		char path[64];
		(void)snprintf(path, sizeof path, "%s%llu", p->path,
		    (unsigned long long)at);
		OWN(reply_free) struct reply r = get(p->w, path);
		uint64_t next = strtoull(buf_text(&r.body), NULL, 10);
		if (r.status != 200 || next <= at ||
		    strstr(buf_text(&r.body), "timeout") != NULL)
			return arg;
		at = next;
	}
	return NULL;
}

static void
loses_no_wake_up(void **state)
{
	struct world *w = *state;
	struct poller p[6] = { 0 };
	void *wrong;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i].w = w;
		p[i].path = i % 2 == 0 ? "/v1/wait/" : "/v1/several/";
		pthread_create(&p[i].thread, NULL, follow_main, &p[i]);
	}
	for (size_t i = 0; i < 300; i++) {
		set_value(w);
		set_one(w, i * 7);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		pthread_join(p[i].thread, &wrong);
		assert_null(wrong);
	}
}

static void
sees_a_change_between_look_and_wait(void **state)
{
	OWN(reply_free) struct reply r = get(*state, "/v1/race");

	assert_string_equal(buf_text(&r.body), "in time");
}

static void
sees_a_change_of_each_key_there(void **state)
{
	OWN(reply_free) struct reply r = get(*state, "/v1/races");

	assert_string_equal(buf_text(&r.body), "in time");
}

static void
answers_waiting_polls_when_it_stops(void **state)
{
	struct world *w = *state;
	struct poller p[8] = { 0 };

	/* The port is asked for before the server goes. */
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i].w = w;
		p[i].path = "/v1/wait/0";
		pthread_create(&p[i].thread, NULL, poll_main, &p[i]);
	}
	wait_for(&w->waits, ARRAY_SIZE(p));
	http_free(&w->server);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		pthread_join(p[i].thread, NULL);
		assert_string_equal(buf_text(&p[i].r.body), "0 timeout");
		reply_free(&p[i].r);
	}
}

static void
stops_with_a_request_half_read(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	OWN(fd_close) int fd = -1;

	http_free(&w->server);
	c.drain_s = 0;
	start(w, &c);
	fd = dial(w);
	say(fd,
	    "PUT /v1/blob/x HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 1000\r\n\r\nhalf");
	wait_for(&w->data_calls, 1);
	http_free(&w->server);
	assert_int_equal(atomic_load(&w->aborted), 1);
}

static void *
many_main(void *arg)
{
	struct poller *p = arg;

	for (int i = 0; i < 40; i++) {
		char want[64], path[64];
		(void)snprintf(path, sizeof path, "/v1/echo/%s/%d", p->path, i);
		(void)snprintf(
		    want, sizeof want, "2|%s|%d|-|-|127.0.0.1", p->path, i);
		OWN(reply_free) struct reply r = get(p->w, path);
		if (strcmp(buf_text(&r.body), want) != 0)
			return arg;
	}
	return NULL;
}

static void
serves_many_at_once(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g",
		"h" };
	struct poller p[ARRAY_SIZE(names)] = { 0 };
	void *wrong;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i].w = *state;
		p[i].path = names[i];
		pthread_create(&p[i].thread, NULL, many_main, &p[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		pthread_join(p[i].thread, &wrong);
		assert_null(wrong);
	}
}

/* How many requests these metrics say were timed. */
static unsigned long
timed(const struct reply *r)
{
	static const char row[] = "_bucket{le=\"+Inf\"} ";
	const char *at = strstr(buf_text(&r->body), row);

	return at == NULL ? 0 : strtoul(at + strlen(row), NULL, 10);
}

static void
counts_on_the_metrics_port(void **state)
{
	struct world *w = *state;
	struct ask a = { .method = "GET",
		.path = "/metrics",
		.port = http_metrics_port(w->server) };

	OWN(reply_free) struct reply one = get(w, "/v1/fail");
	OWN(reply_free) struct reply two = get(w, "/nothing");
	assert_int_equal(one.status, 429);
	assert_int_equal(two.status, 404);
	/* They are counted a moment after they were answered, as is each look
	   at what was counted. */
	const char *failed =
	    "aumbry_http_requests_total{route=\"GET /v1/fail\","
	    "class=\"4xx\"} 1\n";
	const char *none =
	    "aumbry_http_requests_total{route=\"none\",class=\"4xx\"} 1\n";
	OWN(reply_free) struct reply r = { 0 };
	for (int i = 0; i < 500; i++) {
		reply_free(&r);
		r = ask(w, &a);
		if (strstr(buf_text(&r.body), failed) != NULL &&
		    strstr(buf_text(&r.body), none) != NULL && timed(&r) >= 2)
			break;
		(void)usleep(10000);
	}
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(buf_text(&r.body), failed));
	assert_non_null(strstr(buf_text(&r.body), none));
	assert_true(timed(&r) >= 2);
	a.path = "/readyz";
	OWN(reply_free) struct reply ready = ask(w, &a);
	assert_int_equal(ready.status, 200);
	a.path = "/v1/fail";
	OWN(reply_free) struct reply app = ask(w, &a);
	assert_int_equal(app.status, 404);
}

static void
believes_only_the_trusted_proxy(void **state)
{
	static const struct {
		const char *proxy, *header, *peer;
	} cases[] = {
		{ "", "X-Forwarded-For: 192.0.2.9", "127.0.0.1" },
		{ "192.0.2.1", "X-Forwarded-For: 192.0.2.9", "127.0.0.1" },
		{ "127.0.0.1", "X-Forwarded-For: 192.0.2.9", "192.0.2.9" },
		{ "127.0.0.1", "X-Forwarded-For: 10.0.0.1, 2001:db8::7",
		    "2001:db8::7" },
		{ "127.0.0.1", "X-Forwarded-For: rubbish", "127.0.0.1" },
		{ "127.0.0.1",
		    "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 192.0.2.9",
		    "192.0.2.9" },
		{ "127.0.0.1",
		    "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2, "
		    "[2001:db8::7]:443",
		    "2001:db8::7" },
		{ "::ffff:127.0.0.1", "X-Forwarded-For: 192.0.2.9",
		    "192.0.2.9" },
		/* a proxy behind a proxy: the first that is none of ours */
		{ "127.0.0.0/8, 10.0.0.0/8",
		    "X-Forwarded-For: 192.0.2.66, 192.0.2.9, 10.1.2.3",
		    "192.0.2.9" },
		{ "127.0.0.0/8 10.0.0.0/8",
		    "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 10.1.2.3",
		    "192.0.2.9" },
		{ "127.0.0.0/8 10.0.0.0/8",
		    "X-Forwarded-For: 192.0.2.9, rubbish, 10.1.2.3",
		    "10.1.2.3" },
		{ "127.0.0.0/8 10.0.0.0/8", "X-Forwarded-For: ,,",
		    "127.0.0.1" },
		{ "10.0.0.0/8", "X-Forwarded-For: 192.0.2.9", "127.0.0.1" },
	};
	struct world *w = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_config c = config();
		http_free(&w->server);
		assert_int_equal(
		    address_nets_parse(cases[i].proxy, &c.proxies, &e), 0);
		start(w, &c);
		struct ask a = { .method = "GET",
			.path = "/v1/echo/a/b",
			.header = cases[i].header };
		OWN(reply_free) struct reply r = ask(w, &a);
		assert_string_equal(
		    strrchr(buf_text(&r.body), '|') + 1, cases[i].peer);
	}
}

static void
limits_the_connections_of_one_address(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	int fd[4];

	http_free(&w->server);
	c.per_address = 3;
	start(w, &c);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(w);
		say(fd[i], "GET /v1/wait/0 HTTP/1.1\r\nHost: x\r\n\r\n");
		if (i < 3)
			wait_for(&w->waits, (unsigned)i + 1);
	}
	OWN(buf_free) struct buf out = { 0 };
	assert_int_equal(hear(fd[3], &out), 0);
	assert_int_equal(out.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd_close(&fd[i]);
}

/* Nobody can hold the last place by asking nothing. */
static void
a_newcomer_takes_the_place_of_who_is_idle(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	int fd[20];

	http_free(&w->server);
	c.per_address = 3;
	start(w, &c);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(w);
		OWN(reply_free) struct reply r = get(w, "/healthz");
		assert_int_equal(r.status, 200);
	}
	OWN(buf_free) struct buf out = { 0 };
	assert_int_equal(hear(fd[0], &out), 0);
	assert_int_equal(out.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd_close(&fd[i]);
}

/* What is at work is not cut: then a newcomer is refused, and told of. */
static void
counts_what_meets_a_limit(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	struct ask metrics = { .method = "GET", .path = "/metrics", .port = 1 };
	int fd[5];

	http_free(&w->server);
	c.connections = 4;
	start(w, &c);
	metrics.port = http_metrics_port(w->server);
	OWN(reply_free) struct reply none = ask(w, &metrics);
	assert_non_null(strstr(buf_text(&none.body),
	    "aumbry_http_limited_total{limit=\"connections\"} 0\n"));
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(w);
		say(fd[i], "GET /v1/wait/0 HTTP/1.1\r\nHost: x\r\n\r\n");
		if (i < 4)
			wait_for(&w->waits, (unsigned)i + 1);
	}
	OWN(buf_free) struct buf out = { 0 };
	assert_int_equal(hear(fd[4], &out), 0);
	assert_int_equal(out.n, 0);
	OWN(reply_free) struct reply r = ask(w, &metrics);
	assert_non_null(strstr(buf_text(&r.body),
	    "aumbry_http_limited_total{limit=\"connections\"} 1\n"));
	metrics.path = "/healthz";
	OWN(reply_free) struct reply alive = ask(w, &metrics);
	assert_int_equal(alive.status, 200);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd_close(&fd[i]);
}

static void
fits_into_the_limit_of_open_files(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	struct rlimit was, few;
	struct err e = { 0 };
	struct http_app app = { .app = w };
	struct http_server *none = NULL;

	http_free(&w->server);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 150;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(http_start(&c, &app, &none, &e), -1);
	assert_null(none);
	few.rlim_cur = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start(w, &c);
	int fd[60];
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(w);
		OWN(reply_free) struct reply r = get(w, "/healthz");
		assert_int_equal(r.status, 200);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd_close(&fd[i]);
	http_free(&w->server);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

static int
folder(void)
{
	int fd = open("build", O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
takes_a_long_body_by_way_of_the_disk(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	OWN(buf_free) struct buf body = { 0 };

	http_free(&w->server);
	OWN(fd_close) int dir = folder();
	c.body_dir = dir;
	start(w, &c);
	static const size_t sizes[] = { 1, 32768, 32769, 1000000, BLOB_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		buf_clear(&body);
		uint8_t *p = buf_grow(&body, sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			p[k] = (uint8_t)(k * 31 + k / 256);
		struct ask a = { .method = "POST",
			.path = "/v1/long",
			.body = buf_bytes(&body) };
		OWN(reply_free) struct reply r = ask(w, &a);
		assert_int_equal(r.status, 201);
		assert_true(bytes_equal(buf_bytes(&r.body), buf_bytes(&body)));
	}
	http_free(&w->server);
}

/* Bodies of one address have room together, and one alone always has. */
static void
bounds_what_an_address_holds(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	OWN(buf_free) struct buf body = { 0 };

	http_free(&w->server);
	c.held_address = 100000;
	start(w, &c);
	memset(buf_grow(&body, 300000), 'x', 300000);
	struct ask a = {
		.method = "POST", .path = "/v1/long", .body = buf_bytes(&body)
	};
	OWN(reply_free) struct reply alone = ask(w, &a);
	assert_int_equal(alone.status, 201);
	OWN(fd_close) int fd = dial(w);
	say(fd,
	    "POST /v1/long HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 200000\r\n\r\nx");
	/* As soon as the first byte of that one is there. */
	for (int i = 0;; i++) {
		OWN(reply_free) struct reply beside = ask(w, &a);
		if (beside.status == 201 && i < 2000)
			continue;
		expect_error(&beside, 503, ERR_SERVER_BUSY);
		break;
	}
	/* What was refused is let go of a moment after it was. */
	a.body.n = 50000;
	for (int i = 0;; i++) {
		OWN(reply_free) struct reply less = ask(w, &a);
		if (less.status == 201)
			break;
		assert_true(i < 2000);
		(void)poll(NULL, 0, 1);
	}
	fd_close(&fd);
	a.body.n = 300000;
	/* As soon as the server has seen that the other is gone. */
	for (int i = 0; i < 2000; i++) {
		OWN(reply_free) struct reply r = ask(w, &a);
		if (r.status == 201)
			return;
		(void)poll(NULL, 0, 1);
	}
	fail_msg("what is gone is still charged");
}

/* A body that came fast at first has not earned hours of rest. */
static void
cuts_who_sends_much_and_then_drop_by_drop(void **state)
{
	OWN(fd_close) int fd = dial(*state);
	OWN(buf_free) struct buf body = { 0 };
	bool cut = false;

	say(fd,
	    "PUT /v1/blob/x HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 1000000\r\n\r\n");
	memset(buf_grow(&body, 300000), 'x', 300000);
	say(fd, buf_text(&body));
	for (int j = 0; j < 200 && !cut; j++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		say(fd, "x");
		cut = poll(&p, 1, 100) == 1;
	}
	assert_true(cut);
}

static void
counts_an_ipv6_network_as_one(void **state)
{
	struct world *w = *state;
	struct http_config c = config();
	struct ask a = { .method = "GET",
		.path = "/v1/source",
		.header = "X-Forwarded-For: 2001:db8:0:1:2:3:4:5" };

	http_free(&w->server);
	assert_int_equal(
	    address_nets_parse("127.0.0.1", &c.proxies, &(struct err){ 0 }), 0);
	start(w, &c);
	OWN(reply_free) struct reply r = ask(w, &a);
	assert_string_equal(
	    buf_text(&r.body), "2001:db8:0:1:2:3:4:5 2001:db8:0:1::/64");
}

static void
refuses_plain_http_beyond_loopback(void **state)
{
	static const char *const listen[] = { "0.0.0.0:0", "192.0.2.1:0",
		"127.0.0.1", "127.0.0.1:66000", "example.org:80", "" };
	struct http_app app = { 0 };
	struct http_server *s = NULL;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(listen); i++) {
		struct http_config c = config();
		c.listen = listen[i];
		assert_int_equal(http_start(&c, &app, &s, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_null(s);
	}
}

static void
serves_tls_with_the_pinned_key_only(void **state)
{
	struct world *w = *state;
	struct ask a = { .method = "GET", .path = "/v1/file", .pin = w->pin };
	OWN(reply_free) struct reply good = ask(w, &a);

	assert_int_equal(good.rc, CURLE_OK);
	assert_string_equal(buf_text(&good.body), "34567");
	a.pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	OWN(reply_free) struct reply bad = ask(w, &a);
	assert_int_equal(bad.rc, CURLE_SSL_PINNEDPUBKEYNOTMATCH);
}

static void
streams_and_waits_over_tls(void **state)
{
	struct world *w = *state;
	OWN(buf_free) struct buf body = { 0 };

	memset(buf_grow(&body, 3000000), 'x', 3000000);
	struct ask a = { .method = "PUT",
		.path = "/v1/blob/good",
		.body = buf_bytes(&body),
		.pin = w->pin };
	OWN(reply_free) struct reply put = ask(w, &a);
	assert_string_equal(buf_text(&put.body), "3000000");
	struct ask poll = {
		.method = "GET", .path = "/v1/wait/0?ms=100", .pin = w->pin
	};
	OWN(reply_free) struct reply waited = ask(w, &poll);
	assert_string_equal(buf_text(&waited.body), "0 timeout");
}

static int64_t
cpu_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* While a poll waits for two seconds, nothing is to be done. */
static void
spends_nothing_on_handshakes_half_done(void **state)
{
	struct world *w = *state;
	struct ask poll = {
		.method = "GET", .path = "/v1/wait/0?ms=2000", .pin = w->pin
	};
	int fd[8];

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(w);
		say(fd[i], "\x16");
	}
	int64_t before = cpu_ns();
	OWN(reply_free) struct reply r = ask(w, &poll);
	assert_string_equal(buf_text(&r.body), "0 timeout");
	assert_true(cpu_ns() - before < 200 * 1000000LL);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd_close(&fd[i]);
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define HASTY(test) cmocka_unit_test_setup_teardown(test, setup_hasty, teardown)
#define TLS(test) cmocka_unit_test_setup_teardown(test, setup_tls, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(hands_over_captures_query_and_headers),
		PLAIN(answers_what_it_does_not_serve),
		PLAIN(carries_detail_and_hides_what_is_internal),
		PLAIN(lets_in_who_has_a_token),
		PLAIN(hands_a_handler_what_its_route_says),
		PLAIN(takes_bodies_up_to_the_limit),
		PLAIN(cuts_endless_chunks),
		PLAIN(refuses_before_it_reads_a_body),
		PLAIN(refuses_malformed_requests),
		PLAIN(refuses_endless_headers),
		PLAIN(streams_a_body_into_its_sink),
		PLAIN(aborts_a_sink_that_fails),
		PLAIN(aborts_a_sink_whose_client_vanishes),
		HASTY(cuts_who_sends_nothing),
		HASTY(cuts_who_sends_drop_by_drop),
		HASTY(cuts_who_sends_much_and_then_drop_by_drop),
		PLAIN(sends_a_part_of_a_file),
		PLAIN(ends_a_long_poll_in_time),
		PLAIN(wakes_all_who_wait),
		PLAIN(wakes_by_each_of_its_keys),
		PLAIN(loses_no_wake_up),
		PLAIN(sees_a_change_between_look_and_wait),
		PLAIN(sees_a_change_of_each_key_there),
		PLAIN(answers_waiting_polls_when_it_stops),
		PLAIN(stops_with_a_request_half_read),
		PLAIN(serves_many_at_once),
		PLAIN(counts_on_the_metrics_port),
		PLAIN(believes_only_the_trusted_proxy),
		PLAIN(limits_the_connections_of_one_address),
		PLAIN(a_newcomer_takes_the_place_of_who_is_idle),
		PLAIN(counts_what_meets_a_limit),
		PLAIN(fits_into_the_limit_of_open_files),
		PLAIN(takes_a_long_body_by_way_of_the_disk),
		PLAIN(bounds_what_an_address_holds),
		PLAIN(counts_an_ipv6_network_as_one),
		cmocka_unit_test(refuses_plain_http_beyond_loopback),
		TLS(serves_tls_with_the_pinned_key_only),
		TLS(streams_and_waits_over_tls),
		TLS(spends_nothing_on_handshakes_half_done),
	};

	/* The lines of refused requests are the tests' purpose, not news. */
	log_level_set(LOG_ERROR_);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	curl_global_cleanup();
	return rc;
}
