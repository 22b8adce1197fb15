/* SPDX-License-Identifier: ISC */
/* cli_repo.c: opening this device, and the repository of a command. */
#include "cli/cli.h"

#include "base/file.h"
#include "client/known.h"
#include "client/self_settle.h"
#include "client/self_zones.h"
#include "client/password.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
		return password_check(secret_bytes(*out), e);
	if (e->code == ERR_INPUT_MISSING && with.password_file == NULL)
		return err_remedy(e, "Add: --repo-password-file FILE");
	return -1;
}

static int
enter_folder(void *ctx, struct bytes password, struct err *e)
{
	struct cli_repo *r = ctx;

	if (r->frees)
		depot_local_make_room(r->path);
	return depot_local_open(r->path, password, &r->folder, e);
}

/*
 * "sftp://nas/x", "me@nas:x": what other programs take for another machine, and
 * would be a folder here, of which the user knows nothing.
 */
static int
no_address(const char *repo, struct err *e)
{
	if (repo[strcspn(repo, ":/")] != ':')
		return 0;
	(void)err_set(e, ERR_USAGE,
	    "%s looks like an address, and a repository is a folder here",
	    repo);
	return err_remedy(e, "If a folder of that name is meant: ./%s", repo);
}

static int
gone_now(const struct cli *cli, struct err *e)
{
	(void)err_set(e, ERR_NOT_FOUND,
	    "the repository that was at %s is not there now", cli->repo);
	return err_remedy(e,
	    "Plug in its disk, or mount it. If a new one in its place is "
	    "meant: aumbry backup --to %s --new PATH",
	    cli->repo);
}

int
cli_make_repo(struct cli *cli, struct err *e)
{
	OWN(secret_free) struct secret *password = NULL;
	OWN(mem_free) char *home = cli_home(cli);

	if (depot_local_there(cli->repo))
		return 0;
	if (no_address(cli->repo, e) < 0)
		return -1;
	if (!cli->new_repo && known_at(home, cli->repo))
		return gone_now(cli, e);
	cli_say(cli,
	    "Making a new repository at %s. Its password cannot be "
	    "recovered: without it, all that is in it is lost.",
	    cli->repo);
	return new_repo_password(cli, &password, e) < 0 ||
		depot_local_create(cli->repo, secret_bytes(password), e) < 0
	    ? -1
	    : 0;
}

int
cli_folder(struct cli *cli, struct cli_repo *r, struct err *e)
{
	OWN(mem_free)
	char *home = cli_home(cli);
	OWN(buf_free) struct buf dir = { 0 };
	struct cli with = *cli;

	if (!depot_local_there(cli->repo) && known_at(home, cli->repo))
		return gone_now(cli, e);
	if (!depot_local_there(cli->repo)) {
		if (no_address(cli->repo, e) < 0)
			return -1;
		(void)err_set(e, ERR_NOT_FOUND, "there is no repository at %s",
		    cli->repo);
		return err_remedy(
		    e, "Make one: aumbry backup --to %s PATH", cli->repo);
	}
	if (cli->repo_password_file != NULL)
		with.password_file = cli->repo_password_file;
	r->path = cli->repo;
	r->frees = cli->frees;
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
	if (home_open(r->dir, &r->local, e) < 0)
		return e->code != ERR_STATE_DAMAGED
		    ? -1
		    : err_remedy(e,
			  "Remove %s: it holds what this device has read of "
			  "the "
			  "repository, and the next command reads it again.",
			  r->dir);
	known_note(home, &r->folder->uid, cli->repo);
	return 0;
}

static int
open_zones(struct cli_repo *r, const char *dir, struct err *e)
{
	const struct repo_from from = { .self = &r->folder->writer,
		.local = r->local,
		.depot = r->folder->depot,
		.dir = dir,
		.zones = { [CATEGORY_BACKUP] = &r->folder->backup,
		    [CATEGORY_KEYCHAIN] = &r->folder->keychain } };

	return repo_open(&from, &r->repo, e);
}

/*
 * The folder is older than what this home has seen of it, as a copy that was
 * put in its place. It can be read as by a home that never saw it.
 */
static int
open_older(struct cli *cli, struct cli_repo *r, struct err *e)
{
	OWN(mem_free) char *dir = file_join(r->dir, "older");
	char *said = mem_text(e->msg);
	OWN(mem_free) char *why = said;

	if (file_mkdirs(dir, 0700, e) < 0 ||
	    homedir_lock(dir, "read", &r->lock, e) < 0 ||
	    home_erase(dir, e) < 0)
		return -1;
	local_free(&r->local);
	if (home_open(dir, &r->local, e) < 0 || open_zones(r, dir, e) < 0)
		return -1;
	(void)fprintf(stderr,
	    "aumbry: %s: %s (%s)\nWhat is there is shown; what this device has "
	    "seen since is not.\n",
	    cli->repo, why, err_name(ERR_HISTORY_ROLLED_BACK));
	cli->line.status = err_exit(ERR_READ_INCOMPLETE);
	return 0;
}

static int
open_folder(struct cli *cli, struct cli_repo *r, struct err *e)
{
	if (cli_folder(cli, r, e) < 0)
		return -1;
	if (open_zones(r, r->dir, e) == 0)
		return 0;
	if (e->code != ERR_HISTORY_ROLLED_BACK && e->code != ERR_HISTORY_FORKED)
		return -1;
	if (cli->reads)
		return open_older(cli, r, e);
	return err_remedy(e,
	    "If an older copy was put in its place: aumbry repair "
	    "--after-server-restore --repo %s",
	    cli->repo);
}

int
cli_repo_visit(const char *dir, enum category category, struct reader **reader,
    struct repo **repo, struct err *e)
{
	const struct id *zone;

	if (reader_open(dir, reader, e) < 0 ||
	    reader_zone(*reader, category, &zone, e) < 0)
		return -1;
	struct repo_from from = { .self = &(*reader)->zones_of,
		.local = (*reader)->local,
		.depot = (*reader)->depot,
		.dir = dir };
	from.zones[category] = zone;
	return repo_open(&from, repo, e);
}

static int
open_account(struct cli *cli, struct cli_repo *r, struct err *e)
{
	OWN(mem_free) char *dir = cli_home(cli);
	struct id backup, keychain;

	if (reader_there(dir)) {
		r->dir = mem_text(dir);
		return cli_repo_visit(
		    dir, CATEGORY_BACKUP, &r->reader, &r->repo, e);
	}
	if (cli_self(cli, &r->self, e) < 0 || self_state(r->self, e) < 0 ||
	    self_zone(r->self, CATEGORY_BACKUP, &backup, e) < 0 ||
	    self_zone(r->self, CATEGORY_KEYCHAIN, &keychain, e) < 0)
		return -1;
	r->dir = mem_text(r->self->dir);
	const struct repo_from from = { .self = &r->self->writer,
		.local = r->self->local,
		.depot = r->self->depot,
		.dir = r->dir,
		.zones = { [CATEGORY_BACKUP] = &backup,
		    [CATEGORY_KEYCHAIN] = &keychain } };
	return repo_open(&from, &r->repo, e);
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
