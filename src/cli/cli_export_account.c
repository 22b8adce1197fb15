/* SPDX-License-Identifier: ISC */
/* cli_export_account.c: the account's own records, for an export. */
#include "cli/cli_export.h"

#include "base/file.h"
#include "base/text.h"
#include "client/self_devices.h"
#include "client/self_seen.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a command prints with --json, and where it goes. */
static const struct record {
	const char *file;
	const struct cmd *set;
	const char *command;
	bool list; /* a line for each, which become an array */
} records[] = {
	{ "status.json", cli_status, "status", false },
	{ "devices.json", cli_device, "device list", true },
	{ "sessions.json", cli_session, "session list", true },
	{ "security-log.json", cli_log, "log", true },
	{ "two-factor.json", cli_two_factor, "two-factor status", false },
	{ "phones.json", cli_phone, "phone list", true },
	{ "security-keys.json", cli_security_key, "security-key list", false },
	{ "app-passwords.json", cli_app_password, "app-password list", true },
	{ "mail.json", cli_mail, "mail list", true },
	{ "protection.json", cli_protection, "protection show", false },
	{ "recovery.json", cli_recovery, "recovery status", false },
	{ "recovery-contacts.json", cli_recovery, "recovery contact list",
	    false },
};

/* Without the server, or this device's place in it, nothing more comes. */
static bool
is_end(const struct err *why)
{
	return err_exit(why->code) == 5 || why->code == ERR_SESSION_EXPIRED ||
	    why->code == ERR_DEVICE_REMOVED ||
	    why->code == ERR_CERTIFICATE_CHANGED;
}

/* ---- what a command prints ---- */

static const struct cmd *
row_of(const struct record *r)
{
	const struct cmd *row = r->set;

	while (row->name != NULL && strcmp(row->name, r->command) != 0)
		row++;
	assert(row->name != NULL);
	return row;
}

static int
captured(struct cli *cli, const struct cmd *row, struct buf *out, struct err *e)
{
	struct cli with = *cli;
	OWN(mem_free) void *options = mem_new(row->size + 1);
	FILE *was = stdout;
	char *text = NULL;
	size_t n = 0;

	with.line.json = true;
	with.line.n_args = 0;
	with.quiet = true;
	stdout = open_memstream(&text, &n);
	if (stdout == NULL)
		abort();
	int rc = row->run(&with, options, e);
	(void)fclose(stdout);
	stdout = was;
	buf_put(out, text, n);
	free(text);
	return rc;
}

/* Lines of JSON, as one array; or the only one. */
static json_t *
parsed(struct bytes text, bool list)
{
	OWN(jsonio_free) json_t *all = json_array();

	while (text.n > 0) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) : text.n;
		json_t *j = json_loadb((const char *)text.p, n, 0, NULL);
		if (j != NULL)
			(void)json_array_append_new(all, j);
		text.p += n + (end != NULL);
		text.n -= n + (end != NULL);
	}
	if (list)
		return TAKE(all);
	return json_array_size(all) == 1 ? json_incref(json_array_get(all, 0))
					 : NULL;
}

/* Takes j. */
static int
put(struct export *x, const char *file, json_t *j, const char *source,
    struct err *e)
{
	OWN(jsonio_free) json_t *owned = j;
	OWN(mem_free) char *text = json_dumps(owned, JSON_INDENT(2));
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b, "%s\n", text);
	return export_record(x, file, buf_bytes(&b), source, e);
}

static void
lacks(struct export *x, const char *file, const struct err *why)
{
	OWN(mem_free) char *path = file_join("account", file);

	export_lacks(x, bytes_str(path), why);
}

static int
put_record(
    struct cli *cli, const struct record *r, struct export *x, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf source = { 0 };
	struct err why = { 0 };

	int rc = captured(cli, row_of(r), &text, &why);
	if (rc < 0 && is_end(&why)) {
		*e = why;
		return -1;
	}
	json_t *j = parsed(buf_bytes(&text), r->list);
	if (rc < 0)
		lacks(x, r->file, &why);
	/* Of what was caught in a lie, what it said is worth keeping. */
	if (j == NULL || (rc < 0 && text.n == 0)) {
		json_decref(j);
		return 0;
	}
	buf_printf(&source, "aumbry %s --json", r->command);
	return put(x, r->file, j, buf_text(&source), e);
}

/* ---- the circle ---- */

static void
put_hex(json_t *j, const char *key, const void *p, size_t n)
{
	OWN(buf_free) struct buf hex = { 0 };

	text_hex(&hex, bytes_of(p, n));
	jsonio_put_text(j, key, buf_text(&hex));
}

/* names  of the devices, n of them. */
static json_t *
member_json(struct self *s, const struct member *m,
    const struct self_device *names, size_t n)
{
	json_t *j = json_object();
	struct digest print;
	struct self_seen seen;

	digest_of(bytes_of(m->device.sign_pk, SIG_PK_BYTES), &print);
	jsonio_put_id(j, "id", &m->device.dev_id);
	for (size_t i = 0; i < n; i++)
		if (id_equal(&names[i].dev_id, &m->device.dev_id))
			(void)json_object_set_new(j, "name",
			    cli_json_bytes(bytes_str(names[i].name)));
	jsonio_put_text(j, "class", circle_class_name(m->device.class));
	put_hex(j, "fingerprint", print.b, sizeof print.b);
	jsonio_put_true(j, "active", m->active);
	jsonio_put_u64(j, "added_ms", m->added_ms);
	if (!m->active)
		jsonio_put_u64(j, "removed_ms", m->removed_ms);
	if (self_seen(s, &m->device.dev_id, &seen))
		jsonio_put_u64(j, "heard_ms", seen.time_ms);
	return j;
}

static json_t *
entry_json(struct bytes raw, const struct entry_view *v)
{
	json_t *j = json_object(), *signers = json_array();
	struct digest hash;

	digest_of(raw, &hash);
	jsonio_put_u64(j, "entry", v->seq);
	jsonio_put_text(j, "type", circle_type_name(v->type));
	jsonio_put_u64(j, "time_ms", v->time_ms);
	put_hex(j, "hash", hash.b, sizeof hash.b);
	for (size_t i = 0; i < v->n_sigs; i++) {
		json_t *by = json_object();
		jsonio_put_text(by, "kind",
		    v->sigs[i].kind == 1 ? "device" : "recovery key");
		jsonio_put_id(by, "id", &v->sigs[i].keyref);
		(void)json_array_append_new(signers, by);
	}
	(void)json_object_set_new(j, "signed_by", signers);
	jsonio_put_bytes(j, "bytes", raw);
	return j;
}

/* All devices there ever were, and every entry, as it was signed. */
static int
put_circle(struct self *s, struct export *x, struct err *e)
{
	OWN(jsonio_free) json_t *j = json_object();
	OWN(mem_free) struct self_device *names = NULL;
	json_t *devices = json_array(), *entries = json_array();
	struct scan all = scan_of(buf_bytes(&s->entries));
	size_t n = 0;

	(void)json_object_set_new(j, "devices", devices);
	(void)json_object_set_new(j, "entries", entries);
	if (self_devices(s, &names, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < s->circle.n_members; i++)
		(void)json_array_append_new(
		    devices, member_json(s, &s->circle.members[i], names, n));
	while (all.n > 0) {
		struct bytes raw = scan_v16(&all);
		struct entry_view v;
		if (circle_entry_parse(raw, &v, e) < 0)
			return -1;
		(void)json_array_append_new(entries, entry_json(raw, &v));
	}
	return put(x, "circle.json", TAKE(j), "the list of devices", e);
}

int
cli_export_account(
    struct cli *cli, struct self *s, struct export *x, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		if (put_record(cli, &records[i], x, e) < 0)
			return -1;
	/* A sign-in by a code knows no device. */
	return s != NULL ? put_circle(s, x, e) : 0;
}

/* ---- snapshots ---- */

int
cli_export_snapshots(struct cli *cli, const struct snapshot_list *l,
    struct export *x, struct err *e)
{
	json_t *list = json_array();

	(void)cli;
	for (size_t i = 0; i < l->n; i++)
		(void)json_array_append_new(
		    list, cli_snapshot_object(&l->list[i]));
	return put(x, "snapshots.json", list, "aumbry snapshot list --json", e);
}
