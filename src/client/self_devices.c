/* SPDX-License-Identifier: ISC */
/* self_devices.c: the devices as people see them, and their names. */
#include "client/self_devices.h"

#include "client/self_note.h"

#include <string.h>

#define FORMAT 1
#define KIND_NAME 17 /* u8 kind | u8 1 | dev_id | opening[16] | v8 name */

int
self_put_name(struct self *s, const struct id *dev_id, const struct id *opening,
    const char *name, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit edit = { .id = self_state_id("name", dev_id) };

	buf_put_u8(&plain, KIND_NAME);
	buf_put_u8(&plain, FORMAT);
	id_put(&plain, dev_id);
	id_put(&plain, opening);
	buf_put_v8(&plain, bytes_str(name));
	edit.plain = buf_bytes(&plain);
	return zcopy_commit(s->state, &edit, 1, NULL, NULL, e);
}

static void
take_name(struct self *s, struct self_device *d)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct id id = self_state_id("name", &d->dev_id);
	struct err ignored;

	if (zcopy_get(s->state, &id, &plain, &ignored) < 0)
		return;
	struct scan p = scan_of(buf_bytes(&plain));
	uint8_t kind = scan_u8(&p), format = scan_u8(&p);
	struct id about = id_take(&p);
	(void)id_take(&p);
	struct bytes name = scan_v8(&p);
	if (!scan_done(&p) || kind != KIND_NAME || format != FORMAT ||
	    !id_equal(&about, &d->dev_id) || name.n > LIMIT_NAME_BYTES)
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
