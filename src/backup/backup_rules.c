/* SPDX-License-Identifier: ISC */
/* backup_rules.c: what a backup leaves out, and what it tells of that. */
/*
 * What is named is stored: none of these rules is asked about a root, and what
 * says "left out" above a root says nothing about the way to it.
 */
#include "backup/backup_in.h"

#include "base/file.h"
#include "base/typed.h"
#include "link/homedir.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LIST_BYTES (16 << 20) /* of a file of patterns: no sane one has more */

/*
 * The system's own folders, which hold nothing that outlives a boot or cannot
 * be fetched again. Only these, and the same ones mounted elsewhere: ~/dev is
 * somebody's own.
 */
static const char *const system_folders[BACKUP_SYSTEM] = { "/proc", "/sys",
	"/dev", "/run", "/var/cache" };

/* File systems that a kernel makes up. */
static const unsigned long made_up[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC,
	DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
	DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC,
	PSTOREFS_MAGIC, BPF_FS_MAGIC, EFIVARFS_MAGIC, BINFMTFS_MAGIC,
	HUGETLBFS_MAGIC, NSFS_MAGIC };

static int
add_patterns(
    struct exclude *x, const char *const *list, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (exclude_add_typed(x, bytes_str(list[i]), e) < 0)
			return err_in(e, "pattern %s", list[i]);
	return 0;
}

int
backup_rules_load(struct run *r, struct err *e)
{
	const struct backup_options *o = r->o;

	r->defaults = exclude_new();
	r->exclude = exclude_new();
	r->secrets = exclude_new();
	exclude_add_defaults(r->defaults);
	exclude_source(r->secrets, "--secret");
	for (size_t i = 0; i < o->n_exclude_files; i++) {
		OWN(buf_free) struct buf text = { 0 };
		const char *name = o->exclude_files[i];
		if (strcmp(name, "-") == 0
			? file_read_rest(STDIN_FILENO, "standard input",
			      LIST_BYTES, &text, e) < 0
			: file_read(name, LIST_BYTES, &text, e) < 0)
			return -1;
		typed_lines(&text);
		exclude_source(r->exclude,
		    strcmp(name, "-") == 0 ? "standard input" : name);
		if (exclude_add_lines(r->exclude, buf_bytes(&text), e) < 0)
			return err_in(e, "%s", name);
	}
	exclude_source(r->exclude, "--exclude");
	for (size_t i = 0; i < BACKUP_SYSTEM; i++) {
		struct stat st;
		if (lstat(system_folders[i], &st) < 0)
			continue;
		r->system[i].dev = st.st_dev;
		r->system[i].ino = st.st_ino;
	}
	return add_patterns(r->exclude, o->excludes, o->n_excludes, e) < 0 ||
		add_patterns(r->secrets, o->secrets, o->n_secrets, e) < 0
	    ? -1
	    : 0;
}

/* Note which rule it was. returns true. */
static bool
hit(struct run *r, const char *code, const char *words)
{
	r->hit = (struct backup_rule){ .code = code, .words = words };
	return true;
}

/* Is it where a repair of ext2 and its like puts things, which makes it so? */
static bool
is_lost_found(const struct capture_item *item)
{
	return item->ino == 11 && item->uid == 0 &&
	    strcmp(item->name, "lost+found") == 0;
}

/* What patterns say of the path as it was named, by way of links. */
static enum exclude_answer
ask_as_named(
    struct run *r, struct bytes whole, bool is_dir, struct exclude_rule *by)
{
	enum exclude_answer a = EXCLUDE_SILENT;

	for (size_t i = 0; i < r->n_spelled && a == EXCLUDE_SILENT; i++) {
		size_t n = strlen(r->spelled[i].real);
		if (whole.n <= n + 1 || (n > 0 && whole.p[n] != '/') ||
		    !bytes_equal(
			bytes_of(whole.p, n), bytes_str(r->spelled[i].real)))
			continue;
		n += n > 0;
		buf_clear(&r->as_spelled);
		buf_put_str(&r->as_spelled, r->spelled[i].named);
		buf_put_u8(&r->as_spelled, '/');
		buf_put_bytes(
		    &r->as_spelled, bytes_of(whole.p + n, whole.n - n));
		a = exclude_ask_by(
		    r->exclude, buf_bytes(&r->as_spelled), is_dir, by);
	}
	return a;
}

/*
 * What the user's patterns say: of the path below its root, then of the whole.
 * The default list is asked about whole paths alone: "/dev/" is the system's.
 */
bool
backup_left_out(struct run *r, const struct capture_item *item, bool *kept)
{
	struct bytes whole = buf_bytes(&r->path);
	struct bytes part = bytes_of(whole.p + r->root_n, whole.n - r->root_n);
	bool is_dir = item->type == ENTRY_DIRECTORY;
	struct exclude_rule by;
	enum exclude_answer a = exclude_ask_by(r->exclude, part, is_dir, &by);

	if (a == EXCLUDE_SILENT)
		a = exclude_ask_by(r->exclude, whole, is_dir, &by);
	if (a == EXCLUDE_SILENT)
		a = ask_as_named(r, whole, is_dir, &by);
	*kept = a == EXCLUDE_NO;
	if (a != EXCLUDE_SILENT) {
		(void)hit(r, "pattern", "a pattern");
		r->hit.by = by;
		return a == EXCLUDE_YES;
	}
	for (size_t i = 0; is_dir && i < BACKUP_SYSTEM; i++)
		if (r->system[i].ino == item->ino &&
		    r->system[i].dev == item->dev)
			return hit(r, "system", "it is the system's own");
	if (is_dir && is_lost_found(item))
		return hit(r, "lost+found",
		    "it is where a repair of the file system puts things");
	if (exclude_ask_by(r->defaults, whole, is_dir, &by) != EXCLUDE_YES)
		return false;
	(void)hit(r, "default", "a pattern");
	r->hit.by = by;
	return true;
}

bool
backup_crossed_out(struct run *r, int fd)
{
	return backup_made_up(fd) &&
	    hit(r, "kernel", "its file system is one that a kernel makes up");
}

bool
backup_made_up(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(made_up); i++)
		if ((unsigned long)fs.f_type == made_up[i])
			return true;
	return false;
}

static bool
lists(const struct capture_list *list, const char *name)
{
	size_t lo = 0, hi = capture_size(list);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(capture_name(list, mid), name);
		if (c == 0)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool
told(struct run *r, bool counts, const char *code, const char *what)
{
	struct err why;

	(void)hit(r, code, what);
	(void)err_set(&why, ERR_READ_INCOMPLETE, "%s", what);
	backup_warn(r, &why, counts);
	return true;
}

bool
backup_is_target(struct run *r, uint64_t dev, uint64_t ino, bool named)
{
	return r->o->repo_ino != 0 && ino == r->o->repo_ino &&
	    dev == r->o->repo_dev &&
	    told(r, named, "target",
		"it is the repository that is written to, and is left out");
}

/*
 * What this program keeps grows by what is backed up, or holds the keys to it.
 * A home is left out even when it is named, other stores when they are met on
 * the way.
 */
static bool
is_ours(struct run *r, int fd, const struct capture_list *list, bool named)
{
	if (lists(list, HOMEDIR_MARKER) &&
	    capture_has_marker(fd, HOMEDIR_MARKER, HOMEDIR_MARKER_TEXT))
		return named
		    ? told(r, true, "home",
			  "it is a home of this program, which holds its "
			  "keys, and is left out")
		    : hit(r, "home",
			  "it is a home of this program, which holds its "
			  "keys");
	if (named)
		return false;
	if (lists(list, "aumbry-repo") &&
	    capture_has_marker(fd, "aumbry-repo", "aumbry-repository v1\n"))
		return told(r, false, "repository",
		    "it is a repository of backups, and is left out; name it "
		    "to have it stored");
	if (lists(list, "aumbryd.conf") && lists(list, "aumbryd.db"))
		return told(r, false, "server",
		    "it is the data of a server, and is left out; name it to "
		    "have it stored, or copy it by: aumbryd backup");
	return false;
}

bool
backup_opts_out(
    struct run *r, int fd, const struct capture_list *list, bool named)
{
	if (is_ours(r, fd, list, named))
		return true;
	if (named ||
	    (!lists(list, ".nobackup") && !lists(list, "CACHEDIR.TAG")))
		return false;
	const char *tag = exclude_by_tag(fd);
	if (tag == NULL)
		return false;
	(void)hit(r, "tag", "it asks for that itself");
	r->hit.by = (struct exclude_rule){ bytes_str(tag), "the folder", 0 };
	return true;
}
