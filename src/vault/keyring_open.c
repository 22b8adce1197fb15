/* SPDX-License-Identifier: ISC */
/* keyring_open.c: everything a device can open, and who spoiled what it cannot. */
#include "vault/keyring_in.h"

#include "vault/seal.h"

#include <assert.h>
#include <string.h>

/* Take S_n in, checked against what the circle committed to. */
static int
accept_s(struct keyring *k, const struct circle *circle, uint32_t epoch,
    struct secret **s, struct err *e)
{
	struct digest d;

	if (secret_bytes(*s).n != SECRET_KEY)
		return keyring_substituted(
		    e, "a circle secret has a wrong length");
	key_change_commit(&k->uid, epoch, secret_bytes(*s), &d);
	if (!digest_equal(&d, &circle->epochs[epoch - 1].commitment))
		return keyring_substituted(e,
		    "a circle secret is not the one the circle committed to");
	struct epoch *p = keyring_epoch_room(k, epoch);
	secret_free(&p->s);
	p->s = TAKE(*s);
	return 0;
}

static int
open_wrapped(const struct keyring *k, uint32_t under, const struct envelope *v,
    struct secret **out, struct err *e)
{
	OWN(secret_free)
	struct secret *wrap = keyring_wrap_key(k->epochs[under - 1].s, v);

	if (seal_open_secret(wrap, v->header, v->ct, out, e) < 0 ||
	    secret_bytes(*out).n !=
		(v->purpose == PURPOSE_EARLIER ? EARLIER_BYTES : SECRET_KEY))
		return keyring_substituted(e, "a wrapped key does not open");
	return 0;
}

static void
store(struct secret **slot, struct secret **key)
{
	secret_free(slot);
	*slot = TAKE(*key);
}

/* Some S before the last; *to goes down to it, where nothing fills the gap. */
static int
take_earlier(struct keyring *k, const struct circle *circle,
    const struct envelope *v, const struct secret *plain, struct err *e)
{
	struct scan s = scan_of(secret_bytes(plain));
	uint32_t m = scan_u32(&s);
	OWN(secret_free)
	struct secret *key = secret_of(scan_take(&s, SECRET_KEY));

	if (m < circle->first_epoch || m + 1 >= v->epoch)
		return keyring_substituted(
		    e, "a key of no earlier epoch was handed on");
	k->epochs[v->epoch - 1].skips = k->epochs[v->epoch - 2].s == NULL;
	return k->epochs[m - 1].s != NULL ? 0 : accept_s(k, circle, m, &key, e);
}

/* Open one wrapped key with the S of its epoch and put it in its place. */
static int
take_wrapped(struct keyring *k, const struct circle *circle,
    const struct envelope *v, struct err *e)
{
	OWN(secret_free) struct secret *key = NULL;
	struct epoch *p = &k->epochs[v->epoch - 1];

	if (open_wrapped(k, v->epoch, v, &key, e) < 0)
		return -1;
	switch (v->purpose) {
	case PURPOSE_PREVIOUS:
		if (v->epoch > circle->first_epoch &&
		    k->epochs[v->epoch - 2].noise != NULL) {
			p->skips = true;
			return 0;
		}
		return v->epoch > circle->first_epoch
		    ? accept_s(k, circle, v->epoch - 1, &key, e)
		    : keyring_substituted(e, "a key of epoch 0 was handed out");
	case PURPOSE_EARLIER:
		return take_earlier(k, circle, v, key, e);
	case PURPOSE_CATEGORY:
		keyring_epoch_category(p, v->category, &key);
		return 0;
	case PURPOSE_INTEGRITY:
		store(&p->integrity[v->category], &key);
		return 0;
	default: /* PURPOSE_NAMES */
		if (k->names[v->category] == NULL) {
			store(&k->names[v->category], &key);
			k->names_by[v->category] = v;
		} else if (!secret_equal(k->names[v->category], key)) {
			k->false_names = k->names_by[v->category];
			return keyring_substituted(e, "a name key changed");
		}
		return 0;
	}
}

/* What one opening works on. */
struct opening {
	const struct circle *circle;
	const struct devkey *device;
	const struct id *dev_id;
	struct envelope *list;
	size_t n;
	const struct envelope *spoiled; /* what is in the way of the newest */
	const struct envelope *noise; /* found now: begin again without it */
};

/* S of that epoch, if one is sealed to this device and is the right one. */
static int
open_sealed_at(struct keyring *k, const struct opening *o, uint32_t epoch,
    const struct envelope **spoiled)
{
	for (size_t i = 0; i < o->n; i++) {
		OWN(secret_free) struct secret *key = NULL;
		const struct envelope *v = &o->list[i];
		struct err e;
		if (k->epochs[epoch - 1].noise != NULL)
			break;
		if (v->purpose != PURPOSE_S || v->epoch != epoch ||
		    !id_equal(&v->receiver, o->dev_id))
			continue;
		if (devkey_open(o->device, v->ct, &key, &e) == 0 &&
		    accept_s(k, o->circle, epoch, &key, &e) == 0)
			return 0;
		*spoiled = v;
	}
	if (k->epochs[epoch - 1].noise != NULL)
		*spoiled = k->epochs[epoch - 1].noise;
	return -1;
}

/* The newest S that was sealed to this device. *top: its epoch. */
static int
open_sealed(struct keyring *k, struct opening *o, uint32_t *top, struct err *e)
{
	o->spoiled = NULL;
	for (uint32_t epoch = o->circle->key.epoch;
	     epoch >= o->circle->first_epoch; epoch--) {
		const struct envelope *bad = NULL;
		*top = epoch;
		if (open_sealed_at(k, o, epoch, &bad) == 0)
			return 0;
		/* It is the newest of them that is in the way. */
		if (o->spoiled == NULL)
			o->spoiled = bad;
		if (o->spoiled == NULL)
			return keyring_substituted(e,
			    "the server holds no key of the newest epoch for "
			    "this device");
	}
	return keyring_substituted(
	    e, "no key that is sealed to this device holds");
}

static int
parse_all(const struct circle *circle, struct bytes envelopes,
    struct envelope **list, size_t *n, struct err *e)
{
	struct scan s = scan_of(envelopes);

	while (s.n > 0 && scan_ok(&s)) {
		struct bytes x = scan_v16(&s);
		if (*n >= (size_t)LIMIT_BUNDLE_ENVELOPES * circle->key.epoch)
			return keyring_substituted(
			    e, "the keyring is too long");
		*list = mem_resize(*list, *n + 1, sizeof **list);
		if (keyring_take_envelope(x, circle, *list + *n, e) < 0)
			return -1;
		(*n)++;
	}
	if (!scan_done(&s))
		return keyring_substituted(e, "the keyring is cut short");
	return 0;
}

/* Keys from before the newest RESET. */
static int
take_carried(struct keyring *k, const struct circle *circle,
    const struct envelope *list, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		OWN(secret_free) struct secret *key = NULL;
		const struct envelope *v = &list[i];
		if (v->purpose != PURPOSE_CARRIED)
			continue;
		if (v->epoch >= circle->first_epoch)
			return keyring_substituted(
			    e, "a carried key is of no epoch before the reset");
		if (open_wrapped(k, circle->first_epoch, v, &key, e) < 0)
			return -1;
		keyring_put_category(
		    k, (enum category)v->category, v->epoch, key);
	}
	return 0;
}

static bool
has_earlier(const struct envelope *list, size_t n, uint32_t epoch)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].epoch == epoch &&
		    list[i].purpose == PURPOSE_EARLIER)
			return true;
	return false;
}

/*
 * o->noise: the envelope that does not hold. Its sender has signed it and knew S,
 * so it is nobody else's doing. What others handed on later is passed over.
 */
static int
take_epoch(struct keyring *k, struct opening *o, uint32_t epoch, struct err *e)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct envelope *v = &o->list[i];
		bool wrapped = (v->purpose >= PURPOSE_PREVIOUS &&
				   v->purpose <= PURPOSE_INTEGRITY) ||
		    v->purpose == PURPOSE_EARLIER;
		if (v->epoch != epoch || !wrapped ||
		    take_wrapped(k, o->circle, v, e) == 0)
			continue;
		if (v->purpose == PURPOSE_PREVIOUS &&
		    has_earlier(o->list, o->n, epoch))
			continue;
		/* Of two N the newer is wrong: members had the older. */
		o->noise = k->false_names != NULL ? k->false_names : v;
		return -1;
	}
	return 0;
}

static int
spoiled_keys(struct keyring *k, const struct envelope *v, struct err *e)
{
	struct id_text by = id_text(&v->sender);

	k->spoiler = v->sender;
	(void)err_set(e, ERR_KEYS_SPOILED,
	    "device %.8s has begun key epoch %u with keys that do not open "
	    "here",
	    by.s, (unsigned)v->epoch);
	return err_remedy(e,
	    "Put that device out: aumbry device remove %.8s (or on another "
	    "device; or recover the account with a recovery key)",
	    by.s);
}

static int
open_epochs(struct keyring *k, struct opening *o, struct err *e)
{
	const struct circle *circle = o->circle;
	const struct envelope *ignored = NULL;
	uint32_t epoch = 0;

	if (open_sealed(k, o, &epoch, e) < 0)
		return -1;
	for (bool skips = false; epoch >= circle->first_epoch; epoch--) {
		if (k->epochs[epoch - 1].s == NULL)
			(void)open_sealed_at(k, o, epoch, &ignored);
		if (k->epochs[epoch - 1].s == NULL) {
			if (!skips)
				return keyring_substituted(
				    e, "the key of an older epoch is missing");
			continue;
		}
		if (take_epoch(k, o, epoch, e) < 0)
			return -1;
		skips = k->epochs[epoch - 1].skips;
	}
	return take_carried(k, circle, o->list, o->n, e);
}

/* An epoch some of whose keys are noise is as good as none. */
static void
without(struct keyring *k, const struct envelope *noise)
{
	for (uint32_t i = 0; i < k->n; i++) {
		keyring_epoch_wipe(&k->epochs[i]);
		k->epochs[i].skips = false;
	}
	for (size_t c = 0; c < CATEGORY_END; c++)
		secret_free(&k->names[c]);
	memset(k->names_by, 0, sizeof k->names_by);
	k->false_names = NULL;
	k->epochs[noise->epoch - 1].noise = noise;
}

int
keyring_open(struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id,
    struct bytes envelopes, struct err *e)
{
	OWN(mem_free) struct envelope *list = NULL;
	struct opening o = {
		.circle = circle, .device = device, .dev_id = dev_id
	};
	size_t n = 0;
	int rc;

	assert(circle->first_epoch >= 1);
	if (parse_all(circle, envelopes, &list, &n, e) < 0)
		return -1;
	keyring_reach(k, circle->key.epoch);
	o.list = list;
	o.n = n;
	do {
		if (o.noise != NULL)
			without(k, o.noise);
		o.noise = NULL;
		rc = open_epochs(k, &o, e);
	} while (rc < 0 && o.noise != NULL);
	for (uint32_t i = 0; i < k->n; i++)
		k->epochs[i].noise = NULL;
	while (k->n >= circle->first_epoch && k->epochs[k->n - 1].s == NULL)
		keyring_epoch_wipe(&k->epochs[--k->n]);
	memset(k->names_by, 0, sizeof k->names_by);
	k->false_names = NULL;
	if (rc < 0)
		return -1;
	err_clear(e);
	return o.spoiled == NULL ? 0 : spoiled_keys(k, o.spoiled, e);
}
