/* SPDX-License-Identifier: ISC */
/* settings.c: the table of escrow.conf's keys. */
#include "escrow/settings.h"

#include "base/ini.h"

#include <stddef.h>
#include <string.h>

#define DAY_S (24 * 3600)

static int
check_label(const char *s, struct err *e)
{
	return strchr(s, ';') == NULL
	    ? 0
	    : err_set(e, ERR_USAGE, "the value has a \";\"");
}

static int
check_path(const char *s, struct err *e)
{
	return check_label(s, e) < 0 ? -1 : ini_path.check(s, e);
}

static const struct ini_kind label = { .form = INI_TEXT, .check = check_label };
static const struct ini_kind path = { .form = INI_TEXT, .check = check_path };

#define AT(member) offsetof(struct settings, member)
/* clang-format off */
static const struct ini_row rows[] = {
{ "limits", "recovery_wait", &ini_span, AT(recovery_wait_s), "259200s",
  0, 90 * DAY_S,
  "How long an operator's order waits before keys are handed out, so that\n"
  "the owner of the account can stop it. Orders keep the wait that they\n"
  "began with." },
{ "limits", "releases_per_hour", &ini_count, AT(releases_per_hour), "20",
  1, 100000,
  "How often keys of one account are handed out in an hour." },
{ "limits", "releases_per_hour_total", &ini_count,
  AT(releases_per_hour_total), "1000", 1, 10000000,
  "And those of all accounts together. Raise it before a day on which many\n"
  "come; it bounds what a stolen server can take." },
{ "limits", "orders_per_day", &ini_count, AT(orders_per_day), "5", 1, 1000,
  "Operator's orders for one account in a day." },
{ "root", "pkcs11_module", &path, AT(pkcs11_module), "", 0, 0,
  "Library that speaks to the token which holds the key over root.p11, as\n"
  "init wrote it. Empty: the root key is the file root.key." },
{ "root", "pkcs11_token", &label, AT(pkcs11_token), "", 0, 0,
  "Label of the token." },
{ "root", "pkcs11_pin_file", &path, AT(pkcs11_pin_file), "", 0, 0,
  "File with the token's PIN, readable by this user alone." },
};
/* clang-format on */

static const struct ini file = { .rows = rows,
	.n = ARRAY_SIZE(rows),
	.size = sizeof(struct settings),
	.title = "Settings of aumbry-escrow. They are read when it starts." };

void
settings_free(struct settings *s)
{
	ini_free(&file, s);
}

void
settings_defaults(struct settings *s)
{
	ini_defaults(&file, s);
}

int
settings_set(struct settings *s, const char *section, const char *key,
    const char *value, struct err *e)
{
	return ini_set(&file, s, section, key, value, e);
}

int
settings_parse(
    struct bytes text, const char *name, struct settings *s, struct err *e)
{
	return ini_read(&file, text, name, s, e);
}

int
settings_load(const char *from, struct settings *s, struct err *e)
{
	return ini_load(&file, from, s, e);
}

void
settings_text(const struct settings *s, struct buf *out)
{
	ini_write(&file, s, out);
}
