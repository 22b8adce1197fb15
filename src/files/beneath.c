/* SPDX-License-Identifier: ISC */
/* beneath.c: opening what is below a directory, and nothing else. */
#include "files/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

int
beneath_open(int at, const char *path, int flags, mode_t mode, bool one_fs)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};

	if (one_fs)
		how.resolve |= RESOLVE_NO_XDEV;
	for (int tries = 0;; tries++) {
		long fd = syscall(SYS_openat2, at, path, &how, sizeof how);
		/* EAGAIN: a rename elsewhere disturbed the check. */
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR) ||
		    tries == 1000)
			return (int)fd;
	}
}

int
beneath_fail(struct err *e, const char *what)
{
	if (errno == ENOSYS)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "%s: this kernel is older than 5.6 and has no openat2",
		    what);
	return err_sys(e, "%s", what);
}
