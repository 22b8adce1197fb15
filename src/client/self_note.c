/* SPDX-License-Identifier: ISC */
/* self_note.c: what the account notes in its state zone, by kind. */
#include "client/self_note.h"

#include <string.h>

struct id
self_state_id(const char *what, const struct id *about)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest hash;
	struct id id;

	digest_add(d, bytes_str("aumbry state v1 "));
	digest_add(d, bytes_of(what, strlen(what) + 1));
	if (about != NULL)
		digest_add(d, bytes_of(about->b, ID_BYTES));
	digest_end(d, &hash);
	memcpy(id.b, hash.b, ID_BYTES);
	return id;
}
