/* SPDX-License-Identifier: ISC */
/* escrowpeer.c: sockets, OpenSSL with a pin in the place of authorities. */
#include "server/escrowpeer.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "http/tlscert.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define PIN_MARK "#pin="

struct escrowpeer_way {
	struct sockaddr_un at; /* without ctx */
	SSL_CTX *ctx; /* NULL: the socket */
	char *host, *port;
	struct digest pin;
};

struct escrowpeer {
	int fd;
	SSL *ssl; /* NULL: without TLS */
	int64_t until_ms;
	bool answered; /* something came back */
};

int
escrowpeer_unreachable(struct err *e, const char *why)
{
	return err_set(e, ERR_ESCROW_UNREACHABLE,
	    "the escrow of this server cannot be reached: %s", why);
}

bool
escrowpeer_named(const struct config *c)
{
	return c->escrow_socket[0] != '\0' || c->escrow_address[0] != '\0';
}

/* ---- the way ---- */

static int
set_up_tls(struct escrowpeer_way *w, const char *keys, struct err *e)
{
	OWN(mem_free) char *cert = file_join(keys, "tls.crt");
	OWN(mem_free) char *key = file_join(keys, "tls.key");

	w->ctx = SSL_CTX_new(TLS_client_method());
	if (w->ctx == NULL ||
	    SSL_CTX_set_min_proto_version(w->ctx, TLS1_3_VERSION) != 1)
		abort();
	(void)SSL_CTX_set_mode(w->ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(w->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(w->ctx, tlscert_accept, &w->pin);
	return SSL_CTX_use_certificate_file(w->ctx, cert, SSL_FILETYPE_PEM) ==
		    1 &&
		SSL_CTX_use_PrivateKey_file(w->ctx, key, SSL_FILETYPE_PEM) == 1
	    ? 0
	    : err_set(e, ERR_STATE_DAMAGED,
		  "%s and %s are not a certificate and its key", cert, key);
}

/* HOST:PORT#pin=PIN, as config.c has checked it. */
static void
take_address(struct escrowpeer_way *w, const char *text)
{
	OWN(buf_free) struct buf pin = { 0 };
	const char *mark = strstr(text, PIN_MARK);

	w->host = mem_text(text);
	w->host[mark - text] = '\0';
	char *colon = strrchr(w->host, ':');
	w->port = mem_text(colon + 1);
	*colon = '\0';
	if (w->host[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		memmove(w->host, w->host + 1, strlen(w->host));
	}
	if (text_unbase64(&pin, bytes_str(mark + strlen(PIN_MARK))) < 0 ||
	    pin.n != DIGEST_BYTES)
		abort();
	memcpy(w->pin.b, pin.p, DIGEST_BYTES);
}

int
escrowpeer_way_new(const struct config *c, const char *keys,
    struct escrowpeer_way **out, struct err *e)
{
	OWN(escrowpeer_way_free) struct escrowpeer_way *w = mem_new(sizeof *w);
	const char *path = c->escrow_socket;

	if (path[0] == '\0') {
		take_address(w, c->escrow_address);
		if (set_up_tls(w, keys, e) < 0)
			return -1;
	} else if (strlen(path) >= sizeof w->at.sun_path) {
		return err_set(e, ERR_USAGE,
		    "[escrow] socket is longer than %zu bytes",
		    sizeof w->at.sun_path - 1);
	} else {
		w->at.sun_family = AF_UNIX;
		memcpy(w->at.sun_path, path, strlen(path));
	}
	*out = TAKE(w);
	return 0;
}

void
escrowpeer_way_free(struct escrowpeer_way **w)
{
	if (*w == NULL)
		return;
	SSL_CTX_free((*w)->ctx);
	free((*w)->host);
	free((*w)->port);
	free(*w);
	*w = NULL;
}

/* ---- bytes ---- */

/* Wait for fd to be ready; -1 when the time is up. */
static int
ready(int fd, short events, int64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = until_ms - now_mono_ns() / 1000000;
		if (left <= 0)
			return -1;
		int n = poll(&p, 1, (int)left);
		if (n > 0)
			return 0;
		if (n == 0 || errno != EINTR)
			return -1;
	}
}

/* What came of an operation of OpenSSL, as of a socket that does not block. */
static ssize_t
tls_result(struct escrowpeer *p, int rc, short *wants)
{
	if (rc > 0)
		return rc;
	switch (SSL_get_error(p->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*wants = POLLIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		*wants = POLLOUT;
		return -1;
	default:
		return 0;
	}
}

/* Bytes; 0 when it is over; -1 to wait for what it wants. */
static ssize_t
put_some(struct escrowpeer *p, struct bytes x, short *wants)
{
	if (p->ssl != NULL) {
		ERR_clear_error();
		return tls_result(p,
		    SSL_write(p->ssl, x.p, x.n < INT_MAX ? (int)x.n : INT_MAX),
		    wants);
	}
	ssize_t n = send(p->fd, x.p, x.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	*wants = POLLOUT;
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? -1 : 0;
}

static ssize_t
get_some(struct escrowpeer *p, uint8_t *to, size_t n, short *wants)
{
	if (p->ssl != NULL) {
		ERR_clear_error();
		return tls_result(p,
		    SSL_read(p->ssl, to, n < INT_MAX ? (int)n : INT_MAX),
		    wants);
	}
	ssize_t got = recv(p->fd, to, n, MSG_DONTWAIT);
	*wants = POLLIN;
	return got >= 0 ? got : errno == EAGAIN || errno == EINTR ? -1 : 0;
}

/*
 * In TLS 1.3 a client hears only after its handshake that its certificate was
 * not taken, and from a socket that is closed then it may hear even less.
 */
static int
hung_up(const struct escrowpeer *p, struct err *e)
{
	return escrowpeer_unreachable(e,
	    p->ssl != NULL && !p->answered
		? "it hung up when it saw this server's key, which is not the "
		  "one that it was started with"
		: "it hung up");
}

static int
send_all(struct escrowpeer *p, struct bytes x, struct err *e)
{
	while (x.n > 0) {
		short wants = 0;
		ssize_t n = put_some(p, x, &wants);
		if (n == 0)
			return hung_up(p, e);
		if (n > 0) {
			x.p += n;
			x.n -= (size_t)n;
		} else if (ready(p->fd, wants, p->until_ms) < 0)
			return escrowpeer_unreachable(e, "it does not listen");
	}
	return 0;
}

static int
receive_all(struct escrowpeer *p, uint8_t *to, size_t want, struct err *e)
{
	while (want > 0) {
		short wants = 0;
		ssize_t n = get_some(p, to, want, &wants);
		if (n == 0)
			return hung_up(p, e);
		/* TLS may have bytes each time, and still no end. */
		if (n < 0 ? ready(p->fd, wants, p->until_ms) < 0
			  : now_mono_ns() / 1000000 >= p->until_ms)
			return escrowpeer_unreachable(e, "it does not answer");
		if (n > 0) {
			p->answered = true;
			to += n;
			want -= (size_t)n;
		}
	}
	return 0;
}

/* ---- frames ---- */

/* What the escrow refuses with. */
static int
refusal(struct bytes x, struct err *e)
{
	struct scan s = scan_of(x);
	struct bytes code = scan_v8(&s), message = scan_v16(&s);
	OWN(buf_free) struct buf text = { 0 };

	if (!scan_done(&s))
		return escrowpeer_unreachable(
		    e, "its answer is not well-formed");
	enum err_code known = err_find((const char *)code.p, code.n);
	buf_put_bytes(&text, message);
	return err_set(e, known < ERR_CODES ? known : ERR_RELEASE_REFUSED, "%s",
	    buf_text(&text));
}

int
escrowpeer_ask(struct escrowpeer *p, enum escrow_verb verb, struct bytes body,
    struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf frame = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	uint8_t head[4];

	if (body.n + 2 > ESCROW_FRAME)
		return err_set(e, ERR_TOO_LARGE,
		    "what the escrow must be shown is larger than it takes");
	buf_put_u32(&frame, (uint32_t)body.n + 2);
	buf_put_u8(&frame, ESCROW_VERSION);
	buf_put_u8(&frame, (uint8_t)verb);
	buf_put_bytes(&frame, body);
	if (send_all(p, buf_bytes(&frame), e) < 0 ||
	    receive_all(p, head, sizeof head, e) < 0)
		return -1;
	uint32_t n = be32(head);
	if (n < 1 || n > ESCROW_FRAME)
		return escrowpeer_unreachable(
		    e, "its answer is not well-formed");
	if (receive_all(p, buf_grow(&answer, n), n, e) < 0)
		return -1;
	struct bytes rest = bytes_of(answer.p + 1, answer.n - 1);
	if (answer.p[0] != 0)
		return refusal(rest, e);
	buf_put_bytes(out, rest);
	return 0;
}

/* ---- meeting it ---- */

/* Connect, but not beyond the time. */
static int
meet(
    struct escrowpeer *p, const struct sockaddr *at, socklen_t n, struct err *e)
{
	int why = 0;
	socklen_t size = sizeof why;

	fd_close(&p->fd);
	p->fd = socket(
	    at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd >= 0 && connect(p->fd, at, n) == 0)
		return 0;
	if (p->fd < 0 || errno != EINPROGRESS)
		return escrowpeer_unreachable(e, strerror(errno));
	if (ready(p->fd, POLLOUT, p->until_ms) < 0)
		return escrowpeer_unreachable(e, "it does not listen");
	(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &why, &size);
	return why == 0 ? 0 : escrowpeer_unreachable(e, strerror(why));
}

static void
list_drop(struct addrinfo **list)
{
	if (*list != NULL)
		freeaddrinfo(*list);
	*list = NULL;
}

/* The first of its addresses that answers. */
static int
meet_far(struct escrowpeer *p, const struct escrowpeer_way *w, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG };
	OWN(list_drop) struct addrinfo *list = NULL;

	int rc = getaddrinfo(w->host, w->port, &hints, &list);
	if (rc != 0)
		return escrowpeer_unreachable(e, gai_strerror(rc));
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
		if (meet(p, a->ai_addr, a->ai_addrlen, e) == 0)
			return 0;
	return -1;
}

static int
shake_hands(struct escrowpeer *p, const struct escrowpeer_way *w, struct err *e)
{
	p->ssl = SSL_new(w->ctx);
	if (p->ssl == NULL || SSL_set_fd(p->ssl, p->fd) != 1)
		abort();
	for (;;) {
		short wants = 0;
		ERR_clear_error();
		ssize_t n = tls_result(p, SSL_connect(p->ssl), &wants);
		if (n > 0)
			return 0;
		if (n == 0)
			break;
		if (ready(p->fd, wants, p->until_ms) < 0)
			return escrowpeer_unreachable(e, "it does not answer");
	}
	return SSL_get_verify_result(p->ssl) == X509_V_OK
	    ? escrowpeer_unreachable(e, "what answers there is no escrow")
	    : err_set(e, ERR_ESCROW_CHANGED,
		  "the escrow shows another key than the one whose pin "
		  "[escrow] address names");
}

int
escrowpeer_open(const struct escrowpeer_way *w, int64_t until_ms,
    struct escrowpeer **out, struct err *e)
{
	OWN(escrowpeer_free) struct escrowpeer *p = mem_new(sizeof *p);

	p->fd = -1;
	p->until_ms = until_ms;
	if (w->ctx == NULL
		? meet(p, (const struct sockaddr *)&w->at, sizeof w->at, e) < 0
		: meet_far(p, w, e) < 0 || shake_hands(p, w, e) < 0)
		return -1;
	*out = TAKE(p);
	return 0;
}

void
escrowpeer_free(struct escrowpeer **p)
{
	if (*p == NULL)
		return;
	if ((*p)->ssl != NULL) {
		/* Not after a handshake that failed. */
		if (SSL_is_init_finished((*p)->ssl))
			(void)SSL_shutdown((*p)->ssl);
		SSL_free((*p)->ssl);
	}
	fd_close(&(*p)->fd);
	free(*p);
	*p = NULL;
}
