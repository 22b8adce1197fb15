/* SPDX-License-Identifier: ISC */
/* cli_kit.c: aumbry recovery kit: three sheets of paper, of which two open. */
#include "cli/cli_recovery.h"

#include "base/file.h"
#include "base/now.h"
#include "cli/kit_sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sheets ---- */

struct sheets {
	struct secret *codes[RECCODE_SHEETS];
};

static void
sheets_free(struct sheets *s)
{
	for (size_t i = 0; i < RECCODE_SHEETS; i++)
		secret_free(&s->codes[i]);
}

static enum reccode_kind
kind_of(unsigned number)
{
	return (enum reccode_kind)(RECCODE_SHEET_1 + number - 1);
}

static char *
path_of(const char *dir, unsigned number, const char *end)
{
	char name[32];

	(void)snprintf(name, sizeof name, "sheet-%u.%s", number, end);
	return file_join(dir, name);
}

static void
forget(const char *dir)
{
	for (unsigned i = 1; i <= RECCODE_SHEETS; i++) {
		OWN(mem_free) char *page = path_of(dir, i, "html");
		OWN(mem_free) char *text = path_of(dir, i, "txt");
		(void)unlink(page);
		(void)unlink(text);
	}
}

static int
is_free(const char *dir, struct err *e)
{
	for (unsigned i = 1; i <= RECCODE_SHEETS; i++) {
		OWN(mem_free) char *page = path_of(dir, i, "html");
		OWN(mem_free) char *text = path_of(dir, i, "txt");
		if (!file_exists(page) && !file_exists(text))
			continue;
		(void)err_set(e, ERR_REPO_EXISTS,
		    "sheets of a kit are in %s already", dir);
		return err_remedy(e, "Name another folder: --out DIR");
	}
	return 0;
}

static void
wipe(struct buf *b)
{
	if (b->n > 0)
		mem_wipe(b->p, b->n);
	buf_free(b);
}

static int
write_sheet(const struct self *s, const char *dir, unsigned number,
    const struct secret *code, const struct id *keyref, struct err *e)
{
	OWN(mem_free) char *account = cli_recovery_account(s);
	OWN(mem_free) char *page = path_of(dir, number, "html");
	OWN(mem_free) char *text = path_of(dir, number, "txt");
	OWN(mem_free) char *now = cli_time((uint64_t)now_ms());
	OWN(wipe) struct buf html = { 0 };
	OWN(wipe) struct buf file = { 0 };
	OWN(buf_free) struct buf url = { 0 };
	struct kit_sheet k = {
		.number = number, .code = code, .account = account, .day = now
	};

	now[strcspn(now, " ")] = '\0';
	if (local_get(s->local, "url", &url, e) < 0)
		return -1;
	k.server = buf_text(&url);
	struct id_text kit = id_short(keyref);
	k.kit = kit.s;
	kit_sheet_make(&k, &html);
	recovery_file_make(code, kind_of(number), account, &file);
	return file_write(page, buf_bytes(&html), 0600, e) < 0
	    ? -1
	    : file_write(text, buf_bytes(&file), 0600, e);
}

static int
write_all(const struct self *s, const char *dir, const struct sheets *all,
    const struct id *keyref, struct err *e)
{
	if (file_mkdirs(dir, 0700, e) < 0)
		return -1;
	for (unsigned i = 1; i <= RECCODE_SHEETS; i++)
		if (write_sheet(s, dir, i, all->codes[i - 1], keyref, e) < 0) {
			forget(dir);
			return -1;
		}
	return 0;
}

static int
show_all(struct cli *cli, const struct sheets *all, struct err *e)
{
	for (unsigned i = 1; i <= RECCODE_SHEETS; i++) {
		char words[160];
		(void)snprintf(words, sizeof words,
		    "This is sheet %u of %d. Write it on a sheet of its own, "
		    "with the number and the account.",
		    i, RECCODE_SHEETS);
		if (cli_recovery_show(
			cli, all->codes[i - 1], kind_of(i), words, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- making and removing ---- */

static int
create(struct cli *cli, struct self *s, const struct recovery_info *old,
    const struct cli_recovery *o, struct err *e)
{
	OWN(recovery_new_free) struct recovery_new made = { .code = NULL };
	OWN(sheets_free) struct sheets all = { { NULL } };
	uint64_t waits;

	if (o->out == NULL && !isatty(STDIN_FILENO)) {
		(void)err_set(e, ERR_INPUT_MISSING,
		    "the sheets are written into a folder, or shown and typed "
		    "again, and there is no terminal for that");
		return err_remedy(e, "Add: --out DIR");
	}
	if (o->out != NULL && is_free(o->out, e) < 0)
		return -1;
	recovery_draw(s, RECOVERY_KIT, "", &made);
	reccode_split(made.code, all.codes);
	if (o->out != NULL ? write_all(s, o->out, &all, &made.keyref, e) < 0
			   : show_all(cli, &all, e) < 0)
		return -1;
	if (cli_recovery_put(cli, s,
		&(struct cli_recovery_change){ &made, old, &o->proof }, &waits,
		e) < 0) {
		/* Sheets that open nothing would be a trap. */
		if (cli_recovery_useless(cli, s, &made, o->out, e) &&
		    o->out != NULL)
			forget(o->out);
		return -1;
	}
	cli_recovery_say(cli, waits,
	    old != NULL ? "The paper kit is replaced; the old sheets end."
			: "The paper kit is made: any two of its sheets give "
			  "everything back, a day after they were shown.");
	if (o->out != NULL)
		cli_say(cli,
		    "Print sheet-1.html, -2 and -3 in %s, keep each in another "
		    "place, and delete the folder.",
		    o->out);
	return 0;
}

static int
make_kit(void *line, const struct cli_recovery *o, bool makes, struct err *e)
{
	OWN(self_free) struct self *s = NULL;
	OWN(mem_free) struct recovery_info *list = NULL;
	const struct recovery_info *old;

	return cli_recovery_open(line, &s, e) < 0 ||
		cli_recovery_find(s, RECOVERY_KIT, makes, &list, &old, e) < 0
	    ? -1
	    : create(line, s, old, o, e);
}

int
cli_kit_create(void *line, const void *options, struct err *e)
{
	return make_kit(line, options, true, e);
}

int
cli_kit_rotate(void *line, const void *options, struct err *e)
{
	return make_kit(line, options, false, e);
}

int
cli_kit_remove(void *line, const void *options, struct err *e)
{
	const struct cli_recovery *o = options;
	OWN(self_free) struct self *s = NULL;
	OWN(mem_free) struct recovery_info *list = NULL;
	const struct recovery_info *old;
	uint64_t waits;

	if (cli_recovery_open(line, &s, e) < 0 ||
	    cli_recovery_find(s, RECOVERY_KIT, false, &list, &old, e) < 0 ||
	    cli_recovery_drop(line, s, old, &o->proof, &waits, e) < 0)
		return -1;
	cli_recovery_say(
	    line, waits, "The paper kit is removed; its sheets open nothing.");
	return 0;
}

/* ---- reading two sheets ---- */

static int
typed_sheet(struct cli *cli, const char *which, enum reccode_kind *kind,
    struct secret **out, struct err *e)
{
	char prompt[64];

	for (int tries = 1;; tries++) {
		OWN(wipe) struct buf number = { 0 };
		OWN(wipe) struct buf code = { 0 };
		(void)snprintf(prompt, sizeof prompt,
		    "Number of the %s sheet (1, 2 or 3)", which);
		if (cli_line(cli, prompt, "--kit-file F --kit-file F", &number,
			e) < 0)
			return -1;
		const char *text = buf_text(&number);
		if (strlen(text) != 1 || text[0] < '1' || text[0] > '3') {
			(void)err_set(e, ERR_RECOVERY_CODE,
			    "sheets have the numbers 1, 2 and 3");
		} else {
			unsigned i = (unsigned)(text[0] - '0');
			*kind = kind_of(i);
			(void)snprintf(
			    prompt, sizeof prompt, "Code of sheet %u", i);
			if (cli_line(cli, prompt, "--kit-file F --kit-file F",
				&code, e) < 0)
				return -1;
			if (reccode_parse(buf_bytes(&code), *kind, out, e) == 0)
				return 0;
		}
		if (tries == 5 || !isatty(STDIN_FILENO))
			return -1;
		cli_say(cli, "%s.", e->msg);
	}
}

int
cli_kit_code(struct cli *cli, const struct cmd_list *files, struct secret **out,
    struct err *e)
{
	static const char *const which[] = { "first", "second" };
	OWN(secret_free) struct secret *a = NULL;
	OWN(secret_free) struct secret *b = NULL;
	struct secret **to[] = { &a, &b };
	enum reccode_kind kinds[2];

	if (files->n > 2)
		return err_set(e, ERR_USAGE,
		    "two sheets are enough: --kit-file F --kit-file F");
	for (size_t i = 0; i < 2; i++)
		if (i < files->n
			? recovery_sheet_read(
			      files->items[i], &kinds[i], to[i], e) < 0
			: typed_sheet(cli, which[i], &kinds[i], to[i], e) < 0)
			return -1;
	return reccode_join(a, kinds[0], b, kinds[1], out, e);
}
