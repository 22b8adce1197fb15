/* SPDX-License-Identifier: ISC */
/* version.h: which Aumbry this is, for all three programs. */
#pragma once

#define AUMBRY_VERSION "0.1.0"
