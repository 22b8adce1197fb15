/* SPDX-License-Identifier: ISC */
/* export_line.c: lines of a manifest, read with checks. */
#include "export/export_line.h"

#include "base/file.h"
#include "base/text.h"
#include "wire/jsonio.h"

#include <string.h>

#define PIECE (256 * 1024) /* bytes read at once */

void
export_line_free(struct export_line *l)
{
	buf_free(&l->path);
	buf_free(&l->target);
}

static int
corrupt(struct err *e)
{
	return err_set(
		   e, ERR_RECORD_CORRUPT, "a line of the manifest was changed"),
	       -1;
}

/* "a/b/c": no part is empty, "." or "..". */
static bool
is_below(struct bytes path)
{
	size_t from = 0;

	if (memchr(path.p, '\0', path.n) != NULL)
		return false;
	for (size_t i = 0; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/')
			continue;
		struct bytes part = bytes_of(path.p + from, i - from);
		if (part.n == 0 || bytes_equal(part, bytes_str(".")) ||
		    bytes_equal(part, bytes_str("..")))
			return false;
		from = i + 1;
	}
	return true;
}

static int
take_path(const json_t *j, const char *key, struct buf *out, struct err *e)
{
	const json_t *raw = json_object_get(j, "path_raw");
	const json_t *text = json_object_get(j, key);

	if (raw != NULL ? !json_is_string(raw) ||
		    text_unbase64(out,
			bytes_of(json_string_value(raw),
			    json_string_length(raw))) < 0
			: !json_is_string(text))
		return corrupt(e);
	if (raw == NULL)
		buf_put(out, json_string_value(text), json_string_length(text));
	return out->n == 0 || !is_below(buf_bytes(out)) ? corrupt(e) : 0;
}

static int
take_digest(const json_t *j, struct digest *out)
{
	OWN(buf_free) struct buf raw = { 0 };

	if (!json_is_string(j) || json_string_length(j) != 2 * DIGEST_BYTES ||
	    text_unhex(&raw, bytes_str(json_string_value(j))) < 0)
		return -1;
	memcpy(out->b, raw.p, DIGEST_BYTES);
	return 0;
}

static int
take_sum(const json_t *j, struct export_line *l)
{
	const json_t *sum = json_object_get(j, "sha256");

	l->summed = sum != NULL;
	if (sum == NULL)
		sum = json_object_get(j, "sha256_of_data");
	return take_digest(sum, &l->sha);
}

static enum entry_type
type_of(const char *type)
{
	return strcmp(type, "file") == 0  ? ENTRY_REGULAR
	    : strcmp(type, "folder") == 0 ? ENTRY_DIRECTORY
	    : strcmp(type, "link") == 0	  ? ENTRY_SYMLINK
					  : 0;
}

static int
take_drive(const json_t *j, struct export_line *l, struct err *e)
{
	const json_t *content = json_object_get(j, "content");
	const json_t *target = json_object_get(j, "target");

	l->drive = content != NULL && id_zero(&l->snapshot);
	if (!l->drive)
		return 0;
	l->former = json_is_true(json_object_get(j, "former"));
	if (json_is_string(target))
		buf_put(&l->target, json_string_value(target),
		    json_string_length(target));
	return take_digest(content, &l->content) < 0 ? corrupt(e) : 0;
}

static int
take_file(const json_t *j, struct export_line *l, struct err *e)
{
	const json_t *s = json_object_get(j, "mtime");
	const json_t *ns = json_object_get(j, "mtime_ns");
	const char *type = json_string_value(json_object_get(j, "type"));

	if (type == NULL || !json_is_integer(s) || !json_is_integer(ns) ||
	    json_integer_value(ns) < 0 || json_integer_value(ns) > 999999999)
		return corrupt(e);
	l->mtime_s = json_integer_value(s);
	l->mtime_ns = (uint32_t)json_integer_value(ns);
	l->type = type_of(type);
	l->regular = l->type == ENTRY_REGULAR;
	if (take_drive(j, l, e) < 0)
		return -1;
	if (!l->regular)
		return 0;
	return jsonio_u64(j, "size", &l->size, e) < 0 || take_sum(j, l) < 0
	    ? corrupt(e)
	    : 0;
}

static int
take_line(const json_t *j, struct export_line *l, struct err *e)
{
	const char *key = "path";

	if (json_object_get(j, "snapshot") != NULL &&
	    jsonio_id(j, "snapshot", &l->snapshot, e) < 0)
		return corrupt(e);
	if (json_object_get(j, "again") != NULL) {
		l->kind = EXPORT_AGAIN;
		return jsonio_id(j, "again", &l->snapshot, e) < 0 ? corrupt(e)
								  : 0;
	}
	if (json_object_get(j, "folder") != NULL) {
		l->kind = EXPORT_SNAPSHOT;
		key = "folder";
		if (id_zero(&l->snapshot) ||
		    jsonio_u64(j, "errors", &l->errors, e) < 0)
			return corrupt(e);
	}
	if (take_path(j, key, &l->path, e) < 0)
		return -1;
	if (l->kind == EXPORT_SNAPSHOT)
		return 0;
	if (json_object_get(j, "error") != NULL) {
		l->kind = EXPORT_LACKS;
		return 0;
	}
	l->kind = EXPORT_FILE;
	return take_file(j, l, e);
}

static struct bytes
without_comma(struct bytes line)
{
	return line.n > 0 && line.p[line.n - 1] == ','
	    ? bytes_of(line.p, line.n - 1)
	    : line;
}

int
export_line_parse(struct bytes line, struct export_line *out, struct err *e)
{
	OWN(export_line_free) struct export_line l = { 0 };
	OWN(jsonio_free) json_t *j = NULL;

	if (jsonio_parse(without_comma(line), &j, e) < 0)
		return corrupt(e);
	if (take_line(j, &l, e) < 0)
		return -1;
	*out = l;
	l.path = l.target = (struct buf){ 0 };
	return 0;
}

int
export_head_parse(struct bytes line, struct export_head *out, struct err *e)
{
	OWN(buf_free) struct buf whole = { 0 };
	OWN(jsonio_free) json_t *j = NULL;
	struct export_head head;
	uint64_t format;

	buf_put_bytes(&whole, without_comma(line));
	if (whole.n > 0 && whole.p[whole.n - 1] != '}')
		buf_put_u8(&whole, '}');
	if (jsonio_parse(buf_bytes(&whole), &j, e) < 0 ||
	    jsonio_u64(j, "aumbry_export", &format, e) < 0)
		return corrupt(e);
	if (format != EXPORT_FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the export there is of format %llu",
		    (unsigned long long)format);
	if (jsonio_id(j, "uid", &head.uid, e) < 0 ||
	    jsonio_u64(j, "begun", &head.begun_ms, e) < 0)
		return corrupt(e);
	*out = head;
	return 0;
}

/* ---- by line ---- */

struct lines {
	struct buf rest; /* the beginning of a line */
	uint64_t at; /* where that is */
	export_line_fn fn;
	void *ctx;
};

static void
lines_free(struct lines *l)
{
	buf_free(&l->rest);
}

static int
take_piece(void *ctx, struct bytes x, struct err *e)
{
	struct lines *l = ctx;

	while (x.n > 0) {
		const uint8_t *end = memchr(x.p, '\n', x.n);
		size_t n = end != NULL ? (size_t)(end - x.p) : x.n;
		if (l->rest.n + n > EXPORT_LINE_MAX)
			return corrupt(e);
		buf_put(&l->rest, x.p, n);
		if (end == NULL)
			return 0;
		if (l->fn(l->ctx, buf_bytes(&l->rest), l->at, e) < 0)
			return -1;
		l->at += l->rest.n + 1;
		buf_clear(&l->rest);
		x.p += n + 1;
		x.n -= n + 1;
	}
	return 0;
}

int
export_lines(int fd, export_line_fn fn, void *ctx, struct err *e)
{
	OWN(lines_free) struct lines l = { .fn = fn, .ctx = ctx };

	return file_pieces(fd, PIECE, take_piece, &l, e);
}
