/* SPDX-License-Identifier: ISC */
/* daemon_init.c: aumbryd init, invite. */
#include "aumbryd/daemon.h"

#include "aumbryd/daemon_escrow.h"
#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "server/escrowlink.h"
#include "server/invite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INVITE_MS (7 * 24 * 3600 * 1000LL)

struct init {
	const char *data, *host, *listen, *url, *escrow, *mature_hours;
	bool http, open, with_escrow;
};

/* "ADDR:0" becomes a port that is free now: it must stay the same. */
static int
settle_port(const char *listen, struct buf *out, struct err *e)
{
	const char *colon = strrchr(listen, ':');

	if (colon == NULL || strcmp(colon, ":0") != 0) {
		buf_put_str(out, listen);
		return 0;
	}
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	OWN(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return err_sys(e, "looking for a free port");
	buf_put(out, listen, (size_t)(colon - listen));
	buf_printf(out, ":%u", (unsigned)ntohs(a.sin_port));
	return 0;
}

/* Where the escrow of a household answers: in the data folder. */
static int
own_socket(const char *data, struct buf *out, struct err *e)
{
	char *real = realpath(data, NULL);

	if (real == NULL)
		return err_sys(e, "%s", data);
	buf_printf(out, "%s/escrow.sock", real);
	free(real);
	return 0;
}

static int
write_config(const struct init *o, struct config *c, struct err *e)
{
	OWN(mem_free) char *path = file_join(o->data, DAEMON_CONFIG);
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf listen = { 0 };
	OWN(buf_free) struct buf url = { 0 };
	OWN(buf_free) struct buf socket = { 0 };

	if (file_exists(path)) {
		(void)err_set(e, ERR_REPO_EXISTS,
		    "%s is a server's data already", o->data);
		return -1;
	}
	config_defaults(c);
	if (o->host != NULL && config_set(c, "server", "host", o->host, e) < 0)
		return -1;
	if (o->listen != NULL &&
	    (settle_port(o->listen, &listen, e) < 0 ||
		config_set(c, "server", "listen", buf_text(&listen), e) < 0))
		return -1;
	if (o->url != NULL && config_set(c, "server", "url", o->url, e) < 0)
		return -1;
	if (o->http) {
		buf_printf(&url, "http://%s", c->listen);
		if (config_set(c, "server", "url", buf_text(&url), e) < 0)
			return -1;
	}
	if (o->mature_hours != NULL &&
	    config_set(c, "limits", "mature_hours", o->mature_hours, e) < 0)
		return -1;
	if (o->with_escrow && own_socket(o->data, &socket, e) < 0)
		return -1;
	const char *escrow = o->with_escrow ? buf_text(&socket) : o->escrow;
	/* A path, or where it is on another machine. */
	if (escrow != NULL &&
	    config_set(c, "escrow", escrow[0] == '/' ? "socket" : "address",
		escrow, e) < 0)
		return err_in(e, "--escrow");
	if (o->open && config_set(c, "accounts", "invitations", "open", e) < 0)
		return -1;
	config_text(c, &text);
	return file_write(path, buf_bytes(&text), 0600, e);
}

static int
print_invite(struct server *s, uint64_t uses, int64_t span_ms, struct err *e)
{
	OWN(buf_free) struct buf code = { 0 };

	if (invite_new(s, uses, span_ms, now_ms(), &code, e) < 0)
		return -1;
	(void)printf("%s\n", buf_text(&code));
	return 0;
}

static int
run_init(void *line, const void *options, struct err *e)
{
	const struct init *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(config_free) struct config c = { 0 };
	OWN(mem_free) char *keys = file_join(o->data, "keys");
	OWN(mem_free) char *conf = file_join(o->data, DAEMON_CONFIG);
	OWN(buf_free) struct buf url = { 0 };
	OWN(daemon_escrow_stop) struct daemon_escrow *child = NULL;
	uint8_t opaque[OPSRV_KEYS];
	struct daemon_user user;

	(void)line;
	const char *names[] = { NULL, "localhost", "127.0.0.1" };

	if (file_mkdirs(o->data, 0700, e) < 0 || write_config(o, &c, e) < 0)
		return -1;
	names[0] = c.host;
	opsrv_keys_make(opaque);
	int rc = keys_make(keys, opaque, names, ARRAY_SIZE(names), e);
	mem_wipe(opaque, sizeof opaque);
	if (rc < 0) /* once it can be, the same command makes it */
		(void)unlink(conf);
	if (rc < 0 || daemon_load_config(o->data, &s, e) < 0 ||
	    daemon_open_parts(o->data, DB_SERVER, &s, e) < 0)
		return -1;
	/* Met now, so that the address names it. */
	if (daemon_user_find(o->data, &c, &user, e) < 0)
		return -1;
	if (o->with_escrow &&
	    daemon_escrow_start(o->data, &c, &user, &child, e) < 0)
		return -1;
	if (o->escrow != NULL || o->with_escrow) {
		uint8_t key[SIG_PK_BYTES];
		if (escrowlink_start(&s, keys, false, &s.escrow, e) < 0)
			return -1;
		if (!escrowlink_key(s.escrow, key))
			(void)fprintf(stderr,
			    "aumbryd: the escrow does not answer at %s%s: the "
			    "address does not name it yet. Once it does, "
			    "aumbryd status prints the one that does\n",
			    c.escrow_socket, c.escrow_address);
	}
	daemon_put_url(&s, 0, &url);
	(void)printf("%s\n", buf_text(&url));
	return print_invite(&s, 1, INVITE_MS, e);
}

struct invite {
	const char *data, *uses, *expires;
};

static int
run_invite(void *line, const void *options, struct err *e)
{
	const struct invite *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	int64_t span = INVITE_MS / 1000;
	uint64_t uses = 1;

	(void)line;
	if (o->uses != NULL && text_parse_u64(o->uses, 1, 100000, &uses) < 0)
		return err_set(
		    e, ERR_USAGE, "--uses is 1 to 100000, not %s", o->uses);
	if (o->expires != NULL &&
	    (text_parse_span(o->expires, &span) < 0 || span == 0))
		return err_set(e, ERR_USAGE,
		    "--expires is a span as 7d, not %s", o->expires);
	return daemon_open(o->data, false, &s, e) < 0
	    ? -1
	    : print_invite(&s, uses, span * 1000, e);
}

#define AT(field) offsetof(struct init, field)
static const struct cmd_option init_options[] = {
	DAEMON_DATA(struct init),
	{ "host", CMD_TEXT, AT(host), "NAME",
	    "the server's name; else as the machine is" },
	{ "listen", CMD_TEXT, AT(listen), "ADDR:PORT",
	    "where it answers; port 0 takes one that is free" },
	{ "url", CMD_TEXT, AT(url), "URL",
	    "what clients use, when not https://HOST:PORT" },
	{ "http", CMD_FLAG, AT(http), NULL,
	    "without TLS: behind a proxy that has it" },
	{ "open", CMD_FLAG, AT(open), NULL,
	    "anybody may sign up, without an invitation" },
	{ "mature-hours", CMD_TEXT, AT(mature_hours), "N",
	    "how long a new device changes nothing that opens the account" },
	{ "with-escrow", CMD_FLAG, AT(with_escrow), NULL,
	    "standard protection, by an escrow of this machine" },
	{ "escrow", CMD_TEXT, AT(escrow), "SOCKET|ADDRESS",
	    "standard protection, by the escrow that answers there" },
};

const struct cmd daemon_init[] = {
	{ "init", "",
	    "make a server's folder; prints its URL and an invitation",
	    run_init, CMD_OPTIONS(init_options, struct init) },
	{ 0 },
};

static const struct cmd_option invite_options[] = {
	DAEMON_DATA(struct invite),
	{ "uses", CMD_TEXT, offsetof(struct invite, uses), "N",
	    "how many may sign up by it; one unless given" },
	{ "expires", CMD_TEXT, offsetof(struct invite, expires), "SPAN",
	    "how long it holds; 7d unless given" },
};

const struct cmd daemon_invite[] = {
	{ "invite", "", "print another invitation", run_invite,
	    CMD_OPTIONS(invite_options, struct invite) },
	{ 0 },
};
