/* SPDX-License-Identifier: ISC */
/* test_circle.c: the chain of devices: what it accepts and what it refuses. */
/*
 * Keys are derived from fixed words and Ed25519 has no randomness, so the
 * entries made here are the same at each run; they are tests/vectors/
 * circle.json, for other implementations. `test_circle write` makes that file
 * anew after a change of the format.
 */
#include "wire/circle.h"

#include "vectors.h"

#define VECTORS "tests/vectors/circle.json"
#define START_MS 1700000000000ULL
#define HOUR 3600000ULL
#define REC(i) (-1 - (i)) /* a recovery key as a signer */
#define NOBODY 1000

static const struct id uid = { { 0xaa, 1 } };

/* ---- deterministic material ---- */

static struct digest
word(const char *what, int i)
{
	return vectors_word("circle", what, i);
}

static struct devkey *
key_of(int i)
{
	return vectors_key(word("sign", i), word("kem", i));
}

static void
sign_pk_of(int i, uint8_t out[static SIG_PK_BYTES])
{
	OWN(devkey_free) struct devkey *k = key_of(i);

	devkey_sign_pk(k, out);
}

/* Device i, or the newer public key of recovery key i by REC(i). */
static struct device
device_of(int i)
{
	struct device d = { .class = CLASS_COMPUTER, .rights = RIGHT_APPROVE };
	struct digest id = word("id", i);

	memcpy(d.dev_id.b, id.b, ID_BYTES);
	sign_pk_of(i, d.sign_pk);
	id = word("kem public", i);
	memcpy(d.kem_pk, id.b, sizeof d.kem_pk);
	d.name_commit = word("name", i);
	return d;
}

static struct device
browser_of(int i)
{
	struct device d = device_of(i);

	d.class = CLASS_BROWSER;
	d.rights = 0;
	return d;
}

static struct id
keyref_of(int who)
{
	struct digest d;
	struct id id;
	uint8_t pk[SIG_PK_BYTES];

	if (who >= 0)
		return device_of(who).dev_id;
	sign_pk_of(who, pk);
	digest_of(bytes_of(pk, sizeof pk), &d);
	memcpy(id.b, d.b, ID_BYTES);
	return id;
}

/* ---- bodies ---- */

static void
put_kc(struct buf *b, uint32_t epoch)
{
	struct digest s = word("S", (int)epoch);
	struct key_change kc = { .epoch = epoch };

	key_change_commit(
	    &uid, epoch, bytes_of(s.b, sizeof s.b), &kc.commitment);
	key_change_put(b, &kc);
}

static void
put_set(struct buf *b, uint8_t t, int n)
{
	struct recovery_set set = { .t = t, .n = (uint8_t)n };

	for (int i = 0; i < n; i++) {
		struct digest kem = word("recovery kem", i);
		set.keys[i].kind = 1;
		set.keys[i].weight = 1;
		sign_pk_of(REC(i), set.keys[i].sign_pk);
		memcpy(set.keys[i].kem_pk, kem.b, KEM_PK_BYTES);
	}
	recovery_set_put(b, &set);
}

static void
put_policy(struct buf *b, uint8_t k, uint16_t hours)
{
	buf_put_u8(b, k);
	buf_put_u16(b, hours);
}

static void
put_genesis(struct buf *b, int device)
{
	struct device d = device_of(device);
	struct digest zone = word("zone", 0);

	device_put(b, &d);
	put_set(b, 0, 0);
	put_policy(b, 1, 72);
	buf_put_u8(b, PROTECTION_ADVANCED);
	buf_put(b, zone.b, ID_BYTES);
	put_kc(b, 1);
}

/* REMOVE of up to two devices; epoch 0 leaves the key change out. */
static void
put_remove(struct buf *b, int first, int second, uint32_t epoch)
{
	struct id id = device_of(first).dev_id;

	buf_put_u8(b, second == NOBODY ? 1 : 2);
	id_put(b, &id);
	if (second != NOBODY) {
		id = device_of(second).dev_id;
		id_put(b, &id);
	}
	buf_put_u8(b, 0);
	if (epoch > 0)
		put_kc(b, epoch);
}

static void
put_recover(struct buf *b, int newcomer, int dropped, uint32_t epoch)
{
	struct device d = device_of(newcomer);
	struct id id = device_of(dropped).dev_id;

	device_put(b, &d);
	buf_put_u8(b, 1);
	id_put(b, &id);
	put_kc(b, epoch);
}

/* The escrow's key for an account, signed by the escrow's own key 20. */
static void
put_escrow(struct buf *b, const struct id *whose)
{
	OWN(devkey_free) struct devkey *k = key_of(20);
	OWN(buf_free) struct buf m = { 0 };
	struct digest kem = word("escrow kem", 0);
	struct circle_escrow x;

	memcpy(x.kem_pk, kem.b, sizeof x.kem_pk);
	devkey_sign_pk(k, x.sign_pk);
	id_put(&m, whose);
	buf_put(&m, x.kem_pk, sizeof x.kem_pk);
	devkey_sign(k, SIG_ESCROW_ACCOUNT, buf_bytes(&m), x.sig);
	circle_escrow_put(b, &x);
}

static void
put_protection(struct buf *b, uint32_t clock, uint8_t level, uint8_t web)
{
	buf_put_u32(b, clock);
	buf_put_u8(b, level);
	buf_put_u8(b, web);
	if (level == PROTECTION_STANDARD)
		put_escrow(b, &uid);
}

/* ---- entries ---- */

/* Sign the entry after c by a (and b, unless NOBODY); time is not clamped. */
static void
make(struct buf *out, const struct circle *c, int type, const struct buf *body,
    uint64_t time_ms, int a, int b)
{
	const int who[] = { a, b };
	struct circle_sig sigs[2] = { 0 };
	struct circle past = *c; /* borrowed; only to have no lower bound */
	size_t n = 0;

	past.time_ms = 0;
	buf_clear(out);
	circle_entry_begin(
	    out, &past, &uid, time_ms, (enum circle_type)type, buf_bytes(body));
	for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
		if (who[i] == NOBODY)
			continue;
		OWN(devkey_free) struct devkey *k = key_of(who[i]);
		sigs[n].kind = who[i] >= 0 ? 1 : 2;
		sigs[n].keyref = keyref_of(who[i]);
		devkey_sign(k, SIG_CIRCLE, buf_bytes(out), sigs[n++].sig);
	}
	circle_entry_end(out, sigs, n);
}

/* One line of the story below. */
struct step {
	const char *name;
	int type;
	uint64_t after_ms; /* since the entry before */
	int a, b; /* signers */
	void (*body)(struct buf *b, const struct circle *c);
};

#define BODY(name, ...) \
	static void name(struct buf *b, const struct circle *c) \
	{ \
		(void)c; \
		__VA_ARGS__; \
	}
#define DEVICE(d) \
	struct device device = d; \
	device_put(b, &device)

BODY(genesis, put_genesis(b, 0))
BODY(device_1, DEVICE(device_of(1)))
BODY(browser_2, DEVICE(browser_of(2)))
BODY(two_of_two, put_set(b, 2, 2))
BODY(one_of_two, put_set(b, 1, 2))
BODY(no_set, put_set(b, 0, 0))
BODY(day, put_policy(b, 1, 24))
BODY(name_claim, circle_name_put(b, "ana@home"))
BODY(standard, put_protection(b, 1, PROTECTION_STANDARD, 1))
BODY(keys_only, buf_put_u8(b, 1))
BODY(browser_7, DEVICE(browser_of(7)))
BODY(remove_7_self, put_remove(b, 7, NOBODY, 0))
BODY(epoch_2, put_kc(b, 2))
BODY(remove_2, put_remove(b, 2, NOBODY, 3))
BODY(veto, digest_put(b, &c->pending_hash))
BODY(recover_3, put_recover(b, 3, 1, 4))
BODY(remove_3_self, put_remove(b, 3, NOBODY, 0))
BODY(epoch_5, put_kc(b, 5))
BODY(advanced, put_protection(b, 2, PROTECTION_ADVANCED, 0))
BODY(epoch_6, put_kc(b, 6))
BODY(reset_4, DEVICE(device_of(4)); struct digest zone = word("zone", 4);
     buf_put(b, zone.b, ID_BYTES); put_kc(b, 7))
BODY(nothing, (void)b)

static const struct step story[] = {
	{ "the account begins", CIRCLE_GENESIS, 0, 0, NOBODY, genesis },
	{ "a second device", CIRCLE_ADD, HOUR, 0, 1, device_1 },
	{ "the first recovery set, in force at once", CIRCLE_RECOVERY, 0, 0,
	    NOBODY, one_of_two },
	{ "devices are mature after a day", CIRCLE_POLICY, 0, REC(0), NOBODY,
	    day },
	{ "a name is claimed", CIRCLE_NAME, 0, 0, NOBODY, name_claim },
	{ "standard protection", CIRCLE_PROTECTION, 5, 0, NOBODY, standard },
	{ "security keys only", CIRCLE_FACTORS, 5, 0, NOBODY, keys_only },
	{ "another browser", CIRCLE_ADD, 5, 0, 7, browser_7 },
	{ "which leaves again", CIRCLE_REMOVE, 5, 7, NOBODY, remove_7_self },
	{ "a new key epoch", CIRCLE_EPOCH, 5, 0, NOBODY, epoch_2 },
	{ "a browser", CIRCLE_ADD, 24 * HOUR, 1, 2, browser_2 },
	{ "the browser is removed", CIRCLE_REMOVE, HOUR, 1, NOBODY, remove_2 },
	{ "a second recovery set waits", CIRCLE_RECOVERY, HOUR, 0, NOBODY,
	    two_of_two },
	{ "a recovery key vetoes it", CIRCLE_VETO, HOUR, REC(1), NOBODY, veto },
	{ "a newer device tries the same", CIRCLE_RECOVERY, HOUR, 1, NOBODY,
	    no_set },
	{ "an older device vetoes it", CIRCLE_VETO, 71 * HOUR, 0, NOBODY,
	    veto },
	{ "recovery by key drops a device", CIRCLE_RECOVER, HOUR, REC(0), 3,
	    recover_3 },
	{ "a device leaves", CIRCLE_REMOVE, 0, 3, NOBODY, remove_3_self },
	{ "and the epoch that is due", CIRCLE_EPOCH, HOUR, 0, NOBODY, epoch_5 },
	{ "advanced protection", CIRCLE_PROTECTION, HOUR, 0, NOBODY, advanced },
	{ "and the epoch that the escrow never knew", CIRCLE_EPOCH, 0, 0,
	    NOBODY, epoch_6 },
	{ "a device begins anew alone", CIRCLE_RESET, HOUR, 4, NOBODY,
	    reset_4 },
	{ "the account is closed", CIRCLE_CLOSE, HOUR, 4, NOBODY, nothing },
};
#define STORY ARRAY_SIZE(story)

/* ---- refused ones ---- */

BODY(device_5, DEVICE(device_of(5)))
BODY(device_1_again, DEVICE(device_of(1)))
BODY(zero_device, DEVICE(device_of(5)); memset(b->p, 0, ID_BYTES))
/* Points of small order, to which nothing can be sealed (RFC 7748, 6.1). */
BODY(zero_kem, DEVICE(device_of(5)); memset(b->p + 51, 0, KEM_PK_BYTES))
BODY(one_kem, put_set(b, 1, 2); memset(b->p + 37, 0, KEM_PK_BYTES);
     b->p[37] = 1)
BODY(odd_rights, DEVICE(device_of(5)); b->p[b->n - 1] = 0x80)
BODY(odd_class, DEVICE(device_of(5)); b->p[ID_BYTES] = CLASS_END)
BODY(remove_0_and_1, put_remove(b, 0, 1, 3))
BODY(remove_0_self, put_remove(b, 0, NOBODY, 0))
BODY(remove_1, put_remove(b, 1, NOBODY, c->key.epoch + 1))
BODY(remove_2_now, put_remove(b, 2, NOBODY, c->key.epoch + 1))
BODY(remove_0, put_remove(b, 0, NOBODY, c->key.epoch + 1))
BODY(remove_5, put_remove(b, 5, NOBODY, c->key.epoch + 1))
BODY(remove_1_bare, put_remove(b, 1, NOBODY, 0))
BODY(epoch_again, put_kc(b, c->key.epoch))
BODY(epoch_next, put_kc(b, c->key.epoch + 1))
BODY(epoch_jump, put_kc(b, c->key.epoch + 2))
BODY(clock_stands, put_protection(b, c->protection_clock, 2, 0))
BODY(odd_level, put_protection(b, c->protection_clock + 1, 3, 0))
BODY(no_escrow, buf_put_u32(b, 1); buf_put_u8(b, PROTECTION_STANDARD);
     buf_put_u8(b, 1))
BODY(others_escrow, buf_put_u32(b, 1); buf_put_u8(b, PROTECTION_STANDARD);
     buf_put_u8(b, 1); struct id other = { { 0xbb } }; put_escrow(b, &other))
BODY(advanced_escrow, put_protection(b, 1, PROTECTION_ADVANCED, 0);
     put_escrow(b, &uid))
BODY(genesis_no_escrow, put_genesis(b, 0);
     b->p[b->n - ID_BYTES - 36 - 1] = PROTECTION_STANDARD)
BODY(policy_0, put_policy(b, 0, 72))
BODY(policy_4, put_policy(b, 4, 72))
BODY(factors_2, buf_put_u8(b, 2))
BODY(too_high, put_set(b, 3, 2))
BODY(zero_of_two, put_set(b, 0, 2))
BODY(one_of_none, put_set(b, 1, 0))
BODY(odd_veto, buf_put_u32(b, 0); memset(buf_grow(b, 28), 0, 28))
BODY(long_body, buf_put_u8(b, 1); buf_put_u8(b, 0))
BODY(recover_5, put_recover(b, 5, 1, c->key.epoch + 1))

enum twist {
	PLAIN,
	BAD_SIGNATURE,
	BAD_PREV,
	SKIPPED_SEQ,
	TIME_FALLS,
	OTHER_ACCOUNT,
	SIGNED_TWICE,
	UNSIGNED
};

static const struct refusal {
	struct step step;
	unsigned after; /* entries of the story before */
	enum twist twist;
	enum err_code code;
} refusals[] = {
	{ { "a chain that begins otherwise", CIRCLE_EPOCH, 0, 0, NOBODY,
	      epoch_again },
	    0, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a beginning signed by another", CIRCLE_GENESIS, 0, 1, NOBODY,
	      genesis },
	    0, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a wrong signature", CIRCLE_NAME, 0, 0, NOBODY, name_claim }, 1,
	    BAD_SIGNATURE, ERR_CIRCLE_INVALID },
	{ { "no signature", CIRCLE_NAME, 0, NOBODY, NOBODY, name_claim }, 1,
	    UNSIGNED, ERR_CIRCLE_INVALID },
	{ { "one key that signs twice", CIRCLE_NAME, 0, 0, 0, name_claim }, 1,
	    SIGNED_TWICE, ERR_CIRCLE_INVALID },
	{ { "a wrong prev", CIRCLE_NAME, 0, 0, NOBODY, name_claim }, 1,
	    BAD_PREV, ERR_CONFLICT },
	{ { "a skipped number", CIRCLE_NAME, 0, 0, NOBODY, name_claim }, 1,
	    SKIPPED_SEQ, ERR_CONFLICT },
	{ { "falling time", CIRCLE_NAME, 0, 0, NOBODY, name_claim }, 1,
	    TIME_FALLS, ERR_CIRCLE_INVALID },
	{ { "an entry of another account", CIRCLE_NAME, 0, 0, NOBODY,
	      name_claim },
	    1, OTHER_ACCOUNT, ERR_CIRCLE_INVALID },
	{ { "a second beginning", CIRCLE_GENESIS, 0, 0, NOBODY, genesis }, 1,
	    PLAIN, ERR_CIRCLE_INVALID },
	{ { "a type not known yet", 14, 0, 0, NOBODY, nothing }, 1, PLAIN,
	    ERR_UPDATE_NEEDED },
	{ { "type zero", 0, 0, 0, NOBODY, nothing }, 1, PLAIN,
	    ERR_UPDATE_NEEDED },
	{ { "a body with bytes behind", CIRCLE_FACTORS, 0, 0, NOBODY,
	      long_body },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "an epoch that nothing asks for", CIRCLE_EPOCH, 0, 0, NOBODY,
	      epoch_2 },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "an epoch that no longer is due", CIRCLE_EPOCH, 0, 0, NOBODY,
	      epoch_next },
	    10, PLAIN, ERR_CIRCLE_INVALID },
	{ { "an epoch again", CIRCLE_EPOCH, 0, 0, NOBODY, epoch_again }, 9,
	    PLAIN, ERR_CIRCLE_INVALID },
	{ { "an epoch left out", CIRCLE_EPOCH, 0, 0, NOBODY, epoch_jump }, 9,
	    PLAIN, ERR_CIRCLE_INVALID },
	{ { "an addition without the new device's signature", CIRCLE_ADD, 0, 0,
	      NOBODY, device_5 },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a device that adds itself", CIRCLE_ADD, 0, 5, NOBODY, device_5 },
	    1, PLAIN, ERR_NOT_A_MEMBER },
	{ { "an addition by a stranger", CIRCLE_ADD, 0, 6, 5, device_5 }, 1,
	    PLAIN, ERR_NOT_A_MEMBER },
	{ { "an addition by a device too young", CIRCLE_ADD, 71 * HOUR, 1, 5,
	      device_5 },
	    2, PLAIN, ERR_DEVICE_TOO_YOUNG },
	{ { "an addition by a device without that right", CIRCLE_ADD, 24 * HOUR,
	      2, 5, device_5 },
	    11, PLAIN, ERR_PERMISSION },
	{ { "an addition of a device that is there", CIRCLE_ADD, HOUR, 0, 1,
	      device_1_again },
	    2, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a device that was there before", CIRCLE_ADD, HOUR, 0, 2,
	      browser_2 },
	    12, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a device without a name of its own", CIRCLE_ADD, 0, 0, 5,
	      zero_device },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a device that nothing can be sealed to", CIRCLE_ADD, 0, 0, 5,
	      zero_kem },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a recovery key that nothing can be sealed to", CIRCLE_RECOVERY, 0,
	      0, NOBODY, one_kem },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "rights that do not exist", CIRCLE_ADD, 0, 0, 5, odd_rights }, 1,
	    PLAIN, ERR_CIRCLE_INVALID },
	{ { "a class that does not exist", CIRCLE_ADD, 0, 0, 5, odd_class }, 1,
	    PLAIN, ERR_CIRCLE_INVALID },
	{ { "a removal of itself with others", CIRCLE_REMOVE, 0, 0, NOBODY,
	      remove_0_and_1 },
	    2, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a removal of itself with a helper", CIRCLE_REMOVE, 0, 0, 1,
	      remove_0 },
	    2, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a removal of the only device", CIRCLE_REMOVE, 0, 0, NOBODY,
	      remove_0_self },
	    1, PLAIN, ERR_PERMISSION },
	{ { "a removal by a device too young", CIRCLE_REMOVE, HOUR, 1, NOBODY,
	      remove_0 },
	    2, PLAIN, ERR_DEVICE_TOO_YOUNG },
	{ { "a removal of what is not there", CIRCLE_REMOVE, 0, 0, NOBODY,
	      remove_5 },
	    2, PLAIN, ERR_NOT_FOUND },
	{ { "a removal without a new key", CIRCLE_REMOVE, 0, 0, NOBODY,
	      remove_1_bare },
	    2, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a removal signed by a removed device", CIRCLE_REMOVE, HOUR, 2,
	      NOBODY, remove_1 },
	    12, PLAIN, ERR_NOT_A_MEMBER },
	{ { "a browser removed by a key of no recovery set", CIRCLE_REMOVE, 0,
	      REC(7), NOBODY, remove_2_now },
	    11, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a policy of no device", CIRCLE_POLICY, 0, 0, NOBODY, policy_0 }, 1,
	    PLAIN, ERR_CIRCLE_INVALID },
	{ { "a policy of four devices", CIRCLE_POLICY, 0, 0, NOBODY, policy_4 },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a policy of devices where there are recovery keys", CIRCLE_POLICY,
	      72 * HOUR, 0, 1, day },
	    3, PLAIN, ERR_PERMISSION },
	{ { "an end by devices where there are recovery keys", CIRCLE_CLOSE,
	      72 * HOUR, 0, 1, nothing },
	    3, PLAIN, ERR_PERMISSION },
	{ { "an end by a key of no recovery set", CIRCLE_CLOSE, HOUR, REC(7),
	      NOBODY, nothing },
	    3, PLAIN, ERR_PERMISSION },
	{ { "protection whose clock stands", CIRCLE_PROTECTION, 0, 0, NOBODY,
	      clock_stands },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "standard protection without an escrow", CIRCLE_PROTECTION, 0, 0,
	      NOBODY, no_escrow },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "standard protection with another account's escrow key",
	      CIRCLE_PROTECTION, 0, 0, NOBODY, others_escrow },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "advanced protection with an escrow", CIRCLE_PROTECTION, 0, 0,
	      NOBODY, advanced_escrow },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a standard beginning without an escrow", CIRCLE_GENESIS, 0, 0,
	      NOBODY, genesis_no_escrow },
	    0, PLAIN, ERR_CIRCLE_INVALID },
	{ { "protection of no known level", CIRCLE_PROTECTION, 0, 0, NOBODY,
	      odd_level },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "factors neither on nor off", CIRCLE_FACTORS, 0, 0, NOBODY,
	      factors_2 },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "more weight than there is", CIRCLE_RECOVERY, 0, 0, NOBODY,
	      too_high },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "recovery keys that nobody needs", CIRCLE_RECOVERY, 0, 0, NOBODY,
	      zero_of_two },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a need without recovery keys", CIRCLE_RECOVERY, 0, 0, NOBODY,
	      one_of_none },
	    1, PLAIN, ERR_CIRCLE_INVALID },
	{ { "recovery where there is no set", CIRCLE_RECOVER, HOUR, REC(0), 5,
	      recover_5 },
	    2, PLAIN, ERR_CIRCLE_INVALID },
	{ { "recovery by a key that is not in the set", CIRCLE_RECOVER, HOUR,
	      REC(7), 5, recover_5 },
	    3, PLAIN, ERR_CIRCLE_INVALID },
	{ { "recovery with a wrong signature", CIRCLE_RECOVER, HOUR, REC(0), 5,
	      recover_5 },
	    3, BAD_SIGNATURE, ERR_CIRCLE_INVALID },
	{ { "a veto where nothing waits", CIRCLE_VETO, 0, 0, NOBODY, odd_veto },
	    3, PLAIN, ERR_CIRCLE_INVALID },
	{ { "a veto by a newer device", CIRCLE_VETO, 0, 1, NOBODY, veto }, 13,
	    PLAIN, ERR_PERMISSION },
	{ { "a veto that comes too late", CIRCLE_VETO, 72 * HOUR, 0, NOBODY,
	      veto },
	    15, PLAIN, ERR_CIRCLE_INVALID },
	{ { "an entry by a device that was reset away", CIRCLE_EPOCH, 0, 0,
	      NOBODY, epoch_jump },
	    22, PLAIN, ERR_NOT_A_MEMBER },
	{ { "an entry after the end", CIRCLE_NAME, 0, 4, NOBODY, name_claim },
	    23, PLAIN, ERR_CIRCLE_INVALID },
};

/* ---- generating ---- */

static struct buf entries[STORY];
static struct circle stands[STORY + 1]; /* after n entries */
static struct buf refused[ARRAY_SIZE(refusals)];

static void
make_step(struct buf *out, const struct circle *c, const struct step *s)
{
	OWN(buf_free) struct buf body = { 0 };
	uint64_t before = c->seq == 0 ? START_MS : c->time_ms;

	s->body(&body, c);
	make(out, c, s->type, &body, before + s->after_ms, s->a, s->b);
}

static void
make_refused(struct buf *out, const struct refusal *r)
{
	struct circle c = stands[r->after]; /* borrowed */
	OWN(buf_free) struct buf body = { 0 };
	uint64_t before = c.seq == 0 ? START_MS : c.time_ms;

	r->step.body(&body, &c);
	if (r->twist == BAD_PREV)
		c.head.b[0] ^= 1;
	if (r->twist == SKIPPED_SEQ)
		c.seq++;
	if (r->twist == TIME_FALLS)
		before--;
	make(out, &c, r->step.type, &body, before + r->step.after_ms, r->step.a,
	    r->step.b);
	if (r->twist == BAD_SIGNATURE)
		out->p[out->n - 1] ^= 1; /* of the last signer */
	if (r->twist == BAD_SIGNATURE && r->step.b != NOBODY)
		out->p[out->n - 1 - 81] ^= 1; /* and of the first */
	if (r->twist == OTHER_ACCOUNT)
		out->p[4] ^= 1;
}

static int
generate(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < STORY; i++) {
		make_step(&entries[i], &stands[i], &story[i]);
		circle_copy(&stands[i + 1], &stands[i]);
		if (circle_apply(&stands[i + 1], buf_bytes(&entries[i]), &e) <
		    0) {
			print_error("%s: %s\n", story[i].name, e.msg);
			return -1;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		make_refused(&refused[i], &refusals[i]);
	return 0;
}

static int
forget(void **state)
{
	(void)state;
	for (size_t i = 0; i <= STORY; i++)
		circle_free(&stands[i]);
	for (size_t i = 0; i < STORY; i++)
		buf_free(&entries[i]);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		buf_free(&refused[i]);
	return 0;
}

static json_t *
vectors_made(void)
{
	json_t *accepted = json_array(), *bad = json_array();

	for (size_t i = 0; i < STORY; i++)
		json_array_append_new(accepted,
		    json_pack("{s:s, s:i, s:o, s:o}", "name", story[i].name,
			"type", story[i].type, "entry",
			hex_of(buf_bytes(&entries[i])), "hash",
			hex_of(bytes_of(stands[i + 1].head.b, DIGEST_BYTES))));
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		json_array_append_new(bad,
		    json_pack("{s:s, s:i, s:s, s:o}", "name",
			refusals[i].step.name, "after", (int)refusals[i].after,
			"code", err_name(refusals[i].code), "entry",
			hex_of(buf_bytes(&refused[i]))));
	return json_pack("{s:o, s:o, s:o}", "uid",
	    hex_of(bytes_of(uid.b, ID_BYTES)), "accepted", accepted, "refused",
	    bad);
}

static int
write_vectors(void)
{
	if (generate(NULL) < 0)
		return EXIT_FAILURE;
	int status = vectors_write(VECTORS, vectors_made());
	(void)forget(NULL);
	return status;
}

/* ---- tests ---- */

static void
the_vector_file_is_what_we_make(void **state)
{
	(void)state;
	assert_vectors(VECTORS, vectors_made());
}

static void
the_story_has_every_type(void **state)
{
	bool seen[CIRCLE_EPOCH + 1] = { true };

	(void)state;
	for (size_t i = 0; i < STORY; i++)
		seen[story[i].type] = true;
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		assert_true(seen[i]);
}

static void
refuses_what_breaks_a_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		OWN(circle_free) struct circle c = { 0 };
		struct err e = { 0 };
		circle_copy(&c, &stands[refusals[i].after]);
		int result = circle_apply(&c, buf_bytes(&refused[i]), &e);
		if (result == 0 || e.code != refusals[i].code)
			fail_msg("%s: %s %s", refusals[i].step.name,
			    err_name(e.code), e.msg);
		assert_int_equal(c.seq, stands[refusals[i].after].seq);
		assert_true(
		    digest_equal(&c.head, &stands[refusals[i].after].head));
	}
}

static void
any_byte_changed_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < STORY; i++) {
		OWN(buf_free) struct buf bad = { 0 };
		buf_put_bytes(&bad, buf_bytes(&entries[i]));
		/* A sample of each entry: all of them take seconds. */
		for (size_t k = i % 7; k < bad.n; k += 7) {
			OWN(circle_free) struct circle c = { 0 };
			struct err e = { 0 };
			circle_copy(&c, &stands[i]);
			bad.p[k] ^= 0x01;
			assert_int_equal(
			    circle_apply(&c, buf_bytes(&bad), &e), -1);
			bad.p[k] ^= 0x01;
		}
	}
}

static void
every_other_length_is_refused(void **state)
{
	OWN(buf_free) struct buf x = { 0 };
	struct entry_view v;
	struct err e = { 0 };

	(void)state;
	buf_put_bytes(&x, buf_bytes(&entries[1]));
	for (size_t n = 0; n < x.n; n++) {
		assert_int_equal(
		    circle_entry_parse(bytes_of(x.p, n), &v, &e), -1);
		assert_int_equal(e.code, ERR_CIRCLE_INVALID);
	}
	buf_put_u8(&x, 0);
	assert_int_equal(circle_entry_parse(buf_bytes(&x), &v, &e), -1);
	memset(buf_grow(&x, LIMIT_CIRCLE_ENTRY), 0, LIMIT_CIRCLE_ENTRY);
	assert_int_equal(circle_entry_parse(buf_bytes(&x), &v, &e), -1);
}

static bool
active_after(unsigned n, int device)
{
	struct id id = device_of(device).dev_id;

	return circle_active(&stands[n], &id);
}

static void
the_story_leads_where_it_should(void **state)
{
	(void)state;
	assert_int_equal(stands[1].protection, PROTECTION_ADVANCED);
	assert_int_equal(stands[1].mature_hours, 72);
	assert_true(digest_equal(&stands[1].circle_id, &stands[1].head));
	assert_true(active_after(2, 1) && !active_after(1, 1));
	assert_int_equal(stands[3].recovery.n, 2);
	assert_int_equal(stands[4].mature_hours, 24);
	assert_int_equal(stands[6].protection, PROTECTION_STANDARD);
	assert_int_equal(stands[6].web_access, 1);
	assert_int_equal(stands[7].keys_only, 1);
	assert_int_equal(stands[10].key.epoch, 2);
	assert_true(active_after(11, 2) && !active_after(12, 2));
	assert_true(stands[13].pending && stands[13].recovery.t == 1);
	assert_true(!stands[14].pending && stands[14].recovery.t == 1);
	assert_true(!stands[16].pending && stands[16].recovery.n == 2);
	assert_true(active_after(17, 3) && !active_after(17, 1));
	assert_true(active_after(17, 0) && !stands[17].epoch_due);
	assert_true(!active_after(18, 3) && stands[18].epoch_due);
	assert_false(stands[19].epoch_due);
	assert_int_equal(stands[20].protection, PROTECTION_ADVANCED);
	assert_true(stands[20].epoch_due && !stands[21].epoch_due);
	assert_int_equal(stands[21].first_epoch, 1);
	assert_int_equal(stands[22].first_epoch, 7);
	assert_false(id_equal(&stands[22].state_zone, &stands[21].state_zone));
	assert_int_equal(circle_active_count(&stands[22]), 1);
	assert_true(active_after(22, 4));
	assert_int_equal(stands[22].recovery.n, 0);
	assert_true(digest_equal(&stands[22].circle_id, &stands[22].head));
	assert_true(stands[23].closed && !stands[22].closed);
	assert_int_equal(stands[23].key.epoch, 7);
}

static void
remembers_who_was_a_member_when(void **state)
{
	const struct circle *c = &stands[STORY];
	struct id browser = device_of(2).dev_id, stranger = { { 9 } };

	(void)state;
	for (uint32_t seq = 0; seq <= STORY + 1; seq++)
		assert_int_equal(circle_active_at(c, &browser, seq), seq == 11);
	assert_false(circle_active_at(c, &stranger, 5));
	assert_null(circle_hash_at(c, 0));
	assert_null(circle_hash_at(c, STORY + 1));
	for (uint32_t seq = 1; seq <= STORY; seq++)
		assert_true(
		    digest_equal(circle_hash_at(c, seq), &stands[seq].head));
}

static void
a_waiting_set_takes_force_after_its_time(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	static const struct step later = { "", CIRCLE_NAME, 72 * HOUR, 0,
		NOBODY, name_claim };
	struct err e = { 0 };

	(void)state;
	circle_copy(&c, &stands[13]);
	make_step(&entry, &c, &later);
	assert_int_equal(circle_apply(&c, buf_bytes(&entry), &e), 0);
	assert_false(c.pending);
	assert_int_equal(c.recovery.t, 2);
}

static void
the_thirty_third_device_is_refused(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct err e = { 0 };

	(void)state;
	circle_copy(&c, &stands[1]);
	for (int i = 100; i < 100 + LIMIT_MEMBERS; i++) {
		OWN(buf_free) struct buf body = { 0 };
		struct device d = device_of(i);
		device_put(&body, &d);
		make(&entry, &c, CIRCLE_ADD, &body, START_MS, 0, i);
		bool fits = circle_active_count(&c) < LIMIT_MEMBERS;
		assert_int_equal(
		    circle_apply(&c, buf_bytes(&entry), &e), fits ? 0 : -1);
		if (!fits)
			assert_int_equal(e.code, ERR_CIRCLE_FULL);
	}
	assert_int_equal(e.code, ERR_CIRCLE_FULL);
	assert_int_equal(circle_active_count(&c), LIMIT_MEMBERS);
}

static void
two_signers_where_the_policy_wants_two(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct err e = { 0 };

	(void)state;
	circle_copy(&c, &stands[2]);
	put_policy(&body, 2, 72);
	make(&entry, &c, CIRCLE_POLICY, &body, c.time_ms, 0, NOBODY);
	assert_int_equal(circle_apply(&c, buf_bytes(&entry), &e), 0);
	/* One is not enough, a young second one neither. */
	make(&entry, &c, CIRCLE_POLICY, &body, c.time_ms, 0, NOBODY);
	assert_int_equal(circle_apply(&c, buf_bytes(&entry), &e), -1);
	assert_int_equal(e.code, ERR_NOT_A_MEMBER);
	make(&entry, &c, CIRCLE_POLICY, &body, c.time_ms, 0, 1);
	assert_int_equal(circle_apply(&c, buf_bytes(&entry), &e), -1);
	assert_int_equal(e.code, ERR_DEVICE_TOO_YOUNG);
	make(&entry, &c, CIRCLE_POLICY, &body, c.time_ms + 72 * HOUR, 0, 1);
	assert_int_equal(circle_apply(&c, buf_bytes(&entry), &e), 0);
}

/* Apply an entry to c; ERR_NONE when it is taken. */
static enum err_code
then(struct circle *c, int type, const struct buf *body, uint64_t after_ms,
    int a, int b)
{
	OWN(buf_free) struct buf entry = { 0 };
	struct err e = { 0 };

	make(&entry, c, type, body, c->time_ms + after_ms, a, b);
	return circle_apply(c, buf_bytes(&entry), &e) == 0 ? ERR_NONE : e.code;
}

static void
no_newcomer_puts_out_who_let_it_in(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf begin = { 0 };
	OWN(buf_free) struct buf second = { 0 };
	OWN(buf_free) struct buf third = { 0 };
	OWN(buf_free) struct buf older = { 0 };
	OWN(buf_free) struct buf younger = { 0 };
	struct device one = browser_of(1), two = browser_of(2);

	(void)state;
	/* An account of browsers alone, as the page makes them. */
	put_genesis(&begin, 0);
	begin.p[ID_BYTES] = CLASS_BROWSER;
	device_put(&second, &one);
	device_put(&third, &two);
	put_remove(&older, 0, NOBODY, 2);
	put_remove(&younger, 2, NOBODY, 2);
	assert_int_equal(
	    then(&c, CIRCLE_GENESIS, &begin, START_MS, 0, NOBODY), ERR_NONE);
	assert_int_equal(then(&c, CIRCLE_ADD, &second, HOUR, 0, 1), ERR_NONE);
	assert_int_equal(then(&c, CIRCLE_ADD, &third, HOUR, 0, 2), ERR_NONE);
	assert_int_equal(then(&c, CIRCLE_REMOVE, &older, 0, 1, NOBODY),
	    ERR_DEVICE_TOO_YOUNG);
	assert_int_equal(circle_active_count(&c), 3);
	assert_int_equal(
	    then(&c, CIRCLE_REMOVE, &younger, 0, 1, NOBODY), ERR_NONE);
}

static void
a_change_that_waits_ends_with_who_asked_for_it(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		OWN(circle_free) struct circle c = { 0 };
		OWN(buf_free) struct buf set = { 0 };
		OWN(buf_free) struct buf end = { 0 };
		OWN(buf_free) struct buf name = { 0 };
		circle_copy(&c, &stands[12]);
		put_set(&set, 2, 2);
		put_remove(&end, 1, NOBODY, way == 0 ? c.key.epoch + 1 : 0);
		if (way == 2) {
			buf_clear(&end);
			put_recover(&end, 5, 1, c.key.epoch + 1);
		}
		name_claim(&name, &c);
		assert_int_equal(
		    then(&c, CIRCLE_RECOVERY, &set, HOUR, 1, NOBODY), ERR_NONE);
		assert_true(c.pending);
		assert_int_equal(
		    then(&c, way == 2 ? CIRCLE_RECOVER : CIRCLE_REMOVE, &end,
			HOUR,
			way == 0       ? 0
			    : way == 1 ? 1
				       : REC(0),
			way == 2 ? 5 : NOBODY),
		    ERR_NONE);
		assert_false(c.pending);
		/* A later entry does not bring it back. */
		assert_int_equal(then(&c, CIRCLE_NAME, &name,
				     LIMIT_RECOVERY_WAIT_MS, 0, NOBODY),
		    ERR_NONE);
		assert_int_equal(c.recovery.t, 1);
	}
}

static void
a_recovery_beside_who_asked_for_a_change_does_not_end_it(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf set = { 0 };
	OWN(buf_free) struct buf recover = { 0 };

	(void)state;
	/* A key that was found is replaced; its finder comes in by it. */
	circle_copy(&c, &stands[12]);
	put_set(&set, 2, 2);
	put_recover(&recover, 5, 1, c.key.epoch + 1);
	assert_int_equal(
	    then(&c, CIRCLE_RECOVERY, &set, HOUR, 0, NOBODY), ERR_NONE);
	assert_int_equal(
	    then(&c, CIRCLE_RECOVER, &recover, HOUR, REC(0), 5), ERR_NONE);
	assert_true(c.pending);
}

/* The last signature of an entry made by `make`. */
#define LAST_SIG (1 + ID_BYTES + SIG_BYTES)

static void
only_devices_vouch_for_a_newcomer(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct device d = device_of(5);
	struct id founder = device_of(0).dev_id;
	struct err e = { 0 };

	(void)state;
	/* Browser 2 is mature, and has no right to let others in. It adds a
	 * "recovery key's" signature in the name of a device that has it. */
	circle_copy(&c, &stands[11]);
	device_put(&body, &d);
	make(&entry, &c, CIRCLE_ADD, &body, c.time_ms + 24 * HOUR, 2, 5);
	entry.p[entry.n - 2 * (size_t)LAST_SIG - 1] = 3;
	buf_put_u8(&entry, 2);
	id_put(&entry, &founder);
	memset(buf_grow(&entry, SIG_BYTES), 7, SIG_BYTES);
	assert_int_equal(circle_apply(&c, buf_bytes(&entry), &e), -1);
	assert_int_equal(e.code, ERR_CIRCLE_INVALID);
}

static void
recovery_carries_no_signature_that_counts_for_nothing(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct id founder = device_of(0).dev_id;
	struct err e = { 0 };

	(void)state;
	circle_copy(&c, &stands[3]);
	recover_5(&body, &c);
	make(&entry, &c, CIRCLE_RECOVER, &body, c.time_ms, REC(0), 5);
	entry.p[entry.n - 2 * (size_t)LAST_SIG - 1] = 3;
	buf_put_u8(&entry, 1);
	id_put(&entry, &founder);
	memset(buf_grow(&entry, SIG_BYTES), 7, SIG_BYTES);
	assert_int_equal(circle_apply(&c, buf_bytes(&entry), &e), -1);
	assert_int_equal(e.code, ERR_CIRCLE_INVALID);
}

static void
a_refused_entry_changes_nothing(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	struct id one = device_of(1).dev_id;

	(void)state;
	circle_copy(&c, &stands[3]);
	/* It drops a device and adds one before its key turns out wrong. */
	put_recover(&body, 5, 1, c.key.epoch + 2);
	assert_int_equal(then(&c, CIRCLE_RECOVER, &body, HOUR, REC(0), 5),
	    ERR_CIRCLE_INVALID);
	assert_int_equal(c.n_members, stands[3].n_members);
	assert_memory_equal(
	    c.members, stands[3].members, c.n_members * sizeof *c.members);
	assert_true(circle_active(&c, &one));
	assert_int_equal(c.key.epoch, stands[3].key.epoch);
	assert_int_equal(c.n_hashes, stands[3].n_hashes);
}

static void
keeps_the_last_places_for_removals(void **state)
{
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf removal = { 0 };

	(void)state;
	circle_copy(&c, &stands[2]);
	name_claim(&name, &c);
	put_remove(&removal, 1, NOBODY, 2);
	c.seq = LIMIT_CIRCLE_ENTRIES - LIMIT_CIRCLE_KEPT - 1;
	assert_int_equal(then(&c, CIRCLE_NAME, &name, 0, 0, NOBODY), ERR_NONE);
	assert_int_equal(
	    then(&c, CIRCLE_NAME, &name, 0, 0, NOBODY), ERR_CIRCLE_INVALID);
	assert_int_equal(
	    then(&c, CIRCLE_REMOVE, &removal, 0, 0, NOBODY), ERR_NONE);
	c.seq = LIMIT_CIRCLE_ENTRIES;
	put_remove(&removal, 1, NOBODY, 3);
	assert_int_equal(then(&c, CIRCLE_REMOVE, &removal, 0, 0, NOBODY),
	    ERR_CIRCLE_INVALID);
}

static void
a_name_is_committed_to_with_its_opening(void **state)
{
	struct id opening = { { 1 } }, other = { { 2 } };
	struct digest a, b, c;

	(void)state;
	device_name_commit(&opening, "laptop", &a);
	device_name_commit(&other, "laptop", &b);
	device_name_commit(&opening, "laptoq", &c);
	assert_false(digest_equal(&a, &b));
	assert_false(digest_equal(&a, &c));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_file_is_what_we_make),
		cmocka_unit_test(the_story_has_every_type),
		cmocka_unit_test(refuses_what_breaks_a_rule),
		cmocka_unit_test(any_byte_changed_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(the_story_leads_where_it_should),
		cmocka_unit_test(remembers_who_was_a_member_when),
		cmocka_unit_test(a_waiting_set_takes_force_after_its_time),
		cmocka_unit_test(the_thirty_third_device_is_refused),
		cmocka_unit_test(two_signers_where_the_policy_wants_two),
		cmocka_unit_test(no_newcomer_puts_out_who_let_it_in),
		cmocka_unit_test(
		    a_change_that_waits_ends_with_who_asked_for_it),
		cmocka_unit_test(
		    a_recovery_beside_who_asked_for_a_change_does_not_end_it),
		cmocka_unit_test(only_devices_vouch_for_a_newcomer),
		cmocka_unit_test(
		    recovery_carries_no_signature_that_counts_for_nothing),
		cmocka_unit_test(a_refused_entry_changes_nothing),
		cmocka_unit_test(keeps_the_last_places_for_removals),
		cmocka_unit_test(a_name_is_committed_to_with_its_opening),
	};

	if (argc > 1 && strcmp(argv[1], "write") == 0)
		return write_vectors();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, generate, forget);
}
