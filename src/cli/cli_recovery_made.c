/* SPDX-License-Identifier: ISC */
/* cli_recovery_made.c: putting ways back in into force, showing, removing. */
#include "cli/cli_recovery.h"

#include "client/self_zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct removing {
	struct self *self;
	const struct id *keyref;
	uint64_t waits_ms;
};

char *
cli_recovery_account(const struct self *s)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b, "%s@%s", s->name, s->host);
	return mem_text(buf_text(&b));
}

void
cli_recovery_say(const struct cli *cli, uint64_t waits_ms, const char *what)
{
	OWN(mem_free) char *when = cli_time(waits_ms);

	if (waits_ms == 0)
		cli_say(cli, "%s", what);
	else
		cli_say(cli,
		    "%s It takes force at %s, unless an older device stops it: "
		    "aumbry recovery veto",
		    what, when);
}

int
cli_recovery_show(struct cli *cli, const struct secret *code,
    enum reccode_kind kind, const char *words, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };

	reccode_make(code, kind, &text);
	(void)printf("%s\n", buf_text(&text));
	(void)fflush(stdout);
	mem_wipe(text.p, text.n);
	cli_say(cli, "%s", words);
	for (int tries = 1;; tries++) {
		OWN(buf_free) struct buf typed = { 0 };
		OWN(secret_free) struct secret *again = NULL;
		if (cli_line(cli, "Type it, to see that it is written right",
			"--out F", &typed, e) < 0)
			return -1;
		if (reccode_parse(buf_bytes(&typed), kind, &again, e) == 0 &&
		    secret_equal(again, code))
			return 0;
		if (tries == 5)
			return err_set(e, ERR_RECOVERY_CODE,
			    "the code was not typed right; nothing was "
			    "changed");
		cli_say(
		    cli, "%s", again == NULL ? e->msg : "That is another one.");
	}
}

const struct recovery_info *
cli_recovery_of(
    const struct recovery_info *list, size_t n, enum recovery_kind kind)
{
	for (size_t i = n; i-- > 0;)
		if (list[i].kind == kind && !list[i].leaves)
			return &list[i];
	return NULL;
}

int
cli_recovery_put(struct cli *cli, struct self *s,
    const struct cli_recovery_change *c, uint64_t *waits_ms, struct err *e)
{
	const struct cli_call stage = { s->remote, "POST", "/v1/recovery",
		c->made->stage, NULL };

	return cli_stepped_call(cli, &stage, c->proof, e) < 0
	    ? -1
	    : recovery_add(s, c->made, c->old != NULL ? &c->old->keyref : NULL,
		  waits_ms, e);
}

bool
cli_recovery_useless(struct cli *cli, struct self *s,
    const struct recovery_new *made, const char *where, const struct err *e)
{
	if (recovery_unused(s, &made->keyref, e))
		return true;
	cli_say(cli,
	    "It may count nevertheless: keep %s. What there is says: aumbry "
	    "recovery status",
	    where != NULL ? where : "what was just shown");
	return false;
}

static int
remove_one(void *ctx, struct err *e)
{
	struct removing *r = ctx;

	return recovery_remove(r->self, r->keyref, &r->waits_ms, e);
}

int
cli_recovery_drop(struct cli *cli, struct self *s,
    const struct recovery_info *old, const struct cli_proof *p,
    uint64_t *waits_ms, struct err *e)
{
	struct removing r = { s, &old->keyref, 0 };
	int rc = cli_stepped(cli, s->remote, p, remove_one, &r, e);

	*waits_ms = r.waits_ms;
	return rc;
}

int
cli_recovery_open(struct cli *cli, struct self **s, struct err *e)
{
	return cli_self(cli, s, e) < 0 || self_state(*s, e) < 0 ? -1 : 0;
}

int
cli_recovery_find(struct self *s, enum recovery_kind kind, bool makes,
    struct recovery_info **list, const struct recovery_info **old,
    struct err *e)
{
	bool kit = kind == RECOVERY_KIT;
	const char *what = kit ? "paper kit" : "recovery key";
	const char *word = kit ? "kit" : "key";
	size_t n;

	if (recovery_all(s, list, &n, e) < 0)
		return -1;
	*old = cli_recovery_of(*list, n, kind);
	if (makes == (*old == NULL))
		return 0;
	if (makes) {
		(void)err_set(
		    e, ERR_CONFLICT, "the account has a %s already", what);
		return err_remedy(
		    e, "Replace it: aumbry recovery %s rotate", word);
	}
	(void)err_set(e, ERR_NOT_FOUND, "the account has no %s", what);
	return err_remedy(e, "Make one: aumbry recovery %s create", word);
}
