/* SPDX-License-Identifier: ISC */
/* softkey.c: a security key without hardware: CTAP 2 behind a UNIX socket. */
/*
 *     softkey serve SOCKET STATE [FLAG…]   says "ready", then serves
 *     softkey sign STATE RP CREDENTIAL CLIENT-DATA [FLAG…]
 *         one assertion without a client; words in base64url; prints
 *         "AUTHENTICATOR-DATA SIGNATURE"
 *
 * On the socket (SOCK_SEQPACKET) go the reports that libfido2's hooks write
 * and read: 65 bytes in, the first 0, and 64 out. The state is a JSON file, so
 * a copy of it is a cloned key. Flags:
 *
 *     --pin PIN          of a new state; without it there is none
 *     --uv               has a finger reader, and the right finger on it
 *     --alg eddsa        makes EdDSA keys and nothing else
 *     --no-prf           has no hmac-secret
 *     --attestation A    none, self (default) or x5c
 *     --protect          adds credProtect, as some browsers ask for
 *     --count N          every use counts N; 0: it never counts
 * and what no right key does:
 *     --no-touch         nobody touches it
 *     --no-up            does not say that it was touched
 *     --no-uv            nor that it knew its owner
 *     --wrong-sig        signs something else
 */
#include "base/file.h"
#include "base/text.h"
#include "wire/jsonio.h"

#include <cbor.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE 7609 /* bytes, the most that CTAPHID carries */
#define REPORT 64
#define CREDENTIALS 32
#define RETRIES 8

/* CTAP status codes. */
enum {
	OK,
	BAD_COMMAND = 0x01,
	BAD_PARAMETER = 0x02,
	BAD_LENGTH = 0x03,
	BAD_CBOR = 0x12,
	LACKING = 0x14,
	EXCLUDED = 0x19,
	BAD_ALGORITHM = 0x26,
	FULL = 0x28,
	BAD_OPTION = 0x2b,
	NO_CREDENTIALS = 0x2e,
	TIMED_OUT = 0x2f,
	PIN_INVALID = 0x31,
	PIN_BLOCKED = 0x32,
	PIN_AUTH = 0x33,
	PIN_NOT_SET = 0x35,
	PIN_REQUIRED = 0x36,
	PIN_POLICY = 0x37
};

static const uint8_t model[17] = "aumbry soft key ";

struct credential {
	uint8_t id[32];
	char rp[128];
	uint8_t user[64];
	size_t user_n;
	uint8_t secret[2][32]; /* of hmac-secret: without and with UV */
	bool resident, prf;
	uint32_t count;
	EVP_PKEY *key;
};

static struct {
	const char *path, *pin, *attestation;
	bool uv, eddsa, no_prf, protect, no_touch, no_up, no_uv, wrong_sig;
	unsigned step;
	struct credential c[CREDENTIALS];
	size_t n;
	uint8_t pin_hash[16];
	bool has_pin;
	unsigned retries;
	EVP_PKEY *agree; /* for PIN protocol 1 */
	uint8_t token[32];
} k;

static void
die(const char *what)
{
	(void)fprintf(stderr, "softkey: %s\n", what);
	exit(1);
}

/* ---- the state file ---- */

static void
put_hex(json_t *j, const char *name, const void *p, size_t n)
{
	OWN(buf_free) struct buf b = { 0 };

	text_hex(&b, bytes_of(p, n));
	jsonio_put_text(j, name, buf_text(&b));
}

static size_t
get_hex(const json_t *j, const char *name, uint8_t *out, size_t most)
{
	OWN(buf_free) struct buf b = { 0 };
	const char *s = json_string_value(json_object_get(j, name));

	if (s == NULL || text_unhex(&b, bytes_str(s)) < 0 || b.n > most)
		die("the state is damaged");
	memcpy(out, b.p, b.n);
	return b.n;
}

static json_t *
credential_json(const struct credential *c)
{
	json_t *j = json_object();
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(c->key, &der);

	put_hex(j, "id", c->id, sizeof c->id);
	jsonio_put_text(j, "rp", c->rp);
	put_hex(j, "user", c->user, c->user_n);
	put_hex(j, "secrets", c->secret, sizeof c->secret);
	jsonio_put_true(j, "resident", c->resident);
	jsonio_put_true(j, "prf", c->prf);
	jsonio_put_u64(j, "count", c->count);
	put_hex(j, "key", der, (size_t)n);
	OPENSSL_free(der);
	return j;
}

static void
save(void)
{
	OWN(jsonio_free) json_t *j = json_object();
	OWN(buf_free) struct buf text = { 0 };
	json_t *list = json_array();
	struct err e = { 0 };

	if (k.has_pin)
		put_hex(j, "pin", k.pin_hash, sizeof k.pin_hash);
	jsonio_put_u64(j, "retries", k.retries);
	for (size_t i = 0; i < k.n; i++)
		(void)json_array_append_new(list, credential_json(&k.c[i]));
	(void)json_object_set_new(j, "credentials", list);
	jsonio_put(&text, j);
	if (file_write(k.path, buf_bytes(&text), 0600, &e) < 0)
		die(e.msg);
}

static void
load_credential(const json_t *j, struct credential *c)
{
	uint8_t der[512];
	const unsigned char *p = der;

	(void)get_hex(j, "id", c->id, sizeof c->id);
	(void)snprintf(c->rp, sizeof c->rp, "%s",
	    json_string_value(json_object_get(j, "rp")));
	c->user_n = get_hex(j, "user", c->user, sizeof c->user);
	(void)get_hex(j, "secrets", c->secret[0], sizeof c->secret);
	c->resident = jsonio_true(j, "resident");
	c->prf = jsonio_true(j, "prf");
	c->count = (uint32_t)json_integer_value(json_object_get(j, "count"));
	c->key = d2i_AutoPrivateKey(
	    NULL, &p, (long)get_hex(j, "key", der, sizeof der));
	if (c->key == NULL)
		die("the state is damaged");
}

static void
hash_pin(const char *pin, uint8_t out[static 16])
{
	uint8_t h[32];

	(void)SHA256((const uint8_t *)pin, strlen(pin), h);
	memcpy(out, h, 16);
}

static void
load(void)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(jsonio_free) json_t *j = NULL;
	struct err e = { 0 };

	k.retries = RETRIES;
	if (!file_exists(k.path)) {
		if (k.pin != NULL)
			hash_pin(k.pin, k.pin_hash);
		k.has_pin = k.pin != NULL;
		save();
		return;
	}
	if (file_read(k.path, 1024UL * 1024, &text, &e) < 0 ||
	    jsonio_parse(buf_bytes(&text), &j, &e) < 0)
		die(e.msg);
	k.has_pin = json_object_get(j, "pin") != NULL;
	if (k.has_pin)
		(void)get_hex(j, "pin", k.pin_hash, sizeof k.pin_hash);
	k.retries = (unsigned)json_integer_value(json_object_get(j, "retries"));
	const json_t *list = json_object_get(j, "credentials");
	for (; k.n < json_array_size(list) && k.n < CREDENTIALS; k.n++)
		load_credential(json_array_get(list, k.n), &k.c[k.n]);
}

/* ---- CBOR ---- */

static void
head(struct buf *b, unsigned major, size_t n)
{
	if (n < 24) {
		buf_put_u8(b, (uint8_t)(major << 5 | n));
	} else if (n < 256) {
		buf_put_u8(b, (uint8_t)(major << 5 | 24));
		buf_put_u8(b, (uint8_t)n);
	} else {
		buf_put_u8(b, (uint8_t)(major << 5 | 25));
		buf_put_u16(b, (uint16_t)n);
	}
}

static void
number(struct buf *b, int n)
{
	head(b, n < 0, n < 0 ? (size_t)(-1 - n) : (size_t)n);
}

static void
string(struct buf *b, const void *p, size_t n)
{
	head(b, 2, n);
	buf_put(b, p, n);
}

static void
text(struct buf *b, const char *s)
{
	head(b, 3, strlen(s));
	buf_put_str(b, s);
}

static void
flag(struct buf *b, const char *name, bool value)
{
	text(b, name);
	buf_put_u8(b, value ? 0xf5 : 0xf4);
}

/* A member of a map by number; NULL when it is not there. */
static cbor_item_t *
at(cbor_item_t *m, int key)
{
	if (m == NULL || !cbor_isa_map(m))
		return NULL;
	for (size_t i = 0; i < cbor_map_size(m); i++) {
		cbor_item_t *x = cbor_map_handle(m)[i].key;
		if ((cbor_isa_uint(x) && key >= 0 &&
			cbor_get_int(x) == (uint64_t)key) ||
		    (cbor_isa_negint(x) && key < 0 &&
			cbor_get_int(x) == (uint64_t)(-1 - key)))
			return cbor_map_handle(m)[i].value;
	}
	return NULL;
}

static bool
is_text(cbor_item_t *x, const char *s)
{
	return cbor_isa_string(x) && cbor_string_length(x) == strlen(s) &&
	    bytes_equal(
		bytes_of(cbor_string_handle(x), strlen(s)), bytes_str(s));
}

static cbor_item_t *
named(cbor_item_t *m, const char *key)
{
	if (m == NULL || !cbor_isa_map(m))
		return NULL;
	for (size_t i = 0; i < cbor_map_size(m); i++)
		if (is_text(cbor_map_handle(m)[i].key, key))
			return cbor_map_handle(m)[i].value;
	return NULL;
}

static bool
is_set(cbor_item_t *m, const char *key)
{
	cbor_item_t *v = named(m, key);

	return v != NULL && cbor_is_bool(v) && cbor_get_bool(v);
}

static struct bytes
string_in(cbor_item_t *x)
{
	if (x == NULL || !cbor_isa_bytestring(x))
		return bytes_of(NULL, 0);
	return bytes_of(cbor_bytestring_handle(x), cbor_bytestring_length(x));
}

/* ---- keys ---- */

static void
point(EVP_PKEY *key, uint8_t out[static 65])
{
	size_t n;

	if (EVP_PKEY_get_octet_string_param(
		key, OSSL_PKEY_PARAM_PUB_KEY, out, 65, &n) != 1 ||
	    n != 65)
		die("no point");
}

static void
cose_p256(struct buf *b, EVP_PKEY *key, int alg)
{
	uint8_t p[65];

	point(key, p);
	head(b, 5, 5);
	number(b, 1);
	number(b, 2);
	number(b, 3);
	number(b, alg);
	number(b, -1);
	number(b, 1);
	number(b, -2);
	string(b, p + 1, 32);
	number(b, -3);
	string(b, p + 33, 32);
}

static void
cose_key(struct buf *b, EVP_PKEY *key)
{
	uint8_t p[32];
	size_t n = sizeof p;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
		cose_p256(b, key, -7);
		return;
	}
	(void)EVP_PKEY_get_raw_public_key(key, p, &n);
	head(b, 5, 4);
	number(b, 1);
	number(b, 1);
	number(b, 3);
	number(b, -8);
	number(b, -1);
	number(b, 6);
	number(b, -2);
	string(b, p, n);
}

static void
sign(
    EVP_PKEY *key, struct bytes data, struct bytes client_hash, struct buf *sig)
{
	OWN(buf_free) struct buf m = { 0 };
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ed = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
	size_t n = 128;

	buf_put_bytes(&m, data);
	buf_put_bytes(&m, client_hash);
	if (k.wrong_sig)
		m.p[m.n - 1] ^= 1;
	uint8_t *to = buf_grow(sig, n);
	if (EVP_DigestSignInit(c, NULL, ed ? NULL : EVP_sha256(), NULL, key) !=
		1 ||
	    EVP_DigestSign(c, to, &n, m.p, m.n) != 1)
		die("cannot sign");
	sig->n = (size_t)(to - sig->p) + n;
	EVP_MD_CTX_free(c);
}

/* A maker's key and its certificate. */
static EVP_PKEY *
maker(struct buf *der)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	unsigned char *p = NULL;

	(void)X509_set_version(x, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 24L * 3600);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"soft keys", -1, -1, 0);
	(void)X509_set_issuer_name(x, name);
	(void)X509_set_pubkey(x, key);
	if (X509_sign(x, key, EVP_sha256()) == 0)
		die("no certificate");
	int n = i2d_X509(x, &p);
	buf_put(der, p, (size_t)n);
	OPENSSL_free(p);
	X509_free(x);
	return key;
}

/* ---- PIN protocol 1 ---- */

static bool
shared(cbor_item_t *cose, uint8_t out[static 32])
{
	struct bytes x = string_in(at(cose, -2)), y = string_in(at(cose, -3));
	uint8_t p[65] = { 4 }, z[32];
	size_t n = sizeof z;

	if (x.n != 32 || y.n != 32)
		return false;
	memcpy(p + 1, x.p, 32);
	memcpy(p + 33, y.p, 32);
	EVP_PKEY *peer = EVP_PKEY_new();
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k.agree, NULL);
	bool ok = EVP_PKEY_copy_parameters(peer, k.agree) == 1 &&
	    EVP_PKEY_set1_encoded_public_key(peer, p, sizeof p) == 1 &&
	    EVP_PKEY_derive_init(c) == 1 &&
	    EVP_PKEY_derive_set_peer(c, peer) == 1 &&
	    EVP_PKEY_derive(c, z, &n) == 1;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(peer);
	(void)SHA256(z, 32, out);
	return ok;
}

static void
aes(bool enc, const uint8_t *key, struct bytes in, uint8_t *out)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n, m;

	(void)EVP_CipherInit_ex(c, EVP_aes_256_cbc(), NULL, key, iv, enc);
	(void)EVP_CIPHER_CTX_set_padding(c, 0);
	(void)EVP_CipherUpdate(c, out, &n, in.p, (int)in.n);
	(void)EVP_CipherFinal_ex(c, out + n, &m);
	EVP_CIPHER_CTX_free(c);
}

static void
hmac(const uint8_t *key, struct bytes x, uint8_t out[static 32])
{
	(void)HMAC(EVP_sha256(), key, 32, x.p, x.n, out, NULL);
}

static bool
mac_holds(const uint8_t *key, struct bytes x, cbor_item_t *given)
{
	struct bytes g = string_in(given);
	uint8_t h[32];

	hmac(key, x, h);
	return g.n >= 16 && CRYPTO_memcmp(h, g.p, 16) == 0;
}

static uint8_t
set_pin(cbor_item_t *q, const uint8_t *sh, bool change)
{
	struct bytes enc = string_in(at(q, 5)), old = string_in(at(q, 6));
	OWN(buf_free) struct buf both = { 0 };
	uint8_t plain[65] = { 0 }, was[16];

	if (change != k.has_pin)
		return change ? PIN_NOT_SET : PIN_AUTH;
	if (enc.n != 64 || (change && old.n != 16))
		return BAD_LENGTH;
	buf_put_bytes(&both, enc);
	if (change)
		buf_put_bytes(&both, old);
	if (!mac_holds(sh, buf_bytes(&both), at(q, 4)))
		return PIN_AUTH;
	if (change) {
		if (k.retries == 0)
			return PIN_BLOCKED;
		aes(false, sh, old, was);
		k.retries--;
		if (CRYPTO_memcmp(was, k.pin_hash, 16) != 0)
			return PIN_INVALID;
	}
	aes(false, sh, enc, plain);
	if (strlen((char *)plain) < 4)
		return PIN_POLICY;
	hash_pin((char *)plain, k.pin_hash);
	k.has_pin = true;
	k.retries = RETRIES;
	return OK;
}

static uint8_t
pin_token(cbor_item_t *q, const uint8_t *sh, struct buf *out)
{
	struct bytes enc = string_in(at(q, 6));
	uint8_t plain[16], sealed[32];

	if (!k.has_pin)
		return PIN_NOT_SET;
	if (k.retries == 0)
		return PIN_BLOCKED;
	if (enc.n != 16)
		return BAD_LENGTH;
	aes(false, sh, enc, plain);
	k.retries--;
	if (CRYPTO_memcmp(plain, k.pin_hash, 16) != 0)
		return k.retries > 0 ? PIN_INVALID : PIN_BLOCKED;
	k.retries = RETRIES;
	(void)RAND_bytes(k.token, sizeof k.token);
	aes(true, sh, bytes_of(k.token, 32), sealed);
	head(out, 5, 1);
	number(out, 2);
	string(out, sealed, 32);
	return OK;
}

static uint8_t
client_pin(cbor_item_t *q, struct buf *out)
{
	cbor_item_t *sub = at(q, 2);
	uint8_t sh[32];

	if (sub == NULL || !cbor_isa_uint(sub))
		return LACKING;
	switch (cbor_get_int(sub)) {
	case 1:
		head(out, 5, 1);
		number(out, 3);
		number(out, (int)k.retries);
		return OK;
	case 2:
		head(out, 5, 1);
		number(out, 1);
		cose_p256(out, k.agree, -25);
		return OK;
	case 3:
	case 4:
		return shared(at(q, 3), sh)
		    ? set_pin(q, sh, cbor_get_int(sub) == 4)
		    : BAD_PARAMETER;
	case 5:
		return shared(at(q, 3), sh) ? pin_token(q, sh, out)
					    : BAD_PARAMETER;
	default:
		return BAD_PARAMETER;
	}
}

/* ---- credentials ---- */

static struct credential *
find(const char *rp, struct bytes id)
{
	for (size_t i = 0; i < k.n; i++)
		if (strcmp(k.c[i].rp, rp) == 0 &&
		    bytes_equal(id, bytes_of(k.c[i].id, 32)))
			return &k.c[i];
	return NULL;
}

static struct credential *
first_of(const char *rp, cbor_item_t *list)
{
	for (size_t i = 0; list != NULL && i < cbor_array_size(list); i++) {
		struct credential *c = find(
		    rp, string_in(named(cbor_array_handle(list)[i], "id")));
		if (c != NULL)
			return c;
	}
	for (size_t i = k.n; list == NULL && i-- > 0;)
		if (k.c[i].resident && strcmp(k.c[i].rp, rp) == 0)
			return &k.c[i];
	return NULL;
}

/* rpIdHash | flags | counter. */
static void
put_auth(struct buf *b, const struct credential *c, bool uv, uint8_t flags)
{
	uint8_t h[32];

	(void)SHA256((const uint8_t *)c->rp, strlen(c->rp), h);
	buf_put(b, h, sizeof h);
	buf_put_u8(
	    b, (uint8_t)(flags | (k.no_up ? 0 : 1) | (uv && !k.no_uv ? 4 : 0)));
	buf_put_u32(b, c->count);
}

static bool
offers(cbor_item_t *algs, int alg)
{
	for (size_t i = 0; i < cbor_array_size(algs); i++) {
		cbor_item_t *v = named(cbor_array_handle(algs)[i], "alg");
		if (v != NULL && cbor_isa_negint(v) &&
		    cbor_get_int(v) == (uint64_t)(-1 - alg))
			return true;
	}
	return false;
}

/* Is the owner there? By PIN, or by a finger. */
static uint8_t
owner(cbor_item_t *pin_auth, cbor_item_t *options, struct bytes hash, bool *uv)
{
	*uv = false;
	if (pin_auth != NULL) {
		if (!mac_holds(k.token, hash, pin_auth))
			return PIN_AUTH;
		*uv = true;
	} else if (is_set(options, "uv")) {
		if (!k.uv)
			return BAD_OPTION;
		*uv = true;
	}
	return k.no_touch ? TIMED_OUT : OK;
}

static void
attest(struct buf *out, const struct credential *c, struct bytes data,
    struct bytes hash)
{
	OWN(buf_free) struct buf sig = { 0 };
	OWN(buf_free) struct buf cert = { 0 };
	bool none = strcmp(k.attestation, "none") == 0;
	bool x5c = strcmp(k.attestation, "x5c") == 0;
	EVP_PKEY *key = x5c ? maker(&cert) : c->key;

	head(out, 5, 3);
	number(out, 1);
	text(out, none ? "none" : "packed");
	number(out, 2);
	string(out, data.p, data.n);
	number(out, 3);
	head(out, 5, none ? 0 : x5c ? 3 : 2);
	if (none)
		return;
	sign(key, data, hash, &sig);
	text(out, "alg");
	number(out, k.eddsa && !x5c ? -8 : -7);
	text(out, "sig");
	string(out, sig.p, sig.n);
	if (!x5c)
		return;
	text(out, "x5c");
	head(out, 4, 1);
	string(out, cert.p, cert.n);
	EVP_PKEY_free(key);
}

static uint8_t
make(cbor_item_t *q, struct buf *out)
{
	OWN(buf_free) struct buf data = { 0 };
	struct bytes hash = string_in(at(q, 1));
	cbor_item_t *id = named(at(q, 2), "id"), *algs = at(q, 4);
	struct bytes user = string_in(named(at(q, 3), "id"));
	struct credential *c = &k.c[k.n];
	bool uv;

	if (hash.n != 32 || id == NULL || !cbor_isa_string(id) ||
	    cbor_string_length(id) >= sizeof c->rp || user.n == 0 ||
	    user.n > sizeof c->user || algs == NULL || !cbor_isa_array(algs))
		return LACKING;
	if (!offers(algs, k.eddsa ? -8 : -7))
		return BAD_ALGORITHM;
	if (k.n == CREDENTIALS)
		return FULL;
	memset(c, 0, sizeof *c);
	memcpy(c->rp, cbor_string_handle(id), cbor_string_length(id));
	uint8_t rc = owner(at(q, 8), at(q, 7), hash, &uv);
	if (rc == OK && k.has_pin && !uv)
		rc = PIN_REQUIRED;
	if (rc == OK && at(q, 5) != NULL && first_of(c->rp, at(q, 5)) != NULL)
		rc = EXCLUDED;
	if (rc != OK)
		return rc;
	(void)RAND_bytes(c->id, sizeof c->id);
	(void)RAND_bytes(c->secret[0], sizeof c->secret);
	memcpy(c->user, user.p, user.n);
	c->user_n = user.n;
	c->resident = is_set(at(q, 7), "rk");
	c->prf = !k.no_prf && is_set(at(q, 6), "hmac-secret");
	c->key = k.eddsa ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
			 : EVP_EC_gen("P-256");
	c->count = k.step;
	k.n++;
	put_auth(&data, c, uv, c->prf || k.protect ? 0xc0 : 0x40);
	buf_put(&data, model, 16);
	buf_put_u16(&data, sizeof c->id);
	buf_put(&data, c->id, sizeof c->id);
	cose_key(&data, c->key);
	if (c->prf || k.protect)
		head(&data, 5, (size_t)c->prf + k.protect);
	if (k.protect) {
		text(&data, "credProtect");
		number(&data, 2);
	}
	if (c->prf)
		flag(&data, "hmac-secret", true);
	attest(out, c, buf_bytes(&data), hash);
	return OK;
}

/* hmac-secret: the answer to one salt or two, encrypted. */
static uint8_t
secrets(const struct credential *c, cbor_item_t *ask, bool uv, struct buf *out)
{
	struct bytes enc = string_in(at(ask, 2));
	uint8_t sh[32], salts[64], plain[64], sealed[64];

	if (!shared(at(ask, 1), sh))
		return BAD_PARAMETER;
	if (enc.n != 32 && enc.n != 64)
		return BAD_LENGTH;
	if (!mac_holds(sh, enc, at(ask, 3)))
		return PIN_AUTH;
	aes(false, sh, enc, salts);
	for (size_t i = 0; i < enc.n; i += 32)
		hmac(c->secret[uv], bytes_of(salts + i, 32), plain + i);
	aes(true, sh, bytes_of(plain, enc.n), sealed);
	buf_put(out, sealed, enc.n);
	return OK;
}

static uint8_t
get(cbor_item_t *q, struct buf *out)
{
	OWN(buf_free) struct buf data = { 0 };
	OWN(buf_free) struct buf sig = { 0 };
	OWN(buf_free) struct buf prf = { 0 };
	struct bytes hash = string_in(at(q, 2));
	cbor_item_t *id = at(q, 1), *ask = named(at(q, 4), "hmac-secret");
	char rp[128] = "";
	bool uv;

	if (hash.n != 32 || id == NULL || !cbor_isa_string(id) ||
	    cbor_string_length(id) >= sizeof rp)
		return LACKING;
	memcpy(rp, cbor_string_handle(id), cbor_string_length(id));
	uint8_t rc = owner(at(q, 6), at(q, 5), hash, &uv);
	if (rc != OK)
		return rc;
	struct credential *c = first_of(rp, at(q, 3));
	if (c == NULL)
		return NO_CREDENTIALS;
	if (ask != NULL && c->prf && (rc = secrets(c, ask, uv, &prf)) != OK)
		return rc;
	c->count += k.step;
	put_auth(&data, c, uv, prf.n > 0 ? 0x80 : 0);
	if (prf.n > 0) {
		head(&data, 5, 1);
		text(&data, "hmac-secret");
		string(&data, prf.p, prf.n);
	}
	sign(c->key, buf_bytes(&data), hash, &sig);
	head(out, 5, c->resident ? 4 : 3);
	number(out, 1);
	head(out, 5, 2);
	text(out, "id");
	string(out, c->id, sizeof c->id);
	text(out, "type");
	text(out, "public-key");
	number(out, 2);
	string(out, data.p, data.n);
	number(out, 3);
	string(out, sig.p, sig.n);
	if (!c->resident)
		return OK;
	number(out, 4);
	head(out, 5, 1);
	text(out, "id");
	string(out, c->user, c->user_n);
	return OK;
}

static void
info(struct buf *out)
{
	head(out, 5, k.no_prf ? 5 : 6);
	number(out, 1);
	head(out, 4, 1);
	text(out, "FIDO_2_0");
	if (!k.no_prf) {
		number(out, 2);
		head(out, 4, 1);
		text(out, "hmac-secret");
	}
	number(out, 3);
	string(out, model, 16);
	number(out, 4);
	head(out, 5, k.uv ? 4 : 3);
	flag(out, "rk", true);
	flag(out, "up", true);
	if (k.uv)
		flag(out, "uv", true);
	flag(out, "clientPin", k.has_pin);
	number(out, 5);
	number(out, MESSAGE);
	number(out, 6);
	head(out, 4, 1);
	number(out, 1);
}

/* One command: its first byte, then CBOR. */
static void
ctap(struct bytes in, struct buf *out)
{
	OWN(buf_free) struct buf body = { 0 };
	struct cbor_load_result load_result;
	cbor_item_t *q = NULL;
	uint8_t rc = BAD_COMMAND;

	if (in.n > 1)
		q = cbor_load(in.p + 1, in.n - 1, &load_result);
	switch (in.n > 0 ? in.p[0] : 0) {
	case 0x01:
		rc = q != NULL ? make(q, &body) : BAD_CBOR;
		break;
	case 0x02:
		rc = q != NULL ? get(q, &body) : BAD_CBOR;
		break;
	case 0x04:
		info(&body);
		rc = OK;
		break;
	case 0x06:
		rc = q != NULL ? client_pin(q, &body) : BAD_CBOR;
		break;
	default:
		break;
	}
	if (q != NULL)
		cbor_decref(&q);
	save();
	buf_put_u8(out, rc);
	if (rc == OK)
		buf_put_bytes(out, buf_bytes(&body));
}

/* ---- CTAPHID ---- */

struct message {
	uint8_t channel[4], command;
	struct buf body;
	size_t wanted;
};

/* One report more; true when the message is whole. */
static bool
take_report(const uint8_t *r, struct message *m)
{
	const uint8_t *from = r + 5;
	size_t room = REPORT - 5;

	memcpy(m->channel, r, 4);
	if ((r[4] & 0x80) != 0) {
		m->command = r[4] & 0x7f;
		m->wanted = be16(r + 5);
		buf_clear(&m->body);
		from = r + 7;
		room = REPORT - 7;
	}
	size_t left = m->wanted - m->body.n;
	buf_put(&m->body, from, left < room ? left : room);
	return m->body.n >= m->wanted;
}

static void
send_reports(int fd, const struct message *m, struct bytes x)
{
	uint8_t sequence = 0;

	for (bool first = true; first || x.n > 0; first = false) {
		uint8_t r[REPORT] = { 0 };
		size_t at_n = first ? 7 : 5;
		size_t n = x.n < REPORT - at_n ? x.n : REPORT - at_n;
		memcpy(r, m->channel, 4);
		if (first) {
			r[4] = m->command | 0x80;
			be16_put(r + 5, (uint16_t)x.n);
		} else {
			r[4] = sequence++;
		}
		if (n > 0)
			memcpy(r + at_n, x.p, n);
		x.p += n;
		x.n -= n;
		if (send(fd, r, sizeof r, MSG_NOSIGNAL) < 0)
			return;
	}
}

static void
answer(int fd, struct message *m)
{
	static const uint8_t hello[] = { 1, 2, 3, 4, 2, 1, 0, 0, 0x0c };
	OWN(buf_free) struct buf out = { 0 };

	switch (m->command) {
	case 0x06: /* a channel */
		buf_put(&out, m->body.p, m->body.n < 8 ? m->body.n : 8);
		buf_put(&out, hello, sizeof hello);
		break;
	case 0x10:
		ctap(buf_bytes(&m->body), &out);
		break;
	case 0x11: /* cancel is not answered */
		return;
	default:
		m->command = 0x3f;
		buf_put_u8(&out, 1);
	}
	send_reports(fd, m, buf_bytes(&out));
}

static void
serve(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof a.sun_path)
		die("the path of the socket is too long");
	memcpy(a.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) < 0 ||
	    listen(s, 4) < 0)
		die(strerror(errno));
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		OWN(fd_close) int fd = accept(s, NULL, NULL);
		struct message m = { .command = 0 };
		uint8_t r[REPORT + 1];
		while (fd >= 0 && recv(fd, r, sizeof r, 0) == sizeof r)
			if (take_report(r + 1, &m))
				answer(fd, &m);
		buf_free(&m.body);
	}
}

/* ---- without a client ---- */

static void
unbase(const char *s, struct buf *out)
{
	if (text_unbase64(out, bytes_str(s)) < 0)
		die("a word is no base64");
}

static void
sign_one(const char *rp, const char *id, const char *client_data)
{
	OWN(buf_free) struct buf cred = { 0 };
	OWN(buf_free) struct buf client = { 0 };
	OWN(buf_free) struct buf data = { 0 };
	OWN(buf_free) struct buf sig = { 0 };
	OWN(buf_free) struct buf line = { 0 };
	uint8_t h[32];

	unbase(id, &cred);
	unbase(client_data, &client);
	struct credential *c = find(rp, buf_bytes(&cred));
	if (c == NULL)
		die("there is no such credential");
	(void)SHA256(client.p, client.n, h);
	c->count += k.step;
	put_auth(&data, c, true, 0);
	sign(c->key, buf_bytes(&data), bytes_of(h, sizeof h), &sig);
	save();
	text_base64url(&line, buf_bytes(&data));
	buf_put_u8(&line, ' ');
	text_base64url(&line, buf_bytes(&sig));
	(void)puts(buf_text(&line));
}

static void
take_flags(char **argv)
{
	static const struct {
		const char *name;
		bool *to;
	} flags[] = { { "--uv", &k.uv }, { "--no-prf", &k.no_prf },
		{ "--protect", &k.protect }, { "--no-touch", &k.no_touch },
		{ "--no-up", &k.no_up }, { "--no-uv", &k.no_uv },
		{ "--wrong-sig", &k.wrong_sig } };

	k.attestation = "self";
	k.step = 1;
	for (; *argv != NULL; argv++) {
		size_t i = 0;
		while (
		    i < ARRAY_SIZE(flags) && strcmp(*argv, flags[i].name) != 0)
			i++;
		if (i < ARRAY_SIZE(flags)) {
			*flags[i].to = true;
			continue;
		}
		const char *value = argv[1];
		if (value == NULL)
			die("a flag is not known, or lacks its value");
		if (strcmp(*argv, "--pin") == 0)
			k.pin = value;
		else if (strcmp(*argv, "--attestation") == 0)
			k.attestation = value;
		else if (strcmp(*argv, "--alg") == 0)
			k.eddsa = strcmp(value, "eddsa") == 0;
		else if (strcmp(*argv, "--count") == 0)
			k.step = (unsigned)strtoul(value, NULL, 10);
		else
			die("there is no such flag");
		argv++;
	}
}

int
main(int argc, char **argv)
{
	bool serves = argc >= 4 && strcmp(argv[1], "serve") == 0;

	if (!serves && (argc < 6 || strcmp(argv[1], "sign") != 0))
		die("usage: softkey serve SOCKET STATE [FLAG…] | "
		    "sign STATE RP CREDENTIAL CLIENT-DATA [FLAG…]");
	k.path = argv[serves ? 3 : 2];
	k.agree = EVP_EC_gen("P-256");
	take_flags(argv + (serves ? 4 : 6));
	load();
	if (serves)
		serve(argv[2]);
	else
		sign_one(argv[3], argv[4], argv[5]);
	return 0;
}
