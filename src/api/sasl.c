/* SPDX-License-Identifier: ISC */
/* sasl.c: saslauthd's protocol, all connections in one poll loop. */
#include "api/sasl.h"

#include "api/apppass.h"
#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "base/scan.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIELDS 4
#define ASK_BYTES (FIELDS * (2 + SASL_FIELD))
#define ANSWER_BYTES 256
#define BACKLOG 64

enum { LOGIN, PASSWORD, SERVICE, REALM };

struct peer {
	int fd;
	int64_t until_ms;
	uint8_t ask[ASK_BYTES];
	size_t asked;
	uint8_t answer[ANSWER_BYTES];
	size_t answered, sent; /* bytes of the answer; 0: not yet */
};

struct sasl {
	struct server *server;
	char *path;
	int listen_fd, stop_fd;
	pthread_t thread;
	struct peer *peers[SASL_PEERS];
	size_t n;
};

static int64_t
steady_ms(void)
{
	return now_mono_ns() / 1000000;
}

/* ---- one question ---- */

int
sasl_parse(struct bytes x, char *field[static FIELDS])
{
	struct scan s = scan_of(x);
	struct bytes got[FIELDS];

	for (int i = 0; i < FIELDS; i++)
		field[i] = NULL;
	for (int i = 0; i < FIELDS; i++) {
		if (s.n < 2)
			return 0;
		size_t n = scan_u16(&s);
		if (n > SASL_FIELD)
			return -1;
		if (s.n < n)
			return 0;
		got[i] = scan_take(&s, n);
		if (n > 0 && memchr(got[i].p, '\0', n) != NULL)
			return -1;
	}
	if (!scan_done(&s))
		return -1;
	for (int i = 0; i < FIELDS; i++) {
		field[i] = mem_new(got[i].n + 1);
		if (got[i].n > 0)
			memcpy(field[i], got[i].p, got[i].n);
	}
	return 1;
}

static const struct {
	const char *name;
	enum scope_kind kind;
} services[] = {
	{ "imap", SCOPE_MAIL },
	{ "imaps", SCOPE_MAIL },
	{ "pop", SCOPE_MAIL },
	{ "pop3", SCOPE_MAIL },
	{ "pop3s", SCOPE_MAIL },
	{ "smtp", SCOPE_MAIL },
	{ "smtps", SCOPE_MAIL },
	{ "submission", SCOPE_MAIL },
	{ "sieve", SCOPE_MAIL },
	{ "http", SCOPE_DAV },
	{ "caldav", SCOPE_DAV },
	{ "carddav", SCOPE_DAV },
	{ "dav", SCOPE_DAV },
	{ "ftp", SCOPE_FILES },
	{ "webdav", SCOPE_FILES },
};

static bool
kind_of(const char *service, enum scope_kind *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (strcasecmp(services[i].name, service) == 0) {
			*out = services[i].kind;
			return true;
		}
	return false;
}

static int
judge(struct sasl *s, char *const *field, struct err *e)
{
	OWN(buf_free) struct buf login = { 0 };
	struct apppass_ask ask = { .password = field[PASSWORD],
		.service = field[SERVICE],
		.from = "",
		.now_ms = now_ms() };
	struct apppass_who who;

	/* Clients of saslauthd cut the host off the name. */
	buf_put_str(&login, field[LOGIN]);
	if (field[REALM][0] != '\0' && strchr(field[LOGIN], '@') == NULL)
		buf_printf(&login, "@%s", field[REALM]);
	ask.login = buf_text(&login);
	if (!kind_of(field[SERVICE], &ask.kind)) {
		log_warn("saslauthd_service", "service=unknown");
		return err_set(e, ERR_APP_PASSWORD_SCOPE,
		    "no scope covers the service that asks");
	}
	return apppass_check(s->server, &ask, &who, e);
}

static void
put_answer(struct peer *p, const char *text)
{
	size_t n = strlen(text);

	if (n > ANSWER_BYTES - 2)
		n = ANSWER_BYTES - 2;
	be16_put(p->answer, (uint16_t)n);
	memcpy(p->answer + 2, text, n);
	p->answered = n + 2;
}

static void
answer(struct sasl *s, struct peer *p)
{
	OWN(buf_free) struct buf no = { 0 };
	char *field[FIELDS];
	struct err e = { 0 };

	int got = sasl_parse(bytes_of(p->ask, p->asked), field);
	if (got == 0)
		return;
	if (got > 0 && judge(s, field, &e) == 0) {
		put_answer(p, "OK");
	} else {
		buf_printf(&no, "NO %s",
		    got < 0 ? err_name(ERR_BAD_REQUEST) : err_name(e.code));
		put_answer(p, buf_text(&no));
	}
	mem_wipe(p->ask, p->asked);
	for (int i = 0; i < FIELDS; i++) {
		if (field[i] != NULL)
			mem_wipe(field[i], strlen(field[i]));
		free(field[i]);
	}
}

/* ---- connections ---- */

static void
hang_up(struct sasl *s, size_t i)
{
	struct peer *p = s->peers[i];

	(void)close(p->fd);
	mem_wipe(p->ask, sizeof p->ask);
	free(p);
	s->peers[i] = s->peers[--s->n];
}

/* What came; false when the connection is over. */
static bool
take(struct sasl *s, struct peer *p)
{
	ssize_t n = read(p->fd, p->ask + p->asked, ASK_BYTES - p->asked);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	p->asked += (size_t)n;
	answer(s, p);
	return true;
}

/* False when all is sent, or cannot be. */
static bool
give(struct peer *p)
{
	ssize_t n = send(
	    p->fd, p->answer + p->sent, p->answered - p->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->sent += (size_t)n;
	return p->sent < p->answered;
}

static void
meet(struct sasl *s)
{
	int fd =
	    accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct peer *p = mem_new(sizeof *p);
	p->fd = fd;
	p->until_ms = steady_ms() + SASL_WAIT_MS;
	s->peers[s->n++] = p;
}

/* Wait for something to do; false when told to stop. */
static bool
turn(struct sasl *s)
{
	struct pollfd fds[SASL_PEERS + 2] = {
		{ .fd = s->stop_fd, .events = POLLIN },
		{ .fd = s->n < SASL_PEERS ? s->listen_fd : -1,
		    .events = POLLIN },
	};
	int64_t now = steady_ms(), wait = -1;
	size_t n = s->n;

	for (size_t i = 0; i < n; i++) {
		struct peer *p = s->peers[i];
		int64_t left = p->until_ms > now ? p->until_ms - now : 0;
		fds[i + 2].fd = p->fd;
		fds[i + 2].events = p->answered > 0 ? POLLOUT : POLLIN;
		wait = wait < 0 || left < wait ? left : wait;
	}
	if (poll(fds, n + 2, (int)wait) < 0 && errno != EINTR)
		return false;
	now = steady_ms();
	for (size_t i = n; i-- > 0;) {
		struct peer *p = s->peers[i];
		bool lives = now < p->until_ms;
		if (lives && fds[i + 2].revents != 0)
			lives = p->answered > 0 ? give(p) : take(s, p);
		if (!lives)
			hang_up(s, i);
	}
	if ((fds[1].revents & POLLIN) != 0)
		meet(s);
	return (fds[0].revents & POLLIN) == 0;
}

static void *
loop(void *arg)
{
	struct sasl *s = arg;

	while (turn(s))
		;
	while (s->n > 0)
		hang_up(s, 0);
	return NULL;
}

/* ---- start, stop ---- */

static int
listen_at(struct sasl *s, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(s->path) >= sizeof a.sun_path)
		return err_set(e, ERR_USAGE,
		    "saslauthd_socket is longer than %zu bytes",
		    sizeof a.sun_path - 1);
	memcpy(a.sun_path, s->path, strlen(s->path));
	if (file_clear_socket(&a, "server", e) < 0)
		return -1;
	s->listen_fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->listen_fd < 0 || s->stop_fd < 0 ||
	    bind(s->listen_fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
	    chmod(s->path, 0666) < 0 || listen(s->listen_fd, BACKLOG) < 0)
		return err_sys(e, "%s", s->path);
	return 0;
}

static void
sasl_free(struct sasl **sp)
{
	struct sasl *s = *sp;

	if (s == NULL)
		return;
	fd_close(&s->listen_fd);
	fd_close(&s->stop_fd);
	free(s->path);
	free(s);
	*sp = NULL;
}

int
sasl_start(
    struct server *server, const char *path, struct sasl **out, struct err *e)
{
	OWN(sasl_free) struct sasl *s = mem_new(sizeof *s);

	s->server = server;
	s->path = mem_text(path);
	s->listen_fd = s->stop_fd = -1;
	if (listen_at(s, e) < 0)
		return -1;
	if (pthread_create(&s->thread, NULL, loop, s) != 0)
		return err_set(e, ERR_IO, "no thread for %s", path);
	*out = TAKE(s);
	return 0;
}

void
sasl_stop(struct sasl **sp)
{
	struct sasl *s = *sp;

	if (s == NULL)
		return;
	if (eventfd_write(s->stop_fd, 1) == 0)
		(void)pthread_join(s->thread, NULL);
	(void)unlink(s->path);
	sasl_free(sp);
}
