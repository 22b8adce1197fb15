/* SPDX-License-Identifier: ISC */
/* scope.h: what an app-specific password may reach. */
/*
 *   mail                    reading and sending mail
 *   dav                     contacts and calendars
 *   files[:ro][:/FOLDER]    files; only to read; only below one folder
 */
#pragma once

#include "base/err.h"

#define SCOPE_BYTES 512 /* of its text: a folder's path is the long part */

enum scope_kind { SCOPE_MAIL = 1, SCOPE_DAV = 2, SCOPE_FILES = 3 };

struct scope {
	enum scope_kind kind;
	bool read_only; /* of SCOPE_FILES */
	const char *folder; /* "/a/b" inside the parsed text; NULL: all */
};

/*
 * errors  bad-request with what is wrong: no such scope; a folder that is not
 *         absolute, ends in a slash, or has an empty part, "." or "..".
 */
MUST_CHECK int scope_parse(const char *text, struct scope *out, struct err *e);
