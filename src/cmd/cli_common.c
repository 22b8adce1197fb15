/* SPDX-License-Identifier: ISC */
/* cli_common.c: options, passwords, text, and opening what commands need. */
#include "cmd/cli.h"

#include "base/file.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD_MAX 1024 /* bytes */
#define PASSWORD_TRIES 3 /* on a terminal */
#define TIMEOUT_S 300 /* how long what waits does so by itself */

void
cli_list_free(struct cli_list *l)
{
	free(l->items);
	*l = (struct cli_list){ 0 };
}

static const struct cli_option *
find_option(
    const struct cli_option *options, size_t n, const char *word, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(options[i].name) == len &&
		    strncmp(options[i].name, word, len) == 0)
			return &options[i];
	return NULL;
}

static void
set_option(const struct cli_option *o, const char *value)
{
	if (o->kind == CLI_FLAG) {
		*(bool *)o->to = true;
	} else if (o->kind == CLI_TEXT) {
		*(const char **)o->to = value;
	} else {
		struct cli_list *l = o->to;
		l->items = mem_resize(l->items, l->n + 1, sizeof *l->items);
		l->items[l->n++] = value;
	}
}

int
cli_parse(struct cli *cli, const struct cli_option *options, size_t n, int min,
    int max, struct err *e)
{
	int kept = 0;
	bool only_operands = false;

	for (int i = 0; i < cli->n_args; i++) {
		char *a = cli->args[i];
		if (only_operands || strncmp(a, "--", 2) != 0) {
			cli->args[kept++] = a;
			continue;
		}
		if (a[2] == '\0') {
			only_operands = true;
			continue;
		}
		size_t len = strcspn(a + 2, "=");
		const struct cli_option *o =
		    find_option(options, n, a + 2, len);
		if (o == NULL)
			return err_set(
			    e, ERR_USAGE, "there is no option %s", a);
		const char *value = NULL;
		if (a[2 + len] == '=')
			value = a + 3 + len;
		else if (o->kind != CLI_FLAG && i + 1 < cli->n_args)
			value = cli->args[++i];
		if ((value == NULL) != (o->kind == CLI_FLAG))
			return err_set(e, ERR_USAGE,
			    o->kind == CLI_FLAG ? "--%s takes no value"
						: "--%s needs a value",
			    o->name);
		set_option(o, value);
	}
	cli->n_args = kept;
	if (kept < min)
		return err_set(e, ERR_USAGE, "something is missing");
	if (max >= 0 && kept > max)
		return err_set(e, ERR_USAGE, "\"%s\" is one word too many",
		    cli->args[max]);
	return 0;
}

void
cli_say(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

char *
cli_shown(struct bytes x)
{
	OWN(buf_free) struct buf b = { 0 };

	text_show(&b, x);
	return mem_text(buf_text(&b));
}

char *
cli_from(const char *address, const char *place)
{
	OWN(buf_free) struct buf b = { 0 };

	text_show(&b, bytes_str(address));
	if (place != NULL && place[0] != '\0') {
		buf_put_str(&b, " (near ");
		text_show(&b, bytes_str(place));
		buf_put_str(&b, ")");
	}
	return mem_text(buf_text(&b));
}

char *
cli_size(uint64_t bytes)
{
	OWN(buf_free) struct buf b = { 0 };

	text_size(&b, bytes);
	return mem_text(buf_text(&b));
}

char *
cli_time(uint64_t time_ms)
{
	time_t t = (time_t)(time_ms / 1000);
	struct tm tm;
	char s[32];

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(s, sizeof s, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return mem_text("?");
	return mem_text(s);
}

/* ---- passwords ---- */

static int
password_from(FILE *in, struct secret **out, struct err *e)
{
	char line[PASSWORD_MAX + 2];

	/* No second copy in a stream's buffer. */
	(void)setvbuf(in, NULL, _IONBF, 0);
	if (fgets(line, sizeof line, in) == NULL)
		line[0] = '\0';
	size_t n = strcspn(line, "\r\n");
	int rc = 0;
	if (n == 0)
		rc = err_set(e, ERR_INPUT_MISSING, "the password is empty");
	else if (n > PASSWORD_MAX)
		rc = err_set(e, ERR_TOO_LARGE,
		    "a password has at most %d bytes", PASSWORD_MAX);
	else
		*out = secret_of(bytes_of(line, n));
	mem_wipe(line, sizeof line);
	return rc;
}

static int
typed_once(const char *prompt, struct secret **out, struct err *e)
{
	struct termios old, quiet;

	(void)fprintf(stderr, "%s: ", prompt);
	(void)fflush(stderr);
	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return err_sys(e, "terminal");
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	int rc = password_from(stdin, out, e);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);
	return rc;
}

static int
typed(const char *prompt, bool twice, struct secret **out, struct err *e)
{
	OWN(secret_free) struct secret *a = NULL;
	OWN(secret_free) struct secret *b = NULL;

	if (typed_once(prompt, &a, e) < 0)
		return -1;
	if (twice) {
		if (typed_once("Once more", &b, e) < 0)
			return -1;
		if (!secret_equal(a, b))
			return err_set(
			    e, ERR_INPUT_MISSING, "the two passwords differ");
	}
	*out = TAKE(a);
	return 0;
}

static void
close_file(FILE **f)
{
	if (*f != NULL)
		(void)fclose(*f);
}

int
cli_password(const struct cli *cli, const char *prompt, bool twice,
    struct secret **out, struct err *e)
{
	struct cli with = *cli;

	if (with.password_file == NULL)
		with.password_file = getenv("AUMBRY_PASSWORD_FILE");
	return cli_secret(&with, prompt, twice, out, e);
}

int
cli_secret(const struct cli *cli, const char *prompt, bool twice,
    struct secret **out, struct err *e)
{
	const char *file = cli->password_file;

	if (file != NULL && strcmp(file, "-") == 0)
		return password_from(stdin, out, e);
	if (file != NULL) {
		OWN(close_file) FILE *in = fopen(file, "re");
		if (in == NULL)
			return err_sys(e, "%s", file);
		return password_from(in, out, e);
	}
	if (isatty(STDIN_FILENO))
		return typed(prompt, twice, out, e);
	(void)err_set(e, ERR_INPUT_MISSING,
	    "the password is needed, and there is no terminal to ask for it");
	return err_remedy(e, "Add: --password-file FILE");
}

static bool
is_typed(const struct cli *cli)
{
	return cli->password_file == NULL &&
	    getenv("AUMBRY_PASSWORD_FILE") == NULL && isatty(STDIN_FILENO);
}

int
cli_with_password(const struct cli *cli, const char *prompt, cli_password_fn fn,
    void *ctx, struct err *e)
{
	for (int tries = 1;; tries++) {
		OWN(secret_free) struct secret *password = NULL;
		if (cli_password(cli, prompt, false, &password, e) < 0)
			return -1;
		if (fn(ctx, secret_bytes(password), e) == 0)
			return 0;
		if (e->code != ERR_WRONG_PASSWORD || !is_typed(cli) ||
		    tries == PASSWORD_TRIES)
			return -1;
		cli_say(cli, "%s Try again.", err_what(e->code));
	}
}

int
cli_line(const struct cli *cli, const char *prompt, const char *flag,
    struct buf *out, struct err *e)
{
	char line[512];

	(void)cli;
	if (isatty(STDIN_FILENO)) {
		(void)fprintf(stderr, "%s: ", prompt);
		(void)fflush(stderr);
	}
	if (fgets(line, sizeof line, stdin) == NULL) {
		(void)err_set(e, ERR_INPUT_MISSING, "%s is needed", prompt);
		return err_remedy(e, "Add: %s", flag);
	}
	buf_put(out, line, strcspn(line, "\r\n"));
	return 0;
}

/* ---- opening ---- */

char *
cli_home(const struct cli *cli)
{
	return mem_text(cli->home);
}

int
cli_self(struct cli *cli, struct self **out, struct err *e)
{
	OWN(mem_free)
	char *dir = cli_home(cli);
	OWN(self_free) struct self *s = NULL;

	if (visit_there(dir)) {
		(void)err_set(e, ERR_PERMISSION,
		    "this sign-in was by a code, which opens the account's "
		    "settings and none of its data");
		return err_remedy(e,
		    "Let this device in: aumbry signin URL NAME, and on a "
		    "trusted one: aumbry device approve");
	}
	if (self_open(dir, &s, e) < 0 || self_connect(s, e) < 0 ||
	    self_settle(s, e) < 0)
		return -1;
	cli->keys_only = s->circle.keys_only != 0;
	*out = TAKE(s);
	return 0;
}

void
cli_repo_free(struct cli_repo *r)
{
	repo_free(&r->repo);
	local_free(&r->local);
	depot_local_free(&r->folder);
	self_free(&r->self);
	reader_free(&r->reader);
	free(r->dir);
	r->dir = NULL;
	fd_close(&r->lock);
}

static int
new_repo_password(const struct cli *cli, struct secret **out, struct err *e)
{
	struct cli with = *cli;

	if (cli->repo_password_file != NULL)
		with.password_file = cli->repo_password_file;
	if (cli_password(
		&with, "New password of the repository", true, out, e) == 0)
		return 0;
	if (e->code == ERR_INPUT_MISSING && with.password_file == NULL)
		return err_remedy(e, "Add: --repo-password-file FILE");
	return -1;
}

static int
enter_folder(void *ctx, struct bytes password, struct err *e)
{
	struct cli_repo *r = ctx;

	return depot_local_open(r->path, password, &r->folder, e);
}

int
cli_make_repo(struct cli *cli, struct err *e)
{
	OWN(secret_free) struct secret *password = NULL;

	if (depot_local_there(cli->repo))
		return 0;
	cli_say(cli,
	    "A new repository at %s. Its password cannot be "
	    "recovered: without it, all that is in it is lost.",
	    cli->repo);
	return new_repo_password(cli, &password, e) < 0 ||
		depot_local_create(cli->repo, secret_bytes(password), e) < 0
	    ? -1
	    : 0;
}

static int
open_folder(struct cli *cli, struct cli_repo *r, struct err *e)
{
	OWN(mem_free)
	char *home = cli_home(cli);
	OWN(buf_free) struct buf dir = { 0 };
	struct cli with = *cli;

	if (!depot_local_there(cli->repo)) {
		(void)err_set(e, ERR_NOT_FOUND, "there is no repository at %s",
		    cli->repo);
		return err_remedy(
		    e, "Make one: aumbry backup --to %s PATH", cli->repo);
	}
	if (cli->repo_password_file != NULL)
		with.password_file = cli->repo_password_file;
	r->path = cli->repo;
	if (cli_with_password(
		&with, "Password of the repository", enter_folder, r, e) < 0)
		return e->code == ERR_INPUT_MISSING &&
			with.password_file == NULL
		    ? err_remedy(e, "Add: --repo-password-file FILE")
		    : -1;
	buf_printf(&dir, "%s/repos/%s", home, id_text(&r->folder->uid).s);
	r->dir = mem_text(buf_text(&dir));
	if (home_open(home, &r->local, e) < 0)
		return -1;
	local_free(&r->local);
	return home_open(r->dir, &r->local, e) < 0
	    ? -1
	    : repo_open(&r->folder->writer, r->local, r->folder->depot,
		  &r->folder->backup, &r->folder->keychain, r->dir, &r->repo,
		  e);
}

/* By a code, with keys from the escrow. */
static int
open_reader(struct cli_repo *r, const char *dir, struct err *e)
{
	if (reader_open(dir, &r->reader, e) < 0)
		return -1;
	r->dir = mem_text(dir);
	return repo_open(&r->reader->zones_of, r->reader->local,
	    r->reader->depot, &r->reader->backup, NULL, dir, &r->repo, e);
}

static int
open_account(struct cli *cli, struct cli_repo *r, struct err *e)
{
	OWN(mem_free) char *dir = cli_home(cli);
	struct id backup, keychain;

	if (reader_there(dir))
		return open_reader(r, dir, e);

	if (cli_self(cli, &r->self, e) < 0 || self_state(r->self, e) < 0 ||
	    self_zone(r->self, CATEGORY_BACKUP, &backup, e) < 0 ||
	    self_zone(r->self, CATEGORY_KEYCHAIN, &keychain, e) < 0)
		return -1;
	r->dir = mem_text(r->self->dir);
	return repo_open(&r->self->writer, r->self->local, r->self->depot,
	    &backup, &keychain, r->dir, &r->repo, e);
}

int
cli_repo(struct cli *cli, struct cli_repo *out, struct err *e)
{
	OWN(cli_repo_free) struct cli_repo r = { .lock = -1 };

	if ((cli->repo != NULL ? open_folder(cli, &r, e)
			       : open_account(cli, &r, e)) < 0)
		return -1;
	*out = r;
	r = (struct cli_repo){ .lock = -1 };
	return 0;
}

void
cli_split(const char *spec, char **id, const char **path)
{
	const char *colon = strchr(spec, ':');

	*id = colon != NULL ? strndup(spec, (size_t)(colon - spec))
			    : mem_text(spec);
	if (*id == NULL)
		abort();
	*path = colon != NULL ? colon + 1 : "";
}

int
cli_timeout(const char *text, unsigned *out, struct err *e)
{
	int64_t s = TIMEOUT_S;

	if (text != NULL &&
	    (text_parse_span(text, &s) < 0 || s < 1 || s > 86400))
		return err_set(e, ERR_USAGE,
		    "--timeout is a number of seconds, not %s", text);
	*out = (unsigned)s;
	return 0;
}

void
cli_show_code(void *ctx, const char *code)
{
	struct cli_showing *s = ctx;

	if (!s->bare && s->again)
		cli_say(s->cli, "That code was wrong, and is burnt.");
	if (!s->bare)
		cli_say(s->cli, "%s", s->words);
	(void)printf("%s\n", code);
	(void)fflush(stdout);
	s->again = true;
}
