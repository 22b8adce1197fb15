/* SPDX-License-Identifier: ISC */
/* piece.c: the table of pieces, and how each is asked for. */
#include "profile/piece.h"

#include "profile/tool.h"

#include <stdlib.h>
#include <string.h>

#define WORDS(...) \
	(const char *const[]) \
	{ \
		__VA_ARGS__, NULL \
	}

const struct profile_piece profile_pieces[PROFILE_PIECES] = {
	{ PROFILE_SETTINGS, "settings", false, "settings.dconf",
	    WORDS("dconf", "dump", "/"), ITEMS_SETTINGS, false, NULL },
	{ PROFILE_PACKAGES, "packages", false, "packages.manual",
	    WORDS("apt-mark", "showmanual"), ITEMS_PACKAGES, true, NULL,
	    WORDS("/var/lib/dpkg/status", "/var/lib/apt/extended_states") },
	{ PROFILE_SELECTIONS, "packages", true, "packages.dpkg",
	    WORDS("dpkg", "--get-selections"), ITEMS_SELECTIONS, false, NULL },
	{ PROFILE_SOURCES, "packages", true, "packages.sources",
	    WORDS("find", "/etc/apt", "(", "-name", "*.list", "-o", "-name",
		"*.sources", ")", "-exec", "grep", "-Hn", ".", "{}", "+"),
	    ITEMS_NAMES, true, WORDS("No such file") },
	{ PROFILE_FLATPAK, "flatpak", false, "flatpak.list",
	    WORDS("flatpak", "list", "--app",
		"--columns=application,origin,installation"),
	    ITEMS_FLATPAK, true, NULL },
	{ PROFILE_REMOTES, "flatpak", true, "flatpak.remotes",
	    WORDS("flatpak", "remotes", "--columns=name,url,options"),
	    ITEMS_NAMES, true, NULL },
	{ PROFILE_SNAP, "snap", false, "snap.list", WORDS("snap", "list"),
	    ITEMS_SNAP, false, NULL },
	{ PROFILE_UNITS, "units", false, "units.user",
	    WORDS("systemctl", "--user", "list-unit-files", "--state=enabled",
		"--no-legend", "--no-pager", "--plain"),
	    ITEMS_UNITS, true,
	    WORDS("Failed to connect to bus", "has not been booted") },
	{ PROFILE_CRONTAB, "crontab", false, "crontab", WORDS("crontab", "-l"),
	    ITEMS_CRONTAB, false, WORDS("no crontab for", "not allowed to") },
	{ PROFILE_PRINTERS, "printers", false, "printers",
	    WORDS("lpstat", "-d", "-v"), ITEMS_PRINTERS, false,
	    WORDS("No destinations added", "Scheduler is not running",
		"Bad file descriptor", "nable to connect", "not connected",
		"No such file") },
	{ PROFILE_FONTS, "fonts", false, "fonts",
	    WORDS("fc-list", ":", "family"), ITEMS_NAMES, true, NULL },
	{ PROFILE_WIFI, "wifi", false, NULL, NULL, ITEMS_NAMES, true, NULL },
};

const struct profile_piece *
profile_piece_of(const char *name, size_t n)
{
	for (size_t i = 0; i < PROFILE_PIECES; i++) {
		const struct profile_piece *p = &profile_pieces[i];
		if (!p->record && strlen(p->name) == n &&
		    strncmp(p->name, name, n) == 0)
			return p;
	}
	return NULL;
}

static int
by_bytes(const void *a, const void *b)
{
	const struct bytes *x = a, *y = b;

	return bytes_cmp(*x, *y);
}

/* Its lines in order, each once: what has not changed has the same bytes. */
static void
put_sorted(struct buf *out, struct bytes text)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	OWN(mem_free) struct bytes *list = mem_array(n + 1, sizeof *list);
	n = 0;
	while (at < text.n) {
		const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
		size_t len =
		    end == NULL ? text.n - at : (size_t)(end - text.p) - at;
		list[n++] = bytes_of(text.p + at, len);
		at += len + 1;
	}
	qsort(list, n, sizeof *list, by_bytes);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && bytes_equal(list[i], list[i - 1]))
			continue;
		buf_put_bytes(out, list[i]);
		buf_put_u8(out, '\n');
	}
}

int
profile_piece_ask(const struct profile_piece *p, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	struct tool t = { .argv = p->argv,
		.seconds = TOOL_SECONDS,
		.limit = PROFILE_FILE_BYTES };

	if (tool_run(&t, &text, e) < 0) {
		for (size_t i = 0; p->nothing != NULL && p->nothing[i] != NULL;
		     i++)
			if (strstr(e->msg, p->nothing[i]) != NULL)
				e->code = ERR_NOT_FOUND;
		return -1;
	}
	if (p->sorted)
		put_sorted(out, buf_bytes(&text));
	else
		buf_put_bytes(out, buf_bytes(&text));
	return 0;
}
