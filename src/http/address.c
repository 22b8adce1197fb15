/* SPDX-License-Identifier: ISC */
/* address.c: socket addresses as text. */
#include "http/address.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

static void
set_v4(struct address *a, struct in_addr ip, uint64_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = ip };

	in.sin_port = htons((uint16_t)port);
	memcpy(&a->sa, &in, sizeof in);
	a->n = sizeof in;
}

static void
set_v6(struct address *a, const struct in6_addr *ip, uint64_t port)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_addr = *ip };

	in.sin6_port = htons((uint16_t)port);
	memcpy(&a->sa, &in, sizeof in);
	a->n = sizeof in;
}

int
address_parse(const char *text, struct address *out, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_TEXT] = "";
	struct address a = { 0 };
	struct in6_addr v6;
	struct in_addr v4;
	uint64_t port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof host ||
	    text_parse_u64(colon + 1, 0, 65535, &port) < 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "\"%.80s\" is not of the form ADDR:PORT", text);
	size_t n = (size_t)(colon - text);
	bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
	memcpy(host, text + brackets, n - 2 * (size_t)brackets);
	if (strcmp(host, "localhost") == 0)
		(void)snprintf(host, sizeof host, "127.0.0.1");
	if (brackets && inet_pton(AF_INET6, host, &v6) == 1)
		set_v6(&a, &v6, port);
	else if (!brackets && inet_pton(AF_INET, host, &v4) == 1)
		set_v4(&a, v4, port);
	else
		return err_set(e, ERR_BAD_REQUEST,
		    "\"%.80s\" does not begin with an IPv4 address or an IPv6 "
		    "address in brackets",
		    text);
	*out = a;
	return 0;
}

bool
address_is_loopback(const struct address *a)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (a->sa.ss_family == AF_INET) {
		memcpy(&v4, &a->sa, sizeof v4);
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	}
	memcpy(&v6, &a->sa, sizeof v6);
	return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

uint16_t
address_port(const struct address *a)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (a->sa.ss_family == AF_INET) {
		memcpy(&v4, &a->sa, sizeof v4);
		return ntohs(v4.sin_port);
	}
	memcpy(&v6, &a->sa, sizeof v6);
	return ntohs(v6.sin6_port);
}

void
address_text(const struct sockaddr *sa, char out[static ADDRESS_TEXT])
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	out[0] = '\0';
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof v4);
		(void)inet_ntop(AF_INET, &v4.sin_addr, out, ADDRESS_TEXT);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof v6);
		if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
			(void)inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, out,
			    ADDRESS_TEXT);
		else
			(void)inet_ntop(
			    AF_INET6, &v6.sin6_addr, out, ADDRESS_TEXT);
	}
}

void
address_net(const struct sockaddr *sa, struct id *out)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	*out = (struct id){ { 0 } };
	if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof v6);
		bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
		memcpy(out->b, v6.sin6_addr.s6_addr,
		    mapped ? sizeof out->b : sizeof out->b / 2);
	} else if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof v4);
		memset(out->b + 10, 0xff, 2);
		memcpy(out->b + 12, &v4.sin_addr, 4);
	}
}

/* An address alone, or in brackets. */
static bool
read_alone(const char *s, struct address *a)
{
	struct in6_addr v6;
	struct in_addr v4;
	char inner[ADDRESS_TEXT] = "";
	size_t n = strlen(s);

	if (n >= sizeof inner)
		return false;
	bool brackets = n > 2 && s[0] == '[' && s[n - 1] == ']';
	memcpy(inner, s + brackets, n - 2 * (size_t)brackets);
	if (inet_pton(AF_INET6, inner, &v6) == 1)
		set_v6(a, &v6, 0);
	else if (!brackets && inet_pton(AF_INET, inner, &v4) == 1)
		set_v4(a, v4, 0);
	else
		return false;
	return true;
}

bool
address_read(const char *s, char text[static ADDRESS_TEXT],
    char source[static ADDRESS_TEXT], struct id *net)
{
	struct address a = { 0 };
	struct err e;

	if (!read_alone(s, &a) && address_parse(s, &a, &e) < 0)
		return false;
	address_text((const struct sockaddr *)&a.sa, text);
	address_net((const struct sockaddr *)&a.sa, net);
	memcpy(source, text, ADDRESS_TEXT);
	if (strchr(text, ':') == NULL)
		return true;
	(void)inet_ntop(AF_INET6, net->b, source, INET6_ADDRSTRLEN);
	(void)strncat(source, "/64", ADDRESS_TEXT - strlen(source) - 1);
	return true;
}

/* ---- networks ---- */

/* All 128 bits: IPv4 inside IPv6. */
static void
put_whole(const struct sockaddr *sa, struct id *out)
{
	struct sockaddr_in6 v6;

	address_net(sa, out);
	if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof v6);
		memcpy(out->b, v6.sin6_addr.s6_addr, sizeof out->b);
	}
}

static bool
in_net(const struct id *a, const struct id *net, unsigned bits)
{
	size_t whole = bits / 8;
	unsigned more = bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> more);

	return bytes_equal(bytes_of(a->b, whole), bytes_of(net->b, whole)) &&
	    (more == 0 || ((a->b[whole] ^ net->b[whole]) & mask) == 0);
}

static bool
read_net(const char *s, struct id *net, unsigned *bits)
{
	char alone[ADDRESS_TEXT] = "";
	struct address a = { 0 };
	size_t n = strcspn(s, "/");
	uint64_t given;

	if (n >= sizeof alone)
		return false;
	memcpy(alone, s, n);
	if (!read_alone(alone, &a))
		return false;
	unsigned most = a.sa.ss_family == AF_INET ? 32 : 128;
	given = most;
	if (s[n] == '/' && text_parse_u64(s + n + 1, 0, most, &given) < 0)
		return false;
	put_whole((const struct sockaddr *)&a.sa, net);
	*bits = (unsigned)given + 128 - most;
	return true;
}

int
address_nets_parse(const char *text, struct address_nets *out, struct err *e)
{
	static const char between[] = ", \t";

	out->n = 0;
	for (const char *at = text + strspn(text, between); *at != '\0';) {
		char one[ADDRESS_TEXT] = "";
		size_t n = strcspn(at, between);
		if (out->n == ADDRESS_NETS)
			return err_set(e, ERR_USAGE,
			    "\"%.80s\" is more than %d networks", text,
			    ADDRESS_NETS);
		if (n < sizeof one)
			memcpy(one, at, n);
		if (!read_net(
			one, &out->list[out->n].net, &out->list[out->n].bits))
			return err_set(e, ERR_USAGE,
			    "\"%.*s\" is neither an address nor a network like "
			    "10.0.0.0/8",
			    n < 80 ? (int)n : 80, at);
		out->n++;
		at += n;
		at += strspn(at, between);
	}
	return 0;
}

bool
address_nets_have(const struct address_nets *nets, const struct sockaddr *sa)
{
	struct id whole = { { 0 } };

	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return false;
	put_whole(sa, &whole);
	for (size_t i = 0; i < nets->n; i++)
		if (in_net(&whole, &nets->list[i].net, nets->list[i].bits))
			return true;
	return false;
}

bool
address_nets_have_text(const struct address_nets *nets, const char *s)
{
	struct address a = { 0 };
	struct err e;

	return (read_alone(s, &a) || address_parse(s, &a, &e) == 0) &&
	    address_nets_have(nets, (const struct sockaddr *)&a.sa);
}

const char *
address_unix(const char *text)
{
	return strncmp(text, "unix:/", 6) == 0 ? text + 5 : NULL;
}

bool
address_is(const char *s)
{
	struct in6_addr v6;
	struct in_addr v4;

	return inet_pton(AF_INET, s, &v4) == 1 ||
	    inet_pton(AF_INET6, s, &v6) == 1;
}
