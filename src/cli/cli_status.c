/* SPDX-License-Identifier: ISC */
/* cli_status.c: aumbry status. */
#include "cli/cli.h"
#include "cli/cli_schedule.h"

#include "backup/snapshot.h"
#include "base/now.h"
#include "client/alerts.h"
#include "client/escrowlog.h"
#include "client/people.h"
#include "client/self_settle.h"
#include "client/self_devices.h"
#include "client/self_seen.h"
#include "client/self_zones.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SILENT_DAYS 7 /* a device that is used says something once a day */
#define DAY_MS (24 * 3600 * 1000ULL)

struct status {
	struct cli *cli;
	struct self *self;
	json_t *account; /* as the server tells it */
	struct self_device *devices;
	size_t n_devices;
	struct repo *repo; /* NULL before the first backup */
	uint64_t last_backup_ms; /* 0: never */
	const char *two_factor;
	uint64_t used, quota;
	json_t *heard; /* a line for each other device */
	json_t *alerts;
	struct err worst; /* what the server hides, if it does */
};

static void
status_free(struct status *t)
{
	jsonio_free(&t->account);
	jsonio_free(&t->heard);
	jsonio_free(&t->alerts);
	mem_free(&t->devices);
	repo_free(&t->repo);
	self_free(&t->self);
}

static int
load_backups(struct status *t, struct err *e)
{
	OWN(snapshot_list_free) struct snapshot_list list = { 0 };
	struct self *s = t->self;

	if (id_zero(&s->zones[CATEGORY_BACKUP]) ||
	    id_zero(&s->zones[CATEGORY_KEYCHAIN]))
		return 0;
	const struct repo_from from = { .self = &s->writer,
		.local = s->local,
		.depot = s->depot,
		.dir = s->dir,
		.zones = { [CATEGORY_BACKUP] = &s->zones[CATEGORY_BACKUP],
		    [CATEGORY_KEYCHAIN] = &s->zones[CATEGORY_KEYCHAIN] } };
	if (repo_open(&from, &t->repo, e) < 0 ||
	    snapshot_load(t->repo, &list, e) < 0)
		return -1;
	if (list.n > 0)
		t->last_backup_ms = snapshot_latest(&list)->time_ms;
	return 0;
}

static int
load(struct status *t, struct err *e)
{
	return cli_self(t->cli, &t->self, e) < 0 ||
		self_state(t->self, e) < 0 ||
		control_call(t->self->remote, "GET", "/v1/account", NULL,
		    &t->account, e) < 0 ||
		jsonio_text(t->account, "two_factor", &t->two_factor, e) < 0 ||
		jsonio_u64(t->account, "used_bytes", &t->used, e) < 0 ||
		jsonio_u64(t->account, "quota_bytes", &t->quota, e) < 0 ||
		self_devices(t->self, &t->devices, &t->n_devices, e) < 0 ||
		load_backups(t, e) < 0
	    ? -1
	    : 0;
}

/* ---- what other devices have seen ---- */

static void
alert(struct status *t, const char *code, const char *text)
{
	(void)json_array_append_new(
	    t->alerts, json_pack("{s:s, s:s}", "code", code, "message", text));
}

/* Nothing here has asked for that zone since: what was not asked for is not
 * hidden. */
static int
catch_up(const struct status *t, const struct self_seen_zone *z,
    struct local_zone *at, struct err *e)
{
	OWN(zcopy_free) struct zcopy *copy = NULL;
	const struct zcopy_of of = { .local = t->self->local,
		.depot = t->self->depot,
		.zone = &z->zone,
		.category = z->category };

	return zcopy_open(&t->self->writer, &of, &copy, e) < 0 ||
		zcopy_pull(copy, e) < 0 ||
		local_zone_get(t->self->local, &z->zone, at, e) < 0
	    ? -1
	    : 0;
}

/* The server must show us at least what it showed that device. */
static int
compare(struct status *t, const struct self_device *d,
    const struct self_seen_zone *z, struct err *e)
{
	struct local_zone at;
	struct digest hash;

	if (local_zone_get(t->self->local, &z->zone, &at, e) < 0 ||
	    (at.head.seq < z->seq && catch_up(t, z, &at, e) < 0))
		return -1;
	head_hash(&at.head, &hash);
	if (at.head.seq > z->seq ||
	    (at.head.seq == z->seq && digest_equal(&hash, &z->hash)))
		return 0;
	bool back = at.head.seq < z->seq;
	(void)err_set(&t->worst,
	    back ? ERR_HISTORY_ROLLED_BACK : ERR_HISTORY_FORKED,
	    "%s has seen the %s zone at %" PRIu64
	    ", the server shows %s%" PRIu64 " here",
	    d->name, category_name(z->category), z->seq, back ? "" : "another ",
	    at.head.seq);
	alert(t, err_name(t->worst.code), t->worst.msg);
	return 0;
}

static int
look_at(struct status *t, const struct self_device *d, struct err *e)
{
	struct self_seen seen;
	uint64_t now = (uint64_t)now_ms();
	uint64_t heard = d->added_ms;

	if (self_seen(t->self, &d->dev_id, &seen))
		heard = seen.time_ms;
	(void)json_array_append_new(t->heard,
	    json_pack("{s:s, s:s, s:I}", "id", id_text(&d->dev_id).s, "name",
		d->name, "heard", (json_int_t)heard));
	if (now > heard && now - heard > SILENT_DAYS * DAY_MS) {
		char text[200];
		(void)snprintf(text, sizeof text,
		    "%s was last heard %" PRIu64 " days ago: if it was used "
		    "since, the server hides its changes",
		    d->name, (uint64_t)((now - heard) / DAY_MS));
		alert(t, "device-silent", text);
	}
	for (size_t i = 0; i < seen.n; i++)
		if (compare(t, d, &seen.zones[i], e) < 0)
			return -1;
	return 0;
}

/* A device that should back up by itself, and has not for a week. */
static void
look_at_backup(struct status *t, const struct self_device *d)
{
	uint64_t now = (uint64_t)now_ms(), since;
	struct err ignored;
	struct id id;
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(t->account, "devices"), i, v)
	{
		char text[200];
		if (jsonio_id(v, "dev_id", &id, &ignored) < 0 ||
		    !id_equal(&id, &d->dev_id) ||
		    jsonio_u64(v, "backup_since_ms", &since, &ignored) < 0 ||
		    now < since || now - since < DUE_LATE_MS)
			continue;
		(void)snprintf(text, sizeof text,
		    "%s has made no backup by itself for %" PRIu64
		    " days; there, run: aumbry backup status",
		    d->name, (uint64_t)((now - since) / DAY_MS));
		alert(t, err_name(ERR_BACKUP_LATE), text);
	}
}

/* Has the escrow's journal lost what was seen of it? */
static int
look_at_escrow(struct status *t, struct err *e)
{
	OWN(buf_free) struct buf lines = { 0 };
	struct err why;
	bool there;

	if (escrowlog_there(t->self, &there, e) < 0)
		return -1;
	if (!there || escrowlog_read(t->self, &lines, &why) == 0)
		return 0;
	alert(t, err_name(why.code), why.msg);
	if (err_exit(why.code) == 6)
		t->worst = why;
	return 0;
}

/* Who is on the way in without a device, or changes how one can be. */
static int
look_at_recovery(struct status *t, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	const struct circle *c = &t->self->circle;
	size_t i;
	json_t *v;

	if (control_call(
		t->self->remote, "GET", "/v1/recovery", NULL, &answer, e) < 0)
		return -1;
	json_array_foreach(json_object_get(answer, "open"), i, v)
	{
		char text[200];
		const char *way = "";
		struct err ignored;
		if (jsonio_text(v, "way", &way, &ignored) < 0)
			continue;
		(void)snprintf(text, sizeof text,
		    "somebody recovers this account by %.16s; if that is not "
		    "you: aumbry recovery status, aumbry recovery stop",
		    way);
		alert(t, "recovery-open", text);
	}
	if (c->pending && (uint64_t)now_ms() < c->pending_ms)
		alert(t, "recovery-change",
		    "a change of the ways to recover waits; to stop it: aumbry "
		    "recovery veto");
	return 0;
}

static void
look_renamed(struct status *t)
{
	OWN(buf_free) struct buf text = { 0 };

	buf_printf(&text,
	    "the server calls this account %s now; contacts know it as %s "
	    "until you say so: aumbry contact me --name %s",
	    t->self->name, t->self->circle.name, t->self->name);
	alert(t, err_name(ERR_NAME_UNCLAIMED), buf_text(&text));
}

/* Contacts as they are shown now, and what was seen of them before. */
static int
look_at_people(struct status *t, struct err *e)
{
	OWN(people_free) struct people all = { NULL, 0 };
	OWN(people_looks_free) struct people_looks looks = { NULL, 0 };
	OWN(mem_free) struct alert *list = NULL;
	struct err why;
	size_t n;

	if (people_all(t->self, &all, e) < 0)
		return -1;
	/* Also while they cannot be looked at all else is told. */
	if (all.n > 0 && people_check(t->self, NULL, &looks, &why) < 0)
		alert(t, err_name(why.code), why.msg);
	if (alerts_all(t->self, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (list[i].dismissed_ms != 0)
			continue;
		alert(t, list[i].code, list[i].words);
	}
	if (self_renamed(t->self))
		look_renamed(t);
	for (size_t i = 0; i < looks.n; i++)
		if (err_exit(looks.list[i].why.code) == 6)
			t->worst = looks.list[i].why;
	return 0;
}

static void
look_at_closing(struct status *t)
{
	OWN(mem_free) char *words = cli_closing_words(t->account);

	if (words != NULL)
		alert(t, "account-closing", words);
}

static int
look_around(struct status *t, struct err *e)
{
	t->heard = json_array();
	t->alerts = json_array();
	look_at_closing(t);
	if (look_at_escrow(t, e) < 0 || look_at_recovery(t, e) < 0 ||
	    look_at_people(t, e) < 0)
		return -1;
	for (size_t i = 0; i < t->n_devices; i++) {
		const struct self_device *d = &t->devices[i];
		/* A key in a drawer says nothing, and is not missed. */
		if (!d->active || d->self || d->class == CLASS_SECURITY_KEY)
			continue;
		if (look_at(t, d, e) < 0)
			return -1;
		look_at_backup(t, d);
	}
	cli_schedule_alerts(t->cli, t->alerts, &t->worst);
	return 0;
}

/* ---- showing ---- */

static const char *
own_name(const struct status *t)
{
	for (size_t i = 0; i < t->n_devices; i++)
		if (t->devices[i].self)
			return t->devices[i].name;
	return "";
}

static const char *
protection(const struct status *t)
{
	return t->self->circle.protection == PROTECTION_ADVANCED ? "advanced"
								 : "standard";
}

static void
show_json(struct status *t, const char *address)
{
	json_t *j = json_object();

	jsonio_put_text(j, "account", address);
	jsonio_put_text(j, "server", remote_url(t->self->remote));
	jsonio_put_text(j, "device", own_name(t));
	jsonio_put_text(j, "two_factor", t->two_factor);
	jsonio_put_text(j, "protection", protection(t));
	jsonio_put_u64(j, "storage_bytes", t->used);
	jsonio_put_u64(j, "quota_bytes", t->quota);
	(void)json_object_set_new(j, "last_backup",
	    t->last_backup_ms != 0 ? json_integer((json_int_t)t->last_backup_ms)
				   : json_null());
	(void)json_object_set(j, "devices", t->heard);
	(void)json_object_set(j, "alerts", t->alerts);
	cli_print_json(j);
}

static void
show_text(struct status *t, const char *address)
{
	OWN(mem_free) char *used = cli_size(t->used);
	OWN(mem_free) char *quota = cli_size(t->quota);
	OWN(mem_free)
	char *when = t->last_backup_ms != 0 ? cli_time(t->last_backup_ms)
					    : mem_text("never");
	size_t i;
	json_t *x;

	(void)printf("account      %s\nserver       %s\ndevice       %s\n"
		     "devices      %zu\ntwo-factor   %s\nprotection   %s\n"
		     "storage      %s of %s\nlast backup  %s\n",
	    address, remote_url(t->self->remote), own_name(t),
	    circle_active_count(&t->self->circle), t->two_factor, protection(t),
	    used, t->quota != 0 ? quota : "no limit", when);
	json_array_foreach(t->heard, i, x)
	{
		OWN(mem_free)
		char *heard = cli_time(
		    (uint64_t)json_integer_value(json_object_get(x, "heard")));
		(void)printf("%-12s %s, %s\n", i == 0 ? "heard" : "", heard,
		    json_string_value(json_object_get(x, "name")));
	}
	json_array_foreach(t->alerts, i, x)(void) printf(
	    "\n! %s\n", json_string_value(json_object_get(x, "message")));
	if (strcmp(t->two_factor, "on") != 0)
		(void)printf("\nTwo-factor is %s, so Backup refuses. "
			     "Run: aumbry authenticator add\n",
		    t->two_factor);
}

/* What a visitor is told: the account, and nothing that devices know. */
static int
visitor(struct cli *cli, const char *dir, struct err *e)
{
	OWN(visit_free) struct visit *v = NULL;
	OWN(jsonio_free) json_t *account = NULL;
	const char *two_factor = "";

	if (visit_open(dir, &v, e) < 0 ||
	    control_call(v->remote, "GET", "/v1/account", NULL, &account, e) <
		0 ||
	    jsonio_text(account, "two_factor", &two_factor, e) < 0)
		return -1;
	if (cli->line.json) {
		OWN(buf_free) struct buf address = { 0 };
		buf_printf(&address, "%s@%s", v->name, v->host);
		cli_print_json(json_pack("{s:s, s:s, s:n, s:s, s:b, s:I}",
		    "account", buf_text(&address), "server",
		    remote_url(v->remote), "device", "two_factor", two_factor,
		    "limited", 1, "until_ms", (json_int_t)v->until_ms));
		return 0;
	}
	OWN(mem_free) char *until = cli_time(v->until_ms);
	(void)printf("account      %s@%s\nserver       %s\n"
		     "device       none: signed in by a code, until %s\n"
		     "two-factor   %s\n",
	    v->name, v->host, remote_url(v->remote), until, two_factor);
	OWN(mem_free) char *words = cli_closing_words(account);
	if (words != NULL)
		(void)printf("\n! %s\n", words);
	return 0;
}

static int
run(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(mem_free) char *dir = NULL;
	OWN(status_free) struct status t = { .cli = cli };
	OWN(buf_free) struct buf address = { 0 };
	struct err ignored;

	(void)options;
	dir = cli_home(cli);
	if (visit_there(dir))
		return visitor(cli, dir, e);
	if (load(&t, e) < 0 || look_around(&t, e) < 0)
		return -1;
	buf_printf(&address, "%s@%s", t.self->name, t.self->host);
	if (cli->line.json)
		show_json(&t, buf_text(&address));
	else
		show_text(&t, buf_text(&address));
	/* What is suspended or read-only still has a status. */
	(void)!self_note_seen(t.self, false, &ignored);
	if (t.worst.code == 0)
		return 0;
	*e = t.worst;
	return -1;
}

const struct cmd cli_status[] = {
	{ "status", "", "account, device, two-factor, storage, last backup",
	    run },
	{ 0 },
};
