/* SPDX-License-Identifier: ISC */
/* journal.c: appending, checking and finding lines. */
#include "escrow/journal.h"

#include "base/file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FRAME 4 /* bytes of a line's length */
#define DETAIL_AT 112 /* in a line: where the detail begins */
#define LINE_MIN (DETAIL_AT + SIG_BYTES)
#define LINE_MAX (LINE_MIN + ESCROW_DETAIL)
#define BLOCK (64 * 1024) /* bytes read at once when it is checked */
#define NONE SIZE_MAX

/* What is kept of a line in memory. */
struct mark {
	uint64_t at; /* of its frame in the file */
	uint64_t time_ms;
	size_t before; /* the account's line before; NONE */
	uint16_t n; /* bytes of the line */
	uint8_t verb, outcome;
};

struct chain {
	struct id uid;
	struct journal_head head; /* n 0: a free slot */
	size_t last; /* mark */
};

struct journal {
	int fd;
	char *path;
	uint8_t sign_pk[SIG_PK_BYTES];
	uint64_t end; /* of the last whole line in the file */
	struct journal_head head;
	uint64_t last_ms;
	bool broken;
	struct mark *marks; /* of line i + 1 */
	size_t n_marks, cap_marks;
	struct chain *chains; /* open addressing by uid, which is random */
	size_t n_chains, cap_chains; /* a power of two, or 0 */
};

static int
damaged(const struct journal *j, struct err *e, const char *why)
{
	(void)err_set(e, ERR_JOURNAL_ROLLED_BACK, "%s is damaged: line %llu %s",
	    j->path, (unsigned long long)j->head.n + 1, why);
	return err_remedy(e,
	    "Put back a copy that is whole. Nothing is handed out until then.");
}

/* ---- accounts ---- */

static struct chain *
slot_of(struct chain *chains, size_t cap, const struct id *uid)
{
	size_t i = (size_t)be64(uid->b) & (cap - 1);

	while (chains[i].head.n > 0 && !id_equal(&chains[i].uid, uid))
		i = (i + 1) & (cap - 1);
	return &chains[i];
}

static const struct chain *
find(const struct journal *j, const struct id *uid)
{
	if (j->cap_chains == 0)
		return NULL;
	const struct chain *c = slot_of(j->chains, j->cap_chains, uid);
	return c->head.n > 0 ? c : NULL;
}

/* The account's chain, which is to get a line. */
static struct chain *
chain_for(struct journal *j, const struct id *uid)
{
	if (2 * (j->n_chains + 1) > j->cap_chains) {
		size_t cap = j->cap_chains > 0 ? 2 * j->cap_chains : 64;
		struct chain *more = mem_array(cap, sizeof *more);
		for (size_t i = 0; i < j->cap_chains; i++)
			if (j->chains[i].head.n > 0)
				*slot_of(more, cap, &j->chains[i].uid) =
				    j->chains[i];
		free(j->chains);
		j->chains = more;
		j->cap_chains = cap;
	}
	struct chain *c = slot_of(j->chains, j->cap_chains, uid);
	if (c->head.n == 0) {
		j->n_chains++;
		*c = (struct chain){ .uid = *uid, .last = NONE };
	}
	return c;
}

/* A line that is in the file, at j->end. */
static void
take_in(struct journal *j, const struct escrow_line *l, struct bytes line)
{
	struct chain *c = chain_for(j, &l->uid);

	if (j->n_marks == j->cap_marks) {
		j->cap_marks = j->cap_marks > 0 ? 2 * j->cap_marks : 256;
		j->marks = mem_resize(j->marks, j->cap_marks, sizeof *j->marks);
	}
	j->marks[j->n_marks] = (struct mark){ .at = j->end,
		.time_ms = l->time_ms,
		.before = c->last,
		.n = (uint16_t)line.n,
		.verb = l->verb,
		.outcome = l->outcome };
	c->last = j->n_marks++;
	j->head.n = l->n;
	digest_of(line, &j->head.hash);
	c->head = (struct journal_head){ l->account_n, j->head.hash };
	j->last_ms = l->time_ms;
	j->end += FRAME + line.n;
}

struct journal_head
journal_head(const struct journal *j)
{
	return j->head;
}

struct journal_head
journal_account(const struct journal *j, const struct id *uid)
{
	const struct chain *c = find(j, uid);

	return c != NULL ? c->head : (struct journal_head){ 0 };
}

uint64_t
journal_last_ms(const struct journal *j)
{
	return j->last_ms;
}

/* ---- checking ---- */

static int
check_line(struct journal *j, struct bytes line, bool signatures, struct err *e)
{
	struct escrow_line l;

	if (escrow_line_parse(line, &l, e) < 0)
		return damaged(j, e, "is not well-formed");
	if (l.n != j->head.n + 1 || !digest_equal(&l.prev, &j->head.hash))
		return damaged(j, e, "does not continue the one before it");
	struct journal_head account = journal_account(j, &l.uid);
	if (l.account_n != account.n + 1 ||
	    !digest_equal(&l.account_prev, &account.hash))
		return damaged(j, e, "does not continue its account's");
	if (l.time_ms < j->last_ms)
		return damaged(j, e, "is older than the one before it");
	if (signatures &&
	    !sig_valid(SIG_ESCROW_JOURNAL, j->sign_pk, l.signed_part, l.sig))
		return damaged(j, e, "is not signed by this escrow");
	take_in(j, &l, line);
	return 0;
}

/*
 * Is `tail` how the next frame would begin, cut short? A whole line whose
 * length was changed is not: what it says of its detail does not fit that.
 */
static bool
is_torn(const struct journal *j, struct bytes tail)
{
	OWN(buf_free) struct buf next = { 0 };
	struct escrow_line begun = { .n = j->head.n + 1, .prev = j->head.hash };
	size_t fixed = sizeof(uint32_t) + sizeof(uint64_t) + DIGEST_BYTES;

	if (tail.n >= FRAME) {
		size_t n = be32(tail.p);
		if (n < LINE_MIN || n > LINE_MAX || tail.n >= FRAME + n)
			return false;
		if (tail.n >= FRAME + DETAIL_AT &&
		    LINE_MIN + (size_t)be16(tail.p + FRAME + DETAIL_AT - 2) !=
			n)
			return false;
		tail = bytes_of(tail.p + FRAME, tail.n - FRAME);
	} else {
		return tail.n < 1 ||
		    (tail.p[0] == 0 && (tail.n < 2 || tail.p[1] == 0));
	}
	escrow_line_begin(&next, &begun);
	if (tail.n < fixed)
		fixed = tail.n;
	return bytes_equal(bytes_of(next.p, fixed), bytes_of(tail.p, fixed));
}

static int
check_last_signature(struct journal *j, struct bytes line, struct err *e)
{
	struct escrow_line l;

	if (line.n == 0)
		return 0;
	if (escrow_line_parse(line, &l, e) < 0)
		return -1;
	if (sig_valid(SIG_ESCROW_JOURNAL, j->sign_pk, l.signed_part, l.sig))
		return 0;
	j->head.n--;
	return damaged(j, e, "is not signed by this escrow");
}

/* All whole lines at the beginning of x; the last one to `last`. */
static int
check_block(struct journal *j, struct bytes x, enum journal_mode mode,
    struct buf *last, size_t *used, struct err *e)
{
	struct scan s = scan_of(x);
	struct bytes line = { 0 };

	*used = 0;
	while (s.n >= FRAME) {
		size_t n = be32(s.p);
		if (n < LINE_MIN || n > LINE_MAX)
			return damaged(j, e, "has a length that none has");
		if (s.n < FRAME + n)
			break;
		line = scan_v32(&s);
		if (check_line(j, line, mode == JOURNAL_LOOK, e) < 0)
			return -1;
		*used += FRAME + n;
	}
	if (line.n > 0) {
		buf_clear(last);
		buf_put_bytes(last, line);
	}
	return 0;
}

static int
check_all(
    struct journal *j, enum journal_mode mode, struct buf *tail, struct err *e)
{
	OWN(buf_free) struct buf block = { 0 };
	OWN(buf_free) struct buf last = { 0 };
	size_t got, used;

	do {
		uint64_t at = j->end;
		buf_clear(&block);
		uint8_t *p = buf_grow(&block, BLOCK);
		if (file_pread_full(j->fd, p, BLOCK, at, &got, e) < 0)
			return err_in(e, "%s", j->path);
		if (check_block(j, bytes_of(p, got), mode, &last, &used, e) < 0)
			return -1;
		if (got < BLOCK)
			buf_put(tail, p + used, got - used);
	} while (got == BLOCK);
	return check_last_signature(j, buf_bytes(&last), e);
}

void
journal_free(struct journal **j)
{
	if (*j == NULL)
		return;
	fd_close(&(*j)->fd);
	free((*j)->path);
	free((*j)->marks);
	free((*j)->chains);
	free(*j);
	*j = NULL;
}

static int
sync_folder_of(const char *path, struct err *e)
{
	OWN(mem_free) char *dir = mem_text(path);
	char *slash = strrchr(dir, '/');

	if (slash == NULL)
		return file_sync_dir(".", e);
	*slash = '\0';
	return file_sync_dir(dir[0] != '\0' ? dir : "/", e);
}

int
journal_open(const char *path, const uint8_t sign_pk[static SIG_PK_BYTES],
    enum journal_mode mode, struct journal **out, size_t *torn, struct err *e)
{
	OWN(journal_free) struct journal *j = mem_new(sizeof *j);
	OWN(buf_free) struct buf tail = { 0 };
	bool serve = mode == JOURNAL_SERVE;

	j->path = mem_text(path);
	memcpy(j->sign_pk, sign_pk, sizeof j->sign_pk);
	j->fd = open(path,
	    serve ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return err_sys(e, "%s", path);
	if ((serve && sync_folder_of(path, e) < 0) ||
	    check_all(j, mode, &tail, e) < 0)
		return -1;
	if (!is_torn(j, buf_bytes(&tail)))
		return damaged(j, e, "is cut short, and not by a crash");
	if (serve && tail.n > 0 &&
	    (ftruncate(j->fd, (off_t)j->end) < 0 || fdatasync(j->fd) < 0))
		return err_sys(e, "%s", path);
	*torn = tail.n;
	*out = TAKE(j);
	return 0;
}

/* ---- adding ---- */

static void
make_line(const struct journal *j, const struct devkey *identity,
    const struct journal_event *x, struct buf *frame)
{
	struct journal_head account = journal_account(j, &x->uid);
	struct escrow_line l = { .n = j->head.n + 1,
		.prev = j->head.hash,
		.uid = x->uid,
		.account_n = account.n + 1,
		.account_prev = account.hash,
		.time_ms = x->time_ms > j->last_ms ? x->time_ms : j->last_ms,
		.verb = (uint8_t)x->verb,
		.outcome = (uint8_t)x->outcome,
		.detail = x->detail };
	uint8_t sig[SIG_BYTES];

	buf_put_u32(frame, 0);
	escrow_line_begin(frame, &l);
	devkey_sign(identity, SIG_ESCROW_JOURNAL,
	    bytes_of(frame->p + FRAME, frame->n - FRAME), sig);
	buf_put(frame, sig, sizeof sig);
	be32_put(frame->p, (uint32_t)(frame->n - FRAME));
}

int
journal_add(struct journal *j, const struct devkey *identity,
    const struct journal_event *x, struct journal_head *out, struct err *e)
{
	OWN(buf_free) struct buf frame = { 0 };
	struct escrow_line l;

	assert(x->detail.n <= ESCROW_DETAIL);
	if (j->broken)
		return err_set(e, ERR_IO,
		    "%s could not be written before; the escrow must be "
		    "started again",
		    j->path);
	make_line(j, identity, x, &frame);
	struct bytes line = bytes_of(frame.p + FRAME, frame.n - FRAME);
	/* What would not be read again is never written. */
	if (escrow_line_parse(line, &l, e) < 0)
		return -1;
	if (file_pwrite_all(j->fd, buf_bytes(&frame), j->end, e) < 0) {
		j->broken = ftruncate(j->fd, (off_t)j->end) < 0;
		return err_in(e, "%s", j->path);
	}
	if (fdatasync(j->fd) < 0) {
		/* The disk may have it or not: only a new start can tell. */
		j->broken = true;
		return err_sys(e, "%s", j->path);
	}
	take_in(j, &l, line);
	*out = journal_account(j, &x->uid);
	return 0;
}

/* ---- finding ---- */

static bool
fits(const struct mark *m, unsigned verbs, enum escrow_outcome outcome)
{
	return m->verb < ESCROW_VERBS && (JOURNAL_VERB(m->verb) & verbs) != 0 &&
	    m->outcome == outcome;
}

size_t
journal_count(const struct journal *j, const struct id *uid, unsigned verbs,
    enum escrow_outcome outcome, uint64_t since_ms)
{
	const struct chain *c = find(j, uid);
	size_t n = 0;

	for (size_t i = c != NULL ? c->last : NONE;
	     i != NONE && j->marks[i].time_ms >= since_ms;
	     i = j->marks[i].before)
		n += fits(&j->marks[i], verbs, outcome);
	return n;
}

size_t
journal_count_all(const struct journal *j, unsigned verbs,
    enum escrow_outcome outcome, uint64_t since_ms)
{
	size_t n = 0;

	for (size_t i = j->n_marks; i-- > 0 && j->marks[i].time_ms >= since_ms;)
		n += fits(&j->marks[i], verbs, outcome);
	return n;
}

/* The line of a mark; `room` holds its bytes. */
static int
read_line(const struct journal *j, size_t mark, struct buf *room,
    struct escrow_line *out, struct err *e)
{
	const struct mark *m = &j->marks[mark];
	size_t got;

	buf_clear(room);
	uint8_t *p = buf_grow(room, m->n);
	if (file_pread_full(j->fd, p, m->n, m->at + FRAME, &got, e) < 0)
		return err_in(e, "%s", j->path);
	room->n = got;
	if (escrow_line_parse(buf_bytes(room), out, e) < 0 ||
	    out->n != mark + 1)
		return err_set(e, ERR_JOURNAL_ROLLED_BACK,
		    "%s was changed while it was in use", j->path);
	return 0;
}

struct bytes
journal_word(struct bytes detail, const char *word)
{
	size_t n = strlen(word);
	size_t i = 0;

	while (i < detail.n) {
		bool here = detail.n - i > n + 1 && detail.p[i + n] == '=' &&
		    bytes_equal(bytes_of(detail.p + i, n), bytes_str(word));
		size_t from = i;
		bool quoted = false;
		for (; i < detail.n && (detail.p[i] != ' ' || quoted); i++)
			quoted ^= detail.p[i] == '"';
		if (here) {
			struct bytes v =
			    bytes_of(detail.p + from + n + 1, i - from - n - 1);
			return v.n >= 2 && v.p[0] == '"'
			    ? bytes_of(v.p + 1, v.n - 2)
			    : v;
		}
		i++;
	}
	return (struct bytes){ NULL, 0 };
}

int
journal_has(const struct journal *j, const struct id *uid,
    const struct journal_said *said, bool *has, struct err *e)
{
	OWN(buf_free) struct buf room = { 0 };
	const struct chain *c = find(j, uid);
	struct escrow_line l;

	*has = false;
	for (size_t i = c != NULL ? c->last : NONE; i != NONE && !*has;
	     i = j->marks[i].before) {
		if (!fits(
			&j->marks[i], JOURNAL_VERB(said->verb), ESCROW_WILL_DO))
			continue;
		if (read_line(j, i, &room, &l, e) < 0)
			return -1;
		*has = bytes_equal(
		    journal_word(l.detail, said->word), bytes_str(said->value));
	}
	return 0;
}

/* The moment that a line's notify_after names, milliseconds; 0 for none. */
static uint64_t
told_after(const struct escrow_line *l)
{
	struct bytes word = journal_word(l->detail, "notify_after");
	OWN(buf_free) struct buf text = { 0 };
	struct tm t = { 0 };

	buf_put_bytes(&text, word);
	const char *end = strptime(buf_text(&text), "%Y-%m-%dT%H:%M:%SZ", &t);
	if (end == NULL || *end != '\0')
		return 0;
	time_t s = timegm(&t);
	return s > 0 ? (uint64_t)s * 1000 : 0;
}

int
journal_shown(const struct journal *j, const struct id *uid, uint64_t now_ms,
    struct journal_head *out, struct err *e)
{
	OWN(buf_free) struct buf room = { 0 };
	const struct chain *c = find(j, uid);
	struct journal_head shown = journal_account(j, uid);
	struct escrow_line l;

	for (size_t i = c != NULL ? c->last : NONE; i != NONE;
	     i = j->marks[i].before) {
		if (j->marks[i].verb != ESCROW_DISCLOSE)
			continue;
		if (read_line(j, i, &room, &l, e) < 0)
			return -1;
		if (told_after(&l) > now_ms)
			shown = (struct journal_head){ l.account_n - 1,
				l.account_prev };
	}
	*out = shown;
	return 0;
}

/* Marks of an account's lines after `since`, oldest first. */
static size_t *
marks_after(
    const struct journal *j, const struct id *uid, uint64_t since, size_t *n)
{
	const struct chain *c = find(j, uid);
	uint64_t all = c != NULL ? c->head.n : 0;

	*n = all > since ? (size_t)(all - since) : 0;
	size_t *list = mem_array(*n > 0 ? *n : 1, sizeof *list);
	size_t mark = c != NULL ? c->last : NONE;
	for (size_t i = *n; i-- > 0; mark = j->marks[mark].before)
		list[i] = mark;
	return list;
}

int
journal_lines(const struct journal *j, const struct id *uid, uint64_t since,
    size_t limit, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf room = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	struct escrow_line l;
	size_t n;
	OWN(mem_free) size_t *list = marks_after(j, uid, since, &n);

	for (size_t i = 0; i < n; i++) {
		if (read_line(j, list[i], &room, &l, e) < 0)
			return -1;
		if (all.n + 2 + room.n > limit)
			break;
		buf_put_v16(&all, buf_bytes(&room));
	}
	buf_put_bytes(out, buf_bytes(&all));
	return 0;
}

int
journal_each(const struct journal *j, const struct id *uid, journal_fn *fn,
    void *arg, struct err *e)
{
	OWN(buf_free) struct buf room = { 0 };
	struct escrow_line l;
	size_t n = j->n_marks;
	OWN(mem_free) size_t *list = NULL;

	if (uid != NULL)
		list = marks_after(j, uid, 0, &n);
	for (size_t i = 0; i < n; i++)
		if (read_line(j, list != NULL ? list[i] : i, &room, &l, e) <
			0 ||
		    fn(arg, &l, e) < 0)
			return -1;
	return 0;
}
