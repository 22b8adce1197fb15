/* SPDX-License-Identifier: ISC */
/* page.c: handing out the files of the account page. */
#include "api/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Its own files and nothing else; no other page may show it in a frame. */
#define POLICY \
	"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; " \
	"style-src 'self'; img-src 'self' data:; connect-src 'self'; " \
	"worker-src 'self'; base-uri 'none'; form-action 'none'; " \
	"frame-ancestors 'none'"

static const struct page_file *
find(const char *path)
{
	for (size_t i = 0; i < page_n_files; i++)
		if (strcmp(page_files[i].path, path) == 0)
			return &page_files[i];
	return NULL;
}

/* Does a list of encodings name this one, and not to say no (";q=0")? */
static bool
accepts(const char *list, const char *encoding)
{
	size_t n = strlen(encoding);

	for (const char *at = list; at != NULL && *at != '\0';) {
		at += strspn(at, " \t,");
		size_t len = strcspn(at, ",");
		size_t name = strcspn(at, ",; \t");
		const char *q = memmem(at, len, "q=", 2);
		if (name == n && strncasecmp(at, encoding, n) == 0)
			return q == NULL || strtod(q + 2, NULL) > 0;
		at += len;
	}
	return false;
}

int
page_get(void *app, const struct request *q, struct response *r, struct err *e)
{
	const struct page_file *f = find(q->pattern);
	const char *known = http_header(q, "If-None-Match");
	const char *encodings = http_header(q, "Accept-Encoding");

	(void)app;
	if (f == NULL)
		return err_set(e, ERR_NOT_FOUND,
		    "this server was built without its account page");
	response_header(r, "Content-Security-Policy", "%s", POLICY);
	response_header(r, "Cross-Origin-Opener-Policy", "same-origin");
	response_header(r, "Referrer-Policy", "no-referrer");
	response_header(r, "Cache-Control", "no-cache");
	response_header(r, "ETag", "%s", f->etag);
	response_header(r, "Vary", "Accept-Encoding");
	r->type = f->type;
	if (known != NULL && strstr(known, f->etag) != NULL) {
		r->status = 304;
		return 0;
	}
	if (f->brotli != f->brotli_end && accepts(encodings, "br")) {
		response_header(r, "Content-Encoding", "br");
		buf_put(
		    &r->body, f->brotli, (size_t)(f->brotli_end - f->brotli));
	} else if (accepts(encodings, "gzip")) {
		response_header(r, "Content-Encoding", "gzip");
		buf_put(&r->body, f->gzip, (size_t)(f->gzip_end - f->gzip));
	} else {
		buf_put(&r->body, f->plain, (size_t)(f->plain_end - f->plain));
	}
	return 0;
}
