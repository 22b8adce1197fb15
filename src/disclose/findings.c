/* SPDX-License-Identifier: ISC */
/* findings.c: lists that the manifest shows. */
#include "disclose/findings.h"

#include "base/text.h"
#include "wire/jsonio.h"

void
findings_init(struct findings *f, size_t n_zones)
{
	f->zones = mem_array(n_zones > 0 ? n_zones : 1, sizeof *f->zones);
	f->reasons = mem_array(n_zones > 0 ? n_zones : 1, sizeof *f->reasons);
	f->n_zones = n_zones;
	f->closed = json_array();
	f->failed = json_array();
}

void
findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->n_zones; i++)
		buf_free(&f->reasons[i]);
	mem_free(&f->zones);
	mem_free(&f->reasons);
	jsonio_free(&f->closed);
	jsonio_free(&f->failed);
}

void
findings_failed(struct findings *f, const char *what, const struct err *why)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "what", findings_path(bytes_str(what)));
	jsonio_put_text(j, "code", err_name(why->code));
	(void)json_object_set_new(j, "why", findings_path(bytes_str(why->msg)));
	(void)json_array_append_new(f->failed, j);
}

json_t *
findings_path(struct bytes path)
{
	OWN(buf_free) struct buf shown = { 0 };
	json_t *j = json_stringn((const char *)path.p, path.n);

	if (j != NULL)
		return j;
	text_show(&shown, path);
	return json_string(buf_text(&shown));
}
