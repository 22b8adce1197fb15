/* SPDX-License-Identifier: ISC */
/* daemon.h: what the commands of `aumbryd` share. */
#pragma once

#include "cmd/cmd.h"
#include "server/server.h"

#define DAEMON_CONFIG "aumbryd.conf"

/* The row of --data, which every command needs, in a struct with that field. */
#define DAEMON_DATA(type) \
	{ \
		"data", CMD_TEXT, offsetof(type, data), "DIR", \
		    "the server's folder", .required = true \
	}
#define DAEMON_JSON(type) \
	{ \
		"json", CMD_FLAG, offsetof(type, json), NULL, \
		    "print JSON for programs" \
	}

/* For OWN, of one whose data_fd is -1 and all else zeros. */
void daemon_free(struct server *s);

/* errors: not-found, with how a server is made or what is put back. */
MUST_CHECK int daemon_load_config(
    const char *data, struct server *s, struct err *e);
/* errors: not-found, state-damaged. */
MUST_CHECK int daemon_load_keys(
    const char *data, struct server *s, struct err *e);
/* Where both lie; owned by the caller. */
char *daemon_database(const char *data, const struct server *s);
char *daemon_blobs(const char *data, const struct server *s);
/* The database is. errors: not-found. */
MUST_CHECK int daemon_is_there(
    const char *data, const struct server *s, struct err *e);
/* Begin to hold space back for what frees space; the database is opened next. */
void daemon_open_room(const char *data, struct server *s);
/* Keys, database and blobs. use: DB_SERVER brings the tables up to date. */
MUST_CHECK int daemon_open_parts(
    const char *data, enum db_use use, struct server *s, struct err *e);

/*
 * All of it, beside a server that runs, or without one. Root becomes whom the
 * server runs as, or what is made here would be closed to it; but not where it
 * also writes elsewhere.
 */
MUST_CHECK int daemon_open(
    const char *data, bool elsewhere, struct server *s, struct err *e);

/* Append who clients connect to: config's url, or host and port; port 0: that
 * of the config. */
void daemon_put_url(const struct server *s, uint16_t port, struct buf *out);

/* Tell who started it, as sd_notify(3) does: "READY=1", "STOPPING=1". Nobody
 * listening is no failure. */
void daemon_notify(const char *state);

/* Files without a row, as after older tables were put back. */
MUST_CHECK int daemon_give_rows(struct server *s, struct err *e);

/* The commands, by set; daemon.c lists them. */
extern const struct cmd daemon_init[], daemon_invite[], daemon_serve[],
    daemon_upgrade[], daemon_account[], daemon_status[], daemon_check[],
    daemon_backup[], daemon_restored[], daemon_identity[];
