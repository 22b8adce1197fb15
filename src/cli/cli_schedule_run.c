/* SPDX-License-Identifier: ISC */
/* cli_schedule_run.c: aumbry backup run: what is due, as the timer starts it. */
/*
 * A try is noted as a failure before it begins, and as a success when it is
 * one: whatever ends it, the machine's power too, the next run knows.
 */
#include "cli/cli_schedule.h"

#include "base/file.h"
#include "base/now.h"
#include "base/stop.h"
#include "cli/desktop.h"
#include "schedule/conditions.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WARN_AGAIN_MS DUE_LATE_MS /* on the desktop */

/* Why a plan that is due does not run now. */
#define WAITS_DISK "disk"
#define WAITS_MAINS "mains"
#define WAITS_NETWORK "network"
#define WAITS_OTHER "other-backup"

struct running {
	struct cli *cli;
	const char *home;
	struct conditions now;
	bool all; /* --now */
	struct err worst; /* of the plans that failed; code 0: none */
	int status; /* of one that was done in part, or 0 */
};

/* ---- one backup ---- */

/* The arguments that a person would have typed. */
struct typed {
	struct cli cli;
	struct backing_up g;
};

static void
list_of(const struct plan_list *from, const char *more, struct cmd_list *to)
{
	to->items = mem_array(from->n + 1, sizeof *to->items);
	for (size_t i = 0; i < from->n; i++)
		to->items[to->n++] = from->items[i];
	if (more != NULL)
		to->items[to->n++] = more;
}

static void
typed_free(struct typed *t)
{
	free(t->g.tags.items);
	free(t->g.excludes.items);
	free(t->g.exclude_files.items);
	free(t->g.secrets.items);
}

static void
type(const struct cli *cli, const struct plan *p, struct typed *t)
{
	t->cli = *cli;
	t->cli.line.args = p->roots.items;
	t->cli.line.n_args = (int)p->roots.n;
	t->cli.line.status = 0;
	t->cli.repo = NULL;
	t->g.one_file_system = p->one_file_system;
	if (p->to[0] != '\0') {
		t->cli.repo = p->to;
		t->cli.repo_password_file = p->password_file;
	}
	list_of(&p->tags, p->tag, &t->g.tags);
	list_of(&p->excludes, NULL, &t->g.excludes);
	list_of(&p->exclude_files, NULL, &t->g.exclude_files);
	list_of(&p->secrets, NULL, &t->g.secrets);
}

static void
note_error(struct plan_state *s, const struct err *e)
{
	plan_set(&s->code, e->code != ERR_NONE ? err_name(e->code) : "");
	plan_set(&s->message, e->code != ERR_NONE ? e->msg : "");
	plan_set(&s->remedy, e->code != ERR_NONE ? err_fix(e) : "");
}

static void
succeeded(
    struct plan_state *s, uint64_t began_ms, const struct backup_result *result)
{
	struct err part = { .code = ERR_NONE };

	s->done_ms = began_ms;
	s->failures = 0;
	if (result->partial)
		(void)err_set(&part, ERR_READ_INCOMPLETE,
		    "%llu files could not be read and are not in the backup",
		    (unsigned long long)result->totals.errors);
	note_error(s, &part);
}

/* So that the account hears when this device is silent. */
static void
tell(struct cli *cli, const struct plan *p, const struct plan_state *s)
{
	OWN(self_free) struct self *self = NULL;
	struct err ignored;

	if (p->to[0] == '\0' && cli_self(cli, &self, &ignored) == 0)
		(void)!cli_schedule_tell(self, true, s->done_ms, &ignored);
}

/* Another backup goes on: that was no try. */
static void
beside(struct plan_state *s, uint64_t tried_ms)
{
	s->tried_ms = tried_ms;
	s->failures--;
	plan_set(&s->waits, WAITS_OTHER);
	note_error(s, &(struct err){ .code = ERR_NONE });
}

static bool
full(enum err_code code)
{
	return code == ERR_QUOTA_EXCEEDED || code == ERR_SERVER_FULL ||
	    code == ERR_DISK_FULL_HERE;
}

/* errors: those of the backup, noted in s; those of writing it down. */
static int
back_up(struct running *r, const struct plan *p, struct plan_state *s,
    struct err *e)
{
	OWN(typed_free) struct typed t = { 0 };
	struct backup_result result;
	uint64_t began = (uint64_t)now_ms(), before = s->tried_ms;

	type(r->cli, p, &t);
	s->tried_ms = began;
	s->failures++;
	plan_set(&s->waits, "");
	note_error(s, &(struct err){ .code = ERR_STOPPED, .msg = "cut off" });
	if (plan_state_write(r->home, p->name, s, e) < 0)
		return -1;
	int rc = cli_back_up(&t.cli, &t.g, &result, e);
	struct err why = *e, ignored;
	if (rc == 0)
		succeeded(s, began, &result);
	else if (why.code == ERR_HOME_BUSY)
		beside(s, before);
	else
		note_error(s, &why);
	if (plan_state_write(r->home, p->name, s, rc == 0 ? e : &ignored) < 0)
		return -1;
	if (rc == 0)
		tell(&t.cli, p, s);
	/* What is full may have room again by that, if not tonight. */
	if (rc < 0 && !full(why.code))
		return -1;
	cli_schedule_keep(&t.cli, p, s);
	r->status = t.cli.line.status != 0 ? t.cli.line.status : r->status;
	return plan_state_write(r->home, p->name, s, rc == 0 ? e : &ignored) <
		    0 ||
		rc < 0
	    ? -1
	    : 0;
}

/* ---- whether, and when ---- */

static const char *
obstacle(const struct running *r, const struct plan *p)
{
	bool to_disk = p->to[0] != '\0';

	if (to_disk && !depot_local_there(p->to))
		return WAITS_DISK;
	if (r->all)
		return "";
	if (r->now.on_battery && !p->on_battery)
		return WAITS_MAINS;
	return r->now.metered && !p->metered && !to_disk ? WAITS_NETWORK : "";
}

/* Said once, and not at each look. */
static void
put_off(struct running *r, const struct plan *p, struct plan_state *s,
    const char *waits)
{
	bool news = strcmp(s->waits, waits) != 0;
	bool disk = strcmp(waits, WAITS_DISK) == 0;
	struct err e;

	if (news)
		cli_say(r->cli, "The backup to %s waits for %s.",
		    p->to[0] != '\0' ? p->to : "the account",
		    disk				  ? "its disk"
			: strcmp(waits, WAITS_MAINS) == 0 ? "mains power"
							  : "a network that "
							    "is not metered");
	plan_set(&s->waits, waits);
	/* When it is plugged in again nothing is to be waited for. */
	if (disk)
		s->failures = 0;
	if (news && plan_state_write(r->home, p->name, s, &e) < 0)
		cli_warn("aumbry: %s (%s)", e.msg, err_name(e.code));
}

static void
warn_late(struct running *r, const struct plan *p, struct plan_state *s)
{
	uint64_t now = (uint64_t)now_ms(), since = due_since(p, s);
	OWN(mem_free) char *when = cli_time(since);
	OWN(buf_free) struct buf text = { 0 };
	struct err e;

	if (!due_late(p, s, now) || now - s->warned_ms < WARN_AGAIN_MS)
		return;
	buf_printf(&text,
	    "No backup to %s has succeeded since %s. %s Run: aumbry backup "
	    "status",
	    p->to[0] != '\0' ? p->to : "the account", when,
	    s->code[0] != '\0' ? s->message : "");
	cli_warn(
	    "aumbry: %s\n(%s)", buf_text(&text), err_name(ERR_BACKUP_LATE));
	struct desktop *d = desktop_open();
	if (d != NULL)
		(void)desktop_show(d,
		    now - since >= DUE_SILENT_MS ? "No backup for 150 days"
						 : "No backup for a week",
		    buf_text(&text), NULL);
	desktop_free(&d);
	s->warned_ms = now;
	if (plan_state_write(r->home, p->name, s, &e) < 0)
		cli_warn("aumbry: %s (%s)", e.msg, err_name(e.code));
}

static void
fail(struct running *r, const struct err *e)
{
	const struct err *old = &r->worst;

	if (e->code == ERR_HOME_BUSY) {
		cli_say(r->cli, "%s; it is tried again.", e->msg);
		return;
	}
	if (old->code != ERR_NONE)
		cli_warn("aumbry: %s\n%s\n(%s)", old->msg, err_fix(old),
		    err_name(old->code));
	r->worst = *e;
}

static void
run_plan(struct running *r, const struct plan *p)
{
	OWN(plan_state_free) struct plan_state s;
	uint64_t now = (uint64_t)now_ms();
	struct err e = { 0 };

	plan_state_read(r->home, p->name, &s);
	if (due_settle(&s, now) &&
	    plan_state_write(r->home, p->name, &s, &e) < 0) {
		fail(r, &e);
		return;
	}
	const char *waits = obstacle(r, p);
	bool due = r->all || due_next(p, &s, now) <= now;
	/* A disk that was pulled out is no failure to wait after. */
	if (!due && (s.failures == 0 || strcmp(waits, WAITS_DISK) != 0))
		return;
	if (waits[0] != '\0')
		put_off(r, p, &s, waits);
	else if (back_up(r, p, &s, &e) < 0)
		fail(r, &e);
	warn_late(r, p, &s);
}

/* One that was made under a clock that was ahead would be late only then. */
static void
settle_made(const struct running *r, struct plan *p)
{
	uint64_t now = (uint64_t)now_ms();
	struct err e;

	if (p->made_ms <= now)
		return;
	p->made_ms = now;
	if (plan_write(r->home, p, &e) < 0)
		cli_warn("aumbry: %s (%s)", e.msg, err_name(e.code));
}

/* When it was looked last, so that a status knows whether anybody looks. */
static void
note_look(const char *home)
{
	OWN(mem_free) char *folder = plan_folder(home);
	OWN(mem_free) char *path = file_join(folder, "looked");
	OWN(fd_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		(void)!futimens(fd, NULL);
}

int
cli_backup_run(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_run *o = options;
	OWN(mem_free) char *home = cli_home(cli);
	OWN(plan_all_free) struct plan_all all = { 0 };
	OWN(fd_close) int lock = -1;
	struct running r = { .cli = cli, .home = home, .all = o->now };

	if (cli_schedule_plans(cli, home, &all, e) < 0)
		return -1;
	if (all.n == 0)
		return 0;
	if (homedir_lock(home, "backup run", &lock, e) < 0)
		return -1;
	note_look(home);
	conditions_look(&r.now);
	for (size_t i = 0; i < all.n && !stop_order_asked(); i++) {
		settle_made(&r, &all.list[i]);
		run_plan(&r, &all.list[i]);
	}
	cli->line.status = r.status;
	if (r.worst.code == ERR_NONE)
		return 0;
	*e = r.worst;
	return -1;
}

const struct cmd_option cli_run_options[] = {
	{ "now", CMD_FLAG, offsetof(struct cli_run, now), NULL,
	    "what is not due, too, on battery and on any network" },
};
