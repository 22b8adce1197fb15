/* SPDX-License-Identifier: ISC */
/* file.h: files that are old or new after a crash, never between; locks. */
#pragma once

#include "base/buf.h"

#include <sys/types.h>

/* For OWN: close it, if it is not -1, and leave -1. */
void fd_close(int *fd);

/*
 * Open a file in a folder where others may put things, too. What is no plain
 * file, such as a link that leads elsewhere or a pipe that nobody writes to, is
 * not followed and not waited for.
 *
 * flags   of open(2); what is made is of mode 0600.
 * errors  as open(2)'s; state-damaged when it is no plain file.
 */
MUST_CHECK int file_open_plain(
    const char *path, int flags, int *fd, struct err *e);

/* Make a folder, unless it is there. errors: conflict where something else is, as
 * a link that others may have put. */
MUST_CHECK int file_mkdir_plain(const char *path, mode_t mode, struct err *e);
/* Read all of a regular file. errors: too-large beyond `limit` bytes. */
MUST_CHECK int file_read(
    const char *path, size_t limit, struct buf *out, struct err *e);
/* The same of what others may have put there: a link is followed, and a pipe,
 * which could keep us waiting, is state-damaged. */
MUST_CHECK int file_read_regular(
    const char *path, size_t limit, struct buf *out, struct err *e);

/* The same of what is open, from where it is; `name` is for messages. */
MUST_CHECK int file_read_rest(
    int fd, const char *name, size_t limit, struct buf *out, struct err *e);

/*
 * Replace `path` by `x`: temporary name beside it, write, fsync, rename, fsync
 * of the folder. Whoever reads it sees the old or the new.
 */
MUST_CHECK int file_write(
    const char *path, struct bytes x, mode_t mode, struct err *e);

/* A file of mode 0600 without a name in the folder dir_fd: gone when closed. */
MUST_CHECK int file_unnamed(int dir_fd, int *fd, struct err *e);

/* Write or read everything, over short counts and EINTR. */
MUST_CHECK int file_write_all(int fd, struct bytes x, struct err *e);
MUST_CHECK int file_pwrite_all(
    int fd, struct bytes x, uint64_t at, struct err *e);
/* Read up to n bytes; *got < n only at the end of the file. */
MUST_CHECK int file_read_full(
    int fd, void *p, size_t n, size_t *got, struct err *e);
MUST_CHECK int file_pread_full(
    int fd, void *p, size_t n, uint64_t at, size_t *got, struct err *e);

typedef int (*file_piece_fn)(void *ctx, struct bytes x, struct err *e);
/* Read all from where it is, and give it to fn: `size` bytes, the last less. */
MUST_CHECK int file_pieces(
    int fd, size_t size, file_piece_fn fn, void *ctx, struct err *e);

/* Let this process have as many descriptors as it may; returns how many. */
size_t fd_raise(void);

/*
 * The first thing a program does: where descriptors 0 to 2 are closed, the next
 * file that is opened would take their place, and words would go into it. Words
 * then go nowhere, and file_printed still fails.
 */
void file_hold_std(void);

/* fsync the folder at `path`. */
MUST_CHECK int file_sync_dir(const char *path, struct err *e);

/*
 * Has what was printed arrived? That a reader has enough, and closed its pipe,
 * is no error.
 */
MUST_CHECK int file_printed(struct err *e);

/* Make `path` and what is missing above it, each with `mode`. */
MUST_CHECK int file_mkdirs(const char *path, mode_t mode, struct err *e);

/* Is there anything of that name, be it a link that leads nowhere? */
bool file_exists(const char *path);

/* "dir/name" in new memory. */
char *file_join(const char *dir, const char *name);
/* The folder that a path is in, "." where it names none; in new memory. */
char *file_above(const char *path);

/*
 * Take an exclusive lock on `path`, made when it is not there.
 *
 * fd      the lock, held until it is closed.
 * errors  home-busy at once when another process holds it.
 */
MUST_CHECK int file_lock(const char *path, int *fd, struct err *e);
/* The same, and wait for it: for what others hold no longer than seconds. */
MUST_CHECK int file_lock_wait(const char *path, int *fd, struct err *e);

struct sockaddr_un;
/*
 * Make way for a socket of ours: one that nobody answers at was left by a
 * stopped one and goes.
 *
 * whose   "server", for the message.
 * errors  conflict: something else is there, or somebody answers.
 */
MUST_CHECK int file_clear_socket(
    const struct sockaddr_un *a, const char *whose, struct err *e);
