/* SPDX-License-Identifier: ISC */
/* certs.c: certificates that change, and the identity that does not. */
#include "server/certs.h"

#include "base/log.h"
#include "base/now.h"
#include "base/scan.h"
#include "base/text.h"
#include "http/tlscert.h"
#include "server/shown.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A proxy is asked again no sooner, and one that is slow only after so many
 * times the time that it took: whoever asks us holds up a thread for it. */
#define ASK_AGAIN_NS 1000000000LL
#define SLOW_NS 500000000LL
#define SLOWER 30

/* A file as it was when it was read; its change, for its mode may be mended. */
struct mark {
	struct timespec time;
	ino_t inode;
	off_t size;
};

struct proxy {
	char *from; /* "/path" or "ADDR:PORT" */
	struct digest key; /* of what it showed last */
	bool known;
	bool told; /* that it does not answer */
	int64_t again_ns; /* when it may be asked; under `asking` */
};

struct certs {
	const struct keys *keys;
	const struct config *config;
	pthread_mutex_t asking; /* held while proxies are asked */
	pthread_mutex_t lock; /* of what follows; last */
	/* Of tls_cert and tls_key; n 0: the identity's own are shown. */
	struct buf cert, key;
	struct digest spki; /* of what is shown here */
	struct mark cert_mark, key_mark; /* that were last looked at */
	struct proxy proxies[CONFIG_PROXY_CERTS];
	size_t n_proxies;
};

static struct mark
mark_of(const char *path)
{
	struct stat st = { 0 };

	/* What is not there has a mark as well. */
	(void)stat(path, &st);
	return (struct mark){ st.st_ctim, st.st_ino, st.st_size };
}

static bool
same(const struct mark *a, const struct mark *b)
{
	return a->time.tv_sec == b->time.tv_sec &&
	    a->time.tv_nsec == b->time.tv_nsec && a->inode == b->inode &&
	    a->size == b->size;
}

static bool
has_own(const struct certs *c)
{
	return c->config->tls_cert[0] != '\0';
}

/* Both marks from before they are read: what changes meanwhile is seen next. */
static int
read_own(struct certs *c, struct buf *cert, struct buf *key, struct err *e)
{
	c->cert_mark = mark_of(c->config->tls_cert);
	c->key_mark = mark_of(c->config->tls_key);
	return keys_read_pair(
	    c->config->tls_cert, c->config->tls_key, cert, key, e);
}

static void
take_own(struct certs *c, struct buf *cert, struct buf *key)
{
	struct err e;

	buf_free(&c->cert);
	buf_free(&c->key);
	c->cert = *cert;
	c->key = *key;
	*cert = *key = (struct buf){ 0 };
	/* It was read as one by keys_read_pair. */
	if (tlscert_spki(buf_bytes(&c->cert), &c->spki, &e) < 0)
		abort();
}

static void
list_proxies(struct certs *c)
{
	const char *at = c->config->proxy_cert;

	for (at += strspn(at, " ");
	     *at != '\0' && c->n_proxies < CONFIG_PROXY_CERTS;
	     at += strspn(at, " ")) {
		OWN(buf_free) struct buf one = { 0 };
		size_t n = strcspn(at, " ");
		buf_put(&one, at, n);
		c->proxies[c->n_proxies++].from = mem_text(buf_text(&one));
		at += n;
	}
}

int
certs_new(const struct keys *keys, const struct config *config,
    struct certs **out, struct err *e)
{
	OWN(certs_free) struct certs *c = mem_new(sizeof *c);
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf key = { 0 };

	c->keys = keys;
	c->config = config;
	(void)pthread_mutex_init(&c->asking, NULL);
	(void)pthread_mutex_init(&c->lock, NULL);
	c->spki = *keys_spki(keys);
	if (has_own(c)) {
		if (read_own(c, &cert, &key, e) < 0)
			return -1;
		take_own(c, &cert, &key);
	}
	list_proxies(c);
	*out = TAKE(c);
	return 0;
}

void
certs_free(struct certs **pc)
{
	struct certs *c = *pc;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_proxies; i++)
		free(c->proxies[i].from);
	buf_free(&c->cert);
	buf_free(&c->key);
	(void)pthread_mutex_destroy(&c->asking);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	*pc = NULL;
}

void
certs_shown(const struct certs *c, struct bytes *cert, struct bytes *key)
{
	*cert = has_own(c) ? buf_bytes(&c->cert) : keys_cert_pem(c->keys);
	*key = has_own(c) ? buf_bytes(&c->key) : keys_key_pem(c->keys);
}

static void
tell(const struct buf *cert)
{
	OWN(buf_free) struct buf until = { 0 };
	int64_t end = 0;
	struct err e;

	if (tlscert_until(buf_bytes(cert), &end, &e) == 0)
		text_time(&until, end);
	log_info("certificate_changed", "until=%s", buf_text(&until));
}

void
certs_look(struct certs *c, struct http_server *http)
{
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf key = { 0 };
	struct err e;

	if (!has_own(c))
		return;
	struct mark a = mark_of(c->config->tls_cert);
	struct mark b = mark_of(c->config->tls_key);
	if (same(&a, &c->cert_mark) && same(&b, &c->key_mark))
		return;
	/* Who renews writes one after the other: the next look finds both. */
	if (read_own(c, &cert, &key, &e) < 0 ||
	    http_set_tls(http, buf_bytes(&cert), buf_bytes(&key), &e) < 0) {
		log_error("certificate_not_read", "code=%s why=\"%s\"",
		    err_name(e.code), e.msg);
		return;
	}
	(void)pthread_mutex_lock(&c->lock);
	take_own(c, &cert, &key);
	tell(&c->cert);
	(void)pthread_mutex_unlock(&c->lock);
}

/* What does not answer is believed to show what it showed. */
static void
ask_proxy(struct certs *c, struct proxy *p)
{
	int64_t begun = now_mono_ns();
	struct digest key;
	struct err e;

	if (begun < p->again_ns)
		return;
	bool shown = shown_key(p->from, c->config->url, &key, &e) == 0;
	int64_t now = now_mono_ns(), took = now - begun;
	p->again_ns = now + (took < SLOW_NS ? ASK_AGAIN_NS : took * SLOWER);
	if (!shown && !p->told)
		log_error("proxy_cert", "from=%s code=%s why=\"%s\"", p->from,
		    err_name(e.code), e.msg);
	p->told = !shown;
	if (!shown)
		return;
	(void)pthread_mutex_lock(&c->lock);
	p->key = key;
	p->known = true;
	(void)pthread_mutex_unlock(&c->lock);
}

/* Nobody else waits for it than who asks as well. */
static void
ask_proxies(struct certs *c)
{
	(void)pthread_mutex_lock(&c->asking);
	for (size_t i = 0; i < c->n_proxies; i++)
		ask_proxy(c, &c->proxies[i]);
	(void)pthread_mutex_unlock(&c->asking);
}

size_t
certs_known(struct certs *c, struct digest out[static CERTS_KNOWN])
{
	struct scan s = scan_of(keys_past(c->keys));
	size_t n = 0;

	out[n++] = *keys_spki(c->keys);
	(void)pthread_mutex_lock(&c->lock);
	if (has_own(c))
		out[n++] = c->spki;
	(void)pthread_mutex_unlock(&c->lock);
	while (n < CERTS_KNOWN && !scan_done(&s)) {
		digest_of(scan_v16(&s), &out[n++]);
		(void)scan_v8(&s);
	}
	return n;
}

/* Whom TLS shows for this server; the identity is always one of them. */
static size_t
list(struct certs *c, struct digest out[static IDENTITY_KEYS])
{
	size_t n = 0;

	ask_proxies(c);
	(void)pthread_mutex_lock(&c->lock);
	out[n++] = *keys_spki(c->keys);
	if (has_own(c))
		out[n++] = c->spki;
	for (size_t i = 0; i < c->n_proxies; i++)
		if (c->proxies[i].known)
			out[n++] = c->proxies[i].key;
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

int
certs_vouch(struct certs *c, struct bytes nonce, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf sig = { 0 };
	struct digest keys[IDENTITY_KEYS];
	size_t n = list(c, keys);

	identity_statement(nonce, keys, n, &m);
	if (tlscert_sign(keys_key_pem(c->keys), buf_bytes(&m), &sig, e) < 0)
		return -1;
	identity_put(&(struct identity_parts){ .key = keys_public(c->keys),
			 .past = keys_past(c->keys),
			 .nonce = nonce,
			 .sig = buf_bytes(&sig),
			 .keys = keys,
			 .n = n },
	    out);
	return 0;
}
