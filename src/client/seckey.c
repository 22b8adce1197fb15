/* SPDX-License-Identifier: ISC */
/* seckey.c: what a key is asked, and what becomes of its answer. */
#include "client/seckey.h"

#include "base/text.h"
#include "client/circlepin.h"
#include "client/self_circle.h"
#include "client/self_devices.h"
#include "client/self_freshpin.h"
#include "client/self_zones.h"

#include <string.h>
#include <strings.h>

#define KEYS "/v1/security-keys"

/* ---- who asks ---- */

/* "https://host[:port]" of a URL, without a port that goes without saying. */
static void
origin_of(const char *url, struct buf *out)
{
	const char *from = strstr(url, "://");
	size_t n = strlen(url);

	if (from != NULL)
		n = (size_t)(from - url) + 3 + strcspn(from + 3, "/#?");
	if (n > 4 && strncmp(url, "https:", 6) == 0 &&
	    strncmp(url + n - 4, ":443", 4) == 0)
		n -= 4;
	buf_put(out, url, n);
}

/* The host of an origin, "[::1]" with its brackets. */
static struct bytes
host_of(const char *origin)
{
	const char *from = strstr(origin, "://");

	from = from != NULL ? from + 3 : origin;
	size_t n =
	    from[0] == '[' ? strcspn(from, "]") + 1 : strcspn(from, ":/");
	return bytes_of(from, strnlen(from, n));
}

static bool
is_loopback(struct bytes host)
{
	return bytes_equal(host, bytes_str("localhost")) ||
	    bytes_equal(host, bytes_str("127.0.0.1")) ||
	    bytes_equal(host, bytes_str("[::1]"));
}

/* The host itself, or one below it. */
static bool
is_below(struct bytes host, const char *rp_id)
{
	size_t n = strlen(rp_id);

	if (n == 0 || host.n < n ||
	    strncmp((const char *)host.p + host.n - n, rp_id, n) != 0)
		return false;
	return host.n == n || host.p[host.n - n - 1] == '.';
}

int
seckey_check_site(
    const char *url, const char *rp_id, const char *origin, struct err *e)
{
	OWN(buf_free) struct buf own = { 0 };

	origin_of(url, &own);
	if (!is_below(host_of(origin), rp_id))
		return err_set(e, ERR_KEY_ORIGIN,
		    "the server calls itself %s, which is not of %s", origin,
		    rp_id);
	if (strcasecmp(buf_text(&own), origin) != 0 &&
	    !is_loopback(host_of(buf_text(&own))))
		return err_set(e, ERR_KEY_ORIGIN,
		    "the server calls itself %s, and was reached at %s", origin,
		    buf_text(&own));
	return 0;
}

void
seckey_hmac_salt(const struct id *uid, struct digest *out)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest input;

	buf_put_str(&b, "aumbry prf v1");
	id_put(&b, uid);
	digest_of(buf_bytes(&b), &input);
	buf_clear(&b);
	/* As every browser does with the input of an extension `prf`. */
	buf_put_str(&b, "WebAuthn PRF");
	buf_put_u8(&b, 0);
	digest_put(&b, &input);
	digest_of(buf_bytes(&b), out);
}

/* What a browser would have the key sign. */
static void
client_data(const char *type, struct bytes challenge, const char *origin,
    struct buf *out)
{
	OWN(jsonio_free) json_t *j = json_object();
	OWN(buf_free) struct buf text = { 0 };

	text_base64url(&text, challenge);
	jsonio_put_text(j, "type", type);
	jsonio_put_text(j, "challenge", buf_text(&text));
	jsonio_put_text(j, "origin", origin);
	jsonio_put_true(j, "crossOrigin", false);
	jsonio_put(out, j);
}

/* The site of an answer, checked; rp_id is borrowed from it. */
static int
take_site(struct remote *r, const json_t *answer, const char *type,
    struct fido_site *site, struct buf *client, struct err *e)
{
	OWN(buf_free) struct buf challenge = { 0 };
	const char *origin = "";

	if (jsonio_text(answer, "rp_id", &site->rp_id, e) < 0 ||
	    jsonio_text(answer, "origin", &origin, e) < 0 ||
	    jsonio_bytes(answer, "challenge", DIGEST_BYTES, &challenge, e) <
		0 ||
	    seckey_check_site(remote_url(r), site->rp_id, origin, e) < 0)
		return -1;
	site->rp_name = "Aumbry";
	client_data(type, buf_bytes(&challenge), origin, client);
	site->client_data = buf_bytes(client);
	return 0;
}

/* ---- proving ---- */

static int
take_credentials(const json_t *answer, struct buf *ids, struct err *e)
{
	const json_t *list = json_object_get(answer, "credentials");

	for (size_t i = 0; i < json_array_size(list); i++) {
		OWN(buf_free) struct buf id = { 0 };
		if (jsonio_bytes(json_array_get(list, i), "id", 0, &id, e) < 0)
			return -1;
		buf_put_v16(ids, buf_bytes(&id));
	}
	return ids->n > 0
	    ? 0
	    : err_set(e, ERR_KEY_UNKNOWN, "the account has no security key");
}

static int
send_assertion(struct remote *r, const struct fido_assertion *a,
    struct bytes client, json_t **answer, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();

	jsonio_put_text(ask, "method", "key");
	jsonio_put_bytes(ask, "credential", buf_bytes(&a->id));
	jsonio_put_bytes(ask, "client_data", client);
	jsonio_put_bytes(
	    ask, "authenticator_data", buf_bytes(&a->authenticator_data));
	jsonio_put_bytes(ask, "signature", buf_bytes(&a->signature));
	return control_call(r, "POST", "/v1/factors/prove", ask, answer, e);
}

int
seckey_prove(struct remote *r, const struct fido_ask *ask, const struct id *uid,
    struct secret **prf, json_t **answer, struct err *e)
{
	OWN(jsonio_free) json_t *asked = NULL;
	OWN(fido_free) struct fido *f = NULL;
	OWN(fido_assertion_free) struct fido_assertion a = { .prf = NULL };
	OWN(buf_free) struct buf client = { 0 };
	OWN(buf_free) struct buf ids = { 0 };
	struct bytes salt = { NULL, 0 };
	struct fido_site site;
	struct digest d;

	if (control_call(r, "POST", "/v1/factors/key", NULL, &asked, e) < 0 ||
	    take_site(r, asked, "webauthn.get", &site, &client, e) < 0 ||
	    take_credentials(asked, &ids, e) < 0)
		return -1;
	if (uid != NULL) {
		seckey_hmac_salt(uid, &d);
		salt = bytes_of(d.b, DIGEST_BYTES);
	}
	if (fido_open(ask, &f, e) < 0 ||
	    fido_sign(f, &site, buf_bytes(&ids), salt, &a, e) < 0 ||
	    send_assertion(r, &a, buf_bytes(&client), answer, e) < 0)
		return -1;
	if (prf != NULL)
		*prf = TAKE(a.prf);
	return 0;
}

/* ---- adding ---- */

static int
take_exclude(const json_t *start, struct buf *ids, struct err *e)
{
	return jsonio_list(start, "exclude", 16, ids, e);
}

/*
 * The key's secret, by an assertion that nobody else sees: CTAP gives it only
 * with one.
 */
static int
ask_prf(struct fido *f, const struct fido_site *made,
    const struct fido_made *cred, const struct id *uid, struct secret **prf,
    struct err *e)
{
	OWN(fido_assertion_free) struct fido_assertion a = { .prf = NULL };
	OWN(buf_free) struct buf client = { 0 };
	OWN(buf_free) struct buf id = { 0 };
	struct fido_site site = *made;
	struct digest salt;
	struct id random;

	id_random(&random);
	client_data(
	    "webauthn.get", bytes_of(random.b, ID_BYTES), "local", &client);
	site.client_data = buf_bytes(&client);
	buf_put_v16(&id, buf_bytes(&cred->id));
	seckey_hmac_salt(uid, &salt);
	if (fido_sign(f, &site, buf_bytes(&id), bytes_of(salt.b, DIGEST_BYTES),
		&a, e) < 0)
		return -1;
	*prf = TAKE(a.prf);
	return 0;
}

/* The key as a member. */
struct member_key {
	struct device device;
	struct buf birth; /* n 0: it is none */
};

static void
member_key_free(struct member_key *m)
{
	buf_free(&m->birth);
}

/* It is being added: seckey_settle looks what has become of it. */
static int
note(struct self *s, const struct id *member, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };

	if (local_get(s->local, SECKEY_ADDING, &kept, e) < 0)
		return -1;
	id_put(&kept, member);
	return local_put(s->local, SECKEY_ADDING, buf_bytes(&kept), e);
}

static int
let_in(struct self *s, const struct secret *prf, const char *name,
    struct member_key *m, struct err *e)
{
	OWN(devkey_free) struct devkey *key = devkey_from_prf(prf);
	struct id opening;

	m->device = (struct device){ .class = CLASS_SECURITY_KEY,
		.rights = RIGHT_APPROVE };
	id_random(&m->device.dev_id);
	id_random(&opening);
	device_name_commit(&opening, name, &m->device.name_commit);
	devkey_publish(key, &m->device);
	if (note(s, &m->device.dev_id, e) < 0)
		return -1;
	if (self_add_key(s, &m->device, key, e) < 0)
		return -1;
	circlepin_put(prf, &s->circle, &m->birth);
	return self_state(s, e) < 0 ||
		self_put_name(s, &m->device.dev_id, &opening, name, e) < 0
	    ? -1
	    : 0;
}

/* A key that is no member is a factor still: say why, and go on. */
static int
try_member(const struct seckey_new *a, const struct secret *prf,
    struct member_key *m, struct seckey_added *out, struct err *e)
{
	if (a->self == NULL)
		return err_set(&out->why, ERR_PERMISSION,
			   "this sign-in was by a code, and lets nobody in"),
		       0;
	if (prf == NULL)
		return err_set(&out->why, ERR_NOT_FOUND,
			   "the key cannot keep a secret (it lacks "
			   "hmac-secret)"),
		       0;
	if (let_in(a->self, prf, a->name, m, e) == 0) {
		out->member = true;
		return self_freshpin_key(a->self, &m->device.dev_id, prf, e);
	}
	if (e->code != ERR_DEVICE_TOO_YOUNG && e->code != ERR_PERMISSION &&
	    e->code != ERR_CIRCLE_FULL)
		return -1;
	out->why = *e;
	err_clear(e);
	return 0;
}

static int
give(const struct seckey_new *a, const struct seckey_made *made,
    const struct member_key *m, struct seckey_added *out, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_text(ask, "name", a->name);
	jsonio_put_bytes(ask, "client_data", made->client_data);
	jsonio_put_bytes(ask, "attestation_object", made->attestation);
	if (out->member) {
		jsonio_put_id(ask, "member", &m->device.dev_id);
		jsonio_put_bytes(ask, "birth_pin", buf_bytes(&m->birth));
	}
	if (control_call(a->remote, "POST", KEYS, ask, &answer, e) < 0 ||
	    jsonio_u64(answer, "keys", &out->keys, e) < 0)
		return -1;
	out->on = jsonio_true(answer, "on");
	return 0;
}

int
seckey_enter(const struct seckey_new *a, const struct seckey_made *made,
    struct seckey_added *out, struct err *e)
{
	static const struct id nobody;
	OWN(member_key_free) struct member_key m = { .birth = { 0 } };
	struct err ignored;

	*out = (struct seckey_added){ .keys = 0 };
	if (a->self != NULL)
		(void)!seckey_settle(a->remote, a->self, &ignored);
	if (try_member(a, made->prf, &m, out, e) < 0)
		return -1;
	if (!out->member && a->self != NULL && note(a->self, &nobody, e) < 0)
		return -1;
	if (give(a, made, &m, out, e) == 0)
		return 0;
	/* A member that the server knows no key of would be of no use. */
	if (a->self != NULL)
		(void)!seckey_settle(a->remote, a->self, &ignored);
	return -1;
}

int
seckey_add(const struct seckey_new *a, struct seckey_added *out, struct err *e)
{
	OWN(fido_free) struct fido *f = NULL;
	OWN(fido_made_free) struct fido_made made = { .prf = false };
	OWN(secret_free) struct secret *prf = NULL;
	OWN(buf_free) struct buf client = { 0 };
	OWN(buf_free) struct buf exclude = { 0 };
	struct fido_user user = { .name = "" };
	struct fido_site site;
	struct id uid;

	if (take_site(a->remote, a->start, "webauthn.create", &site, &client,
		e) < 0 ||
	    jsonio_id(a->start, "user_id", &uid, e) < 0 ||
	    jsonio_text(a->start, "user_name", &user.name, e) < 0 ||
	    take_exclude(a->start, &exclude, e) < 0 ||
	    fido_open(a->ask, &f, e) < 0)
		return -1;
	user.id = bytes_of(uid.b, ID_BYTES);
	if (fido_make(f, &site, &user, buf_bytes(&exclude), &made, e) < 0)
		return -1;
	if (a->self != NULL && made.prf &&
	    ask_prf(f, &site, &made, &a->self->uid, &prf, e) < 0)
		return -1;
	struct seckey_made got = { buf_bytes(&client),
		buf_bytes(&made.attestation), prf };
	return seckey_enter(a, &got, out, e);
}
