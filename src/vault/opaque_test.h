/* SPDX-License-Identifier: ISC */
/* opaque_test.h: holds a client of OPAQUE still, for published vectors. */
/* For tests only: nothing under src/ but opaque.c includes this. */
#pragma once

#include "vault/opaque.h"

struct opaque_fixed {
	bool identity_ksf; /* no stretching, and no floor */
	struct bytes context;
	struct bytes client_id, server_id; /* empty: the public key */
	const uint8_t *blind; /* 32 bytes each; NULL: random */
	const uint8_t *nonce; /* envelope's or client's */
	const uint8_t *share_seed;
};

/* fixed: copied; what it points to outlives o. */
void opaque_fix(struct opaque *o, const struct opaque_fixed *fixed);
