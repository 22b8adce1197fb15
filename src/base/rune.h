/* SPDX-License-Identifier: ISC */
/* rune.h: one character of UTF-8, and what a person sees of it. */
#pragma once

#include "base/buf.h"

/* The first character of x and its bytes; 0: x is empty or not well-formed
 * there (RFC 3629). */
size_t rune_take(struct bytes x, uint32_t *rune);
/* Append it; r is one that rune_take gives. */
void rune_put(struct buf *out, uint32_t rune);

/* A space of any width, or an end of line. */
bool rune_is_space(uint32_t r);
/* What writers put in the place of '-'. */
bool rune_is_dash(uint32_t r);
/* Nothing is seen of it, or it changes how its neighbors are seen: controls,
 * marks of direction, joiners, tags, and what is no character. */
bool rune_is_hidden(uint32_t r);
/* The same without controls, which nobody pastes unseen. */
bool rune_is_mark(uint32_t r);
/* The letter as a search takes it: in lower case, as the C library's tables have
 * it, whatever the language; both forms of a sigma are one. */
uint32_t rune_fold(uint32_t r);
/* A letter or digit of ASCII in the width of Chinese and Japanese type. */
uint32_t rune_narrow(uint32_t r);

/*
 * The same as rune_is_hidden where it stands: between letters of a script that
 * is not ASCII, U+200C and U+200D belong to the spelling.
 *
 * x   well-formed; its character of n bytes at `at` is looked at.
 */
bool rune_hides_at(struct bytes x, size_t at, size_t n, uint32_t r);
