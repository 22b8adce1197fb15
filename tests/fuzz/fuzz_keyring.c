/* SPDX-License-Identifier: ISC */
/* fuzz_keyring.c: envelopes: as they come, and signed by a hostile member. */
#include "vault/keyring.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct id uid = { { 0xaa } };
static struct devkey *key;
static struct circle circle;

/* A circle of one device, made once: entries themselves are another's part. */
static void
prepare(void)
{
	static const uint8_t raw[DEVKEY_BYTES] = { 1, 2, 3, [40] = 4 };
	struct member *m = mem_new(sizeof *m);

	key = devkey_of(bytes_of(raw, sizeof raw));
	m->device.dev_id = (struct id){ { 0xdd } };
	devkey_sign_pk(key, m->device.sign_pk);
	m->active = m->founder = true;
	m->added_seq = 1;
	circle.uid = uid;
	circle.seq = 1;
	circle.members = m;
	circle.n_members = 1;
	circle.key.epoch = 2;
	circle.first_epoch = 1;
	circle.epochs = mem_array(2, sizeof *circle.epochs);
	for (uint32_t n = 1; n <= 2; n++) {
		uint8_t s[SECRET_KEY];
		memset(s, (int)n, sizeof s);
		circle.epochs[n - 1].seq = 1;
		key_change_commit(&uid, n, bytes_of(s, sizeof s),
		    &circle.epochs[n - 1].commitment);
	}
}

/* v16 header-and-ciphertext each, to which a true signature is put. */
static void
sign_all(struct bytes in, struct buf *out)
{
	struct scan s = scan_of(in);

	while (s.n > 0 && scan_ok(&s)) {
		OWN(buf_free) struct buf x = { 0 };
		uint8_t sig[SIG_BYTES];
		buf_put_bytes(&x, scan_v8(&s));
		devkey_sign(key, SIG_ENVELOPE, buf_bytes(&x), sig);
		buf_put(&x, sig, sizeof sig);
		buf_put_v16(out, buf_bytes(&x));
	}
}

static void
open_all(struct bytes x)
{
	OWN(keyring_free) struct keyring *k = keyring_new(&uid);
	struct err e = { 0 };

	if (keyring_open(k, &circle, key, &circle.members[0].device.dev_id, x,
		&e) == 0 &&
	    keyring_epoch(k) != circle.key.epoch)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_free) struct buf b = { 0 };

	if (key == NULL)
		prepare();
	open_all(bytes_of(data, size));
	sign_all(bytes_of(data, size), &b);
	open_all(buf_bytes(&b));
	return 0;
}
