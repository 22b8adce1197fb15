/* SPDX-License-Identifier: ISC */
/* cmd_guess.c: what was meant by a word that was mistyped. */
#include "cmd/cmd_in.h"

#include <string.h>

#define LONGEST 32 /* bytes; no name is longer */

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Edits from a to b: letters put in, left out, changed, or two that stand side
 * by side and were swapped (Damerau 1964, in the restricted form).
 */
static size_t
edits(const char *a, size_t n, const char *b, size_t m)
{
	size_t d[LONGEST + 1][LONGEST + 1];

	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++) {
			d[i][j] =
			    least(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
				least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

/* Beyond a third of its letters a word is another one. */
void
cmd_guess(struct cmd_guess *g, const char *name)
{
	size_t m = strcspn(name, " ");
	bool begun =
	    g->len >= 3 && g->len < m && strncmp(name, g->word, g->len) == 0;

	if (g->len == 0 || g->len > LONGEST || m > LONGEST)
		return;
	size_t away = begun ? 1 : edits(g->word, g->len, name, m);
	if (away > 1 + g->len / 4 || away >= m ||
	    (g->best != NULL && away >= g->away))
		return;
	g->best = name;
	g->away = away;
}
