/* SPDX-License-Identifier: ISC */
/* hold.c: who is here, and what all screens are given of that. */
#include "web/core.h"

#include "base/now.h"
#include "base/text.h"
#include "client/self_settle.h"
#include "join/visit.h"

#include <stdlib.h>
#include <string.h>

void
core_put_all(json_t *out, const json_t *from)
{
	/* Neither side is changed by it. */
	(void)json_object_update(out, (json_t *)(uintptr_t)from);
}

/* What people compare: as in a server's address. */
void
core_put_fingerprint(json_t *out, struct bytes key)
{
	OWN(buf_free) struct buf text = { 0 };
	struct digest d;

	digest_of(key, &d);
	text_base64url(&text, bytes_of(d.b, DIGEST_BYTES));
	jsonio_put_text(out, "fingerprint", buf_text(&text));
}

bool
core_kept_visit(struct buf *b, struct core_kept *out)
{
	struct err ignored;

	if (local_get(NULL, VISIT_KEY, b, &ignored) < 0)
		return false;
	struct scan s = scan_of(buf_bytes(b));
	out->until_ms = scan_u64(&s);
	out->name = scan_v8(&s);
	out->host = scan_v8(&s);
	out->token = scan_v8(&s);
	return scan_done(&s) && out->until_ms > (uint64_t)now_ms();
}

static int
visit_over(void *ctx, struct err *e)
{
	(void)ctx;
	(void)err_set(e, ERR_SESSION_EXPIRED, "the sign-in by a code is over");
	return err_remedy(e, "Sign in again.");
}

int
core_self(struct core *c, struct self **out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	OWN(self_free) struct self *s = NULL;
	struct core_kept k;

	if (c->self == NULL) {
		if (!home_has_key(CORE_HOME) && core_kept_visit(&b, &k))
			return err_set(e, ERR_PERMISSION,
			    "this browser is not one of the account's "
			    "devices");
		if (self_open(CORE_HOME, &s, e) < 0 || self_connect(s, e) < 0 ||
		    self_settle(s, e) < 0)
			return -1;
		c->self = TAKE(s);
	}
	*out = c->self;
	return 0;
}

int
core_remote(struct core *c, struct remote **out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	OWN(buf_free) struct buf token = { 0 };
	struct self *s;
	struct core_kept k;

	if (home_has_key(CORE_HOME) || !core_kept_visit(&b, &k)) {
		if (core_self(c, &s, e) < 0)
			return -1;
		*out = s->remote;
		return 0;
	}
	if (c->visit == NULL) {
		if (remote_new(CORE_URL, &c->visit, e) < 0)
			return -1;
		buf_put_bytes(&token, k.token);
		remote_set_token(c->visit, buf_text(&token));
		remote_on_expiry(c->visit, visit_over, NULL);
	}
	*out = c->visit;
	return 0;
}
