/* SPDX-License-Identifier: ISC */
/* certs.h: which certificates are shown for this server, and its word for them. */
/*
 * A device knows the server by its identity (wire/identity.h). What TLS shows is
 * the identity's own certificate, or another from aumbryd.conf, or a proxy's;
 * for these the identity gives its word to whoever asks. All is looked at again
 * when it has changed: files here, proxies when a device asks.
 *
 * threads: any, but certs_look: one.
 */
#pragma once

#include "http/http.h"
#include "server/config.h"
#include "server/keys.h"
#include "wire/identity.h"

struct certs;

/*
 * keys, c  borrowed until certs_free.
 * errors   state-damaged, permission-denied, not-found, io-error: of tls_cert
 *          and tls_key.
 */
MUST_CHECK int certs_new(const struct keys *keys, const struct config *c,
    struct certs **out, struct err *e);
void certs_free(struct certs **c);

/* What TLS shows first; borrowed, until the next certs_look. */
void certs_shown(const struct certs *c, struct bytes *cert, struct bytes *key);

/* Have the HTTP server show what the files hold now, if they have changed; what
 * cannot be read stays as it was, and is told in the log once. */
void certs_look(struct certs *c, struct http_server *http);

/*
 * By which keys a device may know this server: its identity, what TLS shows
 * here, and the identities before. At least one.
 */
#define CERTS_KNOWN (2 + IDENTITY_PAST)
size_t certs_known(struct certs *c, struct digest out[static CERTS_KNOWN]);

/* Append the answer for a nonce. errors: of the identity's key. */
MUST_CHECK int certs_vouch(
    struct certs *c, struct bytes nonce, struct buf *out, struct err *e);
