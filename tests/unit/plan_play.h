/* SPDX-License-Identifier: ISC */
/* plan_play.h: a line of a script is done. */
#pragma once

#include "plan_script.h"

/* ---- one line ---- */

static inline bool
can_hold(const struct device *d, const char *path)
{
	const char *slash = strrchr(path, '/');

	return strlen(slash == NULL ? path : slash + 1) <= d->is.fs.name_max;
}

static inline void
person(struct player *p, unsigned which, const char *verb, const char *one,
    const char *two)
{
	struct world *w = &p->w;
	struct device *d = &w->d[which];
	char name[NODE_NAME_MAX + 1];
	uint64_t parent, number = strtoull(two, NULL, 10);
	struct object *o = walk(d, one, &parent, name);

	if (!can_hold(d, one) || !can_hold(d, two))
		return;
	if (strcmp(verb, "write") == 0 || strcmp(verb, "new") == 0)
		write_file(w, d, one, number, verb[0] == 'n');
	else if (strcmp(verb, "mkdir") == 0 && parent != 0 && o == NULL)
		(void)make_object(d, parent, name, NODE_DIR);
	else if (strcmp(verb, "link") == 0 && parent != 0 && o == NULL &&
	    !d->is.fs.no_symlinks)
		make_object(d, parent, name, NODE_SYMLINK)->content =
		    number + 1;
	else if (strcmp(verb, "rm") == 0 && o != NULL && o->type != NODE_DIR)
		erase(w, d, o);
	else if (strcmp(verb, "rmr") == 0 && o != NULL)
		erase(w, d, o);
	else if (strcmp(verb, "exec") == 0 && o != NULL && o->type == NODE_FILE)
		o->exec = !o->exec;
	else if (strcmp(verb, "mv") == 0)
		move_object(w, d, one, two);
	else if (strcmp(verb, "swap") == 0)
		swap_objects(d, one, two);
	else if (strcmp(verb, "tx") == 0)
		transact(w, d, one, (unsigned)number);
}

static inline void some_path(
    struct player *p, unsigned which, char *out, size_t n);

/* A person who works on while their device syncs. */
static inline void
meddle(void *ctx, unsigned device)
{
	static const char *const verbs[] = { "write", "new", "mv", "rm", "rmr",
		"mkdir", "exec" };
	struct player *p = ctx;
	const char *verb = verbs[draw(&p->w, ARRAY_SIZE(verbs))];
	char one[128], two[128] = "";

	if (p->w.states != NULL) {
		(void)snprintf(one, sizeof one, "%u", (unsigned)draw(&p->w, 8));
		SAY(&p->w, "    meanwhile tx x %s\n", one);
		person(p, device, "tx", "x", one);
		return;
	}
	some_path(p, device, one, sizeof one);
	if (verb[0] == 'm' && verb[1] == 'v')
		some_path(p, device, two, sizeof two);
	SAY(&p->w, "    meanwhile %s %s %s\n", verb, one, two);
	person(p, device, verb, one, two);
}

static inline void
system_is(struct device *d, const char *verb, const char *one)
{
	static char banned[16];
	struct plan_fs *fs = &d->is.fs;

	/* A disk is what it is from the start. */
	if (d->n_objects > 0)
		return;
	if (strcmp(verb, "folds") == 0)
		fs->folds = true;
	else if (strcmp(verb, "plain") == 0)
		fs->folds = fs->normalizes = false;
	else if (strcmp(verb, "normalizes") == 0)
		fs->normalizes = true;
	else if (strcmp(verb, "short") == 0)
		fs->name_max = (unsigned)strtoul(one, NULL, 10);
	else if (strcmp(verb, "noexec") == 0)
		fs->no_exec = true;
	else if (strcmp(verb, "nolinks") == 0)
		fs->no_symlinks = true;
	else if (strcmp(verb, "nodot") == 0)
		fs->no_last_dot = true;
	else if (strcmp(verb, "nobtime") == 0)
		d->is.no_btime = true;
	else if (strcmp(verb, "banned") == 0) {
		(void)snprintf(banned, sizeof banned, "%s", one);
		fs->banned = banned;
	}
}

static inline void
setting(struct player *p, unsigned which, const char *verb, const char *one)
{
	struct device *d = &p->w.d[which];
	struct habits *is = &d->is;
	const struct plan_node *n = walk_zone(&p->w.zone, one);
	char name[NODE_NAME_MAX + 1];
	uint64_t parent;

	d->anew = d->anew || strstr(verb, "skip") != NULL;
	if (strcmp(verb, "slice") == 0)
		d->slice = (unsigned)strtoul(one, NULL, 10);
	else if (strcmp(verb, "gate") == 0)
		is->gate = strtoull(one, NULL, 10);
	else if (strcmp(verb, "percent") == 0)
		is->percent = (unsigned)strtoul(one, NULL, 10);
	else if (strcmp(verb, "heed") == 0)
		memset(is->ignored, 0, sizeof is->ignored);
	else if (strcmp(verb, "unskip") == 0)
		is->n_skips = 0;
	else if (strcmp(verb, "skip") == 0 && n != NULL && is->n_skips < 4)
		is->skips[is->n_skips++] = n->id;
	else if (strcmp(verb, "ignore") == 0) {
		for (size_t i = ARRAY_SIZE(is->ignored) - 1; i > 0; i--)
			memcpy(is->ignored[i], is->ignored[i - 1],
			    sizeof is->ignored[0]);
		(void)snprintf(
		    is->ignored[0], sizeof is->ignored[0], "%.31s", one);
	} else if (strcmp(verb, "torn") == 0) {
		const struct object *o = walk(d, one, &parent, name);
		d->torn = o != NULL && o->type == NODE_DIR ? o->ino : 0;
		p->w.lenient = d->torn != 0;
	}
}

static inline void
drop_base(struct device *d, struct id id)
{
	drop_in(&d->base, &id);
	for (size_t i = 0; i < d->base.count; i++)
		if (id_equal(&d->base.n[i].parent, &id)) {
			drop_base(d, d->base.n[i].id);
			i = (size_t)-1;
		}
}

static inline void
installation(struct player *p, unsigned which, const char *verb)
{
	struct device *d = &p->w.d[which];

	if (strcmp(verb, "adopt") == 0) {
		d->base.count = 0;
		for (size_t i = 0; i < d->n_objects; i++) {
			d->objects[i].node = (struct id){ { 0 } };
			d->objects[i].read = false;
		}
	}
	if (strcmp(verb, "keep") == 0)
		p->kept = *d;
	else if (strcmp(verb, "back") == 0 && p->kept.n_objects > 0) {
		*d = p->kept;
		d->base.count = 0;
	} else if (strcmp(verb, "undo") == 0)
		for (size_t i = 0; i < p->waiting[which].n; i++)
			drop_base(d, p->waiting[which].id[i]);
}

static inline bool
is_like(struct object *o, const char *number)
{
	return number[0] == '\0' ||
	    (o->type == NODE_FILE && o->content == strtoull(number, NULL, 10));
}

/* What a story says must be so. */
static inline bool
holds(struct player *p, const char *what, const char *one, const char *two,
    const char *three)
{
	char name[NODE_NAME_MAX + 1];
	uint64_t parent, n = strtoull(one, NULL, 10);
	unsigned which = (unsigned)(one[0] - 'A') % DEVICES;
	struct device *d = &p->w.d[which];
	struct object *o = walk(d, two, &parent, name);
	const struct plan_node *z = walk_zone(&p->w.zone, one);

	if (strcmp(what, "is") == 0)
		return o != NULL && strcmp(o->name, name) == 0 &&
		    is_like(o, three);
	if (strcmp(what, "no") == 0)
		return o == NULL || strcmp(o->name, name) != 0;
	if (strcmp(what, "exec") == 0)
		return o != NULL && o->exec;
	if (strcmp(what, "zone") == 0)
		return z != NULL;
	if (strcmp(what, "gone") == 0)
		return z == NULL;
	if (strcmp(what, "node") == 0) {
		p->node = z == NULL ? p->node : z->id;
		return z != NULL;
	}
	if (strcmp(what, "kept") == 0)
		return z != NULL && id_equal(&z->id, &p->node);
	if (strcmp(what, "copies") == 0)
		return p->w.conflicts == n;
	if (strcmp(what, "commits") == 0) {
		n += p->commits;
		p->commits = p->w.commits;
		return p->w.commits == n;
	}
	n = strtoull(two, NULL, 10);
	if (strcmp(what, "held") == 0)
		return p->held[which] == n;
	if (strcmp(what, "gated") == 0)
		return p->gated[which] == n;
	if (strcmp(what, "idle") == 0)
		check_idle(p, which);
	return strcmp(what, "idle") == 0;
}

static inline bool
is_claim(const char *word)
{
	static const char *const words[] = { "is", "no", "exec", "zone", "gone",
		"node", "kept", "copies", "commits", "held", "gated", "idle" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static inline void
sync_line(struct player *p, unsigned d, const char *verb, const char *one)
{
	struct sync_how how = { .budget = -1, .confirm = !p->deny };

	how.stale = strcmp(verb, "stale") == 0;
	if (strcmp(verb, "faulty") == 0)
		how.faults = (unsigned)strtoul(one, NULL, 10);
	else if (one[0] != '\0')
		how.budget = (int)strtol(one, NULL, 10);
	if (strcmp(verb, "busy") == 0)
		p->w.meddle = meddle;
	(void)sync_one(p, d, &how);
	p->w.meddle = NULL;
}

/* "%20" becomes a space. */
static inline void
plain(char *text)
{
	char *to = text;
	unsigned byte;

	for (const char *s = text; *s != '\0'; s++, to++)
		if (s[0] == '%' && sscanf(s + 1, "%2x", &byte) == 1) {
			*to = (char)byte;
			s += 2;
		} else
			*to = *s;
	*to = '\0';
}

static inline void
play(struct player *p, const char *line)
{
	char w[4][320] = { "", "", "", "" };
	static const char *const syncs[] = { "sync", "busy", "stale",
		"faulty" };

	SAY(&p->w, "%s\n", line);
	(void)sscanf(line, "%319s %319s %319s %319s", w[0], w[1], w[2], w[3]);
	for (int i = 1; i < 4; i++)
		plain(w[i]);
	p->w.ctx = p;
	if (strcmp(w[0], "all") == 0) {
		if (w[1][0] != '\0')
			p->deny = w[1][0] == 'd';
		else
			sync_all(p);
		return;
	}
	if (is_claim(w[0])) {
		if (!holds(p, w[0], w[1], w[2], w[3]))
			fail(&p->w, "it is not so", line);
		return;
	}
	unsigned d = (unsigned)(w[0][0] - 'A');
	if (w[0][0] == 'W')
		in_browser(&p->w, w[1], w[2], w[3]);
	if (d >= DEVICES)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(syncs); i++)
		if (strcmp(w[1], syncs[i]) == 0) {
			sync_line(p, d, w[1], w[2]);
			return;
		}
	person(p, d, w[1], w[2], w[3]);
	system_is(&p->w.d[d], w[1], w[2]);
	setting(p, d, w[1], w[2]);
	installation(p, d, w[1]);
}

/* ---- seeds ---- */

/* A path on the disk, most often one that is there. */
static inline void
some_path(struct player *p, unsigned which, char *out, size_t n)
{
	static const char *const names[] = { "a", "b", "c", "d", "a", "b", "c",
		"d", "A", "B", "a-name-that-is-longer-than-some-disk-holds" };
	struct world *w = &p->w;
	struct device *d = &w->d[which];
	const struct object *o = NULL;

	if (d->n_objects > 0 && draw(w, 100) < 80)
		o = &d->objects[draw(w, d->n_objects)];
	if (o != NULL && o->ino != 0 && !o->aside) {
		(void)snprintf(out, n, "%.100s", shown_path(d, o));
		if (strchr(out, ' ') == NULL && draw(w, 100) < 60)
			return;
		if (strchr(out, ' ') == NULL && o->type == NODE_DIR &&
		    strlen(out) < 50) {
			size_t at = strlen(out);
			(void)snprintf(out + at, n - at, "/%s",
			    names[draw(w, ARRAY_SIZE(names))]);
			return;
		}
	}
	(void)snprintf(out, n, "%s", names[draw(w, ARRAY_SIZE(names))]);
}
