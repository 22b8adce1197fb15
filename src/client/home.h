/* SPDX-License-Identifier: ISC */
/* home.h: the folder where this device keeps its key and its memory. */
/*
 *   aumbry-home   marker: backups leave the folder out by its content
 *   device.key    the device's private keys, bound to this machine
 *   state.db      see local.h
 *   index/ cache/ see content/repo.h
 *   known         see home_known
 *
 * device.key: "aumbry-secret-file v1\n" | u8 1 | uid[16] | dev_id[16]
 * | machine[32] | device keys[64], mode 0600 in a 0700 folder. machine is
 * SHA-256("aumbry machine v1" | machine-id), or zeros where there is none.
 */
#pragma once

#include "link/homedir.h"
#include "link/local.h"
#include "vault/devkey.h"

#define HOME_SECRET_MAGIC "aumbry-secret-file v1\n"

/* Make the folder, its marker, and open state.db. */
MUST_CHECK int home_open(const char *dir, struct local **local, struct err *e);

/* What another home of this machine tells it by, and nobody else: HMAC of a
 * request's nonce under the hash of the machine-id; false where there is none. */
bool home_machine_mark(const struct id *nonce, struct digest *out);

/*
 * What the server gave this device, to be known by at a later sign-in from this
 * home; stays when the home is erased, and opens nothing. "" when there is none.
 */
void home_known(const char *dir, struct buf *out);
MUST_CHECK int home_keep_known(
    const char *dir, const char *known, struct err *e);

/* Is there a device's key? Without one the home is nobody's. */
bool home_has_key(const char *dir);
/* The home becomes this device's. errors: of the system. */
MUST_CHECK int home_write_key(const char *dir, const struct id *uid,
    const struct id *dev_id, const struct devkey *key, struct err *e);
/* errors: not-signed-in without one; device-copied; state-damaged. */
MUST_CHECK int home_read_key(const char *dir, struct id *uid, struct id *dev_id,
    struct devkey **key, struct err *e);
/* The same without the last look: *here says whether it is this machine's. */
MUST_CHECK int home_read_moved(const char *dir, bool *here, struct id *uid,
    struct id *dev_id, struct devkey **key, struct err *e);
/* Forget account and key; indexes, caches and copies go too. */
MUST_CHECK int home_erase(const char *dir, struct err *e);

/*
 * Only one may be coming into a home at a time: by sign-up, sign-in or
 * recovery. Makes the folder. errors: home-busy.
 */
MUST_CHECK int home_enter(const char *dir, int *fd, struct err *e);
