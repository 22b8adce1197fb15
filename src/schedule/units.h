/* SPDX-License-Identifier: ISC */
/* units.h: what makes the machine start a run: units of systemd. */
/*
 * A service runs "aumbry backup run" and a timer starts it: at each plan's
 * time, and every 15 minutes, at which what is not due costs nothing; so what
 * was missed, put off or failed needs no timer of its own. Units of this user,
 * or the system's for root; a home that is not the usual one has units of its
 * own.
 */
#pragma once

#include "schedule/plan.h"

struct units {
	char *folder; /* where they are written */
	char *name; /* "aumbry-backup", or with 8 digits for another home */
	char *home; /* --home of the run; NULL: the usual one */
	char *program; /* absolute */
	bool system; /* root's */
};

/* For OWN. */
void units_free(struct units *u);
/* Those of this device's home. */
MUST_CHECK int units_find(const char *home, struct units *out, struct err *e);

/* The texts; mounts: mount points at whose coming it runs, too. */
void units_service(
    const struct units *u, const struct plan_list *mounts, struct buf *out);
void units_timer(
    const struct units *u, const struct plan_all *plans, struct buf *out);
/* The line for a crontab, where no systemd is; false: none can say it, for a name
 * has a line's end. */
bool units_cron(const struct units *u, struct buf *out);
/* "/media/a b" as systemd names its unit: "media-a\x20b.mount". Appended. */
void units_mount_name(const char *point, struct buf *out);
/* The mount point that an absolute path, or what is there of it, lies on: in new
 * memory. */
char *units_mount_point(const char *path);

/*
 * Write the units, or those of these plans anew, and switch them on.
 *
 * *on  false: no systemd is there that would run them; they are written.
 */
MUST_CHECK int units_enable(const struct units *u, const struct plan_all *plans,
    bool *on, struct err *e);
/* Switch them off and remove them. */
MUST_CHECK int units_disable(const struct units *u, struct err *e);
/* Start a run now, and do not wait for it. */
bool units_start(const struct units *u);
/* Is the timer on and waiting? */
bool units_on(const struct units *u);

/* Does what a user started go on, and begin, while they are not signed in? Of
 * root: always. */
bool units_lingers(void);
/* Ask for it; false: it may not be. */
bool units_linger(void);
