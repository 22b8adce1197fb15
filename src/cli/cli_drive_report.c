/* SPDX-License-Identifier: ISC */
/* cli_drive_report.c: what a sync did and what it did not, as JSON. */
#include "cli/cli_drive.h"

#include "wire/jsonio.h"

json_t *
cli_drive_held(const struct drive_report *t)
{
	json_t *held = json_array();

	for (size_t i = 0; i < t->n_held; i++)
		(void)json_array_append_new(held,
		    json_pack("{s:o, s:s, s:o}", "path",
			cli_json_bytes(bytes_str(t->held[i].path)), "code",
			err_name(t->held[i].code), "reason",
			cli_json_bytes(bytes_str(t->held[i].reason))));
	return held;
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
	(void)json_object_set_new(out, "held", cli_drive_held(t));
	(void)json_object_set_new(out, "gate", cli_drive_gate(t));
	return out;
}
