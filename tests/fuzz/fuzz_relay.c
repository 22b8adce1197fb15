/* SPDX-License-Identifier: ISC */
/* fuzz_relay.c: what a server answers while two devices pair. */
#include "link/control.h"
#include "join/pair.h"
#include "join/relay.h"

#include "base/now.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_remote_call(struct remote *r, const struct remote_call *c,
    struct buf *out, struct err *e);
int __wrap_control_wait(struct remote *r, const struct control_wait *w,
    json_t **out, struct err *e);

static struct bytes answer;
static bool answered;

int
__wrap_remote_call(struct remote *r, const struct remote_call *c,
    struct buf *out, struct err *e)
{
	(void)r;
	(void)c;
	if (answered)
		return err_set(e, ERR_SERVER_UNREACHABLE, "once is enough");
	answered = true;
	buf_put_bytes(out, answer);
	return 0;
}

int
__wrap_control_wait(
    struct remote *r, const struct control_wait *w, json_t **out, struct err *e)
{
	(void)r;
	(void)w;
	return jsonio_parse(answer, out, e);
}

static void
messages(enum relay_side side)
{
	OWN(relay_free)
	struct relay c = { .side = side, .deadline_ms = now_ms() + 1000000 };
	OWN(relay_keys_free) struct relay_keys k = { 0 };
	OWN(secret_free) struct secret *key = secret_new(SECRET_KEY);
	struct err e = { 0 };
	uint8_t kind;

	answered = false;
	while (relay_receive(&c, &kind, &e) == 0) {
		OWN(buf_free) struct buf out = { 0 };
		if (c.body.n > answer.n)
			abort();
		if (relay_unbox(&k, key, RELAY_OFFER, c.body, &out, &e) == 0)
			abort(); /* nobody sealed this */
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct self self = { 0 };
	struct pair_requests all = { NULL, 0 };
	struct err e = { 0 };

	answer = bytes_of(data, size);
	messages(RELAY_SIDE_NEW);
	messages(RELAY_SIDE_TRUSTED);
	if (pair_requests(&self, 0, 0, &all, &e) < 0 && (all.list || all.n > 0))
		abort();
	pair_requests_free(&all);
	return 0;
}
