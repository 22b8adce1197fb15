/* SPDX-License-Identifier: ISC */
/* cli_contact.c: aumbry recovery contact and assist: people who help. */
#include "cli/cli_recovery.h"

#include "base/file.h"
#include "base/stop.h"
#include "base/typed.h"
#include "join/assist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the owner's side ---- */

static const struct recovery_info *
find_contact(const struct recovery_info *list, size_t n, const char *name)
{
	for (size_t i = n; i-- > 0;)
		if (list[i].kind == RECOVERY_CONTACT && !list[i].leaves &&
		    strcmp(list[i].label, name) == 0)
			return &list[i];
	return NULL;
}

static int
may_add(
    const struct recovery_info *list, size_t n, const char *name, struct err *e)
{
	size_t contacts = 0;

	for (size_t i = 0; i < n; i++)
		contacts += list[i].kind == RECOVERY_CONTACT && !list[i].leaves;
	if (find_contact(list, n, name) != NULL) {
		(void)err_set(
		    e, ERR_CONFLICT, "there is a contact %s already", name);
		return err_remedy(e,
		    "Choose another name, or take that one out first: aumbry "
		    "recovery contact remove NAME");
	}
	return contacts < RECOVERY_CONTACTS
	    ? 0
	    : err_set(e, ERR_TOO_LARGE,
		  "an account has at most %d recovery contacts",
		  RECOVERY_CONTACTS);
}

static int
write_code(const struct self *s, const struct secret *code, const char *out,
    struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };
	OWN(mem_free) char *account = cli_recovery_account(s);

	if (file_exists(out))
		return err_set(e, ERR_REPO_EXISTS, "%s is there already", out);
	recovery_file_make(code, RECCODE_CONTACT, account, &file);
	int rc = file_write(out, buf_bytes(&file), 0600, e);
	mem_wipe(file.p, file.n);
	return rc;
}

static int
add(struct cli *cli, struct self *s, const struct cli_recovery *o,
    struct err *e)
{
	OWN(recovery_new_free) struct recovery_new made = { .code = NULL };
	OWN(mem_free) struct recovery_info *list = NULL;
	OWN(buf_free) struct buf text = { 0 };
	const char *name = cli_name(cli, cli->line.args[0]);
	uint64_t waits;
	size_t n;

	if (cli_check_name(name, e) < 0 || recovery_all(s, &list, &n, e) < 0 ||
	    may_add(list, n, name, e) < 0)
		return -1;
	recovery_draw(s, RECOVERY_CONTACT, name, &made);
	if (o->out != NULL && write_code(s, made.code, o->out, e) < 0)
		return -1;
	/* Shown before it counts: no key is in force that nobody has seen. */
	if (o->out == NULL) {
		reccode_make(made.code, RECCODE_CONTACT, &text);
		(void)printf("%s\n", buf_text(&text));
		(void)fflush(stdout);
		mem_wipe(text.p, text.n);
	}
	if (cli_recovery_put(cli, s,
		&(struct cli_recovery_change){ &made, NULL, &o->proof }, &waits,
		e) < 0) {
		/* A code that belongs to nothing would be a trap. */
		if (cli_recovery_useless(cli, s, &made, o->out, e)) {
			if (o->out != NULL)
				(void)unlink(o->out);
			else
				cli_say(cli, "That code counts for nothing.");
		}
		return -1;
	}
	OWN(mem_free) char *shown = cli_shown(bytes_str(name));
	cli_say(cli,
	    "Give this code to %s, in person or by a channel you trust; it is "
	    "shown only now, and opens\nnothing alone. %s then runs: aumbry "
	    "recovery contact accept %s",
	    shown, shown, s->name);
	cli_recovery_say(cli, waits, "The recovery contact is added.");
	return 0;
}

static int
take_out(struct cli *cli, struct self *s, const struct cli_recovery *o,
    struct err *e)
{
	OWN(mem_free) struct recovery_info *list = NULL;
	uint64_t waits;
	size_t n;

	if (recovery_all(s, &list, &n, e) < 0)
		return -1;
	const struct recovery_info *old =
	    find_contact(list, n, cli_name(cli, cli->line.args[0]));
	if (old == NULL) {
		(void)err_set(e, ERR_NOT_FOUND,
		    "there is no recovery contact of that name");
		return err_remedy(e, "Run: aumbry recovery contact list");
	}
	if (cli_recovery_drop(cli, s, old, &o->proof, &waits, e) < 0)
		return -1;
	cli_recovery_say(cli, waits,
	    "The recovery contact is taken out; that code opens nothing.");
	return 0;
}

/* ---- both sides ---- */

static void
print_contact(const struct recovery_info *i)
{
	OWN(mem_free) char *label = cli_shown(bytes_str(i->label));
	OWN(mem_free) char *made = cli_time(i->created_ms);

	(void)printf("%s  %-16s helps you, since %s%s%s\n",
	    id_short(&i->keyref).s, label, i->created_ms != 0 ? made : "?",
	    i->waits ? ", WAITS" : "", i->leaves ? ", will leave" : "");
}

static int
list_all(struct cli *cli, struct self *s, struct err *e)
{
	OWN(mem_free) struct recovery_info *list = NULL;
	OWN(mem_free) struct assist_owner *owners = NULL;
	size_t n, n_owners;

	if (recovery_all(s, &list, &n, e) < 0 ||
	    assist_owners(s, &owners, &n_owners, e) < 0)
		return -1;
	if (cli->line.json) {
		json_t *yours = json_array(), *theirs = json_array();
		for (size_t i = 0; i < n; i++)
			if (list[i].kind == RECOVERY_CONTACT)
				(void)json_array_append_new(yours,
				    json_pack("{s:s, s:s, s:I, s:b, s:b}", "id",
					id_text(&list[i].keyref).s, "name",
					list[i].label, "created",
					(json_int_t)list[i].created_ms, "waits",
					list[i].waits, "leaves",
					list[i].leaves));
		for (size_t i = 0; i < n_owners; i++)
			(void)json_array_append_new(theirs,
			    json_pack("{s:s, s:I}", "name", owners[i].name,
				"since", (json_int_t)owners[i].since_ms));
		cli_print_json(json_pack(
		    "{s:o, s:o}", "contacts", yours, "helping", theirs));
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		if (list[i].kind == RECOVERY_CONTACT)
			print_contact(&list[i]);
	for (size_t i = 0; i < n_owners; i++) {
		OWN(mem_free) char *since = cli_time(owners[i].since_ms);
		(void)printf("you help: %s@%s since %s\n", owners[i].name,
		    s->host, since);
	}
	return 0;
}

/* ---- the contact's side ---- */

/* The owner's name on this server: "ana", also written "Ana@home.example". */
static int
owner_name(const struct self *s, const char *word,
    char out[static LIMIT_NAME_BYTES + 1], struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };

	if (typed_account(bytes_str(word), s->host, &name, e) < 0) {
		struct err why = *e;
		return err_set(e, ERR_BAD_NAME,
		    "a recovery contact has an account on the same server, "
		    "and %s",
		    why.msg);
	}
	if (name.n > LIMIT_NAME_BYTES)
		return err_set(e, ERR_BAD_NAME,
		    "an account's name has 1 to %d characters",
		    LIMIT_NAME_BYTES);
	memcpy(out, buf_text(&name), name.n + 1);
	if (strcmp(out, s->name) == 0) {
		(void)err_set(e, ERR_BAD_NAME,
		    "one's own recovery contact is somebody else");
		return err_remedy(e,
		    "For a code that you keep yourself: aumbry recovery key "
		    "create");
	}
	return 0;
}

static int
accept_half(struct cli *cli, struct self *s, const char *owner,
    const char *file, struct err *e)
{
	OWN(secret_free) struct secret *code = NULL;
	OWN(buf_free) struct buf typed = { 0 };
	OWN(buf_free) struct buf prompt = { 0 };

	buf_printf(&prompt, "The code that %s gave you", owner);
	if (file != NULL) {
		if (recovery_file_read(file, RECCODE_CONTACT, &code, e) < 0)
			return -1;
	} else if (cli_line(cli, buf_text(&prompt), "--key-file F", &typed, e) <
		0 ||
	    reccode_parse(buf_bytes(&typed), RECCODE_CONTACT, &code, e) < 0) {
		return -1;
	}
	if (assist_keep(s, owner, code, e) < 0)
		return -1;
	cli_say(cli,
	    "Kept in your account, for all your devices; the code itself can "
	    "go. The server does not know\nof it until you use it. When %s has "
	    "lost every device and asks you: aumbry recovery assist %s",
	    owner, owner);
	return 0;
}

int
cli_contact_list(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return cli_recovery_open(line, &s, e) < 0 ? -1 : list_all(line, s, e);
}

int
cli_contact_add(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	return cli_recovery_open(line, &s, e) < 0 ? -1
						  : add(line, s, options, e);
}

int
cli_contact_remove(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	return cli_recovery_open(line, &s, e) < 0
	    ? -1
	    : take_out(line, s, options, e);
}

int
cli_contact_accept(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_recovery *o = options;
	OWN(self_free) struct self *s = NULL;
	char owner[LIMIT_NAME_BYTES + 1];

	return cli_recovery_open(cli, &s, e) < 0 ||
		owner_name(s, cli->line.args[0], owner, e) < 0
	    ? -1
	    : accept_half(cli, s, owner, o->key_file, e);
}

int
cli_contact_forget(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	char owner[LIMIT_NAME_BYTES + 1];

	(void)options;
	return cli_recovery_open(cli, &s, e) < 0 ||
		owner_name(s, cli->line.args[0], owner, e) < 0
	    ? -1
	    : assist_forget(s, owner, e);
}

/* ---- helping ---- */

static void
say_open(const struct cli *cli, const struct assist_open *o)
{
	OWN(mem_free) char *from = cli_from(o->address, o->place);
	OWN(mem_free) char *when = cli_time(o->created_ms);
	OWN(mem_free) char *os = cli_shown(bytes_str(o->os));

	cli_say(cli, "%s  since %s, from %s, %s", id_short(&o->id).s, when,
	    from, os);
}

/* Recoveries that wait for this contact. */
struct waiting {
	const char *owner;
	const char *start; /* of the ID of the one that is meant; or NULL */
	const struct assist_open *list;
	size_t n;
};

static int
choose(const struct cli *cli, const struct waiting *w,
    const struct assist_open **out, struct err *e)
{
	const struct assist_open *list = w->list;
	const char *owner = w->owner, *start = w->start;
	size_t n = w->n, found = 0;

	for (size_t i = 0; i < n; i++)
		if (start == NULL || id_begins(&list[i].id, start)) {
			*out = &list[i];
			found++;
		}
	if (found == 1)
		return 0;
	if (found == 0) {
		(void)err_set(e, ERR_NOT_FOUND,
		    n == 0 ? "no recovery of %s waits for a contact"
			   : "%s has asked for no recovery that begins so",
		    owner);
		return err_remedy(e,
		    "On the new device one runs: aumbry recover URL NAME "
		    "--contact");
	}
	for (size_t i = 0; i < n; i++)
		say_open(cli, &list[i]);
	(void)err_set(e, ERR_AMBIGUOUS_REQUEST,
	    "%zu recoveries of %s wait for a contact", found, owner);
	return err_remedy(e,
	    "Ask which request the new device shows, and name it: aumbry "
	    "recovery assist OWNER ID");
}

/* Only a person can tell who that is. */
static int
is_sure(struct cli *cli, const char *owner, const struct assist_open *o,
    bool *sure, struct err *e)
{
	cli_say(cli, "Somebody recovers the account of %s:", owner);
	say_open(cli, o);
	cli_say(cli,
	    "Your half, with the server's, opens everything of it. Go on only "
	    "if you know that it is really\n%s: call them, see them. A message "
	    "is not enough.",
	    owner);
	*sure = true;
	if (!isatty(STDIN_FILENO) || cli->yes)
		return 0;
	return cli_yes(cli, "Is it really them? (yes/no)", sure, e);
}

static int
help(struct cli *cli, struct self *s, const char *owner,
    const struct secret *code, const struct cli_recovery *o, struct err *e)
{
	OWN(mem_free) struct assist_open *list = NULL;
	OWN(buf_free) struct buf words = { 0 };
	const struct assist_open *one = NULL;
	bool begun, sure = true;
	unsigned timeout_s;
	size_t n;

	const char *start = cli->line.n_args > 1 ? cli->line.args[1] : NULL;
	if (cli_timeout(o->timeout, &timeout_s, e) < 0 ||
	    assist_find(s, code, start != NULL ? start : "", &list, &n, e) <
		0 ||
	    choose(cli, &(struct waiting){ owner, start, list, n }, &one, e) <
		0 ||
	    (!o->print_code && is_sure(cli, owner, one, &sure, e) < 0))
		return -1;
	if (!sure) {
		cli_say(cli, "Nothing was given.");
		return 0;
	}
	buf_printf(&words,
	    "You know that it is really %s? Then read this code to them, and "
	    "to nobody else:",
	    owner);
	struct cli_showing showing = { cli, buf_text(&words), o->print_code,
		false };
	stop_guard();
	struct assist_help h = { code, one, timeout_s, cli_show_code,
		&showing };
	int rc = assist_help(s, &h, &begun, e);
	stop_unguard();
	if (rc < 0)
		return -1;
	cli_say(cli,
	    begun ? "Your half is there, and the recovery waits now: every "
		    "device of %s is told, and can stop it."
		  : "Your half was sent to the new device of %s; it has not "
		    "shown it to the server yet.",
	    owner);
	return 0;
}

int
cli_assist(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_recovery *o = options;
	OWN(self_free) struct self *s = NULL;
	OWN(secret_free) struct secret *code = NULL;
	char owner[LIMIT_NAME_BYTES + 1];

	if (o->drill && cli->line.n_args > 1)
		return cmd_too_many(cli->line.args[1], e);
	if (cli_recovery_open(cli, &s, e) < 0 ||
	    owner_name(s, cli->line.args[0], owner, e) < 0 ||
	    assist_half(s, owner, &code, e) < 0)
		return -1;
	if (!o->drill)
		return help(cli, s, owner, code, o, e);
	if (assist_drill(s, code, e) < 0)
		return -1;
	cli_say(cli,
	    "Your half is one that counts; nothing was given. The log of %s "
	    "tells of the try.",
	    owner);
	return 0;
}
