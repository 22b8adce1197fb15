/* SPDX-License-Identifier: ISC */
/* export_put.c: lines of a manifest, made. */
#include "export/export_in.h"

#include "base/text.h"
#include "files/filehash.h"

/* JSON has no raw bytes. */
static void
put_bytes(json_t *j, const char *key, struct bytes x)
{
	OWN(buf_free) struct buf shown = { 0 };
	json_t *text = json_stringn((const char *)x.p, x.n);

	if (text == NULL) {
		text_show(&shown, x);
		text = json_string(buf_text(&shown));
	}
	(void)json_object_set_new(j, key, text);
}

static void
put_path(json_t *j, const char *key, struct bytes path)
{
	put_bytes(j, key, path);
	if (!text_is_utf8(path)) {
		OWN(buf_free) struct buf raw = { 0 };
		text_base64(&raw, path);
		jsonio_put_text(j, "path_raw", buf_text(&raw));
	}
}

void
export_put_json(struct buf *out, json_t *j)
{
	jsonio_put(out, j);
	buf_put_u8(out, '\n');
	json_decref(j);
}

void
export_put_file(struct buf *out, const struct export_file *f)
{
	OWN(buf_free) struct buf text = { 0 };
	json_t *j = json_object();

	put_path(j, "path", f->path);
	jsonio_put_text(j, "type", filehash_type(f->st->st_mode));
	if (f->sha != NULL) {
		text_hex(&text, bytes_of(f->sha->b, DIGEST_BYTES));
		jsonio_put_u64(j, "size", (uint64_t)f->st->st_size);
		jsonio_put_text(j, f->data_only ? "sha256_of_data" : "sha256",
		    buf_text(&text));
	}
	if (f->target.n > 0)
		put_bytes(j, "target", f->target);
	buf_clear(&text);
	buf_printf(&text, "%04o", (unsigned)f->st->st_mode & 07777);
	jsonio_put_text(j, "mode", buf_text(&text));
	(void)json_object_set_new(
	    j, "mtime", json_integer((json_int_t)f->st->st_mtim.tv_sec));
	(void)json_object_set_new(
	    j, "mtime_ns", json_integer((json_int_t)f->st->st_mtim.tv_nsec));
	if (f->snapshot != NULL)
		jsonio_put_id(j, "snapshot", f->snapshot);
	put_bytes(j, "source", f->source);
	if (f->content != NULL) {
		buf_clear(&text);
		text_hex(&text, bytes_of(f->content->b, DIGEST_BYTES));
		jsonio_put_text(j, "content", buf_text(&text));
	}
	if (f->secret)
		jsonio_put_true(j, "secret", true);
	export_put_json(out, j);
}

json_t *
export_lacks_json(
    struct bytes path, const struct err *why, const struct id *snapshot)
{
	json_t *j = json_object();

	put_path(j, "path", path);
	jsonio_put_text(j, "error", err_name(why->code));
	put_bytes(j, "message", bytes_str(why->msg));
	if (snapshot != NULL)
		jsonio_put_id(j, "snapshot", snapshot);
	return j;
}

static json_t *
texts(const struct buf *list, size_t n)
{
	json_t *j = json_array();
	OWN(jsonio_free) json_t *one = json_object();

	for (size_t i = 0; i < n; i++) {
		put_bytes(one, "x", buf_bytes(&list[i]));
		(void)json_array_append(j, json_object_get(one, "x"));
	}
	return j;
}

void
export_put_unit(struct buf *out, const struct snapshot *s, struct bytes folder,
    const struct export_counts *c)
{
	json_t *j = json_object();

	put_path(j, "folder", folder);
	jsonio_put_id(j, "snapshot", &s->id);
	jsonio_put_u64(j, "time", s->time_ms);
	put_bytes(j, "host", buf_bytes(&s->host));
	(void)json_object_set_new(j, "paths", texts(s->paths, s->n_paths));
	(void)json_object_set_new(j, "tags", texts(s->tags, s->n_tags));
	jsonio_put_true(j, "partial", s->partial);
	jsonio_put_u64(j, "files", c->files);
	jsonio_put_u64(j, "bytes", c->bytes);
	jsonio_put_u64(j, "errors", c->errors);
	export_put_json(out, j);
}

void
export_put_head(struct buf *out, const struct export *x, uint64_t ended_ms)
{
	json_t *j = json_object();

	jsonio_put_u64(j, "aumbry_export", EXPORT_FORMAT);
	put_bytes(j, "account", buf_bytes(&x->account));
	put_bytes(j, "server", buf_bytes(&x->server));
	jsonio_put_id(j, "uid", &x->from.uid);
	jsonio_put_u64(j, "begun", x->begun_ms);
	if (ended_ms != 0)
		jsonio_put_u64(j, "ended", ended_ms);
	export_put_json(out, j);
}
