/* SPDX-License-Identifier: ISC */
/* page.h: the account page, as data in this program. */
/*
 * The server only hands the files out: what runs in the page is the client,
 * and none of its code is linked here. tools/page.sh makes page_files.
 */
#pragma once

#include "http/http.h"

struct page_file {
	const char *path, *type, *etag;
	const uint8_t *plain, *plain_end;
	const uint8_t *gzip, *gzip_end;
	const uint8_t *brotli, *brotli_end; /* nothing: it was not made */
};

extern const struct page_file page_files[];
extern const size_t page_n_files;

/* The file whose path the route is, compressed as the browser takes it. */
http_handle_fn page_get;
