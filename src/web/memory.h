/* SPDX-License-Identifier: ISC */
/* memory.h: all that this browser remembers, as one byte string. */
/*
 *   u8 1 | u32 n | n * (v8 name | v32 value)
 *   | u32 n | n * (zone[16] | head | sum[32]
 *     | u32 n | n * (u64 seq | hash[32])
 *     | u32 n | n * (id[16] | u64 version | u8 flags | u32 key_epoch
 *       | u64 seq | v32 refs | v32 ct))
 *
 * After each change it is given to browser_keep.
 */
#pragma once

#include "base/buf.h"

/* Replace what is remembered. errors: state-damaged; then nothing is. */
MUST_CHECK int memory_load(struct bytes state, struct err *e);
/* Forget everything. */
void memory_erase(void);
