/* SPDX-License-Identifier: ISC */
/* daemon_account.c: aumbryd account. */
#include "aumbryd/daemon_closing.h"

#include "api/recoveries.h"
#include "base/file.h"
#include "base/text.h"
#include "base/typed.h"
#include "server/closing.h"
#include "server/escrowlink.h"
#include "server/escrowpeer.h"
#include "store/sql.h"

#include <stdio.h>
#include <string.h>

struct list_job {
	const char *name; /* one, or NULL */
	bool found;
};

static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct list_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT uid, name, created_ms, suspended, two_factor"
		" FROM account ORDER BY name",
		"") < 0)
		return -1;
	for (;;) {
		struct usage u;
		struct id uid;
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		const char *name = stmt_got_text(s, 1);
		if (j->name != NULL && strcmp(name, j->name) != 0)
			continue;
		j->found = true;
		stmt_got_copy(s, 0, uid.b, ID_BYTES);
		if (usage_get(tx, &uid, &u, e) < 0)
			return -1;
		OWN(buf_free) struct buf used = { 0 };
		OWN(buf_free) struct buf ends = { 0 };
		struct closing closing;
		if (closing_get(tx, &uid, &closing, e) < 0)
			return -1;
		if (closing.there) {
			buf_put_str(&ends, "  ends ");
			if (closing.ends_ms != 0)
				text_time(&ends, closing.ends_ms);
			else
				buf_put_str(&ends, "now");
		}
		text_size(&used, u.bytes);
		(void)printf("%-20s %s  %10s  two-factor %s%s%s\n", name,
		    id_text(&uid).s, buf_text(&used),
		    account_two_factor_name(
			(enum account_two_factor)stmt_got_u64(s, 4)),
		    stmt_got_u64(s, 3) != 0 ? "  suspended" : "",
		    buf_text(&ends));
	}
}

struct edit_job {
	const char *name;
	const char *verb;
	uint64_t quota;
};

static int
edit_job(struct tx *tx, void *arg, struct err *e)
{
	const struct edit_job *j = arg;
	struct account a;
	bool found;

	if (account_by_name(tx, j->name, &a, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no account %s", j->name);
	if (strcmp(j->verb, "unlock") == 0)
		return account_unthrottle_all(tx, a.name, &a.uid, e);
	if (strcmp(j->verb, "quota") == 0)
		return usage_set_quota(
		    tx, &a.uid, j->quota == 0 ? USAGE_NO_QUOTA : j->quota, e);
	bool suspend = strcmp(j->verb, "suspend") == 0;
	if (sql_run(tx, e, "UPDATE account SET suspended = ? WHERE uid = ?",
		"ui", (uint64_t)suspend, &a.uid) < 0)
		return -1;
	return suspend ? account_end_sessions(tx, &a.uid, NULL, e) : 0;
}

/* What every verb of account takes. */
struct on_account {
	const char *data, *reference;
};

/* The server, and the account that the first operand names. */
static int
open_for(struct cmd_line *line, const struct on_account *o, struct server *s,
    struct buf *name, struct err *e)
{
	return daemon_open(o->data, false, s, e) < 0 ||
		typed_account(
		    bytes_str(line->args[0]), s->config.host, name, e) < 0
	    ? -1
	    : 0;
}

static int
account_recover(void *line, const void *options, struct err *e)
{
	struct cmd_line *l = line;
	const struct on_account *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(mem_free) char *keys = file_join(o->data, "keys");
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf when = { 0 };
	int64_t ends_ms;

	if (open_for(l, o, &s, &name, e) < 0)
		return -1;
	if (!escrowpeer_named(&s.config))
		return err_set(e, ERR_PROTECTION_BLOCKED,
		    "this server has no escrow: nothing can be given back");
	if (escrowlink_start(&s, keys, false, &s.escrow, e) < 0 ||
	    recoveries_order(
		&s, buf_text(&name), l->args[1], o->reference, &ends_ms, e) < 0)
		return -1;
	text_time(&when, ends_ms);
	(void)printf("%s\n", buf_text(&when));
	(void)fprintf(stderr,
	    "The recovery may go on then. Until that time any sign-in of %s "
	    "stops it.\n",
	    buf_text(&name));
	return 0;
}

static int
account_list(void *line, const void *options, struct err *e)
{
	const struct on_account *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	struct list_job j = { NULL, false };

	(void)line;
	return daemon_open(o->data, false, &s, e) < 0
	    ? -1
	    : db_read(s.db, list_job, &j, e);
}

static int
account_show(void *line, const void *options, struct err *e)
{
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(buf_free) struct buf name = { 0 };

	if (open_for(line, options, &s, &name, e) < 0)
		return -1;
	struct list_job j = { buf_text(&name), false };
	if (db_read(s.db, list_job, &j, e) < 0)
		return -1;
	return j.found
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "there is no account %s", j.name);
}

static int
edit(void *line, const void *options, const char *verb, uint64_t quota,
    struct err *e)
{
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(buf_free) struct buf name = { 0 };

	if (open_for(line, options, &s, &name, e) < 0)
		return -1;
	struct edit_job j = { buf_text(&name), verb, quota };
	return db_write(s.db, edit_job, &j, e);
}

static int
account_suspend(void *line, const void *options, struct err *e)
{
	return edit(line, options, "suspend", 0, e);
}

static int
account_resume(void *line, const void *options, struct err *e)
{
	return edit(line, options, "resume", 0, e);
}

static int
account_unlock(void *line, const void *options, struct err *e)
{
	return edit(line, options, "unlock", 0, e);
}

static int
account_quota(void *line, const void *options, struct err *e)
{
	const struct cmd_line *l = line;
	uint64_t quota;

	if (text_parse_size(l->args[1], &quota) < 0)
		return err_set(e, ERR_USAGE,
		    "SIZE is as 500G (0: no quota), not %s", l->args[1]);
	return edit(line, options, "quota", quota, e);
}

static const struct cmd_option account_options[] = {
	DAEMON_DATA(struct on_account),
};
static const struct cmd_option recover_options[] = {
	DAEMON_DATA(struct on_account),
	{ "reference", CMD_TEXT, offsetof(struct on_account, reference), "TEXT",
	    "what you will know the order by; the account's owner reads it",
	    .required = true },
};
static const struct cmd_option delete_options[] = {
	DAEMON_DATA(struct daemon_closing),
	{ "yes", CMD_TEXT, offsetof(struct daemon_closing, yes), "NAME",
	    "the account's name, instead of being asked to type it" },
	{ "now", CMD_TEXT, offsetof(struct daemon_closing, now), "NAME",
	    "without the wait; the account's name once more" },
};
static const struct cmd_option closing_options[] = {
	DAEMON_DATA(struct daemon_closing),
};
#define ON_ACCOUNT CMD_OPTIONS(account_options, struct on_account)

const struct cmd daemon_account[] = {
	{ "account", "", NULL, account_list, ON_ACCOUNT },
	{ "account list", "", "all of them, with what they use", account_list,
	    ON_ACCOUNT },
	{ "account show", "NAME", "one", account_show, ON_ACCOUNT },
	{ "account suspend", "NAME", "nobody gets in; nothing is deleted",
	    account_suspend, ON_ACCOUNT },
	{ "account resume", "NAME", "take that back", account_resume,
	    ON_ACCOUNT },
	{ "account unlock", "NAME", "forget the attempts that were too many",
	    account_unlock, ON_ACCOUNT },
	{ "account quota", "NAME SIZE", "most that it may store; 0: no limit",
	    account_quota, ON_ACCOUNT },
	{ "account delete", "NAME",
	    "end it, after a wait: all that the server has of it goes",
	    daemon_closing_delete,
	    CMD_OPTIONS(delete_options, struct daemon_closing) },
	{ "account keep", "NAME", "take that back, while it waits",
	    daemon_closing_keep,
	    CMD_OPTIONS(closing_options, struct daemon_closing) },
	{ "account rename", "NAME NEW",
	    "give it another name; the old one stays its own",
	    daemon_closing_rename,
	    CMD_OPTIONS(closing_options, struct daemon_closing) },
	{ "account free", "NAME",
	    "let somebody else have a name that an account had",
	    daemon_closing_free,
	    CMD_OPTIONS(closing_options, struct daemon_closing) },
	{ "account recover", "NAME REQUEST",
	    "order the recovery that somebody asked you for, by the start of "
	    "its ID",
	    account_recover, CMD_OPTIONS(recover_options, struct on_account) },
	{ 0 },
};
