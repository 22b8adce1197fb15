/* SPDX-License-Identifier: ISC */
/* restored.c: two small files in the data folder. */
#include "server/restored.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

#define DAY_MS (24LL * 3600 * 1000)
#define FILE_MAX 64

static int
write_times(const char *path, int64_t a, int64_t b, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };

	buf_printf(&text, "%lld", (long long)a);
	if (b != 0)
		buf_printf(&text, " %lld", (long long)b);
	buf_put_u8(&text, '\n');
	return file_write(path, buf_bytes(&text), 0600, e);
}

/* *found false when there is no such file. */
static int
read_times(
    const char *path, bool two, int64_t out[2], bool *found, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	char *end, *rest;

	*found = false;
	if (file_read(path, FILE_MAX, &text, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	out[0] = strtoll(buf_text(&text), &end, 10);
	out[1] = strtoll(end, &rest, 10);
	if (out[0] <= 0 || *rest != '\n' || (two && out[1] <= 0))
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s does not hold a time", path);
	*found = true;
	return 0;
}

int
restored_mark(const char *data, int64_t copy_ms, struct err *e)
{
	OWN(mem_free) char *path = file_join(data, "copied");

	return write_times(path, copy_ms, 0, e);
}

int
restored_load(const char *data, int64_t now_ms, int64_t *since_ms,
    int64_t *until_ms, struct err *e)
{
	OWN(mem_free) char *copied = file_join(data, "copied");
	OWN(mem_free) char *restored = file_join(data, "restored");
	int64_t times[2];
	bool found;

	*since_ms = *until_ms = 0;
	if (read_times(copied, false, times, &found, e) < 0)
		return -1;
	if (found) {
		if (write_times(restored, times[0], now_ms, e) < 0)
			return -1;
		if (unlink(copied) < 0)
			return err_sys(e, "%s", copied);
	}
	if (read_times(restored, true, times, &found, e) < 0)
		return -1;
	if (found && now_ms < times[1] + RESTORED_DAYS * DAY_MS) {
		*since_ms = times[0];
		*until_ms = times[1] + RESTORED_DAYS * DAY_MS;
	}
	return 0;
}
