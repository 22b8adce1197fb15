/* SPDX-License-Identifier: ISC */
/* log.c: structured lines on standard error. */
#include "base/log.h"

#include "base/now.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic enum log_level most_level = LOG_INFO_;

void
log_level_set(enum log_level most)
{
	atomic_store(&most_level, most);
}

void
log_line(enum log_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	OWN(buf_free) struct buf line = { 0 };
	char text[1024];
	va_list ap;

	if (level > atomic_load(&most_level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	text_time(&line, now_ms());
	buf_printf(
	    &line, " %s %s%s", names[level], event, text[0] != '\0' ? " " : "");
	text_show(&line, bytes_str(text));
	buf_put_u8(&line, '\n');
	/* One write, so that lines of several threads do not mix. */
	if (write(STDERR_FILENO, line.p, line.n) < 0)
		return;
}
