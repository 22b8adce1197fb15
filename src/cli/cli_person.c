/* SPDX-License-Identifier: ISC */
/* cli_person.c: aumbry contact: who others are. */
#include "cli/cli_person.h"

#include "base/text.h"
#include "cli/cli_qr.h"
#include "client/self_settle.h"
#include "client/self_zones.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROW 4 /* groups of five digits in one line of a number */

/* This device, with the state of now. */
static int
begin(struct cli *cli, struct self **out, struct err *e)
{
	return cli_self(cli, out, e) < 0 ? -1 : self_state(*out, e);
}

const char *
cli_person_name(const struct person *p)
{
	return p->nickname[0] != '\0' ? p->nickname : p->address;
}

/* ---- what was found ---- */

/* Once for each that is not as it was. */
void
cli_person_news(struct cli *cli, const struct people_look *l)
{
	const char *who = cli_person_name(&l->person);
	int status = err_exit(l->why.code);

	if (l->why.code != ERR_NONE) {
		cli_warn("aumbry: %s (%s)", l->why.msg, err_name(l->why.code));
		cli_warn("%s", err_fix(&l->why));
		if (status > cli->line.status)
			cli->line.status = status;
		return;
	}
	if (l->back)
		cli_warn("aumbry: %s: the server said that this account began "
			 "anew, and does not say so any more: it was put back "
			 "to a backup, or it lied",
		    who);
	if (l->anew)
		cli_say(cli,
		    "%s began anew, with new keys. Nobody has compared the old "
		    "ones.",
		    who);
	else if (l->added + l->removed > 0)
		cli_say(cli, "%s: %u devices came, %u left.", who, l->added,
		    l->removed);
	if (l->renamed && strcmp(l->person.address, l->called) == 0)
		cli_say(cli, "%s is %s now.", l->was, l->called);
	else if (l->renamed)
		cli_warn("aumbry: the server calls %s %s now, and no device of "
			 "that account has signed so yet. To take it all the "
			 "same: aumbry contact accept %s",
		    l->was, l->called, l->was);
}

static json_t *
as_json(const struct people_look *l)
{
	const struct person *p = &l->person;
	json_t *j =
	    json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:I, s:s, s:b}",
		"address", p->address, "uid", id_text(&p->uid).s, "name",
		p->nickname, "level", person_level_name(p->level), "since",
		(json_int_t)p->since_ms, "verified",
		(json_int_t)(p->level == PERSON_BLOCKED ? 0 : p->verified_ms),
		"way", person_way_name(p->way), "devices",
		(json_int_t)people_devices(&l->circle), "server", p->server,
		"changed", p->level == PERSON_CHANGED);

	if (!id_zero(&p->by))
		jsonio_put_id(j, "verified_by", &p->by);
	if (l->why.code != ERR_NONE)
		jsonio_put_text(j, "code", err_name(l->why.code));
	return j;
}

static void
print_line(struct cli *cli, const struct people_look *l)
{
	const struct person *p = &l->person;

	if (cli->line.json) {
		cli_print_json(as_json(l));
		return;
	}
	OWN(mem_free) char *since = cli_time(p->since_ms);
	(void)printf("%-28s %-9s %2u devices  since %s%s%s\n", p->address,
	    person_level_name(p->level), people_devices(&l->circle), since,
	    p->nickname[0] != '\0' ? "  " : "", p->nickname);
}

void
cli_person_found(struct cli *cli, const struct mail *m)
{
	const struct people_look *l;

	for (size_t i = 0; (l = mail_found(m, i)) != NULL; i++)
		if (l->why.code == ERR_NONE)
			cli_person_news(cli, l);
}

/* ---- contact ---- */

/* Who has written and is no contact yet becomes one that asks; filed: and what
 * came is filed. What was found of him is told here, as it is found once; what
 * hinders is told where messages are. */
static void
take_asks(struct cli *cli, struct self *s, bool filed)
{
	OWN(mail_free) struct mail *m = NULL;
	struct err ignored;

	if (mail_open(s, &m, &ignored) < 0)
		return;
	cli_person_found(cli, m);
	if (filed)
		(void)!mail_file(m, &ignored);
}

static int
contact_list(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	OWN(people_looks_free) struct people_looks all = { NULL, 0 };

	(void)options;
	if (begin(cli, &s, e) < 0)
		return -1;
	take_asks(cli, s, false);
	if (people_check(s, NULL, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		print_line(cli, &all.list[i]);
		cli_person_news(cli, &all.list[i]);
	}
	if (all.n == 0)
		cli_say(cli,
		    "There are no contacts. To add one: aumbry contact add "
		    "NAME");
	return 0;
}

static int
contact_add(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	struct person p;
	bool had;

	(void)options;
	if (begin(cli, &s, e) < 0 ||
	    people_add(s, cli->line.args[0], &p, &had, e) < 0 ||
	    people_check(s, &p, &one, e) < 0)
		return -1;
	const struct people_look *l = &one.list[0];
	if (cli->line.json)
		cli_print_json(as_json(l));
	if (had)
		cli_say(cli, "%s is a contact already, %s.", l->person.address,
		    person_level_name(l->person.level));
	else
		cli_say(cli,
		    "%s is a contact now, with %u devices. To make sure that "
		    "they are that person's own: aumbry verify %s",
		    l->person.address, people_devices(&l->circle),
		    l->person.address);
	cli_person_news(cli, l);
	return 0;
}

int
cli_person_look(
    struct cli *cli, struct self **s, struct people_looks *out, struct err *e)
{
	struct person p;

	return begin(cli, s, e) < 0 ||
		people_one(*s, cli->line.args[0], &p, e) < 0
	    ? -1
	    : people_check(*s, &p, out, e);
}

/* "12345 67890 …", five groups in a line. */
void
cli_person_print_number(const char *number)
{
	for (int i = 0; i < PERSON_NUMBER / 5; i++)
		(void)printf("%s%.5s%s", i % ROW == 0 ? "  " : " ",
		    number + 5 * i,
		    i % ROW == ROW - 1 || i == PERSON_NUMBER / 5 - 1 ? "\n"
								     : "");
}

static void
show_json(const struct people_look *l, const char *number, const char *code)
{
	OWN(buf_free) struct buf hex = { 0 };
	json_t *j = as_json(l), *list = json_array();

	for (size_t i = 0; i < l->circle.n_members; i++) {
		const struct member *m = &l->circle.members[i];
		if (m->active)
			(void)json_array_append_new(list,
			    json_pack("{s:s, s:s, s:I}", "id",
				id_text(&m->device.dev_id).s, "class",
				circle_class_name(m->device.class), "added_ms",
				(json_int_t)m->added_ms));
	}
	text_hex(&hex, bytes_of(l->circle.circle_id.b, DIGEST_BYTES));
	(void)json_object_set_new(j, "members", list);
	jsonio_put_text(j, "circle_id", buf_text(&hex));
	jsonio_put_u64(j, "seq", l->circle.seq);
	jsonio_put_text(j, "number", number);
	jsonio_put_text(j, "public_code", code);
	cli_print_json(j);
}

static void
show(struct cli *cli, struct self *s, const struct people_look *l)
{
	char number[PERSON_NUMBER + 1] = "", code[PERSON_PUBLIC + 1] = "";
	struct digest root;

	if (l->circle.seq > 0) {
		person_root(&l->circle, &root);
		people_number(s, l, number);
		person_public(
		    &(struct person_key){ l->person.address, &root }, code);
	}
	if (cli->line.json) {
		show_json(l, number, code);
		return;
	}
	print_line(cli, l);
	for (size_t i = 0; i < l->circle.n_members; i++) {
		const struct member *m = &l->circle.members[i];
		OWN(mem_free) char *since = cli_time(m->added_ms);
		if (m->active)
			(void)printf("  %-12s since %s\n",
			    circle_class_name(m->device.class), since);
	}
	if (number[0] == '\0')
		return;
	(void)puts("The number that both of you see:");
	cli_person_print_number(number);
	(void)printf("Public code: %s\n", code);
}

static int
contact_show(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };

	(void)options;
	if (cli_person_look(cli, &s, &one, e) < 0)
		return -1;
	show(cli, s, &one.list[0]);
	cli_person_news(cli, &one.list[0]);
	return 0;
}

static const struct cmd_option me_options[] = {
	{ "name", CMD_TEXT, 0, "NAME",
	    "this account goes by the name that the server has given it" },
};

static int
contact_me(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const char *const *name = options;
	OWN(self_free) struct self *s = NULL;
	char address[PERSON_ADDRESS_MAX + 1], code[PERSON_PUBLIC + 1];
	struct digest root;

	if (begin(cli, &s, e) < 0 ||
	    (*name != NULL && self_goes_by(s, *name, e) < 0))
		return -1;
	if (self_renamed(s))
		cli_warn(
		    "aumbry: the server calls this account %s now. If that "
		    "is right, contacts take it once you say so: aumbry "
		    "contact me --name %s",
		    s->name, s->name);
	people_self(s, address, &root);
	person_public(&(struct person_key){ address, &root }, code);
	if (cli->line.json)
		cli_print_json(json_pack(
		    "{s:s, s:s}", "address", address, "public_code", code));
	else
		(void)printf("%s\n%s\n", address, code);
	if (!cli->line.json && isatty(STDOUT_FILENO))
		cli_print_qr(stdout, code);
	return 0;
}

static int
contact_accept(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	OWN(people_looks_free) struct people_looks one = { NULL, 0 };
	struct person who;

	(void)options;
	if (begin(cli, &s, e) < 0)
		return -1;
	take_asks(cli, s, false);
	if (people_one(s, cli->line.args[0], &who, e) < 0 ||
	    people_check(s, &who, &one, e) < 0 ||
	    people_right(&one.list[0], e) < 0)
		return -1;
	const struct people_look *l = &one.list[0];
	struct person p;
	if (l->person.level == PERSON_ASKS) {
		if (people_let(s, &l->person.uid, PERSON_KNOWN, &p, e) < 0)
			return -1;
		cli_say(cli, "%s is a contact now, and may write.",
		    cli_person_name(&p));
		return 0;
	}
	if (l->person.level != PERSON_CHANGED && !l->renamed) {
		cli_say(cli, "%s is as before: there is nothing to accept.",
		    cli_person_name(&l->person));
		return 0;
	}
	if (people_accept(s, l, PERSON_WAY_NONE, e) < 0)
		return -1;
	cli_say(cli,
	    "%s is taken as the server shows it: nobody has compared "
	    "that.",
	    cli_person_name(&l->person));
	return 0;
}

static int
contact_remove(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	struct person p;

	(void)options;
	if (begin(cli, &s, e) < 0 ||
	    people_one(s, cli->line.args[0], &p, e) < 0)
		return -1;
	/* What waits would bring him back as one who asks. */
	take_asks(cli, s, true);
	return people_let(s, &p.uid, PERSON_ASKS, &p, e) < 0
	    ? -1
	    : people_remove(s, &p.uid, e);
}

static int
let(struct cli *cli, enum person_level to, struct person *out, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	struct person p;

	if (begin(cli, &s, e) < 0)
		return -1;
	bool is = people_one(s, cli->line.args[0], &p, e) == 0;
	if (!is && (to != PERSON_BLOCKED || e->code != ERR_NOT_FOUND))
		return -1;
	/* What came before stays: it is filed as his. */
	take_asks(cli, s, true);
	return is ? people_let(s, &p.uid, to, out, e)
		  : people_block(s, cli->line.args[0], out, e);
}

static int
contact_block(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	struct person p;

	(void)options;
	if (let(cli, PERSON_BLOCKED, &p, e) < 0)
		return -1;
	cli_say(cli,
	    "%s is blocked: what comes from there is dropped, and that is not "
	    "told there.",
	    cli_person_name(&p));
	return 0;
}

static int
contact_unblock(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	struct person p;

	(void)options;
	if (let(cli, PERSON_KNOWN, &p, e) < 0)
		return -1;
	cli_say(cli,
	    "%s may write. Nobody has compared since: aumbry verify %s",
	    cli_person_name(&p), p.address);
	return 0;
}

static int
contact_rename(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(self_free) struct self *s = NULL;
	struct person p;

	(void)options;
	return begin(cli, &s, e) < 0 ||
		people_one(s, cli->line.args[0], &p, e) < 0
	    ? -1
	    : people_call(s, &p.uid, cli->line.args[1], e);
}

/* ---- what others may do ---- */

struct settings_options {
	const char *findable, *asks;
};

static int
yes_or_no(const char *option, const char *text, bool *out, struct err *e)
{
	*out = text != NULL && strcmp(text, "yes") == 0;
	return text == NULL || *out || strcmp(text, "no") == 0
	    ? 0
	    : err_set(e, ERR_USAGE, "%s is yes or no", option);
}

static void
print_settings(const struct cli *cli, const struct people_privacy *is)
{
	if (cli->line.json) {
		cli_print_json(json_pack(
		    "{s:b, s:b}", "findable", is->findable, "asks", is->asks));
		return;
	}
	(void)printf("findable  %s\n",
	    is->findable ? "yes: by everybody here who knows the name"
			 : "no: by those alone whom you let write");
	(void)printf("asks      %s\n",
	    is->asks ? "yes: who is no contact may send one short message"
		     : "no: contacts alone write");
}

static int
contact_settings(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct settings_options *o = options;
	OWN(self_free) struct self *s = NULL;
	struct people_privacy is;
	bool findable, asks;

	if (yes_or_no("--findable", o->findable, &findable, e) < 0 ||
	    yes_or_no("--asks", o->asks, &asks, e) < 0 || begin(cli, &s, e) < 0)
		return -1;
	/* What is not named may be another device's to set just now. */
	if ((o->findable == NULL && o->asks == NULL
		    ? people_privacy(s, &is, e)
		    : people_set_privacy(s,
			  o->findable != NULL ? &findable : NULL,
			  o->asks != NULL ? &asks : NULL, &is, e)) < 0)
		return -1;
	print_settings(cli, &is);
	return 0;
}

static const struct cmd_option settings_options[] = {
	{ "findable", CMD_TEXT, offsetof(struct settings_options, findable),
	    "yes|no", "whether others find this account by its name" },
	{ "asks", CMD_TEXT, offsetof(struct settings_options, asks), "yes|no",
	    "whether who is no contact may send a first message" },
};

const struct cmd cli_contact[] = {
	{ "contact add", "NAME", "keep an eye on somebody's devices",
	    contact_add },
	{ "contact list", "", "who there is, and whether all is as it was",
	    contact_list },
	{ "contact show", "NAME", "devices, and what to compare",
	    contact_show },
	{ "contact accept", "NAME",
	    "let one write who asks; go on with one that began anew",
	    contact_accept },
	{ "contact rename", "NAME NICK", "call a contact by another name",
	    contact_rename },
	{ "contact block", "NAME", "drop what comes from a contact",
	    contact_block },
	{ "contact unblock", "NAME", "let a contact write again",
	    contact_unblock },
	{ "contact remove", "NAME", "forget a contact", contact_remove },
	{ "contact settings", "", "who finds this account, and who may write",
	    contact_settings,
	    CMD_OPTIONS(settings_options, struct settings_options) },
	{ "contact me", "", "what others compare of this account", contact_me,
	    CMD_OPTIONS(me_options, const char *) },
	{ 0 },
};
