/* SPDX-License-Identifier: ISC */
/* manifest.c: the folder is read again, and listed. */
#include "disclose/manifest.h"

#include "base/file.h"
#include "base/text.h"
#include "disclose/metadata.h"
#include "disclose/outdir.h"
#include "wire/jsonio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JSON_FILE "MANIFEST.json"
#define TEXT_FILE "MANIFEST.txt"
#define PIECE (256 * 1024) /* bytes read at once */
#define HOLES_MAX (1ULL << 30) /* bytes of holes that are hashed as zeros */

/* Both files, while they are written. */
struct listing {
	struct outfile json, text;
	bool first; /* no file is listed yet */
	uint64_t files, bytes;
};

static void
listing_free(struct listing *l)
{
	outfile_free(&l->json);
	outfile_free(&l->text);
}

/* ---- one thing in the folder ---- */

static const char *
type_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

/*
 * A file may be mostly holes: 16 TiB of them are made in no time and read in
 * hours. Then the hash is of what is data, and each piece of it stands behind
 * its offset and its length.
 */
static int
hash_data(int fd, off_t size, struct digest *out, struct err *e)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	OWN(buf_free) struct buf room = { 0 };
	uint8_t *p = buf_grow(&room, PIECE);
	off_t at = 0, end;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && at < size) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0)
			return err_sys(e, "looking for holes");
		digest_add_u64(s, (uint64_t)at);
		digest_add_u64(s, (uint64_t)(end - at));
		while (at < end) {
			size_t n =
			    end - at < PIECE ? (size_t)(end - at) : PIECE;
			size_t got;
			if (file_pread_full(fd, p, n, (uint64_t)at, &got, e) <
			    0)
				return -1;
			if (got == 0)
				return err_set(e, ERR_IO, "it got shorter");
			digest_add(s, bytes_of(p, got));
			at += (off_t)got;
		}
	}
	digest_end(s, out);
	return 0;
}

/* More of it is a hole than is worth reading. */
static bool
mostly_holes(const struct stat *st)
{
	return st->st_size > (off_t)HOLES_MAX &&
	    st->st_size - (off_t)HOLES_MAX > (off_t)st->st_blocks * 512;
}

static int
hash_of(int fd, uint64_t *size, struct digest *out, struct err *e)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	OWN(buf_free) struct buf room = { 0 };
	uint8_t *p = buf_grow(&room, PIECE);
	size_t got;

	*size = 0;
	do {
		if (file_read_full(fd, p, PIECE, &got, e) < 0)
			return -1;
		digest_add(s, bytes_of(p, got));
		*size += got;
	} while (got == PIECE);
	digest_end(s, out);
	return 0;
}

/*
 * Open what its owner may not read, as it was restored with its mode: readable
 * for that moment.
 */
static int
open_any(int dir, const char *name, int flags, const struct stat *st)
{
	flags |= O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd >= 0 || errno != EACCES ||
	    fchmodat(dir, name, (st->st_mode & 07777) | 0500, 0) < 0)
		return fd;
	fd = openat(dir, name, flags);
	(void)!fchmodat(dir, name, st->st_mode & 07777, 0);
	return fd;
}

static int
put_line(struct listing *l, struct bytes path, const struct stat *st,
    const struct digest *hash, uint64_t size, struct bytes target,
    struct err *e)
{
	bool holes = hash != NULL && mostly_holes(st);
	OWN(jsonio_free) json_t *j = json_object();
	OWN(buf_free) struct buf hex = { 0 };
	OWN(buf_free) struct buf line = { 0 };
	OWN(buf_free) struct buf text = { 0 };

	text_hex(&hex, path);
	(void)json_object_set_new(j, "path", findings_path(path));
	/* What is no UTF-8 cannot be told from what looks like it. */
	if (!text_is_utf8(path))
		jsonio_put_text(j, "path_hex", buf_text(&hex));
	jsonio_put_text(j, "type", type_of(st));
	buf_put_str(&line, l->first ? "\n" : ",\n");
	if (hash != NULL) {
		buf_clear(&hex);
		text_hex(&hex, bytes_of(hash->b, DIGEST_BYTES));
		jsonio_put_u64(j, "size", size);
		jsonio_put_text(
		    j, holes ? "sha256_of_data" : "sha256", buf_text(&hex));
		buf_printf(&text, "%s %12llu %s", buf_text(&hex),
		    (unsigned long long)size, holes ? "* " : " ");
	} else {
		buf_printf(&text, "%-64s %12s  ", type_of(st), "");
	}
	text_show(&text, path);
	if (target.p != NULL) {
		(void)json_object_set_new(j, "target", findings_path(target));
		buf_put_str(&text, " -> ");
		text_show(&text, target);
	}
	buf_put_str(&text, "\n");
	jsonio_put(&line, j);
	l->first = false;
	return outfile_put(&l->json, buf_bytes(&line), e) < 0
	    ? -1
	    : outfile_put(&l->text, buf_bytes(&text), e);
}

static int
list_file(struct listing *l, int dir, const char *name, struct bytes path,
    const struct stat *st, struct err *e)
{
	OWN(fd_close) int fd = open_any(dir, name, 0, st);
	struct digest hash;
	uint64_t size;

	if (fd < 0)
		return err_sys(e, "%s", name);
	size = (uint64_t)st->st_size;
	if ((mostly_holes(st) ? hash_data(fd, st->st_size, &hash, e)
			      : hash_of(fd, &size, &hash, e)) < 0)
		return err_in(e, "%s", name);
	l->files++;
	l->bytes += size;
	return put_line(l, path, st, &hash, size, (struct bytes){ 0 }, e);
}

static int
list_link(struct listing *l, int dir, const char *name, struct bytes path,
    const struct stat *st, struct err *e)
{
	char target[4097];
	ssize_t n = readlinkat(dir, name, target, sizeof target);

	return n < 0
	    ? err_sys(e, "%s", name)
	    : put_line(l, path, st, NULL, 0, bytes_of(target, (size_t)n), e);
}

/* ---- the folder ---- */

static void
names_free(struct dirent ***list)
{
	for (size_t i = 0; *list != NULL && (*list)[i] != NULL; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* In order of their bytes, so that two manifests can be compared. */
static int
read_names(int fd, struct dirent ***out, struct err *e)
{
	struct dirent **list = NULL;
	int n = scandirat(fd, ".", &list, NULL, by_name);

	if (n < 0)
		return err_sys(e, "reading a folder");
	list = mem_resize(list, (size_t)n + 1, sizeof *list);
	list[n] = NULL;
	*out = list;
	return 0;
}

static int list_folder(
    struct listing *l, int fd, struct buf *path, struct err *e);

static int
list_one(struct listing *l, int dir, const char *name, struct buf *path,
    struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", name);
	if (S_ISREG(st.st_mode))
		return list_file(l, dir, name, buf_bytes(path), &st, e);
	if (S_ISLNK(st.st_mode))
		return list_link(l, dir, name, buf_bytes(path), &st, e);
	if (put_line(l, buf_bytes(path), &st, NULL, 0, (struct bytes){ 0 }, e) <
	    0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	OWN(fd_close) int fd = open_any(dir, name, O_DIRECTORY, &st);
	return fd < 0 ? err_sys(e, "%s", name) : list_folder(l, fd, path, e);
}

static int
list_folder(struct listing *l, int fd, struct buf *path, struct err *e)
{
	OWN(names_free) struct dirent **list = NULL;
	size_t above = path->n;

	if (read_names(fd, &list, e) < 0)
		return -1;
	for (size_t i = 0; list[i] != NULL; i++) {
		const char *name = list[i]->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    (above == 0 &&
			(strcmp(name, JSON_FILE) == 0 ||
			    strcmp(name, TEXT_FILE) == 0)))
			continue;
		if (above > 0)
			buf_put_str(path, "/");
		buf_put_str(path, name);
		if (list_one(l, fd, name, path, e) < 0)
			return -1;
		path->n = above;
	}
	return 0;
}

/* ---- what stands before the list ---- */

static const char *
level_name(const struct manifest *m)
{
	return m->holding->circle.protection == PROTECTION_STANDARD
	    ? "standard"
	    : "advanced";
}

static const char *
finding_name(enum finding f)
{
	return f == FINDING_PLAIN ? "disclosed in plain" : "ciphertext only";
}

static json_t *
category_json(const struct manifest *m, size_t i)
{
	const struct holding_zone *z = &m->holding->zones[i];
	OWN(buf_free) struct buf where = { 0 };
	json_t *j = json_object();
	bool plain = m->findings->zones[i] == FINDING_PLAIN;

	if (!plain)
		buf_put_str(&where, "ciphertext/");
	holding_zone_name(z, &where);
	jsonio_put_text(j, "category",
	    z->category != 0 ? category_name((enum category)z->category)
			     : "aside");
	jsonio_put_id(j, "zone", &z->zone);
	jsonio_put_text(j, "what", finding_name(m->findings->zones[i]));
	jsonio_put_text(j, "where", buf_text(&where));
	jsonio_put_text(j, "why",
	    plain ? "opened with keys that the escrow holds"
		  : buf_text(&m->findings->reasons[i]));
	jsonio_put_u64(j, "records", z->records);
	jsonio_put_u64(j, "record_bytes", z->record_bytes);
	jsonio_put_u64(j, "blobs", z->n_blobs);
	jsonio_put_u64(j, "blob_bytes", z->blob_bytes);
	return j;
}

static bool
stored(const struct holding *h, unsigned category)
{
	for (size_t i = 0; i < h->n_zones; i++)
		if (h->zones[i].category == category)
			return true;
	return false;
}

/* Every category there is, stored or not. */
static json_t *
categories_json(const struct manifest *m)
{
	json_t *list = json_array();

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		if (stored(m->holding, c))
			continue;
		json_t *j = json_object();
		jsonio_put_text(j, "category", category_name((enum category)c));
		jsonio_put_text(j, "what", "nothing stored");
		(void)json_array_append_new(list, j);
	}
	for (size_t i = 0; i < m->holding->n_zones; i++)
		(void)json_array_append_new(list, category_json(m, i));
	return list;
}

static json_t *
journal_json(const struct manifest *m)
{
	const struct escrow_line *l = &m->asked->parsed;
	OWN(buf_free) struct buf hash = { 0 };
	OWN(buf_free) struct buf detail = { 0 };
	json_t *j = json_object();

	text_hex(&hash, bytes_of(m->asked->hash.b, DIGEST_BYTES));
	text_show(&detail, l->detail);
	jsonio_put_u64(j, "n", l->n);
	jsonio_put_u64(j, "account_n", l->account_n);
	metadata_put_time(j, "time", l->time_ms);
	jsonio_put_text(j, "hash", buf_text(&hash));
	jsonio_put_text(j, "detail", buf_text(&detail));
	jsonio_put_bytes(j, "line", buf_bytes(&m->asked->line));
	return j;
}

static void
put_fingerprint(const struct holding *h, struct buf *out)
{
	struct digest d;

	digest_of(bytes_of(h->escrow, SIG_PK_BYTES), &d);
	text_base64url(out, bytes_of(d.b, DIGEST_BYTES));
}

static json_t *
tables_json(void)
{
	json_t *list = json_object();

	for (size_t i = 0; i < metadata_n_tables; i++) {
		const struct metadata_table *t = &metadata_tables[i];
		json_t *j = json_object();
		if (t->where != NULL)
			jsonio_put_text(j, "where", t->where);
		if (t->but != NULL)
			jsonio_put_text(j, "left_out", t->but);
		(void)json_object_set_new(list, t->table, j);
	}
	return list;
}

/* What no table has. */
static const char *const nowhere[] = {
	"passwords, codes and recovery codes: the server never has them",
	("names of devices, files, folders, hosts and tags, but for what is in "
	 "plain below backup: the server has them as ciphertext"),
	"keys of the server and of the escrow: they are of no account",
	"requests and addresses of single calls: the server does not keep them",
};

static json_t *
head_json(const struct manifest *m)
{
	OWN(buf_free) struct buf pin = { 0 };
	const struct findings *f = m->findings;
	json_t *j = json_object(), *account = json_object(),
	       *not = json_array(), *unused = json_object();

	put_fingerprint(m->holding, &pin);
	jsonio_put_u64(j, "format", 1);
	jsonio_put_text(account, "name", m->holding->account.name);
	jsonio_put_id(account, "uid", &m->holding->account.uid);
	(void)json_object_set_new(j, "account", account);
	jsonio_put_text(j, "protection", level_name(m));
	jsonio_put_text(j, "keys",
	    m->asked->why.n == 0 ? "handed out by the escrow"
				 : buf_text(&m->asked->why));
	jsonio_put_text(j, "reference", m->reference);
	metadata_put_time(j, "time", m->time_ms);
	(void)json_object_set_new(j, "journal", journal_json(m));
	jsonio_put_text(j, "escrow", buf_text(&pin));
	(void)json_object_set_new(j, "categories", categories_json(m));
	(void)json_object_set(j, "secrets_closed", f->closed);
	(void)json_object_set(j, "not_opened", f->failed);
	jsonio_put_u64(unused, "blobs", f->unused_blobs);
	jsonio_put_u64(unused, "bytes", f->unused_bytes);
	jsonio_put_text(unused, "why",
	    "content that no backup names any more: deleted backups, until "
	    "it is pruned; keys open it, nothing says what it was");
	(void)json_object_set_new(j, "backup_blobs_not_used", unused);
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		(void)json_array_append_new(not, json_string(nowhere[i]));
	(void)json_object_set_new(j, "not_here", not );
	(void)json_object_set_new(j, "tables", tables_json());
	return j;
}

/* The object without its end; the list of files follows. */
static int
begin_json(struct outfile *f, const json_t *head, struct err *e)
{
	OWN(mem_free) char *text = json_dumps(head, JSON_INDENT(2));
	OWN(buf_free) struct buf b = { 0 };

	buf_put_str(&b, text);
	while (b.n > 0 && (b.p[b.n - 1] == '}' || b.p[b.n - 1] == '\n')) {
		bool end = b.p[b.n - 1] == '}';
		b.n--;
		if (end)
			break;
	}
	while (b.n > 0 && b.p[b.n - 1] == '\n')
		b.n--;
	buf_put_str(&b, ",\n  \"files\": [");
	return outfile_put(f, buf_bytes(&b), e);
}

static void
text_categories(const struct manifest *m, struct buf *b)
{
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		if (!stored(m->holding, c))
			buf_printf(b, "%-14s nothing stored\n",
			    category_name((enum category)c));
	for (size_t i = 0; i < m->holding->n_zones; i++) {
		const struct holding_zone *z = &m->holding->zones[i];
		OWN(buf_free) struct buf name = { 0 };
		holding_zone_name(z, &name);
		buf_printf(b,
		    "%-14s %s: %s; %llu records, %llu blobs of %llu "
		    "bytes\n",
		    buf_text(&name), finding_name(m->findings->zones[i]),
		    m->findings->zones[i] == FINDING_PLAIN
			? "opened with keys that the escrow holds"
			: buf_text(&m->findings->reasons[i]),
		    (unsigned long long)z->records,
		    (unsigned long long)z->n_blobs,
		    (unsigned long long)z->blob_bytes);
	}
}

static void
show(struct buf *b, const json_t *text)
{
	const char *s = json_string_value(text);

	text_show(b, bytes_str(s != NULL ? s : ""));
}

static void
text_findings(const struct manifest *m, struct buf *b)
{
	const struct findings *f = m->findings;
	size_t i;
	json_t *v;

	if (json_array_size(f->closed) > 0)
		buf_put_str(b,
		    "\nSecrets in backups, which stay closed (always "
		    "end-to-end):\n");
	json_array_foreach(f->closed, i, v)
	{
		show(b, json_object_get(v, "snapshot"));
		buf_put_str(b, " ");
		show(b, json_object_get(v, "path"));
		buf_put_str(b, "\n");
	}
	if (json_array_size(f->failed) > 0)
		buf_put_str(b, "\nWhat should have opened, and did not:\n");
	json_array_foreach(f->failed, i, v)
	{
		show(b, json_object_get(v, "what"));
		buf_put_str(b, ": ");
		show(b, json_object_get(v, "why"));
		buf_put_str(b, "\n");
	}
	if (f->unused_blobs > 0)
		buf_printf(b,
		    "\n%llu blobs of %llu bytes hold what no backup names any "
		    "more; they are not here.\n",
		    (unsigned long long)f->unused_blobs,
		    (unsigned long long)f->unused_bytes);
}

static int
begin_text(struct outfile *f, const struct manifest *m, struct err *e)
{
	const struct escrow_line *l = &m->asked->parsed;
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b,
	    "Disclosure of the account %s (%s)\n\nprotection     %s\n",
	    m->holding->account.name, id_text(&m->holding->account.uid).s,
	    level_name(m));
	buf_printf(&b, "keys           %s\nreference      ",
	    m->asked->why.n == 0 ? "handed out by the escrow"
				 : buf_text(&m->asked->why));
	text_show(&b, bytes_str(m->reference));
	buf_put_str(&b, "\ntime           ");
	text_time(&b, (int64_t)m->time_ms);
	buf_printf(&b,
	    "\njournal        line %llu, the account's %llu, SHA-256 ",
	    (unsigned long long)l->n, (unsigned long long)l->account_n);
	text_hex(&b, bytes_of(m->asked->hash.b, DIGEST_BYTES));
	buf_put_str(&b, "\n               ");
	text_show(&b, l->detail);
	buf_put_str(&b, "\nescrow         ");
	put_fingerprint(m->holding, &b);
	buf_put_str(&b, "\n\n");
	text_categories(m, &b);
	text_findings(m, &b);
	buf_put_str(&b, "\nNot here:\n");
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		buf_printf(&b, "%s\n", nowhere[i]);
	for (size_t i = 0; i < metadata_n_tables; i++)
		if (metadata_tables[i].but != NULL)
			buf_printf(&b, "the server's table %s: %s\n",
			    metadata_tables[i].table, metadata_tables[i].but);
	buf_put_str(&b,
	    "\nOwners, modes, attributes, flags and devices are in "
	    "backup/ID.jsonl; the files have\nthe owner who wrote them, and "
	    "no bit or attribute that gives rights.\n\nSHA-256, bytes, path; "
	    "with a * the hash is of data alone, each piece of it behind\nits "
	    "offset and its length, 8 bytes each, big-endian:\n");
	return outfile_put(f, buf_bytes(&b), e);
}

/* ---- all of it ---- */

static int
list_all(const char *out, struct listing *l, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	OWN(fd_close)
	int fd = open(out, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "%s", out) : list_folder(l, fd, &path, e);
}

static int
hash_file(const char *out, const char *name, struct digest *hash, struct err *e)
{
	OWN(mem_free) char *path = file_join(out, name);
	OWN(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t size;

	return fd < 0 ? err_sys(e, "%s", path) : hash_of(fd, &size, hash, e);
}

static int
end_text(struct listing *l, const char *out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest hash;

	if (hash_file(out, JSON_FILE, &hash, e) < 0)
		return -1;
	buf_printf(&b, "\n%llu files of %llu bytes; " JSON_FILE " has SHA-256 ",
	    (unsigned long long)l->files, (unsigned long long)l->bytes);
	text_hex(&b, bytes_of(hash.b, DIGEST_BYTES));
	buf_put_str(&b, "\n");
	return outfile_put(&l->text, buf_bytes(&b), e) < 0
	    ? -1
	    : outfile_done(&l->text, e);
}

int
manifest_write(const struct manifest *m, const char *out, struct digest *hash,
    struct err *e)
{
	OWN(listing_free)
	struct listing l = { .json = OUTFILE, .text = OUTFILE, .first = true };
	OWN(jsonio_free) json_t *head = head_json(m);

	if (outfile_open(out, JSON_FILE, &l.json, e) < 0 ||
	    outfile_open(out, TEXT_FILE, &l.text, e) < 0 ||
	    begin_json(&l.json, head, e) < 0 || begin_text(&l.text, m, e) < 0 ||
	    list_all(out, &l, e) < 0 ||
	    outfile_put(&l.json, bytes_str("\n  ]\n}\n"), e) < 0 ||
	    outfile_done(&l.json, e) < 0 || end_text(&l, out, e) < 0 ||
	    file_sync_dir(out, e) < 0)
		return -1;
	return hash_file(out, TEXT_FILE, hash, e);
}
