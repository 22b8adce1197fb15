/* SPDX-License-Identifier: ISC */
/* cli_backup.c: aumbry backup. */
#include "cli/cli_backup.h"
#include "cli/cli_show.h"

#include "backup/backup.h"
#include "base/version.h"
#include "base/file.h"
#include "base/stop.h"
#include "client/self_seen.h"

#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* " of N", or nothing while nobody knows. */
static char *
of_all(uint64_t all, char *(*text)(uint64_t))
{
	OWN(buf_free) struct buf b = { 0 };

	if (all > 0) {
		OWN(mem_free) char *n = text(all);
		buf_printf(&b, " of %s", n);
	}
	return mem_text(buf_text(&b));
}

static char *
number(uint64_t n)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b, "%llu", (unsigned long long)n);
	return mem_text(buf_text(&b));
}

/* "35 %, 2 min left; ": a file costs as much as so many of its bytes. */
static char *
outlook(const struct backup_progress *p, double seconds)
{
	const double each = 8192;
	double done = (double)p->bytes + each * (double)p->files;
	double all = (double)p->all_bytes + each * (double)p->all_files;
	OWN(buf_free) struct buf b = { 0 };

	if (p->all_files == 0 || done <= 0 || all <= 0)
		return mem_text("");
	double share = done < all ? done / all : 1;
	uint64_t left = (uint64_t)(seconds * (1 - share) / share + 0.5);
	buf_printf(&b, "%.0f %%", 100 * share);
	if (seconds < 2)
		buf_put_str(&b, "; "); /* too soon to tell */
	else if (left >= 3600)
		buf_printf(&b, ", %llu h %llu min left; ",
		    (unsigned long long)(left / 3600),
		    (unsigned long long)(left / 60 % 60));
	else if (left >= 60)
		buf_printf(&b, ", %llu min %llu s left; ",
		    (unsigned long long)(left / 60),
		    (unsigned long long)(left % 60));
	else
		buf_printf(&b, ", %llu s left; ", (unsigned long long)left);
	return mem_text(buf_text(&b));
}

/* How many bytes of UTF-8 fit into so many columns; wide ones take two. */
static int
fitting(const char *s, size_t columns)
{
	size_t i = 0, used = 0;

	while (s[i] != '\0') {
		size_t n = 1;
		while (((unsigned char)s[i + n] & 0xc0) == 0x80)
			n++;
		/* U+1100 is where the first wide ones are. */
		used +=
		    n > 3 || (n == 3 && (unsigned char)s[i] >= 0xe1) ? 2 : 1;
		if (used > columns)
			break;
		i += n;
	}
	return (int)i;
}

static size_t
columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 10
	    ? w.ws_col - 1U
	    : 79;
}

static void
progress(void *ctx, const struct backup_progress *p)
{
	struct cli_show *s = ctx;

	if (!cli_show_due(s))
		return;
	double seconds = (double)(s->last - s->started) / 1e9;
	OWN(mem_free) char *bytes = cli_size(p->bytes);
	OWN(mem_free) char *fresh = cli_size(p->new_bytes);
	OWN(mem_free)
	char *rate = cli_size((uint64_t)((double)p->bytes / (seconds + 0.001)));
	OWN(mem_free) char *path = cli_shown(bytes_str(p->path));
	OWN(mem_free) char *files_of = of_all(p->all_files, number);
	OWN(mem_free) char *bytes_of_all = of_all(p->all_bytes, cli_size);
	OWN(mem_free) char *hope = outlook(p, seconds);
	OWN(buf_free) struct buf line = { 0 };
	buf_printf(&line, "%s%llu%s files, %s%s, %s new, %s/s", hope,
	    (unsigned long long)p->files, files_of, bytes, bytes_of_all, fresh,
	    rate);
	cli_show_erase(s);
	if (s->terminal)
		(void)fprintf(stderr, "%.*s\n  /%.*s",
		    fitting(buf_text(&line), columns()), buf_text(&line),
		    fitting(path, columns() - 3), path);
	else
		(void)fprintf(stderr, "%s  /%s\n", buf_text(&line), path);
	s->drawn = s->terminal;
}

/* Who reads by a code, with keys from the escrow, stores nothing. */
static int
may_write(const struct cli_repo *r, struct err *e)
{
	if (r->reader == NULL)
		return 0;
	(void)err_set(e, ERR_PERMISSION,
	    "this sign-in was by a code: it reads backups, and makes none");
	return err_remedy(e,
	    "Make this a device of the account: aumbry signout, then: aumbry "
	    "signin URL NAME");
}

/* What a session that was kept from before does not say. */
static int
learn_two_factor(struct self *s, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	const char *state = "";

	if (s->two_factor.n > 0)
		return 0;
	if (control_call(s->remote, "GET", "/v1/account", NULL, &answer, e) <
		0 ||
	    jsonio_text(answer, "two_factor", &state, e) < 0)
		return -1;
	buf_put_str(&s->two_factor, state);
	return 0;
}

/* Told in our own words, before anything is read. */
static int
two_factor_gate(struct self *s, struct err *e)
{
	if (s == NULL)
		return 0;
	if (learn_two_factor(s, e) < 0)
		return -1;
	if (strcmp(buf_text(&s->two_factor), "on") == 0)
		return 0;
	(void)err_set(e, ERR_TWO_FACTOR_REQUIRED,
	    "Backup needs two-factor authentication, and it is %s for %s@%s.",
	    buf_text(&s->two_factor), s->name, s->host);
	return err_remedy(e, "Run: aumbry %s",
	    strcmp(buf_text(&s->two_factor), "pending") == 0
		? "authenticator add"
		: "two-factor on");
}

static void
print_done(const struct cli *cli, const struct backup_result *r)
{
	const struct backup_progress *t = &r->totals;

	if (cli->line.json) {
		json_t *j =
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			"event", "done", "files", (json_int_t)t->files, "dirs",
			(json_int_t)t->dirs, "bytes", (json_int_t)t->bytes,
			"new_bytes", (json_int_t)t->new_bytes, "stored_bytes",
			(json_int_t)t->stored_bytes, "errors",
			(json_int_t)t->errors, "duration_ms",
			(json_int_t)r->duration_ms);
		/* A dry run makes none. */
		if (!id_zero(&r->snapshot))
			(void)json_object_set_new(j, "snapshot",
			    json_string(id_text(&r->snapshot).s));
		(void)json_dumpf(j, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(j);
		return;
	}
	OWN(mem_free) char *bytes = cli_size(t->bytes);
	OWN(mem_free) char *fresh = cli_size(t->new_bytes);
	OWN(mem_free) char *stored = cli_size(t->stored_bytes);
	cli_say(cli,
	    "%llu files, %llu directories, %s; %s new, %s stored, %.1f s",
	    (unsigned long long)t->files, (unsigned long long)t->dirs, bytes,
	    fresh, stored, (double)r->duration_ms / 1000);
	if (!id_zero(&r->snapshot))
		(void)printf("%s\n", id_short(&r->snapshot).s);
}

/* A repository that lies in what is backed up must not hold itself. */
static void
avoid_repo(const struct cli *cli, struct backup_options *o)
{
	struct stat st;

	if (cli->repo == NULL || stat(cli->repo, &st) < 0)
		return;
	o->repo_dev = st.st_dev;
	o->repo_ino = st.st_ino;
}

static int
one_standard_input(
    const struct cli *cli, const struct backing_up *g, struct err *e)
{
	for (size_t i = 0; i < g->exclude_files.n; i++)
		if (strcmp(g->exclude_files.items[i], "-") == 0 &&
		    cli->password_file != NULL &&
		    strcmp(cli->password_file, "-") == 0)
			return err_set(e, ERR_USAGE,
			    "standard input cannot be the password and "
			    "--exclude-from at once");
	return 0;
}

static struct backup_options
as_given(struct cli *cli, const struct backing_up *g)
{
	return (struct backup_options){ .version = AUMBRY_VERSION,
		.paths = (const char *const *)cli->line.args,
		.n_paths = (size_t)cli->line.n_args,
		.tags = g->tags.items,
		.n_tags = g->tags.n,
		.excludes = g->excludes.items,
		.n_excludes = g->excludes.n,
		.exclude_files = g->exclude_files.items,
		.n_exclude_files = g->exclude_files.n,
		.secrets = g->secrets.items,
		.n_secrets = g->secrets.n,
		.one_file_system = g->one_file_system,
		.dry_run = g->dry_run,
		.verify = g->verify,
		.warn = cli_show_warn,
		.progress = progress,
		.stop = stop_order_asked };
}

/* What is missing from the backup, and that packs are. */
static void
backup_status(
    struct cli *cli, const struct cli_repo *r, const struct backup_result *b)
{
	if (r->repo != NULL && r->repo->lost > 0)
		cli_warn(
		    "aumbry: %llu packs are not stored any more; what of them "
		    "this backup has is stored again. Run: aumbry check",
		    (unsigned long long)r->repo->lost);
	if (!b->partial)
		return;
	cli_warn("aumbry: %llu files could not be read and are not in the "
		 "backup\n%s\n(%s)",
	    (unsigned long long)b->totals.errors,
	    err_fix(&(struct err){ .code = ERR_READ_INCOMPLETE }),
	    err_name(ERR_READ_INCOMPLETE));
	cli->line.status = err_exit(ERR_READ_INCOMPLETE);
}

static void
free_list(struct cmd_list *l)
{
	free(l->items);
}

static int
choose_roots(struct cli *cli, const struct backing_up *g,
    struct cmd_list *roots, struct backup_options *o, struct err *e)
{
	if (o->n_paths > 0)
		return 0;
	if (cli_usual_roots(cli, !g->no_profile, !o->dry_run, roots, e) < 0)
		return -1;
	o->paths = roots->items;
	o->n_paths = roots->n;
	return 0;
}

int
cli_backup_open(struct cli *cli, struct cli_repo *r, struct err *e)
{
	return (cli->repo != NULL && cli_make_repo(cli, e) < 0) ||
		cli_repo(cli, r, e) < 0 || may_write(r, e) < 0 ||
		two_factor_gate(r->self, e) < 0
	    ? -1
	    : 0;
}

int
cli_back_up(struct cli *cli, const struct backing_up *g,
    struct backup_result *result, struct err *e)
{
	OWN(cli_repo_free) struct cli_repo r = { .lock = -1 };
	OWN(fd_close) int lock = -1;
	struct backup_options o = as_given(cli, g);
	struct cli_show show = { 0 };
	char host[256] = "";
	OWN(free_list) struct cmd_list roots = { 0 };

	if (g->to != NULL)
		cli->repo = g->to;
	avoid_repo(cli, &o);
	if (g->explain)
		return cli_explain(cli, &o, !g->no_profile, e);
	cli->new_repo = g->new_repo;
	if (snapshot_check_tags(o.tags, o.n_tags, e) < 0 ||
	    one_standard_input(cli, g, e) < 0)
		return -1;
	/* A dry run makes nothing: what is not there holds nothing yet. */
	bool none =
	    cli->repo != NULL && o.dry_run && !depot_local_there(cli->repo);
	if (!none &&
	    (cli_backup_open(cli, &r, e) < 0 ||
		homedir_lock(r.dir, "backup", &lock, e) < 0))
		return -1;
	(void)gethostname(host, sizeof host - 1);
	const struct passwd *p = getpwuid(getuid());
	if (choose_roots(cli, g, &roots, &o, e) < 0)
		return -1;
	o.host = host;
	o.user = p != NULL ? p->pw_name : "";
	o.ctx = &show;
	cli_show_begin(&show, cli);
	/* Before the first line that shows it. */
	if (!cli->quiet && !cli->line.json)
		o.count_after_s =
		    show.terminal ? 1 : CLI_SHOW_PIPE_NS / 2000000000LL;
	stop_order_begin();
	int rc = backup_run(r.repo, &o, result, e);
	stop_order_end();
	cli_show_erase(&show);
	if (rc < 0)
		return -1;
	/* The backup stands without it; the next one says it again. */
	struct err ignored;
	if (r.self != NULL && !o.dry_run)
		(void)!self_note_seen(r.self, true, &ignored);
	print_done(cli, result);
	backup_status(cli, &r, result);
	return 0;
}

int
cli_backup_once(void *line, const void *options, struct err *e)
{
	struct backup_result result;

	return cli_back_up(line, options, &result, e);
}

const struct cmd_option cli_backup_options[] = {
	{ "exclude", CMD_LIST, offsetof(struct backing_up, excludes), "PATTERN",
	    "leave out what this matches, as in .gitignore" },
	{ "exclude-from", CMD_LIST, offsetof(struct backing_up, exclude_files),
	    "FILE", "read such patterns from a file; - is standard input" },
	{ "one-file-system", CMD_FLAG,
	    offsetof(struct backing_up, one_file_system), NULL,
	    "do not go into other file systems" },
	{ "secret", CMD_LIST, offsetof(struct backing_up, secrets), "PATTERN",
	    "store what this matches with the keychain's key, which no escrow "
	    "ever has" },
	{ "tag", CMD_LIST, offsetof(struct backing_up, tags), "TAG",
	    "mark the snapshot with a word to find it by" },
	{ "to", CMD_TEXT, offsetof(struct backing_up, to), "DIR",
	    "into a repository in this folder, made if it is none yet, "
	    "instead of the account" },
	{ "new", CMD_FLAG, offsetof(struct backing_up, new_repo), NULL,
	    "with --to: make one even where this device knows another" },
	{ "no-profile", CMD_FLAG, offsetof(struct backing_up, no_profile), NULL,
	    "without PATH: no lists of settings, packages and the like" },
	{ "explain", CMD_FLAG, offsetof(struct backing_up, explain), NULL,
	    "say of each PATH whether a backup without PATH stores it, and by "
	    "which rule; without PATH, list the rules" },
	{ "dry-run", CMD_FLAG, offsetof(struct backing_up, dry_run), NULL,
	    "read everything and store nothing" },
	{ "verify", CMD_FLAG, offsetof(struct backing_up, verify), NULL,
	    "read files again even if they look unchanged" },
};
