/* SPDX-License-Identifier: ISC */
/* retention.c: the rules of history and trash, as all devices have them. */
#include "drive/retention.h"

#define FORMAT 1

static struct id
retention_id(void)
{
	static const char label[] = "aumbry drive retention v1";

	return digest_id(bytes_of(label, sizeof label)); /* with its NUL */
}

static bool
in_limits(const struct hist_policy *p)
{
	return p->all_ms <= RETENTION_MAX_MS &&
	    p->daily_ms <= RETENTION_MAX_MS &&
	    p->weekly_ms <= RETENTION_MAX_MS && p->least <= p->room &&
	    p->trash_ms >= RETENTION_TRASH_MIN_MS &&
	    p->trash_ms <= RETENTION_MAX_MS;
}

int
retention_get(struct zcopy *z, struct hist_policy *out, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct hist_policy p = hist_default();
	const struct id id = retention_id();
	uint64_t version;

	if (zcopy_look(z, &id, &version, &plain, e) < 0)
		return -1;
	*out = p;
	if (version == 0)
		return 0;
	struct scan s = scan_of(buf_bytes(&plain));
	if (scan_u8(&s) == RETENTION_KIND && scan_u8(&s) > FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the drive's rules are of a format that is not known");
	p.all_ms = scan_u64(&s);
	p.daily_ms = scan_u64(&s);
	p.weekly_ms = scan_u64(&s);
	p.least = scan_u8(&s);
	p.trash_ms = scan_u64(&s);
	if (!scan_done(&s) || plain.p[0] != RETENTION_KIND || !in_limits(&p)) {
		(void)err_set(e, ERR_RECORD_CORRUPT,
		    "the rules of how long the drive keeps what was cannot be "
		    "read");
		return err_remedy(
		    e, "Say them anew: aumbry drive retention --daily 30d");
	}
	*out = p;
	return 0;
}

int
retention_set(struct zcopy *z, const struct hist_policy *p, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };

	if (!in_limits(p))
		return err_set(e, ERR_USAGE,
		    "at least 1d for the trash, at most 100 versions and 100 "
		    "years");
	buf_put_u8(&plain, RETENTION_KIND);
	buf_put_u8(&plain, FORMAT);
	buf_put_u64(&plain, p->all_ms);
	buf_put_u64(&plain, p->daily_ms);
	buf_put_u64(&plain, p->weekly_ms);
	buf_put_u8(&plain, (uint8_t)p->least);
	buf_put_u64(&plain, p->trash_ms);
	struct zcopy_edit edit = { .id = retention_id(),
		.plain = buf_bytes(&plain) };
	return zcopy_commit(z, &edit, 1, NULL, NULL, e);
}
