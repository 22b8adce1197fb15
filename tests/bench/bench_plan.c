/* SPDX-License-Identifier: ISC */
/* bench_plan.c: what a plan costs, by what was touched. */
/*
 * bench_plan [nodes]: 200,000 when it is not said, a hundred in each folder.
 */
#include "../unit/plan_large.h"

#include <time.h>

#define IN_DIR 100
#define SLICE 4096

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum kind { NEW_HERE, NEW_THERE, GONE_HERE, CHANGED_HERE, CONFLICT, TRASHED };

static void
fill(struct large_trees *t, size_t nodes, size_t touched, enum kind kind)
{
	for (size_t i = 0; i < nodes; i++) {
		struct plan_node n = large_node(i, IN_DIR), x = n;
		bool is = i < touched;
		if (!is || (kind != NEW_HERE && kind != NEW_THERE))
			*large_add(&t->base) = n;
		if (is && n.type == NODE_FILE &&
		    (kind == CHANGED_HERE || kind == CONFLICT))
			n.content.b[30] = 1;
		if (!is || (kind != NEW_THERE && kind != GONE_HERE))
			*large_add(&t->local) = n;
		if (is && x.type == NODE_FILE && kind == CONFLICT) {
			x.content.b[30] = 2;
			x.version = 2;
		}
		x.trashed = is && kind == TRASHED && n.type == NODE_DIR;
		if (!is || kind != NEW_HERE)
			*large_add(&t->remote) = x;
	}
	large_sort(&t->base);
	large_sort(&t->local);
	large_sort(&t->remote);
}

static void
measure(
    const char *what, size_t nodes, size_t touched, enum kind kind, bool folds)
{
	OWN(large_trees_free) struct large_trees t = { .out.n_ops = 0 };
	OWN(mem_free) struct id *ids = mem_array(touched, sizeof *ids);
	struct plan_policy policy = large_policy();
	double most = 0, all;

	policy.fs.folds = folds;
	fill(&t, nodes, touched, kind);
	for (size_t i = 0; i < touched; i++)
		ids[i] = large_id(i);
	all = seconds();
	for (size_t i = 0; i < touched; i += SLICE) {
		double from = seconds();
		large_plan(&t, &policy, ids + i,
		    touched - i < SLICE ? touched - i : SLICE);
		from = seconds() - from;
		most = from > most ? from : most;
	}
	all = seconds() - all;
	double once = seconds();
	large_plan(&t, &policy, ids, touched);
	once = seconds() - once;
	(void)printf("%-14s %7zu in slices %7.0f ms, of %d at most %5.0f ms;"
		     " at once %7.0f ms\n",
	    what, touched, all * 1e3, SLICE, most * 1e3, once * 1e3);
}

int
main(int argc, char **argv)
{
	size_t nodes = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 200000;
	size_t half = nodes / 2;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	measure("new here", nodes, half, NEW_HERE, false);
	measure("new there", nodes, half, NEW_THERE, false);
	measure("gone here", nodes, half, GONE_HERE, false);
	measure("changed here", nodes, half, CHANGED_HERE, false);
	measure("conflicts", nodes, half / 5, CONFLICT, false);
	measure("trashed there", nodes, half, TRASHED, false);
	measure("new, folding", nodes, half, NEW_THERE, true);
	return 0;
}
