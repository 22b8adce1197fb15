/* SPDX-License-Identifier: ISC */
/* http_proxy.c: connections that proxies pass on, with a header that says whose
 * they are. */
#include "http/http_in.h"

#include "base/now.h"
#include "http/proxyheader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Connections whose header is awaited at once, and how long. A proxy sends it
 * in the first packet. */
#define AWAITED 256
#define AWAIT_NS (5 * 1000000000LL)
#define AT_ONCE 64 /* accepted before the others are looked at */
#define LOOK_MS 250 /* for the end, and for who is late */

struct newcomer {
	int fd;
	int64_t since_ns;
	struct address proxy;
};

struct entrance {
	struct port *port;
	struct newcomer all[AWAITED];
	size_t n;
};

static void
drop(struct entrance *in, size_t i)
{
	in->all[i] = in->all[--in->n];
}

static void
refuse(struct entrance *in, size_t i)
{
	struct http_server *s = in->port->server;

	(void)close(in->all[i].fd);
	drop(in, i);
	pthread_mutex_lock(&s->conn_mu);
	http_refused(s, REFUSED_PROXY);
	pthread_mutex_unlock(&s->conn_mu);
}

/* It is the library's from now on, which asks http_accept about the client and
 * closes what that refuses. */
static void
pass(struct entrance *in, size_t i, const struct address *from)
{
	struct newcomer *c = &in->all[i];
	const struct address *a = from->n > 0 ? from : &c->proxy;

	(void)MHD_add_connection(
	    in->port->daemon, c->fd, (const struct sockaddr *)&a->sa, a->n);
	drop(in, i);
}

/* The header, and not a byte of what follows. Who leaves without a byte looked
 * whether anybody is here, as HAProxy does: no attack. */
static void
look(struct entrance *in, size_t i)
{
	uint8_t x[PROXYHEADER_MAX];
	struct address from;
	size_t length = 0;
	int fd = in->all[i].fd;
	ssize_t n = recv(fd, x, sizeof x, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0) {
		(void)close(fd);
		drop(in, i);
		return;
	}
	enum proxyheader is = n > 0
	    ? proxyheader_read(bytes_of(x, (size_t)n), &length, &from)
	    : PROXYHEADER_WRONG;
	if (is == PROXYHEADER_MORE)
		return;
	if (is == PROXYHEADER_WRONG ||
	    recv(fd, x, length, MSG_DONTWAIT) != (ssize_t)length)
		refuse(in, i);
	else
		pass(in, i, &from);
}

/* Who has waited longest goes for who comes: a header that is whole is there
 * within a moment, and nobody can hold all places. */
static void
make_room(struct entrance *in)
{
	size_t oldest = 0;

	if (in->n < AWAITED)
		return;
	for (size_t i = 1; i < in->n; i++)
		if (in->all[i].since_ns < in->all[oldest].since_ns)
			oldest = i;
	refuse(in, oldest);
}

static bool
enter(struct entrance *in)
{
	struct http_server *s = in->port->server;
	struct newcomer c = { .proxy.n = sizeof c.proxy.sa };

	c.fd = accept4(in->port->listen_fd, (struct sockaddr *)&c.proxy.sa,
	    &c.proxy.n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c.fd < 0)
		return false;
	c.since_ns = now_mono_ns();
	make_room(in);
	in->all[in->n++] = c;
	if (http_is_proxy(s, (const struct sockaddr *)&c.proxy.sa))
		look(in, in->n - 1);
	else
		refuse(in, in->n - 1);
	return true;
}

/* A header in pieces leaves its connection readable: then it is looked at
 * again a little later, and not at once. */
static void
wait_for(const struct entrance *in, struct pollfd *fds)
{
	bool partly = false;

	for (size_t i = 0; i < in->n; i++) {
		fds[i + 1] = (struct pollfd){ in->all[i].fd, POLLIN, 0 };
		partly |= recv(in->all[i].fd, &(char){ 0 }, 1,
			      MSG_PEEK | MSG_DONTWAIT) > 0;
	}
	fds[0] = (struct pollfd){ in->port->listen_fd, POLLIN, 0 };
	if (partly)
		(void)poll(NULL, 0, 10);
	(void)poll(fds, in->n + 1, partly ? 0 : LOOK_MS);
}

static void *
run(void *arg)
{
	struct entrance in = { .port = arg };
	struct pollfd fds[AWAITED + 1];
	struct http_server *s = in.port->server;

	while (!atomic_load(&s->stopping)) {
		wait_for(&in, fds);
		for (size_t i = in.n; i-- > 0;)
			if (now_mono_ns() - in.all[i].since_ns > AWAIT_NS)
				refuse(&in, i);
			else
				look(&in, i);
		for (int i = 0; i < AT_ONCE && enter(&in); i++)
			continue;
	}
	while (in.n > 0)
		(void)close(in.all[--in.n].fd);
	return NULL;
}

int
http_proxy_start(struct port *port, struct err *e)
{
	int flags = fcntl(port->listen_fd, F_GETFL);

	if (flags < 0 ||
	    fcntl(port->listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(e, "the socket");
	errno = pthread_create(&port->entrance, NULL, run, port);
	port->has_entrance = errno == 0;
	return errno == 0 ? 0 : err_sys(e, "start a thread");
}
