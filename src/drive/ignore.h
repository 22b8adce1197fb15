/* SPDX-License-Identifier: ISC */
/* ignore.h: what is not ours: never sent, never deleted, there or here. */
/*
 * Three lists in gitignore syntax (files/exclude.h): what is built in, then
 * `.aumbryignore` at the top of the root, which is synced, then a file of this
 * device's own. A later one wins, so "!*.part" in a file takes back what is built
 * in. Names by which folders are marked as Aumbry's own are ignored whatever a
 * file says: who placed one would take a folder out of the Drive and backups.
 */
#pragma once

#include "files/exclude.h"

#define IGNORE_NAME ".aumbryignore"
#define IGNORE_MAX ((size_t)1 << 20) /* bytes of a list: 20,000 lines */

struct ignore;

/*
 * root    the folder.
 * device  a file of this device's own, or NULL.
 * share   it is a shared folder, in which LibreOffice's locks travel.
 */
struct ignore *ignore_new(const char *root, const char *device, bool share);
void ignore_free(struct ignore **x);

/*
 * Read what changed since it was read last; a file that is not there is empty.
 * To be called once before the first question.
 *
 * changed  the lists are others: all has to be scanned.
 * errors   bad-usage: a line that can match nothing, or no file; too-large;
 *          io-error. The list as it was holds on; without one
 *          nothing may be sent, for what a line meant to keep here would go.
 */
MUST_CHECK int ignore_read(struct ignore *x, bool *changed, struct err *e);

/*
 * Is it ignored, or below a directory that is? Of one thread: the answer for
 * the directory that was last asked about is kept.
 */
bool ignore_ask(struct ignore *x, struct bytes path, bool is_dir);
/* The same, for scan_policy and plan_policy. */
bool ignore_asked(void *x, struct bytes path, bool is_dir);

/* Is it such a name, without what is above it? */
bool ignore_own(struct bytes name);
