/* SPDX-License-Identifier: ISC */
/* cli_profile.c: what is backed up unasked, and aumbry restore --profile. */
#include "cli/cli.h"

#include "backup/tree.h"
#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "link/homedir.h"
#include "profile/profile.h"
#include "profile/step.h"

#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN 20 /* lines of what is not added here: a screen's worth */

/* ---- making one ---- */

static const char *
home_of_user(void)
{
	const char *home = getenv("HOME");
	const struct passwd *p = getpwuid(getuid());

	if (home != NULL && home[0] == '/')
		return home;
	return p != NULL ? p->pw_dir : "/";
}

static void
piece_failed(void *ctx, const char *name, const struct err *why)
{
	struct cli *cli = ctx;

	cli_warn("aumbry: device profile, %s: %s", name, why->msg);
	cli->line.status = err_exit(ERR_READ_INCOMPLETE);
}

static int
make_profile(struct cli *cli, const char *home, const char *dir, struct err *e)
{
	OWN(fd_close) int lock = -1;
	char host[256] = "";
	const struct passwd *p = getpwuid(getuid());
	struct profile_making m = { .dir = dir,
		.host = host,
		.user = p != NULL ? p->pw_name : "",
		.warn = piece_failed,
		.ctx = cli };

	(void)gethostname(host, sizeof host - 1);
	if (homedir_lock(home, "profile", &lock, e) < 0)
		/* Another backup makes the same one now. */
		return e->code == ERR_HOME_BUSY ? 0 : -1;
	if (profile_make(&m, e) == 0)
		return 0;
	/* The files are worth more than the lists. */
	piece_failed(cli, "all of it", e);
	return 0;
}

static void
add_root(struct cli *cli, struct cmd_list *out, const char *path)
{
	out->items = mem_resize(out->items, out->n + 1, sizeof *out->items);
	out->items[out->n++] = cli_keep(cli, path);
}

int
cli_usual_roots(struct cli *cli, bool profile, bool made, struct cmd_list *out,
    struct err *e)
{
	OWN(mem_free) char *home = cli_home(cli);
	OWN(mem_free) char *dir = file_join(home, PROFILE_FOLDER);

	add_root(cli, out, home_of_user());
	if (!profile)
		return 0;
	if (made && make_profile(cli, home, dir, e) < 0)
		return -1;
	if (file_exists(dir))
		add_root(cli, out, dir);
	if (access(PROFILE_CONNECTIONS, R_OK | X_OK) == 0)
		add_root(cli, out, PROFILE_CONNECTIONS);
	return 0;
}

/* ---- reading one ---- */

struct giving {
	struct cli *cli;
	const struct cli_profile *g;
	struct cli_view v;
	const struct snapshot *snap;
	struct bytes folder; /* of the profile, without leading slash */
	bool wanted[PROFILE_PIECES];
	unsigned undone; /* pieces that are not, or not all, given back */
	bool unasked; /* nobody was there to say yes */
};

static int
choose(struct giving *x, struct err *e)
{
	const char *at = x->g->only;

	for (size_t i = 0; i < PROFILE_PIECES && at == NULL; i++)
		x->wanted[i] = true;
	while (at != NULL && *at != '\0') {
		size_t n = strcspn(at, ",");
		const struct profile_piece *p = profile_piece_of(at, n);
		if (p == NULL) {
			OWN(buf_free) struct buf name = { 0 };
			text_show(&name, bytes_of(at, n));
			return err_set(e, ERR_USAGE,
			    "\"%s\" is no piece of a profile", buf_text(&name));
		}
		for (size_t i = 0; i < PROFILE_PIECES; i++)
			if (strcmp(profile_pieces[i].name, p->name) == 0)
				x->wanted[i] = true;
		at += n + (at[n] != '\0');
	}
	return 0;
}

/* The root that is a profile's folder. */
static bool
has_profile(const struct snapshot *s, struct bytes *folder)
{
	static const char end[] = "/" PROFILE_FOLDER;
	const size_t n = sizeof end - 1;

	for (size_t i = 0; i < s->n_paths; i++) {
		struct bytes p = buf_bytes(&s->paths[i]);
		if (p.n > n &&
		    bytes_equal(bytes_of(p.p + p.n - n, n), bytes_str(end))) {
			*folder = bytes_of(p.p + 1, p.n - 1);
			return true;
		}
	}
	return false;
}

/* May `latest` mean it? */
static bool
is_candidate(const struct snapshot *s, const char *host, struct bytes *folder)
{
	return !snapshot_of_future(s, (uint64_t)now_ms()) &&
	    (host == NULL ||
		bytes_equal(buf_bytes(&s->host), bytes_str(host))) &&
	    has_profile(s, folder);
}

/* The latest of all would be that of whichever machine was on last. */
static int
several(struct giving *x, const struct snapshot *other, struct err *e)
{
	OWN(mem_free) char *one = cli_shown(buf_bytes(&x->snap->host));
	OWN(mem_free) char *two = cli_shown(buf_bytes(&other->host));

	(void)err_set(e, ERR_USAGE,
	    "there are profiles of several machines, as %s and %s", one, two);
	return err_remedy(e, "Say of which: --host %s", one);
}

static int
pick(struct giving *x, struct err *e)
{
	const char *id =
	    x->cli->line.n_args > 0 ? x->cli->line.args[0] : "latest";
	const struct snapshot_list *l = &x->v.list;
	const char *host = x->g->latest->host;
	const struct snapshot *other = NULL;
	struct bytes folder;

	if (strcmp(id, "latest") != 0) {
		if (cli_pick_id(x->cli, l, id, &x->snap, e) < 0)
			return -1;
		return has_profile(x->snap, &x->folder)
		    ? 0
		    : err_set(e, ERR_NOT_FOUND,
			  "snapshot %s has no device profile",
			  id_short(&x->snap->id).s);
	}
	for (size_t i = l->n; i-- > 0;) {
		const struct snapshot *s = &l->list[i];
		if (!is_candidate(s, host, &folder))
			continue;
		if (x->snap == NULL) {
			x->snap = s;
			x->folder = folder;
		} else if (other == NULL &&
		    !bytes_equal(
			buf_bytes(&s->host), buf_bytes(&x->snap->host))) {
			other = s;
		}
	}
	if (other != NULL)
		return several(x, other, e);
	if (x->snap != NULL)
		return 0;
	(void)err_set(e, ERR_NOT_FOUND, "no snapshot has a device profile");
	return err_remedy(e, "It is in backups without PATH: aumbry backup");
}

struct chunks {
	struct source *src;
	struct buf *out;
	uint64_t size; /* that it says to have; within the limit */
};

static int
add_chunk(void *ctx, enum category c, const struct digest *name,
    uint32_t length, struct err *e)
{
	struct chunks *x = ctx;

	if (length > x->size - x->out->n)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "it holds more than its size");
	return source_chunk(x->src, c, name, length, x->out, e);
}

/* Its content; an entry that says less than it holds is refused. */
static int
read_entry(struct giving *x, const struct entry *f, size_t limit,
    struct buf *out, struct err *e)
{
	struct chunks to = { x->v.src, out, f->size };

	if (f->type != ENTRY_REGULAR || f->sparse)
		return err_set(e, ERR_RECORD_CORRUPT, "it is no plain file");
	if (f->size > limit)
		return err_set(
		    e, ERR_TOO_LARGE, "it is larger than %zu bytes", limit);
	if (tree_chunks(f, add_chunk, &to, e) < 0)
		return -1;
	return out->n == f->size
	    ? 0
	    : err_set(e, ERR_RECORD_CORRUPT, "it is not of its size");
}

static int
read_file(struct giving *x, const char *name, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf raw = { 0 };
	struct entry f;

	buf_put_bytes(&path, x->folder);
	buf_printf(&path, "/%s", name);
	if (tree_find(x->v.src, x->snap, buf_bytes(&path), &raw, &f, e) < 0)
		return -1;
	return read_entry(x, &f, PROFILE_FILE_BYTES, out, e) < 0
	    ? err_in(e, "%s", name)
	    : 0;
}

/* It is not given back, or not all of it. */
static void
count_undone(struct giving *x, const char *name, const struct err *why)
{
	cli_warn("aumbry: %s: %s", name, why->msg);
	x->undone++;
}

/* ---- connections ---- */

struct connections {
	struct giving *x;
	struct profile_step *s; /* or NULL */
	const char *to; /* or NULL */
};

static int put_file(struct giving *x, const char *dir, const char *name,
    struct bytes text, struct err *e);

static int
take_connection(
    void *ctx, struct bytes dir, const struct entry *f, struct err *e)
{
	struct connections *c = ctx;
	OWN(buf_free) struct buf text = { 0 };

	(void)dir;
	if (f->type == ENTRY_DIRECTORY)
		return 0;
	if (read_entry(c->x, f, PROFILE_CONNECTION_BYTES, &text, e) < 0) {
		OWN(mem_free) char *name = cli_shown(f->name);
		if (err_unreachable(e->code))
			return -1;
		count_undone(c->x, name, e);
		return 0;
	}
	if (c->s != NULL) {
		profile_step_connection(c->s, f->name, buf_bytes(&text));
		return 0;
	}
	OWN(mem_free) char *name = mem_new(f->name.n + 1);
	memcpy(name, f->name.p, f->name.n);
	return put_file(c->x, c->to, name, buf_bytes(&text), e);
}

static int
each_connection(struct connections *c, struct err *e)
{
	return tree_list(c->x->v.src, c->x->snap,
	    bytes_str(&PROFILE_CONNECTIONS[1]), take_connection, c, e);
}

/* ---- the files alone ---- */

static int
put_file(struct giving *x, const char *dir, const char *name, struct bytes text,
    struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, name);
	OWN(fd_close) int fd = -1;

	(void)x;
	return file_open_plain(path, O_WRONLY | O_CREAT | O_EXCL, &fd, e) < 0
	    ? -1
	    : file_write_all(fd, text, e);
}

static int
write_files(struct giving *x, struct err *e)
{
	static const char manifest[] = PROFILE_MANIFEST;
	const char *to = x->g->to;
	OWN(mem_free) char *below = file_join(to, "system-connections");
	struct err why;

	if (file_mkdirs(to, 0700, e) < 0)
		return -1;
	for (size_t i = 0; i <= PROFILE_PIECES; i++) {
		const struct profile_piece *p =
		    i < PROFILE_PIECES ? &profile_pieces[i] : NULL;
		OWN(buf_free) struct buf text = { 0 };
		if (p != NULL && !x->wanted[i])
			continue;
		const char *name = p == NULL ? manifest : p->file;
		if (name == NULL) {
			struct connections c = { x, NULL, below };
			/* Passwords go into it. */
			if (file_mkdir_plain(below, 0700, e) < 0)
				return -1;
			if (each_connection(&c, &why) < 0 &&
			    why.code != ERR_NOT_FOUND)
				count_undone(x, p->name, &why);
			continue;
		}
		if (read_file(x, name, &text, &why) < 0) {
			if (why.code != ERR_NOT_FOUND || x->g->only != NULL)
				count_undone(x, name, &why);
			continue;
		}
		if (put_file(x, to, name, buf_bytes(&text), &why) < 0)
			count_undone(x, name, &why);
		else
			(void)printf("%s/%s\n", to, name);
	}
	(void)rmdir(below); /* where it is empty */
	return 0;
}

/* ---- showing what would be done ---- */

static const char *const missing_words[PROFILE_PIECES] = {
	[PROFILE_SETTINGS] = "differ here",
	[PROFILE_PACKAGES] = "not installed here",
	[PROFILE_FLATPAK] = "not installed here",
	[PROFILE_SNAP] = "not installed here",
	[PROFILE_UNITS] = "not enabled here",
	[PROFILE_CRONTAB] = "not in the crontab here",
	[PROFILE_PRINTERS] = "not set up here",
	[PROFILE_FONTS] =
	    "not here: they come with packages, and with the home",
	[PROFILE_WIFI] = "not here",
};

static void
show_list(const struct profile_step *s, const struct items *x, const char *mark)
{
	/* Nobody says yes to what was not shown. */
	bool asked = s->todo == PROFILE_ACT && x == &s->wanted;
	size_t shown = asked || x->n < SHOWN ? x->n : SHOWN;

	for (size_t i = 0; i < shown; i++) {
		OWN(mem_free) char *key = cli_shown(bytes_str(x->list[i].key));
		OWN(mem_free)
		char *value = cli_shown(bytes_str(x->list[i].value));
		bool values = s->piece->id == PROFILE_SETTINGS;
		(void)printf("  %s%s%s%s\n", mark, key, values ? " = " : "",
		    values ? value : "");
	}
	if (x->n > shown)
		(void)printf("  and %zu more; all: --json\n", x->n - shown);
}

static json_t *
json_keys(const struct items *x)
{
	json_t *j = json_array();

	for (size_t i = 0; i < x->n; i++)
		(void)json_array_append_new(j, json_string(x->list[i].key));
	return j;
}

static void
show_step(struct giving *x, const struct profile_step *s)
{
	static const char *const todo[] = { "same", "add", "type", "tell",
		"cannot" };
	size_t missing = s->wanted.n + s->unknown.n;

	if (x->cli->line.json) {
		cli_print_json(json_pack(
		    "{s:s, s:s, s:s, s:I, s:o, s:o, s:I, s:s, s:s}", "event",
		    "piece", "piece", s->piece->name, "todo", todo[s->todo],
		    "stored", (json_int_t)s->backed.n, "missing",
		    json_keys(&s->wanted), "unknown", json_keys(&s->unknown),
		    "refused", (json_int_t)s->backed.n_refused, "command",
		    buf_text(&s->command), "why", s->why.msg));
		return;
	}
	if (missing == 0)
		(void)printf("%s: %zu in the backup, all of them here\n",
		    s->piece->name, s->backed.n);
	else
		(void)printf("%s: %zu in the backup, %zu %s\n", s->piece->name,
		    s->backed.n, missing, missing_words[s->piece->id]);
	show_list(s, &s->wanted, "");
	show_list(s, &s->unknown, "cannot be had: ");
	if (s->todo == PROFILE_TYPE)
		(void)printf("  To do by hand:\n%s", buf_text(&s->command));
	(void)fflush(stdout);
}

static void
say_refused(struct giving *x, const struct profile_step *s)
{
	const struct items *b = &s->backed;

	if (b->n_refused == 0)
		return;
	for (size_t i = 0; i < b->n_refused && i < ITEMS_REFUSED_TOLD; i++)
		cli_warn("aumbry: %s, line %lu is not used: %s", s->piece->name,
		    b->refused[i].line, b->refused[i].why);
	if (b->n_refused > ITEMS_REFUSED_TOLD)
		cli_warn("aumbry: %s: and %zu more lines", s->piece->name,
		    b->n_refused - ITEMS_REFUSED_TOLD);
	x->undone++;
}

/* ---- doing it ---- */

static int
may(struct giving *x, const struct profile_step *s, bool *yes, struct err *e)
{
	OWN(buf_free) struct buf question = { 0 };

	*yes = x->cli->yes;
	if (*yes)
		return 0;
	if (!isatty(STDIN_FILENO)) {
		x->unasked = true;
		return 0;
	}
	buf_printf(&question, "Add %zu to the %s here? (yes/no) ", s->wanted.n,
	    s->piece->name);
	return cli_yes(x->cli, buf_text(&question), yes, e);
}

static int
do_step(struct giving *x, struct profile_step *s, struct err *e)
{
	struct err why;
	bool yes = false;

	show_step(x, s);
	say_refused(x, s);
	if (s->todo == PROFILE_CANNOT)
		count_undone(x, s->piece->name, &s->why);
	else if (s->todo == PROFILE_TYPE || s->unknown.n > 0)
		x->undone++;
	if (s->todo != PROFILE_ACT || x->g->dry_run)
		return 0;
	if (may(x, s, &yes, e) < 0)
		return -1;
	if (!yes)
		return 0;
	if (profile_step_act(s, &why) < 0)
		count_undone(x, s->piece->name, &why);
	else if (x->cli->line.json)
		cli_print_json(json_pack(
		    "{s:s, s:s}", "event", "added", "piece", s->piece->name));
	else
		cli_say(x->cli, "%s: done", s->piece->name);
	return 0;
}

static int
give_piece(struct giving *x, const struct profile_piece *p, struct err *e)
{
	OWN(profile_step_free) struct profile_step s = { .piece = p };
	OWN(buf_free) struct buf text = { 0 };
	struct connections c = { x, &s, NULL };
	struct err why;
	int rc = p->file != NULL ? read_file(x, p->file, &text, &why)
				 : each_connection(&c, &why);

	if (rc < 0 && why.code == ERR_NOT_FOUND) {
		if (x->g->only == NULL)
			return 0;
		(void)err_set(&why, ERR_NOT_FOUND, "%s",
		    p->id == PROFILE_WIFI
			? "not in this backup: only backups that root makes "
			  "have the connections, with their passwords"
			: "not in this backup");
	}
	if (rc < 0) {
		count_undone(x, p->name, &why);
		return 0;
	}
	if (p->file != NULL)
		profile_step_stored(&s, buf_bytes(&text));
	profile_step_compare(&s);
	return do_step(x, &s, e);
}

static void
show_about(struct giving *x)
{
	OWN(profile_about_free) struct profile_about a = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(mem_free) char *when = cli_time(x->snap->time_ms);
	struct err why;

	if (read_file(x, PROFILE_MANIFEST, &text, &why) < 0 ||
	    profile_about_read(buf_bytes(&text), &a, &why) < 0) {
		count_undone(x, PROFILE_MANIFEST, &why);
		return;
	}
	OWN(mem_free) char *host = cli_shown(buf_bytes(&a.host));
	OWN(mem_free) char *user = cli_shown(buf_bytes(&a.user));
	OWN(mem_free) char *os = cli_shown(buf_bytes(&a.os));
	const struct passwd *p = getpwuid(getuid());
	cli_say(x->cli, "Device profile of %s on %s (%s), snapshot %s of %s",
	    user, host, os, id_short(&x->snap->id).s, when);
	if (p != NULL && strcmp(buf_text(&a.user), p->pw_name) != 0)
		cli_warn("aumbry: it is of user %s, and this is %s: look at "
			 "what it would do",
		    user, p->pw_name);
}

static int
give_all(struct giving *x, struct err *e)
{
	show_about(x);
	if (x->g->to != NULL)
		return x->g->dry_run ? 0 : write_files(x, e);
	for (size_t i = 0; i < PROFILE_PIECES; i++)
		if (x->wanted[i] && !profile_pieces[i].record &&
		    give_piece(x, &profile_pieces[i], e) < 0)
			return -1;
	if (!x->unasked)
		return 0;
	(void)err_set(e, ERR_INPUT_MISSING,
	    "nothing was added: nobody is there to say yes");
	return err_remedy(e, "Look at the list above, then add: --yes");
}

int
cli_profile_restore(struct cli *cli, const struct cli_profile *g, struct err *e)
{
	struct giving x = { .cli = cli, .g = g, .v = { .repo.lock = -1 } };
	enum err_code code = ERR_WRITE_INCOMPLETE;

	cli->reads = true;
	int rc = choose(&x, e) < 0 || cli_view(cli, &x.v, e) < 0 ||
		pick(&x, e) < 0 || give_all(&x, e) < 0
	    ? -1
	    : 0;
	cli_view_free(&x.v);
	if (rc < 0 || x.undone == 0 || g->dry_run)
		return rc;
	cli_warn("aumbry: %u pieces of the profile are not given back in full\n"
		 "The lines above say which, and why.\n(%s)",
	    x.undone, err_name(code));
	cli->line.status = err_exit(code);
	return 0;
}
