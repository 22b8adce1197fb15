/* SPDX-License-Identifier: ISC */
/* desk.c: the poll loop. */
#include "escrow/desk.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "escrow/release.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
#define CHUNK (64 * 1024) /* bytes read at once */

enum kind { KIND_SOCKET, KIND_TLS, KINDS };

struct peer {
	int fd;
	enum kind kind;
	struct gate_peer *tls; /* NULL for a UNIX socket */
	int64_t until_ms;
	short wants; /* POLLIN or POLLOUT */
	bool greeted; /* HELLO was said */
	bool last; /* over, once its answer is sent */
	bool owner; /* the escrow's own user */
	struct buf in, out;
	size_t sent; /* bytes of out */
};

struct desk {
	struct keeper *k;
	struct desk_config config;
	char *path;
	bool bound; /* the socket at path is ours */
	int listen_fd[KINDS];
	struct peer *peers[KINDS * DESK_PEERS];
	size_t n, n_kind[KINDS];
	bool stopping;
};

static int64_t
steady_ms(void)
{
	return now_mono_ns() / 1000000;
}

/* ---- peers ---- */

static void
hang_up(struct desk *d, size_t i)
{
	struct peer *p = d->peers[i];

	gate_peer_free(&p->tls);
	fd_close(&p->fd);
	buf_free(&p->in);
	buf_free(&p->out);
	d->n_kind[p->kind]--;
	free(p);
	d->peers[i] = d->peers[--d->n];
}

static ssize_t
peer_read(struct peer *p, void *to, size_t n)
{
	if (p->tls != NULL)
		return gate_read(p->tls, to, n, &p->wants);
	ssize_t got = read(p->fd, to, n);
	if (got >= 0)
		return got;
	p->wants = POLLIN;
	return errno == EAGAIN || errno == EINTR ? -1 : 0;
}

static ssize_t
peer_write(struct peer *p, const void *from, size_t n)
{
	if (p->tls != NULL)
		return gate_write(p->tls, from, n, &p->wants);
	ssize_t sent = send(p->fd, from, n, MSG_NOSIGNAL);
	if (sent > 0)
		return sent;
	p->wants = POLLOUT;
	return sent < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : 0;
}

/* ---- requests ---- */

static void
log_answer(uint8_t verb, const struct id *uid, enum err_code code)
{
	const char *name = escrow_verb_name(verb);
	struct id_text account = id_short(uid);

	if (code == ERR_IO || code == ERR_DISK_FULL_HERE ||
	    code == ERR_STATE_DAMAGED || code == ERR_RECORD_CORRUPT ||
	    code == ERR_JOURNAL_ROLLED_BACK || code == ERR_INTERNAL)
		log_error("request_failed", "verb=%s account=%s code=%s", name,
		    account.s, err_name(code));
	else if (code != ERR_NONE)
		log_warn("refused", "verb=%s account=%s code=%s", name,
		    account.s, err_name(code));
	else if (verb == ESCROW_RELEASE || verb == ESCROW_ORDER ||
	    verb == ESCROW_COLLECT || verb == ESCROW_DESTROY ||
	    verb == ESCROW_DISCLOSE)
		log_info("done", "verb=%s account=%s", name, account.s);
}

static void
answer(struct desk *d, struct peer *p, struct bytes request)
{
	int64_t began = steady_ms(), now = now_ms();
	struct id uid;

	enum err_code code =
	    (p->owner ? release_answer_owner : release_answer)(d->k, request,
		&p->greeted, now > 0 ? (uint64_t)now : 0, &p->out, &uid);
	log_answer(request.n > 1 ? request.p[1] : 0, &uid, code);
	/* Nobody else pays for the time that this one took. */
	for (size_t i = 0; i < d->n; i++)
		d->peers[i]->until_ms += steady_ms() - began;
}

static void
refuse_frame(struct peer *p)
{
	struct err e = { 0 };

	(void)err_set(
	    &e, ERR_TOO_LARGE, "a request has 2 to %d bytes", ESCROW_FRAME);
	release_put_error(&e, &p->out);
	p->last = true;
}

/* Answer the frame at the beginning of what came, if it is whole. */
static void
take_frame(struct desk *d, struct peer *p)
{
	if (p->in.n < 4)
		return;
	size_t n = be32(p->in.p);
	if (n < 2 || n > ESCROW_FRAME) {
		refuse_frame(p);
	} else if (p->in.n - 4 >= n) {
		answer(d, p, bytes_of(p->in.p + 4, n));
		struct buf rest = { 0 };
		buf_put(&rest, p->in.p + 4 + n, p->in.n - 4 - n);
		buf_free(&p->in);
		p->in = rest;
	} else {
		return;
	}
	p->until_ms = steady_ms() + DESK_WAIT_MS;
	p->wants = POLLOUT;
}

/* False when the connection is over. */
static bool
take(struct desk *d, struct peer *p)
{
	uint8_t chunk[CHUNK];
	ssize_t n;

	do {
		n = peer_read(p, chunk, sizeof chunk);
		if (n == 0)
			return false;
		if (n > 0)
			buf_put(&p->in, chunk, (size_t)n);
		take_frame(d, p);
		/* TLS may hold more than the socket tells of. */
	} while (n > 0 && p->tls != NULL && p->out.n == 0);
	return true;
}

/* False when the connection is over. */
static bool
give(struct desk *d, struct peer *p)
{
	while (p->sent < p->out.n) {
		ssize_t n =
		    peer_write(p, p->out.p + p->sent, p->out.n - p->sent);
		if (n <= 0)
			return n < 0;
		p->sent += (size_t)n;
	}
	buf_free(&p->out);
	p->sent = 0;
	if (p->last || (d->stopping && p->in.n == 0))
		return false;
	p->wants = POLLIN;
	p->until_ms = steady_ms() + DESK_WAIT_MS;
	take_frame(d, p);
	return true;
}

/* Read and write as far as it goes now; false when the connection is over. */
static bool
serve(struct desk *d, struct peer *p)
{
	for (;;) {
		if (p->out.n == 0 && !take(d, p))
			return false;
		if (p->out.n == 0)
			return true;
		if (!give(d, p))
			return false;
		/* TLS may hold a further request that poll does not see. */
		if (p->out.n > 0 || p->tls == NULL)
			return true;
	}
}

/* ---- who comes ---- */

static bool
may_ask(const struct desk *d, int fd, bool *owner)
{
	struct ucred who;
	socklen_t n = sizeof who;

	*owner = false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
		return false;
	/* Root can come as that user, and does when a person asks; a server that
	 * runs as root does not get for that what the owner may. */
	*owner = who.uid == geteuid();
	if (*owner)
		return true;
	for (size_t i = 0; i < d->config.n_uids; i++)
		if (who.uid == d->config.uids[i])
			return true;
	return false;
}

static void
turn_away(int fd)
{
	OWN(buf_free) struct buf why = { 0 };
	struct err e = { 0 };

	(void)err_set(&e, ERR_PERMISSION, "this user may not ask the escrow");
	release_put_error(&e, &why);
	(void)!send(fd, why.p, why.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	log_warn("turned_away", "reason=uid");
}

/* Who has not said HELLO yet does not keep out who comes. */
static void
make_room(struct desk *d, enum kind kind)
{
	size_t oldest = d->n;

	for (size_t i = 0; i < d->n; i++)
		if (d->peers[i]->kind == kind && !d->peers[i]->greeted &&
		    (oldest == d->n ||
			d->peers[i]->until_ms < d->peers[oldest]->until_ms))
			oldest = i;
	if (oldest < d->n)
		hang_up(d, oldest);
}

static void
meet(struct desk *d, enum kind kind)
{
	OWN(fd_close)
	int fd = accept4(
	    d->listen_fd[kind], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	bool owner = false;

	if (fd < 0)
		return;
	if (kind == KIND_SOCKET && !may_ask(d, fd, &owner)) {
		turn_away(fd);
		return;
	}
	if (d->n_kind[kind] == DESK_PEERS)
		make_room(d, kind);
	if (d->n_kind[kind] == DESK_PEERS)
		return;
	struct peer *p = mem_new(sizeof *p);
	p->fd = fd;
	p->kind = kind;
	p->owner = owner;
	p->wants = POLLIN;
	p->until_ms = steady_ms() + DESK_WAIT_MS;
	if (kind == KIND_TLS)
		p->tls = gate_accept(d->config.gate, fd);
	fd = -1;
	d->peers[d->n++] = p;
	d->n_kind[kind]++;
}

/* ---- the loop ---- */

static void
unbind(struct desk *d)
{
	if (d->bound)
		(void)unlink(d->path);
	d->bound = false;
}

static void
stop(struct desk *d)
{
	d->stopping = true;
	unbind(d);
	for (int i = 0; i < KINDS; i++)
		fd_close(&d->listen_fd[i]);
	for (size_t i = d->n; i-- > 0;)
		if (d->peers[i]->in.n == 0 && d->peers[i]->out.n == 0)
			hang_up(d, i);
}

static int
wait_of(const struct desk *d, int64_t now)
{
	int64_t wait = -1;

	for (size_t i = 0; i < d->n; i++) {
		int64_t left = d->peers[i]->until_ms - now;
		left = left > 0 ? left : 0;
		wait = wait < 0 || left < wait ? left : wait;
	}
	return (int)wait;
}

static bool
turn(struct desk *d, int stop_fd)
{
	struct pollfd fds[1 + KINDS + KINDS * DESK_PEERS];
	size_t n = d->n, first = 1 + KINDS;

	fds[0] = (struct pollfd){ d->stopping ? -1 : stop_fd, POLLIN, 0 };
	for (size_t i = 0; i < KINDS; i++)
		fds[1 + i] = (struct pollfd){ d->listen_fd[i], POLLIN, 0 };
	for (size_t i = 0; i < n; i++)
		fds[first + i] =
		    (struct pollfd){ d->peers[i]->fd, d->peers[i]->wants, 0 };
	if (poll(fds, first + n, wait_of(d, steady_ms())) < 0) {
		if (errno == EINTR)
			return true;
		log_error("poll_failed", "errno=%d", errno);
		return false;
	}
	for (size_t i = n; i-- > 0;) {
		struct peer *p = d->peers[i];
		/* Some progress is not enough: who dribbles is slow, too. */
		if ((fds[first + i].revents != 0 && !serve(d, p)) ||
		    steady_ms() >= p->until_ms)
			hang_up(d, i);
	}
	for (int i = 0; i < KINDS; i++)
		if ((fds[1 + i].revents & POLLIN) != 0)
			meet(d, (enum kind)i);
	if ((fds[0].revents & POLLIN) != 0)
		stop(d);
	return !d->stopping || d->n > 0;
}

void
desk_run(struct desk *d, int stop_fd)
{
	while (turn(d, stop_fd))
		;
}

/* ---- listening ---- */

static int
open_to(const struct desk *d, struct err *e)
{
	const char *group = d->config.group;

	if (group == NULL)
		return 0;
	errno = 0;
	const struct group *g = getgrnam(group);
	if (g == NULL)
		return err_set(e, ERR_USAGE, "there is no group %s", group);
	if (chown(d->path, (uid_t)-1, g->gr_gid) < 0 ||
	    chmod(d->path, 0660) < 0)
		return err_sys(e, "%s", d->path);
	return 0;
}

static int
listen_unix(struct desk *d, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(d->path) >= sizeof a.sun_path)
		return err_set(e, ERR_USAGE,
		    "--socket is longer than %zu bytes", sizeof a.sun_path - 1);
	memcpy(a.sun_path, d->path, strlen(d->path));
	if (file_clear_socket(&a, "escrow", e) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	d->listen_fd[KIND_SOCKET] = fd;
	/* Made for its owner alone, whatever the mask that was inherited. */
	mode_t mask = umask(0177);
	int rc = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&a, sizeof a);
	(void)umask(mask);
	d->bound = rc == 0;
	if (rc < 0 || listen(fd, BACKLOG) < 0)
		return err_sys(e, "%s", d->path);
	return open_to(d, e);
}

static void
list_drop(struct addrinfo **list)
{
	if (*list != NULL)
		freeaddrinfo(*list);
	*list = NULL;
}

static int
listen_tls(struct desk *d, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	OWN(list_drop) struct addrinfo *list = NULL;
	OWN(mem_free) char *host = mem_text(d->config.listen);
	char *colon = strrchr(host, ':'), *name = host;
	int on = 1;

	if (colon == NULL)
		return err_set(e, ERR_USAGE, "--listen is ADDR:PORT");
	*colon = '\0';
	if (name[0] == '[' && colon > name + 1 && colon[-1] == ']') {
		name++;
		colon[-1] = '\0';
	}
	if (getaddrinfo(name, colon + 1, &hints, &list) != 0)
		return err_set(e, ERR_USAGE,
		    "--listen is an address and a port, not %s",
		    d->config.listen);
	int fd = socket(
	    list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	d->listen_fd[KIND_TLS] = fd;
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, list->ai_addr, list->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_sys(e, "%s", d->config.listen);
	return 0;
}

int
desk_address(const struct desk *d, struct buf *out, struct err *e)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof a;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(d->listen_fd[KIND_TLS], (struct sockaddr *)&a, &n) < 0)
		return err_sys(e, "the address listened at");
	if (getnameinfo((struct sockaddr *)&a, n, host, sizeof host, port,
		sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return err_set(e, ERR_IO, "the address listened at");
	buf_printf(
	    out, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return 0;
}

void
desk_free(struct desk **dp)
{
	struct desk *d = *dp;

	if (d == NULL)
		return;
	while (d->n > 0)
		hang_up(d, 0);
	unbind(d);
	for (int i = 0; i < KINDS; i++)
		fd_close(&d->listen_fd[i]);
	free(d->path);
	free(d);
	*dp = NULL;
}

int
desk_open(struct keeper *k, const struct desk_config *c, struct desk **out,
    struct err *e)
{
	OWN(desk_free) struct desk *d = mem_new(sizeof *d);

	d->k = k;
	d->config = *c;
	for (int i = 0; i < KINDS; i++)
		d->listen_fd[i] = -1;
	if (c->socket != NULL) {
		d->path = mem_text(c->socket);
		if (listen_unix(d, e) < 0)
			return -1;
	}
	if (c->listen != NULL && listen_tls(d, e) < 0)
		return -1;
	*out = TAKE(d);
	return 0;
}
