/* SPDX-License-Identifier: ISC */
/* cli_device.c: aumbry device. */
#include "cli/cli.h"

#include "base/stop.h"
#include "client/adopt.h"
#include "client/self_devices.h"
#include "client/self_remove.h"
#include "client/self_zones.h"
#include "join/pair.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- list ---- */

static int
list(struct cli *cli, struct self *s, struct err *e)
{
	OWN(mem_free) struct self_device *d = NULL;
	size_t n;

	if (self_devices(s, &d, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!d[i].active)
			continue;
		OWN(mem_free) char *when = cli_time(d[i].added_ms);
		OWN(mem_free) char *name = cli_shown(bytes_str(d[i].name));
		if (cli->line.json) {
			json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:b}", "id",
			    id_text(&d[i].dev_id).s, "name", d[i].name, "class",
			    circle_class_name(d[i].class), "added_ms",
			    (json_int_t)d[i].added_ms, "this",
			    d[i].self ? 1 : 0);
			(void)json_dumpf(j, stdout, JSON_COMPACT);
			(void)putchar('\n');
			json_decref(j);
			continue;
		}
		(void)printf("%s  %-20s %-10s since %s%s\n",
		    id_short(&d[i].dev_id).s, name[0] != '\0' ? name : "?",
		    circle_class_name(d[i].class), when,
		    d[i].self ? "  (this device)" : "");
	}
	return 0;
}

/* ---- requests ---- */

struct approval {
	bool print_code;
	const char *timeout;
};

void
cli_print_request(const struct cli *cli, const struct pair_request *r)
{
	OWN(mem_free) char *when = cli_time(r->created_ms);
	OWN(mem_free) char *os = cli_shown(bytes_str(r->os));
	OWN(mem_free) char *from = cli_from(r->address, r->place);

	if (cli->line.json) {
		json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I}", "id",
		    id_text(&r->join).s, "class",
		    circle_class_name(r->device.class), "os", r->os, "address",
		    r->address, "time", (json_int_t)r->created_ms);
		if (r->place[0] != '\0')
			jsonio_put_text(j, "place", r->place);
		(void)json_dumpf(j, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(j);
		return;
	}
	(void)printf("%s  %s  %s, %s, from %s%s\n", id_short(&r->join).s, when,
	    circle_class_name(r->device.class), os, from,
	    r->here ? "  (this machine)" : "");
}

static int
choose_one(const struct pair_requests *all, const char *id,
    const struct pair_request **out, struct err *e)
{
	size_t found = 0;

	for (size_t i = 0; i < all->n; i++)
		if (id == NULL || id_begins(&all->list[i].join, id)) {
			*out = &all->list[i];
			found++;
		}
	if (found > 1)
		return err_set(e, ERR_AMBIGUOUS_REQUEST,
		    id == NULL ? "%zu devices ask to join"
			       : "%zu requests begin so; give more digits",
		    found);
	if (found == 1)
		return 0;
	OWN(mem_free) char *shown = cli_shown(bytes_str(id));
	(void)err_set(e, ERR_NOT_FOUND, "no request \"%s\" waits", shown);
	return err_remedy(e, "See those that do: aumbry device requests");
}

/*
 * The request that is meant: the one named, else the only one; waits for one.
 */
static int
choose(struct self *s, const char *id, unsigned timeout_s,
    struct pair_requests *all, const struct pair_request **out, struct err *e)
{
	for (unsigned waited = 0;;) {
		unsigned wait =
		    timeout_s - waited < 25 ? timeout_s - waited : 25;
		if (pair_requests(s, 0, wait, all, e) < 0)
			return -1;
		if (all->n > 0 || id != NULL)
			return choose_one(all, id, out, e);
		pair_requests_free(all);
		waited += wait;
		if (waited >= timeout_s)
			return err_set(e, ERR_CODE_EXPIRED,
			    "no device asked to join within %u seconds",
			    timeout_s);
	}
}

static int
approve(struct cli *cli, struct self *s, const char *id, bool print_code,
    unsigned timeout_s, struct err *e)
{
	OWN(pair_requests_free) struct pair_requests all = { NULL, 0 };
	struct cli_showing showing = { cli,
		"Type this code into Aumbry on the new device, and nowhere "
		"else. Nobody else ever needs it:",
		print_code, false };
	const struct pair_request *r;

	if (choose(s, id, timeout_s, &all, &r, e) < 0)
		return -1;
	if (!print_code) {
		OWN(mem_free) char *from = cli_from(r->address, r->place);
		cli_say(cli,
		    "A %s asks to join from %s. If that is not you: "
		    "aumbry device refuse",
		    circle_class_name(r->device.class), from);
		if (isatty(STDIN_FILENO) && !cli->yes) {
			bool yes;
			if (cli_yes(cli, "Allow it? (yes/no)", &yes, e) < 0)
				return -1;
			if (!yes)
				return pair_refuse(s, &r->join, e);
		}
	}
	stop_guard();
	int rc = pair_approve(s, r, timeout_s, cli_show_code, &showing, e);
	stop_unguard();
	if (rc < 0)
		return -1;
	cli_say(cli, "The device is in.");
	return 0;
}

static int
refuse(struct self *s, const char *id, struct err *e)
{
	OWN(pair_requests_free) struct pair_requests all = { NULL, 0 };
	const struct pair_request *r;

	if (choose(s, id, 1, &all, &r, e) < 0)
		return e->code == ERR_CODE_EXPIRED
		    ? err_set(e, ERR_NOT_FOUND, "no device asks to join")
		    : -1;
	return pair_refuse(s, &r->join, e);
}

/* A refusal by mistake is taken back, and requests that were too many. */
static int
allow_again(struct cli *cli, struct self *s, struct err *e)
{
	if (pair_allow_again(s, e) < 0)
		return -1;
	cli_say(cli, "Devices that were refused may ask again.");
	return 0;
}

/* ---- rename, remove ---- */

static bool
is_called(const struct self_device *d, const char *word)
{
	/* The names of some are not known, and they are not called "". */
	assert(word != NULL);
	return (word[0] != '\0' && strcmp(d->name, word) == 0) ||
	    (strlen(word) >= 4 && id_begins(&d->dev_id, word));
}

/*
 * The device that is meant. *gone: it is out already, by a removal from here
 * that was cut off before it could say so.
 */
static int
find_device(
    struct self *s, const char *word, struct id *out, bool *gone, struct err *e)
{
	OWN(mem_free) struct self_device *d = NULL;
	size_t n, found = 0, begun = 0;
	struct id cut;

	if (self_devices(s, &d, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool removing;
		if (!is_called(&d[i], word))
			continue;
		if (self_removing(s, &d[i].dev_id, &removing, e) < 0)
			return -1;
		if (d[i].active) {
			*out = d[i].dev_id;
			found++;
		} else if (removing) {
			cut = d[i].dev_id;
			begun++;
		}
	}
	*gone = found == 0 && begun > 0;
	if (*gone)
		*out = cut;
	if (found == 1 || *gone)
		return 0;
	OWN(mem_free) char *shown = cli_shown(bytes_str(word));
	(void)err_set(e, found == 0 ? ERR_NOT_FOUND : ERR_USAGE,
	    found == 0 ? "there is no device \"%s\""
		       : "several devices are called %s; use the ID",
	    shown);
	return err_remedy(e, "Run: aumbry device list");
}

static int
remove_device(struct cli *cli, struct self *s, const char *word,
    const struct cli_proof *p, struct err *e)
{
	struct id id;
	bool gone;

	if (find_device(s, word, &id, &gone, e) < 0)
		return -1;
	if (gone)
		return self_removed(s, &id, e);
	if (id_equal(&id, &s->dev_id)) {
		(void)err_set(
		    e, ERR_USAGE, "%s is the device you are at", word);
		return err_remedy(e,
		    "To leave the account with it, run: "
		    "aumbry signout");
	}
	if (self_remove(s, &id, 1, e) == 0)
		return 0;
	if (e->code != ERR_STEP_UP_REQUIRED ||
	    (cli->password_file == NULL && !isatty(STDIN_FILENO)))
		return -1;
	if (cli_prove(cli, s->remote, p, e) < 0)
		return -1;
	return self_remove(s, &id, 1, e);
}

static int
rename_device(struct self *s, const char *name, struct err *e)
{
	struct id none;

	/* The circle's commitment is to the first name; later names are the
	 * members' own business and live in the state zone alone. */
	id_random(&none);
	return cli_check_name(name, e) < 0
	    ? -1
	    : self_put_name(s, &s->dev_id, &none, name, e);
}

enum purpose { FOR_LIST, FOR_REMOVE, FOR_OTHER };

/* What a device has spoiled, keys or zones, does not keep it in: it is put out
 * without them, and the circle is looked at all the same. */
static bool
goes_on(enum purpose why, const struct err *e)
{
	bool spoiled =
	    e->code == ERR_KEYS_SPOILED || e->code == ERR_ZONE_SPOILED;

	return (spoiled && why == FOR_LIST) ||
	    (err_exit(e->code) == 6 && why == FOR_REMOVE);
}

static int
open_for(struct cli *cli, enum purpose why, struct self **out, struct err *e)
{
	OWN(mem_free) char *dir = cli_home(cli);
	OWN(self_free) struct self *s = NULL;

	if (cli_self(cli, &s, e) < 0 || self_state(s, e) < 0) {
		if (!goes_on(why, e))
			return -1;
		cli_say(cli, "%s.", e->msg);
		self_free(&s);
		if (self_open(dir, &s, e) < 0 || self_connect_mending(s, e) < 0)
			return -1;
		cli->keys_only = s->circle.keys_only != 0;
	}
	*out = TAKE(s);
	return 0;
}

/* ---- adopt ---- */

static int
adopt_with(void *ctx, struct bytes password, struct err *e)
{
	return adopt(ctx, password, e);
}

/* The home is of a machine that has become this one. */
static int
adopt_home(struct cli *cli, struct err *e)
{
	OWN(mem_free) char *dir = cli_home(cli);
	OWN(self_free) struct self *s = NULL;
	bool here;

	if (adopt_look(dir, &here, &s, e) < 0)
		return -1;
	if (here) {
		cli_say(cli, "This home is this machine's already.");
		return 0;
	}
	cli_say(cli,
	    "This takes the device over from the machine it was on. If that "
	    "one is another and still in use,\ndo not: make this one a device "
	    "of its own, by aumbry signin with another --home.");
	if (cli_with_password(cli, "Password", adopt_with, s, e) < 0)
		return -1;
	cli_say(cli, "The device is this machine's now.");
	return 0;
}

static int
device_adopt(void *line, const void *options, struct err *e)
{
	(void)options;
	return adopt_home(line, e);
}

static int
device_list(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return open_for(line, FOR_LIST, &s, e) < 0 ? -1 : list(line, s, e);
}

static int
device_requests(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(pair_requests_free) struct pair_requests all = { NULL, 0 };

	(void)options;
	if (open_for(line, FOR_OTHER, &s, e) < 0 ||
	    pair_requests(s, 0, 0, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		cli_print_request(line, &all.list[i]);
	return 0;
}

/* The operand, as it was typed; NULL without. */
static const char *
word_of(struct cli *cli)
{
	return cli->line.n_args > 0 ? cli_name(cli, cli->line.args[0]) : NULL;
}

static int
device_approve(void *line, const void *options, struct err *e)
{
	const struct approval *o = options;
	OWN(self_free) struct self *s = NULL;
	unsigned timeout_s;

	if (cli_timeout(o->timeout, &timeout_s, e) < 0 ||
	    open_for(line, FOR_OTHER, &s, e) < 0)
		return -1;
	return approve(line, s, word_of(line), o->print_code, timeout_s, e);
}

static int
device_refuse(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return open_for(line, FOR_OTHER, &s, e) < 0
	    ? -1
	    : refuse(s, word_of(line), e);
}

static int
device_allow_again(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return open_for(line, FOR_OTHER, &s, e) < 0 ? -1
						    : allow_again(line, s, e);
}

static int
device_rename(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return open_for(line, FOR_OTHER, &s, e) < 0
	    ? -1
	    : rename_device(s, word_of(line), e);
}

static int
device_remove(void *line, const void *options, struct err *e)
{
	const struct cli_proving *o = options;
	OWN(self_free) struct self *s = NULL;

	return open_for(line, FOR_REMOVE, &s, e) < 0
	    ? -1
	    : remove_device(line, s, word_of(line), &o->proof, e);
}

static const struct cmd_option approve_options[] = {
	{ "print-code", CMD_FLAG, offsetof(struct approval, print_code), NULL,
	    "the code alone on standard output; asks nothing" },
	CLI_TIMEOUT(struct approval, timeout),
};

const struct cmd cli_device[] = {
	{ "device list", "", "the account's devices, and when each was heard",
	    device_list },
	{ "device requests", "", "which devices ask to join", device_requests },
	{ "device approve", "[ID]",
	    "let in the device that asks, by a code that is typed there",
	    device_approve, CMD_OPTIONS(approve_options, struct approval) },
	{ "device refuse", "[ID]", "turn it away, for a day", device_refuse },
	{ "device allow-again", "", "take refusals back", device_allow_again },
	{ "device rename", "NAME", "call this device something else",
	    device_rename },
	{ "device remove", "NAME|ID",
	    "put a device out: it reads nothing new from now on", device_remove,
	    CLI_PROVING },
	{ "device adopt", "",
	    "take over a home whose machine has become another one",
	    device_adopt },
	{ 0 },
};
