/* SPDX-License-Identifier: ISC */
/* visit.h: signed in by a factor that the server checks, not by a device. */
/*
 * Such a session reaches the account (status, factors, log, passwords) for an
 * hour, and none of its data: no device has let this one in. The folder keeps
 * the session alone, no key.
 */
#pragma once

#include "client/home.h"
#include "join/newcomer.h"

/*
 * In state.db: u64 until | v8 name | v8 host | v16 url | v8 token. The account
 * page knows its URL, and keeps none.
 */
#define VISIT_KEY "visit"

/* Append that record, of what the server said; url NULL: without one. */
MUST_CHECK int visit_record(
    const json_t *answer, const char *url, struct buf *out, struct err *e);

/*
 * Under standard protection the escrow hands such a session the keys of what it
 * covers: then there is a reader (reader.h) in the folder as well.
 */
struct visit {
	char *name, *host; /* name@host */
	uint64_t until_ms;
	struct remote *remote;
};

/* What is kept of it in the folder stays. */
void visit_free(struct visit **v);

/* Is there one in the folder, over or not? */
bool visit_there(const char *dir);
/* errors: not-signed-in, session-expired. */
MUST_CHECK int visit_open(const char *dir, struct visit **out, struct err *e);

/*
 * Sign in: password, then the factor of `p`; and read, where that can be had.
 *
 * *reads  the keys of what standard protection covers came with it; `why` says
 *         why not, when the account is under it and they did not.
 * errors  already-signed-in; those of newcomer_request and prove_factor.
 */
MUST_CHECK int visit_signin(const char *dir, const struct newcomer_ask *a,
    const struct prove *p, bool *reads, struct err *why, struct err *e);
