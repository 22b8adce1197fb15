/* SPDX-License-Identifier: ISC */
/* test_plan_stories.c: what went wrong elsewhere, played on three devices. */
/*
 * tests/sim/stories/NN-name.txt: lines of plan_script.h; those with "#" name
 * the story and the public thread that tells it. AUMBRY_STORY=NAME plays one
 * and says all that happens.
 */
#include "plan_play.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STORIES "tests/sim/stories"
#define AT_LEAST 40 /* files: else the folder is not the right one */

static bool
story_holds(const char *name, bool talk)
{
	OWN(player_free) struct player *p = player_new(1, talk);
	char path[512], line[1024];

	(void)snprintf(path, sizeof path, STORIES "/%s", name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (p->w.failed[0] == '\0' && fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '#' && line[0] != '\0')
			play(p, line);
	}
	assert_int_equal(fclose(f), 0);
	if (p->w.failed[0] == '\0')
		check_all(p);
	if (p->w.failed[0] != '\0')
		(void)fprintf(stderr, "%s: %s\n", name, p->w.failed);
	return p->w.failed[0] == '\0';
}

static int
is_story(const struct dirent *d)
{
	return strstr(d->d_name, ".txt") != NULL;
}

static void
every_story_ends_well(void **state)
{
	const char *one = getenv("AUMBRY_STORY");
	struct dirent **list;
	int n = scandir(STORIES, &list, is_story, alphasort), failed = 0;

	(void)state;
	assert_true(n >= AT_LEAST);
	for (int i = 0; i < n; i++) {
		if (one == NULL || strstr(list[i]->d_name, one) != NULL)
			failed += !story_holds(list[i]->d_name, one != NULL);
		free(list[i]);
	}
	free(list);
	assert_int_equal(failed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_story_ends_well),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
