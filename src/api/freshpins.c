/* SPDX-License-Identifier: ISC */
/* freshpins.c: fresh pins, by which offline keys know the newest circle. */
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

/*
 * A pin that is not the caller's own, or of another circle than the one that is
 * here, would shut the key out that it is for.
 */
static int
take(struct tx *tx, struct call *c, const struct circle *circle,
    const json_t *v, struct err *e)
{
	OWN(buf_free) struct buf pin = { 0 };
	struct freshpin p;
	struct id ref;

	if (jsonio_id(v, "ref", &ref, e) < 0 ||
	    jsonio_bytes(v, "pin", FRESHPIN_BYTES, &pin, e) < 0 ||
	    freshpin_parse(buf_bytes(&pin), &p, e) < 0)
		return -1;
	if (!id_equal(&p.dev_id, &c->me->dev_id) ||
	    !circle_active(circle, &p.dev_id) ||
	    !freshpin_vouched(circle, &ref, &p))
		return err_set(e, ERR_PERMISSION,
		    "a device vouches by its signature for the list of devices "
		    "that is here");
	return pinned(circle, &ref)
	    ? account_set_pin(tx, &c->me->uid, &ref, &p, circle->seq, e)
	    : 0;
}

int
freshpins_set(struct tx *tx, struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	const json_t *list = json_object_get(c->in, "pins");

	if (json_array_size(list) > PINS_MAX)
		return err_set(
		    e, ERR_TOO_LARGE, "at most %d pins at once", PINS_MAX);
	if (account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (take(tx, c, &circle, json_array_get(list, i), e) < 0)
			return -1;
	return 0;
}
