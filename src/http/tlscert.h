/* SPDX-License-Identifier: ISC */
/* tlscert.h: the self-signed certificate that clients pin. */
/*
 * What is pinned is the key: SHA-256 over the certificate's
 * SubjectPublicKeyInfo (as in RFC 7469), so a renewed certificate with the same
 * key keeps the pin.
 */
#pragma once

#include "wire/digest.h"

/*
 * Make a P-256 key and a certificate signed by itself, valid for 20 years
 * from a day ago.
 *
 * names   host names and IP addresses, for SubjectAltName; the first is the
 *         common name. At least one.
 * cert    appended: PEM.
 * key     appended: PEM, PKCS #8, not encrypted.
 * errors  bad-request for a name that is neither.
 */
MUST_CHECK int tlscert_make(const char *const *names, size_t n,
    struct buf *cert, struct buf *key, struct err *e);

/*
 * SHA-256 over the SubjectPublicKeyInfo of the first certificate in `pem`.
 *
 * errors  bad-request.
 */
MUST_CHECK int tlscert_spki(
    struct bytes pem, struct digest *out, struct err *e);

/*
 * Append the SubjectPublicKeyInfo of the first certificate in `pem`, in DER.
 *
 * errors  bad-request.
 */
MUST_CHECK int tlscert_public(struct bytes pem, struct buf *out, struct err *e);

/* When the first certificate in `pem` ends, ms. errors: bad-request. */
MUST_CHECK int tlscert_until(struct bytes pem, int64_t *out, struct err *e);

/*
 * Append a signature over `message`: ECDSA with SHA-256 in DER, when the key is
 * of that kind.
 *
 * errors  bad-request: a key that cannot sign so.
 */
MUST_CHECK int tlscert_sign(
    struct bytes key_pem, struct bytes message, struct buf *out, struct err *e);

/*
 * Whether a PEM key is that of a PEM certificate.
 *
 * errors  bad-usage: it is another's, has a passphrase, or is none.
 */
MUST_CHECK int tlscert_pair(struct bytes cert, struct bytes key, struct err *e);

/*
 * For SSL_CTX_set_cert_verify_callback, in the place of looking for an
 * authority: is the key of what the other side shows the pinned one?
 *
 * pin      const struct digest *: SHA-256 of its SPKI.
 * returns  1 or 0.
 */
struct x509_store_ctx_st;
int tlscert_accept(struct x509_store_ctx_st *store, void *pin);

/* Append the pin as URLs carry it: base64url without padding. */
void tlscert_pin(const struct digest *spki, struct buf *out);
