/* SPDX-License-Identifier: ISC */
/* stay_socket.c: what stays is asked by the commands of its user. */
#include "cli/stay.h"

#include "base/file.h"
#include "drive/skips.h"
#include "wire/errjson.h"
#include "wire/jsonio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Of each list in an answer so many are named, the rest is counted; what
 * all roots say fits. */
#define LISTED 100
#define LINE_MAX_BYTES (64 * 1024 * 1024)
#define ASK_S 5 /* who asks says it at once */

static char *
path_of(const char *home)
{
	return file_join(home, "drive.sock");
}

static int
address(const char *path, struct sockaddr_un *a, struct err *e)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof a->sun_path)
		return err_set(e, ERR_USAGE,
		    "%s is longer than a socket's name may be", path);
	memcpy(a->sun_path, path, strlen(path));
	return 0;
}

/* Up to the line's end, which is not put. */
static int
read_line(int fd, struct buf *out, struct err *e)
{
	for (;;) {
		uint8_t *p = buf_grow(out, 4096);
		ssize_t n = recv(fd, p, 4096, 0);
		if (n < 0 && errno == EINTR) {
			out->n -= 4096;
			continue;
		}
		if (n <= 0)
			return err_set(e, ERR_IO, "the other side hung up");
		out->n -= 4096 - (size_t)n;
		if (out->p[out->n - 1] == '\n') {
			out->n--;
			return 0;
		}
		if (out->n > LINE_MAX_BYTES)
			return err_set(e, ERR_TOO_LARGE, "a line is too long");
	}
}

static void
write_line(int fd, struct buf *line)
{
	size_t at = 0;

	buf_put_u8(line, '\n');
	while (at < line->n) {
		ssize_t n = send(fd, line->p + at, line->n - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

/* ---- asking ---- */

int
stay_ask(const char *home, const json_t *ask, json_t **answer, struct err *e)
{
	OWN(mem_free) char *path = path_of(home);
	OWN(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	OWN(buf_free) struct buf line = { 0 };
	OWN(jsonio_free) json_t *said = NULL;
	struct sockaddr_un a;

	*answer = NULL;
	if (fd < 0)
		return err_sys(e, "socket");
	if (address(path, &a, e) < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		return 0;
	jsonio_put(&line, ask);
	write_line(fd, &line);
	buf_clear(&line);
	if (read_line(fd, &line, e) < 0 ||
	    jsonio_parse(buf_bytes(&line), &said, e) < 0)
		return -1;
	if (json_object_get(said, "error") != NULL) {
		OWN(buf_free) struct buf detail = { 0 };
		struct err why;
		if (errjson_parse(buf_bytes(&line), &why, &detail, e) == 0)
			*e = why;
		return -1;
	}
	*answer = TAKE(said);
	return 0;
}

/* ---- answering ---- */

int
stay_listen(struct stay *s, struct err *e)
{
	struct sockaddr_un a;

	s->socket_path = path_of(s->d.self->dir);
	if (address(s->socket_path, &a, e) < 0 ||
	    file_clear_socket(&a, "drive", e) < 0)
		return -1;
	s->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->socket < 0)
		return err_sys(e, "socket");
	/* The home is its user's alone; so is what is made in it. */
	mode_t was = umask(0177);
	int rc = bind(s->socket, (const struct sockaddr *)&a, sizeof a);
	(void)umask(was);
	return rc < 0 || listen(s->socket, 8) < 0
	    ? err_sys(e, "%s", s->socket_path)
	    : 0;
}

void
stay_close(struct stay *s)
{
	if (s->socket >= 0)
		(void)unlink(s->socket_path);
	fd_close(&s->socket);
	free(s->socket_path);
	s->socket_path = NULL;
}

/* A list of very many: "NAME_more" says how many are not in it. */
static void
shorten(json_t *report)
{
	static const char *const names[] = { "held", "conflicts" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		json_t *list = json_object_get(report, names[i]);
		size_t n = json_array_size(list);
		char more[32];
		if (n <= LISTED)
			continue;
		(void)snprintf(more, sizeof more, "%s_more", names[i]);
		jsonio_put_u64(report, more, n - LISTED);
		while (n > LISTED)
			(void)json_array_remove(list, --n);
	}
}

static json_t *
root_status(const struct stay *s, const struct stay_root *r)
{
	json_t *j = json_object();
	struct watch_state w = { 0 };
	OWN(buf_free) struct buf limit = { 0 };

	(void)json_object_set_new(
	    j, "root", cli_json_bytes(bytes_str(r->path)));
	jsonio_put_text(
	    j, "state", stay_paused(s) || s->costs ? "paused" : r->state);
	(void)json_object_set_new(j, "code",
	    r->err.code == ERR_NONE ? json_null()
				    : json_string(err_name(r->err.code)));
	(void)json_object_set_new(j, "reason",
	    r->err.code == ERR_NONE ? json_null()
				    : cli_json_bytes(bytes_str(r->err.msg)));
	cli_drive_lists(&r->report, j);
	(void)json_object_set_new(j, "gate", cli_drive_gate(&r->report));
	if (r->watch != NULL)
		watch_state(r->watch, &w);
	else if (r->unwatched.code != ERR_NONE)
		buf_printf(&limit, "looked at each minute: %s (%s)",
		    r->unwatched.msg, err_name(r->unwatched.code));
	if (w.limited)
		buf_printf(&limit,
		    "%ju of %ju folders are looked at each minute: %s (%s)",
		    (uintmax_t)(w.folders - w.watched), (uintmax_t)w.folders,
		    w.limit, err_name(ERR_WATCH_LIMITED));
	(void)json_object_set_new(j, "watch",
	    json_pack("{s:s, s:I, s:I, s:s}", "mode",
		r->watch == NULL || w.limited ? "partial" : "all", "watched",
		(json_int_t)w.watched, "folders", (json_int_t)w.folders,
		"limit", buf_text(&limit)));
	(void)json_object_set_new(j, "last_sync_ms",
	    r->last_ms > 0 ? json_integer(r->last_ms) : json_null());
	shorten(j);
	return j;
}

static json_t *
stay_status(const struct stay *s)
{
	json_t *j = json_object();
	json_t *roots = json_array();

	for (size_t i = 0; i < s->n; i++)
		(void)json_array_append_new(roots, root_status(s, s->roots[i]));
	(void)json_object_set_new(j, "roots", roots);
	uint64_t invalid = 0;
	struct err ignored;
	if (roots_invalid(s->d.drive, &invalid, &ignored) == 0)
		jsonio_put_u64(j, "invalid", invalid);
	jsonio_put_true(j, "metered", s->costs);
	jsonio_put_u64(j, "seq", zcopy_seq(drive_zone(s->d.drive)));
	(void)json_object_set_new(j, "paused_until_ms",
	    stay_paused(s) ? json_integer(s->paused_until) : json_null());
	return j;
}

static int
answer_enable(struct stay *s, const json_t *ask, const char *dir, struct err *e)
{
	const char *folder = json_string_value(json_object_get(ask, "folder"));
	OWN(drive_root_free) struct drive_root *root = NULL;
	const struct drive_root_ask where = { .dir = dir,
		.folder = folder != NULL ? folder : "/",
		.adopt = jsonio_true(ask, "adopt"),
		.make = true };
	struct stay_root *r = stay_find(s, dir);

	if (r != NULL && !where.adopt)
		return 0;
	if (r != NULL)
		stay_drop(s, r);
	if (drive_pull(s->d.drive, e) < 0 ||
	    drive_root_open(s->d.drive, &where, &root, e) < 0 ||
	    roots_enable(s->d.drive, drive_root_row(root)->path, true, e) < 0)
		return -1;
	drive_root_free(&root);
	return stay_load(s, e);
}

static int
answer_disable(struct stay *s, const char *dir, struct err *e)
{
	struct stay_root *r = stay_find(s, dir);

	if (r == NULL)
		return err_set(e, ERR_NOT_FOUND, "%s is not kept in sync", dir);
	if (roots_enable(s->d.drive, r->path, false, e) < 0)
		return -1;
	stay_drop(s, r);
	return 0;
}

static int
answer_skip(struct stay *s, const json_t *ask, const char *dir, json_t **out,
    struct err *e)
{
	struct stay_root *r = stay_find(s, dir);
	const char *path;

	if (jsonio_text(ask, "path", &path, e) < 0 ||
	    skips_set(s->d.drive, dir, path, jsonio_true(ask, "on"), e) < 0)
		return -1;
	if (r != NULL)
		r->news = true;
	*out = json_object();
	return 0;
}

static int
answer_sync(struct stay *s, const json_t *ask, const char *dir, json_t **out,
    struct err *e)
{
	const char *confirm =
	    json_string_value(json_object_get(ask, "confirm"));
	const char *undo = json_string_value(json_object_get(ask, "undo"));
	struct drive_sync_ask how = { .dry = jsonio_true(ask, "dry"),
		.undo = undo != NULL };
	struct stay_root *r = stay_find(s, dir);

	if (r == NULL) {
		(void)err_set(e, ERR_NOT_FOUND,
		    "%s is not among the folders that are kept in sync", dir);
		return err_remedy(e, "Run: aumbry drive enable DIR");
	}
	if (confirm == NULL)
		confirm = undo;
	if (confirm != NULL && id_parse(bytes_str(confirm), &how.confirm) < 0)
		return err_set(e, ERR_USAGE, "%s is no ID", confirm);
	r->all = true;
	if (stay_sync(s, r, &how, e) < 0)
		return -1;
	*out = cli_drive_report(r->path, &r->report);
	shorten(*out);
	return 0;
}

static int
answer(struct stay *s, const json_t *ask, json_t **out, struct err *e)
{
	const char *what, *dir = json_string_value(json_object_get(ask, "dir"));

	if (jsonio_text(ask, "ask", &what, e) < 0)
		return -1;
	if (strcmp(what, "status") == 0) {
		*out = stay_status(s);
		return 0;
	}
	if (strcmp(what, "pause") == 0) {
		uint64_t until;
		if (jsonio_u64(ask, "until_ms", &until, e) < 0 ||
		    stay_pause(s, (int64_t)until, e) < 0)
			return -1;
		*out = stay_status(s);
		return 0;
	}
	if (strcmp(what, "limits") == 0) {
		stay_limit(s);
		*out = json_object();
		return 0;
	}
	if (dir == NULL)
		return err_set(e, ERR_BAD_REQUEST, "it names no folder");
	if (strcmp(what, "skip") == 0)
		return answer_skip(s, ask, dir, out, e);
	if (strcmp(what, "sync") == 0)
		return answer_sync(s, ask, dir, out, e);
	*out = json_object();
	if (strcmp(what, "enable") == 0)
		return answer_enable(s, ask, dir, e);
	if (strcmp(what, "disable") == 0)
		return answer_disable(s, dir, e);
	return err_set(e, ERR_BAD_REQUEST, "it asks for what is not known");
}

static bool
is_mine(int fd)
{
	struct ucred c;
	socklen_t n = sizeof c;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0 &&
	    c.uid == geteuid();
}

void
stay_answer(struct stay *s)
{
	OWN(fd_close)
	int fd = accept4(s->socket, NULL, NULL, SOCK_CLOEXEC);
	const struct timeval patience = { .tv_sec = ASK_S };
	OWN(buf_free) struct buf line = { 0 };
	OWN(jsonio_free) json_t *ask = NULL;
	OWN(jsonio_free) json_t *out = NULL;
	struct err e;

	if (fd < 0 || !is_mine(fd))
		return;
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (read_line(fd, &line, &e) < 0)
		return;
	int rc = jsonio_parse(buf_bytes(&line), &ask, &e);
	if (rc == 0)
		rc = answer(s, ask, &out, &e);
	buf_clear(&line);
	if (rc < 0)
		errjson_make(&e, bytes_of(NULL, 0), &line);
	else
		jsonio_put(&line, out);
	write_line(fd, &line);
}
