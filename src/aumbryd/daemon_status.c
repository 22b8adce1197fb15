/* SPDX-License-Identifier: ISC */
/* daemon_status.c: aumbryd status: what an operator should know and do. */
#include "aumbryd/daemon.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "base/text.h"
#include "base/version.h"
#include "http/address.h"
#include "server/escrowlink.h"
#include "server/escrowpeer.h"
#include "server/mark.h"
#include "wire/category.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define TODO_STATUS \
	3 /* exit status: it was told, and there is something to do */
#define ANSWER_MS 2000
#define DAY_MS (24 * 3600 * 1000LL)
#define LATE_MS (7 * DAY_MS) /* without a backup, or a copy of the server */
#define CERT_MS (14 * DAY_MS) /* before its end; what renews does so at 30 */
#define LOW_BYTES (10ULL << 30) /* free on a large disk; a 20th of others */
/* The largest number stands for no quota. */
#define BOUNDED " WHERE quota < 9223372036854775807"
#define LATE_SHOWN 10 /* names; all of them with --json */

struct on_status {
	const char *data;
	bool json;
};

/* What was found, for programs and for people. */
struct status {
	const char *data;
	struct server *s;
	int64_t now_ms;
	json_t *out, *todo;
	struct buf lines;
};

static void PRINTF(3, 4)
    line(struct status *t, const char *name, const char *fmt, ...)
{
	va_list ap;
	char text[700];

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(&t->lines, "%-9s %s\n", name, text);
}

static void
todo(struct status *t, const char *what, const char *remedy)
{
	json_t *row = json_object();

	jsonio_put_text(row, "what", what);
	jsonio_put_text(row, "remedy", remedy);
	(void)json_array_append_new(t->todo, row);
}

static json_t *
part(struct status *t, const char *name)
{
	json_t *j = json_object();

	(void)json_object_set_new(t->out, name, j);
	return j;
}

/* ---- does it serve? ---- */

static bool
answers(const char *listen)
{
	struct address a;
	struct err e;

	if (address_parse(listen, &a, &e) < 0)
		return false;
	OWN(fd_close)
	int fd = socket(
	    a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	/* For 0.0.0.0 and [::] the kernel takes this machine. */
	return connect(fd, (struct sockaddr *)&a.sa, a.n) == 0 ||
	    (poll(&p, 1, ANSWER_MS) == 1 && (p.revents & POLLERR) == 0);
}

static void
see_server(struct status *t)
{
	OWN(buf_free) struct buf url = { 0 };
	bool serves = answers(t->s->config.listen);

	daemon_put_url(t->s, 0, &url);
	jsonio_put_text(t->out, "version", AUMBRY_VERSION);
	jsonio_put_text(t->out, "url", buf_text(&url));
	jsonio_put_true(t->out, "serving", serves);
	line(t, "version", "%s", AUMBRY_VERSION);
	line(t, "url", "%s", buf_text(&url));
	line(t, "serving", "%s", serves ? "yes" : "no");
	if (!serves)
		todo(t, "nobody answers at the address that it listens at",
		    "Start it, as by: systemctl start aumbryd");
}

/* ---- what it holds ---- */

struct count {
	uint64_t accounts, blobs, bytes, promised, bounded;
	uint64_t waiting, untold; /* mails; words for the escrow */
	int64_t failing_ms, copied_ms;
	struct buf failed;
	json_t *backups; /* name, last_ms, late */
	uint64_t late;
	struct buf late_names;
	int64_t now_ms;
};

static int
count_backups(struct tx *tx, struct count *n, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (sql_ask(tx, e, &s,
		"SELECT a.name, h.received_ms FROM account a"
		" JOIN zone z ON z.uid = a.uid AND z.category = ?"
		" JOIN head h ON h.uid = z.uid AND h.zone = z.zone"
		" AND h.seq = z.seq WHERE a.suspended = 0 AND NOT EXISTS"
		" (SELECT 1 FROM closing c WHERE c.uid = a.uid)"
		" ORDER BY a.name",
		"u", (uint64_t)CATEGORY_BACKUP) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		json_t *j = json_object();
		int64_t last = stmt_got_i64(s, 1);
		bool late = n->now_ms - last > LATE_MS;
		jsonio_put_text(j, "name", stmt_got_text(s, 0));
		jsonio_put_u64(j, "last_ms", (uint64_t)last);
		jsonio_put_true(j, "late", late);
		(void)json_array_append_new(n->backups, j);
		if (late && n->late++ < LATE_SHOWN)
			buf_printf(&n->late_names, "%s%s",
			    n->late > 1 ? ", " : "", stmt_got_text(s, 0));
	}
	return row;
}

static int
count_job(struct tx *tx, void *arg, struct err *e)
{
	struct count *n = arg;
	uint64_t *const to[] = { &n->accounts, &n->blobs, &n->bytes,
		&n->promised, &n->bounded, &n->waiting, &n->untold };
	static const char *const sql[] = { "SELECT COUNT(*) FROM account",
		"SELECT COUNT(*) FROM blob",
		"SELECT COALESCE(SUM(bytes), 0) FROM usage",
		"SELECT COALESCE(SUM(quota), 0) FROM usage" BOUNDED,
		"SELECT COUNT(*) FROM usage" BOUNDED,
		"SELECT COUNT(*) FROM outbox",
		"SELECT COUNT(*) FROM escrow_job" };

	for (size_t i = 0; i < ARRAY_SIZE(sql); i++)
		if (sql_count(tx, e, to[i], sql[i], "") < 0)
			return -1;
	return mark_get(tx, MARK_MAIL_FAILED, &n->failing_ms, &n->failed, e) <
		    0 ||
		mark_get(tx, MARK_COPIED, &n->copied_ms, NULL, e) < 0
	    ? -1
	    : count_backups(tx, n, e);
}

static void
see_backups(struct status *t, const struct count *n)
{
	OWN(buf_free) struct buf what = { 0 };
	size_t all = json_array_size(n->backups);

	(void)json_object_set(t->out, "backups", n->backups);
	line(t, "backups", "of %zu accounts, %llu of them late", all,
	    (unsigned long long)n->late);
	if (n->late == 0)
		return;
	buf_printf(&what, "no backup for 7 days: %s%s",
	    buf_text(&n->late_names), n->late > LATE_SHOWN ? ", …" : "");
	todo(t, buf_text(&what),
	    "Ask them to run: aumbry status, and: aumbry backup");
}

static void
see_copy(struct status *t, const struct count *n)
{
	OWN(buf_free) struct buf when = { 0 };

	if (n->copied_ms == 0) {
		line(t, "copied", "never, by aumbryd backup");
		return;
	}
	jsonio_put_u64(t->out, "copied_ms", (uint64_t)n->copied_ms);
	text_time(&when, n->copied_ms);
	line(t, "copied", "%s", buf_text(&when));
	if (t->now_ms - n->copied_ms > LATE_MS)
		todo(t, "the server was not copied for 7 days",
		    "Run: aumbryd backup --data DIR --to OUT");
}

static void
see_mail(struct status *t, const struct count *n)
{
	OWN(buf_free) struct buf when = { 0 };
	json_t *j = part(t, "mail");
	bool relay = t->s->config.smtp_url[0] != '\0';
	bool failing = n->failing_ms != 0 && n->waiting > 0;

	jsonio_put_true(j, "relay", relay);
	jsonio_put_u64(j, "waiting", n->waiting);
	text_time(&when, n->failing_ms);
	if (failing) {
		jsonio_put_u64(j, "failing_since_ms", (uint64_t)n->failing_ms);
		jsonio_put_text(j, "error", buf_text(&n->failed));
		line(t, "mail", "%llu wait, none went out since %s: %s",
		    (unsigned long long)n->waiting, buf_text(&when),
		    buf_text(&n->failed));
	} else {
		line(t, "mail", "%llu wait%s", (unsigned long long)n->waiting,
		    relay ? "" : "; no relay is set");
	}
	if (n->waiting > 0 && (failing || !relay))
		todo(t, "notices to people do not go out",
		    "Look at [mail] in aumbryd.conf, and at the relay; then: "
		    "systemctl reload aumbryd");
}

/* ---- the disk ---- */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
see_held(struct status *t, const struct count *n)
{
	OWN(buf_free) struct buf used = { 0 }, promised = { 0 };

	text_size(&used, n->bytes);
	text_size(&promised, n->promised);
	jsonio_put_u64(t->out, "accounts", n->accounts);
	jsonio_put_u64(t->out, "blobs", n->blobs);
	jsonio_put_u64(t->out, "bytes", n->bytes);
	jsonio_put_u64(t->out, "quota_bytes", n->promised);
	jsonio_put_u64(t->out, "without_quota", n->accounts - n->bounded);
	line(t, "accounts", "%llu", (unsigned long long)n->accounts);
	line(t, "blobs", "%llu", (unsigned long long)n->blobs);
	line(t, "stored", "%s", buf_text(&used));
	line(t, "quotas", "%s; %llu accounts have none", buf_text(&promised),
	    (unsigned long long)(n->accounts - n->bounded));
}

static void
see_disk(struct status *t, const char *name, const char *path)
{
	OWN(buf_free) struct buf left = { 0 }, all = { 0 };
	struct statvfs v;

	if (statvfs(path, &v) < 0)
		return;
	uint64_t has = (uint64_t)v.f_bavail * v.f_frsize;
	uint64_t total = (uint64_t)v.f_blocks * v.f_frsize;
	uint64_t reserve = least(t->s->config.reserve_bytes, total / 8);
	json_t *j = part(t, name);
	jsonio_put_u64(j, "free_bytes", has);
	jsonio_put_u64(j, "total_bytes", total);
	text_size(&left, has);
	text_size(&all, total);
	line(t, name, "%s of %s free", buf_text(&left), buf_text(&all));
	if (has < 2 * reserve || has < least(total / 20, LOW_BYTES))
		todo(t, "the disk is nearly full: soon nothing can be stored",
		    "Make room, or move the data to a larger disk; "
		    "aumbryd account list says who stores what");
}

/* Where blobs lie, and the database, when it is another disk. */
static void
see_disks(struct status *t)
{
	OWN(mem_free) char *blobs = daemon_blobs(t->data, t->s);
	OWN(mem_free) char *database = daemon_database(t->data, t->s);
	struct stat a, b;

	see_disk(t, "disk", blobs);
	if (stat(blobs, &a) == 0 && stat(database, &b) == 0 &&
	    a.st_dev != b.st_dev)
		see_disk(t, "tables", database);
}

/* ---- the certificate ---- */

/* When the first certificate in a PEM file ends; false when it is none. */
static bool
ends_at(struct bytes pem, int64_t now_ms, int64_t *ends_ms)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int days, seconds;

	/* From now on, for what is compared is a span. */
	bool ok = x != NULL &&
	    ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) == 1;
	if (ok)
		*ends_ms = now_ms + days * DAY_MS + seconds * 1000LL;
	X509_free(x);
	BIO_free(bio);
	return ok;
}

static void
see_certificate(struct status *t)
{
	struct bytes cert, key;
	OWN(buf_free) struct buf when = { 0 };
	int64_t ends_ms;

	if (t->s->certs == NULL)
		return; /* a proxy shows one */
	certs_shown(t->s->certs, &cert, &key);
	if (!ends_at(cert, t->now_ms, &ends_ms))
		return;
	text_time(&when, ends_ms);
	jsonio_put_u64(part(t, "certificate"), "ends_ms",
	    ends_ms > 0 ? (uint64_t)ends_ms : 0);
	line(t, "tls until", "%s", buf_text(&when));
	if (ends_ms - t->now_ms <= CERT_MS)
		todo(t,
		    ends_ms > t->now_ms ? "the certificate ends within 14 days"
					: "the certificate has ended",
		    "Renew it with the same key, or see why what renews it "
		    "does not");
}

/* ---- the escrow ---- */

static int
see_escrow(struct status *t, const struct count *n, struct err *e)
{
	OWN(mem_free) char *keys = file_join(t->data, "keys");
	json_t *j = part(t, "escrow");
	struct err why = { 0 };

	jsonio_put_true(j, "named", escrowpeer_named(&t->s->config));
	if (!escrowpeer_named(&t->s->config)) {
		line(t, "escrow", "none");
		return 0;
	}
	if (escrowlink_start(t->s, keys, false, &t->s->escrow, e) < 0)
		return -1;
	bool there = escrowlink_state(t->s->escrow, &why) == 0;
	jsonio_put_true(j, "reachable", there);
	jsonio_put_u64(j, "waiting", n->untold);
	if (there) {
		line(t, "escrow", "reachable; %llu wait to be told to it",
		    (unsigned long long)n->untold);
		return 0;
	}
	jsonio_put_text(j, "code", err_name(why.code));
	jsonio_put_text(j, "why", why.msg);
	line(t, "escrow", "%s (%s)", why.msg, err_name(why.code));
	todo(t, "standard protection does not work without the escrow",
	    why.code == ERR_ESCROW_CHANGED
		? "If it is a new escrow by your own hand, see \"The escrow\" "
		  "in "
		  "INSTALL.md; else somebody stands in its place"
		: "See that aumbry-escrow runs and can be reached from here; "
		  "its "
		  "--client-pin is what stands after #pin= in the url above");
	return 0;
}

/* ---- all of it ---- */

static int
look(struct status *t, struct err *e)
{
	struct count n = { .backups = json_array(), .now_ms = t->now_ms };
	OWN(jsonio_free) json_t *backups = n.backups;

	int rc = db_read(t->s->db, count_job, &n, e);
	OWN(buf_free) struct buf failed = n.failed;
	OWN(buf_free) struct buf names = n.late_names;
	/* The address names the escrow once it was met. */
	struct buf tail = { 0 };
	if (rc < 0 || see_escrow(t, &n, e) < 0)
		return -1;
	tail = t->lines;
	t->lines = (struct buf){ 0 };
	see_server(t);
	see_held(t, &n);
	see_disks(t);
	see_backups(t, &n);
	see_mail(t, &n);
	see_certificate(t);
	buf_put_bytes(&t->lines, buf_bytes(&tail));
	buf_free(&tail);
	see_copy(t, &n);
	return 0;
}

static void
print(const struct status *t)
{
	size_t i;
	json_t *row;

	(void)fputs(buf_text(&t->lines), stdout);
	if (json_array_size(t->todo) > 0)
		(void)puts("to do:");
	json_array_foreach(t->todo, i, row)(void) printf("- %s. %s.\n",
	    json_string_value(json_object_get(row, "what")),
	    json_string_value(json_object_get(row, "remedy")));
}

static int
run_status(void *line, const void *options, struct err *e)
{
	const struct on_status *o = options;
	struct cmd_line *l = line;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(jsonio_free) json_t *out = json_object();
	struct status t = { .data = o->data,
		.s = &s,
		.now_ms = now_ms(),
		.out = out,
		.todo = json_array() };

	(void)json_object_set_new(out, "todo", t.todo);
	if (!l->verbose)
		log_level_set(LOG_ERROR_);
	int rc = daemon_open(o->data, false, &s, e) < 0 ? -1 : look(&t, e);
	OWN(buf_free) struct buf lines = t.lines;
	if (rc < 0)
		return -1;
	if (o->json) {
		(void)json_dumpf(out, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		print(&t);
	}
	l->status = json_array_size(t.todo) > 0 ? TODO_STATUS : 0;
	return 0;
}

static const struct cmd_option status_options[] = {
	DAEMON_DATA(struct on_status),
	DAEMON_JSON(struct on_status),
};

const struct cmd daemon_status[] = {
	{ "status", "", "what is there, and what is to be done", run_status,
	    CMD_OPTIONS(status_options, struct on_status) },
	{ 0 },
};
