/* SPDX-License-Identifier: ISC */
/* shown.h: the key of the certificate that somebody else shows. */
#pragma once

#include "wire/digest.h"

/*
 * from    "/path" of a PEM certificate, or "ADDR:PORT" of who answers there
 *         with TLS: it is asked, as a client of `url` would, and believed.
 * out     SHA-256 of the SPKI.
 * errors  not-found, io-error, too-large, bad-request; server-unreachable.
 */
MUST_CHECK int shown_key(
    const char *from, const char *url, struct digest *out, struct err *e);
