/* SPDX-License-Identifier: ISC */
/* test_plan_large.c: many at once: few commits, each valid. */
#include "plan_large.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MANY 5000
#define IN_DIR 10

/* What is new on the disk, or known to all. */
static void
fill(struct large_trees *t, size_t n, bool known)
{
	for (size_t i = 0; i < n; i++) {
		struct plan_node x = large_node(i, IN_DIR);
		*large_add(&t->local) = x;
		if (!known)
			continue;
		*large_add(&t->base) = x;
		*large_add(&t->remote) = x;
	}
	large_sort(&t->base);
	large_sort(&t->local);
	large_sort(&t->remote);
}

/* P7, and P4 for many commits: a folder comes before what is in it. */
static void
many_new_ones_take_few_commits_with_folders_first(void **state)
{
	OWN(large_trees_free) struct large_trees t = { .out.n_ops = 0 };
	OWN(mem_free) struct id *ids = mem_array(MANY, sizeof *ids);
	const struct plan_policy policy = large_policy();

	(void)state;
	fill(&t, MANY, false);
	for (size_t i = 0; i < MANY; i++)
		ids[i] = large_id(i);
	large_plan(&t, &policy, ids, MANY);
	assert_int_equal(t.out.n_changes, MANY);
	assert_in_range(t.out.n_batches, 1, MANY / 850 + 2);
	for (size_t i = 0; i < MANY; i++) {
		const struct plan_change *c = &t.out.changes[i];
		size_t k = 0;
		while (k < i && !id_equal(&t.out.changes[k].id, &c->parent))
			k++;
		assert_true(id_zero(&c->parent) || k < i);
	}
}

/* P7: what is in a folder follows it. */
static void
a_folder_of_many_renamed_is_one_record(void **state)
{
	OWN(large_trees_free) struct large_trees t = { .out.n_ops = 0 };
	const struct plan_policy policy = large_policy();
	const struct id dir = large_id(0);

	(void)state;
	fill(&t, MANY, true);
	(void)snprintf(large_get(&t.local, &dir)->name, 8, "renamed");
	large_get(&t.local, &dir)->name_n = 7;
	t.local.sorted = false;
	large_sort(&t.local);
	large_plan(&t, &policy, &dir, 1);
	assert_int_equal(t.out.n_changes, 1);
	assert_int_equal(t.out.n_batches, 1);
	assert_int_equal(t.out.n_ops, 0);
}

/* The ones that hand their names on are one commit, or none stands. */
static void
names_handed_on_come_free_first(void **state)
{
	OWN(large_trees_free) struct large_trees t = { .out.n_ops = 0 };
	OWN(mem_free) struct id *ids = mem_array(MANY, sizeof *ids);
	const struct plan_policy policy = large_policy();

	(void)state;
	fill(&t, MANY, true);
	/* Each top folder gets the name of the next, the last one a new one. */
	for (size_t i = 0; i < MANY; i += IN_DIR) {
		const struct id id = large_id(i);
		struct plan_node *n = large_get(&t.local, &id);
		n->name_n = (uint8_t)snprintf(
		    n->name, sizeof n->name, "name-%zu", i + IN_DIR);
		ids[i / IN_DIR] = id;
	}
	t.local.sorted = false;
	large_sort(&t.local);
	/* One of them draws in those after it. */
	large_plan(&t, &policy, ids, 1);
	assert_int_equal(t.out.n_changes, MANY / IN_DIR);
	for (size_t i = 0; i + 1 < t.out.n_changes; i++) {
		const struct plan_change *a = &t.out.changes[i],
					 *b = &t.out.changes[i + 1];
		struct plan_node *n = large_get(&t.remote, &a->id);
		/* It takes the name that the one before it gave up. */
		assert_string_equal(b->name, n->name);
	}
}

static void
exchange(struct plan_node *x, struct plan_node *y)
{
	struct id one = x->id, other = y->id;
	struct plan_node was = *x;

	*x = *y;
	*y = was;
	x->id = one;
	y->id = other;
}

/* P4: two that exchange their names are never in two commits. */
static void
names_exchanged_go_together(void **state)
{
	OWN(large_trees_free) struct large_trees t = { .out.n_ops = 0 };
	OWN(mem_free) struct id *ids = mem_array(MANY, sizeof *ids);
	const struct plan_policy policy = large_policy();
	size_t n = 0;

	(void)state;
	fill(&t, 4 * MANY, true);
	/* A third one, so that a commit would end between two. */
	ids[n++] = large_id(4 * MANY - IN_DIR);
	(void)snprintf(large_get(&t.local, &ids[0])->name, 8, "renamed");
	large_get(&t.local, &ids[0])->name_n = 7;
	for (size_t i = 0; n < MANY / 4 * 2; i += 2 * IN_DIR) {
		struct id a = large_id(i), b = large_id(i + IN_DIR);
		exchange(large_get(&t.local, &a), large_get(&t.local, &b));
		ids[n++] = a;
		ids[n++] = b;
		if (i + 4 * IN_DIR >= 4 * MANY)
			break;
	}
	t.local.sorted = false;
	large_sort(&t.local);
	large_plan(&t, &policy, ids, n);
	assert_int_equal(t.out.n_changes, n);
	assert_true(t.out.n_batches > 1);
	for (size_t i = 0; i < n; i++) {
		const struct plan_change *c = &t.out.changes[i];
		struct plan_node now;
		size_t k = 0;
		if (!large_child(&t.remote, &c->parent,
			bytes_of(c->name, c->name_n), &now))
			continue; /* the third one */
		while (k < n && !id_equal(&t.out.changes[k].id, &now.id))
			k++;
		assert_true(k < n);
		assert_int_equal(t.out.changes[k].batch, c->batch);
	}
}

/* Files of one directory: x, x-wal, x-journal, and those of others. */
static void
databases(struct large_trees *t, size_t n)
{
	static const char *const ends[] = { "", "-wal", "-journal" };

	for (size_t i = 0; i < n; i++) {
		struct plan_node x = large_node(i + 1, IN_DIR);
		x.parent = (struct id){ { 0 } };
		x.type = NODE_FILE;
		x.content.b[0] = 1;
		x.name_n =
		    (uint8_t)snprintf(x.name, sizeof x.name, "database-%zu%s",
			i / ARRAY_SIZE(ends), ends[i % ARRAY_SIZE(ends)]);
		*large_add(&t->local) = x;
	}
	large_sort(&t->local);
}

/* P10: a commit does not end between files of one database. */
static void
a_database_is_of_one_commit(void **state)
{
	OWN(large_trees_free) struct large_trees t = { .out.n_ops = 0 };
	OWN(mem_free) struct id *ids = mem_array(MANY, sizeof *ids);
	const struct plan_policy policy = large_policy();

	(void)state;
	databases(&t, MANY);
	for (size_t i = 0; i < MANY; i++)
		ids[i] = large_id(i + 1);
	large_plan(&t, &policy, ids, MANY);
	assert_int_equal(t.out.n_changes, MANY);
	assert_true(t.out.n_batches > 1);
	for (size_t i = 0; i < MANY; i++)
		for (size_t k = 0; k < MANY; k++) {
			const struct plan_change *a = &t.out.changes[i],
						 *b = &t.out.changes[k];
			if (b->name_n == a->name_n + 4 &&
			    memcmp(a->name, b->name, a->name_n) == 0)
				assert_int_equal(a->batch, b->batch);
		}
}

/* One that was not named, of a database of which another is not read yet. */
static void
a_database_waits_for_all_of_it(void **state)
{
	OWN(large_trees_free) struct large_trees t = { .out.n_ops = 0 };
	const struct plan_policy policy = large_policy();
	const struct id x = large_id(1), log = large_id(2);

	(void)state;
	databases(&t, 6);
	large_get(&t.local, &log)->unread = true;
	large_plan(&t, &policy, &x, 1);
	assert_int_equal(t.out.n_reads, 1);
	assert_memory_equal(&t.out.reads[0], &log, sizeof log);
	assert_int_equal(t.out.n_changes, 0);
	planner_free(&t.out);
	large_get(&t.local, &log)->unread = false;
	large_plan(&t, &policy, &x, 1);
	assert_int_equal(t.out.n_changes, 3);
	assert_int_equal(t.out.n_batches, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    many_new_ones_take_few_commits_with_folders_first),
		cmocka_unit_test(a_folder_of_many_renamed_is_one_record),
		cmocka_unit_test(names_handed_on_come_free_first),
		cmocka_unit_test(names_exchanged_go_together),
		cmocka_unit_test(a_database_is_of_one_commit),
		cmocka_unit_test(a_database_waits_for_all_of_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
