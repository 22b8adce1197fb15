/* SPDX-License-Identifier: ISC */
/* fuzz_bundle.c: key envelopes that a member signed, as a server takes them. */
/* Input: u8 kind of bundle | v8 (an envelope up to its signature), each. */
#include "api/envelopes.h"
#include "vault/devkey.h"
#include "wire/category.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_account_add_envelope(struct tx *tx, const struct id *uid,
    const struct account_envelope *v, struct err *e);

static struct devkey *key;
static struct circle circle;
static unsigned stored[9]; /* by purpose */

int
__wrap_account_add_envelope(struct tx *tx, const struct id *uid,
    const struct account_envelope *v, struct err *e)
{
	(void)tx;
	(void)uid;
	(void)e;
	if (v->purpose == 0 || v->purpose >= ARRAY_SIZE(stored))
		abort();
	stored[v->purpose]++;
	return 0;
}

/* Two devices; the first one signs. */
static void
prepare(void)
{
	static const uint8_t raw[DEVKEY_BYTES] = { 1, 2, 3, [40] = 4 };
	struct member *m = mem_array(2, sizeof *m);

	key = devkey_of(bytes_of(raw, sizeof raw));
	devkey_sign_pk(key, m[0].device.sign_pk);
	m[0].device.dev_id = (struct id){ { 0xdd } };
	m[1].device.dev_id = (struct id){ { 0xee } };
	m[0].active = m[1].active = m[0].founder = true;
	circle.members = m;
	circle.n_members = 2;
	circle.key.epoch = 2;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_free) struct buf bundle = { 0 };
	struct scan s = scan_of(bytes_of(data, size));
	/* That for the escrow asks the database as well. */
	static const enum envelopes_bundle kinds[] = { ENVELOPES_WHOLE,
		ENVELOPES_ONE, ENVELOPES_NONE, ENVELOPES_RECOVERY };
	enum envelopes_bundle kind = kinds[scan_u8(&s) % ARRAY_SIZE(kinds)];
	struct err e = { 0 };

	if (key == NULL)
		prepare();
	while (s.n > 0 && scan_ok(&s)) {
		OWN(buf_free) struct buf x = { 0 };
		uint8_t sig[SIG_BYTES];
		buf_put_bytes(&x, scan_v8(&s));
		devkey_sign(key, SIG_ENVELOPE, buf_bytes(&x), sig);
		buf_put(&x, sig, sizeof sig);
		buf_put_v16(&bundle, buf_bytes(&x));
	}
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++)
		stored[i] = 0;
	if (envelopes_take(NULL, &circle, &circle.members[0].device.dev_id,
		buf_bytes(&bundle), kind, &e) < 0)
		return 0;
	/* What is whole has S for both and each category's keys; no recovery
	 * key is named, so none is taken. */
	if (kind == ENVELOPES_NONE	     ? bundle.n > 0
		: kind == ENVELOPES_RECOVERY ? stored[1] > 0
		: kind == ENVELOPES_ONE	     ? stored[1] == 0
					: stored[1] < 2 || stored[2] == 0 ||
		    stored[3] + 2 < CATEGORY_END)
		abort();
	return 0;
}
