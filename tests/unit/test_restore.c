/* SPDX-License-Identifier: ISC */
/* test_restore.c: what is planned of a file, and which names are one file. */
#include "backup/restore_in.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int __wrap_source_find(struct source *s, enum category c,
    const struct digest *name, struct id *pack, uint32_t *entry, struct err *e);

/* Chunks whose names begin with 0 are in no pack. */
int
__wrap_source_find(struct source *s, enum category c, const struct digest *name,
    struct id *pack, uint32_t *entry, struct err *e)
{
	(void)s;
	(void)c;
	if (name->b[0] == 0)
		return err_set(e, ERR_SNAPSHOT_DAMAGED, "in no pack");
	memset(pack, name->b[0], sizeof *pack);
	*entry = name->b[1];
	return 0;
}

static void
free_plan(struct restore *r)
{
	fetch_free(&r->fetch);
	free(r->links);
}

static void
add_chunk(struct buf *content, uint8_t first, uint32_t length)
{
	struct digest name;

	memset(&name, first, sizeof name);
	digest_put(content, &name);
	buf_put_varint(content, length);
}

static struct entry
entry_with(const struct buf *content, uint64_t size)
{
	return (struct entry){
		.name = bytes_str("x"),
		.type = ENTRY_REGULAR,
		.category = ENTRY_BACKUP,
		.size = size,
		.nlink = 1,
		.content = buf_bytes(content),
	};
}

static void
a_damaged_list_leaves_no_task_behind(void **state)
{
	OWN(free_plan) struct restore r = { .fetch = fetch_new(NULL) };
	OWN(buf_free) struct buf good = { 0 };
	uint32_t chunks;
	struct err e = { 0 };

	(void)state;
	add_chunk(&good, 1, 10);
	add_chunk(&good, 2, 20);
	struct entry x = entry_with(&good, 30);
	assert_int_equal(restore_plan_chunks(&r, &x, 0, &chunks, &e), 0);
	assert_int_equal(chunks, 2);
	assert_int_equal(fetch_planned(r.fetch), 2);
	for (int kind = 0; kind < 5; kind++) {
		OWN(buf_free) struct buf bad = { 0 };
		add_chunk(&bad, 1, 10);
		if (kind == 0)
			buf_put_str(&bad, "cut"); /* within the second name */
		if (kind == 1)
			add_chunk(&bad, 2, 0);
		if (kind == 2)
			add_chunk(&bad, 2, PACK_BLOCK + 1);
		if (kind == 3)
			add_chunk(&bad, 0, 20); /* in no pack */
		if (kind == 4)
			add_chunk(&bad, 2, 19); /* not the size */
		x = entry_with(&bad, 30);
		assert_int_equal(
		    restore_plan_chunks(&r, &x, 1, &chunks, &e), -1);
		assert_int_equal(err_exit(e.code), 6);
		assert_int_equal(fetch_planned(r.fetch), 2);
	}
}

static void
data_of_a_sparse_file_fills_its_map(void **state)
{
	static const struct {
		uint32_t chunk;
		int rc;
	} rows[] = { { 100, 0 }, { 99, -1 }, { 101, -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		OWN(free_plan) struct restore r = { .fetch = fetch_new(NULL) };
		OWN(buf_free) struct buf content = { 0 };
		OWN(buf_free) struct buf map = { 0 };
		uint64_t end = 0;
		uint32_t chunks;
		struct err e = { 0 };
		add_chunk(&content, 1, rows[i].chunk);
		entry_extent_put(&map, &end, 1000, 60);
		entry_extent_put(&map, &end, 5000, 40);
		struct entry x = entry_with(&content, 9000);
		x.sparse = true;
		x.extents = buf_bytes(&map);
		assert_int_equal(
		    restore_plan_chunks(&r, &x, 0, &chunks, &e), rows[i].rc);
	}
}

static void
names_are_one_file_only_when_all_they_share_is_equal(void **state)
{
	OWN(buf_free) struct buf content = { 0 };
	OWN(buf_free) struct buf other = { 0 };
	OWN(free_plan) struct restore r = { 0 };
	struct entry x;
	bool first;

	(void)state;
	add_chunk(&content, 1, 10);
	add_chunk(&other, 2, 10);
	for (int kind = 0; kind < 9; kind++) {
		x = entry_with(&content, 10);
		x.dev = 7;
		x.ino = 1000 + (uint64_t)kind;
		x.nlink = 3;
		struct link *a = restore_link(&r, &x, &first);
		assert_true(first);
		restore_link_at(a, bytes_str("a"));
		x.name = bytes_str("other");
		assert_ptr_equal(restore_link(&r, &x, &first), a);
		assert_false(first);
		if (kind == 0)
			x.content = buf_bytes(&other);
		if (kind == 1)
			x.ctime_ns++;
		if (kind == 2)
			x.ctime_s++;
		if (kind == 3)
			x.mtime_ns++;
		if (kind == 4)
			x.size++;
		if (kind == 5)
			x.type = ENTRY_FIFO;
		if (kind == 6)
			x.uid++;
		if (kind == 7)
			x.dev++;
		if (kind == 8) { /* a secret has other names for chunks */
			x.content = buf_bytes(&other);
			x.category = ENTRY_KEYCHAIN;
		}
		(void)restore_link(&r, &x, &first);
		assert_int_equal(first, kind != 8);
	}
	restore_links_done(&r, true);
	assert_int_equal(r.n_links, 0);
}

static void
a_file_with_all_its_names_is_forgotten(void **state)
{
	OWN(buf_free) struct buf content = { 0 };
	OWN(free_plan) struct restore r = { 0 };
	bool first;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		struct entry x = entry_with(&content, 0);
		x.nlink = 2 + (i == 0);
		x.ino = i;
		restore_link_at(restore_link(&r, &x, &first), bytes_str("a"));
		(void)restore_link(&r, &x, &first);
	}
	assert_int_equal(r.n_links, 1000);
	restore_links_done(&r, false);
	assert_int_equal(r.n_links, 1);
	restore_links_done(&r, true);
	assert_int_equal(r.n_links, 0);
}

static void
extents_are_found_by_place_and_by_data(void **state)
{
	OWN(extents_free) struct extents x = { 0 };
	OWN(buf_free) struct buf map = { 0 };
	struct entry entry = { .type = ENTRY_REGULAR, .size = 1000000 };
	uint64_t end = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		entry_extent_put(&map, &end, 100 + 900 * i, 10 + i % 3);
	entry.sparse = true;
	entry.extents = buf_bytes(&map);
	extents_of(&entry, &x);
	assert_int_equal(x.n, 1000);
	assert_int_equal(x.data, extents_bytes(&entry));
	for (size_t i = 0; i < x.n; i++) {
		assert_int_equal(extents_of_data(&x, x.list[i].data), i);
		assert_int_equal(
		    extents_of_data(&x, x.list[i].data + x.list[i].n - 1), i);
		assert_int_equal(extents_at(&x, x.list[i].at), i);
		assert_int_equal(
		    extents_at(&x, x.list[i].at + x.list[i].n), i + 1);
	}
	assert_int_equal(extents_of_data(&x, x.data), x.n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_list_leaves_no_task_behind),
		cmocka_unit_test(data_of_a_sparse_file_fills_its_map),
		cmocka_unit_test(
		    names_are_one_file_only_when_all_they_share_is_equal),
		cmocka_unit_test(a_file_with_all_its_names_is_forgotten),
		cmocka_unit_test(extents_are_found_by_place_and_by_data),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
