/* SPDX-License-Identifier: ISC */
/* proxyheader.h: the line with which a proxy says for whom it connects. */
/*
 * source  "The PROXY protocol, versions 1 & 2" of HAProxy, sections 2.1, 2.2:
 *         https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt
 */
#pragma once

#include "http/address.h"

/* Longest header that is taken, bytes: a version 1 has at most 107, and of a
 * version 2 a proxy's own additions rarely pass 500. */
#define PROXYHEADER_MAX 2048

enum proxyheader {
	PROXYHEADER_MORE, /* it is not whole yet */
	PROXYHEADER_WRONG, /* it is none */
	PROXYHEADER_WHOLE
};

/*
 * Read the header that a connection begins with, of version 1 or 2.
 *
 * x       what has come so far.
 * length  of the header, once it is whole.
 * from    the client; n 0: the proxy speaks for itself (LOCAL, UNKNOWN, or an
 *         address that is neither IPv4 nor IPv6).
 */
enum proxyheader proxyheader_read(
    struct bytes x, size_t *length, struct address *from);
