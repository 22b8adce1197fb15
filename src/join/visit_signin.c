/* SPDX-License-Identifier: ISC */
/* visit_signin.c: signing in as a visitor, and reading where that can be had. */
#include "join/visit.h"

#include "base/file.h"
#include "join/reader.h"
#include "join/relay.h"

static int
keep(const char *dir, const char *url, const json_t *answer, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf b = { 0 };

	return visit_record(answer, url, &b, e) < 0 ||
		home_open(dir, &local, e) < 0
	    ? -1
	    : local_put(local, VISIT_KEY, buf_bytes(&b), e);
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
