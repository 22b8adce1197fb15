/* SPDX-License-Identifier: ISC */
/* export_line.h: one line of a manifest: a file, what is missing, a snapshot. */
/*
 * manifest.partial.jsonl has a head, and then such lines; manifest.json has them
 * in its lists, each on a line of its own, with a comma behind all but the
 * last. So either can be read by line, and one be made of the other by copying.
 *
 * A file:      path, type, mode, mtime, mtime_ns; of a regular one size, and
 *              sha256 or sha256_of_data; target of a link; snapshot and source,
 *              or source alone; of the Drive content, which tells whether it
 *              is still the same, and former, when the Drive has it no more.
 * A missing:   path, error, message; snapshot.
 * A snapshot:  folder, snapshot, host, time, paths, files, bytes, errors.
 * Anew:        again, the snapshot: its lines above this one do not count.
 *
 * What is no UTF-8 is shown escaped, and stands beside that in base64, as
 * path_raw.
 */
#pragma once

#include "backup/snapshot.h"
#include "files/entry.h"

#define EXPORT_FORMAT 1
#define EXPORT_LINE_MAX ((size_t)8 << 20) /* bytes: a path of a MiB, twice */

enum export_kind {
	EXPORT_FILE,
	EXPORT_LACKS,
	EXPORT_SNAPSHOT,
	EXPORT_AGAIN,
};

struct export_line {
	enum export_kind kind;
	struct buf path; /* below the folder; of a snapshot, its folder */
	struct id snapshot; /* zeros: of the account, or of the Drive */
	bool drive; /* a file of the Drive */
	bool former; /* that is not in it any more */
	struct digest content; /* of such a one: what tells it from another */
	struct buf target; /* of a link */
	enum entry_type type; /* of a file, a folder, a link; or 0 */
	bool regular;
	bool summed; /* sha is of all of it */
	struct digest sha;
	uint64_t size;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint64_t errors; /* of a snapshot */
};

/* For OWN. */
void export_line_free(struct export_line *l);

/*
 * Read a line, with or without the comma behind it.
 *
 * out     the path has no part that leads out of the folder.
 * errors  record-corrupt.
 */
MUST_CHECK int export_line_parse(
    struct bytes line, struct export_line *out, struct err *e);

/* What a manifest begins with. */
struct export_head {
	struct id uid;
	uint64_t begun_ms;
};

/*
 * Read the first line of either file.
 *
 * errors  record-corrupt; update-needed for another format.
 */
MUST_CHECK int export_head_parse(
    struct bytes line, struct export_head *out, struct err *e);

typedef int (*export_line_fn)(
    void *ctx, struct bytes line, uint64_t at, struct err *e);

/*
 * Hand out the lines of what is open, each without its end.
 *
 * at      where in the file it begins.
 * errors  record-corrupt: a line is longer than EXPORT_LINE_MAX; fn's. What
 *         follows the last end of a line is not handed out.
 */
MUST_CHECK int export_lines(
    int fd, export_line_fn fn, void *ctx, struct err *e);
