/* SPDX-License-Identifier: ISC */
/* tidy.h: what clang-tidy cannot see from one file: an error is always -1. */
/*
 * Without it the analyzer follows paths on which a function sets an error, yet
 * succeeds, and reports the values it never filled. lint.sh includes it first.
 */
#pragma once

#include "base/err.h"

#define err_set(...) ((void)err_set(__VA_ARGS__), -1)
#define err_in(...) ((void)err_in(__VA_ARGS__), -1)
#define err_sys(...) ((void)err_sys(__VA_ARGS__), -1)
#define err_remedy(...) ((void)err_remedy(__VA_ARGS__), -1)
