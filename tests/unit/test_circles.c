/* SPDX-License-Identifier: ISC */
/* test_circles.c: a circle that is kept is what the tables say, or read anew. */
#include "base/now.h"
#include "store/account.h"
#include "store/circles.h"
#include "vault/devkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_dir.h"

#define NAMES 20

/* An account of one device, and entries that claim names. */
struct world {
	struct scratch dir;
	struct db *db;
	struct id uid;
	struct device device;
	struct devkey *key;
	struct circle circle;
	struct buf entries; /* v16 each */
};

static void
add(struct world *w, int type, const struct buf *body)
{
	OWN(buf_free) struct buf entry = { 0 };
	struct circle_sig sig = { .kind = 1, .keyref = w->device.dev_id };
	struct err e;

	circle_entry_begin(&entry, &w->circle, &w->uid, (uint64_t)now_ms(),
	    (enum circle_type)type, buf_bytes(body));
	devkey_sign(w->key, SIG_CIRCLE, buf_bytes(&entry), sig.sig);
	circle_entry_end(&entry, &sig, 1);
	assert_int_equal(circle_apply(&w->circle, buf_bytes(&entry), &e), 0);
	buf_put_v16(&w->entries, buf_bytes(&entry));
}

static void
claim(struct world *w, const char *name)
{
	OWN(buf_free) struct buf body = { 0 };

	buf_put_v8(&body, bytes_str(name));
	buf_put_u8(&body, 1);
	add(w, CIRCLE_NAME, &body);
}

static void
begin(struct world *w)
{
	OWN(buf_free) struct buf body = { 0 };
	struct recovery_set none = { 0 };
	struct key_change kc = { .epoch = 1 };

	w->key = devkey_new(&w->device);
	w->device.class = CLASS_COMPUTER;
	w->device.rights = RIGHT_APPROVE;
	id_random(&w->uid);
	device_put(&body, &w->device);
	recovery_set_put(&body, &none);
	buf_put_u8(&body, 1);
	buf_put_u16(&body, 72);
	buf_put_u8(&body, PROTECTION_ADVANCED);
	id_put(&body, &w->uid);
	key_change_put(&body, &kc);
	add(w, CIRCLE_GENESIS, &body);
}

/* Entries from..to of the world's, by number from 1, into the tables. */
struct write_job {
	const struct world *w;
	unsigned from, to;
	bool look, fail;
};

static int
write_entries(struct tx *tx, void *arg, struct err *e)
{
	const struct write_job *j = arg;
	struct scan s = scan_of(buf_bytes(&j->w->entries));
	OWN(circle_free) struct circle c = { 0 };

	for (unsigned seq = 1; s.n > 0; seq++) {
		struct bytes x = scan_v16(&s);
		if (seq >= j->from && seq <= j->to &&
		    account_add_entry(tx, &j->w->uid, seq, x, e) < 0)
			return -1;
	}
	if (j->look && account_circle(tx, &j->w->uid, &c, e) < 0)
		return -1;
	return j->fail ? err_set(e, ERR_IO, "undone") : 0;
}

struct read_job {
	const struct id *uid;
	struct circle circle;
};

static int
read_circle(struct tx *tx, void *arg, struct err *e)
{
	struct read_job *j = arg;

	return account_circle(tx, j->uid, &j->circle, e);
}

static uint32_t
seq_now(const struct world *w, struct digest *head)
{
	OWN(circle_free) struct circle c = { 0 };
	struct read_job j = { .uid = &w->uid };
	struct err e;

	assert_int_equal(db_read(w->db, read_circle, &j, &e), 0);
	c = j.circle;
	*head = c.head;
	assert_int_equal(c.n_hashes, c.seq);
	return c.seq;
}

static int
world_new(void **state)
{
	struct world *w = mem_new(sizeof *w);
	char path[80];
	struct err e;

	*state = w;
	w->dir = scratch_new();
	(void)snprintf(path, sizeof path, "%s/db", w->dir.path);
	assert_int_equal(db_open(path, DB_SERVER, &w->db, &e), 0);
	assert_int_equal(account_open(w->db, &e), 0);
	begin(w);
	for (int i = 0; i < NAMES; i++)
		claim(w, "ana@home");
	return 0;
}

static int
world_free(void **state)
{
	struct world *w = *state;

	db_free(&w->db);
	scratch_free(&w->dir);
	devkey_free(&w->key);
	circle_free(&w->circle);
	buf_free(&w->entries);
	free(w);
	return 0;
}

static int
put(struct world *w, unsigned from, unsigned to, bool look, bool fail)
{
	struct write_job j = { w, from, to, look, fail };
	struct err e;

	return db_write(w->db, write_entries, &j, &e);
}

static void
goes_on_from_what_was_kept(void **state)
{
	struct world *w = *state;
	struct digest head;

	assert_int_equal(put(w, 1, 5, false, false), 0);
	assert_int_equal(seq_now(w, &head), 5);
	assert_int_equal(put(w, 6, NAMES + 1, false, false), 0);
	assert_int_equal(seq_now(w, &head), NAMES + 1);
	assert_true(digest_equal(&head, &w->circle.head));
}

static void
what_was_undone_was_never_there(void **state)
{
	struct world *w = *state;
	struct digest head, other;

	assert_int_equal(put(w, 1, 5, false, false), 0);
	/* Read within the transaction, and so kept, and then undone. */
	assert_int_equal(put(w, 6, 8, true, true), -1);
	assert_int_equal(seq_now(w, &head), 5);
	/* As well when another entry takes its place. */
	assert_int_equal(put(w, 6, 6, true, true), -1);
	circle_free(&w->circle);
	w->circle = (struct circle){ 0 };
	struct scan s = scan_of(buf_bytes(&w->entries));
	struct err e;
	for (int i = 0; i < 5; i++)
		assert_int_equal(circle_apply(&w->circle, scan_v16(&s), &e), 0);
	w->entries.n -= s.n;
	claim(w, "bea@home");
	assert_int_equal(put(w, 6, 6, false, false), 0);
	assert_int_equal(seq_now(w, &other), 6);
	assert_true(digest_equal(&other, &w->circle.head));
}

static void
the_least_used_makes_room(void **state)
{
	struct circles *cs = circles_new();
	struct circle c = { .seq = 1 };

	(void)state;
	for (uint32_t i = 1; i <= 5000; i++) {
		OWN(circle_free) struct circle got = { 0 };
		be32_put(c.uid.b, i);
		circles_put(cs, &c);
		assert_true(circles_get(cs, &c.uid, &got));
	}
	for (uint32_t i = 1; i <= 5000; i++) {
		OWN(circle_free) struct circle got = { 0 };
		be32_put(c.uid.b, i);
		assert_int_equal(
		    circles_get(cs, &c.uid, &got), i > 5000 - 1024);
	}
	circles_free(cs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    goes_on_from_what_was_kept, world_new, world_free),
		cmocka_unit_test_setup_teardown(
		    what_was_undone_was_never_there, world_new, world_free),
		cmocka_unit_test(the_least_used_makes_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
