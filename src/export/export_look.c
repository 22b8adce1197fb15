/* SPDX-License-Identifier: ISC */
/* export_look.c: what is on the disk, as a line says it. */
#include "export/export_in.h"

#include "base/file.h"
#include "files/filehash.h"

static const mode_t kinds[] = { [ENTRY_REGULAR] = S_IFREG,
	[ENTRY_DIRECTORY] = S_IFDIR,
	[ENTRY_SYMLINK] = S_IFLNK,
	[ENTRY_FIFO] = S_IFIFO,
	[ENTRY_SOCKET] = S_IFSOCK,
	[ENTRY_CHARDEV] = S_IFCHR,
	[ENTRY_BLOCKDEV] = S_IFBLK };

struct stat
export_stat(const struct entry *x)
{
	return (struct stat){ .st_mode = kinds[x->type] | x->mode,
		.st_size = (off_t)x->size,
		.st_mtim = { x->mtime_s, (long)x->mtime_ns } };
}

int
export_look(struct place *place, struct bytes path, struct export_looked *f,
    struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct stat there;
	uint64_t size;

	if (place_read(place, path, &fd, e) < 0)
		return -1;
	if (fstat(fd, &there) < 0)
		return err_sys(e, "cannot look at it");
	if (!S_ISREG(there.st_mode))
		return err_set(e, ERR_CONFLICT, "something else is there");
	if (f->line.secret && (there.st_mode & 077) != 0)
		(void)!fchmod(fd, there.st_mode & 07700);
	f->line.data_only = filehash_mostly_holes(&there);
	if ((f->line.data_only ? filehash_data(fd, there.st_size, &f->sha, e)
			       : filehash_all(fd, &size, &f->sha, e)) < 0)
		return -1;
	f->st.st_size = there.st_size;
	f->st.st_mtim = there.st_mtim;
	f->line.sha = &f->sha;
	return 0;
}
