/* SPDX-License-Identifier: ISC */
/* address.h: "ADDR:PORT" to socket addresses and back to text. */
#pragma once

#include "base/err.h"
#include "wire/id.h"

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

/* 127.0.0.0/8 or ::1: nobody on another machine reaches it. */
bool address_is_loopback(const struct address *a);
/* In the host's order of bytes. */
uint16_t address_port(const struct address *a);

/* The address without port; IPv4 inside IPv6 as IPv4; "" for other families. */
void address_text(const struct sockaddr *sa, char out[static ADDRESS_TEXT]);

/*
 * What limits count as one: an IPv4 address, an IPv6 network of 64 bits; zeros
 * for other families. Who has one address of such a network has all.
 */
void address_net(const struct sockaddr *sa, struct id *out);
/*
 * Read `s`, an address as proxies write it: also in brackets, with a port.
 *
 * text    the address as address_text writes it.
 * source  what limits count, as text: the address, or "2001:db8:0:1::/64".
 * returns false, and nothing changed, when it is none.
 */
bool address_read(const char *s, char text[static ADDRESS_TEXT],
    char source[static ADDRESS_TEXT], struct id *net);

/* Networks, such as those of proxies that are believed. */
#define ADDRESS_NETS 16

struct address_nets {
	struct {
		struct id net; /* IPv4 as ::ffff:a.b.c.d */
		unsigned bits; /* of it, 0..128 */
	} list[ADDRESS_NETS];
	size_t n;
};

/*
 * Read "127.0.0.1, 10.0.0.0/8 fd00::/8"; empty: none.
 *
 * errors  bad-usage.
 */
MUST_CHECK int address_nets_parse(
    const char *text, struct address_nets *out, struct err *e);
bool address_nets_have(
    const struct address_nets *nets, const struct sockaddr *sa);
/* `s`: an address as address_read takes it; false for what is none. */
bool address_nets_have_text(const struct address_nets *nets, const char *s);

/* "unix:/absolute/path": the path, or NULL for what is none. */
const char *address_unix(const char *text);

/* Whether `s` is an IPv4 or IPv6 address as address_text writes it. */
bool address_is(const char *s);
