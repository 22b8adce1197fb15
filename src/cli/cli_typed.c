/* SPDX-License-Identifier: ISC */
/* cli_typed.c: passwords, names and lines that a person types or pipes in. */
#include "cli/cli.h"

#include "base/stop.h"
#include "base/text.h"
#include "base/typed.h"
#include "client/password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include <uninorm.h>

#define LINE_BYTES 4096 /* of one line; bounds what a pipe can send */
#define PASSWORD_TRIES 3 /* on a terminal */

/* ---- one form for what looks the same ---- */

/*
 * The same letters may come in one piece or as a letter and its accent: systems
 * and browsers differ. The page does the same (NFC).
 */
static void
put_composed(struct buf *out, struct bytes x)
{
	size_t n = 0;

	uint8_t *composed = u8_normalize(UNINORM_NFC, x.p, x.n, NULL, &n);
	if (composed == NULL)
		abort();
	buf_put(out, composed, n);
	mem_wipe(composed, n);
	free(composed);
}

static bool
is_ascii(struct bytes x)
{
	for (size_t i = 0; i < x.n; i++)
		if (x.p[i] >= 0x80)
			return false;
	return true;
}

const char *
cli_name(struct cli *cli, const char *typed)
{
	OWN(buf_free) struct buf name = { 0 };
	struct bytes x = typed_trim(bytes_str(typed));

	/* What is not UTF-8 is refused as it is. */
	if (is_ascii(x) || !text_is_utf8(x))
		buf_put_bytes(&name, x);
	else
		put_composed(&name, x);
	return cli_keep(cli, buf_text(&name));
}

int
cli_check_name(const char *name, struct err *e)
{
	if (name[0] != '\0' && strlen(name) <= LIMIT_NAME_BYTES &&
	    text_is_label(name))
		return 0;
	return err_set(e, ERR_BAD_NAME,
	    "a name has 1 to %d bytes of UTF-8, something to be seen, and no "
	    "marks that hide or turn what stands beside them",
	    LIMIT_NAME_BYTES);
}

int
cli_device_name(
    struct cli *cli, const char *given, const char **out, struct err *e)
{
	char here[LIMIT_NAME_BYTES + 1] = "";

	if (gethostname(here, LIMIT_NAME_BYTES) < 0 || here[0] == '\0')
		(void)snprintf(here, sizeof here, "computer");
	*out = cli_name(cli, given != NULL ? given : here);
	return cli_check_name(*out, e);
}

/* ---- lines ---- */

/*
 * One line without its end, LF or CR LF, and without the mark that some editors
 * put before a file. Nothing behind it is read.
 */
static int
read_line(FILE *in, struct buf *out, struct err *e)
{
	static const char mark[] = "\xef\xbb\xbf";
	int c = EOF, failed;

	stop_guard();
	/* No second copy in a stream's buffer. */
	(void)setvbuf(in, NULL, _IONBF, 0);
	while (out->n <= LINE_BYTES && (c = getc(in)) != EOF && c != '\n')
		buf_put_u8(out, (uint8_t)c);
	failed = errno;
	stop_unguard();
	if (stop_asked())
		return err_set(e, ERR_INPUT_MISSING, "the question was left");
	/* What was read up to there is not what stands there. */
	if (c == EOF && ferror(in))
		return err_set(e, ERR_IO, "%s", strerror(failed));
	if (out->n > LINE_BYTES)
		return err_set(e, ERR_TOO_LARGE, "a line has at most %d bytes",
		    LINE_BYTES);
	if (out->n > 0 && out->p[out->n - 1] == '\r')
		out->n--;
	if (out->n >= 3 && bytes_equal(bytes_of(out->p, 3), bytes_str(mark))) {
		memmove(out->p, out->p + 3, out->n - 3);
		out->n -= 3;
	}
	if (out->n == 0 && c == EOF)
		return err_set(
		    e, ERR_INPUT_MISSING, "there is nothing to read");
	return 0;
}

int
cli_line(const struct cli *cli, const char *prompt, const char *flag,
    struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf line = { 0 };

	(void)cli;
	if (isatty(STDIN_FILENO)) {
		(void)fprintf(stderr, "%s: ", prompt);
		(void)fflush(stderr);
	}
	if (read_line(stdin, &line, e) < 0) {
		if (e->code != ERR_INPUT_MISSING)
			return -1;
		(void)err_set(e, ERR_INPUT_MISSING, "%s is needed", prompt);
		return err_remedy(e, "Add: %s", flag);
	}
	buf_put_bytes(out, typed_trim(buf_bytes(&line)));
	return 0;
}

int
cli_yes(const struct cli *cli, const char *question, bool *yes, struct err *e)
{
	for (;;) {
		OWN(buf_free) struct buf line = { 0 };
		if (cli_line(cli, question, "--yes", &line, e) < 0)
			return -1;
		const char *said = buf_text(&line);
		*yes =
		    strcasecmp(said, "yes") == 0 || strcasecmp(said, "y") == 0;
		if (*yes || strcasecmp(said, "no") == 0 ||
		    strcasecmp(said, "n") == 0)
			return 0;
		if (!isatty(STDIN_FILENO))
			return err_set(
			    e, ERR_INPUT_MISSING, "the answer is yes or no");
	}
}

/* ---- passwords ---- */

static int
empty(struct err *e)
{
	(void)err_set(e, ERR_INPUT_MISSING, "the password is empty");
	return err_remedy(e, "In a file it is the first line.");
}

static int
password_from(FILE *in, struct secret **out, struct err *e)
{
	OWN(buf_free) struct buf line = { 0 };
	OWN(buf_free) struct buf whole = { 0 };

	if (read_line(in, &line, e) < 0)
		return e->code != ERR_INPUT_MISSING ? -1 : empty(e);
	struct bytes x = buf_bytes(&line);
	if (!text_is_utf8(x) || (x.n > 0 && memchr(x.p, '\0', x.n) != NULL)) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "the password is no text that can be typed: it has %s",
		    text_is_utf8(x) ? "a NUL" : "bytes that are not UTF-8");
		return err_remedy(e, "Write the file anew, in UTF-8.");
	}
	if (!is_ascii(x)) {
		put_composed(&whole, x);
		x = buf_bytes(&whole);
	}
	if (x.n == 0)
		return empty(e);
	if (x.n > PASSWORD_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "a password has at most %d bytes", PASSWORD_BYTES);
	*out = secret_of(x);
	return 0;
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
	/* A terminal must not stay mute, whatever ends the question. */
	stop_guard();
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	int rc = password_from(stdin, out, e);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	stop_unguard();
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

/* An empty one is as none, as in a unit that takes it back. */
static const char *
file_of_environment(void)
{
	const char *file = getenv("AUMBRY_PASSWORD_FILE");

	return file != NULL && file[0] != '\0' ? file : NULL;
}

int
cli_password(const struct cli *cli, const char *prompt, bool twice,
    struct secret **out, struct err *e)
{
	struct cli with = *cli;

	if (with.password_file == NULL)
		with.password_file = file_of_environment();
	return cli_secret(&with, prompt, twice, out, e);
}

int
cli_new_password(const struct cli *cli, const char *prompt, struct secret **out,
    struct err *e)
{
	OWN(secret_free) struct secret *s = NULL;

	if (cli_password(cli, prompt, true, &s, e) < 0 ||
	    password_check(secret_bytes(s), e) < 0)
		return -1;
	*out = TAKE(s);
	return 0;
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
		return password_from(in, out, e) < 0 ? err_in(e, "%s", file)
						     : 0;
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
	return cli->password_file == NULL && file_of_environment() == NULL &&
	    isatty(STDIN_FILENO);
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
