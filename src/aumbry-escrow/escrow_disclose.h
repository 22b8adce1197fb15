/* SPDX-License-Identifier: ISC */
/* escrow_disclose.h: aumbry-escrow disclose. */
#pragma once

#include "disclose/disclose.h"

/*
 * Disclose, and say on standard output what came of it.
 *
 * notify  a span as it was given, or NULL.
 * errors  also write-incomplete: something did not open.
 */
MUST_CHECK int escrow_disclose(
    struct disclose_options *o, const char *notify, struct err *e);
