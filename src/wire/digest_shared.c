/* SPDX-License-Identifier: ISC */
/* digest_shared.c: the part of digest.h that every back end has in common. */
#include "wire/digest.h"

#include <assert.h>
#include <string.h>

void
digest_add_u32(struct digest_state *s, uint32_t v)
{
	uint8_t b[4];

	be32_put(b, v);
	digest_add(s, bytes_of(b, sizeof b));
}

void
digest_add_u64(struct digest_state *s, uint64_t v)
{
	uint8_t b[8];

	be64_put(b, v);
	digest_add(s, bytes_of(b, sizeof b));
}

struct id
digest_id(struct bytes x)
{
	struct digest hash;
	struct id id;

	digest_of(x, &hash);
	memcpy(id.b, hash.b, ID_BYTES);
	return id;
}

void
digest_put(struct buf *b, const struct digest *d)
{
	buf_put(b, d->b, DIGEST_BYTES);
}

struct digest
digest_take(struct scan *s)
{
	struct digest d;

	scan_copy(s, d.b, DIGEST_BYTES);
	return d;
}

void
mac_of(struct mac *m, struct bytes x, struct digest *out)
{
	mac_add(m, x);
	mac_end(m, out);
}

void
mac_once(struct bytes key, struct bytes x, struct digest *out)
{
	OWN(mac_free) struct mac *m = mac_new(key);

	mac_of(m, x, out);
}

void
hkdf(struct bytes ikm, struct bytes salt, struct bytes info, void *out,
    size_t out_n)
{
	struct digest prk, t;
	uint8_t *p = out;

	assert(out_n <= 255 * DIGEST_BYTES);
	mac_once(salt, ikm, &prk);
	OWN(mac_free) struct mac *m = mac_new(bytes_of(prk.b, sizeof prk.b));
	for (uint8_t i = 1; out_n > 0; i++) {
		size_t n = out_n < DIGEST_BYTES ? out_n : DIGEST_BYTES;
		if (i > 1)
			mac_add(m, bytes_of(t.b, sizeof t.b));
		mac_add(m, info);
		mac_add(m, bytes_of(&i, 1));
		mac_end(m, &t);
		memcpy(p, t.b, n);
		p += n;
		out_n -= n;
	}
	mem_wipe(&prk, sizeof prk);
	mem_wipe(&t, sizeof t);
}
