/* SPDX-License-Identifier: ISC */
/* daemon_maintain.c: aumbryd check, backup, restored. */
#include "aumbryd/daemon.h"

#include "base/now.h"
#include "base/text.h"
#include "server/copy.h"
#include "server/restored.h"
#include "store/zone_check.h"
#include "store/zone_import.h"

#include <stdio.h>
#include <string.h>

int
daemon_give_rows(struct server *s, struct err *e)
{
	uint64_t n;

	if (zone_adopt(&s->store, now_ms(), &n, e) < 0)
		return -1;
	if (n > 0)
		(void)printf("%llu files without a row have one again; what "
			     "nothing names in 7 days is removed\n",
		    (unsigned long long)n);
	return 0;
}

struct restored {
	const char *data, *age;
};

static int
run_restored(void *line, const void *options, struct err *e)
{
	const struct restored *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	int64_t age_s;

	(void)line;
	if (text_parse_span(o->age, &age_s) < 0)
		return err_set(e, ERR_USAGE,
		    "--age is how old the copy is, as 36h or 3d, not %s",
		    o->age);
	if (daemon_open(o->data, false, &s, e) < 0 ||
	    daemon_give_rows(&s, e) < 0)
		return -1;
	return restored_mark(o->data, now_ms() - age_s * 1000, e);
}

static void
finding(void *arg, const struct zone_finding *f)
{
	uint64_t *n = arg;

	if (f->what != ERR_NONE)
		(*n)++;
	(void)printf("%s zone=%s id=%s %s\n", err_name(f->what),
	    id_short(&f->key.zone).s, id_text(&f->id).s, f->text);
}

struct check {
	const char *data;
	bool read, repair;
};

static int
run_check(void *line, const void *options, struct err *e)
{
	const struct check *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	uint64_t n = 0;

	(void)line;
	if (daemon_open(o->data, false, &s, e) < 0 ||
	    (o->repair && daemon_give_rows(&s, e) < 0) ||
	    zone_check(&s.store, o->read ? ZONE_CHECK_READ : ZONE_CHECK_LOOK,
		finding, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	return err_set(e, ERR_BLOB_CORRUPT, "%llu damages were found",
	    (unsigned long long)n);
}

struct copying {
	const char *data, *to;
	bool json;
};

static int
run_backup(void *line, const void *options, struct err *e)
{
	const struct copying *o = options;
	OWN(daemon_free) struct server s = { .data_fd = -1 };
	struct copy_result r;

	(void)line;
	if (daemon_open(o->data, true, &s, e) < 0 ||
	    copy_server(&s, o->data, o->to, &r, e) < 0)
		return -1;
	(void)printf(o->json ? "{\"blobs\":%llu,\"copied\":%llu,"
			       "\"copied_bytes\":%llu,\"dropped\":%llu}\n"
			     : "%llu blobs, %llu of them copied (%llu bytes), "
			       "%llu dropped\n",
	    (unsigned long long)r.blobs, (unsigned long long)r.copied,
	    (unsigned long long)r.copied_bytes, (unsigned long long)r.dropped);
	if (s.config.database[0] == '/' || s.config.blobs[0] == '/' ||
	    strcmp(s.config.database, "sqlite:aumbryd.db") != 0 ||
	    strcmp(s.config.blobs, "dir:blobs") != 0)
		(void)fprintf(stderr,
		    "aumbryd: before you serve the copy, take database and "
		    "blobs out of [storage] in its aumbryd.conf: they are in "
		    "the copy itself\n");
	return 0;
}

static const struct cmd_option check_options[] = {
	DAEMON_DATA(struct check),
	{ "read", CMD_FLAG, offsetof(struct check, read), NULL,
	    "read every blob and compare its checksum" },
	{ "repair", CMD_FLAG, offsetof(struct check, repair), NULL,
	    "give files without a row one again" },
};

const struct cmd daemon_check[] = {
	{ "check", "", "is everything there that the tables name?", run_check,
	    CMD_OPTIONS(check_options, struct check) },
	{ 0 },
};

static const struct cmd_option backup_options[] = {
	DAEMON_DATA(struct copying),
	{ "to", CMD_TEXT, offsetof(struct copying, to), "OUT",
	    "the folder of the copy; what it has already is not copied again",
	    .required = true },
	DAEMON_JSON(struct copying),
};

const struct cmd daemon_backup[] = {
	{ "backup", "", "copy the whole server, also while it runs", run_backup,
	    CMD_OPTIONS(backup_options, struct copying) },
	{ 0 },
};

static const struct cmd_option restored_options[] = {
	DAEMON_DATA(struct restored),
	{ "age", CMD_TEXT, offsetof(struct restored, age), "SPAN",
	    "how old the copy is, as 36h", .required = true },
};

const struct cmd daemon_restored[] = {
	{ "restored", "",
	    "this folder was put back from a copy: devices give back what is "
	    "newer",
	    run_restored, CMD_OPTIONS(restored_options, struct restored) },
	{ 0 },
};
