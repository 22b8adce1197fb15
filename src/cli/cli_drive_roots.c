/* SPDX-License-Identifier: ISC */
/* cli_drive_roots.c: aumbry drive enable, disable, status, pause, resume. */
#include "cli/stay.h"

#include "base/now.h"
#include "base/spawn.h"
#include "drive/space.h"
#include "base/text.h"
#include "link/homedir.h"
#include "wire/jsonio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define UNIT "aumbry-drive.service"

/* ---- who keeps them in sync ---- */

static bool
systemctl(const char *verb, const char *now)
{
	const char *const argv[] = { "systemctl", "--user", "--quiet", verb,
		now, UNIT, NULL };
	const struct spawn s = { .argv = argv, .fds = { -1, -1, -1 } };
	pid_t pid;
	int status;

	return spawn_begin(&s, &pid) == 0 && waitpid(pid, &status, 0) == pid &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
usual_home(const struct cli *cli)
{
	OWN(mem_free) char *usual = NULL;
	OWN(mem_free) char *home = cli_home(cli);
	struct err ignored;

	return homedir_default(&usual, &ignored) == 0 &&
	    strcmp(usual, home) == 0;
}

static void
start(struct cli *cli)
{
	if (usual_home(cli) && systemctl("enable", "--now")) {
		cli_say(cli, "It is kept in sync from now on.");
		return;
	}
	cli_warn("Nothing on this machine starts it by itself. Let it run: "
		 "aumbry%s%s drive stay",
	    usual_home(cli) ? "" : " --home ",
	    usual_home(cli) ? "" : cli->home);
}

/* ---- enable, disable ---- */

static json_t *
ask_for(const char *what, const char *path)
{
	json_t *ask = json_object();

	jsonio_put_text(ask, "ask", what);
	(void)json_object_set_new(ask, "dir", json_string(path));
	return ask;
}

static int
enable_here(struct cli *cli, const struct cli_drive_root *g, struct err *e)
{
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };
	OWN(drive_root_free) struct drive_root *root = NULL;
	const struct drive_root_ask where = { .dir = cli->line.args[0],
		.folder = g->folder != NULL ? g->folder : "/",
		.adopt = g->adopt,
		.make = true };

	if (cli_drive_open(cli, &d, e) < 0 || drive_pull(d.drive, e) < 0 ||
	    drive_root_open(d.drive, &where, &root, e) < 0)
		return -1;
	return cli_drive_skips(
		   d.drive, drive_root_row(root)->path, &g->skips, e) < 0
	    ? -1
	    : roots_enable(d.drive, drive_root_row(root)->path, true, e);
}

int
cli_drive_enable(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_root *g = options;
	OWN(mem_free) char *path = cli_drive_absolute(cli->line.args[0]);
	OWN(mem_free) char *home = cli_home(cli);
	OWN(jsonio_free) json_t *ask = ask_for("enable", path);
	OWN(jsonio_free) json_t *answer = NULL;

	if (g->folder != NULL)
		jsonio_put_text(ask, "folder", g->folder);
	jsonio_put_true(ask, "adopt", g->adopt);
	if (stay_ask(home, ask, &answer, e) < 0)
		return -1;
	if (answer != NULL) {
		cli_say(cli, "It is kept in sync from now on.");
		return 0;
	}
	if (enable_here(cli, g, e) < 0)
		return -1;
	start(cli);
	return 0;
}

struct found {
	size_t enabled;
	json_t *roots; /* NULL: they are only counted */
};

static int
find_one(void *ctx, const struct drivedb_root *r, struct err *e)
{
	struct found *f = ctx;

	(void)e;
	f->enabled += r->enabled;
	if (f->roots == NULL || !r->enabled)
		return 0;
	json_t *j = json_object();
	(void)json_object_set_new(
	    j, "root", cli_json_bytes(bytes_str(r->path)));
	jsonio_put_text(j, "state", "stopped");
	return json_array_append_new(f->roots, j);
}

static int
disable_here(struct cli *cli, const char *path, struct err *e)
{
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };
	struct found f = { .roots = NULL };

	if (cli_drive_open(cli, &d, e) < 0 ||
	    roots_enable(d.drive, path, false, e) < 0 ||
	    roots_each(d.drive, find_one, &f, e) < 0)
		return -1;
	if (f.enabled == 0 && usual_home(cli))
		(void)systemctl("disable", "--now");
	return 0;
}

int
cli_drive_disable(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	OWN(mem_free) char *path = cli_drive_absolute(cli->line.args[0]);
	OWN(mem_free) char *home = cli_home(cli);
	OWN(jsonio_free) json_t *ask = ask_for("disable", path);
	OWN(jsonio_free) json_t *answer = NULL;

	(void)options;
	if (stay_ask(home, ask, &answer, e) < 0)
		return -1;
	if (answer == NULL && disable_here(cli, path, e) < 0)
		return -1;
	cli_say(cli, "It is left as it is from now on; its files stay.");
	return 0;
}

/* ---- status ---- */

static const char *
text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static void
print_line(void *ctx, const char *line)
{
	(void)ctx;
	(void)printf("\t%s\n", line);
}

static void
say_root(const json_t *j)
{
	OWN(mem_free) char *path = cli_shown(bytes_str(text_of(j, "root")));
	const json_t *gate = json_object_get(j, "gate");
	const char *limit = text_of(json_object_get(j, "watch"), "limit");

	(void)printf("%s\t%s\n", path, text_of(j, "state"));
	OWN(mem_free) char *reason = cli_shown(bytes_str(text_of(j, "reason")));
	if (text_of(j, "code")[0] != '\0')
		(void)printf("\t%s (%s)\n", reason, text_of(j, "code"));
	cli_drive_say_lists(j, print_line, NULL);
	if (json_is_object(gate))
		(void)printf("\t%lld deletions wait: aumbry drive sync DIR "
			     "--confirm-deletions %s (or --undo-deletions)\n",
		    (long long)json_integer_value(
			json_object_get(gate, "files")),
		    text_of(gate, "id"));
	if (limit[0] != '\0')
		(void)printf("\t%s\n", limit);
}

static int
status_here(struct cli *cli, json_t **out, struct err *e)
{
	OWN(cli_drive_free) struct cli_drive d = { .lock = -1 };
	struct found f = { .roots = json_array() };

	*out = json_object();
	(void)json_object_set_new(*out, "roots", f.roots);
	uint64_t invalid = 0;
	if (cli_drive_open(cli, &d, e) < 0 ||
	    roots_each(d.drive, find_one, &f, e) < 0 ||
	    roots_invalid(d.drive, &invalid, e) < 0)
		return -1;
	jsonio_put_u64(*out, "invalid", invalid);
	return 0;
}

const struct cmd_option cli_drive_status_options[1] = {
	{ "space", CMD_FLAG, offsetof(struct cli_drive_status, space), NULL,
	    "also what files, history and trash take" },
};

/* It opens every record, so it is asked for. */
static int
add_space(struct cli *cli, json_t *j, struct err *e)
{
	OWN(cli_tree_free) struct cli_tree t = { .self = NULL };
	struct space s;

	if (cli_tree_open(cli, &t, e) < 0 || space_count(t.edit, &s, e) < 0)
		return -1;
	(void)json_object_set_new(j, "space",
	    json_pack("{s:I, s:I, s:I, s:I}", "files", (json_int_t)s.files,
		"history", (json_int_t)s.history, "trash", (json_int_t)s.trash,
		"freeing", (json_int_t)s.freeing));
	return 0;
}

static void
say_space(const json_t *j)
{
	static const char *const names[] = { "files", "history", "trash",
		"freeing" };

	for (size_t i = 0; json_is_object(j) && i < ARRAY_SIZE(names); i++) {
		OWN(mem_free)
		char *size = cli_size(
		    (uint64_t)json_integer_value(json_object_get(j, names[i])));
		(void)printf("%s\t%s\n", names[i], size);
	}
}

static void
say_invalid(const json_t *j)
{
	json_int_t n = json_integer_value(json_object_get(j, "invalid"));

	if (n > 0)
		cli_warn("aumbry: %lld files or folders cannot be as a device "
			 "of this account wrote them\n%s\n(%s)",
		    (long long)n,
		    err_fix(&(struct err){ .code = ERR_DRIVE_TREE_INVALID }),
		    err_name(ERR_DRIVE_TREE_INVALID));
}

static int
status_of(const json_t *j)
{
	size_t i;
	const json_t *x;
	int status = json_integer_value(json_object_get(j, "invalid")) > 0
	    ? err_exit(ERR_DRIVE_TREE_INVALID)
	    : 0;

	json_array_foreach(json_object_get(j, "roots"), i, x)
	{
		enum err_code code =
		    err_find(text_of(x, "code"), strlen(text_of(x, "code")));
		if (json_array_size(json_object_get(x, "held")) > 0)
			status = err_exit(ERR_DRIVE_HELD);
		if (json_is_object(json_object_get(x, "gate")))
			status = err_exit(ERR_DRIVE_DELETIONS_HELD);
		if (code != ERR_CODES && code != ERR_NONE)
			status = err_exit(code);
	}
	return status;
}

int
cli_drive_status(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct cli_drive_status *g = options;
	OWN(mem_free) char *home = cli_home(cli);
	OWN(jsonio_free) json_t *ask = ask_for("status", "");
	OWN(jsonio_free) json_t *answer = NULL;
	size_t i;
	const json_t *x;

	if (stay_ask(home, ask, &answer, e) < 0 ||
	    (answer == NULL && status_here(cli, &answer, e) < 0) ||
	    (g->space && add_space(cli, answer, e) < 0))
		return -1;
	cli->line.status = status_of(answer);
	if (cli->line.json) {
		cli_print_json(json_incref(answer));
		return 0;
	}
	json_array_foreach(json_object_get(answer, "roots"), i, x) say_root(x);
	if (i == 0)
		cli_say(cli,
		    "No folder is kept in sync. "
		    "Run: aumbry drive enable DIR");
	say_invalid(answer);
	say_space(json_object_get(answer, "space"));
	return 0;
}

/* ---- pauses ---- */

static int
pause_until(struct cli *cli, int64_t until_ms, struct err *e)
{
	OWN(mem_free) char *home = cli_home(cli);
	OWN(jsonio_free) json_t *ask = ask_for("pause", "");
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_put_u64(ask, "until_ms", (uint64_t)until_ms);
	if (stay_ask(home, ask, &answer, e) < 0)
		return -1;
	if (answer != NULL)
		return 0;
	(void)err_set(e, ERR_NOT_FOUND, "nothing syncs here now");
	return err_remedy(e, "To begin: aumbry drive enable DIR");
}

int
cli_drive_pause(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	int64_t seconds = INT64_C(100) * 365 * 24 * 3600;

	(void)options;
	if (cli->line.n_args > 0 &&
	    text_parse_span(cli->line.args[0], &seconds) < 0)
		return err_set(e, ERR_USAGE, "%s is no span, as 30m or 2d",
		    cli->line.args[0]);
	if (pause_until(cli, now_ms() + seconds * 1000, e) < 0)
		return -1;
	cli_say(cli, "Paused. To go on: aumbry drive resume");
	return 0;
}

int
cli_drive_resume(void *line, const void *options, struct err *e)
{
	(void)options;
	return pause_until(line, 0, e);
}
