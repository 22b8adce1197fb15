/* SPDX-License-Identifier: ISC */
/* adopt.c: taking over a home whose machine has become another one. */
#include "client/adopt.h"

#include "client/login.h"

int
adopt_look(const char *dir, bool *here, struct self **out, struct err *e)
{
	OWN(devkey_free) struct devkey *key = NULL;
	struct id uid, dev_id;

	return home_read_moved(dir, here, &uid, &dev_id, &key, e) < 0
	    ? -1
	    : self_open_with(dir, &uid, &dev_id, &key, out, e);
}

int
adopt(struct self *s, struct bytes password, struct err *e)
{
	OWN(login_free) struct login l = { .known = NULL };

	return self_connect(s, e) < 0 || self_refresh(s, e) < 0 ||
		login_password(s->remote, password, &l, e) < 0 ||
		home_write_key(s->dir, &s->uid, &s->dev_id, s->key, e) < 0
	    ? -1
	    : 0;
}
