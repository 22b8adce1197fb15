/* SPDX-License-Identifier: ISC */
/* protection.c: what the levels of protection ask for, and setting them. */
#include "client/protection.h"

#include "client/recovery.h"
#include "client/release.h"
#include "client/self_circle.h"

#include <stdlib.h>
#include <string.h>

/* ---- advanced ---- */

static int
two_factor_on(struct self *s, bool *on, struct err *e)
{
	OWN(jsonio_free) json_t *account = NULL;
	const char *state = "";

	if (control_call(s->remote, "GET", "/v1/account", NULL, &account, e) <
		0 ||
	    jsonio_text(account, "two_factor", &state, e) < 0)
		return -1;
	*on = strcmp(state, "on") == 0;
	return 0;
}

int
protection_ready(struct self *s, struct protection_ready *out, struct err *e)
{
	OWN(mem_free) struct recovery_info *list = NULL;
	size_t n;

	*out = (struct protection_ready){ .two_factor = false };
	if (two_factor_on(s, &out->two_factor, e) < 0 ||
	    recovery_all(s, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		out->way |= !list[i].waits;
		out->tried |= !list[i].waits && list[i].tried_ms != 0;
	}
	return 0;
}

static void
lacks(struct buf *what, struct buf *todo, const char *words, const char *run)
{
	buf_printf(what, "%s%s", what->n > 0 ? "; " : "", words);
	buf_printf(todo, "%saumbry %s", todo->n > 0 ? ", then: " : "", run);
}

/* Else a lost device would be lost data. */
static int
check_ready(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf what = { 0 };
	OWN(buf_free) struct buf todo = { 0 };
	struct protection_ready r;

	if (protection_ready(s, &r, e) < 0)
		return -1;
	if (!r.two_factor)
		lacks(&what, &todo, "two-factor is not on", "two-factor on");
	if (!r.way)
		lacks(&what, &todo, "there is no recovery key",
		    "recovery key create");
	if (!r.tried)
		lacks(&what, &todo, "no way to recover was ever tried",
		    "recovery drill");
	if (what.n == 0)
		return 0;
	(void)err_set(e, ERR_PROTECTION_BLOCKED,
	    "advanced protection is not possible yet: %s", buf_text(&what));
	return err_remedy(e, "Run: %s", buf_text(&todo));
}

int
protection_advanced(struct self *s, struct err *e)
{
	return check_ready(s, e) < 0
	    ? -1
	    : self_protection(s, PROTECTION_ADVANCED, false, NULL, e);
}

/* ---- standard ---- */

static int
check_seen(const struct circle_escrow *escrow, const struct digest *seen,
    struct err *e)
{
	struct digest got;

	digest_of(bytes_of(escrow->sign_pk, SIG_PK_BYTES), &got);
	return seen == NULL || digest_equal(seen, &got)
	    ? 0
	    : err_set(e, ERR_ESCROW_CHANGED,
		  "the server names another escrow than it did before");
}

/* "releasing" in state.db: the level is standard, or about to be, and the
 * escrow has yet to hear of the password's release key. */
#define UNFINISHED "releasing"

bool
protection_unfinished(struct self *s)
{
	OWN(buf_free) struct buf note = { 0 };
	struct err ignored;

	return local_get(s->local, UNFINISHED, &note, &ignored) == 0 &&
	    note.n > 0;
}

static int
open_level(struct self *s, const struct digest *seen, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	struct circle_escrow escrow;

	return control_call(s->remote, "POST", "/v1/protection/escrow", NULL,
		   &answer, e) < 0 ||
		release_escrow(s->remote, answer, &s->uid, &escrow, e) < 0 ||
		check_seen(&escrow, seen, e) < 0
	    ? -1
	    : self_protection(s, PROTECTION_STANDARD, true, &escrow, e);
}

int
protection_standard(struct self *s, const struct login *l,
    const struct digest *seen, struct err *e)
{
	OWN(jsonio_free) json_t *key = json_object();

	if (local_put(s->local, UNFINISHED, bytes_str("1"), e) < 0)
		return -1;
	if (s->circle.protection != PROTECTION_STANDARD &&
	    open_level(s, seen, e) < 0)
		return -1;
	release_register(l->keys.export_key, &s->uid, s->key, &s->dev_id, key);
	return control_call(s->remote, "POST", "/v1/protection/release-key",
		   key, NULL, e) < 0
	    ? -1
	    : local_put(s->local, UNFINISHED, bytes_str(""), e);
}

/* ---- web access ---- */

int
protection_web_access(struct self *s, bool on, struct err *e)
{
	enum circle_protection level =
	    (enum circle_protection)s->circle.protection;

	return self_protection(s, level, on,
	    level == PROTECTION_STANDARD ? &s->circle.escrow : NULL, e);
}
