/* SPDX-License-Identifier: ISC */
/* meter.c: atomic counters and their text. */
#include "http/meter.h"

#include <inttypes.h>
#include <stdlib.h>

#define CLASSES 5 /* 1xx to 5xx */

/* Upper bounds of the latency buckets, microseconds: fsync to Argon2id. */
static const int64_t bound_us[] = { 500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 250000, 500000, 1000000, 2500000, 10000000 };

struct row {
	_Atomic uint64_t by_class[CLASSES];
};

struct meter {
	const char *const *routes;
	size_t n;
	struct row *rows; /* n + 1 */
	_Atomic uint64_t in_bytes, out_bytes;
	_Atomic uint64_t bucket[ARRAY_SIZE(bound_us)];
	_Atomic uint64_t timed, timed_us;
};

struct meter *
meter_new(const char *const *routes, size_t n)
{
	struct meter *m = mem_new(sizeof *m);

	m->routes = routes;
	m->n = n;
	m->rows = mem_array(n + 1, sizeof *m->rows);
	return m;
}

void
meter_free(struct meter **m)
{
	if (*m != NULL)
		free((*m)->rows);
	free(*m);
	*m = NULL;
}

void
meter_request(struct meter *m, const struct meter_sample *s)
{
	int class = s->status / 100 - 1;
	size_t route = s->route < m->n ? s->route : m->n;

	if (class >= 0 && class < CLASSES)
		m->rows[route].by_class[class]++;
	m->in_bytes += s->in_bytes;
	m->out_bytes += s->out_bytes;
	if (s->ns < 0)
		return;
	int64_t us = s->ns / 1000;
	m->timed++;
	m->timed_us += (uint64_t)us;
	for (size_t i = 0; i < ARRAY_SIZE(bound_us); i++)
		if (us <= bound_us[i]) {
			m->bucket[i]++;
			return;
		}
}

static void
put_one(struct buf *out, const char *name, const char *type, const char *help,
    uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name,
	    help, name, type, name, value);
}

static void
put_latency(const struct meter *m, struct buf *out)
{
	const char *name = "aumbry_http_request_seconds";
	uint64_t sum = 0;

	buf_printf(out,
	    "# HELP %s Time to answer, long polls left out.\n"
	    "# TYPE %s histogram\n",
	    name, name);
	for (size_t i = 0; i < ARRAY_SIZE(bound_us); i++) {
		sum += m->bucket[i];
		buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
		    (double)bound_us[i] / 1e6, sum);
	}
	uint64_t timed = m->timed;
	buf_printf(out,
	    "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %g\n%s_count %" PRIu64
	    "\n",
	    name, timed, name, (double)m->timed_us / 1e6, name, timed);
}

void
meter_text(const struct meter *m, uint64_t connections, uint64_t waiting,
    struct buf *out)
{
	/* Counted before it is timed, so read after: none is timed alone. */
	put_latency(m, out);
	buf_put_str(out,
	    "# HELP aumbry_http_requests_total Requests answered.\n"
	    "# TYPE aumbry_http_requests_total counter\n");
	for (size_t i = 0; i <= m->n; i++)
		for (int c = 0; c < CLASSES; c++) {
			uint64_t n = m->rows[i].by_class[c];
			if (n > 0)
				buf_printf(out,
				    "aumbry_http_requests_total{route=\"%s\","
				    "class=\"%dxx\"} %" PRIu64 "\n",
				    i < m->n ? m->routes[i] : "none", c + 1, n);
		}
	put_one(out, "aumbry_http_received_bytes_total", "counter",
	    "Bytes of request bodies.", m->in_bytes);
	put_one(out, "aumbry_http_sent_bytes_total", "counter",
	    "Bytes of answer bodies.", m->out_bytes);
	put_one(out, "aumbry_http_connections", "gauge",
	    "Connections that are open.", connections);
	put_one(out, "aumbry_http_waiting", "gauge", "Long polls that wait.",
	    waiting);
}
