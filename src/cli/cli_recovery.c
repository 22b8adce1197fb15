/* SPDX-License-Identifier: ISC */
/* cli_recovery.c: aumbry recovery: ways back in, and who uses one. */
#include "cli/cli_recovery.h"

#include "base/file.h"
#include "client/self_circle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- showing ---- */

static const char *
kind_word(uint8_t kind)
{
	return kind == RECOVERY_KEY    ? "key"
	    : kind == RECOVERY_CONTACT ? "contact"
	    : kind == RECOVERY_KIT     ? "kit"
				       : "?";
}

static void
print_info(const struct recovery_info *i)
{
	OWN(mem_free) char *label = cli_shown(bytes_str(i->label));
	OWN(mem_free) char *made = cli_time(i->created_ms);
	OWN(mem_free) char *tried = cli_time(i->tried_ms);

	(void)printf("%-8s %s  %-16s made %s, ", kind_word(i->kind),
	    id_short(&i->keyref).s, label, i->created_ms != 0 ? made : "?");
	if (i->tried_ms != 0)
		(void)printf("tried %s", tried);
	else
		(void)printf("never tried");
	if (i->waits)
		(void)printf(", WAITS");
	if (i->leaves)
		(void)printf(", will leave");
	if (!i->sealed)
		(void)printf(", the server LACKS its newest keys");
	(void)putchar('\n');
}

static json_t *
info_json(const struct recovery_info *i)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:b}", "id",
	    id_text(&i->keyref).s, "kind", kind_word(i->kind), "label",
	    i->label, "created", (json_int_t)i->created_ms, "tried",
	    (json_int_t)i->tried_ms, "waits", i->waits, "leaves", i->leaves,
	    "sealed", i->sealed);
}

/* Whose half it was, as only the account's devices know. */
static const char *
contact_of(const json_t *v, const struct recovery_info *list, size_t n)
{
	struct err ignored;
	struct id keyref;

	if (jsonio_id(v, "keyref", &keyref, &ignored) < 0)
		return "";
	for (size_t i = 0; i < n; i++)
		if (id_equal(&list[i].keyref, &keyref))
			return list[i].label;
	return "";
}

static void
print_open(const json_t *v, const char *contact)
{
	OWN(mem_free) char *who = cli_shown(bytes_str(contact));
	const char *way = "", *address = "", *id = "";
	uint64_t ready = 0;
	struct err ignored;

	(void)!jsonio_text(v, "id", &id, &ignored);
	(void)!jsonio_text(v, "way", &way, &ignored);
	(void)!jsonio_text(v, "address", &address, &ignored);
	(void)!jsonio_u64(v, "ready_ms", &ready, &ignored);
	OWN(mem_free)
	char *from =
	    cli_from(address, json_string_value(json_object_get(v, "place")));
	OWN(mem_free) char *when = cli_time(ready);
	(void)printf("! a recovery by %s%s%s from %s can be stopped until %s: "
		     "aumbry recovery stop %.8s\n",
	    way, who[0] != '\0' ? " " : "", who, from, when, id);
}

static int
status(struct cli *cli, struct self *s, struct err *e)
{
	OWN(mem_free) struct recovery_info *list = NULL;
	OWN(jsonio_free) json_t *answer = NULL;
	size_t n;

	if (recovery_all(s, &list, &n, e) < 0 ||
	    control_call(s->remote, "GET", "/v1/recovery", NULL, &answer, e) <
		0)
		return -1;
	const json_t *open = json_object_get(answer, "open");
	if (cli->line.json) {
		json_t *ways = json_array();
		for (size_t i = 0; i < n; i++)
			(void)json_array_append_new(ways, info_json(&list[i]));
		cli_print_json(json_pack("{s:o, s:I, s:O}", "ways", ways,
		    "change_ms",
		    (json_int_t)(s->circle.pending ? s->circle.pending_ms : 0),
		    "open", open));
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		print_info(&list[i]);
	if (n == 0)
		cli_say(cli,
		    "There is no way back in but your devices and security "
		    "keys. Make one: aumbry recovery key create");
	for (size_t i = 0; i < json_array_size(open); i++) {
		const json_t *v = json_array_get(open, i);
		print_open(v, contact_of(v, list, n));
	}
	return 0;
}

/* ---- a key ---- */

static int
hand_out(struct cli *cli, const struct self *s, const struct secret *code,
    const char *out, struct err *e)
{
	OWN(buf_free) struct buf file = { 0 };
	OWN(mem_free) char *account = cli_recovery_account(s);

	if (out == NULL && isatty(STDIN_FILENO))
		return cli_recovery_show(cli, code, RECCODE_KEY,
		    "This is the recovery key, and it is shown only now. Write "
		    "it down and keep it where\nyou will find it and nobody "
		    "else looks: who has it opens everything.",
		    e);
	if (out == NULL) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "a recovery key is typed again before it counts, and there "
		    "is no terminal for that");
		return err_remedy(e, "Add: --out F");
	}
	if (file_exists(out))
		return err_set(e, ERR_REPO_EXISTS, "%s is there already", out);
	recovery_file_make(code, RECCODE_KEY, account, &file);
	return file_write(out, buf_bytes(&file), 0600, e);
}

static int
key_create(struct cli *cli, struct self *s, const struct recovery_info *old,
    const char *out, const struct cli_proof *p, struct err *e)
{
	OWN(recovery_new_free) struct recovery_new made = { .code = NULL };
	uint64_t waits;

	recovery_draw(s, RECOVERY_KEY, "", &made);
	if (hand_out(cli, s, made.code, out, e) < 0)
		return -1;
	if (cli_recovery_put(cli, s,
		&(struct cli_recovery_change){ &made, old, p }, &waits,
		e) < 0) {
		/* A file with a key that opens nothing would be a trap. */
		if (cli_recovery_useless(cli, s, &made, out, e) && out != NULL)
			(void)unlink(out);
		return -1;
	}
	cli_recovery_say(cli, waits,
	    old != NULL ? "The recovery key is replaced; the old one ends."
			: "The recovery key is made: with it you get back in, "
			  "and to everything, without any device.");
	return 0;
}

static int
key_remove(struct cli *cli, struct self *s, const struct recovery_info *old,
    const struct cli_proof *p, struct err *e)
{
	uint64_t waits;

	if (cli_recovery_drop(cli, s, old, p, &waits, e) < 0)
		return -1;
	cli_recovery_say(cli, waits, "The recovery key is removed.");
	return 0;
}

static int
make_key(void *line, const struct cli_recovery *o, bool makes, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(mem_free) struct recovery_info *list = NULL;
	const struct recovery_info *old;

	return cli_recovery_open(line, &s, e) < 0 ||
		cli_recovery_find(s, RECOVERY_KEY, makes, &list, &old, e) < 0
	    ? -1
	    : key_create(line, s, old, o->out, &o->proof, e);
}

/* ---- trying ---- */

/* What can be tried without anybody: are the newest keys sealed to each? */
static int
drill_silently(
    struct cli *cli, const struct recovery_info *list, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (!list[i].sealed)
			return err_set(e, ERR_KEY_SUBSTITUTED,
			    "the server does not hold the newest keys for the "
			    "recovery %s %s",
			    kind_word(list[i].kind),
			    id_short(&list[i].keyref).s);
	if (n == 0) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "the account has no way to recover");
		return err_remedy(e, "Make one: aumbry recovery key create");
	}
	cli_say(cli, "%zu way%s to recover, each with the newest keys.", n,
	    n == 1 ? "" : "s");
	return 0;
}

struct half_of {
	struct self *self;
	const struct id *keyref;
	struct buf *half;
};

static int
get_half(void *ctx, struct err *e)
{
	const struct half_of *h = ctx;

	return recovery_half(h->self, h->keyref, h->half, e);
}

static int
drill_kit(struct cli *cli, struct self *s, const struct recovery_info *list,
    size_t n, const struct cli_recovery *o, struct err *e)
{
	OWN(secret_free) struct secret *code = NULL;
	OWN(buf_free) struct buf half = { 0 };
	const struct recovery_info *kit = NULL;

	for (size_t i = 0; i < n; i++)
		if (list[i].kind == RECOVERY_KIT && !list[i].waits)
			kit = &list[i];
	if (kit == NULL) {
		(void)err_set(e, ERR_NOT_FOUND, "no paper kit is in force");
		return err_remedy(e, "Run: aumbry recovery status");
	}
	struct half_of h = { s, &kit->keyref, &half };
	if (cli_kit_code(cli, &o->kit_files, &code, e) < 0 ||
	    cli_stepped(cli, s->remote, &o->proof, get_half, &h, e) < 0)
		return -1;
	if (recovery_try(s, code, buf_bytes(&half), e) < 0) {
		if (e->code != ERR_RECOVERY_CODE)
			return -1;
		(void)err_set(e, ERR_RECOVERY_CODE,
		    "these two sheets are not of the kit %s that is in force",
		    id_short(&kit->keyref).s);
		return err_remedy(e,
		    "Compare the kit that is printed on both sheets; two "
		    "sheets of different kits open nothing.");
	}
	cli_say(cli,
	    "These two sheets are right, and would open everything today.");
	return 0;
}

static int
drill_key(struct cli *cli, struct self *s, const char *file, struct err *e)
{
	OWN(secret_free) struct secret *code = NULL;
	OWN(buf_free) struct buf typed = { 0 };

	if (file != NULL ? recovery_file_read(file, RECCODE_KEY, &code, e) < 0
			 : cli_line(cli, "Recovery key", "--key-file F", &typed,
			       e) < 0 ||
		    reccode_parse(buf_bytes(&typed), RECCODE_KEY, &code, e) < 0)
		return -1;
	if (recovery_try(s, code, bytes_str(""), e) < 0)
		return -1;
	cli_say(
	    cli, "The recovery key is right, and would open everything today.");
	return 0;
}

static int
drill(struct cli *cli, struct self *s, const struct cli_recovery *o,
    struct err *e)
{
	OWN(mem_free) struct recovery_info *list = NULL;
	bool kit = o->kit || o->kit_files.n > 0;
	size_t n;

	if (recovery_all(s, &list, &n, e) < 0 ||
	    drill_silently(cli, list, n, e) < 0 ||
	    (kit && drill_kit(cli, s, list, n, o, e) < 0))
		return -1;
	bool asks = !kit && isatty(STDIN_FILENO) &&
	    cli_recovery_of(list, n, RECOVERY_KEY) != NULL;
	return o->key_file != NULL || asks ? drill_key(cli, s, o->key_file, e)
					   : 0;
}

/* ---- recoveries that wait ---- */

/* The only one there is. */
static int
only_one(struct cli *cli, struct remote *r, struct id *out, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;

	if (control_call(r, "GET", "/v1/recovery", NULL, &answer, e) < 0)
		return -1;
	const json_t *open = json_object_get(answer, "open");
	size_t n = json_array_size(open);
	if (n == 1)
		return jsonio_id(json_array_get(open, 0), "id", out, e);
	if (n == 0)
		return err_set(e, ERR_NOT_FOUND, "no recovery waits");
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(
		    json_object_get(json_array_get(open, i), "id"));
		cli_say(cli, "%.8s", id != NULL ? id : "");
	}
	(void)err_set(e, ERR_AMBIGUOUS_REQUEST, "%zu recoveries wait", n);
	return err_remedy(
	    e, "Name one by its ID; compare: aumbry recovery status");
}

static int
open_one(struct cli *cli, struct remote *r, struct id *out, struct err *e)
{
	static const struct cli_things recoveries = { "/v1/recovery", "open",
		"recovery", "Run: aumbry recovery status", NULL };

	if (cli->line.n_args == 1
		? cli_find_id(r, &recoveries, cli->line.args[0], out, e) == 0
		: only_one(cli, r, out, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND)
		return -1;
	(void)err_set(e, ERR_NOT_FOUND,
	    "no such recovery waits: it was stopped or given up, or it is "
	    "finished, and then it is too late");
	return err_remedy(e, "See what became of it: aumbry log");
}

static int
stop(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(buf_free) struct buf path = { 0 };
	struct id id;

	(void)options;
	/* Who signed in by a code stops the operator's, too. */
	if (cli_account(cli, &a, e) < 0 || open_one(cli, a.remote, &id, e) < 0)
		return -1;
	buf_printf(&path, "/v1/recovery/%s/stop", id_text(&id).s);
	if (control_call(a.remote, "POST", buf_text(&path), NULL, NULL, e) < 0)
		return -1;
	cli_say(cli, "The recovery is stopped.");
	return 0;
}

static int
allow(struct cli *cli, struct self *s, const struct cli_proof *p, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	struct id id;

	if (open_one(cli, s->remote, &id, e) < 0)
		return -1;
	buf_printf(&path, "/v1/recovery/%s/allow", id_text(&id).s);
	if (cli_stepped_call(cli,
		&(struct cli_call){
		    s->remote, "POST", buf_text(&path), NULL, NULL },
		p, e) < 0)
		return -1;
	cli_say(cli, "The recovery may go on at once.");
	return 0;
}

static int
veto_it(void *ctx, struct err *e)
{
	return self_veto(ctx, e);
}

static int
veto(struct cli *cli, struct self *s, const struct cli_proof *p, struct err *e)
{
	if (cli_stepped(cli, s->remote, p, veto_it, s, e) < 0)
		return -1;
	cli_say(cli, "The change of the ways to recover is stopped.");
	return 0;
}

/* ---- the verbs ---- */

static int
recovery_status(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	(void)options;
	return cli_recovery_open(line, &s, e) < 0 ? -1 : status(line, s, e);
}

static int
recovery_key_create(void *line, const void *options, struct err *e)
{
	return make_key(line, options, true, e);
}

static int
recovery_key_rotate(void *line, const void *options, struct err *e)
{
	return make_key(line, options, false, e);
}

static int
recovery_key_remove(void *line, const void *options, struct err *e)
{
	const struct cli_recovery *o = options;
	OWN(self_free) struct self *s = NULL;
	OWN(mem_free) struct recovery_info *list = NULL;
	const struct recovery_info *old;

	return cli_recovery_open(line, &s, e) < 0 ||
		cli_recovery_find(s, RECOVERY_KEY, false, &list, &old, e) < 0
	    ? -1
	    : key_remove(line, s, old, &o->proof, e);
}

static int
recovery_drill(void *line, const void *options, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	return cli_recovery_open(line, &s, e) < 0 ? -1
						  : drill(line, s, options, e);
}

static int
recovery_allow(void *line, const void *options, struct err *e)
{
	const struct cli_recovery *o = options;
	OWN(self_free) struct self *s = NULL;

	return cli_recovery_open(line, &s, e) < 0
	    ? -1
	    : allow(line, s, &o->proof, e);
}

static int
recovery_veto(void *line, const void *options, struct err *e)
{
	const struct cli_recovery *o = options;
	OWN(self_free) struct self *s = NULL;

	return cli_recovery_open(line, &s, e) < 0 ? -1
						  : veto(line, s, &o->proof, e);
}

#define AT(field) offsetof(struct cli_recovery, field)
static const struct cmd_option proof_options[] = {
	CLI_PROOF(struct cli_recovery, proof),
};
static const struct cmd_option key_options[] = {
	{ "out", CMD_TEXT, AT(out), "FILE",
	    "write it into a new file, instead of showing it" },
	CLI_PROOF(struct cli_recovery, proof),
};
static const struct cmd_option kit_options[] = {
	{ "out", CMD_TEXT, AT(out), "DIR",
	    "write three sheets to print into a new folder, instead of "
	    "showing them" },
	CLI_PROOF(struct cli_recovery, proof),
};
static const struct cmd_option accept_options[] = {
	{ "key-file", CMD_TEXT, AT(key_file), "FILE",
	    "read your half from this file, instead of being asked for it" },
};
static const struct cmd_option assist_options[] = {
	{ "drill", CMD_FLAG, AT(drill), NULL,
	    "try your half, and give nothing" },
	{ "print-code", CMD_FLAG, AT(print_code), NULL,
	    "the code alone on standard output; asks nothing" },
	CLI_TIMEOUT(struct cli_recovery, timeout),
};
static const struct cmd_option drill_options[] = {
	{ "key-file", CMD_TEXT, AT(key_file), "FILE",
	    "try the recovery key in this file" },
	{ "kit", CMD_FLAG, AT(kit), NULL,
	    "try two sheets of the paper kit, which are asked for" },
	{ "kit-file", CMD_LIST, AT(kit_files), "FILE",
	    "try the sheet in this file; two of them" },
	CLI_PROOF(struct cli_recovery, proof),
};
#define OPTIONS(list) CMD_OPTIONS(list, struct cli_recovery)

const struct cmd cli_recovery[] = {
	{ "recovery status", "", "which ways there are, and what waits",
	    recovery_status },
	{ "recovery key create", "", "make a recovery key; keep it on paper",
	    recovery_key_create, OPTIONS(key_options) },
	{ "recovery key rotate", "", "make another; the old one ends",
	    recovery_key_rotate, OPTIONS(key_options) },
	{ "recovery key remove", "", "take it away", recovery_key_remove,
	    OPTIONS(proof_options) },
	{ "recovery kit create", "",
	    "three sheets, of which any two open everything, after a day",
	    cli_kit_create, OPTIONS(kit_options) },
	{ "recovery kit rotate", "", "make others; the old sheets end",
	    cli_kit_rotate, OPTIONS(kit_options) },
	{ "recovery kit remove", "", "take it away", cli_kit_remove,
	    OPTIONS(proof_options) },
	{ "recovery contact add", "NAME",
	    "make a half for somebody who helps you back in", cli_contact_add,
	    OPTIONS(key_options) },
	{ "recovery contact list", "",
	    "your contacts, and whose contact you are", cli_contact_list },
	{ "recovery contact remove", "NAME", "their half ends",
	    cli_contact_remove, OPTIONS(proof_options) },
	{ "recovery contact accept", "OWNER",
	    "keep the half that somebody gave you", cli_contact_accept,
	    OPTIONS(accept_options) },
	{ "recovery contact forget", "OWNER", "be their contact no more",
	    cli_contact_forget },
	{ "recovery assist", "OWNER [ID]",
	    "help somebody back in whose contact you are", cli_assist,
	    OPTIONS(assist_options) },
	{ "recovery drill", "",
	    "try whether what you keep would open everything today",
	    recovery_drill, OPTIONS(drill_options) },
	{ "recovery stop", "[ID]", "stop a recovery that is not yours", stop },
	{ "recovery allow", "[ID]", "let one go on at once", recovery_allow,
	    OPTIONS(proof_options) },
	{ "recovery veto", "",
	    "stop a change of the ways to recover that waits", recovery_veto,
	    OPTIONS(proof_options) },
	{ 0 },
};
