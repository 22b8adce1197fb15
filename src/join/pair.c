/* SPDX-License-Identifier: ISC */
/* pair.c: the trusted side of pairing. */
#include "join/pair_in.h"

#include "base/now.h"
#include "client/self_zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
pair_requests_free(struct pair_requests *r)
{
	for (size_t i = 0; i < r->n; i++)
		buf_free(&r->list[i].record);
	free(r->list);
	*r = (struct pair_requests){ NULL, 0 };
}

static int
parse_request(const json_t *v, struct pair_request *r, struct err *e)
{
	OWN(buf_free) struct buf nonce = { 0 };
	OWN(buf_free) struct buf machine = { 0 };
	const char *os = "", *address = "";
	struct digest here;

	if (jsonio_id(v, "join", &r->join, e) < 0 ||
	    jsonio_u64(v, "created_ms", &r->created_ms, e) < 0 ||
	    jsonio_u64(v, "expires_ms", &r->expires_ms, e) < 0 ||
	    jsonio_bytes(v, "device", 0, &r->record, e) < 0 ||
	    jsonio_bytes(v, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    jsonio_bytes(v, "machine", 0, &machine, e) < 0 ||
	    jsonio_text(v, "os", &os, e) < 0 ||
	    jsonio_text(v, "address", &address, e) < 0)
		return -1;
	memcpy(r->nonce.b, nonce.p, ID_BYTES);
	r->here = home_machine_mark(&r->nonce, &here) &&
	    bytes_equal(buf_bytes(&machine), bytes_of(here.b, DIGEST_BYTES));
	(void)snprintf(r->os, sizeof r->os, "%s", os);
	(void)snprintf(r->address, sizeof r->address, "%s", address);
	const char *place = json_string_value(json_object_get(v, "place"));
	if (place != NULL && strlen(place) < sizeof r->place)
		memcpy(r->place, place, strlen(place) + 1);
	struct scan s = scan_of(buf_bytes(&r->record));
	if (device_take(&s, &r->device, e) < 0 || !scan_done(&s))
		return relay_malformed(e);
	return 0;
}

int
pair_requests(struct self *s, uint64_t since_ms, unsigned wait_s,
    struct pair_requests *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	char path[80];

	*out = (struct pair_requests){ NULL, 0 };
	(void)snprintf(path, sizeof path, "/v1/joins?wait=%u&since=%llu",
	    wait_s, (unsigned long long)since_ms);
	const struct control_wait wait = { .path = path, .wait_s = wait_s };
	if (control_wait(s->remote, &wait, &answer, e) < 0)
		return -1;
	const json_t *joins = json_object_get(answer, "joins");
	out->list = mem_array(json_array_size(joins), sizeof *out->list);
	for (size_t i = 0; i < json_array_size(joins); i++) {
		struct pair_request *r = &out->list[out->n++];
		if (parse_request(json_array_get(joins, i), r, e) < 0) {
			pair_requests_free(out);
			return -1;
		}
	}
	return 0;
}

static int
join_verb(
    struct self *s, const struct id *join, const char *verb, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/v1/joins/%s/%s", id_text(join).s, verb);
	return control_call(s->remote, "POST", buf_text(&path), NULL, NULL, e);
}

int
pair_refuse(struct self *s, const struct id *join, struct err *e)
{
	return join_verb(s, join, "refuse", e);
}

int
pair_allow_again(struct self *s, struct err *e)
{
	return control_call(
	    s->remote, "POST", "/v1/joins/allow-again", NULL, NULL, e);
}

static const struct device *
own_device(const struct self *s)
{
	return &circle_member(&s->circle, &s->dev_id)->device;
}

/* Show codes until one is right. */
static int
show_codes(struct self *s, const struct pair_request *r, struct pair_code *t,
    struct relay_keys *k, bool *right, struct err *e)
{
	OWN(buf_free) struct buf ci = { 0 };
	OWN(buf_free) struct buf record = { 0 };

	relay_channel_id(s->host, &s->uid, &ci);
	device_put(&record, own_device(s));
	t->ci = buf_bytes(&ci);
	t->request = &r->join;
	t->nonce = &r->nonce;
	t->ours = buf_bytes(&record);
	t->theirs = buf_bytes(&r->record);
	return pair_codes(s, t, k, right, e);
}

/* Offer the ADD, get it signed, submit it; again when another came first. */
static int
let_in(struct self *s, const struct pair_request *r, struct relay *c,
    struct relay_keys *k, struct err *e)
{
	for (int tries = 0; tries < 8; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		OWN(buf_free) struct buf plain = { 0 };
		OWN(buf_free) struct buf m = { 0 };
		OWN(buf_free) struct buf sig = { 0 };
		OWN(buf_free) struct buf envelope = { 0 };
		struct circle_sig sigs[2] = { { .kind = 1 }, { .kind = 1 } };
		struct digest mac;
		uint8_t kind;
		circle_entry_begin(&entry, &s->circle, &s->uid,
		    (uint64_t)now_ms(), CIRCLE_ADD, buf_bytes(&r->record));
		relay_confirm(k->confirm_a, k, &mac);
		id_put(&plain, &s->uid);
		digest_put(&plain, &s->circle.circle_id);
		buf_put_u32(&plain, s->circle.seq);
		digest_put(&plain, &s->circle.head);
		buf_put_v16(&plain, buf_bytes(&entry));
		digest_put(&m, &mac);
		relay_box(k, k->a_to_b, RELAY_OFFER, buf_bytes(&plain), &m);
		if (relay_send(c, RELAY_OFFER, buf_bytes(&m), e) < 0)
			return -1;
		do {
			if (relay_receive(c, &kind, e) < 0)
				return -1;
		} while (kind != RELAY_SIGNED);
		if (relay_unbox(k, k->b_to_a, RELAY_SIGNED, c->body, &sig, e) <
		    0)
			return -1;
		if (sig.n != SIG_BYTES)
			return relay_malformed(e);
		sigs[0].keyref = s->dev_id;
		devkey_sign(s->key, SIG_CIRCLE, buf_bytes(&entry), sigs[0].sig);
		sigs[1].keyref = r->device.dev_id;
		memcpy(sigs[1].sig, sig.p, SIG_BYTES);
		circle_entry_end(&entry, sigs, 2);
		keyring_envelope(
		    s->keyring, &r->device, s->key, &s->dev_id, &envelope);
		if (s->depot->ops->circle_submit(s->depot, buf_bytes(&entry),
			buf_bytes(&envelope), e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT || self_refresh(s, e) < 0)
			return -1;
	}
	return err_set(
	    e, ERR_CONFLICT, "the account's devices keep changing; try again");
}

static int
put_heads(struct self *s, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf heads = { 0 };
	uint16_t n = 0;

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		OWN(zcopy_free) struct zcopy *z = NULL;
		struct id zone =
		    c == CATEGORY_STATE ? s->circle.state_zone : s->zones[c];
		if (id_zero(&zone))
			continue;
		if (zcopy_open(&s->writer,
			&(struct zcopy_of){
			    s->local, s->depot, &zone, (enum category)c },
			&z, e) < 0 ||
		    zcopy_pull(z, e) < 0)
			return -1;
		struct head h = zcopy_head(z);
		struct digest hash = { { 0 } };
		if (h.seq == 0)
			continue;
		head_hash(&h, &hash);
		buf_put_u8(&heads, (uint8_t)c);
		id_put(&heads, &zone);
		buf_put_u64(&heads, h.seq);
		digest_put(&heads, &hash);
		n++;
	}
	buf_put_u16(out, n);
	buf_put_bytes(out, buf_bytes(&heads));
	return 0;
}

static int
welcome(struct self *s, struct relay *c, struct relay_keys *k, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf m = { 0 };

	if (self_refresh(s, e) < 0 || self_state(s, e) < 0)
		return -1;
	buf_put_v8(&plain, bytes_str(s->name));
	if (put_heads(s, &plain, e) < 0)
		return -1;
	relay_box(k, k->a_to_b, RELAY_WELCOME, buf_bytes(&plain), &m);
	return relay_send(c, RELAY_WELCOME, buf_bytes(&m), e);
}

int
pair_approve(struct self *s, const struct pair_request *r, unsigned timeout_s,
    pair_show_fn show, void *ctx, struct err *e)
{
	OWN(relay_free)
	struct relay c = { .remote = s->remote,
		.join = r->join,
		.side = RELAY_SIDE_TRUSTED,
		.state = RELAY_ALLOWED,
		.deadline_ms = now_ms() + timeout_s * 1000LL };
	OWN(relay_keys_free) struct relay_keys k = { .label = NULL };
	struct pair_code t = { .c = &c, .show = show, .ctx = ctx };
	struct err ignored;
	bool right;

	if (pair_count_fail(s, false, e) < 0 || self_refresh(s, e) < 0 ||
	    join_verb(s, &r->join, "allow", e) < 0)
		return -1;
	if (show_codes(s, r, &t, &k, &right, e) < 0) {
		/* The new device need not wait for what is over. */
		if (e->code == ERR_CODE_EXPIRED)
			relay_cancel(s->remote, &r->join);
		return -1;
	}
	if (right && let_in(s, r, &c, &k, e) < 0) {
		relay_cancel(s->remote, &r->join);
		return -1;
	}
	if (right)
		return welcome(s, &c, &k, e);
	if (join_verb(s, &r->join, "fail", &ignored) < 0)
		return err_set(e, ERR_WRONG_CODE,
		    "the code was typed wrong %d times", PAIR_CODES);
	return err_set(e, ERR_WRONG_CODE,
	    "the code was typed wrong %d times; the request is over",
	    PAIR_CODES);
}
