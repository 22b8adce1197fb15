/* SPDX-License-Identifier: ISC */
/* cli_pick.c: which snapshot, and which path in it, a person means. */
#include "cli/cli.h"

#include "backup/tree.h"
#include "base/now.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40 /* followed in one path, as by the kernel */
#define LOOKED_MAX 100 /* snapshots looked into to name one that has it */

struct picking {
	const struct cli *cli;
	struct source *src;
	const struct snapshot_list *list;
	const struct cli_latest *latest;
	struct err why; /* the first that is not "it is not there" */
};

/* "/a//b/./c/../d/" → "a/b/d". */
static void
plain(struct buf *out, const char *path)
{
	buf_clear(out);
	while (*path != '\0') {
		size_t n = strcspn(path, "/");
		struct bytes name = bytes_of(path, n);
		path += n + (path[n] == '/');
		if (n == 0 || bytes_equal(name, bytes_str(".")))
			continue;
		if (bytes_equal(name, bytes_str(".."))) {
			while (out->n > 0 && out->p[--out->n] != '/')
				continue;
			continue;
		}
		if (out->n > 0)
			buf_put_u8(out, '/');
		buf_put_bytes(out, name);
	}
}

/* "." or "..", or a path that begins so: of where one stands, and no other. */
static bool
is_from_here(const char *typed)
{
	size_t dots = strspn(typed, ".");

	return (dots == 1 || dots == 2) &&
	    (typed[dots] == '/' || typed[dots] == '\0');
}

/* A link that leads to nothing: where it would lead, with what is behind. */
static bool
dangling(const char *head, const char *rest, struct buf *out)
{
	char target[PATH_MAX];
	ssize_t n = readlink(head, target, sizeof target);
	const char *slash = strrchr(head, '/');

	if (n <= 0)
		return false;
	buf_clear(out);
	if (target[0] != '/' && slash != NULL)
		buf_put(out, head, (size_t)(slash - head) + 1);
	buf_put(out, target, (size_t)n);
	buf_put_u8(out, '/');
	buf_put_str(out, rest);
	return true;
}

/*
 * As this machine has it now: what is there of it, and the rest behind. What is
 * asked for may well be lost.
 */
static bool
here(const char *typed, struct buf *out)
{
	OWN(mem_free) char *head = mem_text(typed);
	OWN(buf_free) struct buf whole = { 0 };
	size_t n = strlen(head);

	for (int links = 0; n > 0;) {
		const char *rest = typed + n;
		OWN(mem_free) char *real = realpath(head, NULL);
		if (real != NULL) {
			OWN(buf_free) struct buf found = { 0 };
			buf_printf(&found, "%s/%s", real, rest);
			plain(out, buf_text(&found));
			return true;
		}
		OWN(buf_free) struct buf next = { 0 };
		if (links++ < LINKS_MAX && dangling(head, rest, &next)) {
			buf_clear(&whole);
			buf_put_bytes(&whole, buf_bytes(&next));
			mem_free(&head);
			typed = buf_text(&whole);
			head = mem_text(typed);
			n = strlen(head);
			continue;
		}
		while (n > 0 && head[n - 1] == '/')
			n--;
		while (n > 0 && head[n - 1] != '/')
			n--;
		/* Without the slash, which would follow a link. */
		head[n > 1 ? n - 1 : n] = '\0';
	}
	return false;
}

/* As it stands, and so from the root, but for what says where it begins. */
static void
first_reading(const char *typed, struct buf *out)
{
	if (!is_from_here(typed) || !here(typed, out))
		plain(out, typed);
}

/* A link on the way was backed up too: where does it lead? */
static bool
through_links(struct picking *p, const struct snapshot *s, struct buf *path)
{
	size_t at = 0;

	for (int links = 0; links < LINKS_MAX;) {
		OWN(buf_free) struct buf raw = { 0 };
		OWN(buf_free) struct buf next = { 0 };
		struct entry x;
		struct err ignored;
		struct bytes dir, name;
		while (at < path->n && path->p[at] != '/')
			at++;
		struct bytes head = bytes_of(path->p, at);
		/* What stands above the roots is not in every snapshot. */
		if (at > 0 &&
		    tree_find(p->src, s, head, &raw, &x, &ignored) == 0 &&
		    x.type == ENTRY_SYMLINK) {
			tree_split(head, &dir, &name);
			if (x.target.n > 0 && x.target.p[0] != '/')
				buf_put_bytes(&next, dir);
			buf_put_u8(&next, '/');
			buf_put_bytes(&next, x.target);
			buf_put_bytes(
			    &next, bytes_of(path->p + at, path->n - at));
			plain(path, buf_text(&next));
			at = 0;
			links++;
			continue;
		}
		if (at >= path->n)
			return links > 0;
		at++;
	}
	return false;
}

static bool
has(struct picking *p, const struct snapshot *s, struct bytes path)
{
	OWN(buf_free) struct buf raw = { 0 };
	struct entry x;
	struct err why;

	if (path.n == 0 || tree_find(p->src, s, path, &raw, &x, &why) == 0)
		return true;
	if (why.code != ERR_NOT_FOUND && p->why.code == ERR_NONE) {
		p->why = why;
		(void)err_in(&p->why, "snapshot %s", id_short(&s->id).s);
	}
	return false;
}

static struct bytes
root_of(const struct snapshot *s, size_t i)
{
	struct bytes root = buf_bytes(&s->paths[i]);

	return root.n > 0 && root.p[0] == '/' ? bytes_of(root.p + 1, root.n - 1)
					      : root;
}

/* Is it a backup of this path, or of something in it? */
static bool
covers(const struct snapshot *s, struct bytes path)
{
	for (size_t i = 0; i < s->n_paths; i++) {
		struct bytes root = root_of(s, i);
		if (bytes_equal(root, path) || tree_below(path, root) ||
		    tree_below(root, path))
			return true;
	}
	return false;
}

/* May `latest` mean it? */
static bool
is_wanted(const struct cli_latest *w, const struct snapshot *s)
{
	OWN(buf_free) struct buf typed = { 0 };
	OWN(buf_free) struct buf real = { 0 };

	if (w->host != NULL &&
	    !bytes_equal(buf_bytes(&s->host), bytes_str(w->host)))
		return false;
	if (w->path == NULL)
		return true;
	first_reading(w->path, &typed);
	return covers(s, buf_bytes(&typed)) ||
	    (here(w->path, &real) && covers(s, buf_bytes(&real)));
}

/*
 * The newest that `latest` may mean, and that covers the path; one whose clock
 * was ahead only where there is no other.
 */
static const struct snapshot *
newest_of(const struct picking *p, struct bytes path)
{
	uint64_t now = (uint64_t)now_ms();
	const struct snapshot *ahead = NULL;

	for (size_t i = p->list->n; i-- > 0;) {
		const struct snapshot *s = &p->list->list[i];
		if (!is_wanted(p->latest, s) ||
		    (path.n > 0 && !covers(s, path)))
			continue;
		if (!snapshot_of_future(s, now))
			return s;
		if (ahead == NULL)
			ahead = s;
	}
	return ahead;
}

static void
say_passed_over(const struct cli *cli, const struct snapshot_list *l,
    const struct snapshot *s)
{
	uint64_t now = (uint64_t)now_ms();

	for (size_t i = 0; i < l->n; i++) {
		const struct snapshot *x = &l->list[i];
		OWN(mem_free) char *when = cli_time(x->time_ms);
		if (x->time_ms > s->time_ms && snapshot_of_future(x, now))
			cli_say(cli,
			    "aumbry: snapshot %s says to be of %s, which has "
			    "not come yet: it does not count as the latest",
			    id_short(&x->id).s, when);
	}
	for (size_t i = 0; i < l->n_bad; i++)
		if (l->bad[i].seq > s->seq)
			cli_say(cli,
			    "aumbry: snapshot %s, recorded later, cannot be "
			    "read (%s)",
			    id_short(&l->bad[i].id).s,
			    err_name(l->bad[i].why.code));
}

/* Some way of reading what was typed that this snapshot has? */
static bool
in_snapshot(struct picking *p, const struct snapshot *s, const char *typed,
    struct buf *path)
{
	first_reading(typed, path);
	return has(p, s, buf_bytes(path)) ||
	    (through_links(p, s, path) && has(p, s, buf_bytes(path))) ||
	    (here(typed, path) && has(p, s, buf_bytes(path)));
}

static int
nowhere(struct picking *p, const struct snapshot *tried, const char *typed,
    struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(mem_free) char *shown = cli_shown(bytes_str(typed));
	size_t looked = 0;

	/* What cannot be read is not what is not there. */
	*e = p->why;
	if (p->why.code == ERR_NONE)
		(void)err_set(e, ERR_NOT_FOUND, "snapshot %s has no %s",
		    id_short(&tried->id).s, shown);
	for (size_t i = p->list->n; i-- > 0 && looked++ < LOOKED_MAX;) {
		const struct snapshot *s = &p->list->list[i];
		if (s == tried || !in_snapshot(p, s, typed, &path))
			continue;
		OWN(mem_free) char *when = cli_time(s->time_ms);
		OWN(mem_free) char *there = cli_shown(buf_bytes(&path));
		return err_remedy(e, "Snapshot %s of %s has it: %s:/%s",
		    id_short(&s->id).s, when, id_short(&s->id).s, there);
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	if (p->why.code != ERR_NONE)
		return err_remedy(e,
		    "No snapshot that can be read has it. Run: aumbry check");
	return err_remedy(e,
	    "No snapshot has it. Look for it by a part of its name: aumbry "
	    "find '*NAME*'");
}

static void
tell(const struct picking *p, const struct snapshot *s, const char *typed,
    const struct buf *path, bool latest)
{
	OWN(buf_free) struct buf as_typed = { 0 };
	OWN(mem_free) char *when = cli_time(s->time_ms);
	OWN(mem_free) char *shown = cli_shown(bytes_str(typed));
	OWN(mem_free) char *there = cli_shown(buf_bytes(path));

	plain(&as_typed, typed);
	if (!bytes_equal(buf_bytes(&as_typed), buf_bytes(path)))
		cli_say(
		    p->cli, "aumbry: %s is /%s in the backup", shown, there);
	if (latest && s != snapshot_latest(p->list))
		cli_say(p->cli, "aumbry: the latest of it is snapshot %s of %s",
		    id_short(&s->id).s, when);
}

static int
pick_latest(struct picking *p, const char *typed, const struct snapshot **snap,
    struct buf *path, struct err *e)
{
	OWN(buf_free) struct buf real = { 0 };
	const struct snapshot *s;

	first_reading(typed, path);
	if (newest_of(p, bytes_str("")) == NULL) {
		(void)err_set(e, ERR_NOT_FOUND,
		    p->list->n == 0 ? "there is no snapshot yet"
				    : "there is no such snapshot");
		return err_remedy(e, "Run: aumbry snapshot list");
	}
	s = newest_of(p, buf_bytes(path));
	if (s == NULL || !in_snapshot(p, s, typed, path)) {
		const struct snapshot *other =
		    here(typed, &real) ? newest_of(p, buf_bytes(&real)) : NULL;
		if (other == NULL || !in_snapshot(p, other, typed, path))
			return nowhere(p,
			    s != NULL ? s : newest_of(p, bytes_str("")), typed,
			    e);
		s = other;
	}
	tell(p, s, typed, path, true);
	say_passed_over(p->cli, p->list, s);
	*snap = s;
	return 0;
}

int
cli_pick(const struct cli *cli, const struct cli_view *v, const char *spec,
    const struct cli_latest *latest, struct cli_picked *out, struct err *e)
{
	static const struct cli_latest any = { NULL, NULL };
	OWN(mem_free) char *id = NULL;
	struct picking p = { .cli = cli,
		.src = v->src,
		.list = &v->list,
		.latest = latest != NULL ? latest : &any };
	const char *typed;

	cli_split(spec, &id, &typed);
	if (strcmp(id, "latest") == 0)
		return pick_latest(&p, typed, &out->snap, &out->path, e);
	if (p.latest->host != NULL || p.latest->path != NULL)
		return err_set(
		    e, ERR_USAGE, "--host and --path choose what latest means");
	if (snapshot_find(&v->list, id, &out->snap, e) < 0)
		return -1;
	if (!in_snapshot(&p, out->snap, typed, &out->path))
		return nowhere(&p, out->snap, typed, e);
	tell(&p, out->snap, typed, &out->path, false);
	return 0;
}

int
cli_pick_id(const struct cli *cli, const struct snapshot_list *l,
    const char *text, const struct snapshot **out, struct err *e)
{
	if (snapshot_find(l, text, out, e) < 0)
		return -1;
	if (strcmp(text, "latest") == 0)
		say_passed_over(cli, l, *out);
	return 0;
}

void
cli_picked_free(struct cli_picked *p)
{
	buf_free(&p->path);
}

void
cli_split(const char *spec, char **id, const char **path)
{
	const char *colon = strchr(spec, ':');

	*id = colon != NULL ? strndup(spec, (size_t)(colon - spec))
			    : mem_text(spec);
	if (*id == NULL)
		abort();
	*path = colon != NULL ? colon + 1 : "";
}
