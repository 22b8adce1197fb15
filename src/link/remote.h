/* SPDX-License-Identifier: ISC */
/* remote.h: HTTP calls to one server, over libcurl. */
/*
 * One remote serves many threads: each call takes a connection from a pool, and
 * one that waits holds up no other. Only calls that are `shown` come from one
 * thread, as does what sets a remote up.
 * Errors that the server names come back with its code; a server that cannot
 * be reached is server-unreachable, another key than the pinned one is
 * certificate-changed.
 */
#pragma once

#include "wire/digest.h"

#include <stdatomic.h>

struct remote;
struct depot_sink;

/*
 * url  "https://host:port/#pin=…" as `aumbryd init` prints it, or
 *      "http://…" on loopback.
 * errors  bad-usage: not such a URL, or https without a pin.
 */
MUST_CHECK int remote_new(const char *url, struct remote **out, struct err *e);
/*
 * As remote_new takes it: where a person left the pin out the server is asked
 * who it is, over a connection that an authority of this system vouches for.
 *
 * url     as it was typed.
 * errors  bad-usage; without a pin also certificate-changed, server-unreachable.
 */
MUST_CHECK int remote_find(const char *url, struct buf *out, struct err *e);
void remote_free(struct remote **r);

/* As it was given, with the pin; once it has moved, with that of the identity as
 * it is now. Borrowed. */
const char *remote_url(struct remote *r);
bool remote_moved(struct remote *r);
/* The server's identity, wire/identity.h, or what was pinned in its place; zeros
 * over plain HTTP. */
const struct digest *remote_pin(struct remote *r);

/*
 * The server says that `id` is its identity. What is pinned may be a key that it
 * shows, from before identities, or one that handed over: then the URL with the
 * new pin is to be kept instead: remote_moved.
 *
 * errors  certificate-changed: neither.
 */
MUST_CHECK int remote_adopt(
    struct remote *r, const struct digest *id, struct err *e);
/*
 * The keys that the identity vouched for, appended as bytes for remote_expect of
 * the next process: it need not ask then. Nothing when they are as expected.
 * What is older than a day, or of another identity, or no such bytes, is passed
 * over.
 */
void remote_shown(struct remote *r, struct buf *out);
void remote_expect(struct remote *r, struct bytes shown);

/* The escrow's fingerprint that the URL names, SHA-256 of its key; false
 * without. */
bool remote_escrow(struct remote *r, struct digest *out);

/* Token sent as bearer from now on; NULL for none. */
void remote_set_token(struct remote *r, const char *token);

/* Bytes a second, each way, from the next call on; 0: as fast as it goes. Blobs
 * go two at a time at most (sink.h, fetch.h), so each gets half of it. */
void remote_limit(struct remote *r, uint64_t up, uint64_t down);

/* Called once when the server says session-expired; then the call is made
 * again. It sets a new token. */
typedef int (*remote_renew_fn)(void *ctx, struct err *e);
void remote_on_expiry(struct remote *r, remote_renew_fn fn, void *ctx);

/* Where calls that are `noted` write down their keys: act.h. Borrowed. */
struct local;
void remote_note_in(struct remote *r, struct local *notes);
/* The answer of the last call that is `shown` was: its key is forgotten. */
void remote_told(struct remote *r);

struct remote_call {
	const char *method; /* "GET", "PUT", … */
	const char *path; /* from "/v1/…" on */
	struct bytes body; /* n 0: none */
	const char *type; /* of the body; NULL: application/octet-stream */
	const char *header; /* one more header line, or NULL */
	uint64_t range_from; /* with range_n: a Range header */
	size_t range_n;
	size_t limit; /* bytes of answer accepted; 0: LIMIT_JSON_BYTES */
	unsigned timeout_s; /* without progress; 0: 60 */
	bool bare; /* no token, no renewal */
	bool noted; /* its key is remembered until there is an answer */
	bool shown; /* and longer, until remote_told */
	/* Takes the body of an answer that is no error, in pieces and without
	 * a limit; what it refuses ends the call with its error. */
	const struct depot_sink *sink;
	/* A long poll: within a second of a signal (base/stop.h), or of *ends,
	 * when not NULL, it ends as code-expired. */
	bool waits;
	const atomic_bool *ends;
};

/*
 * Appends the answer's body to out. What changes something carries a key, and
 * is sent again when its answer is lost.
 *
 * errors  server-unreachable: it may have been done nevertheless.
 */
MUST_CHECK int remote_call(struct remote *r, const struct remote_call *c,
    struct buf *out, struct err *e);
