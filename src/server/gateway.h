/* SPDX-License-Identifier: ISC */
/* gateway.h: hands codes to whoever sends texts and makes calls. */
/*
 * A text is one HTTP request, a call one run of a command, both as [phone] of
 * the configuration says. They are sent by threads of their own: a gateway that
 * hangs holds up no connection, and calls hold up no texts. Nothing is kept on
 * disk or tried again: a code is good for minutes, and who waits for it is told
 * at once when it could not be sent.
 *
 * A text is out when the gateway answered 2xx. A call is out when the command
 * ended well or still runs after GATEWAY_RINGS_MS, for then the phone rings.
 *
 * The command gets one line of JSON on its standard input, {"number","code",
 * "message"}: what is in argv or the environment, others could read.
 */
#pragma once

#include "server/config.h"
#include "wire/id.h"

#include <stdbool.h>

#define GATEWAY_ANSWER_MS 15000 /* until who waits is told */
#define GATEWAY_TEXT_MS 12000 /* for one request */
#define GATEWAY_RINGS_MS 5000
#define GATEWAY_CALL_MS 90000 /* then the command is killed */
#define GATEWAY_WAITING 64 /* messages; more are refused */

struct gateway;
struct http_server;

/* One code on its way. Wiped when freed. */
struct gateway_message {
	struct id
	    ticket; /* woken in the HTTP shell when it is out, or failed */
	bool call;
	char number[17]; /* "+" and up to 15 digits */
	char code[7];
	char *message; /* owned */
	struct buf answer; /* for who waits, once it is out */
};

/* For OWN. Code and message are wiped. */
void gateway_message_free(struct gateway_message **m);

/* errors  bad-usage: templates that lack what they need, or would show it. */
MUST_CHECK int gateway_check(const struct config *c, struct err *e);

/*
 * Start the threads for what [phone] names.
 *
 * config  borrowed.
 * http    where a pointer to the shell will be by the time of the first
 *         message; borrowed.
 */
MUST_CHECK int gateway_start(const struct config *config,
    struct http_server **http, struct gateway **out, struct err *e);

/* Follow another one from now on; what is on its way may go by the one before.
 * errors: io-error. */
MUST_CHECK int gateway_renew(
    struct gateway *g, const struct config *config, struct err *e);

/* Is there a way to text, or to call? g may be NULL. */
bool gateway_can(const struct gateway *g, bool call);

/*
 * Take a message over, m too.
 *
 * errors  server-busy when too many wait.
 */
MUST_CHECK int gateway_submit(
    struct gateway *g, struct gateway_message **m, struct err *e);

enum gateway_state {
	GATEWAY_UNKNOWN, /* no such ticket */
	GATEWAY_SENDING,
	GATEWAY_SENT,
	GATEWAY_FAILED
};

/*
 * What became of it. One that has ended is forgotten, and with `last` any: when
 * it still waits for its turn it is not sent any more.
 *
 * answer  the message's is appended when it is out.
 */
enum gateway_state gateway_state(
    struct gateway *g, const struct id *ticket, bool last, struct buf *answer);

/* End the threads, and commands that run. gateway_state works on. */
void gateway_stop(struct gateway *g);
void gateway_free(struct gateway **g);
