/* SPDX-License-Identifier: ISC */
/* category.c: names of categories. */
#include "wire/category.h"

static const char *const names[CATEGORY_END] = {
	[CATEGORY_STATE] = "state",
	[CATEGORY_BACKUP] = "backup",
	[CATEGORY_DRIVE] = "drive",
	[CATEGORY_PHOTOS] = "photos",
	[CATEGORY_KEYCHAIN] = "keychain",
	[CATEGORY_NOTES] = "notes",
	[CATEGORY_MESSAGES] = "messages",
	[CATEGORY_HEALTH] = "health",
};

bool
category_escrowed(enum category c)
{
	return c == CATEGORY_BACKUP || c == CATEGORY_DRIVE ||
	    c == CATEGORY_PHOTOS || c == CATEGORY_NOTES;
}

bool
category_known(unsigned c)
{
	return c >= CATEGORY_STATE && c < CATEGORY_END;
}

const char *
category_name(enum category c)
{
	return category_known(c) ? names[c] : "?";
}
