/* SPDX-License-Identifier: ISC */
/* config.c: the table of keys, and inih over it. */
#include "server/config.h"

#include "base/file.h"
#include "base/text.h"
#include "http/address.h"
#include "wire/limits.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#define FILE_MAX (64 * 1024) /* bytes; the commented default has 4 KiB */
#define VALUE_MAX 150 /* bytes; inih reads lines of up to 198 */

enum kind {
	KIND_TEXT, /* anything */
	KIND_SECRET, /* text, or @/path of a file that holds it */
	KIND_HOST,
	KIND_URL, /* http(s)://HOST[:PORT] and no more, or empty */
	KIND_LISTEN, /* ADDR:PORT */
	KIND_LOOPBACK, /* ADDR:PORT on loopback, or empty */
	KIND_ADDRESS, /* or empty */
	KIND_PATH, /* absolute, or empty */
	KIND_COUNT,
	KIND_SIZE, /* bytes, with K, M, G, T */
	KIND_SPAN, /* seconds: text_parse_span */
	KIND_INVITATIONS
};

static const char *const invitations[] = { [CONFIG_INVITATIONS_REQUIRED] =
					       "required",
	[CONFIG_INVITATIONS_OPEN] = "open",
	[CONFIG_INVITATIONS_CLOSED] = "closed" };

struct row {
	const char *section, *key;
	enum kind kind;
	size_t at; /* in struct config */
	const char *initial; /* as text */
	uint64_t lo, hi; /* numbers only */
	const char *why; /* lines of the comment */
};

#define AT(member) offsetof(struct config, member)
/* clang-format off */
static const struct row rows[] = {
{ "server", "host", KIND_HOST, AT(host), "localhost", 0, 0,
  "Name of this server: accounts are called NAME@HOST, and sessions are\n"
  "bound to it. It cannot be changed once there are accounts." },
{ "server", "listen", KIND_LISTEN, AT(listen), "0.0.0.0:8443", 0, 0,
  "Address and port. [::]:8443 takes IPv6 too. On a loopback address\n"
  "aumbryd can be put behind a proxy." },
{ "server", "user", KIND_TEXT, AT(user), "", 0, 0,
  "User that `aumbryd serve` becomes when root has started it. Empty: whom\n"
  "the data folder belongs to." },
{ "server", "url", KIND_URL, AT(url), "", 0, 0,
  "Address that clients use, when it is not https://HOST:PORT." },
{ "server", "tls_cert", KIND_PATH, AT(tls_cert), "", 0, 0,
  "PEM certificate chain. Empty: the self-signed one made by init." },
{ "server", "tls_key", KIND_PATH, AT(tls_key), "", 0, 0,
  "PEM private key of tls_cert." },
{ "server", "threads", KIND_COUNT, AT(threads), "4", 1, 64,
  "Threads that serve connections. More than cores, for they wait for\n"
  "the disk." },
{ "server", "trusted_proxy", KIND_ADDRESS, AT(trusted_proxy), "", 0, 0,
  "Address of a proxy whose X-Forwarded-For is believed. Limits then\n"
  "count the last address of the last such line." },
{ "server", "metrics_listen", KIND_LOOPBACK, AT(metrics_listen), "", 0, 0,
  "Loopback address and port for /metrics, such as 127.0.0.1:9443.\n"
  "Empty: none." },
{ "storage", "database", KIND_SECRET, AT(database), "sqlite:aumbryd.db", 0, 0,
  "sqlite:FILE in the data folder. @/path reads the value from a file." },
{ "storage", "blobs", KIND_SECRET, AT(blobs), "dir:blobs", 0, 0,
  "dir:FOLDER in the data folder. @/path reads the value from a file." },
{ "storage", "reserve", KIND_SIZE, AT(reserve_bytes), "64M", 0, INT64_MAX,
  "A file beside the database that is given up when the disk is full, so\n"
  "that people still get in, read, forget and prune; an eighth of a small\n"
  "disk. 0: none." },
{ "accounts", "invitations", KIND_INVITATIONS, AT(invitations), "required",
  0, 0,
  "Who may make an account: required (who has a code of `aumbryd\n"
  "invite`), open (anybody), closed (nobody)." },
{ "accounts", "default_quota", KIND_SIZE, AT(default_quota_bytes), "0",
  0, INT64_MAX,
  "Storage of a new account, such as 200G. 0: no limit." },
{ "mail", "smtp_url", KIND_SECRET, AT(smtp_url), "", 0, 0,
  "Relay for notices to people, such as smtp://localhost:25 or\n"
  "smtps://user:password@host:465. @/path reads the value from a file.\n"
  "Empty: no mail is sent." },
{ "mail", "from", KIND_TEXT, AT(mail_from), "", 0, 0,
  "Sender of notices, NAME@DOMAIN." },
{ "phone", "text_url", KIND_SECRET, AT(text_url), "", 0, 0,
  "Gateway for text messages, such as http://localhost:13013/cgi-bin/\n"
  "sendsms?username=U&password=P&to={number}&text={message} of Kannel.\n"
  "{number}, {code} and {message} are filled in. @/path reads the value\n"
  "from a file. Empty: no texts are sent." },
{ "phone", "text_method", KIND_TEXT, AT(text_method), "GET", 0, 0,
  "GET or POST." },
{ "phone", "text_body", KIND_SECRET, AT(text_body), "", 0, 0,
  "What is posted, filled in as well: a form, or JSON when it begins\n"
  "with {. @/path reads the value from a file." },
{ "phone", "call_command", KIND_TEXT, AT(call_command), "", 0, 0,
  "Program that calls a phone and speaks, with its words; {number} may be\n"
  "one. It reads {\"number\",\"code\",\"message\"} from its standard input.\n"
  "Empty: no calls are made." },
{ "escrow", "socket", KIND_PATH, AT(escrow_socket), "", 0, 0,
  "UNIX socket of aumbry-escrow, which holds the keys of accounts under\n"
  "standard protection. Empty: advanced protection alone can be had." },
{ "escrow", "dir", KIND_TEXT, AT(escrow_dir), "escrow", 0, 0,
  "With serve --with-escrow: its folder, in the data folder unless the\n"
  "path is absolute. Keep copies of it apart from copies of the data." },
{ "escrow", "user", KIND_TEXT, AT(escrow_user), "", 0, 0,
  "With serve --with-escrow as root: the user that it runs as, while the\n"
  "server becomes another, see [server] user. Empty: the server's own, and\n"
  "then who takes over the server has the escrow too." },
{ "auth", "saslauthd_socket", KIND_PATH, AT(saslauthd_socket), "", 0, 0,
  "UNIX socket that answers mail and calendar servers as saslauthd does,\n"
  "about app-specific passwords. Who may open it, its folder decides.\n"
  "Empty: none." },
{ "place", "database", KIND_PATH, AT(place_database), "", 0, 0,
  "File of the MaxMind DB format with cities or countries, such as\n"
  "GeoLite2-City.mmdb. People see about where a sign-in came from, next\n"
  "to its address. It is read here, and no other machine is asked.\n"
  "Empty: the address alone." },
{ "limits", "password_tries", KIND_COUNT, AT(password_tries), "10", 1, 1000,
  "Wrong passwords in 10 minutes, per account and address or device;\n"
  "tries while that waits double it, up to 80 minutes." },
{ "limits", "code_tries", KIND_COUNT, AT(code_tries), "5", 1, 100,
  "Wrong codes of one sign-in or device. A code has 6 digits, so 5\n"
  "tries guess it once in 200,000." },
{ "limits", "prompts_per_hour", KIND_COUNT, AT(prompts_per_hour), "3",
  1, 1000,
  "Requests of one address that a device shows in an hour, so that\n"
  "nobody is worn down into allowing one." },
{ "limits", "signups_per_hour", KIND_COUNT, AT(signups_per_hour), "20",
  1, 1000000,
  "New accounts in an hour from one address." },
{ "limits", "connections", KIND_COUNT, AT(connections), "4096", 64, 100000,
  "Open connections. Each takes up to 64 KiB and two open files, and every\n"
  "signed-in device keeps one or two." },
{ "limits", "connections_per_address", KIND_COUNT,
  AT(connections_per_address), "256", 4, 100000,
  "Open connections of one address, or of one IPv6 network of 64 bits; a\n"
  "household or an office may share one. Not of trusted_proxy." },
{ "limits", "idle", KIND_SPAN, AT(idle_s), "30s", 5, 600,
  "A connection without progress is closed after this time." },
{ "limits", "drain", KIND_SPAN, AT(drain_s), "10s", 0, 600,
  "How long requests may go on when the server stops." },
{ "limits", "mature_hours", KIND_COUNT, AT(mature_hours), "72", 0, 720,
  "Age at which a new device may remove older ones and change recovery.\n"
  "Written into an account when it is made; lower it for tests only." },
{ "limits", "recovery_wait", KIND_SPAN, AT(recovery_wait_s), "24h",
  0, 30 * 24 * 3600,
  "How long a recovery by a contact or a paper kit waits, so that the\n"
  "account's devices can stop it. 0 for tests only." },
};
/* clang-format on */

static char **
text_at(struct config *c, const struct row *row)
{
	return (char **)(void *)((char *)c + row->at);
}

static uint64_t *
number_at(struct config *c, const struct row *row)
{
	return (uint64_t *)(void *)((char *)c + row->at);
}

static bool
is_number(const struct row *row)
{
	return row->kind >= KIND_COUNT;
}

void
config_free(struct config *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!is_number(&rows[i]) && *text_at(c, &rows[i]) != NULL) {
			char **s = text_at(c, &rows[i]);
			mem_wipe(*s, strlen(*s));
			free(*s);
			*s = NULL;
		}
	memset(c, 0, sizeof *c);
}

/* ---- values ---- */

static int
wrong(struct err *e, const char *value, const char *want)
{
	return err_set(e, ERR_USAGE, "\"%s\" is not %s", value, want);
}

static int
parse_number(const struct row *row, const char *s, uint64_t *n, struct err *e)
{
	int64_t span = -1;
	int rc = -1;

	switch (row->kind) {
	case KIND_COUNT:
		rc = text_parse_u64(s, 0, UINT64_MAX, n);
		break;
	case KIND_SIZE:
		rc = text_parse_size(s, n);
		break;
	case KIND_SPAN:
		rc = text_parse_span(s, &span);
		*n = (uint64_t)span;
		break;
	default:
		for (size_t i = 0; i < ARRAY_SIZE(invitations); i++)
			if (strcmp(s, invitations[i]) == 0) {
				*n = i;
				return 0;
			}
		return wrong(e, s, "required, open or closed");
	}
	if (rc < 0)
		return wrong(e, s,
		    row->kind == KIND_COUNT	 ? "a number"
			: row->kind == KIND_SIZE ? "a size such as 200G"
						 : "a time such as 30s");
	if (*n < row->lo || *n > row->hi)
		return err_set(e, ERR_USAGE,
		    "%s is not between %" PRIu64 " and %" PRIu64, s, row->lo,
		    row->hi);
	return 0;
}

static int
check_listen(const char *s, bool loopback, struct err *e)
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

/* What inih would not give back as it was written. */
static int
check_text(const char *s, struct err *e)
{
	size_t n = strlen(s);

	if (n > VALUE_MAX)
		return err_set(e, ERR_USAGE,
		    "the value is longer than %d bytes", VALUE_MAX);
	if (!text_is_utf8(bytes_str(s)))
		return err_set(e, ERR_USAGE, "the value is not UTF-8");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return err_set(
			    e, ERR_USAGE, "the value has a control character");
	if (s[0] == ' ' || s[0] == ';' || (n > 0 && s[n - 1] == ' ') ||
	    strstr(s, " ;") != NULL)
		return err_set(e, ERR_USAGE,
		    "the value begins or ends with a space, or has a \";\" "
		    "where a comment would begin");
	return 0;
}

static int
check_kind(const struct row *row, const char *s, struct err *e)
{
	switch (row->kind) {
	case KIND_HOST:
		return check_host(s, e);
	case KIND_URL:
		return check_url(s, e);
	case KIND_LISTEN:
		return check_listen(s, false, e);
	case KIND_LOOPBACK:
		return s[0] == '\0' ? 0 : check_listen(s, true, e);
	case KIND_ADDRESS:
		return s[0] == '\0' || address_is(s)
		    ? 0
		    : wrong(e, s, "an address");
	case KIND_PATH:
		return s[0] == '\0' || s[0] == '/'
		    ? 0
		    : wrong(e, s, "an absolute path");
	case KIND_SECRET:
		return s[0] != '\0' || row->initial[0] == '\0'
		    ? 0
		    : err_set(e, ERR_USAGE, "it is empty");
	default:
		return 0;
	}
}

static int
set_row(
    struct config *c, const struct row *row, const char *value, struct err *e)
{
	if (check_text(value, e) < 0)
		return -1;
	if (is_number(row)) {
		uint64_t n = 0;
		if (parse_number(row, value, &n, e) < 0)
			return -1;
		*number_at(c, row) = n;
		return 0;
	}
	if (check_kind(row, value, e) < 0)
		return -1;
	free(*text_at(c, row));
	*text_at(c, row) = mem_text(value);
	return 0;
}

static const struct row *
find_row(const char *section, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].section, section) == 0 &&
		    strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

int
config_set(struct config *c, const char *section, const char *key,
    const char *value, struct err *e)
{
	const struct row *row = find_row(section, key);

	if (row == NULL)
		return err_set(
		    e, ERR_USAGE, "there is no such key in [%s]", section);
	return set_row(c, row, value, e);
}

void
config_defaults(struct config *c)
{
	struct err e = { 0 };

	memset(c, 0, sizeof *c);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (set_row(c, &rows[i], rows[i].initial, &e) < 0)
			abort();
}

/* ---- reading ---- */

struct reading {
	struct bytes left;
	int line;
	const char *name;
	struct config *c;
	bool seen[ARRAY_SIZE(rows)];
	struct err *e;
	bool failed;
	int failed_line;
};

static void
fail_at(struct reading *r, const char *key)
{
	if (r->failed)
		return;
	r->failed = true;
	r->failed_line = r->line;
	(void)err_in(r->e, "%s:%d: %s", r->name, r->line, key);
}

/*
 * Give inih one line, as fgets would. A longer one would come to it in pieces
 * that look like lines, and a NUL would hide what follows.
 */
static char *
next_line(char *to, int room, void *stream)
{
	struct reading *r = stream;
	size_t n = 0;

	if (r->left.n == 0 || r->failed)
		return NULL;
	r->line++;
	while (n < r->left.n && r->left.p[n] != '\n')
		n++;
	n += n < r->left.n;
	if (room < 2 || n > (size_t)room - 1) {
		(void)err_set(r->e, ERR_USAGE, "it is too long");
		fail_at(r, "this line");
		return NULL;
	}
	memcpy(to, r->left.p, n);
	to[n] = '\0';
	if (strlen(to) != n) {
		(void)err_set(r->e, ERR_USAGE, "it has a NUL byte");
		fail_at(r, "this line");
		return NULL;
	}
	r->left.p += n;
	r->left.n -= n;
	return to;
}

static int
take_pair(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;
	const struct row *row = find_row(section, key);

	if (r->failed)
		return 0;
	if (row == NULL)
		(void)err_set(r->e, ERR_USAGE,
		    "there is no such key in section [%s]", section);
	else if (r->seen[row - rows])
		(void)err_set(r->e, ERR_USAGE, "it is given twice");
	else if (set_row(r->c, row, value, r->e) == 0) {
		r->seen[row - rows] = true;
		return 1;
	}
	fail_at(r, key);
	return 0;
}

/* Replace "@/path" by what the file holds, without its line end. */
static int
read_secret(char **value, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };

	if ((*value)[0] != '@')
		return 0;
	if (file_read(*value + 1, 4096, &file, e) < 0)
		return -1;
	size_t n = strcspn(buf_text(&file), "\r\n");
	if (n == 0)
		return err_set(e, ERR_USAGE, "%s is empty", *value + 1);
	free(*value);
	*value = mem_new(n + 1);
	memcpy(*value, file.p, n);
	return 0;
}

static int
check_whole(const struct config *c, struct err *e)
{
	if ((c->tls_cert[0] == '\0') != (c->tls_key[0] == '\0'))
		return err_set(e, ERR_USAGE,
		    "tls_cert and tls_key are given together or not at all");
	return 0;
}

int
config_parse(
    struct bytes text, const char *name, struct config *c, struct err *e)
{
	OWN(config_free) struct config new = { 0 };
	struct reading r = { .left = text, .name = name, .e = e };

	memset(c, 0, sizeof *c);
	config_defaults(&new);
	r.c = &new;
	int line = ini_parse_stream(next_line, &r, take_pair, &r);
	/* inih goes on behind a line it cannot read and tells at the end. */
	if (r.failed && (line <= 0 || line >= r.failed_line))
		return -1;
	if (line != 0)
		return err_set(e, ERR_USAGE,
		    "%s:%d: this line is neither [section] nor key = value",
		    name, line);
	if (check_whole(&new, e) < 0)
		return err_in(e, "%s", name);
	*c = new;
	memset(&new, 0, sizeof new);
	return 0;
}

int
config_load(const char *path, struct config *c, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };
	OWN(config_free) struct config new = { 0 };

	memset(c, 0, sizeof *c);
	if (file_read(path, FILE_MAX, &file, e) < 0 ||
	    config_parse(buf_bytes(&file), path, &new, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == KIND_SECRET &&
		    read_secret(text_at(&new, &rows[i]), e) < 0)
			return err_in(e, "%s: %s", path, rows[i].key);
	*c = new;
	memset(&new, 0, sizeof new);
	return 0;
}

/* ---- writing ---- */

static void
put_comment(struct buf *out, const char *why)
{
	while (*why != '\0') {
		size_t n = strcspn(why, "\n");
		buf_put_str(out, "# ");
		buf_put(out, why, n);
		buf_put_str(out, "\n");
		why += n + (why[n] == '\n');
	}
}

/* The shortest of 1024, 1K, 1M that says the same. */
static void
put_size(struct buf *out, uint64_t n)
{
	static const char unit[] = "KMGT";
	size_t i = 0;

	while (n > 0 && n % 1024 == 0 && i < sizeof unit - 1) {
		n /= 1024;
		i++;
	}
	buf_printf(out, "%" PRIu64, n);
	if (i > 0)
		buf_put_u8(out, (uint8_t)unit[i - 1]);
}

static void
put_value(struct buf *out, struct config *c, const struct row *row)
{
	switch (row->kind) {
	case KIND_COUNT:
		buf_printf(out, "%" PRIu64, *number_at(c, row));
		break;
	case KIND_SIZE:
		put_size(out, *number_at(c, row));
		break;
	case KIND_SPAN:
		buf_printf(out, "%" PRIu64 "s", *number_at(c, row));
		break;
	case KIND_INVITATIONS:
		buf_put_str(out, invitations[*number_at(c, row)]);
		break;
	default:
		buf_put_str(out, *text_at(c, row));
	}
}

void
config_text(const struct config *c, struct buf *out)
{
	struct config copy = *c; /* borrows the texts */
	const char *section = "";

	buf_put_str(out,
	    "# Configuration of aumbryd. What is written here at first are the "
	    "defaults.\n# Check it with: aumbryd serve --data DIR "
	    "--check-config\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		if (strcmp(section, row->section) != 0)
			buf_printf(out, "\n[%s]\n", row->section);
		section = row->section;
		buf_put_str(out, "\n");
		put_comment(out, row->why);
		if (is_number(row) && row->hi > 0 && row->hi < INT64_MAX &&
		    row->kind == KIND_COUNT)
			buf_printf(out, "# %" PRIu64 " to %" PRIu64 ".\n",
			    row->lo, row->hi);
		buf_printf(out, "%s = ", row->key);
		put_value(out, &copy, row);
		buf_put_str(out, "\n");
	}
}

void
config_default_text(struct buf *out)
{
	OWN(config_free) struct config c = { 0 };

	config_defaults(&c);
	config_text(&c, out);
}
