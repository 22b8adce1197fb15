/* SPDX-License-Identifier: ISC */
/* geoip.c: cities and countries, by libmaxminddb. */
#include "server/geoip.h"

#include "base/text.h"
#include "http/address.h"

#include <stdlib.h>

#include <maxminddb.h>

struct geoip {
	MMDB_s db;
};

int
geoip_open(const char *path, struct geoip **out, struct err *e)
{
	OWN(mem_free) struct geoip *g = mem_new(sizeof *g);
	int rc = MMDB_open(path, MMDB_MODE_MMAP, &g->db);

	if (rc != MMDB_SUCCESS) {
		(void)err_set(e, ERR_USAGE, "[place] database: %s: %s", path,
		    MMDB_strerror(rc));
		return err_remedy(e,
		    "Name a file of the MaxMind DB format, or leave it empty; "
		    "then: aumbryd serve --check-config");
	}
	*out = TAKE(g);
	return 0;
}

void
geoip_free(struct geoip **gp)
{
	if (*gp == NULL)
		return;
	MMDB_close(&(*gp)->db);
	free(*gp);
	*gp = NULL;
}

/* A name as outside bytes: cut to whole letters, none that could act. */
static void
put_name(struct buf *out, const MMDB_entry_data_s *x)
{
	const uint8_t *p = (const uint8_t *)x->utf8_string;
	size_t n = x->data_size < GEOIP_NAME ? x->data_size : GEOIP_NAME;

	while (n > 0 && n < x->data_size && (p[n] & 0xc0) == 0x80)
		n--;
	text_show(out, bytes_of(p, n));
}

static bool
name_of(MMDB_entry_s *entry, const char *what, MMDB_entry_data_s *out)
{
	return MMDB_get_value(entry, out, what, "names", "en", NULL) ==
	    MMDB_SUCCESS &&
	    out->has_data && out->type == MMDB_DATA_TYPE_UTF8_STRING &&
	    out->data_size > 0;
}

void
geoip_place(const struct geoip *g, const char *address, struct buf *out)
{
	MMDB_lookup_result_s found;
	MMDB_entry_data_s name;
	int no_address, failed;

	if (g == NULL || !address_is(address))
		return;
	found = MMDB_lookup_string(&g->db, address, &no_address, &failed);
	if (no_address != 0 || failed != MMDB_SUCCESS || !found.found_entry)
		return;
	bool city = name_of(&found.entry, "city", &name);
	if (city)
		put_name(out, &name);
	if (name_of(&found.entry, "country", &name)) {
		if (city)
			buf_put_str(out, ", ");
		put_name(out, &name);
	}
}
