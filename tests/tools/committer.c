/* SPDX-License-Identifier: ISC */
/* committer.c: a device that commits as fast as it can, for tests/bench. */
/*
 *     committer HOME SECONDS    empty commits to the state zone; prints how many
 *     committer HOME grow N DB  makes the circle longer by N entries that claim a
 *                               name, in the tables of a server that is stopped
 */
#include "base/now.h"
#include "base/text.h"
#include "client/self.h"
#include "client/self_zones.h"
#include "store/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct growing {
	struct self *self;
	uint64_t n;
};

static int
grow_job(struct tx *tx, void *arg, struct err *e)
{
	struct growing *g = arg;
	struct self *s = g->self;
	OWN(buf_free) struct buf body = { 0 };

	circle_name_put(&body, "ana@localhost");
	for (uint64_t i = 0; i < g->n; i++) {
		OWN(buf_free) struct buf entry = { 0 };
		struct circle_sig sig = { 1, s->dev_id, { 0 } };
		circle_entry_begin(&entry, &s->circle, &s->uid,
		    (uint64_t)now_ms(), CIRCLE_NAME, buf_bytes(&body));
		devkey_sign(s->key, SIG_CIRCLE, buf_bytes(&entry), sig.sig);
		circle_entry_end(&entry, &sig, 1);
		if (circle_apply(&s->circle, buf_bytes(&entry), e) < 0 ||
		    account_add_entry(
			tx, &s->uid, s->circle.seq, buf_bytes(&entry), e) < 0)
			return -1;
	}
	return 0;
}

static int
grow(struct self *s, const char *n, const char *path, struct err *e)
{
	OWN(db_free) struct db *db = NULL;
	struct growing g = { .self = s };

	return text_parse_u64(n, 1, LIMIT_CIRCLE_ENTRIES, &g.n) < 0
	    ? err_set(e, ERR_USAGE, "N is no number")
	    : db_open(path, DB_SERVER, &db, e) < 0
	    ? -1
	    : db_write(db, grow_job, &g, e);
}

static int
commit(struct self *s, const char *seconds, struct err *e)
{
	uint64_t span, n = 0;

	if (text_parse_u64(seconds, 1, 3600, &span) < 0)
		return err_set(e, ERR_USAGE, "SECONDS is no number");
	if (self_connect(s, e) < 0 || self_refresh(s, e) < 0 ||
	    self_state(s, e) < 0)
		return -1;
	for (int64_t end = now_ms() + (int64_t)span * 1000; now_ms() < end; n++)
		if (zcopy_commit(s->state, NULL, 0, NULL, NULL, e) < 0)
			return -1;
	(void)printf("%llu\n", (unsigned long long)n);
	return 0;
}

int
main(int argc, char **argv)
{
	OWN(self_free) struct self *s = NULL;
	struct err e = { 0 };
	bool grows = argc == 5 && strcmp(argv[2], "grow") == 0;

	if (argc != 3 && !grows)
		return 2;
	if (self_open(argv[1], &s, &e) < 0 ||
	    (grows ? grow(s, argv[3], argv[4], &e) : commit(s, argv[2], &e)) <
		0) {
		(void)fprintf(
		    stderr, "committer: %s\n(%s)\n", e.msg, err_name(e.code));
		return 1;
	}
	return 0;
}
