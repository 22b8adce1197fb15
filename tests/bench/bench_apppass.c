/* SPDX-License-Identifier: ISC */
/* bench_apppass.c: checks of app-specific passwords, direct and by socket. */
#include "../unit/scratch_dir.h"

#include "api/apppass.h"
#include "api/sasl.h"
#include "base/now.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCOUNTS 1000
#define CHECKS 50000
#define ASKS 10000 /* through the socket */

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	exit(1);
}

static void
letters(unsigned i, char out[static APPPASS_LETTERS + 1])
{
	for (size_t k = 0; k < APPPASS_LETTERS; k++, i /= 26)
		out[k] = (char)('a' + i % 26);
	out[APPPASS_LETTERS] = '\0';
}

static int
fill(struct tx *tx, void *arg, struct err *e)
{
	const struct server *s = arg;

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		struct account a = { .two_factor = TWO_FACTOR_ON };
		OWN(buf_free) struct buf m = { 0 };
		char text[APPPASS_LETTERS + 1];
		struct digest mac;
		struct id id;
		id_random(&a.uid);
		id_random(&id);
		(void)snprintf(a.name, sizeof a.name, "name%u", i);
		letters(i, text);
		id_put(&m, &a.uid);
		buf_put_str(&m, text);
		server_mac(s, "app password", buf_bytes(&m), &mac);
		if (account_insert(tx, &a, e) < 0 ||
		    sql_run(tx, e,
			"INSERT INTO app_password VALUES"
			" (?, ?, ?, 'bench', 'mail', 0, 0, ?, 'imap')",
			"idin", &a.uid, &mac, &id, now_ms()) < 0)
			return -1;
	}
	return 0;
}

static void
direct(struct server *s, bool right)
{
	struct err e = { 0 };
	int64_t from = now_mono_ns();

	for (unsigned i = 0; i < CHECKS; i++) {
		char name[32], text[APPPASS_LETTERS + 1];
		struct apppass_who who;
		unsigned n = i * 7919 % ACCOUNTS;
		(void)snprintf(name, sizeof name, "name%u", n);
		letters(right ? n : n + ACCOUNTS, text);
		struct apppass_ask ask = { name, text, SCOPE_MAIL, "imap", "",
			now_ms() };
		if ((apppass_check(s, &ask, &who, &e) == 0) != right)
			must(-1, &e);
	}
	(void)printf("app passwords, %-14s %8.0f checks/s\n",
	    right ? "right" : "wrong",
	    CHECKS * 1e9 / (double)(now_mono_ns() - from));
}

static void
put(struct buf *b, const char *s)
{
	uint8_t n[2];

	be16_put(n, (uint16_t)strlen(s));
	buf_put(b, n, 2);
	buf_put_str(b, s);
}

static void
by_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int64_t from = now_mono_ns();

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	for (unsigned i = 0; i < ASKS; i++) {
		OWN(buf_free) struct buf b = { 0 };
		char name[32], text[APPPASS_LETTERS + 1], got[64];
		(void)snprintf(name, sizeof name, "name%u", i % ACCOUNTS);
		letters(i % ACCOUNTS, text);
		put(&b, name);
		put(&b, text);
		put(&b, "imap");
		put(&b, "");
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
		    write(fd, b.p, b.n) != (ssize_t)b.n ||
		    read(fd, got, sizeof got) != 4 ||
		    memcmp(got + 2, "OK", 2) != 0)
			exit(1);
		(void)close(fd);
	}
	(void)printf("app passwords, %-14s %8.0f checks/s\n", "by socket",
	    ASKS * 1e9 / (double)(now_mono_ns() - from));
}

int
main(void)
{
	static const uint8_t opaque[KEYS_OPAQUE] = { 1 };
	static const char *const names[] = { "localhost" };
	OWN(scratch_free) struct scratch dir = scratch_new();
	struct server s = { .http = NULL };
	struct sasl *sasl = NULL;
	struct err e = { 0 };

	if (fchdir(dir.fd) < 0)
		return 1;
	config_defaults(&s.config);
	must(keys_make("keys", opaque, names, 1, &e), &e);
	must(keys_load("keys", &s.keys, &e), &e);
	must(db_open("db", DB_SERVER, &s.db, &e), &e);
	must(account_open(s.db, &e), &e);
	must(db_write(s.db, fill, &s, &e), &e);
	direct(&s, true);
	direct(&s, false);
	must(sasl_start(&s, "mux", &sasl, &e), &e);
	by_socket("mux");
	sasl_stop(&sasl);
	db_free(&s.db);
	keys_free(&s.keys);
	config_free(&s.config);
	return chdir("../..") < 0;
}
