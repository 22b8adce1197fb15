/* SPDX-License-Identifier: ISC */
/* test_plan_sim.c: three devices, seeds of disorder, and what must hold. */
/*
 * AUMBRY_SIM_SEEDS=N runs that many (300 otherwise), AUMBRY_SIM_SEED=N one of
 * them with all that happens; a failure prints the shortest script found that
 * still fails.
 */
#include "plan_script.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LINES 60
#define LINE 96

typedef char script[LINES][LINE];

/* ---- one line ---- */

static void
person(struct player *p, unsigned which, const char *verb, const char *one,
    const char *two)
{
	struct world *w = &p->w;
	struct device *d = &w->d[which];
	char name[NODE_NAME_MAX + 1];
	uint64_t parent, number = strtoull(two, NULL, 10);
	struct object *o = walk(d, one, &parent, name);

	if (strcmp(verb, "write") == 0 || strcmp(verb, "new") == 0)
		write_file(w, d, one, number, verb[0] == 'n');
	else if (strcmp(verb, "mkdir") == 0 && parent != 0 && o == NULL)
		(void)make_object(d, parent, name, NODE_DIR);
	else if (strcmp(verb, "link") == 0 && parent != 0 && o == NULL)
		make_object(d, parent, name, NODE_SYMLINK)->content =
		    number + 1;
	else if (strcmp(verb, "rm") == 0 && o != NULL && o->type != NODE_DIR)
		erase(w, d, o);
	else if (strcmp(verb, "rmr") == 0 && o != NULL)
		erase(w, d, o);
	else if (strcmp(verb, "exec") == 0 && o != NULL && o->type == NODE_FILE)
		o->exec = !o->exec;
	else if (strcmp(verb, "mv") == 0)
		move_object(w, d, one, two);
	else if (strcmp(verb, "swap") == 0)
		swap_objects(d, one, two);
	else if (strcmp(verb, "adopt") == 0)
		d->base.count = 0;
}

static void some_path(struct player *p, unsigned which, char *out, size_t n);

/* A person who works on while their device syncs. */
static void
meddle(void *ctx, unsigned device)
{
	static const char *const verbs[] = { "write", "new", "mv", "rm", "rmr",
		"mkdir", "exec" };
	struct player *p = ctx;
	const char *verb = verbs[draw(&p->w, ARRAY_SIZE(verbs))];
	char one[64], two[64] = "";

	some_path(p, device, one, sizeof one);
	if (verb[0] == 'm' && verb[1] == 'v')
		some_path(p, device, two, sizeof two);
	SAY(&p->w, "    meanwhile %s %s %s\n", verb, one, two);
	person(p, device, verb, one, two);
}

static void
setting(struct player *p, unsigned which, const char *verb, const char *one)
{
	struct plan_policy *y = &p->policy[which];
	const struct plan_node *n;

	if (strcmp(verb, "folds") == 0)
		y->fs.folds = true;
	else if (strcmp(verb, "plain") == 0)
		y->fs.folds = false;
	else if (strcmp(verb, "short") == 0)
		y->fs.name_max = (unsigned)strtoul(one, NULL, 10);
	else if (strcmp(verb, "ignore") == 0)
		(void)snprintf(
		    p->ignored[which], sizeof p->ignored[which], "%s", one);
	else if (strcmp(verb, "gate") == 0)
		y->gate.most = strtoull(one, NULL, 10);
	else if (strcmp(verb, "skip") == 0 &&
	    (n = walk_zone(&p->w.zone, one)) != NULL)
		p->skips[which][y->n_skips++] = n->id;
}

static void
play(struct player *p, const char *line)
{
	char who[16] = "", verb[32] = "", one[128] = "", two[128] = "";

	SAY(&p->w, "%s\n", line);
	(void)sscanf(line, "%15s %31s %127s %127s", who, verb, one, two);
	p->w.ctx = p;
	if (strcmp(who, "all") == 0) {
		sync_all(p);
		return;
	}
	if (strcmp(verb, "busy") == 0) {
		p->w.meddle = meddle;
		(void)sync_device(&p->w, (unsigned)(who[0] - 'A'), -1, true,
		    p->confirm, &p->policy[who[0] - 'A']);
		p->w.meddle = NULL;
		return;
	}
	unsigned d = (unsigned)(who[0] - 'A');
	int budget = one[0] == '\0' ? -1 : (int)strtol(one, NULL, 10);
	if (who[0] == 'W')
		in_browser(&p->w, verb, one, two);
	else if (d < DEVICES && strcmp(verb, "sync") == 0)
		(void)sync_device(
		    &p->w, d, budget, true, p->confirm, &p->policy[d]);
	else if (d < DEVICES && strcmp(verb, "stale") == 0)
		(void)sync_device(
		    &p->w, d, budget, false, p->confirm, &p->policy[d]);
	else if (d < DEVICES) {
		person(p, d, verb, one, two);
		setting(p, d, verb, one);
	}
}

/* ---- seeds ---- */

/* A path on the disk, most often one that is there. */
static void
some_path(struct player *p, unsigned which, char *out, size_t n)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct world *w = &p->w;
	struct device *d = &w->d[which];
	const struct object *o = NULL;

	if (d->n_objects > 0 && draw(w, 100) < 80)
		o = &d->objects[draw(w, d->n_objects)];
	if (o != NULL && o->ino != 0 && !o->aside) {
		(void)snprintf(out, n, "%.60s", shown_path(d, o));
		if (strchr(out, ' ') == NULL && draw(w, 100) < 60)
			return;
		if (strchr(out, ' ') == NULL && o->type == NODE_DIR &&
		    strlen(out) < 20) {
			size_t at = strlen(out);
			(void)snprintf(
			    out + at, n - at, "/%s", names[draw(w, 4)]);
			return;
		}
	}
	(void)snprintf(out, n, "%s", names[draw(w, 4)]);
}

static void
some_line(struct player *p, char *out)
{
	static const char *const verbs[] = { "write", "write", "write", "new",
		"mkdir", "mkdir", "mkdir", "rm", "rmr", "exec", "mv", "mv",
		"mv", "swap", "link" };
	struct world *w = &p->w;
	unsigned which = (unsigned)draw(w, DEVICES);
	char one[64], two[64], who = (char)('A' + (int)which);
	uint64_t dice = draw(w, 100);

	some_path(p, which, one, sizeof one);
	some_path(p, which, two, sizeof two);
	if (dice < 12)
		(void)snprintf(out, LINE, "%c sync", who);
	else if (dice < 18)
		(void)snprintf(out, LINE, "%c busy", who);
	else if (dice < 24)
		(void)snprintf(
		    out, LINE, "%c sync %u", who, (unsigned)draw(w, 8));
	else if (dice < 30)
		(void)snprintf(
		    out, LINE, "%c stale %u", who, (unsigned)draw(w, 12));
	else if (dice < 32)
		(void)snprintf(out, LINE, "all");
	else if (dice < 33)
		(void)snprintf(out, LINE, "%c adopt", who);
	else if (dice < 38)
		(void)snprintf(out, LINE, "W %s %.30s %.30s",
		    dice < 34	    ? "trash"
			: dice < 35 ? "untrash"
				    : "mv",
		    one, two);
	else {
		const char *verb = verbs[draw(w, ARRAY_SIZE(verbs))];
		bool two_paths =
		    strcmp(verb, "mv") == 0 || strcmp(verb, "swap") == 0;
		bool same = strcmp(verb, "write") == 0 && draw(w, 5) == 0;
		(void)snprintf(out, LINE, "%c %s %.40s %.40s", who, verb, one,
		    two_paths  ? two
			: same ? (draw(w, 2) == 0 ? "7" : "8")
			       : "");
	}
}

/* Does it fail? The words of the failure. */
static bool
fails(uint64_t seed, script lines, size_t n, bool talk, char *why)
{
	OWN(player_free) struct player *p = player_new(seed, talk);

	for (size_t i = 0; i < n && p->w.failed[0] == '\0'; i++)
		if (lines[i][0] != '\0')
			play(p, lines[i]);
	if (p->w.failed[0] == '\0')
		check_all(p);
	if (why != NULL)
		(void)snprintf(why, 512, "%s", p->w.failed);
	return p->w.failed[0] != '\0';
}

static void
shrink(uint64_t seed, script lines, size_t n)
{
	bool less = true;

	while (less) {
		less = false;
		for (size_t i = 0; i < n; i++) {
			char kept[LINE];
			if (lines[i][0] == '\0')
				continue;
			memcpy(kept, lines[i], LINE);
			lines[i][0] = '\0';
			if (fails(seed, lines, n, false, NULL))
				less = true;
			else
				memcpy(lines[i], kept, LINE);
		}
	}
}

/* Play it, and note what is played. */
static size_t
draw_script(uint64_t seed, script lines, bool talk, char *why)
{
	OWN(player_free) struct player *p = player_new(seed, talk);
	size_t n = 10 + (size_t)draw(&p->w, LINES - 10), i;

	for (i = 0; i < n && p->w.failed[0] == '\0'; i++) {
		some_line(p, lines[i]);
		play(p, lines[i]);
	}
	if (p->w.failed[0] == '\0')
		check_all(p);
	(void)snprintf(why, 512, "%s", p->w.failed);
	return i;
}

static bool
seed_holds(uint64_t seed, bool talk)
{
	static script lines;
	char why[512];
	size_t n = draw_script(seed, lines, talk, why);

	if (why[0] == '\0')
		return true;
	(void)fprintf(stderr, "seed %u: %s\n", (unsigned)seed, why);
	if (!fails(seed, lines, n, false, why)) {
		(void)fprintf(stderr, "not again by its script alone\n");
		return false;
	}
	shrink(seed, lines, n);
	(void)fails(seed, lines, n, true, why);
	(void)fprintf(stderr, "the shortest: %s\n", why);
	for (size_t i = 0; i < n; i++)
		if (lines[i][0] != '\0')
			(void)fprintf(stderr, "\t\"%s\",\n", lines[i]);
	return false;
}

static void
holds_for_every_seed(void **state)
{
	const char *many = getenv("AUMBRY_SIM_SEEDS");
	const char *one = getenv("AUMBRY_SIM_SEED");
	uint64_t n = many == NULL ? 300 : strtoull(many, NULL, 10);
	unsigned failed = 0;

	(void)state;
	if (one != NULL) {
		assert_true(seed_holds(strtoull(one, NULL, 10), true));
		return;
	}
	for (uint64_t s = 1; s <= n && failed < 3; s++)
		failed += !seed_holds(s, false);
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_for_every_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
