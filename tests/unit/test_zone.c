/* SPDX-License-Identifier: ISC */
/* test_zone.c: commits, references, quota, streams, collection, checking. */
#include "store/usage.h"
#include "store/zone_check.h"
#include "store/zone_import.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_world.h"

#define NOW 1700000000000LL
#define DAY (24LL * 3600 * 1000)

static int
open_all(void **arg)
{
	struct store_world *s = mem_new(sizeof *s);

	*s = store_world_new(NOW);
	*arg = s;
	return 0;
}

static int
close_all(void **arg)
{
	struct store_world *s = *arg;

	store_world_free(s);
	free(s);
	return 0;
}

/* A commit being put together. */
struct draft {
	struct zone_commit in;
	struct commit commit;
	struct change changes[8];
};

static int
refuse(struct tx *tx, const struct head *h, void *arg, struct err *e)
{
	(void)tx;
	(void)h;
	(void)arg;
	return err_set(e, ERR_NOT_A_MEMBER, "the signer is not a member");
}

static void
draft(const struct store_world *s, struct draft *d)
{
	memset(d, 0, sizeof *d);
	d->in = (struct zone_commit){ .key = s->key,
		.category = CATEGORY_BACKUP,
		.commit = &d->commit,
		.now_ms = s->now,
		.judge = store_world_accept };
	d->commit.changes = d->changes;
	d->commit.head = (struct head){ .owner = s->key.uid,
		.zone = s->key.zone,
		.seq = s->seq + 1,
		.prev = s->prev,
		.time_ms = (uint64_t)s->now };
	memset(d->commit.head.sig, 0x5a, SIG_BYTES);
}

static struct change *
add(struct draft *d, unsigned char id, uint64_t version, const char *ct)
{
	struct change *c = &d->changes[d->commit.n++];

	*c = (struct change){ .id = id_of(id),
		.version = version,
		.flags = ct == NULL ? CHANGE_DELETED : 0,
		.key_epoch = 1 };
	if (ct != NULL)
		c->ct = bytes_str(ct);
	return c;
}

static int
send(struct store_world *s, struct draft *d, struct err *e)
{
	change_hash(d->changes, d->commit.n, &d->commit.head.changes_hash);
	if (zone_commit_now(s->s.db, &d->in, e) < 0)
		return -1;
	head_hash(&d->commit.head, &s->prev);
	s->seq = d->commit.head.seq;
	return 0;
}

/* One record in one commit. */
static enum err_code
commit_one(struct store_world *s, unsigned char id, uint64_t version,
    const char *ct, struct bytes refs)
{
	struct draft d;
	struct err e = { 0 };

	draft(s, &d);
	add(&d, id, version, ct)->refs = refs;
	return send(s, &d, &e) < 0 ? e.code : ERR_NONE;
}

static const struct bytes none = { NULL, 0 };

static enum err_code
commit_empty(struct store_world *s)
{
	struct draft d;
	struct err e = { 0 };

	draft(s, &d);
	return send(s, &d, &e) < 0 ? e.code : ERR_NONE;
}

/* What a stream says, as text: "h1 r2:A1=x r3:B2! e3". */
static int
collect(void *arg, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(arg, x);
	return 0;
}

static void
show(struct bytes x, struct buf *out)
{
	struct scan s = scan_of(x);
	struct change c;
	struct head h;
	struct err e;

	while (s.n > 0) {
		uint8_t kind = scan_u8(&s);
		if (kind == FRAME_HEAD) {
			ok(head_parse(head_take(&s), &h, &e), &e);
			buf_printf(out, "h%d ", (int)h.seq);
		} else if (kind == FRAME_RECORD) {
			int seq = (int)scan_u64(&s);
			ok(change_take(&s, &c, &e), &e);
			buf_printf(out, "r%d:%c%d%s%.*s ", seq, c.id.b[0],
			    (int)c.version, c.ct.n > 0 ? "=" : "!", (int)c.ct.n,
			    c.ct.n > 0 ? (const char *)c.ct.p : "");
		} else if (kind == FRAME_LINE) {
			int seq = (int)scan_u64(&s);
			struct bytes line = scan_take(&s, CHANGE_LINE_BYTES);
			buf_printf(out, "l%d:%c%d ", seq, line.p[0],
			    (int)be64(line.p + ID_BYTES));
		} else {
			assert_int_equal(kind, FRAME_END);
			buf_printf(out, "e%d", (int)scan_u64(&s));
			(void)digest_take(&s);
			assert_true(scan_done(&s));
		}
	}
}

static void
assert_changes(struct store_world *s, uint64_t since, const char *want)
{
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	struct err e = { 0 };

	if (zone_changes(s->s.db, &s->key, since, collect, &raw, &e) < 0)
		buf_put_str(&text, err_name(e.code));
	else
		show(buf_bytes(&raw), &text);
	assert_string_equal(buf_text(&text), want);
}

static int
read_usage(struct tx *tx, void *arg, struct err *e)
{
	struct id uid = id_of('u');

	return usage_get(tx, &uid, arg, e);
}

static struct usage
usage(struct store_world *s)
{
	struct usage u;
	struct err e;

	ok(db_read(s->s.db, read_usage, &u, &e), &e);
	return u;
}

static uint64_t
used(struct store_world *s)
{
	return usage(s).bytes;
}

static int
set_quota(struct tx *tx, void *arg, struct err *e)
{
	struct id uid = id_of('u');

	return usage_set_quota(tx, &uid, *(uint64_t *)arg, e);
}

static void
quota(struct store_world *s, uint64_t bytes)
{
	struct err e;

	ok(db_write(s->s.db, set_quota, &bytes, &e), &e);
}

static enum err_code
put_blob(struct store_world *s, unsigned char id, const char *text)
{
	struct id b = id_of(id);
	struct err e = { 0 };

	return zone_blob_put(&s->s, &s->key, &b, bytes_str(text), s->now, &e) <
		0
	    ? e.code
	    : ERR_NONE;
}

static enum err_code
delete_blob(struct store_world *s, unsigned char id)
{
	struct id b = id_of(id);
	struct err e = { 0 };

	return zone_blob_delete(&s->s, &s->key, &b, s->now, &e) < 0 ? e.code
								    : ERR_NONE;
}

static struct zone_gc
gc(struct store_world *s)
{
	struct zone_gc g;
	struct err e;

	ok(zone_gc(&s->s, s->now, &g, &e), &e);
	return g;
}

struct findings {
	int n;
	enum err_code last;
};

static void
note(void *arg, const struct zone_finding *f)
{
	struct findings *all = arg;

	all->n++;
	all->last = f->what;
}

static struct findings
check(struct store_world *s, enum zone_check_depth depth)
{
	struct findings f = { 0, ERR_NONE };
	struct err e;

	ok(zone_check(&s->s, depth, note, &f, &e), &e);
	return f;
}

static int
run_sql(struct tx *tx, void *arg, struct err *e)
{
	return tx_script(tx, arg, e);
}

static void
sql(struct store_world *s, const char *text)
{
	OWN(mem_free) char *copy = mem_text(text);
	struct err e;

	ok(db_write(s->s.db, run_sql, copy, &e), &e);
}

/* Commits */

static void
changes_tell_the_newest_of_each_record(void **arg)
{
	struct store_world *s = *arg;
	struct draft d;
	struct err e;

	assert_changes(s, 0, "not-found");
	draft(s, &d);
	add(&d, 'A', 1, "x");
	add(&d, 'B', 1, "y");
	ok(send(s, &d, &e), &e);
	assert_changes(s, 0, "h1 r1:A1=x r1:B1=y e1");
	assert_changes(s, 1, "e1");
	assert_int_equal(commit_one(s, 'A', 2, "xx", none), ERR_NONE);
	assert_int_equal(commit_one(s, 'B', 2, NULL, none), ERR_NONE);
	assert_changes(s, 0, "h1 h2 h3 r2:A2=xx r3:B2! e3");
	assert_changes(s, 1, "h2 h3 r2:A2=xx r3:B2! e3");
	assert_changes(s, 2, "h3 r3:B2! e3");
	assert_changes(s, 3, "e3");
	assert_changes(s, UINT64_MAX, "e3");
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

static void
break_owner(struct draft *d)
{
	d->commit.head.owner = id_of('x');
}
static void
break_zone(struct draft *d)
{
	d->commit.head.zone = id_of('x');
}
static void
break_category(struct draft *d)
{
	d->in.category = CATEGORY_END;
}
static void
change_category(struct draft *d)
{
	d->in.category = CATEGORY_DRIVE;
}
static void
skip_seq(struct draft *d)
{
	d->commit.head.seq++;
}
static void
repeat_seq(struct draft *d)
{
	d->commit.head.seq--;
}
static void
break_prev(struct draft *d)
{
	d->commit.head.prev.b[31] ^= 1;
}
static void
skip_version(struct draft *d)
{
	d->changes[0].version = 3;
}
static void
repeat_version(struct draft *d)
{
	d->changes[0].version = 1;
}
static void
new_record_at_two(struct draft *d)
{
	d->changes[0].id = id_of('N');
}
static void
break_time_later(struct draft *d)
{
	d->commit.head.time_ms += LIMIT_CLOCK_SKEW_MS + 1;
}
static void
break_time_earlier(struct draft *d)
{
	d->commit.head.time_ms -= LIMIT_CLOCK_SKEW_MS + 1;
}
static void
break_time_wild(struct draft *d)
{
	d->commit.head.time_ms = UINT64_MAX;
}
static void
name_missing_blob(struct draft *d)
{
	static const uint8_t id[ID_BYTES] = { 9 };

	d->changes[0].refs = bytes_of(id, sizeof id);
}
static void
lower_gone(struct draft *d)
{
	d->commit.head.tombstones_gone_below = 0;
}
static void
raise_gone_past_head(struct draft *d)
{
	d->commit.head.tombstones_gone_below = 3;
}
static void
be_no_member(struct draft *d)
{
	d->in.judge = refuse;
}
static void
rewind_while_healing(struct draft *d)
{
	d->commit.head.heals.b[0] = 1;
	d->changes[0].version = 1;
}

static void
refused_commits_leave_all_as_it_was(void **arg)
{
	struct store_world *s = *arg;
	static const struct {
		const char *name;
		void (*spoil)(struct draft *d);
		enum err_code code;
	} cases[] = {
		{ "owner", break_owner, ERR_BAD_REQUEST },
		{ "zone", break_zone, ERR_BAD_REQUEST },
		{ "category", break_category, ERR_BAD_REQUEST },
		{ "other category", change_category, ERR_CONFLICT },
		{ "seq + 2", skip_seq, ERR_CONFLICT },
		{ "seq + 0", repeat_seq, ERR_CONFLICT },
		{ "prev", break_prev, ERR_CONFLICT },
		{ "version + 2", skip_version, ERR_CONFLICT },
		{ "version + 0", repeat_version, ERR_CONFLICT },
		{ "new at 2", new_record_at_two, ERR_CONFLICT },
		{ "late", break_time_later, ERR_CLOCK_WRONG },
		{ "early", break_time_earlier, ERR_CLOCK_WRONG },
		{ "wild time", break_time_wild, ERR_CLOCK_WRONG },
		{ "blob", name_missing_blob, ERR_BLOB_MISSING },
		{ "gone falls", lower_gone, ERR_BAD_REQUEST },
		{ "gone past", raise_gone_past_head, ERR_BAD_REQUEST },
		{ "judge", be_no_member, ERR_NOT_A_MEMBER },
		{ "healing", rewind_while_healing, ERR_CONFLICT },
	};
	struct draft d;
	struct err e;

	draft(s, &d);
	d.commit.head.tombstones_gone_below = 1;
	add(&d, 'A', 1, "x");
	ok(send(s, &d, &e), &e);
	uint64_t before = used(s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		draft(s, &d);
		d.commit.head.tombstones_gone_below = 1;
		add(&d, 'A', 2, "xx");
		add(&d, 'C', 1, "c");
		cases[i].spoil(&d);
		if (send(s, &d, &e) == 0 || e.code != cases[i].code)
			fail_msg("%s: %s", cases[i].name, err_name(e.code));
		assert_changes(s, 0, "h1 r1:A1=x e1");
		assert_int_equal(used(s), before);
	}
	draft(s, &d);
	d.commit.head.tombstones_gone_below = 1;
	d.commit.head.time_ms += LIMIT_CLOCK_SKEW_MS;
	add(&d, 'A', 2, "xx");
	ok(send(s, &d, &e), &e);
}

static void
a_commit_that_comes_again_changes_nothing(void **arg)
{
	struct store_world *s = *arg;
	struct draft first, other;
	struct err e;

	draft(s, &first);
	add(&first, 'A', 1, "x");
	ok(send(s, &first, &e), &e);
	uint64_t before = used(s);
	ok(zone_commit_now(s->s.db, &first.in, &e), &e);
	assert_int_equal(used(s), before);
	assert_changes(s, 0, "h1 r1:A1=x e1");
	/* Also when others came after it. */
	assert_int_equal(commit_one(s, 'A', 2, "y", none), ERR_NONE);
	ok(zone_commit_now(s->s.db, &first.in, &e), &e);
	assert_changes(s, 0, "h1 h2 r2:A2=y e2");
	other = first;
	other.in.commit = &other.commit;
	other.commit.head.sig[0] ^= 1;
	assert_int_equal(zone_commit_now(s->s.db, &other.in, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	other.commit.head.seq = UINT64_MAX;
	assert_int_equal(zone_commit_now(s->s.db, &other.in, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
}

static void
a_first_head_must_be_number_one_after_zeros(void **arg)
{
	struct store_world *s = *arg;
	struct draft d;
	struct err e;

	draft(s, &d);
	d.commit.head.prev.b[0] = 1;
	assert_int_equal(send(s, &d, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	draft(s, &d);
	d.commit.head.seq = 2;
	assert_int_equal(send(s, &d, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	draft(s, &d);
	ok(send(s, &d, &e), &e);
	assert_changes(s, 0, "h1 e1");
}

static void
an_account_has_one_zone_per_category(void **arg)
{
	struct store_world *s = *arg;
	struct store_world other = *s;
	struct zone_info *list = NULL;
	OWN(buf_free) struct buf head = { 0 };
	struct head h;
	struct err e;
	size_t n;

	assert_int_equal(commit_one(s, 'A', 1, "x", none), ERR_NONE);
	other.key.zone = id_of('y');
	assert_int_equal(commit_one(&other, 'A', 1, "x", none), ERR_CONFLICT);
	other.key.uid = id_of('v'); /* another account may */
	assert_int_equal(commit_one(&other, 'A', 1, "v", none), ERR_NONE);
	ok(zone_list(s->s.db, &s->key.uid, &list, &n, &e), &e);
	assert_int_equal(n, 1);
	assert_true(id_equal(&list[0].zone, &s->key.zone));
	assert_int_equal(list[0].category, CATEGORY_BACKUP);
	assert_int_equal(list[0].seq, 1);
	free(list);
	ok(zone_head(s->s.db, &s->key, &head, &e), &e);
	ok(head_parse(buf_bytes(&head), &h, &e), &e);
	assert_int_equal(h.seq, 1);
	assert_changes(s, 0, "h1 r1:A1=x e1");
}

static void
a_healing_commit_may_skip_versions(void **arg)
{
	struct store_world *s = *arg;
	struct draft d;
	struct err e;

	assert_int_equal(commit_one(s, 'A', 1, "x", none), ERR_NONE);
	draft(s, &d);
	d.commit.head.heals.b[0] = 1;
	add(&d, 'A', 7, "newer");
	add(&d, 'B', 4, NULL);
	ok(send(s, &d, &e), &e);
	assert_changes(s, 1, "h2 r2:A7=newer r2:B4! e2");
}

/* Behind the last one nothing could change that record any more. */
static void
a_healing_commit_does_not_use_up_the_versions(void **arg)
{
	struct store_world *s = *arg;
	struct draft d;
	struct err e;

	assert_int_equal(commit_one(s, 'A', 1, "x", none), ERR_NONE);
	draft(s, &d);
	d.commit.head.heals.b[0] = 1;
	add(&d, 'A', INT64_MAX, "last");
	assert_int_equal(send(s, &d, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_changes(s, 0, "h1 r1:A1=x e1");
}

/* Each head is kept, charged, handed out and read in at its own length. */
static void
a_zone_that_is_shared_stays_so(void **arg)
{
	struct store_world *s = *arg;
	OWN(store_world_free) struct store_world other = store_world_new(NOW);
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf head = { 0 };
	struct draft d;
	struct err e;

	assert_int_equal(commit_one(s, 'A', 1, "x", none), ERR_NONE);
	for (int i = 0; i < 2; i++) {
		uint64_t before = used(s);
		draft(s, &d);
		d.commit.head.format = HEAD_PZH2;
		d.commit.head.share_seq = 1;
		ok(send(s, &d, &e), &e);
		ok(send(s, &d, &e), &e); /* the answer got lost */
		assert_int_equal(used(s), before + HEAD2_BYTES);
	}
	assert_int_equal(commit_empty(s), ERR_BAD_REQUEST);
	assert_changes(s, 0, "h1 h2 h3 r1:A1=x e3");
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
	ok(zone_head(s->s.db, &s->key, &head, &e), &e);
	assert_int_equal(head.n, HEAD2_BYTES);

	ok(zone_changes(s->s.db, &s->key, 0, collect, &raw, &e), &e);
	ok(zone_import(
	       other.s.db, &s->key, CATEGORY_BACKUP, buf_bytes(&raw), &e),
	    &e);
	ok(zone_import_end(other.s.db, &s->key, &e), &e);
	assert_changes(&other, 0, "h1 h2 h3 r1:A1=x e3");
	assert_int_equal(check(&other, ZONE_CHECK_READ).n, 0);
	assert_int_equal(used(&other), used(s));
}

static void
dropped_tombstones_ask_for_a_resync(void **arg)
{
	struct store_world *s = *arg;
	struct draft d;
	struct err e;

	assert_int_equal(commit_one(s, 'A', 1, "x", none), ERR_NONE);
	assert_int_equal(commit_one(s, 'B', 1, "y", none), ERR_NONE);
	assert_int_equal(commit_one(s, 'A', 2, NULL, none), ERR_NONE);
	assert_int_equal(commit_one(s, 'B', 2, NULL, none), ERR_NONE);
	uint64_t before = used(s);
	draft(s, &d);
	d.commit.head.tombstones_gone_below = 4;
	ok(send(s, &d, &e), &e);
	assert_int_equal(used(s), before + HEAD1_BYTES - USAGE_RECORD);
	assert_changes(s, 3, "resync");
	assert_changes(s, 1, "resync");
	assert_changes(s, 4, "h5 e5");
	assert_changes(s, 0, "h1 h2 h3 h4 h5 r4:B2! e5");
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

/* Takes as many pieces as *arg says. */
static int
stop(void *arg, struct bytes x, struct err *e)
{
	int *left = arg;

	assert_true(x.n > 0);
	if (--*left == 0)
		return err_set(e, ERR_SERVER_BUSY, "the peer has gone");
	return 0;
}

static void
a_stream_stops_when_its_sink_fails(void **arg)
{
	struct store_world *s = *arg;
	static char big[LIMIT_RECORD_BYTES];
	struct draft d;
	struct err e;
	int left = 2;
	OWN(buf_free) struct buf all = { 0 };

	memset(big, 'b', sizeof big);
	draft(s, &d);
	for (int i = 0; i < 4; i++)
		add(&d, (unsigned char)('A' + i), 1, "x")->ct =
		    bytes_of(big, sizeof big);
	ok(send(s, &d, &e), &e);
	assert_int_equal(
	    zone_changes(s->s.db, &s->key, 0, stop, &left, &e), -1);
	assert_int_equal(e.code, ERR_SERVER_BUSY);
	assert_int_equal(left, 0);
	ok(zone_changes(s->s.db, &s->key, 0, collect, &all, &e), &e);
	assert_true(all.n > 4 * sizeof big);
}

static void
tables_are_lines_to_who_asks(void **arg)
{
	struct store_world *s = *arg;
	const struct zone_ask ask = { .lines = true };
	const struct id ids[] = { id_of('C'), id_of('x'), id_of('B') };
	OWN(buf_free) struct buf raw = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf some = { 0 };
	OWN(buf_free) struct buf said = { 0 };
	struct draft d;
	struct change c;
	struct err e;
	uint8_t line[CHANGE_LINE_BYTES];

	draft(s, &d);
	add(&d, 'A', 1, "node");
	add(&d, 'B', 1, "pack")->flags = CHANGE_TABLE;
	add(&d, 'C', 1, "gone")->flags = CHANGE_TABLE;
	change_line(&d.changes[1], line);
	ok(send(s, &d, &e), &e);
	assert_int_equal(commit_one(s, 'C', 2, NULL, none), ERR_NONE);
	assert_changes(s, 0, "h1 h2 r1:A1=node r1:B1=pack r2:C2! e2");
	ok(zone_changes_as(s->s.db, &s->key, &ask, collect, &raw, &e), &e);
	show(buf_bytes(&raw), &text);
	assert_string_equal(
	    buf_text(&text), "h1 h2 r1:A1=node l1:B1 r2:C2! e2");
	/* By id they are whole; what is not there is left out. */
	ok(zone_records(
	       s->s.db, &s->key, bytes_of(ids, sizeof ids), collect, &some, &e),
	    &e);
	show(buf_bytes(&some), &said);
	assert_string_equal(buf_text(&said), "r2:C2! r1:B1=pack ");
	/* And it is what the line says. */
	struct scan b = scan_of(bytes_of(some.p + some.n - 47, 47));
	assert_int_equal(scan_u64(&b), 1);
	ok(change_take(&b, &c, &e), &e);
	uint8_t own[CHANGE_LINE_BYTES];
	change_line(&c, own);
	assert_memory_equal(own, line, sizeof line);
}

/* Blobs */

static void
references_protect_blobs(void **arg)
{
	struct store_world *s = *arg;
	struct id both[2] = { id_of('q'), id_of('p') };
	struct bytes pq = bytes_of(both, sizeof both);
	struct bytes q = bytes_of(both, ID_BYTES);

	assert_int_equal(commit_one(s, 'A', 1, "x", q), ERR_BLOB_MISSING);
	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	assert_int_equal(commit_one(s, 'A', 1, "x", pq), ERR_BLOB_MISSING);
	assert_int_equal(put_blob(s, 'q', "qq"), ERR_NONE);
	assert_int_equal(commit_one(s, 'A', 1, "x", pq), ERR_NONE);
	assert_int_equal(commit_one(s, 'B', 1, "y", q), ERR_NONE);
	assert_int_equal(delete_blob(s, 'p'), ERR_CONFLICT);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
	assert_int_equal(commit_one(s, 'A', 2, "x", q), ERR_NONE);
	assert_int_equal(delete_blob(s, 'p'), ERR_NONE);
	assert_false(store_world_has(s, 'p'));
	assert_int_equal(delete_blob(s, 'q'), ERR_CONFLICT);
	assert_int_equal(commit_one(s, 'A', 3, NULL, none), ERR_NONE);
	assert_int_equal(delete_blob(s, 'q'), ERR_CONFLICT);
	assert_int_equal(commit_one(s, 'B', 2, NULL, none), ERR_NONE);
	assert_true(store_world_has(s, 'q'));
	assert_int_equal(delete_blob(s, 'q'), ERR_NONE);
	assert_int_equal(delete_blob(s, 'q'), ERR_NOT_FOUND);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

static void
blobs_of_another_zone_do_not_count(void **arg)
{
	struct store_world *s = *arg;
	struct store_world other = *s;
	struct id p = id_of('p');

	other.key.zone = id_of('y');
	assert_int_equal(put_blob(&other, 'p', "pp"), ERR_NONE);
	assert_int_equal(commit_one(s, 'A', 1, "x", bytes_of(p.b, ID_BYTES)),
	    ERR_BLOB_MISSING);
}

static void
an_id_never_has_two_contents(void **arg)
{
	struct store_world *s = *arg;

	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	uint64_t before = used(s);
	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	assert_int_equal(put_blob(s, 'p', "p!"), ERR_CONFLICT);
	assert_int_equal(put_blob(s, 'p', "ppp"), ERR_CONFLICT);
	assert_int_equal(used(s), before);
	assert_int_equal(before, USAGE_BLOB);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

static void
begin(struct store_world *s, struct zone_upload *u, const char *text)
{
	struct err e;

	*u = (struct zone_upload){ .name = { .uid = s->key.uid,
				       .zone = s->key.zone,
				       .id = id_of('p') } };
	u->sum.size = strlen(text);
	checksum_of(bytes_str(text), &u->sum.sum);
	ok(zone_blob_begin(&s->s, u, s->now, &e), &e);
	assert_false(u->have);
}

static enum err_code
end(struct store_world *s, const struct zone_upload *u, const char *text)
{
	struct blob_writer *w = NULL;
	struct err e = { 0 };

	ok(blob_begin(s->s.blobs, &u->name, &u->sum, &w, &e), &e);
	ok(blob_add(w, bytes_str(text), &e), &e);
	ok(blob_finish(&w, &e), &e);
	return zone_blob_done(&s->s, u, s->now, &e) < 0 ? e.code : ERR_NONE;
}

static void
two_uploads_of_one_blob_end_as_one(void **arg)
{
	struct store_world *s = *arg;
	struct zone_upload a, b, c;

	begin(s, &a, "pp");
	begin(s, &b, "pp");
	begin(s, &c, "other");
	assert_int_equal(used(s), 3 * USAGE_BLOB);
	assert_int_equal(end(s, &b, "pp"), ERR_NONE);
	assert_int_equal(end(s, &a, "pp"), ERR_NONE);
	assert_int_equal(end(s, &c, "other"), ERR_CONFLICT);
	assert_int_equal(used(s), USAGE_BLOB);
	assert_int_equal(usage(s).trash, 2 * USAGE_BLOB);
	assert_true(store_world_has(s, 'p'));
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

static void
an_upload_given_up_costs_nothing(void **arg)
{
	struct store_world *s = *arg;
	struct zone_upload a, b;
	struct err e;

	begin(s, &a, "pp");
	begin(s, &b, "qqq");
	ok(zone_blob_cancel(&s->s, &a, s->now, &e), &e);
	assert_int_equal(used(s), USAGE_BLOB);
	s->now += ZONE_BLOB_UPLOAD_MS;
	assert_int_equal(gc(s).uploads, 0);
	s->now++;
	assert_int_equal(gc(s).uploads, 1);
	assert_int_equal(used(s), 0);
	/* Late, but not lost: its file is removed. */
	assert_int_equal(end(s, &b, "qqq"), ERR_CONFLICT);
	assert_int_equal(used(s), 0);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

static void
quota_refuses_growth_and_never_deletion(void **arg)
{
	struct store_world *s = *arg;
	OWN(buf_free) struct buf text = { 0 };
	uint64_t version = 0;

	quota(s, 2 * USAGE_BLOB);
	assert_int_equal(put_blob(s, 'p', "pppp"), ERR_NONE);
	/* One byte takes what a block takes. */
	assert_int_equal(put_blob(s, 'q', "q"), ERR_NONE);
	assert_int_equal(put_blob(s, 'r', ""), ERR_QUOTA_EXCEEDED);
	/* Records have a reserve, which ends. */
	memset(buf_grow(&text, 100000), 'x', 100000);
	while (commit_one(s, (unsigned char)('A' + version), 1, buf_text(&text),
		   none) == ERR_NONE)
		version++;
	assert_int_equal(version, USAGE_RESERVE / 100000);
	quota(s, 1);
	unsigned empty = 0;
	while (commit_empty(s) == ERR_NONE)
		empty++;
	assert_true(empty * HEAD1_BYTES < 100000);
	assert_int_equal(commit_one(s, 'Z', 1, "x", none), ERR_QUOTA_EXCEEDED);
	assert_int_equal(
	    commit_one(s, 'A', 2, buf_text(&text), none), ERR_QUOTA_EXCEEDED);
	assert_int_equal(commit_one(s, 'A', 2, "x", none), ERR_NONE);
	assert_int_equal(commit_one(s, 'A', 3, NULL, none), ERR_NONE);
	assert_int_equal(delete_blob(s, 'p'), ERR_NONE);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

/* Files of blobs, wherever they lie. */
static unsigned
files(const struct store_world *s)
{
	char command[256];
	unsigned n = 0;

	(void)snprintf(command, sizeof command,
	    "find '%s/blobs' -type f | wc -l", s->dir.path);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	(void)pclose(f);
	return n;
}

/* Who deletes has not got the room back yet, unless he needs it. */
static void
the_trash_is_charged_until_it_is_emptied(void **arg)
{
	struct store_world *s = *arg;

	quota(s, 4 * USAGE_BLOB);
	for (unsigned char i = 0; i < 40; i++) {
		assert_int_equal(
		    put_blob(s, (unsigned char)('0' + i), "some"), ERR_NONE);
		assert_int_equal(
		    delete_blob(s, (unsigned char)('0' + i)), ERR_NONE);
		assert_true(files(s) <= 4);
		assert_int_equal(used(s), 0);
		assert_int_equal(usage(s).trash, files(s) * USAGE_BLOB);
		assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
	}
	assert_true(files(s) > 0);
	s->now += BLOB_TRASH_MS + 1;
	(void)gc(s);
	assert_int_equal(files(s), 0);
	assert_int_equal(usage(s).trash, 0);
	assert_int_equal(usage(s).blobs, 0);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

static void
collection_takes_only_idle_blobs(void **arg)
{
	struct store_world *s = *arg;
	struct id p = id_of('p');

	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	assert_int_equal(put_blob(s, 'q', "qq"), ERR_NONE);
	s->now += 7 * DAY;
	assert_int_equal(gc(s).blobs, 0);
	assert_int_equal(
	    commit_one(s, 'A', 1, "x", bytes_of(p.b, ID_BYTES)), ERR_NONE);
	s->now++;
	assert_int_equal(gc(s).blobs, 1);
	assert_true(store_world_has(s, 'p'));
	assert_false(store_world_has(s, 'q'));
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
	s->now += 7 * DAY - 1;
	assert_int_equal(gc(s).purged, 0);
	s->now++;
	assert_int_equal(gc(s).purged, 1);
	assert_int_equal(commit_one(s, 'A', 2, NULL, none), ERR_NONE);
	assert_int_equal(gc(s).blobs, 1);
	assert_int_equal(used(s), 2 * HEAD1_BYTES + USAGE_RECORD);
}

static void
asking_for_a_blob_revives_it(void **arg)
{
	struct store_world *s = *arg;
	struct id ids[9];
	uint8_t bits[2] = { 0xff, 0xff };
	struct err e;

	for (unsigned char i = 0; i < 9; i++)
		ids[i] = id_of((unsigned char)('a' + i));
	assert_int_equal(put_blob(s, 'b', "bb"), ERR_NONE);
	assert_int_equal(put_blob(s, 'i', "ii"), ERR_NONE);
	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	assert_int_equal(put_blob(s, 'q', "qq"), ERR_NONE);
	s->now += 7 * DAY;
	ok(zone_blob_exists(
	       &s->s, &s->key, bytes_of(ids, sizeof ids), s->now, bits, &e),
	    &e);
	assert_int_equal(bits[0], 1 << 1);
	assert_int_equal(bits[1], 1 << 0);
	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	s->now++;
	assert_int_equal(gc(s).blobs, 1);
	assert_true(store_world_has(s, 'b') && store_world_has(s, 'i') &&
	    store_world_has(s, 'p'));
	assert_false(store_world_has(s, 'q'));
	assert_int_equal(zone_blob_exists(&s->s, &s->key, bytes_of(ids, 17),
			     s->now, bits, &e),
	    -1);
	assert_int_equal(e.code, ERR_BAD_REQUEST);
}

static bool
exists(struct store_world *s, unsigned char letter)
{
	struct id id = id_of(letter);
	uint8_t bits = 0xff;
	struct err e;

	ok(zone_blob_exists(
	       &s->s, &s->key, bytes_of(id.b, ID_BYTES), s->now, &bits, &e),
	    &e);
	return bits == 1;
}

static void
a_lost_file_is_uploaded_again(void **arg)
{
	struct store_world *s = *arg;
	struct id p = id_of('p');
	struct zone_blob b;
	struct err e;
	uint64_t n;

	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	ok(zone_blob_get(&s->s, &s->key, &p, &b, &e), &e);
	ok(blob_trash(s->s.blobs, &b.name, 1, &e), &e);
	ok(blob_purge(s->s.blobs, 1 + BLOB_TRASH_MS, &n, &e), &e);
	assert_int_equal(n, 1);
	assert_int_equal(check(s, ZONE_CHECK_LOOK).last, ERR_BLOB_MISSING);
	assert_false(exists(s, 'p'));
	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	assert_true(store_world_has(s, 'p'));
	assert_int_equal(used(s), USAGE_BLOB);
	assert_true(exists(s, 'p'));
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

#define ROUNDS 60

/* Commits that revive idle blobs, while another thread collects. */
static void *
collector(void *arg)
{
	struct store_world *s = arg;

	for (int i = 0; i < ROUNDS; i++)
		(void)gc(s);
	return NULL;
}

static void
collection_beside_commits_loses_nothing(void **arg)
{
	struct store_world *s = *arg;
	struct store_world other;
	struct id p = id_of('p');
	pthread_t t;

	s->now += 8 * DAY;
	other = *s;
	assert_int_equal(pthread_create(&t, NULL, collector, &other), 0);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		s->now -= 8 * DAY; /* an upload that is old at once */
		(void)put_blob(s, 'p', "pp");
		s->now += 8 * DAY;
		enum err_code code = commit_one(s, 'A', s->seq + 1, "x",
		    s->seq % 2 == 0 ? bytes_of(p.b, ID_BYTES) : none);
		if (code != ERR_BLOB_MISSING)
			assert_int_equal(code, ERR_NONE);
		if (code == ERR_NONE && s->seq % 2 == 1)
			assert_true(store_world_has(s, 'p'));
	}
	(void)pthread_join(t, NULL);
	(void)gc(s);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

/* Checking */

static void
spoil_file(struct store_world *s, off_t size)
{
	OWN(buf_free) struct buf path = { 0 };
	struct id p = id_of('p');
	struct zone_blob b;
	struct err e;

	ok(zone_blob_get(&s->s, &s->key, &p, &b, &e), &e);
	buf_printf(&path, "%s/blobs/%s/%s/70/%s-%016llx", s->dir.path,
	    id_text(&b.name.uid).s, id_text(&b.name.zone).s, id_text(&p).s,
	    (unsigned long long)b.name.file);
	OWN(fd_close) int fd = open(buf_text(&path), O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (size >= 0)
		assert_int_equal(ftruncate(fd, size), 0);
	else
		ok(file_pwrite_all(fd, bytes_str("!"), 1, &e), &e);
}

static void
checking_finds_each_damage(void **arg)
{
	struct store_world *s = *arg;
	static const struct {
		const char *sql, *undo;
		enum err_code code;
	} cases[] = {
		{ "UPDATE record SET ct = x'99' WHERE version = 1",
		    "UPDATE record SET ct = 'x' WHERE version = 1",
		    ERR_RECORD_CORRUPT },
		{ "UPDATE record SET flags = 1", "UPDATE record SET flags = 0",
		    ERR_RECORD_CORRUPT },
		{ "UPDATE record SET seq = 9", "UPDATE record SET seq = 1",
		    ERR_RECORD_CORRUPT },
		{ "UPDATE blob SET refs = refs + 1",
		    "UPDATE blob SET refs = refs - 1", ERR_STATE_DAMAGED },
		{ "UPDATE head SET bytes = x'00' WHERE seq = 1", NULL,
		    ERR_RECORD_CORRUPT },
		{ "UPDATE usage SET bytes = bytes + 1",
		    "UPDATE usage SET bytes = bytes - 1", ERR_STATE_DAMAGED },
		{ "UPDATE usage SET trash = 1", "UPDATE usage SET trash = 0",
		    ERR_STATE_DAMAGED },
		{ "UPDATE usage SET blobs = 2", "UPDATE usage SET blobs = 1",
		    ERR_STATE_DAMAGED },
		{ "UPDATE blob SET size = 5000", "UPDATE blob SET size = 2",
		    ERR_STATE_DAMAGED },
	};
	struct id p = id_of('p');
	OWN(buf_free) struct buf undo = { 0 };
	OWN(buf_free) struct buf head = { 0 };
	struct err e;

	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	assert_int_equal(
	    commit_one(s, 'A', 1, "x", bytes_of(p.b, ID_BYTES)), ERR_NONE);
	ok(zone_head(s->s.db, &s->key, &head, &e), &e);
	buf_put_str(&undo, "UPDATE head SET bytes = x'");
	for (size_t i = 0; i < head.n; i++)
		buf_printf(&undo, "%02x", head.p[i]);
	buf_put_str(&undo, "'");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
		sql(s, cases[i].sql);
		struct findings f = check(s, ZONE_CHECK_LOOK);
		if (f.n == 0 || f.last != cases[i].code)
			fail_msg(
			    "%s: %d %s", cases[i].sql, f.n, err_name(f.last));
		sql(s, cases[i].undo != NULL ? cases[i].undo : buf_text(&undo));
	}
	spoil_file(s, -1);
	assert_int_equal(check(s, ZONE_CHECK_LOOK).n, 0);
	assert_int_equal(check(s, ZONE_CHECK_READ).last, ERR_BLOB_CORRUPT);
	spoil_file(s, 1);
	assert_int_equal(check(s, ZONE_CHECK_LOOK).last, ERR_BLOB_TRUNCATED);
	sql(s, "DELETE FROM blob");
	assert_true(check(s, ZONE_CHECK_LOOK).n >= 3); /* orphan, ref, usage */
}

static void
checking_brings_back_what_the_trash_holds(void **arg)
{
	struct store_world *s = *arg;
	struct id p = id_of('p');
	struct zone_blob b;
	struct err e;

	/* As after restoring a copy of the tables older than a deletion. */
	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	ok(zone_blob_get(&s->s, &s->key, &p, &b, &e), &e);
	ok(blob_trash(s->s.blobs, &b.name, s->now, &e), &e);
	struct findings f = check(s, ZONE_CHECK_READ);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.last, ERR_NONE);
	assert_true(store_world_has(s, 'p'));
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
}

static int
forget_rows(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return tx_script(
	    tx, "DELETE FROM blob; UPDATE usage SET bytes = 0, blobs = 0", e);
}

static void
files_that_the_tables_forgot_are_blobs_again(void **arg)
{
	struct store_world *s = *arg;
	struct err e;
	uint64_t n;

	assert_int_equal(put_blob(s, 'p', "pp"), ERR_NONE);
	assert_int_equal(put_blob(s, 'q', "qqq"), ERR_NONE);
	assert_int_equal(put_blob(s, 'r', "r"), ERR_NONE);
	ok(db_write(s->s.db, forget_rows, NULL, &e), &e);
	/* Uploaded again meanwhile: two files of one blob. */
	assert_int_equal(put_blob(s, 'r', "r"), ERR_NONE);
	assert_int_equal(check(s, ZONE_CHECK_LOOK).n, 3);
	ok(zone_adopt(&s->s, s->now, &n, &e), &e);
	assert_int_equal(n, 3);
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
	assert_int_equal(used(s), 3 * USAGE_BLOB);
	struct id q = id_of('q');
	assert_int_equal(
	    commit_one(s, 'A', 1, "x", bytes_of(q.b, ID_BYTES)), ERR_NONE);
	s->now += 7 * DAY + 1;
	assert_int_equal(gc(s).blobs, 2);
	assert_true(store_world_has(s, 'q'));
	assert_false(store_world_has(s, 'p'));
	assert_int_equal(check(s, ZONE_CHECK_READ).n, 0);
	ok(zone_adopt(&s->s, s->now, &n, &e), &e);
	assert_int_equal(n, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
	const struct CMUnitTest tests[] = {
		T(changes_tell_the_newest_of_each_record),
		T(refused_commits_leave_all_as_it_was),
		T(a_commit_that_comes_again_changes_nothing),
		T(a_first_head_must_be_number_one_after_zeros),
		T(an_account_has_one_zone_per_category),
		T(a_healing_commit_may_skip_versions),
		T(a_healing_commit_does_not_use_up_the_versions),
		T(a_zone_that_is_shared_stays_so),
		T(dropped_tombstones_ask_for_a_resync),
		T(a_stream_stops_when_its_sink_fails),
		T(tables_are_lines_to_who_asks),
		T(references_protect_blobs),
		T(blobs_of_another_zone_do_not_count),
		T(an_id_never_has_two_contents),
		T(two_uploads_of_one_blob_end_as_one),
		T(an_upload_given_up_costs_nothing),
		T(quota_refuses_growth_and_never_deletion),
		T(the_trash_is_charged_until_it_is_emptied),
		T(collection_takes_only_idle_blobs),
		T(asking_for_a_blob_revives_it),
		T(a_lost_file_is_uploaded_again),
		T(collection_beside_commits_loses_nothing),
		T(files_that_the_tables_forgot_are_blobs_again),
		T(checking_finds_each_damage),
		T(checking_brings_back_what_the_trash_holds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
