/* SPDX-License-Identifier: ISC */
/* entry.c: the stored form of one file-system object. */
#include "files/entry.h"

#include <assert.h>
#include <string.h>

enum {
	HAS_CTIME = 1 << 0,
	HAS_LINKS = 1 << 1,
	HAS_SIZE = 1 << 2,
	HAS_RDEV = 1 << 3,
	HAS_TARGET = 1 << 4,
	HAS_XATTRS = 1 << 5,
	HAS_FLAGS = 1 << 6,
	HAS_CATEGORY = 1 << 7,
	HAS_EXTENTS = 1 << 8,
	HAS_CONTENT = 1 << 9,
	HAS_STATUS = 1 << 10,
	HAS_ALL = (1 << 11) - 1
};

#define ID_MAX (UINT32_MAX - 1) /* -1 means "leave it" to chown */
#define NS_MAX 999999999u

const char *
entry_type_name(enum entry_type type)
{
	static const char *const names[] = { "nothing", "regular file",
		"directory", "symlink", "fifo", "socket", "character device",
		"block device" };

	assert(type < ARRAY_SIZE(names));
	return names[type];
}

bool
entry_name_ok(struct bytes name)
{
	if (name.n == 0 || name.n > ENTRY_NAME_MAX)
		return false;
	if (bytes_equal(name, bytes_str(".")) ||
	    bytes_equal(name, bytes_str("..")))
		return false;
	return memchr(name.p, '/', name.n) == NULL &&
	    memchr(name.p, '\0', name.n) == NULL;
}

static bool
holds_nul(struct bytes x)
{
	return x.n > 0 && memchr(x.p, '\0', x.n) != NULL;
}

static bool
is_device(enum entry_type type)
{
	return type == ENTRY_CHARDEV || type == ENTRY_BLOCKDEV;
}

static uint64_t
zigzag(uint64_t v)
{
	return (v << 1) ^ (0 - (v >> 63));
}

static uint64_t
unzigzag(uint64_t v)
{
	return (v >> 1) ^ (0 - (v & 1));
}

/* Two's complement in both directions, without a conversion that may trap. */
static int64_t
signed_of(uint64_t v)
{
	int64_t s;

	memcpy(&s, &v, sizeof s);
	return s;
}

static void
put_vv(struct buf *out, struct bytes x)
{
	buf_put_varint(out, x.n);
	buf_put_bytes(out, x);
}

static unsigned
present_of(const struct entry *x)
{
	bool ctime = x->ctime_s != x->mtime_s || x->ctime_ns != x->mtime_ns;
	bool links = x->nlink > 1 && x->type != ENTRY_DIRECTORY;
	bool regular = x->type == ENTRY_REGULAR;

	return (ctime ? HAS_CTIME : 0u) | (links ? HAS_LINKS : 0u) |
	    (regular && x->size > 0 ? HAS_SIZE : 0u) |
	    (is_device(x->type) ? HAS_RDEV : 0u) |
	    (x->type == ENTRY_SYMLINK ? HAS_TARGET : 0u) |
	    (x->xattrs.n > 0 ? HAS_XATTRS : 0u) |
	    (x->flags != 0 ? HAS_FLAGS : 0u) |
	    (x->category != ENTRY_BACKUP ? HAS_CATEGORY : 0u) |
	    (regular && x->sparse && x->size > 0 ? HAS_EXTENTS : 0u) |
	    (x->content.n > 0 ? HAS_CONTENT : 0u) |
	    (x->status != ENTRY_WHOLE ? HAS_STATUS : 0u);
}

static void
put_optional(struct buf *out, const struct entry *x, unsigned has)
{
	if (has & HAS_CTIME) {
		uint64_t later = (uint64_t)x->ctime_s - (uint64_t)x->mtime_s;
		buf_put_varint(out, zigzag(later));
		buf_put_varint(out, x->ctime_ns);
	}
	if (has & HAS_LINKS) {
		buf_put_varint(out, x->dev);
		buf_put_varint(out, x->ino);
		buf_put_varint(out, x->nlink);
	}
	if (has & HAS_SIZE)
		buf_put_varint(out, x->size);
	if (has & HAS_RDEV) {
		buf_put_varint(out, x->rdev_major);
		buf_put_varint(out, x->rdev_minor);
	}
	if (has & HAS_TARGET)
		put_vv(out, x->target);
	if (has & HAS_XATTRS)
		put_vv(out, x->xattrs);
	if (has & HAS_FLAGS)
		buf_put_varint(out, x->flags);
	if (has & HAS_CATEGORY)
		buf_put_u8(out, (uint8_t)x->category);
	if (has & HAS_EXTENTS)
		put_vv(out, x->extents);
	if (has & HAS_CONTENT)
		put_vv(out, x->content);
	if (has & HAS_STATUS)
		buf_put_u8(out, (uint8_t)x->status);
}

/* Put the length of what follows `start` before it. */
static void
prefix_length(struct buf *out, size_t start)
{
	size_t n = out->n - start;
	size_t width = 1;

	for (size_t v = n >> 7; v > 0; v >>= 7)
		width++;
	(void)buf_grow(out, width);
	memmove(out->p + start + width, out->p + start, n);
	for (size_t i = 0; i < width; i++, n >>= 7)
		out->p[start + i] =
		    (uint8_t)((n & 0x7f) | (i + 1 < width ? 0x80 : 0));
}

void
entry_put(struct buf *out, const struct entry *x)
{
	unsigned has = present_of(x);
	size_t start = out->n;

	assert(entry_name_ok(x->name) && x->mode <= 07777);
	assert(x->mtime_ns <= NS_MAX && x->ctime_ns <= NS_MAX);
	assert(x->xattrs.n <= ENTRY_XATTRS_MAX);
	assert(x->extents.n <= ENTRY_EXTENTS_MAX);
	assert(x->content.n <= ENTRY_CONTENT_MAX);
	assert((x->flags & ~ENTRY_FLAGS) == 0 && x->size <= INT64_MAX);
	buf_put_varint(out, has);
	buf_put_u8(out, (uint8_t)x->type);
	buf_put_v8(out, x->name);
	buf_put_varint(out, x->mode);
	buf_put_varint(out, x->uid);
	buf_put_varint(out, x->gid);
	buf_put_v8(out, x->user);
	buf_put_v8(out, x->group);
	buf_put_varint(out, zigzag((uint64_t)x->mtime_s));
	buf_put_varint(out, x->mtime_ns);
	put_optional(out, x, has);
	prefix_length(out, start);
}

bool
entry_total(struct bytes x, uint64_t *total)
{
	struct scan s = scan_of(x);
	uint64_t body = scan_varint(&s);

	if (!scan_ok(&s) || body > ENTRY_MAX)
		return false;
	*total = x.n - s.n + body;
	return true;
}

void
entry_xattr_put(struct buf *xattrs, struct bytes name, struct bytes value)
{
	assert(name.n > 0 && !holds_nul(name));
	assert(value.n <= ENTRY_XATTR_MAX);
	buf_put_v8(xattrs, name);
	put_vv(xattrs, value);
}

bool
entry_xattr_next(struct bytes *rest, struct bytes *name, struct bytes *value)
{
	struct scan s = scan_of(*rest);

	if (rest->n == 0)
		return false;
	*name = scan_v8(&s);
	*value = scan_take(&s, (size_t)scan_varint(&s));
	*rest = bytes_of(s.p, s.n);
	return scan_ok(&s);
}

void
entry_extent_put(
    struct buf *extents, uint64_t *end, uint64_t offset, uint64_t length)
{
	assert(offset >= *end && length > 0);
	assert(offset > *end || extents->n == 0);
	buf_put_varint(extents, offset - *end);
	buf_put_varint(extents, length);
	*end = offset + length;
}

bool
entry_extent_next(
    struct bytes *rest, uint64_t *end, uint64_t *offset, uint64_t *length)
{
	struct scan s = scan_of(*rest);

	if (rest->n == 0)
		return false;
	*offset = *end + scan_varint(&s);
	*length = scan_varint(&s);
	*end = *offset + *length;
	*rest = bytes_of(s.p, s.n);
	return scan_ok(&s);
}

static int
bad(struct err *e, const char *what)
{
	return err_set(e, ERR_RECORD_CORRUPT, "tree entry: %s", what);
}

/* A varint of at most `most`; too much marks the cursor bad. */
static uint64_t
take_number(struct scan *s, uint64_t most)
{
	uint64_t v = scan_varint(s);

	if (v > most)
		s->bad = true;
	return s->bad ? 0 : v;
}

static struct bytes
take_vv(struct scan *s, size_t most)
{
	return scan_take(s, (size_t)take_number(s, most));
}

static bool
xattrs_ok(struct bytes raw)
{
	struct scan s = scan_of(raw);

	while (scan_ok(&s) && s.n > 0) {
		struct bytes name = scan_v8(&s);
		(void)take_vv(&s, ENTRY_XATTR_MAX);
		if (name.n == 0 || holds_nul(name))
			return false;
	}
	return scan_done(&s);
}

static bool
extents_ok(struct bytes raw, uint64_t size)
{
	struct scan s = scan_of(raw);
	uint64_t end = 0;

	for (bool first = true; scan_ok(&s) && s.n > 0; first = false) {
		uint64_t gap = take_number(&s, size - end);
		if (gap == 0 && !first)
			return false;
		end += gap;
		uint64_t length = take_number(&s, size - end);
		if (length == 0 || length == size)
			return false;
		end += length;
	}
	return scan_done(&s) && size > 0;
}

static int
take_fixed(struct scan *s, struct entry *x, struct err *e)
{
	uint8_t type = scan_u8(s);

	if (!scan_ok(s) || type < ENTRY_REGULAR || type > ENTRY_BLOCKDEV)
		return bad(e, "no such type");
	x->type = type;
	x->name = scan_v8(s);
	if (!entry_name_ok(x->name))
		return bad(e, "a name that no file can have");
	x->mode = (uint32_t)take_number(s, 07777);
	x->uid = (uint32_t)take_number(s, ID_MAX);
	x->gid = (uint32_t)take_number(s, ID_MAX);
	if (!scan_ok(s))
		return bad(e, "mode or owner out of range");
	x->user = scan_v8(s);
	x->group = scan_v8(s);
	if (holds_nul(x->user) || holds_nul(x->group))
		return bad(e, "a NUL in the name of an owner");
	x->mtime_s = signed_of(unzigzag(scan_varint(s)));
	x->mtime_ns = (uint32_t)take_number(s, NS_MAX);
	return scan_ok(s) ? 0 : bad(e, "cut short or a time out of range");
}

/* Which optional fields a type may have and must have. */
static int
check_present(const struct entry *x, unsigned has, struct err *e)
{
	bool regular = x->type == ENTRY_REGULAR;

	if (!regular && (has & (HAS_SIZE | HAS_EXTENTS)))
		return bad(e, "a size or a map where there is no file");
	if (is_device(x->type) != ((has & HAS_RDEV) != 0))
		return bad(e, "device numbers and type disagree");
	if ((x->type == ENTRY_SYMLINK) != ((has & HAS_TARGET) != 0))
		return bad(e, "link target and type disagree");
	if (x->type == ENTRY_DIRECTORY && (has & HAS_LINKS))
		return bad(e, "a directory with other names");
	return 0;
}

static int
take_ctime(struct scan *s, struct entry *x, unsigned has, struct err *e)
{
	x->ctime_s = x->mtime_s;
	x->ctime_ns = x->mtime_ns;
	if (!(has & HAS_CTIME))
		return 0;
	uint64_t later = unzigzag(scan_varint(s));
	x->ctime_s = signed_of((uint64_t)x->mtime_s + later);
	x->ctime_ns = (uint32_t)take_number(s, NS_MAX);
	if (!scan_ok(s) || (later == 0 && x->ctime_ns == x->mtime_ns))
		return bad(e, "change time out of range");
	return 0;
}

static int
take_numbers(struct scan *s, struct entry *x, unsigned has, struct err *e)
{
	x->nlink = 1;
	if (has & HAS_LINKS) {
		x->dev = scan_varint(s);
		x->ino = scan_varint(s);
		x->nlink = (uint32_t)take_number(s, UINT32_MAX);
		if (x->nlink < 2)
			return bad(e, "link identity of a single name");
	}
	if (has & HAS_SIZE) {
		x->size = take_number(s, INT64_MAX);
		if (x->size == 0)
			return bad(e, "size out of range");
	}
	if (has & HAS_RDEV) {
		x->rdev_major = (uint32_t)take_number(s, UINT32_MAX);
		x->rdev_minor = (uint32_t)take_number(s, UINT32_MAX);
	}
	return scan_ok(s) ? 0 : bad(e, "cut short or a number out of range");
}

static int
take_lists(struct scan *s, struct entry *x, unsigned has, struct err *e)
{
	if (has & HAS_TARGET) {
		x->target = take_vv(s, ENTRY_TARGET_MAX);
		if (x->target.n == 0 || holds_nul(x->target))
			return bad(e, "a target that no link can have");
	}
	if (has & HAS_XATTRS) {
		x->xattrs = take_vv(s, ENTRY_XATTRS_MAX);
		if (x->xattrs.n == 0 || !xattrs_ok(x->xattrs))
			return bad(e, "extended attributes are malformed");
	}
	if (has & HAS_FLAGS) {
		x->flags = (uint32_t)take_number(s, UINT32_MAX);
		if (x->flags == 0)
			return bad(e, "flags out of range");
		if (x->flags & ~ENTRY_FLAGS)
			return err_set(e, ERR_UPDATE_NEEDED,
			    "tree entry: file flags %#x are unknown here",
			    x->flags & ~ENTRY_FLAGS);
	}
	return 0;
}

static int
take_rest(struct scan *s, struct entry *x, unsigned has, struct err *e)
{
	x->category = ENTRY_BACKUP;
	if (has & HAS_CATEGORY) {
		if (scan_u8(s) != ENTRY_KEYCHAIN)
			return bad(e, "no such category");
		x->category = ENTRY_KEYCHAIN;
	}
	if (has & HAS_EXTENTS) {
		x->sparse = true;
		x->extents = take_vv(s, ENTRY_EXTENTS_MAX);
		if (!scan_ok(s) || !extents_ok(x->extents, x->size))
			return bad(e, "the map of holes is malformed");
	}
	if (has & HAS_CONTENT) {
		x->content = take_vv(s, ENTRY_CONTENT_MAX);
		if (x->content.n == 0)
			return bad(e, "the content list is malformed");
	}
	if (has & HAS_STATUS) {
		if (scan_u8(s) != ENTRY_CHANGED)
			return bad(e, "no such status");
		x->status = ENTRY_CHANGED;
	}
	return scan_done(s) ? 0 : bad(e, "its length is wrong");
}

int
entry_take(struct scan *s, struct entry *x, struct err *e)
{
	struct scan at = *s;
	struct bytes body = take_vv(&at, ENTRY_MAX);
	struct scan in = scan_of(body);
	struct entry out = { 0 };
	uint64_t has = scan_varint(&in);

	*x = (struct entry){ 0 };
	if (!scan_ok(&at) || !scan_ok(&in))
		return bad(e, "cut short");
	if (has > HAS_ALL)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "tree entry: has fields that are unknown here (%#llx)",
		    (unsigned long long)has);
	if (take_fixed(&in, &out, e) < 0 ||
	    check_present(&out, (unsigned)has, e) < 0 ||
	    take_ctime(&in, &out, (unsigned)has, e) < 0 ||
	    take_numbers(&in, &out, (unsigned)has, e) < 0 ||
	    take_lists(&in, &out, (unsigned)has, e) < 0 ||
	    take_rest(&in, &out, (unsigned)has, e) < 0)
		return -1;
	*x = out;
	*s = at;
	return 0;
}
