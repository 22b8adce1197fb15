/* SPDX-License-Identifier: ISC */
/* seckey_drop.c: removing security keys, and the members that they are. */
#include "client/seckey.h"

#include "client/self_circle.h"
#include "client/self_remove.h"

#include <string.h>

#define KEYS "/v1/security-keys"
#define MEMBERS LIMIT_REMOVE_IDS

struct gone {
	struct id ids[MEMBERS];
	size_t n;
};

/* The members that the keys to remove are. which NULL: all. */
static int
members_of(struct remote *r, const char *which, struct gone *out, bool *on,
    struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	bool found = false;

	if (control_call(r, "GET", KEYS, NULL, &answer, e) < 0)
		return -1;
	const json_t *keys = json_object_get(answer, "keys");
	*on = jsonio_true(answer, "on");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *k = json_array_get(keys, i);
		const char *name = "", *id = "";
		if (jsonio_text(k, "name", &name, e) < 0 ||
		    jsonio_text(k, "id", &id, e) < 0)
			return -1;
		if (which != NULL && strcmp(name, which) != 0 &&
		    strcmp(id, which) != 0)
			continue;
		found = true;
		if (json_object_get(k, "member") == NULL || out->n == MEMBERS)
			continue;
		if (jsonio_id(k, "member", &out->ids[out->n], e) < 0)
			return -1;
		out->n++;
	}
	if (found)
		return 0;
	(void)err_set(e, ERR_NOT_FOUND, "there is no such security key");
	return err_remedy(e, "See: aumbry security-key list");
}

/* Those that the circle still has. Which member a key is only the server says;
 * it puts out nobody else by that. */
static int
keep_active(const struct self *s, struct gone *g, struct err *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct member *m = circle_member(&s->circle, &g->ids[i]);
		if (m == NULL || !m->active)
			continue;
		if (m->device.class != CLASS_SECURITY_KEY)
			return err_set(e, ERR_KEY_SUBSTITUTED,
			    "the server says that the security key is %s in "
			    "the list of devices, which is a %s",
			    id_short(&g->ids[i]).s,
			    circle_class_name(m->device.class));
		g->ids[kept++] = g->ids[i];
	}
	g->n = kept;
	return 0;
}

/* All keys there are, by the circle, which tells that better than a server. */
static void
all_keys(const struct self *s, struct gone *g)
{
	g->n = 0;
	for (size_t i = 0; i < s->circle.n_members; i++) {
		const struct member *m = &s->circle.members[i];
		if (m->active && m->device.class == CLASS_SECURITY_KEY &&
		    g->n < MEMBERS)
			g->ids[g->n++] = m->device.dev_id;
	}
}

/*
 * First what the circle says, then the server: in between an account is at
 * worst stricter than it says, and the command can be run again.
 */
static int
remove_members(struct self *s, struct gone *g, bool all, struct err *e)
{
	if (s == NULL)
		return g->n == 0
		    ? 0
		    : err_set(e, ERR_PERMISSION,
			  "the key opens the data, and only a device of the "
			  "account can end that");
	if (keep_active(s, g, e) < 0)
		return -1;
	if (all)
		all_keys(s, g);
	if (all && self_keys_only(s, false, e) < 0)
		return -1;
	return g->n > 0 ? self_remove(s, g->ids, g->n, e) : 0;
}

static int
ask_server(struct remote *r, const char *which, bool dry, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;
	struct id id;

	if (which == NULL)
		jsonio_put_true(ask, "all", true);
	else if (id_parse(bytes_str(which), &id) == 0)
		jsonio_put_text(ask, "id", which);
	else
		jsonio_put_text(ask, "name", which);
	if (dry)
		jsonio_put_true(ask, "dry_run", true);
	return control_call(r, "POST", KEYS "/remove", ask, &answer, e);
}

int
seckey_drop(struct remote *r, struct self *s, const char *which, bool *on,
    struct err *e)
{
	struct gone gone = { .n = 0 };

	return members_of(r, which, &gone, on, e) < 0 ||
		ask_server(r, which, true, e) < 0 ||
		remove_members(s, &gone, which == NULL, e) < 0 ||
		ask_server(r, which, false, e) < 0
	    ? -1
	    : 0;
}

/* ---- what adding leaves ---- */

/* Does the server know a key that is this member? One that is none it does. */
static bool
known(const json_t *keys, const struct id *member)
{
	if (id_zero(member))
		return true;
	for (size_t i = 0; i < json_array_size(keys); i++) {
		struct err ignored;
		struct id id;
		if (jsonio_id(json_array_get(keys, i), "member", &id,
			&ignored) == 0 &&
		    id_equal(&id, member))
			return true;
	}
	return false;
}

int
seckey_settle(struct remote *r, struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(jsonio_free) json_t *answer = NULL;
	bool on = false;

	if (local_get(s->local, SECKEY_ADDING, &kept, e) < 0)
		return -1;
	if (kept.n == 0)
		return 0;
	if (control_call(r, "GET", KEYS, NULL, &answer, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	while (p.n >= ID_BYTES) {
		struct id member = id_take(&p);
		bool there = known(json_object_get(answer, "keys"), &member);
		on |= there && jsonio_true(answer, "on");
		if (!there && circle_active(&s->circle, &member) &&
		    self_remove(s, &member, 1, e) < 0)
			return -1;
	}
	if (on && self_keys_only(s, true, e) < 0)
		return -1;
	return local_put(s->local, SECKEY_ADDING, bytes_str(""), e);
}
