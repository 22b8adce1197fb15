/* SPDX-License-Identifier: ISC */
/* server_token.c: tokens, and what only this server can have made. */
#include "server/server.h"

#include "base/text.h"

#include <sodium.h>
#include <string.h>

#define TOKEN_BYTES 32

void
server_token(struct buf *text, struct digest *stored)
{
	uint8_t raw[TOKEN_BYTES];
	size_t before = text->n;

	randombytes_buf(raw, sizeof raw);
	text_base64url(text, bytes_of(raw, sizeof raw));
	digest_of(bytes_of(text->p + before, text->n - before), stored);
	sodium_memzero(raw, sizeof raw);
}

static void
known_mac(const struct server *s, const struct id *uid, const struct id *dev_id,
    struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, uid);
	id_put(&m, dev_id);
	server_mac(s, "known device", buf_bytes(&m), out);
}

void
server_known(const struct server *s, const struct id *uid,
    const struct id *dev_id, struct buf *out)
{
	struct digest mac;

	known_mac(s, uid, dev_id, &mac);
	id_put(out, dev_id);
	digest_put(out, &mac);
}

bool
server_knows(const struct server *s, const struct id *uid, struct bytes known,
    struct id *dev_id)
{
	struct scan p = scan_of(known);
	struct digest mac;

	*dev_id = id_take(&p);
	struct digest given = digest_take(&p);
	known_mac(s, uid, dev_id, &mac);
	return scan_done(&p) && digest_equal(&mac, &given);
}

void
server_mac(const struct server *s, const char *label, struct bytes x,
    struct digest *out)
{
	OWN(mac_free) struct mac *m = mac_new(keys_token(s->keys));

	mac_add(m, bytes_of(label, strlen(label) + 1));
	mac_add(m, x);
	mac_end(m, out);
}
