/* SPDX-License-Identifier: ISC */
/* remote_identity.c: whose certificate a connection may show. */
#include "link/remote_in.h"

#include "base/now.h"
#include "base/scan.h"
#include "base/text.h"
#include "wire/identity.h"
#include "wire/jsonio.h"

#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

#define PATIENCE_S 15L
/* So long the identity's word is taken without asking again, in a process or
 * over several: a key that it takes back is refused after that. */
#define SHOWN_MS (24 * 3600 * 1000LL)
/* Of an answer with all the keys there may be; those are below 32 KiB. */
#define ANSWER_MAX ((size_t)64 * 1024)

/* Whom the connection must show on which the identity is asked for. */
enum shown {
	SHOWN_ANY, /* nothing secret is sent, and the answer is signed */
	SHOWN_PINNED,
	SHOWN_KNOWN /* what an authority vouches for, by name */
};

static bool
lately(int64_t since_ms)
{
	int64_t age = now_ms() - since_ms;

	return age >= 0 && age < SHOWN_MS;
}

/* Under the lock. */
static void
pin_to(struct remote *r, const struct digest *keys, size_t n, int64_t since_ms)
{
	OWN(buf_free) struct buf pins = { 0 };

	for (size_t i = 0; i < n; i++) {
		buf_put_str(&pins, i > 0 ? ";sha256//" : "sha256//");
		text_base64(&pins, bytes_of(keys[i].b, DIGEST_BYTES));
	}
	free(r->curl_pin);
	r->curl_pin = mem_text(buf_text(&pins));
	r->vouched = n != 1 || !digest_equal(&keys[0], &r->pin);
	r->since_ms = since_ms;
}

void
remote_pin_to(
    struct remote *r, const struct digest *keys, size_t n, int64_t since_ms)
{
	(void)pthread_mutex_lock(&r->lock);
	pin_to(r, keys, n, since_ms);
	(void)pthread_mutex_unlock(&r->lock);
}

void
remote_set_pin(CURL *h, struct remote *r)
{
	(void)pthread_mutex_lock(&r->lock);
	/* Who stays for weeks asks again as well. */
	if (r->vouched && !lately(r->since_ms))
		pin_to(r, r->moved != NULL ? &r->moved_pin : &r->pin, 1, 0);
	if (r->curl_pin != NULL) {
		/* The pin is the trust; the chain and the name are not. */
		curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
		curl_easy_setopt(h, CURLOPT_PINNEDPUBLICKEY, r->curl_pin);
		curl_easy_setopt(
		    h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

static void
free_handle(CURL **h)
{
	curl_easy_cleanup(*h);
	*h = NULL;
}

static size_t
on_data(char *p, size_t size, size_t n, void *arg)
{
	struct buf *out = arg;

	if (out->n + size * n > ANSWER_MAX)
		return 0;
	buf_put(out, p, size * n);
	return size * n;
}

static void
set_shown(CURL *h, struct remote *r, enum shown shown)
{
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (shown == SHOWN_PINNED)
		remote_set_pin(h, r);
	if (shown == SHOWN_KNOWN)
		return; /* as libcurl does by itself */
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
}

static int
not_asked(CURLcode rc, const char *detail, struct err *e)
{
	if (rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return err_set(e, ERR_CERTIFICATE_CHANGED,
		    "the server shows another key than before");
	if (rc != CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, ERR_SERVER_UNREACHABLE,
		    "the server cannot be reached (%s)",
		    detail[0] != '\0' ? detail : curl_easy_strerror(rc));
	(void)err_set(e, ERR_CERTIFICATE_CHANGED,
	    "no authority of this system vouches for the server (%s)",
	    detail[0] != '\0' ? detail : curl_easy_strerror(rc));
	return err_remedy(e,
	    "Use the address with the pin, https://…/#pin=…, that `aumbryd "
	    "status` prints.");
}

/* A connection of its own, without a token. */
static int
fetch(struct remote *r, enum shown shown, const char *nonce, struct buf *out,
    struct err *e)
{
	OWN(free_handle) CURL *h = curl_easy_init();
	OWN(buf_free) struct buf url = { 0 };
	char detail[CURL_ERROR_SIZE] = "";
	long status = 0;

	if (h == NULL)
		abort();
	buf_printf(&url, "%s/v1/identity?nonce=%s", r->base, nonce);
	curl_easy_setopt(h, CURLOPT_URL, buf_text(&url));
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	if (r->loopback)
		curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(h, CURLOPT_TIMEOUT, PATIENCE_S);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, out);
	set_shown(h, r, shown);
	CURLcode rc = curl_easy_perform(h);
	if (rc != CURLE_OK)
		return not_asked(rc, detail, e);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 500)
		return err_set(e, ERR_SERVER_UNREACHABLE,
		    "what answers at the server's address shows another key "
		    "than the one that was pinned, and has no server behind it "
		    "(status %ld)",
		    status);
	return status == 200
	    ? 0
	    : err_set(e, ERR_CERTIFICATE_CHANGED,
		  "the server shows another key than the one that was pinned, "
		  "and does not say why (status %ld)",
		  status);
}

/* pin: whom the answer must come from; NULL: whoever signed it. */
static int
ask(struct remote *r, enum shown shown, const struct digest *pin,
    struct identity *out, struct err *e)
{
	OWN(jsonio_free) json_t *j = NULL;
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf hex = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	uint8_t nonce[IDENTITY_NONCE];

	/* Up to 256 bytes come whole or not at all (getrandom(2)). */
	if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
		return err_sys(e, "random bytes");
	text_hex(&hex, bytes_of(nonce, sizeof nonce));
	if (fetch(r, shown, buf_text(&hex), &body, e) < 0)
		return -1;
	const char *b64 = jsonio_parse(buf_bytes(&body), &j, e) < 0
	    ? NULL
	    : json_string_value(json_object_get(j, "identity"));
	if (b64 == NULL || text_unbase64(&answer, bytes_str(b64)) < 0 ||
	    identity_check(buf_bytes(&answer), pin,
		bytes_of(nonce, sizeof nonce), out, e) < 0 ||
	    out->n == 0)
		return err_set(e, ERR_CERTIFICATE_CHANGED,
		    pin != NULL
			? "the server shows another key than the one that was "
			  "pinned, and its identity does not vouch for it"
			: "what the server says of its identity does not hold");
	return 0;
}

/* The URL with another pin: what stands behind it stays. */
static char *
with_pin(const struct remote *r, const struct digest *id)
{
	OWN(buf_free) struct buf url = { 0 };
	const char *hash = strchr(r->url, '#');
	const char *rest = hash != NULL ? strchr(hash, '&') : NULL;

	buf_printf(&url, "%s/#pin=", r->base);
	text_base64url(&url, bytes_of(id->b, DIGEST_BYTES));
	buf_put_str(&url, rest != NULL ? rest : "");
	return mem_text(buf_text(&url));
}

/* The next process knows it by this alone, and so does this one: what was pinned
 * may be a key that TLS shows until it is renewed. */
static void
take_moved(struct remote *r, const struct digest *id)
{
	(void)pthread_mutex_lock(&r->lock);
	if (r->moved == NULL) {
		r->moved = with_pin(r, id);
		r->moved_pin = *id;
	}
	(void)pthread_mutex_unlock(&r->lock);
}

/* u64 time_ms | identity[32] | keys */
static void
note_shown(struct remote *r, const struct identity *i)
{
	(void)pthread_mutex_lock(&r->lock);
	buf_clear(&r->shown);
	buf_put_u64(&r->shown, (uint64_t)now_ms());
	digest_put(&r->shown, &i->id);
	for (size_t k = 0; k < i->n; k++)
		digest_put(&r->shown, &i->keys[k]);
	(void)pthread_mutex_unlock(&r->lock);
}

void
remote_shown(struct remote *r, struct buf *out)
{
	(void)pthread_mutex_lock(&r->lock);
	buf_put_bytes(out, buf_bytes(&r->shown));
	(void)pthread_mutex_unlock(&r->lock);
}

void
remote_expect(struct remote *r, struct bytes shown)
{
	struct digest keys[IDENTITY_KEYS];
	struct scan s = scan_of(shown);
	int64_t since_ms = (int64_t)scan_u64(&s);
	struct digest id = digest_take(&s);
	size_t n = 0;

	while (n < IDENTITY_KEYS && scan_ok(&s) && !scan_done(&s))
		keys[n++] = digest_take(&s);
	if (n > 0 && scan_done(&s) && lately(since_ms) &&
	    digest_equal(&id, &r->pin))
		remote_pin_to(r, keys, n, since_ms);
}

int
remote_vouch(struct remote *r, struct err *e)
{
	struct identity i;

	if (ask(r, SHOWN_ANY, remote_pin(r), &i, e) < 0)
		return -1;
	if (!digest_equal(&i.id, remote_pin(r)))
		take_moved(r, &i.id);
	remote_pin_to(r, i.keys, i.n, now_ms());
	note_shown(r, &i);
	return 0;
}

int
remote_meet(struct remote *r, struct err *e)
{
	struct identity i;

	if (ask(r, SHOWN_KNOWN, NULL, &i, e) < 0)
		return -1;
	r->pin = i.id;
	remote_pin_to(r, i.keys, i.n, now_ms());
	char *url = with_pin(r, &i.id);
	free(r->url);
	r->url = url;
	return 0;
}

int
remote_adopt(struct remote *r, const struct digest *id, struct err *e)
{
	struct identity i;

	(void)pthread_mutex_lock(&r->lock);
	bool known = r->moved != NULL && digest_equal(&r->moved_pin, id);
	bool alone = r->moved == NULL && r->curl_pin != NULL && !r->vouched;
	(void)pthread_mutex_unlock(&r->lock);
	if (known || digest_equal(&r->pin, id))
		return 0;
	/* It handed over; or the pinned key itself says whose it is. */
	bool line = ask(r, SHOWN_ANY, remote_pin(r), &i, e) == 0;
	if (!line && e->code == ERR_SERVER_UNREACHABLE)
		return -1;
	if ((!line &&
		(!alone || ask(r, SHOWN_PINNED, NULL, &i, e) < 0 ||
		    !identity_has(&i, &r->pin))) ||
	    !digest_equal(&i.id, id))
		return err_set(e, ERR_CERTIFICATE_CHANGED,
		    "the server names another identity than the one that was "
		    "pinned");
	take_moved(r, id);
	remote_pin_to(r, i.keys, i.n, now_ms());
	note_shown(r, &i);
	return 0;
}

bool
remote_moved(struct remote *r)
{
	(void)pthread_mutex_lock(&r->lock);
	bool moved = r->moved != NULL;
	(void)pthread_mutex_unlock(&r->lock);
	return moved;
}

const struct digest *
remote_pin(struct remote *r)
{
	return remote_moved(r) ? &r->moved_pin : &r->pin;
}

const char *
remote_url(struct remote *r)
{
	return remote_moved(r) ? r->moved : r->url;
}
