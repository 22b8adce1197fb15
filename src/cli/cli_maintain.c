/* SPDX-License-Identifier: ISC */
/* cli_maintain.c: aumbry prune, check, repair. */
#include "cli/cli_drive.h"

#include "backup/prune.h"
#include "backup/verify.h"
#include "base/text.h"
#include "client/self_devices.h"
#include "link/repo_mend.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
print_json(json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(j);
}

static void
print_repack(const struct repack_result *k, bool dry_run)
{
	OWN(mem_free) char *freed = cli_size(k->freed_bytes);

	if (k->packs > 0)
		(void)printf("%llu partly used packs %s, about %s of them "
			     "unused\n",
		    (unsigned long long)k->packs,
		    dry_run ? "would be rewritten" : "rewritten", freed);
}

/* Which backup it is, since when, and what there is to do. */
static void
say_held(const struct cli *cli, const struct cli_repo *r,
    const struct prune_result *p)
{
	OWN(mem_free) char *since = cli_time(p->hold.time_ms);
	OWN(mem_free)
	char *until = cli_time(p->hold.time_ms + PRUNE_GRACE_S * 1000);
	OWN(mem_free) struct self_device *list = NULL;
	const char *name = "";
	size_t n = 0;
	struct err ignored;

	if (r->self != NULL && self_devices(r->self, &list, &n, &ignored) == 0)
		for (size_t i = 0; i < n; i++)
			if (id_equal(&list[i].dev_id, &p->hold.dev_id))
				name = list[i].name;
	OWN(mem_free) char *shown = cli_shown(bytes_str(name));
	cli_say(cli,
	    "A backup of device %s%s%s, since %s, goes on or was cut off: "
	    "nothing is deleted until it ends, or until %s.",
	    shown, name[0] != '\0' ? " " : "", id_short(&p->hold.dev_id).s,
	    since, until);
	if (r->self != NULL &&
	    !id_equal(&p->hold.dev_id, &r->self->writer.dev_id))
		cli_say(cli,
		    "If none goes on, the next backup or prune there ends it, "
		    "or from here: aumbry prune --end-runs");
}

struct pruning {
	const char *grace, *unused;
	bool end_runs, dry_run;
};

static void
print_pruned(const struct prune_result *p)
{
	print_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			     "s:I, s:I, s:I, s:s, s:I}",
	    "packs", (json_int_t)p->packs, "condemned",
	    (json_int_t)p->condemned, "revived", (json_int_t)p->revived,
	    "deleted", (json_int_t)p->deleted, "deleted_bytes",
	    (json_int_t)p->deleted_bytes, "waiting", (json_int_t)p->waiting,
	    "runs", (json_int_t)p->runs, "repacked",
	    (json_int_t)p->repack.packs, "repack_freed_bytes",
	    (json_int_t)p->repack.freed_bytes, "repack_written_bytes",
	    (json_int_t)p->repack.written_bytes, "repack_snapshots",
	    (json_int_t)p->repack.snapshots, "held_by",
	    p->runs > 0 ? id_text(&p->hold.dev_id).s : "", "held_since",
	    (json_int_t)p->hold.time_ms));
}

static int
prune(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct pruning *g = options;
	OWN(cli_repo_free) struct cli_repo r = { .lock = -1 };
	struct prune_options o = { .grace_s = PRUNE_GRACE_S,
		.end_runs = g->end_runs,
		.dry_run = g->dry_run };
	uint64_t percent = PRUNE_MAX_UNUSED;
	struct prune_result p;

	if (g->grace != NULL && text_parse_span(g->grace, &o.grace_s) < 0)
		return err_set(
		    e, ERR_USAGE, "--grace is a span as 14d, not %s", g->grace);
	if (g->unused != NULL &&
	    text_parse_u64(g->unused, 0, 100, &percent) < 0)
		return err_set(e, ERR_USAGE,
		    "--max-unused is 0 to 100 percent, not %s", g->unused);
	o.max_unused = (unsigned)percent;
	cli->frees = true;
	if (cli_repo(cli, &r, e) < 0 || prune_run(r.repo, &o, &p, e) < 0)
		return -1;
	if (p.not_repacked.code != 0)
		cli_say(cli, "aumbry: no pack was rewritten: %s (%s)",
		    p.not_repacked.msg, err_name(p.not_repacked.code));
	if (cli->line.json) {
		print_pruned(&p);
		return 0;
	}
	print_repack(&p.repack, o.dry_run);
	OWN(mem_free) char *freed = cli_size(p.deleted_bytes);
	(void)printf("%llu packs, %llu deleted (%s), %llu unused and waiting\n",
	    (unsigned long long)p.packs, (unsigned long long)p.deleted, freed,
	    (unsigned long long)p.waiting);
	if (p.runs > 0)
		say_held(cli, &r, &p);
	else if (p.waiting > 0)
		cli_say(cli,
		    "What waits is deleted %lld days after it was "
		    "first found unused; --grace 0s does it now.",
		    (long long)(o.grace_s / 86400));
	return 0;
}

static const struct cmd_option prune_options[] = {
	{ "grace", CMD_TEXT, offsetof(struct pruning, grace), "SPAN",
	    "how long what is unused waits before it is deleted; 14d unless "
	    "given" },
	{ "max-unused", CMD_TEXT, offsetof(struct pruning, unused), "PERCENT",
	    "rewrite packs until no more than this of the space is unused" },
	{ "end-runs", CMD_FLAG, offsetof(struct pruning, end_runs), NULL,
	    "count backups that were cut off elsewhere as ended" },
	{ "dry-run", CMD_FLAG, offsetof(struct pruning, dry_run), NULL,
	    "say what would be deleted, and delete nothing" },
};

const struct cmd cli_prune[] = {
	{ "prune", "", "delete what no snapshot needs", prune,
	    CMD_OPTIONS(prune_options, struct pruning) },
	{ 0 },
};

static void
found(void *ctx, const struct snapshot *snap, const struct err *why)
{
	const struct cli *cli = ctx;

	if (cli->line.json) {
		print_json(json_pack("{s:s, s:s, s:s, s:s}", "event",
		    err_exit(why->code) == 6 ? "damage" : "unread", "code",
		    err_name(why->code), "message", why->msg, "snapshot",
		    snap != NULL ? id_text(&snap->id).s : ""));
		return;
	}
	(void)printf("%s%s%s: %s (%s)\n",
	    snap != NULL		   ? "snapshot "
		: err_exit(why->code) == 6 ? "damage"
					   : "unread",
	    snap != NULL ? id_short(&snap->id).s : "", "", why->msg,
	    err_name(why->code));
}

static int
take_percent(const char *read, unsigned *out, struct err *e)
{
	uint64_t percent = 100;

	if (read != NULL && read[0] != '\0' &&
	    text_parse_u64(read, 1, 100, &percent) < 0)
		return err_set(
		    e, ERR_USAGE, "--read=PERCENT is 1 to 100, not %s", read);
	*out = read != NULL ? (unsigned)percent : 0;
	return 0;
}

static int
check(struct cli *cli, const char *read, struct cli_repo *r,
    struct verify_result *v, struct err *e)
{
	struct verify_options o = { .found = found, .ctx = cli };

	if (take_percent(read, &o.read_percent, e) < 0)
		return -1;
	return cli_repo(cli, r, e) < 0 ? -1 : verify_run(r->repo, &o, v, e);
}

static void
summary(const struct cli *cli, const struct verify_result *v)
{
	if (cli->line.json) {
		print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		    "event", "done", "snapshots", (json_int_t)v->snapshots,
		    "packs", (json_int_t)v->packs, "packs_read",
		    (json_int_t)v->packs_read, "damages",
		    (json_int_t)v->damages, "snapshots_damaged",
		    (json_int_t)v->snapshots_damaged, "unneeded",
		    (json_int_t)v->unneeded, "unread", (json_int_t)v->unread));
		return;
	}
	OWN(mem_free) char *bytes = cli_size(v->bytes_read);
	(void)printf("%llu snapshots, %llu packs, %llu of them read (%s): "
		     "%llu damages\n",
	    (unsigned long long)v->snapshots, (unsigned long long)v->packs,
	    (unsigned long long)v->packs_read, bytes,
	    (unsigned long long)v->damages);
	if (v->unneeded > 0)
		cli_say(cli,
		    "%llu packs are recorded and lost; no snapshot needs them. "
		    "aumbry repair takes them out.",
		    (unsigned long long)v->unneeded);
}

/* What could not be read today is told, and nothing is done about it. */
static int
all_read(const struct verify_result *v, struct err *e)
{
	if (v->unread == 0)
		return 0;
	(void)err_set(e, ERR_READ_INCOMPLETE,
	    "%llu packs or snapshots could not be read; nothing is known of "
	    "them",
	    (unsigned long long)v->unread);
	return err_remedy(e,
	    "Give this user the right to read them. When the disk is failing, "
	    "copy what can still be read to another one.");
}

static int
verdict(const struct verify_result *v, struct err *e)
{
	if (v->damages == 0)
		return all_read(v, e);
	return err_set(e,
	    v->snapshots_damaged > 0 ? ERR_SNAPSHOT_DAMAGED : ERR_BLOB_CORRUPT,
	    "%llu damages; %llu of %llu snapshots need what is lost",
	    (unsigned long long)v->damages,
	    (unsigned long long)v->snapshots_damaged,
	    (unsigned long long)v->snapshots);
}

static void
found_in_database(void *ctx, const struct err *why)
{
	found(ctx, NULL, why);
}

typedef int look_fn(
    const char *dir, repo_mend_fn found, void *ctx, uint64_t *n, struct err *e);

/* At the database of a folder, or its log; a server's own check knows its. */
static int
look_at(look_fn *look, struct cli *cli, uint64_t *n, struct err *e)
{
	*n = 0;
	return cli->repo == NULL || !depot_local_there(cli->repo)
	    ? 0
	    : look(cli->repo, found_in_database, cli, n, e);
}

static int
agreed(struct cli *cli, const char *what, const char *question, bool *yes,
    struct err *e)
{
	OWN(buf_free) struct buf answer = { 0 };

	*yes = cli->yes;
	if (*yes)
		return 0;
	if (!isatty(STDIN_FILENO)) {
		(void)err_set(e, ERR_INPUT_MISSING, "%s", what);
		return err_remedy(e, "Add --yes if that is meant.");
	}
	if (cli_line(cli, question, "--yes", &answer, e) < 0)
		return -1;
	*yes = strcmp(buf_text(&answer), "yes") == 0;
	return 0;
}

static int
mend_database(struct cli *cli, struct err *e)
{
	struct repo_mend_result m;
	uint64_t n;
	bool yes;

	if (look_at(repo_mend_look, cli, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	if (agreed(cli,
		"repair makes the database of the folder anew, from the log "
		"and the packs beside it",
		"Make the database anew? (yes/no)", &yes, e) < 0)
		return -1;
	if (!yes)
		return err_set(e, ERR_INPUT_MISSING, "nothing was changed");
	if (repo_mend(cli->repo, &m, e) < 0)
		return -1;
	if (cli->line.json)
		print_json(
		    json_pack("{s:s, s:I, s:I}", "event", "database", "packs",
			(json_int_t)m.blobs, "log_damages", (json_int_t)m.bad));
	cli_say(cli,
	    "The database is made anew, with %llu packs; the damaged one is "
	    "repo.db.damaged.",
	    (unsigned long long)m.blobs);
	if (m.bad > 0)
		cli_say(cli, "%llu places of the log are damaged.",
		    (unsigned long long)m.bad);
	return 0;
}

/* From a database that is whole: that is seen to first. */
static int
mend_log(struct cli *cli, struct err *e)
{
	uint64_t n;

	if (look_at(repo_mend_look_log, cli, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	if (repo_mend_log(cli->repo, e) < 0)
		return -1;
	if (cli->line.json)
		print_json(json_pack("{s:s}", "event", "log"));
	cli_say(cli, "The log beside the database is written anew.");
	return 0;
}

struct checking {
	const char *read;
};

/* *drive: there is one to be checked, too. */
static int
check_backups(
    struct cli *cli, const struct checking *o, bool *drive, struct err *e)
{
	OWN(cli_repo_free) struct cli_repo r = { .lock = -1 };
	OWN(verify_result_free) struct verify_result v = { 0 };
	uint64_t n, in_log;

	cli->reads = true;
	if (look_at(repo_mend_look, cli, &n, e) < 0 ||
	    look_at(repo_mend_look_log, cli, &in_log, e) < 0 ||
	    check(cli, o->read, &r, &v, e) < 0)
		return -1;
	*drive = r.self != NULL && !id_zero(&r.self->zones[CATEGORY_DRIVE]);
	v.damages += n + in_log;
	summary(cli, &v);
	if (n > 0 && v.snapshots_damaged == 0) {
		(void)err_set(e, ERR_STATE_DAMAGED,
		    "the database of the folder is damaged");
		return depot_local_damaged(cli->repo, e);
	}
	if (in_log > 0 && v.damages == in_log) {
		(void)err_set(e, ERR_STATE_DAMAGED,
		    "the log beside the database is damaged");
		return err_remedy(e,
		    "Run: aumbry repair --repo %s   It writes the log anew "
		    "from "
		    "the database.",
		    cli->repo);
	}
	return verdict(&v, e);
}

/* What is wrong with backups says nothing of the Drive: both are looked at. */
static int
check_all(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct checking *o = options;
	bool drive = false;
	unsigned percent;
	struct err why;

	int rc = check_backups(cli, o, &drive, e);
	if (!drive)
		return rc;
	if (take_percent(o->read, &percent, &why) < 0 ||
	    cli_check_drive(cli, percent, &why) < 0) {
		if (rc < 0)
			cli_say(
			    cli, "aumbry: %s (%s)", e->msg, err_name(e->code));
		*e = why;
		return -1;
	}
	return rc;
}

#define READ_OPTION(type) \
	{ \
		"read", CMD_MAYBE, offsetof(type, read), "PERCENT", \
		    "read and open what is stored, or that much of it" \
	}
static const struct cmd_option check_options[] = {
	READ_OPTION(struct checking),
};

const struct cmd cli_check[] = {
	{ "check", "", "are all snapshots there and whole?", check_all,
	    CMD_OPTIONS(check_options, struct checking) },
	{ 0 },
};

struct repairing {
	const char *read;
	bool heal;
};

static int
repair(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct repairing *o = options;
	OWN(cli_repo_free) struct cli_repo r = { .lock = -1 };
	OWN(verify_result_free) struct verify_result v = { 0 };
	bool yes;

	cli->frees = true;
	if (mend_database(cli, e) < 0 || mend_log(cli, e) < 0 ||
	    (o->heal && cli_heal(cli, e) < 0) ||
	    check(cli, o->read, &r, &v, e) < 0)
		return -1;
	summary(cli, &v);
	/* Of snapshots that lack content nothing more can be taken out. */
	if (v.bad.n + v.unreadable.n == 0)
		return v.damages == v.snapshots_damaged ? all_read(&v, e)
							: verdict(&v, e);
	if (agreed(cli,
		"repair takes the lost packs out of the index, and snapshots "
		"that say nothing; what is still on disk is stored again by "
		"the next backup",
		"Take out what is lost? (yes/no)", &yes, e) < 0)
		return -1;
	if (!yes)
		return 0;
	if (verify_repair(r.repo, &v, e) < 0)
		return -1;
	if (cli->line.json)
		print_json(json_pack("{s:s, s:I, s:I}", "event", "repaired",
		    "packs", (json_int_t)(v.bad.n / (1 + ID_BYTES)),
		    "snapshots", (json_int_t)(v.unreadable.n / ID_BYTES)));
	if (v.unreadable.n > 0)
		cli_say(cli, "%zu snapshots that say nothing are forgotten.",
		    v.unreadable.n / ID_BYTES);
	if (v.bad.n > 0)
		cli_say(cli,
		    "%zu packs are out of the index. Back up again from "
		    "where the files are: what is there is stored again.",
		    v.bad.n / (1 + ID_BYTES));
	return all_read(&v, e);
}

static const struct cmd_option repair_options[] = {
	READ_OPTION(struct repairing),
	{ "after-server-restore", CMD_FLAG, offsetof(struct repairing, heal),
	    NULL,
	    "give the server back what it lost when a copy of it was put "
	    "back" },
};

const struct cmd cli_repair[] = {
	{ "repair", "", "take what is lost out of the index, keep all else",
	    repair, CMD_OPTIONS(repair_options, struct repairing) },
	{ 0 },
};
