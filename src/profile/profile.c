/* SPDX-License-Identifier: ISC */
/* profile.c: asking the machine, and writing what has changed. */
#include "profile/profile.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "wire/jsonio.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define OS_BYTES 65536 /* of /etc/os-release */

/* Write it unless it is so already. */
static int
put_file(const char *dir, const char *name, struct bytes x, bool *changed,
    struct err *e)
{
	OWN(mem_free) char *path = file_join(dir, name);
	OWN(buf_free) struct buf old = { 0 };
	struct err ignored;

	if (file_read(path, PROFILE_FILE_BYTES, &old, &ignored) == 0 &&
	    bytes_equal(buf_bytes(&old), x))
		return 0;
	*changed = true;
	return file_write(path, x, 0600, e);
}

/* "Debian GNU/Linux 12 (bookworm)", or nothing. */
static void
put_os(struct buf *out)
{
	static const char key[] = "\nPRETTY_NAME=";
	OWN(buf_free) struct buf text = { 0 };
	struct err ignored;

	buf_put_str(&text, "\n");
	if (file_read("/etc/os-release", OS_BYTES, &text, &ignored) < 0)
		return;
	const char *at = strstr(buf_text(&text), key);
	if (at == NULL)
		return;
	at += sizeof key - 1;
	at += *at == '"';
	buf_put(out, at, strcspn(at, "\"\n"));
}

/* One profile in the making. */
struct making {
	const struct profile_making *m;
	json_t
	    *old; /* the manifest that was there, or NULL; without its time */
	json_t *pieces; /* of the new one; borrowed */
	bool changed;
};

static const char *
key_of(const struct profile_piece *p)
{
	return p->record ? p->file : p->name;
}

static json_t *
note(struct making *x, const struct profile_piece *p, const char *state,
    const struct err *why)
{
	json_t *j = json_object();

	jsonio_put_text(j, "state", state);
	if (strcmp(state, "stored") == 0)
		jsonio_put_text(
		    j, "file", p->file != NULL ? p->file : PROFILE_CONNECTIONS);
	if (why != NULL &&
	    json_object_set_new(j, "why", json_string(why->msg)) < 0)
		jsonio_put_text(j, "why", "its words are no UTF-8");
	(void)json_object_set_new(x->pieces, key_of(p), j);
	return j;
}

/* When the files that the tool reads last changed; "" where nobody knows. */
static void
put_stamp(const struct profile_piece *p, struct buf *out)
{
	struct stat st;

	for (size_t i = 0; p->inputs != NULL && p->inputs[i] != NULL; i++) {
		if (stat(p->inputs[i], &st) < 0) {
			buf_clear(out);
			return;
		}
		buf_printf(out, "%s%lld.%09ld", i > 0 ? " " : "",
		    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
}

/* Would the tool say what it said? Some take seconds for it. */
static bool
is_same(const struct making *x, const struct profile_piece *p, const char *path,
    const struct buf *stamp)
{
	const json_t *j =
	    json_object_get(json_object_get(x->old, "pieces"), key_of(p));
	const char *was = json_string_value(json_object_get(j, "read"));

	return stamp->n > 0 && was != NULL &&
	    strcmp(was, buf_text(stamp)) == 0 && file_exists(path);
}

static void
note_stored(
    struct making *x, const struct profile_piece *p, const struct buf *stamp)
{
	json_t *j = note(x, p, "stored", NULL);

	if (stamp->n > 0)
		jsonio_put_text(j, "read", buf_text(stamp));
}

static int
make_piece(struct making *x, const struct profile_piece *p, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf stamp = { 0 };
	OWN(mem_free) char *path = file_join(x->m->dir, p->file);
	struct err why = { 0 };

	put_stamp(p, &stamp);
	if (is_same(x, p, path, &stamp)) {
		note_stored(x, p, &stamp);
		return 0;
	}
	if (profile_piece_ask(p, &text, &why) == 0) {
		note_stored(x, p, &stamp);
		return put_file(
		    x->m->dir, p->file, buf_bytes(&text), &x->changed, e);
	}
	if (why.code == ERR_NOT_FOUND) {
		(void)note(x, p, "none", &why);
		x->changed |= unlink(path) == 0;
		return 0;
	}
	/* What was stored of it is better than nothing. */
	(void)note(x, p, "failed", &why);
	x->m->warn(x->m->ctx, key_of(p), &why);
	return 0;
}

static void
make_wifi(struct making *x)
{
	const struct profile_piece *p = &profile_pieces[PROFILE_WIFI];
	struct err why;

	if (access(PROFILE_CONNECTIONS, R_OK) == 0) {
		(void)note(x, p, "stored", NULL);
		return;
	}
	(void)err_set(&why, ERR_NOT_FOUND, "%s",
	    file_exists("/etc/NetworkManager")
		? "NetworkManager shows the passwords to root alone: they are "
		  "in the backups that root makes"
		: "NetworkManager is not installed");
	(void)note(x, p, "none", &why);
}

/* All but the time is compared, or it would change every night. */
static int
put_manifest(struct making *x, json_t *j, struct err *e)
{
	OWN(mem_free) char *path = file_join(x->m->dir, PROFILE_MANIFEST);
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf time = { 0 };

	if (!x->changed && x->old != NULL && json_equal(x->old, j) != 0)
		return 0;
	text_time(&time, now_ms());
	jsonio_put_text(j, "time", buf_text(&time));
	jsonio_put(&text, j);
	buf_put_u8(&text, '\n');
	return file_write(path, buf_bytes(&text), 0600, e);
}

/* NULL where there is none, or a damaged one. */
static json_t *
old_manifest(const char *dir)
{
	OWN(mem_free) char *path = file_join(dir, PROFILE_MANIFEST);
	OWN(buf_free) struct buf text = { 0 };
	json_t *j = NULL;
	struct err ignored;

	if (file_read(path, PROFILE_MANIFEST_BYTES, &text, &ignored) < 0 ||
	    jsonio_parse(buf_bytes(&text), &j, &ignored) < 0)
		return NULL;
	(void)json_object_del(j, "time");
	return j;
}

static bool
is_ours(const char *name)
{
	for (size_t i = 0; i < PROFILE_PIECES; i++)
		if (profile_pieces[i].file != NULL &&
		    strcmp(profile_pieces[i].file, name) == 0)
			return true;
	return strcmp(name, PROFILE_MANIFEST) == 0 || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0;
}

/* What a kill left, or an older version made. */
static void
tidy(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *x;

	if (d == NULL)
		return;
	while ((x = readdir(d)) != NULL)
		if (!is_ours(x->d_name))
			(void)unlinkat(dirfd(d), x->d_name, 0);
	(void)closedir(d);
}

static void
put_shown(json_t *j, const char *key, const char *text)
{
	OWN(buf_free) struct buf shown = { 0 };

	text_show(&shown, bytes_str(text));
	jsonio_put_text(j, key, buf_text(&shown));
}

int
profile_make(const struct profile_making *m, struct err *e)
{
	OWN(jsonio_free) json_t *j = json_object();
	OWN(jsonio_free) json_t *old = old_manifest(m->dir);
	OWN(buf_free) struct buf os = { 0 };
	struct making x = { m, old, json_object(), false };

	if (file_mkdirs(m->dir, 0700, e) < 0)
		return -1;
	tidy(m->dir);
	put_os(&os);
	jsonio_put_u64(j, "profile", FORMAT);
	put_shown(j, "host", m->host);
	put_shown(j, "user", m->user);
	put_shown(j, "os", buf_text(&os));
	(void)json_object_set_new(j, "pieces", x.pieces);
	for (size_t i = 0; i < PROFILE_PIECES; i++)
		if (profile_pieces[i].file != NULL &&
		    make_piece(&x, &profile_pieces[i], e) < 0)
			return -1;
	make_wifi(&x);
	return put_manifest(&x, j, e);
}

void
profile_about_free(struct profile_about *a)
{
	buf_free(&a->host);
	buf_free(&a->user);
	buf_free(&a->os);
	buf_free(&a->time);
}

int
profile_about_read(
    struct bytes manifest, struct profile_about *out, struct err *e)
{
	OWN(jsonio_free) json_t *j = NULL;
	struct {
		const char *key;
		struct buf *to;
	} texts[] = { { "host", &out->host }, { "user", &out->user },
		{ "os", &out->os }, { "time", &out->time } };
	uint64_t format;
	const char *text;

	if (jsonio_parse(manifest, &j, e) < 0 ||
	    jsonio_u64(j, "profile", &format, e) < 0) {
		e->code = ERR_RECORD_CORRUPT;
		return err_in(e, PROFILE_MANIFEST);
	}
	if (format != FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the device profile is of format %llu",
		    (unsigned long long)format);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (jsonio_text(j, texts[i].key, &text, e) < 0) {
			e->code = ERR_RECORD_CORRUPT;
			return err_in(e, PROFILE_MANIFEST);
		}
		buf_put_str(texts[i].to, text);
	}
	return 0;
}
