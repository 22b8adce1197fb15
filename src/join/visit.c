/* SPDX-License-Identifier: ISC */
/* visit.c: finding and opening a visitor's session. */
#include "join/visit.h"

#include "base/file.h"
#include "base/now.h"

#include <stdlib.h>

void
visit_free(struct visit **vp)
{
	struct visit *v = *vp;

	if (v == NULL)
		return;
	remote_free(&v->remote);
	free(v->name);
	free(v->host);
	free(v);
	*vp = NULL;
}

static int
kept(const char *dir, struct buf *out, struct err *e)
{
	OWN(mem_free) char *marker = file_join(dir, HOMEDIR_MARKER);
	OWN(local_free) struct local *local = NULL;

	if (!file_exists(marker) || home_has_key(dir))
		return 0;
	return home_open(dir, &local, e) < 0
	    ? -1
	    : local_get(local, VISIT_KEY, out, e);
}

bool
visit_there(const char *dir)
{
	OWN(buf_free) struct buf b = { 0 };
	struct err ignored;

	return kept(dir, &b, &ignored) == 0 && b.n > 0;
}

static char *
text_of(struct bytes x)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_bytes(&b, x);
	return mem_text(buf_text(&b));
}

static int
over(void *ctx, struct err *e)
{
	(void)ctx;
	(void)err_set(e, ERR_SESSION_EXPIRED, "the sign-in by a code is over");
	return err_remedy(
	    e, "Run: aumbry signout, then: aumbry signin URL NAME --with WAY");
}

int
visit_open(const char *dir, struct visit **out, struct err *e)
{
	OWN(visit_free) struct visit *v = mem_new(sizeof *v);
	OWN(mem_free) char *url = NULL;
	OWN(mem_free) char *token = NULL;
	OWN(buf_free) struct buf b = { 0 };

	if (kept(dir, &b, e) < 0)
		return -1;
	if (b.n == 0)
		return err_set(
		    e, ERR_NOT_SIGNED_IN, "no account is signed in at %s", dir);
	struct scan s = scan_of(buf_bytes(&b));
	v->until_ms = scan_u64(&s);
	v->name = text_of(scan_v8(&s));
	v->host = text_of(scan_v8(&s));
	url = text_of(scan_v16(&s));
	token = text_of(scan_v8(&s));
	if (!scan_done(&s))
		return err_set(e, ERR_STATE_DAMAGED,
		    "what is kept of the sign-in is not well-formed");
	if (v->until_ms < (uint64_t)now_ms())
		return over(NULL, e);
	if (remote_new(url, &v->remote, e) < 0)
		return -1;
	remote_on_expiry(v->remote, over, NULL);
	remote_set_token(v->remote, token);
	*out = TAKE(v);
	return 0;
}
