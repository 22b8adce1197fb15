/* SPDX-License-Identifier: ISC */
/* escrow.c: aumbry-escrow: init, serve, journal, check, fingerprint,
 * disclose. */
#include "base/version.h"
#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "base/text.h"
#include "aumbry-escrow/escrow_disclose.h"
#include "escrow/desk.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct options {
	const char *dir, *socket, *group, *listen, *client_pin;
	const char *wait, *account;
	const char *name, *data, *reference, *to, *notify; /* of disclose */
	const char *module, *token, *pin_file;
	uint32_t uids[DESK_UIDS];
	size_t n_uids;
	bool init, json, tls;
};

typedef int command_fn(const struct options *o, struct err *e);

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
run_init(const struct options *o, struct err *e)
{
	return make(o, e) < 0 ? -1 : print_fingerprint(o->dir, e);
}

static int
run_fingerprint(const struct options *o, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	struct digest pin;

	if (!o->tls)
		return print_fingerprint(o->dir, e);
	if (gate_pin(o->dir, &pin, e) < 0)
		return -1;
	text_base64url(&text, bytes_of(pin.b, DIGEST_BYTES));
	(void)printf("%s\n", buf_text(&text));
	return 0;
}

/* ---- serve ---- */

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
run_serve(const struct options *o, struct err *e)
{
	OWN(keeper_free) struct keeper *k = NULL;
	OWN(gate_free) struct gate *gate = NULL;
	OWN(desk_free) struct desk *d = NULL;
	OWN(fd_close) int stop = -1;
	struct desk_config c = { .socket = o->socket,
		.group = o->group,
		.n_uids = o->n_uids,
		.listen = o->listen };
	sigset_t set;

	if (o->socket == NULL && o->listen == NULL)
		return err_set(e, ERR_USAGE, "--socket PATH is missing");
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
	memcpy(c.uids, o->uids, sizeof c.uids);
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
run_journal(const struct options *o, struct err *e)
{
	OWN(journal_free) struct journal *j = NULL;
	bool json = o->json;
	struct id uid;

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
run_check(const struct options *o, struct err *e)
{
	OWN(keeper_free) struct keeper *k = NULL;
	struct checking c = { 0 };

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
run_disclose(const struct options *o, struct err *e)
{
	struct disclose_options d = { .name = o->name,
		.data = o->data,
		.dir = o->dir,
		.socket = o->socket,
		.reference = o->reference,
		.to = o->to };

	return escrow_disclose(&d, o->notify, e);
}

/* ---- main ---- */

static const struct command {
	const char *name, *usage;
	command_fn *run;
	bool takes_name; /* and no folder, if a socket is given */
} commands[] = {
	{ "init",
	    "--dir DIR [--wait 3d] [--pkcs11 MODULE --token LABEL --pin-file "
	    "FILE]",
	    run_init, false },
	{ "serve",
	    "--dir DIR --socket PATH [--init] [--group NAME] [--allow-uid "
	    "USER]… [--listen ADDR:PORT --client-pin PIN]",
	    run_serve, false },
	{ "journal", "--dir DIR [--account UID] [--json]", run_journal, false },
	{ "check", "--dir DIR", run_check, false },
	{ "fingerprint", "--dir DIR [--tls]", run_fingerprint, false },
	{ "disclose",
	    "NAME --data DIR --reference TEXT --to OUT (--socket PATH | --dir "
	    "DIR) [--notify-after SPAN]",
	    run_disclose, true },
};

static int
usage(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(to, "aumbry-escrow %s %s\n", commands[i].name,
		    commands[i].usage);
	return to == stdout ? 0 : 2;
}

static int
report(const struct err *e)
{
	(void)fprintf(stderr, "aumbry-escrow: %s\n%s\n(%s)\n", e->msg,
	    e->code == ERR_USAGE && e->remedy[0] == '\0'
		? "Run: aumbry-escrow help"
		: err_fix(e),
	    err_name(e->code));
	return err_exit(e->code);
}

/* A number, or a name that the system knows. */
static int
take_uid(struct options *o, const char *text, struct err *e)
{
	const struct passwd *user = getpwnam(text);
	uint64_t n = 0;

	if (o->n_uids == DESK_UIDS)
		return err_set(e, ERR_USAGE, "--allow-uid is given too often");
	if (user != NULL)
		n = user->pw_uid;
	else if (text_parse_u64(text, 0, UINT32_MAX, &n) < 0)
		return err_set(e, ERR_USAGE, "there is no user %s", text);
	o->uids[o->n_uids++] = (uint32_t)n;
	return 0;
}

enum {
	OPT_ACCOUNT = 256,
	OPT_ALLOW,
	OPT_CLIENT_PIN,
	OPT_DATA,
	OPT_DIR,
	OPT_GROUP,
	OPT_INIT,
	OPT_JSON,
	OPT_LISTEN,
	OPT_MODULE,
	OPT_NOTIFY,
	OPT_PIN_FILE,
	OPT_REFERENCE,
	OPT_SOCKET,
	OPT_TLS,
	OPT_TO,
	OPT_TOKEN,
	OPT_WAIT
};

static const struct option longs[] = {
	{ "account", required_argument, NULL, OPT_ACCOUNT },
	{ "allow-uid", required_argument, NULL, OPT_ALLOW },
	{ "client-pin", required_argument, NULL, OPT_CLIENT_PIN },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "init", no_argument, NULL, OPT_INIT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "pkcs11", required_argument, NULL, OPT_MODULE },
	{ "notify-after", required_argument, NULL, OPT_NOTIFY },
	{ "pin-file", required_argument, NULL, OPT_PIN_FILE },
	{ "reference", required_argument, NULL, OPT_REFERENCE },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "tls", no_argument, NULL, OPT_TLS },
	{ "to", required_argument, NULL, OPT_TO },
	{ "token", required_argument, NULL, OPT_TOKEN },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ NULL, 0, NULL, 0 },
};

/* Where an option's text goes; NULL for one that has none. */
static const char **
text_of(struct options *o, int c)
{
	switch (c) {
	case OPT_ACCOUNT:
		return &o->account;
	case OPT_CLIENT_PIN:
		return &o->client_pin;
	case OPT_DATA:
		return &o->data;
	case OPT_DIR:
		return &o->dir;
	case OPT_GROUP:
		return &o->group;
	case OPT_LISTEN:
		return &o->listen;
	case OPT_MODULE:
		return &o->module;
	case OPT_NOTIFY:
		return &o->notify;
	case OPT_PIN_FILE:
		return &o->pin_file;
	case OPT_REFERENCE:
		return &o->reference;
	case OPT_SOCKET:
		return &o->socket;
	case OPT_TO:
		return &o->to;
	case OPT_TOKEN:
		return &o->token;
	case OPT_WAIT:
		return &o->wait;
	default:
		return NULL;
	}
}

static int
parse(int argc, char **argv, bool takes_name, struct options *o, struct err *e)
{
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		const char **text = text_of(o, c);
		if (text != NULL)
			*text = optarg;
		else if (c == OPT_INIT)
			o->init = true;
		else if (c == OPT_JSON)
			o->json = true;
		else if (c == OPT_TLS)
			o->tls = true;
		else if (c != OPT_ALLOW)
			return err_set(e, ERR_USAGE, "%s is not understood",
			    argv[optind - 1]);
		else if (take_uid(o, optarg, e) < 0)
			return -1;
	}
	if (takes_name && optind < argc)
		o->name = argv[optind++];
	if (optind < argc)
		return err_set(
		    e, ERR_USAGE, "%s is not understood", argv[optind]);
	if (o->dir == NULL && !(takes_name && o->socket != NULL))
		return err_set(e, ERR_USAGE, "--dir DIR is missing");
	return 0;
}

static void
harden(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

static int
run(int argc, char **argv)
{
	struct options o = { 0 };
	struct err e = { 0 };

	file_hold_std();
	/* Before anything is read: no secret reaches a core file. */
	harden();
	if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return usage(argc < 2 ? stderr : stdout);
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("aumbry-escrow %s\n", AUMBRY_VERSION);
		return 0;
	}
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return usage(stdout);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (parse(argc - 1, argv + 1, commands[i].takes_name, &o, &e) <
		    0) {
			(void)err_remedy(&e, "usage: aumbry-escrow %s %s",
			    commands[i].name, commands[i].usage);
			return report(&e);
		}
		return commands[i].run(&o, &e) < 0 ? report(&e) : 0;
	}
	(void)err_set(&e, ERR_USAGE, "there is no command \"%s\"", argv[1]);
	return report(&e);
}

int
main(int argc, char **argv)
{
	struct err e = { 0 };
	int status = run(argc, argv);

	/* What failed has said why already. */
	return file_printed(&e) < 0 && status == 0 ? report(&e) : status;
}
