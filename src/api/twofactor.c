/* SPDX-License-Identifier: ISC */
/* twofactor.c: two-factor authentication, on or off. */
#include "api/api.h"

#include "api/apppass.h"
#include "factor/factor.h"

#include <string.h>

/* Does a zone that needs two-factor hold anything? */
static int
guarded_data(struct tx *tx, const struct id *uid, bool *any, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_first(tx, e, &s, any,
	    "SELECT 1 FROM zone WHERE uid = ? AND category IN (?, ?)", "iuu",
	    uid, (uint64_t)CATEGORY_BACKUP, (uint64_t)CATEGORY_DRIVE);
}

int
twofactor_set(struct tx *tx, struct call *c, struct err *e)
{
	const char *state = "";
	struct factors f;
	struct account a;
	bool any;

	if (jsonio_text(c->in, "state", &state, e) < 0)
		return -1;
	bool on = strcmp(state, "on") == 0;
	if (!on && strcmp(state, "off") != 0)
		return err_set(e, ERR_BAD_REQUEST, "two-factor is on or off");
	if (server_account(tx, &c->me->uid, &a, e) < 0 ||
	    factor_of(tx, &c->me->uid, &f, e) < 0 ||
	    guarded_data(tx, &c->me->uid, &any, e) < 0)
		return -1;
	if (on && !factor_any(&f))
		return err_set(e, ERR_FACTOR_MISSING,
		    "two-factor needs a fallback beside the trusted device, "
		    "and none is confirmed");
	if (!on && any)
		return err_set(e, ERR_PERMISSION,
		    "two-factor stays on while Backup or Drive hold data");
	if (account_set_two_factor(
		tx, &c->me->uid, on ? TWO_FACTOR_ON : TWO_FACTOR_OFF, e) < 0 ||
	    (!on && apppass_drop_all(tx, c, &c->me->uid, e) < 0))
		return -1;
	jsonio_put_text(c->out, "two_factor", state);
	/* What it was already is no news. */
	if (a.two_factor == (on ? TWO_FACTOR_ON : TWO_FACTOR_OFF))
		return 0;
	return server_event_own(
	    tx, c, on ? "two_factor_on" : "two_factor_off", "", e);
}
