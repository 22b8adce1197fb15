/* SPDX-License-Identifier: ISC */
/* test_snapshot.c: what may be written is read back; the rest is refused. */
#include "backup/snapshot.h"

#include "wire/limits.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 300
#define NOW 1764000000000u

static uint64_t state;

/* xorshift64*: the same rounds every time. */
static uint64_t
draw(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1d % below;
}

/* Often 0, often the most, else anything between. */
static size_t
extreme(size_t most)
{
	switch (draw(3)) {
	case 0:
		return 0;
	case 1:
		return most;
	default:
		return (size_t)draw(most + 1);
	}
}

static void
fill(struct buf *out, size_t n, bool text)
{
	for (size_t i = 0; i < n; i++)
		buf_put_u8(out,
		    text ? (uint8_t)(' ' + draw(94))
			 : (uint8_t)(1 + draw(255)));
}

static void
add_word(struct snapshot *s, size_t n, bool tag)
{
	OWN(buf_free) struct buf b = { 0 };

	fill(&b, n, tag);
	if (tag)
		snapshot_add_tag(s, buf_bytes(&b));
	else
		snapshot_add_path(s, buf_bytes(&b));
}

static void
fill_stream(struct stream_ref *r)
{
	r->depth = (uint8_t)draw(STREAM_DEPTH_MAX + 1);
	r->length = draw(UINT64_MAX);
	r->n = (uint32_t)extreme(STREAM_REF_CHUNKS);
	for (uint32_t i = 0; i < r->n; i++) {
		fill(&r->list, DIGEST_BYTES, false);
		buf_put_varint(&r->list, 1 + draw(65536));
	}
}

/* Within every limit, or anywhere near it. */
static void
fill_snapshot(struct snapshot *s)
{
	uint64_t *counts[] = { &s->files, &s->dirs, &s->others, &s->bytes,
		&s->new_bytes, &s->stored_bytes, &s->errors };
	size_t n = extreme(SNAPSHOT_PATHS_MAX), tags = extreme(64);

	s->time_ms = draw(2) == 0 ? UINT64_MAX : draw(UINT64_MAX);
	s->duration_ms = draw(UINT64_MAX);
	s->partial = draw(2) == 0;
	id_random(&s->dev_id);
	fill(&s->host, extreme(SNAPSHOT_NAME_BYTES), false);
	fill(&s->user, extreme(SNAPSHOT_NAME_BYTES), false);
	fill(&s->version, extreme(SNAPSHOT_NAME_BYTES), true);
	for (size_t i = 0; i < n; i++)
		add_word(s, 1 + draw(draw(20) == 0 ? 4095 : 20), false);
	for (size_t i = 0; i < tags; i++)
		add_word(s, 1 + extreme(SNAPSHOT_TAG_BYTES - 1), true);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		*counts[i] = draw(3) == 0 ? UINT64_MAX : draw(UINT64_MAX);
	fill_stream(&s->tree);
	fill_stream(&s->index);
	fill(&s->more_refs, ID_BYTES * extreme(999), false);
	fill(&s->keychain_packs, ID_BYTES * extreme(2000), false);
}

static void
same_bytes(const struct buf *a, const struct buf *b)
{
	assert_true(bytes_equal(buf_bytes(a), buf_bytes(b)));
}

static void
same(const struct snapshot *a, const struct snapshot *b)
{
	OWN(buf_free) struct buf x = { 0 };
	OWN(buf_free) struct buf y = { 0 };

	assert_int_equal(a->n_paths, b->n_paths);
	assert_int_equal(a->n_tags, b->n_tags);
	for (size_t i = 0; i < a->n_paths; i++)
		same_bytes(&a->paths[i], &b->paths[i]);
	for (size_t i = 0; i < a->n_tags; i++)
		same_bytes(&a->tags[i], &b->tags[i]);
	same_bytes(&a->host, &b->host);
	same_bytes(&a->keychain_packs, &b->keychain_packs);
	snapshot_put(&x, a);
	snapshot_put(&y, b);
	same_bytes(&x, &y);
}

static void
reads_back_whatever_it_lets_be_written(void **state_)
{
	size_t let = 0;

	(void)state_;
	state = 20261129;
	for (int i = 0; i < ROUNDS; i++) {
		OWN(snapshot_free) struct snapshot s = { 0 };
		OWN(snapshot_free) struct snapshot back = { 0 };
		OWN(buf_free) struct buf plain = { 0 };
		struct err e = { 0 };
		fill_snapshot(&s);
		if (snapshot_check_words(&s, &e) < 0) {
			assert_int_equal(e.code, ERR_USAGE);
			continue;
		}
		let++;
		snapshot_put(&plain, &s);
		/* A seal adds less than 1 KiB. */
		assert_true(plain.n <= LIMIT_RECORD_BYTES - 1024);
		assert_int_equal(
		    snapshot_parse(buf_bytes(&plain), &back, &e), 0);
		same(&s, &back);
	}
	assert_true(let > ROUNDS / 4 && let < ROUNDS);
}

static struct snapshot
small(void)
{
	struct snapshot s = { 0 };

	snapshot_add_path(&s, bytes_str("/home/ana"));
	snapshot_add_tag(&s, bytes_str("good"));
	return s;
}

static void
is_refused(const struct snapshot *s, bool refused)
{
	struct err e = { 0 };

	assert_int_equal(snapshot_check_words(s, &e), refused ? -1 : 0);
	assert_int_equal(e.code, refused ? ERR_USAGE : ERR_NONE);
}

static void
refuses_one_more_than_each_limit(void **state_)
{
	(void)state_;
	for (size_t over = 0; over < 2; over++) {
		OWN(snapshot_free) struct snapshot tags = small();
		OWN(snapshot_free) struct snapshot tag = small();
		OWN(snapshot_free) struct snapshot paths = small();
		OWN(snapshot_free) struct snapshot host = small();
		OWN(snapshot_free) struct snapshot words = small();
		while (tags.n_tags < SNAPSHOT_TAGS_MAX + over)
			snapshot_add_tag(&tags, bytes_str("t"));
		add_word(&tag, SNAPSHOT_TAG_BYTES + over, true);
		while (paths.n_paths < SNAPSHOT_PATHS_MAX + over)
			snapshot_add_path(&paths, bytes_str("/p"));
		fill(&host.host, SNAPSHOT_NAME_BYTES + over, true);
		/* Three names, a tag and a path: 33 bytes, and 4 for this. */
		add_word(&words, SNAPSHOT_WORDS_BYTES - 33 - 4 + over, false);
		is_refused(&tags, over == 1);
		is_refused(&tag, over == 1);
		is_refused(&paths, over == 1);
		is_refused(&host, over == 1);
		is_refused(&words, over == 1);
	}
}

static void
refuses_tags_that_are_no_text(void **state_)
{
	static const char *const bad[] = { "", "\xff", "a\xc3",
		"\xed\xa0\x80" };
	const char *many[SNAPSHOT_TAGS_MAX + 1];
	struct err e;

	(void)state_;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(snapshot_check_tags(&bad[i], 1, &e), -1);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = "x";
	assert_int_equal(snapshot_check_tags(many, SNAPSHOT_TAGS_MAX, &e), 0);
	assert_int_equal(
	    snapshot_check_tags(many, SNAPSHOT_TAGS_MAX + 1, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

static void
never_takes_a_damaged_record_for_another(void **state_)
{
	OWN(snapshot_free) struct snapshot s = small();
	OWN(buf_free) struct buf plain = { 0 };
	struct err e;

	(void)state_;
	snapshot_put(&plain, &s);
	for (size_t n = 0; n < plain.n; n++) {
		struct snapshot back;
		assert_int_equal(
		    snapshot_parse(bytes_of(plain.p, n), &back, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
}

static void
latest_is_not_of_the_future(void **state_)
{
	struct snapshot list[] = { { .seq = 1, .time_ms = NOW },
		{ .seq = 3, .time_ms = NOW + 1000 },
		{ .seq = 2, .time_ms = UINT64_MAX - 5 } };
	const struct snapshot_list all = { .list = list, .n = 3 };
	const struct snapshot_list one = { .list = &list[2], .n = 1 };
	const struct snapshot_list none = { .n = 0 };

	(void)state_;
	assert_ptr_equal(snapshot_latest(&all), &list[1]);
	assert_ptr_equal(snapshot_latest(&one), &list[2]);
	assert_null(snapshot_latest(&none));
	assert_false(snapshot_of_future(&list[0], NOW));
	assert_false(snapshot_of_future(&list[1], NOW));
	assert_true(snapshot_of_future(&list[2], NOW));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_whatever_it_lets_be_written),
		cmocka_unit_test(refuses_one_more_than_each_limit),
		cmocka_unit_test(refuses_tags_that_are_no_text),
		cmocka_unit_test(never_takes_a_damaged_record_for_another),
		cmocka_unit_test(latest_is_not_of_the_future),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
