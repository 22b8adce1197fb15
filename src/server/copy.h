/* SPDX-License-Identifier: ISC */
/* copy.h: aumbryd backup: a copy of a server's data that can be served. */
/*
 *   OUT/aumbryd.conf, keys/, aumbryd.db, blobs/   as in the data folder
 *   OUT/copied                                    when: see restored.h
 *
 * The database is copied first and blobs second: what a blob's row names is in
 * its place or, for 7 days, in the trash. A blob's bytes are compared with its
 * SHA-256 on the way. What an earlier copy holds already is kept; what nothing
 * names any more goes to the copy's trash. It runs beside a server, and can be
 * run again after any interruption.
 */
#pragma once

#include "server/server.h"

struct copy_result {
	uint64_t blobs, copied, copied_bytes, dropped;
};

/*
 * data  folder of the open server s.
 * to    a folder that is not there, is empty, or holds an earlier copy.
 *
 * errors  bad-usage when it holds something else; home-busy; disk-full-here;
 *         blob-missing, blob-corrupt when the server itself is damaged.
 */
MUST_CHECK int copy_server(const struct server *s, const char *data,
    const char *to, struct copy_result *out, struct err *e);
