/* SPDX-License-Identifier: ISC */
/* sig.h: Ed25519 signatures over labelled messages, verification half. */
/*
 * Every signature of ours covers a fixed label that ends in NUL, then the
 * message. The labels are prefix-free (a NUL ends each and stands nowhere
 * else), so no message of one kind can pass for one of another.
 * source  RFC 8032.
 */
#pragma once

#include "base/buf.h"

#define SIG_BYTES 64
#define SIG_PK_BYTES 32

enum sig_label {
	SIG_CIRCLE, /* an entry of the circle */
	SIG_HEAD, /* a zone head */
	SIG_SESSION, /* proof that a device opens a session */
	SIG_ENVELOPE, /* a wrapped or sealed key */
	SIG_ESCROW_ACCOUNT, /* the escrow's key for an account, by the escrow */
	SIG_ESCROW_JOURNAL, /* a line of its journal */
	SIG_ESCROW_RELEASED, /* keys that it hands out */
	SIG_RELEASE, /* a person asks for them, by what the password opens */
	SIG_RELEASE_KEY, /* a device names the key that signs such asking */
	SIG_FACTOR, /* the server says which factor it has seen */
	SIG_FRESHPIN, /* a device tells a key that is not always there of the circle */
	SIG_LETTER, /* what one person writes to another */
	SIG_LABELS
};

/* The label with its NUL. */
struct bytes sig_label(enum sig_label label);

/* True when sig is pk's over label | message. */
bool sig_valid(enum sig_label label, const uint8_t pk[static SIG_PK_BYTES],
    struct bytes message, const uint8_t sig[static SIG_BYTES]);
