/* SPDX-License-Identifier: ISC */
/* cli_schedule.c: aumbry backup enable and disable. */
#include "cli/cli_schedule.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT "02:00"
#define WITHIN "7d"

/* docs/DECISIONS.md says why these. */
static const char *const kept_by_default[RETAIN_COUNTED] = {
	[RETAIN_DAILY] = "30",
	[RETAIN_WEEKLY] = "12",
	[RETAIN_MONTHLY] = "24",
};

_Static_assert(RETAIN_COUNTED + 1 == PLAN_RULES, "plan.h has all rules");

int
cli_schedule_tell(struct self *s, bool enabled, uint64_t last_ms, struct err *e)
{
	OWN(jsonio_free) json_t *in = json_object();

	jsonio_put_true(in, "enabled", enabled);
	jsonio_put_u64(in, "last_ms", last_ms);
	return control_call(
	    s->remote, "POST", "/v1/backups/state", in, NULL, e);
}

/* ---- what is asked for ---- */

/* As typed, from the root. */
static char *
absolute(const char *path)
{
	char here[PATH_MAX];

	return path[0] == '/' || getcwd(here, sizeof here) == NULL
	    ? mem_text(path)
	    : file_join(here, path);
}

static void
copy_list(const struct cmd_list *from, struct plan_list *to)
{
	for (size_t i = 0; i < from->n; i++)
		plan_list_add(to, from->items[i]);
}

static int
add_file(const char *path, struct plan_list *to, struct err *e)
{
	OWN(mem_free) char *full = absolute(path);

	if (strcmp(path, "-") == 0)
		return err_set(e, ERR_USAGE,
		    "at night there is no standard input to read patterns "
		    "from");
	if (access(full, F_OK) < 0)
		return err_sys(e, "%s", full);
	if (!text_is_utf8(bytes_str(full))) {
		(void)err_set(
		    e, ERR_USAGE, "a plan takes no name that is not UTF-8");
		return err_remedy(e, "Name a folder above it, or rename it.");
	}
	plan_list_add(to, full);
	return 0;
}

static int
take_policy(const struct cli_policy *given, struct plan *p, struct err *e)
{
	struct retain_policy policy;
	bool any;

	if (cli_policy(given, &policy, &any, e) < 0)
		return -1;
	for (int i = 0; i < RETAIN_COUNTED; i++) {
		const char *text = any ? given->keep[i] : kept_by_default[i];
		plan_set(&p->keep[i], text != NULL ? text : "");
	}
	const char *within = any ? given->within : WITHIN;
	plan_set(&p->keep[RETAIN_WITHIN], within != NULL ? within : "");
	copy_list(&given->tags, &p->keep_tags);
	if (!any || retain_keeps(&policy))
		return 0;
	(void)err_set(e, ERR_USAGE, "these rules would keep no backup at all");
	return err_remedy(e, "Add --keep-last 1, or another rule.");
}

/* A plan that is there is asked for anew; its snapshots stay its own. */
static int
keep_tag(const char *home, struct plan *p, struct err *e)
{
	OWN(plan_free) struct plan old;
	OWN(buf_free) struct buf tag = { 0 };
	struct id id;
	bool found;

	plan_init(&old);
	plan_free(&old);
	if (plan_read(home, p->name, &old, &found, e) < 0)
		return -1;
	if (found) {
		plan_set(&p->tag, old.tag);
		p->made_ms = old.made_ms;
		return 0;
	}
	id_random(&id);
	buf_printf(&tag, "nightly-%s", id_short(&id).s);
	plan_set(&p->tag, buf_text(&tag));
	p->made_ms = (uint64_t)now_ms();
	return 0;
}

static int
take_options(const struct cli *cli, const struct cli_enable *o, struct plan *p,
    struct err *e)
{
	const char *at = o->at != NULL ? o->at : AT;

	if (plan_parse_at(at, &p->at_min) < 0)
		return err_set(e, ERR_USAGE,
		    "--at is a time of the day as 02:00, not %s", at);
	if (snapshot_check_tags(o->tags.items, o->tags.n, e) < 0 ||
	    take_policy(&o->policy, p, e) < 0)
		return -1;
	for (int i = 0; i < cli->line.n_args; i++)
		if (add_file(cli->line.args[i], &p->roots, e) < 0)
			return -1;
	for (size_t i = 0; i < o->exclude_files.n; i++)
		if (add_file(o->exclude_files.items[i], &p->exclude_files, e) <
		    0)
			return -1;
	copy_list(&o->excludes, &p->excludes);
	copy_list(&o->secrets, &p->secrets);
	copy_list(&o->tags, &p->tags);
	p->one_file_system = o->one_file_system;
	p->on_battery = o->on_battery;
	p->metered = o->metered;
	return 0;
}

/* ---- its repository ---- */

/*
 * Nobody types a password at night. One that is given in a file is read from
 * there; else it is typed now, and kept beside the device's keys.
 */
static int
keep_password(struct cli *cli, const char *home, struct plan *p, struct err *e)
{
	OWN(mem_free) char *folder = plan_folder(home);
	OWN(mem_free) char *path = plan_path(home, p->name, "password");
	OWN(secret_free) struct secret *password = NULL;
	const char *given = cli->repo_password_file != NULL
	    ? cli->repo_password_file
	    : cli->password_file;

	if (given != NULL && strcmp(given, "-") != 0) {
		OWN(mem_free) char *full = absolute(given);
		plan_set(&p->password_file, full);
	} else if (!file_exists(path)) {
		bool fresh = !depot_local_there(cli->repo);
		if (cli_password(cli,
			fresh ? "New password of the repository"
			      : "Password of the repository",
			fresh, &password, e) < 0)
			return e->code == ERR_INPUT_MISSING
			    ? err_remedy(e, "Add: --repo-password-file FILE")
			    : -1;
		if (file_mkdirs(folder, 0700, e) < 0 ||
		    file_write(path, secret_bytes(password), 0600, e) < 0)
			return -1;
		cli_say(cli, "The password is kept at %s, for this user alone.",
		    path);
	}
	if (p->password_file[0] == '\0')
		plan_set(&p->password_file, path);
	cli->repo_password_file = cli_keep(cli, p->password_file);
	return 0;
}

/* What would fail at night fails now, while somebody is there. */
static int
try_it(struct cli *cli, const char *home, struct plan *p, struct cli_repo *r,
    struct err *e)
{
	if (p->to[0] != '\0') {
		cli->repo = cli_keep(cli, p->to);
		if (keep_password(cli, home, p, e) < 0)
			return -1;
	}
	if (cli_backup_open(cli, r, e) == 0)
		return 0;
	OWN(mem_free) char *typed = plan_path(home, p->name, "password");
	OWN(mem_free) char *plan = plan_path(home, p->name, "plan");
	if (!file_exists(plan))
		(void)unlink(typed);
	return -1;
}

/* ---- switching on ---- */

static int
no_timer(const struct units *u, struct err *e)
{
	OWN(buf_free) struct buf line = { 0 };

	(void)err_set(e, ERR_NO_TIMER,
	    "backups are enabled, and nothing starts them: no systemd runs "
	    "here for this user");
	return units_cron(u, &line)
	    ? err_remedy(e,
		  "Let cron start them, by this line in crontab -e:\n%s",
		  buf_text(&line))
	    : err_remedy(e,
		  "Let cron start them, every 15 minutes: aumbry backup run");
}

static int
switch_on(const struct cli *cli, const char *home, struct err *e)
{
	OWN(units_free) struct units u = { 0 };
	OWN(plan_all_free) struct plan_all all = { 0 };
	bool on;

	if (units_find(home, &u, e) < 0 || plan_read_all(home, &all, e) < 0 ||
	    units_enable(&u, &all, &on, e) < 0)
		return -1;
	if (!on)
		return no_timer(&u, e);
	if (!units_linger())
		cli_say(cli,
		    "While you are not signed in nothing is backed up. Let "
		    "root change that: loginctl enable-linger %s",
		    getenv("USER") != NULL ? getenv("USER") : "NAME");
	if (!units_start(&u))
		cli_say(cli, "The first backup begins in 15 minutes.");
	return 0;
}

int
cli_backup_enable(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_enable *o = options;
	OWN(mem_free) char *home = cli_home(cli);
	OWN(plan_free) struct plan p;
	OWN(cli_repo_free) struct cli_repo r = { .lock = -1 };
	struct err ignored;

	plan_init(&p);
	if (o->to != NULL || cli->repo != NULL) {
		OWN(mem_free)
		char *to = absolute(o->to != NULL ? o->to : cli->repo);
		plan_set(&p.to, to);
	}
	OWN(mem_free) char *name = plan_name(p.to);
	plan_set(&p.name, name);
	if (take_options(cli, o, &p, e) < 0 || keep_tag(home, &p, e) < 0 ||
	    try_it(cli, home, &p, &r, e) < 0 || plan_write(home, &p, e) < 0)
		return -1;
	OWN(plan_state_free) struct plan_state s;
	plan_state_read(home, p.name, &s);
	if (r.self != NULL)
		(void)!cli_schedule_tell(r.self, true, s.done_ms, &ignored);
	cli_repo_free(&r);
	cli_schedule_show(cli, &p);
	return switch_on(cli, home, e);
}

/* ---- switching off ---- */

static int
which(const char *home, const struct cli *cli, const struct cli_disable *o,
    char **name, struct err *e)
{
	OWN(plan_all_free) struct plan_all all = { 0 };
	const char *typed = o->to != NULL ? o->to : cli->repo;
	OWN(mem_free)
	char *to = typed != NULL ? absolute(typed) : mem_text("");
	OWN(mem_free) char *wanted = plan_name(to);

	if (plan_read_all(home, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.list[i].name, wanted) == 0 ||
		    (typed == NULL && all.n == 1)) {
			*name = mem_text(all.list[i].name);
			return 0;
		}
	if (all.n == 0 || typed != NULL)
		return err_set(e, ERR_NOT_FOUND,
		    "no backup by itself is enabled%s%s",
		    typed != NULL ? " to " : "", to);
	(void)err_set(e, ERR_USAGE, "several are enabled, none to the account");
	return err_remedy(e,
	    "Name one: --to DIR, as aumbry backup status has "
	    "it");
}

static int
switch_off(const char *home, const char *name, struct err *e)
{
	OWN(units_free) struct units u = { 0 };
	OWN(plan_all_free) struct plan_all left = { 0 };
	bool on;

	if (plan_remove(home, name, e) < 0 || units_find(home, &u, e) < 0 ||
	    plan_read_all(home, &left, e) < 0)
		return -1;
	return left.n > 0 ? units_enable(&u, &left, &on, e)
			  : units_disable(&u, e);
}

int
cli_backup_disable(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(mem_free) char *home = cli_home(cli);
	OWN(mem_free) char *name = NULL;
	OWN(self_free) struct self *s = NULL;
	struct err why;

	if (which(home, cli, options, &name, e) < 0 ||
	    switch_off(home, name, e) < 0)
		return -1;
	cli_say(cli,
	    "Nothing is backed up there by itself any more. The backups that "
	    "there are stay.");
	if (strcmp(name, PLAN_ACCOUNT) == 0 &&
	    (cli_self(cli, &s, &why) < 0 ||
		cli_schedule_tell(s, false, 0, &why) < 0))
		cli_say(cli,
		    "The server was not told (%s): the account may be warned "
		    "of this device in 7 days.",
		    err_name(why.code));
	return 0;
}

void
cli_schedule_left(const struct cli *cli)
{
	OWN(mem_free) char *home = cli_home(cli);
	OWN(mem_free) char *plan = plan_path(home, PLAN_ACCOUNT, "plan");
	struct err e;

	if (!file_exists(plan))
		return;
	if (switch_off(home, PLAN_ACCOUNT, &e) < 0)
		cli_warn("aumbry: %s (%s)", e.msg, err_name(e.code));
	else
		cli_say(cli, "Backups by themselves are off here.");
}

/* ---- options ---- */

const struct cmd_option cli_enable_options[] = {
	{ "to", CMD_TEXT, offsetof(struct cli_enable, to), "DIR",
	    "into a repository in this folder, made if it is none yet, "
	    "instead of the account" },
	{ "at", CMD_TEXT, offsetof(struct cli_enable, at), "HH:MM",
	    "when, by local time; 02:00 unless given" },
	{ "on-battery", CMD_FLAG, offsetof(struct cli_enable, on_battery), NULL,
	    "without mains power, too" },
	{ "metered", CMD_FLAG, offsetof(struct cli_enable, metered), NULL,
	    "on a network that costs by the byte, too" },
	{ "exclude", CMD_LIST, offsetof(struct cli_enable, excludes), "PATTERN",
	    "leave out what this matches, as in .gitignore" },
	{ "exclude-from", CMD_LIST, offsetof(struct cli_enable, exclude_files),
	    "FILE", "read such patterns from a file, each time" },
	{ "one-file-system", CMD_FLAG,
	    offsetof(struct cli_enable, one_file_system), NULL,
	    "do not go into other file systems" },
	{ "secret", CMD_LIST, offsetof(struct cli_enable, secrets), "PATTERN",
	    "store what this matches with the keychain's key, which no escrow "
	    "ever has" },
	{ "tag", CMD_LIST, offsetof(struct cli_enable, tags), "TAG",
	    "mark the snapshot with a word to find it by" },
	CLI_POLICY(struct cli_enable, policy),
};

const struct cmd_option cli_disable_options[] = {
	{ "to", CMD_TEXT, offsetof(struct cli_disable, to), "DIR",
	    "what goes into this folder; else the account" },
};
