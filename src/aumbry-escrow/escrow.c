/* SPDX-License-Identifier: ISC */
/* escrow.c: aumbry-escrow: the table of commands, and what they do. */
#include "aumbry-escrow/escrow_disclose.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "escrow/desk.h"

#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Of all commands; each has its rows of them. */
struct options {
	const char *dir, *socket, *group, *listen, *client_pin;
	const char *wait, *account;
	const char *data, *reference, *to, *notify; /* of disclose */
	const char *module, *token, *pin_file;
	struct cmd_list users;
	bool init, json, tls;
};

/* ---- init, fingerprint ---- */

static int
print_fingerprint(const char *dir, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	uint8_t pk[SIG_PK_BYTES];

	if (keeper_sign_pk(dir, pk, e) < 0)
		return -1;
	keeper_fingerprint(pk, &text);
	(void)printf("%s\n", buf_text(&text));
	return 0;
}

static int
apply_options(const struct options *o, struct settings *s, struct err *e)
{
	bool token = o->module != NULL;

	if (token != (o->token != NULL) || token != (o->pin_file != NULL))
		return err_set(e, ERR_USAGE,
		    "--pkcs11, --token and --pin-file are given together");
	if (o->wait != NULL &&
	    settings_set(s, "limits", "recovery_wait", o->wait, e) < 0)
		return err_in(e, "--wait");
	if (token &&
	    (settings_set(s, "root", "pkcs11_module", o->module, e) < 0 ||
		settings_set(s, "root", "pkcs11_token", o->token, e) < 0 ||
		settings_set(s, "root", "pkcs11_pin_file", o->pin_file, e) < 0))
		return -1;
	return 0;
}

static int
make(const struct options *o, struct err *e)
{
	OWN(settings_free) struct settings s = { 0 };

	settings_defaults(&s);
	return apply_options(o, &s, e) < 0 ? -1 : keeper_make(o->dir, &s, e);
}

static int
run_init(void *line, const void *options, struct err *e)
{
	const struct options *o = options;

	(void)line;
	return make(o, e) < 0 ? -1 : print_fingerprint(o->dir, e);
}

static int
run_fingerprint(void *line, const void *options, struct err *e)
{
	const struct options *o = options;
	OWN(buf_free) struct buf text = { 0 };
	struct digest pin;

	(void)line;
	if (!o->tls)
		return print_fingerprint(o->dir, e);
	if (gate_pin(o->dir, &pin, e) < 0)
		return -1;
	text_base64url(&text, bytes_of(pin.b, DIGEST_BYTES));
	(void)printf("%s\n", buf_text(&text));
	return 0;
}

/* ---- serve ---- */

/* Each a number, or a name that the system knows. */
static int
take_users(const struct cmd_list *l, struct desk_config *c, struct err *e)
{
	if (l->n > DESK_UIDS)
		return err_set(e, ERR_USAGE, "--allow-uid is given too often");
	for (size_t i = 0; i < l->n; i++) {
		const struct passwd *user = getpwnam(l->items[i]);
		uint64_t n = 0;
		if (user != NULL)
			n = user->pw_uid;
		else if (text_parse_u64(l->items[i], 0, UINT32_MAX, &n) < 0)
			return err_set(
			    e, ERR_USAGE, "there is no user %s", l->items[i]);
		c->uids[c->n_uids++] = (uint32_t)n;
	}
	return 0;
}

static int
parse_pin(const char *text, struct digest *out, struct err *e)
{
	OWN(buf_free) struct buf raw = { 0 };

	if (text_unbase64(&raw, bytes_str(text)) < 0 || raw.n != DIGEST_BYTES)
		return err_set(e, ERR_USAGE,
		    "--client-pin is SHA-256 in base64url, as in the server's "
		    "address after #pin=");
	memcpy(out->b, raw.p, DIGEST_BYTES);
	return 0;
}

static int
open_gate(const struct options *o, const struct keeper *k, struct gate **out,
    struct err *e)
{
	struct digest pin;

	if (o->listen == NULL)
		return 0;
	if (o->client_pin == NULL)
		return err_set(e, ERR_USAGE,
		    "--listen needs --client-pin: who may connect");
	return parse_pin(o->client_pin, &pin, e) < 0
	    ? -1
	    : gate_open(o->dir, k->root, &pin, out, e);
}

static int
say_ready(const struct options *o, const struct desk *d, struct err *e)
{
	OWN(buf_free) struct buf line = { 0 };
	struct digest pin;

	if (o->listen != NULL) {
		if (desk_address(d, &line, e) < 0 ||
		    gate_pin(o->dir, &pin, e) < 0)
			return -1;
		buf_put_str(&line, "#pin=");
		text_base64url(&line, bytes_of(pin.b, DIGEST_BYTES));
		(void)fprintf(
		    stderr, "aumbry-escrow: listening %s\n", buf_text(&line));
	}
	(void)fprintf(stderr, "aumbry-escrow: ready %s\n",
	    o->socket != NULL ? o->socket : o->listen);
	return 0;
}

static int
run_serve(void *line, const void *options, struct err *e)
{
	const struct options *o = options;
	OWN(keeper_free) struct keeper *k = NULL;
	OWN(gate_free) struct gate *gate = NULL;
	OWN(desk_free) struct desk *d = NULL;
	OWN(fd_close) int stop = -1;
	struct desk_config c = {
		.socket = o->socket, .group = o->group, .listen = o->listen
	};
	sigset_t set;

	(void)line;
	if (o->socket == NULL && o->listen == NULL)
		return err_set(e, ERR_USAGE, "--socket PATH is missing");
	if (take_users(&o->users, &c, e) < 0)
		return -1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	stop = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (stop < 0)
		return err_sys(e, "signals");
	if ((o->init && !keeper_there(o->dir) && make(o, e) < 0) ||
	    keeper_open(o->dir, KEEPER_SERVE, &k, e) < 0 ||
	    open_gate(o, k, &gate, e) < 0)
		return -1;
	if (k->torn > 0)
		log_warn("journal_torn", "cut_bytes=%zu", k->torn);
	c.gate = gate;
	if (desk_open(k, &c, &d, e) < 0 || say_ready(o, d, e) < 0)
		return -1;
	desk_run(d, stop);
	log_info("stopping", "signal=term");
	return 0;
}

/* ---- journal ---- */

static void
print_line(const struct escrow_line *l)
{
	OWN(buf_free) struct buf text = { 0 };

	text_time(&text, (int64_t)l->time_ms);
	buf_printf(&text, " %llu %s %llu %s %s%s", (unsigned long long)l->n,
	    id_text(&l->uid).s, (unsigned long long)l->account_n,
	    escrow_verb_name(l->verb),
	    l->outcome == ESCROW_WILL_DO ? "done" : "refused",
	    l->detail.n > 0 ? " " : "");
	text_show(&text, l->detail);
	(void)printf("%s\n", buf_text(&text));
}

static void
print_json(const struct escrow_line *l)
{
	OWN(buf_free) struct buf time = { 0 };

	text_time(&time, (int64_t)l->time_ms);
	json_t *j = json_pack("{s:I, s:s, s:I, s:I, s:s, s:s, s:s, s:s%}", "n",
	    (json_int_t)l->n, "account", id_text(&l->uid).s, "account_n",
	    (json_int_t)l->account_n, "time_ms", (json_int_t)l->time_ms, "time",
	    buf_text(&time), "verb", escrow_verb_name(l->verb), "outcome",
	    l->outcome == ESCROW_WILL_DO ? "done" : "refused", "detail",
	    (const char *)l->detail.p, l->detail.n);
	(void)json_dumpf(j, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(j);
}

static int
print_one(void *arg, const struct escrow_line *l, struct err *e)
{
	const bool *json = arg;

	(void)e;
	if (*json)
		print_json(l);
	else
		print_line(l);
	return 0;
}

/* The journal alone: no key is needed for it. */
static int
open_journal(const struct options *o, struct journal **out, struct err *e)
{
	OWN(mem_free) char *path = file_join(o->dir, "journal");
	uint8_t pk[SIG_PK_BYTES];
	size_t torn;

	if (keeper_sign_pk(o->dir, pk, e) < 0 ||
	    journal_open(file_exists(path) ? path : "/dev/null", pk,
		JOURNAL_LOOK, out, &torn, e) < 0)
		return -1;
	if (torn > 0)
		(void)fprintf(
		    stderr, "aumbry-escrow: the last line is not finished\n");
	return 0;
}

static int
run_journal(void *line, const void *options, struct err *e)
{
	const struct options *o = options;
	OWN(journal_free) struct journal *j = NULL;
	bool json = o->json;
	struct id uid;

	(void)line;
	if (o->account != NULL && id_parse(bytes_str(o->account), &uid) < 0)
		return err_set(
		    e, ERR_USAGE, "--account is 32 hexadecimal digits");
	return open_journal(o, &j, e) < 0
	    ? -1
	    : journal_each(
		  j, o->account != NULL ? &uid : NULL, print_one, &json, e);
}

/* ---- check ---- */

struct checking {
	const struct keeper *k;
	uint64_t accounts, bad;
};

static int
check_ward(const struct keeper *k, const struct id *uid, struct err *e)
{
	OWN(devkey_free) struct devkey *key = NULL;
	OWN(circle_free) struct circle circle = { 0 };
	struct ward w;

	if (ward_load(k->wards, uid, &w, e) < 0 ||
	    (w.there && ward_key(k->wards, &w, &key, e) < 0) ||
	    ward_circle(k->wards, &w, &circle, e) < 0)
		return -1;
	if (journal_account(k->journal, uid).n < w.journal_n)
		return err_set(e, ERR_JOURNAL_ROLLED_BACK,
		    "the journal lacks lines of this account");
	return 0;
}

static int
check_one(void *arg, const struct id *uid, struct err *e)
{
	struct checking *c = arg;
	struct err here = { 0 };

	(void)e;
	c->accounts++;
	if (check_ward(c->k, uid, &here) == 0)
		return 0;
	c->bad++;
	(void)printf("%s account=%s %s\n", err_name(here.code), id_text(uid).s,
	    here.msg);
	return 0;
}

static int
run_check(void *line, const void *options, struct err *e)
{
	const struct options *o = options;
	OWN(keeper_free) struct keeper *k = NULL;
	struct checking c = { 0 };

	(void)line;
	if (keeper_open(o->dir, KEEPER_LOOK, &k, e) < 0)
		return -1;
	c.k = k;
	if (wards_each(k->wards, check_one, &c, e) < 0)
		return -1;
	(void)printf("%llu lines, %llu accounts\n",
	    (unsigned long long)journal_head(k->journal).n,
	    (unsigned long long)c.accounts);
	return c.bad == 0
	    ? 0
	    : err_set(e, ERR_RECORD_CORRUPT,
		  "%llu of %llu accounts are damaged",
		  (unsigned long long)c.bad, (unsigned long long)c.accounts);
}

/* ---- disclose ---- */

static int
run_disclose(void *line, const void *options, struct err *e)
{
	const struct options *o = options;
	const struct cmd_line *l = line;
	struct disclose_options d = { .name = l->args[0],
		.data = o->data,
		.dir = o->dir,
		.socket = o->socket,
		.reference = o->reference,
		.to = o->to };

	if (o->dir == NULL && o->socket == NULL)
		return err_set(e, ERR_USAGE,
		    "say where the escrow is: --socket PATH, or --dir DIR");
	return escrow_disclose(&d, o->notify, e);
}

/* ---- the table ---- */

#define AT(field) offsetof(struct options, field)
#define DIR_OPTION \
	{ \
		"dir", CMD_TEXT, AT(dir), "DIR", "the escrow's folder", \
		    .required = true \
	}
#define MAKING_OPTIONS \
	{ "wait", CMD_TEXT, AT(wait), "SPAN", \
		"how long a recovery that the operator orders waits; 3d " \
		"unless " \
		"given" }, \
	    { "pkcs11", CMD_TEXT, AT(module), "MODULE", \
		    "keep the root key on a token of this library" }, \
	    { "token", CMD_TEXT, AT(token), "LABEL", \
		    "which token; with --pkcs11" }, \
	{ \
		"pin-file", CMD_TEXT, AT(pin_file), "FILE", \
		    "read the token's PIN from it; with --pkcs11" \
	}

static const struct cmd_option dir_options[] = { DIR_OPTION };
static const struct cmd_option init_options[] = { DIR_OPTION, MAKING_OPTIONS };
static const struct cmd_option serve_options[] = {
	DIR_OPTION,
	{ "socket", CMD_TEXT, AT(socket), "PATH", "answer there" },
	{ "group", CMD_TEXT, AT(group), "NAME",
	    "whom the socket belongs to, who may connect" },
	{ "allow-uid", CMD_LIST, AT(users), "USER",
	    "who may ask: the server's user" },
	{ "listen", CMD_TEXT, AT(listen), "ADDR:PORT",
	    "answer there, for a server on another machine" },
	{ "client-pin", CMD_TEXT, AT(client_pin), "PIN",
	    "the pin of that server's certificate" },
	{ "init", CMD_FLAG, AT(init), NULL, "make the folder if it is none" },
	MAKING_OPTIONS,
};
static const struct cmd_option journal_options[] = {
	DIR_OPTION,
	{ "account", CMD_TEXT, AT(account), "UID", "only what is of this one" },
	{ "json", CMD_FLAG, AT(json), NULL, "print JSON for programs" },
};
static const struct cmd_option fingerprint_options[] = {
	DIR_OPTION,
	{ "tls", CMD_FLAG, AT(tls), NULL, "of its certificate" },
};
static const struct cmd_option disclose_options[] = {
	{ "data", CMD_TEXT, AT(data), "DIR", "the server's folder",
	    .required = true },
	{ "reference", CMD_TEXT, AT(reference), "TEXT",
	    "by which order: it stands in the journal", .required = true },
	{ "to", CMD_TEXT, AT(to), "OUT", "a new folder for what is disclosed",
	    .required = true },
	{ "socket", CMD_TEXT, AT(socket), "PATH",
	    "where the escrow answers, or" },
	{ "dir", CMD_TEXT, AT(dir), "DIR", "its folder, when it does not run" },
	{ "notify-after", CMD_TEXT, AT(notify), "SPAN",
	    "when the account's devices hear of it; at once unless given" },
};
#define OPTIONS(list) CMD_OPTIONS(list, struct options)

static const struct cmd init_rows[] = {
	{ "init", "", "make an escrow's folder; prints its fingerprint",
	    run_init, OPTIONS(init_options) },
	{ 0 },
};
static const struct cmd serve_rows[] = {
	{ "serve", "", "answer a server until SIGTERM or Ctrl-C", run_serve,
	    OPTIONS(serve_options) },
	{ 0 },
};
static const struct cmd journal_rows[] = {
	{ "journal", "", "print what was done and refused", run_journal,
	    OPTIONS(journal_options) },
	{ 0 },
};
static const struct cmd check_rows[] = {
	{ "check", "", "are journal and accounts whole?", run_check,
	    OPTIONS(dir_options) },
	{ 0 },
};
static const struct cmd fingerprint_rows[] = {
	{ "fingerprint", "", "print the fingerprint of its key",
	    run_fingerprint, OPTIONS(fingerprint_options) },
	{ 0 },
};
static const struct cmd disclose_rows[] = {
	{ "disclose", "NAME", "give out what the server has of an account",
	    run_disclose, OPTIONS(disclose_options) },
	{ 0 },
};

#define ESCROW "Escrow"
#define BOOKS "Its books"
static const struct cmd_set sets[] = {
	{ ESCROW, "init", NULL, init_rows },
	{ ESCROW, "serve", NULL, serve_rows },
	{ ESCROW, "fingerprint", NULL, fingerprint_rows },
	{ BOOKS, "journal", NULL, journal_rows },
	{ BOOKS, "check", NULL, check_rows },
	{ BOOKS, "disclose", NULL, disclose_rows },
};

static const struct cmd_option globals[] = {
	CMD_GLOBAL_VERBOSE,
};

static const struct cmd_program program = { .name = "aumbry-escrow",
	.about = "a key for each account under standard protection",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.globals = globals,
	.n_globals = ARRAY_SIZE(globals) };

int
main(int argc, char **argv)
{
	struct cmd_line line = { 0 };

	file_hold_std();
	cmd_harden();
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)signal(SIGHUP, SIG_IGN);
	return cmd_main(&program, &line, argc, argv);
}
