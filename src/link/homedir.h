/* SPDX-License-Identifier: ISC */
/* homedir.h: the folder of this device: where it is, and who works in it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

#define HOMEDIR_MARKER "aumbry-home"
#define HOMEDIR_MARKER_TEXT "aumbry-home v1\n"

/* Does it begin as a marker? A newline may be missing at its end. */
bool homedir_marks(struct bytes head);
/* Is the folder a home, by its marker? One that cannot be read says so. */
bool homedir_is(const char *dir);

/*
 * $AUMBRY_HOME, else $XDG_DATA_HOME/aumbry, else ~/.local/share/aumbry, where ~
 * is $HOME or what the machine says of this user.
 * errors  input-missing: there is none of them.
 */
MUST_CHECK int homedir_default(char **out, struct err *e);

/*
 * May this user work in it? One that is not there yet is fine.
 *
 * was_open  others of the machine could read the keys, and cannot any more.
 * errors    permission-denied: it is another user's.
 */
MUST_CHECK int homedir_ready(const char *dir, bool *was_open, struct err *e);

/* One activity at a time: a lock file by that name. errors: home-busy. */
MUST_CHECK int homedir_lock(
    const char *dir, const char *activity, int *fd, struct err *e);
