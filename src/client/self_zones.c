/* SPDX-License-Identifier: ISC */
/* self_zones.c: which zones the account has. */
/*
 * A record of the state zone:
 *
 *   u8 kind 16 | u8 1 | varint n | n * (u8 category | id)
 *
 * A category keeps its zone for as long as there is that state zone. So what
 * this device has seen there stands, in "zones" of state.db:
 *
 *   state zone[16] | n * (u8 category | id)
 *
 * Whoever spoils the record only has the next device write it again.
 */
#include "client/self_zones.h"

#include "client/self_note.h"

#include <string.h>

#define FORMAT 1
#define TRIES 8 /* against devices that note other zones meanwhile */

static int
take_zones(struct self *s, struct bytes plain, struct err *e)
{
	struct scan p = scan_of(plain);
	uint8_t kind = scan_u8(&p), format = scan_u8(&p);
	uint64_t n = scan_varint(&p);

	if (kind != SELF_NOTE_ZONES)
		return 0;
	if (format > FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the list of zones is of a newer version");
	for (uint64_t i = 0; i < n && scan_ok(&p); i++) {
		uint8_t c = scan_u8(&p);
		struct id zone = id_take(&p);
		if (category_known(c))
			s->zones[c] = zone;
	}
	return scan_done(&p) ? 0
			     : err_set(e, ERR_RECORD_CORRUPT,
				   "the list of zones is not well-formed");
}

/* ---- what was seen ---- */

static int
load_kept(struct self *s, struct id kept[static CATEGORY_END], struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };

	memset(kept, 0, CATEGORY_END * sizeof *kept);
	if (local_get(s->local, "zones", &b, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&b));
	struct id state = id_take(&p);
	if (!scan_ok(&p) || !id_equal(&state, &s->circle.state_zone))
		return 0;
	while (p.n > ID_BYTES) {
		uint8_t c = scan_u8(&p);
		struct id zone = id_take(&p);
		if (category_known(c))
			kept[c] = zone;
	}
	return 0;
}

static int
keep(struct self *s, const struct id kept[static CATEGORY_END], struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };

	id_put(&b, &s->circle.state_zone);
	for (unsigned c = 1; c < CATEGORY_END; c++)
		if (!id_zero(&kept[c])) {
			buf_put_u8(&b, (uint8_t)c);
			id_put(&b, &kept[c]);
		}
	return local_put(s->local, "zones", buf_bytes(&b), e);
}

/* What was seen stands; what is there by now has been seen. */
static int
compare(struct self *s, struct id kept[static CATEGORY_END], struct err *e)
{
	struct local_zone at;
	bool more = false;

	for (unsigned c = 1; c < CATEGORY_END; c++) {
		if (!id_zero(&kept[c])) {
			s->zones_lost |= !id_equal(&kept[c], &s->zones[c]);
			s->zones[c] = kept[c];
			continue;
		}
		if (id_zero(&s->zones[c]))
			continue;
		if (local_zone_get(s->local, &s->zones[c], &at, e) < 0)
			return -1;
		if (at.head.seq > 0) {
			kept[c] = s->zones[c];
			more = true;
		}
	}
	return more ? keep(s, kept, e) : 0;
}

static bool
any(const struct id kept[static CATEGORY_END])
{
	bool some = false;

	for (unsigned c = 1; c < CATEGORY_END; c++)
		some |= !id_zero(&kept[c]);
	return some;
}

/* ---- */

static int
read_zones(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = self_note_id(SELF_NOTE_ZONES, NULL);

	memset(s->zones, 0, sizeof s->zones);
	if (zcopy_look(s->state, &id, &s->zones_version, &plain, e) < 0)
		return -1;
	return s->zones_version == 0 ? 0 : take_zones(s, buf_bytes(&plain), e);
}

int
self_load_zones(struct self *s, struct err *e)
{
	struct id kept[CATEGORY_END];
	struct err why;

	s->zones_lost = false;
	if (load_kept(s, kept, e) < 0)
		return -1;
	if (read_zones(s, &why) < 0) {
		if (why.code == ERR_UPDATE_NEEDED || !any(kept)) {
			*e = why;
			return -1;
		}
		memset(s->zones, 0, sizeof s->zones);
	}
	return compare(s, kept, e);
}

static int
put_zones(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	uint64_t n = 0;

	for (unsigned k = 1; k < CATEGORY_END; k++)
		n += !id_zero(&s->zones[k]);
	buf_put_varint(&body, n);
	for (unsigned k = 1; k < CATEGORY_END; k++)
		if (!id_zero(&s->zones[k])) {
			buf_put_u8(&body, (uint8_t)k);
			id_put(&body, &s->zones[k]);
		}
	return self_note_replace(
	    s, SELF_NOTE_ZONES, NULL, s->zones_version, buf_bytes(&body), e);
}

int
self_state(struct self *s, struct err *e)
{
	struct err ignored;

	if (zcopy_pull(s->state, e) < 0 || self_load_zones(s, e) < 0)
		return -1;
	/* For the others. It can be read from here all the same. */
	if (s->zones_lost && put_zones(s, &ignored) == 0)
		s->zones_lost = false;
	return 0;
}

static int
adopt_zones(struct self *s, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	size_t i;
	json_t *v;

	if (self_state(s, e) < 0 ||
	    control_call(s->remote, "GET", "/v1/zones", NULL, &answer, e) < 0)
		return -1;
	json_array_foreach(json_object_get(answer, "zones"), i, v)
	{
		const char *name = "";
		struct id zone;
		if (jsonio_text(v, "category", &name, e) < 0 ||
		    jsonio_id(v, "zone", &zone, e) < 0)
			return -1;
		for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
			if (category_escrowed(c) && id_zero(&s->zones[c]) &&
			    keyring_names(s->keyring, (enum category)c) !=
				NULL &&
			    strcmp(name, category_name((enum category)c)) == 0)
				s->zones[c] = zone;
	}
	return put_zones(s, e);
}

static int
make_zone(struct self *s, enum category c, struct err *e)
{
	if (self_state(s, e) < 0)
		return -1;
	if (!id_zero(&s->zones[c]))
		return 0;
	id_random(&s->zones[c]);
	if (put_zones(s, e) == 0)
		return 0;
	s->zones[c] = (struct id){ { 0 } };
	return -1;
}

int
self_adopt_zones(struct self *s, struct err *e)
{
	for (int i = 1;; i++)
		if (adopt_zones(s, e) == 0)
			return 0;
		else if (e->code != ERR_CONFLICT || i == TRIES)
			return -1;
}

int
self_zone(struct self *s, enum category c, struct id *out, struct err *e)
{
	/* Another device may be doing the same: look again, and be told. */
	for (int i = 1; id_zero(&s->zones[c]); i++)
		if (make_zone(s, c, e) < 0 &&
		    (e->code != ERR_CONFLICT || i == TRIES))
			return -1;
	*out = s->zones[c];
	return 0;
}
