/* SPDX-License-Identifier: ISC */
/* relay.h: what both sides of a pairing share: messages, and keys of a code. */
/*
 * Messages go through the server, which can neither read nor make those that
 * matter. What each kind holds is in pair.h.
 */
#pragma once

#include "link/remote.h"
#include "vault/secret.h"
#include "wire/id.h"

enum relay_kind {
	RELAY_OPEN = 1,
	RELAY_PROOF_B = 2,
	RELAY_OFFER = 3,
	RELAY_SIGNED = 4,
	RELAY_WELCOME = 5,
	RELAY_BURNT = 6
};

enum relay_side { RELAY_SIDE_NEW = 0, RELAY_SIDE_TRUSTED = 1 };

/* Of a join request, as the server says it. */
enum relay_state {
	RELAY_WAITING,
	RELAY_ALLOWED,
	RELAY_REFUSED,
	RELAY_DONE,
	RELAY_EXPIRED,
	RELAY_FAILED
};

/* One side's end. Set remote, join, side, state and deadline_ms. */
struct relay {
	struct remote *remote; /* borrowed */
	const char *path; /* of all requests; NULL: those to join */
	struct id join;
	enum relay_side side; /* ours */
	uint32_t after;
	uint8_t state; /* enum relay_state */
	int64_t deadline_ms;
	struct buf queue; /* answer of the relay, from `at` on */
	size_t at;
	struct bytes body; /* of the message taken last; until the next */
};

/* The request goes on: relay_end. */
void relay_free(struct relay *r);

/* Put a message there for the other side. errors: the request is over. */
MUST_CHECK int relay_send(
    struct relay *r, enum relay_kind kind, struct bytes body, struct err *e);

/*
 * The other side's next message: *kind and r->body.
 *
 * errors  code-expired at the deadline, and when the request is over;
 *         request-refused; wrong-code when it was wrong too often.
 */
MUST_CHECK int relay_receive(struct relay *r, uint8_t *kind, struct err *e);

/* The same, but of several that have come only the last. */
MUST_CHECK int relay_receive_last(
    struct relay *r, uint8_t *kind, struct err *e);

/* Wait until the state is another one; messages are passed over. */
MUST_CHECK int relay_change(struct relay *r, struct err *e);

/* Ask for the request's state, without waiting. errors: it is over. */
MUST_CHECK int relay_look(struct relay *r, struct err *e);

/* Give up; the other side hears of it. */
void relay_end(const struct relay *r);
void relay_cancel(struct remote *remote, const struct id *join);

/* What CPace gave for one code. Begin with zeros, and sid filled in. */
struct relay_keys {
	const char *label; /* what its boxes begin with; NULL: pairing's */
	struct secret *confirm_a, *confirm_b, *a_to_b, *b_to_a;
	struct buf transcript;
	struct buf sid;
};

/* The keys, drawn from what CPace gave; label and sid were set. */
void relay_keys_free(struct relay_keys *k);
void relay_keys_from(struct relay_keys *k, const struct secret *isk);

/* What proves that a side knows the code. */
void relay_confirm(
    const struct secret *key, const struct relay_keys *k, struct digest *out);

/* Seal, appended to out. */
void relay_box(const struct relay_keys *k, const struct secret *key,
    enum relay_kind kind, struct bytes plain, struct buf *out);
/* errors: circle-not-yours. */
MUST_CHECK int relay_unbox(const struct relay_keys *k, const struct secret *key,
    enum relay_kind kind, struct bytes sealed, struct buf *out, struct err *e);

/* CPace's channel and session identifiers, appended. The channel's is that of
 * pairing. */
void relay_channel_id(const char *host, const struct id *uid, struct buf *out);
void relay_session_id(const struct id *join, const struct id *rb,
    const struct id *ra, struct buf *out);

/* bad-request. Always -1. */
int relay_malformed(struct err *e);
