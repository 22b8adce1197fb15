/* SPDX-License-Identifier: ISC */
/* kem.h: X25519 keys from outside, to which secrets are sealed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEM_PK_BYTES 32

/*
 * False for a point of small order: what is sealed to it anybody could open,
 * and sealing refuses it (RFC 7748, section 6.1).
 */
bool kem_usable(const uint8_t pk[static KEM_PK_BYTES]);
