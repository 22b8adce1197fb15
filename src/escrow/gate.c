/* SPDX-License-Identifier: ISC */
/* gate.c: OpenSSL with pins in the place of authorities. */
#include "escrow/gate.h"

#include "base/file.h"
#include "escrow/rootkey.h"
#include "http/tlscert.h"
#include "vault/seal.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define CERT_FILE "tls.crt"
#define KEY_FILE "tls.key"
#define FILE_MAX (16 * 1024) /* bytes; ours have 700 */

static const char key_magic[4] = { 'P', 'E', 'T', '1' };
static const char key_ad[] = "aumbry escrow tls v1"; /* with its NUL */

struct gate {
	SSL_CTX *ctx;
	struct digest client;
};

struct gate_peer {
	SSL *ssl;
};

static struct secret *
tls_key(const struct secret *root)
{
	return secret_derive(root, "escrow tls", bytes_str(""));
}

static struct bytes
tls_ad(void)
{
	return bytes_of(key_ad, sizeof key_ad);
}

int
gate_make(const char *dir, const struct secret *root, struct err *e)
{
	static const char *const names[] = { "aumbry-escrow" };
	OWN(mem_free) char *cert_path = file_join(dir, CERT_FILE);
	OWN(mem_free) char *key_path = file_join(dir, KEY_FILE);
	OWN(secret_free) struct secret *key = tls_key(root);
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf pem = { 0 };
	OWN(buf_free) struct buf file = { 0 };

	if (tlscert_make(names, ARRAY_SIZE(names), &cert, &pem, e) < 0)
		return -1;
	buf_put(&file, key_magic, sizeof key_magic);
	seal_make(key, tls_ad(), buf_bytes(&pem), &file);
	if (rootkey_write_file(key_path, buf_bytes(&file), e) < 0)
		return -1;
	return file_write(cert_path, buf_bytes(&cert), 0644, e);
}

int
gate_pin(const char *dir, struct digest *out, struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, CERT_FILE);
	OWN(buf_free) struct buf cert = { 0 };

	if (file_read(path, FILE_MAX, &cert, e) < 0)
		return -1;
	return tlscert_spki(buf_bytes(&cert), out, e);
}

/* ---- the context ---- */

static void
bio_drop(BIO **b)
{
	BIO_free(*b);
	*b = NULL;
}

static void
key_drop(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
	*k = NULL;
}

static void
cert_drop(X509 **c)
{
	X509_free(*c);
	*c = NULL;
}

static int
use(struct gate *g, struct bytes cert_pem, struct bytes key_pem)
{
	OWN(bio_drop) BIO *c = BIO_new_mem_buf(cert_pem.p, (int)cert_pem.n);
	OWN(bio_drop) BIO *k = BIO_new_mem_buf(key_pem.p, (int)key_pem.n);
	OWN(cert_drop)
	X509 *cert = c != NULL ? PEM_read_bio_X509(c, NULL, NULL, NULL) : NULL;
	OWN(key_drop)
	EVP_PKEY *key =
	    k != NULL ? PEM_read_bio_PrivateKey(k, NULL, NULL, NULL) : NULL;

	return cert != NULL && key != NULL &&
		SSL_CTX_use_certificate(g->ctx, cert) == 1 &&
		SSL_CTX_use_PrivateKey(g->ctx, key) == 1 &&
		SSL_CTX_check_private_key(g->ctx) == 1
	    ? 0
	    : -1;
}

static void
set_up(struct gate *g)
{
	g->ctx = SSL_CTX_new(TLS_server_method());
	if (g->ctx == NULL ||
	    SSL_CTX_set_min_proto_version(g->ctx, TLS1_3_VERSION) != 1)
		abort();
	(void)SSL_CTX_set_mode(g->ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Every connection shows its certificate: none is taken up again. */
	(void)SSL_CTX_set_session_cache_mode(g->ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(g->ctx, 0);
	(void)SSL_CTX_set_options(g->ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_verify(
	    g->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(g->ctx, tlscert_accept, &g->client);
}

void
gate_free(struct gate **g)
{
	if (*g == NULL)
		return;
	SSL_CTX_free((*g)->ctx);
	free(*g);
	*g = NULL;
}

int
gate_open(const char *dir, const struct secret *root,
    const struct digest *client, struct gate **out, struct err *e)
{
	OWN(gate_free) struct gate *g = mem_new(sizeof *g);
	OWN(mem_free) char *cert_path = file_join(dir, CERT_FILE);
	OWN(mem_free) char *key_path = file_join(dir, KEY_FILE);
	OWN(secret_free) struct secret *key = tls_key(root);
	OWN(secret_free) struct secret *pem = NULL;
	OWN(buf_free) struct buf cert = { 0 };
	OWN(buf_free) struct buf file = { 0 };

	if (file_read(cert_path, FILE_MAX, &cert, e) < 0 ||
	    rootkey_read_file(key_path, FILE_MAX, &file, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&file));
	struct bytes magic = scan_take(&s, sizeof key_magic);
	set_up(g);
	g->client = *client;
	if (!bytes_equal(magic, bytes_of(key_magic, sizeof key_magic)) ||
	    seal_open_secret(key, tls_ad(), bytes_of(s.p, s.n), &pem, e) < 0 ||
	    use(g, buf_bytes(&cert), secret_bytes(pem)) < 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "%s and %s are not what was written", cert_path, key_path);
	*out = TAKE(g);
	return 0;
}

/* ---- connections ---- */

struct gate_peer *
gate_accept(const struct gate *g, int fd)
{
	struct gate_peer *p = mem_new(sizeof *p);

	p->ssl = SSL_new(g->ctx);
	if (p->ssl == NULL || SSL_set_fd(p->ssl, fd) != 1)
		abort();
	SSL_set_accept_state(p->ssl);
	return p;
}

void
gate_peer_free(struct gate_peer **p)
{
	if (*p == NULL)
		return;
	(void)SSL_shutdown((*p)->ssl);
	SSL_free((*p)->ssl);
	free(*p);
	*p = NULL;
}

static ssize_t
result(struct gate_peer *p, int rc, short *wants)
{
	if (rc > 0)
		return rc;
	switch (SSL_get_error(p->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*wants = POLLIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		*wants = POLLOUT;
		return -1;
	default:
		return 0;
	}
}

ssize_t
gate_read(struct gate_peer *p, void *to, size_t n, short *wants)
{
	ERR_clear_error();
	return result(
	    p, SSL_read(p->ssl, to, n < INT_MAX ? (int)n : INT_MAX), wants);
}

ssize_t
gate_write(struct gate_peer *p, const void *from, size_t n, short *wants)
{
	ERR_clear_error();
	return result(
	    p, SSL_write(p->ssl, from, n < INT_MAX ? (int)n : INT_MAX), wants);
}
