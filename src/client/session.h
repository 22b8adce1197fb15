/* SPDX-License-Identifier: ISC */
/* session.h: a member's key opens a session. */
#pragma once

#include "link/control.h"
#include "vault/devkey.h"

struct session_who {
	const char *host; /* of name@host */
	struct id uid, dev_id;
	const struct devkey *key;
	const char *join; /* token of the request that has proven a security
			     key, for a member that is one; else NULL */
};

/*
 * Prove the member's key, over the server's nonce and its TLS key.
 *
 * answer  the token, and where the server's circle stands.
 * errors  not-a-member, device-removed, clock-wrong, account-suspended;
 *         security-key-required without a join that has proven the key.
 */
MUST_CHECK int session_open(struct remote *r, const struct session_who *w,
    json_t **answer, struct err *e);

/*
 * Entries (v16 each) after `since`, up to the one that took this member out, as
 * far as they fit one answer: what shows that device-removed is true.
 *
 * errors  device-removed never; those of session_open.
 */
MUST_CHECK int session_left(struct remote *r, const struct session_who *w,
    uint32_t since, struct buf *entries, struct err *e);

/* End it. That the server cannot be told is no failure: it ends by itself. */
void session_end(struct remote *r);
