/* SPDX-License-Identifier: ISC */
/* escrowask.c: a server as an escrow sees one, with one account of its own.
 *
 *   escrowask ADDRESS SEED WORD…
 *
 * ADDRESS is the path of a UNIX socket, or HOST:PORT#pin=PIN with CLIENT.crt
 * and CLIENT.key named by $ESCROWASK_CLIENT. Keys and ids come from SEED, so
 * that each run meets the same account; the server's from what stands before
 * its first "/". Each WORD does one thing, and what was
 * asked is answered on one line: WORD, and "ok" or a code.
 */
#include "../unit/escrow_world.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "http/tlscert.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ssl.h>

/* ---- the same keys each time ---- */

static struct {
	const char *seed;
	uint32_t n;
} drawing;

struct secret *__wrap_secret_random(size_t n);
void __wrap_id_random(struct id *id);

static void
draw(void *to, size_t n)
{
	for (size_t i = 0; i < n; i += DIGEST_BYTES) {
		OWN(buf_free) struct buf b = { 0 };
		struct digest d;
		buf_printf(&b, "%s %u", drawing.seed, drawing.n++);
		digest_of(buf_bytes(&b), &d);
		memcpy((uint8_t *)to + i, d.b,
		    n - i < DIGEST_BYTES ? n - i : DIGEST_BYTES);
	}
}

struct secret *
__wrap_secret_random(size_t n)
{
	struct secret *s = secret_new(n);

	draw(secret_room(s), n);
	return s;
}

void
__wrap_id_random(struct id *id)
{
	draw(id->b, sizeof id->b);
}

static struct world
world_of(const char *seed)
{
	OWN(mem_free) char *server = mem_text(seed);
	struct device self;

	drawing.seed = seed;
	struct world x = world_new();
	server[strcspn(server, "/")] = '\0';
	drawing.seed = server;
	drawing.n = 1000000;
	devkey_free(&x.server);
	x.server = devkey_new(&self);
	devkey_sign_pk(x.server, x.server_pk);
	drawing.seed = seed;
	return x;
}

/* ---- the connection ---- */

static struct {
	int fd;
	SSL *ssl;
} line = { -1, NULL };

static void
die(const char *what)
{
	(void)printf("%s\n", what);
	(void)fflush(stdout);
	_exit(1);
}

static void
connect_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof a.sun_path)
		die("the path is too long");
	memcpy(a.sun_path, path, strlen(path));
	line.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(line.fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("not connected");
}

static void
use_certificate(SSL_CTX *ctx)
{
	const char *client = getenv("ESCROWASK_CLIENT");
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf key = { 0 };

	if (client == NULL)
		return;
	buf_printf(&cert, "%s.crt", client);
	buf_printf(&key, "%s.key", client);
	if (SSL_CTX_use_certificate_file(
		ctx, buf_text(&cert), SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(
		ctx, buf_text(&key), SSL_FILETYPE_PEM) != 1)
		die("no client certificate");
}

static void
check_pin(const char *pin)
{
	OWN(buf_free) struct buf is = { 0 };
	X509 *cert = SSL_get1_peer_certificate(line.ssl);
	unsigned char *der = NULL;
	struct digest d;

	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	digest_of(bytes_of(der, (size_t)n), &d);
	tlscert_pin(&d, &is);
	OPENSSL_free(der);
	X509_free(cert);
	if (strcmp(pin, buf_text(&is)) != 0)
		die("another certificate");
}

static void
connect_tls(const char *address)
{
	OWN(mem_free) char *host = mem_text(address);
	char *pin = strstr(host, "#pin="), *colon;
	struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (pin == NULL)
		die("the address has no pin");
	*pin = '\0';
	colon = strrchr(host, ':');
	*colon = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		die("no such address");
	line.fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (connect(line.fd, list->ai_addr, list->ai_addrlen) < 0)
		die("not connected");
	freeaddrinfo(list);
	use_certificate(ctx);
	if (getenv("ESCROWASK_OLD") != NULL)
		(void)SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	line.ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	(void)SSL_set_fd(line.ssl, line.fd);
	if (SSL_connect(line.ssl) != 1)
		die("no handshake");
	check_pin(pin + 5);
}

/* False when the other side has hung up. */
static bool
put(const void *p, size_t n)
{
	while (n > 0) {
		ssize_t w = line.ssl != NULL
		    ? SSL_write(line.ssl, p, n < 16384 ? (int)n : 16384)
		    : send(line.fd, p, n, MSG_NOSIGNAL);
		if (w <= 0)
			return false;
		p = (const uint8_t *)p + w;
		n -= (size_t)w;
	}
	return true;
}

static bool
get(void *p, size_t n)
{
	while (n > 0) {
		ssize_t r = line.ssl != NULL
		    ? SSL_read(line.ssl, p, n < 16384 ? (int)n : 16384)
		    : read(line.fd, p, n);
		if (r <= 0)
			return false;
		p = (uint8_t *)p + r;
		n -= (size_t)r;
	}
	return true;
}

/* ---- asking ---- */

static struct world w;
static struct buf request, answer;
static struct bytes body;
static uint32_t known; /* entries of the circle that the escrow has */
static uint8_t escrow_pk[SIG_PK_BYTES];

static bool
get_answer(void)
{
	uint8_t head[4];

	buf_clear(&answer);
	if (!get(head, sizeof head))
		return false;
	buf_put(&answer, head, sizeof head);
	size_t n = be32(head);
	return n <= ESCROW_FRAME && get(buf_grow(&answer, n), n);
}

static enum err_code
send_request(void)
{
	uint8_t head[4];

	be32_put(head, (uint32_t)request.n);
	if (!put(head, sizeof head) || !put(request.p, request.n) ||
	    !get_answer())
		die("hung up");
	return world_answer(buf_bytes(&answer), &body);
}

static void
say(const char *word, enum err_code code)
{
	(void)printf("%s %s\n", word, code == ERR_NONE ? "ok" : err_name(code));
}

static uint64_t
now(void)
{
	return (uint64_t)now_ms();
}

/* What a server asks before it shows a circle. */
static struct escrow_state
state_of(void)
{
	struct escrow_state x = { 0 };
	struct err e = { 0 };

	world_plain(&w, ESCROW_STATE, &request);
	if (send_request() == ERR_NONE)
		world_must(escrow_state_parse(body, &x, &e));
	known = x.circle_seq;
	return x;
}

static struct id
order_id(const char *word)
{
	const char *colon = strchr(word, ':');
	struct id id = { { 0xee } };

	id.b[1] = colon != NULL ? (uint8_t)colon[1] : 0;
	return id;
}

static void
do_hello(const char *word)
{
	world_hello(&w, &request);
	enum err_code code = send_request();
	if (code == ERR_NONE)
		memcpy(escrow_pk, body.p, sizeof escrow_pk);
	say(word, code);
}

static void
do_create(const char *word)
{
	world_plain(&w, ESCROW_CREATE, &request);
	enum err_code code = send_request();
	if (code == ERR_NONE)
		world_meet_escrow(&w, escrow_pk, body);
	say(word, code);
}

static void
do_state(const char *word)
{
	struct escrow_state x = state_of();

	(void)printf("%s there=%d registered=%d circle=%u journal=%llu "
		     "order=%.4s\n",
	    word, x.there, x.registered, (unsigned)x.circle_seq,
	    (unsigned long long)x.journal_n, id_text(&x.order).s);
}

static void
do_register(const char *word)
{
	(void)state_of();
	world_register(&w, known, 0, now(), &request);
	say(word, send_request());
}

static void
do_release(const char *word)
{
	uint8_t nonce[ESCROW_NONCE];
	struct escrow_released r;
	struct err e = { 0 };

	(void)state_of();
	world_plain(&w, ESCROW_NONCE_ASK, &request);
	enum err_code code = send_request();
	if (code != ERR_NONE) {
		say(word, code);
		return;
	}
	memcpy(nonce, body.p, sizeof nonce);
	if (getrandom(w.request.b, sizeof w.request.b, 0) < 0)
		die("no random bytes");
	struct world_asking x = world_ask(&w, nonce, 1, now());
	world_since(&w, known, &x.circle);
	world_release(&x, &request);
	world_asking_free(&x);
	code = send_request();
	if (code == ERR_NONE)
		world_must(escrow_released_parse(body, &r, &e));
	say(word, code);
}

static void
do_order(const char *word)
{
	struct id id = order_id(word);

	world_order(&w, &id, 1, "case 17", &request);
	say(word, send_request());
}

static void
do_cancel(const char *word)
{
	struct id id = order_id(word);

	world_cancel(&w, &id, &request);
	say(word, send_request());
}

static void
do_collect(const char *word)
{
	struct id id = order_id(word);

	world_collect(&w, &id, &request);
	say(word, send_request());
}

static void
do_destroy(const char *word)
{
	(void)state_of();
	world_destroy(&w, known, &request);
	say(word, send_request());
}

static void
do_drop(const char *word)
{
	world_plain(&w, ESCROW_DROP, &request);
	say(word, send_request());
}

static void
do_journal(const char *word)
{
	struct digest head = { { 0 } };
	struct err e = { 0 };
	uint64_t n = 0;

	world_journal(&w, 0, &request);
	enum err_code code = send_request();
	if (code == ERR_NONE &&
	    escrow_lines_check(body, &w.uid, escrow_pk, &n, &head, &e) < 0)
		code = e.code;
	(void)printf("%s %s lines=%llu\n", word,
	    code == ERR_NONE ? "ok" : err_name(code), (unsigned long long)n);
}

/* The circle, in which nothing is asked. */
static void
do_standard(const char *word)
{
	(void)word;
	world_genesis(&w, PROTECTION_STANDARD);
}

static void
do_advanced(const char *word)
{
	(void)word;
	world_genesis(&w, PROTECTION_ADVANCED);
}

static void
do_to_advanced(const char *word)
{
	(void)word;
	world_protection(&w, PROTECTION_ADVANCED, 0);
}

static void
do_to_standard(const char *word)
{
	(void)word;
	world_protection(&w, PROTECTION_STANDARD, 0);
}

static void
do_uid(const char *word)
{
	(void)word;
	(void)printf("%s\n", id_text(&w.uid).s);
}

/* ---- what no server does ---- */

/* Until the other side hangs up. */
static void
wait_for_end(const char *word)
{
	uint8_t c;

	while (get(&c, 1))
		;
	(void)printf("%s ended\n", word);
}

static void
do_silent(const char *word)
{
	wait_for_end(word);
}

/* Half a request, and then a byte now and then. */
static void
do_slow(const char *word)
{
	uint8_t begin[] = { 0, 0, 1, 0, 1, 2 }, more = 7;

	if (!put(begin, sizeof begin))
		die("hung up");
	for (int i = 0; i < 100; i++) {
		(void)usleep(300 * 1000);
		if (!put(&more, 1)) {
			(void)printf("%s ended\n", word);
			return;
		}
	}
	die("never cut");
}

static void
huge(const char *word, uint32_t claimed, uint64_t sent)
{
	static uint8_t zeros[1 << 20];
	uint8_t head[4];

	be32_put(head, claimed);
	bool took = put(head, sizeof head);
	while (took && sent > 0) {
		size_t n = sent < sizeof zeros ? (size_t)sent : sizeof zeros;
		took = put(zeros, n);
		sent -= n;
	}
	if (get_answer())
		say(word, world_answer(buf_bytes(&answer), &body));
	else
		(void)printf("%s ended\n", word);
}

static void
do_gigabyte(const char *word)
{
	huge(word, 1u << 30, 1u << 30);
}

static void
do_longest(const char *word)
{
	huge(word, ESCROW_FRAME, ESCROW_FRAME);
}

static void
do_too_long(const char *word)
{
	huge(word, ESCROW_FRAME + 1, 0);
}

static void
do_empty(const char *word)
{
	huge(word, 0, 0);
}

/* Three requests in one piece. */
static void
do_pipelined(const char *word)
{
	OWN(buf_free) struct buf all = { 0 };

	world_plain(&w, ESCROW_STATE, &request);
	for (int i = 0; i < 3; i++)
		buf_put_v32(&all, buf_bytes(&request));
	if (!put(all.p, all.n))
		die("hung up");
	for (int i = 0; i < 3; i++) {
		if (!get_answer())
			die("hung up");
		say(word, world_answer(buf_bytes(&answer), &body));
	}
}

/* Answers that nobody reads. */
static void
do_deaf(const char *word)
{
	uint8_t head[4];

	world_journal(&w, 0, &request);
	be32_put(head, (uint32_t)request.n);
	for (int i = 0; i < 1000000; i++)
		if (!put(head, sizeof head) || !put(request.p, request.n)) {
			(void)printf("%s ended\n", word);
			return;
		}
	die("never cut");
}

static const struct {
	const char *name;
	void (*run)(const char *word);
} words[] = {
	{ "hello", do_hello },
	{ "create", do_create },
	{ "state", do_state },
	{ "register", do_register },
	{ "release", do_release },
	{ "order", do_order },
	{ "cancel", do_cancel },
	{ "collect", do_collect },
	{ "destroy", do_destroy },
	{ "drop", do_drop },
	{ "journal", do_journal },
	{ "standard", do_standard },
	{ "advanced", do_advanced },
	{ "to-advanced", do_to_advanced },
	{ "to-standard", do_to_standard },
	{ "uid", do_uid },
	{ "silent", do_silent },
	{ "slow", do_slow },
	{ "gigabyte", do_gigabyte },
	{ "longest", do_longest },
	{ "too-long", do_too_long },
	{ "empty", do_empty },
	{ "pipelined", do_pipelined },
	{ "deaf", do_deaf },
};

static void
run(const char *word)
{
	size_t n = strcspn(word, ":");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].name) == n &&
		    strncmp(words[i].name, word, n) == 0) {
			words[i].run(word);
			(void)fflush(stdout);
			return;
		}
	die("what is that?");
}

/* escrowask --certificate NAME: NAME.crt, NAME.key; prints the pin. */
static int
make_certificate(const char *name)
{
	static const char *const names[] = { "client" };
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	struct digest d;
	struct err e = { 0 };

	world_must(tlscert_make(names, 1, &cert, &key, &e));
	buf_printf(&path, "%s.crt", name);
	world_must(file_write(buf_text(&path), buf_bytes(&cert), 0644, &e));
	buf_clear(&path);
	buf_printf(&path, "%s.key", name);
	world_must(file_write(buf_text(&path), buf_bytes(&key), 0600, &e));
	world_must(tlscert_spki(buf_bytes(&cert), &d, &e));
	tlscert_pin(&d, &pin);
	(void)printf("%s\n", buf_text(&pin));
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--certificate") == 0)
		return make_certificate(argv[2]);
	if (argc < 4)
		die("escrowask ADDRESS SEED WORD…");
	w = world_of(argv[2]);
	/* Whoever should hang up and does not is a failure, too. */
	(void)alarm(60);
	if (strcmp(argv[1], "-") == 0)
		;
	else if (argv[1][0] == '/')
		connect_unix(argv[1]);
	else
		connect_tls(argv[1]);
	for (int i = 3; i < argc; i++)
		run(argv[i]);
	if (line.ssl != NULL) {
		(void)SSL_shutdown(line.ssl);
		SSL_free(line.ssl);
	}
	world_free(&w);
	buf_free(&request);
	buf_free(&answer);
	return 0;
}
