/* SPDX-License-Identifier: ISC */
/* entering.h: a device whose joining is not over, known to its home. */
/*
 * From the moment a request to join is open its keys stand in the home. The
 * circle may have taken the device in when it never heard of it: nobody would
 * have the keys of a device that all others see. "entering" in state.db:
 *
 *   u8 1 | v16 url | v8 host | v8 token of the request | uid[16] | join[16]
 *   | dev_id[16] | device keys[64]
 *
 * self_save_account, when the device is in, forgets it.
 */
#pragma once

#include "join/newcomer.h"

/* Keep it, before anything is signed. errors: disk-full-here. */
MUST_CHECK int entering_note(
    const char *dir, const char *url, const struct newcomer *n, struct err *e);

/* Nothing was signed: there is nothing to find. */
void entering_forget(const char *dir);

/*
 * End what was cut off: the request is withdrawn, and a device that is in
 * leaves again, for what the trusted device vouched for is lost.
 *
 * left  it was in; told to the person.
 */
void entering_end(const char *dir, bool *left);
