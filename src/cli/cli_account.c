/* SPDX-License-Identifier: ISC */
/* cli_account.c: signup, signout, step-up, password, log. */
#include "cli/cli.h"
#include "cli/cli_schedule.h"

#include "client/adopt.h"
#include "client/self_password.h"
#include "client/self_remove.h"
#include "client/self_signup.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct signup {
	const char *invite, *device_name, *protection;
	bool no_two_factor;
};

static int
protection_of(const char *text, struct self_signup *a, struct err *e)
{
	if (text == NULL)
		return 0;
	if (strcmp(text, "standard") == 0)
		a->protection = PROTECTION_STANDARD;
	else if (strcmp(text, "advanced") == 0)
		a->protection = PROTECTION_ADVANCED;
	else
		return err_set(e, ERR_USAGE,
		    "--protection is standard or advanced, not %s", text);
	return 0;
}

static int
signup(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct signup *o = options;
	OWN(mem_free) char *dir = cli_home(cli);
	OWN(secret_free) struct secret *password = NULL;
	OWN(buf_free) struct buf url = { 0 };
	struct self_signup a = { .dir = dir,
		.name = cli->line.args[1],
		.invite = o->invite,
		.no_two_factor = o->no_two_factor };

	if (cli_device_name(cli, o->device_name, &a.device_name, e) < 0 ||
	    protection_of(o->protection, &a, e) < 0)
		return -1;
	if (home_has_key(dir) && !self_founding(dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", dir);
	if (remote_find(cli->line.args[0], &url, e) < 0 ||
	    cli_new_password(cli, "New password", &password, e) < 0)
		return -1;
	a.url = buf_text(&url);
	a.password = secret_bytes(password);
	if (self_signup(&a, e) < 0)
		return -1;
	cli_say(
	    cli, "%s has an account, and this device is its first.", a.name);
	if (!a.no_two_factor)
		cli_say(cli,
		    "Two-factor is not on yet. "
		    "Next: aumbry authenticator add");
	return 0;
}

static const struct cmd_option signup_options[] = {
	{ "invite", CMD_TEXT, offsetof(struct signup, invite), "CODE",
	    "the invitation, where the server wants one" },
	{ "device-name", CMD_TEXT, offsetof(struct signup, device_name), "NAME",
	    "what this device is called; else as the machine is" },
	{ "protection", CMD_TEXT, offsetof(struct signup, protection),
	    "standard|advanced",
	    "standard: the operator can help you back in; advanced: nobody but "
	    "your devices holds a key" },
	{ "no-two-factor", CMD_FLAG, offsetof(struct signup, no_two_factor),
	    NULL, "leave two-factor off: no backup until it is on" },
};

const struct cmd cli_signup[] = {
	{ "signup", "URL NAME", "make an account on a server", signup,
	    CMD_OPTIONS(signup_options, struct signup),
	    "URL is the line that aumbryd init printed, with its pin, in "
	    "quotes." },
	{ 0 },
};

static int
last_device(struct err *e)
{
	(void)err_set(e, ERR_INPUT_MISSING,
	    "this is the account's only device: without its keys nobody can "
	    "read the data any more");
	return err_remedy(e,
	    "Let another device in first (there: aumbry signin; here: aumbry "
	    "device approve), or add --yes if that is meant.");
}

/* Keys that cannot speak, or that only the server calls removed. */
static int
maybe_last(const struct err *why, bool here, struct err *e)
{
	(void)err_set(e, ERR_INPUT_MISSING,
	    "this may be the account's only device, without whose keys nobody "
	    "can read the data any more; it cannot tell, for %s",
	    why->msg);
	return err_remedy(e,
	    here ? "Add --yes if another device, a security key or a recovery "
		   "key opens the account."
		 : "To go on as this device: aumbry device adopt. To erase its "
		   "keys although they may be the last: add --yes.");
}

/* The device leaves the circle if it can, and its home in any case. */
static int
leave(const struct cli *cli, const char *dir, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	struct err why = { 0 };
	bool here = true;

	/* A copy, or one with a damaged memory, cannot speak for the device. */
	bool opened = adopt_look(dir, &here, &s, &why) == 0;
	if (opened && !here)
		(void)err_set(&why, ERR_DEVICE_COPIED,
		    "its keys were made under another /etc/machine-id");
	bool reached = opened && here && self_connect(s, &why) == 0 &&
	    self_refresh(s, &why) == 0;
	bool others = opened && circle_active_count(&s->circle) > 1;
	if (reached && others) {
		if (self_leave(s, &why) == 0)
			return 0;
		/* Did the others leave meanwhile? */
		others = circle_active_count(&s->circle) > 1;
	}
	bool removed = !reached && why.code == ERR_DEVICE_REMOVED;
	if (!others && !cli->yes)
		return opened && here && !removed ? last_device(e)
						  : maybe_last(&why, here, e);
	if (removed || (reached && !others))
		return 0;
	cli_say(cli,
	    "The account still lists this device: %s (%s).\n"
	    "On another device, run: aumbry device remove",
	    why.msg, err_name(why.code));
	return 0;
}

/* No keys are lost: nothing to ask about. */
static int
end_visit(const char *dir, struct err *e)
{
	OWN(visit_free) struct visit *v = NULL;
	struct err over;

	if (visit_open(dir, &v, &over) == 0 &&
	    control_call(
		v->remote, "DELETE", "/v1/session", NULL, NULL, &over) < 0 &&
	    over.code != ERR_SESSION_EXPIRED) {
		*e = over;
		return -1;
	}
	return home_erase(dir, e);
}

struct signout {
	bool erase;
};

static int
signout(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct signout *o = options;
	OWN(mem_free) char *dir = cli_home(cli);

	if (visit_there(dir))
		return end_visit(dir, e);
	if (!home_has_key(dir))
		return err_set(
		    e, ERR_NOT_SIGNED_IN, "no account is signed in at %s", dir);
	if (!o->erase && !cli->yes) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "signing out forgets this device's keys: to come back it "
		    "must be let in again");
		return err_remedy(
		    e, "Add --erase (or --yes) if that is meant.");
	}
	if (self_founding(dir) && !cli->yes) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "a sign-up was cut off here: the account may have been "
		    "made, and these are its only keys");
		return err_remedy(e,
		    "Go on with it: aumbry status   or add --yes to forget the "
		    "keys.");
	}
	/* Nothing is told to the server: that could make the account yet. */
	if ((!self_founding(dir) && leave(cli, dir, e) < 0) ||
	    home_erase(dir, e) < 0)
		return -1;
	cli_schedule_left(cli);
	return 0;
}

static const struct cmd_option signout_options[] = {
	{ "erase", CMD_FLAG, offsetof(struct signout, erase), NULL,
	    "yes: forget this device's keys" },
};

const struct cmd cli_signout[] = {
	{ "signout", "", "forget the account on this device", signout,
	    CMD_OPTIONS(signout_options, struct signout) },
	{ 0 },
};

/* ---- step-up, password ---- */

static int
step_up(void *line, const void *options, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	const struct cli_proving *o = options;

	return cli_account(line, &a, e) < 0
	    ? -1
	    : cli_prove(line, a.remote, &o->proof, e);
}

const struct cmd cli_step_up[] = {
	{ "step-up", "",
	    "prove the password, and a factor, for the next 5 minutes", step_up,
	    CLI_PROVING },
	{ 0 },
};

struct new_password {
	struct cli_proof proof;
	const char *file;
};

static int
change_password(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct new_password *o = options;
	OWN(self_free) struct self *s = NULL;
	OWN(secret_free) struct secret *old = NULL;
	OWN(secret_free) struct secret *fresh = NULL;
	struct cli second = *cli;

	if (o->file != NULL)
		second.password_file = o->file;
	else if (cli->password_file != NULL) {
		(void)err_set(
		    e, ERR_INPUT_MISSING, "the new password is needed");
		return err_remedy(e, "Add: --new-password-file FILE");
	}
	if (cli_self(cli, &s, e) < 0 ||
	    cli_password(cli, "Old password", false, &old, e) < 0 ||
	    cli_new_password(&second, "New password", &fresh, e) < 0)
		return -1;
	struct prove prove = cli_asking(cli, &o->proof);
	bool already;
	if (self_change_password(s, secret_bytes(old), secret_bytes(fresh),
		&prove, &already, e) < 0)
		return -1;
	cli_say(cli, "%s",
	    already ? "The password was changed already: the new one is in "
		      "force."
		    : "The password is changed.");
	return 0;
}

static const struct cmd_option change_options[] = {
	{ "new-password-file", CMD_TEXT, offsetof(struct new_password, file),
	    "FILE", "read the new password from its first line" },
	CLI_PROOF(struct new_password, proof),
};

const struct cmd cli_password_change[] = {
	{ "password change", "", "change the account's password",
	    change_password, CMD_OPTIONS(change_options, struct new_password) },
	{ 0 },
};
