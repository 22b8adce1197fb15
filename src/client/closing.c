/* SPDX-License-Identifier: ISC */
/* closing.c: the entry that ends a circle, made and sent. */
#include "client/closing.h"

#include "base/now.h"
#include "vault/recseed.h"

static const struct recovery_set *
in_force(const struct self *s)
{
	return circle_recovery_at(&s->circle, (uint64_t)now_ms());
}

bool
closing_wants_key(const struct self *s)
{
	return in_force(s)->n > 0;
}

static int
sign(const struct self *s, const struct secret *code, struct bytes half,
    struct buf *entry, struct err *e)
{
	struct circle_sig sig = { .kind = 1, .keyref = s->dev_id };

	circle_entry_begin(entry, &s->circle, &s->uid, (uint64_t)now_ms(),
	    CIRCLE_CLOSE, bytes_str(""));
	if (!closing_wants_key(s)) {
		devkey_sign(s->key, SIG_CIRCLE, buf_bytes(entry), sig.sig);
		circle_entry_end(entry, &sig, 1);
		return 0;
	}
	if (code == NULL)
		return err_set(e, ERR_INPUT_MISSING,
		    "where there are recovery keys no device ends the account: "
		    "one of them has to");
	OWN(secret_free) struct secret *seed = recseed_make(code, half);
	OWN(devkey_free) struct devkey *key = recseed_key(seed, &sig.keyref);
	sig.kind = 2;
	if (recovery_find(in_force(s), &sig.keyref) == NULL)
		return err_set(e, ERR_RECOVERY_CODE,
		    "this is no recovery key of this account, or one that was "
		    "replaced");
	devkey_sign(key, SIG_CIRCLE, buf_bytes(entry), sig.sig);
	circle_entry_end(entry, &sig, 1);
	return 0;
}

int
closing_ask(struct self *s, const struct secret *code, struct bytes half,
    uint64_t *ends_ms, struct err *e)
{
	OWN(buf_free) struct buf entry = { 0 };
	OWN(circle_free) struct circle next = { 0 };
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	circle_copy(&next, &s->circle);
	if (sign(s, code, half, &entry, e) < 0 ||
	    circle_apply(&next, buf_bytes(&entry), e) < 0)
		return -1;
	jsonio_put_bytes(ask, "entry", buf_bytes(&entry));
	return control_call(
		   s->remote, "POST", "/v1/account/close", ask, &answer, e) < 0
	    ? -1
	    : jsonio_u64(answer, "ends_ms", ends_ms, e);
}
