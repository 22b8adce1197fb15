/* SPDX-License-Identifier: ISC */
/* remote.c: libcurl behind one call. */
#include "link/remote.h"

#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"
#include "base/typed.h"
#include "link/depot.h"
#include "link/remote_in.h"
#include "wire/errjson.h"
#include "wire/limits.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 5 /* of a call whose answer was lost: over 1.5 seconds */
#define VOUCHINGS 3 /* asked for in one call: a key may change meanwhile */
#define BUFFER_BYTES (128 * 1024L) /* curl's largest receive buffer */
#define CONNECT_S 15L
#define ASKED_BYTES ((size_t)64 * 1024) /* servers read shorter ones anyway */
#define ASKED_MS 5000L /* then it is sent, for a proxy may swallow the answer */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

static void
free_url(CURLU **u)
{
	curl_url_cleanup(*u);
	*u = NULL;
}

static void
free_part(char **s)
{
	curl_free(*s);
	*s = NULL;
}

static bool
is_loopback(const char *host)
{
	struct in_addr v4;

	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	    (inet_pton(AF_INET, host, &v4) == 1 &&
		ntohl(v4.s_addr) >> 24 == 127);
}

static int
bad_url(struct err *e, const char *why)
{
	(void)err_set(e, ERR_USAGE, "the server's address %s", why);
	return err_remedy(e,
	    "Use the address that `aumbryd init` or `aumbryd invite` printed, "
	    "with #pin=… at its end and in quotes.");
}

static int
parse_pin(struct remote *r, const char *fragment, struct err *e)
{
	OWN(buf_free) struct buf raw = { 0 };

	if (strncmp(fragment, "pin=", 4) != 0)
		return bad_url(e, "has no pin");
	size_t n = strcspn(fragment + 4, "&");
	if (text_unbase64(&raw, bytes_of(fragment + 4, n)) < 0 ||
	    raw.n != DIGEST_BYTES)
		return bad_url(e, "has a pin that is not 32 bytes");
	memcpy(r->pin.b, raw.p, DIGEST_BYTES);
	remote_pin_to(r, &r->pin, 1, 0);
	return 0;
}

static bool
has_part(CURLU *u, CURLUPart part, const char *but)
{
	OWN(free_part) char *s = NULL;

	return curl_url_get(u, part, &s, 0) == CURLUE_OK &&
	    (but == NULL || strcmp(s, but) != 0);
}

/* What would be called must be what a person reads in it: libcurl's own
 * reading, and no name, path or question that could look like a host. */
static int
check_url(struct remote *r, CURLU *u, struct err *e)
{
	OWN(free_part) char *scheme = NULL;
	OWN(free_part) char *host = NULL;
	OWN(free_part) char *fragment = NULL;

	if (curl_url_set(u, CURLUPART_URL, r->url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return bad_url(e, "is none, like https://HOST:PORT/#pin=…");
	for (const char *p = host; *p != '\0'; p++)
		if ((unsigned char)*p > 0x7e)
			return bad_url(e,
			    "names its host by other letters than those of the "
			    "DNS, as xn--…");
	if (has_part(u, CURLUPART_USER, NULL) ||
	    has_part(u, CURLUPART_PASSWORD, NULL) ||
	    has_part(u, CURLUPART_OPTIONS, NULL))
		return bad_url(e, "has an @: what stands before it is no host");
	if (has_part(u, CURLUPART_PATH, "/") ||
	    has_part(u, CURLUPART_QUERY, NULL))
		return bad_url(e, "has a path");
	r->loopback = is_loopback(host);
	if (strcmp(scheme, "http") == 0)
		return r->loopback
		    ? 0
		    : bad_url(e, "is plain HTTP and not loopback");
	if (strcmp(scheme, "https") != 0)
		return bad_url(e, "does not begin with https://");
	r->tls = true;
	return curl_url_get(u, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK
	    ? parse_pin(r, fragment, e)
	    : 0;
}

/* That of which only the pin may lack. */
static int
parse(const char *url, struct remote **out, struct err *e)
{
	OWN(remote_free) struct remote *r = mem_new(sizeof *r);
	OWN(free_url) CURLU *u = curl_url();
	OWN(free_part) char *base = NULL;
	OWN(buf_free) struct buf plain = { 0 };

	(void)pthread_once(&once, init_curl);
	(void)pthread_mutex_init(&r->lock, NULL);
	buf_put_bytes(&plain, typed_trim(bytes_str(url)));
	r->url = mem_text(buf_text(&plain));
	if (u == NULL)
		abort();
	if (check_url(r, u, e) < 0)
		return -1;
	if (curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &base, 0) != CURLUE_OK)
		return bad_url(e, "cannot be read");
	size_t n = strlen(base);
	r->base = mem_text(base);
	if (n > 0 && base[n - 1] == '/')
		r->base[n - 1] = '\0';
	*out = TAKE(r);
	return 0;
}

int
remote_new(const char *url, struct remote **out, struct err *e)
{
	OWN(remote_free) struct remote *r = NULL;

	if (parse(url, &r, e) < 0)
		return -1;
	if (r->tls && r->curl_pin == NULL)
		return bad_url(e, "has no pin");
	*out = TAKE(r);
	return 0;
}

int
remote_find(const char *url, struct buf *out, struct err *e)
{
	OWN(remote_free) struct remote *r = NULL;

	if (parse(url, &r, e) < 0 ||
	    (r->tls && r->curl_pin == NULL && remote_meet(r, e) < 0))
		return -1;
	buf_put_str(out, remote_url(r));
	return 0;
}

void
remote_free(struct remote **r)
{
	if (*r == NULL)
		return;
	for (size_t i = 0; i < (*r)->n_idle; i++)
		curl_easy_cleanup((*r)->idle[i]);
	(void)pthread_mutex_destroy(&(*r)->lock);
	buf_free(&(*r)->token);
	free((*r)->url);
	free((*r)->base);
	free((*r)->curl_pin);
	free((*r)->moved);
	buf_free(&(*r)->shown);
	free(*r);
	*r = NULL;
}

void
remote_set_token(struct remote *r, const char *token)
{
	(void)pthread_mutex_lock(&r->lock);
	buf_clear(&r->token);
	if (token != NULL)
		buf_put_str(&r->token, token);
	r->generation++;
	(void)pthread_mutex_unlock(&r->lock);
}

#define AT_ONCE 2 /* transfers of blobs */

void
remote_limit(struct remote *r, uint64_t up, uint64_t down)
{
	atomic_store(&r->up, up);
	atomic_store(&r->down, down);
}

void
remote_on_expiry(struct remote *r, remote_renew_fn fn, void *ctx)
{
	r->renew = fn;
	r->renew_ctx = ctx;
}

void
remote_note_in(struct remote *r, struct local *notes)
{
	r->notes = notes;
}

void
remote_told(struct remote *r)
{
	act_end(&r->last);
}

static CURL *
take_handle(struct remote *r)
{
	CURL *h = NULL;

	(void)pthread_mutex_lock(&r->lock);
	if (r->n_idle > 0)
		h = r->idle[--r->n_idle];
	(void)pthread_mutex_unlock(&r->lock);
	if (h == NULL)
		h = curl_easy_init();
	if (h == NULL)
		abort();
	return h;
}

static void
give_handle(struct remote *r, CURL *h)
{
	(void)pthread_mutex_lock(&r->lock);
	bool keep = r->n_idle < POOL;
	if (keep)
		r->idle[r->n_idle++] = h;
	(void)pthread_mutex_unlock(&r->lock);
	if (!keep)
		curl_easy_cleanup(h);
}

struct sink {
	CURL *handle;
	struct buf *out;
	size_t start, limit;
	bool over;
	const struct depot_sink *pieces; /* or NULL */
	bool refused; /* by it: *e is its error */
	struct err *e;
};

static size_t
on_data(char *p, size_t size, size_t n, void *arg)
{
	struct sink *s = arg;
	size_t limit = s->limit;
	long status = 0;

	n *= size;
	/* An error explains itself at a length of its own. */
	curl_easy_getinfo(s->handle, CURLINFO_RESPONSE_CODE, &status);
	if (status > 299 && limit < ERRJSON_MAX)
		limit = ERRJSON_MAX;
	if (s->pieces != NULL && status >= 200 && status <= 299) {
		s->refused =
		    s->pieces->take(s->pieces->ctx, bytes_of(p, n), s->e) < 0;
		return s->refused ? 0 : n;
	}
	if (s->out->n - s->start + n > limit) {
		s->over = true;
		return 0;
	}
	buf_put(s->out, p, n);
	return n;
}

/* Called each second at least. */
static int
on_progress(
    void *arg, curl_off_t dl, curl_off_t dn, curl_off_t ul, curl_off_t un)
{
	const struct remote_call *c = arg;

	(void)dl;
	(void)dn;
	(void)ul;
	(void)un;
	return stop_asked() || (c->ends != NULL && atomic_load(c->ends)) ? 1
									 : 0;
}

static int
transport_error(
    CURLcode rc, const struct sink *s, const char *detail, struct err *e)
{
	if (s->over)
		return err_set(e, ERR_TOO_LARGE,
		    "the server's answer is longer than %zu bytes", s->limit);
	if (rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return err_set(e, ERR_CERTIFICATE_CHANGED,
		    "the server shows another key than the one that was "
		    "pinned");
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return err_set(e, ERR_CODE_EXPIRED, "the wait was ended");
	return err_set(e, ERR_SERVER_UNREACHABLE,
	    "the server cannot be reached (%s)",
	    detail[0] != '\0' ? detail : curl_easy_strerror(rc));
}

/* An answer that aumbryd never gives comes from what stands in front of it. */
static void
not_ours(long status, struct err *e)
{
	if (status == 413) {
		(void)err_set(e, ERR_TOO_LARGE,
		    "a proxy in front of the server takes no body of that "
		    "length (status 413)");
		(void)err_remedy(e,
		    "Who runs the server has to let bodies of 64 MiB through: "
		    "for nginx, client_max_body_size 64m.");
		return;
	}
	if (status == 500) {
		(void)err_set(e, ERR_INTERNAL,
		    "the server, or a proxy in front of it, answered with "
		    "status 500");
		return;
	}
	(void)err_set(e, ERR_SERVER_UNREACHABLE,
	    status > 500
		? "a proxy in front of the server answered in its place, with "
		  "status %ld"
		: "what answers at this address is no Aumbry server, or a "
		  "proxy that stops this call: status %ld",
	    status);
}

static int
answer_error(long status, struct buf *out, size_t start, struct err *e)
{
	struct bytes body = bytes_of(out->p + start, out->n - start);

	OWN(buf_free) struct buf detail = { 0 };
	struct err said, wrong;
	if (errjson_parse(body, &said, &detail, &wrong) == 0)
		*e = said;
	else
		not_ours(status, e);
	out->n = start;
	return -1;
}

static void
set_options(CURL *h, struct remote *r, const struct remote_call *c,
    struct sink *sink, const char *url, char *detail)
{
	unsigned stall = c->timeout_s != 0 ? c->timeout_s : 60;

	curl_easy_reset(h);
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	/* A proxy of the environment carries what it cannot read: the pin is
	 * of the server behind it. */
	if (r->loopback)
		curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)stall);
	curl_easy_setopt(h, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(h, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(h, CURLOPT_EXPECT_100_TIMEOUT_MS, ASKED_MS);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, sink);
	curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, c->method);
	curl_easy_setopt(h, CURLOPT_MAX_SEND_SPEED_LARGE,
	    (curl_off_t)(atomic_load(&r->up) / AT_ONCE));
	curl_easy_setopt(h, CURLOPT_MAX_RECV_SPEED_LARGE,
	    (curl_off_t)(atomic_load(&r->down) / AT_ONCE));
	if (c->waits) {
		curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(h, CURLOPT_XFERINFODATA, c);
	}
	remote_set_pin(h, r);
	if (c->body.n > 0 || strcmp(c->method, "GET") != 0) {
		curl_easy_setopt(
		    h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.n);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS,
		    c->body.n > 0 ? (const void *)c->body.p : "");
	}
}

static void
add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *next = curl_slist_append(*list, line);

	if (next == NULL)
		abort();
	*list = next;
}

static void
free_headers(struct curl_slist **list)
{
	curl_slist_free_all(*list);
	*list = NULL;
}

static struct curl_slist *
headers(struct remote *r, const struct remote_call *c, const struct act *act,
    unsigned *generation)
{
	OWN(buf_free) struct buf line = { 0 };
	struct curl_slist *list = NULL;

	/* A server that refuses a long body would close on what it did not
	 * read, and the reset could overtake its answer. So it is asked. */
	add_header(&list,
	    c->body.n > ASKED_BYTES ? "Expect: 100-continue" : "Expect:");
	add_header(&list, "Accept:");
	buf_printf(&line, "Content-Type: %s",
	    c->type != NULL ? c->type : "application/octet-stream");
	add_header(&list, buf_text(&line));
	if (c->header != NULL)
		add_header(&list, c->header);
	if (!id_zero(&act->key)) {
		buf_clear(&line);
		buf_printf(&line, "Idempotency-Key: %s", id_text(&act->key).s);
		add_header(&list, buf_text(&line));
	}
	if (c->range_n > 0) {
		buf_clear(&line);
		buf_printf(&line, "Range: bytes=%llu-%llu",
		    (unsigned long long)c->range_from,
		    (unsigned long long)(c->range_from + c->range_n - 1));
		add_header(&list, buf_text(&line));
	}
	(void)pthread_mutex_lock(&r->lock);
	*generation = r->generation;
	if (!c->bare && r->token.n > 0) {
		buf_clear(&line);
		buf_printf(
		    &line, "Authorization: Bearer %s", buf_text(&r->token));
		add_header(&list, buf_text(&line));
	}
	(void)pthread_mutex_unlock(&r->lock);
	return list;
}

struct attempt {
	const struct remote_call *c;
	struct act act;
	unsigned generation; /* of the token that was sent */
	bool lost; /* an answer: the server may have acted */
	bool slow; /* after a long wait */
	bool other_key; /* the connection had none that is known */
};

/* For who asked with -v. What stands behind a ? may be a name. */
static void
tell(CURL *h, const struct remote_call *c, CURLcode rc, long status)
{
	curl_off_t us = 0;

	curl_easy_getinfo(h, CURLINFO_TOTAL_TIME_T, &us);
	log_debug("call", "method=%s path=%.*s status=%ld curl=%d ms=%lld",
	    c->method, (int)strcspn(c->path, "?"), c->path, status, (int)rc,
	    (long long)us / 1000);
}

static int
attempt(struct remote *r, struct attempt *a, struct buf *out, struct err *e)
{
	const struct remote_call *c = a->c;
	OWN(buf_free) struct buf url = { 0 };
	OWN(free_headers)
	struct curl_slist *list = headers(r, c, &a->act, &a->generation);
	CURL *h = take_handle(r);
	struct sink sink = { h, out, out->n,
		c->limit != 0 ? c->limit : LIMIT_JSON_BYTES, false, c->sink,
		false, e };
	char detail[CURL_ERROR_SIZE] = "";
	long status = 0;

	buf_printf(&url, "%s%s", r->base, c->path);
	set_options(h, r, c, &sink, buf_text(&url), detail);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, list);
	if (c->sink != NULL)
		c->sink->begin(c->sink->ctx);
	CURLcode rc = curl_easy_perform(h);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	tell(h, c, rc, status);
	give_handle(r, h);
	a->other_key = rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
	a->lost |= rc != CURLE_OK && !a->other_key && !sink.over &&
	    !sink.refused && rc != CURLE_COULDNT_CONNECT &&
	    rc != CURLE_COULDNT_RESOLVE_HOST &&
	    rc != CURLE_COULDNT_RESOLVE_PROXY;
	a->slow |= rc == CURLE_OPERATION_TIMEDOUT;
	if (rc != CURLE_OK) {
		out->n = sink.start;
		if (sink.refused)
			return -1;
		return transport_error(rc, &sink, detail, e);
	}
	if (status < 200 || status > 299)
		return answer_error(status, out, sink.start, e);
	return 0;
}

static int
renew(struct remote *r, unsigned seen, struct err *e)
{
	(void)pthread_mutex_lock(&r->lock);
	bool already = r->generation != seen;
	(void)pthread_mutex_unlock(&r->lock);
	return already ? 0 : r->renew(r->renew_ctx, e);
}

/* A server asks its proxies once a second which keys they show. */
static const struct timespec a_while = { 1, 100000000L };

static int
attempts(struct remote *r, struct attempt *a, struct buf *out, struct err *e)
{
	bool renewed = false;
	int asked = 0;

	for (int i = 1;; i++) {
		if (attempt(r, a, out, e) == 0)
			return 0;
		if (a->other_key && asked < VOUCHINGS) {
			/* It may have changed since the server looked. */
			if (asked++ > 0)
				(void)nanosleep(&a_while, NULL);
			if (remote_vouch(r, e) < 0)
				return -1;
			continue;
		}
		if (e->code == ERR_SESSION_EXPIRED && r->renew != NULL &&
		    !a->c->bare && !renewed) {
			renewed = true;
			if (renew(r, a->generation, e) < 0)
				return -1;
			continue;
		}
		if (!a->lost || i >= (a->slow ? 2 : TRIES) ||
		    e->code != ERR_SERVER_UNREACHABLE)
			return -1;
		struct timespec pause = { 0, 50000000L << i };
		(void)nanosleep(&pause, NULL);
	}
}

int
remote_call(struct remote *r, const struct remote_call *c, struct buf *out,
    struct err *e)
{
	struct attempt a = { .c = c };

	if (act_begin(&a.act, r->notes, c, e) < 0)
		return -1;
	int rc = attempts(r, &a, out, e);
	if (rc == 0 && c->shown)
		r->last = a.act;
	else if (rc == 0 || !act_unknown(e))
		act_end(&a.act);
	return rc;
}
