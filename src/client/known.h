/* SPDX-License-Identifier: ISC */
/* known.h: at which paths this home has used which folder repositories. */
/*
 * HOME/repos/<id of the repository>/path is its path, absolute and without
 * links, as it was when it was last opened. A path where a known one was and
 * none is now is a disk that is not plugged in, rather than a place for a new
 * one.
 */
#pragma once

#include "wire/id.h"

/* Remember it; what fails is tried again by the next opening. */
void known_note(const char *home, const struct id *uid, const char *path);

/* Was there a repository at this path, which need not exist now? */
bool known_at(const char *home, const char *path);
