/* SPDX-License-Identifier: ISC */
/* chunker_test.h: chooses among the variants of the search for a cut. */
/* For tests only: nothing under src/ but chunker.c includes this. */
#pragma once

#include "vault/chunker.h"

enum chunker_variant {
	CHUNKER_PLAIN, /* byte by byte, for any CPU: the reference */
	CHUNKER_AVX2,
	CHUNKER_AVX512,
	CHUNKER_VARIANTS
};

/* The variant's name. */
const char *chunker_name(enum chunker_variant v);

/* Search with this variant; false, and no change, when this CPU cannot. */
bool chunker_choose(struct chunker *c, enum chunker_variant v);
