/* SPDX-License-Identifier: ISC */
/* scope.c: parsing scopes. */
#include "wire/scope.h"

#include "base/text.h"

#include <string.h>

/* Absolute, normal, UTF-8 without control characters. */
static bool
folder_ok(const char *path)
{
	if (path[0] != '/' || path[1] == '\0' || !text_is_label(path))
		return false;
	for (const char *p = path; *p == '/';) {
		size_t n = strcspn(++p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return true;
}

int
scope_parse(const char *text, struct scope *out, struct err *e)
{
	*out = (struct scope){ 0 };
	if (strlen(text) > SCOPE_BYTES)
		return err_set(e, ERR_BAD_REQUEST,
		    "a scope has at most %d bytes", SCOPE_BYTES);
	if (strcmp(text, "mail") == 0) {
		out->kind = SCOPE_MAIL;
		return 0;
	}
	if (strcmp(text, "dav") == 0) {
		out->kind = SCOPE_DAV;
		return 0;
	}
	if (strncmp(text, "files", 5) == 0) {
		const char *rest = text + 5;
		out->kind = SCOPE_FILES;
		out->read_only = strncmp(rest, ":ro", 3) == 0 &&
		    (rest[3] == '\0' || rest[3] == ':');
		if (out->read_only)
			rest += 3;
		if (rest[0] == '\0')
			return 0;
		out->folder = rest + 1;
		if (rest[0] == ':' && folder_ok(rest + 1))
			return 0;
	}
	return err_set(e, ERR_BAD_REQUEST,
	    "a scope is mail, dav, or files[:ro][:/FOLDER]");
}
