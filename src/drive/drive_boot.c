/* SPDX-License-Identifier: ISC */
/* drive_boot.c: what a power cut left blank is no edit. */
/*
 * What was saved just before the power went may have its name and no bytes, or
 * zeros. So a file that the drive has, that is blank now and was last changed
 * before this boot, while no sync came to its end since, is taken from there
 * again. What lay here waits in gone/.
 */
#include "drive/drive_in.h"

#include "base/file.h"

#include <ctype.h>
#include <time.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_TEXT 64 /* bytes: more than it has */

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec t = { 0 };

	(void)clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Of this machine; an id of zeros where it has none. */
static struct drive_boot
boot_now(void)
{
	struct drive_boot boot = { .since_ns = clock_ns(CLOCK_REALTIME) -
		    clock_ns(CLOCK_BOOTTIME) };
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf hex = { 0 };
	struct err ignored;

	if (file_read(BOOT_ID, BOOT_TEXT, &text, &ignored) < 0)
		return boot;
	for (size_t i = 0; i < text.n; i++)
		if (isxdigit(text.p[i]))
			buf_put_u8(&hex, text.p[i]);
	if (id_parse(buf_bytes(&hex), &boot.id) < 0)
		boot.id = (struct id){ { 0 } };
	return boot;
}

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_root *r = arg;
	struct id was;

	if (drivedb_boot(tx, r->row.root, &was, e) < 0)
		return -1;
	r->boot_noted = id_equal(&was, &r->boot.id) || id_zero(&r->boot.id);
	r->blank_is_lost = !r->boot_noted && !id_zero(&was);
	return 0;
}

int
drive_boot_look(
    struct drive_root *r, const struct drive_boot *boot, struct err *e)
{
	r->boot = boot != NULL ? *boot : boot_now();
	return db_read(drivedb_db(r->d->db), look_job, r, e);
}

static int
note_job(struct tx *tx, void *arg, struct err *e)
{
	const struct drive_root *r = arg;

	return drivedb_boot_set(tx, r->row.root, &r->boot.id, e);
}

int
drive_boot_note(struct drive_root *r, struct err *e)
{
	if (r->boot_noted)
		return 0;
	if (db_write(drivedb_db(r->d->db), note_job, r, e) < 0)
		return -1;
	r->boot_noted = true;
	r->blank_is_lost = false;
	return 0;
}

int
drive_boot_lost(struct drive_root *r, struct tx *tx, const struct plan_node *n,
    bool *lost, struct err *e)
{
	struct plan_node base;
	uint64_t root = r->row.root;

	*lost = false;
	if (n->stat.ctime_ns >= r->boot.since_ns)
		return 0;
	if (drivedb_base_get(tx, root, &n->id, &base, lost, e) < 0)
		return -1;
	*lost = *lost && base.type == NODE_FILE &&
	    !digest_equal(&base.content, &n->content);
	if (!*lost)
		return 0;
	/* Before it goes: without a base it is no deletion. */
	return drivedb_base_drop(tx, root, &n->id, e) < 0
	    ? -1
	    : drivedb_diff_drop(tx, root, &n->id, e);
}
