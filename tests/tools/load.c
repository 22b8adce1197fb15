/* SPDX-License-Identifier: ISC */
/* load.c: many clients of a server at once, for tests/bench/server.sh. */
/*
 *     load half PORT N              N connections, one byte of TLS on each
 *     load polls PORT N ASK TOKEN   N connections that POST it to /v1/wait
 *     load starts PORT N            N sign-ins that begin, of random names
 *     load posts PORT N TOKEN FILE …
 *                                   the lines of each FILE to /v1/inbox, by N
 *                                   connections for the TOKEN before it
 *
 * Prints "ready" once all stand; polls reads the answers at a line on standard
 * input and prints "answered". half and polls end with standard input, starts by
 * itself, after the statuses that it got; posts too, and says how many a second
 * were taken.
 */
#include "base/now.h"
#include "base/text.h"
#include "wire/id.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <sodium.h>

#define THREADS 8

static uint16_t port;
static SSL_CTX *tls;

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	return fd;
}

static SSL *
dial_tls(void)
{
	SSL *s = SSL_new(tls);

	if (s == NULL || SSL_set_fd(s, dial()) != 1 || SSL_connect(s) != 1)
		die("TLS");
	return s;
}

static void
say(SSL *s, const char *text)
{
	if (SSL_write(s, text, (int)strlen(text)) <= 0)
		die("write");
}

/* The status of an answer, which is read in full; 0: it was cut. */
static int
hear(SSL *s)
{
	char buf[16384];
	size_t n = 0;
	const char *end = NULL;
	int status = 0;

	while (end == NULL && n < sizeof buf - 1) {
		int got = SSL_read(s, buf + n, (int)(sizeof buf - 1 - n));
		if (got <= 0)
			return 0;
		n += (size_t)got;
		buf[n] = '\0';
		end = strstr(buf, "\r\n\r\n");
	}
	const char *length = strcasestr(buf, "\r\nContent-Length: ");
	if (end == NULL || sscanf(buf, "HTTP/1.1 %d", &status) != 1)
		return 0;
	long left = length != NULL ? strtol(length + 18, NULL, 10) : 0;
	left -= (long)(n - (size_t)(end + 4 - buf));
	while (left > 0) {
		int got = SSL_read(s, buf, (int)sizeof buf);
		if (got <= 0)
			return 0;
		left -= got;
	}
	return status;
}

static void
ready(const char *word)
{
	(void)printf("%s\n", word);
	(void)fflush(stdout);
}

static void
half(long n)
{
	for (long i = 0; i < n; i++)
		if (write(dial(), "\x16", 1) != 1)
			die("write");
	ready("ready");
	while (getchar() != EOF)
		;
}

static void
polls(long n, const char *wait, const char *token)
{
	SSL **all = mem_array((size_t)n, sizeof(SSL *));
	char ask[512];
	long ok = 0;

	(void)snprintf(ask, sizeof ask,
	    "POST /v1/wait HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s"
	    "\r\nContent-Length: %zu\r\n\r\n%s",
	    token, strlen(wait), wait);
	for (long i = 0; i < n; i++) {
		all[i] = dial_tls();
		say(all[i], ask);
	}
	ready("ready");
	(void)getchar();
	for (long i = 0; i < n; i++)
		ok += hear(all[i]) == 200;
	(void)printf("%ld ", ok);
	ready("answered");
	while (getchar() != EOF)
		;
	free(all);
}

struct asker {
	pthread_t thread;
	long n, status[600];
};

static void *
begin(void *arg)
{
	struct asker *a = arg;
	OWN(buf_free) struct buf ke1 = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	uint8_t raw[96];
	SSL *s = dial_tls();

	randombytes_buf(raw, sizeof raw);
	crypto_core_ristretto255_random(raw);
	crypto_core_ristretto255_random(raw + 64);
	text_base64url(&text, bytes_of(raw, sizeof raw));
	for (long i = 0; i < a->n; i++) {
		struct id name;
		char body[256];
		id_random(&name);
		(void)snprintf(body, sizeof body,
		    "{\"name\":\"%s\",\"ke1\":\"%s\"}", id_text(&name).s,
		    buf_text(&text));
		buf_clear(&ke1);
		buf_printf(&ke1,
		    "POST /v1/signin/start HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: %zu\r\n\r\n%s",
		    strlen(body), body);
		say(s, buf_text(&ke1));
		int status = hear(s);
		a->status[status < 600 ? status : 0]++;
		if (status != 0)
			continue;
		SSL_free(s);
		s = dial_tls();
	}
	SSL_free(s);
	return NULL;
}

static void
starts(long n)
{
	static struct asker a[THREADS];

	for (int i = 0; i < THREADS; i++) {
		a[i].n = n / THREADS;
		if (pthread_create(&a[i].thread, NULL, begin, &a[i]) != 0)
			die("thread");
	}
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(a[i].thread, NULL);
	for (int k = 0; k < 600; k++) {
		long sum = 0;
		for (int i = 0; i < THREADS; i++)
			sum += a[i].status[k];
		if (sum > 0)
			(void)printf("%ld x %d ", sum, k);
	}
	ready("");
}

/* ---- posts ---- */

#define POSTERS 64

struct poster {
	pthread_t thread;
	SSL *s;
	char **asks;
	size_t n;
	long taken;
};

static void *
post_all(void *arg)
{
	struct poster *p = arg;

	for (size_t i = 0; i < p->n; i++) {
		say(p->s, p->asks[i]);
		int status = hear(p->s);
		if (status == 0)
			die("an answer");
		p->taken += status == 200;
	}
	return NULL;
}

/* Deal the lines out to n posters. */
static void
read_asks(struct poster *p, long n, const char *token, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t got;

	if (f == NULL)
		die(path);
	for (size_t i = 0; (got = getline(&line, &room, f)) > 1; i++) {
		struct poster *to = &p[i % (size_t)n];
		struct buf ask = { 0 };
		buf_printf(&ask,
		    "POST /v1/inbox HTTP/1.1\r\nHost: x\r\n"
		    "Authorization: Bearer %s\r\nContent-Length: %zd\r\n\r\n",
		    token, got - 1);
		buf_put(&ask, line, (size_t)got - 1);
		to->asks = mem_resize(to->asks, to->n + 1, sizeof *to->asks);
		to->asks[to->n++] = mem_text(buf_text(&ask));
		buf_free(&ask);
	}
	free(line);
	(void)fclose(f);
}

static void
posts(long n, char **of, int n_of)
{
	static struct poster all[POSTERS];
	long used = n * (n_of / 2), taken = 0, given = 0;

	if (n < 1 || used < 1 || used > POSTERS)
		die("posts");
	for (int i = 0; i + 1 < n_of; i += 2)
		read_asks(&all[n * (i / 2)], n, of[i], of[i + 1]);
	for (long i = 0; i < used; i++)
		all[i].s = dial_tls();
	int64_t began = now_mono_ns();
	for (long i = 0; i < used; i++)
		if (pthread_create(&all[i].thread, NULL, post_all, &all[i]) !=
		    0)
			die("thread");
	for (long i = 0; i < used; i++)
		(void)pthread_join(all[i].thread, NULL);
	double s = (double)(now_mono_ns() - began) / 1e9;
	for (long i = 0; i < used; i++) {
		taken += all[i].taken;
		given += (long)all[i].n;
		for (size_t k = 0; k < all[i].n; k++)
			free(all[i].asks[k]);
		free(all[i].asks);
		SSL_free(all[i].s);
	}
	(void)printf(
	    "%.0f a second, %ld of %ld ", (double)taken / s, taken, given);
	ready("");
}

int
main(int argc, char **argv)
{
	struct rlimit files;

	if (argc < 4)
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	port = (uint16_t)strtol(argv[2], NULL, 10);
	long n = strtol(argv[3], NULL, 10);
	tls = SSL_CTX_new(TLS_client_method());
	(void)SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	if (strcmp(argv[1], "half") == 0)
		half(n);
	else if (strcmp(argv[1], "polls") == 0 && argc == 6)
		polls(n, argv[4], argv[5]);
	else if (strcmp(argv[1], "starts") == 0)
		starts(n);
	else if (strcmp(argv[1], "posts") == 0)
		posts(n, argv + 4, argc - 4);
	else
		return 2;
	SSL_CTX_free(tls);
	return 0;
}
