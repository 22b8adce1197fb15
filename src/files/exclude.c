/* SPDX-License-Identifier: ISC */
/* exclude.c: matching in gitignore syntax without exponential time. */
#include "files/exclude.h"

#include "base/file.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG_LINE "Signature: 8a477f597d28d172789f06886806bc55"

/* The commonest shapes are told apart once, so that matching is a compare. */
enum shape {
	SHAPE_NAME, /* "core": a name, at any depth */
	SHAPE_ENDING, /* "*.o": how a name ends, at any depth */
	SHAPE_TAIL, /* "**" + "/a/b": how a path ends */
	SHAPE_PATH /* all others: component by component */
};

struct pattern {
	struct bytes text; /* owned; without "!" and slashes at the ends */
	enum shape shape;
	bool negated, dirs_only;
	struct bytes given; /* owned; the whole of it */
	const char *source;
	unsigned long line;
};

struct exclude {
	struct pattern *patterns;
	size_t n, cap;
	const char *source;
	unsigned long line; /* of the pattern that is added now */
};

/* clang-format off */
static const char *const defaults[] = {
	/* what can be fetched or computed again */
	".cache/",
	".thumbnails/",
	"**/.local/share/gvfs-metadata/",
	"**/.local/share/tracker/",
	"**/.local/share/baloo/",
	"**/.ccache/",
	"**/.npm/_cacache/",
	"**/.gradle/caches/",
	"**/.cargo/registry/",
	"**/.var/app/*/cache/",
	"**/snap/*/*/.cache/",
	"**/Library/Caches/",
	/* browsers and what is built on them */
	"**/.mozilla/firefox/*/cache2/",
	"**/.mozilla/firefox/*/startupCache/",
	"**/.mozilla/firefox/Crash Reports/",
	"**/.config/*/*/Cache/",
	"**/.config/*/*/Code Cache/",
	"**/.config/*/*/GPUCache/",
	"**/.config/*/Cache/",
	"**/.config/*/CachedData/",
	"**/.config/*/Code Cache/",
	"**/.config/*/GPUCache/",
	"**/.config/*/GrShaderCache/",
	"**/.config/*/ShaderCache/",
	"**/.config/*/*/Service Worker/CacheStorage/",
	/* trash */
	"**/.local/share/Trash/",
	".Trash/",
	".Trash-[0-9]*/",
	"$RECYCLE.BIN/",
	/* of the system, and never worth having */
	"/proc/",
	"/sys/",
	"/dev/",
	"/run/",
	"/var/cache/",
	".gvfs/",
	"**/.xsession-errors",
	"**/.xsession-errors.old",
};
/* clang-format on */

struct exclude *
exclude_new(void)
{
	struct exclude *x = mem_new(sizeof *x);

	x->source = "";
	return x;
}

void
exclude_free(struct exclude **x)
{
	if (*x == NULL)
		return;
	for (size_t i = 0; i < (*x)->n; i++) {
		free((void *)(uintptr_t)(*x)->patterns[i].text.p);
		free((void *)(uintptr_t)(*x)->patterns[i].given.p);
	}
	free((*x)->patterns);
	free(*x);
	*x = NULL;
}

static bool
has_any(struct bytes x, const char *set)
{
	for (size_t i = 0; i < x.n; i++)
		if (x.p[i] != '\0' && strchr(set, x.p[i]) != NULL)
			return true;
	return false;
}

static bool
starts_with(struct bytes x, const char *prefix)
{
	size_t n = strlen(prefix);

	return x.n >= n && bytes_equal(bytes_of(x.p, n), bytes_str(prefix));
}

static struct bytes
skip(struct bytes x, size_t n)
{
	return bytes_of(x.p + n, x.n - n);
}

/* Cut spaces off the end; "\ " is a space that stays. */
static struct bytes
trim(struct bytes line)
{
	size_t keep = 0;

	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\\' && i + 1 < line.n)
			i++;
		else if (line.p[i] == ' ')
			continue;
		keep = i + 1;
	}
	return bytes_of(line.p, keep);
}

static enum shape
shape_of(struct bytes *text, bool anchored)
{
	if (!anchored && !has_any(*text, "*?[\\"))
		return SHAPE_NAME;
	if (!anchored && text->p[0] == '*' && text->n > 1 &&
	    !has_any(skip(*text, 1), "*?[\\"))
		return SHAPE_ENDING;
	if (starts_with(*text, "**/") && text->n > 3 &&
	    !has_any(skip(*text, 3), "*?[\\"))
		return SHAPE_TAIL;
	return SHAPE_PATH;
}

static struct bytes
text_copy(const char *before, struct bytes x)
{
	size_t n = strlen(before);
	uint8_t *p = mem_new(n + x.n + 1);

	memcpy(p, before, n);
	memcpy(p + n, x.p, x.n);
	return bytes_of(p, n + x.n);
}

static void
add_pattern(struct exclude *x, struct bytes line)
{
	struct pattern pat = { .source = x->source, .line = x->line };
	struct bytes given = line;

	if (starts_with(line, "!")) {
		pat.negated = true;
		line = skip(line, 1);
	}
	if (line.n > 0 && line.p[line.n - 1] == '/') {
		pat.dirs_only = true;
		line.n--;
	}
	if (starts_with(line, "./")) /* as a shell completes it */
		line = skip(line, 1);
	bool anchored = line.n > 0 && memchr(line.p, '/', line.n) != NULL;
	if (starts_with(line, "/"))
		line = skip(line, 1);
	if (line.n == 0)
		return;
	pat.shape = shape_of(&line, anchored);
	if (pat.shape == SHAPE_PATH && !anchored)
		pat.text = text_copy("**/", line);
	else if (pat.shape == SHAPE_ENDING)
		pat.text = text_copy("", skip(line, 1));
	else if (pat.shape == SHAPE_TAIL)
		pat.text = text_copy("", skip(line, 3));
	else
		pat.text = text_copy("", line);
	pat.given = text_copy("", given);
	if (x->n == x->cap) {
		x->cap = x->cap == 0 ? 64 : x->cap * 2;
		x->patterns =
		    mem_resize(x->patterns, x->cap, sizeof *x->patterns);
	}
	x->patterns[x->n++] = pat;
}

void
exclude_source(struct exclude *x, const char *source)
{
	x->source = source;
}

const char *
exclude_default(size_t i)
{
	return i < ARRAY_SIZE(defaults) ? defaults[i] : NULL;
}

void
exclude_add_defaults(struct exclude *x)
{
	exclude_source(x, "the list of what is left out by itself");
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		add_pattern(x, bytes_str(defaults[i]));
}

static bool
in_class(struct bytes name, uint8_t c)
{
	static const struct {
		const char *name;
		int (*is)(int);
	} classes[] = { { "alnum", isalnum }, { "alpha", isalpha },
		{ "blank", isblank }, { "cntrl", iscntrl },
		{ "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint },
		{ "punct", ispunct }, { "space", isspace },
		{ "upper", isupper }, { "xdigit", isxdigit } };

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (bytes_equal(bytes_str(classes[i].name), name))
			return c < 0x80 && classes[i].is(c) != 0;
	return false;
}

/* One character within brackets, escaped or not; false when none is left. */
static bool
bracket_char(struct bytes *rest, uint8_t *c)
{
	if (rest->n > 0 && rest->p[0] == '\\')
		*rest = skip(*rest, 1);
	if (rest->n == 0)
		return false;
	*c = rest->p[0];
	*rest = skip(*rest, 1);
	return true;
}

/*
 * Match c against the brackets that pat begins with.
 *
 * used    bytes of pat up to the closing one; 0 when there is none.
 */
static bool
bracket_match(struct bytes pat, uint8_t c, size_t *used)
{
	struct bytes rest = skip(pat, 1);
	bool negated = starts_with(rest, "!") || starts_with(rest, "^");
	bool hit = false;

	*used = 0;
	if (negated)
		rest = skip(rest, 1);
	for (bool first = true;; first = false) {
		if (rest.n == 0)
			return false;
		if (rest.p[0] == ']' && !first)
			break;
		const uint8_t *end = starts_with(rest, "[:")
		    ? memmem(rest.p + 2, rest.n - 2, ":]", 2)
		    : NULL;
		if (end != NULL) {
			size_t n = (size_t)(end - rest.p) - 2;
			hit |= in_class(bytes_of(rest.p + 2, n), c);
			rest = skip(rest, n + 4);
			continue;
		}
		uint8_t lo, hi;
		if (!bracket_char(&rest, &lo))
			return false;
		hi = lo;
		if (rest.n > 1 && rest.p[0] == '-' && rest.p[1] != ']') {
			rest = skip(rest, 1);
			if (!bracket_char(&rest, &hi))
				return false;
		}
		hit |= lo <= c && c <= hi;
	}
	*used = pat.n - rest.n + 1;
	return hit != negated;
}

/* Why this pattern can match nothing, or NULL. */
static const char *
why_nothing(struct bytes x)
{
	struct bytes part = x;
	size_t used;

	if (starts_with(part, "!"))
		part = skip(part, 1);
	if (starts_with(part, "./"))
		part = skip(part, 1);
	if (part.n > 0 && memchr(part.p, '\0', part.n) != NULL)
		return "no name has a zero byte, as UTF-16 and lists by "
		       "find -print0 have: a pattern is a line of UTF-8";
	for (struct bytes rest = part; rest.n > 0; rest = skip(rest, used)) {
		used = 1;
		if (rest.p[0] == '\\' && rest.n < 2)
			return "nothing is behind the last \\";
		if (rest.p[0] == '\\' && rest.p[1] == '/')
			return "a / stands for itself alone, also behind \\";
		if (rest.p[0] == '\\')
			used = 2;
		else if (rest.p[0] == '[')
			(void)bracket_match(rest, 0, &used);
		if (used == 0)
			return "a [ is left open; \\[ stands for itself";
		if (rest.p[0] == '[' && memchr(rest.p, '/', used) != NULL)
			return "a / stands for itself alone, also within [ ]";
	}
	while (part.n > 0) {
		if (starts_with(part, "/"))
			part = skip(part, 1);
		const uint8_t *end = memchr(part.p, '/', part.n);
		size_t n = end != NULL ? (size_t)(end - part.p) : part.n;
		struct bytes name = bytes_of(part.p, n);
		if ((n == 0 && part.n > 0) ||
		    bytes_equal(name, bytes_str(".")) ||
		    bytes_equal(name, bytes_str("..")))
			return "no path has ., .. or nothing between slashes";
		part = skip(part, n);
	}
	return NULL;
}

int
exclude_add_typed(struct exclude *x, struct bytes pattern, struct err *e)
{
	if (pattern.n > EXCLUDE_PATTERN_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "a pattern is longer than %d bytes", EXCLUDE_PATTERN_MAX);
	if (x->n >= EXCLUDE_PATTERNS_MAX)
		return err_set(e, ERR_TOO_LARGE, "more than %d patterns",
		    EXCLUDE_PATTERNS_MAX);
	const char *why = why_nothing(pattern);
	if (why != NULL)
		return err_set(e, ERR_USAGE, "it can match nothing: %s", why);
	add_pattern(x, pattern);
	return 0;
}

int
exclude_add(struct exclude *x, struct bytes line, struct err *e)
{
	line = trim(line);
	return line.n == 0 || line.p[0] == '#' ? 0
					       : exclude_add_typed(x, line, e);
}

int
exclude_add_lines(struct exclude *x, struct bytes text, struct err *e)
{
	if (starts_with(text, "\xef\xbb\xbf"))
		text = skip(text, 3);
	for (unsigned long number = 1; text.n > 0; number++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end == NULL ? text.n : (size_t)(end - text.p);
		struct bytes line = bytes_of(text.p, n);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		x->line = number;
		int rc = exclude_add(x, line, e);
		x->line = 0;
		if (rc < 0)
			return err_in(e, "line %lu", number);
		text = skip(text, end == NULL ? n : n + 1);
	}
	return 0;
}

/* Match one character; *used bytes of pat stand for it. */
static bool
char_match(struct bytes pat, uint8_t c, size_t *used)
{
	*used = 1;
	if (pat.p[0] == '?')
		return true;
	if (pat.p[0] == '[')
		return bracket_match(pat, c, used) && *used > 0;
	if (pat.p[0] == '\\') {
		*used = 2;
		return pat.n > 1 && pat.p[1] == c;
	}
	return pat.p[0] == c;
}

/*
 * Match one component. Of several stars only the last one ever has to be tried
 * again, so this takes |pat| times |name| steps at most.
 */
static bool
name_match(struct bytes pat, struct bytes name)
{
	struct bytes star = { NULL, 0 }, retry = name;

	for (;;) {
		size_t used;
		if (pat.n > 0 && pat.p[0] == '*') {
			pat = skip(pat, 1);
			star = pat;
			retry = name;
			if (pat.n == 0)
				return true;
			continue;
		}
		if (pat.n == 0 && name.n == 0)
			return true;
		if (pat.n > 0 && name.n > 0 &&
		    char_match(pat, name.p[0], &used)) {
			pat = skip(pat, used);
			name = skip(name, 1);
			continue;
		}
		if (star.p == NULL || retry.n == 0)
			return false;
		retry = skip(retry, 1);
		name = retry;
		pat = star;
	}
}

/* Split off the first component; a missing one is empty. */
static struct bytes
component(struct bytes path, struct bytes *rest)
{
	const uint8_t *slash = path.n == 0 ? NULL : memchr(path.p, '/', path.n);
	size_t n = slash == NULL ? path.n : (size_t)(slash - path.p);

	*rest = slash == NULL ? bytes_of(path.p + n, 0) : skip(path, n + 1);
	return bytes_of(path.p, n);
}

/* The same walk one level up: components, and "**" for the star. */
static bool
path_match(struct bytes pat, struct bytes path)
{
	struct bytes star = { NULL, 0 }, retry = path, pat_rest, path_rest;

	for (;;) {
		struct bytes part = component(pat, &pat_rest);
		if (part.n == 2 && starts_with(part, "**")) {
			if (pat_rest.n == 0)
				return path.n > 0; /* all that is inside */
			star = pat = pat_rest;
			retry = path;
			continue;
		}
		if (pat.n == 0 && path.n == 0)
			return true;
		struct bytes name = component(path, &path_rest);
		if (pat.n > 0 && path.n > 0 && name_match(part, name)) {
			pat = pat_rest;
			path = path_rest;
			continue;
		}
		if (star.p == NULL || retry.n == 0)
			return false;
		(void)component(retry, &path_rest);
		path = retry = path_rest;
		pat = star;
	}
}

static bool
ends_with(struct bytes x, struct bytes end)
{
	return x.n >= end.n && bytes_equal(skip(x, x.n - end.n), end);
}

static bool
pattern_match(const struct pattern *pat, struct bytes path, struct bytes name)
{
	size_t n = pat->text.n;

	switch (pat->shape) {
	case SHAPE_NAME:
		return bytes_equal(name, pat->text);
	case SHAPE_ENDING:
		return ends_with(name, pat->text);
	case SHAPE_TAIL:
		return ends_with(path, pat->text) &&
		    (path.n == n || path.p[path.n - n - 1] == '/');
	default:
		return path_match(pat->text, path);
	}
}

enum exclude_answer
exclude_ask_by(const struct exclude *x, struct bytes path, bool is_dir,
    struct exclude_rule *by)
{
	const uint8_t *slash =
	    path.n == 0 ? NULL : memrchr(path.p, '/', path.n);
	struct bytes name =
	    slash == NULL ? path : skip(path, (size_t)(slash - path.p) + 1);

	for (size_t i = x->n; i > 0; i--) {
		const struct pattern *pat = &x->patterns[i - 1];
		if ((!is_dir && pat->dirs_only) ||
		    !pattern_match(pat, path, name))
			continue;
		if (by != NULL)
			*by = (struct exclude_rule){ pat->given, pat->source,
				pat->line };
		return pat->negated ? EXCLUDE_NO : EXCLUDE_YES;
	}
	return EXCLUDE_SILENT;
}

enum exclude_answer
exclude_ask(const struct exclude *x, struct bytes path, bool is_dir)
{
	return exclude_ask_by(x, path, is_dir, NULL);
}

const char *
exclude_by_tag(int dirfd)
{
	static const char mark[] = ".nobackup", tag[] = "CACHEDIR.TAG";
	char head[sizeof TAG_LINE - 1];
	struct stat st;
	size_t got;
	struct err e;

	if (fstatat(dirfd, mark, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return mark;
	OWN(fd_close)
	int fd =
	    openat(dirfd, tag, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return file_read_full(fd, head, sizeof head, &got, &e) == 0 &&
		bytes_equal(bytes_of(head, got), bytes_str(TAG_LINE))
	    ? tag
	    : NULL;
}
