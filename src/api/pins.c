/* SPDX-License-Identifier: ISC */
/* pins.c: fresh pins, by which offline keys know the newest circle. */
#include "api/api.h"

#define PINS_MAX 256

/* Is there such a security key or recovery key? */
static bool
pinned(const struct circle *c, const struct id *ref)
{
	return circle_active(c, ref) ||
	    recovery_find(&c->recovery, ref) != NULL ||
	    (c->pending && recovery_find(&c->next, ref) != NULL);
}

static int
set(struct tx *tx, struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	const json_t *list = json_object_get(c->in, "pins");

	if (json_array_size(list) > PINS_MAX)
		return err_set(
		    e, ERR_TOO_LARGE, "at most %d pins at once", PINS_MAX);
	if (account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		OWN(buf_free) struct buf pin = { 0 };
		const json_t *v = json_array_get(list, i);
		struct id ref;
		if (jsonio_id(v, "ref", &ref, e) < 0 ||
		    jsonio_bytes(v, "pin", ACCOUNT_PIN, &pin, e) < 0)
			return -1;
		if (pinned(&circle, &ref) &&
		    account_set_pin(tx, &c->me->uid, &ref, buf_bytes(&pin), e) <
			0)
			return -1;
	}
	return 0;
}

int
pins_set(void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, set, SERVER_WRITE, e);
}
