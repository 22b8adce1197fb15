/* SPDX-License-Identifier: ISC */
/* cli_message_watch.c: each message when it comes; and all of them, for others. */
#include "cli/cli_message.h"

#include "base/file.h"
#include "client/self_wait.h"
#include "files/secretfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- watch ---- */

/* Who asks is named, and not let speak. */
static void
show_line(
    struct cli *cli, const struct cli_mail *m, const struct thread_line *x)
{
	const struct person *p = mail_person(m->mail, &x->from);

	if (p != NULL && p->level == PERSON_ASKS)
		cli_say(cli, "%s asks to write: aumbry contact accept %s",
		    p->address, p->address);
	else
		cli_mail_print(cli, m, x);
}

static int
show_new(struct cli *cli, struct cli_mail *m, struct err *e)
{
	OWN(thread_free) struct thread t = { NULL, 0 };

	if (mail_look(m->mail, e) < 0 || thread_new(m->mail, &t, e) < 0)
		return -1;
	for (size_t i = 0; i < t.n; i++)
		show_line(cli, m, &t.lines[i]);
	(void)fflush(stdout);
	cli_mail_settle(cli, m);
	return 0;
}

static int
watch(struct cli *cli, struct cli_mail *m, unsigned wait_s, struct err *e)
{
	struct self_wait w = {
		.inbox = true, .inbox_top = mail_top(m->mail), .wait_s = wait_s
	};

	if (self_wait(m->self, &w, e) < 0)
		return -1;
	mail_seen(m->mail, w.inbox_top);
	return w.letters ? show_new(cli, m, e) : 0;
}

int
cli_message_watch(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	unsigned pause_s = 0;

	(void)options;
	if (cli_mail_open(cli, &m, e) < 0 || thread_looked(m.mail, e) < 0)
		return -1;
	cli_say(cli, "Messages are shown when they come. Ctrl-C ends it.");
	for (;;) {
		if (watch(cli, &m, pause_s == 0 ? LIMIT_POLL_S : 0, e) == 0) {
			pause_s = 0;
			continue;
		}
		if (!err_unreachable(e->code))
			return -1;
		pause_s = pause_s < 32 ? 2 * pause_s + 1 : pause_s;
		(void)sleep(pause_s);
	}
}

/* ---- export ---- */

/* Nothing that is there is written over, nor mixed with. */
static int
make_folder(const char *path, struct err *e)
{
	struct dirent *d;

	if (file_mkdirs(path, 0700, e) < 0)
		return -1;
	DIR *dir = opendir(path);
	if (dir == NULL)
		return err_sys(e, "%s", path);
	bool empty = true;
	while ((d = readdir(dir)) != NULL)
		empty &=
		    strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
	(void)closedir(dir);
	return empty ? 0 : err_set(e, ERR_CONFLICT, "%s is not empty", path);
}

/* One conversation in a file of its own: the first line says that it is a
 * secret, each other one is a message. */
static int
write_one(const struct cli_mail *m, const struct thread *all,
    const struct thread_sum *s, const char *dir, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf path = { 0 };

	buf_put_str(&text, SECRETFILE_MAGIC);
	for (size_t i = 0; i < all->n; i++) {
		const struct thread_line *x = &all->lines[i];
		if (!id_equal(&x->conv, &s->conv))
			continue;
		OWN(jsonio_free) json_t *j = cli_mail_json(m, x);
		OWN(mem_free) char *row = json_dumps(j, JSON_COMPACT);
		if (row == NULL)
			return err_set(e, ERR_INTERNAL,
			    "a message cannot be written as JSON");
		buf_printf(&text, "%s\n", row);
	}
	/* An address is of letters, digits, dots, dashes and one @. */
	buf_printf(&path, "%s/%s.jsonl", dir,
	    s->with != NULL ? s->with->address : id_text(&s->conv).s);
	return file_write(buf_text(&path), buf_bytes(&text), 0600, e);
}

int
cli_message_export(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const char *const *to = options;
	OWN(cli_mail_free) struct cli_mail m = { NULL, NULL };
	OWN(thread_free) struct thread all = { NULL, 0 };
	OWN(mem_free) struct thread_sum *sums = NULL;
	size_t n;

	if (cli_mail_open(cli, &m, e) < 0 || thread_all(m.mail, &all, e) < 0 ||
	    thread_sums(m.mail, &all, &sums, &n, e) < 0 ||
	    make_folder(*to, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (write_one(&m, &all, &sums[i], *to, e) < 0)
			return -1;
	cli_mail_tell_wrong(cli, &all);
	cli_say(cli,
	    "%zu conversations are in %s, readable by who reads files "
	    "there.",
	    n, *to);
	return 0;
}
