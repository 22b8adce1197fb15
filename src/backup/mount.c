/* SPDX-License-Identifier: ISC */
/* mount.c: one mount, from its session to its end. */
#define FUSE_USE_VERSION 31
#include "backup/mount_in.h"

#include "base/now.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
mounted_free(struct mount *m)
{
	for (size_t i = 0; i < DIRS; i++)
		mount_drop_dir(&m->dirs[i]);
	for (size_t i = 0; i < INDEXES; i++)
		dirs_index_free(&m->indexes[i].index);
	source_free(&m->src);
	for (size_t i = 0; i < m->n_snaps; i++) {
		snapshot_free(&m->snaps[i]->snapshot);
		free(m->snaps[i]);
	}
	free(m->snaps);
}

/* FUSE would mount over a file, and hide what is in a directory. */
static int
check_dir(const char *path, struct err *e)
{
	DIR *d = opendir(path);
	const struct dirent *x = NULL;
	size_t n = 0;

	if (d == NULL)
		return err_sys(e, "mounting on %s", path);
	while ((x = readdir(d)) != NULL && n <= 2)
		n++;
	(void)closedir(d);
	if (n <= 2)
		return 0;
	(void)err_set(e, ERR_IO, "%s is not empty", path);
	return err_remedy(e, "Make an empty directory, and mount there.");
}

struct session {
	struct fuse *fuse;
	struct fuse_args args;
	bool mounted, signals;
	sigset_t before; /* what the caller has blocked */
};

static void
session_free(struct session *s)
{
	if (s->signals) {
		fuse_remove_signal_handlers(fuse_get_session(s->fuse));
		(void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
	}
	if (s->mounted)
		fuse_unmount(s->fuse);
	if (s->fuse != NULL)
		fuse_destroy(s->fuse);
	fuse_opt_free_args(&s->args);
}

static int
session_open(struct session *s, struct mount *m, struct err *e)
{
	static const char *const words[] = { "aumbry", "-o",
		"ro,fsname=aumbry,subtype=aumbry" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (fuse_opt_add_arg(&s->args, words[i]) < 0)
			abort();
	s->fuse =
	    fuse_new(&s->args, &mount_operations, sizeof mount_operations, m);
	if (s->fuse == NULL)
		return err_set(e, ERR_IO, "FUSE does not work here");
	errno = 0;
	if (fuse_mount(s->fuse, m->o->dir) < 0) {
		(void)err_set(e, ERR_IO, "%s cannot be mounted on", m->o->dir);
		return err_remedy(e,
		    "It must be an empty directory that is yours, and "
		    "/dev/fuse must be there; FUSE said why above.");
	}
	s->mounted = true;
	if (fuse_set_signal_handlers(fuse_get_session(s->fuse)) < 0)
		return err_set(e, ERR_IO, "signals cannot be caught");
	s->signals = true;
	return 0;
}

/*
 * What fuse_loop does, but signals come only while it waits: one that came
 * between its look at "ended" and its read would be lost, and it would stay.
 *
 * returns 0 when it is to end, else a negative errno.
 */
static int
session_serve(struct session *s)
{
	struct fuse_session *se = fuse_get_session(s->fuse);
	struct pollfd fd = { fuse_session_fd(se), POLLIN, 0 };
	struct fuse_buf b = { .mem = NULL };
	sigset_t ends;
	int rc = 0;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	/* What poll has seen, the kernel may take back: no read may wait. */
	if (fcntl(fd.fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	while (rc >= 0 && !fuse_session_exited(se)) {
		if (ppoll(&fd, 1, NULL, &s->before) < 0)
			continue; /* a signal */
		rc = fuse_session_receive_buf(se, &b);
		if (rc > 0)
			fuse_session_process_buf(se, &b);
		else if (rc == -EAGAIN || rc == -EINTR)
			rc = 0;
	}
	free(b.mem);
	return rc < 0 ? rc : 0;
}

int
mount_run(struct repo *r, struct snapshot_list *list,
    const struct mount_options *o, struct err *e)
{
	OWN(mounted_free)
	struct mount m = {
		.repo = r, .o = o, .uid = getuid(), .gid = getgid()
	};
	OWN(session_free)
	struct session s = { .args = FUSE_ARGS_INIT(0, NULL) };

	if (check_dir(o->dir, e) < 0)
		return -1;
	m.src = source_new(r);
	mount_take_list(&m, list);
	m.asked_ns = now_mono_ns();
	(void)pthread_sigmask(SIG_BLOCK, NULL, &s.before);
	if (session_open(&s, &m, e) < 0)
		return -1;
	if (o->ready != NULL)
		o->ready(o->ctx);
	int rc = session_serve(&s);
	return rc < 0
	    ? err_set(e, ERR_IO, "serving %s: %s", o->dir, strerror(-rc))
	    : 0;
}
