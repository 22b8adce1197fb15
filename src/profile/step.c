/* SPDX-License-Identifier: ISC */
/* step.c: what each piece is compared with, and who is told to change it. */
#include "profile/step.h"

#include "base/file.h"
#include "profile/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
profile_step_free(struct profile_step *s)
{
	items_free(&s->backed);
	items_free(&s->wanted);
	items_free(&s->unknown);
	buf_free(&s->command);
	*s = (struct profile_step){ 0 };
}

void
profile_step_stored(struct profile_step *s, struct bytes text)
{
	items_read(s->piece->kind, text, &s->backed);
}

static void
refuse(struct items *x, const char *why)
{
	if (x->n_refused < ITEMS_REFUSED_TOLD) {
		x->refused[x->n_refused].line = x->n + x->n_refused + 1;
		x->refused[x->n_refused].why = why;
	}
	x->n_refused++;
}

void
profile_step_connection(
    struct profile_step *s, struct bytes name, struct bytes text)
{
	OWN(items_free) struct items names = { 0 };
	OWN(items_free) struct items body = { 0 };
	OWN(buf_free) struct buf copy = { 0 };

	items_read(ITEMS_NAMES, name, &names);
	items_read(ITEMS_NAMES, text, &body);
	if (names.n != 1 || names.n_refused > 0 || name.n > ITEMS_NAME_MAX ||
	    name.p[0] == '.' || memchr(name.p, '/', name.n) != NULL)
		refuse(&s->backed, "no name of a connection");
	else if (text.n > PROFILE_CONNECTION_BYTES || body.n_refused > 0 ||
	    body.n == 0)
		refuse(&s->backed, "no file of a connection");
	else {
		buf_put_bytes(&copy, text);
		items_add(&s->backed, names.list[0].key, buf_text(&copy));
	}
}

/* ---- what is here ---- */

static int
ask(const struct profile_piece *p, struct items *here, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };

	if (profile_piece_ask(p, &text, e) < 0)
		return -1;
	items_read(p->kind, buf_bytes(&text), here);
	items_sort(here);
	return 0;
}

static int
connections_here(struct items *here, struct err *e)
{
	DIR *d = opendir(PROFILE_CONNECTIONS);
	const struct dirent *x;

	if (d == NULL)
		return errno == EACCES
		    ? err_set(e, ERR_PERMISSION, "only root can add them")
		    : err_set(
			  e, ERR_NOT_FOUND, "NetworkManager is not installed");
	while ((x = readdir(d)) != NULL)
		items_add(here, x->d_name, "");
	(void)closedir(d);
	items_sort(here);
	return 0;
}

static int
here_of(const struct profile_piece *p, struct items *here, struct err *e)
{
	if (p->id == PROFILE_WIFI)
		return connections_here(here, e);
	if (p->id == PROFILE_PACKAGES)
		p = &profile_pieces[PROFILE_SELECTIONS];
	return ask(p, here, e);
}

/* ---- what can be had here ---- */

/* All packages that apt knows, or all units that are there. */
static int
known_here(const struct profile_piece *p, struct items *known, struct err *e)
{
	static const char *const names[] = { "apt-cache", "pkgnames", NULL };
	static const char *const units[] = { "systemctl", "--user",
		"list-unit-files", "--no-legend", "--no-pager", "--plain",
		NULL };
	OWN(buf_free) struct buf text = { 0 };
	struct tool t = { .argv = p->id == PROFILE_UNITS ? units : names,
		.seconds = TOOL_SECONDS,
		.limit = PROFILE_FILE_BYTES };

	if (tool_run(&t, &text, e) < 0)
		return -1;
	items_read(p->kind, buf_bytes(&text), known);
	items_sort(known);
	return 0;
}

/* One name that apt does not know keeps it from all others. */
static void
part(struct profile_step *s)
{
	OWN(items_free) struct items known = { 0 };
	OWN(items_free) struct items all = s->wanted;

	s->wanted = (struct items){ 0 };
	if (known_here(s->piece, &known, &s->why) < 0) {
		s->todo = PROFILE_CANNOT;
		return;
	}
	for (size_t i = 0; i < all.n; i++)
		items_add(items_find(&known, all.list[i].key) != NULL
			? &s->wanted
			: &s->unknown,
		    all.list[i].key, all.list[i].value);
	if (s->wanted.n > 0)
		return;
	s->todo = PROFILE_CANNOT;
	(void)err_set(&s->why, ERR_NOT_FOUND,
	    s->piece->id == PROFILE_PACKAGES
		? "apt knows none of these: add their sources, and run: "
		  "apt-get update"
		: "none of these units is here: restore the home first");
}

/* ---- what is to be done ---- */

static void
put_commands(struct profile_step *s)
{
	const struct items *w = &s->wanted;

	if (s->piece->id == PROFILE_PACKAGES)
		buf_put_str(&s->command, "sudo apt-get install --no-remove --");
	for (size_t i = 0; i < w->n; i++) {
		const char *key = w->list[i].key, *value = w->list[i].value;
		switch (s->piece->id) {
		case PROFILE_PACKAGES:
			buf_printf(&s->command, " %s", key);
			break;
		case PROFILE_FLATPAK:
			buf_printf(
			    &s->command, "flatpak install %s %s\n", value, key);
			break;
		case PROFILE_SNAP:
			buf_printf(&s->command, "sudo snap install %s%s\n",
			    value[0] != '\0' ? "--classic " : "", key);
			break;
		default:
			buf_printf(&s->command,
			    "sudo lpadmin -p %s -E -v '%s' -m everywhere\n",
			    key, value);
		}
	}
	if (s->piece->id == PROFILE_PACKAGES)
		buf_put_u8(&s->command, '\n');
}

static void
decide(struct profile_step *s, const struct items *here)
{
	switch (s->piece->id) {
	case PROFILE_PACKAGES:
		part(s);
		if (s->todo != PROFILE_CANNOT && geteuid() != 0)
			s->todo = PROFILE_TYPE;
		break;
	case PROFILE_UNITS:
		part(s);
		break;
	case PROFILE_CRONTAB:
		if (here->n == 0)
			break;
		s->todo = PROFILE_CANNOT;
		(void)err_set(&s->why, ERR_CONFLICT,
		    "there is another crontab here, and it stays: get the "
		    "file by --to DIR, and add what you miss by: crontab -e");
		break;
	case PROFILE_FLATPAK:
	case PROFILE_SNAP:
	case PROFILE_PRINTERS:
		s->todo = PROFILE_TYPE;
		break;
	case PROFILE_FONTS:
		s->todo = PROFILE_TELL;
		break;
	default:
		break;
	}
	if (s->todo == PROFILE_TYPE)
		put_commands(s);
}

/* Lines that do nothing are no reason to do something. */
static void
drop_idle(struct items *x)
{
	OWN(items_free) struct items all = *x;

	*x = (struct items){ 0 };
	for (size_t i = 0; i < all.n; i++)
		if (all.list[i].value[0] != '#')
			items_add(x, all.list[i].key, all.list[i].value);
}

void
profile_step_compare(struct profile_step *s)
{
	OWN(items_free) struct items here = { 0 };
	enum profile_id id = s->piece->id;
	struct err why = { 0 };

	items_free(&s->wanted);
	items_free(&s->unknown);
	buf_clear(&s->command);
	s->todo = PROFILE_ACT;
	bool there = here_of(s->piece, &here, &why) == 0;
	items_missing(&s->backed, &here, id == PROFILE_SETTINGS, &s->wanted);
	if (id == PROFILE_CRONTAB)
		drop_idle(&s->wanted);
	if (s->wanted.n == 0) {
		s->todo = PROFILE_SAME;
		return;
	}
	/* No crontab is an empty one; what is typed can be typed later. */
	bool empty =
	    id == PROFILE_CRONTAB && strstr(why.msg, "no crontab for") != NULL;
	if (!there && !empty && id != PROFILE_FLATPAK && id != PROFILE_SNAP &&
	    id != PROFILE_PRINTERS && id != PROFILE_FONTS) {
		s->todo = PROFILE_CANNOT;
		s->why = why;
		return;
	}
	decide(s, &here);
}

/* ---- doing it ---- */

static int
run_with(const char *const *words, const struct items *names, struct err *e)
{
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	OWN(mem_free)
	const char **argv = mem_array(n + names->n + 1, sizeof *argv);
	for (size_t i = 0; i < n; i++)
		argv[i] = words[i];
	for (size_t i = 0; i < names->n; i++)
		argv[n + i] = names->list[i].key;
	struct tool t = { .argv = argv, .seconds = TOOL_ACT_SECONDS };
	return tool_run(&t, NULL, e);
}

static int
run_on(const char *const *words, const struct buf *input, struct err *e)
{
	struct tool t = { .argv = words,
		.input = buf_bytes(input),
		.seconds = TOOL_SECONDS };

	return tool_run(&t, NULL, e);
}

/* Of what differs alone, a folder at a time as dconf wants it. */
static int
load_settings(const struct profile_step *s, struct err *e)
{
	static const char *const load[] = { "dconf", "load", "-f", "/", NULL };
	OWN(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < s->wanted.n; i++) {
		const struct item *x = &s->wanted.list[i];
		const char *name = strrchr(x->key, '/') + 1;
		size_t n = (size_t)(name - x->key);
		buf_put_str(&text, "[");
		buf_put(&text, x->key + (n > 1), n > 1 ? n - 2 : 1);
		buf_printf(&text, "]\n%s=%s\n", name, x->value);
	}
	return run_on(load, &text, e);
}

static int
install_crontab(const struct profile_step *s, struct err *e)
{
	static const char *const install[] = { "crontab", "-", NULL };
	OWN(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < s->backed.n; i++)
		buf_printf(&text, "%s\n", s->backed.list[i].key);
	return run_on(install, &text, e);
}

/* Whole when it has its name, for who watches the folder; and never in the
 * place of one that is there. */
static int
add_connection(int dir, const struct item *x, struct err *e)
{
	OWN(fd_close) int fd = -1;
	char self[32];

	fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "%s", x->key);
	if (file_write_all(fd, bytes_str(x->value), e) < 0)
		return -1;
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return fsync(fd) < 0 ||
		linkat(AT_FDCWD, self, dir, x->key, AT_SYMLINK_FOLLOW) < 0
	    ? err_sys(e, "%s", x->key)
	    : 0;
}

static int
add_connections(const struct profile_step *s, struct err *e)
{
	OWN(fd_close)
	int dir = open(PROFILE_CONNECTIONS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, PROFILE_CONNECTIONS);
	for (size_t i = 0; i < s->wanted.n; i++)
		if (add_connection(dir, &s->wanted.list[i], e) < 0)
			return -1;
	return 0;
}

/* One by one: one that cannot be enabled keeps it from no other. */
static int
enable_units(const struct profile_step *s, struct err *e)
{
	static const char *const enable[] = { "systemctl", "--user", "enable",
		"--", NULL };
	struct err first = { 0 };

	for (size_t i = 0; i < s->wanted.n; i++) {
		struct items one = { .list = &s->wanted.list[i], .n = 1 };
		struct err why;
		if (run_with(enable, &one, &why) < 0 &&
		    first.code == ERR_NONE) {
			first = why;
			(void)err_in(&first, "%s", one.list->key);
		}
	}
	if (first.code == ERR_NONE)
		return 0;
	*e = first;
	return -1;
}

int
profile_step_act(struct profile_step *s, struct err *e)
{
	static const char *const apt[] = { "apt-get", "install", "-y",
		"--no-remove", "-o", "Dpkg::Options::=--force-confold", "--",
		NULL };
	int rc = 0;

	switch (s->piece->id) {
	case PROFILE_SETTINGS:
		rc = load_settings(s, e);
		break;
	case PROFILE_PACKAGES:
		rc = run_with(apt, &s->wanted, e);
		break;
	case PROFILE_UNITS:
		rc = enable_units(s, e);
		break;
	case PROFILE_CRONTAB:
		rc = install_crontab(s, e);
		break;
	case PROFILE_WIFI:
		rc = add_connections(s, e);
		break;
	default:
		break;
	}
	if (rc < 0)
		return -1;
	profile_step_compare(s);
	if (s->wanted.n == 0)
		return 0;
	return err_set(e, ERR_WRITE_INCOMPLETE,
	    "%zu of them are not so after all", s->wanted.n);
}
