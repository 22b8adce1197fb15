/* SPDX-License-Identifier: ISC */
/* server_config.c: which configuration counts now. */
#include "server/server.h"

const struct config *
server_config(const struct server *s)
{
	const struct server_renewed *r = atomic_load(&s->renewed);

	return r != NULL ? &r->config : &s->config;
}
