/* SPDX-License-Identifier: ISC */
/* room.c: the reserve's file, and how much the disk has left. */
#include "server/room.h"

#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILE_NAME "reserve"
/* Of a small disk the reserve takes an eighth. */
#define SHARE 8
/* It is given up in so many steps, one when half of one is left. */
#define STEPS 8

struct room {
	char *dir, *path;
	uint64_t reserve;
	pthread_mutex_t lock; /* guards what follows */
	bool full;
	uint64_t kept; /* bytes of the file */
};

/* What the disk has left; all of it when that cannot be told. */
static uint64_t
left(const struct room *r)
{
	struct statvfs v;

	return statvfs(r->dir, &v) == 0
	    ? (uint64_t)v.f_bavail * (uint64_t)v.f_frsize
	    : UINT64_MAX;
}

/* Take the room; half of a file would be none. */
static bool
keep(struct room *r)
{
	OWN(fd_close)
	int fd =
	    open(r->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	bool ok = fd >= 0 && ftruncate(fd, (off_t)r->reserve) == 0 &&
	    posix_fallocate(fd, 0, (off_t)r->reserve) == 0;
	if (fd >= 0 && !ok)
		(void)unlink(r->path);
	r->kept = ok ? r->reserve : 0;
	return ok;
}

/* A step at a time, for whoever else writes to the disk takes it as well. */
static void
give(struct room *r)
{
	uint64_t step = r->reserve / STEPS + 1;
	uint64_t then = r->kept > step ? r->kept - step : 0;

	if ((then > 0 ? truncate(r->path, (off_t)then) : unlink(r->path)) < 0)
		return;
	log_warn("reserve_given", "kept=%" PRIu64, then);
	r->kept = then;
}

struct room *
room_new(const char *dir, uint64_t reserve)
{
	struct room *r = mem_new(sizeof *r);
	struct statvfs v;
	struct stat st;

	r->dir = mem_text(dir);
	r->path = file_join(dir, FILE_NAME);
	r->reserve = reserve;
	(void)pthread_mutex_init(&r->lock, NULL);
	if (statvfs(dir, &v) == 0) {
		uint64_t share =
		    (uint64_t)v.f_blocks * (uint64_t)v.f_frsize / SHARE;
		r->reserve = share < reserve ? share : reserve;
	}
	if (stat(r->path, &st) == 0)
		r->kept = (uint64_t)st.st_size;
	if (r->reserve > 0 && r->kept != r->reserve && left(r) > 2 * r->reserve)
		(void)keep(r);
	return r;
}

void
room_free(struct room **room)
{
	struct room *r = *room;

	if (r == NULL)
		return;
	(void)pthread_mutex_destroy(&r->lock);
	free(r->dir);
	free(r->path);
	free(r);
	*room = NULL;
}

static bool
look(struct room *r, bool uses)
{
	if (r == NULL || r->reserve == 0)
		return false;
	(void)pthread_mutex_lock(&r->lock);
	uint64_t now = left(r);
	bool low = now < r->reserve / STEPS / 2;
	if (!r->full && low) {
		r->full = true;
		log_error("disk_full", "left=%" PRIu64 " reserve=%" PRIu64, now,
		    r->kept);
	} else if (r->full && now > 2 * r->reserve && keep(r)) {
		r->full = false;
		log_info("disk_has_room", "left=%" PRIu64, now);
	}
	if (r->full && low && uses && r->kept > 0)
		give(r);
	bool full = r->full;
	(void)pthread_mutex_unlock(&r->lock);
	return full;
}

bool
room_full(struct room *r)
{
	return look(r, false);
}

bool
room_use(struct room *r)
{
	return look(r, true);
}

int
room_to_grow(struct room *r, struct err *e)
{
	return room_full(r) ? err_set(e, ERR_SERVER_FULL,
				  "the disk is full: what is stored can be "
				  "read, forgotten and pruned")
			    : 0;
}
