/* SPDX-License-Identifier: ISC */
/* relay.c: messages of a pairing through the server, and their boxes. */
#include "join/relay.h"

#include "base/now.h"
#include "link/control.h"
#include "vault/seal.h"

#include <string.h>

#define RELAY_MAX (1024 * 1024) /* bytes of one answer of the relay */
#define POLL_S 25
#define JOINS "/v1/joins"
static const char pair_label[] = "aumbry pair v1";

/* ---- messages ---- */

void
relay_free(struct relay *c)
{
	buf_free(&c->queue);
}

static const char *
all_of(const struct relay *c)
{
	return c->path != NULL ? c->path : JOINS;
}

static void
put_path(const struct relay *c, struct buf *path)
{
	buf_printf(path, "%s/%s/messages", all_of(c), id_text(&c->join).s);
}

int
relay_send(
    struct relay *c, enum relay_kind kind, struct bytes body, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf out = { 0 };

	put_path(c, &path);
	buf_put_u8(&m, (uint8_t)kind);
	buf_put_bytes(&m, body);
	struct remote_call call = {
		.method = "POST", .path = buf_text(&path), .body = buf_bytes(&m)
	};
	return remote_call(c->remote, &call, &out, e);
}

static int
state_error(const struct relay *c, struct err *e)
{
	switch (c->state) {
	case RELAY_REFUSED:
		return err_set(
		    e, ERR_REQUEST_REFUSED, "the trusted device refused");
	case RELAY_FAILED:
		return err_set(
		    e, ERR_WRONG_CODE, "the code was wrong too often");
	default:
		return err_set(
		    e, ERR_CODE_EXPIRED, "the request is no longer valid");
	}
}

static int
fetch(struct relay *c, unsigned wait, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	put_path(c, &path);
	buf_printf(&path, "?after=%u&wait=%u&state=%u", (unsigned)c->after,
	    wait, (unsigned)c->state);
	struct remote_call call = { .method = "GET",
		.path = buf_text(&path),
		.limit = RELAY_MAX,
		.timeout_s = wait + 30,
		.waits = wait > 0 };
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

static int
poll_relay(struct relay *c, struct err *e)
{
	int64_t left = c->deadline_ms - now_ms();

	if (left <= 0)
		return err_set(e, ERR_CODE_EXPIRED, "nobody answered in time");
	return fetch(
	    c, left / 1000 < POLL_S ? (unsigned)(left / 1000) + 1 : POLL_S, e);
}

static bool
over(const struct relay *c)
{
	return c->state != RELAY_WAITING && c->state != RELAY_ALLOWED &&
	    c->state != RELAY_DONE;
}

int
relay_look(struct relay *c, struct err *e)
{
	/* What is queued comes again: nothing was taken yet. */
	return fetch(c, 0, e) < 0 ? -1 : over(c) ? state_error(c, e) : 0;
}

/* Take one queued message of the other side; false when none is left. */
static bool
take_queued(struct relay *c, uint8_t *kind)
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

int
relay_receive(struct relay *c, uint8_t *kind, struct err *e)
{
	for (;;) {
		if (c->queue.n > 0 && take_queued(c, kind))
			return 0;
		if (over(c))
			return state_error(c, e);
		if (poll_relay(c, e) < 0)
			return -1;
	}
}

int
relay_receive_last(struct relay *c, uint8_t *kind, struct err *e)
{
	if (relay_receive(c, kind, e) < 0)
		return -1;
	while (take_queued(c, kind))
		;
	return 0;
}

int
relay_change(struct relay *c, struct err *e)
{
	uint8_t before = c->state, kind;

	while (c->state == before) {
		if (poll_relay(c, e) < 0)
			return -1;
		while (take_queued(c, &kind))
			;
	}
	return 0;
}

void
relay_end(const struct relay *c)
{
	OWN(buf_free) struct buf path = { 0 };
	struct err ignored;

	buf_printf(&path, "%s/%s", all_of(c), id_text(&c->join).s);
	if (control_call(
		c->remote, "DELETE", buf_text(&path), NULL, NULL, &ignored) < 0)
		return;
}

void
relay_cancel(struct remote *remote, const struct id *join)
{
	const struct relay c = { .remote = remote, .join = *join };

	relay_end(&c);
}

/* ---- keys of one code ---- */

void
relay_keys_free(struct relay_keys *k)
{
	secret_free(&k->confirm_a);
	secret_free(&k->confirm_b);
	secret_free(&k->a_to_b);
	secret_free(&k->b_to_a);
	buf_free(&k->transcript);
	buf_free(&k->sid);
}

void
relay_keys_from(struct relay_keys *k, const struct secret *isk)
{
	struct bytes none = bytes_str("");

	k->confirm_a = secret_derive(isk, "aumbry pair confirm a", none);
	k->confirm_b = secret_derive(isk, "aumbry pair confirm b", none);
	k->a_to_b = secret_derive(isk, "aumbry pair a to b", none);
	k->b_to_a = secret_derive(isk, "aumbry pair b to a", none);
}

void
relay_confirm(
    const struct secret *key, const struct relay_keys *k, struct digest *out)
{
	mac_once(secret_bytes(key), buf_bytes(&k->transcript), out);
}

static void
box_ad(const struct relay_keys *k, enum relay_kind kind, struct buf *ad)
{
	const char *label = k->label != NULL ? k->label : pair_label;

	buf_put(ad, label, strlen(label) + 1);
	buf_put_u8(ad, (uint8_t)kind);
	buf_put_bytes(ad, buf_bytes(&k->sid));
}

void
relay_box(const struct relay_keys *k, const struct secret *key,
    enum relay_kind kind, struct bytes plain, struct buf *out)
{
	OWN(buf_free) struct buf ad = { 0 };

	box_ad(k, kind, &ad);
	seal_make(key, buf_bytes(&ad), plain, out);
}

int
relay_unbox(const struct relay_keys *k, const struct secret *key,
    enum relay_kind kind, struct bytes sealed, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf ad = { 0 };

	box_ad(k, kind, &ad);
	if (seal_open(key, buf_bytes(&ad), sealed, out, e) < 0)
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "a message of the pairing was changed on its way");
	return 0;
}

void
relay_channel_id(const char *host, const struct id *uid, struct buf *out)
{
	buf_put_str(out, pair_label);
	buf_put_v8(out, bytes_str(host));
	id_put(out, uid);
}

void
relay_session_id(const struct id *join, const struct id *rb,
    const struct id *ra, struct buf *out)
{
	id_put(out, join);
	id_put(out, rb);
	id_put(out, ra);
}

int
relay_malformed(struct err *e)
{
	return err_set(
	    e, ERR_BAD_REQUEST, "a message of the pairing is not well-formed");
}
