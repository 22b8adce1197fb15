/* SPDX-License-Identifier: ISC */
/* self_devices.h: the devices of the account, as people see them. */
#pragma once

#include "client/self.h"

/* A device as people see it. */
struct self_device {
	struct id dev_id;
	char name[LIMIT_NAME_BYTES + 1]; /* "" when unknown */
	uint8_t class;
	bool active, self;
	uint64_t added_ms;
};

/* All devices there ever were; free with mem_free. The state was pulled. */
MUST_CHECK int self_devices(
    struct self *s, struct self_device **out, size_t *n, struct err *e);
/* Note this device's name, whose commitment the circle carries. */
MUST_CHECK int self_put_name(struct self *s, const struct id *dev_id,
    const struct id *opening, const char *name, struct err *e);
