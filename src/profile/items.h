/* SPDX-License-Identifier: ISC */
/* items.h: the lines of a device profile, read by a strict syntax. */
/*
 * They come from a backup, which may be another's, and become words of command
 * lines: what is not in the syntax of its kind is refused, by line, and never
 * used. Names of packages, units and printers do not begin with "-", which
 * would make options of them; a package does not end in "-", which would remove
 * it.
 */
#pragma once

#include "base/buf.h"

#define ITEMS_MAX 200000 /* lines: thrice the packages that Debian has */
#define ITEMS_LINE_MAX 65536 /* bytes: the longest settings are lists */
#define ITEMS_NAME_MAX 255 /* bytes of a name: of a unit, by systemd.unit(5) */
#define ITEMS_REFUSED_TOLD 10 /* lines that are told one by one */

enum items_kind {
	ITEMS_SETTINGS, /* dconf dump: key "/dir/name", value as GVariant text */
	ITEMS_PACKAGES, /* apt-mark showmanual: names */
	ITEMS_SELECTIONS, /* dpkg --get-selections: what is to be installed */
	ITEMS_FLATPAK, /* application TAB origin TAB installation */
	ITEMS_SNAP, /* snap list: name; value "classic" or "" */
	ITEMS_UNITS, /* systemctl list-unit-files: names */
	ITEMS_CRONTAB, /* lines; value "#" of those that do nothing */
	ITEMS_PRINTERS, /* lpstat -v: name and address */
	ITEMS_NAMES, /* any text that can be shown: fonts, connections */
	ITEMS_KINDS
};

struct item {
	char *key, *value;
};

struct items {
	struct item *list;
	size_t n;
	size_t n_refused;
	struct {
		unsigned long line; /* from 1 */
		const char *why;
	} refused[ITEMS_REFUSED_TOLD];
};

/* For OWN; it is empty then. */
void items_free(struct items *x);

/* Append what text says. Lines beyond the limits are refused, too. */
void items_read(enum items_kind kind, struct bytes text, struct items *x);

/* Append a copy. */
void items_add(struct items *x, const char *key, const char *value);

/* The one of that key, or NULL. The list was sorted. */
const struct item *items_find(const struct items *sorted, const char *key);
void items_sort(struct items *x); /* by key */

/*
 * Append to out what `wanted` has and `here` has not.
 *
 * here    sorted.
 * values  another value counts as not there.
 */
void items_missing(const struct items *wanted, const struct items *here,
    bool values, struct items *out);
