/* SPDX-License-Identifier: ISC */
/* category.h: the units of keys and of protection, as stored numbers. */
#pragma once

#include <stdbool.h>

enum category {
	CATEGORY_STATE = 1, /* the account's own state, always end-to-end */
	CATEGORY_BACKUP = 2,
	CATEGORY_DRIVE = 3,
	CATEGORY_PHOTOS = 4,
	CATEGORY_KEYCHAIN = 5, /* always end-to-end */
	CATEGORY_NOTES = 6,
	CATEGORY_MESSAGES = 7, /* always end-to-end */
	CATEGORY_HEALTH = 8, /* always end-to-end */
	CATEGORY_END
};

/* As the account's owner and the calls say it; "?" when unknown. */
const char *category_name(enum category c);
/* Does standard protection cover it: does the escrow hold its keys? */
bool category_escrowed(enum category c);
bool category_known(unsigned c);
