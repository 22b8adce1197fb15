/* SPDX-License-Identifier: ISC */
/* thief.c: what somebody does who holds a device's folder, or its session. */
/*
 *     thief HOME session-pins        a pin of noise for every key, as a session
 *     thief HOME device-pins         the same, signed by the device
 *     thief HOME epoch [DEVICE]      begin a key epoch; noise for the others,
 *                                    or for DEVICE (a prefix of its id) alone
 *     thief HOME epoch =PURPOSE      noise in the place of that purpose's keys
 *     thief HOME remove DEVICE       put that one out
 *     thief HOME set                 a recovery key of its own
 *     thief HOME close               end the account, for good
 *     thief HOME keys-only           no factor but security keys, of which
 *                                    there is none
 *     thief HOME reset               begin the account anew
 *     thief HOME add                 let a device in that nobody asked about,
 *                                    with a made-up signature beside its own
 *     thief HOME noise [ZONE]        a head of ZONE whose sum box is noise
 *     thief HOME sum [ZONE]          one whose sum is another
 *     thief HOME far-epoch [ZONE]    one under keys that nobody has
 *     thief HOME share [ZONE]        one as if the zone were shared
 *     thief HOME last-version [ZONE] a record in the last version there is
 *
 * ZONE is state or backup.
 *
 * Nothing of a client's own checks stands in the way: the entries go to the
 * server as they are. Prints what came of it; a refusal ends with its code.
 */
#include "base/now.h"
#include "client/recovery.h"
#include "client/self_note.h"
#include "client/self_zones.h"
#include "link/zcopy_in.h"
#include "wire/freshpin.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct member *
member_called(const struct self *s, const char *prefix)
{
	for (size_t i = 0; i < s->circle.n_members; i++) {
		const struct member *m = &s->circle.members[i];
		struct id_text t = id_text(&m->device.dev_id);
		if (strncmp(t.s, prefix, strlen(prefix)) == 0)
			return m;
	}
	return NULL;
}

/* ---- pins ---- */

static void
put_pin(struct self *s, const struct id *ref, bool sign, json_t *list)
{
	OWN(buf_free) struct buf b = { 0 };
	struct freshpin p = { .circle_id = s->circle.circle_id,
		.seq = sign ? s->circle.seq : UINT32_MAX,
		.head = s->circle.head,
		.dev_id = s->dev_id };
	json_t *v = json_object();

	randombytes_buf(p.mac.b, sizeof p.mac.b);
	randombytes_buf(p.sig, sizeof p.sig);
	if (sign) {
		OWN(buf_free) struct buf m = { 0 };
		freshpin_signed(&s->uid, ref, &p, &m);
		devkey_sign(s->key, SIG_FRESHPIN, buf_bytes(&m), p.sig);
	}
	freshpin_put(&b, &p);
	jsonio_put_id(v, "ref", ref);
	jsonio_put_bytes(v, "pin", buf_bytes(&b));
	(void)json_array_append_new(list, v);
}

static int
pins(struct self *s, bool sign, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	json_t *list = json_array();

	(void)json_object_set_new(ask, "pins", list);
	for (size_t i = 0; i < s->circle.recovery.n; i++) {
		struct id ref;
		recovery_keyref(s->circle.recovery.keys[i].sign_pk, &ref);
		put_pin(s, &ref, sign, list);
	}
	for (size_t i = 0; i < s->circle.n_members; i++)
		put_pin(s, &s->circle.members[i].device.dev_id, sign, list);
	return control_call(s->remote, "POST", "/v1/pins", ask, NULL, e);
}

static int
session_pins(struct self *s, const char *word, struct err *e)
{
	(void)word;
	return pins(s, false, e);
}

static int
device_pins(struct self *s, const char *word, struct err *e)
{
	(void)word;
	return pins(s, true, e);
}

/* ---- entries ---- */

static void
begin(const struct self *s, enum circle_type type, const struct buf *body,
    struct buf *out)
{
	circle_entry_begin(out, &s->circle, &s->uid, (uint64_t)now_ms(), type,
	    buf_bytes(body));
}

static void
sign(const struct self *s, struct buf *entry)
{
	struct circle_sig sig = { .kind = 1, .keyref = s->dev_id };

	devkey_sign(s->key, SIG_CIRCLE, buf_bytes(entry), sig.sig);
	circle_entry_end(entry, &sig, 1);
}

/* A whole bundle, in which who is not meant finds noise. */
static void
bundle(struct self *s, const struct circle *next, const char *victim,
    struct buf *out)
{
	OWN(buf_free) struct buf all = { 0 };
	OWN(keyring_free) struct keyring *noise = keyring_new(&s->uid);
	struct key_change kc;

	keyring_bundle(s->keyring, next, s->key, &s->dev_id, &all);
	keyring_reach(noise, next->key.epoch - 1);
	keyring_next_epoch(noise, &kc);
	for (struct scan list = scan_of(buf_bytes(&all)); list.n > 0;) {
		struct bytes x = scan_v16(&list);
		struct id to;
		/* format, purpose, uid, epoch, category, sender, receiver */
		memcpy(to.b, x.p + 2 + ID_BYTES + 4 + 1 + ID_BYTES, ID_BYTES);
		const struct member *m = circle_member(next, &to);
		struct id_text name = id_text(&to);
		if (x.p[1] != 1 || id_equal(&to, &s->dev_id) ||
		    (victim != NULL &&
			strncmp(name.s, victim, strlen(victim)) != 0)) {
			buf_put_v16(out, x);
		} else if (m != NULL) {
			keyring_envelope(
			    noise, &m->device, s->key, &s->dev_id, out);
		} else {
			keyring_envelope_recovery(noise,
			    recovery_find(&next->recovery, &to), s->key,
			    &s->dev_id, out);
		}
	}
}

/* A bundle that opens for all, with noise in the place of a purpose's keys. */
static void
spoil_bundle(struct self *s, struct bytes all, uint8_t purpose, struct buf *out)
{
	for (struct scan list = scan_of(all); list.n > 0;) {
		OWN(buf_free) struct buf b = { 0 };
		struct bytes x = scan_v16(&list);
		buf_put_bytes(&b, x);
		if (b.p[1] == purpose) {
			size_t n = b.n - SIG_BYTES;
			b.p[n - 1] ^= 1; /* of the ciphertext */
			devkey_sign(
			    s->key, SIG_ENVELOPE, bytes_of(b.p, n), b.p + n);
		}
		buf_put_v16(out, buf_bytes(&b));
	}
}

/* The epoch's entry after what this version would refuse to make. */
static int
submit_keys(struct self *s, enum circle_type type, struct buf *body,
    const char *victim, struct err *e)
{
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf keys = { 0 };
	OWN(circle_free) struct circle next = { 0 };
	struct key_change kc;
	struct err ignored;

	keyring_next_epoch(s->keyring, &kc);
	key_change_put(body, &kc);
	begin(s, type, body, &entry);
	sign(s, &entry);
	circle_copy(&next, &s->circle);
	if (circle_apply(&next, buf_bytes(&entry), &ignored) < 0)
		next.key = kc; /* as if it were taken */
	if (victim != NULL && victim[0] == '=') {
		OWN(buf_free) struct buf all = { 0 };
		keyring_bundle(s->keyring, &next, s->key, &s->dev_id, &all);
		spoil_bundle(
		    s, buf_bytes(&all), (uint8_t)(victim[1] - '0'), &keys);
	} else {
		bundle(s, &next, victim, &keys);
	}
	return s->depot->ops->circle_submit(
	    s->depot, buf_bytes(&entry), buf_bytes(&keys), e);
}

static int
epoch(struct self *s, const char *word, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	return submit_keys(s, CIRCLE_EPOCH, &body, word, e);
}

static int
remove_it(struct self *s, const char *word, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	const struct member *m = word != NULL ? member_called(s, word) : NULL;

	if (m == NULL)
		return err_set(e, ERR_USAGE, "there is no such device");
	buf_put_u8(&body, 1);
	id_put(&body, &m->device.dev_id);
	buf_put_u8(&body, 0);
	return submit_keys(s, CIRCLE_REMOVE, &body, NULL, e);
}

static int
set(struct self *s, const char *word, struct err *e)
{
	OWN(recovery_new_free) struct recovery_new n = { .code = NULL };
	uint64_t waits_ms;

	(void)word;
	recovery_draw(s, RECOVERY_KEY, "", &n);
	return self_state(s, e) < 0 ||
		control_call(
		    s->remote, "POST", "/v1/recovery", n.stage, NULL, e) < 0
	    ? -1
	    : recovery_add(s, &n, NULL, &waits_ms, e);
}

static int
submit(struct self *s, enum circle_type type, const struct buf *body,
    struct err *e)
{
	OWN(buf_free) struct buf entry = { 0 };

	begin(s, type, body, &entry);
	sign(s, &entry);
	return s->depot->ops->circle_submit(
	    s->depot, buf_bytes(&entry), bytes_str(""), e);
}

/* Nothing follows it. */
static int
close_it(struct self *s, const char *word, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	(void)word;
	return submit(s, CIRCLE_CLOSE, &body, e);
}

static int
keys_only(struct self *s, const char *word, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	(void)word;
	buf_put_u8(&body, 1);
	return submit(s, CIRCLE_FACTORS, &body, e);
}

/* A device of one's own making, as the founder of a circle. */
static int
reset(struct self *s, const char *word, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct device d;
	OWN(devkey_free) struct devkey *key = devkey_new(&d);
	struct circle_sig sig = { .kind = 1 };
	struct key_change kc;
	struct id zone;

	(void)word;
	d.class = CLASS_COMPUTER;
	d.rights = RIGHT_APPROVE;
	id_random(&zone);
	keyring_next_epoch(s->keyring, &kc);
	device_put(&body, &d);
	id_put(&body, &zone);
	key_change_put(&body, &kc);
	begin(s, CIRCLE_RESET, &body, &entry);
	sig.keyref = d.dev_id;
	devkey_sign(key, SIG_CIRCLE, buf_bytes(&entry), sig.sig);
	circle_entry_end(&entry, &sig, 1);
	return s->depot->ops->circle_submit(
	    s->depot, buf_bytes(&entry), bytes_str(""), e);
}

static int
add(struct self *s, const char *word, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf keys = { 0 };
	struct device d;
	OWN(devkey_free) struct devkey *key = devkey_new(&d);

	(void)word;
	d.class = CLASS_COMPUTER;
	d.rights = RIGHT_APPROVE;
	device_put(&body, &d);
	begin(s, CIRCLE_ADD, &body, &entry);
	struct circle_sig sigs[3] = { { 1, s->dev_id, { 0 } },
		{ 1, d.dev_id, { 0 } },
		{ 2, s->circle.members[0].device.dev_id, { 7 } } };
	devkey_sign(s->key, SIG_CIRCLE, buf_bytes(&entry), sigs[0].sig);
	devkey_sign(key, SIG_CIRCLE, buf_bytes(&entry), sigs[1].sig);
	circle_entry_end(&entry, sigs, 3);
	keyring_envelope(s->keyring, &d, s->key, &s->dev_id, &keys);
	return s->depot->ops->circle_submit(
	    s->depot, buf_bytes(&entry), buf_bytes(&keys), e);
}

/* ---- heads ---- */

/* Sign the head after the newest one, with one record or none, and commit. */
static int
vandalise(struct self *s, enum category k, struct change *c,
    void (*spoil)(struct head *h), bool heals, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = NULL;
	OWN(buf_free) struct buf clear = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	struct digest sum = { { 0 } }, mark = { { 0 } };
	struct head h;
	size_t n = c != NULL ? 1 : 0;

	if (self_state(s, e) < 0)
		return -1;
	s->zones[CATEGORY_STATE] = s->circle.state_zone;
	if (zcopy_open(&s->writer,
		&(struct zcopy_of){ s->local, s->depot, &s->zones[k], k }, &z,
		e) < 0 ||
	    zcopy_pull(z, e) < 0)
		return -1;
	if (heals)
		randombytes_buf(mark.b, sizeof mark.b);
	if (zcopy_sum_after(z, keyring_epoch(s->keyring), c, n, &sum, e) < 0)
		return -1;
	if (spoil == NULL && !heals)
		sum.b[0] ^= 1;
	zcopy_sign_head(z, c, n, &mark, &sum, &h);
	if (spoil != NULL)
		spoil(&h);
	head_put_signed(&clear, &h);
	devkey_sign(s->key, SIG_HEAD, buf_bytes(&clear), h.sig);
	commit_put(&body, &h, c, n);
	const struct depot_commit commit = {
		.zone = zcopy_zone(z), .category = k, .body = buf_bytes(&body)
	};
	return s->depot->ops->commit(s->depot, &commit, e);
}

static enum category
zone_called(const char *word)
{
	return word != NULL && strcmp(word, "backup") == 0 ? CATEGORY_BACKUP
							   : CATEGORY_STATE;
}

static void
noise_box(struct head *h)
{
	randombytes_buf(h->sum_box, sizeof h->sum_box);
}

static int
noise(struct self *s, const char *word, struct err *e)
{
	return vandalise(s, zone_called(word), NULL, noise_box, false, e);
}

static int
false_sum(struct self *s, const char *word, struct err *e)
{
	return vandalise(s, zone_called(word), NULL, NULL, false, e);
}

static void
no_epoch(struct head *h)
{
	h->integrity_epoch = UINT32_MAX;
}

static int
far_epoch(struct self *s, const char *word, struct err *e)
{
	return vandalise(s, zone_called(word), NULL, no_epoch, false, e);
}

static void
claim_share(struct head *h)
{
	h->format = HEAD_PZH2;
	h->share_seq = 1;
}

static int
share(struct self *s, const char *word, struct err *e)
{
	return vandalise(s, zone_called(word), NULL, claim_share, false, e);
}

/* The last version that there can be, and the one behind it. */
static int
last_version(struct self *s, const char *word, struct err *e)
{
	struct change c = { .version = INT64_MAX,
		.key_epoch = keyring_epoch(s->keyring),
		.ct = bytes_str("noise") };

	id_random(&c.id);
	if (vandalise(s, zone_called(word), &c, NULL, true, e) < 0)
		return -1;
	c.version++;
	return vandalise(s, zone_called(word), &c, NULL, true, e);
}

struct garbage {
	struct id ids[64];
	size_t n;
};

static int
note_id(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct garbage *g = ctx;

	(void)e;
	if (g->n < ARRAY_SIZE(g->ids))
		g->ids[g->n++] = r->id;
	return 0;
}

/* Every record of a zone becomes one that says nothing. */
static int
garbage(struct self *s, const char *word, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = NULL;
	enum category k = zone_called(word);
	struct garbage g = { .n = 0 };
	struct zcopy_edit edits[64] = { { .deleted = false } };
	uint8_t noise[40];

	randombytes_buf(noise, sizeof noise);
	if (self_state(s, e) < 0)
		return -1;
	s->zones[CATEGORY_STATE] = s->circle.state_zone;
	if (zcopy_open(&s->writer,
		&(struct zcopy_of){ s->local, s->depot, &s->zones[k], k }, &z,
		e) < 0 ||
	    zcopy_pull(z, e) < 0 || zcopy_each(z, 0, note_id, &g, e) < 0)
		return -1;
	for (size_t i = 0; i < g.n; i++) {
		edits[i].id = g.ids[i];
		edits[i].plain = bytes_of(noise, sizeof noise);
	}
	return zcopy_commit(z, edits, g.n, NULL, NULL, e);
}

/* The list of zones, in a record that opens and leads nowhere, or does not. */
static int
zones(struct self *s, const char *word, struct err *e)
{
	struct zcopy_edit edit = { .id = self_note_id(SELF_NOTE_ZONES, NULL) };
	OWN(buf_free) struct buf plain = { 0 };

	if (self_state(s, e) < 0)
		return -1;
	buf_put_u8(&plain, 16);
	buf_put_u8(&plain, 1);
	if (word == NULL) {
		struct id other;
		id_random(&other);
		buf_put_varint(&plain, 1);
		buf_put_u8(&plain, CATEGORY_BACKUP);
		id_put(&plain, &other);
	}
	edit.plain = buf_bytes(&plain);
	return zcopy_commit(s->state, &edit, 1, NULL, NULL, e);
}

/* ---- */

static const struct act {
	const char *name;
	int (*fn)(struct self *s, const char *word, struct err *e);
} acts[] = {
	{ "session-pins", session_pins },
	{ "device-pins", device_pins },
	{ "epoch", epoch },
	{ "remove", remove_it },
	{ "set", set },
	{ "close", close_it },
	{ "keys-only", keys_only },
	{ "reset", reset },
	{ "add", add },
	{ "noise", noise },
	{ "sum", false_sum },
	{ "far-epoch", far_epoch },
	{ "share", share },
	{ "last-version", last_version },
	{ "zones", zones },
	{ "garbage", garbage },
};

int
main(int argc, char **argv)
{
	OWN(self_free) struct self *s = NULL;
	struct err e = { 0 };
	int rc = -1;

	for (size_t i = 0; argc >= 3 && i < ARRAY_SIZE(acts); i++)
		if (strcmp(argv[2], acts[i].name) == 0)
			rc = self_open(argv[1], &s, &e) < 0 ||
				self_connect(s, &e) < 0 ||
				self_refresh(s, &e) < 0 ||
				acts[i].fn(s, argv[3], &e) < 0
			    ? -1
			    : 0;
	if (rc < 0) {
		(void)fprintf(
		    stderr, "thief: %s\n(%s)\n", e.msg, err_name(e.code));
		return 1;
	}
	(void)puts("done");
	return 0;
}
