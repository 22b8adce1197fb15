/* SPDX-License-Identifier: ISC */
/* server.h: what all handlers share, and how a JSON call is run. */
#pragma once

#include "http/http.h"
#include "server/certs.h"
#include "server/config.h"
#include "server/gateway.h"
#include "server/geoip.h"
#include "server/keys.h"
#include "server/opsrv.h"
#include "server/room.h"
#include "store/account.h"
#include "store/usage.h"
#include "store/zone_blob.h"
#include "wire/jsonio.h"

#include <stdatomic.h>

/* A configuration in front of the one before: renew.h. */
struct server_renewed {
	struct config config;
	struct server_renewed *before;
};

/* Read-only once started, but for what locks itself. */
struct server {
	struct config config; /* as at the start; else server_config */
	struct keys *keys;
	struct certs *certs; /* NULL: it does not serve */
	struct opsrv_keys opaque;
	struct db *db;
	struct blob_store *blobs;
	struct zone_store store;
	struct http_server *http;
	struct postman *postman; /* NULL: no mail is sent */
	struct gateway *gateway; /* NULL: neither texts nor calls */
	struct geoip *geoip; /* NULL: places are not known */
	struct room *room; /* of the disk; NULL: not looked at */
	struct ready *ready; /* what /readyz knows */
	_Atomic(struct server_renewed *)
	    renewed; /* NULL: config is as it was */
	struct escrowlink *escrow; /* NULL: only advanced protection */
	/* After a restore: circle entries from `since` on are taken again. */
	int64_t restored_since_ms, restored_until_ms; /* 0: none */
	bool plain; /* loopback HTTP: no TLS key in session proofs */
	int data_fd; /* the data folder, for files without a name; -1: none */
};

/* Who may call a route. A device is one of the circle; a visitor has proven
 * the password and a factor: it looks at the account and ends what is open, but
 * changes nothing that opens it and reaches none of its data. */
enum server_who {
	WHO_ANYBODY = 0,
	WHO_JOIN = 1, /* a request to join, by its token */
	WHO_SESSION = 2, /* a device */
	WHO_VISITOR = 4,
	WHO_FRESH = 8, /* and with a step-up of the last minutes */
	WHO_RECOVER = 16, /* a recovery, by its token */
	WHO_READER = 32, /* a visitor with keys from the escrow: it reads */
	WHO_OLD = 128, /* and, of a device, not too young: server/settled.h */
	WHO_GROWS = 64, /* not while the disk is full */
	WHO_NEW = WHO_ANYBODY | WHO_GROWS,
	WHO_STORES = WHO_SESSION | WHO_GROWS,
	WHO_BOTH = WHO_JOIN | WHO_SESSION,
	WHO_CIRCLE = WHO_BOTH | WHO_VISITOR | WHO_RECOVER,
	WHO_READS = WHO_SESSION | WHO_READER,
	WHO_ACCOUNT = WHO_SESSION | WHO_VISITOR,
	WHO_HELP = WHO_SESSION | WHO_RECOVER,
	WHO_STEP_UP = WHO_SESSION | WHO_FRESH,
	WHO_SETTLED = WHO_STEP_UP | WHO_OLD
};

/* The configuration as it is now: what can change while the server runs is read
 * from there, each time. */
const struct config *server_config(const struct server *s);

/* Who calls: q->user. */
struct caller {
	bool session; /* else a join token */
	bool limited; /* a session, but a visitor's */
	struct id session_id;
	struct id uid, dev_id; /* dev_id zero for a join token */
	struct id join;
	struct id recovering; /* a recovery's id; zeros: none */
	uint8_t recovery_state; /* enum recover_state of server/ordered.h */
	struct digest token;
	int64_t password_ms, step_up_ms;
	uint64_t released; /* bit c: may read category c; of a visitor */
};

/* One JSON call inside its transaction. */
struct call {
	struct server *s;
	const struct request *q;
	const struct caller *me; /* NULL for anybody */
	const json_t *in; /* the body; an empty object when there is none */
	json_t *out; /* the answer */
	struct response *r; /* its headers */
	int64_t now_ms;
	bool posted; /* the outbox has more: wake the postman, after commit */
	struct id wake; /* not zero: wake who waits for it, after commit */
	struct buf wakes; /* the same, of several; 16 bytes each, owned */
	struct id longer; /* the same: whose circle has another entry */
	struct gateway_message *message; /* goes out after commit, or NULL */
	bool escrow_job; /* there is one: wake who does them, after commit */
	struct buf ask; /* for `then` of struct server_call; owned */
	/* A refusal that must keep what the transaction wrote. */
	bool refused;
	struct err refusal;
	json_t *detail; /* of the refusal; owned */
};

typedef int server_call_fn(struct tx *tx, struct call *c, struct err *e);

typedef int server_then_fn(struct call *c, struct err *e);

/* What a write has done is done once, however often it is asked for. */
enum server_mode { SERVER_READ, SERVER_WRITE };

/* What the route of a JSON call has as its `call`. */
struct server_call {
	enum server_mode mode;
	server_call_fn *fn; /* in a transaction */
	/*
	 * Outside of any, unless fn refused: for what another program must be
	 * asked, whose answer goes into c->out. Or NULL.
	 */
	server_then_fn *then;
};

/* Parse the body, run q->call, a struct server_call; answer with c->out. */
http_handle_fn server_json;

/* After the commit: wake who waits for what the call did. */
void server_wake(const struct call *c);

/*
 * Was it proven within the last 5 minutes? A clock that was set back leaves
 * proofs of a time to come: those are as old as they are far.
 */
bool server_fresh(int64_t proven_ms, int64_t now_ms);

/* Refuse, but commit: counters and events stay. Returns 0. */
int server_refuse(struct call *c, enum err_code code, const char *fmt, ...)
    PRINTF(3, 4);

/* The address that tries of strangers are counted under. */
const char *server_source(const struct call *c);

/* The uid that an unknown name stands under: the same each time, nobody's. */
void server_stand_in(const struct server *s, const char *name, struct id *uid);

/* Count a try; refuses with too-many-attempts. *ok false: refused. */
MUST_CHECK int server_throttle(struct tx *tx, struct call *c,
    const struct account_limit *l, bool *ok, struct err *e);

/* The same for what only slows, as account_drip does. */
MUST_CHECK int server_drip(struct tx *tx, struct call *c,
    const struct account_limit *l, bool *ok, struct err *e);

/* Refuse with too-many-attempts: "what; try again in …". Returns 0. */
int server_too_many(struct call *c, const char *what, int64_t retry_ms);

/* One row of an answer's list, as an object that is empty. */
typedef void server_row_fn(struct stmt *s, const struct call *c, json_t *row);
/* Add to the answer the list `name`: an object for each row that is left. */
MUST_CHECK int server_rows(struct stmt *s, const struct call *c,
    const char *name, server_row_fn *fn, struct err *e);

/* The account of whoever calls. errors: not-found once it is gone. */
MUST_CHECK int server_account(
    struct tx *tx, const struct id *uid, struct account *out, struct err *e);

/* Is what the client signed of now? errors: clock-wrong. */
MUST_CHECK int server_clock(
    const struct call *c, uint64_t time_ms, struct err *e);

/* Add "address", and "place" when it is known about where that is. */
void server_put_address(const struct call *c, json_t *row, const char *address);

/* Something that an account's owner is told of. */
struct server_event {
	const struct id *uid; /* the account's */
	const char *event; /* of PROTOCOL.md */
	const struct id *dev_id; /* whose it was; NULL: no device's */
	const char *detail; /* "" for none */
};

/* Into the account's log, with the caller's address, and, when it is news, to
 * its owner by mail. */
MUST_CHECK int server_event(
    struct tx *tx, struct call *c, const struct server_event *x, struct err *e);
/* What the device that calls has done to its own account. */
MUST_CHECK int server_event_own(struct tx *tx, struct call *c,
    const char *event, const char *detail, struct err *e);

/* Draw a token: base64url text for the caller, digest for the tables. */
void server_token(struct buf *text, struct digest *stored);
/* What a device shows at a later sign-in, when it is none any more: it counts
 * by itself then, and not with the strangers at its address. Appended. */
void server_known(const struct server *s, const struct id *uid,
    const struct id *dev_id, struct buf *out);
/* Is that what the account gave a device? Whose it is. */
bool server_knows(const struct server *s, const struct id *uid,
    struct bytes known, struct id *dev_id);
/* HMAC under the server's token key: invitations, tickets. */
void server_mac(const struct server *s, const char *label, struct bytes x,
    struct digest *out);

/* The identity by which devices know this server, as "tls"; nothing over plain
 * HTTP. */
void server_put_identity(const struct call *c);

/* The cost of password stretching, as "ksf". */
void server_put_ksf(json_t *out);

/* Callbacks of the HTTP shell: who calls, by the route's `who`. */
int server_authorize(void *app, const struct http_route *route,
    struct request *q, struct err *e);
void server_release(void *app, void *user);

/* Drop what has expired; called now and then. */
MUST_CHECK int server_sweep(struct server *s, int64_t now_ms, struct err *e);
