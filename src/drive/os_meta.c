/* SPDX-License-Identifier: ISC */
/* os_meta.c: modes and attributes that stay when content is replaced. */
#include "drive/os_in.h"
#include "files/place_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define BY_FD 32 /* bytes of /proc/self/fd/N */
#define XATTR_MOST 65536 /* bytes of a value or a list, of Linux */

mode_t
os_mode(mode_t mode, bool exec)
{
	if (!exec)
		return mode & 0666;
	/* Who may read it may run it, unless somebody chose already. */
	return (mode & 0111) != 0 ? mode & 0777
				  : (mode & 0666) | (mode & 0444) >> 2;
}

/* Copy one attribute; `as`: under another name. Sets errno. */
static int
copy_xattr(const char *from, const char *name, const char *to, const char *as)
{
	OWN(buf_free) struct buf value = { 0 };
	void *p = buf_grow(&value, XATTR_MOST);
	ssize_t n = getxattr(from, name, p, XATTR_MOST);

	return n < 0 ? -1 : setxattr(to, as, p, (size_t)n, 0);
}

static int
copy_xattrs(const char *from, const char *to, struct err *e)
{
	OWN(buf_free) struct buf names = { 0 };

	/* Most have none. */
	ssize_t n = listxattr(from, NULL, 0);
	if (n <= 0)
		return 0;
	char *p = (char *)buf_grow(&names, XATTR_MOST);
	n = listxattr(from, p, XATTR_MOST);
	for (const char *end = p + n; n > 0 && p < end; p += strlen(p) + 1) {
		if (strncmp(p, "user.", 5) != 0 && strcmp(p, ACL_ACCESS) != 0)
			continue;
		if (copy_xattr(from, p, to, p) < 0 &&
		    (errno == ENOSPC || errno == EDQUOT))
			return err_sys(e, "cannot keep its attributes");
	}
	return 0;
}

int
os_keep_meta(int old, const struct statx *was, int fd, bool exec, struct err *e)
{
	char from[BY_FD], to[BY_FD];
	mode_t mode = os_mode(was->stx_mode & 0777, exec);
	struct stat st;

	(void)snprintf(from, sizeof from, "/proc/self/fd/%d", old);
	(void)snprintf(to, sizeof to, "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at the part");
	/* A user may give what is theirs to a group that they are in. */
	if ((st.st_uid != was->stx_uid || st.st_gid != was->stx_gid) &&
	    fchownat(fd, "", was->stx_uid, was->stx_gid, AT_EMPTY_PATH) < 0 &&
	    fchownat(fd, "", (uid_t)-1, was->stx_gid, AT_EMPTY_PATH) < 0)
		mode &= 0707; /* what one group may is no other's */
	if (copy_xattrs(from, to, e) < 0)
		return -1;
	/* Set-id bits are for content that somebody looked at. */
	if ((st.st_mode & 07777) != mode && place_meta_chmod(fd, mode) < 0 &&
	    errno != EPERM)
		return err_sys(e, "cannot keep its mode");
	return 0;
}

int
os_inherit(int dir, int fd, bool exec, struct err *e)
{
	char from[BY_FD], to[BY_FD];
	struct stat st, was;

	if (fstat(dir, &st) < 0 || fstat(fd, &was) < 0)
		return err_sys(e, "cannot look at the folder");
	/* As the kernel does, and where it would not, neither do we. */
	if ((st.st_mode & S_ISGID) != 0 &&
	    fchownat(fd, "", (uid_t)-1, st.st_gid, AT_EMPTY_PATH) < 0 &&
	    errno != EPERM)
		return err_sys(e, "cannot give it the folder's group");
	/* What is for this user alone is so in any folder. */
	if ((was.st_mode & 077) == 0)
		return 0;
	(void)snprintf(from, sizeof from, "/proc/self/fd/%d", dir);
	(void)snprintf(to, sizeof to, "/proc/self/fd/%d", fd);
	/* Of the folder's ACL what the mode of a new file allows. */
	if (copy_xattr(from, ACL_DEFAULT, to, ACL_ACCESS) == 0 &&
	    (fstat(fd, &st) < 0 ||
		place_meta_chmod(fd, os_mode(st.st_mode & 0666, exec)) < 0))
		return err_sys(e, "cannot give it the folder's rights");
	return 0;
}
