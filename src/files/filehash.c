/* SPDX-License-Identifier: ISC */
/* filehash.c: reading all of a file, or what in it is no hole. */
#include "files/filehash.h"

#include "base/file.h"

#include <unistd.h>

#define PIECE (256 * 1024) /* bytes read at once */
#define SMALL (32 * 1024) /* bytes read at once of a file that has no more */
#define HOLES_MAX (1ULL << 30) /* bytes of holes that are hashed as zeros */

/*
 * A file may be mostly holes: 16 TiB of them are made in no time and read in
 * hours. Then the hash is of what is data, and each piece of it stands behind
 * its offset and its length.
 */
int
filehash_data(int fd, off_t size, struct digest *out, struct err *e)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	OWN(buf_free) struct buf room = { 0 };
	uint8_t *p = buf_grow(&room, PIECE);
	off_t at = 0, end;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && at < size) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0)
			return err_sys(e, "looking for holes");
		digest_add_u64(s, (uint64_t)at);
		digest_add_u64(s, (uint64_t)(end - at));
		while (at < end) {
			size_t n =
			    end - at < PIECE ? (size_t)(end - at) : PIECE;
			size_t got;
			if (file_pread_full(fd, p, n, (uint64_t)at, &got, e) <
			    0)
				return -1;
			if (got == 0)
				return err_set(e, ERR_IO, "it got shorter");
			digest_add(s, bytes_of(p, got));
			at += (off_t)got;
		}
	}
	digest_end(s, out);
	return 0;
}

/* More of it is a hole than is worth reading. */
const char *
filehash_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

bool
filehash_mostly_holes(const struct stat *st)
{
	return st->st_size > (off_t)HOLES_MAX &&
	    st->st_size - (off_t)HOLES_MAX > (off_t)st->st_blocks * 512;
}

struct hashing {
	struct digest_state *s;
	uint64_t size;
};

static int
hash_piece(void *ctx, struct bytes x, struct err *e)
{
	struct hashing *h = ctx;

	(void)e;
	digest_add(h->s, x);
	h->size += x.n;
	return 0;
}

int
filehash_all(int fd, uint64_t *size, struct digest *out, struct err *e)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	struct hashing h = { .s = s };
	struct stat st;

	/* Room that a small file does not fill takes longer than the file. */
	bool small = fstat(fd, &st) == 0 && st.st_size < SMALL;
	if (file_pieces(fd, small ? SMALL : PIECE, hash_piece, &h, e) < 0)
		return -1;
	digest_end(s, out);
	*size = h.size;
	return 0;
}
