/* SPDX-License-Identifier: ISC */
/* remote_escrow.c: the escrow that a server's address names. */
#include "link/remote.h"

#include "base/text.h"

#include <string.h>

bool
remote_escrow(struct remote *r, struct digest *out)
{
	OWN(buf_free) struct buf raw = { 0 };
	const char *hash = strchr(remote_url(r), '#');
	const char *at = hash != NULL ? strstr(hash, "escrow=") : NULL;

	if (at == NULL)
		return false;
	at += strlen("escrow=");
	/* One that cannot be read matches none. */
	*out = (struct digest){ { 0 } };
	if (text_unbase64(&raw, bytes_of(at, strcspn(at, "&"))) == 0 &&
	    raw.n == DIGEST_BYTES)
		memcpy(out->b, raw.p, DIGEST_BYTES);
	return true;
}
