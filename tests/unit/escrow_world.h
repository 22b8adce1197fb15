/* SPDX-License-Identifier: ISC */
/* escrow_world.h: an account, its devices, a server, and what they ask of an
 * escrow. */
#pragma once

#include "escrow/release.h"
#include "vault/keyring.h"

#include <stdlib.h>
#include <string.h>

#define WORLD_MS 1700000000000ULL /* when the account begins */
#define WORLD_HOUR 3600000ULL
#define WORLD_DAY (24 * WORLD_HOUR)
#define WORLD_DEVICES 4

struct world {
	struct id uid;
	struct devkey *key[WORLD_DEVICES];
	struct device device[WORLD_DEVICES];
	struct devkey *server, *release;
	uint8_t server_pk[SIG_PK_BYTES], release_pk[SIG_PK_BYTES];
	struct circle_escrow escrow; /* what the account knows of it */
	struct circle circle;
	struct buf entries; /* v16 each, all of them */
	struct keyring *ring;
	struct id request; /* counts up */
};

static inline void
world_must(int rc)
{
	if (rc < 0)
		abort();
}

static inline struct world
world_new(void)
{
	struct world w = { 0 };
	struct device d;

	id_random(&w.uid);
	for (size_t i = 0; i < WORLD_DEVICES; i++) {
		w.device[i].class = CLASS_COMPUTER;
		w.device[i].rights = RIGHT_APPROVE;
		w.key[i] = devkey_new(&w.device[i]);
	}
	w.server = devkey_new(&d);
	devkey_sign_pk(w.server, w.server_pk);
	w.release = devkey_new(&d);
	devkey_sign_pk(w.release, w.release_pk);
	w.ring = keyring_new(&w.uid);
	return w;
}

static inline void
world_free(struct world *w)
{
	for (size_t i = 0; i < WORLD_DEVICES; i++)
		devkey_free(&w->key[i]);
	devkey_free(&w->server);
	devkey_free(&w->release);
	circle_free(&w->circle);
	buf_free(&w->entries);
	keyring_free(&w->ring);
}

/* ---- the circle ---- */

/* The entry after the circle, signed by `by` and, if it is not, by `also`. */
static inline void
world_entry(
    struct world *w, enum circle_type type, struct bytes body, int by, int also)
{
	OWN(buf_free) struct buf entry = { 0 };
	const int who[] = { by, also };
	struct circle_sig sigs[2] = { 0 };
	size_t n = 0;
	struct err e = { 0 };

	circle_entry_begin(&entry, &w->circle, &w->uid, WORLD_MS, type, body);
	for (size_t i = 0; i < 2; i++) {
		if (i == 1 && who[1] == who[0])
			continue;
		sigs[n].kind = 1;
		sigs[n].keyref = w->device[who[i]].dev_id;
		devkey_sign(w->key[who[i]], SIG_CIRCLE, buf_bytes(&entry),
		    sigs[n++].sig);
	}
	circle_entry_end(&entry, sigs, n);
	world_must(circle_apply(&w->circle, buf_bytes(&entry), &e));
	buf_put_v16(&w->entries, buf_bytes(&entry));
}

static inline void
world_level(const struct world *w, uint8_t level, struct buf *body)
{
	buf_put_u8(body, level);
	if (level == PROTECTION_STANDARD)
		circle_escrow_put(body, &w->escrow);
}

static inline void
world_genesis(struct world *w, uint8_t level)
{
	OWN(buf_free) struct buf body = { 0 };
	const struct recovery_set none = { 0 };
	struct key_change kc;
	struct id zone;

	id_random(&zone);
	keyring_next_epoch(w->ring, &kc);
	device_put(&body, &w->device[0]);
	recovery_set_put(&body, &none);
	buf_put_u8(&body, 1);
	buf_put_u16(&body, 72);
	world_level(w, level, &body);
	id_put(&body, &zone);
	key_change_put(&body, &kc);
	world_entry(w, CIRCLE_GENESIS, buf_bytes(&body), 0, 0);
}

static inline void
world_protection(struct world *w, uint8_t level, int by)
{
	OWN(buf_free) struct buf body = { 0 };

	buf_put_u32(&body, w->circle.protection_clock + 1);
	buf_put_u8(&body, level);
	buf_put_u8(&body, 0);
	if (level == PROTECTION_STANDARD)
		circle_escrow_put(&body, &w->escrow);
	world_entry(w, CIRCLE_PROTECTION, buf_bytes(&body), by, by);
}

static inline void
world_add(struct world *w, int who)
{
	OWN(buf_free) struct buf body = { 0 };

	device_put(&body, &w->device[who]);
	world_entry(w, CIRCLE_ADD, buf_bytes(&body), 0, who);
}

static inline void
world_reset(struct world *w, int who)
{
	OWN(buf_free) struct buf body = { 0 };
	struct key_change kc;
	struct id zone;

	id_random(&zone);
	keyring_next_epoch(w->ring, &kc);
	device_put(&body, &w->device[who]);
	id_put(&body, &zone);
	key_change_put(&body, &kc);
	world_entry(w, CIRCLE_RESET, buf_bytes(&body), who, who);
}

static inline void
world_close(struct world *w)
{
	world_entry(w, CIRCLE_CLOSE, bytes_str(""), 0, 0);
}

/* Forget the entries after the first n, as a server could. */
static inline void
world_back(struct world *w, uint32_t n)
{
	struct scan s = scan_of(buf_bytes(&w->entries));
	OWN(buf_free) struct buf kept = { 0 };
	struct err e = { 0 };

	circle_free(&w->circle);
	for (uint32_t i = 0; i < n; i++) {
		struct bytes entry = scan_v16(&s);
		world_must(circle_apply(&w->circle, entry, &e));
		buf_put_v16(&kept, entry);
	}
	while (keyring_epoch(w->ring) > w->circle.key.epoch)
		keyring_drop_epoch(w->ring);
	buf_clear(&w->entries);
	buf_put_bytes(&w->entries, buf_bytes(&kept));
}

/* The entries after the first `since`, v16 each. */
static inline void
world_since(const struct world *w, uint32_t since, struct buf *out)
{
	struct scan s = scan_of(buf_bytes(&w->entries));

	for (uint32_t i = 0; i < since; i++)
		(void)scan_v16(&s);
	buf_put_bytes(out, bytes_of(s.p, s.n));
}

/* ---- requests ---- */

static inline void
world_begin(struct buf *out, enum escrow_verb verb)
{
	buf_clear(out);
	buf_put_u8(out, ESCROW_VERSION);
	buf_put_u8(out, (uint8_t)verb);
}

static inline void
world_hello(const struct world *w, struct buf *out)
{
	world_begin(out, ESCROW_HELLO);
	buf_put(out, w->server_pk, sizeof w->server_pk);
}

/* CREATE, STATE, NONCE, DROP. */
static inline void
world_plain(const struct world *w, enum escrow_verb verb, struct buf *out)
{
	world_begin(out, verb);
	id_put(out, &w->uid);
}

static inline void
world_destroy(const struct world *w, uint32_t since, struct buf *out)
{
	OWN(buf_free) struct buf list = { 0 };

	world_since(w, since, &list);
	world_plain(w, ESCROW_DESTROY, out);
	buf_put_v32(out, buf_bytes(&list));
}

static inline void
world_register(const struct world *w, uint32_t since, int who, uint64_t time_ms,
    struct buf *out)
{
	OWN(buf_free) struct buf list = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	struct escrow_registration r = { .dev_id = w->device[who].dev_id,
		.time_ms = time_ms };

	memcpy(r.release_pk, w->release_pk, sizeof r.release_pk);
	escrow_registration_signed(&w->uid, r.release_pk, time_ms, &m);
	devkey_sign(w->key[who], SIG_RELEASE_KEY, buf_bytes(&m), r.sig);
	world_since(w, since, &list);
	world_plain(w, ESCROW_REGISTER, out);
	buf_put_v32(out, buf_bytes(&list));
	escrow_registration_put(out, &r);
}

/* One asking for keys; spoil what you like before it is put together. */
struct world_asking {
	struct escrow_ask ask;
	struct escrow_statement statement;
	const struct devkey *ask_key, *statement_key;
	struct buf circle, envelopes;
};

static inline void
world_asking_free(struct world_asking *x)
{
	buf_free(&x->circle);
	buf_free(&x->envelopes);
}

static inline struct world_asking
world_ask(struct world *w, const uint8_t nonce[static ESCROW_NONCE], int to,
    uint64_t time_ms)
{
	struct world_asking x = { .ask_key = w->release,
		.statement_key = w->server };

	w->request.b[ID_BYTES - 1]++;
	w->request.b[0] = 1;
	x.ask.uid = x.statement.uid = w->uid;
	x.ask.request = x.statement.request = w->request;
	x.ask.time_ms = x.statement.time_ms = time_ms;
	memcpy(x.ask.nonce, nonce, ESCROW_NONCE);
	memcpy(x.ask.recipient, w->device[to].kem_pk, KEM_PK_BYTES);
	memcpy(x.statement.recipient, w->device[to].kem_pk, KEM_PK_BYTES);
	x.statement.way = bytes_str("authenticator");
	x.ask.n = 2;
	x.ask.categories[0] = CATEGORY_BACKUP;
	x.ask.categories[1] = CATEGORY_PHOTOS;
	if (w->circle.protection == PROTECTION_STANDARD)
		keyring_for_escrow(w->ring, &w->circle, w->key[0],
		    &w->device[0].dev_id, &x.envelopes);
	return x;
}

static inline void
world_release(const struct world_asking *x, struct buf *out)
{
	OWN(buf_free) struct buf ask = { 0 };
	OWN(buf_free) struct buf statement = { 0 };
	uint8_t sig[SIG_BYTES];

	escrow_ask_put(&ask, &x->ask);
	escrow_statement_put(&statement, &x->statement);
	world_begin(out, ESCROW_RELEASE);
	buf_put_v16(out, buf_bytes(&ask));
	devkey_sign(x->ask_key, SIG_RELEASE, buf_bytes(&ask), sig);
	buf_put(out, sig, sizeof sig);
	buf_put_v16(out, buf_bytes(&statement));
	devkey_sign(x->statement_key, SIG_FACTOR, buf_bytes(&statement), sig);
	buf_put(out, sig, sizeof sig);
	buf_put_v32(out, buf_bytes(&x->circle));
	buf_put_v32(out, buf_bytes(&x->envelopes));
}

static inline void
world_order(const struct world *w, const struct id *id, int to,
    const char *reference, struct buf *out)
{
	world_plain(w, ESCROW_ORDER, out);
	id_put(out, id);
	buf_put(out, w->device[to].kem_pk, KEM_PK_BYTES);
	buf_put(out, w->device[to].sign_pk, SIG_PK_BYTES);
	buf_put_v8(out, bytes_str(reference));
}

static inline void
world_cancel(const struct world *w, const struct id *id, struct buf *out)
{
	world_plain(w, ESCROW_CANCEL, out);
	id_put(out, id);
	buf_put_v8(out, bytes_str("signed in"));
}

static inline void
world_collect(const struct world *w, const struct id *id, struct buf *out)
{
	OWN(buf_free) struct buf envelopes = { 0 };

	if (w->circle.protection == PROTECTION_STANDARD)
		keyring_for_escrow(w->ring, &w->circle, w->key[0],
		    &w->device[0].dev_id, &envelopes);
	world_plain(w, ESCROW_COLLECT, out);
	id_put(out, id);
	buf_put_v32(out, (struct bytes){ 0 });
	buf_put_v32(out, buf_bytes(&envelopes));
}

static inline void
world_journal(const struct world *w, uint64_t since, struct buf *out)
{
	world_plain(w, ESCROW_JOURNAL, out);
	buf_put_u64(out, since);
}

/* ---- answers ---- */

/* The body of an answer, in `frame` with its length; an error's code to e. */
static inline enum err_code
world_answer(struct bytes frame, struct bytes *body)
{
	struct scan s = scan_of(frame);
	struct bytes x = scan_v32(&s);
	struct scan in = scan_of(x);

	if (!scan_done(&s) || x.n == 0)
		abort();
	if (scan_u8(&in) == 0) {
		*body = bytes_of(in.p, in.n);
		return ERR_NONE;
	}
	struct bytes code = scan_v8(&in);
	struct bytes message = scan_v16(&in);
	enum err_code found = err_find((const char *)code.p, code.n);
	if (!scan_done(&in) || found == ERR_CODES || found == ERR_NONE ||
	    message.n == 0)
		abort();
	*body = message;
	return found;
}

/* What CREATE answered, as the account's devices write it down. */
static inline void
world_meet_escrow(struct world *w, const uint8_t sign_pk[static SIG_PK_BYTES],
    struct bytes created)
{
	struct scan s = scan_of(created);

	memcpy(w->escrow.sign_pk, sign_pk, SIG_PK_BYTES);
	scan_copy(&s, w->escrow.kem_pk, KEM_PK_BYTES);
	scan_copy(&s, w->escrow.sig, SIG_BYTES);
	if (!scan_done(&s))
		abort();
}
