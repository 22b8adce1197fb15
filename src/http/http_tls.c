/* SPDX-License-Identifier: ISC */
/* http_tls.c: the certificate that TLS shows, which may change at any time. */
#include "http/http_in.h"

#include "base/now.h"

#include <stdlib.h>

#define CHAIN_MAX 10 /* certificates */
/* A handshake may still use what was replaced; none takes as long. */
#define KEPT_NS (3600 * 1000000000LL)

struct tls_pair {
	struct tls_pair *next; /* that it replaced */
	int64_t replaced_ns;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n;
	gnutls_privkey_t key;
};

static void
pair_free(struct tls_pair **pair)
{
	struct tls_pair *p = *pair;

	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n; i++)
		gnutls_pcert_deinit(&p->chain[i]);
	if (p->key != NULL)
		gnutls_privkey_deinit(p->key);
	free(p);
	*pair = NULL;
}

static gnutls_datum_t
datum(struct bytes x)
{
	return (
	    gnutls_datum_t){ (unsigned char *)(uintptr_t)x.p, (unsigned)x.n };
}

static int
refused(struct err *e, const char *what, int rc)
{
	return err_set(e, ERR_BAD_REQUEST, "%s: %s", what, gnutls_strerror(rc));
}

static int
pair_new(
    struct bytes cert, struct bytes key, struct tls_pair **out, struct err *e)
{
	OWN(pair_free) struct tls_pair *p = mem_new(sizeof *p);
	gnutls_datum_t c = datum(cert), k = datum(key);

	p->n = CHAIN_MAX;
	int rc = gnutls_pcert_list_import_x509_raw(
	    p->chain, &p->n, &c, GNUTLS_X509_FMT_PEM, 0);
	if (rc < 0) {
		p->n = 0;
		return refused(e, "the certificate", rc);
	}
	if ((rc = gnutls_privkey_init(&p->key)) < 0 ||
	    (rc = gnutls_privkey_import_x509_raw(
		 p->key, &k, GNUTLS_X509_FMT_PEM, NULL, 0)) < 0)
		return refused(e, "the key", rc);
	*out = TAKE(p);
	return 0;
}

/* Called by GnuTLS in each handshake. What is handed out stays ours. */
int
http_tls_show(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
    gnutls_pcert_st **chain, unsigned *n, gnutls_ocsp_data_st **ocsp,
    unsigned *n_ocsp, gnutls_privkey_t *key, unsigned *flags)
{
	/* libmicrohttpd leaves its connection there. */
	struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
	const struct conn *c = mhd != NULL ? http_conn_of(mhd) : NULL;

	(void)info;
	if (c == NULL)
		return -1;
	struct http_server *s = c->server;
	pthread_mutex_lock(&s->tls_mu);
	struct tls_pair *p = s->tls;
	pthread_mutex_unlock(&s->tls_mu);
	*chain = p->chain;
	*n = p->n;
	*key = p->key;
	*ocsp = NULL;
	*n_ocsp = 0;
	*flags = 0;
	return 0;
}

int
http_set_tls(
    struct http_server *s, struct bytes cert, struct bytes key, struct err *e)
{
	struct tls_pair *p = NULL;

	if (pair_new(cert, key, &p, e) < 0)
		return -1;
	int64_t now = now_mono_ns();
	pthread_mutex_lock(&s->tls_mu);
	p->next = s->tls;
	s->tls = p;
	if (p->next != NULL)
		p->next->replaced_ns = now;
	for (struct tls_pair **at = &p->next; *at != NULL;) {
		struct tls_pair *old = *at;
		if (now - old->replaced_ns < KEPT_NS) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		pair_free(&old);
	}
	pthread_mutex_unlock(&s->tls_mu);
	return 0;
}

void
http_tls_free(struct http_server *s)
{
	while (s->tls != NULL) {
		struct tls_pair *p = s->tls;
		s->tls = p->next;
		pair_free(&p);
	}
}
