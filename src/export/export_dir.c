/* SPDX-License-Identifier: ISC */
/* export_dir.c: names in the folder, and what stands behind them. */
#include "export/export_in.h"

#include "base/file.h"

#include <string.h>
#include <time.h>

#define HOST_MAX 64 /* bytes of a folder's name */

char *
export_path(const struct export *x, const char *name)
{
	return file_join(x->dir, name);
}

int
export_open_file(
    const struct export *x, const char *name, int flags, int *fd, struct err *e)
{
	OWN(mem_free) char *path = export_path(x, name);

	if (file_open_plain(path, flags, fd, e) == 0)
		return 0;
	if (e->code != ERR_STATE_DAMAGED)
		return -1;
	e->code = ERR_CONFLICT;
	return err_remedy(e, "Name another folder, or move it away.");
}

int
export_no_link(const struct export *x, const char *path, struct err *e)
{
	OWN(mem_free) char *part = mem_text(path);
	struct stat st;

	for (char *end = part; end != NULL;) {
		end = strchr(end, '/');
		if (end != NULL)
			*end = '\0';
		OWN(mem_free) char *whole = export_path(x, part);
		if (lstat(whole, &st) == 0 && S_ISLNK(st.st_mode)) {
			(void)err_set(e, ERR_CONFLICT, "%s is a link", whole);
			return err_remedy(
			    e, "Move it away: an export has none there.");
		}
		if (end != NULL)
			*end++ = '/';
	}
	return 0;
}

/* The name may be anything that a backup took for one. */
static void
put_host(struct buf *out, struct bytes host)
{
	size_t from = out->n;

	for (size_t i = 0; i < host.n && i < HOST_MAX; i++) {
		uint8_t c = host.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    (c == '.' && i > 0 && i + 1 < host.n);
		buf_put_u8(out, plain ? c : '_');
	}
	if (out->n == from)
		buf_put_str(out, "unknown");
}

void
export_folder(const struct snapshot *s, struct buf *out)
{
	time_t t = (time_t)(s->time_ms / 1000);
	struct tm tm;
	char when[32];

	buf_put_str(out, "backups/");
	put_host(out, buf_bytes(&s->host));
	/* The same on machines of all time zones. */
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(when, sizeof when, "%Y-%m-%d_%H%M%S", &tm) == 0)
		(void)memcpy(when, "unknown", sizeof "unknown");
	buf_printf(out, "/%s_%s", when, id_short(&s->id).s);
}

bool
export_of_snapshot(enum err_code code)
{
	switch (code) {
	case ERR_BLOB_MISSING:
	case ERR_BLOB_CORRUPT:
	case ERR_BLOB_TRUNCATED:
	case ERR_RECORD_CORRUPT:
	case ERR_SNAPSHOT_DAMAGED:
	case ERR_CATEGORY_CLOSED:
	case ERR_UPDATE_NEEDED:
	case ERR_NOT_FOUND:
		return true;
	default:
		return false;
	}
}
