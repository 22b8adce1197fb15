/* SPDX-License-Identifier: ISC */
/* place.c: the directory below which everything is put. */
#include "files/place_in.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NODES_MAX 128 /* directories kept open, beyond those in use */

/*
 * What time it is where the target is. What is changed after this returns has
 * a later one: clocks of file systems move in steps of some milliseconds.
 */
static struct timespec
time_there(int target)
{
	OWN(fd_close)
	int fd = openat(target, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	const struct timespec step = { .tv_nsec = 1000000 };
	struct timespec began = { 0 }, now = { 0 };
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0)
		began = st.st_ctim;
	else
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &began);
	/* Files may be dated finer than this clock ticks, and those made until
	 * its next tick then get the time of the last one (Linux 6.13). */
	for (int i = 0; i < 20; i++) {
		(void)nanosleep(&step, NULL);
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (place_before(&began, &now))
			break;
	}
	return began;
}

/* How many directories may be kept open, beyond those in use. */
static size_t
nodes_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur / 8 >= NODES_MAX)
		return NODES_MAX;
	return limit.rlim_cur / 8 > 4 ? (size_t)limit.rlim_cur / 8 : 4;
}

int
place_open(
    const char *target, enum place_rule rule, struct place **out, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct stat st;

	*out = NULL;
	bool made = stat(target, &st) < 0;
	if (file_mkdirs(target, 0700, e) < 0)
		return -1;
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "cannot open %s", target);
	struct place *p = mem_new(sizeof *p);
	(void)pthread_mutex_init(&p->lock, NULL);
	p->rule = rule;
	p->made = made;
	p->max = nodes_max();
	p->meta = place_meta_new();
	p->target = fd;
	p->began = time_there(fd);
	place_sweep(fd);
	place_keep_node(p, place_node_new(bytes_of(NULL, 0), fd));
	fd = -1;
	*out = p;
	return 0;
}

void
place_free(struct place **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < (*p)->n; i++)
		place_node_close(&(*p)->nodes[i]);
	free((*p)->nodes);
	place_meta_free(&(*p)->meta);
	buf_free(&(*p)->above);
	idset_free(&(*p)->met);
	(void)pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

void
place_numeric_ids(struct place *p)
{
	place_meta_numeric(p->meta);
}

struct place_counts
place_counts(struct place *p)
{
	return place_meta_counts(p->meta);
}

int
place_sync(struct place *p, struct err *e)
{
	if (syncfs(p->target) < 0)
		return err_sys(e, "cannot write to the disk");
	return 0;
}

void
place_tame(struct place *p)
{
	place_meta_tame(p->meta);
}
