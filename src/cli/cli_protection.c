/* SPDX-License-Identifier: ISC */
/* cli_protection.c: aumbry protection: who can help back in, and who not. */
#include "cli/cli_drive.h"

#include "backup/prune.h"
#include "client/protection.h"
#include "client/self_zones.h"
#include "drive/tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- show ---- */

static void
print_categories(bool standard)
{
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		(void)printf("%-12s %s\n", category_name((enum category)c),
		    category_escrowed((enum category)c) && standard
			? "your devices, and the escrow"
			: "your devices alone");
}

static json_t *
category_json(bool standard)
{
	json_t *all = json_object();

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		jsonio_put_text(all, category_name((enum category)c),
		    category_escrowed((enum category)c) && standard
			? "devices+escrow"
			: "devices");
	return all;
}

static int
show(struct cli *cli, struct self *s, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	bool standard = s->circle.protection == PROTECTION_STANDARD;

	if (control_call(s->remote, "GET", "/v1/protection", NULL, &answer, e) <
	    0)
		return -1;
	bool waits = jsonio_true(answer, "escrow_waits");
	if (cli->line.json) {
		cli_print_json(json_pack("{s:s, s:b, s:I, s:b, s:b, s:o}",
		    "level", standard ? "standard" : "advanced", "web_access",
		    s->circle.web_access != 0, "clock",
		    (json_int_t)s->circle.protection_clock, "escrow_waits",
		    waits, "keys_due", s->circle.epoch_due, "categories",
		    category_json(standard)));
		return 0;
	}
	(void)printf("protection   %s\nweb access   %s\n",
	    standard ? "standard" : "advanced",
	    s->circle.web_access != 0 ? "on" : "off");
	print_categories(standard);
	if (waits)
		cli_say(cli,
		    standard
			? "The escrow is still to be told; the server goes on "
			  "trying."
			: "The escrow is still to be told that its key ends; "
			  "the server goes on trying.\nWhat is written from "
			  "now on is closed to it already.");
	if (s->circle.epoch_due)
		cli_say(cli,
		    "New keys are due: a mature device makes them at "
		    "its next command.");
	return 0;
}

/* ---- standard ---- */

struct opening {
	struct self *self;
	struct prove prove;
};

/* The password is proven here, for its release key goes to the escrow. */
static int
open_with(void *ctx, struct bytes password, struct err *e)
{
	const struct opening *o = ctx;
	struct self *s = o->self;
	OWN(login_free) struct login l = { .known = NULL };

	return login_step_up(s->remote, password, &o->prove, &l, e) < 0
	    ? -1
	    : protection_standard(s, &l, NULL, e);
}

static int
standard(
    struct cli *cli, struct self *s, const struct cli_proof *p, struct err *e)
{
	struct opening o = { s, cli_asking(cli, p) };

	if (s->circle.protection == PROTECTION_STANDARD &&
	    !protection_unfinished(s)) {
		cli_say(cli, "Protection is standard already.");
		return 0;
	}
	if (cli_with_password(cli, "Password", open_with, &o, e) < 0)
		return -1;
	cli_say(cli,
	    "Protection is standard: with your password and a second factor, "
	    "or the operator's help,\nyou get backups, drive, photos and notes "
	    "back without a device. Each use of that is in\naumbry log. "
	    "Keychain, messages and health stay closed to everybody else.");
	return 0;
}

/* ---- advanced ---- */

static int
close_it(void *ctx, struct err *e)
{
	return protection_advanced(ctx, e);
}

static int
advanced(
    struct cli *cli, struct self *s, const struct cli_proof *p, struct err *e)
{
	if (s->circle.protection == PROTECTION_ADVANCED) {
		cli_say(cli, "Protection is advanced already.");
		return 0;
	}
	if (cli_stepped(cli, s->remote, p, close_it, s, e) < 0)
		return -1;
	cli_say(cli,
	    "Protection is advanced: nobody but your devices, security keys "
	    "and ways to recover opens\nyour data. The escrow's key ends, and "
	    "what is written from now on is under keys it never had.\nWho runs "
	    "the server can help you no more: keep the recovery key.");
	return 0;
}

/* ---- web access ---- */

struct web {
	struct self *self;
	bool on;
};

static int
set_web(void *ctx, struct err *e)
{
	const struct web *w = ctx;

	return protection_web_access(w->self, w->on, e);
}

static int
web_access(struct cli *cli, struct self *s, bool on, const struct cli_proof *p,
    struct err *e)
{
	struct web w = { s, on };

	if ((s->circle.web_access != 0) == on) {
		cli_say(cli, "Web access is %s already.", on ? "on" : "off");
		return 0;
	}
	if (cli_stepped(cli, s->remote, p, set_web, &w, e) < 0)
		return -1;
	cli_say(cli, "Web access is %s.", on ? "on" : "off");
	return 0;
}

/* ---- old packs ---- */

/* The first epoch that the escrow never had a key of; 0: there is none. */
static uint32_t
closed_since(const struct circle *c)
{
	for (uint32_t n = 1; n <= c->key.epoch; n++)
		if (c->epochs[n - 1].seq > c->protection_seq)
			return n;
	return 0;
}

/*
 * A server that only says that the escrow's key is gone can still open what was
 * sealed to it: so what it covered is sealed anew. It is prune's rewriting, and
 * as safe beside backups; cut off, it is gone on with.
 */
/* The Drive's share of it: what there is, if anything. */
static int
reencrypt_drive(struct cli *cli, uint32_t before, bool dry_run, struct err *e)
{
	OWN(cli_tree_free) struct cli_tree t = { 0 };
	struct tidy_resealed r;

	if (cli_tree_open(cli, &t, e) < 0 ||
	    tidy_reseal(t.edit, before, dry_run, &r, e) < 0)
		return err_in(e, "the drive");
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:I, s:I}", "event",
		    "drive", "packs", (json_int_t)r.packs, "written_bytes",
		    (json_int_t)r.written_bytes, "records",
		    (json_int_t)r.records));
	cli_say(cli, "Drive: %llu packs and %llu records %s sealed anew.",
	    (unsigned long long)r.packs, (unsigned long long)r.records,
	    dry_run ? "would be" : "are");
	return 0;
}

/* *before: of all epochs from then on the escrow has no key; 0: no Drive. */
static int
reencrypt_backups(
    struct cli *cli, bool dry_run, uint32_t *before, struct err *e)
{
	OWN(cli_repo_free) struct cli_repo r = { .lock = -1 };
	struct prune_options o = {
		.grace_s = 0, .max_unused = 100, .dry_run = dry_run
	};
	struct prune_result p, gone = { 0 };

	if (cli_repo(cli, &r, e) < 0)
		return -1;
	if (r.self == NULL || r.self->circle.protection_clock == 0 ||
	    r.self->circle.protection != PROTECTION_ADVANCED)
		return err_set(e, ERR_PROTECTION_BLOCKED,
		    "there is nothing to encrypt anew: that is for an account "
		    "that was under standard protection and is under advanced");
	o.before_epoch = closed_since(&r.self->circle);
	if (o.before_epoch == 0)
		return err_set(e, ERR_PROTECTION_BLOCKED,
		    "the new keys are still to be made, by a mature device");
	if (!id_zero(&r.self->zones[CATEGORY_DRIVE]))
		*before = o.before_epoch;
	cli_say(cli, "Old packs are read, and sealed under the new keys …");
	if (prune_run(r.repo, &o, &p, e) < 0)
		return -1;
	if (p.not_repacked.code != 0) {
		*e = p.not_repacked;
		return -1;
	}
	/* Without the old ones, or the next backup would name them again. */
	o.before_epoch = 0;
	if (!dry_run && p.repack.packs > 0 &&
	    prune_run(r.repo, &o, &gone, e) < 0)
		return -1;
	if (cli->line.json)
		cli_print_json(json_pack("{s:I, s:I, s:I, s:I, s:I}", "packs",
		    (json_int_t)p.repack.packs, "written_bytes",
		    (json_int_t)p.repack.written_bytes, "snapshots",
		    (json_int_t)p.repack.snapshots, "deleted",
		    (json_int_t)p.deleted + (json_int_t)gone.deleted, "runs",
		    (json_int_t)p.runs));
	OWN(mem_free) char *size = cli_size(p.repack.written_bytes);
	cli_say(cli,
	    p.runs > 0 ? "A backup is running: try again when it has ended."
		: p.repack.packs == 0
		? "No pack is under a key that the escrow had."
		: dry_run
		? "%llu packs would be sealed anew."
		: "%llu packs are sealed anew (%s), for %llu snapshots, and "
		  "the old ones are deleted.",
	    (unsigned long long)p.repack.packs, size,
	    (unsigned long long)p.repack.snapshots);
	return 0;
}

static int
reencrypt(struct cli *cli, bool dry_run, struct err *e)
{
	uint32_t before = 0;

	if (reencrypt_backups(cli, dry_run, &before, e) < 0)
		return -1;
	return before == 0 ? 0 : reencrypt_drive(cli, before, dry_run, e);
}

struct changing {
	struct cli_proof proof;
	bool dry_run;
};

/* With the state of the account, which every verb but one needs. */
static int
open_account(struct cli *cli, struct self **s, struct err *e)
{
	return cli_self(cli, s, e) < 0 || self_state(*s, e) < 0 ? -1 : 0;
}

static int
level_show(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return open_account(line, &s, e) < 0 ? -1 : show(line, s, e);
}

static int
level_standard(void *line, const void *options, struct err *e)
{
	const struct changing *o = options;
	OWN(self_free) struct self *s = NULL;

	return open_account(line, &s, e) < 0 ? -1
					     : standard(line, s, &o->proof, e);
}

static int
level_advanced(void *line, const void *options, struct err *e)
{
	const struct changing *o = options;
	OWN(self_free) struct self *s = NULL;

	return open_account(line, &s, e) < 0 ? -1
					     : advanced(line, s, &o->proof, e);
}

static int
level_reencrypt(void *line, const void *options, struct err *e)
{
	const struct changing *o = options;

	return reencrypt(line, o->dry_run, e);
}

static int
level_web(void *line, const void *options, struct err *e)
{
	const struct cli *cli = line;
	const struct changing *o = options;
	OWN(self_free) struct self *s = NULL;
	bool on = strcmp(cli->line.args[0], "on") == 0;

	if (!on && strcmp(cli->line.args[0], "off") != 0)
		return err_set(e, ERR_USAGE, "web access is on or off, not %s",
		    cli->line.args[0]);
	return open_account(line, &s, e) < 0
	    ? -1
	    : web_access(line, s, on, &o->proof, e);
}

static const struct cmd_option level_options[] = {
	CLI_PROOF(struct changing, proof),
};
static const struct cmd_option reencrypt_options[] = {
	{ "dry-run", CMD_FLAG, offsetof(struct changing, dry_run), NULL,
	    "say how much there is, and change nothing" },
};

const struct cmd cli_protection[] = {
	{ "protection", "", NULL, level_show },
	{ "protection show", "", "the level, and who holds which keys",
	    level_show },
	{ "protection standard", "", "the operator can help you back in",
	    level_standard, CMD_OPTIONS(level_options, struct changing) },
	{ "protection advanced", "",
	    "nobody but your devices holds a key: needs two-factor, and a way "
	    "to recover that was tried",
	    level_advanced, CMD_OPTIONS(level_options, struct changing) },
	{ "protection reencrypt", "",
	    "store again what older keys can open, under new ones",
	    level_reencrypt, CMD_OPTIONS(reencrypt_options, struct changing) },
	{ "protection web", "on|off",
	    "may a browser that signs in by a code read for an hour?",
	    level_web, CMD_OPTIONS(level_options, struct changing) },
	{ 0 },
};
