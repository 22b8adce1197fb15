/* SPDX-License-Identifier: ISC */
/* items.c: one function for a line of each kind. */
#include "profile/items.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* What is read, and what of the lines before holds for those that follow. */
struct reading {
	struct items *x;
	struct buf dir; /* of settings: "/a/b/" */
	bool in_dir;
};

/* Why this line is refused, or NULL. It is text without a control character. */
typedef const char *line_fn(struct reading *r, char *line);

void
items_free(struct items *x)
{
	for (size_t i = 0; i < x->n; i++) {
		mem_wipe(x->list[i].value, strlen(x->list[i].value));
		free(x->list[i].key);
		free(x->list[i].value);
	}
	free(x->list);
	*x = (struct items){ 0 };
}

void
items_add(struct items *x, const char *key, const char *value)
{
	if ((x->n & (x->n - 1)) == 0)
		x->list = mem_resize(
		    x->list, x->n == 0 ? 1 : 2 * x->n, sizeof *x->list);
	x->list[x->n++] = (struct item){ mem_text(key), mem_text(value) };
}

/* ---- words ---- */

/* Is it of these characters alone, and does it begin with one of the first? */
static bool
is_word(const char *s, const char *first, const char *all)
{
	size_t n = strlen(s);

	return n > 0 && n <= ITEMS_NAME_MAX && strchr(first, s[0]) != NULL &&
	    strspn(s, all) == n;
}

/* Cut the first word off; what follows it is left in *rest. */
static char *
word(char **rest)
{
	char *w = *rest + strspn(*rest, " \t");
	size_t n = strcspn(w, " \t");

	*rest = w + n + (w[n] != '\0');
	w[n] = '\0';
	return w;
}

static bool
is_package(const char *s)
{
	size_t n = strlen(s);

	/* apt takes NAME- as an order to remove it. */
	return is_word(s, LOWER DIGITS, LOWER DIGITS "+.-:") && n > 1 &&
	    s[n - 1] != '-' && s[n - 1] != ':';
}

/* ---- a line of each kind ---- */

static const char *
settings_line(struct reading *r, char *line)
{
	static const char path[] = LOWER UPPER DIGITS "._:@+-/";
	size_t n = strlen(line);

	if (n == 0)
		return NULL;
	if (line[0] == '[') {
		r->in_dir = false;
		if (n < 3 || line[n - 1] != ']')
			return "no [folder] of settings";
		line[n - 1] = '\0';
		bool top = strcmp(line + 1, "/") == 0;
		if (strspn(line + 1, path) != n - 2 ||
		    (!top && (line[1] == '/' || line[n - 2] == '/')) ||
		    strstr(line + 1, "//") != NULL)
			return "no name of a folder of settings";
		buf_clear(&r->dir);
		buf_put_str(&r->dir, "/");
		if (!top)
			buf_printf(&r->dir, "%s/", line + 1);
		r->in_dir = true;
		return NULL;
	}
	char *value = strchr(line, '=');
	if (value == NULL)
		return "neither [folder] nor key=value";
	*value++ = '\0';
	if (!is_word(line, LOWER UPPER DIGITS "_", LOWER UPPER DIGITS "._-") ||
	    value[0] == '\0')
		return "no key=value";
	if (!r->in_dir)
		return "its folder was refused, or there is none";
	OWN(buf_free) struct buf key = { 0 };
	buf_put_bytes(&key, buf_bytes(&r->dir));
	buf_put_str(&key, line);
	items_add(r->x, buf_text(&key), value);
	return NULL;
}

static const char *
package_line(struct reading *r, char *line)
{
	if (!is_package(line))
		return "no name of a package";
	items_add(r->x, line, "");
	return NULL;
}

static const char *
selection_line(struct reading *r, char *line)
{
	char *name = word(&line), *state = word(&line);

	if (!is_package(name))
		return "no name of a package";
	if (strcmp(state, "install") != 0 && strcmp(state, "hold") != 0)
		return NULL;
	items_add(r->x, name, "");
	/* What is of this machine's own kind is also named without it. */
	char *colon = strchr(name, ':');
	if (colon != NULL) {
		*colon = '\0';
		items_add(r->x, name, "");
	}
	return NULL;
}

static const char *
flatpak_line(struct reading *r, char *line)
{
	static const char first[] = LOWER UPPER DIGITS "_",
			  all[] = LOWER UPPER DIGITS "._-";
	char *app = word(&line), *origin = word(&line), *where = word(&line);

	if (!is_word(app, first, all) || strchr(app, '.') == NULL)
		return "no name of an application";
	if (!is_word(origin, first, all))
		return "no name of a source of applications";
	bool user = strcmp(where, "user") == 0;
	if (!user && strcmp(where, "system") != 0)
		return "neither of the user nor of the system";
	OWN(buf_free) struct buf value = { 0 };
	buf_printf(&value, "--%s %s", where, origin);
	items_add(r->x, app, buf_text(&value));
	return NULL;
}

static const char *
snap_line(struct reading *r, char *line)
{
	char *name = word(&line), *notes = name;

	if (strcmp(name, "Name") == 0)
		return NULL; /* the heading */
	if (!is_word(name, LOWER DIGITS, LOWER DIGITS "-"))
		return "no name of a snap";
	for (char *w = word(&line); w[0] != '\0'; w = word(&line))
		notes = w;
	/* What others stand on comes with them. */
	if (strstr(notes, "base") == NULL && strstr(notes, "core") == NULL &&
	    strstr(notes, "snapd") == NULL)
		items_add(r->x, name,
		    notes != name && strstr(notes, "classic") != NULL
			? "classic"
			: "");
	return NULL;
}

static const char *
unit_line(struct reading *r, char *line)
{
	static const char *const kinds[] = { ".service", ".socket", ".timer",
		".path", ".target", ".mount", ".automount", ".swap", ".slice" };
	char *name = word(&line);
	const char *dot = strrchr(name, '.');

	if (is_word(
		name, LOWER UPPER DIGITS "_", LOWER UPPER DIGITS "_:.@-\\") &&
	    dot != NULL)
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
			if (strcmp(dot, kinds[i]) == 0) {
				items_add(r->x, name, "");
				return NULL;
			}
	return "no name of a unit";
}

/* NAME=value, as crontab(5) has it. */
static bool
is_setting(const char *s)
{
	char quote = '\0';

	if (*s == '"' || *s == '\'')
		quote = *s++;
	size_t n = strspn(s, LOWER UPPER DIGITS "_");
	if (n == 0 || strchr(DIGITS, s[0]) != NULL)
		return false;
	s += n;
	if (quote != '\0' && *s++ != quote)
		return false;
	return s[strspn(s, " \t")] == '=';
}

/* Five fields or @word, and a command behind. */
static bool
is_job(const char *s)
{
	static const char *const often[] = { "@reboot", "@yearly", "@annually",
		"@monthly", "@weekly", "@daily", "@midnight", "@hourly" };
	size_t n = strcspn(s, " \t");

	if (*s == '@') {
		for (size_t i = 0; i < ARRAY_SIZE(often); i++)
			if (strlen(often[i]) == n &&
			    strncmp(s, often[i], n) == 0)
				return s[n + strspn(s + n, " \t")] != '\0';
		return false;
	}
	for (int field = 0; field < 5; field++) {
		n = strspn(s, LOWER UPPER DIGITS "*,/-~");
		if (n == 0 || (s[n] != ' ' && s[n] != '\t'))
			return false;
		s += n + strspn(s + n, " \t");
	}
	return *s != '\0';
}

static const char *
crontab_line(struct reading *r, char *line)
{
	const char *s = line + strspn(line, " \t");
	bool idle = *s == '\0' || *s == '#';

	if (!idle && !is_setting(s) && !is_job(s))
		return "neither a time with a command nor NAME=value";
	items_add(r->x, line, idle ? "#" : "");
	return NULL;
}

static const char *
printer_line(struct reading *r, char *line)
{
	static const char before[] = "device for ";
	size_t n = sizeof before - 1;

	if (strstr(line, "default destination") != NULL || line[0] == '\0')
		return NULL;
	char *colon = strncmp(line, before, n) == 0 ? strstr(line, ": ") : NULL;
	if (colon == NULL)
		return "it names no printer";
	*colon = '\0';
	if (!is_word(
		line + n, LOWER UPPER DIGITS "_", LOWER UPPER DIGITS "_.+-"))
		return "no name of a printer that can be typed";
	const char *uri = colon + 2;
	size_t scheme = strspn(uri, LOWER UPPER DIGITS "+.-");
	if (scheme == 0 || uri[scheme] != ':' || uri[0] == '-' ||
	    strspn(uri, LOWER UPPER DIGITS ":/?=&%._~+@,;#!*()[]-") !=
		strlen(uri))
		return "no address of a printer";
	items_add(r->x, line + n, uri);
	return NULL;
}

static const char *
name_line(struct reading *r, char *line)
{
	if (line[0] != '\0')
		items_add(r->x, line, "");
	return NULL;
}

/* ---- all lines ---- */

static line_fn *const lines[ITEMS_KINDS] = {
	[ITEMS_SETTINGS] = settings_line,
	[ITEMS_PACKAGES] = package_line,
	[ITEMS_SELECTIONS] = selection_line,
	[ITEMS_FLATPAK] = flatpak_line,
	[ITEMS_SNAP] = snap_line,
	[ITEMS_UNITS] = unit_line,
	[ITEMS_CRONTAB] = crontab_line,
	[ITEMS_PRINTERS] = printer_line,
	[ITEMS_NAMES] = name_line,
};

/* A terminal shows it as it is, and nothing in it ends a line early. */
static bool
is_plain(struct bytes x)
{
	for (size_t i = 0; i < x.n; i++)
		if ((x.p[i] < 0x20 && x.p[i] != '\t') || x.p[i] == 0x7f)
			return false;
	return text_is_utf8(x);
}

static const char *
take_line(struct reading *r, enum items_kind kind, struct bytes x)
{
	if (x.n > ITEMS_LINE_MAX)
		return "it is too long";
	if (!is_plain(x))
		return "it has control characters, or is no UTF-8";
	if (r->x->n >= ITEMS_MAX)
		return "there are too many lines";
	OWN(mem_free) char *line = mem_new(x.n + 1);
	if (x.n > 0)
		memcpy(line, x.p, x.n);
	const char *why = lines[kind](r, line);
	mem_wipe(line, x.n);
	return why;
}

void
items_read(enum items_kind kind, struct bytes text, struct items *x)
{
	struct reading r = { .x = x };

	for (unsigned long number = 1; text.n > 0; number++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end == NULL ? text.n : (size_t)(end - text.p);
		const char *why = take_line(&r, kind, bytes_of(text.p, n));
		if (why != NULL) {
			if (x->n_refused < ITEMS_REFUSED_TOLD) {
				x->refused[x->n_refused].line = number;
				x->refused[x->n_refused].why = why;
			}
			x->n_refused++;
		}
		n += end != NULL;
		text = bytes_of(text.p + n, text.n - n);
	}
	buf_free(&r.dir);
}

/* ---- comparing ---- */

static int
by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->key, y->key);
}

void
items_sort(struct items *x)
{
	if (x->n > 0)
		qsort(x->list, x->n, sizeof *x->list, by_key);
}

const struct item *
items_find(const struct items *sorted, const char *key)
{
	struct item wanted = { (char *)(uintptr_t)key, NULL };

	return sorted->n == 0 ? NULL
			      : bsearch(&wanted, sorted->list, sorted->n,
				    sizeof *sorted->list, by_key);
}

void
items_missing(const struct items *wanted, const struct items *here, bool values,
    struct items *out)
{
	for (size_t i = 0; i < wanted->n; i++) {
		const struct item *w = &wanted->list[i];
		const struct item *h = items_find(here, w->key);
		if (h == NULL || (values && strcmp(h->value, w->value) != 0))
			items_add(out, w->key, w->value);
	}
}
