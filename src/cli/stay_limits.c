/* SPDX-License-Identifier: ISC */
/* stay_limits.c: how much of the network who stays may take. */
/*
 * HOME/drive.limit: {"up":BYTES,"down":BYTES,"metered":BOOL}; a second, 0 for no
 * limit; metered: also on networks that cost by the byte.
 */
#include "cli/stay.h"

#include "base/file.h"
#include "wire/jsonio.h"

#define LIMIT_FILE_BYTES 4096

static char *
limit_file(const char *home)
{
	return file_join(home, "drive.limit");
}

void
stay_limits_load(const char *home, struct stay_limits *out)
{
	OWN(mem_free) char *path = limit_file(home);
	OWN(buf_free) struct buf text = { 0 };
	OWN(jsonio_free) json_t *j = NULL;
	struct err ignored;

	*out = (struct stay_limits){ .up = 0 };
	if (file_read(path, LIMIT_FILE_BYTES, &text, &ignored) < 0 ||
	    jsonio_parse(buf_bytes(&text), &j, &ignored) < 0 ||
	    jsonio_u64(j, "up", &out->up, &ignored) < 0 ||
	    jsonio_u64(j, "down", &out->down, &ignored) < 0)
		return;
	out->metered = jsonio_true(j, "metered");
}

void
stay_limits_put(const struct stay_limits *l, struct buf *out)
{
	OWN(jsonio_free) json_t *j = json_object();

	jsonio_put_u64(j, "up", l->up);
	jsonio_put_u64(j, "down", l->down);
	jsonio_put_true(j, "metered", l->metered);
	jsonio_put(out, j);
}

int
stay_limits_save(const char *home, const struct stay_limits *l, struct err *e)
{
	OWN(mem_free) char *path = limit_file(home);
	OWN(buf_free) struct buf text = { 0 };

	stay_limits_put(l, &text);
	return file_write(path, buf_bytes(&text), 0600, e);
}
