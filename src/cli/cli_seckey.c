/* SPDX-License-Identifier: ISC */
/* cli_seckey.c: aumbry security-key, and how commands reach a key. */
#include "cli/cli.h"

#include "client/seckey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS "/v1/security-keys"

/* ---- reaching a key ---- */

/* ---- list ---- */

static void
print_key(const json_t *k)
{
	const char *name = "";
	uint64_t added = 0, used = 0;
	struct err ignored;

	(void)!jsonio_text(k, "name", &name, &ignored);
	(void)!jsonio_u64(k, "added_ms", &added, &ignored);
	(void)!jsonio_u64(k, "used_ms", &used, &ignored);
	OWN(mem_free) char *shown = cli_shown(bytes_str(name));
	OWN(mem_free) char *made = cli_time(added);
	OWN(mem_free) char *last = cli_time(used);
	(void)printf("%-20s added %s, ", shown, made);
	if (used != 0)
		(void)printf("last used %s", last);
	else
		(void)printf("never used");
	if (json_object_get(k, "member") != NULL)
		(void)printf(", opens the data");
	if (jsonio_true(k, "blocked"))
		(void)printf(", BLOCKED: a copy may exist");
	(void)putchar('\n');
}

static int
list(struct cli *cli, struct remote *r, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(r, "GET", KEYS, NULL, &answer, e) < 0)
		return -1;
	if (cli->line.json) {
		cli_print_json(json_incref(answer));
		return 0;
	}
	const json_t *keys = json_object_get(answer, "keys");
	for (size_t i = 0; i < json_array_size(keys); i++)
		print_key(json_array_get(keys, i));
	cli_say(cli,
	    jsonio_true(answer, "on")
		? "They are in force: no code is accepted."
		: "They are not in force: that takes two.");
	return 0;
}

/* ---- add ---- */

/* "key 1", "key 2": the first that is free. */
static int
free_name(struct remote *r, struct buf *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(r, "GET", KEYS, NULL, &answer, e) < 0)
		return -1;
	const json_t *keys = json_object_get(answer, "keys");
	for (unsigned n = 1;; n++) {
		bool taken = false;
		buf_clear(out);
		buf_printf(out, "key %u", n);
		for (size_t i = 0; i < json_array_size(keys); i++) {
			const char *s = json_string_value(
			    json_object_get(json_array_get(keys, i), "name"));
			taken |= s != NULL && strcmp(s, buf_text(out)) == 0;
		}
		if (!taken)
			return 0;
	}
}

static void
say_added(const struct cli *cli, const struct seckey_added *x, const char *name)
{
	cli_say(cli, "The security key \"%s\" is added.", name);
	if (x->member)
		cli_say(cli,
		    "With the password it opens all data on a new device: "
		    "aumbry signin URL NAME --with key");
	else
		cli_say(cli,
		    "It is a second factor only, and opens no data: %s.",
		    x->why.msg);
	if (x->on)
		cli_say(cli,
		    "The account has %u keys: from now on no code is accepted.",
		    (unsigned)x->keys);
	else
		cli_say(cli,
		    "It counts once there is a second: aumbry security-key "
		    "add");
}

static int
add(struct cli *cli, struct cli_account *a, const struct cli_proof *p,
    const char *name, struct err *e)
{
	OWN(jsonio_free) json_t *start = NULL;
	OWN(buf_free) struct buf made = { 0 };
	struct fido_ask ask = cli_key(cli);
	struct seckey_new n = {
		.remote = a->remote, .self = a->self, .ask = &ask
	};
	struct seckey_added added;

	if (name == NULL && free_name(a->remote, &made, e) < 0)
		return -1;
	n.name = cli_name(cli, name != NULL ? name : buf_text(&made));
	if (cli_check_name(n.name, e) < 0 ||
	    cli_stepped_call(cli,
		&(struct cli_call){
		    a->remote, "POST", KEYS "/start", NULL, &start },
		p, e) < 0)
		return -1;
	n.start = start;
	if (seckey_add(&n, &added, e) < 0)
		return -1;
	say_added(cli, &added, n.name);
	if (cli->line.json)
		cli_print_json(json_pack("{s:s, s:I, s:b, s:b}", "name", n.name,
		    "keys", (json_int_t)added.keys, "on", added.on, "member",
		    added.member));
	if (a->self == NULL || seckey_settle(a->remote, a->self, e) == 0)
		return 0;
	if (e->code != ERR_DEVICE_TOO_YOUNG)
		return -1;
	cli_say(cli,
	    "The list of devices does not say so yet, for this device is too "
	    "young.");
	return 0;
}

/* ---- remove ---- */

static int
drop(struct cli *cli, struct cli_account *a, const struct cli_proof *p,
    const char *name, struct err *e)
{
	OWN(jsonio_free) json_t *dry = json_object();
	OWN(jsonio_free) json_t *may = NULL;
	bool on = false;

	if (name != NULL)
		jsonio_put_text(dry, "name", name);
	else
		jsonio_put_true(dry, "all", true);
	jsonio_put_true(dry, "dry_run", true);
	/* So that what follows has its step-up. */
	if (cli_stepped_call(cli,
		&(struct cli_call){
		    a->remote, "POST", KEYS "/remove", dry, &may },
		p, e) < 0 ||
	    seckey_drop(a->remote, a->self, name, &on, e) < 0)
		return -1;
	if (name != NULL)
		cli_say(cli, "The security key \"%s\" is removed.", name);
	else
		cli_say(cli,
		    on ? "All security keys are removed: codes are accepted "
			 "again."
		       : "All security keys are removed.");
	return 0;
}

/* ---- its PIN ---- */

static int
new_pin(struct cli *cli, const char *file, struct err *e)
{
	OWN(secret_free) struct secret *old = NULL;
	OWN(secret_free) struct secret *fresh = NULL;
	struct cli with = *cli;
	bool has = false;

	with.password_file = file;
	if (fido_has_pin(cli->device, &has, e) < 0 ||
	    (has && cli_ask_pin(cli, &old, e) < 0))
		return -1;
	if (cli_secret(&with, "New PIN of the security key", true, &fresh, e) <
	    0)
		return e->code == ERR_INPUT_MISSING && file == NULL
		    ? err_remedy(e, "Add: --new-pin-file FILE")
		    : -1;
	if (fido_set_pin(cli->device, old, fresh, e) < 0)
		return -1;
	cli_say(cli, "The security key has its PIN.");
	return 0;
}

struct adding {
	struct cli_proof proof;
	const char *name;
};

struct removing {
	struct cli_proof proof;
	bool all;
};

struct pinning {
	const char *file;
};

/* And what was cut off is finished; without a step-up another time. */
static int
open_account(struct cli *cli, struct cli_account *a, struct err *e)
{
	struct err later;

	if (cli_account(cli, a, e) < 0)
		return -1;
	if (a->self != NULL)
		(void)!seckey_settle(a->remote, a->self, &later);
	return 0;
}

static int
key_add(void *line, const void *options, struct err *e)
{
	const struct adding *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	return open_account(line, &a, e) < 0
	    ? -1
	    : add(line, &a, &o->proof, o->name, e);
}

static int
key_list(void *line, const void *options, struct err *e)
{
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	(void)options;
	return open_account(line, &a, e) < 0 ? -1 : list(line, a.remote, e);
}

static int
key_remove(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct removing *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };

	if (o->all == (cli->line.n_args > 0))
		return err_set(e, ERR_USAGE, "remove one, or --all");
	return open_account(cli, &a, e) < 0
	    ? -1
	    : drop(cli, &a, &o->proof,
		  o->all ? NULL : cli_name(cli, cli->line.args[0]), e);
}

static int
key_pin(void *line, const void *options, struct err *e)
{
	const struct pinning *o = options;

	return new_pin(line, o->file, e);
}

static const struct cmd_option add_options[] = {
	{ "name", CMD_TEXT, offsetof(struct adding, name), "NAME",
	    "what the key is called" },
	CLI_PROOF(struct adding, proof),
};
static const struct cmd_option remove_options[] = {
	{ "all", CMD_FLAG, offsetof(struct removing, all), NULL,
	    "every one: codes count again then" },
	CLI_PROOF(struct removing, proof),
};
static const struct cmd_option pin_options[] = {
	{ "new-pin-file", CMD_TEXT, offsetof(struct pinning, file), "FILE",
	    "read the new PIN from its first line" },
};

const struct cmd cli_security_key[] = {
	{ "security-key list", "", "which there are", key_list },
	{ "security-key add", "",
	    "add the one that is plugged in; from the second on, they take "
	    "the place of every code",
	    key_add, CMD_OPTIONS(add_options, struct adding) },
	{ "security-key remove", "[NAME]", "take one away, or all", key_remove,
	    CMD_OPTIONS(remove_options, struct removing) },
	{ "security-key pin", "", "give a key its PIN, or another one", key_pin,
	    CMD_OPTIONS(pin_options, struct pinning) },
	{ 0 },
};
