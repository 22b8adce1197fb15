/* SPDX-License-Identifier: ISC */
/* recover_contact.c: a recovery contact's half comes to the new device. */
#include "join/recover_in.h"

#include "base/now.h"
#include "join/assist.h"
#include "join/pair_in.h"
#include "vault/recseed.h"

#include <string.h>

/* What the contact has sealed: its half. */
static int
take_half(struct recover_kept *r, struct bytes half, struct err *e)
{
	for (size_t i = 0; i < half.n; i++)
		if (half.p[i] > 31)
			return relay_malformed(e);
	if (half.n != RECCODE_SYMBOLS)
		return relay_malformed(e);
	secret_free(&r->code);
	r->code = secret_of(half);
	return 0;
}

/* Answer one code; *right: the half is here. */
static int
answer(struct recover_kept *r, struct relay *c, const struct recover_help *h,
    bool *right, struct err *e)
{
	OWN(relay_keys_free) struct relay_keys k = { .label = ASSIST_LABEL };
	OWN(buf_free) struct buf ci = { 0 };
	OWN(buf_free) struct buf record = { 0 };
	OWN(buf_free) struct buf half = { 0 };

	assist_channel(r->host, &r->id, &ci);
	device_put(&record, &r->device);
	struct pair_code t = { .c = c,
		.ci = buf_bytes(&ci),
		.request = &r->id,
		.nonce = &r->device.dev_id,
		.ours = buf_bytes(&record),
		.theirs = bytes_str(""),
		.ask = h->ask,
		.ctx = h->ctx };
	int rc = pair_code_answer(&t, &k, &half, right, e);
	if (rc == 0 && *right)
		rc = take_half(r, buf_bytes(&half), e);
	if (half.n > 0)
		mem_wipe(half.p, half.n);
	return rc;
}

/* Answer codes until one is right. */
static int
get_half(struct recover_kept *r, const struct recover_help *h, struct err *e)
{
	OWN(relay_free)
	struct relay c = { .remote = r->remote,
		.path = ASSIST_PATH,
		.join = r->id,
		.side = RELAY_SIDE_NEW,
		.deadline_ms = now_ms() + h->timeout_s * 1000LL };
	bool right = false;
	uint8_t kind;

	while (!right) {
		/* Of what came while nobody was here only the last counts. */
		if (relay_receive_last(&c, &kind, e) < 0)
			return -1;
		if (kind != RELAY_OPEN)
			continue;
		if (answer(r, &c, h, &right, e) < 0)
			return -1;
		if (!right)
			h->burnt(h->ctx);
	}
	return 0;
}

/* The wait begins when the server has seen that this is a contact's half. */
static int
show_half(struct recover_kept *r, const char *dir, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	struct digest shown;
	struct err ignored;

	recseed_shown(r->code, &shown);
	jsonio_put_bytes(ask, "verifier", bytes_of(shown.b, DIGEST_BYTES));
	if (control_call(
		r->remote, "POST", "/v1/recover/prove", ask, NULL, e) == 0)
		return 0;
	if (e->code == ERR_RECOVERY_CODE) {
		/* Another contact may help. */
		secret_free(&r->code);
		(void)!recover_kept_save(dir, r, &ignored);
		return err_remedy(e,
		    "Ask another contact, and run: aumbry recover --continue");
	}
	return -1;
}

int
recover_by_contact(const struct recover_help *h, struct err *e)
{
	OWN(recover_kept_free) struct recover_kept r = { .key = NULL };

	if (recover_kept_load(h->dir, &r, e) < 0)
		return -1;
	if (r.code == NULL &&
	    (get_half(&r, h, e) < 0 || recover_kept_save(h->dir, &r, e) < 0))
		return -1;
	return show_half(&r, h->dir, e);
}
