/* SPDX-License-Identifier: ISC */
/* os_posix.h: the calls of os.h on a file system of Linux. */
/*
 * Why nothing is lost, whenever this program or the machine stops:
 *
 * - A name is only ever given or taken by a rename, and each is looked at after
 *   it was done. So an object is whole at one of: its path, part/, gone/.
 * - New bytes are on the disk before the name is theirs (`place` waits for all
 *   parts that were ended), so no crash leaves a name with half its content.
 * - What is replaced goes straight into gone/: the part is moved there first,
 *   and changes places with what is at the path. No moment exists where what a
 *   program wrote lies in part/, whose files may be dropped.
 * - A name in gone/ says when it came and as what (inode, time, size). What is
 *   not that is reported and never dropped by itself: so is all that was
 *   written to after it came, what came instead of what was expected, and a new
 *   file that a crash left there before it changed places.
 * - Only gone_sweep and gone_drop unlink what was in the tree, after what took
 *   its place is on the disk, and never what is open to write.
 * - Meanwhile is always said: what was not as expected is put back and
 *   reported as a conflict. When somebody is faster than even that, theirs has
 *   the path, and the other lies in gone/.
 *
 * A directory is removed only when it is empty, by the kernel's word; when it
 * changes places with another empty one between look and removal, that goes.
 *
 * Where a file system lacks RENAME_EXCHANGE, what is replaced goes to gone/
 * first: a crash in between leaves the path empty, which is a deletion of what
 * was changed elsewhere, and comes back. Where it lacks RENAME_NOREPLACE, link
 * and unlink stand for it; without hard links (and for directories) it is a
 * look and then a rename: what is made under that name within those
 * microseconds is lost.
 */
#pragma once

#include "drive/os.h"

/*
 * Open a root for good: its OS_OWN is made, and the file system tried out.
 *
 * root_dir  may hold links and "..": it is what a person typed.
 * errors    not-found; conflict: something else is at OS_OWN; io-error;
 *           disk-full-here; update-needed: a kernel before 5.6.
 */
MUST_CHECK int os_posix_open(
    const char *root_dir, struct os **out, struct err *e);

/* Is it the folder that this path leads to now? A copy of it is another. */
bool os_posix_is(struct os *o, const char *root_dir);
