/* SPDX-License-Identifier: ISC */
/* pair.c: both sides of pairing, over the server's relay. */
#include "client/pair.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "client/depot_remote.h"
#include "client/login.h"
#include "vault/cpace.h"
#include "vault/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RELAY_MAX (1024 * 1024) /* bytes of one answer of the relay */
#define POLL_S 25
#define DAY_MS (24 * 3600 * 1000LL)
static const char label[] = "aumbry pair v1";

enum kind {
	KIND_OPEN = 1,
	KIND_PROOF_B = 2,
	KIND_OFFER = 3,
	KIND_SIGNED = 4,
	KIND_WELCOME = 5,
	KIND_BURNT = 6
};

enum side { SIDE_NEW = 0, SIDE_TRUSTED = 1 };

enum join_state {
	STATE_WAITING,
	STATE_ALLOWED,
	STATE_REFUSED,
	STATE_DONE,
	STATE_EXPIRED,
	STATE_FAILED
};

/* ---- codes ---- */

static unsigned
check_digit(const char *digits)
{
	unsigned sum = 0;

	for (int i = 0; i < PAIR_CODE_DIGITS - 1; i++) {
		unsigned d = (unsigned)(digits[i] - '0');
		if (i % 2 == 0) { /* every second from the right of 7 */
			d *= 2;
			if (d > 9)
				d -= 9;
		}
		sum += d;
	}
	return (10 - sum % 10) % 10;
}

static void
draw_code(char out[static PAIR_CODE_DIGITS + 1])
{
	(void)snprintf(
	    out, PAIR_CODE_DIGITS + 1, "%07u", secret_number(10000000));
	out[PAIR_CODE_DIGITS - 1] = (char)('0' + check_digit(out));
	out[PAIR_CODE_DIGITS] = '\0';
}

int
pair_parse_code(
    struct bytes typed, char out[static PAIR_CODE_DIGITS + 1], struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++) {
		uint8_t c = typed.p[i];
		if (c == '-' || c == ' ')
			continue;
		if (c < '0' || c > '9' || n == PAIR_CODE_DIGITS)
			return err_set(e, ERR_WRONG_CODE,
			    "a pairing code has %d digits", PAIR_CODE_DIGITS);
		out[n++] = (char)c;
	}
	out[n] = '\0';
	if (n == 6)
		return err_set(e, ERR_WRONG_CODE_KIND,
		    "that is a code with 6 digits; the trusted device shows "
		    "one with %d",
		    PAIR_CODE_DIGITS);
	if (n != PAIR_CODE_DIGITS ||
	    out[n - 1] != (char)('0' + check_digit(out)))
		return err_set(e, ERR_WRONG_CODE,
		    "the code has a typing slip; it costs no try");
	return 0;
}

/* ---- the relay ---- */

struct channel {
	struct remote *remote;
	struct id join;
	enum side side; /* ours */
	uint32_t after;
	uint8_t state;
	int64_t deadline_ms;
	struct buf queue; /* answer of the relay, from `at` on */
	size_t at;
	struct bytes body; /* of the message taken last */
};

static void
channel_free(struct channel *c)
{
	buf_free(&c->queue);
}

static int
send_message(
    struct channel *c, enum kind kind, struct bytes body, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf out = { 0 };

	buf_printf(&path, "/v1/joins/%s/messages", id_text(&c->join).s);
	buf_put_u8(&m, (uint8_t)kind);
	buf_put_bytes(&m, body);
	struct remote_call call = {
		.method = "POST", .path = buf_text(&path), .body = buf_bytes(&m)
	};
	return remote_call(c->remote, &call, &out, e);
}

static int
state_error(const struct channel *c, struct err *e)
{
	switch (c->state) {
	case STATE_REFUSED:
		return err_set(
		    e, ERR_REQUEST_REFUSED, "the trusted device refused");
	case STATE_FAILED:
		return err_set(
		    e, ERR_WRONG_CODE, "the code was wrong too often");
	default:
		return err_set(
		    e, ERR_CODE_EXPIRED, "the request is no longer valid");
	}
}

static int
poll_relay(struct channel *c, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	int64_t left = c->deadline_ms - now_ms();

	if (left <= 0)
		return err_set(e, ERR_CODE_EXPIRED, "nobody answered in time");
	unsigned wait =
	    left / 1000 < POLL_S ? (unsigned)(left / 1000) + 1 : POLL_S;
	buf_printf(&path, "/v1/joins/%s/messages?after=%u&wait=%u&state=%u",
	    id_text(&c->join).s, (unsigned)c->after, wait, (unsigned)c->state);
	struct remote_call call = { .method = "GET",
		.path = buf_text(&path),
		.limit = RELAY_MAX,
		.timeout_s = wait + 30 };
	buf_clear(&c->queue);
	if (remote_call(c->remote, &call, &c->queue, e) < 0)
		return -1;
	if (c->queue.n < 2)
		return err_set(e, ERR_BAD_REQUEST,
		    "the relay's answer is not well-formed");
	c->state = c->queue.p[0];
	c->at = 2;
	return 0;
}

/* Take one queued message of the other side; false when none is left. */
static bool
take_queued(struct channel *c, uint8_t *kind)
{
	for (;;) {
		struct scan s =
		    scan_of(bytes_of(c->queue.p + c->at, c->queue.n - c->at));
		uint32_t n = scan_u32(&s);
		uint8_t side = scan_u8(&s);
		struct bytes m = scan_v16(&s);
		if (!scan_ok(&s))
			return false;
		c->at = c->queue.n - s.n;
		c->after = n;
		if (side == (uint8_t)c->side || m.n == 0)
			continue;
		*kind = m.p[0];
		c->body = bytes_of(m.p + 1, m.n - 1);
		return true;
	}
}

/* The other side's next message. */
static int
receive(struct channel *c, uint8_t *kind, struct err *e)
{
	for (;;) {
		if (c->queue.n > 0 && take_queued(c, kind))
			return 0;
		if (c->state != STATE_WAITING && c->state != STATE_ALLOWED &&
		    c->state != STATE_DONE)
			return state_error(c, e);
		if (poll_relay(c, e) < 0)
			return -1;
	}
}

/* One side gives up; the other hears of it. */
static void
cancel(struct remote *remote, const struct id *join)
{
	OWN(buf_free) struct buf path = { 0 };
	struct err ignored;

	buf_printf(&path, "/v1/joins/%s", id_text(join).s);
	if (api_call(remote, "DELETE", buf_text(&path), NULL, false, NULL,
		&ignored) < 0)
		return;
}

/* ---- keys of one code ---- */

struct keys {
	struct secret *confirm_a, *confirm_b, *a_to_b, *b_to_a;
	struct buf transcript;
	struct buf sid;
};

static void
keys_free(struct keys *k)
{
	secret_free(&k->confirm_a);
	secret_free(&k->confirm_b);
	secret_free(&k->a_to_b);
	secret_free(&k->b_to_a);
	buf_free(&k->transcript);
	buf_free(&k->sid);
}

static void
keys_from(struct keys *k, const struct secret *isk)
{
	struct bytes none = bytes_str("");

	k->confirm_a = secret_derive(isk, "aumbry pair confirm a", none);
	k->confirm_b = secret_derive(isk, "aumbry pair confirm b", none);
	k->a_to_b = secret_derive(isk, "aumbry pair a to b", none);
	k->b_to_a = secret_derive(isk, "aumbry pair b to a", none);
}

static void
confirmation(const struct secret *key, const struct keys *k, struct digest *out)
{
	mac_once(secret_bytes(key), buf_bytes(&k->transcript), out);
}

static void
box_ad(const struct keys *k, enum kind kind, struct buf *ad)
{
	buf_put(ad, label, sizeof label);
	buf_put_u8(ad, (uint8_t)kind);
	buf_put_bytes(ad, buf_bytes(&k->sid));
}

static void
box(const struct keys *k, const struct secret *key, enum kind kind,
    struct bytes plain, struct buf *out)
{
	OWN(buf_free) struct buf ad = { 0 };

	box_ad(k, kind, &ad);
	seal_make(key, buf_bytes(&ad), plain, out);
}

static int
unbox(const struct keys *k, const struct secret *key, enum kind kind,
    struct bytes sealed, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf ad = { 0 };

	box_ad(k, kind, &ad);
	if (seal_open(key, buf_bytes(&ad), sealed, out, e) < 0)
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "a message of the pairing was changed on its way");
	return 0;
}

static void
channel_id(const char *host, const struct id *uid, struct buf *out)
{
	buf_put_str(out, label);
	buf_put_v8(out, bytes_str(host));
	id_put(out, uid);
}

static void
session_id(const struct id *join, const struct id *rb, const struct id *ra,
    struct buf *out)
{
	id_put(out, join);
	id_put(out, rb);
	id_put(out, ra);
}

static int
malformed(struct err *e)
{
	return err_set(
	    e, ERR_BAD_REQUEST, "a message of the pairing is not well-formed");
}

/* ---- the trusted device ---- */

void
pair_requests_free(struct pair_request **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_free(&(*list)[i].record);
	free(*list);
	*list = NULL;
}

static int
parse_request(const json_t *v, struct pair_request *r, struct err *e)
{
	OWN(buf_free) struct buf nonce = { 0 };
	const char *os = "", *address = "";

	if (jsonio_id(v, "join", &r->join, e) < 0 ||
	    jsonio_u64(v, "created_ms", &r->created_ms, e) < 0 ||
	    jsonio_u64(v, "expires_ms", &r->expires_ms, e) < 0 ||
	    jsonio_bytes(v, "device", 0, &r->record, e) < 0 ||
	    jsonio_bytes(v, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    jsonio_text(v, "os", &os, e) < 0 ||
	    jsonio_text(v, "address", &address, e) < 0)
		return -1;
	memcpy(r->nonce.b, nonce.p, ID_BYTES);
	(void)snprintf(r->os, sizeof r->os, "%s", os);
	(void)snprintf(r->address, sizeof r->address, "%s", address);
	struct scan s = scan_of(buf_bytes(&r->record));
	if (device_take(&s, &r->device, e) < 0 || !scan_done(&s))
		return malformed(e);
	return 0;
}

int
pair_requests(struct self *s, unsigned wait_s, struct pair_request **list,
    size_t *n, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	char path[64];

	*list = NULL;
	*n = 0;
	(void)snprintf(path, sizeof path, "/v1/joins?wait=%u", wait_s);
	if (api_wait(s->remote, path, wait_s, &answer, e) < 0)
		return -1;
	const json_t *joins = json_object_get(answer, "joins");
	*list = mem_array(json_array_size(joins), sizeof **list);
	for (size_t i = 0; i < json_array_size(joins); i++) {
		if (parse_request(json_array_get(joins, i), &(*list)[*n], e) <
		    0) {
			pair_requests_free(list, *n + 1);
			*n = 0;
			return -1;
		}
		(*n)++;
	}
	return 0;
}

static int
join_verb(
    struct self *s, const struct id *join, const char *verb, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/v1/joins/%s/%s", id_text(join).s, verb);
	return api_call(
	    s->remote, "POST", buf_text(&path), NULL, false, NULL, e);
}

int
pair_refuse(struct self *s, const struct id *join, struct err *e)
{
	return join_verb(s, join, "refuse", e);
}

/* Wrong codes of the last day, on this device's own disk. */
static int
count_fail(struct self *s, bool failed, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf next = { 0 };

	if (local_get(s->local, "pair-fails", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	int64_t since = (int64_t)scan_u64(&p);
	uint32_t n = scan_u32(&p);
	if (!scan_ok(&p) || now_ms() - since > DAY_MS) {
		since = now_ms();
		n = 0;
	}
	if (!failed)
		return n < PAIR_FAILS_A_DAY
		    ? 0
		    : err_set(e, ERR_TOO_MANY_ATTEMPTS,
			  "%d wrong codes were typed within a day; try again "
			  "tomorrow, or on another trusted device",
			  PAIR_FAILS_A_DAY);
	buf_put_u64(&next, (uint64_t)since);
	buf_put_u32(&next, n + 1);
	return local_put(s->local, "pair-fails", buf_bytes(&next), e);
}

static const struct device *
own_device(const struct self *s)
{
	return &circle_member(&s->circle, &s->dev_id)->device;
}

/* The answer to a code that was just shown; it counts for PAIR_CODE_S. */
static int
receive_proof(struct channel *c, struct err *e)
{
	int64_t dead_ms = now_ms() + PAIR_CODE_S * 1000LL;
	int64_t all_ms = c->deadline_ms;
	uint8_t kind;
	int rc;

	if (dead_ms < all_ms)
		c->deadline_ms = dead_ms;
	do {
		rc = receive(c, &kind, e);
	} while (rc == 0 && kind != KIND_PROOF_B);
	c->deadline_ms = all_ms;
	if (now_ms() >= dead_ms && (rc == 0 || e->code == ERR_CODE_EXPIRED))
		return err_set(e, ERR_CODE_EXPIRED,
		    "a code is good for %d minutes, and they are over",
		    PAIR_CODE_S / 60);
	return rc;
}

/* One code: show it, wait for the other side's proof. *right: it held. */
static int
try_code(struct self *s, const struct pair_request *r, struct channel *c,
    pair_show_fn show, void *ctx, struct keys *k, bool *right, struct err *e)
{
	OWN(buf_free) struct buf ci = { 0 };
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(secret_free) struct secret *isk = NULL;
	char code[PAIR_CODE_DIGITS + 1], shown[PAIR_CODE_DIGITS + 2];
	uint8_t ya[CPACE_SHARE], yb[CPACE_SHARE];
	struct digest want, got;
	struct id ra;

	draw_code(code);
	id_random(&ra);
	channel_id(s->host, &s->uid, &ci);
	session_id(&r->join, &r->nonce, &ra, &k->sid);
	device_put(&record, own_device(s));
	OWN(cpace_free)
	struct cpace *cp =
	    cpace_new(CPACE_INITIATOR, bytes_of(code, PAIR_CODE_DIGITS),
		buf_bytes(&ci), buf_bytes(&k->sid), buf_bytes(&record));
	cpace_share(cp, NULL, ya);
	id_put(&m, &ra);
	buf_put(&m, ya, sizeof ya);
	buf_put_v16(&m, buf_bytes(&record));
	if (send_message(c, KIND_OPEN, buf_bytes(&m), e) < 0)
		return -1;
	(void)snprintf(shown, sizeof shown, "%.4s-%.4s", code, code + 4);
	mem_wipe(code, sizeof code);
	show(ctx, shown);
	mem_wipe(shown, sizeof shown);
	if (receive_proof(c, e) < 0)
		return -1;
	struct scan p = scan_of(c->body);
	scan_copy(&p, yb, sizeof yb);
	got = digest_take(&p);
	if (!scan_done(&p))
		return malformed(e);
	*right = false;
	if (cpace_finish(
		cp, yb, buf_bytes(&r->record), &isk, &k->transcript, e) < 0)
		return e->code == ERR_WRONG_CODE ? 0 : -1;
	keys_from(k, isk);
	confirmation(k->confirm_b, k, &want);
	*right = digest_equal(&want, &got);
	return 0;
}

/* Offer the ADD, get it signed, submit it; again when another came first. */
static int
let_in(struct self *s, const struct pair_request *r, struct channel *c,
    struct keys *k, struct err *e)
{
	for (int tries = 0; tries < 8; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		OWN(buf_free) struct buf plain = { 0 };
		OWN(buf_free) struct buf m = { 0 };
		OWN(buf_free) struct buf sig = { 0 };
		OWN(buf_free) struct buf envelope = { 0 };
		struct circle_sig sigs[2] = { { .kind = 1 }, { .kind = 1 } };
		struct digest mac;
		uint8_t kind;
		circle_entry_begin(&entry, &s->circle, &s->uid,
		    (uint64_t)now_ms(), CIRCLE_ADD, buf_bytes(&r->record));
		confirmation(k->confirm_a, k, &mac);
		id_put(&plain, &s->uid);
		digest_put(&plain, &s->circle.circle_id);
		buf_put_u32(&plain, s->circle.seq);
		digest_put(&plain, &s->circle.head);
		buf_put_v16(&plain, buf_bytes(&entry));
		digest_put(&m, &mac);
		box(k, k->a_to_b, KIND_OFFER, buf_bytes(&plain), &m);
		if (send_message(c, KIND_OFFER, buf_bytes(&m), e) < 0)
			return -1;
		do {
			if (receive(c, &kind, e) < 0)
				return -1;
		} while (kind != KIND_SIGNED);
		if (unbox(k, k->b_to_a, KIND_SIGNED, c->body, &sig, e) < 0)
			return -1;
		if (sig.n != SIG_BYTES)
			return malformed(e);
		sigs[0].keyref = s->dev_id;
		devkey_sign(s->key, SIG_CIRCLE, buf_bytes(&entry), sigs[0].sig);
		sigs[1].keyref = r->device.dev_id;
		memcpy(sigs[1].sig, sig.p, SIG_BYTES);
		circle_entry_end(&entry, sigs, 2);
		keyring_envelope(
		    s->keyring, &r->device, s->key, &s->dev_id, &envelope);
		if (s->depot->ops->circle_submit(s->depot, buf_bytes(&entry),
			buf_bytes(&envelope), e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT || self_refresh(s, e) < 0)
			return -1;
	}
	return err_set(
	    e, ERR_CONFLICT, "the account's devices keep changing; try again");
}

static int
put_heads(struct self *s, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf heads = { 0 };
	uint16_t n = 0;

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		OWN(zcopy_free) struct zcopy *z = NULL;
		struct id zone =
		    c == CATEGORY_STATE ? s->circle.state_zone : s->zones[c];
		if (id_zero(&zone))
			continue;
		if (zcopy_open(&s->writer, s->local, s->depot, &zone,
			(enum category)c, &z, e) < 0 ||
		    zcopy_pull(z, 0, e) < 0)
			return -1;
		struct head h = zcopy_head(z);
		struct digest hash = { { 0 } };
		if (h.seq == 0)
			continue;
		head_hash(&h, &hash);
		buf_put_u8(&heads, (uint8_t)c);
		id_put(&heads, &zone);
		buf_put_u64(&heads, h.seq);
		digest_put(&heads, &hash);
		n++;
	}
	buf_put_u16(out, n);
	buf_put_bytes(out, buf_bytes(&heads));
	return 0;
}

static int
welcome(struct self *s, struct channel *c, struct keys *k, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf m = { 0 };

	if (self_refresh(s, e) < 0 || self_state(s, e) < 0)
		return -1;
	buf_put_v8(&plain, bytes_str(s->name));
	if (put_heads(s, &plain, e) < 0)
		return -1;
	box(k, k->a_to_b, KIND_WELCOME, buf_bytes(&plain), &m);
	return send_message(c, KIND_WELCOME, buf_bytes(&m), e);
}

int
pair_approve(struct self *s, const struct pair_request *r, unsigned timeout_s,
    pair_show_fn show, void *ctx, struct err *e)
{
	OWN(channel_free)
	struct channel c = { .remote = s->remote,
		.join = r->join,
		.side = SIDE_TRUSTED,
		.state = STATE_ALLOWED,
		.deadline_ms = now_ms() + timeout_s * 1000LL };

	if (count_fail(s, false, e) < 0 || self_refresh(s, e) < 0 ||
	    join_verb(s, &r->join, "allow", e) < 0)
		return -1;
	for (int i = 0; i < PAIR_CODES; i++) {
		OWN(keys_free) struct keys k = { 0 };
		bool right = false;
		if (try_code(s, r, &c, show, ctx, &k, &right, e) < 0) {
			/* The new device need not wait for what is over. */
			if (e->code == ERR_CODE_EXPIRED)
				cancel(s->remote, &r->join);
			return -1;
		}
		if (right)
			return let_in(s, r, &c, &k, e) < 0
			    ? -1
			    : welcome(s, &c, &k, e);
		if (count_fail(s, true, e) < 0 ||
		    send_message(&c, KIND_BURNT, bytes_str(""), e) < 0)
			return -1;
	}
	struct err ignored;
	if (join_verb(s, &r->join, "fail", &ignored) < 0)
		return err_set(e, ERR_WRONG_CODE,
		    "the code was typed wrong %d times", PAIR_CODES);
	return err_set(e, ERR_WRONG_CODE,
	    "the code was typed wrong %d times; the request is over",
	    PAIR_CODES);
}

/* ---- the new device ---- */

struct newcomer {
	const struct pair_join *a;
	struct remote *remote;
	struct depot *depot;
	struct channel c;
	struct devkey *key;
	struct device device;
	struct buf record;
	struct id opening, nonce, uid;
	char *host;
	/* What the trusted device vouched for. */
	struct digest circle_id, head;
	uint32_t seq;
	struct buf entries; /* v16 each, up to the ADD of this device */
	struct circle circle;
};

static void
newcomer_free(struct newcomer *n)
{
	channel_free(&n->c);
	depot_free(&n->depot);
	remote_free(&n->remote);
	devkey_free(&n->key);
	buf_free(&n->record);
	buf_free(&n->entries);
	circle_free(&n->circle);
	free(n->host);
}

static int
open_request(struct newcomer *n, struct err *e)
{
	const struct pair_join *a = n->a;
	OWN(login_free) struct login l = { .session_key = NULL };
	OWN(jsonio_free) json_t *server = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf m = { 0 };
	const char *host = "", *token = "";
	struct digest mac;
	uint16_t mature;

	if (login_server(n->remote, &server, &mature, e) < 0 ||
	    jsonio_text(server, "host", &host, e) < 0 ||
	    login_start(n->remote, "/v1/signin/start", a->name, a->password,
		true, &l, e) < 0)
		return -1;
	n->host = mem_text(host);
	n->key = devkey_new(&n->device);
	n->device.class = CLASS_COMPUTER;
	n->device.rights = RIGHT_APPROVE;
	id_random(&n->opening);
	id_random(&n->nonce);
	device_name_commit(&n->opening, a->device_name, &n->device.name_commit);
	device_put(&n->record, &n->device);
	id_put(&m, &l.id);
	id_put(&m, &n->nonce);
	buf_put_bytes(&m, buf_bytes(&n->record));
	login_mac(&l, "aumbry signin v1", buf_bytes(&m), &mac);
	jsonio_put_id(ask, "login", &l.id);
	jsonio_put_bytes(ask, "ke3", bytes_of(l.ke3, sizeof l.ke3));
	jsonio_put_bytes(ask, "device", buf_bytes(&n->record));
	jsonio_put_text(ask, "os", "linux");
	jsonio_put_bytes(ask, "nonce", bytes_of(n->nonce.b, ID_BYTES));
	jsonio_put_bytes(ask, "mac", bytes_of(mac.b, DIGEST_BYTES));
	if (api_call(n->remote, "POST", "/v1/signin/finish", ask, true, &answer,
		e) < 0 ||
	    jsonio_id(answer, "uid", &n->uid, e) < 0 ||
	    jsonio_id(answer, "join", &n->c.join, e) < 0 ||
	    jsonio_text(answer, "token", &token, e) < 0)
		return -1;
	remote_set_token(n->remote, token);
	return 0;
}

/* Answer one code; *right when the trusted device's offer came back. */
static int
answer_code(struct newcomer *n, struct keys *k, struct buf *offer, bool *right,
    struct err *e)
{
	OWN(buf_free) struct buf typed = { 0 };
	OWN(buf_free) struct buf ci = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf other = { 0 };
	OWN(secret_free) struct secret *isk = NULL;
	char code[PAIR_CODE_DIGITS + 1];
	uint8_t ya[CPACE_SHARE], yb[CPACE_SHARE], kind;
	struct digest mac, got;

	struct scan s = scan_of(n->c.body);
	struct id ra = id_take(&s);
	scan_copy(&s, ya, sizeof ya);
	buf_put_bytes(&other, scan_v16(&s));
	if (!scan_done(&s))
		return malformed(e);
	if (n->a->ask(n->a->ctx, &typed, e) < 0 ||
	    pair_parse_code(buf_bytes(&typed), code, e) < 0)
		return -1;
	channel_id(n->host, &n->uid, &ci);
	session_id(&n->c.join, &n->nonce, &ra, &k->sid);
	OWN(cpace_free)
	struct cpace *cp =
	    cpace_new(CPACE_RESPONDER, bytes_of(code, PAIR_CODE_DIGITS),
		buf_bytes(&ci), buf_bytes(&k->sid), buf_bytes(&n->record));
	mem_wipe(code, sizeof code);
	cpace_share(cp, NULL, yb);
	if (cpace_finish(cp, ya, buf_bytes(&other), &isk, &k->transcript, e) <
	    0)
		return -1;
	keys_from(k, isk);
	confirmation(k->confirm_b, k, &mac);
	buf_put(&m, yb, sizeof yb);
	digest_put(&m, &mac);
	if (send_message(&n->c, KIND_PROOF_B, buf_bytes(&m), e) < 0)
		return -1;
	do {
		if (receive(&n->c, &kind, e) < 0)
			return -1;
	} while (kind != KIND_OFFER && kind != KIND_BURNT);
	*right = kind == KIND_OFFER;
	if (!*right)
		return 0;
	s = scan_of(n->c.body);
	got = digest_take(&s);
	confirmation(k->confirm_a, k, &mac);
	if (!scan_ok(&s) || !digest_equal(&mac, &got))
		return err_set(e, ERR_WRONG_CODE,
		    "the other device does not know the code");
	return unbox(k, k->a_to_b, KIND_OFFER, bytes_of(s.p, s.n), offer, e);
}

/* The circle differs from the vouched one: in a part, or is it another? */
static int
differs(const struct newcomer *n, bool ours, enum err_code code,
    const char *how, struct err *e)
{
	if (!ours && n->circle.seq > 0)
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the server's list of devices does not begin as that of "
		    "the trusted device");
	return err_set(e, code, "the server's list of devices %s", how);
}

/* The circle must be whole and end in exactly the vouched head. */
static int
fetch_circle(struct newcomer *n, bool with_add, struct err *e)
{
	OWN(buf_free) struct buf all = { 0 };
	uint32_t until = n->seq + (with_add ? 1 : 0);
	bool ours = false;

	if (n->depot->ops->circle(n->depot, 0, &all, e) < 0)
		return -1;
	circle_free(&n->circle);
	buf_clear(&n->entries);
	struct scan s = scan_of(buf_bytes(&all));
	while (s.n > 0 && n->circle.seq < until) {
		struct bytes entry = scan_v16(&s);
		if (!scan_ok(&s))
			return err_set(e, ERR_CIRCLE_INVALID,
			    "the list of devices was cut short");
		if (circle_apply(&n->circle, entry, e) < 0)
			return e->code == ERR_CONFLICT
			    ? differs(n, ours, ERR_CIRCLE_ROLLED_BACK,
				  "lacks an entry", e)
			    : -1;
		ours |= digest_equal(&n->circle.circle_id, &n->circle_id);
		if (!id_equal(&n->circle.uid, &n->uid))
			return err_set(e, ERR_CIRCLE_NOT_YOURS,
			    "the list of devices is another account's");
		buf_put_v16(&n->entries, entry);
		if (n->circle.seq == n->seq &&
		    !digest_equal(&n->circle.head, &n->head))
			return differs(n, ours, ERR_CIRCLE_FORKED,
			    "is not the one the trusted device vouched for", e);
	}
	if (n->circle.seq < until)
		return differs(n, ours, ERR_CIRCLE_ROLLED_BACK,
		    "is shorter than the one the trusted device vouched for",
		    e);
	if (!with_add && !digest_equal(&n->circle.circle_id, &n->circle_id))
		return differs(n, false, ERR_CIRCLE_NOT_YOURS, "", e);
	return 0;
}

/* Check what is offered, and sign it. */
static int
sign_offer(
    struct newcomer *n, struct keys *k, struct bytes offer, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf whole = { 0 };
	struct circle_sig none = { .kind = 1 };
	uint8_t sig[SIG_BYTES];
	struct entry_view v;

	struct scan s = scan_of(offer);
	struct id uid = id_take(&s);
	n->circle_id = digest_take(&s);
	n->seq = scan_u32(&s);
	n->head = digest_take(&s);
	struct bytes unsigned_add = scan_v16(&s);
	if (!scan_done(&s))
		return malformed(e);
	if (!id_equal(&uid, &n->uid))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the trusted device is of another account");
	if (fetch_circle(n, false, e) < 0)
		return -1;
	/* Parsed like any entry, with a signature that does not count. */
	buf_put_bytes(&whole, unsigned_add);
	circle_entry_end(&whole, &none, 1);
	if (circle_entry_parse(buf_bytes(&whole), &v, e) < 0)
		return -1;
	if (v.type != CIRCLE_ADD || v.seq != n->seq + 1 ||
	    !digest_equal(&v.prev, &n->head) || !id_equal(&v.uid, &n->uid) ||
	    !bytes_equal(v.body, buf_bytes(&n->record)))
		return err_set(e, ERR_CIRCLE_INVALID,
		    "the entry to sign does not add this device to that list");
	devkey_sign(n->key, SIG_CIRCLE, unsigned_add, sig);
	box(k, k->b_to_a, KIND_SIGNED, bytes_of(sig, sizeof sig), &m);
	return send_message(&n->c, KIND_SIGNED, buf_bytes(&m), e);
}

/* Sign until the welcome comes. */
static int
be_let_in(struct newcomer *n, struct keys *k, struct buf *offer,
    struct buf *heads, struct err *e)
{
	uint8_t kind = KIND_OFFER;

	for (;;) {
		if (kind == KIND_WELCOME)
			return unbox(
			    k, k->a_to_b, KIND_WELCOME, n->c.body, heads, e);
		if (kind == KIND_OFFER &&
		    sign_offer(n, k, buf_bytes(offer), e) < 0)
			return -1;
		if (receive(&n->c, &kind, e) < 0)
			return -1;
		if (kind == KIND_OFFER) {
			struct scan s = scan_of(n->c.body);
			(void)digest_take(&s);
			buf_clear(offer);
			if (unbox(k, k->a_to_b, KIND_OFFER, bytes_of(s.p, s.n),
				offer, e) < 0)
				return -1;
		}
	}
}

/* No zone may be older than what the trusted device has seen. */
static int
check_heads(struct self *s, struct scan *p, struct err *e)
{
	uint16_t n = scan_u16(p);

	for (uint16_t i = 0; i < n; i++) {
		OWN(zcopy_free) struct zcopy *z = NULL;
		uint8_t c = scan_u8(p);
		struct id zone = id_take(p);
		uint64_t seq = scan_u64(p);
		struct digest hash = digest_take(p);
		if (!scan_ok(p) || !category_known(c))
			return malformed(e);
		if (zcopy_open(&s->writer, s->local, s->depot, &zone,
			(enum category)c, &z, e) < 0)
			return -1;
		zcopy_expect(z, seq, &hash);
		if (zcopy_pull(z, 0, e) < 0)
			return -1;
	}
	return scan_done(p) ? 0 : malformed(e);
}

static int
settle_in(struct newcomer *n, struct bytes welcome_plain, struct err *e)
{
	const struct pair_join *a = n->a;
	struct scan p = scan_of(welcome_plain);
	struct bytes name = scan_v8(&p);
	OWN(self_free) struct self *s = NULL;
	OWN(buf_free) struct buf text = { 0 };

	buf_put_bytes(&text, name);
	if (fetch_circle(n, true, e) < 0)
		return -1;
	if (!circle_active(&n->circle, &n->device.dev_id))
		return err_set(e, ERR_CIRCLE_INVALID,
		    "the server's list of devices lacks this device");
	if (self_save_account(a->dir, a->url, buf_text(&text), n->host,
		buf_bytes(&n->entries), bytes_str(""), e) < 0 ||
	    home_write_key(a->dir, &n->uid, &n->device.dev_id, n->key, e) < 0 ||
	    self_open(a->dir, &s, e) < 0 || self_connect(s, e) < 0 ||
	    check_heads(s, &p, e) < 0 || self_state(s, e) < 0)
		return -1;
	return self_put_name(
	    s, &n->device.dev_id, &n->opening, a->device_name, e);
}

/* Answer codes until one is right. */
static int
prove(struct newcomer *n, struct err *e)
{
	for (;;) {
		OWN(keys_free) struct keys k = { 0 };
		OWN(buf_free) struct buf offer = { 0 };
		OWN(buf_free) struct buf heads = { 0 };
		bool right = false;
		uint8_t kind;
		do {
			if (receive(&n->c, &kind, e) < 0)
				return -1;
		} while (kind != KIND_OPEN);
		if (answer_code(n, &k, &offer, &right, e) < 0)
			return -1;
		if (right)
			return be_let_in(n, &k, &offer, &heads, e) < 0
			    ? -1
			    : settle_in(n, buf_bytes(&heads), e);
		if (!n->a->again)
			return err_set(
			    e, ERR_WRONG_CODE, "the code is wrong, and burnt");
	}
}

int
pair_join(const struct pair_join *a, struct err *e)
{
	OWN(newcomer_free) struct newcomer n = { .a = a };

	if (home_has_key(a->dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", a->dir);
	if (remote_new(a->url, &n.remote, e) < 0 || open_request(&n, e) < 0)
		return -1;
	n.depot = depot_remote_new(n.remote);
	n.c.remote = n.remote;
	n.c.side = SIDE_NEW;
	n.c.deadline_ms = now_ms() + a->timeout_s * 1000LL;
	if (a->waiting != NULL)
		a->waiting(a->ctx);
	if (prove(&n, e) == 0)
		return 0;
	/* Nobody should be asked about what nobody waits for. */
	cancel(n.remote, &n.c.join);
	return -1;
}
