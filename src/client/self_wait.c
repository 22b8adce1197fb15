/* SPDX-License-Identifier: ISC */
/* self_wait.c: asking, and taking the answer apart. */
#include "client/self_wait.h"

#include <assert.h>

static void
put_ask(struct self *s, const struct self_wait *w, json_t *ask)
{
	json_t *zones = json_array();

	for (size_t i = 0; i < w->n; i++) {
		json_t *z = json_object();
		jsonio_put_id(z, "zone", &w->zones[i].zone);
		jsonio_put_u64(z, "seq", w->zones[i].seq);
		(void)json_array_append_new(zones, z);
	}
	(void)json_object_set_new(ask, "zones", zones);
	(void)pthread_mutex_lock(&s->lock);
	jsonio_put_u64(ask, "circle", s->circle.seq);
	(void)pthread_mutex_unlock(&s->lock);
	if (w->joins)
		jsonio_put_u64(ask, "joins_since", w->joins_since_ms);
	if (w->verify)
		jsonio_put_u64(ask, "verify_since", w->verify_since_ms);
	if (w->inbox)
		jsonio_put_u64(ask, "inbox", w->inbox_top);
	jsonio_put_u64(ask, "wait", w->wait_s);
}

static int
take_answer(const json_t *answer, struct self_wait *w, struct err *e)
{
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(answer, "zones"), i, v)
	{
		struct id zone;
		if (jsonio_id(v, "zone", &zone, e) < 0)
			return -1;
		for (size_t k = 0; k < w->n; k++)
			w->zones[k].news |= id_equal(&w->zones[k].zone, &zone);
	}
	w->circle = jsonio_true(answer, "circle");
	w->asked = jsonio_true(answer, "joins");
	w->compared = jsonio_true(answer, "verify");
	/* An older server knows of none. */
	if (!w->inbox || json_object_get(answer, "inbox") == NULL)
		return 0;
	uint64_t top;
	if (jsonio_u64(answer, "inbox", &top, e) < 0)
		return -1;
	w->letters = top != w->inbox_top;
	w->inbox_top = top;
	return 0;
}

int
self_wait(struct self *s, struct self_wait *w, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	assert(w->n <= LIMIT_WAIT_ZONES && w->wait_s <= LIMIT_POLL_S);
	w->circle = w->asked = w->compared = w->letters = false;
	for (size_t i = 0; i < w->n; i++)
		w->zones[i].news = false;
	put_ask(s, w, ask);
	const struct control_wait wait = { "/v1/wait", ask, w->wait_s,
		w->ends };
	if (control_wait(s->remote, &wait, &answer, e) == 0)
		return take_answer(answer, w, e);
	if (e->code != ERR_CODE_EXPIRED)
		return -1;
	/* It was ended here. */
	err_clear(e);
	return 0;
}
