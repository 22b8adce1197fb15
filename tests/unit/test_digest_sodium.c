/* SPDX-License-Identifier: ISC */
/* The second back end of digest.h, over the same vectors. */
/* Its names are defined here, so the linker leaves the first one out. */
#include "../../src/wire/digest_sodium.c"

#include "test_digest.c"
