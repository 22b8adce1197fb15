/* SPDX-License-Identifier: ISC */
/* proxyheader.c: PROXY protocol headers of versions 1 and 2. */
#include "http/proxyheader.h"

#include "base/scan.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#define LINE_MAX_BYTES 107 /* of version 1, with CR LF */
#define FIXED_BYTES 16 /* of version 2, before the addresses */

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a,
	0x51, 0x55, 0x49, 0x54, 0x0a };

/* ---- version 2: binary ---- */

static void
take_v4(struct scan *s, struct address *from)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	scan_copy(s, &in.sin_addr, 4);
	(void)scan_take(s, 4); /* the proxy's own */
	in.sin_port = htons(scan_u16(s));
	(void)scan_u16(s);
	memcpy(&from->sa, &in, sizeof in);
	from->n = sizeof in;
}

static void
take_v6(struct scan *s, struct address *from)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6 };

	scan_copy(s, &in.sin6_addr, 16);
	(void)scan_take(s, 16);
	in.sin6_port = htons(scan_u16(s));
	(void)scan_u16(s);
	memcpy(&from->sa, &in, sizeof in);
	from->n = sizeof in;
}

static enum proxyheader
read_binary(struct bytes x, size_t *length, struct address *from)
{
	if (x.n < FIXED_BYTES)
		return PROXYHEADER_MORE;
	uint8_t command = x.p[12], family = x.p[13];
	size_t n = be16(x.p + 14);
	if (command >> 4 != 2 || (command & 15) > 1 ||
	    FIXED_BYTES + n > PROXYHEADER_MAX)
		return PROXYHEADER_WRONG;
	if (x.n < FIXED_BYTES + n)
		return PROXYHEADER_MORE;
	*length = FIXED_BYTES + n;
	struct scan s = scan_of(bytes_of(x.p + FIXED_BYTES, n));
	if ((command & 15) == 0)
		return PROXYHEADER_WHOLE;
	if (family >> 4 == 1)
		take_v4(&s, from);
	else if (family >> 4 == 2)
		take_v6(&s, from);
	return scan_ok(&s) ? PROXYHEADER_WHOLE : PROXYHEADER_WRONG;
}

/* ---- version 1: a line of text ---- */

/* A port as decimal digits, without leading zeros. */
static bool
is_port(const char *s)
{
	uint64_t port;

	return (s[0] != '0' || s[1] == '\0') &&
	    text_parse_u64(s, 0, 65535, &port) == 0;
}

/* "TCP4 192.0.2.7 192.0.2.1 40000 443" */
static bool
read_words(char *line, struct address *from)
{
	OWN(buf_free) struct buf at = { 0 };
	char *words[6], *rest = NULL;
	struct err e;
	size_t n = 0;

	for (char *w = strtok_r(line, " ", &rest); w != NULL && n < 6;
	     w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	if (n > 0 && strcmp(words[0], "UNKNOWN") == 0)
		return true;
	bool v6 = n == 5 && strcmp(words[0], "TCP6") == 0;
	if (n != 5 || (!v6 && strcmp(words[0], "TCP4") != 0) ||
	    !address_is(words[1]) || (strchr(words[1], ':') != NULL) != v6 ||
	    !is_port(words[3]) || !is_port(words[4]))
		return false;
	buf_printf(&at, v6 ? "[%s]:%s" : "%s:%s", words[1], words[3]);
	return address_parse(buf_text(&at), from, &e) == 0;
}

static enum proxyheader
read_line(struct bytes x, size_t *length, struct address *from)
{
	char line[LINE_MAX_BYTES + 1] = "";
	size_t n = x.n < LINE_MAX_BYTES ? x.n : LINE_MAX_BYTES;
	const uint8_t *end = memchr(x.p, '\n', n);

	if (end == NULL)
		return n < LINE_MAX_BYTES ? PROXYHEADER_MORE
					  : PROXYHEADER_WRONG;
	n = (size_t)(end - x.p);
	if (n < 6 || x.p[n - 1] != '\r' || memchr(x.p, '\0', n) != NULL)
		return PROXYHEADER_WRONG;
	*length = n + 1;
	memcpy(line, x.p, n - 1);
	return read_words(line + 6, from) ? PROXYHEADER_WHOLE
					  : PROXYHEADER_WRONG;
}

static bool
begins(struct bytes x, const void *with, size_t n)
{
	size_t both = x.n < n ? x.n : n;

	return bytes_equal(bytes_of(x.p, both), bytes_of(with, both));
}

enum proxyheader
proxyheader_read(struct bytes x, size_t *length, struct address *from)
{
	*from = (struct address){ .n = 0 };
	if (x.n == 0)
		return PROXYHEADER_MORE;
	if (begins(x, signature, sizeof signature))
		return read_binary(x, length, from);
	return begins(x, "PROXY ", 6) ? read_line(x, length, from)
				      : PROXYHEADER_WRONG;
}
