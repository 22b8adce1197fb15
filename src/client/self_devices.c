/* SPDX-License-Identifier: ISC */
/* self_devices.c: the devices as people see them, and their names. */
/*
 * A record of the state zone for each device:
 *
 *   u8 kind 17 | u8 1 | dev_id[16] | opening[16] | v8 name
 */
#include "client/self_devices.h"

#include "client/self_note.h"

#include <string.h>

int
self_put_name(struct self *s, const struct id *dev_id, const struct id *opening,
    const char *name, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	id_put(&body, dev_id);
	id_put(&body, opening);
	buf_put_v8(&body, bytes_str(name));
	return self_note_put(s, SELF_NOTE_NAME, dev_id, buf_bytes(&body), e);
}

static void
take_name(struct self *s, struct self_device *d)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;
	struct scan p;

	if (self_note_get(s, SELF_NOTE_NAME, &d->dev_id, &plain, &p, &ignored) <
	    0)
		return;
	struct id about = id_take(&p);
	(void)id_take(&p);
	struct bytes name = scan_v8(&p);
	if (!scan_done(&p) || !id_equal(&about, &d->dev_id) ||
	    name.n > LIMIT_NAME_BYTES)
		return;
	memcpy(d->name, name.p, name.n);
	d->name[name.n] = '\0';
}

int
self_devices(struct self *s, struct self_device **out, size_t *n, struct err *e)
{
	(void)e;
	*n = s->circle.n_members;
	*out = mem_array(*n, sizeof **out);
	for (size_t i = 0; i < *n; i++) {
		const struct member *m = &s->circle.members[i];
		struct self_device *d = &(*out)[i];
		d->dev_id = m->device.dev_id;
		d->class = m->device.class;
		d->active = m->active;
		d->self = id_equal(&d->dev_id, &s->dev_id);
		d->added_ms = m->added_ms;
		take_name(s, d);
	}
	return 0;
}
