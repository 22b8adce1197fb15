/* SPDX-License-Identifier: ISC */
/* fuzz_state.c: what another device wrote into the account's own state. */
/* Input: u16 length of the list of zones | list | any other record. */
#include "client/self.h"

#include "base/scan.h"
#include "client/self_devices.h"
#include "client/self_seen.h"
#include "client/self_zones.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_zcopy_get(
    struct zcopy *z, const struct id *id, struct buf *plain, struct err *e);
int __wrap_zcopy_look(struct zcopy *z, const struct id *id, uint64_t *version,
    struct buf *plain, struct err *e);
int __wrap_local_get(
    struct local *l, const char *key, struct buf *out, struct err *e);
int __wrap_local_zone_get(struct local *l, const struct id *zone,
    struct local_zone *out, struct err *e);

static struct bytes record;

/* A device that has seen no zone yet, and holds nothing of any. */
int
__wrap_local_get(
    struct local *l, const char *key, struct buf *out, struct err *e)
{
	(void)l;
	(void)key;
	(void)out;
	(void)e;
	return 0;
}

int
__wrap_local_zone_get(struct local *l, const struct id *zone,
    struct local_zone *out, struct err *e)
{
	(void)l;
	(void)zone;
	(void)e;
	*out = (struct local_zone){ .head.seq = 0 };
	return 0;
}

int
__wrap_zcopy_get(
    struct zcopy *z, const struct id *id, struct buf *plain, struct err *e)
{
	(void)z;
	(void)id;
	(void)e;
	buf_put_bytes(plain, record);
	return 0;
}

int
__wrap_zcopy_look(struct zcopy *z, const struct id *id, uint64_t *version,
    struct buf *plain, struct err *e)
{
	*version = 1;
	return __wrap_zcopy_get(z, id, plain, e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct member m = { .active = true };
	struct self self = { .circle = { .members = &m, .n_members = 1 } };
	struct self_device *list = NULL;
	struct self_seen seen;
	struct err e = { 0 };
	size_t n = 0;

	struct scan s = scan_of(bytes_of(data, size));
	record = scan_v16(&s);
	(void)!self_load_zones(&self, &e);
	record = bytes_of(s.p, s.n);
	if (self_seen(&self, &m.device.dev_id, &seen) &&
	    seen.n > ARRAY_SIZE(seen.zones))
		abort();
	if (self_devices(&self, &list, &n, &e) < 0 || n != 1 ||
	    strlen(list[0].name) >= sizeof list[0].name)
		abort();
	free(list);
	return 0;
}
