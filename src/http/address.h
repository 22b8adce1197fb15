/* SPDX-License-Identifier: ISC */
/* address.h: "ADDR:PORT" to socket addresses and back to text. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_TEXT 64 /* room for any address_text */

struct address {
	struct sockaddr_storage sa;
	socklen_t n;
};

/*
 * Read "192.0.2.1:8443", "[2001:db8::1]:8443" or "localhost:8443" (which is
 * 127.0.0.1). No names are looked up. Port 0 stands for any.
 *
 * errors  bad-request.
 */
MUST_CHECK int address_parse(
    const char *text, struct address *out, struct err *e);

bool address_is_loopback(const struct address *a);
uint16_t address_port(const struct address *a);

/* The address without port; IPv4 inside IPv6 as IPv4; "" for other families. */
void address_text(const struct sockaddr *sa, char out[static ADDRESS_TEXT]);

/* Whether `s` is an IPv4 or IPv6 address as address_text writes it. */
bool address_is(const char *s);
