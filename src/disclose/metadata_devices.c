/* SPDX-License-Identifier: ISC */
/* metadata_devices.c: the public record of an account's devices. */
#include "base/text.h"
#include "disclose/metadata.h"
#include "wire/jsonio.h"

static void
put_hex(json_t *j, const char *name, const uint8_t *p, size_t n)
{
	OWN(buf_free) struct buf hex = { 0 };

	text_hex(&hex, bytes_of(p, n));
	jsonio_put_text(j, name, buf_text(&hex));
}

/* What there is of a device: no name, which the server never had. */
static json_t *
device_json(const struct member *m)
{
	json_t *j = json_object();

	jsonio_put_id(j, "id", &m->device.dev_id);
	jsonio_put_text(j, "class", circle_class_name(m->device.class));
	jsonio_put_true(j, "active", m->active);
	jsonio_put_true(
	    j, "may_approve", (m->device.rights & RIGHT_APPROVE) != 0);
	jsonio_put_true(
	    j, "append_only", (m->device.rights & RIGHT_APPEND_ONLY) != 0);
	put_hex(j, "sign_pk", m->device.sign_pk, SIG_PK_BYTES);
	put_hex(j, "kem_pk", m->device.kem_pk, KEM_PK_BYTES);
	put_hex(j, "name_commitment", m->device.name_commit.b, DIGEST_BYTES);
	jsonio_put_u64(j, "added_entry", m->added_seq);
	metadata_put_time(j, "added", m->added_ms);
	if (!m->active) {
		jsonio_put_u64(j, "removed_entry", m->removed_seq);
		metadata_put_time(j, "removed", m->removed_ms);
	}
	return j;
}

static json_t *
signers_json(const struct entry_view *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n_sigs; i++) {
		json_t *j = json_object();
		jsonio_put_text(j, "kind",
		    v->sigs[i].kind == 1 ? "device" : "recovery key");
		jsonio_put_id(j, "id", &v->sigs[i].keyref);
		(void)json_array_append_new(list, j);
	}
	return list;
}

/* Every entry: what it did, when, and who signed it, so who let in whom. */
static int
entries_json(const struct holding *h, json_t **out, struct err *e)
{
	OWN(jsonio_free) json_t *list = json_array();
	struct scan s = scan_of(buf_bytes(&h->entries));

	while (s.n > 0) {
		struct bytes raw = scan_v16(&s);
		struct entry_view v;
		struct digest hash;
		if (circle_entry_parse(raw, &v, e) < 0)
			return -1;
		json_t *j = json_object();
		digest_of(raw, &hash);
		jsonio_put_u64(j, "entry", v.seq);
		jsonio_put_text(j, "type", circle_type_name(v.type));
		metadata_put_time(j, "time", v.time_ms);
		put_hex(j, "hash", hash.b, DIGEST_BYTES);
		(void)json_object_set_new(j, "signed_by", signers_json(&v));
		(void)json_array_append_new(list, j);
	}
	*out = TAKE(list);
	return 0;
}

static json_t *
recovery_json(const struct recovery_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->n; i++) {
		json_t *j = json_object();
		struct id ref;
		recovery_keyref(set->keys[i].sign_pk, &ref);
		jsonio_put_id(j, "keyref", &ref);
		jsonio_put_u64(j, "kind", set->keys[i].kind);
		jsonio_put_u64(j, "weight", set->keys[i].weight);
		put_hex(j, "sign_pk", set->keys[i].sign_pk, SIG_PK_BYTES);
		put_hex(j, "kem_pk", set->keys[i].kem_pk, KEM_PK_BYTES);
		(void)json_array_append_new(list, j);
	}
	return list;
}

int
metadata_devices(
    const struct holding *h, struct tx *tx, const char *out, struct err *e)
{
	OWN(jsonio_free) json_t *j = json_object();
	json_t *devices = json_array(), *entries = NULL, *seen = NULL;
	json_t *backups = NULL;

	(void)json_object_set_new(j, "devices", devices);
	for (size_t i = 0; i < h->circle.n_members; i++)
		(void)json_array_append_new(
		    devices, device_json(&h->circle.members[i]));
	if (entries_json(h, &entries, e) < 0)
		return -1;
	(void)json_object_set_new(j, "entries", entries);
	(void)json_object_set_new(
	    j, "recovery_keys", recovery_json(&h->circle.recovery));
	if (h->circle.pending)
		(void)json_object_set_new(
		    j, "recovery_keys_waiting", recovery_json(&h->circle.next));
	if (metadata_rows(tx, &h->account.uid,
		"SELECT dev_id, time_ms, address FROM device_seen"
		" WHERE uid = ? ORDER BY time_ms",
		"device:h time:t address:s", &seen, e) < 0)
		return -1;
	(void)json_object_set_new(j, "last_seen", seen);
	if (metadata_rows(tx, &h->account.uid,
		"SELECT dev_id, last_ms, since_ms, told FROM backup_state"
		" WHERE uid = ? ORDER BY since_ms",
		"device:h last:t since:t told:n", &backups, e) < 0)
		return -1;
	(void)json_object_set_new(j, "backups", backups);
	return metadata_file(out, "metadata/devices.json", TAKE(j), e);
}
