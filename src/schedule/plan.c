/* SPDX-License-Identifier: ISC */
/* plan.c: reading and writing the files of plans. */
#include "schedule/plan.h"

#include "base/file.h"
#include "base/text.h"
#include "wire/digest.h"
#include "wire/jsonio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define FILE_MAX (4 << 20) /* bytes: 4,096 roots of some length */
#define NAME_DIGITS 16

enum kind { TEXT, LIST, FLAG, NUMBER };

struct field {
	const char *key;
	enum kind kind;
	size_t at;
};

#define AT(member) offsetof(struct plan, member)
static const struct field plan_fields[] = {
	{ "tag", TEXT, AT(tag) },
	{ "to", TEXT, AT(to) },
	{ "password_file", TEXT, AT(password_file) },
	{ "keep_last", TEXT, AT(keep[0]) },
	{ "keep_hourly", TEXT, AT(keep[1]) },
	{ "keep_daily", TEXT, AT(keep[2]) },
	{ "keep_weekly", TEXT, AT(keep[3]) },
	{ "keep_monthly", TEXT, AT(keep[4]) },
	{ "keep_yearly", TEXT, AT(keep[5]) },
	{ "keep_within", TEXT, AT(keep[6]) },
	{ "keep_tags", LIST, AT(keep_tags) },
	{ "roots", LIST, AT(roots) },
	{ "exclude", LIST, AT(excludes) },
	{ "exclude_from", LIST, AT(exclude_files) },
	{ "secret", LIST, AT(secrets) },
	{ "tags", LIST, AT(tags) },
	{ "at_min", NUMBER, AT(at_min) },
	{ "made_ms", NUMBER, AT(made_ms) },
	{ "one_file_system", FLAG, AT(one_file_system) },
	{ "on_battery", FLAG, AT(on_battery) },
	{ "metered", FLAG, AT(metered) },
};
#undef AT

#define AT(member) offsetof(struct plan_state, member)
static const struct field state_fields[] = {
	{ "tried_ms", NUMBER, AT(tried_ms) },
	{ "done_ms", NUMBER, AT(done_ms) },
	{ "failures", NUMBER, AT(failures) },
	{ "code", TEXT, AT(code) },
	{ "message", TEXT, AT(message) },
	{ "remedy", TEXT, AT(remedy) },
	{ "waits", TEXT, AT(waits) },
	{ "keep_code", TEXT, AT(keep_code) },
	{ "keep_message", TEXT, AT(keep_message) },
	{ "pruned_ms", NUMBER, AT(pruned_ms) },
	{ "warned_ms", NUMBER, AT(warned_ms) },
};
#undef AT

/* A file: its fields, and the struct that they are in. */
struct shape {
	const struct field *fields;
	size_t n;
};
static const struct shape plan_shape = { plan_fields, ARRAY_SIZE(plan_fields) };
static const struct shape state_shape = { state_fields,
	ARRAY_SIZE(state_fields) };

static void *
at(void *x, const struct field *f)
{
	return (char *)x + f->at;
}

/* ---- in memory ---- */

void
plan_set(char **text, const char *value)
{
	char *copy = mem_text(value);

	free(*text);
	*text = copy;
}

void
plan_list_add(struct plan_list *l, const char *item)
{
	l->items = mem_resize(l->items, l->n + 1, sizeof *l->items);
	l->items[l->n++] = mem_text(item);
}

static void
list_free(struct plan_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct plan_list){ 0 };
}

/* x: zeros, or one that was used. */
static void
clear(const struct shape *s, void *x, const char *text)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		if (f->kind == LIST) {
			list_free(at(x, f));
		} else if (f->kind == TEXT) {
			char **t = at(x, f);
			free(*t);
			*t = text != NULL ? mem_text(text) : NULL;
		}
	}
}

void
plan_free(struct plan *p)
{
	clear(&plan_shape, p, NULL);
	free(p->name);
	memset(p, 0, sizeof *p);
}

void
plan_state_free(struct plan_state *s)
{
	clear(&state_shape, s, NULL);
	memset(s, 0, sizeof *s);
}

void
plan_all_free(struct plan_all *l)
{
	for (size_t i = 0; i < l->n; i++)
		plan_free(&l->list[i]);
	free(l->list);
	*l = (struct plan_all){ 0 };
}

void
plan_init(struct plan *p)
{
	memset(p, 0, sizeof *p);
	clear(&plan_shape, p, "");
	p->name = mem_text("");
}

void
plan_state_init(struct plan_state *s)
{
	memset(s, 0, sizeof *s);
	clear(&state_shape, s, "");
}

/* ---- as JSON ---- */

static json_t *
list_json(const struct plan_list *l)
{
	json_t *j = json_array();

	for (size_t i = 0; i < l->n; i++)
		(void)json_array_append_new(j, json_string(l->items[i]));
	return j;
}

static json_t *
field_json(const struct field *f, const void *p)
{
	switch (f->kind) {
	case TEXT:
		return json_string(*(char *const *)p);
	case LIST:
		return list_json(p);
	case FLAG:
		return json_boolean(*(const bool *)p);
	case NUMBER:
		return json_integer((json_int_t) * (const uint64_t *)p);
	}
	return NULL;
}

static int
put_file(const char *path, const struct shape *s, const void *x, struct err *e)
{
	OWN(jsonio_free) json_t *j = json_object();
	OWN(buf_free) struct buf text = { 0 };

	jsonio_put_u64(j, "format", FORMAT);
	for (size_t i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		if (json_object_set_new(
			j, f->key, field_json(f, (const char *)x + f->at)) < 0)
			return err_set(e, ERR_USAGE,
			    "\"%s\" has a text that is no UTF-8", f->key);
	}
	jsonio_put(&text, j);
	buf_put_str(&text, "\n");
	return file_write(path, buf_bytes(&text), 0600, e);
}

static int
take_list(const json_t *v, struct plan_list *out)
{
	if (!json_is_array(v))
		return -1;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *s = json_string_value(json_array_get(v, i));
		if (s == NULL)
			return -1;
		plan_list_add(out, s);
	}
	return 0;
}

/* One that is not there stays as it is. */
static int
take_field(const json_t *j, const struct field *f, void *p)
{
	const json_t *v = json_object_get(j, f->key);

	if (v == NULL)
		return 0;
	switch (f->kind) {
	case TEXT:
		if (!json_is_string(v))
			return -1;
		plan_set(p, json_string_value(v));
		return 0;
	case LIST:
		return take_list(v, p);
	case FLAG:
		*(bool *)p = json_is_true(v);
		return json_is_boolean(v) ? 0 : -1;
	case NUMBER:
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return -1;
		*(uint64_t *)p = (uint64_t)json_integer_value(v);
		return 0;
	}
	return -1;
}

static int
damaged(const char *path, struct err *e)
{
	(void)err_set(e, ERR_STATE_DAMAGED, "%s is damaged", path);
	return err_remedy(e, "Remove that file, then: aumbry backup enable");
}

/*
 * What root runs by itself, root has asked for: whose plan it is could else have
 * read to him, and written where he likes, what only root may.
 */
static int
open_own(const char *path, int *fd, struct err *e)
{
	OWN(fd_close)
	int f = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (f < 0 || fstat(f, &st) < 0)
		return err_sys(e, "%s", path);
	if (geteuid() == 0 && st.st_uid != 0) {
		(void)err_set(e, ERR_PERMISSION,
		    "root does not do what another user has planned: %s", path);
		return err_remedy(e, "Run it as the user whose plan that is.");
	}
	*fd = f;
	f = -1;
	return 0;
}

/* x: after plan_init or plan_state_init. */
static int
take_file(const char *path, const struct shape *s, void *x, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(jsonio_free) json_t *j = NULL;
	OWN(fd_close) int fd = -1;
	uint64_t format = 0;

	if (open_own(path, &fd, e) < 0 ||
	    file_read_rest(fd, path, FILE_MAX, &text, e) < 0)
		return -1;
	if (jsonio_parse(buf_bytes(&text), &j, e) < 0 ||
	    jsonio_u64(j, "format", &format, e) < 0)
		return damaged(path, e);
	if (format != FORMAT)
		return err_set(
		    e, ERR_UPDATE_NEEDED, "a newer program wrote %s", path);
	for (size_t i = 0; i < s->n; i++)
		if (take_field(j, &s->fields[i], at(x, &s->fields[i])) < 0)
			return damaged(path, e);
	return 0;
}

/* ---- files ---- */

char *
plan_name(const char *to)
{
	OWN(buf_free) struct buf hex = { 0 };
	struct digest d;

	if (to[0] == '\0')
		return mem_text(PLAN_ACCOUNT);
	digest_of(bytes_str(to), &d);
	text_hex(&hex, bytes_of(d.b, NAME_DIGITS / 2));
	return mem_text(buf_text(&hex));
}

char *
plan_folder(const char *home)
{
	return file_join(home, "schedule");
}

char *
plan_path(const char *home, const char *name, const char *what)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "%s/schedule/%s.%s", home, name, what);
	return mem_text(buf_text(&path));
}

int
plan_read(const char *home, const char *name, struct plan *out, bool *found,
    struct err *e)
{
	OWN(mem_free) char *path = plan_path(home, name, "plan");
	OWN(plan_free) struct plan p;

	plan_init(&p);
	*found = file_exists(path);
	plan_set(&p.name, name);
	if (*found && take_file(path, &plan_shape, &p, e) < 0)
		return -1;
	if (*found &&
	    (p.at_min >= 24 * 60 || p.tag[0] == '\0' ||
		(p.to[0] != '\0' && p.to[0] != '/')))
		return damaged(path, e);
	*out = p;
	memset(&p, 0, sizeof p);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct plan *x = a, *y = b;
	bool first = strcmp(x->name, PLAN_ACCOUNT) == 0;
	bool second = strcmp(y->name, PLAN_ACCOUNT) == 0;

	return first != second ? (first ? -1 : 1) : strcmp(x->name, y->name);
}

static int
add_plan(
    const char *home, const char *file, struct plan_all *all, struct err *e)
{
	const char *dot = strrchr(file, '.');
	OWN(buf_free) struct buf name = { 0 };
	bool found;

	if (dot == NULL || strcmp(dot, ".plan") != 0)
		return 0;
	buf_put(&name, file, (size_t)(dot - file));
	all->list = mem_resize(all->list, all->n + 1, sizeof *all->list);
	if (plan_read(home, buf_text(&name), &all->list[all->n], &found, e) < 0)
		return -1;
	all->n++;
	return 0;
}

int
plan_read_all(const char *home, struct plan_all *out, struct err *e)
{
	OWN(mem_free) char *folder = plan_folder(home);
	OWN(plan_all_free) struct plan_all all = { 0 };
	struct dirent *d;
	int rc = 0;
	DIR *dir = opendir(folder);

	*out = all;
	if (dir == NULL)
		return errno == ENOENT ? 0 : err_sys(e, "%s", folder);
	while (rc == 0 && (d = readdir(dir)) != NULL)
		rc = add_plan(home, d->d_name, &all, e);
	(void)closedir(dir);
	if (rc < 0)
		return -1;
	if (all.n > 0)
		qsort(all.list, all.n, sizeof *all.list, by_name);
	*out = all;
	all = (struct plan_all){ 0 };
	return 0;
}

int
plan_write(const char *home, const struct plan *p, struct err *e)
{
	OWN(mem_free) char *folder = plan_folder(home);
	OWN(mem_free) char *path = plan_path(home, p->name, "plan");

	return file_mkdirs(folder, 0700, e) < 0
	    ? -1
	    : put_file(path, &plan_shape, p, e);
}

int
plan_remove(const char *home, const char *name, struct err *e)
{
	static const char *const files[] = { "plan", "state", "password" };
	OWN(mem_free) char *folder = plan_folder(home);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		OWN(mem_free) char *path = plan_path(home, name, files[i]);
		if (unlink(path) < 0 && errno != ENOENT)
			return err_sys(e, "removing %s", path);
	}
	return file_sync_dir(folder, e);
}

void
plan_state_read(const char *home, const char *name, struct plan_state *out)
{
	OWN(mem_free) char *path = plan_path(home, name, "state");
	struct err ignored;

	plan_state_init(out);
	if (take_file(path, &state_shape, out, &ignored) < 0) {
		plan_state_free(out);
		plan_state_init(out);
	}
}

int
plan_state_write(const char *home, const char *name, const struct plan_state *s,
    struct err *e)
{
	OWN(mem_free) char *path = plan_path(home, name, "state");

	return put_file(path, &state_shape, s, e);
}

int
plan_parse_at(const char *text, uint64_t *at_min)
{
	const char *colon = strchr(text, ':');
	OWN(buf_free) struct buf hours = { 0 };
	uint64_t h, m;

	if (colon == NULL || strlen(colon) != 3 || colon - text > 2)
		return -1;
	buf_put(&hours, text, (size_t)(colon - text));
	if (text_parse_u64(buf_text(&hours), 0, 23, &h) < 0 ||
	    text_parse_u64(colon + 1, 0, 59, &m) < 0)
		return -1;
	*at_min = h * 60 + m;
	return 0;
}
