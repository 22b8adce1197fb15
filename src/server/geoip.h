/* SPDX-License-Identifier: ISC */
/* geoip.h: about where an address is, from a database on this machine. */
/*
 * The database is a file of the MaxMind DB format that has cities or countries
 * (GeoLite2, DB-IP and others). It tells where a network is registered, which
 * may be far from the person. Nothing of it is stored: a place is looked up
 * when an address is shown.
 *
 * source  MaxMind DB file format, version 2; libmaxminddb.
 */
#pragma once

#include "base/buf.h"

struct geoip;

#define GEOIP_NAME 60 /* bytes of a city's or country's name; more is cut */

/*
 * Open the file; it stays mapped, so put a new one in its place by rename.
 *
 * errors  bad-usage, which names the file.
 */
MUST_CHECK int geoip_open(const char *path, struct geoip **out, struct err *e);
void geoip_free(struct geoip **g);

/*
 * Append "Lisbon, Portugal", "Portugal", or nothing: for an address that is
 * none, that the database does not know, or when it is damaged there.
 *
 * g        NULL: nothing is ever known.
 * threads  any.
 */
void geoip_place(const struct geoip *g, const char *address, struct buf *out);
