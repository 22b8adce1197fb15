/* SPDX-License-Identifier: ISC */
/* family.h: an account, its devices, and the circle that they sign. */
/* After <cmocka.h>. */
#pragma once

#include "vault/keyring.h"

#include <stdlib.h>

#define FAMILY_MS ((uint64_t)1700000000000)
#define FAMILY_DEVICES 3

struct family {
	struct id uid;
	struct devkey *keys[FAMILY_DEVICES];
	struct device devices[FAMILY_DEVICES];
	struct circle circle;
	struct circle before; /* of epoch 1, with all of them */
	struct keyring *ring;
	struct buf first, second; /* bundles of the epochs */
};

/* Signed by device `a` and, unless that is -1, by `b`. */
static inline void
family_entry(struct family *f, enum circle_type type, const struct buf *body,
    int a, int b)
{
	OWN(buf_free) struct buf entry = { 0 };
	const int who[] = { a, b };
	struct circle_sig sigs[2] = { 0 };
	size_t n = 0;
	struct err e = { 0 };

	circle_entry_begin(
	    &entry, &f->circle, &f->uid, FAMILY_MS, type, buf_bytes(body));
	for (size_t i = 0; i < 2; i++) {
		if (who[i] < 0)
			continue;
		sigs[n].kind = 1;
		sigs[n].keyref = f->devices[who[i]].dev_id;
		devkey_sign(f->keys[who[i]], SIG_CIRCLE, buf_bytes(&entry),
		    sigs[n++].sig);
	}
	circle_entry_end(&entry, sigs, n);
	if (circle_apply(&f->circle, buf_bytes(&entry), &e) < 0)
		fail_msg("%s", e.msg);
}

static inline void
family_genesis(
    struct family *f, const struct id *zone, const struct key_change *kc)
{
	OWN(buf_free) struct buf body = { 0 };
	struct recovery_set none = { 0 };

	device_put(&body, &f->devices[0]);
	recovery_set_put(&body, &none);
	buf_put_u8(&body, 1);
	buf_put_u16(&body, 0);
	buf_put_u8(&body, PROTECTION_ADVANCED);
	id_put(&body, zone);
	key_change_put(&body, kc);
	family_entry(f, CIRCLE_GENESIS, &body, 0, -1);
}

static inline void
family_add(struct family *f, int who)
{
	OWN(buf_free) struct buf body = { 0 };

	device_put(&body, &f->devices[who]);
	family_entry(f, CIRCLE_ADD, &body, 0, who);
}

static inline void
family_remove(struct family *f, int by, int who, const struct key_change *kc)
{
	OWN(buf_free) struct buf body = { 0 };

	buf_put_u8(&body, 1);
	id_put(&body, &f->devices[who].dev_id);
	buf_put_u8(&body, 0);
	key_change_put(&body, kc);
	family_entry(f, CIRCLE_REMOVE, &body, by, -1);
}

static inline void
family_bundle(const struct family *f, int by, struct buf *out)
{
	keyring_bundle(
	    f->ring, &f->circle, f->keys[by], &f->devices[by].dev_id, out);
}

/* The last of n devices is put out with epoch 2; `by` bundles epoch 1. */
static inline struct family *
family_new(struct id uid, const struct id *zone, int n, int by)
{
	struct family *f = mem_new(sizeof *f);
	struct key_change kc;

	f->uid = uid;
	for (int i = 0; i < n; i++) {
		f->keys[i] = devkey_new(&f->devices[i]);
		f->devices[i].class = CLASS_COMPUTER;
		f->devices[i].rights = RIGHT_APPROVE;
	}
	f->ring = keyring_new(&f->uid);
	keyring_next_epoch(f->ring, &kc);
	family_genesis(f, zone, &kc);
	for (int i = 1; i < n; i++)
		family_add(f, i);
	circle_copy(&f->before, &f->circle);
	family_bundle(f, by, &f->first);
	keyring_next_epoch(f->ring, &kc);
	family_remove(f, 0, n - 1, &kc);
	family_bundle(f, 0, &f->second);
	return f;
}

static inline void
family_free(struct family **f)
{
	for (size_t i = 0; i < FAMILY_DEVICES; i++)
		devkey_free(&(*f)->keys[i]);
	circle_free(&(*f)->circle);
	circle_free(&(*f)->before);
	keyring_free(&(*f)->ring);
	buf_free(&(*f)->first);
	buf_free(&(*f)->second);
	free(*f);
	*f = NULL;
}
