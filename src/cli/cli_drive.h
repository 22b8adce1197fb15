/* SPDX-License-Identifier: ISC */
/* cli_drive.h: what the commands of the Drive share. */
#pragma once

#include "cli/cli.h"

#include "drive/drive.h"
#include "drive/edit.h"

#include <jansson.h>

/* The account's drive, pulled. */
struct cli_drive {
	struct self *self;
	struct repo *repo;
	struct drive *drive;
	int lock; /* only one changes drive.db of a home: or -1 */
	char *device; /* this device's name */
};

/* For OWN, of one whose lock is -1 and all else zeros. */
void cli_drive_free(struct cli_drive *d);
/* errors: those of cli_self; another program of this home has it open. */
MUST_CHECK int cli_drive_open(
    struct cli *cli, struct cli_drive *out, struct err *e);
/* What its contents are kept in. errors: those of repo_open. */
MUST_CHECK int cli_drive_repo(struct self *s, struct repo **out, struct err *e);

/* The same to look at and to change by hand: while others keep roots in sync. */
struct cli_tree {
	struct self *self; /* NULL: of a visit, which reads alone */
	struct reader *reader; /* of a visit */
	struct repo *repo;
	struct edit *edit;
	struct self_device *devices;
	size_t n_devices;
};

/* For OWN. */
void cli_tree_free(struct cli_tree *t);
/* errors: those of cli_self. */
MUST_CHECK int cli_tree_open(
    struct cli *cli, struct cli_tree *out, struct err *e);
/* What a device is called: borrowed, or "" when nobody knows. */
const char *cli_tree_device(const struct cli_tree *t, const struct id *dev);
/* A path in JSON: "path", and "path_raw" when it is no UTF-8. */
void cli_tree_path(struct json_t *j, struct bytes path);
/* What could not be read or written; ctx: a struct cli_show. */
void cli_tree_warn(void *ctx, struct bytes path, const struct err *why);
/* How far it is: ctx as above. */
void cli_tree_progress(void *ctx, uint64_t files, uint64_t bytes);

/* ---- the rows: options, and what they are for ---- */

struct cli_drive_ls {
	bool all, lengthy;
};
extern const struct cmd_option cli_drive_ls_options[2];
cmd_fn cli_drive_ls, cli_drive_find, cli_drive_cat;

struct cli_drive_put {
	bool force;
};
extern const struct cmd_option cli_drive_put_options[1];
cmd_fn cli_drive_get, cli_drive_put;

struct cli_drive_edit {
	bool parents, all, force;
};
extern const struct cmd_option cli_drive_mkdir_options[1],
    cli_drive_move_options[1], cli_drive_remove_options[1];
cmd_fn cli_drive_mkdir, cli_drive_move, cli_drive_remove;

struct cli_drive_trash {
	const char *to, *older;
};
extern const struct cmd_option cli_drive_restore_trash_options[1],
    cli_drive_empty_options[1];
cmd_fn cli_drive_trash_list, cli_drive_trash_restore, cli_drive_trash_empty;

struct cli_drive_past {
	const char *version, *at;
	bool dry;
};
extern const struct cmd_option cli_drive_past_options[3];
cmd_fn cli_drive_versions, cli_drive_restore;

/* aumbry check, of the Drive: errors when there are damages. */
MUST_CHECK int cli_check_drive(
    struct cli *cli, unsigned read_percent, struct err *e);

struct cli_drive_tidy {
	bool dry;
};
struct cli_drive_retention {
	const char *all, *daily, *weekly, *least, *trash;
};
extern const struct cmd_option cli_drive_tidy_options[1],
    cli_drive_retention_options[5];
cmd_fn cli_drive_tidy, cli_drive_retention;

/* What is said of one root. */
struct cli_drive_root {
	const char *folder, *confirm, *undo;
	struct cmd_list skips;
	bool once, adopt, dry;
};
extern const struct cmd_option cli_drive_root_options[7];
struct cli_drive_status {
	bool space;
};
extern const struct cmd_option cli_drive_status_options[1];
struct cli_drive_skip {
	bool off;
};
extern const struct cmd_option cli_drive_skip_options[1];
cmd_fn cli_drive_skip;
struct cli_drive_limit {
	const char *up, *down, *metered;
};
extern const struct cmd_option cli_drive_limit_options[3];
cmd_fn cli_drive_limit;
/* Leave out what was named beside a root. errors: those of skips_set. */
MUST_CHECK int cli_drive_skips(struct drive *d, const char *dir,
    const struct cmd_list *paths, struct err *e);

/* The rows; of one file each, or two. */
int cli_drive_sync(void *line, const void *options, struct err *e);
int cli_drive_enable(void *line, const void *options, struct err *e);
int cli_drive_disable(void *line, const void *options, struct err *e);
int cli_drive_status(void *line, const void *options, struct err *e);
int cli_drive_pause(void *line, const void *options, struct err *e);
int cli_drive_resume(void *line, const void *options, struct err *e);

/* What a sync did, as an object: {"event":"done",…}. */
json_t *cli_drive_report(const char *path, const struct drive_report *t);
/* What is held, left out or warned of, as fields of an object. */
void cli_drive_lists(const struct drive_report *t, json_t *out);
/* The same in words, a line each: "PATH: why (code)". */
void cli_drive_say_lists(
    const json_t *j, void (*say)(void *ctx, const char *line), void *ctx);
json_t *cli_drive_gate(const struct drive_report *t);
/* As it was typed, from the root. In new memory. */
char *cli_drive_absolute(const char *path);

extern const struct cmd cli_drive[];
