/* SPDX-License-Identifier: ISC */
/* recover_in.h: what the parts of recover share. For recover*.c only. */
#pragma once

#include "join/recover.h"
#include "client/self.h"

/* What a home remembers of a recovery. */
struct recover_kept {
	char way[16];
	char *url, *name, *device_name, *host;
	char *token;
	struct id id, opening;
	struct devkey *key;
	struct device device;
	struct secret *code; /* NULL while there is none; a contact's half */
	struct buf begin; /* the request, until it is known what it began */
	struct remote *remote; /* with the token */
};

/* What the home has of it stays. */
void recover_kept_free(struct recover_kept *r);
/* Without the network. errors: not-found when the home holds none. */
MUST_CHECK int recover_kept_read(
    const char *dir, struct recover_kept *out, struct err *e);
/* Send what begins it, or send it again: it is begun once. */
MUST_CHECK int recover_kept_send(
    const char *dir, struct recover_kept *r, struct err *e);
/* Read; and begin what may not have begun. errors: as recover_kept_read. */
MUST_CHECK int recover_kept_load(
    const char *dir, struct recover_kept *out, struct err *e);
MUST_CHECK int recover_kept_save(
    const char *dir, const struct recover_kept *r, struct err *e);
MUST_CHECK int recover_kept_forget(const char *dir, struct err *e);

/* What finishing by any way has at hand before the last call. */
struct recover_work {
	struct recover_kept r;
	struct id uid;
	struct circle circle;
	struct buf entries; /* v16 each */
	struct keyring *keyring;
};

/* And its `r`. */
void recover_work_free(struct recover_work *w);

/* The account's circle, verified; and that it is this account's. */
MUST_CHECK int recover_circle(
    struct recover_work *w, const json_t *look, struct err *e);

/*
 * This device is in: the home becomes its own, and forgets the recovery.
 *
 * entries  the whole circle with this device, v16 each.
 */
MUST_CHECK int recover_settle_in(struct recover_work *w, const char *dir,
    struct bytes entries, struct err *e);

/*
 * The last call: a new password, the entry with its bundle, and the home.
 *
 * entry  signed, after w->circle; the keyring holds its epoch.
 */
MUST_CHECK int recover_submit(struct recover_work *w, const char *dir,
    struct bytes password, struct bytes entry, struct err *e);

/* With keys from the escrow, once an operator's order has waited. */
MUST_CHECK int recover_by_operator(struct recover_work *w,
    const struct recover_finish *f, const json_t *look, struct err *e);
