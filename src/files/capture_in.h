/* SPDX-License-Identifier: ISC */
/* capture_in.h: what the parts of capture share. For capture*.c only. */
#pragma once

#include "files/capture.h"

/* Open relative to a directory, without moving the access time if we may. */
int capture_open_quietly(int at, const char *name, int flags);

/* "It was replaced": ERR_CONFLICT. Returns -1. */
int capture_replaced(struct err *e);

/* Everything but the name, by one statx. Returns -1 with errno. */
int capture_fill(
    int at, const char *name, int flags, struct capture_item *item);
