/* SPDX-License-Identifier: ISC */
/* zones.c: a device that writes into its zones, and waits for news of them. */
/*
 *     zones HOME commit CATEGORY TEXT   a record with that text; prints its seq
 *     zones HOME blob CATEGORY          a blob of a few bytes
 */
#include "client/self_zones.h"
#include "client/self.h"

#include <stdio.h>
#include <string.h>

static int
category_of(const char *name, enum category *out, struct err *e)
{
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		if (strcmp(name, category_name((enum category)c)) == 0) {
			*out = (enum category)c;
			return 0;
		}
	return err_set(e, ERR_USAGE, "CATEGORY is none of the known");
}

static int
open_zone(struct self *s, const char *name, struct zcopy **out, struct err *e)
{
	enum category c = CATEGORY_STATE;
	struct id zone;

	return category_of(name, &c, e) < 0 || self_zone(s, c, &zone, e) < 0 ||
		zcopy_open(&s->writer,
		    &(struct zcopy_of){ s->local, s->depot, &zone, c }, out,
		    e) < 0
	    ? -1
	    : zcopy_pull(*out, 0, e);
}

static int
commit(struct self *s, char **words, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = NULL;
	struct zcopy_edit edit = { .plain = bytes_str(words[1]) };

	id_random(&edit.id);
	if (open_zone(s, words[0], &z, e) < 0 ||
	    zcopy_commit(z, &edit, 1, NULL, NULL, e) < 0)
		return -1;
	(void)printf("%llu\n", (unsigned long long)zcopy_seq(z));
	return 0;
}

static int
blob(struct self *s, char **words, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = NULL;
	struct id id;

	id_random(&id);
	return open_zone(s, words[0], &z, e) < 0
	    ? -1
	    : s->depot->ops->blob_put(
		  s->depot, zcopy_zone(z), &id, bytes_str("a few bytes"), e);
}

static const struct verb {
	const char *name;
	int words;
	int (*run)(struct self *s, char **words, struct err *e);
} verbs[] = { { "commit", 2, commit }, { "blob", 1, blob } };

static int
run(char **argv, int argc, struct err *e)
{
	OWN(self_free) struct self *s = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (argc > 2 && strcmp(argv[2], verbs[i].name) == 0 &&
		    argc >= 3 + verbs[i].words)
			return self_open(argv[1], &s, e) < 0 ||
				self_connect(s, e) < 0 || self_state(s, e) < 0
			    ? -1
			    : verbs[i].run(s, argv + 3, e);
	return err_set(e, ERR_USAGE, "see the beginning of zones.c");
}

int
main(int argc, char **argv)
{
	struct err e = { 0 };

	if (run(argv, argc, &e) == 0)
		return 0;
	(void)fprintf(stderr, "zones: %s\n(%s)\n", e.msg, err_name(e.code));
	return err_exit(e.code);
}
