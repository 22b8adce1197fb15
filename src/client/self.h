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

/* Fetch what is new in the circle and, if need be, the keyring. */
MUST_CHECK int self_refresh(struct self *s, struct err *e);

/* Pull the state zone and learn the zones' ids; a record of them that somebody
 * has spoiled is written again. */
MUST_CHECK int self_state(struct self *s, struct err *e);

/* Learn the zones' ids from what is held of the state zone. */
MUST_CHECK int self_load_zones(struct self *s, struct err *e);

/*
 * The zone of a category; its id is drawn and noted in the state zone when the
 * account has none. The state must have been pulled.
 */
MUST_CHECK int self_zone(
    struct self *s, enum category c, struct id *out, struct err *e);

struct self_signup {
	const char *dir, *url, *name, *invite, *device_name;
	struct bytes password;
	bool no_two_factor;
	bool browser; /* not a computer */
	/* enum circle_protection; 0: standard when the URL names the server's
	 * escrow, else advanced. */
	uint8_t protection;
};

/*
 * Make an account. What it leaves in `dir` is ready for self_open. One that was
 * cut off here is gone on with.
 *
 * errors  home-busy; already-signed-in; when the server may have made it, the
 *         keys are kept, and self_connect goes on.
 */
MUST_CHECK int self_signup(const struct self_signup *a, struct err *e);

/*
 * In two steps, between which what is kept can be made sure of. The first makes
 * nothing at the server, unless it finds one that was cut off: *again. The
 * second is what self_connect does.
 */
MUST_CHECK int self_signup_begin(
    const struct self_signup *a, bool *again, struct err *e);
MUST_CHECK int self_signup_end(const char *dir, struct err *e);

/* Was a sign-up cut off here, whose end is not known? */
bool self_founding(const char *dir);

/*
 * For self_connect: send what such a sign-up has sent; *founding whether there
 * is one. Once a session is open, self_founded ends it.
 */
MUST_CHECK int self_found(struct self *s, bool *founding, struct err *e);
MUST_CHECK int self_founded(struct self *s, struct err *e);

/*
 * After joining or signing up: keep what the device needs from now on.
 *
 * entries, envelopes  v16 each.
 */
MUST_CHECK int self_save_account(const char *dir, const char *url,
    const char *name, const char *host, struct bytes entries,
    struct bytes envelopes, struct err *e);

/*
 * After a reset: note in the new state zone where the categories are whose keys
 * the escrow gave back.
 */
MUST_CHECK int self_adopt_zones(struct self *s, struct err *e);

/* The id of a record of the state zone: of a kind, about something or NULL. */
struct id self_state_id(const char *what, const struct id *about);

/* A device as people see it. */
struct self_device {
	struct id dev_id;
	char name[LIMIT_NAME_BYTES + 1]; /* "" when unknown */
	uint8_t class;
	bool active, self;
	uint64_t added_ms;
};

/* All devices there ever were; free with mem_free. The state was pulled. */
MUST_CHECK int self_devices(
    struct self *s, struct self_device **out, size_t *n, struct err *e);
/* Note this device's name, whose commitment the circle carries. */
MUST_CHECK int self_put_name(struct self *s, const struct id *dev_id,
    const struct id *opening, const char *name, struct err *e);

/* How far a device has seen the zones beside the state, and when. */
struct self_seen_zone {
	enum category category;
	struct id zone;
	uint64_t seq;
	struct digest hash; /* of that head */
};
struct self_seen {
	struct id dev_id;
	uint64_t time_ms; /* 0: it never said */
	struct self_seen_zone zones[CATEGORY_END];
	size_t n;
};

/* What a device has said last; false when it never did. State was pulled. */
bool self_seen(struct self *s, const struct id *dev_id, struct self_seen *out);
/*
 * Say it for this device, once a day, and when `changes` whenever the zones
 * have moved. The state was pulled.
 */
MUST_CHECK int self_note_seen(struct self *s, bool changes, struct err *e);

/*
 * Remove other devices: new keys for all that remain, then a head in every
 * zone. A kill at any instant leaves it undone or done; self_settle makes the
 * heads then, and self_removing tells who began it.
 * errors  device-too-young, step-up-required, not-found, conflict.
 */
MUST_CHECK int self_remove(
    struct self *s, const struct id *ids, size_t n, struct err *e);

/* *begun: this device removed that one, and never said so. */
MUST_CHECK int self_removing(
    struct self *s, const struct id *dev_id, bool *begun, struct err *e);
/* It was said. */
MUST_CHECK int self_removed(
    struct self *s, const struct id *dev_id, struct err *e);

/*
 * Let a security key in as a member of the circle, by its own keys.
 * The newest S is sealed to it.
 * errors  device-too-young, step-up-required, circle-full, permission-denied.
 */
MUST_CHECK int self_add_key(struct self *s, const struct device *device,
    const struct devkey *key, struct err *e);

/*
 * Say in the circle whether security keys alone count as a second factor, so
 * that a server which takes codes is caught. Nothing when it says so already.
 * errors  device-too-young, step-up-required.
 */
MUST_CHECK int self_keys_only(struct self *s, bool only, struct err *e);

/*
 * Put a recovery set in the place of the one in force: at once when that is
 * empty, else after 72 hours. The newest S is sealed to each of its keys.
 * errors  device-too-young, step-up-required.
 */
MUST_CHECK int self_recovery_set(
    struct self *s, const struct recovery_set *set, struct err *e);
/* Stop the change that waits. errors: not-found, permission-denied. */
MUST_CHECK int self_veto(struct self *s, struct err *e);

/*
 * Leave the account. Its keys stay as they are until self_settle of another
 * device: who leaves must not know the next ones.
 * errors  permission-denied for the only device.
 */
MUST_CHECK int self_leave(struct self *s, struct err *e);

/*
 * Hear of the newest circle, and finish what its last change leaves to whoever
 * comes next: new keys after a device left, and a head under the newest keys
 * in every zone. One small call when nothing is due. What cannot be finished
 * now (a full server, a device too young) waits for the next command; a lie is
 * an error.
 */
MUST_CHECK int self_settle(struct self *s, struct err *e);

/*
 * Set the level, or whether data may be opened in a browser. Standard: the keys
 * of every epoch are sealed to the escrow. Advanced: the server drops what was
 * sealed to it, the escrow ends its key, and new keys follow at once; what is
 * cut off on the way, the next command of any device goes on with.
 *
 * escrow  for standard, from the server; else NULL.
 * errors  device-too-young, step-up-required; conflict when another device has
 *         set another level meanwhile.
 */
MUST_CHECK int self_protection(struct self *s, enum circle_protection level,
    bool web_access, const struct circle_escrow *escrow, struct err *e);

/*
 * Keep the fresh pin's key of a security key or recovery key, so that devices
 * can renew its pin (circlepin.h); and renew all where the circle has changed.
 */
MUST_CHECK int self_freshpin_key(struct self *s, const struct id *ref,
    const struct secret *secret, struct err *e);
MUST_CHECK int self_freshpin_renew(struct self *s, struct err *e);

/* After a step-up, whose run of OPAQUE is `l`. */
struct login;
MUST_CHECK int self_new_password(
    struct self *s, const struct login *l, struct bytes fresh, struct err *e);
/*
 * already  the new one was in force before, and the old one not: a change whose
 *          answer was lost.
 * errors   wrong-password-or-name, wrong-code, step-up-required.
 */
MUST_CHECK int self_change_password(struct self *s, struct bytes old,
    struct bytes fresh, const struct prove *p, bool *already, struct err *e);
