/* SPDX-License-Identifier: ISC */
/* zones.c: a device that writes into its zones, and waits for news of them. */
/*
 *     zones HOME commit CATEGORY TEXT   a record with that text; prints its seq
 *     zones HOME blob CATEGORY          a blob of a few bytes
 *     zones HOME lines CATEGORY         packs as lines, then by their ids
 *     zones HOME wait SECONDS CATEGORY… prints "ready", and what is news then
 *     zones HOME beside N CATEGORY      N records while another thread waits for
 *                                       nothing, which is ended then
 */
#include "base/stop.h"
#include "base/text.h"
#include "client/self_wait.h"
#include "client/self_zones.h"

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
	    : zcopy_pull(*out, e);
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

/* ---- lines ---- */

struct tables {
	struct buf ids, lines;
	size_t n, records;
};

static void
tables_free(struct tables *t)
{
	buf_free(&t->ids);
	buf_free(&t->lines);
}

static int
take_lines(struct bytes x, struct tables *t, struct err *e)
{
	struct scan s = scan_of(x);
	struct frame f;
	bool whole = true;

	while (s.n > 0 && whole) {
		if (frame_take(&s, &f, &whole, e) < 0)
			return -1;
		t->records += whole && f.kind == FRAME_RECORD;
		if (!whole || f.kind != FRAME_LINE)
			continue;
		id_put(&t->ids, &f.change.id);
		buf_put_bytes(&t->lines, f.line);
		t->n++;
	}
	return 0;
}

/* What comes by the ids is what the lines say, in their order. */
static int
check_bodies(struct bytes x, const struct tables *t, struct err *e)
{
	struct scan s = scan_of(x);
	uint8_t line[CHANGE_LINE_BYTES];
	struct frame f;
	bool whole = true;
	size_t n = 0;

	for (; s.n > 0 && whole; n++) {
		if (frame_take(&s, &f, &whole, e) < 0)
			return -1;
		if (f.kind != FRAME_RECORD || n == t->n)
			break;
		change_line(&f.change, line);
		if (!bytes_equal(bytes_of(line, sizeof line),
			bytes_of(t->lines.p + n * sizeof line, sizeof line)))
			return err_set(e, ERR_RECORD_CORRUPT, "another body");
	}
	return s.n == 0 && n == t->n
	    ? 0
	    : err_set(e, ERR_RECORD_CORRUPT, "not as many as lines");
}

static int
lines(struct self *s, char **words, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = NULL;
	OWN(tables_free) struct tables t = { .n = 0 };
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf out = { 0 };

	if (open_zone(s, words[0], &z, e) < 0)
		return -1;
	buf_printf(&path, "/v1/zones/%s/changes?since=0&tables=lines",
	    id_text(zcopy_zone(z)).s);
	struct remote_call all = { .method = "GET",
		.path = buf_text(&path),
		.limit = LIMIT_BLOB_BYTES };
	if (remote_call(s->remote, &all, &out, e) < 0 ||
	    take_lines(buf_bytes(&out), &t, e) < 0)
		return -1;
	buf_clear(&path);
	buf_clear(&out);
	buf_printf(&path, "/v1/zones/%s/records", id_text(zcopy_zone(z)).s);
	struct remote_call some = { .method = "POST",
		.path = buf_text(&path),
		.body = buf_bytes(&t.ids),
		.limit = LIMIT_BLOB_BYTES };
	if (remote_call(s->remote, &some, &out, e) < 0 ||
	    check_bodies(buf_bytes(&out), &t, e) < 0)
		return -1;
	(void)printf("%zu lines, %zu records\n", t.n, t.records);
	return 0;
}

/* ---- waiting ---- */

static void
print_news(const struct self_wait *w, char **names)
{
	bool any = w->circle || w->asked;

	for (size_t i = 0; i < w->n; i++) {
		any |= w->zones[i].news;
		if (w->zones[i].news)
			(void)printf("%s ", names[i]);
	}
	(void)printf("%s%s%s\n", w->circle ? "circle " : "",
	    w->asked ? "joins " : "", any ? "" : "nothing");
	(void)fflush(stdout);
}

static int
look_at(
    struct self *s, const char *name, struct self_wait_zone *out, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = NULL;

	if (open_zone(s, name, &z, e) < 0)
		return -1;
	*out = (struct self_wait_zone){ *zcopy_zone(z), zcopy_seq(z), false };
	return 0;
}

static int
wait(struct self *s, char **words, struct err *e)
{
	struct self_wait_zone zones[CATEGORY_END];
	struct self_wait w = { .zones = zones, .joins = true };
	uint64_t seconds;

	if (text_parse_u64(words[0], 0, LIMIT_POLL_S, &seconds) < 0)
		return err_set(e, ERR_USAGE, "SECONDS is no number");
	w.wait_s = (unsigned)seconds;
	for (; words[1 + w.n] != NULL && w.n < CATEGORY_END; w.n++)
		if (look_at(s, words[1 + w.n], &zones[w.n], e) < 0)
			return -1;
	(void)puts("ready");
	(void)fflush(stdout);
	stop_guard();
	int rc = self_wait(s, &w, e);
	stop_unguard();
	if (rc == 0)
		print_news(&w, words + 1);
	stop_end();
	return rc;
}

struct waiter {
	struct self *self;
	struct self_wait w;
	int rc;
	struct err e;
};

static void *
wait_main(void *arg)
{
	struct waiter *t = arg;

	t->rc = self_wait(t->self, &t->w, &t->e);
	return NULL;
}

static int
beside(struct self *s, char **words, struct err *e)
{
	atomic_bool ends = false;
	struct waiter t = { .self = s, .w = { .wait_s = 50, .ends = &ends } };
	char *text[] = { words[1], words[0], NULL };
	pthread_t thread;
	uint64_t n;
	int rc = 0;

	if (text_parse_u64(words[0], 1, 1000, &n) < 0)
		return err_set(e, ERR_USAGE, "N is no number");
	if (pthread_create(&thread, NULL, wait_main, &t) != 0)
		return err_set(e, ERR_INTERNAL, "no thread");
	for (uint64_t i = 0; i < n && rc == 0; i++)
		rc = commit(s, text, e);
	atomic_store(&ends, true);
	(void)pthread_join(thread, NULL);
	if (rc == 0 && t.rc < 0) {
		*e = t.e;
		return -1;
	}
	if (rc == 0)
		print_news(&t.w, words);
	return rc;
}

static const struct verb {
	const char *name;
	int words;
	int (*run)(struct self *s, char **words, struct err *e);
} verbs[] = { { "commit", 2, commit }, { "blob", 1, blob },
	{ "lines", 1, lines }, { "wait", 1, wait }, { "beside", 2, beside } };

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

	stop_watch();
	if (run(argv, argc, &e) == 0)
		return 0;
	(void)fprintf(stderr, "zones: %s\n(%s)\n", e.msg, err_name(e.code));
	return err_exit(e.code);
}
