/* SPDX-License-Identifier: ISC */
/* self.h: this device as a member of its account. */
/*
 * Opened from what it remembers, without the network; self_connect begins a
 * session. The circle and the keyring are kept in state.db and extended when
 * the server has more; what contradicts the memory is refused by name.
 */
#pragma once

#include "link/control.h"
#include "client/home.h"
#include "client/prove.h"
#include "link/zcopy.h"

struct self {
	char *dir;
	char *url; /* of the server, as it was kept; NULL: opened at another */
	struct local *local;
	struct remote *remote;
	struct depot *depot;
	struct devkey *key;
	struct id uid, dev_id;
	char *name, *host; /* name@host */
	struct buf two_factor; /* as the session last said */
	struct circle circle;
	struct buf entries; /* v16 each: the whole circle */
	struct buf envelopes; /* v16 each: the keyring as it was received */
	struct keyring *keyring;
	struct zcopy_self writer; /* for zcopy_open */
	struct zcopy *state;
	struct id zones[CATEGORY_END]; /* zeros: not known yet */
	uint64_t zones_version; /* of their record, as it was read */
	bool zones_lost; /* their record names others than were seen */
	pthread_mutex_t lock; /* recursive: see struct zcopy_self */
	bool connected;
	bool healing; /* the server's circle may end before ours */
	uint32_t circle_there; /* where it ends, when healing */
	bool mending; /* newest keys that do not open are gone past */
	bool spoiled; /* and there are such: nothing of it is kept */
};

/* errors: not-signed-in, device-copied, state-damaged. */
MUST_CHECK int self_open(const char *dir, struct self **out, struct err *e);
/* The same with a key that was read before; it is taken. */
MUST_CHECK int self_open_with(const char *dir, const struct id *uid,
    const struct id *dev_id, struct devkey **key, struct self **out,
    struct err *e);
/* The same, with the server at another address; NULL: the one that is kept.
 * errors: also those of remote_new. */
MUST_CHECK int self_open_at(
    const char *dir, const char *url, struct self **out, struct err *e);
void self_free(struct self **s);

/* Begin a session, or go on with the one that is kept. */
MUST_CHECK int self_connect(struct self *s, struct err *e);
/* Begin a new one. errors: not-a-member, device-removed. */
MUST_CHECK int self_session(struct self *s, struct err *e);

/*
 * Begin a session with a server that was restored from a backup: its circle may
 * end before ours, if what it has is the beginning of ours.
 *
 * errors  circle-forked: it went another way since.
 */
MUST_CHECK int self_connect_healing(struct self *s, struct err *e);
/*
 * Begin a session although the newest keys do not open here (keys-spoiled), for
 * self_remove of who made them: that begins new ones.
 */
MUST_CHECK int self_connect_mending(struct self *s, struct err *e);

/* Submit again what the server's circle has lost, with its keys. */
MUST_CHECK int self_heal_circle(struct self *s, struct err *e);

/*
 * The server is at another address, or known by another identity. It must show
 * this account: a session begins there, whose circle goes on from the one that
 * this device has seen. Only then is the address kept.
 *
 * errors  as self_open_at and self_session; nothing is changed then.
 */
MUST_CHECK int self_set_server(
    const char *dir, const char *url, struct buf *kept, struct err *e);

/* Is the server's address kept as another since this was opened? Then a process
 * that stays has to open it anew. */
bool self_elsewhere(struct self *s);

/* Fetch what is new in the circle and, if need be, the keyring. */
MUST_CHECK int self_refresh(struct self *s, struct err *e);

/* Was a sign-up cut off here, whose end is not known? */
bool self_founding(const char *dir);

/* After joining or signing up: what the device needs from now on. */
struct self_account {
	const char *url, *name, *host;
	struct bytes entries; /* v16 each: the whole circle */
	struct bytes envelopes; /* v16 each; empty: they come with a session */
};

/* Keep it; what another account may have left there is forgotten. */
MUST_CHECK int self_save_account(
    const char *dir, const struct self_account *a, struct err *e);
