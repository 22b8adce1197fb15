/* SPDX-License-Identifier: ISC */
/* test_people_sim.c: contacts and messages of several accounts, by seeds. */
/*
 * AUMBRY_SIM_SEEDS=N runs that many (300 otherwise), AUMBRY_SIM_SEED=N one of
 * them with all that happens, AUMBRY_SIM_LIE=N the lie of that number alone; a
 * failure prints the shortest history found that still fails.
 */
/*
 * Each was seen to fail by a rule that was changed in one line:
 *
 *   the inbox is emptied by one more          misses what stands before
 *   what is there twice is visited twice      sees one twice
 *   edits are applied as they lie             has what was deleted
 *   what is not right yet is not filed        has no letter
 *   nothing that did not come is said         a letter that is dropped
 *   who was compared is followed, too         a contact that began anew
 *   a card needs no signature                 a card of its own
 *   a letter needs no signature               a letter of its own
 *   a look is never taken again               what comes between
 *   a card of a newer epoch is a lie          what comes between
 *   what was not reached is a finding         a busy server
 *   who cannot ask for a removal was lied to  a line that breaks
 *   what is new begins a commit later         is not told of one
 *   what is deleted is unread                 counts one more
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "people_lies.h"

#define STEPS 60
#define TWO 1 /* a seed of two accounts, all of whose devices may do all */
#define KNOWN 8 /* of the first steps most add a contact */

/* Does it fail? The words of the failure. */
static bool
fails(uint64_t seed, const struct step *steps, size_t n, bool talk, char *why)
{
	OWN(people_sim_free)
	struct people_sim *w = people_sim_new(seed, 0, talk);
	OWN(mem_free)
	struct letter_sim *letters = mem_array(LETTERS, sizeof *letters);
	struct play p = { .w = w, .l = letters };

	for (size_t i = 0; i < n && w->failed[0] == '\0'; i++)
		play_step(&p, &steps[i]);
	if (w->failed[0] == '\0')
		check_rest(&p);
	(void)snprintf(why, sizeof w->failed, "%s", w->failed);
	return w->failed[0] != '\0';
}

static size_t
draw_steps(uint64_t seed, struct step *steps)
{
	struct people_sim w = { .chance = seed * 0xd1342543de82ef95ULL + 7 };
	size_t n = 10 + (size_t)draw(&w, STEPS - 10);

	for (size_t i = 0; i < n; i++) {
		draw_step(&w, &steps[i]);
		/* Who knows nobody has little to do. */
		if (i < KNOWN && draw(&w, 4) > 0)
			steps[i].verb = ADD;
	}
	return n;
}

static void
shrink(uint64_t seed, struct step *steps, size_t n)
{
	char why[512];
	bool less = true;

	while (less) {
		less = false;
		for (size_t i = 0; i < n; i++) {
			struct step kept = steps[i];
			if (kept.verb == VERBS)
				continue;
			steps[i].verb = VERBS;
			if (fails(seed, steps, n, false, why)) {
				less = true;
				continue;
			}
			steps[i] = kept;
			if (kept.fault_at == 0 && kept.meddle_at == 0)
				continue;
			steps[i].fault_at = steps[i].meddle_at = 0;
			steps[i].stays = 0;
			if (fails(seed, steps, n, false, why))
				less = true;
			else
				steps[i] = kept;
		}
	}
}

static bool
seed_holds(uint64_t seed, bool talk)
{
	struct step steps[STEPS];
	char why[512];
	size_t n = draw_steps(seed, steps);

	if (!fails(seed, steps, n, talk, why))
		return true;
	(void)fprintf(stderr, "seed %u: %s\n", (unsigned)seed, why);
	shrink(seed, steps, n);
	(void)fails(seed, steps, n, true, why);
	(void)fprintf(stderr, "the shortest: %s\n", why);
	return false;
}

static void
honest_histories_are_quiet(void **state)
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

/* A device was put out, and learns it over a line that breaks at some call. */
static void
a_line_that_breaks_is_no_lie(void **state)
{
	struct step steps[] = {
		{ .verb = DEVICE_ADD },
		{ .verb = DEVICE_REMOVE, .phone = 1 },
		{ .verb = CHECK, .dice = 1, .fault = NET_CUT },
	};
	char why[512];

	(void)state;
	for (uint8_t at = 1; at <= 6; at++) {
		steps[2].fault_at = at;
		if (fails(1, steps, ARRAY_SIZE(steps), false, why))
			fail_msg("cut at %u: %s", (unsigned)at, why);
	}
}

/* The server cannot answer some call of a look: the next look is whole. */
static void
a_busy_server_is_no_finding(void **state)
{
	static const uint8_t faults[] = { NET_REFUSED, NET_CUT, NET_LOST };
	struct step steps[] = {
		{ .verb = ADD, .account = 0, .dice = 2 },
		{ .verb = ADD, .account = 1, .dice = 2 },
		{ .verb = SEND, .account = 0, .dice = 2 },
		{ .verb = DEVICE_ADD, .account = 1, .dice = 2 },
		{ .verb = SEND, .account = 1, .dice = 2 },
		{ .verb = LOOK, .account = 0 },
		{ .verb = LOOK, .account = 0 },
	};
	char why[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		for (uint8_t at = 1; at <= 8; at++) {
			steps[5].fault = faults[i];
			steps[5].fault_at = at;
			if (fails(TWO, steps, ARRAY_SIZE(steps), false, why))
				fail_msg("%u at %u: %s", (unsigned)faults[i],
				    (unsigned)at, why);
		}
}

/* A device comes in and writes, or one recovers, before each call in its turn:
 * of the other account, and of one's own. */
static void
what_comes_between_is_no_lie(void **state)
{
	static const struct {
		uint8_t verb, meddles, meddler; /* 1: the other; 2: one's own */
		uint8_t before; /* of the other */
	} all[] = {
		{ SEND, MEDDLE_RECOVER, 1, SEND },
		{ SEND, MEDDLE_ADD, 1, SEND },
		{ LOOK, MEDDLE_RECOVER, 1, SEND },
		{ LOOK, MEDDLE_ADD, 1, SEND },
		{ LOOK, MEDDLE_ADD, 2, READ },
	};
	struct step steps[] = {
		{ .verb = ADD, .account = 0, .dice = 2 },
		{ .verb = ADD, .account = 1, .dice = 2 },
		{ .verb = RECOVERY_KEY_MADE, .account = 1, .dice = 2 },
		{ .verb = DEVICE_ADD, .account = 0, .dice = 2 },
		{ .verb = SEND, .account = 0, .dice = 2 },
		{ .verb = SEND, .account = 1, .dice = 2 },
		{ .account = 0, .dice = 2 },
	};
	struct step *last = &steps[ARRAY_SIZE(steps) - 1];
	unsigned failed = 0;
	char why[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (uint8_t at = 1; at <= 12; at++) {
			last->verb = all[i].verb;
			last[-1].verb = all[i].before;
			last->meddles = all[i].meddles;
			last->meddler = all[i].meddler;
			last->meddle_at = at;
			if (!fails(TWO, steps, ARRAY_SIZE(steps), false, why))
				continue;
			(void)fprintf(stderr, "%s, between %u: %s\n",
			    verbs[all[i].verb].name, (unsigned)at, why);
			failed++;
		}
	assert_int_equal(failed, 0);
}

/* ---- lies ---- */

/* Everybody has everybody, and has compared. */
static void
begin_scene(struct scene *x)
{
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct step s = { .verb = ADD,
				.account = (uint8_t)i,
				.other = (uint8_t)k,
				.dice = 2 };
			play_step(x->p, &s);
		}
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct step s = { .verb = VERIFY,
				.account = (uint8_t)i,
				.other = (uint8_t)k,
				.dice = 2 };
			play_step(x->p, &s);
			s.verb = SEND;
			play_step(x->p, &s);
		}
}

/* A few honest things, such as leave everybody in. */
static void
live_a_while(struct scene *x)
{
	static const enum verb some[] = { SEND, SEND, SEND, EDIT, DELETE, READ,
		LOOK, FILE_NOW, DEVICE_ADD, CHECK, TIME };
	struct people_sim *w = x->p->w;
	size_t n = (size_t)draw(w, 12);

	for (size_t i = 0; i < n; i++) {
		struct step s;
		draw_step(w, &s);
		s.verb = (uint8_t)some[draw(w, ARRAY_SIZE(some))];
		s.fault_at = s.meddle_at = s.stays = 0;
		play_step(x->p, &s);
	}
}

/* All look, write to all, and read later. */
static void
look_around(struct scene *x)
{
	struct people_sim *w = x->p->w;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < w->n; i++)
			for (unsigned k = 0; k < w->a[i].n; k++) {
				struct step s = { .account = (uint8_t)i,
					.phone = (uint8_t)k,
					.dice = 17 };
				static const enum verb all[] = { CHECK, SEND,
					SEND, LOOK, FILE_NOW };
				for (size_t v = 0; v < ARRAY_SIZE(all); v++) {
					s.verb = (uint8_t)all[v];
					s.other = (uint8_t)v;
					play_step(x->p, &s);
				}
			}
		net.now_ms += 15 * MINUTE;
	}
}

/* The words of what is wrong; "" when all is as it should be. */
static void
lie_told(uint64_t seed, const struct lie *lie, bool talk, char *why)
{
	OWN(people_sim_free)
	struct people_sim *w = people_sim_new(seed, 3, talk);
	OWN(mem_free)
	struct letter_sim *letters = mem_array(LETTERS, sizeof *letters);
	OWN(mem_free) struct play *p = mem_new(sizeof *p);
	OWN(mem_free) struct readings *r = mem_new(sizeof *r);
	struct scene x = { p, &w->a[0], &w->a[1], &w->a[2], NULL };
	enum err_code other = ERR_NONE;

	p->w = w;
	p->l = letters;
	begin_scene(&x);
	live_a_while(&x);
	if (talk)
		(void)fprintf(stderr, "  the lie: %s\n", lie->name);
	if (w->failed[0] == '\0')
		lie->tell(&x);
	p->lied = true;
	if (w->failed[0] == '\0')
		look_around(&x);
	/* After one that is harmless all is there, as ever. */
	p->lied = lie->code != ERR_NONE;
	each_phone(p, r);
	for (unsigned c = ERR_NONE + 1; c < ERR_CODES; c++)
		if (p->named[c] && (enum err_code)c != lie->code)
			other = (enum err_code)c;
	bool named = lie->code != ERR_NONE && p->named[lie->code];
	if (!named && lie->code != ERR_NONE && !lie->maybe)
		fail_sim(w, "nobody names it as %s, but %s",
		    err_name(lie->code), err_name(other));
	if (lie->code == ERR_NONE && other != ERR_NONE)
		fail_sim(w, "it is harmless, and told as %s", err_name(other));
	(void)snprintf(why, sizeof w->failed, "%s", w->failed);
}

static void
a_lie_is_named(void **state)
{
	const char *many = getenv("AUMBRY_SIM_SEEDS");
	const char *one = getenv("AUMBRY_SIM_LIE");
	uint64_t n = (many == NULL ? 300 : strtoull(many, NULL, 10)) / 60;
	unsigned failed = 0;
	char why[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		for (uint64_t s = 1; s <= n && failed < 3; s++) {
			if (one != NULL && strtoul(one, NULL, 10) != i)
				continue;
			lie_told(s, &lies[i], one != NULL, why);
			if (why[0] == '\0')
				continue;
			(void)fprintf(stderr, "%s, seed %u: %s\n", lies[i].name,
			    (unsigned)s, why);
			failed++;
		}
	assert_int_equal(failed, 0);
}

static int
begin(void **state)
{
	(void)state;
	net_new();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	net_free();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_that_breaks_is_no_lie),
		cmocka_unit_test(a_busy_server_is_no_finding),
		cmocka_unit_test(what_comes_between_is_no_lie),
		cmocka_unit_test(honest_histories_are_quiet),
		cmocka_unit_test(a_lie_is_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, end);
}
