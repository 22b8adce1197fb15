/* SPDX-License-Identifier: ISC */
/* daemon_upgrade.c: aumbryd upgrade: a copy of older tables, then new ones. */
#include "aumbryd/daemon.h"

#include "aumbryd/daemon_user.h"
#include "base/file.h"
#include "base/text.h"
#include "store/account.h"
#include "store/zone.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEFORE ".before-" /* and how many scripts had run */

struct upgrade {
	const char *data;
};

/* How many scripts of all modules have run, and how many there are. */
struct versions {
	uint64_t have, want;
};

/* errors  update-needed when a module is of a later program. */
static int
look(const char *path, struct versions *v, struct err *e)
{
	OWN(db_free) struct db *db = NULL;
	uint64_t account, zone;
	size_t accounts, zones;

	(void)account_schema(&accounts);
	(void)zone_schema(&zones);
	if (db_look(path, &db, e) < 0 ||
	    db_version(db, "account", &account, e) < 0 ||
	    db_version(db, "zone", &zone, e) < 0 ||
	    (account > accounts && account_open(db, e) < 0) ||
	    (zone > zones && zone_open(db, e) < 0))
		return -1;
	*v = (struct versions){ account + zone, accounts + zones };
	return 0;
}

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

/* Which copy of the database `start` names, or 0. */
static uint64_t
copy_number(const char *name, const struct buf *start)
{
	uint64_t n;

	return strncmp(name, buf_text(start), start->n) == 0 &&
		text_parse_u64(name + start->n, 1, UINT32_MAX, &n) == 0
	    ? n
	    : 0;
}

/* Of those older than `have` one stays: a fault may show at the next. */
static int
drop_copies(const char *path, uint64_t have, struct err *e)
{
	OWN(mem_free) char *dir = file_above(path);
	OWN(buf_free) struct buf start = { 0 };
	OWN(dir_close) DIR *d = opendir(dir);
	const struct dirent *x;
	uint64_t best = 0;

	if (d == NULL)
		return err_sys(e, "%s", dir);
	buf_printf(&start, "%s" BEFORE, strrchr(path, '/') + 1);
	while ((x = readdir(d)) != NULL) {
		uint64_t n = copy_number(x->d_name, &start);
		if (n < have && n > best)
			best = n;
	}
	rewinddir(d);
	while ((x = readdir(d)) != NULL)
		if (copy_number(x->d_name, &start) < best &&
		    copy_number(x->d_name, &start) > 0 &&
		    unlinkat(dirfd(d), x->d_name, 0) < 0)
			return err_sys(e, "%s/%s", dir, x->d_name);
	return 0;
}

/* A copy of the tables as they are, at *out. */
static int
copy_tables(const char *path, uint64_t have, char **out, struct err *e)
{
	OWN(db_free) struct db *db = NULL;
	OWN(buf_free) struct buf to = { 0 };

	buf_printf(&to, "%s" BEFORE "%llu", path, (unsigned long long)have);
	if (db_open(path, DB_BESIDE, &db, e) < 0 ||
	    db_backup(db, buf_text(&to), e) < 0)
		return e->code == ERR_SERVER_FULL
		    ? err_remedy(e,
			  "Make room for one more copy of the database. (Or "
			  "start aumbryd serve, which makes none.)")
		    : -1;
	*out = mem_text(buf_text(&to));
	return drop_copies(path, have, e);
}

static int
bring_up(const char *path, const struct versions *v, struct err *e)
{
	OWN(mem_free) char *copy = NULL;
	OWN(db_free) struct db *db = NULL;

	if (copy_tables(path, v->have, &copy, e) < 0 ||
	    db_open(path, DB_SERVER, &db, e) < 0 || zone_open(db, e) < 0 ||
	    account_open(db, e) < 0)
		return -1;
	(void)printf("The tables were brought from version %llu to %llu; as "
		     "they were they are in %s.\n",
	    (unsigned long long)v->have, (unsigned long long)v->want, copy);
	return 0;
}

static int
run_upgrade(void *line, const void *options, struct err *e)
{
	const struct upgrade *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	OWN(mem_free) char *lock_path = file_join(o->data, "serve.lock");
	OWN(fd_close) int lock = -1;
	struct daemon_user user;
	struct versions v;

	(void)line;
	if (daemon_load_config(o->data, &s, e) < 0 ||
	    daemon_user_find(o->data, &s.config, &user, e) < 0 ||
	    daemon_user_become(&user, e) < 0 ||
	    daemon_is_there(o->data, &s, e) < 0)
		return -1;
	OWN(mem_free) char *path = daemon_database(o->data, &s);
	if (look(path, &v, e) < 0)
		return -1;
	if (v.have < v.want && file_lock(lock_path, &lock, e) < 0) {
		if (e->code != ERR_HOME_BUSY)
			return -1;
		(void)err_set(
		    e, ERR_HOME_BUSY, "an aumbryd serves %s", o->data);
		return err_remedy(e,
		    "Stop it first; restarted with this version it brings its "
		    "tables up to date itself.");
	}
	/* Another upgrade may have come before: its copy is the older tables. */
	if (v.have < v.want && look(path, &v, e) < 0)
		return -1;
	if (v.have < v.want)
		return bring_up(path, &v, e);
	(void)printf("The tables are up to date.\n");
	return 0;
}

static const struct cmd_option upgrade_options[] = {
	DAEMON_DATA(struct upgrade),
};

const struct cmd daemon_upgrade[] = {
	{ "upgrade", "",
	    "bring the tables of an older version up to date; keeps a copy",
	    run_upgrade, CMD_OPTIONS(upgrade_options, struct upgrade) },
	{ 0 },
};
