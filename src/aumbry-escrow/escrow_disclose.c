/* SPDX-License-Identifier: ISC */
/* escrow_disclose.c: aumbry-escrow disclose: options and what is said. */
#include "aumbry-escrow/escrow_disclose.h"

#include "base/text.h"
#include "wire/escrow.h"

#include <stdio.h>

static int
take_span(const char *text, uint32_t *out, struct err *e)
{
	int64_t s = 0;

	if (text == NULL)
		return 0;
	if (text_parse_span(text, &s) < 0 || s < 0 || s > ESCROW_NOTIFY_S)
		return err_set(e, ERR_USAGE,
		    "--notify-after is a span of at most 365d, not %s", text);
	*out = (uint32_t)s;
	return 0;
}

int
escrow_disclose(struct disclose_options *o, const char *notify, struct err *e)
{
	OWN(buf_free) struct buf hash = { 0 };
	struct disclose_result r;

	if (take_span(notify, &o->notify_s, e) < 0 ||
	    disclose_run(o, &r, e) < 0)
		return -1;
	text_hex(&hash, bytes_of(r.manifest.b, DIGEST_BYTES));
	(void)printf("%s\njournal line %llu\nMANIFEST.txt has SHA-256 %s\n",
	    r.plain ? "contents in plain, and metadata"
		    : "ciphertext and metadata",
	    (unsigned long long)r.journal_n, buf_text(&hash));
	if (r.closed > 0)
		(void)printf(
		    "%llu secrets stay closed\n", (unsigned long long)r.closed);
	if (r.failed == 0)
		return 0;
	(void)err_set(e, ERR_WRITE_INCOMPLETE,
	    "%llu things could not be opened; %s/MANIFEST.txt names them",
	    (unsigned long long)r.failed, o->to);
	return err_remedy(e,
	    "Look for damage: aumbryd check --data %s --read. What opens is "
	    "in %s.",
	    o->data, o->to);
}
