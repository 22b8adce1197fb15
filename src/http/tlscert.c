/* SPDX-License-Identifier: ISC */
/* tlscert.c: self-signed certificates over OpenSSL. */
#include "http/tlscert.h"

#include "base/text.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L
#define VALID_DAYS (20 * 365 + 5)

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

static void
names_drop(GENERAL_NAMES **n)
{
	GENERAL_NAMES_free(*n);
	*n = NULL;
}

static void
context_drop(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
	*c = NULL;
}

static void
bio_drop(BIO **b)
{
	BIO_free(*b);
	*b = NULL;
}

/* What fails here is memory or a broken library. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* Letters, digits, dots and dashes; no label is empty. */
static bool
is_host(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > 253 || s[0] == '.' || s[n - 1] == '.' ||
	    strstr(s, "..") != NULL)
		return false;
	return strspn(s,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789.-") == n;
}

static int
put_name(GENERAL_NAMES *all, const char *s, struct err *e)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(s);
	GENERAL_NAME *name;

	if (ip == NULL && !is_host(s))
		return err_set(e, ERR_BAD_REQUEST,
		    "\"%.80s\" is neither a host name nor an address", s);
	must((name = GENERAL_NAME_new()) != NULL);
	if (ip != NULL) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, ip);
	} else {
		ASN1_IA5STRING *host = ASN1_IA5STRING_new();
		must(host != NULL && ASN1_STRING_set(host, s, -1));
		GENERAL_NAME_set0_value(name, GEN_DNS, host);
	}
	must(sk_GENERAL_NAME_push(all, name) > 0);
	return 0;
}

static void
put_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(x != NULL && X509_add_ext(cert, x, -1));
	X509_EXTENSION_free(x);
}

/* Positive, of 127 random bits (RFC 5280, 4.1.2.2). */
static void
set_serial(X509 *cert)
{
	uint8_t raw[16];

	must(RAND_bytes(raw, sizeof raw) == 1);
	raw[0] &= 0x7f;
	BIGNUM *n = BN_bin2bn(raw, sizeof raw, NULL);
	must(n != NULL &&
	    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL);
	BN_free(n);
}

static void
fill(X509 *cert, EVP_PKEY *key, const char *common, GENERAL_NAMES *names)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	/* A common name has at most 64 characters (RFC 5280, A.1). */
	int n = strlen(common) <= 64 ? -1 : 64;

	must(X509_set_version(cert, 2));
	set_serial(cert);
	must(X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) != NULL &&
	    X509_time_adj_ex(X509_getm_notAfter(cert), VALID_DAYS, 0, NULL) !=
		NULL);
	must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
	    (const unsigned char *)common, n, -1, 0));
	must(X509_set_issuer_name(cert, subject) && X509_set_pubkey(cert, key));
	put_extension(cert, NID_basic_constraints, "critical,CA:FALSE");
	put_extension(cert, NID_key_usage, "critical,digitalSignature");
	put_extension(cert, NID_ext_key_usage, "serverAuth");
	must(X509_add1_ext_i2d(
		 cert, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1);
	must(X509_sign(cert, key, EVP_sha256()) > 0);
}

/* The BIO's own memory is wiped: it may hold the private key. */
static void
put_bio(BIO *bio, struct buf *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	must(n > 0);
	buf_put(out, p, (size_t)n);
	mem_wipe(p, (size_t)n);
}

int
tlscert_make(const char *const *names, size_t n, struct buf *cert,
    struct buf *key, struct err *e)
{
	OWN(names_drop) GENERAL_NAMES *all = GENERAL_NAMES_new();
	OWN(key_drop) EVP_PKEY *pair = EVP_EC_gen("P-256");
	OWN(bio_drop) BIO *cert_bio = BIO_new(BIO_s_mem());
	OWN(bio_drop) BIO *key_bio = BIO_new(BIO_s_mem());
	OWN(cert_drop) X509 *x = X509_new();

	assert(n > 0);
	must(all != NULL && pair != NULL && x != NULL && cert_bio != NULL &&
	    key_bio != NULL);
	for (size_t i = 0; i < n; i++)
		if (put_name(all, names[i], e) < 0)
			return -1;
	fill(x, pair, names[0], all);
	must(PEM_write_bio_X509(cert_bio, x) == 1 &&
	    PEM_write_bio_PKCS8PrivateKey(
		key_bio, pair, NULL, NULL, 0, NULL, NULL) == 1);
	put_bio(cert_bio, cert);
	put_bio(key_bio, key);
	return 0;
}

static X509 *
first_cert(struct bytes pem, struct err *e)
{
	OWN(bio_drop) BIO *bio = NULL;
	X509 *x = NULL;

	if (pem.n > 0 && pem.n <= INT_MAX)
		bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio != NULL)
		x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (x == NULL)
		(void)err_set(
		    e, ERR_BAD_REQUEST, "there is no PEM certificate in it");
	return x;
}

/* False, and nothing appended, for one without a usable key. */
static bool
put_public(X509 *x, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (n <= 0)
		return false;
	buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return true;
}

int
tlscert_public(struct bytes pem, struct buf *out, struct err *e)
{
	OWN(cert_drop) X509 *x = first_cert(pem, e);

	if (x == NULL)
		return -1;
	return put_public(x, out)
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST, "the certificate has no usable key");
}

int
tlscert_spki(struct bytes pem, struct digest *out, struct err *e)
{
	OWN(buf_free) struct buf der = { 0 };

	if (tlscert_public(pem, &der, e) < 0)
		return -1;
	digest_of(buf_bytes(&der), out);
	return 0;
}

int
tlscert_accept(X509_STORE_CTX *store, void *pin)
{
	OWN(buf_free) struct buf der = { 0 };
	X509 *x = X509_STORE_CTX_get0_cert(store);
	struct digest d;

	if (x != NULL && put_public(x, &der)) {
		digest_of(buf_bytes(&der), &d);
		if (digest_equal(&d, pin))
			return 1;
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

int
tlscert_until(struct bytes pem, int64_t *out, struct err *e)
{
	OWN(cert_drop) X509 *x = first_cert(pem, e);
	struct tm end = { 0 };

	if (x == NULL)
		return -1;
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) != 1)
		return err_set(
		    e, ERR_BAD_REQUEST, "the certificate has no end");
	*out = (int64_t)timegm(&end) * 1000;
	return 0;
}

/* Nobody is asked for a passphrase: a server starts alone. */
static int
no_passphrase(char *out, int n, int rw, void *arg)
{
	(void)out;
	(void)n;
	(void)rw;
	(void)arg;
	return -1;
}

static EVP_PKEY *
read_key(struct bytes pem, struct err *e)
{
	OWN(bio_drop) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *p = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	if (p == NULL)
		(void)err_set(e, ERR_USAGE,
		    "there is no PEM private key without a passphrase in it");
	return p;
}

int
tlscert_sign(
    struct bytes key_pem, struct bytes message, struct buf *out, struct err *e)
{
	OWN(key_drop) EVP_PKEY *key = read_key(key_pem, e);
	OWN(context_drop) EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = 0;

	must(c != NULL);
	if (key == NULL)
		return -1;
	if (EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(c, NULL, &n, message.p, message.n) != 1 || n > 255)
		return err_set(e, ERR_BAD_REQUEST,
		    "the key cannot sign with SHA-256, or too long");
	size_t before = out->n;
	must(
	    EVP_DigestSign(c, buf_grow(out, n), &n, message.p, message.n) == 1);
	out->n = before + n;
	return 0;
}

int
tlscert_pair(struct bytes cert, struct bytes key, struct err *e)
{
	struct err ignored;
	OWN(key_drop) EVP_PKEY *p = read_key(key, e);

	if (p == NULL)
		return -1;
	OWN(cert_drop) X509 *x = first_cert(cert, &ignored);
	if (x == NULL || X509_check_private_key(x, p) != 1)
		return err_set(
		    e, ERR_USAGE, "it is not the key of the certificate");
	return 0;
}

void
tlscert_pin(const struct digest *spki, struct buf *out)
{
	text_base64url(out, bytes_of(spki->b, DIGEST_BYTES));
}
