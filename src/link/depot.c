/* SPDX-License-Identifier: ISC */
/* depot.c: what both kinds of depot share. */
#include "link/depot.h"

void
depot_free(struct depot **d)
{
	if (*d != NULL)
		(*d)->ops->free(*d);
	*d = NULL;
}
