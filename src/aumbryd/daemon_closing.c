/* SPDX-License-Identifier: ISC */
/* daemon_closing.c: aumbryd account delete, keep, free, rename. */
#include "aumbryd/daemon_closing.h"

#include "base/now.h"
#include "base/text.h"
#include "base/typed.h"
#include "server/closing.h"
#include "server/pastname.h"

#include <stdio.h>
#include <string.h>

struct shown {
	const char *name;
	struct account a;
	bool found;
	uint64_t devices, bytes;
	int64_t seen_ms;
	struct closing closing;
};

static int
show_job(struct tx *tx, void *arg, struct err *e)
{
	struct shown *x = arg;
	OWN(circle_free) struct circle c = { 0 };
	struct usage u;
	uint64_t seen;

	if (account_by_name(tx, x->name, &x->a, &x->found, e) < 0)
		return -1;
	if (!x->found)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no account %s", x->name);
	if (account_circle(tx, &x->a.uid, &c, e) < 0 ||
	    usage_get(tx, &x->a.uid, &u, e) < 0 ||
	    sql_count(tx, e, &seen,
		"SELECT MAX(time_ms) FROM device_seen WHERE uid = ?", "i",
		&x->a.uid) < 0 ||
	    closing_get(tx, &x->a.uid, &x->closing, e) < 0)
		return -1;
	x->devices = circle_active_count(&c);
	x->bytes = u.bytes;
	x->seen_ms = (int64_t)seen;
	return 0;
}

static void
print(const struct shown *x, int64_t ends_ms)
{
	OWN(buf_free) struct buf made = { 0 }, seen = { 0 }, ends = { 0 };
	OWN(buf_free) struct buf size = { 0 };

	text_time(&made, x->a.created_ms);
	text_time(&ends, ends_ms);
	text_size(&size, x->bytes);
	if (x->seen_ms != 0)
		text_time(&seen, x->seen_ms);
	else
		buf_put_str(&seen, "never");
	(void)printf("account    %s\nmade       %s\ndevices    %llu\n"
		     "last seen  %s\nstored     %s\nends       %s\n",
	    x->name, buf_text(&made), (unsigned long long)x->devices,
	    buf_text(&seen), buf_text(&size), buf_text(&ends));
}

/* A slip of the finger must not end the wrong one. */
static int
confirm(const char *name, const char *yes, struct err *e)
{
	char line[200] = "";

	if (yes == NULL) {
		(void)fflush(stdout);
		(void)fprintf(stderr,
		    "All that the server has of it goes then, for good.\n"
		    "Type the name of the account to go on: ");
		if (fgets(line, sizeof line, stdin) == NULL)
			return err_set(e, ERR_INPUT_MISSING,
			    "the name of the account was not typed; or give "
			    "--yes NAME");
		line[strcspn(line, "\r\n")] = '\0';
		yes = line;
	}
	return strcmp(yes, name) == 0 ? 0
				      : err_set(e, ERR_USAGE,
					    "\"%s\" is not %s: nothing was "
					    "changed",
					    yes, name);
}

struct ending {
	struct server *s;
	const struct shown *x;
	int64_t now_ms, ends_ms;
	bool keep;
};

static int
change_job(struct tx *tx, void *arg, struct err *e)
{
	const struct ending *j = arg;
	struct request nobody = { .peer = "", .source = "" };
	struct call c = { .s = j->s, .q = &nobody, .now_ms = j->now_ms };
	struct closing x = { .asked_ms = j->now_ms, .ends_ms = j->ends_ms };
	const struct id *uid = &j->x->a.uid;

	return j->keep ? closing_stop(tx, &c, uid, NULL, e)
		       : closing_begin(tx, &c, uid, &x, bytes_str(""), e);
}

static int
look(struct cmd_line *l, const char *data, struct server *s, struct buf *name,
    struct shown *x, struct err *e)
{
	if (daemon_open(data, false, s, e) < 0 ||
	    typed_account(bytes_str(l->args[0]), s->config.host, name, e) < 0)
		return -1;
	x->name = buf_text(name);
	return db_read(s->db, show_job, x, e);
}

int
daemon_closing_delete(void *line, const void *options, struct err *e)
{
	const struct daemon_closing *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(buf_free) struct buf name = { 0 };
	struct shown x = { .found = false };
	struct ending j = { .s = &s, .x = &x, .now_ms = now_ms() };

	if (look(line, o->data, &s, &name, &x, e) < 0)
		return -1;
	if (o->now != NULL && strcmp(o->now, x.name) != 0)
		return err_set(e, ERR_USAGE,
		    "--now takes the name of the account, once more: %s",
		    x.name);
	j.ends_ms = j.now_ms +
	    (o->now != NULL ? 0 : (int64_t)s.config.closing_wait_s * 1000);
	if (x.closing.there && x.closing.ends_ms < j.ends_ms)
		j.ends_ms = x.closing.ends_ms;
	print(&x, j.ends_ms);
	if (confirm(x.name, o->yes, e) < 0 ||
	    db_write(s.db, change_job, &j, e) < 0)
		return -1;
	(void)fprintf(stderr,
	    o->now != NULL
		? "It goes within 10 minutes, or when the server is started.\n"
		: "Until then it can be kept: aumbryd account --data %s keep "
		  "%s\n",
	    o->data, x.name);
	return 0;
}

int
daemon_closing_keep(void *line, const void *options, struct err *e)
{
	const struct daemon_closing *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(buf_free) struct buf name = { 0 };
	struct shown x = { .found = false };
	struct ending j = {
		.s = &s, .x = &x, .now_ms = now_ms(), .keep = true
	};

	return look(line, o->data, &s, &name, &x, e) < 0
	    ? -1
	    : db_write(s.db, change_job, &j, e);
}

static int
free_job(struct tx *tx, void *arg, struct err *e)
{
	return pastname_free(tx, arg, e);
}

int
daemon_closing_free(void *line, const void *options, struct err *e)
{
	const struct cmd_line *l = line;
	const struct daemon_closing *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(buf_free) struct buf name = { 0 };

	if (daemon_open(o->data, false, &s, e) < 0 ||
	    typed_account(bytes_str(l->args[0]), s.config.host, &name, e) < 0)
		return -1;
	return db_write(s.db, free_job, (void *)(uintptr_t)buf_text(&name), e);
}

struct renaming {
	struct server *s;
	const struct shown *x;
	const char *name;
	int64_t now_ms;
};

static int
rename_job(struct tx *tx, void *arg, struct err *e)
{
	const struct renaming *j = arg;
	struct request nobody = { .peer = "", .source = "" };
	struct call c = { .s = j->s, .q = &nobody, .now_ms = j->now_ms };
	OWN(buf_free) struct buf what = { 0 };

	buf_printf(&what, "%s, before: %s", j->name, j->x->name);
	return pastname_rename(tx, &j->x->a, j->name, j->now_ms, e) < 0
	    ? -1
	    : server_event(tx, &c,
		  &(struct server_event){
		      &j->x->a.uid, "account_renamed", NULL, buf_text(&what) },
		  e);
}

int
daemon_closing_rename(void *line, const void *options, struct err *e)
{
	struct cmd_line *l = line;
	const struct daemon_closing *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(buf_free) struct buf name = { 0 }, fresh = { 0 };
	struct shown x = { .found = false };
	struct renaming j = { .s = &s, .x = &x, .now_ms = now_ms() };

	if (look(l, o->data, &s, &name, &x, e) < 0 ||
	    typed_account(bytes_str(l->args[1]), s.config.host, &fresh, e) < 0)
		return -1;
	j.name = buf_text(&fresh);
	return db_write(s.db, rename_job, &j, e);
}
