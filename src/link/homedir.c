/* SPDX-License-Identifier: ISC */
/* homedir.c: finding the folder, shutting it to others, locks in it. */
#include "link/homedir.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int
homedir_default(char **out, struct err *e)
{
	const char *own = getenv("AUMBRY_HOME");
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");

	if (own != NULL && own[0] != '\0') {
		*out = mem_text(own);
		return 0;
	}
	if (data != NULL && data[0] == '/') {
		*out = file_join(data, "aumbry");
		return 0;
	}
	/* Units and cron jobs may have none; keys never go to where one
	 * happens to stand. */
	if (home == NULL || home[0] != '/') {
		const struct passwd *me = getpwuid(geteuid());
		home = me != NULL ? me->pw_dir : NULL;
	}
	if (home == NULL || home[0] != '/') {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "HOME is not set, and this user has no folder");
		return err_remedy(
		    e, "Say where the device's keys are: --home DIR");
	}
	*out = file_join(home, ".local/share/aumbry");
	return 0;
}

static int
not_ours(const char *path, struct err *e)
{
	struct stat st;
	const struct passwd *who =
	    lstat(path, &st) == 0 ? getpwuid(st.st_uid) : NULL;

	(void)err_set(e, ERR_PERMISSION, "%s cannot be opened by this user%s%s",
	    path, who != NULL ? ": it belongs to " : "",
	    who != NULL ? who->pw_name : "");
	return err_remedy(e,
	    "Run it as the user whose folder that is, give the folder and all "
	    "in it to this user (chown -R), or use another --home.");
}

/* Others of the machine get no way to the keys. *was_open when they had one. */
static int
shut(const char *path, mode_t mode, bool *was_open, struct err *e)
{
	OWN(fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0
							 : not_ours(path, e);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	/* What is not ours cannot be shut; its owner is told. */
	if ((st.st_mode & 077) == 0 || st.st_uid != geteuid())
		return 0;
	*was_open = true;
	return fchmod(fd, mode) < 0 ? err_sys(e, "%s", path) : 0;
}

bool
homedir_marks(struct bytes head)
{
	struct bytes text = bytes_str(HOMEDIR_MARKER_TEXT);

	if (head.n > text.n)
		head.n = text.n;
	return bytes_equal(head, text) ||
	    bytes_equal(head, bytes_of(text.p, text.n - 1));
}

bool
homedir_is(const char *dir)
{
	OWN(mem_free) char *marker = file_join(dir, HOMEDIR_MARKER);
	OWN(fd_close) int fd = -1;
	char head[sizeof HOMEDIR_MARKER_TEXT];
	size_t n;
	struct err e;

	if (file_open_plain(marker, O_RDONLY, &fd, &e) < 0)
		return e.code == ERR_PERMISSION;
	return file_pread_full(fd, head, sizeof head, 0, &n, &e) == 0 &&
	    homedir_marks(bytes_of(head, n));
}

int
homedir_ready(const char *dir, bool *was_open, struct err *e)
{
	OWN(mem_free) char *marker = file_join(dir, HOMEDIR_MARKER);
	OWN(mem_free) char *key = file_join(dir, "device.key");
	OWN(mem_free) char *db = file_join(dir, "state.db");
	bool listed = false; /* which gives no key away */
	struct stat st;

	*was_open = false;
	if (stat(dir, &st) < 0)
		return errno == ENOENT ? 0
		    : errno == EACCES  ? not_ours(dir, e)
				       : err_sys(e, "%s", dir);
	if (S_ISDIR(st.st_mode) && access(dir, R_OK | X_OK) < 0)
		return not_ours(dir, e);
	if (!file_exists(marker))
		return 0;
	if (access(db, R_OK) < 0 && errno == EACCES)
		return not_ours(db, e);
	return shut(key, 0600, was_open, e) < 0 ||
		shut(dir, 0700, &listed, e) < 0
	    ? -1
	    : 0;
}

int
homedir_lock(const char *dir, const char *activity, int *fd, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "%s/%s.lock", dir, activity);
	if (file_lock(buf_text(&path), fd, e) < 0)
		return e->code == ERR_HOME_BUSY
		    ? err_set(e, ERR_HOME_BUSY,
			  "another aumbry %s is running at %s", activity, dir)
		    : -1;
	return 0;
}
