/* SPDX-License-Identifier: ISC */
/* config.c: the table of aumbryd.conf's keys, and what their values must be. */
#include "server/config.h"

#include "base/ini.h"
#include "base/log.h"
#include "base/text.h"
#include "http/address.h"
#include "wire/digest.h"

#include <stddef.h>
#include <string.h>

static int
wrong(struct err *e, const char *value, const char *want)
{
	return err_set(e, ERR_USAGE, "\"%s\" is not %s", value, want);
}

static int
parse_address(const char *s, bool loopback, struct err *e)
{
	struct address a;

	if (address_parse(s, &a, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	if (loopback && !address_is_loopback(&a))
		return wrong(e, s, "a loopback address");
	return 0;
}

static int
check_listen(const char *s, struct err *e)
{
	return address_unix(s) != NULL ? 0 : parse_address(s, false, e);
}

static int
check_loopback(const char *s, struct err *e)
{
	return s[0] == '\0' ? 0 : parse_address(s, true, e);
}

static int
check_nets(const char *s, struct err *e)
{
	struct address_nets ignored;

	return address_nets_parse(s, &ignored, e);
}

static int
check_shown(const char *s, struct err *e)
{
	size_t count = 0;

	for (const char *at = s + strspn(s, " "); *at != '\0';
	     at += strspn(at, " ")) {
		char one[160] = "";
		size_t n = strcspn(at, " ");
		if (++count > CONFIG_PROXY_CERTS)
			return err_set(e, ERR_USAGE, "it names more than %d",
			    CONFIG_PROXY_CERTS);
		memcpy(one, at, n < sizeof one ? n : sizeof one - 1);
		if (one[0] != '/' && parse_address(one, false, e) < 0)
			return wrong(e, one,
			    "the absolute path of a certificate, nor ADDR:PORT "
			    "of a proxy");
		at += n;
	}
	return 0;
}

static int
check_host(const char *s, struct err *e)
{
	size_t n = strlen(s);

	if (n == 0 || n > 100 ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-:") != n)
		return wrong(
		    e, s, "a host name in lower-case letters, or an address");
	return 0;
}

/* Clients take an address that has more for no address. */
static int
check_url(const char *s, struct err *e)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
	size_t n = strncmp(s, "https://", 8) == 0 ? 8
	    : strncmp(s, "http://", 7) == 0	  ? 7
						  : 0;

	if (s[0] == '\0' ||
	    (n > 0 && s[n] != '\0' && strspn(s + n, chars) == strlen(s + n)))
		return 0;
	return wrong(e, s, "of the form https://HOST or https://HOST:PORT");
}

/* HOST:PORT#pin=PIN, as `aumbry-escrow serve` prints it. */
static int
check_pinned(const char *s, struct err *e)
{
	OWN(buf_free) struct buf pin = { 0 };
	const char *mark = strstr(s, "#pin=");
	OWN(mem_free) char *at = mem_text(s);
	uint64_t port;

	if (s[0] == '\0')
		return 0;
	if (mark != NULL) {
		at[mark - s] = '\0';
		char *colon = strrchr(at, ':');
		if (colon != NULL && colon > at &&
		    strcspn(at, " /@") == strlen(at) &&
		    text_parse_u64(colon + 1, 1, UINT16_MAX, &port) == 0 &&
		    text_unbase64(&pin, bytes_str(mark + 5)) == 0 &&
		    pin.n == DIGEST_BYTES)
			return 0;
	}
	return wrong(e, s, "of the form HOST:PORT#pin=PIN");
}

static int
check_place(const char *s, struct err *e)
{
	return s[0] != '\0' ? 0 : err_set(e, ERR_USAGE, "it is empty");
}

static const char *const invitation_words[] = { [CONFIG_INVITATIONS_REQUIRED] =
						    "required",
	[CONFIG_INVITATIONS_OPEN] = "open",
	[CONFIG_INVITATIONS_CLOSED] = "closed",
	NULL };

static const char *const log_words[] = { [LOG_ERROR_] = "error",
	[LOG_WARN_] = "warn",
	[LOG_INFO_] = "info",
	[LOG_DEBUG_] = "debug",
	NULL };

static const struct ini_kind host = { .form = INI_TEXT, .check = check_host };
/* http(s)://HOST[:PORT] and no more, or empty */
static const struct ini_kind url = { .form = INI_TEXT, .check = check_url };
/* ADDR:PORT */
static const struct ini_kind listen_at = { .form = INI_TEXT,
	.check = check_listen };
/* ADDR:PORT on loopback, or empty */
static const struct ini_kind loopback = { .form = INI_TEXT,
	.check = check_loopback };
/* or empty */
static const struct ini_kind nets = { .form = INI_TEXT, .check = check_nets };
static const struct ini_kind shown = { .form = INI_TEXT, .check = check_shown };
/* what must be somewhere */
static const struct ini_kind place = { .form = INI_SECRET,
	.check = check_place };
/* or empty */
static const struct ini_kind pinned = { .form = INI_TEXT,
	.check = check_pinned };
static const struct ini_kind invitations = { .form = INI_WORD,
	.words = invitation_words,
	.wanted = "required, open or closed" };
static const struct ini_kind log_level = { .form = INI_WORD,
	.words = log_words,
	.wanted = "error, warn, info or debug" };

static const char *const tls_words[] = {
	[CONFIG_TLS_OWN] = "on", [CONFIG_TLS_PROXY] = "proxy", NULL
};
static const struct ini_kind tls = {
	.form = INI_WORD, .words = tls_words, .wanted = "on or proxy"
};
static const char *const off_on_words[] = { "off", "on", NULL };
static const struct ini_kind off_on = {
	.form = INI_WORD, .words = off_on_words, .wanted = "off or on"
};

#define AT(member) offsetof(struct config, member)
/* clang-format off */
static const struct ini_row rows[] = {
{ "server", "host", &host, AT(host), "localhost", 0, 0,
  "Name of this server: accounts are called NAME@HOST, and sessions are\n"
  "bound to it. It cannot be changed once there are accounts." },
{ "server", "listen", &listen_at, AT(listen), "0.0.0.0:8443", 0, 0,
  "Address and port. [::]:8443 takes IPv6 too. unix:/PATH is a socket for a\n"
  "proxy of this machine." },
{ "server", "user", &ini_text, AT(user), "", 0, 0,
  "User that `aumbryd serve` becomes when root has started it. Empty: whom\n"
  "the data folder belongs to." },
{ "server", "url", &url, AT(url), "", 0, 0,
  "Address that clients use, when it is not https://HOST:PORT." },
{ "server", "tls", &tls, AT(tls), "on", 0, 0,
  "on: TLS ends here. proxy: it ends at a proxy, which passes on plain HTTP;\n"
  "then listen is a loopback address or a socket, url has the address that\n"
  "people use, and proxy_cert says which certificate they meet." },
{ "server", "tls_cert", &ini_path, AT(tls_cert), "", 0, 0,
  "PEM certificate chain, read again when it changes. Empty: the self-signed\n"
  "one made by init. Devices know the server by its identity, which vouches\n"
  "for whatever stands here, so a new key is no event for them." },
{ "server", "tls_key", &ini_path, AT(tls_key), "", 0, 0,
  "PEM private key of tls_cert." },
{ "server", "proxy_cert", &shown, AT(proxy_cert), "", 0, 0,
  "What a proxy shows where TLS ends: ADDR:PORT at which it answers, such as\n"
  "127.0.0.1:443, and is asked for the host of url; or the path of its PEM\n"
  "certificate. Several stand with spaces between. Who answers there can\n"
  "read what devices say to the server, though none of what they store." },
{ "server", "threads", &ini_count, AT(threads), "4", 1, 64,
  "Threads that serve connections. More than cores, for they wait for\n"
  "the disk." },
{ "server", "trusted_proxy", &nets, AT(trusted_proxy), "", 0, 0,
  "Addresses and networks of proxies, such as 10.0.0.2, 192.168.7.0/24.\n"
  "Limits and the log take the client's address from X-Forwarded-For of\n"
  "these alone: its last one that is no proxy's. With tls = proxy who\n"
  "connects is believed anyway." },
{ "server", "proxy_protocol", &off_on, AT(proxy_protocol), "off", 0, 0,
  "on: connections come from trusted_proxy alone, and each begins with a\n"
  "header of the PROXY protocol, version 1 or 2, that names the client." },
{ "server", "log", &log_level, AT(log), "info", 0, 0,
  "What is logged: error (somebody must act), warn, info or debug. Each\n"
  "has those before it." },
{ "server", "metrics_listen", &loopback, AT(metrics_listen), "", 0, 0,
  "Loopback address and port for /metrics, such as 127.0.0.1:9443.\n"
  "Empty: none." },
{ "storage", "database", &place, AT(database), "sqlite:aumbryd.db", 0, 0,
  "sqlite:FILE in the data folder. @/path reads the value from a file." },
{ "storage", "blobs", &place, AT(blobs), "dir:blobs", 0, 0,
  "dir:FOLDER in the data folder. @/path reads the value from a file." },
{ "storage", "reserve", &ini_size, AT(reserve_bytes), "64M", 0, INT64_MAX,
  "A file beside the database that is given up when the disk is full, so\n"
  "that people still get in, read, forget and prune; an eighth of a small\n"
  "disk. 0: none." },
{ "accounts", "invitations", &invitations, AT(invitations), "required",
  0, 0,
  "Who may make an account: required (who has a code of `aumbryd\n"
  "invite`), open (anybody), closed (nobody)." },
{ "accounts", "default_quota", &ini_size, AT(default_quota_bytes), "0",
  0, INT64_MAX,
  "Storage of a new account, such as 200G. 0: no limit." },
{ "mail", "smtp_url", &ini_secret, AT(smtp_url), "", 0, 0,
  "Relay for notices to people, such as smtp://localhost:25 or\n"
  "smtps://user:password@host:465. @/path reads the value from a file.\n"
  "Empty: no mail is sent." },
{ "mail", "from", &ini_text, AT(mail_from), "", 0, 0,
  "Sender of notices, NAME@DOMAIN." },
{ "phone", "text_url", &ini_secret, AT(text_url), "", 0, 0,
  "Gateway for text messages, such as http://localhost:13013/cgi-bin/\n"
  "sendsms?username=U&password=P&to={number}&text={message} of Kannel.\n"
  "{number}, {code} and {message} are filled in. @/path reads the value\n"
  "from a file. Empty: no texts are sent." },
{ "phone", "text_method", &ini_text, AT(text_method), "GET", 0, 0,
  "GET or POST." },
{ "phone", "text_body", &ini_secret, AT(text_body), "", 0, 0,
  "What is posted, filled in as well: a form, or JSON when it begins\n"
  "with {. @/path reads the value from a file." },
{ "phone", "call_command", &ini_text, AT(call_command), "", 0, 0,
  "Program that calls a phone and speaks, with its words; {number} may be\n"
  "one. It reads {\"number\",\"code\",\"message\"} from its standard input.\n"
  "Empty: no calls are made." },
{ "escrow", "socket", &ini_path, AT(escrow_socket), "", 0, 0,
  "UNIX socket of aumbry-escrow, which holds the keys of accounts under\n"
  "standard protection. Empty: advanced protection alone can be had." },
{ "escrow", "address", &pinned, AT(escrow_address), "", 0, 0,
  "The same on another machine: HOST:PORT#pin=PIN, as `aumbry-escrow serve\n"
  "--listen ADDR:PORT` prints it." },
{ "escrow", "dir", &ini_text, AT(escrow_dir), "escrow", 0, 0,
  "With serve --with-escrow: its folder, in the data folder unless the\n"
  "path is absolute. Keep copies of it apart from copies of the data." },
{ "escrow", "user", &ini_text, AT(escrow_user), "", 0, 0,
  "With serve --with-escrow as root: the user that it runs as, while the\n"
  "server becomes another, see [server] user. Empty: the server's own, and\n"
  "then who takes over the server has the escrow too." },
{ "auth", "saslauthd_socket", &ini_path, AT(saslauthd_socket), "", 0, 0,
  "UNIX socket that answers mail and calendar servers as saslauthd does,\n"
  "about app-specific passwords. Who may open it, its folder decides.\n"
  "Empty: none." },
{ "place", "database", &ini_path, AT(place_database), "", 0, 0,
  "File of the MaxMind DB format with cities or countries, such as\n"
  "GeoLite2-City.mmdb. People see about where a sign-in came from, next\n"
  "to its address. It is read here, and no other machine is asked.\n"
  "Empty: the address alone." },
{ "limits", "password_tries", &ini_count, AT(password_tries), "10", 1, 1000,
  "Wrong passwords in 10 minutes, per account and address or device;\n"
  "tries while that waits double it, up to 80 minutes." },
{ "limits", "code_tries", &ini_count, AT(code_tries), "5", 1, 100,
  "Wrong codes of one sign-in or device. A code has 6 digits, so 5\n"
  "tries guess it once in 200,000." },
{ "limits", "prompts_per_hour", &ini_count, AT(prompts_per_hour), "3",
  1, 1000,
  "Requests of one address that a device shows in an hour, so that\n"
  "nobody is worn down into allowing one." },
{ "limits", "signups_per_hour", &ini_count, AT(signups_per_hour), "20",
  1, 1000000,
  "New accounts in an hour from one address." },
{ "limits", "messages_per_minute", &ini_count, AT(messages_per_minute),
  "60", 1, 60000,
  "Messages that an account may send at once; then as many a minute." },
{ "limits", "messages_per_day", &ini_count, AT(messages_per_day), "5000",
  1, 86400000,
  "And in a day, so that a stolen account floods nobody." },
{ "limits", "connections", &ini_count, AT(connections), "4096", 64, 100000,
  "Open connections. Each takes up to 64 KiB and two open files, and every\n"
  "signed-in device keeps one or two." },
{ "limits", "connections_per_address", &ini_count,
  AT(connections_per_address), "256", 4, 100000,
  "Open connections of one address, or of one IPv6 network of 64 bits; a\n"
  "household or an office may share one. Not of trusted_proxy." },
{ "limits", "idle", &ini_span, AT(idle_s), "30s", 5, 600,
  "A connection without progress is closed after this time." },
{ "limits", "drain", &ini_span, AT(drain_s), "10s", 0, 600,
  "How long requests may go on when the server stops." },
{ "limits", "mature_hours", &ini_count, AT(mature_hours), "72", 0, 720,
  "Age at which a new device may remove older ones and change recovery.\n"
  "Written into an account when it is made; lower it for tests only." },
{ "limits", "recovery_wait", &ini_span, AT(recovery_wait_s), "24h",
  0, 30 * 24 * 3600,
  "How long a recovery by a contact or a paper kit waits, so that the\n"
  "account's devices can stop it. 0 for tests only." },
{ "limits", "closing_wait", &ini_span, AT(closing_wait_s), "7d",
  0, 90 * 24 * 3600,
  "How long an account that somebody has ended can still be kept, by each\n"
  "of its devices. 0 for tests only." },
};
/* clang-format on */

static bool
is_local(const char *listen)
{
	struct address a;
	struct err e;

	return address_unix(listen) != NULL ||
	    (address_parse(listen, &a, &e) == 0 && address_is_loopback(&a));
}

static int
check_proxied(const struct config *c, struct err *e)
{
	if (c->tls_cert[0] != '\0')
		return err_set(e, ERR_USAGE,
		    "with tls = proxy tls_cert is the proxy's affair");
	if (!is_local(c->listen))
		return err_set(e, ERR_USAGE,
		    "with tls = proxy listen must be a loopback address or "
		    "unix:/PATH, for what comes is not encrypted");
	if (strncmp(c->url, "https://", 8) != 0)
		return err_set(e, ERR_USAGE,
		    "with tls = proxy url must be the address, https://…, at "
		    "which the proxy answers");
	return c->proxy_cert[0] != '\0'
	    ? 0
	    : err_set(e, ERR_USAGE,
		  "with tls = proxy proxy_cert must say which certificate the "
		  "proxy shows, such as 127.0.0.1:443 where it answers; "
		  "without, devices refuse it");
}

/* Is one of them ADDR:PORT? */
static bool
asks_proxy(const char *list)
{
	const char *at = list + strspn(list, " ");

	while (*at == '/') {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	return *at != '\0';
}

static int
check_whole(const void *whole, struct err *e)
{
	const struct config *c = whole;

	if ((c->tls_cert[0] == '\0') != (c->tls_key[0] == '\0'))
		return err_set(e, ERR_USAGE,
		    "tls_cert and tls_key are given together or not at all");
	if (c->escrow_socket[0] != '\0' && c->escrow_address[0] != '\0')
		return err_set(e, ERR_USAGE,
		    "[escrow] has a socket or an address, not both");
	if (c->proxy_protocol != 0 && c->trusted_proxy[0] == '\0' &&
	    address_unix(c->listen) == NULL)
		return err_set(e, ERR_USAGE,
		    "proxy_protocol needs trusted_proxy: anybody else could "
		    "come under any address");
	if (address_unix(c->listen) != NULL && c->url[0] == '\0')
		return err_set(e, ERR_USAGE,
		    "with listen = unix:/PATH url must be the address at which "
		    "the proxy answers");
	if (c->url[0] == '\0' && asks_proxy(c->proxy_cert))
		return err_set(e, ERR_USAGE,
		    "proxy_cert needs url: a proxy is asked what it shows at "
		    "that address");
	return c->tls == CONFIG_TLS_PROXY ? check_proxied(c, e) : 0;
}

/* What counts from the next SIGHUP; the rest from the next start. */
static const size_t live[] = { AT(log), AT(invitations),
	AT(default_quota_bytes), AT(smtp_url), AT(mail_from), AT(text_url),
	AT(text_method), AT(text_body), AT(call_command), AT(password_tries),
	AT(code_tries), AT(prompts_per_hour), AT(signups_per_hour),
	AT(messages_per_minute), AT(messages_per_day), AT(mature_hours),
	AT(recovery_wait_s), AT(closing_wait_s) };

static const struct ini file = { .rows = rows,
	.n = ARRAY_SIZE(rows),
	.size = sizeof(struct config),
	.title = "Configuration of aumbryd. What is written here at first are "
		 "the defaults.\n"
		 "Check it with: aumbryd serve --data DIR --check-config",
	.whole = check_whole };

void
config_free(struct config *c)
{
	ini_free(&file, c);
}

void
config_defaults(struct config *c)
{
	ini_defaults(&file, c);
}

int
config_set(struct config *c, const char *section, const char *key,
    const char *value, struct err *e)
{
	return ini_set(&file, c, section, key, value, e);
}

int
config_parse(
    struct bytes text, const char *name, struct config *c, struct err *e)
{
	return ini_read(&file, text, name, c, e);
}

int
config_load(const char *path, struct config *c, struct err *e)
{
	return ini_load(&file, path, c, e);
}

struct renewing {
	config_told_fn *told;
	void *arg;
};

static bool
takes(void *arg, const struct ini_row *row)
{
	const struct renewing *r = arg;
	size_t i = 0;

	while (i < ARRAY_SIZE(live) && live[i] != row->at)
		i++;
	r->told(r->arg, row->section, row->key, i < ARRAY_SIZE(live));
	return i < ARRAY_SIZE(live);
}

void
config_renew(const struct config *old, struct config *fresh,
    config_told_fn *told, void *arg)
{
	struct renewing r = { told, arg };

	ini_renew(&file, old, fresh, takes, &r);
}

void
config_text(const struct config *c, struct buf *out)
{
	ini_write(&file, c, out);
}
