/* SPDX-License-Identifier: ISC */
/* daemon_user.h: aumbryd that was started by root serves as another user. */
#pragma once

#include "server/config.h"

#include <sys/types.h>

struct daemon_user {
	uid_t uid; /* whom it serves as */
	gid_t gid;
	bool drops; /* root now, and not then */
};

/*
 * Whom to serve as: the user that aumbryd.conf names, else whom the data folder
 * belongs to. Who is not root stays who he is.
 *
 * errors  not-found: no such user; io-error.
 */
MUST_CHECK int daemon_user_find(const char *data, const struct config *c,
    struct daemon_user *out, struct err *e);

/* Become that user, for good; ports below 1024 can still be listened on. */
MUST_CHECK int daemon_user_become(const struct daemon_user *u, struct err *e);
