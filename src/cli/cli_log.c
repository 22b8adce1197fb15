/* SPDX-License-Identifier: ISC */
/* cli_log.c: aumbry log: what the server noted, and the escrow's journal. */
#include "cli/cli.h"

#include "base/now.h"
#include "base/text.h"
#include "client/escrowlog.h"
#include "client/self_zones.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of either, as an object of the server's log. */
static json_t *
escrow_event(struct bytes x)
{
	OWN(buf_free) struct buf event = { 0 };
	OWN(buf_free) struct buf detail = { 0 };
	struct escrow_line l;
	struct err ignored;
	json_t *v = json_object();

	if (escrow_line_parse(x, &l, &ignored) < 0)
		return v; /* was checked */
	buf_printf(&event, "escrow_%s%s", escrow_verb_name(l.verb),
	    l.outcome == ESCROW_REFUSED ? "_refused" : "");
	buf_put_bytes(&detail, l.detail);
	jsonio_put_u64(v, "time_ms", l.time_ms);
	jsonio_put_text(v, "event", buf_text(&event));
	jsonio_put_text(v, "address", "escrow");
	jsonio_put_text(v, "detail", buf_text(&detail));
	return v;
}

static int
by_time(const void *a, const void *b)
{
	json_int_t x =
	    json_integer_value(json_object_get(*(json_t *const *)a, "time_ms"));
	json_int_t y =
	    json_integer_value(json_object_get(*(json_t *const *)b, "time_ms"));

	return x < y ? -1 : x > y;
}

/*
 * Oldest first. The server gives its events newest first; of those of one
 * instant the order stays.
 */
static void
sorted(const json_t *events, struct bytes lines, int64_t since_ms, json_t *out)
{
	OWN(mem_free) json_t **list = NULL;
	size_t n = json_array_size(events), at = 0;

	for (size_t i = n; i-- > 0;)
		(void)json_array_append(out, json_array_get(events, i));
	for (struct scan s = scan_of(lines); s.n > 0;) {
		json_t *v = escrow_event(scan_v16(&s));
		if (json_integer_value(json_object_get(v, "time_ms")) >=
		    since_ms)
			(void)json_array_append(out, v);
		json_decref(v);
	}
	n = json_array_size(out);
	list = mem_array(n, sizeof *list);
	for (size_t i = 0; i < n; i++)
		list[at++] = json_incref(json_array_get(out, i));
	/* Both were in order: an insertion sort keeps that, and is short. */
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && by_time(&list[k - 1], &list[k]) > 0;
		     k--) {
			json_t *x = list[k];
			list[k] = list[k - 1];
			list[k - 1] = x;
		}
	(void)json_array_clear(out);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(out, list[i]);
}

static int
print_event(const struct cli *cli, const json_t *v, struct err *e)
{
	const char *event = "", *address = "", *detail = "";
	uint64_t at;

	if (jsonio_u64(v, "time_ms", &at, e) < 0 ||
	    jsonio_text(v, "event", &event, e) < 0 ||
	    jsonio_text(v, "address", &address, e) < 0 ||
	    jsonio_text(v, "detail", &detail, e) < 0)
		return -1;
	if (cli->line.json) {
		(void)json_dumpf(v, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return 0;
	}
	OWN(mem_free) char *when = cli_time(at);
	OWN(mem_free) char *what = cli_shown(bytes_str(event));
	OWN(mem_free)
	char *from =
	    cli_from(address, json_string_value(json_object_get(v, "place")));
	OWN(mem_free) char *more = cli_shown(bytes_str(detail));
	(void)printf("%s  %-18s  %-15s  %s\n", when, what, from, more);
	return 0;
}

/* A visitor cannot hold it against anything, so it sees the server's alone. */
static int
journal(struct cli *cli, struct self *s, struct buf *lines, struct err *lie,
    struct err *e)
{
	bool there;

	if (s == NULL)
		return 0;
	if (self_state(s, e) < 0 || escrowlog_there(s, &there, e) < 0)
		return -1;
	if (!there || escrowlog_read(s, lines, lie) == 0)
		return 0;
	buf_clear(lines);
	if (err_exit(lie->code) == 6)
		return 0; /* told at the end, behind what there is */
	cli_say(cli, "The escrow's journal is not here: %s (%s)", lie->msg,
	    err_name(lie->code));
	err_clear(lie);
	return 0;
}

/* All of it, newest first; the server gives a page at a time. */
static int
read_all(struct remote *r, int64_t from, json_t *out, struct err *e)
{
	uint64_t before = INT64_MAX;

	for (;;) {
		OWN(jsonio_free) json_t *answer = NULL;
		OWN(buf_free) struct buf path = { 0 };
		uint64_t next;

		buf_printf(&path, "/v1/log?since=%lld&before=%llu",
		    (long long)from, (unsigned long long)before);
		if (control_call(r, "GET", buf_text(&path), NULL, &answer, e) <
		    0)
			return -1;
		(void)json_array_extend(out, json_object_get(answer, "events"));
		if (json_object_get(answer, "next") == NULL)
			return 0;
		if (jsonio_u64(answer, "next", &next, e) < 0)
			return -1;
		if (next >= before)
			return err_set(e, ERR_BAD_REQUEST,
			    "the server's log does not end");
		before = next;
	}
}

struct ask {
	const char *since;
};

static int
run(void *line, const void *options, struct err *e)
{
	struct cli *cli = line;
	const struct ask *o = options;
	OWN(cli_account_free) struct cli_account a = { .self = NULL };
	OWN(jsonio_free) json_t *events = json_array();
	OWN(jsonio_free) json_t *all = json_array();
	OWN(buf_free) struct buf lines = { 0 };
	struct err lie = { 0 };
	int64_t span = 0;

	if (o->since != NULL && text_parse_span(o->since, &span) < 0)
		return err_set(
		    e, ERR_USAGE, "--since is a span as 7d, not %s", o->since);
	int64_t now = now_ms();
	int64_t from =
	    o->since != NULL && span < now / 1000 ? now - span * 1000 : 0;
	if (cli_account(cli, &a, e) < 0 ||
	    journal(cli, a.self, &lines, &lie, e) < 0 ||
	    read_all(a.remote, from, events, e) < 0)
		return -1;
	sorted(events, buf_bytes(&lines), from, all);
	for (size_t i = 0; i < json_array_size(all); i++)
		if (print_event(cli, json_array_get(all, i), e) < 0)
			return -1;
	if (lie.code == ERR_NONE)
		return 0;
	*e = lie;
	return -1;
}

static const struct cmd_option log_options[] = {
	{ "since", CMD_TEXT, offsetof(struct ask, since), "SPAN",
	    "only what is no older, as 7d" },
};

const struct cmd cli_log[] = {
	{ "log", "", "the account's security log", run,
	    CMD_OPTIONS(log_options, struct ask) },
	{ 0 },
};
