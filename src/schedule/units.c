/* SPDX-License-Identifier: ISC */
/* units.c: the units' texts, and where they lie. */
#include "schedule/units.h"

#include "base/file.h"
#include "base/text.h"
#include "schedule/systemctl.h"
#include "wire/digest.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_FOLDER "/etc/systemd/system"
#define LINGER_FOLDER "/var/lib/systemd/linger"

void
units_free(struct units *u)
{
	free(u->folder);
	free(u->name);
	free(u->program);
	free(u->home);
	*u = (struct units){ 0 };
}

/* ---- where ---- */

static const char *
user_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *me = getpwuid(geteuid());

	if (home != NULL && home[0] == '/')
		return home;
	return me != NULL ? me->pw_dir : "/";
}

static char *
user_folder(void)
{
	const char *config = getenv("XDG_CONFIG_HOME");

	return config != NULL && config[0] == '/'
	    ? file_join(config, "systemd/user")
	    : file_join(user_home(), ".config/systemd/user");
}

/* What a unit finds without being told: it has no AUMBRY_HOME. */
static bool
is_usual(const char *home)
{
	OWN(mem_free)
	char *usual = file_join(user_home(), ".local/share/aumbry");
	OWN(mem_free) char *real = realpath(usual, NULL);

	return real != NULL && strcmp(real, home) == 0;
}

static int
own_program(char **out, struct err *e)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	if (n <= 0)
		return err_sys(e, "/proc/self/exe");
	path[n] = '\0';
	*out = mem_text(path);
	return 0;
}

int
units_find(const char *home, struct units *out, struct err *e)
{
	OWN(units_free) struct units u = { .system = geteuid() == 0 };
	OWN(mem_free) char *real = realpath(home, NULL);
	OWN(buf_free) struct buf name = { 0 };
	struct digest d;

	if (real == NULL)
		return err_sys(e, "%s", home);
	if (own_program(&u.program, e) < 0)
		return -1;
	u.folder = u.system ? mem_text(SYSTEM_FOLDER) : user_folder();
	buf_put_str(&name, "aumbry-backup");
	bool usual = is_usual(real);
	if (!usual) {
		digest_of(bytes_str(real), &d);
		buf_put_str(&name, "-");
		text_hex(&name, bytes_of(d.b, 4));
	}
	u.name = mem_text(buf_text(&name));
	/* The system's units know no HOME. */
	if (!usual || u.system)
		u.home = TAKE(real);
	*out = u;
	u = (struct units){ 0 };
	return 0;
}

/* ---- texts ---- */

/*
 * A word of ExecStart=: nothing of it is a specifier, a variable or an end. A
 * line ends at CR, too, and one that is no UTF-8 is passed over.
 */
static void
put_word(struct buf *out, const char *s)
{
	bool raw = text_is_utf8(bytes_str(s));

	buf_put_str(out, " \"");
	for (; *s != '\0'; s++) {
		uint8_t c = (uint8_t)*s;
		if (c == '%' || c == '$')
			buf_put_u8(out, c);
		if (c == '"' || c == '\\')
			buf_put_str(out, "\\");
		if (c < 0x20 || c == 0x7f || (c > 0x7f && !raw))
			buf_printf(out, "\\x%02x", c);
		else
			buf_put_u8(out, c);
	}
	buf_put_str(out, "\"");
}

/* The program itself stands before any variable is looked for. */
static void
put_program(struct buf *out, const char *s)
{
	OWN(buf_free) struct buf word = { 0 };

	put_word(&word, s);
	for (size_t i = 1; i < word.n; i++) {
		buf_put_u8(out, word.p[i]);
		if (word.p[i] == '$')
			i++;
	}
}

void
units_mount_name(const char *point, struct buf *out)
{
	const char *s = point + strspn(point, "/");

	if (*s == '\0')
		buf_put_str(out, "-");
	for (size_t i = 0; s[i] != '\0'; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '/')
			buf_put_str(out, "-");
		else if (isalnum(c) || c == '_' || c == ':' ||
		    (c == '.' && i > 0))
			buf_put_u8(out, c);
		else
			buf_printf(out, "\\x%02x", c);
	}
	buf_put_str(out, ".mount");
}

void
units_service(
    const struct units *u, const struct plan_list *mounts, struct buf *out)
{
	buf_put_str(out,
	    "# Written by: aumbry backup enable\n[Unit]\n"
	    "Description=Aumbry: back up what is due\n"
	    "Documentation=man:aumbry(1)\n");
	if (u->system)
		buf_put_str(out,
		    "Wants=network-online.target\n"
		    "After=network-online.target\n");
	buf_put_str(out, "\n[Service]\nType=oneshot\nExecStart=");
	put_program(out, u->program);
	if (u->home != NULL) {
		buf_put_str(out, " --home");
		put_word(out, u->home);
	}
	buf_put_str(out,
	    " backup "
	    "run\nSuccessExitStatus=3\nNice=10\nIOSchedulingPriority=7\n"
	    "TimeoutStopSec=5min\nLimitCORE=0\n");
	if (mounts->n == 0)
		return;
	buf_put_str(out, "\n[Install]\n");
	for (size_t i = 0; i < mounts->n; i++) {
		OWN(buf_free) struct buf name = { 0 };
		units_mount_name(mounts->items[i], &name);
		buf_printf(out, "WantedBy=%s\n", buf_text(&name));
	}
}

/*
 * A word of a crontab's command: to sh it is itself. A % would end the command
 * but behind a backslash, which cron takes away, unless that has one before it.
 */
static void
put_cron_word(struct buf *out, const char *s)
{
	buf_put_str(out, " '");
	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] == '\'')
			buf_put_str(out, "'\\''");
		else if (s[i] == '%')
			buf_put_str(
			    out, i > 0 && s[i - 1] == '\\' ? "''\\%" : "\\%");
		else
			buf_put_u8(out, (uint8_t)s[i]);
	buf_put_str(out, "'");
}

bool
units_cron(const struct units *u, struct buf *out)
{
	if (strchr(u->program, '\n') != NULL ||
	    (u->home != NULL && strchr(u->home, '\n') != NULL))
		return false;
	buf_put_str(out, "*/15 * * * *");
	put_cron_word(out, u->program);
	if (u->home != NULL) {
		buf_put_str(out, " --home");
		put_cron_word(out, u->home);
	}
	buf_put_str(out, " backup run --quiet");
	return true;
}

void
units_timer(
    const struct units *u, const struct plan_all *plans, struct buf *out)
{
	(void)u;
	buf_put_str(out,
	    "# Written by: aumbry backup enable\n[Unit]\n"
	    "Description=Aumbry: back up at night, or when that was missed\n"
	    "Documentation=man:aumbry(1)\n\n[Timer]\n");
	for (size_t i = 0; i < plans->n; i++)
		buf_printf(out, "OnCalendar=*-*-* %02u:%02u:00\n",
		    (unsigned)plans->list[i].at_min / 60,
		    (unsigned)plans->list[i].at_min % 60);
	/* A run looks what is due: at the start, and after what was put off
	 * or failed. */
	buf_put_str(out,
	    "OnStartupSec=2min\nOnUnitInactiveSec=15min\n"
	    "Persistent=true\nRandomizedDelaySec=10min\nFixedRandomDelay=true\n"
	    "\n[Install]\nWantedBy=timers.target\n");
}

/* ---- mount points ---- */

char *
units_mount_point(const char *path)
{
	OWN(mem_free) char *at = mem_text(path);
	struct stat here, above;

	while (stat(at, &here) < 0 && strcmp(at, "/") != 0) {
		char *up = file_above(at);
		free(at);
		at = up;
	}
	while (strcmp(at, "/") != 0) {
		OWN(mem_free) char *up = file_above(at);
		if (stat(up, &above) < 0 || above.st_dev != here.st_dev)
			break;
		free(at);
		at = TAKE(up);
	}
	return TAKE(at);
}

/* Of plans into a folder that lies on a file system of its own. */
static void
find_mounts(const struct plan_all *plans, struct plan_list *out)
{
	for (size_t i = 0; i < plans->n; i++) {
		if (plans->list[i].to[0] == '\0')
			continue;
		OWN(mem_free)
		char *point = units_mount_point(plans->list[i].to);
		if (strcmp(point, "/") != 0)
			plan_list_add(out, point);
	}
}

/* ---- on and off ---- */

static char *
unit_path(const struct units *u, const char *kind)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "%s/%s.%s", u->folder, u->name, kind);
	return mem_text(buf_text(&path));
}

static int
write_units(const struct units *u, const struct plan_all *plans, struct err *e)
{
	OWN(mem_free) char *service = unit_path(u, "service");
	OWN(mem_free) char *timer = unit_path(u, "timer");
	OWN(buf_free) struct buf text = { 0 };
	struct plan_list mounts = { 0 };

	if (file_mkdirs(u->folder, 0755, e) < 0)
		return -1;
	find_mounts(plans, &mounts);
	units_service(u, &mounts, &text);
	for (size_t i = 0; i < mounts.n; i++)
		free(mounts.items[i]);
	free(mounts.items);
	if (file_write(service, buf_bytes(&text), 0644, e) < 0)
		return -1;
	buf_clear(&text);
	units_timer(u, plans, &text);
	return file_write(timer, buf_bytes(&text), 0644, e);
}

static bool
ctl(const struct units *u, const char *verb, const char *kind,
    const char *option)
{
	OWN(buf_free) struct buf unit = { 0 };

	buf_printf(&unit, "%s.%s", u->name, kind);
	return systemctl(u->system, verb, option, buf_text(&unit));
}

int
units_enable(const struct units *u, const struct plan_all *plans, bool *on,
    struct err *e)
{
	*on = false;
	if (write_units(u, plans, e) < 0)
		return -1;
	if (!systemctl(u->system, "daemon-reload", NULL, NULL))
		return 0;
	/* A service that no disk starts has nothing to be enabled. */
	(void)ctl(u, "reenable", "service", NULL);
	*on = ctl(u, "reenable", "timer", NULL) &&
	    ctl(u, "restart", "timer", NULL);
	return 0;
}

int
units_disable(const struct units *u, struct err *e)
{
	static const char *const kinds[] = { "timer", "service" };

	(void)ctl(u, "disable", "timer", "--now");
	(void)ctl(u, "disable", "service", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		OWN(mem_free) char *path = unit_path(u, kinds[i]);
		if (unlink(path) < 0 && errno != ENOENT)
			return err_sys(e, "removing %s", path);
	}
	(void)systemctl(u->system, "daemon-reload", NULL, NULL);
	return 0;
}

bool
units_start(const struct units *u)
{
	return ctl(u, "start", "service", "--no-block");
}

bool
units_on(const struct units *u)
{
	return ctl(u, "is-enabled", "timer", NULL) &&
	    ctl(u, "is-active", "timer", NULL);
}

/* ---- while nobody is signed in ---- */

bool
units_lingers(void)
{
	const struct passwd *me = getpwuid(geteuid());

	if (geteuid() == 0)
		return true;
	if (me == NULL)
		return false;
	OWN(mem_free) char *path = file_join(LINGER_FOLDER, me->pw_name);
	return file_exists(path);
}

bool
units_linger(void)
{
	return units_lingers() || (systemctl_linger() && units_lingers());
}
