/* SPDX-License-Identifier: ISC */
/* test_zcopy.c: taking in what comes of a zone: much, little, cut off, lies. */
#include "link/depot_local.h"
#include "link/zcopy.h"
#include "scratch_dir.h"
#include "store/db.h"

#include "base/file.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* More than is kept in memory of an answer, so that it goes to the disk. */
#define BIG 250000
#define MANY 60

/* ---- a depot in between ---- */

struct frames {
	struct bytes list[400];
	size_t n;
};

struct between {
	struct depot base;
	struct depot *inner;
	void (*change)(struct frames *f); /* how it lies, or NULL */
	size_t die_after; /* bytes; 0: never */
	bool breaks; /* once, half way */
	bool resync; /* says that old deletions are gone */
	unsigned commits; /* that were sent */
	uint64_t heads_from; /* as it was last asked for */
	bool all_heads; /* gives them all the same */
	struct buf answer;
};

static struct between *
between(struct depot *d)
{
	return (struct between *)(void *)d;
}

static void
no_begin(void *ctx)
{
	(void)ctx;
}

static int
keep(void *ctx, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(ctx, x);
	return 0;
}

static struct frames
parse(struct bytes x)
{
	struct frames f = { .n = 0 };
	struct scan s = scan_of(x);
	struct frame one;
	struct err e;

	for (bool whole = true; s.n > 0;) {
		const uint8_t *from = s.p;
		assert_return_code(frame_take(&s, &one, &whole, &e), 0);
		assert_true(whole && f.n < 400);
		f.list[f.n++] = bytes_of(from, (size_t)(s.p - from));
	}
	return f;
}

/* As the connection gives it: in pieces that know nothing of frames. */
static int
hand_over(struct between *b, const struct depot_sink *sink, struct bytes x,
    size_t end, struct err *e)
{
	for (size_t at = 0; at < end; at += 70001) {
		size_t n = end - at < 70001 ? end - at : 70001;
		if (sink->take(sink->ctx, bytes_of(x.p + at, n), e) < 0)
			return -1;
		if (b->die_after > 0 && at + n >= b->die_after)
			(void)raise(SIGKILL);
	}
	return 0;
}

static int
changes(struct depot *d, const struct id *zone, uint64_t since,
    uint64_t heads_from, const struct depot_sink *sink, struct err *e)
{
	struct between *b = between(d);
	const struct depot_sink here = { no_begin, keep, &b->answer };
	OWN(buf_free) struct buf out = { 0 };

	b->heads_from = heads_from;
	if (b->all_heads)
		heads_from = 0;
	if (b->change == NULL && b->die_after == 0 && !b->breaks && !b->resync)
		return b->inner->ops->changes(
		    b->inner, zone, since, heads_from, sink, e);
	if (b->resync && since > 0)
		return err_set(e, ERR_RESYNC, "ask for all");
	buf_clear(&b->answer);
	if (b->inner->ops->changes(
		b->inner, zone, since, heads_from, &here, e) < 0)
		return -1;
	struct frames f = parse(buf_bytes(&b->answer));
	if (b->change != NULL)
		b->change(&f);
	for (size_t i = 0; i < f.n; i++)
		buf_put_bytes(&out, f.list[i]);
	sink->begin(sink->ctx);
	if (b->breaks) {
		if (hand_over(b, sink, buf_bytes(&out), out.n / 2, e) < 0)
			return -1;
		sink->begin(sink->ctx);
	}
	return hand_over(b, sink, buf_bytes(&out), out.n, e);
}

static int
commit(struct depot *d, const struct depot_commit *c, struct err *e)
{
	struct depot *inner = between(d)->inner;

	between(d)->commits++;
	return inner->ops->commit(inner, c, e);
}

static const struct depot_ops between_ops = {
	.changes = changes,
	.commit = commit,
};

/* ---- a repository, and copies of its zone ---- */

struct world {
	struct scratch dir;
	struct depot_local_repo *repo;
	struct local *local[2];
	struct between depot[2];
	struct zcopy *z[2]; /* who writes, and who reads */
};

static uint8_t plain[BIG];

static void
open_copy(struct world *w, int i)
{
	OWN(buf_free) struct buf path = { 0 };
	struct err e;

	zcopy_free(&w->z[i]);
	local_free(&w->local[i]);
	buf_printf(&path, "%s/state%d.db", w->dir.path, i);
	w->depot[i] = (struct between){ .base = { &between_ops },
		.inner = w->repo->depot };
	assert_return_code(local_open(buf_text(&path), &w->local[i], &e), 0);
	assert_return_code(
	    zcopy_open(&w->repo->writer,
		&(struct zcopy_of){ w->local[i], &w->depot[i].base,
		    &w->repo->backup, CATEGORY_BACKUP },
		&w->z[i], &e),
	    0);
}

static int
set_up(void **state)
{
	struct world *w = mem_new(sizeof *w);
	struct err e;

	w->dir = scratch_new();
	OWN(mem_free) char *repo = file_join(w->dir.path, "repo");
	assert_return_code(
	    depot_local_create(repo, bytes_str("a password"), &e), 0);
	assert_return_code(
	    depot_local_open(repo, bytes_str("a password"), &w->repo, &e), 0);
	open_copy(w, 0);
	open_copy(w, 1);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		zcopy_free(&w->z[i]);
		local_free(&w->local[i]);
		buf_free(&w->depot[i].answer);
	}
	depot_local_free(&w->repo);
	scratch_free(&w->dir);
	free(w);
	return 0;
}

static struct id
id_nr(unsigned i)
{
	struct id id = { { 0 } };

	id.b[0] = (uint8_t)(i * 37); /* not in the order in which they come */
	id.b[1] = (uint8_t)i;
	id.b[2] = (uint8_t)(i >> 8);
	return id;
}

/* Commits of five records each, from number `from` on. */
static void
write_records(struct world *w, unsigned from, unsigned n, size_t size)
{
	struct zcopy_edit edits[5];
	struct err e;

	for (unsigned i = from; i < from + n; i += 5) {
		for (unsigned k = 0; k < 5; k++)
			edits[k] = (struct zcopy_edit){ .id = id_nr(i + k),
				.plain = bytes_of(plain, size) };
		assert_return_code(
		    zcopy_commit(w->z[0], edits, 5, NULL, NULL, &e), 0);
	}
}

static int
count_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	(void)r;
	(void)e;
	++*(unsigned *)ctx;
	return 0;
}

static unsigned
count(struct zcopy *z)
{
	unsigned n = 0;
	struct err e;

	assert_return_code(zcopy_each(z, 0, count_one, &n, &e), 0);
	return n;
}

/* Rows of the database, seen or not. */
static int
rows_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM"
		" slot) * 1000000",
		&s, e) < 0 ||
	    stmt_next(s, &row, e) < 0)
		return -1;
	*(uint64_t *)arg = stmt_got_u64(s, 0);
	return 0;
}

static uint64_t
rows(const struct world *w)
{
	OWN(mem_free) char *path = file_join(w->dir.path, "state1.db");
	OWN(db_free) struct db *db = NULL;
	uint64_t n;
	struct err e;

	assert_return_code(db_look(path, &db, &e), 0);
	assert_return_code(db_read(db, rows_job, &n, &e), 0);
	return n;
}

/* The reader has what the writer has, in its index too, and nothing else. */
static void
same_as_writer(struct world *w, unsigned n)
{
	OWN(buf_free) struct buf got = { 0 };
	struct err e;

	assert_int_equal(zcopy_seq(w->z[1]), zcopy_seq(w->z[0]));
	assert_return_code(zcopy_verify(w->z[1], &e), 0);
	assert_int_equal(count(w->z[1]), n);
	for (unsigned i = 0; i < n; i++) {
		struct id id = id_nr(i);
		buf_clear(&got);
		assert_return_code(zcopy_get(w->z[1], &id, &got, &e), 0);
	}
	assert_int_equal(rows(w), n);
}

static void
pulled(struct world *w)
{
	struct err e;

	if (zcopy_pull(w->z[1], &e) < 0)
		fail_msg("%s: %s", err_name(e.code), e.msg);
}

/* ---- much and little ---- */

static void
takes_little_and_much(void **state)
{
	struct world *w = *state;

	write_records(w, 0, 20, 100);
	pulled(w);
	same_as_writer(w, 20);
	/* Much, on top of it: some are new, some are newer. */
	write_records(w, 10, MANY, BIG);
	pulled(w);
	same_as_writer(w, 10 + MANY);
	write_records(w, 0, 5, 50);
	pulled(w);
	same_as_writer(w, 10 + MANY);
}

static void
takes_a_whole_zone_anew(void **state)
{
	struct world *w = *state;
	struct digest early, now;
	struct err e;

	write_records(w, 0, 10, 100);
	pulled(w);
	assert_return_code(
	    local_chain_at(w->local[1], &w->repo->backup, 1, &early, &e), 0);
	w->depot[1].resync = true;
	write_records(w, 5, MANY, BIG);
	uint64_t had = zcopy_seq(w->z[1]);
	pulled(w);
	same_as_writer(w, 5 + MANY);
	assert_int_equal(w->depot[1].heads_from, had);
	write_records(w, 5, 5, 100);
	pulled(w);
	same_as_writer(w, 5 + MANY);
	/* It still knows what it had seen. */
	assert_return_code(
	    local_chain_at(w->local[1], &w->repo->backup, 1, &now, &e), 0);
	assert_true(digest_equal(&early, &now) && !digest_zero(&now));
}

static void
begins_anew_with_the_connection(void **state)
{
	struct world *w = *state;

	write_records(w, 0, MANY, BIG);
	w->depot[1].breaks = true;
	pulled(w);
	same_as_writer(w, MANY);
}

/* In a process of its own; returns how it ended. */
static int
pull_apart(struct world *w, rlim_t memory)
{
	OWN(mem_free) char *repo = file_join(w->dir.path, "repo");
	int status;
	struct err e;

	zcopy_free(&w->z[1]);
	local_free(&w->local[1]);
	pid_t pid = fork();
	assert_return_code(pid, 0);
	if (pid == 0) {
		/* No database is used on both sides of a fork. */
		if (depot_local_open(
			repo, bytes_str("a password"), &w->repo, &e) < 0)
			_exit(9);
		const struct rlimit limit = { memory, memory };
		const struct rlimit no_core = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &no_core);
		open_copy(w, 1);
		w->depot[1].die_after =
		    memory == RLIM_INFINITY ? (size_t)BIG * MANY * 3 / 4 : 0;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		(void)setrlimit(RLIMIT_DATA, &limit);
#else
		(void)limit; /* their own memory would not fit */
#endif
		_exit(zcopy_pull(w->z[1], &e) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	open_copy(w, 1);
	return status;
}

static void
takes_more_than_fits_into_memory(void **state)
{
	struct world *w = *state;

	write_records(w, 0, 5 * MANY, BIG); /* 75 MB */
	assert_int_equal(pull_apart(w, (rlim_t)40 << 20), 0);
	same_as_writer(w, 5 * MANY);
}

static void
a_kill_leaves_the_old_one(void **state)
{
	struct world *w = *state;
	int status;

	write_records(w, 0, MANY, BIG);
	status = pull_apart(w, RLIM_INFINITY);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(rows(w) > 1000000); /* it was in the middle */
	assert_int_equal(zcopy_seq(w->z[1]), 0);
	assert_int_equal(count(w->z[1]), 0);
	pulled(w);
	same_as_writer(w, MANY);
}

/* ---- a zone that is not shared ---- */

/* Signed by who may, and in order; but nothing of an account's own is shared. */
static void
a_head_that_claims_a_share_is_refused(void **state)
{
	struct world *w = *state;
	struct depot *d = w->repo->depot;
	OWN(buf_free) struct buf covered = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	struct err e;

	write_records(w, 0, 10, 100);
	pulled(w);
	struct head h = zcopy_head(w->z[0]);
	head_hash(&h, &h.prev);
	h.seq++;
	h.format = HEAD_PZH2;
	h.share_seq = 1;
	change_hash(NULL, 0, &h.changes_hash);
	head_put_signed(&covered, &h);
	devkey_sign(w->repo->writer.key, SIG_HEAD, buf_bytes(&covered), h.sig);
	commit_put(&body, &h, NULL, 0);
	const struct depot_commit commit = { .zone = &w->repo->backup,
		.category = CATEGORY_BACKUP,
		.body = buf_bytes(&body) };
	assert_return_code(d->ops->commit(d, &commit, &e), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcopy_pull(w->z[i], &e), -1);
		assert_int_equal(e.code, ERR_HISTORY_FORKED);
		assert_non_null(strstr(e.msg, "shared"));
		assert_int_equal(count(w->z[i]), 10);
	}
}

/* ---- what another device vouches for ---- */

static struct digest
vouch(struct world *w)
{
	struct head h = zcopy_head(w->z[0]);
	struct digest d;

	head_hash(&h, &d);
	zcopy_expect(w->z[1], h.seq, &d);
	return d;
}

static void
begins_at_what_is_vouched_for(void **state)
{
	struct world *w = *state;
	struct digest at;
	struct err e;

	for (int all = 0; all < 2; all++) {
		write_records(w, 0, 15, 100);
		struct digest hash = vouch(w);
		uint64_t seq = zcopy_seq(w->z[0]);
		write_records(w, 10, 10, 100);
		/* Who gives all heads may: they lead there. */
		w->depot[1].all_heads = all != 0;
		pulled(w);
		same_as_writer(w, 20);
		assert_int_equal(w->depot[1].heads_from, seq);
		assert_return_code(
		    local_chain_at(w->local[1], &w->repo->backup, seq, &at, &e),
		    0);
		assert_true(digest_equal(&at, &hash));
		assert_return_code(local_chain_at(w->local[1], &w->repo->backup,
				       seq - 1, &at, &e),
		    0);
		assert_int_equal(digest_zero(&at), !all);
		/* And goes on as any other. */
		write_records(w, 0, 5, 50);
		pulled(w);
		same_as_writer(w, 20);
		assert_int_equal(w->depot[1].heads_from, 0);
		OWN(mem_free) char *path = file_join(w->dir.path, "state1.db");
		zcopy_free(&w->z[1]);
		local_free(&w->local[1]);
		assert_return_code(unlink(path), 0);
		open_copy(w, 1);
	}
}

static void
other_in_place_of_it(struct frames *f)
{
	f->list[0] = f->list[1];
}
static void
it_is_left_out(struct frames *f)
{
	memmove(&f->list[0], &f->list[1], (f->n - 1) * sizeof f->list[0]);
	f->n--;
}
static void
spoil_it(struct frames *f)
{
	((uint8_t *)f->list[0].p)[1 + HEAD1_BYTES - 1] ^= 1;
}

static void
another_history_than_vouched_for_is_refused(void **state)
{
	static void (*const ways[])(struct frames *) = { other_in_place_of_it,
		it_is_left_out, spoil_it };
	struct world *w = *state;
	struct digest wrong = { { 1 } };
	struct err e;

	write_records(w, 0, 15, 100);
	(void)vouch(w);
	write_records(w, 10, 10, 100);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		w->depot[1].change = ways[i];
		assert_int_equal(zcopy_pull(w->z[1], &e), -1);
		assert_int_equal(e.code, ERR_HISTORY_FORKED);
	}
	w->depot[1].change = NULL;
	/* There is none so far; there is another. */
	zcopy_expect(w->z[1], zcopy_seq(w->z[0]) + 1, &wrong);
	assert_int_equal(zcopy_pull(w->z[1], &e), -1);
	assert_int_equal(e.code, ERR_HISTORY_ROLLED_BACK);
	for (int all = 0; all < 2; all++) {
		w->depot[1].all_heads = all != 0;
		zcopy_expect(w->z[1], 3, &wrong);
		assert_int_equal(zcopy_pull(w->z[1], &e), -1);
		assert_int_equal(e.code, ERR_HISTORY_FORKED);
	}
	assert_int_equal(zcopy_seq(w->z[1]), 0);
	assert_int_equal(rows(w), 0);
	/* What is held already is compared, too. */
	(void)vouch(w);
	pulled(w);
	zcopy_expect(w->z[1], zcopy_seq(w->z[0]), &wrong);
	assert_int_equal(zcopy_pull(w->z[1], &e), -1);
	assert_int_equal(e.code, ERR_HISTORY_FORKED);
}

/* ---- writing: what is expected, and what the last writer wins ---- */

static int
write_one(struct zcopy *z, unsigned nr, const char *text, struct err *e)
{
	struct zcopy_edit edit = { .id = id_nr(nr), .plain = bytes_str(text) };

	return zcopy_commit(z, &edit, 1, NULL, NULL, e);
}

static int
edit_one(struct zcopy *z, unsigned nr, uint64_t version, const char *text,
    struct err *e)
{
	struct zcopy_edit edit = { .id = id_nr(nr),
		.plain = bytes_str(text),
		.deleted = text[0] == '\0',
		.expects = true,
		.expect = version };

	return zcopy_commit(z, &edit, 1, NULL, NULL, e);
}

static uint64_t
holds(struct zcopy *z, unsigned nr, const char *text)
{
	OWN(buf_free) struct buf got = { 0 };
	struct id id = id_nr(nr);
	uint64_t version;
	struct err e;

	assert_return_code(zcopy_look(z, &id, &version, &got, &e), 0);
	assert_string_equal(buf_text(&got), text);
	return version;
}

static void
refused(int rc, const struct err *e)
{
	assert_int_equal(rc, -1);
	assert_int_equal(e->code, ERR_CONFLICT);
}

static void
a_stale_edit_is_refused(void **state)
{
	struct world *w = *state;
	struct err e;

	assert_return_code(write_one(w->z[0], 1, "first", &e), 0);
	assert_return_code(write_one(w->z[0], 2, "other", &e), 0);
	pulled(w);
	uint64_t seen = holds(w->z[1], 1, "first");
	assert_int_equal(seen, 1);
	assert_return_code(edit_one(w->z[0], 1, seen, "theirs", &e), 0);
	/* Told by the server, and then by what was pulled: once each. */
	refused(edit_one(w->z[1], 1, seen, "stale", &e), &e);
	assert_int_equal(holds(w->z[1], 1, "theirs"), 2);
	uint64_t seq = zcopy_seq(w->z[1]);
	w->depot[1].commits = 0;
	refused(edit_one(w->z[1], 1, seen, "stale", &e), &e);
	refused(edit_one(w->z[1], 1, seen, "", &e), &e);
	refused(edit_one(w->z[1], 1, 0, "as if new", &e), &e);
	refused(edit_one(w->z[1], 3, 1, "as if there", &e), &e);
	assert_int_equal(w->depot[1].commits, 0);
	assert_int_equal(zcopy_seq(w->z[1]), seq);
	/* Whoever expects nothing is the last writer, and wins. */
	assert_return_code(write_one(w->z[1], 1, "last", &e), 0);
	assert_int_equal(holds(w->z[1], 1, "last"), 3);
}

static void
edits_of_other_records_merge(void **state)
{
	struct world *w = *state;
	struct err e;

	assert_return_code(write_one(w->z[0], 1, "first", &e), 0);
	pulled(w);
	assert_return_code(write_one(w->z[0], 2, "beside", &e), 0);
	assert_return_code(edit_one(w->z[1], 1, 1, "ours", &e), 0);
	assert_int_equal(holds(w->z[1], 1, "ours"), 2);
	assert_int_equal(holds(w->z[1], 2, "beside"), 1);
	assert_return_code(write_one(w->z[0], 4, "beside", &e), 0);
	assert_return_code(edit_one(w->z[1], 3, 0, "new", &e), 0);
	/* Both make it: the second hears of the first. */
	refused(edit_one(w->z[0], 3, 0, "new as well", &e), &e);
	assert_int_equal(holds(w->z[0], 3, "new"), 1);
}

static void
what_was_deleted_is_new_again(void **state)
{
	struct world *w = *state;
	struct err e;

	assert_return_code(write_one(w->z[0], 1, "first", &e), 0);
	pulled(w);
	assert_return_code(edit_one(w->z[0], 1, 1, "", &e), 0);
	assert_int_equal(holds(w->z[0], 1, ""), 0);
	refused(edit_one(w->z[1], 1, 1, "of what is gone", &e), &e);
	refused(edit_one(w->z[1], 1, 2, "of a tombstone", &e), &e);
	assert_return_code(edit_one(w->z[1], 1, 0, "again", &e), 0);
	assert_int_equal(holds(w->z[1], 1, "again"), 3);
}

/* All of a commit or nothing. */
static void
one_stale_edit_holds_up_its_commit(void **state)
{
	struct world *w = *state;
	struct zcopy_edit edits[] = {
		{ .id = id_nr(1), .plain = bytes_str("one") },
		{ .id = id_nr(2), .plain = bytes_str("two"), .expects = true },
	};
	struct err e;

	assert_return_code(write_one(w->z[0], 2, "theirs", &e), 0);
	refused(zcopy_commit(w->z[1], edits, 2, NULL, NULL, &e), &e);
	assert_int_equal(holds(w->z[1], 1, ""), 0);
	assert_int_equal(holds(w->z[1], 2, "theirs"), 1);
}

static int
says_no(void *ctx, struct err *e)
{
	++*(unsigned *)ctx;
	return err_set(e, ERR_CONFLICT, "not as it was planned");
}

static void
a_check_says_no_once(void **state)
{
	struct world *w = *state;
	struct zcopy_edit edit = { .id = id_nr(1), .plain = bytes_str("one") };
	unsigned asked = 0;
	struct err e;

	w->depot[0].commits = 0;
	refused(zcopy_commit(w->z[0], &edit, 1, says_no, &asked, &e), &e);
	assert_int_equal(asked, 1);
	assert_int_equal(w->depot[0].commits, 0);
}

/* ---- news ---- */

struct heard {
	struct world *w;
	unsigned n, deleted, bad;
	uint64_t last, version;
	bool writes, fails; /* at the tenth */
};

static int
hear(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct heard *h = ctx;

	assert_true(r->seq >= h->last);
	h->last = r->seq;
	h->version = r->version;
	h->n++;
	h->deleted += r->deleted;
	h->bad += r->bad != NULL;
	assert_true(r->deleted ? r->plain.n == 0 : r->plain.n > 0);
	if (h->n == 10 && h->fails)
		return err_set(e, ERR_DISK_FULL_HERE, "enough");
	/* It may ask the copy, and change it. */
	return h->n == 10 && h->writes
	    ? write_one(h->w->z[0], 0, "meanwhile", e)
	    : 0;
}

static void
news_are_what_lives_and_what_is_gone(void **state)
{
	struct world *w = *state;
	struct heard h = { .w = w };
	struct zcopy_point at = { .seq = 0 };
	struct err e;

	write_records(w, 0, 20, 100);
	assert_return_code(edit_one(w->z[0], 3, 1, "", &e), 0);
	assert_return_code(zcopy_commit(w->z[0], NULL, 0, NULL, NULL, &e), 0);
	assert_return_code(zcopy_news(w->z[0], &at, hear, &h, &e), 0);
	assert_int_equal(h.n, 20);
	assert_int_equal(h.deleted, 1);
	assert_int_equal(at.seq, zcopy_seq(w->z[0]));
	h = (struct heard){ .w = w };
	assert_return_code(zcopy_news(w->z[0], &at, hear, &h, &e), 0);
	assert_int_equal(h.n, 0);
	assert_return_code(write_one(w->z[0], 3, "back", &e), 0);
	assert_return_code(zcopy_news(w->z[0], &at, hear, &h, &e), 0);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.version, 3);
}

static void
news_go_on_where_they_were_cut_off(void **state)
{
	struct world *w = *state;
	struct heard h = { .w = w, .writes = true };
	struct zcopy_point at = { .seq = 0 };
	struct err e;

	write_records(w, 0, MANY, BIG); /* many fetches */
	assert_return_code(zcopy_news(w->z[0], &at, hear, &h, &e), 0);
	/* Record 0 was there, and came again. */
	assert_int_equal(h.n, MANY + 1);
	assert_int_equal(at.seq, zcopy_seq(w->z[0]));
	at.seq = 0;
	h = (struct heard){ .w = w, .fails = true };
	assert_int_equal(zcopy_news(w->z[0], &at, hear, &h, &e), -1);
	assert_int_equal(e.code, ERR_DISK_FULL_HERE);
	assert_true(at.seq > 0 && at.seq < zcopy_seq(w->z[0]));
	assert_return_code(zcopy_news(w->z[0], &at, hear, &h, &e), 0);
	assert_true(h.n >= MANY);
}

static void
news_of_a_copy_that_was_replaced_begin_anew(void **state)
{
	struct world *w = *state;
	struct heard h = { .w = w };
	struct zcopy_point at = { .seq = 0 };
	struct err e;

	write_records(w, 0, 20, 100);
	pulled(w);
	assert_return_code(zcopy_news(w->z[1], &at, hear, &h, &e), 0);
	assert_int_equal(h.n, 20);
	write_records(w, 20, 5, 100);
	w->depot[1].resync = true;
	pulled(w);
	h = (struct heard){ .w = w };
	assert_int_equal(zcopy_news(w->z[1], &at, hear, &h, &e), -1);
	assert_int_equal(e.code, ERR_RESYNC);
	assert_int_equal(h.n, 0);
	assert_return_code(zcopy_news(w->z[1], &at, hear, &h, &e), 0);
	assert_int_equal(h.n, 25);
}

/* ---- lies ---- */

static size_t
first_record(const struct frames *f)
{
	size_t i = 0;

	while (f->list[i].p[0] != FRAME_RECORD)
		i++;
	return i;
}

static void
swap(struct frames *f, size_t a, size_t b)
{
	struct bytes x = f->list[a];

	f->list[a] = f->list[b];
	f->list[b] = x;
}

static void
drop(struct frames *f, size_t i)
{
	memmove(
	    &f->list[i], &f->list[i + 1], (f->n - i - 1) * sizeof f->list[0]);
	f->n--;
}

static void
again(struct frames *f, size_t i)
{
	memmove(&f->list[i + 1], &f->list[i], (f->n - i) * sizeof f->list[0]);
	f->n++;
}

static void
order_of_records(struct frames *f)
{
	swap(f, first_record(f), f->n - 2);
}
static void
order_of_heads(struct frames *f)
{
	swap(f, 2, 3);
}
static void
head_after_record(struct frames *f)
{
	swap(f, first_record(f) - 1, first_record(f));
}
static void
drop_record(struct frames *f)
{
	drop(f, first_record(f) + 20);
}
static void
drop_head(struct frames *f)
{
	drop(f, 4);
}
static void
drop_last_head(struct frames *f)
{
	drop(f, first_record(f) - 1);
}
static void
drop_end(struct frames *f)
{
	f->n--;
}
static void
drop_all(struct frames *f)
{
	f->n = 0;
}
static void
record_twice(struct frames *f)
{
	again(f, first_record(f) + 20);
}
static void
end_twice(struct frames *f)
{
	again(f, f->n - 1);
}
/* The contents of two records change places; the ids stay. */
static void
swap_contents(struct frames *f)
{
	size_t i = first_record(f), k = i + 7;
	uint8_t *a = (uint8_t *)f->list[i].p + 9, *b;
	uint8_t id[ID_BYTES];

	b = (uint8_t *)f->list[k].p + 9;
	memcpy(id, a, ID_BYTES);
	memcpy(a, b, ID_BYTES);
	memcpy(b, id, ID_BYTES);
}
static void
flip_a_bit(struct frames *f)
{
	((uint8_t *)f->list[f->n - 2].p)[5000] ^= 1;
}

static const struct lie {
	const char *name;
	void (*tell)(struct frames *f);
	enum err_code code;
} lies[] = {
	{ "records out of order", order_of_records, ERR_RECORD_REPLAYED },
	{ "heads out of order", order_of_heads, ERR_HISTORY_FORKED },
	{ "a head behind a record", head_after_record, ERR_RECORD_CORRUPT },
	{ "a record left out", drop_record, ERR_RECORD_REPLAYED },
	{ "a head left out", drop_head, ERR_HISTORY_FORKED },
	{ "the last head left out", drop_last_head, ERR_RECORD_REPLAYED },
	{ "cut short", drop_end, ERR_RECORD_CORRUPT },
	{ "nothing at all", drop_all, ERR_RECORD_CORRUPT },
	{ "a record twice", record_twice, ERR_RECORD_REPLAYED },
	{ "an end twice", end_twice, ERR_RECORD_CORRUPT },
	{ "contents swapped", swap_contents, ERR_RECORD_MISPLACED },
	{ "a bit flipped", flip_a_bit, ERR_RECORD_CORRUPT },
};

static void
names_each_lie_and_keeps_nothing(void **state)
{
	struct world *w = *state;
	struct err e;

	write_records(w, 0, MANY, BIG);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		w->depot[1].change = lies[i].tell;
		if (zcopy_pull(w->z[1], &e) == 0 || e.code != lies[i].code)
			fail_msg("%s: %s: %s", lies[i].name, err_name(e.code),
			    e.msg);
		assert_int_equal(zcopy_seq(w->z[1]), 0);
		assert_int_equal(count(w->z[1]), 0);
		assert_int_equal(rows(w), 0);
	}
	w->depot[1].change = NULL;
	pulled(w);
	same_as_writer(w, MANY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    takes_little_and_much, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    takes_a_whole_zone_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    begins_anew_with_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    takes_more_than_fits_into_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_kill_leaves_the_old_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_head_that_claims_a_share_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    begins_at_what_is_vouched_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    another_history_than_vouched_for_is_refused, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_stale_edit_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    edits_of_other_records_merge, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_was_deleted_is_new_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    one_stale_edit_holds_up_its_commit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_check_says_no_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    news_are_what_lives_and_what_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    news_go_on_where_they_were_cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    news_of_a_copy_that_was_replaced_begin_anew, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    names_each_lie_and_keeps_nothing, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
