/* SPDX-License-Identifier: ISC */
/* room.c: the reserve's file, and how much the disk has left. */
#include "server/room.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILE_NAME "reserve"
/* Of a small disk the reserve takes an eighth. */
#define SHARE 8
/* Below this part of the reserve nothing can grow any more. */
#define LOW 4

struct room {
	char *dir, *path;
	uint64_t reserve;
	pthread_mutex_t lock; /* guards what follows */
	bool full, kept; /* the file is there */
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

	r->kept = fd >= 0 && ftruncate(fd, (off_t)r->reserve) == 0 &&
	    posix_fallocate(fd, 0, (off_t)r->reserve) == 0;
	if (fd >= 0 && !r->kept)
		(void)unlink(r->path);
	return r->kept;
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
	r->kept = stat(r->path, &st) == 0 &&
	    (uint64_t)st.st_size == r->reserve && r->reserve > 0;
	if (!r->kept && left(r) > 2 * r->reserve && r->reserve > 0)
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

/* Under the lock. */
static void
look(struct room *r)
{
	uint64_t now = left(r);

	if (!r->full && now < r->reserve / LOW) {
		r->full = true;
		log_error("disk_full", "left=%" PRIu64 " reserve=%" PRIu64, now,
		    r->kept ? r->reserve : 0);
		if (r->kept && unlink(r->path) == 0)
			r->kept = false;
	} else if (r->full && now > 2 * r->reserve && (r->kept || keep(r))) {
		r->full = false;
		log_info("disk_has_room", "left=%" PRIu64, now);
	}
}

bool
room_full(struct room *r)
{
	if (r == NULL || r->reserve == 0)
		return false;
	(void)pthread_mutex_lock(&r->lock);
	look(r);
	bool full = r->full;
	(void)pthread_mutex_unlock(&r->lock);
	return full;
}

int
room_to_grow(struct room *r, struct err *e)
{
	return room_full(r) ? err_set(e, ERR_SERVER_FULL,
				  "the disk is full: what is stored can be "
				  "read, forgotten and pruned")
			    : 0;
}
