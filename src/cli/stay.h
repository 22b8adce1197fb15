/* SPDX-License-Identifier: ISC */
/* stay.h: what stays and syncs, and who asks it. */
/*
 * HOME/drive.sock (0600): one line of JSON in, one out, then it is closed.
 *
 *   {"ask":"status"}                      → {"roots":[…],"paused_until"}
 *   {"ask":"sync","dir",…}                → the report of `drive sync --json`
 *   {"ask":"enable","dir","folder","adopt"}  {"ask":"disable","dir"}
 *   {"ask":"skip","dir","path","on"}      → {}
 *   {"ask":"limits"}                      read drive.limit again → {}
 *   {"ask":"pause","until_ms"}            → {}
 *
 * An error is {"error","message","remedy"}.
 */
#pragma once

#include "cli/cli_drive.h"

#include "drive/roots.h"
#include "drive/watch.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define STAY_NEVER INT64_MAX /* when something is due */
#define STAY_ROOTS_MAX 32 /* of a device */

/* Bytes a second, 0: no limit; and whether metered networks are used. */
struct stay_limits {
	uint64_t up, down;
	bool metered;
};
/* As the home has them; without any, no limits and no metered network. */
void stay_limits_load(const char *home, struct stay_limits *out);
MUST_CHECK int stay_limits_save(
    const char *home, const struct stay_limits *l, struct err *e);
/* As JSON, appended. */
void stay_limits_put(const struct stay_limits *l, struct buf *out);

struct stay_root {
	char *path;
	struct drive_root *root; /* NULL until it could be opened */
	struct watch *watch; /* NULL: it cannot be watched */
	struct err unwatched; /* why not */
	struct buf dirs; /* to look at, with NULs */
	bool all; /* to look at all of it */
	bool news; /* the zone has some */
	int64_t due, watch_due, whole_at; /* ns of the clock that never steps */
	int64_t back_off;
	int64_t last_ms; /* when it was in sync last */
	const char *state;
	struct err err; /* why it is not */
	struct drive_report report; /* of the last sync */
};

struct stay {
	struct cli *cli;
	struct cli_drive d;
	struct stay_root **roots;
	size_t n;
	int socket, news_fd;
	char *socket_path;
	struct stay_limits limits;
	bool costs; /* the network does, by the byte, and is not to be used */
	int64_t cost_at; /* when to look again, ns */
	int64_t tidy_at; /* when to look whether it is time, ns */
	int64_t paused_until; /* ms since 1970; 0: it goes on */
	/* Between the thread that waits and the one that does. */
	pthread_mutex_t lock;
	pthread_cond_t pulled;
	bool news;
	atomic_bool circle; /* it has news, to be refreshed */
	atomic_bool ends;
};

/* Sync one root now; NULL: without waiting for second looks. */
MUST_CHECK int stay_sync(struct stay *s, struct stay_root *r,
    const struct drive_sync_ask *how, struct err *e);
/* Take in the roots that are enabled by now. */
MUST_CHECK int stay_load(struct stay *s, struct err *e);
struct stay_root *stay_find(struct stay *s, const char *path);
/* One more root; nothing of it is opened yet. */
void stay_add(struct stay *s, const char *path);
void stay_drop(struct stay *s, struct stay_root *r);
/* until_ms 0: go on. It is kept over restarts. */
MUST_CHECK int stay_pause(struct stay *s, int64_t until_ms, struct err *e);
void stay_pause_load(struct stay *s);
bool stay_paused(const struct stay *s);
/* Take over what drive.limit says. */
void stay_limit(struct stay *s);

/* Keep house, once a day, when all is at rest: stay_tidy.c. */
void stay_tidy(struct stay *s);

/* ---- its socket: stay_socket.c ---- */

/* Make the socket. errors: conflict: somebody answers there already. */
MUST_CHECK int stay_listen(struct stay *s, struct err *e);
/* And take it away. */
void stay_close(struct stay *s);
/* Somebody asks: answer. */
void stay_answer(struct stay *s);
/*
 * Ask the one that stays for this home. *answer NULL: none does.
 *
 * errors  what it answers.
 */
MUST_CHECK int stay_ask(
    const char *home, const json_t *ask, json_t **answer, struct err *e);

/*
 * Keep one folder in sync until it is ended; nobody can ask meanwhile.
 *
 * d  is taken.
 */
MUST_CHECK int stay_one(
    struct cli *cli, struct cli_drive *d, const char *path, struct err *e);

/* The row of `drive stay`. */
int cli_drive_stay(void *line, const void *options, struct err *e);
