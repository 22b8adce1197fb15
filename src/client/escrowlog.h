/* SPDX-License-Identifier: ISC */
/* escrowlog.h: the escrow's journal of an account, as its devices check it. */
/*
 * Every use of the escrow's power is a line of its journal before it is done,
 * in a hash chain that the escrow signs. Devices remember, in the state zone,
 * which escrow it was and how far they have seen the chain; one that ends
 * earlier, or goes another way, is told by its name.
 *
 *   u8 kind 20 | u8 1 | escrow sign_pk[32] | u64 n | hash[32]
 *
 * source  docs/FORMAT.md "Escrow".
 */
#pragma once

#include "client/self.h"
#include "wire/escrow.h"

/* Is there one: the account's, or one that the server or its address names? */
MUST_CHECK int escrowlog_there(struct self *s, bool *yes, struct err *e);

/*
 * Fetch and check all lines, and remember the last. The state was pulled.
 *
 * out     v16 each, in order.
 * errors  journal-rolled-back, escrow-changed; escrow-unreachable.
 */
MUST_CHECK int escrowlog_read(struct self *s, struct buf *out, struct err *e);
