/* SPDX-License-Identifier: ISC */
/* opaque3dh.c: masking, key schedule and proofs of OPAQUE-3DH. */
#include "wire/opaque3dh.h"

#include <string.h>

/* Expand-Label: RFC 9807, section 6.4.2.1. */
static void
derive_secret(const uint8_t prk[static OPRF_HASH], const char *label,
    struct bytes transcript, uint8_t out[static OPRF_HASH])
{
	OWN(buf_free) struct buf info = { 0 };
	OWN(buf_free) struct buf full = { 0 };

	buf_put_str(&full, "OPAQUE-");
	buf_put_str(&full, label);
	buf_put_u16(&info, OPRF_HASH);
	buf_put_v8(&info, buf_bytes(&full));
	buf_put_v8(&info, transcript);
	oprf_expand(prk, buf_bytes(&info), out, OPRF_HASH);
}

void
opaque3dh_mask(const uint8_t masking_key[static OPRF_HASH],
    const uint8_t nonce[static OPAQUE_NONCE],
    const uint8_t in[static OPAQUE_MASKED], uint8_t out[static OPAQUE_MASKED])
{
	uint8_t pad[OPAQUE_MASKED];

	oprf_expand_label(masking_key, bytes_of(nonce, OPAQUE_NONCE),
	    "CredentialResponsePad", pad, sizeof pad);
	for (size_t i = 0; i < sizeof pad; i++)
		out[i] = in[i] ^ pad[i];
	mem_wipe(pad, sizeof pad);
}

void
opaque3dh_schedule(const uint8_t dh[static 3 * OPRF_ELEMENT],
    struct bytes preamble, struct opaque3dh_keys *out)
{
	const struct bytes none = bytes_str("");
	uint8_t prk[OPRF_HASH], hash[OPRF_HASH];
	const struct bytes seen = bytes_of(hash, sizeof hash);

	oprf_sha512(preamble, hash);
	oprf_extract(bytes_of(dh, 3 * OPRF_ELEMENT), prk);
	derive_secret(prk, "HandshakeSecret", seen, out->handshake);
	derive_secret(prk, "SessionKey", seen, out->session);
	derive_secret(out->handshake, "ServerMAC", none, out->km2);
	derive_secret(out->handshake, "ClientMAC", none, out->km3);
	mem_wipe(prk, sizeof prk);
}

void
opaque3dh_preamble(const struct opaque3dh_exchange *x, struct buf *out)
{
	buf_put_str(out, "OPAQUEv1-");
	buf_put_v16(out, x->context);
	buf_put_v16(out, x->client_id);
	buf_put(out, x->ke1, OPAQUE_KE1);
	buf_put_v16(out, x->server_id);
	buf_put(out, x->ke2, OPAQUE_KE2_MAC_AT);
}

void
opaque3dh_prove(const struct opaque3dh_exchange *x, struct opaque3dh_proof *out)
{
	OWN(buf_free) struct buf preamble = { 0 };
	struct opaque3dh_keys keys;
	uint8_t hash[OPRF_HASH];

	opaque3dh_preamble(x, &preamble);
	opaque3dh_schedule(x->dh, buf_bytes(&preamble), &keys);
	memcpy(out->session, keys.session, OPRF_HASH);
	oprf_sha512(buf_bytes(&preamble), hash);
	oprf_mac(bytes_of(keys.km2, OPRF_HASH), bytes_of(hash, OPRF_HASH),
	    out->server_mac);
	buf_put(&preamble, out->server_mac, OPRF_HASH);
	oprf_sha512(buf_bytes(&preamble), hash);
	oprf_mac(bytes_of(keys.km3, OPRF_HASH), bytes_of(hash, OPRF_HASH),
	    out->client_mac);
	mem_wipe(&keys, sizeof keys);
}
