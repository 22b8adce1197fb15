/* SPDX-License-Identifier: ISC */
/* cli.h: what the commands of `aumbry` share. */
/*
 * Data goes to standard output, words to standard error. A command returns 0
 * or -1 with the error; cmd_main prints it and makes the exit status of it. A
 * command that was done in part sets cli->line.status and returns 0.
 */
#pragma once

#include "cmd/cmd.h"
#include "backup/snapshot.h"
#include "link/depot_local.h"
#include "join/reader.h"
#include "join/shown_code.h"
#include "client/self.h"
#include "join/visit.h"

struct cli {
	struct cmd_line line; /* first: what the command line says */
	const char *home; /* --home, or the usual one */
	bool quiet, yes;
	const char *password_file; /* --password-file */
	/* --repo: a local repository instead of the account */
	const char *repo;
	bool reads; /* what it is about to do changes nothing */
	bool frees; /* it gives space back */
	bool new_repo; /* --new: a second one may take a known one's place */
	const char *repo_password_file; /* --repo-password-file */
	const char *device; /* --device: which security key */
	const char *pin_file; /* --pin-file: of its PIN */
	bool keys_only; /* the circle says that only security keys count */
	struct cli_kept *kept; /* copies of this struct share it */
};

/* Texts that live to the end. */
struct cli_kept {
	char **items;
	size_t n;
};

/* A copy that lives as long as the program. */
const char *cli_keep(struct cli *cli, const char *text);

/* Words on standard error, unless --quiet. */
void cli_say(const struct cli *cli, const char *fmt, ...) PRINTF(2, 3);
/* --quiet or not: what an exit status other than 0 is about, and damage. */
void cli_warn(const char *fmt, ...) PRINTF(1, 2);
/* Raw bytes as a terminal can take them, in new memory. */
char *cli_shown(struct bytes x);
/* "192.0.2.7 (near Lisbon, Portugal)"; place may be NULL or "". Owned. */
char *cli_from(const char *address, const char *place);
/* "1.5 GiB", "2 min 3 s", local time: in new memory. */
char *cli_size(uint64_t bytes);
char *cli_time(uint64_t time_ms);
char *cli_time_s(int64_t time_s); /* of a file, which may be before 1970 */

/*
 * The password: from --password-file (or - or AUMBRY_PASSWORD_FILE), else
 * typed. twice: ask again to compare.
 * errors  input-missing without a terminal.
 */
MUST_CHECK int cli_password(const struct cli *cli, const char *prompt,
    bool twice, struct secret **out, struct err *e);
/* One to be set: typed twice, and long enough (client/password.h). */
MUST_CHECK int cli_new_password(const struct cli *cli, const char *prompt,
    struct secret **out, struct err *e);
/* The same for another secret: from cli->password_file alone, or typed. */
MUST_CHECK int cli_secret(const struct cli *cli, const char *prompt, bool twice,
    struct secret **out, struct err *e);
typedef int (*cli_password_fn)(void *ctx, struct bytes password, struct err *e);
/*
 * Ask for the password and do what needs it. When it was typed and is wrong,
 * ask again: PASSWORD_TRIES in all.
 */
MUST_CHECK int cli_with_password(const struct cli *cli, const char *prompt,
    cli_password_fn fn, void *ctx, struct err *e);
/* One line typed or piped in, without its end. errors: input-missing. */
MUST_CHECK int cli_line(const struct cli *cli, const char *prompt,
    const char *flag, struct buf *out, struct err *e);

/* A code that another device shows. On a terminal a slip of the finger is told
 * here and costs nothing: the other side does not hear of it. */
MUST_CHECK int cli_shown_code(const struct cli *cli, enum shown_code kind,
    const char *prompt, const char *flag, struct buf *out, struct err *e);

/* A question; anything but yes and no is asked again. Without a terminal the
 * line must be one of them. */
MUST_CHECK int cli_yes(
    const struct cli *cli, const char *question, bool *yes, struct err *e);

/* Showing a code of pairing: pair_show_fn, with a cli_showing. */
struct cli_showing {
	const struct cli *cli;
	const char *words; /* before the code: where it is typed */
	bool bare; /* --print-code: the code alone */
	bool again;
};
void cli_show_code(void *ctx, const char *code);

/* This device's folder, in new memory. */
char *cli_home(const struct cli *cli);
/* This device, with a session, the newest circle, and nothing left undone. */
MUST_CHECK int cli_self(struct cli *cli, struct self **out, struct err *e);

/* The repository a backup command works on. */
struct cli_repo {
	struct self *self; /* NULL with --repo, and for a reader */
	struct reader *reader; /* NULL for all others */
	struct depot_local_repo *folder; /* NULL without */
	const char *path; /* of the folder; borrowed */
	bool frees; /* takes its reserve */
	struct local *local; /* of the folder's copy */
	char *dir; /* this device's folder for it */
	struct repo *repo;
	int lock; /* of a copy that is made for one command, or -1 */
};

/* For OWN, of one whose lock is -1 and all else zeros. */
void cli_repo_free(struct cli_repo *r);
/* What a visit reads of a category; both are the caller's, and the repository
 * goes first. errors: those of reader_open and reader_zone. */
struct reader;
MUST_CHECK int cli_repo_visit(const char *dir, enum category category,
    struct reader **reader, struct repo **repo, struct err *e);
/* Only the folder, and this home's copy of it. */
MUST_CHECK int cli_folder(struct cli *cli, struct cli_repo *r, struct err *e);
MUST_CHECK int cli_repo(struct cli *cli, struct cli_repo *out, struct err *e);
/* Make the folder of --repo a repository when it is none yet. */
MUST_CHECK int cli_make_repo(struct cli *cli, struct err *e);

/* That repository with its snapshots, and what reads them. */
struct cli_view {
	struct cli_repo repo;
	struct snapshot_list list;
	struct source *src;
};

/* For OWN, of one whose repo.lock is -1. */
void cli_view_free(struct cli_view *v);
/* errors: those of cli_repo; what it cannot read of them stands in out->list. */
MUST_CHECK int cli_view(struct cli *cli, struct cli_view *out, struct err *e);
/* snapshot_find; says which newer ones "latest" passed over. */
MUST_CHECK int cli_pick_id(const struct cli *cli, const struct snapshot_list *l,
    const char *text, const struct snapshot **out, struct err *e);
/* One as an object, and as a line of JSON. */
json_t *cli_snapshot_object(const struct snapshot *s);
void cli_snapshot_json(const struct snapshot *s);
/* Say which snapshots cannot be read; exit status 3 then, at least. */
void cli_say_unreadable(struct cli *cli, const struct snapshot_list *l);

/* The account as a device of it, or as a visitor, reaches it. */
struct cli_account {
	struct self *self; /* one of */
	struct visit *visit; /* these two */
	struct remote *remote; /* of that one */
};

/* For OWN. */
void cli_account_free(struct cli_account *a);
/* errors: not-signed-in; those of cli_self. */
MUST_CHECK int cli_account(
    struct cli *cli, struct cli_account *out, struct err *e);

/* "The account ends at …" when that is so, of the answer of GET /v1/account;
 * else NULL. In new memory. */
char *cli_closing_words(const json_t *account);
/* Say so, after a sign-in; what cannot be asked is not said. */
void cli_closing_say(struct cli *cli);

/* Things of the account that are named by the start of their ID, or a label. */
struct cli_things {
	const char *path; /* of the call that lists them */
	const char *field; /* of the answer */
	const char *word; /* one of them; with an s, several */
	const char *look; /* the remedy: how to see them */
	const char *label; /* the field of it; NULL: they have none */
};
/* The one. errors: not-found; bad-usage: several are named so. */
MUST_CHECK int cli_find_id(struct remote *r, const struct cli_things *t,
    const char *start, struct id *out, struct err *e);

/* Print the account's things: each as a line of JSON with --json, else by fn.
 * errors: those of cli_account. */
typedef int cli_print_fn(const json_t *x, struct err *e);
MUST_CHECK int cli_list(struct cli *cli, const struct cli_things *t,
    cli_print_fn *fn, struct err *e);

/* How a factor is proven: --with WAY --code CODE. */
struct cli_proof {
	const char *with, *code; /* NULL: chosen, asked */
};

/* Its PIN, from --pin-file or typed. ctx: the cli. */
int cli_ask_pin(void *ctx, struct secret **out, struct err *e);
/* How a security key is reached here. */
struct fido_ask cli_key(struct cli *cli);

/* The rows of its options: "field" is a struct cli_proof of the type. */
#define CLI_PROOF(type, field) \
	{ "with", CMD_TEXT, \
		offsetof(type, field) + offsetof(struct cli_proof, with), \
		"authenticator|text|call|key", \
		"which factor proves it; else one is chosen" }, \
	{ \
		"code", CMD_TEXT, \
		    offsetof(type, field) + offsetof(struct cli_proof, code), \
		    "CODE", "its code, instead of being asked for it" \
	}

/* The options of a row that takes no others. */
struct cli_proving {
	struct cli_proof proof;
};
extern const struct cmd_option cli_proving_options[2];
#define CLI_PROVING CMD_OPTIONS(cli_proving_options, struct cli_proving)

/* For prove_factor: what is not given is asked on the terminal. */
struct prove cli_asking(struct cli *cli, const struct cli_proof *p);

/* Prove the password, and a factor when there is one, as typed or given. */
MUST_CHECK int cli_prove(struct cli *cli, struct remote *r,
    const struct cli_proof *p, struct err *e);

/* A call and its answer; the fields are as control_call's. */
struct cli_call {
	struct remote *remote;
	const char *method, *path;
	const json_t *in;
	json_t **out;
};

/*
 * Make a call that needs a step-up; when there is none, prove the password
 * (and a factor) now and try again.
 */
MUST_CHECK int cli_stepped_call(struct cli *cli, const struct cli_call *c,
    const struct cli_proof *p, struct err *e);
/* One whose answer is shown once: remote_told when it was. */
MUST_CHECK int cli_stepped_act(struct cli *cli, const struct cli_call *c,
    const struct cli_proof *p, struct err *e);

/* The same for what is more than a call. */
typedef int (*cli_step_fn)(void *ctx, struct err *e);
MUST_CHECK int cli_stepped(struct cli *cli, struct remote *r,
    const struct cli_proof *p, cli_step_fn fn, void *ctx, struct err *e);

struct json_t;
/* JSON has no raw bytes: what is not UTF-8 is shown escaped. */
struct json_t *cli_json_bytes(struct bytes x);
/* Add the bytes of a name that is no UTF-8, base64: what is shown of it could be
 * another name. */
void cli_json_raw(json_t *j, const char *key, struct bytes x);
/* One line on standard output; takes j. */
void cli_print_json(struct json_t *j);

/* "ID:PATH" or "ID"; id in new memory, path points into spec or is "". */
void cli_split(const char *spec, char **id, const char **path);

/* What `latest` may mean: NULL for anything. */
struct cli_latest {
	const char *host, *path; /* --host, --path */
};

/* The rows of its options. */
#define CLI_LATEST(type, field) \
	{ "host", CMD_TEXT, \
		offsetof(type, field) + offsetof(struct cli_latest, host), \
		"HOST", "latest is the newest of this machine" }, \
	{ \
		"path", CMD_TEXT, \
		    offsetof(type, field) + offsetof(struct cli_latest, path), \
		    "PATH", "latest is the newest backup of this path" \
	}

/* A snapshot, and a path in it without a slash at its start: "" for all. */
struct cli_picked {
	const struct snapshot *snap;
	struct buf path;
};

/* For OWN. */
void cli_picked_free(struct cli_picked *p);

/*
 * What "ID:PATH" means. `latest` is the newest backup of PATH. A path that the
 * snapshot does not have is followed through the links in it, then through
 * those of this machine: backups are stored under real paths.
 *
 * errors  not-found, with the snapshot that has it.
 */
MUST_CHECK int cli_pick(const struct cli *cli, const struct cli_view *v,
    const char *spec, const struct cli_latest *latest, struct cli_picked *out,
    struct err *e);

/*
 * What is backed up when no path is given: the home, a device profile that is
 * made now, and as root the connections of NetworkManager. What of the profile
 * failed is told, and sets the exit status. The paths live as long as cli.
 *
 * profile  false: the home alone. made: false leaves the profile as it is.
 * out      its items are owned.
 */
MUST_CHECK int cli_usual_roots(struct cli *cli, bool profile, bool made,
    struct cmd_list *out, struct err *e);

struct backup_options;
/*
 * aumbry backup --explain: what becomes of the paths that are given when none
 * is; without any, the lists. Sets the exit status.
 */
MUST_CHECK int cli_explain(struct cli *cli, const struct backup_options *given,
    bool profile, struct err *e);

/* aumbry restore --profile, of the operand, or of the latest that has one. */
struct cli_profile {
	const char *to, *only; /* NULL: not given */
	bool dry_run;
	const struct cli_latest *latest;
};
MUST_CHECK int cli_profile_restore(
    struct cli *cli, const struct cli_profile *g, struct err *e);

struct pair_request;
/* A line, or an object, on standard output. */
void cli_print_request(const struct cli *cli, const struct pair_request *r);

/* The row of --timeout. */
#define CLI_TIMEOUT(type, field) \
	{ \
		"timeout", CMD_TEXT, offsetof(type, field), "SPAN", \
		    "how long to wait; 5min unless given" \
	}
/* What it says; NULL gives 5 minutes. errors: bad-usage. */
MUST_CHECK int cli_timeout(const char *text, unsigned *out, struct err *e);

/* What a person calls a thing, as it was typed, in the one form that is kept
 * (NFC); lives as long as cli. */
const char *cli_name(struct cli *cli, const char *typed);
/* What this device is called: as given, or as the machine is. errors: bad-name. */
MUST_CHECK int cli_device_name(
    struct cli *cli, const char *given, const char **out, struct err *e);
/* errors: bad-name. */
MUST_CHECK int cli_check_name(const char *name, struct err *e);

/* The commands, by set; cli.c lists them. */
extern const struct cmd cli_signup[], cli_signin[], cli_signout[], cli_status[],
    cli_step_up[], cli_log[], cli_password_change[], cli_server[];
extern const struct cmd cli_two_factor[], cli_authenticator[], cli_phone[],
    cli_app_password[], cli_closing[], cli_mail[], cli_device[], cli_session[],
    cli_agent[], cli_security_key[], cli_recovery[], cli_recover[],
    cli_protection[], cli_visit[];
extern const struct cmd cli_contact[], cli_verify[], cli_message[];
extern const struct cmd cli_backup[], cli_snapshot[], cli_restore[], cli_ls[],
    cli_cat[], cli_find[], cli_mount[], cli_export[];
extern const struct cmd cli_prune[], cli_check[], cli_repair[];

/* aumbry repair --after-server-restore. */
MUST_CHECK int cli_heal(struct cli *cli, struct err *e);
