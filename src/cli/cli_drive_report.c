/* SPDX-License-Identifier: ISC */
/* cli_drive_report.c: what a sync did and what it did not, as JSON. */
#include "cli/cli_drive.h"

#include "wire/jsonio.h"

static json_t *
held_list(const struct drive_held *list, size_t n)
{
	json_t *held = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(held,
		    json_pack("{s:o, s:s, s:o}", "path",
			cli_json_bytes(bytes_str(list[i].path)), "code",
			err_name(list[i].code), "reason",
			cli_json_bytes(bytes_str(list[i].reason))));
	return held;
}

void
cli_drive_lists(const struct drive_report *t, json_t *out)
{
	(void)json_object_set_new(out, "held", held_list(t->held, t->n_held));
	(void)json_object_set_new(
	    out, "left_out", held_list(t->left, t->n_left));
	jsonio_put_u64(out, "left_out_more", t->left_more);
	(void)json_object_set_new(
	    out, "warned", held_list(t->warned, t->n_warned));
}

/* A list of very many has its first ones, and the number of the others. */
static void
say_list(const json_t *j, const char *name, const char *what,
    void (*say)(void *ctx, const char *line), void *ctx)
{
	OWN(buf_free) struct buf line = { 0 };
	const json_t *x;
	size_t i;

	json_array_foreach(json_object_get(j, name), i, x)
	{
		OWN(mem_free)
		char *path = cli_shown(
		    bytes_str(json_string_value(json_object_get(x, "path"))));
		OWN(mem_free)
		char *why = cli_shown(
		    bytes_str(json_string_value(json_object_get(x, "reason"))));
		buf_clear(&line);
		buf_printf(&line, "%s: %s%s%s (%s)", path, what,
		    what[0] == '\0' ? "" : ": ", why,
		    json_string_value(json_object_get(x, "code")));
		say(ctx, buf_text(&line));
	}
	buf_clear(&line);
	buf_printf(&line, "%s_more", name);
	json_int_t more =
	    json_integer_value(json_object_get(j, buf_text(&line)));
	if (more <= 0)
		return;
	buf_clear(&line);
	buf_printf(&line, "%lld more are %s", (long long)more,
	    what[0] == '\0' ? name : what);
	say(ctx, buf_text(&line));
}

void
cli_drive_say_lists(
    const json_t *j, void (*say)(void *ctx, const char *line), void *ctx)
{
	say_list(j, "held", "", say, ctx);
	say_list(j, "left_out", "left out", say, ctx);
	say_list(j, "warned", "", say, ctx);
}

json_t *
cli_drive_gate(const struct drive_report *t)
{
	return id_zero(&t->gate)
	    ? json_null()
	    : json_pack("{s:s, s:I, s:i}", "id", id_text(&t->gate).s, "files",
		  (json_int_t)t->gate_files, "percent", (int)t->gate_percent);
}

static json_t *
conflicts(const struct drive_report *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_conflicts; i++)
		(void)json_array_append_new(list,
		    json_pack("{s:o, s:o}", "path",
			cli_json_bytes(bytes_str(t->conflicts[i].path)), "copy",
			cli_json_bytes(bytes_str(t->conflicts[i].copy))));
	return list;
}

json_t *
cli_drive_report(const char *path, const struct drive_report *t)
{
	json_t *out = json_object();

	jsonio_put_text(out, "event", "done");
	(void)json_object_set_new(out, "root", cli_json_bytes(bytes_str(path)));
	(void)json_object_set_new(out, "uploaded",
	    json_pack("{s:I, s:I, s:I}", "files", (json_int_t)t->up_files,
		"bytes", (json_int_t)t->up_bytes, "stored_bytes",
		(json_int_t)t->stored_bytes));
	(void)json_object_set_new(out, "downloaded",
	    json_pack("{s:I, s:I}", "files", (json_int_t)t->down_files, "bytes",
		(json_int_t)t->down_bytes));
	jsonio_put_u64(out, "moved", t->moved);
	jsonio_put_u64(out, "trashed", t->trashed);
	jsonio_put_u64(out, "removed", t->removed);
	jsonio_put_u64(out, "commits", t->commits);
	(void)json_object_set_new(out, "conflicts", conflicts(t));
	cli_drive_lists(t, out);
	(void)json_object_set_new(out, "gate", cli_drive_gate(t));
	return out;
}
