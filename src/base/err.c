/* SPDX-License-Identifier: ISC */
/* err.c: the error catalogue and the value that travels up. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERR_ROW(id, code, http, exit_status, what, remedy) \
	{ code, what, remedy, http, exit_status },
static const struct {
	const char *name, *what, *remedy;
	int http, exit_status;
} table[] = { ERR_TABLE(ERR_ROW) };
#undef ERR_ROW

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	e->remedy[0] = '\0';
	e->heard = e->remedy_heard = false;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_in(struct err *e, const char *fmt, ...)
{
	char old[sizeof e->msg];
	va_list ap;

	memcpy(old, e->msg, sizeof old);
	va_start(ap, fmt);
	int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof e->msg)
		(void)snprintf(
		    e->msg + n, sizeof e->msg - (size_t)n, ": %s", old);
	return -1;
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	switch (saved) {
	case ENOSPC:
	case EDQUOT:
		e->code = ERR_DISK_FULL_HERE;
		break;
	case ENOENT:
		e->code = ERR_NOT_FOUND;
		break;
	default:
		e->code = ERR_IO;
	}
	e->remedy[0] = '\0';
	e->heard = e->remedy_heard = false;
	va_start(ap, fmt);
	int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof e->msg)
		(void)snprintf(e->msg + n, sizeof e->msg - (size_t)n, ": %s",
		    strerror(saved));
	return -1;
}

int
err_remedy(struct err *e, const char *fmt, ...)
{
	va_list ap;

	e->remedy_heard = false;
	va_start(ap, fmt);
	(void)vsnprintf(e->remedy, sizeof e->remedy, fmt, ap);
	va_end(ap);
	return -1;
}

void
err_clear(struct err *e)
{
	memset(e, 0, sizeof *e);
}

static size_t
row(enum err_code code)
{
	return (size_t)code < ARRAY_SIZE(table) ? (size_t)code : ERR_INTERNAL;
}

const char *
err_name(enum err_code code)
{
	return table[row(code)].name;
}

const char *
err_what(enum err_code code)
{
	return table[row(code)].what;
}

const char *
err_fix(const struct err *e)
{
	return e->remedy[0] != '\0' ? e->remedy : table[row(e->code)].remedy;
}

int
err_http(enum err_code code)
{
	return table[row(code)].http;
}

int
err_exit(enum err_code code)
{
	return table[row(code)].exit_status;
}

bool
err_unreachable(enum err_code code)
{
	return err_exit(code) == err_exit(ERR_SERVER_UNREACHABLE);
}

enum err_code
err_find(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].name) == n &&
		    strncmp(table[i].name, name, n) == 0)
			return (enum err_code)i;
	return ERR_CODES;
}
