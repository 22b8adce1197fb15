/* SPDX-License-Identifier: ISC */
/* visit.c: opening, keeping and finding a visitor's session. */
#include "join/visit.h"

#include "base/file.h"
#include "base/now.h"
#include "link/depot_remote.h"
#include "join/reader.h"
#include "join/relay.h"

#include <stdlib.h>

#define KEY "visit" /* u64 until | v8 name | v8 host | v16 url | v8 token */

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
	return home_open(dir, &local, e) < 0 ? -1
					     : local_get(local, KEY, out, e);
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

static int
keep(const char *dir, const char *url, const json_t *answer, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf b = { 0 };
	const char *name = "", *host = "", *token = "";
	uint64_t expires_s;

	if (jsonio_text(answer, "name", &name, e) < 0 ||
	    jsonio_text(answer, "host", &host, e) < 0 ||
	    jsonio_text(answer, "token", &token, e) < 0 ||
	    jsonio_u64(answer, "expires_s", &expires_s, e) < 0)
		return -1;
	buf_put_u64(&b, (uint64_t)now_ms() + expires_s * 1000);
	buf_put_v8(&b, bytes_str(name));
	buf_put_v8(&b, bytes_str(host));
	buf_put_v16(&b, bytes_str(url));
	buf_put_v8(&b, bytes_str(token));
	return home_open(dir, &local, e) < 0
	    ? -1
	    : local_put(local, KEY, buf_bytes(&b), e);
}

int
visit_signin(const char *dir, const struct newcomer_ask *a,
    const struct prove *p, bool *reads, struct err *why, struct err *e)
{
	OWN(newcomer_free) struct newcomer n = { .key = NULL };
	OWN(jsonio_free) json_t *offered = NULL;
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(fd_close) int lock = -1;

	if (home_enter(dir, &lock, e) < 0)
		return -1;
	if (home_has_key(dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", dir);
	if (newcomer_request(a, &n, &offered, e) < 0)
		return -1;
	struct prove with = *p;
	int rc = newcomer_keys_only(&n, &with.keys_only, e);
	if (rc == 0)
		rc = prove_factor(n.remote, offered, &with, &answer, e);
	relay_cancel(n.remote, &n.join); /* nobody is to be asked */
	*reads = false;
	err_clear(why);
	if (rc < 0 || keep(dir, a->url, answer, e) < 0)
		return -1;
	*reads = reader_begin(dir, answer, n.export_key, why) == 0;
	return 0;
}
