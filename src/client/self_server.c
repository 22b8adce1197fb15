/* SPDX-License-Identifier: ISC */
/* self_server.c: a server that is found elsewhere from now on. */
#include "client/self.h"

int
self_set_server(
    const char *dir, const char *url, struct buf *kept, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	if (self_open_at(dir, url, &s, e) < 0 || self_session(s, e) < 0)
		return -1;
	buf_put_str(kept, remote_url(s->remote));
	return local_put(s->local, "url", buf_bytes(kept), e);
}
