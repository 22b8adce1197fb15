/* SPDX-License-Identifier: ISC */
/* manifest.c: both files, from their heads to their ends. */
#include "disclose/manifest_in.h"

#include "base/file.h"
#include "base/text.h"

static void
listing_free(struct manifest_listing *l)
{
	outfile_free(&l->json);
	outfile_free(&l->text);
}

static int
end_text(struct manifest_listing *l, const char *out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest hash;

	if (manifest_hash(out, MANIFEST_JSON, &hash, e) < 0)
		return -1;
	buf_printf(&b,
	    "\n%llu files of %llu bytes; " MANIFEST_JSON " has SHA-256 ",
	    (unsigned long long)l->files, (unsigned long long)l->bytes);
	text_hex(&b, bytes_of(hash.b, DIGEST_BYTES));
	buf_put_str(&b, "\n");
	return outfile_put(&l->text, buf_bytes(&b), e) < 0
	    ? -1
	    : outfile_done(&l->text, e);
}

int
manifest_write(const struct manifest *m, const char *out, struct digest *hash,
    struct err *e)
{
	OWN(listing_free)
	struct manifest_listing l = {
		.json = OUTFILE, .text = OUTFILE, .first = true
	};

	if (outfile_open(out, MANIFEST_JSON, &l.json, e) < 0 ||
	    outfile_open(out, MANIFEST_TEXT, &l.text, e) < 0 ||
	    manifest_begin_json(&l.json, m, e) < 0 ||
	    manifest_begin_text(&l.text, m, e) < 0 ||
	    manifest_list(out, &l, e) < 0 ||
	    outfile_put(&l.json, bytes_str("\n  ]\n}\n"), e) < 0 ||
	    outfile_done(&l.json, e) < 0 || end_text(&l, out, e) < 0 ||
	    file_sync_dir(out, e) < 0)
		return -1;
	return manifest_hash(out, MANIFEST_TEXT, hash, e);
}
