/* SPDX-License-Identifier: ISC */
/* postman.c: the outbox to an SMTP relay, by libcurl. */
#include "server/postman.h"

#include "base/log.h"
#include "base/now.h"
#include "base/text.h"
#include "server/mark.h"
#include "server/notice.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_S 10L
#define SEND_S 60L
#define FIRST_WAIT_MS 2000LL
#define DAY_MS (24 * 3600 * 1000LL)
#define ID_HEX 16 /* digits of a Message-ID */

struct postman {
	struct server *server;
	pthread_t thread;
	pthread_mutex_t lock; /* woken, stop */
	pthread_cond_t told;
	bool woken, stop, runs;
	CURL *curl;
	char failed[200]; /* how the last mail failed; of the thread */
};

struct mail {
	int64_t n;
	struct id uid;
	char *address, *subject, *body;
	int64_t made_ms, next_ms;
	uint64_t tries;
};

static void
mail_free(struct mail *m)
{
	free(m->address);
	free(m->subject);
	free(m->body);
}

/* ---- the outbox ---- */

struct next_job {
	struct mail mail;
	bool found;
};

static int
next_job(struct tx *tx, void *arg, struct err *e)
{
	struct next_job *j = arg;
	struct mail *m = &j->mail;
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, &j->found,
		"SELECT n, uid, address, subject, body, made_ms, tries, next_ms"
		" FROM outbox ORDER BY next_ms, n LIMIT 1",
		"") < 0 ||
	    !j->found)
		return j->found ? -1 : 0;
	m->n = stmt_got_i64(s, 0);
	stmt_got_copy(s, 1, m->uid.b, ID_BYTES);
	m->address = mem_text(stmt_got_text(s, 2));
	m->subject = mem_text(stmt_got_text(s, 3));
	m->body = mem_text(stmt_got_text(s, 4));
	m->made_ms = stmt_got_i64(s, 5);
	m->tries = stmt_got_u64(s, 6);
	m->next_ms = stmt_got_i64(s, 7);
	return 0;
}

struct settle_job {
	const struct mail *mail;
	bool over, sent;
	int64_t now_ms;
	const char *failed;
};

static int
settle_job(struct tx *tx, void *arg, struct err *e)
{
	const struct settle_job *j = arg;
	const struct mail *m = j->mail;

	if (j->sent ? mark_drop(tx, MARK_MAIL_FAILED, e) < 0
		    : mark_set(tx, MARK_MAIL_FAILED, j->now_ms, j->failed, true,
			  e) < 0)
		return -1;
	return j->over
	    ? sql_run(tx, e, "DELETE FROM outbox WHERE n = ?", "n", m->n)
	    : sql_run(tx, e,
		  "UPDATE outbox SET tries = tries + 1, next_ms = ?"
		  " WHERE n = ?",
		  "nn", m->next_ms, m->n);
}

/* ---- one mail ---- */

static void
put_date(struct buf *out, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	/* The C locale's names: nothing here sets another. */
	(void)gmtime_r(&t, &tm);
	(void)strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	buf_put_str(out, text);
}

static void
compose(const struct postman *p, const struct mail *m, struct buf *out)
{
	const struct config *c = server_config(p->server);
	OWN(buf_free) struct buf id = { 0 }, of = { 0 };
	struct digest d;

	id_put(&of, &m->uid);
	buf_put_u64(&of, (uint64_t)m->n);
	buf_put_u64(&of, (uint64_t)m->made_ms);
	server_mac(p->server, "message id", buf_bytes(&of), &d);
	text_hex(&id, bytes_of(d.b, ID_HEX / 2));
	buf_printf(out,
	    "From: Aumbry <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: ",
	    c->mail_from, m->address, m->subject);
	put_date(out, m->made_ms);
	buf_printf(out,
	    "\r\nMessage-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n%s",
	    buf_text(&id), c->host, m->body);
}

static size_t
on_read(char *to, size_t size, size_t n, void *arg)
{
	struct bytes *left = arg;
	size_t some = size * n < left->n ? size * n : left->n;

	memcpy(to, left->p, some);
	left->p += some;
	left->n -= some;
	return some;
}

enum verdict { SENT, REFUSED, LATER };

static enum verdict
deliver(struct postman *p, const struct mail *m)
{
	const struct config *c = server_config(p->server);
	OWN(buf_free) struct buf text = { 0 }, from = { 0 }, to = { 0 };
	struct curl_slist *rcpt = NULL;
	long status = 0;
	CURL *h = p->curl;

	compose(p, m, &text);
	struct bytes left = buf_bytes(&text);
	buf_printf(&from, "<%s>", c->mail_from);
	buf_printf(&to, "<%s>", m->address);
	rcpt = curl_slist_append(NULL, buf_text(&to));
	if (rcpt == NULL)
		abort();
	curl_easy_reset(h);
	curl_easy_setopt(h, CURLOPT_URL, c->smtp_url);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(h, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(h, CURLOPT_TIMEOUT, SEND_S);
	curl_easy_setopt(h, CURLOPT_MAIL_FROM, buf_text(&from));
	curl_easy_setopt(h, CURLOPT_MAIL_RCPT, rcpt);
	curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(h, CURLOPT_READDATA, &left);
	CURLcode rc = curl_easy_perform(h);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(rcpt);
	if (rc == CURLE_OK)
		return SENT;
	(void)snprintf(p->failed, sizeof p->failed, "%s; the relay said %ld",
	    curl_easy_strerror(rc), status);
	log_warn("mail_failed", "mail=%lld tries=%llu curl=%d status=%ld",
	    (long long)m->n, (unsigned long long)m->tries + 1, (int)rc, status);
	return status >= 500 && rc != CURLE_LOGIN_DENIED ? REFUSED : LATER;
}

static void
settle(struct postman *p, struct mail *m, enum verdict v)
{
	int64_t now = now_ms();
	int64_t wait = FIRST_WAIT_MS << (m->tries < 20 ? m->tries : 20);
	struct err e;

	if (wait > POSTMAN_WAIT_MAX_MS)
		wait = POSTMAN_WAIT_MAX_MS;
	m->next_ms = now + wait;
	bool over = v != LATER || now - m->made_ms > POSTMAN_DAYS * DAY_MS;
	struct settle_job j = { m, over, v == SENT, now, p->failed };
	if (db_write(p->server->db, settle_job, &j, &e) < 0)
		log_error("outbox_failed", "code=%s", err_name(e.code));
}

/* ---- the thread ---- */

/* Wait for wait_ms, or to be woken; false when told to stop. */
static bool
rest(struct postman *p, int64_t wait_ms)
{
	struct timespec until = now_mono_after(wait_ms);

	(void)pthread_mutex_lock(&p->lock);
	while (!p->woken && !p->stop &&
	    pthread_cond_timedwait(&p->told, &p->lock, &until) == 0)
		;
	p->woken = false;
	bool go_on = !p->stop;
	(void)pthread_mutex_unlock(&p->lock);
	return go_on;
}

static void *
loop(void *arg)
{
	struct postman *p = arg;

	for (;;) {
		struct next_job j = { .found = false };
		struct err e;
		int64_t wait = POSTMAN_WAIT_MAX_MS, now = now_ms();
		if (db_read(p->server->db, next_job, &j, &e) < 0)
			log_error("outbox_failed", "code=%s", err_name(e.code));
		OWN(mail_free) struct mail m = j.mail;
		/* What is there already waits until there is a relay again. */
		j.found =
		    j.found && server_config(p->server)->smtp_url[0] != '\0';
		if (j.found && m.next_ms > now && m.next_ms - now < wait)
			wait = m.next_ms - now;
		if (j.found && m.next_ms <= now) {
			settle(p, &m, deliver(p, &m));
			wait = 0;
		}
		if (!rest(p, wait))
			return NULL;
	}
}

static void
postman_free(struct postman **pp)
{
	struct postman *p = *pp;

	if (p == NULL)
		return;
	if (p->curl != NULL)
		curl_easy_cleanup(p->curl);
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->told);
	free(p);
	*pp = NULL;
}

int
postman_check(const struct config *c, struct err *e)
{
	const char *url = c->smtp_url;

	if (url[0] == '\0')
		return 0;
	if (strncmp(url, "smtp://", 7) != 0 && strncmp(url, "smtps://", 8) != 0)
		return err_set(e, ERR_USAGE,
		    "[mail] smtp_url begins with smtp:// or smtps://");
	return notice_address_ok(c->mail_from)
	    ? 0
	    : err_set(e, ERR_USAGE,
		  "[mail] smtp_url needs from, an address NAME@DOMAIN");
}

int
postman_start(struct server *s, struct postman **out, struct err *e)
{
	OWN(postman_free) struct postman *p = mem_new(sizeof *p);
	pthread_condattr_t monotonic;

	p->server = s;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->told, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (postman_renew(p, e) < 0)
		return -1;
	*out = TAKE(p);
	return 0;
}

int
postman_renew(struct postman *p, struct err *e)
{
	if (p->runs || server_config(p->server)->smtp_url[0] == '\0') {
		postman_wake(p);
		return 0;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (p->curl = curl_easy_init()) == NULL)
		abort();
	if (pthread_create(&p->thread, NULL, loop, p) != 0)
		return err_set(e, ERR_IO, "no thread for the mail");
	p->runs = true;
	return 0;
}

void
postman_wake(struct postman *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->woken = true;
	(void)pthread_cond_signal(&p->told);
	(void)pthread_mutex_unlock(&p->lock);
}

void
postman_stop(struct postman **p)
{
	if (*p == NULL)
		return;
	(void)pthread_mutex_lock(&(*p)->lock);
	(*p)->stop = true;
	(void)pthread_cond_signal(&(*p)->told);
	(void)pthread_mutex_unlock(&(*p)->lock);
	if ((*p)->runs)
		(void)pthread_join((*p)->thread, NULL);
	postman_free(p);
}
