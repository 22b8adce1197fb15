/* SPDX-License-Identifier: ISC */
/* webauthn.c: WebAuthn's checks; the signatures are libfido2's. */
#include "factor/webauthn.h"

#include "base/text.h"
#include "wire/digest.h"
#include "wire/jsonio.h"

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <string.h>

#define DEPTH 4 /* of CBOR, as CTAP has it */

#define FLAG_UP 0x01 /* user present: the key was touched */
#define FLAG_UV 0x04 /* user verified: PIN or finger */
#define FLAG_AT 0x40 /* attested credential data follow */
#define FLAG_ED 0x80 /* extensions follow */

enum {
	MAJOR_UINT,
	MAJOR_NEGINT,
	MAJOR_BYTES,
	MAJOR_TEXT,
	MAJOR_ARRAY,
	MAJOR_MAP,
	MAJOR_TAG,
	MAJOR_SIMPLE
};

static int
bad(struct err *e, const char *what)
{
	return err_set(
	    e, ERR_KEY_INVALID, "what the security key answered %s", what);
}

/* ---- CBOR ---- */

/* The head of an item: its major type, and its number. */
static bool
take_head(struct scan *s, unsigned *major, uint64_t *n)
{
	uint8_t first = scan_u8(s), info = first & 31;

	*major = first >> 5;
	switch (info) {
	case 24:
		*n = scan_u8(s);
		return scan_ok(s) && *n >= 24;
	case 25:
		*n = scan_u16(s);
		return scan_ok(s) && *n > UINT8_MAX;
	case 26:
		*n = scan_u32(s);
		return scan_ok(s) && *n > UINT16_MAX;
	case 27:
		*n = scan_u64(s);
		return scan_ok(s) && *n > UINT32_MAX;
	default:
		*n = info;
		return scan_ok(s) && info < 24;
	}
}

/* Pass one whole item. */
static bool
pass_item(struct scan *s, int depth)
{
	unsigned major;
	uint64_t n;

	if (depth == 0 || !take_head(s, &major, &n))
		return false;
	switch (major) {
	case MAJOR_UINT:
	case MAJOR_NEGINT:
		return true;
	case MAJOR_BYTES:
	case MAJOR_TEXT:
		if (n > s->n)
			return false;
		(void)scan_take(s, (size_t)n);
		return true;
	case MAJOR_ARRAY:
	case MAJOR_MAP:
		/* Each element takes a byte at least. */
		if (n > s->n)
			return false;
		for (uint64_t i = 0; i < (major == MAJOR_MAP ? 2 * n : n); i++)
			if (!pass_item(s, depth - 1))
				return false;
		return true;
	case MAJOR_SIMPLE:
		return n >= 20 && n <= 22; /* false, true, null */
	default:
		return false;
	}
}

/* One whole item as it stands. */
static bool
take_item(struct scan *s, struct bytes *out)
{
	const uint8_t *from = s->p;
	size_t n = s->n;

	if (!pass_item(s, DEPTH))
		return false;
	*out = bytes_of(from, n - s->n);
	return true;
}

/* The contents of an item that is bytes or text. */
static bool
string_of(struct bytes item, unsigned wanted, struct bytes *out)
{
	struct scan s = scan_of(item);
	unsigned major;
	uint64_t n;

	if (!take_head(&s, &major, &n) || major != wanted || n != s.n)
		return false;
	*out = bytes_of(s.p, s.n);
	return true;
}

/*
 * The value under a text key of a whole map; n 0 when it is not there.
 * False when the bytes are no map, or have the key twice.
 */
static bool
map_get(struct bytes map, const char *key, struct bytes *out)
{
	struct scan s = scan_of(map);
	unsigned major;
	uint64_t n;

	*out = bytes_of(NULL, 0);
	if (!take_head(&s, &major, &n) || major != MAJOR_MAP)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		struct bytes k, v, name;
		if (!take_item(&s, &k) || !take_item(&s, &v))
			return false;
		if (!string_of(k, MAJOR_TEXT, &name) ||
		    !bytes_equal(name, bytes_str(key)))
			continue;
		if (out->n > 0)
			return false;
		*out = v;
	}
	return true;
}

static bool
is_true(struct bytes item)
{
	return item.n == 1 && item.p[0] == 0xf5;
}

/* ---- client data ---- */

static bool
text_is(const json_t *j, const char *key, const char *wanted)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL && strcmp(s, wanted) == 0;
}

/* Members that are not known here are fine: browsers add some. */
static int
check_client_data(const struct webauthn_ask *ask, struct bytes text,
    const char *type, struct err *e)
{
	OWN(jsonio_free) json_t *j = NULL;
	OWN(buf_free) struct buf challenge = { 0 };
	struct err why;

	if (text.n > WEBAUTHN_CLIENT_DATA)
		return bad(e, "is longer than it may be");
	if (jsonio_parse(text, &j, &why) < 0)
		return bad(e, "carries no client data in JSON");
	if (!text_is(j, "type", type))
		return bad(e, "was made for another purpose");
	text_base64url(&challenge, ask->challenge);
	if (!text_is(j, "challenge", buf_text(&challenge)))
		return bad(e, "belongs to another challenge");
	if (!text_is(j, "origin", ask->origin))
		return bad(e, "was made for another origin");
	if (json_is_true(json_object_get(j, "crossOrigin")))
		return bad(e, "was made inside another site's page");
	return 0;
}

/* ---- authenticator data ---- */

struct auth_data {
	struct bytes rp_hash;
	uint8_t flags;
	uint32_t counter;
	struct bytes id; /* of the credential; with FLAG_AT */
	int extensions; /* as libfido2 wants them said */
	uint64_t protection;
};

/* A small number by itself. */
static bool
number_of(struct bytes item, uint64_t *n)
{
	struct scan s = scan_of(item);
	unsigned major;

	return take_head(&s, &major, n) && major == MAJOR_UINT && s.n == 0;
}

/* libfido2 compares with what it is told: tell what is there. */
static bool
take_extensions(struct bytes map, bool fresh, struct auth_data *a)
{
	struct bytes secret, protect, blob, pin_length;
	struct scan s = scan_of(map);
	unsigned major;
	uint64_t n;

	if (!take_head(&s, &major, &n) || major != MAJOR_MAP ||
	    !map_get(map, "hmac-secret", &secret) ||
	    !map_get(map, "credProtect", &protect) ||
	    !map_get(map, "credBlob", &blob) ||
	    !map_get(map, "minPinLength", &pin_length))
		return false;
	/* At creation it is a flag, later an encrypted answer. */
	if (fresh ? is_true(secret) : secret.n > 0)
		a->extensions |= FIDO_EXT_HMAC_SECRET;
	if (fresh ? is_true(blob) : blob.n > 0)
		a->extensions |= FIDO_EXT_CRED_BLOB;
	if (!fresh)
		return true;
	if (pin_length.n > 0)
		a->extensions |= FIDO_EXT_MINPINLEN;
	if (protect.n == 0)
		return true;
	a->extensions |= FIDO_EXT_CRED_PROTECT;
	return number_of(protect, &a->protection) && a->protection >= 1 &&
	    a->protection <= 3;
}

static bool
take_auth_data(struct bytes raw, bool fresh, struct auth_data *a)
{
	struct scan s = scan_of(raw);
	struct bytes item;

	*a = (struct auth_data){ .rp_hash = scan_take(&s, DIGEST_BYTES) };
	a->flags = scan_u8(&s);
	a->counter = scan_u32(&s);
	if (((a->flags & FLAG_AT) != 0) != fresh)
		return false;
	if (fresh) {
		(void)scan_take(&s, 16); /* the model of the key */
		a->id = scan_v16(&s);
		if (a->id.n == 0 || a->id.n > WEBAUTHN_ID ||
		    !take_item(&s, &item))
			return false;
	}
	if ((a->flags & FLAG_ED) != 0 &&
	    (!take_item(&s, &item) || !take_extensions(item, fresh, a)))
		return false;
	return scan_done(&s);
}

static int
check_auth_data(const struct webauthn_ask *ask, struct bytes raw, bool fresh,
    struct auth_data *a, struct err *e)
{
	struct digest rp;

	if (!take_auth_data(raw, fresh, a))
		return bad(e, "is not well-formed");
	digest_of(bytes_str(ask->rp_id), &rp);
	if (!bytes_equal(a->rp_hash, bytes_of(rp.b, DIGEST_BYTES)))
		return bad(e, "was made for another server");
	if ((a->flags & FLAG_UP) == 0)
		return bad(e, "was made without anybody touching it");
	if ((a->flags & FLAG_UV) == 0)
		return bad(e, "was made without its PIN or a finger");
	return 0;
}

/* ---- a new credential ---- */

/* The parts of an attestation object. */
struct attestation {
	struct bytes format, statement, auth_data;
};

static bool
take_attestation(struct bytes raw, struct attestation *out)
{
	struct scan s = scan_of(raw);
	struct bytes map, format, data;

	return take_item(&s, &map) && scan_done(&s) &&
	    map_get(map, "fmt", &format) && map_get(map, "authData", &data) &&
	    map_get(map, "attStmt", &out->statement) &&
	    string_of(format, MAJOR_TEXT, &out->format) &&
	    string_of(data, MAJOR_BYTES, &out->auth_data) &&
	    out->statement.n > 0 && out->statement.p[0] >> 5 == MAJOR_MAP;
}

/* libfido2's view of the credential, if its key is of that algorithm. */
static bool
load_cred(fido_cred_t *c, const struct webauthn_ask *ask,
    const struct attestation *at, const struct auth_data *a, int alg,
    const struct digest *client)
{
	return fido_cred_set_type(c, alg) == FIDO_OK &&
	    fido_cred_set_clientdata_hash(c, client->b, DIGEST_BYTES) ==
	    FIDO_OK &&
	    fido_cred_set_rp(c, ask->rp_id, NULL) == FIDO_OK &&
	    fido_cred_set_uv(c, FIDO_OPT_TRUE) == FIDO_OK &&
	    fido_cred_set_extensions(
		c, a->extensions & ~FIDO_EXT_CRED_PROTECT) == FIDO_OK &&
	    ((a->extensions & FIDO_EXT_CRED_PROTECT) == 0 ||
		fido_cred_set_prot(c, (int)a->protection) == FIDO_OK) &&
	    fido_cred_set_authdata_raw(c, at->auth_data.p, at->auth_data.n) ==
	    FIDO_OK;
}

/* `packed`: by a certificate of the maker, or by the credential itself. */
static int
check_packed(
    fido_cred_t *c, const struct attestation *at, int alg, struct err *e)
{
	struct bytes algorithm, certificates, ecdaa;

	if (!map_get(at->statement, "alg", &algorithm) ||
	    !map_get(at->statement, "x5c", &certificates) ||
	    !map_get(at->statement, "ecdaaKeyId", &ecdaa) || ecdaa.n > 0)
		return bad(e, "has an attestation that is not well-formed");
	bool self = certificates.n == 0;
	/* -7 and -8 are one byte: 0x26, 0x27. */
	if (self &&
	    (algorithm.n != 1 || algorithm.p[0] != (uint8_t)(0x1f - alg)))
		return bad(e, "has an attestation of another algorithm");
	if (fido_cred_set_fmt(c, "packed") != FIDO_OK ||
	    fido_cred_set_attstmt(c, at->statement.p, at->statement.n) !=
		FIDO_OK)
		return bad(e, "has an attestation that is not well-formed");
	int rc = self ? fido_cred_verify_self(c) : fido_cred_verify(c);
	return rc == FIDO_OK ? 0 : bad(e, "has an attestation that is wrong");
}

static int
check_attestation(
    fido_cred_t *c, const struct attestation *at, int alg, struct err *e)
{
	if (bytes_equal(at->format, bytes_str("none")))
		return at->statement.n == 1
		    ? 0
		    : bad(e, "has an attestation that is not well-formed");
	if (bytes_equal(at->format, bytes_str("packed")))
		return check_packed(c, at, alg, e);
	return bad(e, "has an attestation of a kind that is not known here");
}

static int
take_key(const fido_cred_t *c, const struct auth_data *a, int alg,
    struct webauthn_key *out, struct err *e)
{
	const unsigned char *pk = fido_cred_pubkey_ptr(c);
	size_t n = fido_cred_pubkey_len(c);

	if (pk == NULL || n != (alg == WEBAUTHN_ES256 ? 64 : 32))
		return bad(e, "has a key that is not well-formed");
	memset(out, 0, sizeof *out);
	memcpy(out->id, a->id.p, a->id.n);
	out->id_n = a->id.n;
	out->alg = alg;
	memcpy(out->pk, pk, n);
	out->pk_n = n;
	out->counter = a->counter;
	out->prf = (a->extensions & FIDO_EXT_HMAC_SECRET) != 0;
	return 0;
}

static void
cred_free(fido_cred_t **c)
{
	fido_cred_free(c);
}

int
webauthn_register(const struct webauthn_ask *ask, struct bytes client_data,
    struct bytes attestation, struct webauthn_key *out, struct err *e)
{
	static const int algs[] = { WEBAUTHN_ES256, WEBAUTHN_EDDSA };
	struct attestation at;
	struct auth_data a;
	struct digest client;

	if (check_client_data(ask, client_data, "webauthn.create", e) < 0)
		return -1;
	if (attestation.n > WEBAUTHN_ATTESTATION ||
	    !take_attestation(attestation, &at))
		return bad(e, "is not well-formed");
	if (check_auth_data(ask, at.auth_data, true, &a, e) < 0)
		return -1;
	digest_of(client_data, &client);
	fido_init(0);
	for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
		OWN(cred_free) fido_cred_t *c = fido_cred_new();
		if (c == NULL)
			abort();
		if (load_cred(c, ask, &at, &a, algs[i], &client))
			return check_attestation(c, &at, algs[i], e) < 0
			    ? -1
			    : take_key(c, &a, algs[i], out, e);
	}
	return bad(e, "has a key of an algorithm that was not asked for");
}

/* ---- an assertion ---- */

static void
assert_free(fido_assert_t **a)
{
	fido_assert_free(a);
}

static int
verify(fido_assert_t *a, const struct webauthn_key *key)
{
	int rc = FIDO_ERR_INVALID_ARGUMENT;

	if (key->alg == WEBAUTHN_ES256) {
		es256_pk_t *pk = es256_pk_new();
		if (pk != NULL &&
		    es256_pk_from_ptr(pk, key->pk, key->pk_n) == FIDO_OK)
			rc = fido_assert_verify(a, 0, COSE_ES256, pk);
		es256_pk_free(&pk);
	} else if (key->alg == WEBAUTHN_EDDSA) {
		eddsa_pk_t *pk = eddsa_pk_new();
		if (pk != NULL &&
		    eddsa_pk_from_ptr(pk, key->pk, key->pk_n) == FIDO_OK)
			rc = fido_assert_verify(a, 0, COSE_EDDSA, pk);
		eddsa_pk_free(&pk);
	}
	return rc;
}

int
webauthn_assert(const struct webauthn_ask *ask, const struct webauthn_key *key,
    const struct webauthn_answer *answer, uint32_t *counter, struct err *e)
{
	OWN(assert_free) fido_assert_t *f = NULL;
	struct bytes raw = answer->authenticator_data;
	struct bytes sig = answer->signature;
	struct digest client;
	struct auth_data a;

	if (check_client_data(ask, answer->client_data, "webauthn.get", e) <
		0 ||
	    check_auth_data(ask, raw, false, &a, e) < 0)
		return -1;
	digest_of(answer->client_data, &client);
	fido_init(0);
	f = fido_assert_new();
	if (f == NULL || fido_assert_set_count(f, 1) != FIDO_OK)
		abort();
	if (fido_assert_set_clientdata_hash(f, client.b, DIGEST_BYTES) !=
		FIDO_OK ||
	    fido_assert_set_rp(f, ask->rp_id) != FIDO_OK ||
	    fido_assert_set_up(f, FIDO_OPT_TRUE) != FIDO_OK ||
	    fido_assert_set_uv(f, FIDO_OPT_TRUE) != FIDO_OK ||
	    fido_assert_set_extensions(f, a.extensions) != FIDO_OK ||
	    fido_assert_set_authdata_raw(f, 0, raw.p, raw.n) != FIDO_OK ||
	    fido_assert_set_sig(f, 0, sig.p, sig.n) != FIDO_OK)
		return bad(e, "is not well-formed");
	if (verify(f, key) != FIDO_OK)
		return bad(e, "has a wrong signature");
	*counter = a.counter;
	return 0;
}

bool
webauthn_is_clone(uint32_t before, uint32_t now)
{
	return (before != 0 || now != 0) && now <= before;
}
