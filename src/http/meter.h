/* SPDX-License-Identifier: ISC */
/* meter.h: counters of the HTTP shell, as Prometheus reads them. */
/*
 * Every function may be called from any thread. Counters only grow and are
 * read without a common instant, which is all a scrape needs.
 */
#pragma once

#include "base/buf.h"

struct meter;

/*
 * routes  label of each route, "GET /healthz"; borrowed, index = its number.
 *         One more, "none", counts what matched no route.
 */
struct meter *meter_new(const char *const *routes, size_t n);
void meter_free(struct meter **m);

struct meter_sample {
	size_t route; /* number, or n for none */
	int status;
	uint64_t in_bytes, out_bytes; /* bodies */
	int64_t ns; /* < 0: not counted as latency, for long polls */
};

/* Count a request that is over. */
void meter_request(struct meter *m, const struct meter_sample *s);

/*
 * Append the text exposition format 0.0.4.
 *
 * connections, waiting  what is open now.
 */
void meter_text(const struct meter *m, uint64_t connections, uint64_t waiting,
    struct buf *out);
