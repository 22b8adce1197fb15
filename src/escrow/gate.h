/* SPDX-License-Identifier: ISC */
/* gate.h: TLS 1.3 for a server on another machine, both ends pinned. */
/*
 *   DIR/tls.crt  PEM, self-signed
 *   DIR/tls.key  magic | "PET1" | box(HKDF(root, "escrow tls"),
 *                "aumbry escrow tls v1\0", PEM)
 *
 * Who connects must show a certificate whose key has the pin that was given;
 * nothing else of it is looked at. A pin is SHA-256 over a certificate's
 * SubjectPublicKeyInfo. Sockets do not block.
 */
#pragma once

#include "vault/secret.h"
#include "wire/digest.h"

#include <sys/types.h>

struct gate; /* what all connections share */
struct gate_peer; /* one connection */

/* Make key and certificate. */
MUST_CHECK int gate_make(
    const char *dir, const struct secret *root, struct err *e);

/* SHA-256 of the key of DIR/tls.crt. errors: not-found, bad-request. */
MUST_CHECK int gate_pin(const char *dir, struct digest *out, struct err *e);

/*
 * Read both files.
 *
 * client  the pin of whoever may connect.
 * errors  not-found, state-damaged.
 */
MUST_CHECK int gate_open(const char *dir, const struct secret *root,
    const struct digest *client, struct gate **out, struct err *e);
void gate_free(struct gate **g);

/* A connection that was accepted; `fd` stays the caller's. */
struct gate_peer *gate_accept(const struct gate *g, int fd);
void gate_peer_free(struct gate_peer **p);

/*
 * Shake hands, then read or write.
 *
 * wants    POLLIN or POLLOUT, when to call again.
 * returns  bytes; 0 when it is over, or never was one of ours; -1 to be called
 *          again.
 */
ssize_t gate_read(struct gate_peer *p, void *to, size_t n, short *wants);
ssize_t gate_write(
    struct gate_peer *p, const void *from, size_t n, short *wants);
