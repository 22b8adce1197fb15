/* SPDX-License-Identifier: ISC */
/* export_readme.c: what a person is told who opens the folder. */
#include "export/export_in.h"

#include "base/text.h"

int
export_readme(struct export *x, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_str(&b, EXPORT_TITLE);
	text_show(&b, buf_bytes(&x->account));
	buf_put_str(&b,
	    "\n\n"
	    "Nothing here is encrypted. Whoever has this folder can read all "
	    "of it.\n\n"
	    "backups/HOST/DATE_TIME_ID/\n"
	    "    A backup of the machine HOST, of that day and time (UTC), as "
	    "folders and\n"
	    "    files. Files that are secrets, such as private keys, are "
	    "among them; none\n"
	    "    but their owner may read those.\n"
	    "drive/\n"
	    "    The files of the Drive, as they were when this was written "
	    "last. What is in\n"
	    "    its trash, and former contents of its files, are not here: "
	    "aumbry drive trash\n"
	    "    list, aumbry drive versions PATH. What an earlier export "
	    "brought and the\n"
	    "    Drive has no more is still here; manifest.json calls it "
	    "\"former\".\n"
	    "account/\n"
	    "    What the account has beside its files: devices, sessions, "
	    "the security log,\n"
	    "    ways to recover, all backups there were. JSON, no passwords "
	    "and no keys.\n"
	    "manifest.json\n"
	    "    Every file with its size, its SHA-256 and where it is from; "
	    "and what could\n"
	    "    not be exported (\"not_exported\"), with the reason.\n"
	    "manifest.partial.jsonl\n"
	    "    Only while an export goes on or when it was cut off: this "
	    "folder is not\n"
	    "    complete then. Run the same command again, and it goes on.\n"
	    "SHA256SUMS\n"
	    "    To see that nothing has changed: sha256sum --quiet -c "
	    "SHA256SUMS\n"
	    "    (Files that are little but holes are not in it: that would "
	    "take hours.)\n\n"
	    "To take it into another account: aumbry backup backups/HOST/"
	    "DATE_TIME_ID\nThe Drive: aumbry drive put drive/* /\n");
	return export_put_record(
	    x, EXPORT_README, buf_bytes(&b), "aumbry export", e);
}
