/* SPDX-License-Identifier: ISC */
/* lend.c: the device's side of a visit. */
#include "join/lend.h"

#include "base/now.h"
#include "join/pair_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lend_channel(const char *host, const struct id *visit, struct buf *ci)
{
	buf_put_str(ci, LEND_LABEL);
	buf_put_v8(ci, bytes_str(host));
	id_put(ci, visit);
}

static int
parse(const json_t *v, struct lend_open *o, struct err *e)
{
	OWN(buf_free) struct buf nonce = { 0 };
	const char *categories = "", *address = "", *way = "";

	if (jsonio_id(v, "visit", &o->id, e) < 0 ||
	    jsonio_bytes(v, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    jsonio_u64(v, "created_ms", &o->created_ms, e) < 0 ||
	    jsonio_text(v, "categories", &categories, e) < 0 ||
	    jsonio_text(v, "address", &address, e) < 0 ||
	    jsonio_text(v, "way", &way, e) < 0)
		return -1;
	memcpy(o->nonce.b, nonce.p, ID_BYTES);
	(void)snprintf(o->categories, sizeof o->categories, "%s", categories);
	(void)snprintf(o->address, sizeof o->address, "%s", address);
	(void)snprintf(o->way, sizeof o->way, "%s", way);
	const char *place = json_string_value(json_object_get(v, "place"));
	if (place != NULL && strlen(place) < sizeof o->place)
		memcpy(o->place, place, strlen(place) + 1);
	return 0;
}

int
lend_list(struct self *s, struct lend_open **out, size_t *n, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(mem_free) struct lend_open *list = NULL;

	if (control_call(s->remote, "GET", LEND_PATH, NULL, &answer, e) < 0)
		return -1;
	const json_t *rows = json_object_get(answer, "visits");
	list = mem_array(json_array_size(rows), sizeof *list);
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (parse(json_array_get(rows, i), &list[i], e) < 0)
			return -1;
	*n = json_array_size(rows);
	*out = TAKE(list);
	return 0;
}

static int
tell(struct self *s, const struct id *visit, const char *what, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, LEND_PATH "/%s/%s", id_text(visit).s, what);
	return control_call(s->remote, "POST", buf_text(&path), NULL, NULL, e);
}

int
lend_refuse(struct self *s, const struct id *visit, struct err *e)
{
	return tell(s, visit, "refuse", e);
}

/* What was asked for, as it was shown, and nothing else. */
static void
lend(const struct self *s, const char *categories, struct buf *keys)
{
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		const char *name = category_name((enum category)c);
		size_t n = strlen(name);
		for (const char *p = categories; *p != '\0';) {
			size_t word = strcspn(p, ", ");
			if (category_escrowed(c) && word == n &&
			    strncmp(p, name, n) == 0) {
				keyring_lend(
				    s->keyring, (enum category)c, keys);
				break;
			}
			p += word;
			p += strspn(p, ", ");
		}
	}
}

static int
give(struct self *s, const struct lend_open *v, struct relay *c,
    const struct relay_keys *k, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf keys = { 0 };
	struct digest mac;

	buf_put_u32(&keys, s->circle.seq);
	digest_put(&keys, &s->circle.head);
	lend(s, v->categories, &keys);
	relay_confirm(k->confirm_a, k, &mac);
	digest_put(&m, &mac);
	relay_box(k, k->a_to_b, RELAY_OFFER, buf_bytes(&keys), &m);
	mem_wipe(keys.p, keys.n);
	return relay_send(c, RELAY_OFFER, buf_bytes(&m), e);
}

/* Show codes until one is right. */
static int
show_codes(struct self *s, const struct lend_open *v, struct pair_code *t,
    struct relay_keys *k, bool *right, struct err *e)
{
	OWN(buf_free) struct buf ci = { 0 };
	OWN(buf_free) struct buf ours = { 0 };

	lend_channel(s->host, &v->id, &ci);
	device_put(&ours, &circle_member(&s->circle, &s->dev_id)->device);
	t->ci = buf_bytes(&ci);
	t->request = &v->id;
	t->nonce = &v->nonce;
	t->ours = buf_bytes(&ours);
	t->theirs = bytes_of(v->nonce.b, ID_BYTES);
	return pair_codes(s, t, k, right, e);
}

int
lend_allow(struct self *s, const struct lend_open *v, unsigned timeout_s,
    pair_show_fn show, void *ctx, struct err *e)
{
	OWN(relay_free)
	struct relay c = { .remote = s->remote,
		.path = LEND_PATH,
		.join = v->id,
		.side = RELAY_SIDE_TRUSTED,
		.state = RELAY_ALLOWED,
		.deadline_ms = now_ms() + timeout_s * 1000LL };
	OWN(relay_keys_free) struct relay_keys k = { .label = LEND_LABEL };
	struct pair_code t = { .c = &c, .show = show, .ctx = ctx };
	bool right;

	if (pair_count_fail(s, false, e) < 0 ||
	    tell(s, &v->id, "allow", e) < 0 ||
	    show_codes(s, v, &t, &k, &right, e) < 0)
		return -1;
	/* First the server: what comes then may be read at once. */
	if (right)
		return tell(s, &v->id, "done", e) < 0 ? -1
						      : give(s, v, &c, &k, e);
	relay_end(&c); /* who asked need not wait for what is over */
	return err_set(e, ERR_WRONG_CODE,
	    "the code was typed wrong %d times; the request is over",
	    PAIR_CODES);
}
