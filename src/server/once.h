/* SPDX-License-Identifier: ISC */
/* once.h: what changes something can be asked for twice, and is done once. */
/*
 * A request that changes something carries "Idempotency-Key: <32 hex digits>",
 * drawn by the client for one act and sent again with each try. In the same
 * transaction as the change its answer is kept:
 *
 *   scope  whose it is: the account, or the request that was begun
 *   name   hash of the key
 *   about  MAC over method, path and body under the key
 *   answer sealed under the key, which only the client has: an answer may
 *          hold a password, and who reads the database must not
 *
 * The same key with the same request gets that answer again; with another
 * request it is bad-request. What was undone, because it failed, is not kept;
 * a refusal that counted something is.
 */
#pragma once

#include "server/server.h"

#define ONCE_KEPT_MS (3600 * 1000LL)
#define ONCE_KEPT_MAX 64 /* answers of one account or request */
#define ONCE_NOBODY_MAX 1024 /* of all who begin something, together */
#define ONCE_ANSWER_MAX (64 * 1024) /* a longer one is not kept */

/*
 * Run `job` in a write transaction, unless c's request was answered before:
 * then c->r, or c->refusal with c->r->detail, is filled as the first time.
 *
 * job    leaves its answer in c->r, and c->refused, when it returns.
 * whole  that is all of the answer; else once_end keeps it when it is.
 * again  whether it was answered before, so that nothing is to be done.
 */
MUST_CHECK int once_write(struct call *c, db_job_fn *job, void *arg, bool whole,
    bool *again, struct err *e);
void once_end(struct call *c);

/* Forget the answer to this request, for what it says did not happen. */
void once_forget(struct call *c);

/* A name for the act that a request is a try of; false without a key. */
bool once_act(const struct request *q, struct id *out);

/* Drop what is too old. */
MUST_CHECK int once_sweep(struct tx *tx, int64_t now_ms, struct err *e);
