/* SPDX-License-Identifier: ISC */
/* renew.c: the newest configuration in front of those before it. */
#include "server/renew.h"

#include "base/log.h"
#include "server/postman.h"

#include <stdlib.h>

static void
told(void *arg, const char *section, const char *key, bool now)
{
	unsigned *changed = arg;

	if (now) {
		(*changed)++;
		log_info("config_changed", "key=%s.%s", section, key);
	} else {
		log_warn("config_waits",
		    "key=%s.%s why=\"it changes when the server is restarted\"",
		    section, key);
	}
}

int
server_renew(
    struct server *s, struct config *fresh, bool verbose, struct err *e)
{
	struct server_renewed *r;
	uint64_t log = server_config(s)->log;
	unsigned changed = 0;

	if (gateway_check(fresh, e) < 0 || postman_check(fresh, e) < 0) {
		config_free(fresh);
		return -1;
	}
	config_renew(server_config(s), fresh, told, &changed);
	r = mem_new(sizeof *r);
	r->config = *fresh;
	*fresh = (struct config){ 0 };
	r->before = atomic_load(&s->renewed);
	atomic_store(&s->renewed, r);
	/* Said by the more talkative of both levels. */
	if (!verbose && r->config.log > log)
		log_level_set((enum log_level)r->config.log);
	log_info("config_read", "changed=%u", changed);
	if (!verbose)
		log_level_set((enum log_level)r->config.log);
	return postman_renew(s->postman, e) < 0
	    ? -1
	    : gateway_renew(s->gateway, &r->config, e);
}

void
server_renew_free(struct server *s)
{
	struct server_renewed *r = atomic_load(&s->renewed);

	atomic_store(&s->renewed, NULL);
	while (r != NULL) {
		struct server_renewed *before = r->before;
		config_free(&r->config);
		free(r);
		r = before;
	}
}
