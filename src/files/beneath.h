/* SPDX-License-Identifier: ISC */
/* beneath.h: opening what is below a directory, and nothing else. */
#pragma once

#include "base/err.h"

#include <sys/types.h>

/*
 * openat2 that neither leaves `at` nor follows a link. Sets errno.
 *
 * one_fs  nor goes into what is mounted on the way: EXDEV.
 */
MUST_CHECK int beneath_open(
    int at, const char *path, int flags, mode_t mode, bool one_fs);

/* An error of errno, with what the kernel lacks. Always returns -1. */
MUST_CHECK int beneath_fail(struct err *e, const char *what);
