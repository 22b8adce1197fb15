/* SPDX-License-Identifier: ISC */
/* checksum.c: prints the checksum of a blob in a file, as X-Aumbry-Checksum. */
/*
 *     checksum FILE
 */
#include "base/file.h"
#include "base/text.h"
#include "wire/checksum.h"
#include "wire/limits.h"

#include <stdio.h>

int
main(int argc, char **argv)
{
	OWN(buf_free) struct buf file = { 0 };
	OWN(buf_free) struct buf hex = { 0 };
	struct checksum sum;
	struct err e = { 0 };

	if (argc != 2 || file_read(argv[1], LIMIT_BLOB_BYTES, &file, &e) < 0)
		return 2;
	checksum_of(buf_bytes(&file), &sum);
	text_hex(&hex, bytes_of(sum.b, CHECKSUM_BYTES));
	(void)puts(buf_text(&hex));
	return 0;
}
