/* SPDX-License-Identifier: ISC */
/* cli_schedule_status.c: aumbry backup status. */
#include "cli/cli_schedule.h"

#include "base/file.h"
#include "base/now.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_MS (24 * 3600 * 1000ULL)

/* A plan with what became of it. */
struct seen {
	const struct plan *plan;
	struct plan_state state;
	uint64_t now_ms, next_ms;
	bool late;
};

static void
seen_free(struct seen *x)
{
	plan_state_free(&x->state);
}

static struct seen
look(const char *home, const struct plan *p)
{
	struct seen x = { .plan = p, .now_ms = (uint64_t)now_ms() };

	plan_state_read(home, p->name, &x.state);
	(void)due_settle(&x.state, x.now_ms);
	x.next_ms = due_next(p, &x.state, x.now_ms);
	x.late = due_late(p, &x.state, x.now_ms);
	return x;
}

static const char *
place(const struct plan *p)
{
	return p->to[0] != '\0' ? p->to : "the account";
}

/* "all of 7d, the last of 30 days, 12 weeks, 24 months" */
static void
put_rules(const struct plan *p, struct buf *out)
{
	static const char *const units[RETAIN_COUNTED] = { "backups", "hours",
		"days", "weeks", "months", "years" };
	const char *between = "the last of each of ";

	if (p->keep[RETAIN_WITHIN][0] != '\0')
		buf_printf(out, "all of %s", p->keep[RETAIN_WITHIN]);
	if (p->keep[RETAIN_LAST][0] != '\0')
		buf_printf(out, "%sthe last %s", out->n > 0 ? ", " : "",
		    p->keep[RETAIN_LAST]);
	for (int i = RETAIN_HOURLY; i < RETAIN_COUNTED; i++)
		if (p->keep[i][0] != '\0') {
			buf_printf(out, "%s%s%s %s", out->n > 0 ? ", " : "",
			    between, p->keep[i], units[i]);
			between = "";
		}
	for (size_t i = 0; i < p->keep_tags.n; i++)
		buf_printf(out, "%stagged %s", out->n > 0 ? ", " : "",
		    p->keep_tags.items[i]);
}

static void
show_next(const struct seen *x)
{
	OWN(mem_free) char *next = cli_time(x->next_ms);
	const char *waits = x->state.waits;

	if (waits[0] != '\0')
		(void)printf("next      when it can: it waits for %s\n",
		    strcmp(waits, "disk") == 0		? "its disk"
			: strcmp(waits, "mains") == 0	? "mains power"
			: strcmp(waits, "network") == 0 ? "a network that is "
							  "not metered"
							: "another backup "
							  "here to end");
	else if (x->next_ms <= x->now_ms)
		(void)printf("next      now\n");
	else
		(void)printf("next      %s%s\n", next,
		    x->state.failures > 0 ? ", again" : "");
}

static void
show_last(const struct seen *x)
{
	const struct plan_state *s = &x->state;
	OWN(mem_free) char *last = cli_time(s->done_ms);
	OWN(mem_free) char *tried = cli_time(s->tried_ms);

	(void)printf("last      %s\n", s->done_ms != 0 ? last : "never");
	if (s->code[0] == '\0')
		return;
	if (s->failures > 0)
		(void)printf(
		    "failed    %s, %" PRIu64 " in a row\n", tried, s->failures);
	(void)printf("why       %s (%s)\n          %s\n", s->message, s->code,
	    s->remedy);
}

static void
show_text(const struct seen *x)
{
	const struct plan *p = x->plan;
	OWN(buf_free) struct buf rules = { 0 };

	put_rules(p, &rules);
	(void)printf("to        %s\n", place(p));
	for (size_t i = 0; i < p->roots.n; i++) {
		OWN(mem_free)
		char *path = cli_shown(bytes_str(p->roots.items[i]));
		(void)printf(
		    "%s %s\n", i == 0 ? "of       " : "         ", path);
	}
	if (p->roots.n == 0)
		(void)printf("of        what aumbry backup takes\n");
	(void)printf("at        %02u:%02u each day, or when that was "
		     "missed%s%s\n",
	    (unsigned)p->at_min / 60, (unsigned)p->at_min % 60,
	    p->on_battery ? "" : ", on mains power",
	    p->metered || p->to[0] != '\0' ? "" : ", on a network not metered");
	show_next(x);
	show_last(x);
	(void)printf("kept      %s\n", buf_text(&rules));
	if (x->state.keep_code[0] != '\0')
		(void)printf("          not now: %s (%s)\n",
		    x->state.keep_message, x->state.keep_code);
}

static json_t *
error_json(const char *code, const char *message, const char *remedy)
{
	return code[0] == '\0' ? json_null()
			       : json_pack("{s:s, s:s, s:s}", "code", code,
				     "message", message, "remedy", remedy);
}

static json_t *
rules_json(const struct plan *p)
{
	json_t *j = json_object();

	for (int i = 0; i < RETAIN_COUNTED; i++)
		if (p->keep[i][0] != '\0')
			jsonio_put_text(
			    j, retain_name((enum retain_rule)i), p->keep[i]);
	if (p->keep[RETAIN_WITHIN][0] != '\0')
		jsonio_put_text(j, "within", p->keep[RETAIN_WITHIN]);
	return j;
}

static json_t *
paths_json(const struct plan *p)
{
	json_t *j = json_array();

	for (size_t i = 0; i < p->roots.n; i++)
		(void)json_array_append_new(j, json_string(p->roots.items[i]));
	return j;
}

static void
show_json(const struct seen *x)
{
	const struct plan *p = x->plan;
	const struct plan_state *s = &x->state;
	char at[16];

	(void)snprintf(at, sizeof at, "%02u:%02u", (unsigned)p->at_min / 60,
	    (unsigned)p->at_min % 60);
	cli_print_json(json_pack(
	    "{s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:o,"
	    " s:o, s:o, s:b, s:b}",
	    "to", p->to, "paths", paths_json(p), "tag", p->tag, "at", at,
	    "enabled", (json_int_t)p->made_ms, "next", (json_int_t)x->next_ms,
	    "last", (json_int_t)s->done_ms, "tried", (json_int_t)s->tried_ms,
	    "failures", (json_int_t)s->failures, "late", x->late ? 1 : 0,
	    "waits", s->waits, "error",
	    error_json(s->code, s->message, s->remedy), "keep", rules_json(p),
	    "keep_error", error_json(s->keep_code, s->keep_message, ""),
	    "on_battery", p->on_battery ? 1 : 0, "metered",
	    p->metered ? 1 : 0));
}

void
cli_schedule_show(const struct cli *cli, const struct plan *p)
{
	OWN(mem_free) char *home = cli_home(cli);
	OWN(seen_free) struct seen x = look(home, p);

	if (cli->line.json)
		show_json(&x);
	else
		show_text(&x);
}

/* ---- who starts it ---- */

/* When a run was begun last, by whatever; 0: never. */
static uint64_t
looked_ms(const char *home)
{
	OWN(mem_free) char *folder = plan_folder(home);
	OWN(mem_free) char *path = file_join(folder, "looked");
	struct stat st;

	return stat(path, &st) == 0 && st.st_mtime > 0
	    ? (uint64_t)st.st_mtime * 1000
	    : 0;
}

/* A timer that is on, or something else that has started a run of late. */
static int
show_timer(const struct cli *cli, const char *home, struct err *e)
{
	OWN(units_free) struct units u = { 0 };
	uint64_t looked = looked_ms(home), now = (uint64_t)now_ms();
	OWN(mem_free) char *when = cli_time(looked);

	if (units_find(home, &u, e) < 0)
		return -1;
	bool on = units_on(&u), lingers = units_lingers();
	if (cli->line.json)
		cli_print_json(json_pack("{s:b, s:b, s:I}", "timer", on ? 1 : 0,
		    "linger", lingers ? 1 : 0, "looked", (json_int_t)looked));
	else
		(void)printf("\ntimer     %s\nlooked    %s\n",
		    !on		  ? "off"
			: lingers ? "on"
				  : "on, but only while you are signed in",
		    looked != 0 ? when : "never");
	if (on || (looked != 0 && now < looked + DAY_MS))
		return 0;
	(void)err_set(
	    e, ERR_NO_TIMER, "backups are enabled, and nothing starts them");
	return err_remedy(e,
	    "Run: aumbry backup enable   with systemd; or let cron start them, "
	    "every 15 minutes: aumbry backup run");
}

static int
late_error(const struct plan *p, uint64_t since_ms, struct err *e)
{
	OWN(mem_free) char *since = cli_time(since_ms);

	(void)err_set(e, ERR_BACKUP_LATE,
	    "no backup to %s has succeeded since %s", place(p), since);
	return err_remedy(e,
	    "What it waits for, or why it failed, stands above. To try it "
	    "now: aumbry backup run --now");
}

int
cli_schedule_plans(const struct cli *cli, const char *home,
    struct plan_all *out, struct err *e)
{
	if (plan_read_all(home, out, e) < 0)
		return -1;
	if (out->n == 0)
		cli_say(cli,
		    "Nothing is backed up by itself here. Run: aumbry backup "
		    "enable");
	return 0;
}

int
cli_backup_status(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(mem_free) char *home = cli_home(cli);
	OWN(plan_all_free) struct plan_all all = { 0 };
	struct err late = { 0 };

	(void)options;
	if (cli_schedule_plans(cli, home, &all, e) < 0)
		return -1;
	if (all.n == 0)
		return 0;
	for (size_t i = 0; i < all.n; i++) {
		OWN(seen_free) struct seen x = look(home, &all.list[i]);
		if (i > 0 && !cli->line.json)
			(void)putchar('\n');
		cli_schedule_show(cli, &all.list[i]);
		if (x.late && late.code == ERR_NONE)
			(void)late_error(&all.list[i],
			    due_since(&all.list[i], &x.state), &late);
	}
	if (show_timer(cli, home, e) < 0)
		return -1;
	if (late.code == ERR_NONE)
		return 0;
	*e = late;
	return -1;
}

static void
alert(json_t *alerts, const struct err *e, struct err *worst)
{
	(void)json_array_append_new(alerts,
	    json_pack(
		"{s:s, s:s}", "code", err_name(e->code), "message", e->msg));
	if (worst->code == ERR_NONE)
		*worst = *e;
}

void
cli_schedule_alerts(const struct cli *cli, json_t *alerts, struct err *worst)
{
	OWN(mem_free) char *home = cli_home(cli);
	OWN(plan_all_free) struct plan_all all = { 0 };
	struct err e = { 0 };

	if (plan_read_all(home, &all, &e) < 0)
		alert(alerts, &e, worst);
	for (size_t i = 0; i < all.n; i++) {
		OWN(seen_free) struct seen x = look(home, &all.list[i]);
		if (!x.late)
			continue;
		(void)late_error(
		    &all.list[i], due_since(&all.list[i], &x.state), &e);
		(void)err_remedy(&e, "Run: aumbry backup status");
		alert(alerts, &e, worst);
	}
}
