/* SPDX-License-Identifier: ISC */
/* daemon_identity.c: aumbryd identity: the key by which devices know a server. */
#include "aumbryd/daemon.h"

#include "aumbryd/daemon_user.h"
#include "base/file.h"

#include <stdio.h>

struct identity_options {
	const char *data;
	bool stolen;
};

static int
begin(const char *data, struct server *s, int *lock, struct err *e)
{
	OWN(mem_free) char *path = file_join(data, "serve.lock");
	struct daemon_user user;

	if (daemon_load_config(data, s, e) < 0 ||
	    daemon_user_find(data, &s->config, &user, e) < 0 ||
	    daemon_user_become(&user, e) < 0)
		return -1;
	if (file_lock(path, lock, e) == 0)
		return 0;
	if (e->code != ERR_HOME_BUSY)
		return -1;
	(void)err_set(
	    e, ERR_HOME_BUSY, "aumbryd serves %s, under this identity", data);
	return err_remedy(e, "Stop it, run this, and start it again.");
}

static int
identity_rotate(void *line, const void *options, struct err *e)
{
	const struct identity_options *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(mem_free) char *keys = file_join(o->data, "keys");
	OWN(buf_free) struct buf url = { 0 };
	OWN(fd_close) int lock = -1;

	(void)line;
	if (begin(o->data, &s, &lock, e) < 0)
		return -1;
	const char *names[] = { s.config.host, "localhost", "127.0.0.1" };
	if (keys_rotate(keys, names, ARRAY_SIZE(names), o->stolen, e) < 0 ||
	    daemon_load_keys(o->data, &s, e) < 0)
		return -1;
	daemon_put_url(&s, 0, &url);
	(void)printf("%s\n", buf_text(&url));
	(void)fputs(o->stolen
		? "The old identity counts for nothing here any more. Whoever "
		  "has its key can still pass\n"
		  "for this server with devices that do not know: have each "
		  "run\n"
		  "  aumbry server set URL\n"
		: "The old identity gave its word for the new one: devices go "
		  "over by themselves.\n"
		  "Was the old key stolen? Then run this again with "
		  "--stolen.\n",
	    stderr);
	return 0;
}

static const struct cmd_option identity_rows[] = {
	DAEMON_DATA(struct identity_options),
	{ "stolen", CMD_FLAG, offsetof(struct identity_options, stolen), NULL,
	    "the old one vouches for nothing: each device is told the new one "
	    "by hand" },
};

const struct cmd daemon_identity[] = {
	{ "identity rotate", "",
	    "draw a new identity, which the old one vouches for",
	    identity_rotate,
	    CMD_OPTIONS(identity_rows, struct identity_options) },
	{ 0 },
};
